//! Gossip over real sockets, on loopback.

use tokio::sync::mpsc;

use crate::{Local, Observation};

use super::*;

/// A group of its own for each test: on a port that nobody has.
fn group() -> Gossip {
    let free = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port();
    Gossip::new().port(port).multicast_if(Ipv4Addr::LOCALHOST)
}

fn join(gossip: Gossip, name: &str) -> mpsc::UnboundedReceiver<Observation> {
    let announce = true;
    run(gossip, Local { node: name.parse().unwrap(), epmd_port: 4369, announce })
}

fn run(gossip: Gossip, local: Local) -> mpsc::UnboundedReceiver<Observation> {
    let (tell, told) = mpsc::unbounded_channel();
    let sightings = Sightings::new(local, move |seen| drop(tell.send(seen)));
    tokio::spawn(async move { gossip.run(sightings).await });
    told
}

async fn hears(told: &mut mpsc::UnboundedReceiver<Observation>, name: &str) {
    let heard = async {
        loop {
            let seen = told.recv().await.expect("it runs");
            if seen.peers.iter().any(|peer| peer == name) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("it is heard");
}

#[tokio::test]
async fn nodes_of_one_group_hear_each_other() {
    let gossip = group();
    let mut a = join(gossip.clone(), "a@127.0.0.1");
    let mut b = join(gossip, "b@127.0.0.1");
    hears(&mut a, "b@127.0.0.1").await;
    hears(&mut b, "a@127.0.0.1").await;
}

#[tokio::test]
async fn who_only_looks_hears_others_and_is_heard_by_nobody() {
    let gossip = group();
    let mut node = join(gossip.clone(), "a@127.0.0.1");
    let looking = "looking@127.0.0.1".parse().unwrap();
    let mut looks = run(gossip, Local { node: looking, epmd_port: 4369, announce: false });
    // Who announces does so before anything else.
    hears(&mut looks, "a@127.0.0.1").await;
    while let Ok(seen) = node.try_recv() {
        assert!(seen.peers.is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn nodes_with_one_secret_hear_each_other_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "ours\n").unwrap();
    let gossip = group();
    let mut stranger = join(gossip.clone().secret(Secret::new("theirs")), "x@127.0.0.1");
    let mut a = join(gossip.clone().secret(Secret::new("ours")), "a@127.0.0.1");
    let mut b = join(gossip.secret_file(file), "b@127.0.0.1");
    hears(&mut a, "b@127.0.0.1").await;
    hears(&mut b, "a@127.0.0.1").await;
    while let Ok(seen) = stranger.try_recv() {
        assert!(seen.peers.is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn broadcast_works_where_multicast_does_not() {
    let gossip = group().broadcast(Ipv4Addr::new(127, 255, 255, 255));
    let mut a = join(gossip.clone(), "a@127.0.0.1");
    let mut b = join(gossip, "b@127.0.0.1");
    hears(&mut a, "b@127.0.0.1").await;
    hears(&mut b, "a@127.0.0.1").await;
}

#[tokio::test]
async fn an_interface_that_is_not_there_yet_is_waited_for() {
    let gossip = group().multicast_if(Ipv4Addr::new(192, 0, 2, 1));
    let mut told = join(gossip, "a@127.0.0.1");
    let seen = told.recv().await.unwrap();
    let said = &seen.problems[0].message;
    assert!(said.contains("192.0.2.1") && said.contains("multicast_if"), "{said}");
    tokio::time::timeout(Duration::from_secs(2), told.recv()).await.expect_err("it goes on trying");
}

#[tokio::test]
async fn a_secret_file_that_is_missing_or_empty_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for file in [folder.path().join("missing"), empty] {
        let local = Local { node: "a@127.0.0.1".parse().unwrap(), epmd_port: 4369, announce: true };
        let gossip = group().secret_file(&file);
        let said = gossip.run(Sightings::new(local, |_| {})).await.unwrap_err();
        assert!(said.message.contains(file.to_str().unwrap()), "{said}");
    }
}
