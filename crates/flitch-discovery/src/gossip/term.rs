//! `term_to_binary(%{node: node()})`: the one term of a heartbeat, read and written.
//!
//! A node of OTP 25 writes its atoms as ATOM_EXT, one of 26 and later as SMALL_ATOM_UTF8_EXT, or
//! ATOM_UTF8_EXT where they are long (`erl_ext_dist`). Whatever else stands there, be it a second
//! key, was not written by libcluster, and is not read: a heartbeat comes from anyone.

use flitch_name::NodeName;

const VERSION: u8 = 131;
const MAP_EXT: u8 = 116;
const ATOM_EXT: u8 = 100;
const ATOM_UTF8_EXT: u8 = 118;
const SMALL_ATOM_UTF8_EXT: u8 = 119;

/// What stands before the name of the node: a map with one pair, whose key is `node`.
const HEAD: [u8; 6] = [VERSION, MAP_EXT, 0, 0, 0, 1];

/// The atom that is the name of a node that has none.
const NOT_ALIVE: &[u8] = b"nonode@nohost";

/// Writes the term. An atom in UTF-8 is understood by every release since R16.
pub(super) fn write(node: &NodeName) -> Vec<u8> {
    let mut term = HEAD.to_vec();
    for atom in ["node", node.as_str()] {
        // A node name has at most 255 bytes.
        let len = u8::try_from(atom.len()).unwrap_or(u8::MAX);
        term.extend([SMALL_ATOM_UTF8_EXT, len]);
        term.extend(atom.as_bytes());
    }
    term
}

/// Reads the term: the name, if it is one that can be connected to.
pub(super) fn read(term: &[u8]) -> Option<NodeName> {
    let (key, rest) = atom(term.strip_prefix(HEAD.as_slice())?)?;
    let (node, rest) = atom(rest)?;
    if key != b"node" || !rest.is_empty() || node == NOT_ALIVE {
        return None;
    }
    std::str::from_utf8(node).ok()?.parse().ok()
}

/// An atom's text, and what follows it. Names are ASCII, which is the same in Latin-1 and UTF-8.
fn atom(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [SMALL_ATOM_UTF8_EXT, len, rest @ ..] => (usize::from(*len), rest),
        [ATOM_EXT | ATOM_UTF8_EXT, high, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded: `erlang:term_to_binary(#{node => 'app@10.0.0.7'})`.
    const OTP_25: &[u8] = b"\x83t\0\0\0\x01d\0\x04noded\0\x0capp@10.0.0.7";
    const OTP_29: &[u8] = b"\x83t\0\0\0\x01w\x04nodew\x0capp@10.0.0.7";

    #[test]
    fn what_every_release_writes_is_read() {
        for term in [OTP_25, OTP_29, b"\x83t\0\0\0\x01v\0\x04nodev\0\x0capp@10.0.0.7"] {
            assert_eq!(read(term).unwrap().as_str(), "app@10.0.0.7");
        }
        assert_eq!(write(&"app@10.0.0.7".parse().unwrap()), OTP_29);
    }

    #[test]
    fn anything_else_is_not_read() {
        for len in 0..OTP_29.len() {
            assert_eq!(read(OTP_29.get(..len).unwrap()), None, "cut off at {len}");
        }
        for term in [
            &[OTP_29, b"\0"].concat(),
            &b"\x83t\0\0\0\x02w\x04nodew\x0capp@10.0.0.7w\x01aw\x01b"[..],
            b"\x83t\xff\xff\xff\xffw\x04node",
            b"\x83t\0\0\0\x01w\x04naame\x0capp@10.0.0.7",
            b"\x83t\0\0\0\x01w\x04nodew\x03app",
            b"\x83t\0\0\0\x01w\x04nodew\x0dnonode@nohost",
            b"\x83t\0\0\0\x01w\x04nodew\x05a@\x1b[2",
            b"\x83t\0\0\0\x01w\x04nodev\xff\xffa@b",
            b"\x83t\0\0\0\x01w\x04nodem\0\0\0\x03a@b",
            b"\x83P\0\0\xff\xff",
        ] {
            assert_eq!(read(term), None, "{term:?}");
        }
    }
}
