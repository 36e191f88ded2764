//! Terms that are kept because a peer says so: what they take, and nothing of what they came in.

use flitch_etf::{Term, decode, encode};

/// Bytes that a term may take in memory for each byte of its form on the wire: an empty list is
/// one there, and 32 here.
const DECODED: usize = 32;

/// About how many bytes a term takes, and rather more than less. One that has no form cannot have
/// come from a peer.
pub(crate) fn weight(term: &Term) -> usize {
    encode(term).map_or(0, |bytes| bytes.len().saturating_mul(DECODED))
}

/// The same term in memory of its own: a binary out of a message keeps the whole message.
pub(crate) fn detached(term: &Term) -> Term {
    match term {
        Term::Atom(_) | Term::Integer(_) | Term::Export(_) | Term::Pid(_) => term.clone(),
        // What was within the limits once is so again.
        term => {
            let again = encode(term).ok().and_then(|bytes| decode(&bytes.into()).ok());
            again.unwrap_or_else(|| term.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_that_is_kept_does_not_keep_the_message_that_it_came_in() {
        let sent = Term::from((Term::from("x".repeat(100)), "a name that is not held inline"));
        let message = decode(&encode(&sent).unwrap().into()).unwrap();
        let part = message.as_tuple().unwrap().last().unwrap();
        let kept = detached(part);
        assert_eq!(&kept, part);
        let data = |term: &Term| term.as_binary().unwrap().as_slice().as_ptr();
        assert_eq!(data(part), data(&part.clone()), "a clone shares the message");
        assert_ne!(data(part), data(&kept));
        assert!(weight(part) >= 30 && weight(part) < 2000);
    }
}
