//! Terms of the `eetf` crate into terms of this one and back, for programs that come from there.
//!
//! Needs the feature `eetf`, which is made for `eetf` 0.12. A program moves one place at a time:
//! what is still written for `eetf` takes and gives its terms, and the bytes are decoded and
//! encoded here, where they may be hostile.
//!
//! ```
//! use flitch_etf::{Term, decode, encode};
//!
//! /// Not moved yet: `{add, A, B}` to `A + B`.
//! fn answer(request: eetf::Term) -> eetf::Term {
//!     use eetf::pattern::{I32, any};
//!     match request.as_match(("add", I32, I32)) {
//!         Ok((_, a, b)) => eetf::FixInteger::from(a + b).into(),
//!         Err(_) => eetf::Atom::from("badarg").into(),
//!     }
//! }
//!
//! // Was: eetf::Term::decode(bytes)?
//! let bytes = encode(&Term::from((Term::atom("add"), 1, 2)))?.into();
//! let request = eetf::Term::try_from(decode(&bytes)?)?;
//! // Was: answer.encode(&mut out)?
//! let answer = Term::try_from(answer(request))?;
//! assert_eq!(answer, Term::from(3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A term becomes what `eetf` would decode from its bytes: a list that goes as STRING_EXT is an
//! [`eetf::ByteList`], an integer outside 32 bits an [`eetf::BigInteger`]. What one side cannot
//! hold is an [`EetfError`], never a near value.
//!
//! Neither direction recurses. **`eetf` itself does**, when it drops, clones, compares, prints,
//! hashes or encodes a term: a deep one, even if it came from here, takes its stack. Decode what
//! peers send with [`Limits`](crate::Limits) of few levels before it is handed to `eetf`. Turning
//! an owned [`eetf::Term`] into a [`Term`] also lets it go without recursion.
//!
//! Two more of its ways to know: it writes a list such as `[-1, 2]` as `[255, 2]`, so encode here;
//! and it finds no value under a key that is or holds a map, since equal maps differ in their hash.
//! Such maps survive both conversions.

use std::collections::HashMap;

use eetf::Term as Peer;
use num_bigint::BigInt;

use crate::{
    Atom, AtomError, Binary, BitString, EncodeError, Export, Fun, ImproperList, Map, Pid, Port,
    Reference, Term, encode,
};

/// Levels of a map's key. `eetf` hashes its keys by recursion.
const MAX_KEY_DEPTH: usize = 128;

/// Why a term of one crate has no equal in the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EetfError {
    /// A kind of term that the other crate does not have.
    #[error("{0} has no counterpart: take it out before the conversion")]
    Kind(&'static str),
    /// Two keys of a map that the other crate takes for one, such as `0.0` and `-0.0` in `eetf`,
    /// or a byte list and the list of the same integers here.
    #[error("two keys of a map are one key to the other crate")]
    Keys,
    /// A map's key of more levels than `eetf` can safely hash.
    #[error("a map's key of more than {MAX_KEY_DEPTH} levels: eetf would recurse to hash it")]
    KeyDepth,
    /// A value that has no form on the wire either: NaN, an infinity, an integer over 4 MiB.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A name that is too long for an atom.
    #[error(transparent)]
    Atom(#[from] AtomError),
    /// A reference without words, or of more than five.
    #[error("a reference of {0} words: 1 to 5 are possible")]
    Reference(usize),
    /// A bit string that does not have 1 to 8 bits in its last byte.
    #[error("a bit string of {bytes} bytes with {bits} bits in the last: 1 to 8 are possible")]
    BitString {
        /// Its bytes.
        bytes: usize,
        /// The bits that its last byte is said to have.
        bits: u8,
    },
}

impl TryFrom<Term> for Peer {
    type Error = EetfError;

    fn try_from(term: Term) -> Result<Self, EetfError> {
        Self::try_from(&term)
    }
}

impl TryFrom<&Term> for Peer {
    type Error = EetfError;

    fn try_from(term: &Term) -> Result<Self, EetfError> {
        let mut done = Vec::new();
        let result = to_peer(term, &mut done);
        // What was made before an error may be deep.
        let_go(done);
        result
    }
}

impl TryFrom<Peer> for Term {
    type Error = EetfError;

    fn try_from(term: Peer) -> Result<Self, EetfError> {
        let result = Self::try_from(&term);
        let_go(vec![term]);
        result
    }
}

impl TryFrom<&Peer> for Term {
    type Error = EetfError;

    fn try_from(term: &Peer) -> Result<Self, EetfError> {
        from_peer(term)
    }
}

/// What is still to be done, the next on top.
enum Step<'a, T> {
    Visit(&'a T),
    /// The elements of this container are done, from that place on.
    Close(&'a T, usize),
}

fn to_peer(term: &Term, done: &mut Vec<Peer>) -> Result<Peer, EetfError> {
    let mut steps = vec![Step::Visit(term)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Visit(term) => {
                if let Some(bytes) = term.as_list().and_then(as_string) {
                    done.push(eetf::ByteList { bytes }.into());
                } else if is_container(term) {
                    steps.push(Step::Close(term, done.len()));
                    steps.extend(term.children().rev().map(Step::Visit));
                } else {
                    done.push(leaf_to_peer(term)?);
                }
            }
            Step::Close(term, start) => {
                let children = done.split_off(start);
                let container = close_peer(term, children, done)?;
                done.push(container);
            }
        }
    }
    // Every container has been replaced by one term.
    done.pop().ok_or(EetfError::Kind("nothing"))
}

fn is_container(term: &Term) -> bool {
    use Term::{Fun, ImproperList, List, Map, Tuple};
    matches!(term, Tuple(_) | Map(_) | List(_) | ImproperList(_) | Fun(_))
}

fn leaf_to_peer(term: &Term) -> Result<Peer, EetfError> {
    Ok(match term {
        Term::Integer(value) => match i32::try_from(*value) {
            Ok(value) => eetf::FixInteger { value }.into(),
            Err(_) => eetf::BigInteger::from(*value).into(),
        },
        // Its bytes are what both crates' versions of num-bigint understand.
        Term::BigInt(_) => Peer::decode(&encode(term)?[..])
            .map_err(|_| EetfError::Kind("an integer of this size"))?,
        Term::Float(value) => {
            eetf::Float::try_from(*value).map_err(|_| EncodeError::Float(value.to_string()))?.into()
        }
        Term::Atom(atom) => name(atom).into(),
        Term::Reference(reference) => eetf::Reference {
            node: name(&reference.node),
            id: reference.words().to_vec(),
            creation: reference.creation,
        }
        .into(),
        Term::Export(export) => eetf::ExternalFun {
            module: name(&export.module),
            function: name(&export.function),
            arity: export.arity,
        }
        .into(),
        Term::Port(port) => {
            eetf::Port { node: name(&port.node), id: port.id, creation: port.creation }.into()
        }
        Term::Pid(pid) => pid_to_peer(pid).into(),
        Term::Binary(bytes) => eetf::Binary::from(&bytes[..]).into(),
        Term::BitString(bits) => {
            let mut bytes = bits.bytes().to_vec();
            if let Some(last) = bytes.last_mut() {
                // The bits in use are the lower ones there.
                *last >>= 8 - bits.last_bits();
            }
            eetf::BitBinary::from((bytes, bits.last_bits())).into()
        }
        other => return Err(EetfError::Kind(other.kind())),
    })
}

fn name(atom: &Atom) -> eetf::Atom {
    atom.as_str().into()
}

fn pid_to_peer(pid: &Pid) -> eetf::Pid {
    eetf::Pid::new(pid.node.as_str(), pid.id, pid.serial, pid.creation)
}

/// The bytes of a list that goes as STRING_EXT: 1 to 65,535 integers from 0 to 255.
fn as_string(list: &[Term]) -> Option<Vec<u8>> {
    if !(1..=usize::from(u16::MAX)).contains(&list.len()) {
        return None;
    }
    list.iter().map(|term| u8::try_from(term.as_integer()?).ok()).collect()
}

/// A container of these children. What cannot be part of it goes to `done`, to be let go.
fn close_peer(
    term: &Term,
    mut children: Vec<Peer>,
    done: &mut Vec<Peer>,
) -> Result<Peer, EetfError> {
    Ok(match term {
        Term::Tuple(_) => eetf::Tuple::from(children).into(),
        Term::Map(map) => return map_to_peer(map, children, done),
        Term::ImproperList(_) => {
            let tail = children.pop().ok_or(EetfError::Kind("a list without its tail"))?;
            eetf::ImproperList::from((children, tail)).into()
        }
        Term::Fun(fun) => eetf::InternalFun::New {
            module: name(&fun.module),
            arity: fun.arity,
            pid: pid_to_peer(&fun.pid),
            free_vars: children,
            index: fun.index,
            uniq: fun.uniq,
            old_index: fun.old_index,
            old_uniq: fun.old_uniq,
        }
        .into(),
        _ => eetf::List::from(children).into(),
    })
}

fn map_to_peer(
    map: &Map,
    mut children: Vec<Peer>,
    done: &mut Vec<Peer>,
) -> Result<Peer, EetfError> {
    if map.iter().any(|(key, _)| deeper_than(key, MAX_KEY_DEPTH)) {
        done.extend(children);
        return Err(EetfError::KeyDepth);
    }
    let mut pairs = HashMap::with_capacity(map.len());
    let mut twice = false;
    // Keys come before values.
    let values = children.split_off(children.len() / 2);
    for (key, value) in children.into_iter().zip(values) {
        if let Some(before) = pairs.insert(key, value) {
            done.push(before);
            twice = true;
        }
    }
    let pairs = eetf::Map::from(pairs).into();
    if twice {
        done.push(pairs);
        return Err(EetfError::Keys);
    }
    Ok(pairs)
}

fn deeper_than(term: &Term, levels: usize) -> bool {
    let mut inside = vec![(term, 0)];
    while let Some((term, level)) = inside.pop() {
        let before = inside.len();
        inside.extend(term.children().map(|child| (child, level + 1)));
        if level >= levels && inside.len() > before {
            return true;
        }
    }
    false
}

fn from_peer(term: &Peer) -> Result<Term, EetfError> {
    let mut steps = vec![Step::Visit(term)];
    let mut done: Vec<Term> = Vec::new();
    while let Some(step) = steps.pop() {
        match step {
            Step::Visit(term) => {
                if let Some(leaf) = leaf_from_peer(term)? {
                    done.push(leaf);
                    continue;
                }
                steps.push(Step::Close(term, done.len()));
                let first = steps.len();
                visit_children(term, &mut steps);
                steps.get_mut(first..).unwrap_or_default().reverse();
            }
            Step::Close(term, start) => {
                let children = done.split_off(start);
                done.push(close_from_peer(term, children)?);
            }
        }
    }
    // Every container has been replaced by one term.
    done.pop().ok_or(EetfError::Kind("nothing"))
}

/// A term without elements; `None` for one with them.
fn leaf_from_peer(term: &Peer) -> Result<Option<Term>, EetfError> {
    Ok(Some(match term {
        Peer::Atom(atom) => named(atom)?.into(),
        Peer::FixInteger(integer) => integer.value.into(),
        Peer::BigInteger(integer) => {
            BigInt::from_signed_bytes_le(&integer.value.to_signed_bytes_le()).into()
        }
        Peer::Float(float) => float.value.into(),
        Peer::Pid(pid) => pid_from_peer(pid)?.into(),
        Peer::Port(port) => {
            Port { node: named(&port.node)?, id: port.id, creation: port.creation }.into()
        }
        Peer::Reference(reference) => {
            let node = named(&reference.node)?;
            let words = Reference::new(node, reference.creation, &reference.id);
            words.ok_or(EetfError::Reference(reference.id.len()))?.into()
        }
        Peer::ExternalFun(fun) => Export {
            module: named(&fun.module)?,
            function: named(&fun.function)?,
            arity: fun.arity,
        }
        .into(),
        Peer::Binary(binary) => Binary::copy_from(&binary.bytes).into(),
        Peer::BitBinary(bits) => bits_from_peer(bits)?,
        Peer::ByteList(list) => list.bytes.iter().map(|byte| Term::from(*byte)).collect(),
        Peer::InternalFun(_)
        | Peer::List(_)
        | Peer::ImproperList(_)
        | Peer::Tuple(_)
        | Peer::Map(_) => return Ok(None),
    }))
}

fn named(atom: &eetf::Atom) -> Result<Atom, AtomError> {
    Atom::new(&atom.name)
}

fn pid_from_peer(pid: &eetf::Pid) -> Result<Pid, AtomError> {
    let node = named(&pid.node)?;
    Ok(Pid { node, id: pid.id, serial: pid.serial, creation: pid.creation })
}

fn bits_from_peer(bits: &eetf::BitBinary) -> Result<Term, EetfError> {
    let mut bytes = bits.bytes.clone();
    let unclear = EetfError::BitString { bytes: bytes.len(), bits: bits.tail_bits_size };
    match (bits.tail_bits_size, bytes.last_mut()) {
        (8, _) => Ok(Binary::from(bytes).into()),
        (tail @ 1..=7, Some(last)) => {
            *last <<= 8 - tail;
            BitString::new(bytes.into(), tail).map(Term::from).ok_or(unclear)
        }
        _ => Err(unclear),
    }
}

fn visit_children<'a>(term: &'a Peer, steps: &mut Vec<Step<'a, Peer>>) {
    match term {
        Peer::List(list) => steps.extend(list.elements.iter().map(Step::Visit)),
        Peer::Tuple(tuple) => steps.extend(tuple.elements.iter().map(Step::Visit)),
        Peer::ImproperList(list) => {
            steps.extend(list.elements.iter().chain([&*list.last]).map(Step::Visit));
        }
        Peer::Map(map) => {
            steps.extend(map.map.iter().flat_map(|(key, value)| [key, value]).map(Step::Visit));
        }
        Peer::InternalFun(fun) => match &**fun {
            eetf::InternalFun::New { free_vars, .. } | eetf::InternalFun::Old { free_vars, .. } => {
                steps.extend(free_vars.iter().map(Step::Visit));
            }
        },
        _ => {}
    }
}

/// A container of these children.
fn close_from_peer(term: &Peer, mut children: Vec<Term>) -> Result<Term, EetfError> {
    Ok(match term {
        Peer::Tuple(_) => Term::tuple(children),
        Peer::Map(theirs) => {
            let mut children = children.into_iter();
            let pairs = std::iter::from_fn(|| Some((children.next()?, children.next()?)));
            let map: Map = pairs.collect();
            if map.len() != theirs.map.len() {
                return Err(EetfError::Keys);
            }
            map.into()
        }
        Peer::ImproperList(_) => {
            let tail = children.pop().ok_or(EetfError::Kind("a list without its tail"))?;
            ImproperList::term(children, tail)
        }
        Peer::InternalFun(fun) => fun_from_peer(fun, children)?.into(),
        _ => Term::from(children),
    })
}

fn fun_from_peer(fun: &eetf::InternalFun, free: Vec<Term>) -> Result<Fun, EetfError> {
    match fun {
        eetf::InternalFun::Old { .. } => Err(EetfError::Kind("a fun of FUN_EXT")),
        eetf::InternalFun::New { module, arity, pid, index, uniq, old_index, old_uniq, .. } => {
            Ok(Fun {
                arity: *arity,
                uniq: *uniq,
                index: *index,
                module: named(module)?,
                old_index: *old_index,
                old_uniq: *old_uniq,
                pid: pid_from_peer(pid)?,
                free: free.into(),
            })
        }
    }
}

/// Lets go of terms of `eetf` one by one: its own drop recurses.
fn let_go(mut terms: Vec<Peer>) {
    while let Some(term) = terms.pop() {
        match term {
            Peer::List(list) => terms.extend(list.elements),
            Peer::Tuple(tuple) => terms.extend(tuple.elements),
            Peer::ImproperList(list) => {
                terms.extend(list.elements);
                terms.push(*list.last);
            }
            Peer::Map(map) => {
                terms.extend(map.map.into_iter().flat_map(|(key, value)| [key, value]));
            }
            Peer::InternalFun(fun) => match *fun {
                eetf::InternalFun::New { free_vars, .. }
                | eetf::InternalFun::Old { free_vars, .. } => terms.extend(free_vars),
            },
            _ => {}
        }
    }
}
