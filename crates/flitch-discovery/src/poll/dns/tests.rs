//! The strategies of DNS, from a name server to names of nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flitch_epmd::message::{NamedPort, NamesResponse};
use flitch_name::NodeName;
use hickory_resolver::proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::poll::dns_server::{DnsServer, NODATA, NXDOMAIN, SERVFAIL, hosts, ips};
use crate::{DnsCluster, DnsPoll, KubernetesDns, KubernetesDnsSrv, ResourceType};

use super::*;

/// What a strategy tells first.
async fn first(strategy: impl Strategy, epmd_port: u16) -> Observation {
    let (tell, mut told) = mpsc::unbounded_channel();
    let local = Local { node: "own@10.0.0.1".parse().unwrap(), epmd_port, announce: true };
    let sightings = Sightings::new(local, move |seen| drop(tell.send(seen)));
    tokio::select! {
        end = strategy.run(sightings) => panic!("it ended: {end:?}"),
        seen = told.recv() => seen.unwrap(),
    }
}

fn peers(seen: &Observation) -> Vec<&str> {
    seen.peers.iter().map(NodeName::as_str).collect()
}

async fn service() -> DnsServer {
    DnsServer::start(|name, kind| match (name, kind) {
        ("svc.", RecordType::A) => ips(&["10.0.0.2", "10.0.0.1"]),
        ("svc.", RecordType::AAAA) => ips(&["fd00::2"]),
        ("svc.", _) => NODATA,
        _ => NXDOMAIN,
    })
    .await
}

#[tokio::test]
async fn each_pod_of_a_service_is_a_peer_and_our_own_is_not() {
    let server = service().await;
    let strategy = KubernetesDns::new("svc.", "own").nameservers([server.address]);
    let seen = first(strategy, 4369).await;
    assert_eq!(peers(&seen), ["own@10.0.0.2"]);
    assert!(seen.is_complete());
    let poll = DnsPoll::new("svc.").node_basename("app").nameservers([server.address]);
    let seen = first(poll, 4369).await;
    assert_eq!(peers(&seen), ["app@10.0.0.1", "app@10.0.0.2", "app@fd00::2"]);
}

#[tokio::test]
async fn a_failed_lookup_is_told_as_a_failure_and_asked_again() {
    let failing = Arc::new(Mutex::new(2));
    let server = DnsServer::start(move |_, kind| {
        let mut left = failing.lock().unwrap();
        match (*left, kind) {
            (0, RecordType::A) => ips(&["10.0.0.2"]),
            (0, _) => NODATA,
            _ => {
                *left -= 1;
                SERVFAIL
            }
        }
    });
    let server = server.await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let local = Local { node: "own@10.0.0.1".parse().unwrap(), epmd_port: 4369, announce: true };
    let sightings = Sightings::new(local, move |seen| drop(tell.send(seen)));
    let strategy = KubernetesDns::new("svc.", "app").polling_interval(Duration::from_secs(600));
    let strategy = strategy.nameservers([server.address]);
    let run = tokio::spawn(async move { strategy.run(sightings).await });
    let mut last = told.recv().await.unwrap();
    while !last.is_complete() {
        last = told.recv().await.unwrap();
    }
    // Long before the next regular question.
    assert_eq!(peers(&last), ["app@10.0.0.2"]);
    run.abort();
}

#[tokio::test]
async fn pods_of_a_stateful_set_have_their_own_names() {
    let server = DnsServer::start(|name, kind| match (name, kind) {
        ("svc.ns.svc.cluster.local.", RecordType::SRV) => {
            // One for each port of the service.
            hosts(&[
                "app-0.svc.ns.svc.cluster.local.",
                "app-1.svc.ns.svc.cluster.local.",
                "app-0.svc.ns.svc.cluster.local.",
            ])
        }
        _ => NXDOMAIN,
    });
    let server = server.await;
    let strategy = KubernetesDnsSrv::new("svc", "ns", "app").nameservers([server.address]);
    let seen = first(strategy, 4369).await;
    assert_eq!(
        peers(&seen),
        ["app@app-0.svc.ns.svc.cluster.local", "app@app-1.svc.ns.svc.cluster.local"]
    );
    assert!(server.asked().iter().all(|asked| asked.starts_with("udp SRV ")));
}

#[tokio::test]
async fn of_several_queries_one_that_fails_leaves_the_others_alone() {
    let server = DnsServer::start(|name, kind| match (name, kind) {
        ("a.internal.", RecordType::A) => ips(&["10.0.0.2"]),
        ("_app._tcp.internal.", RecordType::SRV) => hosts(&["host.internal."]),
        ("host.internal.", RecordType::A) => ips(&["10.0.0.3"]),
        ("host.internal.", RecordType::AAAA) => ips(&["fd00::3"]),
        ("b.internal.", _) => SERVFAIL,
        _ => NODATA,
    });
    let server = server.await;
    let types = [ResourceType::A, ResourceType::Aaaa, ResourceType::Srv];
    let strategy = DnsCluster::new("a.internal.")
        .named_query("remote", "_app._tcp.internal.")
        .query("b.internal.")
        .resource_types(types)
        .nameservers([server.address]);
    let seen = first(strategy, 4369).await;
    assert_eq!(peers(&seen), ["own@10.0.0.2", "remote@10.0.0.3", "remote@fd00::3"]);
    assert_eq!(seen.problems.len(), 3, "A, AAAA and SRV of b: {seen:?}");
}

#[tokio::test]
async fn names_that_nobody_gave_are_those_that_epmd_lists_at_each_address() {
    let epmd = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = epmd.local_addr().unwrap().port();
    let named = |name: &&str| NamedPort { name: name.parse().unwrap(), port: 1 };
    let names = ["app-1", "db"].iter().map(named).collect();
    let answer = NamesResponse { epmd_port: 4369, names, skipped: 0 }.encode();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = epmd.accept().await {
            stream.read_exact(&mut [0; 3]).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    let server = DnsServer::start(|_, kind| match kind {
        RecordType::A => ips(&["127.0.0.2", "127.0.0.3"]),
        _ => NODATA,
    });
    let strategy = KubernetesDns::learned("svc.")
        .node_pattern("app-*@*".parse().unwrap())
        .nameservers([server.await.address]);
    let seen = first(strategy, port).await;
    assert_eq!(peers(&seen), ["app-1@127.0.0.2"]);
    assert!(seen.problems[0].message.contains("127.0.0.3"), "{seen:?}");
}
