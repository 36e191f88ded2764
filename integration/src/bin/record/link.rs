//! A link with every kind of traffic that `beam/traffic.erl` makes, from either end.

use std::fmt::Write;

use integration::{Beam, Relay, stock};

use super::handshakes::{Handshake, quoted};
use super::{Ends, captures, hex, opinion};

/// A tick a second, so that some are recorded; and senders wait after a kilobyte, so that those of
/// large messages have their turns.
const FLAGS: &str = "-kernel net_ticktime 4 -kernel logger_level none +zdbbl 1";

/// Bytes that are worth a count, if they are few that stand there many times.
const ROW: usize = 24;

/// How many may stand there many times.
const LONGEST_UNIT: usize = 8;

pub(crate) fn record(release: &str) {
    let mut ends = Ends::new();
    let (a, b) = (ends.a(FLAGS), ends.b(FLAGS));
    let relay = ends.relay_to_b();
    for node in [&a, &b] {
        load(node);
    }
    let mut recording = Recording::new(&relay);
    a.expect(&format!("net_kernel:connect_node({})", quoted(b.name())), "true");
    for (end, node, peer) in [("a", &a, &b), ("b", &b, &a)] {
        let count = node.eval("length(traffic:steps())").unwrap().parse::<usize>().unwrap();
        for at in 1..=count {
            let step = format!("lists:nth({at}, traffic:steps())");
            let name = node.eval(&format!("lists:flatten(io_lib:format(\"~w\", [{step}]))"));
            let name = format!("{end}:{}", name.unwrap().trim_matches('"'));
            let result = node.eval(&format!("traffic:step({step}, {})", quoted(peer.name())));
            assert_eq!(result.as_deref(), Ok("normal"), "{name}");
            recording.take(&name);
        }
    }
    recording.write(release, &version(&a));
}

fn load(node: &Beam) {
    let source = stock::script("traffic.erl");
    let load = format!(
        "{{ok, Module, Code}} = compile:file({source:?}, [binary, report]), \
         {{module, Module}} = code:load_binary(Module, \"traffic\", Code), traffic:start()"
    );
    node.expect(&load, "ok");
}

fn version(node: &Beam) -> String {
    node.eval("list_to_atom(erlang:system_info(version))").unwrap().trim_matches('\'').into()
}

struct Recording<'r> {
    relay: &'r Relay,
    /// Known when the first step is over.
    handshake: Option<[Vec<Vec<u8>>; 2]>,
    frames: [Vec<Vec<u8>>; 2],
    lines: [String; 2],
    /// What has not made a frame yet.
    pending: [Vec<u8>; 2],
}

impl<'r> Recording<'r> {
    fn new(relay: &'r Relay) -> Self {
        let (frames, lines, pending) = Default::default();
        Self { relay, handshake: None, frames, lines, pending }
    }

    /// Writes down the frames that have come, as those of a step.
    fn take(&mut self, step: &str) {
        let chunks = self.relay.take(0);
        if self.handshake.is_none() {
            let mut said = <[Vec<_>; 2]>::default();
            let handshake = Handshake::read(&chunks);
            handshake
                .messages
                .into_iter()
                .for_each(|(side, bytes)| said[side as usize].push(bytes));
            self.handshake = Some(said);
            self.pending = handshake.behind;
        } else {
            for (side, bytes) in &chunks {
                self.pending[*side as usize].extend_from_slice(bytes);
            }
        }
        for side in [0, 1] {
            let pending = &mut self.pending[side];
            while let Some(length) = pending.first_chunk::<4>() {
                let whole = u32::from_be_bytes(*length) as usize + 4;
                if pending.len() < whole {
                    break;
                }
                let rest = pending.split_off(whole);
                writeln!(self.lines[side], "{step}{}", runs(pending)).unwrap();
                self.frames[side].push(std::mem::replace(pending, rest));
            }
        }
    }

    fn write(self, release: &str, version: &str) {
        let title = release.to_uppercase();
        for (at, (end, peer)) in [("a", "b"), ("b", "a")].into_iter().enumerate() {
            assert!(self.pending[at].is_empty(), "half a frame is left from {end}");
            let head =
                format!("# {title} (erts {version}): all frames that {end} sent to {peer}.\n");
            let file = format!("{release}-{end}.txt");
            let text = head + &self.lines[at];
            println!("  {file}: {} frames, {} bytes", self.lines[at].lines().count(), text.len());
            std::fs::write(captures("flitch-dist").join(&file), text).unwrap();
        }
        let handshake = self.handshake.as_ref().expect("a handshake");
        let counts = opinion::counts(
            handshake.each_ref().map(|said| &said[..]),
            self.frames.each_ref().map(|said| &said[..]),
        );
        if let Some(counts) = counts {
            let file = format!("{release}-counts.txt");
            std::fs::write(captures("flitch-dist").join(&file), counts).unwrap();
            println!("  {file}");
        }
    }
}

/// Hexadecimal, with ` hh*N ` where a byte or a few stand N times in a row.
fn runs(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut rest, mut apart) = (bytes, true);
    while let Some(byte) = rest.first() {
        if let Some((unit, times)) = row(rest) {
            write!(text, " {}*{times}", hex(&rest[..unit])).unwrap();
            rest = &rest[unit * times..];
            apart = true;
        } else {
            text.push_str(if apart { " " } else { "" });
            write!(text, "{byte:02x}").unwrap();
            rest = &rest[1..];
            apart = false;
        }
    }
    text
}

/// The few bytes that stand here in a row, if that is worth saying: their length, and how often.
fn row(bytes: &[u8]) -> Option<(usize, usize)> {
    (1..=LONGEST_UNIT.min(bytes.len())).find_map(|unit| {
        let (first, rest) = bytes.split_at(unit);
        let times = 1 + rest.chunks_exact(unit).take_while(|next| *next == first).count();
        (unit * times >= ROW && times > 1).then_some((unit, times))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_stand_many_times_are_counted() {
        assert_eq!(runs(&[0, 0, 0, 0]), " 00000000");
        assert_eq!(runs(&[b'x'; 65_536]), " 78*65536");
        let few = [&[1, 2][..], &[b'a', b'y'].repeat(12), &[3]].concat();
        assert_eq!(runs(&few), " 0102 6179*12 03");
        assert_eq!(runs(&[7; 23]), format!(" {}", "07".repeat(23)));
        assert_eq!(runs(&[[7; 24], [8; 24]].concat()), " 07*24 08*24");
    }
}
