//! What went over one link, counted by its carrier.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::node::Node;
use crate::peer_link::PeerLink;

/// The counts of one link. What goes out in messages its outbox counts.
pub(crate) struct Traffic {
    began: Instant,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    messages_in: AtomicU64,
    /// When the peer was heard last, in milliseconds from the beginning.
    heard: AtomicU64,
}

/// What was counted, at one moment.
pub(crate) struct Read {
    pub(crate) since: Duration,
    pub(crate) silent: Duration,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages_in: u64,
}

impl Node {
    /// So many bytes came over a link.
    pub(crate) fn count_in(&self, link: &PeerLink, bytes: usize, now: Instant) {
        link.traffic.received(bytes, now);
        self.stats().counters.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many bytes of a link are on the wire.
    pub(crate) fn count_out(&self, link: &PeerLink, bytes: usize) {
        link.traffic.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        self.stats().counters.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Traffic {
    /// For a link that comes up now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        }
    }

    fn received(&self, bytes: usize, now: Instant) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.heard.store(millis(now.saturating_duration_since(self.began)), Ordering::Relaxed);
    }

    /// A message came.
    pub(crate) fn message(&self) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Read {
        let since = self.began.elapsed();
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        Read {
            since,
            silent: since.saturating_sub(heard),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            messages_in: self.messages_in.load(Ordering::Relaxed),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_link_is_silent_from_the_last_byte_on() {
        let traffic = Traffic::begin();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(traffic.read().silent, Duration::from_secs(5));
        traffic.received(4, Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        let read = traffic.read();
        assert_eq!((read.since, read.silent), (Duration::from_secs(7), Duration::from_secs(2)));
        assert_eq!((read.bytes_in, read.bytes_out, read.messages_in), (4, 0, 0));
    }
}
