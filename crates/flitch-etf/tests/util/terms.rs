//! Strategies for terms of all kinds but funs, which only a BEAM makes.

use flitch_etf::{Atom, Binary, BitString, Export, ImproperList, Map, Pid, Port, Reference, Term};
use num_bigint::BigInt;
use proptest::collection::vec;
use proptest::prelude::*;

fn atoms() -> impl Strategy<Value = Atom> {
    prop_oneof!["[a-z]{1,4}", ".{0,40}", ".{255}"].prop_map(|text| Atom::new(&text).unwrap())
}

fn leaves() -> impl Strategy<Value = Term> {
    let words = vec(any::<u32>(), 1..=5);
    let reference = (atoms(), any::<u32>(), words)
        .prop_map(|(node, creation, words)| Reference::new(node, creation, &words).unwrap().into());
    let pid = (atoms(), any::<(u32, u32, u32)>())
        .prop_map(|(node, (id, serial, creation))| Pid { node, id, serial, creation }.into());
    let port = (atoms(), any::<(u64, u32)>())
        .prop_map(|(node, (id, creation))| Port { node, id, creation }.into());
    let export = (atoms(), atoms(), any::<u8>())
        .prop_map(|(module, function, arity)| Export { module, function, arity }.into());
    let bits = (vec(any::<u8>(), 1..30), 1u8..8)
        .prop_map(|(bytes, last)| BitString::new(Binary::from(bytes), last).unwrap().into());
    prop_oneof![
        any::<i64>().prop_map(Term::from),
        any::<i32>().prop_map(Term::from),
        any::<u8>().prop_map(Term::from),
        any::<i128>().prop_map(Term::from),
        vec(any::<u8>(), 0..300).prop_map(|digits| BigInt::from_signed_bytes_le(&digits).into()),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Term::from),
        atoms().prop_map(Term::from),
        vec(any::<u8>(), 0..60).prop_map(|bytes| Binary::from(bytes).into()),
        reference,
        pid,
        port,
        export,
        bits,
    ]
}

pub(crate) fn terms() -> impl Strategy<Value = Term> {
    leaves().prop_recursive(5, 60, 6, |inner| {
        let some = || vec(inner.clone(), 0..6);
        prop_oneof![
            some().prop_map(Term::tuple),
            some().prop_map(Term::from),
            (some(), inner.clone()).prop_map(|(elements, tail)| ImproperList::term(elements, tail)),
            vec((inner.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| pairs.into_iter().collect::<Map>().into()),
            vec(any::<u8>(), 0..20)
                .prop_map(|bytes| bytes.into_iter().map(Term::from).collect::<Term>()),
        ]
    })
}
