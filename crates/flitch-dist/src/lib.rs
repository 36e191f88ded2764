//! An established link between two Erlang nodes, sans-IO: bytes in, [`Signal`]s out, and the
//! other way round.
//!
//! [`Inbound`] and [`Outbound`] are the two directions, [`Ticker`] the clock between them. No
//! socket, no clock and no task is in here: two ends are joined in memory by handing the bytes of
//! one to the other.
//!
//! | room | what is in it |
//! |---|---|
//! | `frame` | lengths: where a message begins and ends |
//! | `header`, `atom_cache`, `names` | atoms by number, and what the two sides know of these |
//! | `fragment` | large messages, put together |
//! | [`control`] | what a message says beside its payload, a family a file |
//! | `packet`, `lane` | an outgoing signal, and what it must not overtake |
//! | `inbound`, `outbound` | the above in their order, for each direction |
//! | `tick` | who has been silent for too long |
//!
//! Source of the format: `erl_dist_protocol`, "Protocol between Connected Nodes", and
//! `erl_ext_dist`, "Distribution Header".
//!
//! ```
//! use flitch_dist::{Control, Inbound, InboundLimits, Outbound};
//! use flitch_etf::{Atom, Pid, Term, write_term};
//! use flitch_handshake::Flags;
//!
//! let node = Atom::new("a@127.0.0.1")?;
//! let from = Pid { node, id: 1, serial: 0, creation: 7 };
//! let control = Control::RegSend { from, to: Atom::new("orders")? };
//!
//! let mut out = Outbound::new(Flags::OFFERED);
//! out.send(&control, |bytes| write_term(bytes, &Term::from("hello")))?;
//!
//! let mut inbound = Inbound::new(InboundLimits::DEFAULT);
//! inbound.buffer().extend_from_slice(&out.take(Vec::new()));
//! let signal = inbound.poll_signal()?.ok_or("no signal")?;
//! assert_eq!(signal.control, control);
//! assert_eq!(signal.payload.to_value::<String>()?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atom_cache;
pub mod control;
mod error;
mod fragment;
mod frame;
mod header;
mod inbound;
mod lane;
mod names;
mod outbound;
mod packet;
mod payload;
mod pool;
#[cfg(test)]
mod tests;
mod tick;

pub use control::{Altact, Control, Op, Recipient, Signal, SpawnRequest, Target};
pub use error::LinkError;
pub use frame::{Frame, FrameReader};
pub use inbound::{Inbound, InboundLimits};
pub use lane::Lane;
pub use outbound::Outbound;
pub use packet::{Incapable, Packet, PacketError};
pub use payload::Payload;
pub use pool::BufferPool;
pub use tick::{TickAction, Ticker};
