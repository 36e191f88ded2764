//! Who is in which group. A process that joins twice is in it twice, and leaves it twice.

use std::collections::HashMap;

use flitch_etf::{Pid, Term};

use crate::weight::{detached, weight};

/// Groups and their members. A group without members is none.
#[derive(Default)]
pub(crate) struct Groups {
    members: HashMap<Term, Vec<Pid>>,
    weight: usize,
}

impl Groups {
    /// Bytes of a membership.
    const MEMBER: usize = 64;
    /// Bytes of a group beside its members and its name.
    const GROUP: usize = 128;

    pub(crate) fn join(&mut self, group: &Term, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        match self.members.get_mut(group) {
            Some(members) => members.extend_from_slice(pids),
            None => {
                self.weight += Self::weight_of(group);
                self.members.insert(detached(group), pids.to_vec());
            }
        }
        self.weight += pids.len() * Self::MEMBER;
    }

    /// Takes each of these out once. Gives those who were there.
    pub(crate) fn leave(&mut self, group: &Term, pids: &[Pid]) -> Vec<Pid> {
        let Some(members) = self.members.get_mut(group) else { return Vec::new() };
        let left = take(members, pids);
        if members.is_empty() {
            self.members.remove(group);
            self.weight -= Self::weight_of(group);
        }
        self.weight -= left.len() * Self::MEMBER;
        left
    }

    pub(crate) fn members(&self, group: &Term) -> &[Pid] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Term, &Vec<Pid>)> {
        self.members.iter()
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    fn weight_of(group: &Term) -> usize {
        Self::GROUP + weight(group)
    }
}

/// Takes each of `gone` out of `pids` once, as `--` does in Erlang. Gives those who were there.
pub(crate) fn take(pids: &mut Vec<Pid>, gone: &[Pid]) -> Vec<Pid> {
    // A process ends, or leaves: no need for a table.
    if let [one] = gone {
        let at = pids.iter().position(|pid| pid == one);
        return at.map(|at| pids.remove(at)).into_iter().collect();
    }
    let mut wanted: HashMap<&Pid, usize> = HashMap::new();
    for pid in gone {
        *wanted.entry(pid).or_default() += 1;
    }
    let mut taken = Vec::new();
    pids.retain(|pid| match wanted.get_mut(pid) {
        Some(left) if *left > 0 => {
            *left -= 1;
            taken.push(pid.clone());
            false
        }
        _ => true,
    });
    taken
}

#[cfg(test)]
mod tests {
    use flitch_etf::Atom;

    use super::*;

    fn pid(id: u32) -> Pid {
        Pid { node: Atom::OK, id, serial: 0, creation: 1 }
    }

    #[test]
    fn who_joins_twice_leaves_twice() {
        let (mut groups, group) = (Groups::default(), Term::from("workers"));
        groups.join(&group, &[pid(1), pid(2), pid(1)]);
        assert_eq!(groups.leave(&group, &[pid(1)]), [pid(1)]);
        assert_eq!(groups.members(&group), [pid(2), pid(1)]);
        assert_eq!(groups.leave(&group, &[pid(3), pid(1), pid(1)]), [pid(1)]);
        assert_eq!(groups.members(&group), [pid(2)]);
    }

    #[test]
    fn a_group_without_members_is_none_and_weighs_nothing() {
        let (mut groups, group) = (Groups::default(), Term::from("workers"));
        groups.join(&group, &[]);
        assert_eq!(groups.iter().count(), 0);
        groups.join(&group, &[pid(1), pid(2)]);
        assert!(groups.weight() > 128);
        groups.leave(&group, &[pid(2), pid(1)]);
        assert_eq!((groups.iter().count(), groups.weight()), (0, 0));
    }
}
