//! A lost connection between two nodes parts the whole cluster in two, and never leaves some nodes
//! that see both: with overlapping partitions, names and locks of `global` go wrong.
//!
//! Source: `global.erl` of kernel, `lost_connection` and `remove_connection`; kernel's
//! `prevent_overlapping_partitions`.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use flitch_etf::{Atom, Term};

use super::locker::Letter;
use super::machine::{Machine, PREVENTS};
use super::output::Output;

/// How long we wait until we tell of a loss. When a node dies, the others notice it themselves in
/// this time, and nobody has to be warned; when only the connection between it and us is lost, its
/// own word counts first: it is us who are parted from the cluster then, and not it.
const OTHERS_FIRST: Duration = Duration::from_secs(1);
/// How long it may take until others tell us of a node that takes itself for one of us.
const NEWS: Duration = Duration::from_secs(5);
/// How long it is remembered that a loss was told of.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How many losses are remembered: of each pair of 128 nodes one.
pub(super) const MOST_TOLD: usize = 1 << 14;
/// How many losses of ours wait to be told of.
const MOST_OURS: usize = 1 << 10;

/// Losses that were told of: who lost whom, in which life, the how-manieth it was.
#[derive(Default)]
pub(super) struct Lost {
    told: HashMap<(Atom, Atom), (i64, i64, Instant)>,
    /// When the first of those may be forgotten.
    sweep: Option<Instant>,
    ours: Vec<Loss>,
}

/// What somebody tells of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Old,
    /// Others are to hear it from us too.
    Fresh,
    /// It counts, and there is no room to remember it. Two nodes that both told it on would go on
    /// telling one another.
    Untold,
}

/// What we have lost, when the others are told, and who of them has been there all the time. A node
/// that has come since has its own view, and may be right.
struct Loss {
    due: Instant,
    node: Atom,
    others: BTreeSet<Atom>,
}

impl Lost {
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.ours.iter().map(|loss| loss.due).chain(self.sweep).min()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if self.sweep.is_some_and(|sweep| sweep <= now) {
            self.told.retain(|_, (.., until)| *until > now);
            self.sweep = self.told.values().map(|(.., until)| *until).min();
        }
    }

    pub(super) fn forget_ours(&mut self) {
        self.ours.clear();
    }

    fn note(&mut self, pair: (Atom, Atom), life: i64, number: i64, now: Instant) -> News {
        match self.told.get(&pair) {
            Some((of, last, _)) if *of == life && number <= *last => return News::Old,
            None if self.told.len() >= MOST_TOLD => return News::Untold,
            _ => {}
        }
        let until = now + REMEMBERED;
        self.told.insert(pair, (life, number, until));
        self.sweep.get_or_insert(until);
        News::Fresh
    }
}

/// Why a node is no longer one of us.
#[derive(Clone, Copy, PartialEq)]
enum Parting {
    /// Its connection is to go, and will be seen to go.
    Removed,
    /// Its connection went.
    Lost,
}

impl Machine {
    /// A connection is gone, or could not be made.
    pub(super) fn lose(&mut self, node: &Atom) {
        self.part(node, Parting::Lost);
    }

    /// What is no cast and no call.
    pub(super) fn handle_info(&mut self, now: Instant, message: &Term) {
        self.now = now;
        if self.info_received(message).is_none() {
            tracing::warn!("`global` received a message that it does not know");
        }
        self.run();
    }

    pub(super) fn info_received(&mut self, message: &Term) -> Option<()> {
        match message.as_tagged()? {
            ("lost_connection", [node, life, number, lost]) => {
                let (node, lost) = (node.as_atom()?, lost.as_atom()?);
                let (life, number) = (life.as_integer()?, number.as_integer()?);
                self.lost_connection(node, (life, number), lost, message);
            }
            ("remove_connection", [node]) => {
                let node = node.as_atom()?;
                if self.is_one_of_us(node) {
                    tracing::warn!(%node, "`global` disconnects, to prevent overlapping partitions");
                    self.out.push_back(Output::Disconnect(node.clone()));
                    self.part(node, Parting::Removed);
                }
            }
            ("cancel_connect", [node, tag]) => self.connect_cancelled(node.as_atom()?, tag),
            ("init_connect_ack", [node, mine, his]) => {
                self.init_connect_ack(node.as_atom()?, mine, his);
            }
            _ => return None,
        }
        Some(())
    }

    fn lost_connection(&mut self, node: &Atom, which: (i64, i64), lost: &Atom, message: &Term) {
        if !self.prevent {
            return;
        }
        let (life, number) = which;
        match self.lost.note((node.clone(), lost.clone()), life, number, self.now) {
            News::Old => return,
            // Some may not have heard it from the one who has lost the connection.
            News::Fresh => self.tell_partition(message, node),
            News::Untold => tracing::error!("`global` is told of too many lost connections"),
        }
        // If it is us who was lost, all others let us go, and we have to let go only this one.
        let gone = if *lost == self.us { node } else { lost };
        if !self.is_one_of_us(gone) {
            return;
        }
        tracing::warn!(node = %gone, "`global` asks to be disconnected, to prevent overlapping partitions");
        if self.vsn(gone) < PREVENTS {
            self.out.push_back(Output::Disconnect(gone.clone()));
        } else {
            let us = self.us.clone();
            self.send(gone, (Term::atom("remove_connection"), us));
        }
        self.part(gone, Parting::Removed);
    }

    fn is_one_of_us(&self, node: &Atom) -> bool {
        self.known.contains_key(node) || self.pending.contains_key(node)
    }

    fn part(&mut self, node: &Atom, parting: Parting) {
        self.drop_session(node);
        self.locker.tell(Letter::Unknown(node.clone()));
        match parting {
            Parting::Removed => {
                self.removing.insert(node.clone());
            }
            Parting::Lost => {
                if !self.removing.remove(node) && self.prevent {
                    let others = self.partition_without(node);
                    self.lost.ours.retain(|loss| loss.node != *node);
                    let full = self.lost.ours.len() >= MOST_OURS;
                    let due = if full { self.now } else { self.now + OTHERS_FIRST };
                    self.lost.ours.push(Loss { due, node: node.clone(), others });
                    if full {
                        self.tell_losses();
                    }
                }
            }
        }
        for loss in &mut self.lost.ours {
            loss.others.remove(node);
        }
        self.known.remove(node);
        self.synced.remove(node);
    }

    /// Tells the others what we have lost, when it is time.
    pub(super) fn tell_losses(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lost.ours).into_iter().partition(|loss| loss.due <= now);
        self.lost.ours = later;
        for Loss { node, others, .. } in due {
            let up = self.up.contains(&node);
            if up && (self.known.contains_key(&node) || self.sessions.contains_key(&node)) {
                continue;
            }
            let number = self.next_number() as i64;
            let tag = Term::atom("lost_connection");
            let message =
                Term::from((tag, self.us.clone(), self.life, number, Term::from(node.clone())));
            for other in others {
                self.send(&other, message.clone());
            }
            if up {
                tracing::warn!(%node, "`global` disconnects one that it has missed the news of");
                self.out.push_back(Output::Disconnect(node.clone()));
                self.part(&node, Parting::Removed);
            }
        }
    }

    /// A node takes us for one of its partition, so others know it and are about to tell us. They
    /// have told us already if it was in the life of an earlier connection, the end of which we learn
    /// after that: then we have lost what they have told, nobody tells it again, and it begins anew.
    pub(super) fn expect_news_of(&mut self, node: &Atom) {
        if self.prevent && self.up.contains(node) && !self.known.contains_key(node) {
            let (due, others) = (self.now + NEWS, self.partition_without(node));
            self.is_back(node);
            self.lost.ours.push(Loss { due, node: node.clone(), others });
        }
    }

    /// A node is back before the others were told that we had lost it. It tells them itself.
    pub(super) fn is_back(&mut self, node: &Atom) {
        self.lost.ours.retain(|loss| loss.node != *node);
    }

    /// Tells all but one of our partition.
    fn tell_partition(&mut self, message: &Term, but: &Atom) {
        for node in self.partition_without(but) {
            self.send(&node, message.clone());
        }
    }

    /// All but one of our partition who prevent overlaps, those that negotiate included.
    fn partition_without(&self, but: &Atom) -> BTreeSet<Atom> {
        let all = self.known.iter().chain(&self.pending);
        let told = all.filter(|(node, vsn)| *node != but && **vsn >= PREVENTS);
        told.map(|(node, _)| node.clone()).collect()
    }
}
