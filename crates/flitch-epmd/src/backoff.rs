//! How long to wait before the next attempt: exponential, capped, jittered.
//!
//! Chance is an argument: the caller passes a closure that gives random numbers.

use std::fmt;
use std::time::Duration;

/// Waits that double from `first` to `longest`, each shortened by up to a half at random, so that
/// the nodes of a host do not all come back to a restarted EPMD in the same moment.
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    random: Box<dyn FnMut() -> u32 + Send>,
}

impl Backoff {
    /// Waits from `first` to `longest`; `random` gives a number from the whole range of `u32`.
    #[must_use]
    pub fn new(
        first: Duration,
        longest: Duration,
        random: impl FnMut() -> u32 + Send + 'static,
    ) -> Self {
        Self { first, longest, next: first.min(longest), random: Box::new(random) }
    }

    /// The wait before the next attempt. Each call doubles what the next one is cut from.
    pub fn next_wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.longest);
        let share = f64::from((self.random)()) / f64::from(u32::MAX);
        whole.mul_f64(1.0 - share / 2.0)
    }

    /// Start again at `first`: something went well.
    pub fn reset(&mut self) {
        self.next = self.first.min(self.longest);
    }

    /// The longest possible wait.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff")
            .field("first", &self.first)
            .field("longest", &self.longest)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(100 * MS, 1000 * MS, || 0);
        let waits: Vec<_> = (0..6).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.next_wait(), 100 * MS);
    }

    #[test]
    fn chance_shortens_a_wait_by_at_most_a_half() {
        let mut backoff = Backoff::new(100 * MS, 1000 * MS, || u32::MAX);
        assert_eq!(backoff.next_wait(), 50 * MS);
        let mut backoff = Backoff::new(100 * MS, 1000 * MS, || u32::MAX / 2);
        assert_eq!(backoff.next_wait().as_millis(), 75);
    }

    #[test]
    fn endless_failure_never_overflows_and_a_zero_wait_stays_zero() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX, || u32::MAX);
        for _ in 0..200 {
            backoff.next_wait();
        }
        let mut backoff = Backoff::new(Duration::ZERO, 10 * MS, || 0);
        assert_eq!(backoff.next_wait(), Duration::ZERO);
        assert_eq!(backoff.next_wait(), Duration::ZERO);
    }

    #[test]
    fn a_first_wait_above_the_longest_is_cut() {
        assert_eq!(Backoff::new(100 * MS, 10 * MS, || 0).next_wait(), 10 * MS);
    }
}
