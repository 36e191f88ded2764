//! How often, and how much, decoding and encoding allocate, here and in two other crates.
//!
//! `cargo bench -p flitch-etf --bench allocations -- [--json FOLDER] [SHAPE…]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends when something is amiss"
)]

#[path = "../codec/columns.rs"]
mod columns;
#[allow(dead_code, reason = "the bench of times has more options")]
#[path = "../codec/options.rs"]
mod options;
#[allow(dead_code, reason = "the bench of times has a BEAM beside")]
#[path = "../codec/peers.rs"]
mod peers;
#[path = "../codec/shapes.rs"]
mod shapes;

use allocation_counter::measure;
use options::Options;
use peers::{Codec, Op, Peer};
use serde::Serialize;

/// What one operation allocates, all in all.
#[derive(Serialize)]
struct Row {
    shape: &'static str,
    codec: Codec,
    op: Op,
    allocations: u64,
    bytes: u64,
}

fn main() -> Result<(), String> {
    let options = Options::read()?;
    let shapes = options.shapes()?.into_iter();
    let rows = shapes.flat_map(|mut shape| {
        let peers = peers::all(&mut shape).into_iter();
        peers.filter_map(move |peer| row(shape.name, peer))
    });
    let rows: Vec<Row> = rows.collect();
    for op in [Op::Decode, Op::Encode] {
        print(op, &rows);
    }
    options.write("allocations.json", &rows)
}

fn row(shape: &'static str, Peer { codec, op, work }: Peer) -> Option<Row> {
    let work = work.ok()?;
    // The first time may fill what is kept for ever.
    work(1);
    let info = measure(|| work(1));
    Some(Row { shape, codec, op, allocations: info.count_total, bytes: info.bytes_total })
}

fn print(op: Op, rows: &[Row]) {
    let title = match op {
        Op::Decode => "allocations / bytes to decode",
        Op::Encode => "allocations / bytes to encode",
    };
    let columns = [
        ("flitch", Codec::Flitch),
        ("eetf", Codec::Eetf),
        ("erltf", Codec::Erltf),
        ("flitch serde", Codec::Serde("")),
        ("serde, &str", Codec::Serde("&str")),
    ];
    let names = columns.iter().map(|(name, _)| (*name).to_owned());
    let mut lines = vec![std::iter::once(title.to_owned()).chain(names).collect::<Vec<_>>()];
    for of_shape in rows.chunk_by(|a, b| a.shape == b.shape) {
        let cells = columns.iter().map(|(_, codec)| {
            let row = of_shape.iter().find(|row| row.codec == *codec && row.op == op);
            row.map_or("-".into(), |row| format!("{} / {}", row.allocations, row.bytes))
        });
        let name = of_shape.first().map(|row| row.shape.to_owned());
        lines.push(name.into_iter().chain(cells).collect());
    }
    columns::print(&lines);
}
