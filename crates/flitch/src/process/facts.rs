//! What `Process.info` may say of a process.
//!
//! A list of all processes tells a little of each. What binds one to others is told by methods of
//! their own: it takes as long as there are such others.

use flitch_dist::Target;
use flitch_etf::{Atom, Pid};

use super::entry::Entry;

/// A process as it is at this moment, without what binds it to others.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The name that it is registered under.
    pub(crate) name: Option<Atom>,
    /// The type of its server, or of what it runs.
    pub(crate) label: &'static str,
    /// Messages that wait.
    pub(crate) message_queue_len: usize,
    /// Bytes, with what waits; what its code holds nobody knows.
    pub(crate) memory: usize,
}

impl Entry {
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            name: self.bonds().name.clone(),
            label: self.label,
            message_queue_len: self.mailbox.len(),
            memory: size_of::<Self>() + self.mailbox.footprint(),
        }
    }

    pub(crate) fn links(&self) -> Vec<Pid> {
        let bonds = self.bonds();
        bonds.links.keys().filter(|pid| bonds.is_linked(pid)).cloned().collect()
    }

    /// Whom it monitors, and on which node.
    pub(crate) fn monitors(&self) -> Vec<(Target, Atom)> {
        let bonds = self.bonds();
        bonds.watching.values().map(|it| (it.target.clone(), it.node.clone())).collect()
    }

    pub(crate) fn monitored_by(&self) -> Vec<Pid> {
        self.bonds().watchers.values().map(|it| it.pid.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::{Reference, Term};

    use super::*;
    use crate::mailbox::{Incoming, mailbox};
    use crate::process::{Watched, Watcher};

    fn pid(id: u32) -> Pid {
        Pid { node: Atom::OK, id, serial: 0, creation: 1 }
    }

    #[tokio::test]
    async fn a_process_tells_its_bonds_its_queue_and_its_name() {
        let (sender, _receiver) = mailbox(1000);
        let entry = Entry::new(pid(1), sender, "shop::Order");
        let reference = Reference::three(Atom::OK, 1, [1, 0, 0]);
        {
            let mut bonds = entry.bonds();
            bonds.name = Some(Atom::OK);
            bonds.link(&pid(2));
            bonds.link(&pid(3));
            bonds.unlink(&pid(3), 1);
            let target = Target::Pid(pid(4));
            let watcher = Watcher { pid: pid(5), target: target.clone(), is_caller: false };
            bonds.watchers.insert(reference.clone(), watcher);
            bonds.watching.insert(reference, Watched { target, node: Atom::OK });
        }
        entry.trap_exit(true);
        entry.push(Incoming::Exit { from: pid(2), reason: Term::atom("boom") });
        let facts = entry.facts();
        assert_eq!(facts.name, Some(Atom::OK));
        assert_eq!(facts.label, "shop::Order");
        assert_eq!(facts.message_queue_len, 1);
        assert!(facts.memory > 0);
        assert_eq!(entry.links(), [pid(2)], "not the one that is being undone");
        assert_eq!(entry.monitors().len(), 1);
        assert_eq!(entry.monitored_by(), [pid(5)]);
    }
}
