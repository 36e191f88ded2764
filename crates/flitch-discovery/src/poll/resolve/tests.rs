//! The resolver against name servers that fail in every way.

use std::sync::atomic::AtomicBool;

use crate::poll::dns_server::{
    DnsServer, NODATA, NXDOMAIN, Reaction, SERVFAIL, addresses, hosts, ips,
};

use super::*;

const BOTH: &[Kind] = &[Kind::A, Kind::Aaaa];

/// A `resolv.conf`, which names a server that nobody may ask.
struct Conf(tempfile::TempDir);

impl Conf {
    fn new(lines: &str) -> Self {
        let conf = Self(tempfile::tempdir().unwrap());
        conf.write(lines);
        conf
    }

    fn write(&self, lines: &str) {
        std::fs::write(self.path(), format!("nameserver 192.0.2.1\n{lines}\n")).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("resolv.conf")
    }

    fn dns(&self, servers: &[&DnsServer]) -> Dns {
        let own: Vec<_> = servers.iter().map(|server| server.address).collect();
        Dns::with(&self.path(), &own)
    }
}

impl Dns {
    async fn ask(&mut self, name: &str, kinds: &[Kind]) -> Answer {
        match self.servers().await {
            Ok(servers) => servers.ask(name, kinds).await,
            Err(error) => Answer { found: Vec::new(), problems: vec![error] },
        }
    }
}

fn quick() -> Conf {
    Conf::new("options timeout:1 attempts:1 ndots:5")
}

fn found(answer: &Answer) -> Vec<String> {
    let text = |found: &Found| match found {
        Found::Address(address) => address.to_string(),
        Found::Host(host) => host.clone(),
    };
    answer.found.iter().map(text).collect()
}

#[tokio::test]
async fn both_families_are_one_complete_answer() {
    let server = DnsServer::start(|_, kind| match kind {
        RecordType::A => ips(&["10.0.0.2", "10.0.0.1"]),
        _ => ips(&["fd00::1"]),
    });
    let answer = quick().dns(&[&server.await]).ask("svc", BOTH).await;
    assert_eq!(found(&answer), ["10.0.0.1", "10.0.0.2", "fd00::1"]);
    assert!(answer.problems.is_empty());
}

#[tokio::test]
async fn a_name_without_addresses_and_one_that_is_not_there_are_complete_answers() {
    let server = DnsServer::start(|name, _| if name == "a." { NODATA } else { NXDOMAIN }).await;
    let conf = quick();
    for name in ["a", "b"] {
        let answer = conf.dns(&[&server]).ask(name, BOTH).await;
        assert_eq!(answer, Answer::default(), "{name}");
    }
}

#[tokio::test]
async fn a_server_that_fails_for_one_family_makes_the_answer_partial() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp] {
        let server = DnsServer::start(move |_, kind| match kind {
            RecordType::A => ips(&["10.0.0.1"]),
            _ => Reaction::Code(code),
        });
        let answer = quick().dns(&[&server.await]).ask("svc", BOTH).await;
        assert_eq!((found(&answer).len(), answer.problems.len()), (1, 1), "{code}");
        assert!(answer.problems[0].message.contains("AAAA records of svc."));
    }
}

#[tokio::test]
async fn a_server_that_fails_for_both_has_said_nothing() {
    let server = DnsServer::start(|_, _| SERVFAIL).await;
    let answer = quick().dns(&[&server]).ask("svc", BOTH).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 2));
    let said = &answer.problems[0];
    assert_eq!(said.problem, Problem::Dns);
    assert!(said.message.to_lowercase().contains("server failure"), "{said}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time_and_is_no_answer() {
    let server = DnsServer::start(|_, kind| match kind {
        RecordType::A => ips(&["10.0.0.1"]),
        _ => Reaction::Silence,
    });
    let started = std::time::Instant::now();
    let answer = quick().dns(&[&server.await]).ask("svc", BOTH).await;
    assert_eq!((found(&answer).len(), answer.problems.len()), (1, 1));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_family_that_nobody_answers_for_does_not_cost_the_other_one() {
    let server = DnsServer::start(|_, kind| match kind {
        RecordType::A => ips(&["10.0.0.1"]),
        _ => Reaction::Silence,
    });
    let conf = Conf::new("options timeout:16 attempts:2");
    let servers = conf.dns(&[&server.await]).servers().await.unwrap();
    let answer = servers.search("svc", BOTH, Instant::now() + SHORTEST).await;
    assert_eq!((found(&answer).len(), answer.problems.len()), (1, 1), "{answer:?}");
}

#[tokio::test]
async fn a_timeout_of_nothing_is_one_of_a_second_as_glibc_has_it() {
    let server = DnsServer::start(|_, _| ips(&["10.0.0.1"])).await;
    let conf = Conf::new("options timeout:0 attempts:1");
    let answer = conf.dns(&[&server]).ask("svc", &[Kind::A]).await;
    assert_eq!((found(&answer).len(), answer.problems.len()), (1, 0), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_only_refers_to_others_has_said_nothing() {
    let lame = DnsServer::start(|_, _| Reaction::Referral).await;
    let conf = quick();
    let answer = conf.dns(&[&lame]).ask("svc", BOTH).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 2), "{answer:?}");
    assert!(answer.problems[0].message.contains("refers to others"), "{answer:?}");
    let good = DnsServer::start(|_, _| ips(&["10.0.0.1"])).await;
    let answer = conf.dns(&[&lame, &good]).ask("svc", &[Kind::A]).await;
    assert_eq!((found(&answer).len(), answer.problems.len()), (1, 0), "{answer:?}");
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_no_answer() {
    let server = DnsServer::start(|_, _| Reaction::Code(ResponseCode::Unknown(12))).await;
    let answer = quick().dns(&[&server]).ask("svc", &[Kind::A]).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 1), "{answer:?}");
}

#[tokio::test]
async fn an_alias_to_where_nobody_answers_is_no_answer() {
    let server = DnsServer::start(|name, _| match name {
        "svc." => Reaction::Records(vec![RData::CNAME(hickory_resolver::proto::rr::rdata::CNAME(
            "far.".parse().unwrap(),
        ))]),
        _ => SERVFAIL,
    });
    let answer = quick().dns(&[&server.await]).ask("svc", &[Kind::A]).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 1), "{answer:?}");
}

#[tokio::test]
async fn a_name_that_is_too_long_under_a_search_domain_is_asked_for_alone() {
    let name = ["a"; 120].join(".");
    let server = DnsServer::start(|name, _| match name.matches('.').count() {
        120 => ips(&["10.0.0.1"]),
        _ => NXDOMAIN,
    });
    let conf = Conf::new("search default.svc.cluster.local\noptions timeout:1 ndots:200");
    let answer = conf.dns(&[&server.await]).ask(&name, &[Kind::A]).await;
    assert_eq!((found(&answer).len(), answer.problems.len()), (1, 0), "{answer:?}");
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let server = DnsServer::start(|_, _| Reaction::Garbage).await;
    let answer = quick().dns(&[&server]).ask("svc", &[Kind::A]).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 1));
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let all: Vec<String> = (0..200).map(|pod| format!("10.0.1.{pod}")).collect();
    let pods = all.clone();
    let server = DnsServer::start(move |_, _| {
        Reaction::Truncated(addresses(&pods.iter().map(String::as_str).collect::<Vec<_>>()))
    });
    let server = server.await;
    let answer = quick().dns(&[&server]).ask("svc", &[Kind::A]).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (200, 0), "{:?}", answer.problems);
    assert_eq!(server.asked(), ["udp A svc.", "tcp A svc."]);
}

#[tokio::test]
async fn the_search_list_is_walked_past_what_does_not_exist() {
    let server = DnsServer::start(|name, _| match name {
        "svc.svc.cluster.local." => ips(&["10.0.0.1"]),
        _ => NXDOMAIN,
    });
    let server = server.await;
    let conf = quick();
    conf.write("search ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5");
    let answer = conf.dns(&[&server]).ask("svc", &[Kind::A]).await;
    assert_eq!(found(&answer), ["10.0.0.1"]);
    let asked = ["udp A svc.ns.svc.cluster.local.", "udp A svc.svc.cluster.local."];
    assert_eq!(server.asked(), asked);
}

#[tokio::test]
async fn resolv_conf_is_read_again_when_it_changes() {
    let server = DnsServer::start(|name, _| match name {
        "svc.new." => ips(&["10.0.0.1"]),
        _ => NXDOMAIN,
    });
    let server = server.await;
    let conf = Conf::new("search old");
    let mut dns = conf.dns(&[&server]);
    assert_eq!(dns.ask("svc", &[Kind::A]).await, Answer::default());
    conf.write("search new other");
    assert_eq!(found(&dns.ask("svc", &[Kind::A]).await), ["10.0.0.1"]);
}

#[tokio::test]
async fn a_pod_that_appears_is_in_the_very_next_answer() {
    let there = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&there);
    let server = DnsServer::start(move |_, _| match up.load(Ordering::Relaxed) {
        true => ips(&["10.0.0.1"]),
        false => NXDOMAIN,
    });
    let server = server.await;
    let conf = quick();
    let mut dns = conf.dns(&[&server]);
    assert_eq!(dns.ask("svc", BOTH).await, Answer::default());
    there.store(true, Ordering::Relaxed);
    assert_eq!(found(&dns.ask("svc", &[Kind::A]).await), ["10.0.0.1"], "no absence is kept");
    there.store(false, Ordering::Relaxed);
    assert_eq!(dns.ask("svc", &[Kind::A]).await, Answer::default(), "nor presence");
}

#[tokio::test]
async fn a_second_server_answers_for_one_that_fails_and_is_asked_first_from_then_on() {
    let broken = DnsServer::start(|_, _| SERVFAIL).await;
    let good = DnsServer::start(|_, _| ips(&["10.0.0.1"])).await;
    let conf = quick();
    let mut dns = conf.dns(&[&broken, &good]);
    for _ in 0..3 {
        let answer = dns.ask("svc", &[Kind::A]).await;
        assert_eq!((found(&answer).len(), answer.problems.len()), (1, 0));
    }
    assert_eq!((broken.asked().len(), good.asked().len()), (1, 3));
}

#[tokio::test]
async fn servers_take_turns_where_resolv_conf_says_so() {
    let one = DnsServer::start(|_, _| ips(&["10.0.0.1"])).await;
    let two = DnsServer::start(|_, _| ips(&["10.0.0.1"])).await;
    let conf = Conf::new("options timeout:1 rotate");
    let mut dns = conf.dns(&[&one, &two]);
    for _ in 0..4 {
        dns.ask("svc", &[Kind::A]).await;
    }
    assert_eq!((one.asked().len(), two.asked().len()), (2, 2));
}

#[tokio::test]
async fn services_are_the_names_of_their_hosts_without_the_final_dot() {
    let server = DnsServer::start(|_, kind| match kind {
        RecordType::SRV => hosts(&["app-1.svc.ns.", "app-0.svc.ns."]),
        _ => NODATA,
    });
    let answer = quick().dns(&[&server.await]).ask("svc.ns.", &[Kind::Srv]).await;
    assert_eq!(found(&answer), ["app-0.svc.ns", "app-1.svc.ns"]);
}

#[tokio::test]
async fn a_server_over_ipv6_is_asked() {
    let server = DnsServer::start_at("::1", |_, _| ips(&["10.0.0.1"])).await;
    assert_eq!(found(&quick().dns(&[&server]).ask("svc", &[Kind::A]).await), ["10.0.0.1"]);
}

#[tokio::test]
async fn without_any_server_it_says_what_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let mut dns = Dns::with(&folder.path().join("resolv.conf"), &[]);
    let answer = dns.ask("svc", BOTH).await;
    assert!(answer.problems[0].message.contains("nameservers"), "{:?}", answer.problems);
}

/// What CoreDNS answered.
fn recorded(name: &str, kind: RecordType) -> Reaction {
    let packet = |over: &str| {
        let head = format!("{over} {kind} {name} ");
        let lines = include_str!("../../../tests/captures/dns.txt").lines();
        let hex = lines.filter_map(|line| line.strip_prefix(&head)).next()?;
        let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
        Some(digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect())
    };
    Reaction::Recorded([packet("udp"), packet("tcp")])
}

#[tokio::test]
async fn what_coredns_answers_is_understood() {
    let server = DnsServer::start(recorded).await;
    let conf = quick();
    let mut dns = conf.dns(&[&server]);
    let pods = ["10.244.0.1", "10.244.0.2", "10.244.0.3"];
    for (service, wanted) in [
        ("svc", &pods[..]),
        ("dual", &["10.244.2.1", "fd00:10:244::2:1"]),
        ("alias", &["10.244.2.1", "fd00:10:244::2:1"]),
        ("none", &[]),
    ] {
        let answer = dns.ask(&format!("{service}.ns.svc.cluster.local."), BOTH).await;
        assert_eq!(found(&answer), wanted, "{service}");
        assert!(answer.problems.is_empty(), "{service}: {answer:?}");
    }
    let set = dns.ask("set.ns.svc.cluster.local.", &[Kind::Srv]).await;
    let hosts = ["app-1.set.ns.svc.cluster.local", "app-2.set.ns.svc.cluster.local"];
    assert_eq!(found(&set), hosts);
    let many = dns.ask("many.ns.svc.cluster.local.", &[Kind::A]).await;
    assert_eq!((many.found.len(), many.problems.len()), (60, 0));
    for failing in ["broken.ns.svc.cluster.local.", "svc.example.org."] {
        assert_eq!(dns.ask(failing, &[Kind::A]).await.problems.len(), 1, "{failing}");
    }
}

#[tokio::test]
async fn a_truncated_half_is_no_answer_where_tcp_is_closed() {
    let server = DnsServer::start(|name, kind| match recorded(name, kind) {
        Reaction::Recorded([udp, _]) => Reaction::Recorded([udp, None]),
        other => other,
    });
    let server = server.await;
    let answer = quick().dns(&[&server]).ask("many.ns.svc.cluster.local.", &[Kind::A]).await;
    assert_eq!((answer.found.len(), answer.problems.len()), (0, 1), "not 29 of 60");
}
