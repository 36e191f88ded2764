//! Links and monitors: made, undone, and ended together with a process or a peer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use flitch_dist::{Control, Lane, Target};
use flitch_etf::{Atom, Pid, Reference, Term};
use flitch_handshake::Flags;
use tokio_util::sync::CancellationToken;

use crate::dest::Dest;
use crate::mailbox::Incoming;
use crate::node::{Node, NodeEvent};
use crate::peer_link::{self, PeerLink};
use crate::process::{Entry, ExitReason, Link, Reason, Watched};
use crate::router::no_payload;
use crate::task::{self, Name};

impl Node {
    pub(crate) fn link(&self, entry: &Arc<Entry>, pid: &Pid) {
        if entry.pid == *pid || !entry.bonds().link(pid) {
            return;
        }
        let control = Control::Link { from: entry.pid.clone(), to: pid.clone() };
        if pid.node == self.identity().atom {
            return self.signal_bare(&pid.node, &control);
        }
        let (node, entry, pid) = (self.clone(), Arc::clone(entry), pid.clone());
        self.reach_and(pid.node.clone(), move |connected| match connected {
            // The process may have ended, or have unlinked, while its node was being dialled.
            // What is bound is sent under the lock: the end of the process comes behind it.
            Some((link, mut bonds)) => {
                if entry.bonds().is_linked(&pid) {
                    bonds.links.insert((entry.pid.clone(), pid));
                    node.push(link, &control, no_payload);
                }
            }
            None => no_link(&entry, pid),
        });
    }

    pub(crate) fn unlink(&self, entry: &Arc<Entry>, pid: &Pid) {
        let id = self.stats().unlinks.fetch_add(1, Ordering::Relaxed) + 1;
        let control = Control::UnlinkId { id, from: entry.pid.clone(), to: pid.clone() };
        if pid.node == self.identity().atom {
            if entry.bonds().unlink(pid, id) {
                self.signal_bare(&pid.node, &control);
            }
            return;
        }
        let link = self.peers().link(&pid.node);
        match link.as_ref().and_then(|link| Some((link, link.live_bonds()?))) {
            Some((link, mut bonds)) => {
                if entry.bonds().unlink(pid, id) {
                    let both = (entry.pid.clone(), pid.clone());
                    // A peer before OTP 23.3 acknowledges nothing.
                    if link.flags.contains(Flags::UNLINK_ID) {
                        bonds.links.insert(both);
                    } else {
                        bonds.links.remove(&both);
                        entry.bonds().acknowledged_by(pid, id);
                    }
                    self.push(link, &control, no_payload);
                }
            }
            // Nobody is there to acknowledge it.
            None => {
                entry.bonds().links.remove(pid);
            }
        }
    }

    pub(crate) fn monitor(&self, entry: &Arc<Entry>, dest: Dest) -> Reference {
        let reference = self.identity().new_reference();
        self.monitor_as(entry, dest, reference.clone());
        reference
    }

    /// Likewise, under a reference that is there already.
    pub(crate) fn monitor_as(&self, entry: &Arc<Entry>, dest: Dest, reference: Reference) {
        let target = dest.target();
        let node = match dest {
            Dest::Pid(pid) => pid.node,
            Dest::Name(_) => self.identity().atom.clone(),
            Dest::Remote(_, node) => crate::node_atom(&node),
        };
        let watched = Watched { target: target.clone(), node: node.clone() };
        {
            let mut bonds = entry.bonds();
            if bonds.over {
                return;
            }
            bonds.watching.insert(reference.clone(), watched);
        }
        let from = entry.pid.clone();
        let control =
            Control::Monitor { from, target: target.clone(), reference: reference.clone() };
        if node == self.identity().atom {
            return self.signal_bare(&node, &control);
        }
        let (this, entry, made) = (self.clone(), Arc::clone(entry), reference);
        self.reach_and(node, move |connected| match connected {
            // As for links.
            Some((link, mut bonds)) => {
                if entry.bonds().watching.contains_key(&made) {
                    bonds.watching.insert(made, entry.pid.clone());
                    this.push(link, &control, no_payload);
                }
            }
            None => this.down(&entry, made, Reason::atom("noconnection")),
        });
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
        self.signal_bare(node, &Control::Demonitor { from, target, reference });
    }

    /// `exit(Pid, Reason)`, from nobody in particular.
    pub(crate) fn exit(&self, pid: &Pid, reason: &ExitReason) {
        self.exit_as(self.calls().caller(), pid, reason);
    }

    /// `exit(Pid, Reason)`, from this process.
    pub(crate) fn exit_as(&self, from: &Pid, pid: &Pid, reason: &ExitReason) {
        let control = Control::Exit2 { from: from.clone(), to: pid.clone() };
        self.signal(&pid.node, &control, &reason.0);
    }

    /// Binds something to the link to a node, under the lock of what is bound to it: at once if
    /// it is up, else after dialling, before anything else is sent; with `None` if there is no link.
    fn reach_and(
        &self,
        node: Atom,
        bind: impl FnOnce(Option<(&PeerLink, MutexGuard<'_, peer_link::Bonds>)>) + Send + 'static,
    ) {
        let bound = CancellationToken::new();
        let done = bound.clone();
        let bind = Box::new(move |link: Option<&PeerLink>| {
            done.cancel();
            bind(link.and_then(|link| Some((link, link.live_bonds()?))));
        });
        if self.peers().bind(&node, bind) {
            return;
        }
        let this = self.clone();
        let name = Name::of(|| format!("bind {node}"));
        task::spawn(self.tasks(), name, async move {
            let reach = async {
                match node.as_str().parse() {
                    Ok(name) => this.reach(&name).await.is_ok(),
                    Err(_) => false,
                }
            };
            tokio::select! {
                biased;
                // The link may even be gone again by now: no reason to dial.
                () = bound.cancelled() => {}
                reached = reach => if !reached {
                    this.peers().unbind(&node);
                }
            }
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
        entry.mailbox.close();
        if let Some(end) = bonds.end {
            end.cancel();
        }
        for alias in &bonds.aliases {
            self.aliases().remove(alias);
        }
        let pid = &entry.pid;
        for (other, state) in bonds.links {
            if let Some(link) = self.peers().link(&other.node) {
                link.bonds().links.remove(&(pid.clone(), other.clone()));
            }
            if state == Link::Active {
                let node = other.node.clone();
                self.signal(&node, &Control::Exit { from: pid.clone(), to: other }, reason);
            }
        }
        for (reference, watcher) in bonds.watchers {
            if let Some(link) = self.peers().link(&watcher.pid.node) {
                link.bonds().watched.remove(&reference);
            }
            let node = watcher.pid.node.clone();
            let target = watcher.target;
            let down = Control::MonitorExit { target, to: watcher.pid, reference };
            // One that names the process by its name does not say who sends it.
            self.signal_in(Lane::of(pid), &node, &down, reason);
        }
        for (reference, watched) in bonds.watching {
            self.undo_monitor(pid, &reference, watched.target, &watched.node);
        }
    }

    /// A peer is up.
    pub(crate) fn peer_up(&self, link: &PeerLink) {
        let hidden = !link.is_visible();
        tracing::info!(peer = %link.name, hidden, "peer is up");
        self.stats().counters.link_up(link.dialled);
        self.publish(NodeEvent::Up { node: link.name.clone(), hidden });
    }

    /// A peer is gone: everybody who is bound to its processes learns that.
    pub(crate) fn peer_down(&self, link: &Arc<PeerLink>) {
        let reason = link.reason();
        link.close(reason.clone());
        link.outbox.close();
        self.buffers().clear();
        let bonds = link.end_bonds();
        for (ours, theirs) in bonds.links {
            if let Some(entry) = self.processes().by_pid(&ours) {
                no_link(&entry, theirs);
            }
        }
        for (reference, ours) in bonds.watched {
            if let Some(entry) = self.processes().by_pid(&ours) {
                entry.unwatched(&reference);
            }
        }
        for (reference, ours) in bonds.watching {
            if self.calls().lost(&reference) {
                continue;
            }
            if let Some(entry) = self.processes().by_pid(&ours) {
                self.down(&entry, reference, Reason::atom("noconnection"));
            }
        }
        tracing::info!(peer = %link.name, %reason, "peer is down");
        self.stats().counters.links_down.add(reason.as_str());
        let event = NodeEvent::Down { node: link.name.clone(), reason };
        self.peers().gone(link, || self.publish(event));
        link.set_gone();
    }

    /// Whom a process monitors is gone. Goes off once, and ends the alias of the same reference.
    pub(crate) fn down(&self, entry: &Entry, reference: Reference, reason: Reason) {
        let (was, alias) = {
            let mut bonds = entry.bonds();
            (bonds.watching.remove(&reference), bonds.aliases.remove(&reference))
        };
        if alias {
            self.aliases().remove(&reference);
        }
        if let Some(Watched { target, .. }) = was {
            let Reason { term: reason, len } = reason;
            entry.push_with(Incoming::Down { reference, target, reason }, len);
        }
    }
}

fn no_link(entry: &Entry, other: Pid) {
    let was = entry.bonds().links.remove(&other);
    if was == Some(Link::Active) {
        entry.exit_signal(other, Reason::atom("noconnection"), true);
    }
}
