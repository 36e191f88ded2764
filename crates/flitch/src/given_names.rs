//! Names for nodes that ask for one (`erl -sname undefined`).
//!
//! A name that was used goes to the next node that asks from the same host, with the creation of
//! its next life, as `net_kernel` does it: every node of the cluster that meets a name keeps it in
//! its atom table for ever. (`net_kernel:generate_node_name/2`.)

use std::collections::HashMap;

use flitch_name::{Creation, NodeName};

/// A name that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: NodeName,
    pub(crate) creation: Creation,
    /// It had been given before.
    pub(crate) again: bool,
}

/// The names that were given and have come back.
#[derive(Default)]
pub(crate) struct GivenNames {
    free: HashMap<String, Vec<(NodeName, Creation)>>,
    count: usize,
}

impl GivenNames {
    /// How many names are kept for the next who ask.
    const LIMIT: usize = 1024;

    /// A name on a host: one that has come back, or a new one of `random`. `None` if no node on
    /// such a host can have a name.
    pub(crate) fn take(&mut self, host: &str, random: [u8; 12]) -> Option<Given> {
        if let Some(names) = self.free.get_mut(host) {
            let taken = names.pop();
            if names.is_empty() {
                self.free.remove(host);
            }
            if let Some((name, creation)) = taken {
                self.count -= 1;
                return Some(Given { name, creation, again: true });
            }
        }
        let (alive, creation) = random.split_at(8);
        let alive: String = alive.iter().map(|byte| format!("{byte:02X}")).collect();
        let creation = creation.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let name = format!("{alive}@{host}").parse().ok()?;
        Some(Given { name, creation: Creation::from_random(creation), again: false })
    }

    /// The node of that name is gone.
    pub(crate) fn give_back(&mut self, Given { name, creation, .. }: Given) {
        if self.count < Self::LIMIT {
            self.count += 1;
            let names = self.free.entry(name.host().to_owned()).or_default();
            names.push((name, creation.next()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gets_a_name_on_its_host_that_no_other_has() {
        let mut names = GivenNames::default();
        let one = names.take("10.0.0.7", [7; 12]).unwrap();
        assert_eq!(one.name.as_str(), "0707070707070707@10.0.0.7");
        assert_eq!((one.creation.value(), one.again), (0x0707_0707, false));
        let other = names.take("10.0.0.7", [0; 12]).unwrap();
        assert!(other.name != one.name && other.creation.value() > 3);
        assert!(names.take(&"x".repeat(250), [0; 12]).is_none());
    }

    #[test]
    fn a_name_that_came_back_is_given_again_as_another_life() {
        let mut names = GivenNames::default();
        let first = names.take("h.x", [7; 12]).unwrap();
        names.give_back(first.clone());
        assert_ne!(names.take("g.x", [8; 12]).unwrap().name, first.name, "it is of another host");
        let again = names.take("h.x", [9; 12]).unwrap();
        assert_eq!((again.name, again.creation), (first.name, first.creation.next()));
        assert!(again.again && names.free.is_empty() && names.count == 0);
    }

    #[test]
    fn no_more_names_are_kept_than_the_limit() {
        let mut names = GivenNames::default();
        for number in 0..5000 {
            names.give_back(of_host(number));
        }
        assert_eq!((names.free.len(), names.count), (GivenNames::LIMIT, GivenNames::LIMIT));
    }

    fn of_host(number: u32) -> Given {
        let name = format!("x@h{number}.x").parse().unwrap();
        Given { name, creation: Creation::new(9), again: false }
    }
}
