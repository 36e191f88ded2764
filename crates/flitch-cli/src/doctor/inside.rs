//! What a node says once it is connected to: visibility, release, tick, clock, `global`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flitch::{Atom, Term};

use super::{Report, Step, releases};
use crate::failure::Failure;
use crate::remote::{Remote, count, list, unexpected};

/// The steps that need a link.
pub(crate) const STEPS: [&str; 5] = ["visibility", "release", "tick", "clock", "global"];

/// Clocks that differ by more confuse those who compare logs, and what expires by the clock.
const CLOCKS: Duration = Duration::from_secs(2);

/// How many messages may wait for a process that a cluster leans on.
const QUEUE: u64 = 100;

/// How many nodes are asked whom they see.
const MOST_NODES: usize = 64;

/// Asks for all of it; a question that fails is a failure of its step, and the others are asked
/// all the same.
pub(crate) async fn look(report: &mut Report, remote: &Remote<'_>, ticktime: Duration) {
    let steps = [
        visibility(remote).await,
        release(remote).await,
        tick(remote, ticktime).await,
        clock(remote).await,
        global(remote).await,
    ];
    for (name, step) in STEPS.into_iter().zip(steps) {
        match step {
            Ok(step) => report.add(step),
            Err(failure) => report.fail(name, &failure, None),
        }
    }
}

async fn visibility(remote: &Remote<'_>) -> Result<Step, Failure> {
    let hidden = list(&remote.call("erlang", "nodes", &[Term::atom("hidden")]).await?)?;
    let us = remote.client.node.name();
    if hidden.iter().any(|node| node.is_atom(us.as_str())) {
        let seen = format!("it counts this command as the hidden node {us}, until it ends");
        return Ok(Step::ok("visibility", seen));
    }
    Ok(Step::warn(
        "visibility",
        format!("{us} is not among its hidden nodes, though the link is up"),
        "look into its log: something there closes or hides the connection",
    ))
}

async fn release(remote: &Remote<'_>) -> Result<Step, Failure> {
    let release = remote.call("erlang", "system_info", &[Term::atom("otp_release")]).await?;
    let release = release.to_charlist().ok_or_else(|| unexpected("release"))?;
    let loaded = list(&remote.call("application", "loaded_applications", &[]).await?)?;
    let ssh = loaded.iter().find_map(|loaded| match loaded.as_tuple()? {
        [name, _, version] if name.is_atom("ssh") => version.to_charlist(),
        _ => None,
    });
    Ok(releases::judge(&release, ssh.as_deref()))
}

async fn tick(remote: &Remote<'_>, ours: Duration) -> Result<Step, Failure> {
    let answer = remote.call("net_kernel", "get_net_ticktime", &[]).await?;
    // `{ongoing_change_to, NewNetTicktime}` while it changes.
    let seconds = match answer.as_tuple() {
        Some([_, new]) => count(new),
        _ => count(&answer),
    };
    let Some(seconds) = seconds else {
        return Ok(Step::skipped("tick", "the node has no net_ticktime"));
    };
    Ok(ticktimes(Duration::from_secs(seconds), ours))
}

/// A peer that ticks less often than the other side expects is taken for gone again and again.
fn ticktimes(theirs: Duration, ours: Duration) -> Step {
    let seen = format!("net_ticktime is {} s there", theirs.as_secs());
    if theirs == ours {
        return Step::ok("tick", format!("{seen}, and here"));
    }
    Step::warn(
        "tick",
        format!("{seen}, and {} s here", ours.as_secs_f64()),
        format!(
            "a `flitch node` of this configuration needs --net-ticktime {}, or that node -kernel \
             net_ticktime {}",
            theirs.as_secs(),
            ours.as_secs_f64()
        ),
    )
}

async fn clock(remote: &Remote<'_>) -> Result<Step, Failure> {
    let (start, before) = (Instant::now(), SystemTime::now());
    let theirs = remote.call("os", "system_time", &[Term::atom("millisecond")]).await?;
    let way = start.elapsed() / 2;
    let theirs = count(&theirs).map(Duration::from_millis).ok_or_else(|| unexpected("time"))?;
    let ours = before.duration_since(UNIX_EPOCH).unwrap_or_default() + way;
    let apart = theirs.abs_diff(ours);
    if apart <= CLOCKS {
        let seen = format!("within {} ms of ours", apart.as_millis().max(1));
        return Ok(Step::ok("clock", seen));
    }
    let side = if theirs > ours { "ahead of" } else { "behind" };
    Ok(Step::warn(
        "clock",
        format!("{:.1} s {side} ours", apart.as_secs_f64()),
        "let both hosts keep time by NTP: who compares their logs is misled",
    ))
}

/// Whether the processes that a cluster leans on keep up, and all its nodes see each other.
async fn global(remote: &Remote<'_>) -> Result<Step, Failure> {
    for name in ["global_name_server", "net_kernel"] {
        let registered = Term::from(Atom::from_static(name));
        let pid = remote.call("erlang", "whereis", &[registered]).await?;
        let asked = [pid, Term::atom("message_queue_len")];
        let length = remote.attempt("erlang", "process_info", &asked).await?;
        let length = length.as_ref().and_then(Term::as_tuple).and_then(|pair| pair.get(1)?.into());
        match length.and_then(count) {
            None => {
                let change = "restart the node: without it, names and connections are stuck";
                return Ok(Step::warn("global", format!("{name} does not run"), change));
            }
            Some(length) if length > QUEUE => {
                let seen = format!("{length} messages wait for {name}");
                let change = "look at what it waits for: flitch inspect NODE global_name_server";
                return Ok(Step::warn("global", seen, change));
            }
            Some(_) => {}
        }
    }
    let own = remote.call("erlang", "node", &[]).await?;
    let mut nodes = list(&remote.call("erlang", "nodes", &[Term::atom("visible")]).await?)?;
    if nodes.len() >= MOST_NODES {
        let seen = format!("it sees {} nodes, too many to ask: see flitch nodes", nodes.len());
        return Ok(Step::skipped("global", seen));
    }
    nodes.push(own);
    let answers = remote.seen_by(&nodes, remote.left().as_millis() / 2).await?;
    Ok(mesh(&nodes, &answers))
}

/// Whether each node of a cluster sees all others.
fn mesh(nodes: &[Term], answers: &[Term]) -> Step {
    let mut gaps = Vec::new();
    for (node, answer) in nodes.iter().zip(answers) {
        let name = node.as_atom().map_or("?", Atom::as_str);
        let Some([_, sees]) = answer.as_tuple().filter(|it| it.first().is_some_and(is_ok)) else {
            gaps.push(format!("{name} does not answer"));
            continue;
        };
        let sees = sees.as_list().unwrap_or_default();
        let missed = nodes.iter().filter(|other| *other != node && !sees.contains(other));
        let missed: Vec<&str> = missed.filter_map(|it| Some(it.as_atom()?.as_str())).collect();
        if !missed.is_empty() {
            gaps.push(format!("{name} does not see {}", missed.join(", ")));
        }
    }
    if gaps.is_empty() {
        let count = nodes.len();
        return Step::ok("global", format!("nodes that see each other: {count}; nothing waits"));
    }
    Step::warn(
        "global",
        gaps.join("; "),
        "names in global, and pg's groups, differ from node to node: reconnect them, and see flitch \
         nodes",
    )
}

fn is_ok(term: &Term) -> bool {
    term.is_atom("ok")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn atoms(names: &[&'static str]) -> Vec<Term> {
        names.iter().map(|name| Term::atom(name)).collect()
    }

    fn sees(names: &[&'static str]) -> Term {
        Term::from((Term::atom("ok"), Term::from(atoms(names))))
    }

    #[test]
    fn a_cluster_in_which_one_does_not_see_another_is_told_with_both() {
        let nodes = atoms(&["a@h", "b@h", "c@h"]);
        let whole = [sees(&["b@h", "c@h"]), sees(&["a@h", "c@h"]), sees(&["a@h", "b@h"])];
        assert_eq!(mesh(&nodes, &whole).verdict, Verdict::Ok);
        let gap = [sees(&["b@h", "c@h"]), sees(&["a@h"]), Term::from((Term::atom("error"), 1))];
        let step = mesh(&nodes, &gap);
        assert_eq!(step.verdict, Verdict::Warn);
        assert_eq!(step.seen, "b@h does not see c@h; c@h does not answer");
    }

    #[test]
    fn ticktimes_that_differ_are_told_with_what_would_make_them_alike() {
        let second = Duration::from_secs(1);
        assert_eq!(ticktimes(60 * second, 60 * second).verdict, Verdict::Ok);
        let step = ticktimes(15 * second, 60 * second);
        assert_eq!(step.verdict, Verdict::Warn);
        assert!(step.change.unwrap().contains("--net-ticktime 15"));
    }
}
