//! What may be said of a process to whoever asks for it.

use flitch_dist::Target;
use flitch_etf::{Atom, Pid};

use super::{Entry, Link};

/// What `Process.info` tells.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) name: Option<Atom>,
    pub(crate) links: Vec<Pid>,
    /// Whom it monitors, and where.
    pub(crate) monitors: Vec<(Target, Atom)>,
    pub(crate) monitored_by: Vec<Pid>,
    pub(crate) message_queue_len: usize,
    /// Bytes, about.
    pub(crate) memory: usize,
    pub(crate) trap_exit: bool,
    /// What runs in it.
    pub(crate) label: &'static str,
}

impl Entry {
    pub(crate) fn facts(&self) -> Facts {
        let bonds = self.bonds();
        let active = bonds.links.iter().filter(|(_, link)| **link == Link::Active);
        Facts {
            name: bonds.name.clone(),
            links: active.map(|(pid, _)| pid.clone()).collect(),
            monitors: bonds
                .watching
                .values()
                .map(|it| (it.target.clone(), it.node.clone()))
                .collect(),
            monitored_by: bonds.watchers.values().map(|it| it.pid.clone()).collect(),
            message_queue_len: usize::from(!self.mailbox.is_empty()),
            memory: size_of::<Self>(),
            trap_exit: self.trap_exit.load(std::sync::atomic::Ordering::Acquire),
            label: "process",
        }
    }
}
