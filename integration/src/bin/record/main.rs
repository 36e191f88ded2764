//! Records what two nodes of the `erl` on the PATH say to each other, for the tests of the cores.
//!
//! `cargo run -p integration --bin record` writes, for release 25 say,
//! `crates/flitch-handshake/tests/captures/otp25-*.txt` and
//! `crates/flitch-dist/tests/captures/otp25-*.txt`; a README beside them says how they read. The
//! nodes talk through a relay, so neither root nor a sniffer is needed; where `tshark` is
//! installed, it is asked what it makes of the same bytes.

// Talks to the person who started it, and ends with a panic's words where it fails.
#![allow(clippy::print_stdout, clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod handshakes;
mod link;
mod opinion;

use std::path::PathBuf;

use integration::{Beam, Cluster, Relay};

fn main() {
    let probe = Cluster::new();
    let erl = probe.erl("probe").start();
    let release = erl.eval("list_to_atom(erlang:system_info(otp_release))").unwrap();
    let release = format!("otp{}", release.trim_matches('\''));
    drop(erl);
    println!("Recording {release}");
    handshakes::record(&release);
    link::record(&release);
}

/// Where the recordings of a crate are kept.
fn captures(of: &str) -> PathBuf {
    let path = format!("{}/../crates/{of}/tests/captures", env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(&path).expect("a folder for recordings");
    path.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two clusters that know of each other only what a test tells their EPMDs: `a` is at home in one,
/// `b` in the other.
struct Ends {
    a: Cluster,
    b: Cluster,
    told: Vec<std::net::TcpStream>,
}

impl Ends {
    const COOKIE: &str = "kanelbulle";

    fn new() -> Self {
        Self { a: Cluster::new(), b: Cluster::new(), told: Vec::new() }
    }

    fn a(&self, flags: &str) -> Beam {
        self.a.erl("a").cookie(Self::COOKIE).flags(flags).start()
    }

    fn b(&self, flags: &str) -> Beam {
        self.b.erl("b").cookie(Self::COOKIE).flags(flags).start()
    }

    /// Lets `a` find `b`, through a relay.
    fn relay_to_b(&mut self) -> Relay {
        let (relay, told) = relay(&self.a, &self.b, "b");
        self.told.push(told);
        relay
    }

    /// Lets `b` find `a`, through a relay.
    fn relay_to_a(&mut self) -> Relay {
        let (relay, told) = relay(&self.b, &self.a, "a");
        self.told.push(told);
        relay
    }
}

fn relay(from: &Cluster, to: &Cluster, base: &str) -> (Relay, std::net::TcpStream) {
    let alive = to.alive(base);
    let port = integration::eventually("the node is registered", || to.epmd.port_of(&alive));
    let relay = Relay::to(port);
    let told = from.epmd.pretend(&alive, relay.port());
    (relay, told)
}
