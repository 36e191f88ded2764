//! Where a message goes: a pid, a name here, a name on another node.

use std::convert::Infallible;

use flitch_dist::Target;
use flitch_etf::{Atom, AtomError, Pid};
use flitch_name::{NameError, NodeName};

/// A destination, as in Erlang: `Pid`, `Name`, `{Name, Node}`.
///
/// ```
/// use flitch::Dest;
///
/// let remote: Dest = ("orders", "app@10.0.0.7").try_into()?;
/// let local: Dest = "orders".try_into()?;
/// assert_ne!(remote, local);
/// # Ok::<(), flitch::DestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dest {
    /// A process, on whatever node.
    Pid(Pid),
    /// A registered name on this node.
    Name(Atom),
    /// A registered name on that node.
    Remote(Atom, NodeName),
}

/// Why something is no destination.
///
/// ```
/// use flitch::{Dest, DestError};
///
/// let error = Dest::try_from(("orders", "app")).unwrap_err();
/// assert!(matches!(error, DestError::Node(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestError {
    /// The node's name is none.
    #[error(transparent)]
    Node(#[from] NameError),
    /// The registered name is no atom.
    #[error(transparent)]
    Name(#[from] AtomError),
}

impl From<Infallible> for DestError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Dest {
    /// The node it is on, if that is another one than this.
    pub(crate) fn node(&self) -> Result<Option<NodeName>, NameError> {
        match self {
            Self::Pid(pid) => pid.node.as_str().parse().map(Some),
            Self::Name(_) => Ok(None),
            Self::Remote(_, node) => Ok(Some(node.clone())),
        }
    }

    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Pid(pid) => Target::Pid(pid.clone()),
            Self::Name(name) | Self::Remote(name, _) => Target::Name(name.clone()),
        }
    }
}

impl From<Pid> for Dest {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<&Pid> for Dest {
    fn from(pid: &Pid) -> Self {
        Self::Pid(pid.clone())
    }
}

impl From<Atom> for Dest {
    fn from(name: Atom) -> Self {
        Self::Name(name)
    }
}

impl From<(Atom, NodeName)> for Dest {
    fn from((name, node): (Atom, NodeName)) -> Self {
        Self::Remote(name, node)
    }
}

impl TryFrom<&str> for Dest {
    type Error = DestError;

    fn try_from(name: &str) -> Result<Self, DestError> {
        Ok(Self::Name(Atom::new(name)?))
    }
}

impl TryFrom<(&str, &str)> for Dest {
    type Error = DestError;

    fn try_from((name, node): (&str, &str)) -> Result<Self, DestError> {
        Ok(Self::Remote(Atom::new(name)?, node.parse()?))
    }
}

impl TryFrom<(&str, &NodeName)> for Dest {
    type Error = DestError;

    fn try_from((name, node): (&str, &NodeName)) -> Result<Self, DestError> {
        Ok(Self::Remote(Atom::new(name)?, node.clone()))
    }
}

impl TryFrom<(&str, NodeName)> for Dest {
    type Error = DestError;

    fn try_from((name, node): (&str, NodeName)) -> Result<Self, DestError> {
        Ok(Self::Remote(Atom::new(name)?, node))
    }
}
