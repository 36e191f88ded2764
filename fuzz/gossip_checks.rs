//! What must hold for any datagrams that come to a node which gossips. The fuzz target runs this,
//! and `tests/corpus.rs` of flitch-discovery runs it over every file of the corpus.

use std::time::{Duration, Instant};

use flitch_discovery::gossip::{Hearing, Packets, Secret};

/// The bytes as one datagram, and as several: each begins with its length and a wait before it.
pub fn gossip(bytes: &[u8]) {
    for secret in [None, Some(Secret::new("somepassword"))] {
        let packets = Packets::new(secret);
        one(&packets, bytes);
        several(&packets, bytes);
    }
}

/// What is read is written and read again as the same.
fn one(packets: &Packets, datagram: &[u8]) {
    if let Ok(node) = packets.decode(datagram) {
        let iv = [7; 16];
        assert_eq!(packets.decode(&packets.encode(&node, iv)), Ok(node));
    }
    // Encrypted bytes that mean something are beyond a fuzzer: it says the name, we encrypt.
    if let Ok(name) = std::str::from_utf8(datagram)
        && let Ok(node) = name.parse()
    {
        assert_eq!(packets.decode(&packets.encode(&node, [1; 16])), Ok(node));
    }
}

/// However time passes, nobody is heard who sent nothing, and we are never our own peer.
fn several(packets: &Packets, mut bytes: &[u8]) {
    let own = "me@10.0.0.1".parse().expect("a name");
    let start = Instant::now();
    let mut hearing = Hearing::new(packets.clone(), own, start);
    let mut now = start;
    let mut heard = 0;
    while let [wait, len, rest @ ..] = bytes {
        let (datagram, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        bytes = rest;
        now += Duration::from_secs(u64::from(*wait) / 4);
        heard += usize::from(packets.decode(datagram).is_ok());
        hearing.handle_datagram(now, "10.0.0.9", datagram);
        hearing.handle_timeout(now);
        let complaint = hearing.poll_complaint(now).unwrap_or_default();
        assert!(!complaint.contains(char::is_control), "{complaint:?}");
        if let Some(seen) = hearing.poll_observation() {
            assert!(
                seen.peers.len() <= heard && !seen.peers.iter().any(|peer| peer == "me@10.0.0.1")
            );
            assert!(!seen.is_complete() || now >= start + Duration::from_secs(10));
        }
    }
    hearing.handle_timeout(now + Duration::from_secs(61));
    assert!(
        hearing.poll_observation().is_none_or(|seen| seen.peers.is_empty() && !seen.is_complete())
    );
}
