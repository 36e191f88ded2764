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
use tokio_util::sync::CancellationToken;

use crate::connect_error::ConnectError;
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
    /// Somebody dials; cancelled when another connection has won.
    dialling: Option<CancellationToken>,
    /// Handshakes of this name that were answered `ok` and are under way.
    accepting: usize,
    /// Told whenever one of the above changes in a way that somebody may wait for; holds the
    /// error of the attempt to dial that has just failed, if that is the change.
    changes: watch::Sender<Option<ConnectError>>,
    /// What is to be bound to the next link before anything else goes over it.
    waiting: Vec<Bind>,
}

/// Binds something to a link. Runs under the table's lock.
pub(crate) type Bind = Box<dyn FnOnce(Option<&PeerLink>) + Send>;

impl Peer {
    fn live(&self) -> Option<&Arc<PeerLink>> {
        self.up.as_ref().filter(|link| !link.is_closing())
    }

    fn is_idle(&self) -> bool {
        self.up.is_none()
            && self.dialling.is_none()
            && self.accepting == 0
            && self.waiting.is_empty()
    }

    fn tell(&self, error: Option<ConnectError>) {
        self.changes.send_replace(error);
    }
}

/// What somebody who wants a link is to do.
pub(crate) enum Want {
    /// Here it is.
    Up(Arc<PeerLink>),
    /// An attempt is under way: look again when something changes.
    Wait(watch::Receiver<Option<ConnectError>>),
    /// Dial, and wait likewise. The table has it on record that somebody dials, and cancels the
    /// token when that has become pointless.
    Dial(watch::Receiver<Option<ConnectError>>, CancellationToken),
}

/// How an attempt to dial stands when the peer asks whether its link to us is dead.
pub(crate) enum Attempt {
    /// It is on record, and the peer's link is a leftover.
    Stands,
    /// Another connection is up.
    Lost,
    /// The peer, or somebody in its name, is coming in: look again when something changes.
    Contested(watch::Receiver<Option<ConnectError>>),
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

    /// Changes what is known of a node, and forgets it if nothing is left.
    fn update<R>(&self, name: &Atom, change: impl FnOnce(&mut Peer) -> R) -> R {
        let mut table = self.lock();
        let peer = table.entry(name.clone()).or_default();
        let result = change(peer);
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

    /// Somebody wants a link to a node. Who is `patient` gives a peer that is coming in the time
    /// to arrive. Its name is not proved yet, so nobody is patient for long.
    pub(crate) fn want(&self, name: &NodeName, patient: bool) -> Want {
        self.update(&node_atom(name), |peer| {
            if let Some(link) = peer.live() {
                return Want::Up(Arc::clone(link));
            }
            // A link that is going has to be gone first, lest its end be taken for the new one's.
            if peer.dialling.is_some() || peer.up.is_some() || (patient && peer.accepting > 0) {
                return Want::Wait(peer.changes.subscribe());
            }
            let lost = CancellationToken::new();
            peer.dialling = Some(lost.clone());
            // The error of an earlier attempt is not this one's.
            peer.tell(None);
            Want::Dial(peer.changes.subscribe(), lost)
        })
    }

    /// Binds something to the link to a node: now if it is up, else when it comes up, in the order
    /// of these calls and before anything that is sent. Whether it was now.
    pub(crate) fn bind(&self, node: &Atom, bind: Bind) -> bool {
        self.update(node, |peer| match peer.live() {
            Some(link) => {
                bind(Some(link));
                true
            }
            None => {
                peer.waiting.push(bind);
                false
            }
        })
    }

    /// Nothing comes up: what waits to be bound learns it.
    pub(crate) fn unbind(&self, node: &Atom) {
        self.update(node, |peer| {
            for bind in std::mem::take(&mut peer.waiting) {
                bind(None);
            }
        });
    }

    /// An attempt to dial is over.
    pub(crate) fn dialled(&self, name: &NodeName, error: Option<ConnectError>) {
        self.update(&node_atom(name), |peer| {
            peer.dialling = None;
            peer.tell(error.filter(|_| peer.up.is_none()));
        });
    }

    /// How our attempt to dial stands: what an initiator answers to `alive`.
    pub(crate) fn attempt(&self, name: &NodeName) -> Attempt {
        match self.lock().get(&node_atom(name)) {
            Some(Peer { up: Some(_), .. } | Peer { dialling: None, .. }) | None => Attempt::Lost,
            Some(peer) if peer.accepting > 0 => Attempt::Contested(peer.changes.subscribe()),
            Some(_) => Attempt::Stands,
        }
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
                Peer { dialling: Some(_), .. } if us > them => Decision::Nok,
                Peer { dialling: Some(_), .. } => Decision::OkSimultaneous,
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
        self.update(&node_atom(them), |peer| {
            peer.accepting = peer.accepting.saturating_sub(1);
            peer.tell(None);
        });
    }

    /// A connection has finished its handshake and wants to be the link.
    pub(crate) fn established(&self, us: &NodeName, link: &Arc<PeerLink>) -> Verdict {
        self.update(&link.atom, |peer| {
            let Some(old) = &peer.up else {
                for bind in std::mem::take(&mut peer.waiting) {
                    bind(Some(link));
                }
                if let Some(lost) = peer.dialling.as_ref().filter(|_| !link.dialled) {
                    lost.cancel();
                }
                peer.up = Some(Arc::clone(link));
                peer.tell(None);
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

    /// A link is gone. Whoever is told so finds it gone, and hears of no successor before.
    pub(crate) fn gone(&self, link: &Arc<PeerLink>, told: impl FnOnce()) {
        self.update(&link.atom, |peer| {
            if peer.up.as_ref().is_some_and(|up| Arc::ptr_eq(up, link)) {
                peer.up = None;
                peer.tell(None);
            }
            told();
        });
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use flitch_dist::BufferPool;
    use flitch_handshake::{Established, Flags, LocalNode};
    use flitch_name::Creation;

    use super::*;
    use crate::node::Settings;

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
        Arc::new(PeerLink::new(&established, dialled, &Settings::default(), BufferPool::new(0)))
    }

    #[test]
    fn both_dial_at_once_and_the_greater_name_wins() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        for (them, decision) in [("a@h.x", Decision::Nok), ("z@h.x", Decision::OkSimultaneous)] {
            assert!(matches!(peers.want(&name(them), true), Want::Dial(..)));
            assert_eq!(peers.knock(&us, &name(them)), decision);
        }
    }

    #[test]
    fn nobody_dials_while_a_peer_is_coming_in() {
        let (us, them, peers) = (name("m@h.x"), name("a@h.x"), Peers::default());
        assert_eq!(peers.knock(&us, &them), Decision::Ok);
        assert!(matches!(peers.want(&them, true), Want::Wait(_)));
        peers.accepted(&them);
        assert!(matches!(peers.want(&them, true), Want::Dial(..)));
        assert!(matches!(peers.want(&them, true), Want::Wait(_)), "one attempt serves all");
    }

    #[test]
    fn who_states_a_name_and_proves_nothing_cannot_keep_us_from_dialling_it() {
        let (us, them, peers) = (name("m@h.x"), name("a@h.x"), Peers::default());
        assert_eq!(peers.knock(&us, &them), Decision::Ok);
        assert!(matches!(peers.want(&them, false), Want::Dial(..)));
    }

    #[test]
    fn who_waits_is_woken_by_changes_and_not_by_others_who_begin_to_wait() {
        let (us, them, peers) = (name("m@h.x"), name("a@h.x"), Peers::default());
        let Want::Dial(first, _) = peers.want(&them, true) else { panic!("nobody dials yet") };
        let Want::Wait(second) = peers.want(&them, true) else { panic!("somebody dials") };
        assert!(!first.has_changed().unwrap() && !second.has_changed().unwrap());
        assert!(matches!(peers.established(&us, &link("a@h.x", 1, true)), Verdict::Up));
        assert!(first.has_changed().unwrap() && second.has_changed().unwrap());
    }

    #[test]
    fn the_error_of_an_earlier_attempt_is_not_taken_for_that_of_the_next() {
        let (us, them, peers) = (name("m@h.x"), name("a@h.x"), Peers::default());
        assert!(matches!(peers.want(&them, true), Want::Dial(..)));
        assert_eq!(peers.knock(&us, &them), Decision::Nok);
        let other = name("z@h.x");
        assert!(matches!(peers.want(&other, true), Want::Dial(..)));
        assert_eq!(peers.knock(&us, &other), Decision::OkSimultaneous);
        peers.dialled(&other, Some(ConnectError::Shutdown));
        let Want::Dial(changes, _) = peers.want(&other, false) else { panic!("nobody dials") };
        assert!(changes.borrow().is_none());
    }

    #[test]
    fn an_attempt_is_lost_to_a_link_and_contested_by_a_peer_that_comes_in() {
        let (us, them, peers) = (name("m@h.x"), name("z@h.x"), Peers::default());
        assert!(matches!(peers.attempt(&them), Attempt::Lost));
        let Want::Dial(_, lost) = peers.want(&them, true) else { panic!("nobody dials yet") };
        assert!(matches!(peers.attempt(&them), Attempt::Stands));
        assert_eq!(peers.knock(&us, &them), Decision::OkSimultaneous);
        assert!(matches!(peers.attempt(&them), Attempt::Contested(_)) && !lost.is_cancelled());
        assert!(matches!(peers.established(&us, &link("z@h.x", 1, false)), Verdict::Up));
        assert!(lost.is_cancelled());
        assert!(matches!(peers.attempt(&them), Attempt::Lost));
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
        peers.gone(&old, || {});
        assert!(matches!(peers.established(&us, &new), Verdict::Up));
        peers.gone(&old, || {});
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

    #[test]
    fn what_waits_for_a_link_is_bound_to_it_in_order_before_anybody_finds_it() {
        let (us, peers) = (name("m@h.x"), Peers::default());
        let link = link("a@h.x", 1, true);
        let bound = Arc::new(Mutex::new(Vec::new()));
        let bind = |number: u8| {
            let bound = Arc::clone(&bound);
            Box::new(move |link: Option<&PeerLink>| {
                bound.lock().unwrap().push((number, link.is_some()));
            })
        };
        assert!(!peers.bind(&link.atom, bind(1)) && !peers.bind(&link.atom, bind(2)));
        peers.unbind(&link.atom);
        assert!(peers.is_empty());
        assert!(!peers.bind(&link.atom, bind(3)) && !peers.bind(&link.atom, bind(4)));
        assert!(matches!(peers.established(&us, &link), Verdict::Up));
        assert!(peers.bind(&link.atom, bind(5)));
        let seen = [(1, false), (2, false), (3, true), (4, true), (5, true)];
        assert_eq!(*bound.lock().unwrap(), seen);
    }

    #[tokio::test]
    async fn who_waits_learns_why_dialling_failed() {
        let (them, peers) = (name("a@h.x"), Peers::default());
        let Want::Dial(mut changes, _) = peers.want(&them, true) else {
            panic!("nobody dials yet")
        };
        peers.dialled(&them, Some(ConnectError::Shutdown));
        assert!(changes.changed().await.is_ok());
        assert!(matches!(*changes.borrow(), Some(ConnectError::Shutdown)));
        assert!(peers.is_empty());
    }
}
