//! Which of the allowed words somebody may have meant.

/// The word that takes the fewest changes to become, if they are few for its length.
#[must_use]
pub fn nearest(given: &str, words: &[&'static str]) -> Option<&'static str> {
    let given: Vec<char> = given.chars().take(64).map(|c| c.to_ascii_lowercase()).collect();
    let far = |word: &&str| distance(&given, &word.to_ascii_lowercase());
    let nearest = *words.iter().min_by_key(|word| far(word))?;
    (far(&nearest) * 3 <= nearest.len()).then_some(nearest)
}

/// Characters to put in, take out or change (Levenshtein).
fn distance(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (above, letter) in to.chars().enumerate() {
        let mut next = vec![above + 1];
        for ((given, diagonal), over) in from.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            let change = diagonal + usize::from(*given != letter);
            next.push(change.min(left + 1).min(over + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_is_seen_and_another_word_is_not() {
        let words = &["polling_interval", "service", "application_name"];
        assert_eq!(nearest("polling_intervall", words), Some("polling_interval"));
        assert_eq!(nearest("Service", words), Some("service"));
        assert_eq!(nearest("servce", words), Some("service"));
        assert_eq!(nearest("mode", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"x".repeat(1000), words), None);
    }
}
