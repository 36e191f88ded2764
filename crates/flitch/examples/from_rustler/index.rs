//! The index itself: plain Rust, as it was inside the NIF.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// A document that was found.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename = "Elixir.Shop.Hit")] // %Shop.Hit{id: 7, score: 2}; `NifStruct` said that before
pub(crate) struct Hit {
    id: u64,
    score: usize,
}

/// Which documents have which words.
#[derive(Clone, Default)]
pub(crate) struct Index {
    words: BTreeMap<String, BTreeSet<u64>>,
    documents: BTreeSet<u64>,
}

impl Index {
    /// Adds a document, or more words to one.
    pub(crate) fn add(&mut self, id: u64, text: &str) {
        self.documents.insert(id);
        for word in words(text) {
            self.words.entry(word).or_default().insert(id);
        }
    }

    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// The documents that have words of `query`, those with most of them first.
    pub(crate) fn search(&self, query: &str) -> Vec<Hit> {
        let mut scores = BTreeMap::new();
        for id in words(query).iter().filter_map(|word| self.words.get(word)).flatten() {
            *scores.entry(*id).or_default() += 1;
        }
        let mut hits: Vec<_> = scores.into_iter().map(|(id, score)| Hit { id, score }).collect();
        hits.sort_by_key(|hit| Reverse(hit.score));
        hits
    }

    /// The documents with a word that is `word` but for one letter or two, the nearest first. The
    /// work that takes long: it looks at every word.
    pub(crate) fn similar(&self, word: &str) -> Vec<Hit> {
        let near = self.words.iter().map(|(known, ids)| (distance(known, word), ids));
        let mut near: Vec<_> = near.filter(|(distance, _)| *distance <= 2).collect();
        near.sort_by_key(|(distance, _)| *distance);
        let mut seen = BTreeSet::new();
        near.into_iter()
            .flat_map(|(distance, ids)| {
                ids.iter().map(move |id| Hit { id: *id, score: 2 - distance })
            })
            .filter(|hit| seen.insert(hit.id))
            .collect()
    }
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// How many letters have to be put in, left out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut corner = line;
        let mut last = line + 1;
        for (place, cell) in row.iter_mut().enumerate() {
            let Some(before) = place.checked_sub(1) else {
                *cell = line + 1;
                continue;
            };
            let changed = corner + usize::from(other.get(before) != Some(&letter));
            corner = *cell;
            *cell = changed.min(corner + 1).min(last + 1);
            last = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}
