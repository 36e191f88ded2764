//! Messages that come later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flitch_dist::Payload;
use flitch_etf::{SerError, write_value};
use serde::Serialize;
use tokio::task::AbortHandle;

use super::Context;
use crate::mailbox::Incoming;

/// A message to a process of ours that is to come later. Dropped, it still comes.
///
/// ```
/// use flitch::Incoming;
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let mut inbox = worker.inbox();
/// let late = inbox.send_after(Duration::from_secs(2), &"late")?;
/// inbox.send_after(Duration::from_secs(3), &"later")?;
/// late.cancel();
/// let Some(Incoming::Message(message)) = inbox.next().await else { panic!("a message") };
/// assert_eq!(message.to_value::<String>()?, "later");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Timer {
    task: AbortHandle,
    /// Sent or cancelled, whichever was first.
    over: Arc<AtomicBool>,
}

impl Timer {
    /// Takes it back. Says whether it was in time: then the message does not come.
    pub fn cancel(&self) -> bool {
        self.task.abort();
        !self.over.swap(true, Ordering::AcqRel)
    }
}

impl Context {
    /// Sends this process a message when the delay is over, as `Process.send_after(self(), …)`
    /// does: a server gets it as [`Info::Message`](crate::Info). It is gone with the process.
    ///
    /// # Errors
    /// The message has no form on the wire.
    pub fn send_after<M>(&self, delay: Duration, message: &M) -> Result<Timer, SerError>
    where
        M: Serialize + ?Sized,
    {
        let payload = Payload::encode(|out| write_value(out, message))?;
        let over = Arc::new(AtomicBool::new(false));
        let end = {
            let mut bonds = self.entry.bonds();
            match bonds.over {
                true => None,
                false => Some(bonds.end.get_or_insert_default().clone()),
            }
        };
        let (entry, sent) = (Arc::clone(&self.entry), Arc::clone(&over));
        let task = tokio::spawn(async move {
            let Some(end) = end else { return };
            tokio::select! {
                () = end.cancelled() => {}
                () = tokio::time::sleep(delay) => {
                    if !sent.swap(true, Ordering::AcqRel) {
                        entry.push(Incoming::Message(payload));
                    }
                }
            }
        });
        Ok(Timer { task: task.abort_handle(), over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::tests::node;

    #[tokio::test]
    async fn a_timer_dies_with_its_process() {
        let node = node().await;
        let inbox = node.inbox();
        let timer = inbox.send_after(Duration::from_secs(3600), &1).unwrap();
        assert!(!timer.task.is_finished());
        drop(inbox);
        while !timer.task.is_finished() {
            tokio::task::yield_now().await;
        }
        node.shutdown().await;
    }
}
