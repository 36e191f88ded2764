//! What a message is built in: terms that are finished wait for the container around them.

use std::cell::Cell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::keys::{Keys, KnownKeys};
use super::meter::Meter;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{Definition, ImproperList, Map, Record, Seq, Tuple};
use crate::{DecodeError, Fun, Limits, Reader, Term};

/// Finished terms whose containers are open.
pub(super) type Done = Vec<Term>;

/// A pointer's size, so that success is handed on in a register.
pub(super) type Failure = Box<DecodeError>;

pub(super) struct Build {
    pub(super) done: Done,
    pub(super) keys: KnownKeys,
    pub(super) definition: Option<Definition>,
    pub(super) meter: Meter,
}

/// Room for so many terms is kept for the next message on this thread.
const KEPT: usize = 1024;

thread_local! {
    static ROOM: Cell<Done> = const { Cell::new(Vec::new()) };
}

impl Drop for Build {
    fn drop(&mut self) {
        self.done.clear();
        if self.done.capacity() <= KEPT {
            // A thread that is ending keeps nothing.
            let _ = ROOM.try_with(|room| room.set(std::mem::take(&mut self.done)));
        }
    }
}

impl Build {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            done: ROOM.try_with(Cell::take).unwrap_or_default(),
            keys: KnownKeys::default(),
            definition: None,
            meter: Meter::new(limits),
        }
    }

    /// The finished terms from `start` on.
    #[inline]
    fn take_from(&mut self, start: usize) -> Seq {
        Seq::of(self.done.drain(start..))
    }

    #[inline]
    pub(super) fn close_tuple(&mut self, start: usize) {
        let elements = self.take_from(start);
        self.done.push(Term::Tuple(Tuple(elements)));
    }

    pub(super) fn close_list(&mut self, start: usize) {
        let elements = self.take_from(start);
        self.done.push(Term::List(elements.into()));
    }

    /// A list whose tail is the last of the finished terms.
    pub(super) fn close_with_tail(
        &mut self,
        reader: &Reader<'_>,
        start: usize,
    ) -> Result<(), Failure> {
        let list = match self.done.pop() {
            Some(Term::List(tail)) => {
                // Elements here are those of a STRING_EXT.
                self.done.extend(tail.iter().cloned());
                self.close_list(start);
                return Ok(());
            }
            Some(tail) if self.done.len() > start => {
                self.meter.take_terms(reader, 1)?;
                self.done.push(tail);
                Term::ImproperList(ImproperList(self.take_from(start)))
            }
            // A list of no elements is its tail.
            tail => tail.unwrap_or_default(),
        };
        self.done.push(list);
        Ok(())
    }

    pub(super) fn close_record(&mut self, definition: Definition, start: usize) {
        let values = self.take_from(start);
        self.done.push(Term::Record(Record { definition, values }));
    }

    pub(super) fn close_fun(&mut self, mut fun: Box<Fun>, start: usize) {
        fun.free = self.take_from(start);
        self.done.push(Term::Fun(Arc::from(fun)));
    }

    /// A map whose keys and values stand by turns, with so many bytes behind it that may hold more
    /// of its kind.
    pub(super) fn close_map(
        &mut self,
        reader: &Reader<'_>,
        start: usize,
        behind: usize,
    ) -> Result<(), Failure> {
        let (pairs, _) = self.done.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
        let mut order: SmallVec<[u32; 32]> = (0..pairs.len() as u32).collect();
        let key = |at: &u32| pairs.get(*at as usize).map(|[key, _]| key);
        let ascend = |order: &[u32]| order.is_sorted_by(|a, b| key(a) < key(b));
        if !ascend(&order) {
            order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
            if !ascend(&order) {
                return Err(reader.error(Kind::Invalid("a map with a key twice")).into());
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
        if behind > 4 * map.len() {
            self.keys.remember(&map.keys, &order);
        }
        self.done.push(Term::Map(map));
        Ok(())
    }

    /// A map whose keys are those of an earlier one: its values stand alone.
    pub(super) fn close_known(&mut self, keys: &Keys, start: usize) {
        let (keys, order) = keys.whole();
        let Some(order) = order else {
            let values = self.take_from(start);
            return self.done.push(Term::Map(Map { keys, values }));
        };
        let values = self.done.get_mut(start..).unwrap_or_default();
        let values =
            Seq::of(order.iter().map(|at| {
                values.get_mut(usize::from(*at)).map(std::mem::take).unwrap_or_default()
            }));
        self.done.truncate(start);
        self.done.push(Term::Map(Map { keys, values }));
    }

    /// The keys of a map are no longer those of an earlier one: those that were go beside the
    /// values that came with them.
    pub(super) fn unfold(&mut self, keys: &Keys, start: usize) {
        let values: Vec<Term> = self.done.drain(start..).collect();
        let pairs = keys.so_far().zip(values);
        self.done.extend(pairs.flat_map(|(key, value)| [key, value]));
    }
}
