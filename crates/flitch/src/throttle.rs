//! One line a window: what a stranger can cause a thousand times a second is not logged so often.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line a second pass, and counts those that did not.
#[derive(Default)]
pub(crate) struct Throttle {
    window: Mutex<Option<Window>>,
}

struct Window {
    began: Instant,
    untold: u64,
    count: u64,
}

impl Throttle {
    const WINDOW: Duration = Duration::from_secs(1);

    /// Something happened: how often it has happened untold since the last line, if it is time
    /// for one.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match window.as_mut() {
            Some(open) if now.saturating_duration_since(open.began) < Self::WINDOW => {
                open.untold += 1;
                open.count += 1;
                None
            }
            _ => {
                let (untold, count) = window.as_ref().map_or((0, 0), |it| (it.untold, it.count));
                *window = Some(Window { began: now, untold: 0, count: count + 1 });
                Some(untold)
            }
        }
    }

    /// How often it has happened in all.
    pub(crate) fn count(&self) -> u64 {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.as_ref().map_or(0, |window| window.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_and_none_of_it_is_lost_from_the_count() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.pass(start), Some(0));
        for _ in 0..1000 {
            assert_eq!(throttle.pass(start + Duration::from_millis(999)), None);
        }
        assert_eq!(throttle.pass(start + Duration::from_secs(1)), Some(1000));
        assert_eq!(throttle.pass(start + Duration::from_secs(9)), Some(0));
        assert_eq!(throttle.count(), 1003);
    }
}
