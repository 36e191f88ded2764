//! Handshakes of every kind that two nodes can be brought to.

use std::fmt::Write;
use std::time::{Duration, Instant};

use integration::child::Child;
use integration::relay::{Chunk, Side};
use integration::{Relay, eventually, stock};

use super::{Ends, captures, hex};

pub(crate) fn record(release: &str) {
    let write = |kind: &str, title: &str, text: &str| {
        let file = format!("{release}-{kind}.txt");
        let text = format!(
            "# {}: {title}; the cookie is {}.\n{text}",
            release.to_uppercase(),
            Ends::COOKIE
        );
        std::fs::write(captures("flitch-handshake").join(&file), text).unwrap();
        println!("  {file}");
    };
    write("visible", "one visible node dials another", &plain(""));
    write("hidden", "a node started with -hidden dials a visible one", &plain("-hidden"));
    write("wrong-cookie", "a node with the cookie `wrong` dials another", &wrong_cookie());
    write("dynamic-name", "a node started with -name undefined dials another", &dynamic_name());
    let again = "a node that was killed dials again under its name before that was noticed";
    write("alive", again, &alive());
    // Which of the two is up when the other's name comes is chance.
    let (lesser, greater) = std::iter::repeat_with(simultaneous)
        .take(20)
        .find(|(lesser, greater)| {
            lesser.contains(&hex(b"snok")) && greater.contains(&hex(b"sok_simultaneous"))
        })
        .expect("both dial at once in one of 20 tries");
    let both = "both dial at once; this is the connection of the one with the";
    write("simultaneous-lesser", &format!("{both} lesser name"), &lesser);
    write("simultaneous-greater", &format!("{both} greater name"), &greater);
}

fn plain(flags: &str) -> String {
    let mut ends = Ends::new();
    let (a, b) = (ends.a(flags), ends.b(""));
    let relay = ends.relay_to_b();
    a.expect(&format!("net_kernel:connect_node({})", quoted(b.name())), "true");
    // Something is said both ways then.
    a.expect(&format!("net_adm:ping({})", quoted(b.name())), "pong");
    messages(&relay, 0)
}

fn wrong_cookie() -> String {
    let mut ends = Ends::new();
    let a = ends.a.erl("w").cookie("wrong").start();
    let b = ends.b("");
    let relay = ends.relay_to_b();
    a.expect(&format!("net_kernel:connect_node({})", quoted(b.name())), "false");
    messages(&relay, 0)
}

/// The node says nothing until it is connected and has a name.
fn dynamic_name() -> String {
    let mut ends = Ends::new();
    let b = ends.b("");
    let relay = ends.relay_to_b();
    let mut command = stock::command("erl");
    ends.a.enter(&mut command);
    command
        .args(["-noinput", "-start_epmd", "false", "-name", "undefined@127.0.0.1"])
        .args(["-setcookie", Ends::COOKIE, "-eval"])
        .arg(format!("net_kernel:connect_node({}).", quoted(b.name())));
    let _unnamed = Child::start(&mut command, "the node without a name");
    b.expect_soon("length(nodes(connected))", "1");
    messages(&relay, 0)
}

fn alive() -> String {
    let mut ends = Ends::new();
    let (old, b) = (ends.a(""), ends.b(""));
    let relay = ends.relay_to_b();
    let connect = format!("net_kernel:connect_node({})", quoted(b.name()));
    old.expect(&connect, "true");
    relay.keep_ends();
    old.kill();
    let alive = ends.a.alive("a");
    eventually("EPMD has forgotten the old node", || {
        ends.a.epmd.port_of(&alive).is_none().then_some(())
    });
    let new = ends.a("");
    new.expect(&connect, "true");
    messages(&relay, 1)
}

/// Neither gets a byte of the other before both have dialled.
fn simultaneous() -> (String, String) {
    let mut ends = Ends::new();
    let (a, b) = (ends.a(""), ends.b(""));
    let (to_b, to_a) = (ends.relay_to_b(), ends.relay_to_a());
    to_b.shut();
    to_a.shut();
    for (from, to) in [(&a, &b), (&b, &a)] {
        let dial = format!("spawn(net_kernel, connect_node, [{}]), ok", quoted(to.name()));
        from.expect(&dial, "ok");
    }
    for relay in [&to_b, &to_a] {
        eventually("a node dials", || relay.has_heard(0, Side::Dialler).then_some(()));
    }
    to_b.open();
    to_a.open();
    a.expect_soon("length(nodes())", "1");
    b.expect_soon("length(nodes())", "1");
    // The lesser may have hung up before the greater told it no.
    let patience = Instant::now() + Duration::from_secs(1);
    while !to_b.has_heard(0, Side::Listener) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    (messages(&to_b, 0), messages(&to_a, 0))
}

pub(crate) fn quoted(name: &str) -> String {
    format!("'{name}'")
}

/// The handshake of a connection as text, and the first frame of the link where there is one.
fn messages(relay: &Relay, connection: usize) -> String {
    let said = Handshake::read(&relay.take(connection));
    let mut text = String::new();
    for (side, message) in &said.messages {
        writeln!(text, "{} {}", mark(*side), hex(message)).unwrap();
    }
    for side in [Side::Listener, Side::Dialler] {
        if let Some(frame) = first_frame(&said.behind[side as usize]) {
            writeln!(text, "{0}{0} {1}", mark(side), hex(frame)).unwrap();
        }
    }
    text
}

fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..u32::from_be_bytes(*bytes.first_chunk()?) as usize + 4)
}

fn mark(side: Side) -> char {
    if side == Side::Dialler { '>' } else { '<' }
}

/// What was said on a connection until both had said their last word of the handshake.
#[derive(Default)]
pub(crate) struct Handshake {
    pub(crate) messages: Vec<(Side, Vec<u8>)>,
    /// What each side sent behind it.
    pub(crate) behind: [Vec<u8>; 2],
}

impl Handshake {
    pub(crate) fn read(chunks: &[Chunk]) -> Self {
        let mut said = Self::default();
        let mut over = [false; 2];
        for (side, bytes) in chunks {
            let (pending, over) = (&mut said.behind[*side as usize], &mut over[*side as usize]);
            pending.extend_from_slice(bytes);
            while !*over && let Some(message) = whole(pending) {
                let rest = pending.split_off(message);
                let message = std::mem::replace(pending, rest);
                // With the digest, either has said its last word.
                *over = matches!(message.get(2), Some(b'r' | b'a'));
                said.messages.push((*side, message));
            }
        }
        said
    }
}

fn whole(bytes: &[u8]) -> Option<usize> {
    let whole = usize::from(u16::from_be_bytes(*bytes.first_chunk()?)) + 2;
    (bytes.len() >= whole).then_some(whole)
}
