//! What is counted while the node runs: plain atomic numbers, added to without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::connect_error::Stage;
use crate::metrics::{CallMetrics, Latency};
use crate::peer_link::CloseReason;

/// The counts of a node.
pub(crate) struct Counters {
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// Links that came up: those that we dialled, and those that peers did.
    pub(crate) links_dialled: AtomicU64,
    pub(crate) links_accepted: AtomicU64,
    /// Links that ended, by [`CloseReason::as_str`].
    pub(crate) links_down: Tally<{ CloseReason::WORDS.len() }>,
    /// Dials that failed, by [`Stage::as_str`].
    pub(crate) dials_failed: Tally<{ Stage::WORDS.len() }>,
    /// Connections that were not let in.
    pub(crate) refused: Tally<{ REFUSALS.len() }>,
    pub(crate) calls_in: CallTimes<{ ANSWERS.len() }>,
    pub(crate) calls_out: CallTimes<{ OUTCOMES.len() }>,
}

/// Why connections are not let in.
pub(crate) const REFUSALS: [&str; 8] = [
    "wrong_cookie",
    "not_allowed",
    "too_many_guesses",
    "rivalry",
    "timeout",
    "closed",
    "protocol",
    "no_randomness",
];

/// What becomes of calls to processes of ours.
pub(crate) const ANSWERS: [&str; 3] = ["reply", "exit", "no_reply"];

/// What becomes of calls to others.
pub(crate) const OUTCOMES: [&str; 7] =
    ["reply", "exit", "noproc", "noconnection", "timeout", "failed", "given_up"];

impl Default for Counters {
    fn default() -> Self {
        Self {
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            links_dialled: AtomicU64::new(0),
            links_accepted: AtomicU64::new(0),
            links_down: Tally::of(CloseReason::WORDS),
            dials_failed: Tally::of(Stage::WORDS),
            refused: Tally::of(REFUSALS),
            calls_in: CallTimes::of(ANSWERS),
            calls_out: CallTimes::of(OUTCOMES),
        }
    }
}

impl Counters {
    pub(crate) fn link_up(&self, dialled: bool) {
        let links = if dialled { &self.links_dialled } else { &self.links_accepted };
        links.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts under a fixed set of words, so that what is counted can never be more of them.
pub(crate) struct Tally<const N: usize> {
    words: [&'static str; N],
    counts: [AtomicU64; N],
}

impl<const N: usize> Tally<N> {
    fn of(words: [&'static str; N]) -> Self {
        Self { words, counts: [const { AtomicU64::new(0) }; N] }
    }

    /// One more under a word of the set.
    pub(crate) fn add(&self, word: &str) {
        let counted = self.words.iter().zip(&self.counts).find(|(it, _)| **it == word);
        debug_assert!(counted.is_some(), "{word} is not counted");
        if let Some((_, count)) = counted {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every word with its count; those that never came with 0.
    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        self.words.iter().copied().zip(counts).collect()
    }
}

/// How long calls took, apart by what became of them.
pub(crate) struct CallTimes<const N: usize> {
    words: [&'static str; N],
    times: [Histogram; N],
}

impl<const N: usize> CallTimes<N> {
    fn of(words: [&'static str; N]) -> Self {
        Self { words, times: std::array::from_fn(|_| Histogram::default()) }
    }

    /// A call has ended so.
    pub(crate) fn ended(&self, word: &str, took: Duration) {
        let times = self.words.iter().zip(&self.times).find(|(it, _)| **it == word);
        debug_assert!(times.is_some(), "{word} is not counted");
        if let Some((_, times)) = times {
            times.observe(took);
        }
    }

    pub(crate) fn read(&self, open: usize) -> CallMetrics {
        let ended = self.words.iter().copied().zip(self.times.iter().map(Histogram::read));
        CallMetrics { open, ended: ended.collect() }
    }
}

/// The upper ends of the buckets, in microseconds.
const BOUNDS: [u64; 19] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// How many durations fell between which bounds.
#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    /// Nanoseconds, in all: enough for 500 years.
    sum: AtomicU64,
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < took);
        self.buckets.get(bucket).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    fn read(&self) -> Latency {
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        Latency {
            buckets: BOUNDS.map(Duration::from_micros).into_iter().zip(counts).collect(),
            beyond: self.beyond.load(Ordering::Relaxed),
            sum: Duration::from_nanos(self.sum.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_bucket_that_it_just_fits() {
        let times = Histogram::default();
        for micros in [0, 10, 11, 10_000_000, 10_000_001] {
            times.observe(Duration::from_micros(micros));
        }
        let read = times.read();
        assert_eq!(read.buckets[0], (Duration::from_micros(10), 2));
        assert_eq!(read.buckets[1], (Duration::from_micros(25), 1));
        assert_eq!(read.buckets[18], (Duration::from_secs(10), 1));
        assert_eq!((read.beyond, read.count()), (1, 5));
        assert_eq!(read.sum, Duration::from_micros(20_000_022));
    }

    #[test]
    fn what_never_happened_is_counted_as_none_and_not_left_out() {
        let counters = Counters::default();
        counters.links_down.add("shutdown");
        let read = counters.links_down.read();
        assert_eq!(read.len(), CloseReason::WORDS.len());
        assert_eq!(read.iter().map(|(_, count)| count).sum::<u64>(), 1);
        assert!(read.contains(&("shutdown", 1)) && read.contains(&("tick_timeout", 0)));
    }
}
