//! Finished elements into the container that they belong to.

use std::sync::Arc;

use smallvec::SmallVec;

use super::build::{Build, Container, Open};
use super::keys::Matched;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{ImproperList, Map, Record, Seq, Tuple};
use crate::{DecodeError, Reader, Term};

impl Reader<'_> {
    /// The innermost container, whose elements are finished.
    #[inline]
    pub(super) fn close(&self, build: &mut Build) -> Result<Term, DecodeError> {
        let Some(Open { container, start, .. }) = build.open.pop() else {
            return Ok(Term::empty_list());
        };
        Ok(match container {
            Container::Tuple => Term::Tuple(Tuple(Seq::of(build.done.drain(start..)))),
            Container::List => build.close_list(start),
            Container::Map => {
                let map = build.close_map(start, self.rest().len());
                Term::Map(map.ok_or_else(|| self.error(Kind::Invalid("a map with a key twice")))?)
            }
            Container::Known(matched) => Term::Map(build.close_known(start, &matched)),
            Container::Record(definition) => {
                let values = Seq::of(build.done.drain(start..));
                Term::Record(Record { definition, values })
            }
            Container::Fun(mut fun) => {
                fun.free = Seq::of(build.done.drain(start..));
                Term::Fun(Arc::new(*fun))
            }
        })
    }
}

impl Build {
    fn close_list(&mut self, start: usize) -> Term {
        match self.done.pop() {
            Some(Term::List(tail)) => {
                // Elements here are those of a STRING_EXT.
                self.done.extend(tail.iter().cloned());
                Term::List(Seq::of(self.done.drain(start..)).into())
            }
            Some(tail) if self.done.len() > start => {
                self.done.push(tail);
                Term::ImproperList(ImproperList(Seq::of(self.done.drain(start..))))
            }
            // A list of no elements is its tail.
            tail => tail.unwrap_or_default(),
        }
    }

    /// Keys and values that stand by turns. `None` if a key stands there twice.
    fn close_map(&mut self, start: usize, left: usize) -> Option<Map> {
        let (pairs, _) = self.done.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
        let mut order: SmallVec<[u32; 32]> = (0..u32::try_from(pairs.len()).ok()?).collect();
        let key = |at: &u32| pairs.get(*at as usize).map(|[key, _]| key);
        let ascend = |order: &[u32]| order.is_sorted_by(|a, b| key(a) < key(b));
        if !ascend(&order) {
            order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
            if !ascend(&order) {
                return None;
            }
        }
        let mut take = |column: usize| {
            Seq::of(order.iter().map(|at| {
                let term = pairs.get_mut(*at as usize).and_then(|pair| pair.get_mut(column));
                term.map(std::mem::take).unwrap_or_default()
            }))
        };
        let map = Map { keys: take(0), values: take(1) };
        self.done.truncate(start);
        // Another such map takes more bytes than it has keys.
        if left > 4 * map.len() {
            self.keys.remember(&map.keys, &order);
        }
        Some(map)
    }

    /// The values of a map whose keys are those of an earlier one.
    fn close_known(&mut self, start: usize, matched: &Matched) -> Map {
        let Some((keys, order)) = self.keys.whole(matched) else { return Map::default() };
        let Some(order) = order else {
            return Map { keys, values: Seq::of(self.done.drain(start..)) };
        };
        let values = self.done.get_mut(start..).unwrap_or_default();
        let values =
            Seq::of(order.iter().map(|at| {
                values.get_mut(usize::from(*at)).map(std::mem::take).unwrap_or_default()
            }));
        self.done.truncate(start);
        Map { keys, values }
    }
}
