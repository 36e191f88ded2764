//! The steps to a node: its name, the addresses of its host, EPMD, the port, and the handshake as
//! far as it needs no cookie.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use flitch::epmd::client::ClientError;
use flitch::epmd::{address, client};
use flitch::handshake::Flags;
use flitch::{Introduction, NameKind, NodeName};

use super::{Report, Step};
use crate::client::{names_nobody, resolve};
use crate::config::Target;
use crate::deadline::Deadline;
use crate::failure::{Failure, Stage};
use crate::out::text::milliseconds;
use crate::reach::{local_address, look_up, meet};

/// The steps that come after one that failed.
pub(crate) const STEPS: [&str; 5] = ["dns", "epmd", "tcp", "status", "flags"];

/// How long an EPMD may take to answer at an address where it need not be.
const GLANCE: Duration = Duration::from_millis(300);

/// Walks to the node, as far as it goes. Gives the name to connect to, if that is worth a try.
pub(crate) async fn walk(
    report: &mut Report,
    target: &Target,
    deadline: &Deadline,
) -> Option<NodeName> {
    name(report, target);
    let addresses = match find(report, target, deadline).await {
        Ok(addresses) => addresses,
        Err(step) => {
            let from = STEPS.iter().position(|it| *it == step).map_or(0, |at| at + 1);
            report.skip(STEPS.get(from..).unwrap_or_default());
            return None;
        }
    };
    if !tcp(report, &addresses, deadline).await {
        report.skip(&["status", "flags"]);
        return None;
    }
    match meet(&addresses, deadline).await {
        Ok((there, _)) => introduced(report, target, &there),
        // A node of our own name has to be tried, which only the link itself does.
        Err(error) if names_nobody(&error) && target.node.is_some() => {
            let seen = "it gives no names, as nodes other than BEAMs do not";
            report.add(Step::skipped("status", seen));
            report.add(Step::skipped("flags", "seen only with a name of our own"));
            target.node.clone()
        }
        Err(error) => {
            let change = "see that a node, without TLS, listens on that port; what listens there \
                          may also be something else";
            report.fail("status", &Failure::from(&error), Some(change.to_owned()));
            report.skip(&["flags"]);
            None
        }
    }
}

fn name(report: &mut Report, target: &Target) {
    let Some(node) = &target.node else {
        report.add(Step::ok("name", "any: the node at the address states its own"));
        return;
    };
    let kind = match node.kind() {
        NameKind::Long => "a long name: nodes with short names cannot connect to it",
        NameKind::Short => "a short name: nodes with long names cannot connect to it",
    };
    report.add(Step::ok("name", format!("{node} is {kind}")));
}

/// Where the node listens, or the step that failed.
async fn find(
    report: &mut Report,
    target: &Target,
    deadline: &Deadline,
) -> Result<Vec<SocketAddr>, &'static str> {
    let host = match (&target.address, &target.node) {
        (Some(place), _) => place.host.clone(),
        (None, Some(node)) => node.host().to_owned(),
        (None, None) => return Err("dns"),
    };
    let hosts = match resolve(&host, deadline).await {
        Ok(hosts) => hosts,
        Err(failure) => {
            let change = format!(
                "add {host:?} to the DNS or to /etc/hosts, or give --address HOST:PORT with an \
                 address that leads there"
            );
            report.fail("dns", &failure, Some(change));
            return Err("dns");
        }
    };
    let shown: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    report.add(Step::ok("dns", format!("{host}: {}", shown.join(", "))));
    let port = target.address.as_ref().map(|place| place.port).or(target.port);
    if let Some(port) = port {
        report.add(Step::skipped("epmd", format!("not asked: the port is given, {port}")));
        return Ok(hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect());
    }
    match &target.node {
        Some(node) => epmd(report, node, &hosts, deadline).await.map(|found| vec![found]),
        None => Err("epmd"),
    }
}

async fn epmd(
    report: &mut Report,
    node: &NodeName,
    hosts: &[IpAddr],
    deadline: &Deadline,
) -> Result<SocketAddr, &'static str> {
    let port = match address::port_from_env() {
        Ok(port) => port,
        Err(error) => {
            report.fail("epmd", &Failure::usage(error.to_string()), None);
            return Err("epmd");
        }
    };
    let found = match look_up(node, hosts, port, deadline).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let known = known(&error, deadline).await;
            report.fail("epmd", &Failure::from(&error), known);
            return Err("epmd");
        }
        Err(failure) => {
            report.fail("epmd", &failure, None);
            return Err("epmd");
        }
    };
    let seen = format!("{} is on port {}", node.alive(), found.port());
    report.add(match open_to(found.ip(), port, deadline).await {
        None => Step::ok("epmd", seen),
        Some(at) => Step::warn(
            "epmd",
            format!("{seen}; EPMD also answers at {at}, and names every node to whoever asks"),
            "start it with ERL_EPMD_ADDRESS=127.0.0.1 or the address of the cluster's network, or \
             close its port in the firewall",
        ),
    });
    Ok(found)
}

/// What an EPMD knows that does not know the node.
async fn known(error: &ClientError, deadline: &Deadline) -> Option<String> {
    let ClientError::NotRegistered { epmd, .. } = error else { return None };
    let answer = client::names(*epmd, deadline.left(Instant::now())).await.ok()?;
    let names: Vec<&str> = answer.names.iter().map(|it| it.name.as_str()).take(20).collect();
    Some(match names.as_slice() {
        [] => "no node is registered there: start it, or see whether it runs with another EPMD \
               (ERL_EPMD_PORT) or without one (--dist-port)"
            .to_owned(),
        names => format!("registered there: {}: compare the spelling", names.join(", ")),
    })
}

/// Where the EPMD of a node answers that need not: at the address to the outside for a node on
/// loopback, at an address of the internet for any.
async fn open_to(host: IpAddr, port: u16, deadline: &Deadline) -> Option<IpAddr> {
    if !host.to_canonical().is_loopback() {
        return is_public(host).then_some(host);
    }
    // Of the networks for documentation: the route to it is the one to the outside.
    let outside = local_address(Ipv4Addr::new(192, 0, 2, 1).into());
    let time = GLANCE.min(deadline.left(Instant::now()));
    let answers = client::names(address::at(outside, port), time).await.is_ok();
    (!outside.is_loopback() && answers).then_some(outside)
}

/// Whether an address is one of the internet, as far as that can be told from it.
fn is_public(host: IpAddr) -> bool {
    let own = match host.to_canonical() {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10 is what providers share.
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            shared || v4.is_private() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    !own && !host.to_canonical().is_loopback()
}

async fn tcp(report: &mut Report, addresses: &[SocketAddr], deadline: &Deadline) -> bool {
    let mut failed = Vec::new();
    for address in addresses {
        let start = Instant::now();
        match deadline.limit(client::connect(*address)).await {
            Ok(Ok(_)) => {
                let time = milliseconds(start.elapsed());
                report.add(Step::ok("tcp", format!("{address} answers in {time}")));
                return true;
            }
            Ok(Err(error)) => failed.push(Failure::new(Stage::Tcp, format!("{address}: {error}"))),
            Err(_) => failed.push(Failure::timeout(
                Stage::Tcp,
                format!("{address} did not answer within {:?}", deadline.timeout),
            )),
        }
    }
    let change = "let packets to that port through (firewalls, network policies), or fix the \
                  node's port with -kernel inet_dist_listen_min and inet_dist_listen_max; if it \
                  listens on another address, see -kernel inet_dist_use_interface";
    let nowhere = Failure::new(Stage::Tcp, "there is no address to try");
    report.fail("tcp", failed.first().unwrap_or(&nowhere), Some(change.to_owned()));
    false
}

/// The handshake as far as both sides have named themselves.
fn introduced(report: &mut Report, target: &Target, there: &Introduction) -> Option<NodeName> {
    let named = match &target.node {
        Some(node) if *node != there.name && !target.any_name => {
            let message = format!("the node there calls itself {}, and not {node}", there.name);
            let change = "ask for it by that name, or give --any-name; if it is the wrong node, \
                          look at the address, the port and what EPMD says";
            let failure = Failure::new(Stage::Handshake, message);
            report.fail("status", &failure, Some(change.to_owned()));
            false
        }
        _ => {
            report.add(Step::ok("status", format!("{} lets us knock", there.name)));
            true
        }
    };
    let missing = Flags::REQUIRED.without(there.flags);
    if !missing.is_empty() {
        let message = format!("{} does not offer {missing}", there.name);
        let failure = Failure::new(Stage::Handshake, message);
        report.fail("flags", &failure, Some("run OTP 25 or later there".to_owned()));
        return None;
    }
    // Not whether it is visible: a BEAM states itself hidden to whoever is.
    let without = Flags::OFFERED.without(there.flags);
    let seen = match without.is_empty() {
        true => "it offers all that this program uses".to_owned(),
        false => format!("it offers what is needed; what it has not: {without}"),
    };
    report.add(Step::ok("flags", seen));
    named.then(|| there.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_the_internet_is_public() {
        for host in
            ["127.0.0.1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "::1", "fd00::7", "fe80::1"]
        {
            assert!(!is_public(host.parse().unwrap()), "{host}");
        }
        for host in ["8.8.8.8", "100.128.0.1", "2001:4860::1", "::ffff:8.8.8.8"] {
            assert!(is_public(host.parse().unwrap()), "{host}");
        }
    }

    #[test]
    fn a_node_of_another_name_is_a_failure_that_says_both() {
        let target = |any_name| Target {
            node: Some("app@h.x".parse().unwrap()),
            any_name,
            cookie_file: None,
            port: None,
            address: None,
            own: None,
        };
        let there = Introduction {
            name: "db@h.x".parse().unwrap(),
            creation: flitch::Creation::new(7),
            flags: Flags::OFFERED,
        };
        let mut report = Report::new("app@h.x".to_owned());
        assert_eq!(introduced(&mut report, &target(false), &there), None);
        let seen = &report.steps[0].seen;
        assert!(seen.contains("db@h.x") && seen.contains("app@h.x"), "{seen}");
        assert_eq!(introduced(&mut report, &target(true), &there), Some(there.name.clone()));
        let old = Introduction { flags: Flags::NONE, ..there };
        assert_eq!(introduced(&mut report, &target(true), &old), None);
        assert!(report.steps.last().unwrap().seen.contains("MAP_TAG"));
    }
}
