//! The processes of the adapter: one for each group of the pool that any node has.
//!
//! A node whose pool is larger than others' publishes through groups that these do not have. So we
//! are in each group that somebody is in.

use std::collections::HashMap;
use std::sync::Arc;

use flitch_dist::Target;
use flitch_etf::{Atom, Pid, Term};

use crate::mailbox::Incoming;
use crate::node::Node;
use crate::pg::{GroupEvent, GroupWatch, Pg};
use crate::process::{Process, ProcessHandle};
use crate::processes::RegisterError;
use crate::pubsub::topics::Topics;
use crate::pubsub::{PubSubError, Running, message};

/// The scope of all PubSubs.
pub(crate) const SCOPE: &str = "Elixir.Phoenix.PubSub";

/// The largest pool that we are a part of.
const POOL: u32 = 1024;

/// Starts the adapter, with the first group of the pool, which all nodes have.
pub(crate) async fn start(node: &Node, adapter: &Atom) -> Result<Running, PubSubError> {
    let topics = Arc::new(Topics::default());
    let pg = node.pg_scope(SCOPE)?;
    let watch = pg.watch_all();
    let first = worker(node, &topics, adapter)?;
    pg.join(adapter, first.pid()).await?;
    let pid = first.pid().clone();
    let pool = Pool {
        pg,
        topics: Arc::clone(&topics),
        adapter: adapter.clone(),
        workers: HashMap::from([(adapter.clone(), pid.clone())]),
    };
    let keeper = node.spawn_process(move |process| keep(process, pool, watch)).pid().clone();
    Ok(Running { adapter: adapter.clone(), pid, keeper, topics })
}

/// Takes what others publish.
fn worker(node: &Node, topics: &Arc<Topics>, name: &Atom) -> Result<ProcessHandle, RegisterError> {
    let topics = Arc::clone(topics);
    let handle = node.spawn_process(move |mut process: Process| async move {
        while let Some(Incoming::Message(payload)) = process.next().await {
            match message::topic(&payload) {
                Some(topic) => topics.publish(&topic, &payload, None),
                None => tracing::debug!("an adapter was sent what is no message of PubSub"),
            }
        }
    });
    // One that has no name goes.
    let pid = handle.pid().clone();
    handle.register(name.as_str()).inspect_err(|_| node.exit(&pid, &Term::atom("shutdown").into()))
}

struct Pool {
    pg: Pg,
    topics: Arc<Topics>,
    adapter: Atom,
    workers: HashMap<Atom, Pid>,
}

/// However its keeper ends, the pool ends with it.
impl Drop for Pool {
    fn drop(&mut self) {
        self.topics.end();
    }
}

/// Keeps a process in each group of the pool, and forgets subscribers that are gone.
async fn keep(mut process: Process, mut pool: Pool, mut watch: GroupWatch) {
    process.trap_exit(true);
    for pid in pool.workers.values() {
        process.link(pid);
    }
    loop {
        tokio::select! {
            event = watch.next() => {
                let groups = match event {
                    Some(GroupEvent::Members(groups)) => {
                        groups.into_iter().map(|(group, _)| group).collect()
                    }
                    Some(GroupEvent::Joined { group, .. }) => vec![group],
                    Some(GroupEvent::Left { .. }) => Vec::new(),
                    // The scope is gone, and nobody finds us any more.
                    None => return,
                };
                for group in groups {
                    pool.enter(&process, &group).await;
                }
            }
            incoming = process.next() => match incoming {
                Some(Incoming::Exit { from, .. }) => pool.replace(&process, &from).await,
                Some(Incoming::Down { target: Target::Pid(gone), .. }) => {
                    pool.topics.forget(&gone);
                }
                Some(Incoming::Shutdown) | None => return,
                Some(_) => {}
            },
        }
    }
}

impl Pool {
    /// Has a process in this group, if it is one of the pool.
    async fn enter(&mut self, process: &Process, group: &Term) {
        let Some(group) = group.as_atom() else { return };
        if self.workers.contains_key(group) || !is_of_pool(group, &self.adapter) {
            return;
        }
        match worker(process.node(), &self.topics, group) {
            Ok(worker) => {
                process.link(worker.pid());
                self.workers.insert(group.clone(), worker.pid().clone());
                // A scope that has ended ends the watch too.
                let _ = self.pg.join(group, worker.pid()).await;
            }
            Err(error) => tracing::error!(%error, "a group of PubSub's pool has no process here"),
        }
    }

    /// A process of the pool has ended, because somebody has killed it.
    async fn replace(&mut self, process: &Process, gone: &Pid) {
        let group =
            self.workers.iter().find(|(_, pid)| *pid == gone).map(|(group, _)| group.clone());
        if let Some(group) = group {
            self.workers.remove(&group);
            self.enter(process, &group.into()).await;
        }
    }
}

/// `Adapter`, `Adapter_2`, `Adapter_3`, …
fn is_of_pool(group: &Atom, adapter: &Atom) -> bool {
    let Some(rest) = group.as_str().strip_prefix(adapter.as_str()) else { return false };
    let number = rest.strip_prefix('_').and_then(|number| number.parse().ok());
    rest.is_empty()
        || number
            .is_some_and(|number: u32| (2..=POOL).contains(&number) && rest == format!("_{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_pool_are_told_from_others() {
        let adapter = Atom::new("Elixir.Shop.PubSub.Adapter").unwrap();
        let is = |group: &str| is_of_pool(&Atom::new(group).unwrap(), &adapter);
        assert!(is("Elixir.Shop.PubSub.Adapter") && is("Elixir.Shop.PubSub.Adapter_12"));
        for other in ["_1", "_", "_02", "_+2", "_1025", "_99999999999", "s", "_2_3", "2"] {
            assert!(!is(&format!("Elixir.Shop.PubSub.Adapter{other}")), "{other}");
        }
        assert!(!is("Elixir.Other.PubSub.Adapter_2"));
    }
}
