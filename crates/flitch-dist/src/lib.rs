//! An established link between two Erlang nodes, sans-IO: bytes in, [`Signal`]s out, and the
//! other way round.
//!
//! [`Inbound`] and [`Outbound`] are the two directions, [`Ticker`] the clock between them. No
//! socket, no clock and no task is in here: two ends are joined in memory by handing the bytes of
//! one to the other.
//!
//! Source of the format: `erl_dist_protocol`, "Protocol between Connected Nodes".
//!
//! ```
//! use flitch_dist::{Control, Inbound, Outbound};
//! use flitch_etf::{Atom, Pid, Term, write_term};
//!
//! let node = Atom::new("a@127.0.0.1")?;
//! let from = Pid { node, id: 1, serial: 0, creation: 7 };
//! let control = Control::RegSend { from, to: Atom::new("orders")? };
//!
//! let mut out = Outbound::new();
//! out.send(&control, |bytes| write_term(bytes, &Term::from("hello")))?;
//!
//! let mut inbound = Inbound::new(Inbound::DEFAULT_MAX_FRAME);
//! inbound.buffer().extend_from_slice(&out.take(Vec::new()));
//! let signal = inbound.poll_signal()?.ok_or("no signal")?;
//! assert_eq!(signal.control, control);
//! assert_eq!(signal.payload.to_value::<String>()?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
pub mod control;
mod error;
mod frame;
mod payload;
mod tick;

pub use channel::{Inbound, Outbound};
pub use control::{Control, Op, Signal, SpawnRequest, Target};
pub use error::LinkError;
pub use frame::{Frame, FrameReader};
pub use payload::Payload;
pub use tick::{TickAction, Ticker};
