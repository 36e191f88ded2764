//! What binds a process to others: links, monitors, its name, its aliases.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};

use flitch_dist::Target;
use flitch_etf::{Atom, Pid, Reference};
use tokio_util::sync::CancellationToken;

/// What binds a process to others. Ends with it.
#[derive(Default)]
pub(crate) struct Bonds {
    /// Set when the process is gone: nothing can be added any more.
    pub(crate) over: bool,
    /// Processes that it is linked to, and those that have not acknowledged yet that it no longer
    /// is.
    pub(crate) links: HashMap<Pid, Link>,
    /// Who monitors it.
    pub(crate) watchers: HashMap<Reference, Watcher>,
    /// Whom it monitors.
    pub(crate) watching: HashMap<Reference, Watched>,
    /// The name that it is registered under.
    pub(crate) name: Option<Atom>,
    /// What others may send to in its place.
    pub(crate) aliases: HashSet<Reference>,
    /// Cancelled with its end, where something waits for that.
    pub(crate) end: Option<CancellationToken>,
}

/// What a process knows of a link of its own (`erl_dist_protocol`, "New Link Protocol").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Active,
    /// Undone by us, and this id is not acknowledged yet: what the other still sends along the
    /// link it has sent before it knew.
    Unlinking(u64),
}

impl Bonds {
    /// Whether they say nothing that none would not say as well.
    pub(super) fn are_none(&self) -> bool {
        !self.over
            && self.watchers.is_empty()
            && self.links.is_empty()
            && self.watching.is_empty()
            && self.aliases.is_empty()
            && self.name.is_none()
            && self.end.is_none()
    }

    /// Whether they hold little memory, now that they are none.
    pub(super) fn are_small(&self) -> bool {
        let places = self.watchers.capacity() + self.links.capacity();
        places + self.watching.capacity() + self.aliases.capacity() <= 64
    }

    /// LINK is to be sent: whether it is, and not linked yet.
    pub(crate) fn link(&mut self, other: &Pid) -> bool {
        !self.over && self.links.insert(other.clone(), Link::Active) != Some(Link::Active)
    }

    /// LINK has come. Whether there is still a process to link to.
    pub(crate) fn linked_by(&mut self, other: &Pid) -> bool {
        if !self.over {
            // One that we are undoing stays undone: the other will learn it.
            self.links.entry(other.clone()).or_insert(Link::Active);
        }
        !self.over
    }

    pub(crate) fn is_linked(&self, other: &Pid) -> bool {
        self.links.get(other) == Some(&Link::Active)
    }

    /// UNLINK_ID is to be sent: whether it is.
    pub(crate) fn unlink(&mut self, other: &Pid, id: u64) -> bool {
        match self.links.get_mut(other) {
            Some(link) if *link == Link::Active => {
                *link = Link::Unlinking(id);
                true
            }
            _ => false,
        }
    }

    /// UNLINK_ID has come. Whether the link is gone by that.
    pub(crate) fn unlinked_by(&mut self, other: &Pid) -> bool {
        self.forget(other, Link::Active)
    }

    /// UNLINK_ID_ACK has come. Whether the link is gone by that.
    pub(crate) fn acknowledged_by(&mut self, other: &Pid, id: u64) -> bool {
        self.forget(other, Link::Unlinking(id))
    }

    fn forget(&mut self, other: &Pid, state: Link) -> bool {
        match self.links.entry(other.clone()) {
            Place::Occupied(found) if *found.get() == state => {
                found.remove();
                true
            }
            _ => false,
        }
    }
}

/// Who monitors a process, and how the monitor named it.
pub(crate) struct Watcher {
    pub(crate) pid: Pid,
    pub(crate) target: Target,
    /// Whether the process is there for its answer alone, which its end is: without it nobody
    /// waits for the process.
    pub(crate) is_caller: bool,
}

/// Whom a process monitors, and where.
pub(crate) struct Watched {
    pub(crate) target: Target,
    pub(crate) node: Atom,
}
