//! Code that runs on another node with its input and output here.
//!
//! A process of ours is its group leader: [`leader`] answers the I/O protocol, without a socket or
//! a terminal, and [`session`] is the process around it. [`editor`] reads what a person types, or
//! what a script has on standard input; [`colour`] shows its words, and [`complete`] asks the node
//! how a line may go on.

pub(crate) mod chars;
pub(crate) mod colour;
pub(crate) mod complete;
pub(crate) mod editor;
pub(crate) mod leader;
pub(crate) mod session;
