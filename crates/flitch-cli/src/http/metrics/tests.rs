//! The page, read by a parser that is not ours.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use flitch::{Cookie, Epmd, Node, NodeName, PeerPort, PeerStatus};
use prometheus_parse::{Sample, Scrape, Value};

use super::*;

/// A node that reaches others on one port, if there are any.
async fn node(alive: &str, peers: u16) -> Node {
    let name = format!("{alive}@127.0.0.1").parse().unwrap();
    let builder = Node::builder(name).cookie(Cookie::new("cookie-of-the-page").unwrap());
    let builder = builder.bind(Ipv4Addr::LOCALHOST.into()).epmd(Epmd::None);
    builder.peer_port(PeerPort::Fixed(peers)).start().await.unwrap()
}

fn parse(page: &str) -> Vec<Sample> {
    Scrape::parse(page.lines().map(|line| Ok(line.to_owned()))).unwrap().samples
}

fn of<'a>(samples: &'a [Sample], metric: &str) -> Vec<&'a Sample> {
    samples.iter().filter(|sample| sample.metric == metric).collect()
}

fn value(sample: &Sample) -> f64 {
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_parser_reads_every_sample_and_its_type() {
    let other = node("other", 1).await;
    let node = node("worker", other.port()).await;
    node.connect(other.name()).await.unwrap();
    let cluster = node.join(vec!["gone@127.0.0.9".parse().unwrap()]);
    while cluster.peers().is_empty() {
        tokio::task::yield_now().await;
    }
    let page = page(&node.metrics(), true).unwrap();
    let samples = parse(&page);
    assert_eq!(value(of(&samples, "flitch_ready")[0]), 1.0);
    let up: HashMap<_, _> = of(&samples, "flitch_peer_up")
        .iter()
        .map(|sample| (sample.labels.get("peer").unwrap(), value(sample)))
        .collect();
    assert_eq!(up.get("other@127.0.0.1"), Some(&1.0), "{up:?}");
    assert_eq!(up.get("gone@127.0.0.9"), Some(&0.0), "{up:?}");
    let established = of(&samples, "flitch_links_established_total");
    assert!(established.iter().all(|sample| matches!(sample.value, Value::Counter(_))));
    assert_eq!(established.iter().map(|sample| value(sample)).sum::<f64>(), 1.0);
    let calls = of(&samples, "flitch_call_duration_seconds");
    assert!(calls.iter().any(|sample| matches!(&sample.value, Value::Histogram(_))), "{calls:?}");
    assert!(!samples.iter().any(|sample| matches!(sample.value, Value::Untyped(_)
        if !sample.metric.ends_with("_sum") && !sample.metric.ends_with("_count"))));
    node.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn names_and_types_are_as_the_conventions_of_prometheus_have_them() {
    let node = node("worker", 1).await;
    let page = page(&node.metrics(), true).unwrap();
    let (mut families, mut series) = (HashSet::new(), HashSet::new());
    let (mut family, mut helped) = (String::new(), String::new());
    for line in page.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", name, ..] => helped = name.to_owned(),
            ["#", "TYPE", name, kind] => {
                assert_eq!(name, helped, "help and type belong together");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
                assert!(name.starts_with("flitch_") && families.insert(name.to_owned()), "{name}");
                assert!(name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
                family = name.to_owned();
            }
            _ => {
                let (name, _) = line.rsplit_once(' ').unwrap();
                assert!(series.insert(name.to_owned()), "{name} is there twice");
                assert!(name.starts_with(&family), "{name} is not in {family}");
            }
        }
    }
    assert!(page.ends_with('\n') && families.len() > 20);
    node.shutdown().await;
}

#[tokio::test]
async fn a_name_that_others_choose_cannot_forge_a_sample() {
    let node = node("worker", 1).await;
    let evil = "a\"} 1\nflitch_ready{x=\"\\";
    node.spawn_process(|mut process| async move { while process.next().await.is_some() {} })
        .register(evil)
        .unwrap();
    let page = page(&node.metrics(), true).unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("flitch_ready")).count(), 1);
    let escaped = r#"flitch_registered_mailbox_bytes{name="a\"} 1\nflitch_ready{x=\"\\"} 0"#;
    assert!(page.lines().any(|line| line == escaped), "{page}");
    node.shutdown().await;
}

#[tokio::test]
async fn a_page_has_an_end_whatever_peers_and_processes_there_are() {
    let node = node("worker", 1).await;
    let mut metrics = node.metrics();
    let name = |number: usize| -> NodeName { format!("x{number:05}@10.0.0.1").parse().unwrap() };
    let status = |number| PeerStatus {
        node: name(number),
        topologies: vec!["t".into()],
        state: PeerState::Unready,
        since: std::time::Duration::ZERO,
    };
    metrics.peers = (0..PEERS + 500).map(status).collect();
    let named = |number: usize| (flitch::Atom::new(&format!("p{number}")).unwrap(), number);
    metrics.registered = (0..NAMES + 400).map(named).collect();
    let samples = parse(&page(&metrics, true).unwrap());
    assert_eq!(of(&samples, "flitch_peer_up").len(), PEERS);
    let shown = of(&samples, "flitch_registered_mailbox_bytes");
    assert!(shown.len() == NAMES && shown.iter().all(|sample| value(sample) >= 400.0));
    let omitted = of(&samples, "flitch_omitted_series");
    assert_eq!(omitted.iter().map(|it| value(it)).collect::<Vec<_>>(), [500.0, 400.0]);
    node.shutdown().await;
}
