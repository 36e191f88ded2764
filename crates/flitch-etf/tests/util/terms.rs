//! Strategies for terms of all kinds but funs, which only a BEAM makes.

use flitch_etf::{
    Atom, Binary, BitString, Export, ImproperList, Map, Pid, Port, Record, Reference, Term,
};
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

/// Terms of every release but the native records of OTP 29.
pub(crate) fn terms() -> impl Strategy<Value = Term> {
    made_of(0)
}

pub(crate) fn terms_and_records() -> impl Strategy<Value = Term> {
    made_of(1)
}

fn made_of(records: u32) -> impl Strategy<Value = Term> {
    leaves().prop_recursive(5, 60, 6, move |inner| {
        let some = || vec(inner.clone(), 0..6);
        prop_oneof![
            2 => some().prop_map(Term::tuple),
            2 => some().prop_map(Term::from),
            2 => (some(), inner.clone())
                .prop_map(|(elements, tail)| ImproperList::term(elements, tail)),
            2 => vec((inner.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| pairs.into_iter().collect::<Map>().into()),
            2 => vec(any::<u8>(), 0..20)
                .prop_map(|bytes| bytes.into_iter().map(Term::from).collect::<Term>()),
            2 => like_maps(inner.clone()).prop_map(Term::from),
            1 => (vec(any::<i16>(), 28..36), some()).prop_map(|(flat, nested)| {
                flat.into_iter().map(Term::from).chain(nested).collect::<Term>()
            }),
            2 * records => (atoms(), any::<bool>(), some())
                .prop_map(|(name, exported, values)| record(&name, exported, &FIELDS, values)),
        ]
    })
}

const FIELDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn record(name: &Atom, exported: bool, fields: &[&'static str], values: Vec<Term>) -> Term {
    let fields = fields.iter().map(|field| Atom::from_static(field)).zip(values);
    Record::with_export(name.clone(), name.clone(), exported, fields).unwrap().into()
}

/// Maps whose keys are the same, or some of the same, as those of the structs of a list are.
fn like_maps(values: impl Strategy<Value = Term> + Clone) -> impl Strategy<Value = Vec<Term>> {
    let keys = proptest::sample::subsequence(&FIELDS[..], 4..=5);
    let pairs = keys.prop_flat_map(move |keys| {
        let values = vec(values.clone(), keys.len());
        (Just(keys), values)
    });
    let map = pairs.prop_map(|(keys, values)| {
        let keys = keys.into_iter().map(|key| Atom::from_static(key).into());
        keys.zip(values).collect::<Map>().into()
    });
    vec(map, 0..8)
}

/// Terms that are often equal, or nearly so.
pub(crate) fn close() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        4 => (-1i64..3).prop_map(Term::from),
        2 => prop_oneof![Just(-1.0), Just(-0.0), Just(0.0), Just(1.0), Just(1.5)].prop_map(Term::from),
        2 => "[ab]{0,2}".prop_map(|text| Atom::new(&text).unwrap().into()),
        1 => vec(0u8..2, 0..3).prop_map(|bytes| Binary::from(bytes).into()),
        1 => Just(Term::from(1u64 << 63)),
        1 => vec(0u8..2, 15..18).prop_map(|bytes| bytes.into_iter().map(Term::from).collect()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let some = || vec(inner.clone(), 0..3);
        prop_oneof![
            some().prop_map(Term::tuple),
            some().prop_map(Term::from),
            (some(), inner.clone()).prop_map(|(elements, tail)| ImproperList::term(elements, tail)),
            like_maps(inner.clone()).prop_map(|maps| maps.into_iter().next().unwrap_or_default()),
            vec((inner.clone(), inner.clone()), 0..3)
                .prop_map(|pairs| pairs.into_iter().collect::<Map>().into()),
            (any::<bool>(), proptest::sample::subsequence(&FIELDS[..3], 0..=2), vec(inner, 2))
                .prop_map(|(exported, fields, values)| {
                    record(&Atom::OK, exported, &fields, values)
                }),
        ]
    })
}
