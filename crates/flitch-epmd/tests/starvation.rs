//! Our server with few descriptors: Debian 12's stock daemon exits when it runs out of them.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flitch_epmd::client::{lookup, names, register};
use flitch_epmd::session::Rules;
use flitch_epmd::{ClientError, Config, Endpoint, Server};
use flitch_name::AliveName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use support::programs::Program;
use support::{LONG, config, within};

/// What a good peer is promised, whoever else is there.
const SERVED_WITHIN: Duration = Duration::from_millis(100);

const VARIABLE: &str = "FLITCH_EPMD_TEST_SERVES";

/// Not a test of its own: the other tests start this one in a process with few descriptors.
#[tokio::test]
async fn server_of_the_other_tests() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let rules = Rules { request_timeout: LONG * 2, ..Rules::default() };
    let limits = Config { max_waiting: 10_000, max_waiting_per_source: 10_000, ..config() };
    let server = Server::bind(Config { rules, ..limits }).unwrap();
    println!("listening {}", server.local_addresses().first().unwrap());
    server.serve(std::future::pending()).await;
}

/// Our server in a process that may open `descriptors` files.
fn starved_server(descriptors: u32) -> (Program, SocketAddr) {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"")]);
    command.arg(this).args(["--exact", "server_of_the_other_tests", "--nocapture"]);
    let mut program = Program::start(command.env(VARIABLE, "1").stderr(Stdio::null()));
    loop {
        let line = program.line();
        if let Some((_, address)) = line.split_once("listening ") {
            return (program, address.parse().unwrap());
        }
    }
}

fn alive(text: &str) -> AliveName {
    text.parse().unwrap()
}

#[tokio::test]
async fn epmd_out_of_descriptors_the_oldest_silent_peers_go_and_a_good_one_is_served_within_100_ms()
{
    let (mut server, address) = starved_server(40);
    let first = register(address, &alive("first"), &Endpoint::hidden(1), LONG).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(within(TcpStream::connect(address)).await.unwrap());
    }
    let before = Instant::now();
    let second = register(address, &alive("second"), &Endpoint::hidden(2), LONG).await.unwrap();
    let took = before.elapsed();
    println!("a good peer registered behind 200 silent ones in {took:?}");
    assert!(took < SERVED_WITHIN, "{took:?}");
    assert_eq!(names(address, LONG).await.unwrap().names.len(), 2);
    assert!(!server.has_exited());
    drop((first, second, flood));
}

#[tokio::test]
async fn epmd_out_of_descriptors_for_registrations_still_answers_questions_and_never_exits() {
    let (mut server, address) = starved_server(40);
    let mut nodes = Vec::new();
    let turned_away = loop {
        let name = alive(&format!("n{}", nodes.len()));
        match register(address, &name, &Endpoint::hidden(1), LONG).await {
            Ok(node) => nodes.push(node),
            Err(error) => break error,
        }
        assert!(nodes.len() < 40);
    };
    assert!(matches!(turned_away, ClientError::Closed { .. }), "{turned_away}");
    // Who only asks is answered all the same, beside silent ones that take what was kept back.
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(within(TcpStream::connect(address)).await.unwrap());
    }
    let before = Instant::now();
    assert_eq!(lookup(address, &alive("n0"), LONG).await.unwrap().port, 1);
    assert_eq!(names(address, LONG).await.unwrap().names.len(), nodes.len());
    let took = before.elapsed();
    println!("two questions were answered with no descriptor left in {took:?}");
    assert!(took < SERVED_WITHIN * 2, "{took:?}");
    let told = within(silent.first_mut().unwrap().read(&mut [0; 8])).await;
    assert!(matches!(told, Ok(0) | Err(_)), "{told:?}");
    assert!(!server.has_exited());

    nodes.truncate(nodes.len() / 2);
    within(async {
        while lookup(address, &alive("n0"), LONG).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
