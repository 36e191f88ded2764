//! A native node for BEAM clusters: a Rust program that Elixir and Erlang call, monitor and link
//! to as if it were one of theirs, with nothing installed on their side.
//!
//! ```no_run
//! use flitch::{Cookie, Node, Term};
//! use std::time::Duration;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::builder("worker@10.0.0.7".parse()?)
//!     .cookie(Cookie::from_env("RELEASE_COOKIE")?)
//!     .start()
//!     .await?;
//!
//! // GenServer.call({:stock, :"app@10.0.0.5"}, {:count, "a-1"})
//! let second = Duration::from_secs(1);
//! let count: u64 =
//!     node.call(("stock", "app@10.0.0.5"), &(Term::atom("count"), "a-1"), second).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A server that others call is a [`GenServer`]; what a node is told when it starts is in
//! [`NodeBuilder`]. A node is hidden unless made visible, and nothing in it can be called but what
//! the program registered.

mod accept;
mod addresses;
mod bonds;
mod builder;
mod call;
mod caller;
mod calls;
mod carrier;
mod clock;
mod cluster;
pub mod config;
mod connect_error;
mod cookie;
mod dest;
mod dial;
mod door;
mod functions;
mod gen_server;
mod given_names;
mod global;
mod guesses;
mod identity;
mod listener;
mod mailbox;
mod meet;
mod metrics;
mod node;
mod outbox;
mod peer_link;
mod peers;
mod pg;
mod process;
mod processes;
mod pubsub;
mod registration;
mod route;
mod router;
mod rpc;
mod send;
mod shake;
mod start;
mod system;
mod task;
#[cfg(feature = "test-kit")]
pub mod test;
mod throttle;
mod weight;

pub use builder::NodeBuilder;
pub use call::CallError;
pub use caller::Caller;
pub use cluster::Cluster;
pub use cluster::links::{DialError, Links};
pub use cluster::status::{ClusterEvent, PeerState, PeerStatus, TopologyStatus, WaitError};
pub use cluster::topology::Topology;
pub use config::{Config, ConfigError};
pub use connect_error::{ConnectError, NoRandomness, Stage};
pub use cookie::{Cookie, CookieError};
pub use dest::{Dest, DestError};
pub use functions::{Functions, Invocation, OfferError, Raise};
pub use gen_server::{GenServer, Info, Service};
pub use global::{Conflict, Global, GlobalError};
pub use mailbox::Incoming;
pub use meet::meet;
pub use metrics::{CallMetrics, Latency, LinkMetrics, Metrics};
pub use node::{Node, NodeEvent, NodeInfo};
pub use peer_link::CloseReason;
pub use pg::{GroupEvent, GroupWatch, Pg, PgError};
pub use process::{Context, ExitReason, Inbox, Process, ProcessHandle, Timer};
pub use processes::RegisterError;
pub use pubsub::{PubSub, PubSubError, Published, Subscription};
pub use registration::Epmd;
pub use route::PeerPort;
pub use rpc::{RpcError, Spawned};
pub use send::SendError;
pub use start::StartError;
pub use system::Output;

pub use flitch_discovery as discovery;
pub use flitch_dist::{Incapable, Payload, Target};
pub use flitch_epmd as epmd;
pub use flitch_etf as etf;
pub use flitch_etf::{Atom, Binary, Map, Pid, Port, Reference, Term, term};
pub use flitch_handshake as handshake;
pub use flitch_handshake::{HandshakeError, Introduction};
pub use flitch_name::{Creation, NameError, NameKind, NodeName, NodePattern, PatternError};

pub(crate) use identity::node_atom;
