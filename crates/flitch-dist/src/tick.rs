//! Ticks: how both ends know that the other is alive.

use std::time::{Duration, Instant};

/// The clock of one link.
///
/// Tell it what came and went with [`handle_received`](Ticker::handle_received) and
/// [`handle_sent`](Ticker::handle_sent); at [`poll_timeout`](Ticker::poll_timeout) call
/// [`handle_timeout`](Ticker::handle_timeout) and do what it says.
///
/// As `net_kernel` does it: a tick goes out when nothing else did for a `net_ticktime` divided by
/// `net_tickintensity`, and a peer that sent nothing for all of it is gone.
#[derive(Clone, Debug)]
pub struct Ticker {
    interval: Duration,
    ticktime: Duration,
    sent: Instant,
    received: Instant,
}

/// What the clock asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickAction {
    /// Nothing yet.
    Wait,
    /// Send a tick.
    Send,
    /// The peer is silent: drop the link.
    Dead,
}

impl Ticker {
    /// `net_ticktime` where no other is given.
    pub const DEFAULT_TICKTIME: Duration = Duration::from_secs(60);
    /// `net_tickintensity` where no other is given: ticks in one `net_ticktime`.
    pub const DEFAULT_INTENSITY: u32 = 4;

    /// A longer `ticktime` is taken for this one: adding it to a point in time must not overflow.
    const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

    /// A clock that starts now, for a link that gives up after `ticktime` of silence and ticks
    /// `intensity` times in that.
    #[must_use]
    pub fn new(ticktime: Duration, intensity: u32, now: Instant) -> Self {
        let ticktime = ticktime.min(Self::LONGEST);
        let interval = ticktime / intensity.max(1);
        Self { interval, ticktime, sent: now, received: now }
    }

    /// Bytes came from the peer.
    pub fn handle_received(&mut self, now: Instant) {
        self.received = now;
    }

    /// Bytes went to the peer.
    pub fn handle_sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        (self.sent + self.interval).min(self.received + self.ticktime)
    }

    /// Says what is due. Sending a tick counts as sent from now on.
    pub fn handle_timeout(&mut self, now: Instant) -> TickAction {
        if now >= self.received + self.ticktime {
            TickAction::Dead
        } else if now >= self.sent + self.interval {
            self.sent = now;
            TickAction::Send
        } else {
            TickAction::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_quiet_link_ticks_every_quarter() {
        let start = Instant::now();
        let mut ticker = Ticker::new(MINUTE, Ticker::DEFAULT_INTENSITY, start);
        assert_eq!(ticker.poll_timeout(), start + seconds(15));
        assert_eq!(ticker.handle_timeout(start + seconds(14)), TickAction::Wait);
        assert_eq!(ticker.handle_timeout(start + seconds(15)), TickAction::Send);
        assert_eq!(ticker.poll_timeout(), start + seconds(30));
    }

    #[test]
    fn a_higher_intensity_ticks_more_often_and_gives_up_no_sooner() {
        let start = Instant::now();
        let mut ticker = Ticker::new(MINUTE, 60, start);
        assert_eq!(ticker.poll_timeout(), start + seconds(1));
        assert_eq!(ticker.handle_timeout(start + seconds(59)), TickAction::Send);
        assert_eq!(ticker.handle_timeout(start + MINUTE), TickAction::Dead);
    }

    #[test]
    fn a_ticktime_without_end_does_not_overflow_the_clock() {
        let start = Instant::now();
        let mut ticker = Ticker::new(Duration::MAX, Ticker::DEFAULT_INTENSITY, start);
        assert!(ticker.poll_timeout() > start);
        assert_eq!(ticker.handle_timeout(start + seconds(1000)), TickAction::Wait);
    }

    #[test]
    fn traffic_out_stands_for_a_tick_and_traffic_in_for_life() {
        let start = Instant::now();
        let mut ticker = Ticker::new(MINUTE, Ticker::DEFAULT_INTENSITY, start);
        ticker.handle_sent(start + seconds(14));
        assert_eq!(ticker.handle_timeout(start + seconds(15)), TickAction::Wait);
        ticker.handle_received(start + seconds(50));
        assert_eq!(ticker.handle_timeout(start + seconds(70)), TickAction::Send);
        assert_eq!(ticker.handle_timeout(start + seconds(109)), TickAction::Send);
        assert_eq!(ticker.handle_timeout(start + seconds(110)), TickAction::Dead);
    }

    #[test]
    fn a_peer_that_is_busy_receiving_is_still_dead_when_it_says_nothing() {
        let start = Instant::now();
        let mut ticker = Ticker::new(MINUTE, Ticker::DEFAULT_INTENSITY, start);
        for second in 0..60 {
            ticker.handle_sent(start + seconds(second));
        }
        assert_eq!(ticker.poll_timeout(), start + MINUTE);
        assert_eq!(ticker.handle_timeout(start + MINUTE), TickAction::Dead);
    }
}
