//! Who is connected to whom: by the logs of the pods, which tell of every change, and by asking them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::flitch;
use crate::lab::fields::list;
use crate::lab::network::GATEWAY;
use crate::lab::pod::Pod;
use crate::lab::run::attempt;

/// What kind of node a pod runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Elixir release.
    Elixir,
    /// The worker.
    Rust,
}

/// The kind of node that a pod runs; none if it runs something else.
#[must_use]
pub fn kind(pod: &Pod) -> Option<Kind> {
    match pod.manifest()["spec"]["containers"][0]["image"].as_str() {
        Some("ex-cluster") => Some(Kind::Elixir),
        Some("flitch-worker") => Some(Kind::Rust),
        _ => None,
    }
}

/// The name of the node in a pod, by the rules of `rel/env.sh`; none before it has an address.
#[must_use]
pub fn node(pod: &Pod) -> Option<String> {
    let (spec, env) = (&pod.manifest()["spec"], |name| variable(pod, name));
    let addresses = pod.seen().addresses?;
    let base = env("RELEASE_NAME").unwrap_or(match kind(pod)? {
        Kind::Elixir => "ex_cluster",
        Kind::Rust => "worker",
    });
    let ip = addresses.first().to_string();
    let host = match env("CLUSTER_MODE") {
        Some("dns") => {
            format!("{}.{}.pod.cluster.local", ip.replace(['.', ':'], "-"), pod.namespace())
        }
        Some("hostname") => {
            let domain = spec["subdomain"].as_str().unwrap_or_default();
            format!("{}.{domain}.{}.svc.cluster.local", pod.name(), pod.namespace())
        }
        _ => ip,
    };
    Some(format!("{base}@{host}"))
}

/// The port of a pod's node where there is no EPMD.
#[must_use]
pub fn fixed_port(pod: &Pod) -> Option<u16> {
    let none = variable(pod, "START_EPMD") == Some("false")
        || variable(pod, "FLITCH_NODE__EPMD") == Some("none");
    none.then_some(9100)
}

fn variable<'p>(pod: &'p Pod, name: &str) -> Option<&'p str> {
    let mut variables = list(&pod.manifest()["spec"]["containers"][0]["env"]);
    variables.find(|variable| variable["name"] == name)?["value"].as_str()
}

/// Whom a pod is connected to, by its log.
#[must_use]
pub fn logged(pod: &Pod) -> BTreeSet<String> {
    let mut peers = BTreeSet::new();
    let Some(log) = pod.seen().logs.last().map(|log| log.text()) else { return peers };
    for line in log.lines() {
        // The worker tells of each change, ExCluster.Observe of what there is after one.
        if let Some(peer) = peer(line, "peer is up") {
            peers.insert(peer.to_owned());
        } else if let Some(peer) = peer(line, "peer is down") {
            peers.remove(peer);
        } else if let Some((_, seen)) = line.split_once(" sees ") {
            peers = names(seen);
        }
    }
    peers
}

/// How often the log of a pod tells that a link with a worker at one of its ends went.
#[must_use]
pub fn losses(pod: &Pod) -> usize {
    let mut seen = BTreeSet::new();
    let mut losses = 0;
    for line in pod.text().lines() {
        if peer(line, "peer is down").is_some() {
            losses += 1;
        } else if let Some((_, hidden)) =
            line.split_once(" sees ").and_then(|(_, it)| it.split_once("], hidden "))
        {
            let now = names(hidden);
            losses += seen.difference(&now).count();
            seen = now;
        }
    }
    losses
}

/// Whom a node is connected to, asked as any node of the cluster would ask it: through its EPMD, or
/// at the port that all nodes have.
///
/// # Errors
/// What came of the question.
pub fn asked(
    kind: Kind,
    name: &str,
    cookie: &str,
    port: Option<u16>,
) -> Result<BTreeSet<String>, String> {
    let mut command = Command::new(flitch::binary());
    command
        .env("RELEASE_COOKIE", cookie)
        .envs(port.map(|port| ("ERL_DIST_PORT", port.to_string())));
    match kind {
        Kind::Elixir => command.args(["rpc", name, "erlang", "nodes", ":connected"]),
        Kind::Rust => command.args(["call", name, "flitch", ":info"]),
    };
    let answer = attempt(&mut command)?;
    Ok(names(match kind {
        Kind::Elixir => &answer,
        Kind::Rust => connected(&answer),
    }))
}

/// The peer that a line of the worker's log tells of.
fn peer<'l>(line: &'l str, what: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(what)?;
    rest.trim_start().strip_prefix("peer=")?.split(' ').next().filter(|name| !is_passing(name))
}

/// What `flitch :info` says of its links: it also tells of peers that are not up, and why.
fn connected(info: &str) -> &str {
    let nodes = info.split_once("nodes: [").and_then(|(_, rest)| rest.split_once(']'));
    nodes.map(|(nodes, _)| nodes).unwrap_or_default()
}

/// The nodes' names in an Elixir term: every quoted text with an `@`.
fn names(term: &str) -> BTreeSet<String> {
    let names =
        term.split('"').skip(1).step_by(2).filter(|name| name.contains('@') && !is_passing(name));
    names.map(str::to_owned).collect()
}

/// Whoever asks for the lab is a node too, for a moment, and not in a pod.
fn is_passing(name: &str) -> bool {
    name.strip_suffix(&GATEWAY.to_string()).is_some_and(|name| name.ends_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_up_is_no_link() {
        let info =
            r#"%{nodes: [:"a@10.0.0.1"], peers: %{"a@10.0.0.1": "up", "b@10.0.0.2": "unready"}}"#;
        assert_eq!(names(connected(info)), BTreeSet::from(["a@10.0.0.1".to_owned()]));
    }

    #[test]
    fn only_pods_are_peers() {
        let line = "T  INFO peer is up peer=ex_cluster@10.244.0.25 hidden=true";
        assert_eq!(peer(line, "peer is up"), Some("ex_cluster@10.244.0.25"));
        assert_eq!(peer("INFO peer is up peer=2VFZR@10.244.0.1 hidden=true", "peer is up"), None);
        let seen =
            r#"[:"ex_cluster@10.244.0.23"], hidden [:"2VFZR@10.244.0.1", :"worker@10.244.0.11"]"#;
        assert_eq!(
            names(seen).into_iter().collect::<Vec<_>>(),
            ["ex_cluster@10.244.0.23", "worker@10.244.0.11"]
        );
    }
}
