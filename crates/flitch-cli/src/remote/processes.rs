//! The processes of a node: all of them by one number each, and a few of them closely.

use std::cmp::Reverse;

use flitch::etf::text::Syntax;
use flitch::{Pid, Term};
use serde::Serialize;

use super::{Remote, count, list};
use crate::failure::Failure;
use crate::out::ids;

/// A process as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: String,
    pub(crate) name: Option<String>,
    pub(crate) memory_bytes: u64,
    pub(crate) reductions: u64,
    pub(crate) message_queue_len: u64,
    pub(crate) status: Option<String>,
    pub(crate) current_function: Option<String>,
    pub(crate) initial_call: Option<String>,
    pub(crate) label: Option<String>,
}

/// Beyond this much memory a process may have a dictionary that is too large to be copied for one
/// of its keys, which is what releases before OTP 27 do.
const SMALL: u64 = 4 << 20;

/// What is asked about each process that is shown. It never is `messages`.
const ITEMS: [&str; 7] = [
    "registered_name",
    "memory",
    "reductions",
    "message_queue_len",
    "status",
    "current_function",
    "initial_call",
];

impl Remote<'_> {
    /// How many processes there are, and those that have the most of `item`, the most first.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn top(
        &self,
        item: &'static str,
        most: usize,
    ) -> Result<(usize, Vec<Term>), Failure> {
        let all = list(&self.call("erlang", "processes", &[]).await?)?;
        let found = self.each("erlang", "process_info", &all, &Term::atom(item)).await?;
        let total = all.len();
        Ok((total, highest(all, &found, most)))
    }

    /// These processes, but those that have ended, in their order.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn processes(
        &self,
        pids: &[Term],
        syntax: Syntax,
    ) -> Result<Vec<Process>, Failure> {
        let items: Vec<_> = ITEMS.into_iter().map(Term::atom).collect();
        let found = self.each("erlang", "process_info", pids, &Term::from(items)).await?;
        let mut seen: Vec<_> = pids
            .iter()
            .zip(&found)
            .filter_map(|(pid, info)| Some((pid.clone(), Process::of(as_pid(pid)?, info, syntax)?)))
            .collect();
        self.explain(&mut seen, syntax).await?;
        Ok(seen.into_iter().map(|(_, process)| process).collect())
    }

    /// What `proc_lib` and programs have noted about processes, in their dictionaries.
    async fn explain(&self, seen: &mut [(Term, Process)], syntax: Syntax) -> Result<(), Failure> {
        if self.reads_one_key().await? {
            let keys = ["$initial_call", "$process_label"].map(key);
            let pids: Vec<_> = seen.iter().map(|(pid, _)| pid.clone()).collect();
            let keys = Term::from(Vec::from(keys));
            let found = self.each("erlang", "process_info", &pids, &keys).await?;
            for ((_, process), info) in seen.iter_mut().zip(&found) {
                let values = values(info);
                if let Some(call) = values.first().and_then(|call| ids::function(syntax, call)) {
                    process.initial_call = Some(call);
                }
                process.label =
                    values.get(1).filter(|label| !label.is_atom("undefined")).map(|label| {
                        label.as_str().map_or_else(|| ids::term(syntax, label), str::to_owned)
                    });
            }
            return Ok(());
        }
        let small = seen.iter().enumerate().filter(|(_, (_, it))| it.memory_bytes <= SMALL);
        let small: Vec<_> = small.map(|(at, (pid, _))| (at, pid.clone())).collect();
        let pids = small.iter().map(|(_, pid)| pid.clone()).collect();
        let calls = self.map("proc_lib", "translate_initial_call", pids).await?;
        for ((at, _), call) in small.iter().zip(&calls) {
            let Some((_, process)) = seen.get_mut(*at) else { continue };
            // What was started without proc_lib has no better name than it had.
            let call = ids::function(syntax, call);
            process.initial_call = call.or(process.initial_call.take());
        }
        Ok(())
    }

    /// Whether `{dictionary, Key}` reads one value: from OTP 27 on.
    pub(crate) async fn reads_one_key(&self) -> Result<bool, Failure> {
        let release = self.call("erlang", "system_info", &[Term::atom("otp_release")]).await?;
        let release = release.to_charlist().and_then(|text| text.parse().ok());
        Ok(release.is_some_and(|release: u32| release >= 27))
    }
}

/// `{dictionary, Key}`
pub(crate) fn key(key: &'static str) -> Term {
    Term::from((Term::atom("dictionary"), Term::atom(key)))
}

/// The values of what `process_info/2` gives for a list, in its order.
pub(crate) fn values(info: &Term) -> Vec<&Term> {
    let pairs = info.as_list().unwrap_or_default().iter();
    pairs.filter_map(|pair| pair.as_tuple()?.get(1)).collect()
}

fn as_pid(term: &Term) -> Option<&Pid> {
    match term {
        Term::Pid(pid) => Some(pid),
        _ => None,
    }
}

/// Of `things`, those with the highest numbers in `{_, Number}` beside them; the older first where
/// two are equal.
fn highest(things: Vec<Term>, numbers: &[Term], most: usize) -> Vec<Term> {
    let number = |info: &Term| count(info.as_tuple()?.get(1)?);
    let numbers = numbers.iter().map(number);
    let mut all: Vec<_> =
        things.into_iter().zip(numbers).filter_map(|(it, number)| Some((number?, it))).collect();
    all.sort_by_key(|(number, _)| Reverse(*number));
    all.truncate(most);
    all.into_iter().map(|(_, thing)| thing).collect()
}

impl Process {
    /// A process from the values of [`ITEMS`]; nothing, if it has ended.
    fn of(pid: &Pid, info: &Term, syntax: Syntax) -> Option<Self> {
        let [name, memory, reductions, queue, status, current, initial] = values(info)[..] else {
            return None;
        };
        Some(Self {
            pid: ids::pid(pid),
            name: name.as_atom().map(|_| ids::term(syntax, name)),
            memory_bytes: count(memory)?,
            reductions: count(reductions)?,
            message_queue_len: count(queue)?,
            status: status.as_atom().map(|status| status.as_str().to_owned()),
            current_function: ids::function(syntax, current),
            initial_call: ids::function(syntax, initial),
            label: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use flitch::Atom;
    use flitch::etf::text::parse;

    use super::*;

    fn term(text: &str) -> Term {
        parse(Syntax::Erlang, text).unwrap()
    }

    /// As OTP 25 answers for `kernel_sup`.
    const INFO: &str = "[{registered_name,kernel_sup},{memory,22088},{reductions,1861},
        {message_queue_len,0},{status,waiting},{current_function,{gen_server,loop,7}},
        {initial_call,{proc_lib,init_p,5}}]";

    #[test]
    fn a_process_is_read_from_what_the_beam_says_about_it() {
        let pid = Pid { node: Atom::new("a@b.c").unwrap(), id: 49, serial: 0, creation: 1 };
        let process = Process::of(&pid, &term(INFO), Syntax::Erlang).unwrap();
        assert_eq!((process.pid.as_str(), process.memory_bytes), ("<0.49.0>", 22088));
        assert_eq!(process.name.as_deref(), Some("kernel_sup"));
        assert_eq!(process.current_function.as_deref(), Some("gen_server:loop/7"));
        let elixir = Process::of(&pid, &term(INFO), Syntax::Elixir).unwrap();
        assert_eq!(elixir.name.as_deref(), Some(":kernel_sup"));
    }

    #[test]
    fn a_process_that_ended_meanwhile_is_left_out() {
        let pid = Pid { node: Atom::new("a@b.c").unwrap(), id: 49, serial: 0, creation: 1 };
        assert_eq!(Process::of(&pid, &Term::atom("undefined"), Syntax::Erlang), None);
    }

    #[test]
    fn the_highest_come_first_and_what_has_ended_does_not_come() {
        let things = (0..4).map(Term::from).collect();
        let numbers: Vec<_> =
            ["{memory,5}", "undefined", "{memory,7}", "{memory,5}"].map(term).into();
        assert_eq!(highest(things, &numbers, 2), [Term::from(2), Term::from(0)]);
    }

    #[test]
    fn messages_are_never_asked_for() {
        assert!(!ITEMS.contains(&"messages") && !ITEMS.contains(&"dictionary"));
    }
}
