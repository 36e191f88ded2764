//! Real BEAMs that use our server as their EPMD.
//!
//! Needs `erl` of the Debian package erlang-base.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::SocketAddr;

use flitch_epmd::client::lookup;
use flitch_epmd::{DistVersions, Endpoint, NodeType, Protocol};
use flitch_name::AliveName;

use support::programs::{Program, erl};
use support::{Daemon, LONG, within};

/// Prints a line once the node is distributed, and stays.
const STAY: &str = "io:format(\"~p~n\", [erlang:system_info(creation)]).";

/// Waits for a line without stopping the server meanwhile.
async fn line(mut program: Program) -> (Program, String) {
    let read = tokio::task::spawn_blocking(move || {
        let line = program.line();
        (program, line)
    });
    within(read).await.unwrap()
}

async fn endpoint(epmd: SocketAddr, name: &str) -> Endpoint {
    let name: AliveName = name.parse().unwrap();
    lookup(epmd, &name, LONG).await.unwrap()
}

#[tokio::test]
async fn a_beam_registers_with_us_and_another_one_finds_it_and_pings_it() {
    let epmd = Daemon::start();
    let port = epmd.address().port();
    let (_x, creation) = line(erl("x@127.0.0.1", port, STAY)).await;
    assert!(creation.parse::<u32>().unwrap() >= 4, "{creation}");
    let x = endpoint(epmd.address(), "x").await;
    assert_eq!((x.node_type, x.protocol), (NodeType::NORMAL, Protocol::TCP));
    assert_eq!(DistVersions::OTP_25.best(x.versions), Some(6), "{:?}", x.versions);

    let ask = "io:format(\"~p ~p~n\", [net_adm:ping('x@127.0.0.1'), \
               lists:sort(element(2, erl_epmd:names({127,0,0,1})))]), halt().";
    let (_y, answer) = line(erl("y@127.0.0.1", port, ask)).await;
    let (pong, names) = answer.split_once(' ').unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(pong, "pong");
    assert!(names.starts_with(&format!("[{{\"x\",{}}},{{\"y\",", x.port)), "{names}");
}

#[tokio::test]
async fn a_second_beam_under_the_same_name_is_refused() {
    let epmd = Daemon::start();
    let port = epmd.address().port();
    let (_x, _) = line(erl("x@127.0.0.1", port, STAY)).await;
    let before = endpoint(epmd.address(), "x").await;
    let (second, said) = line(erl("x@127.0.0.1", port, STAY)).await;
    let said = if said.is_empty() { line(second).await.1 } else { said };
    assert!(said.parse::<u32>().is_err(), "the second node started: {said}");
    assert_eq!(endpoint(epmd.address(), "x").await, before);
}

#[tokio::test]
async fn a_beam_comes_back_after_our_server_was_restarted() {
    let epmd = Daemon::start();
    let address = epmd.address();
    let (_x, _) = line(erl("x@127.0.0.1", address.port(), STAY)).await;
    let before = endpoint(address, "x").await;
    epmd.stop().await;
    let _epmd = Daemon::again(address).await;
    let name: AliveName = "x".parse().unwrap();
    // A BEAM tries again every two seconds and tells nobody.
    let after = within(async {
        loop {
            match lookup(address, &name, LONG).await {
                Ok(endpoint) => return endpoint,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    })
    .await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_beam_that_is_killed_is_gone_from_the_list() {
    let epmd = Daemon::start();
    let (x, _) = line(erl("x@127.0.0.1", epmd.address().port(), STAY)).await;
    endpoint(epmd.address(), "x").await;
    drop(x);
    let name: AliveName = "x".parse().unwrap();
    within(async {
        while lookup(epmd.address(), &name, LONG).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_beam_registers_over_ipv6_as_well() {
    let epmd = Daemon::with(flitch_epmd::Config::on(["[::1]:0".parse().unwrap()]));
    let port = epmd.address().port();
    let mut command = std::process::Command::new("erl");
    command.args(["-noinput", "-start_epmd", "false", "-proto_dist", "inet6_tcp"]);
    command.args(["-name", "x@::1", "-setcookie", "epmd-tests", "-eval", STAY]);
    command.env("ERL_EPMD_PORT", port.to_string());
    let (_x, creation) = line(Program::start(&mut command)).await;
    assert!(creation.parse::<u32>().is_ok(), "{creation}");
    assert_ne!(endpoint(epmd.address(), "x").await.port, 0);
}
