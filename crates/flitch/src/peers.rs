//! Who is up, who is being dialled, who knocks: the table that decides between connections.
//!
//! The rules are those of `net_kernel` (`accept_pending`, `is_pending`, `wait_pending`). Nothing
//! is kept of a peer that has no connection and no attempt at one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flitch_etf::Atom;
use flitch_handshake::Decision;
use flitch_name::NodeName;
use tokio::sync::watch;

use crate::dial::ConnectError;
use crate::identity::node_atom;
use crate::peer_link::PeerLink;

/// The table.
#[derive(Default)]
pub(crate) struct Peers {
    table: Mutex<HashMap<Atom, Peer>>,
}

/// What is known of one node.
#[derive(Default)]
struct Peer {
    up: Option<Arc<PeerLink>>,
    dialling: bool,
    /// Handshakes of this name that were answered `ok` and are under way.
    accepting: usize,
    /// Told whenever one of the above changes; holds the error of the last attempt to dial.
    changes: watch::Sender<Option<ConnectError>>,
}

impl Peer {
    fn live(&self) -> Option<&Arc<PeerLink>> {
        self.up.as_ref().filter(|link| !link.is_closing())
    }

    fn is_idle(&self) -> bool {
        self.up.is_none() && !self.dialling && self.accepting == 0
    }
}

/// What somebody who wants a link is to do.
pub(crate) enum Want {
    /// Here it is.
    Up(Arc<PeerLink>),
    /// An attempt is under way: look again when something changes.
    Wait(watch::Receiver<Option<ConnectError>>),
    /// Dial, and wait likewise. The table has it on record that somebody dials.
    Dial(watch::Receiver<Option<ConnectError>>),
}

/// What becomes of a connection that has finished its handshake.
pub(crate) enum Verdict {
    /// It is the link now.
    Up,
    /// It is to be the link when this one, its predecessor, is gone. Ask again then.
    After(Arc<PeerLink>),
    /// Another connection has won.
    Lost,
}

impl Peers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Atom, Peer>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a node, tells who waits, and forgets it if nothing is left.
    fn update<R>(&self, name: &Atom, change: impl FnOnce(&mut Peer) -> R) -> R {
        let mut table = self.lock();
        let peer = table.entry(name.clone()).or_default();
        let result = change(peer);
        peer.changes.send_modify(|_| ());
        if peer.is_idle() {
            table.remove(name);
        }
        result
    }

    /// The link to a node, if it is up.
    pub(crate) fn link(&self, node: &Atom) -> Option<Arc<PeerLink>> {
        self.lock().get(node)?.live().cloned()
    }

    /// Every link that is up.
    pub(crate) fn links(&self) -> Vec<Arc<PeerLink>> {
        self.lock().values().filter_map(|peer| peer.live().cloned()).collect()
    }

    /// Somebody wants a link to a node.
    pub(crate) fn want(&self, name: &NodeName) -> Want {
        self.update(&node_atom(name), |peer| {
            if let Some(link) = peer.live() {
                return Want::Up(Arc::clone(link));
            }
            let changes = peer.changes.subscribe();
            // A link that is going has to be gone first, lest its end be taken for the new one's.
            if peer.dialling || peer.accepting > 0 || peer.up.is_some() {
                return Want::Wait(changes);
            }
            peer.dialling = true;
            Want::Dial(changes)
        })
    }

    /// An attempt to dial is over.
    pub(crate) fn dialled(&self, name: &NodeName, error: Option<ConnectError>) {
        self.update(&node_atom(name), |peer| {
            peer.dialling = false;
            if peer.up.is_none() {
                peer.changes.send_replace(error);
            }
        });
    }

    /// Whether our attempt to dial is still on record: what an initiator answers to `alive`.
    pub(crate) fn is_dialling(&self, name: &NodeName) -> bool {
        self.lock().get(&node_atom(name)).is_some_and(|peer| peer.dialling && peer.up.is_none())
    }

    /// A peer has stated its name. After [`Decision::Ok`], [`Decision::OkSimultaneous`] and
    /// [`Decision::Alive`], [`Peers::accepted`] is to be called when its handshake is over.
    pub(crate) fn knock(&self, us: &NodeName, them: &NodeName) -> Decision {
        if us == them {
            return Decision::NotAllowed;
        }
        self.update(&node_atom(them), |peer| {
            let decision = match peer {
                Peer { up: Some(_), .. } => Decision::Alive,
                Peer { dialling: true, .. } if us > them => Decision::Nok,
                Peer { dialling: true, .. } => Decision::OkSimultaneous,
                _ => Decision::Ok,
            };
            if decision != Decision::Nok {
                peer.accepting += 1;
            }
            decision
        })
    }

    /// A handshake that was let in is over, well or not.
    pub(crate) fn accepted(&self, them: &NodeName) {
        self.update(&node_atom(them), |peer| peer.accepting = peer.accepting.saturating_sub(1));
    }

    /// A connection has finished its handshake and wants to be the link.
    pub(crate) fn established(&self, us: &NodeName, link: &Arc<PeerLink>) -> Verdict {
        self.update(&link.atom, |peer| {
            let Some(old) = &peer.up else {
                peer.up = Some(Arc::clone(link));
                return Verdict::Up;
            };
            // Two connections of the same two lives: both sides keep the one that the greater
            // name has dialled. Otherwise the old one is a leftover.
            let same_life = old.creation == link.creation && !old.is_closing();
            let by_greater = link.dialled == (*us > link.name);
            if same_life && old.dialled != link.dialled && !by_greater {
                return Verdict::Lost;
            }
            Verdict::After(Arc::clone(old))
        })
    }

    /// The link to a node that a peer's new connection is to replace.
    pub(crate) fn predecessor(&self, them: &NodeName) -> Option<Arc<PeerLink>> {
        self.lock().get(&node_atom(them))?.up.clone()
    }

    /// A link is gone.
    pub(crate) fn gone(&self, link: &Arc<PeerLink>) {
        self.update(&link.atom, |peer| {
            if peer.up.as_ref().is_some_and(|up| Arc::ptr_eq(up, link)) {
                peer.up = None;
            }
        });
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use flitch_handshake::{Established, Flags, LocalNode};
    use flitch_name::Creation;

    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn link(peer: &str, creation: u32, dialled: bool) -> Arc<PeerLink> {
        let established = Established {
            peer: name(peer),
            peer_creation: Creation::new(creation),
            flags: Flags::OFFERED,
            us: LocalNode { name: name("m@h.x"), creation: Creation::new(9) },
            leftover: bytes::Bytes::new(),
        };
        Arc::new(PeerLink::new(&established, dialled, 1000))
    }

    #[test]
    fn both_dial_at_once_and_the_greater_name_wins() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        for (them, decision) in [("a@h.x", Decision::Nok), ("z@h.x", Decision::OkSimultaneous)] {
            assert!(matches!(peers.want(&name(them)), Want::Dial(_)));
            assert_eq!(peers.knock(&us, &name(them)), decision);
        }
    }

    #[test]
    fn nobody_dials_while_a_peer_is_coming_in() {
        let (us, them, peers) = (name("m@h.x"), name("a@h.x"), Peers::default());
        assert_eq!(peers.knock(&us, &them), Decision::Ok);
        assert!(matches!(peers.want(&them), Want::Wait(_)));
        peers.accepted(&them);
        assert!(matches!(peers.want(&them), Want::Dial(_)));
        assert!(matches!(peers.want(&them), Want::Wait(_)), "one attempt serves all");
    }

    #[test]
    fn a_hundred_thousand_failed_handshakes_leave_nothing_behind() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        for number in 0..100_000 {
            let them = name(&format!("x{number}@h.x"));
            assert_eq!(peers.knock(&us, &them), Decision::Ok);
            peers.accepted(&them);
        }
        assert!(peers.is_empty());
    }

    #[test]
    fn our_own_name_is_not_let_in() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        assert_eq!(peers.knock(&us, &us), Decision::NotAllowed);
        assert!(peers.is_empty());
    }

    #[test]
    fn a_peer_that_is_up_is_asked_whether_it_is_alive() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        let old = link("a@h.x", 1, false);
        assert!(matches!(peers.established(&us, &old), Verdict::Up));
        assert_eq!(peers.knock(&us, &name("a@h.x")), Decision::Alive);
        let new = link("a@h.x", 2, false);
        let Verdict::After(found) = peers.established(&us, &new) else {
            panic!("a restarted peer replaces its earlier life")
        };
        assert!(Arc::ptr_eq(&found, &old));
        peers.gone(&old);
        assert!(matches!(peers.established(&us, &new), Verdict::Up));
        peers.gone(&old);
        assert!(peers.link(&new.atom).is_some(), "the end of the old one is not the new one's");
    }

    #[test]
    fn of_two_connections_both_sides_keep_the_same_one() {
        // Seen from m and from a: the connection that m dialled is to stay, for m is the greater.
        let peers = Peers::default();
        assert!(matches!(peers.established(&name("m@h.x"), &link("a@h.x", 1, true)), Verdict::Up));
        let late = peers.established(&name("m@h.x"), &link("a@h.x", 1, false));
        assert!(matches!(late, Verdict::Lost));
        let peers = Peers::default();
        assert!(matches!(peers.established(&name("a@h.x"), &link("m@h.x", 1, true)), Verdict::Up));
        let late = peers.established(&name("a@h.x"), &link("m@h.x", 1, false));
        assert!(matches!(late, Verdict::After(_)));
    }

    #[tokio::test]
    async fn who_waits_learns_why_dialling_failed() {
        let (them, peers) = (name("a@h.x"), Peers::default());
        let Want::Dial(mut changes) = peers.want(&them) else { panic!("nobody dials yet") };
        changes.borrow_and_update();
        peers.dialled(&them, Some(ConnectError::Shutdown));
        assert!(changes.changed().await.is_ok());
        assert!(matches!(*changes.borrow(), Some(ConnectError::Shutdown)));
        assert!(peers.is_empty());
    }
}
