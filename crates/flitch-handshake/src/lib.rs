//! The Erlang distribution handshake, without I/O: both sides of it, over any byte stream.
//!
//! Two nodes tell each other their names and capability flags and prove, by digests over each
//! other's challenge, that they know the same cookie; what follows on the same stream is the link.
//! Written down in `erl_dist_protocol`, "Distribution Handshake", and in OTP's `dist_util.erl`.
//!
//! [`Handshake`] is all that a driver needs. It asks about the table of peers by [`Event`]s
//! instead of reading it, and takes time and chance as arguments.
//!
//! ```
//! use std::time::Instant;
//! use flitch_handshake::{Config, Cookie, Decision, Event, Handshake, LocalNode};
//! use flitch_name::Creation;
//!
//! let node = |name: &str| LocalNode { name: name.parse().unwrap(), creation: Creation::new(9) };
//! let cookie = Cookie::new("XQZCPWVBNMLKJHGFDSAT")?;
//! let now = Instant::now();
//! // Real challenges come from the operating system's random source.
//! let mut a = Handshake::initiate(node("a@h.x"), None, Config::new(cookie.clone(), 17), now);
//! let mut b = Handshake::accept(node("b@h.x"), Config::new(cookie, 23), now);
//!
//! let (mut a_link, mut b_link) = (None, None);
//! while a_link.is_none() || b_link.is_none() {
//!     while let Some(message) = a.poll_transmit() { b.handle_input(&message); }
//!     while let Some(message) = b.poll_transmit() { a.handle_input(&message); }
//!     match b.poll_event() {
//!         Some(Event::PeerNamed(_)) => b.decide(Decision::Ok)?,
//!         Some(Event::Established(link)) => b_link = Some(link),
//!         other => assert!(other.is_none()),
//!     }
//!     if let Some(Event::Established(link)) = a.poll_event() { a_link = Some(link); }
//! }
//! assert_eq!(a_link.unwrap().peer, node("b@h.x").name);
//! assert_eq!(b_link.unwrap().peer, node("a@h.x").name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acceptor;
mod config;
mod cookie;
mod digest;
mod error;
mod flags;
mod initiator;
mod machine;
mod message;

pub use config::{
    Caller, CallerName, Config, Decision, Established, Event, Introduction, LocalNode,
};
pub use cookie::{Cookie, CookieError, Cookies, Weakness};
pub use digest::Digest;
pub use error::{Cause, Fault, HandshakeError, MessageError, Misuse, Stage};
pub use flags::Flags;
pub use machine::Handshake;
