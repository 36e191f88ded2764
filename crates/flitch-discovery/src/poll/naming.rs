//! Who runs at an address: EPMD there says it, where the basename is not known.

use std::time::Duration;

use flitch_epmd::address;
use flitch_epmd::client::{self, ClientError};
use flitch_epmd::message::{MessageError, NamesResponse};
use flitch_name::NodePattern;

use crate::naming::{self, Naming, Place};
use crate::{DiscoveryError, Local, Observation, Problem};

use super::all;

/// How long one EPMD is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names the nodes of `places`, and adds them to what is seen.
pub(super) async fn name(
    naming: &Naming,
    places: Vec<Place>,
    local: &Local,
    seen: &mut Observation,
) {
    match naming {
        Naming::Learned(pattern) => learn(places, pattern.as_ref(), local, seen).await,
        Naming::Basename(basename) => {
            for place in places {
                match naming::name(basename, &place.host) {
                    Ok(name) => drop(seen.peers.insert(name)),
                    Err(error) => seen.problems.push(error),
                }
            }
        }
    }
}

/// The nodes that EPMD lists at each place. A place that does not answer makes all of it partial:
/// its nodes may be as well as ever.
async fn learn(
    places: Vec<Place>,
    pattern: Option<&NodePattern>,
    local: &Local,
    seen: &mut Observation,
) {
    let port = local.epmd_port;
    let asking = places.into_iter().map(|place| async move {
        let answer = names(&place, port).await;
        (place, answer)
    });
    for (place, answer) in all(asking, &mut seen.problems).await {
        match answer {
            Ok(answer) => seen.peers.extend(naming::learned(&place.host, &answer, pattern)),
            // Our own address is in the answer of most services, and we may have no EPMD.
            Err(_) if place.host == local.node.host() => {}
            Err(error) => seen.problems.push(problem(&error)),
        }
    }
}

/// What EPMD answers at the first of a place's addresses that does.
pub(super) async fn names(place: &Place, port: u16) -> Result<NamesResponse, ClientError> {
    let mut last = None;
    for address in &place.addresses {
        match client::names(address::at(*address, port), PATIENCE).await {
            Ok(answer) if answer.epmd_port <= u16::MAX.into() => return Ok(answer),
            // Who greets everybody, as HTTP and SSH do, has not said that no node is there.
            Ok(answer) => {
                let [found, ..] = answer.epmd_port.to_be_bytes();
                let source = MessageError::Tag { expected: "EPMDPortNo", found };
                let epmd = address::at(*address, port);
                last = Some(last.unwrap_or(ClientError::Garbage { epmd, source }));
            }
            Err(error) => last = Some(last.unwrap_or(error)),
        }
    }
    // A place without an address has no node either.
    last.map_or_else(|| Ok(NamesResponse::default()), Err)
}

pub(super) fn problem(error: &ClientError) -> DiscoveryError {
    DiscoveryError::new(Problem::Epmd, error.to_string())
}

#[cfg(test)]
mod tests {
    use flitch_epmd::message::NamedPort;
    use flitch_name::NodeName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// An EPMD at this address that answers everybody with these names; its port.
    async fn epmd(host: &str, port: u16, names: &[&str]) -> u16 {
        let listener = TcpListener::bind((host, port)).await.unwrap();
        let named = |name: &&str| NamedPort { name: name.parse().unwrap(), port: 1 };
        let names = names.iter().map(named).collect();
        let answer = NamesResponse { epmd_port: 4369, names, skipped: 0 }.encode();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 3];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        port
    }

    fn local(node: &str, epmd_port: u16) -> Local {
        Local { node: node.parse().unwrap(), epmd_port, announce: true }
    }

    fn places(hosts: &[&str]) -> Vec<Place> {
        hosts.iter().map(|host| Place::at(host.parse().unwrap())).collect()
    }

    fn peers(seen: &Observation) -> Vec<&str> {
        seen.peers.iter().map(NodeName::as_str).collect()
    }

    #[tokio::test]
    async fn every_address_tells_its_own_names_and_one_that_is_silent_makes_it_partial() {
        let port = epmd("127.0.0.2", 0, &["app", "flitch-17"]).await;
        epmd("127.0.0.3", port, &["app", "db"]).await;
        let mut seen = Observation::default();
        let local = local("me@127.0.0.1", port);
        let asked = places(&["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
        learn(asked, None, &local, &mut seen).await;
        assert_eq!(peers(&seen), ["app@127.0.0.2", "app@127.0.0.3", "db@127.0.0.3"]);
        assert_eq!(seen.problems.len(), 1);
        let said = &seen.problems[0];
        assert_eq!(said.problem, Problem::Epmd);
        assert!(said.message.contains("127.0.0.4"), "{said}");
    }

    #[tokio::test]
    async fn our_own_address_without_an_epmd_is_no_problem() {
        let port = epmd("127.0.0.2", 0, &["app"]).await;
        let mut seen = Observation::default();
        let local = local("me@127.0.0.1", port);
        learn(places(&["127.0.0.1", "127.0.0.2"]), None, &local, &mut seen).await;
        assert_eq!(peers(&seen), ["app@127.0.0.2"]);
        assert!(seen.is_complete(), "{seen:?}");
    }

    #[tokio::test]
    async fn what_is_no_epmd_has_not_said_that_nobody_is_there() {
        for said in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "220 ready\n"] {
            let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 3];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(said.as_bytes()).await.unwrap();
            });
            let mut seen = Observation::default();
            learn(places(&["127.0.0.2"]), None, &local("me@127.0.0.1", port), &mut seen).await;
            let problem = &seen.problems[0].message;
            assert!(problem.contains("is no EPMD"), "{said}: {problem}");
        }
    }

    #[tokio::test]
    async fn an_ipv6_address_is_asked_and_stands_in_the_name() {
        let port = epmd("::1", 0, &["app"]).await;
        let mut seen = Observation::default();
        learn(places(&["::1"]), None, &local("me@127.0.0.1", port), &mut seen).await;
        assert_eq!(peers(&seen), ["app@::1"]);
    }

    #[tokio::test]
    async fn a_host_with_several_addresses_answers_at_any_of_them() {
        let port = epmd("127.0.0.2", 0, &["app"]).await;
        let place = Place {
            host: "db.example".into(),
            addresses: vec!["127.0.0.9".parse().unwrap(), "127.0.0.2".parse().unwrap()],
        };
        let mut seen = Observation::default();
        learn(vec![place], None, &local("me@127.0.0.1", port), &mut seen).await;
        assert_eq!(peers(&seen), ["app@db.example"]);
        assert!(seen.is_complete());
    }

    #[tokio::test]
    async fn a_known_basename_asks_nobody() {
        let mut seen = Observation::default();
        let naming = Naming::Basename("app".into());
        name(&naming, places(&["192.0.2.1", "fd00::7"]), &local("me@127.0.0.1", 1), &mut seen)
            .await;
        assert_eq!(peers(&seen), ["app@192.0.2.1", "app@fd00::7"]);
    }
}
