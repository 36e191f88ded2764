//! One time limit for everything that a command does, from the first look-up to the answer.

use std::time::{Duration, Instant};

/// When a command's time is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// What the user gave: for sentences.
    pub(crate) timeout: Duration,
    until: Instant,
}

/// The time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed;

impl Deadline {
    /// `timeout` from `now` on.
    pub(crate) fn new(timeout: Duration, now: Instant) -> Self {
        Self { timeout, until: now.checked_add(timeout).unwrap_or(now) }
    }

    /// What is left at `now`.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// Waits for `work`, but not beyond the deadline.
    pub(crate) async fn limit<T>(&self, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::time::timeout_at(self.until.into(), work).await.map_err(|_| Elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_shrinks_and_never_goes_below_nothing() {
        let start = Instant::now();
        let deadline = Deadline::new(Duration::from_secs(5), start);
        assert_eq!(deadline.left(start + Duration::from_secs(2)), Duration::from_secs(3));
        assert_eq!(deadline.left(start + Duration::from_secs(9)), Duration::ZERO);
    }

    #[tokio::test]
    async fn work_that_never_ends_is_given_up_at_the_deadline() {
        let deadline = Deadline::new(Duration::from_millis(1), Instant::now());
        assert_eq!(deadline.limit(std::future::pending::<()>()).await, Err(Elapsed));
        let deadline = Deadline::new(Duration::from_secs(60), Instant::now());
        assert_eq!(deadline.limit(async { 7 }).await, Ok(7));
    }
}
