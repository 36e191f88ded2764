//! Names of Erlang nodes: `alive@host`, its two halves, and the creation that tells one life of a
//! name from the next.
//!
//! Nothing here asks EPMD or DNS: a [`NodeName`] says what a node is called, not where it is.
//!
//! ```
//! use flitch_name::{NameKind, NodeName};
//!
//! let name: NodeName = "worker@10.0.0.7".parse()?;
//! assert_eq!((name.alive(), name.host()), ("worker", "10.0.0.7"));
//! assert_eq!(name.kind(), NameKind::Long);
//! # Ok::<(), flitch_name::NameError>(())
//! ```

mod alive;
mod creation;
mod node;
mod pattern;

pub use alive::AliveName;
pub use creation::Creation;
pub use node::{NameError, NameKind, NodeName};
pub use pattern::{NodePattern, PatternError};
