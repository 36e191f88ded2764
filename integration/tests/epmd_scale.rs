//! `flitch epmd` under load: as many nodes and questions as one host can have, in a process of its
//! own, so that its descriptors are counted apart from ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use integration::{Epmd, SOON};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const NODES: u16 = 10_000;
const IN_FLIGHT: usize = 1_000;

/// Room for all the connections of this process; the daemon makes its own.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::from(NODES) + 2 * IN_FLIGHT as u64 + 500;
    assert!(
        limit.maximum.is_none_or(|most| most >= needed),
        "this test holds {needed} connections, and the hard limit of open files is {:?}: raise it \
         (ulimit -Hn, or --ulimit nofile={needed} for a container)",
        limit.maximum
    );
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn port_please(name: &str) -> Vec<u8> {
    let len = u16::try_from(name.len() + 1).unwrap();
    [&len.to_be_bytes(), b"z".as_slice(), name.as_bytes()].concat()
}

/// The port in a PORT2_RESP, read to the connection's end.
fn answered(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.get(..2), Some([119, 0].as_slice()), "{answer:?}");
    u16::from_be_bytes([answer[2], answer[3]])
}

#[test]
fn ten_thousand_nodes_are_registered_and_a_thousand_questions_at_once_are_answered() {
    raise_descriptors();
    let mut epmd = Epmd::absent();
    epmd.start_flitch(&[]);
    let since = Instant::now();
    let mut nodes: Vec<_> =
        (0..NODES).map(|n| epmd.pretend(&format!("node{n}"), n + 20_000)).collect();
    println!("{NODES} nodes registered in {:?}", since.elapsed());
    assert_eq!(epmd.names().unwrap().len(), usize::from(NODES));

    // All are connected before the first one asks.
    let mut asking: Vec<_> = (0..IN_FLIGHT).map(|_| connect(epmd.port())).collect();
    let since = Instant::now();
    let wanted: Vec<u16> = (0..NODES).step_by(usize::from(NODES) / IN_FLIGHT).collect();
    for (stream, n) in asking.iter_mut().zip(&wanted) {
        stream.write_all(&port_please(&format!("node{n}"))).unwrap();
    }
    for (stream, n) in asking.iter_mut().zip(&wanted) {
        assert_eq!(answered(stream), n + 20_000);
    }
    println!("{IN_FLIGHT} questions at once answered in {:?}", since.elapsed());

    // Half of them leave at once: their names are free, the others are there.
    nodes.truncate(usize::from(NODES) / 2);
    integration::eventually("half of the names are left", || {
        (epmd.names()?.len() == usize::from(NODES) / 2).then_some(())
    });
    let _again = epmd.pretend(&format!("node{}", NODES - 1), 1);
    let ended = epmd.daemon().unwrap().wait(Duration::ZERO);
    assert!(ended.is_none(), "the daemon has ended: {ended:?}");
}

#[test]
fn slow_and_silent_and_garbage_clients_cost_bounded_memory_and_nobody_waits_for_them() {
    raise_descriptors();
    let mut epmd = Epmd::absent();
    epmd.start_flitch(&["-packet_timeout", "2"]);
    let _worker = epmd.pretend("worker", 4321);
    let before = resident(&mut epmd);
    // More than the daemon lets wait from one address: the oldest go.
    let mut clients = Vec::new();
    for n in 0..6_000_u32 {
        let mut client = connect(epmd.port());
        // The longest request there is, without its last byte; garbage; a half length; silence.
        let sent = match n % 4 {
            0 => [&[0x0b, 0xf1, b'x'][..], &[7; 3055]].concat(),
            1 => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            2 => vec![0],
            _ => Vec::new(),
        };
        let _ = client.write_all(&sent);
        clients.push(client);
    }
    let since = Instant::now();
    let mut good = connect(epmd.port());
    good.write_all(&port_please("worker")).unwrap();
    assert_eq!(answered(&mut good), 4321);
    let took = since.elapsed();
    assert!(took < Duration::from_millis(100), "a good peer waited {took:?}");
    let cost = resident(&mut epmd).saturating_sub(before);
    println!("6000 bad clients: {} KiB, a good one answered in {took:?}", cost / 1024);
    assert!(cost < 32 << 20, "{cost} bytes");
    // Whoever is left is cut off.
    for client in &mut clients {
        let _ = client.read_to_end(&mut Vec::new());
    }
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

/// The daemon's memory, in bytes.
fn resident(epmd: &mut Epmd) -> usize {
    let pid = epmd.daemon().unwrap().pid();
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
}
