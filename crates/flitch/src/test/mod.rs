//! The test kit: a network in memory and BEAMs that are none, so that a worker is tested by
//! `cargo test` without Erlang. (Feature `test-kit`; have it in `[dev-dependencies]` only.)
//!
//! ```
//! use flitch::test::Network;
//! use flitch::{Caller, GenServer, Term, term};
//!
//! struct Doubler; // the worker: GenServer.call({:doubler, :worker@a}, 21) is 42
//! impl GenServer for Doubler {
//!     type Call = i64;
//!     type Cast = Term;
//!     type Reply = i64;
//!     async fn handle_call(&mut self, number: i64, caller: Caller<i64>) {
//!         caller.reply(2 * number);
//!     }
//!     async fn handle_cast(&mut self, _: Term) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a test of yours: #[tokio::test(start_paused = true)]
//! let network = Network::new();
//! let worker = network.node("worker@a")?.start().await?;
//! worker.spawn(Doubler).register("doubler")?;
//!
//! let app = network.beam("app@b")?.start().await?;
//! let monitor = app.monitor(("doubler", worker.name()))?;
//! let doubled: i64 = app.call(("doubler", worker.name()), &21).await?;
//! assert_eq!(doubled, 42);
//!
//! worker.shutdown().await;
//! assert_eq!(app.down(&monitor).await?, term!(:shutdown));
//! # Ok(())
//! # }
//! ```
//!
//! Only the stream under a link is in memory: handshakes, links, terms and processes are those of
//! a node on a real network, and so are the answers when a name is taken, a cookie wrong or a peer
//! silent. A [`Beam`] is such a node too, with the flags of an OTP release, so that a worker is
//! sent what that release sends. What only a BEAM can show is not shown here: its own `gen_server`,
//! its schedulers, code that is loaded there.
//!
//! **Order.** What was sent is under way, and not there yet: a test that cuts a line, or ends a node,
//! right behind a cast or a monitor may be too early, as in life. A call that was answered shows that
//! all that went before it to the same process has arrived.
//!
//! **Time.** With tokio's clock paused (`start_paused = true`, of tokio's feature `test-util`) no
//! test waits: a call's five seconds, a minute of `net_ticktime` and a link's [delay] pass as soon
//! as nobody has anything else to do. What depends on time then comes out the same in each run, but
//! for what is random in itself: challenges, jitter, and the order in which tasks are polled that
//! are ready at once. The kit itself needs neither I/O nor a paused clock.
//!
//! [delay]: Network::delay

mod beam;
mod line;
mod network;
mod otp;
mod pipe;

pub use beam::{Beam, BeamBuilder, Missed};
pub use network::Network;
pub(crate) use network::Place;
pub use otp::Otp;
