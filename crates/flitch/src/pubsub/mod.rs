//! Phoenix.PubSub, with publishers and subscribers on both sides and no code on Elixir's.
//!
//! Source: `lib/phoenix/pubsub.ex` and `lib/phoenix/pubsub/pg2.ex` of `phoenix_pubsub` 2.0 to 2.2:
//! the default adapter, PG2, whose processes are in a `pg` group of the scope `Phoenix.PubSub` and
//! send each other `{:forward_to_local, topic, message, dispatcher}`.

mod adapter;
mod message;
mod topics;

use std::collections::HashMap;
use std::sync::Arc;

use flitch_dist::Payload;
use flitch_etf::{Atom, Pid, SerError};
use flitch_name::NodeName;
use futures_util::future::join_all;
use serde::Serialize;

use crate::dest::Dest;
use crate::node::Node;
use crate::pg::{Pg, PgError};
use crate::process::Context;
use crate::processes::RegisterError;
use crate::send::SendError;
pub use message::Published;
pub use topics::Subscription;
use topics::Topics;

/// An Elixir application's `Phoenix.PubSub`, of which this node is a part.
///
/// What is broadcast anywhere is received by the subscribers on all connected nodes that run a
/// PubSub of this name with the adapter PG2, which is the default one. Pools of any size are met
/// as they come (`:pool_size`).
///
/// ```
/// use flitch::{Cookie, Epmd, Node};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// #[serde(rename_all = "snake_case")]
/// enum Price { Changed(String, u64) }              // {:changed, "a-1", 1995}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::builder("worker@127.0.0.1".parse()?)
/// #     .cookie(Cookie::new("a secret of this cluster")?)
/// #     .bind("127.0.0.1".parse()?)
/// #     .epmd(Epmd::None)
/// #     .start()
/// #     .await?;
/// let pubsub = node.pubsub("Elixir.Shop.PubSub").await?;
/// let mut prices = pubsub.subscribe("prices");     // Phoenix.PubSub.subscribe(Shop.PubSub, "prices")
///
/// // Phoenix.PubSub.broadcast(Shop.PubSub, "prices", {:changed, "a-1", 1995})
/// let price = Price::Changed("a-1".to_owned(), 1995);
/// pubsub.broadcast("prices", &price).await?;
///
/// let published = prices.next().await.ok_or("the node has shut down")?;
/// assert_eq!(published.to_value::<Price>()?, price);
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Messages of one `PubSub` to one node keep their order, if each is awaited before the next.
#[derive(Clone)]
pub struct PubSub {
    node: Node,
    pg: Pg,
    running: Arc<Running>,
}

/// What all handles of one PubSub share.
pub(crate) struct Running {
    adapter: Atom,
    /// Of the adapter's first process, in whose name we send.
    pid: Pid,
    /// Of the process that watches subscribers.
    keeper: Pid,
    topics: Arc<Topics>,
}

/// The PubSubs that run on a node.
pub(crate) type PubSubs = tokio::sync::Mutex<HashMap<Atom, Arc<Running>>>;

/// Why a node has no part in a PubSub.
///
/// ```
/// use flitch::PubSubError;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let too_long = "x".repeat(300);   // an atom has up to 255 characters
/// let error = worker.pubsub(&too_long).await.err();
/// assert!(matches!(error, Some(PubSubError::Register(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PubSubError {
    /// The names that its processes have are taken.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// Its processes cannot join the adapter's group.
    #[error(transparent)]
    Group(#[from] PgError),
}

impl Node {
    /// This node's part in a `Phoenix.PubSub`, by the name that Elixir starts it with:
    /// `"Elixir.Shop.PubSub"` for `{Phoenix.PubSub, name: Shop.PubSub}`. It runs from now on, until
    /// the node shuts down. Nodes that are connected know of it when this returns.
    ///
    /// # Errors
    /// Another process has one of the names that PubSub's own have.
    pub async fn pubsub(&self, name: &str) -> Result<PubSub, PubSubError> {
        // Module.concat(name, "Adapter")
        let prefix = if name.starts_with("Elixir.") { "" } else { "Elixir." };
        let invalid = |_| RegisterError::Name(name.to_owned());
        let adapter = Atom::new(&format!("{prefix}{name}.Adapter")).map_err(invalid)?;
        let mut pubsubs = self.pubsubs().lock().await;
        let running = match pubsubs.get(&adapter).filter(|running| !running.topics.is_over()) {
            Some(running) => Arc::clone(running),
            None => {
                let running = Arc::new(adapter::start(self, &adapter).await?);
                pubsubs.insert(adapter, Arc::clone(&running));
                running
            }
        };
        Ok(PubSub { node: self.clone(), pg: self.pg_scope(adapter::SCOPE)?, running })
    }
}

impl PubSub {
    /// Receives what is published on a topic, here or on any node, from now on:
    /// `Phoenix.PubSub.subscribe(pubsub, topic)`. As many bytes may wait for a subscriber as for a
    /// process; then its subscription ends.
    #[must_use]
    pub fn subscribe(&self, topic: &str) -> Subscription {
        Subscription::to(&self.running.topics, topic, self.node.settings().mailbox_limit)
    }

    /// Likewise, into the mailbox of a process, among all else that it receives:
    /// `Phoenix.PubSub.subscribe` in the `init` of a `GenServer`. Who subscribes twice receives all
    /// twice. It lasts until the process ends, or [`unsubscribes`](PubSub::unsubscribe).
    ///
    /// ```
    /// use flitch::{Caller, GenServer, Info, Process, Term};
    ///
    /// struct Prices { last: u64 }
    ///
    /// impl GenServer for Prices {
    ///     type Call = Term;
    ///     type Cast = Term;
    ///     type Reply = u64;
    ///
    ///     async fn init(&mut self, process: &Process) {
    ///         match process.node().pubsub("Elixir.Shop.PubSub").await {
    ///             Ok(pubsub) => pubsub.subscribe_process(process, "prices"),
    ///             Err(error) => process.stop(Term::from(error.to_string())),
    ///         }
    ///     }
    ///     async fn handle_call(&mut self, _: Term, caller: Caller<u64>) {
    ///         caller.reply(self.last);
    ///     }
    ///     async fn handle_cast(&mut self, _: Term) {}
    ///     async fn handle_info(&mut self, info: Info) {
    ///         if let Info::Message(price) = info {
    ///             self.last = price.to_value().unwrap_or(self.last);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn subscribe_process(&self, process: &Context, topic: &str) {
        let Running { keeper, topics, .. } = &*self.running;
        if topics.subscribe(&process.entry, topic) {
            match self.node.processes().by_pid(keeper) {
                Some(keeper) => {
                    self.node.monitor(&keeper, Dest::Pid(process.pid().clone()));
                }
                // It ends, and all subscriptions with it.
                None => topics.forget(process.pid()),
            }
        }
    }

    /// Ends all that [`PubSub::subscribe_process`] has begun for a process and a topic.
    pub fn unsubscribe(&self, process: &Context, topic: &str) {
        self.running.topics.unsubscribe(process.pid(), topic);
    }

    /// Publishes a message on a topic, here and on all nodes: `Phoenix.PubSub.broadcast`.
    /// Subscribers here have it at once, and each node as soon as its link takes it. It waits, as a
    /// sender does in Erlang, while more waits for one of them than its link may hold.
    ///
    /// # Errors
    /// The message has no form on the wire, or one of the nodes could not read it; the others have
    /// it then.
    pub async fn broadcast<M>(&self, topic: &str, message: &M) -> Result<(), SendError>
    where
        M: Serialize + ?Sized,
    {
        self.publish(topic, message, None).await
    }

    /// Likewise, for all subscribers but this one: `Phoenix.PubSub.broadcast_from`.
    ///
    /// # Errors
    /// As [`PubSub::broadcast`].
    pub async fn broadcast_from<M>(
        &self,
        from: &Subscription,
        topic: &str,
        message: &M,
    ) -> Result<(), SendError>
    where
        M: Serialize + ?Sized,
    {
        self.publish(topic, message, Some(from)).await
    }

    /// Publishes a message on one node only: `Phoenix.PubSub.direct_broadcast`. Dials it, if need
    /// be.
    ///
    /// # Errors
    /// The message has no form on the wire, the node cannot be reached, or could not read it.
    pub async fn direct_broadcast<M>(
        &self,
        node: &NodeName,
        topic: &str,
        message: &M,
    ) -> Result<(), SendError>
    where
        M: Serialize + ?Sized,
    {
        if node == self.node.name() {
            return self.local_broadcast(topic, message).map_err(SendError::from);
        }
        let dest = Dest::Remote(self.running.adapter.clone(), node.clone());
        let write = |out: &mut Vec<u8>| message::write(out, topic, message);
        self.node.send_dest(&self.running.pid, &dest, write).await
    }

    /// Publishes a message on this node only: `Phoenix.PubSub.local_broadcast`.
    ///
    /// # Errors
    /// The message has no form.
    pub fn local_broadcast<M>(&self, topic: &str, message: &M) -> Result<(), SerError>
    where
        M: Serialize + ?Sized,
    {
        let payload = Payload::encode(|out| message::write(out, topic, message))?;
        self.running.topics.publish(topic, &payload, None);
        Ok(())
    }

    async fn publish<M>(
        &self,
        topic: &str,
        message: &M,
        from: Option<&Subscription>,
    ) -> Result<(), SendError>
    where
        M: Serialize + ?Sized,
    {
        let mut bytes = Vec::new();
        message::write(&mut bytes, topic, message)?;
        let Running { adapter, pid, topics, .. } = &*self.running;
        let payload = Payload::encode(|out| {
            out.extend_from_slice(&bytes);
            Ok::<_, SerError>(())
        })?;
        topics.publish(topic, &payload, from);
        let members = self.pg.members(adapter);
        let others = members.into_iter().filter(|member| member.node != pid.node);
        let sent = join_all(others.map(|member| {
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(&bytes);
                Ok(())
            };
            async move { self.node.send_dest(pid, &Dest::Pid(member), write).await }
        }))
        .await;
        // Who went meanwhile is no subscriber any more.
        let failed = sent.into_iter().filter_map(Result::err);
        failed.into_iter().find(|error| !matches!(error, SendError::Connect(_))).map_or(Ok(()), Err)
    }
}

impl std::fmt::Debug for PubSub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PubSub").field("adapter", &self.running.adapter).finish_non_exhaustive()
    }
}
