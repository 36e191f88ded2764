//! What the processes of a scope tell each other, in both shapes.
//!
//! Source: `pg.erl` of OTP 25 and 27 for the older shape, version 0; `pg.erl` and
//! `data_publisher.erl` of OTP 29 for version 1. OTP 29 reads both; OTP 25 ends its scope over a
//! message that it does not know, so that version 1 goes only to who has said that it speaks it.

use flitch_dist::Payload;
use flitch_etf::{DecodeError, Limits, Map, Pid, Term};

/// The newest version that this node speaks.
pub(crate) const NEWEST: u32 = 1;

/// A message between two processes of a scope. `peer` is who sends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) peer: Pid,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// "Here I am; who is there?"
    Discover { version: u32 },
    /// All groups that have members at the sender's node.
    Data { version: u32, groups: Vec<(Term, Vec<Pid>)> },
    /// Some of them have changed.
    Update(Vec<Change>),
}

/// Members that a group wins and loses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) group: Term,
    pub(crate) join: Vec<Pid>,
    pub(crate) leave: Vec<Pid>,
}

impl Message {
    /// Reads a message. `None` for one that is not of this protocol.
    ///
    /// # Errors
    /// It is no term.
    pub(crate) fn read(payload: &Payload) -> Result<Option<Self>, DecodeError> {
        Ok(Self::of_term(&payload.to_term(Limits::DEFAULT)?))
    }

    fn of_term(message: &Term) -> Option<Self> {
        let (tag, rest) = message.as_tagged()?;
        let (peer, body) = match (tag, rest) {
            ("discover", [peer]) => (peer, Body::Discover { version: 0 }),
            ("discover", [peer, version]) => (peer, Body::Discover { version: number(version)? }),
            ("$gen_cast", [cast]) => match cast.as_tagged()? {
                ("sync", [peer, groups]) => {
                    (peer, Body::Data { version: 0, groups: synced(peer.as_pid()?, groups)? })
                }
                ("local_data", [peer, version, groups]) => {
                    let groups = stated(peer.as_pid()?, groups)?;
                    (peer, Body::Data { version: number(version)?, groups })
                }
                _ => return None,
            },
            ("join", [peer, group, pids]) => {
                let join = members(peer.as_pid()?, pids)?;
                let change = Change { group: group.clone(), join, leave: Vec::new() };
                (peer, Body::Update(vec![change]))
            }
            ("leave", [peer, pids, groups]) => {
                let leave = members(peer.as_pid()?, pids)?;
                let left = |group: &Term| Change {
                    group: group.clone(),
                    join: Vec::new(),
                    leave: leave.clone(),
                };
                (peer, Body::Update(groups.as_list()?.iter().map(left).collect()))
            }
            ("update", [peer, changes]) => {
                let from = peer.as_pid()?;
                let changes = changes.as_list()?.iter().map(|it| changed(from, it));
                (peer, Body::Update(changes.collect::<Option<_>>()?))
            }
            _ => return None,
        };
        Some(Self { peer: peer.as_pid()?.clone(), body })
    }

    /// The messages that say this to one who speaks `version`.
    pub(crate) fn terms(&self, version: u32) -> Vec<Term> {
        let us = || Term::from(self.peer.clone());
        match (&self.body, version) {
            (Body::Discover { .. }, 0) => vec![(Term::atom("discover"), us()).into()],
            (Body::Discover { .. }, _) => vec![(Term::atom("discover"), us(), NEWEST).into()],
            (Body::Data { groups, .. }, 0) => {
                let groups = Term::from(groups.clone());
                vec![cast((Term::atom("sync"), us(), groups).into())]
            }
            (Body::Data { groups, .. }, _) => {
                let groups =
                    groups.iter().map(|(group, pids)| (group.clone(), pids.clone().into()));
                let groups = Term::from(groups.collect::<Map>());
                vec![cast((Term::atom("local_data"), us(), NEWEST, groups).into())]
            }
            (Body::Update(changes), 0) => self.joins_and_leaves(changes),
            (Body::Update(changes), _) => {
                let changes: Vec<_> = changes
                    .iter()
                    .map(|it| (it.group.clone(), it.join.clone(), it.leave.clone()))
                    .collect();
                vec![(Term::atom("update"), us(), Term::from(changes)).into()]
            }
        }
    }

    fn joins_and_leaves(&self, changes: &[Change]) -> Vec<Term> {
        let us = || Term::from(self.peer.clone());
        // One message for all groups that a process leaves when it ends.
        let same = changes.chunk_by(|one, next| one.leave == next.leave);
        let leaves = same.filter_map(|changes| {
            let pids = changes.first().map(|it| &it.leave).filter(|pids| !pids.is_empty())?;
            let groups: Vec<_> = changes.iter().map(|it| it.group.clone()).collect();
            Some(Term::from((Term::atom("leave"), us(), pids.clone(), groups)))
        });
        let joins = changes
            .iter()
            .filter(|it| !it.join.is_empty())
            .map(|it| Term::from((Term::atom("join"), us(), it.group.clone(), it.join.clone())));
        leaves.chain(joins).collect()
    }
}

fn cast(request: Term) -> Term {
    (Term::atom("$gen_cast"), request).into()
}

fn number(version: &Term) -> Option<u32> {
    u32::try_from(version.as_integer()?).ok()
}

/// A pid or a list of them. A scope speaks for the processes of its own node only.
fn members(peer: &Pid, pids: &Term) -> Option<Vec<Pid>> {
    let pids = match pids.as_pid() {
        Some(pid) => vec![pid],
        None => pids.as_list()?.iter().map(Term::as_pid).collect::<Option<_>>()?,
    };
    Some(pids.into_iter().filter(|pid| pid.node == peer.node).cloned().collect())
}

fn synced(peer: &Pid, groups: &Term) -> Option<Vec<(Term, Vec<Pid>)>> {
    let group = |entry: &Term| match entry.as_tuple()? {
        [group, pids] => Some((group.clone(), members(peer, pids)?)),
        _ => None,
    };
    groups.as_list()?.iter().map(group).collect()
}

fn stated(peer: &Pid, groups: &Term) -> Option<Vec<(Term, Vec<Pid>)>> {
    let group = |(group, pids): (&Term, &Term)| Some((group.clone(), members(peer, pids)?));
    groups.as_map()?.iter().map(group).collect()
}

fn changed(peer: &Pid, change: &Term) -> Option<Change> {
    match change.as_tuple()? {
        [group, join, leave] => Some(Change {
            group: group.clone(),
            join: members(peer, join)?,
            leave: members(peer, leave)?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::{Atom, write_term};

    use super::*;

    fn pid(node: &str, id: u32) -> Pid {
        Pid { node: Atom::new(node).unwrap(), id, serial: 0, creation: 1 }
    }

    fn reread(message: &Message, version: u32) -> Vec<Message> {
        let read = |term: &Term| {
            let payload = Payload::encode(|out| write_term(out, term)).unwrap();
            Message::read(&payload).unwrap().unwrap()
        };
        message.terms(version).iter().map(read).collect()
    }

    fn change(group: &str, join: &[u32], leave: &[u32]) -> Change {
        let pids = |ids: &[u32]| ids.iter().map(|id| pid("a@h", *id)).collect();
        Change { group: group.into(), join: pids(join), leave: pids(leave) }
    }

    #[test]
    fn what_is_written_is_read_in_both_shapes() {
        let groups = vec![(Term::from("g"), vec![pid("a@h", 1), pid("a@h", 1)])];
        for version in [0, 1] {
            for body in [
                Body::Discover { version },
                Body::Data { version, groups: groups.clone() },
                Body::Update(vec![change("g", &[1, 2], &[])]),
                Body::Update(vec![change("g", &[], &[2])]),
            ] {
                let message = Message { peer: pid("a@h", 9), body };
                assert_eq!(reread(&message, version), [message]);
            }
        }
    }

    #[test]
    fn the_end_of_a_process_in_many_groups_is_one_message_of_the_older_shape() {
        let body = Body::Update(vec![change("g", &[], &[1]), change("h", &[], &[1])]);
        let message = Message { peer: pid("a@h", 9), body };
        assert_eq!(reread(&message, 0), [message]);
    }

    #[test]
    fn the_older_shape_never_joins_nobody() {
        // OTP 25 would have a group without members by that.
        let body = Body::Update(vec![change("g", &[], &[1]), change("h", &[2], &[])]);
        let message = Message { peer: pid("a@h", 9), body };
        assert_eq!(message.terms(0).len(), 2);
    }

    #[test]
    fn a_scope_speaks_for_no_other_nodes_processes() {
        let pids = Term::from(vec![pid("a@h", 1), pid("b@h", 2)]);
        let join = (Term::atom("join"), pid("a@h", 9), "g", pids);
        let Some(Message { body: Body::Update(changes), .. }) = Message::of_term(&join.into())
        else {
            panic!("a join")
        };
        assert_eq!(changes, [change("g", &[1], &[])]);
    }

    #[test]
    fn what_is_no_message_of_the_protocol_is_none() {
        let peer = pid("a@h", 9);
        for term in [
            Term::from(1),
            Term::atom("discover"),
            (Term::atom("discover"), 7).into(),
            (Term::atom("discover"), peer.clone(), Term::atom("new")).into(),
            (Term::atom("join"), peer.clone(), "g", "nobody").into(),
            (Term::atom("join"), peer.clone(), "g", vec![Term::from(1)]).into(),
            (Term::atom("leave"), peer.clone(), peer.clone(), "g").into(),
            (Term::atom("update"), peer.clone(), vec![Term::from(1)]).into(),
            cast((Term::atom("sync"), peer.clone(), vec![Term::from(1)]).into()),
            cast((Term::atom("local_data"), peer, 1, Term::empty_list()).into()),
        ] {
            assert_eq!(Message::of_term(&term), None, "{term:?}");
        }
    }
}
