//! What was measured, for people and for programs: ratios, and medians beside them.

use serde::Serialize;

use crate::peers::{Codec, Op};
use crate::{Measured, columns};

#[derive(Serialize)]
pub(crate) struct Report {
    /// The release of OTP that the BEAM is, or why there is none.
    beam: Result<String, String>,
    rows: Vec<Row>,
}

/// One line: something of ours beside all that do the same.
#[derive(Serialize)]
struct Row {
    shape: String,
    bytes: usize,
    op: Op,
    codec: Codec,
    ours: Figure,
    eetf: Option<Figure>,
    erltf: Option<Figure>,
    beam: Option<Figure>,
    /// Beside the faster of the two crates.
    to_crates: Option<Ratio>,
    to_beam: Option<Ratio>,
}

#[derive(Serialize)]
struct Figure {
    median_ns: f64,
    /// Half of what lies between the quartiles, as a share of the median.
    spread: f64,
}

#[derive(Serialize)]
struct Ratio {
    ratio: f64,
    target: Option<f64>,
    met: Option<bool>,
}

/// What this crate is to reach: ours to the faster crate, and ours to the BEAM.
fn targets(codec: Codec, op: Op, shape: &str) -> (Option<f64>, Option<f64>) {
    match (codec, op) {
        (Codec::Serde(_), Op::Decode) => (Some(0.2), None),
        (_, Op::Encode) => (Some(1.0), Some(1.0)),
        (_, Op::Decode) => match shape {
            "structs" | "ints" => (Some(0.35), Some(1.0)),
            "gen_call" => (Some(0.6), Some(1.0)),
            _ => (None, Some(1.0)),
        },
    }
}

pub(crate) fn report(measured: &[Measured], beam: Result<String, String>) -> Report {
    let rows = measured.iter().flat_map(|measured| {
        let ours = |codec| matches!(codec, Codec::Flitch | Codec::Serde(_));
        let ours = measured.outcomes.iter().filter(move |outcome| ours(outcome.codec));
        ours.map(move |outcome| row(measured, outcome.codec, outcome.op))
    });
    Report { beam, rows: rows.collect() }
}

pub(crate) fn print(Report { beam, rows }: &Report, measured: &[Measured]) {
    match beam {
        Ok(release) => println!("\nThe BEAM is that of OTP {release}."),
        Err(reason) => println!("\nThere is no BEAM beside: {reason}."),
    }
    println!("Medians in µs, ± half of the interquartile range. Ratios below 1 are ours.\n");
    let titles = [
        ("decode to a term", Op::Decode, false),
        ("decode to Rust types (others: to a term)", Op::Decode, true),
        ("encode a term", Op::Encode, false),
        ("encode Rust types (others: a term)", Op::Encode, true),
    ];
    for (title, op, typed) in titles {
        let of_title = |row: &&Row| row.op == op && matches!(row.codec, Codec::Serde(_)) == typed;
        print_rows(title, rows.iter().filter(of_title));
    }
    for Measured { shape, outcomes, .. } in measured {
        // One that cannot decode cannot encode, and a missing BEAM has been spoken of.
        for outcome in outcomes.iter().filter(|outcome| outcome.op == Op::Decode) {
            if let (Err(reason), true) =
                (&outcome.rounds, outcome.codec != Codec::Beam || beam.is_ok())
            {
                println!("{:?} has no times for {shape}, since it {reason}.", outcome.codec);
            }
        }
    }
}

fn print_rows<'a>(title: &str, rows: impl Iterator<Item = &'a Row>) {
    let header = ["bytes", "flitch", "eetf", "erltf", "BEAM", "to crates", "", "to BEAM", ""];
    let header = std::iter::once(title).chain(header).map(str::to_owned).collect();
    let mut lines: Vec<Vec<String>> = vec![header];
    for row in rows {
        let mut line = vec![row.shape.clone(), row.bytes.to_string(), time(&row.ours)];
        for peer in [&row.eetf, &row.erltf, &row.beam] {
            line.push(peer.as_ref().map_or("-".into(), time));
        }
        for ratio in [&row.to_crates, &row.to_beam] {
            line.extend(ratio.as_ref().map_or(["-".into(), String::new()], verdict));
        }
        lines.push(line);
    }
    columns::print(&lines);
}

fn time(figure: &Figure) -> String {
    let median = figure.median_ns / 1000.0;
    let digits = if median < 100.0 { 2 } else { 0 };
    format!("{median:.digits$} ±{:.0}%", figure.spread * 100.0)
}

fn verdict(ratio: &Ratio) -> [String; 2] {
    let digits = if ratio.ratio < 0.1 { 3 } else { 2 };
    let verdict = ratio.target.map_or(String::new(), |target| {
        format!("{} ≤{target}", if ratio.met == Some(true) { "ok" } else { "MISS" })
    });
    [format!("{:.digits$}", ratio.ratio), verdict]
}

fn row(measured: &Measured, codec: Codec, op: Op) -> Row {
    let ours = rounds(measured, codec, op).expect("our own work is always done");
    let peers = [Codec::Eetf, Codec::Erltf, Codec::Beam];
    let [eetf, erltf, beam] = peers.map(|peer| rounds(measured, peer, op));
    let faster = [eetf, erltf].into_iter().flatten();
    let faster = faster.min_by(|a, b| median(a).total_cmp(&median(b)));
    let (to_crates, to_beam) = targets(codec, op, measured.shape);
    let label = if let Codec::Serde(label) = codec { label } else { "" };
    Row {
        shape: format!("{} {label}", measured.shape).trim_end().to_owned(),
        bytes: measured.bytes,
        op,
        codec,
        ours: Figure::of(ours),
        eetf: eetf.map(Figure::of),
        erltf: erltf.map(Figure::of),
        beam: beam.map(Figure::of),
        to_crates: faster.map(|faster| Ratio::of(ours, faster, to_crates)),
        to_beam: beam.map(|beam| Ratio::of(ours, beam, to_beam)),
    }
}

fn rounds(measured: &Measured, codec: Codec, op: Op) -> Option<&[f64]> {
    let mut outcomes = measured.outcomes.iter();
    let outcome = outcomes.find(|outcome| outcome.codec == codec && outcome.op == op)?;
    outcome.rounds.as_deref().ok()
}

impl Figure {
    fn of(rounds: &[f64]) -> Self {
        let [lower, median, upper] = quartiles(rounds.to_vec());
        Self { median_ns: median, spread: (upper - lower) / 2.0 / median }
    }
}

impl Ratio {
    /// The median of what the rounds say one by one: what slows a round slows both in it.
    fn of(ours: &[f64], theirs: &[f64], target: Option<f64>) -> Self {
        let rounds = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
        let ratio = median(&rounds.collect::<Vec<_>>());
        Self { ratio, target, met: target.map(|target| ratio <= target) }
    }
}

fn median(values: &[f64]) -> f64 {
    let [_, median, _] = quartiles(values.to_vec());
    median
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values.get(values.len() * quarter / 4).copied().unwrap_or(f64::NAN))
}
