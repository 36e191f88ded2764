//! What `tshark`, which we did not write, reads in a recorded link.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use tempfile::TempDir;

/// The version byte and a distribution header: of a whole message, of the first fragment and of the
/// others (`erl_dist_protocol`, "Distribution Header").
const HEADER: [u8; 2] = [131, 68];
const FIRST: [u8; 2] = [131, 69];
const OTHERS: [u8; 2] = [131, 70];

/// Sequence and number of a fragment, which stand behind those two bytes.
const FRAGMENT_IDS: usize = 16;

/// Bytes of a packet that we make of the recording.
const PACKET: usize = 30_000;

/// A side's counts, one a line: `a op 6 189`. `None` without `tshark`.
///
/// It does not put fragments together, so it is shown the first ones as if they were whole: it
/// reads the header and the control message, and says that the payload is cut short.
pub(crate) fn counts(handshakes: [&[Vec<u8>]; 2], frames: [&[Vec<u8>]; 2]) -> Option<String> {
    let version = Command::new("tshark").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&version.stdout);
    let mut text = format!("# {}\n", version.lines().next()?);
    for (side, (handshake, frames)) in
        ["a", "b"].into_iter().zip(handshakes.into_iter().zip(frames))
    {
        let mut counts = BTreeMap::<String, usize>::new();
        let mut count = |what: &str| *counts.entry(what.to_owned()).or_default() += 1;
        let mut shown = handshake.to_vec();
        for frame in frames {
            let (length, body) = frame.split_at(4);
            match body.first_chunk() {
                None => count("ticks"),
                Some(&OTHERS) => count("other_fragments"),
                Some(&FIRST) => {
                    count("first_fragments");
                    let rest = &body[2 + FRAGMENT_IDS..];
                    let length = (rest.len() as u32 + 2).to_be_bytes();
                    shown.push([&length, &HEADER[..], rest].concat());
                }
                Some(_) => shown.push([length, body].concat()),
            }
        }
        for line in dissect(&shown)?.lines() {
            if let Some(op) = line.split(',').next().filter(|op| !op.is_empty()) {
                count(&format!("op {op}"));
            }
        }
        counts.iter().for_each(|(what, count)| writeln!(text, "{side} {what} {count}").unwrap());
    }
    Some(text)
}

/// The integers of each message, as tshark reads it.
fn dissect(messages: &[Vec<u8>]) -> Option<String> {
    let folder = TempDir::new().ok()?;
    let (dump, packets) = (folder.path().join("dump.txt"), folder.path().join("packets.pcap"));
    let mut text = String::new();
    for packet in messages.iter().flat_map(|message| message.chunks(PACKET)) {
        for (at, row) in packet.chunks(16).enumerate() {
            write!(text, "{:06x}", at * 16).unwrap();
            row.iter().for_each(|byte| write!(text, " {byte:02x}").unwrap());
            text.push('\n');
        }
    }
    std::fs::write(&dump, text).ok()?;
    let mut text2pcap = Command::new("text2pcap");
    text2pcap.args(["-q", "-T", "40000,4370"]).args([&dump, &packets]);
    if !text2pcap.output().ok()?.status.success() {
        return None;
    }
    let read = Command::new("tshark")
        .arg("-r")
        .arg(&packets)
        .args(["-d", "tcp.port==4370,erldp", "-Y", "erldp", "-T", "fields"])
        .args(["-e", "erldp.small_int_ext"])
        .output();
    Some(String::from_utf8_lossy(&read.ok()?.stdout).into_owned())
}
