//! What time it is for the cores: by the runtime's clock, which a test may stop.

use std::time::Instant;

/// The time. A core that was told another one than the timers around it go by would find a
/// deadline of its own still ahead when its timer has run out.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
