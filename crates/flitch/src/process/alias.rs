//! Aliases: what others may send to in the place of a process, until it is taken back.
//!
//! Source: `erlang:alias/1` and `erlang:monitor/3`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flitch_dist::Payload;
use flitch_etf::Reference;

use super::{Context, Entry};
use crate::dest::{Dest, DestError};
use crate::mailbox::Incoming;
use crate::node::Node;

/// Whose aliases there are.
#[derive(Default)]
pub(crate) struct Aliases(Mutex<HashMap<Reference, Alias>>);

struct Alias {
    entry: Arc<Entry>,
    /// The first message ends it, and the monitor of the same reference.
    once: bool,
}

impl Aliases {
    fn lock(&self) -> MutexGuard<'_, HashMap<Reference, Alias>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remove(&self, alias: &Reference) {
        self.lock().remove(alias);
    }

    fn make(&self, alias: Reference, entry: &Arc<Entry>, once: bool) {
        let mut bonds = entry.bonds();
        if !bonds.over {
            bonds.aliases.insert(alias.clone());
            self.lock().insert(alias, Alias { entry: Arc::clone(entry), once });
        }
    }
}

impl Node {
    /// A message to an alias that is no call's. One that is not there any more takes nothing.
    pub(crate) fn deliver_to_alias(&self, alias: &Reference, payload: Payload) {
        let (entry, once) = {
            let aliases = self.aliases().lock();
            let Some(Alias { entry, once }) = aliases.get(alias) else { return };
            (Arc::clone(entry), *once)
        };
        if !once {
            // Under the lock: what comes through after all is there before it is taken back.
            let bonds = entry.bonds();
            if bonds.aliases.contains(alias) {
                entry.push(Incoming::Message(payload));
            }
            return;
        }
        // Of two that answer at once, one comes through.
        if entry.bonds().aliases.remove(alias) {
            self.aliases().remove(alias);
            self.demonitor(&entry, alias);
            entry.push(Incoming::Message(payload));
        }
    }
}

impl Context {
    /// Another address of this process, for who is to answer: what is sent to it after
    /// [`Context::unalias`], or after the end of the process, goes nowhere.
    #[must_use]
    pub fn alias(&self) -> Reference {
        let alias = self.node.identity().new_reference();
        self.node.aliases().make(alias.clone(), &self.entry, false);
        alias
    }

    /// Takes an alias back. Says whether it was there.
    pub fn unalias(&self, alias: &Reference) -> bool {
        let was = self.entry.bonds().aliases.remove(alias);
        if was {
            self.node.aliases().remove(alias);
        }
        was
    }

    /// A monitor whose reference is an alias too, until the first message to it, or the
    /// [`Incoming::Down`]: one of the two comes, never both. (`alias: :reply_demonitor`.)
    ///
    /// # Errors
    /// The destination is no pid or name.
    pub fn monitor_with_alias<D>(&self, whom: D) -> Result<Reference, DestError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
    {
        let dest = whom.try_into()?;
        let reference = self.node.identity().new_reference();
        self.node.aliases().make(reference.clone(), &self.entry, true);
        self.node.monitor_as(&self.entry, dest, reference.clone());
        Ok(reference)
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::{Term, write_term};

    use super::*;
    use crate::process::tests::node;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_comes_to_an_alias_that_is_taken_back() {
        let node = node().await;
        for _ in 0..200 {
            let inbox = node.inbox();
            let alias = inbox.alias();
            let sender = tokio::task::spawn_blocking({
                let (node, alias) = (node.clone(), alias.clone());
                let message = Payload::encode(|out| write_term(out, &Term::from(1))).unwrap();
                move || (0..100).for_each(|_| node.deliver_to_alias(&alias, message.clone()))
            });
            while inbox.entry.mailbox.is_empty() && !sender.is_finished() {
                tokio::task::yield_now().await;
            }
            assert!(inbox.unalias(&alias));
            let before = inbox.entry.mailbox.len();
            sender.await.unwrap();
            assert_eq!(inbox.entry.mailbox.len(), before);
        }
        node.shutdown().await;
    }
}
