//! What a BEAM sees of a peer: there and back, floods, callers, connects.

use std::time::{Duration, Instant};

use flitch::{Term, term};
use integration::{Beam, Cluster};

use super::Effort;
use crate::measure::{Group, OURS, Row, Spread, Target, Unit};
use crate::peers::{self, Peer, Peers};

/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(180);

type Rows = &'static [(usize, &'static str, Option<Target>)];

/// A measurement of `driver.exs`, and the rows that come of what it gives.
struct Spec {
    /// `Measure.…`, of a node and a count.
    function: &'static str,
    /// What stands behind the node.
    arguments: &'static str,
    /// How many in a round of the quickest run; none, where the function takes no count.
    count: usize,
    /// Which of the numbers that it gives, what that is, and what is hoped for.
    rows: Rows,
    /// The numbers are nanoseconds of one; shown is how many go into a second.
    rate: bool,
}

/// So many times what a BEAM takes, or does.
const fn beside_beam(ratio: f64) -> Option<Target> {
    Some(Target::Of("BEAM", ratio))
}

const THERE_AND_BACK: &[Spec] = &[
    Spec {
        function: "message",
        arguments: "\"small\", ",
        count: 2000,
        rows: &[
            (0, "small message, median", Some(Target::Of("libei", 1.0))),
            (1, "small message, 99 %", beside_beam(1.0)),
            (2, "small message, 99.9 %", None),
        ],
        rate: false,
    },
    Spec {
        function: "call",
        arguments: "\"small\", ",
        count: 2000,
        rows: &[
            (0, "GenServer.call, median", Some(Target::Of("libei", 1.0))),
            (1, "GenServer.call, 99 %", beside_beam(1.0)),
        ],
        rate: false,
    },
    Spec {
        function: "call",
        arguments: "\"100 structs\", ",
        count: 100,
        rows: &[(0, "call with 100 structs, median", None)],
        rate: false,
    },
    Spec {
        function: "message",
        arguments: "\"64 kB\", ",
        count: 500,
        rows: &[(0, "64 kB, median", None), (1, "64 kB, 99 %", None)],
        rate: false,
    },
    Spec {
        function: "message",
        arguments: "\"8 MB\", ",
        count: 10,
        rows: &[(0, "8 MB, median", Some(Target::Of("libei", 0.8)))],
        rate: false,
    },
    Spec {
        function: "beside_200_mb",
        arguments: "",
        count: 0,
        rows: &[
            (0, "call while 200 MB go to it, median", None),
            (3, "call while 200 MB go to it, longest", Some(Target::Absolute(5e6))),
        ],
        rate: false,
    },
    Spec {
        function: "connect",
        arguments: "",
        count: 30,
        rows: &[(0, "connect and handshake, median", None)],
        rate: false,
    },
];

const FLOODS: &[Spec] = &[
    flood("flood_in", "\"small\", ", 20_000, &[(0, "into it: small", beside_beam(1.0))]),
    flood("flood_in", "\"job-like\", ", 10_000, &[(0, "into it: job-like", beside_beam(1.0))]),
    flood("flood_in", "\"1 kB\", ", 10_000, &[(0, "into it: 1 kB", beside_beam(1.0))]),
    flood("flood_in", "\"64 kB\", ", 500, &[(0, "into it: 64 kB", beside_beam(1.0))]),
    flood("flood_out", "\"small\", ", 20_000, &[(0, "out of it: small", beside_beam(1.5))]),
    flood("flood_out", "\"job-like\", ", 10_000, &[(0, "out of it: job-like", beside_beam(1.5))]),
    flood("flood_out", "\"1 kB\", ", 10_000, &[(0, "out of it: 1 kB", beside_beam(1.5))]),
    flood("flood_out", "\"64 kB\", ", 500, &[(0, "out of it: 64 kB", beside_beam(1.5))]),
    flood("callers", "64, ", 50, &[(0, "calls of 64 callers", beside_beam(1.3))]),
    flood("callers", "1024, ", 4, &[(0, "calls of 1,024 callers", beside_beam(1.3))]),
];

const fn flood(function: &'static str, arguments: &'static str, count: usize, rows: Rows) -> Spec {
    Spec { function, arguments, count, rows, rate: true }
}

/// All of it: each row of each peer in turn, `rounds` times.
pub(crate) fn measure(effort: Effort) -> Vec<Group> {
    let cluster = Cluster::new();
    let driver = peers::driver(&cluster);
    let mut peers = Peers::start(&cluster);
    let mut groups = vec![
        group("There and back", THERE_AND_BACK, &cluster, &driver, &mut peers, effort),
        group("Floods and callers", FLOODS, &cluster, &driver, &mut peers, effort),
    ];
    groups.push(open_loop(&driver, &peers, effort, &groups));
    let runtime = tokio::runtime::Runtime::new();
    let like = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let like = like_to_like(&cluster, &driver, &peers, effort);
        runtime.block_on(like).map_err(|error| format!("{error:#}"))
    });
    let mut row = Row::new(LIKE, Unit::PerSecond).target(beside_beam(3.0));
    match like {
        Ok(rounds) => {
            for (ours, beam) in rounds {
                row.add(OURS, Ok(ours));
                row.add("BEAM", beam);
            }
        }
        Err(why) => row.add(OURS, Err(why)),
    }
    if let Some(floods) = groups.get_mut(1) {
        floods.rows.push(row);
    }
    groups
}

const LIKE: &str = "casts to its like: small";

/// Casts from a node of ours to another, and from a BEAM to a BEAM, in turn.
async fn like_to_like(
    cluster: &Cluster,
    driver: &Beam,
    peers: &Peers,
    effort: Effort,
) -> anyhow::Result<Vec<(f64, Result<f64, String>)>> {
    eprintln!("Floods and callers: {LIKE}");
    let count = 50_000 * effort.work as u32;
    let caster = cluster.ours("caster").start().await?;
    let worker = cluster.name(OURS);
    let beam = peers.there.iter().find(|peer| peer.title == "BEAM");
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let since = Instant::now();
        let message = term!({:add, :some_atom, 1});
        for _ in 0..count {
            caster.cast(("bench", worker.as_str()), &message).await?;
        }
        let done = term!({:echo, :done});
        caster.call::<_, _, Term>(("bench", worker.as_str()), &done, PATIENCE).await?;
        let ours = f64::from(count) / since.elapsed().as_secs_f64();
        let theirs = beam.ok_or_else(|| "there is none".to_owned()).and_then(|beam| {
            let source = format!("Measure.flood_in({}, \"small\", {count})", beam.atom);
            let seen = numbers(driver, &source)?;
            Ok(1e9 / seen.first().ok_or_else(|| "gave no number".to_owned())?)
        });
        rounds.push((ours, theirs));
    }
    Ok(rounds)
}

fn group(
    title: &'static str,
    specs: &[Spec],
    cluster: &Cluster,
    driver: &Beam,
    peers: &mut Peers,
    effort: Effort,
) -> Group {
    let rows = specs.iter().flat_map(|spec| {
        eprintln!("{title}: {}", spec.rows.first().map_or("", |row| row.1));
        measured(spec, cluster, driver, peers, effort)
    });
    let how = format!(
        "A BEAM asks each peer in turn, {} rounds; a number is the median of the rounds, with the \
         least and the most.",
        effort.rounds
    );
    Group { title, how, rows: rows.collect() }
}

fn measured(
    spec: &Spec,
    cluster: &Cluster,
    driver: &Beam,
    peers: &mut Peers,
    effort: Effort,
) -> Vec<Row> {
    let unit = if spec.rate { Unit::PerSecond } else { Unit::Nanoseconds };
    let mut rows: Vec<Row> =
        spec.rows.iter().map(|(_, what, target)| Row::new(*what, unit).target(*target)).collect();
    let count = match spec.count {
        0 => String::new(),
        count => (count * effort.work).to_string(),
    };
    let arguments = format!("{}{count}", spec.arguments);
    for _ in 0..effort.rounds {
        for peer in &mut peers.there {
            let failed = |row: &Row| row.cell(peer.title).is_some_and(|cell| cell.seen.is_err());
            if rows.iter().any(failed) {
                continue;
            }
            let source = format!("Measure.{}({}, {arguments}", spec.function, peer.atom);
            let source = format!("{})", source.trim_end_matches(", "));
            let seen = numbers(driver, &source);
            let seen = seen.or_else(|why| again(cluster, peer, why));
            for (row, (at, ..)) in rows.iter_mut().zip(spec.rows) {
                let one = seen.clone().and_then(|seen| {
                    let seen = *seen.get(*at).ok_or_else(|| "gave no number".to_owned())?;
                    Ok(if spec.rate { 1e9 / seen } else { seen })
                });
                row.add(peer.title, one);
            }
        }
    }
    for (title, why) in &peers.missing {
        rows.iter_mut().for_each(|row| row.add(title, Err(why.clone())));
    }
    rows
}

/// A peer that could not do it is started afresh for the next row.
fn again(cluster: &Cluster, peer: &mut Peer, why: String) -> Result<Vec<f64>, String> {
    if let Ok(fresh) = Peer::start_again(cluster, peer) {
        *peer = fresh;
    }
    Err(why)
}

fn numbers(driver: &Beam, source: &str) -> Result<Vec<f64>, String> {
    let said = driver.eval_timeout(source, PATIENCE).map_err(|error| short(&error.to_string()))?;
    let words = said.trim_matches(['[', ']']).split(", ");
    words.map(|word| word.parse().map_err(|_| short(&said))).collect()
}

/// The first line, and not all of a long one.
fn short(said: &str) -> String {
    said.lines().next().unwrap_or_default().chars().take(80).collect()
}

/// There and back at half of the rate that the peer itself can do.
fn open_loop(driver: &Beam, peers: &Peers, effort: Effort, before: &[Group]) -> Group {
    let names = ["median", "99 %", "99.9 %"];
    let mut rows: Vec<Row> = names
        .iter()
        .map(|name| Row::new(format!("small message, {name}"), Unit::Nanoseconds))
        .collect();
    let alone = before.iter().flat_map(|group| &group.rows).next();
    for _ in 0..effort.rounds {
        for peer in &peers.there {
            let values = alone.and_then(|row| row.cell(peer.title)?.seen.as_ref().ok());
            let Some(median) = values.and_then(|values| Spread::of(values)) else { continue };
            let interval = (2.0 * median.median).round();
            let count = 3000 * effort.work;
            let source = format!("Measure.open_loop({}, {interval}, {count})", peer.atom);
            let seen = numbers(driver, &source);
            for (at, row) in rows.iter_mut().enumerate() {
                let one = |seen: Vec<f64>| seen.get(at).copied().ok_or_else(String::new);
                row.add(peer.title, seen.clone().and_then(one));
            }
        }
    }
    let how =
        "A message starts whenever it is due, at half of the rate at which the peer answered \
               one after the other, whether or not the one before is back; its time counts from \
               when it was due."
            .to_owned();
    Group { title: "At half of the load", how, rows }
}
