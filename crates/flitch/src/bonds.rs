//! Links and monitors: made, undone, and ended together with a process or a peer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use flitch_dist::{Control, Target};
use flitch_etf::{Atom, Pid, Reference, Term};

use crate::dest::Dest;
use crate::mailbox::Incoming;
use crate::node::{Node, NodeEvent};
use crate::peer_link::{self, PeerLink};
use crate::process::{Entry, ExitReason, Watched};
use crate::router::no_payload;

impl Node {
    pub(crate) fn link(&self, entry: &Arc<Entry>, pid: &Pid) {
        if entry.pid == *pid || !entry.bonds().links.insert(pid.clone()) {
            return;
        }
        let control = Control::Link { from: entry.pid.clone(), to: pid.clone() };
        if pid.node == self.identity().atom {
            return self.signal_with(&pid.node, &control, no_payload);
        }
        let (node, entry, pid) = (self.clone(), Arc::clone(entry), pid.clone());
        self.reach_and(pid.node.clone(), move |connected| match connected {
            Some((link, mut bonds)) => {
                bonds.links.insert((entry.pid.clone(), pid));
                drop(bonds);
                node.push(link, &control, no_payload);
            }
            None => {
                if entry.bonds().links.remove(&pid) {
                    entry.exit_signal(pid, Term::atom("noconnection"), true);
                }
            }
        });
    }

    pub(crate) fn unlink(&self, entry: &Arc<Entry>, pid: &Pid) {
        if !entry.bonds().links.remove(pid) {
            return;
        }
        if let Some(link) = self.peers().link(&pid.node) {
            link.bonds().links.remove(&(entry.pid.clone(), pid.clone()));
        }
        let id = self.stats().unlinks.fetch_add(1, Ordering::Relaxed) + 1;
        let control = Control::UnlinkId { id, from: entry.pid.clone(), to: pid.clone() };
        self.signal_with(&pid.node, &control, no_payload);
    }

    pub(crate) fn monitor(&self, entry: &Arc<Entry>, dest: Dest) -> Reference {
        let reference = self.identity().new_reference();
        let target = dest.target();
        let node = match dest {
            Dest::Pid(pid) => pid.node,
            Dest::Name(_) => self.identity().atom.clone(),
            Dest::Remote(_, node) => crate::node_atom(&node),
        };
        let watched = Watched { target: target.clone(), node: node.clone() };
        entry.bonds().watching.insert(reference.clone(), watched);
        let from = entry.pid.clone();
        let control =
            Control::Monitor { from, target: target.clone(), reference: reference.clone() };
        if node == self.identity().atom {
            self.signal_with(&node, &control, no_payload);
            return reference;
        }
        let (this, entry, made) = (self.clone(), Arc::clone(entry), reference.clone());
        self.reach_and(node, move |connected| match connected {
            Some((link, mut bonds)) => {
                bonds.watching.insert(made, entry.pid.clone());
                drop(bonds);
                this.push(link, &control, no_payload);
            }
            None => no_connection(&entry, made, target),
        });
        reference
    }

    pub(crate) fn demonitor(&self, entry: &Entry, reference: &Reference) {
        let Some(watched) = entry.bonds().watching.remove(reference) else { return };
        self.undo_monitor(&entry.pid, reference, watched.target, &watched.node);
    }

    fn undo_monitor(&self, from: &Pid, reference: &Reference, target: Target, node: &Atom) {
        if let Some(link) = self.peers().link(node) {
            link.bonds().watching.remove(reference);
        }
        let (from, reference) = (from.clone(), reference.clone());
        self.signal_with(node, &Control::Demonitor { from, target, reference }, no_payload);
    }

    /// `exit(Pid, Reason)`, from nobody in particular.
    pub(crate) fn exit(&self, pid: &Pid, reason: &ExitReason) {
        let control = Control::Exit2 { from: self.calls().caller().clone(), to: pid.clone() };
        self.signal(&pid.node, &control, &reason.0);
    }

    /// Binds something to the link to a node: at once if it is up, else after dialling; with
    /// `None` if there is no link.
    fn reach_and(
        &self,
        node: Atom,
        bind: impl FnOnce(Option<(&PeerLink, MutexGuard<'_, peer_link::Bonds>)>) + Send + 'static,
    ) {
        let bind = |link: Option<&PeerLink>| {
            bind(link.and_then(|link| Some((link, link.live_bonds()?))));
        };
        if let Some(link) = self.peers().link(&node) {
            return bind(Some(&link));
        }
        let this = self.clone();
        self.tasks().spawn(async move {
            let link = match node.as_str().parse() {
                Ok(name) => this.reach(&name).await.ok(),
                Err(_) => None,
            };
            bind(link.as_deref());
        });
    }

    /// A process has ended: everybody who is bound to it learns why.
    pub(crate) fn process_ended(&self, entry: &Arc<Entry>, reason: &Term) {
        let bonds = {
            let mut bonds = entry.bonds();
            let over = crate::process::Bonds { over: true, ..Default::default() };
            std::mem::replace(&mut *bonds, over)
        };
        self.processes().remove(entry, bonds.name.as_ref());
        let pid = &entry.pid;
        for other in bonds.links {
            if let Some(link) = self.peers().link(&other.node) {
                link.bonds().links.remove(&(pid.clone(), other.clone()));
            }
            let node = other.node.clone();
            self.signal(&node, &Control::Exit { from: pid.clone(), to: other }, reason);
        }
        for (reference, watcher) in bonds.watchers {
            if let Some(link) = self.peers().link(&watcher.pid.node) {
                link.bonds().watched.remove(&reference);
            }
            let node = watcher.pid.node.clone();
            let target = watcher.target;
            let down = Control::MonitorExit { target, to: watcher.pid, reference };
            self.signal(&node, &down, reason);
        }
        for (reference, watched) in bonds.watching {
            self.undo_monitor(pid, &reference, watched.target, &watched.node);
        }
    }

    /// A peer is up.
    pub(crate) fn peer_up(&self, link: &PeerLink) {
        let hidden = !link.is_visible();
        tracing::info!(peer = %link.name, hidden, "peer is up");
        self.publish(NodeEvent::Up { node: link.name.clone(), hidden });
    }

    /// A peer is gone: everybody who is bound to its processes learns that.
    pub(crate) fn peer_down(&self, link: &Arc<PeerLink>) {
        let reason = link.reason();
        link.close(reason.clone());
        link.outbox.close();
        let bonds = link.end_bonds();
        let no_connection_atom = Term::atom("noconnection");
        for (ours, theirs) in bonds.links {
            let Some(entry) = self.processes().by_pid(&ours) else { continue };
            if entry.bonds().links.remove(&theirs) {
                entry.exit_signal(theirs, no_connection_atom.clone(), true);
            }
        }
        for (reference, ours) in bonds.watched {
            if let Some(entry) = self.processes().by_pid(&ours) {
                entry.bonds().watchers.remove(&reference);
            }
        }
        for (reference, ours) in bonds.watching {
            if self.calls().is_caller(&ours) {
                self.calls().lost(&reference);
            } else if let Some(entry) = self.processes().by_pid(&ours) {
                let watched = entry.bonds().watching.remove(&reference);
                if let Some(watched) = watched {
                    let (target, reason) = (watched.target, no_connection_atom.clone());
                    entry.push(Incoming::Down { reference, target, reason });
                }
            }
        }
        self.peers().gone(link);
        link.set_gone();
        tracing::info!(peer = %link.name, %reason, "peer is down");
        self.publish(NodeEvent::Down { node: link.name.clone(), reason });
    }
}

fn no_connection(entry: &Entry, reference: Reference, target: Target) {
    if entry.bonds().watching.remove(&reference).is_some() {
        let reason = Term::atom("noconnection");
        entry.push(Incoming::Down { reference, target, reason });
    }
}
