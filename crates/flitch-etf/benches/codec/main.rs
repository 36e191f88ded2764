//! How fast terms are decoded and encoded, beside two other crates and a BEAM, in one run.
//!
//! Machines are shared and their clocks change, so the peers take turns many times over and a
//! ratio is the median of the ratios within a turn. What is decoded is also let go within the
//! time, for all. Allocations are counted by a bench of their own: a counting allocator changes
//! the times, and not by the same for all.
//!
//! `cargo bench -p flitch-etf --bench codec -- [--quick] [--json FOLDER] [SHAPE…]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when something is amiss"
)]

mod beam;
mod columns;
mod options;
mod peers;
mod shapes;
mod table;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use beam::Beam;
use options::Options;
use peers::{Codec, Op};
use shapes::Shape;

/// How long it takes to do something so many times.
type Clock = Box<dyn Fn(u32) -> Duration>;

/// A BEAM that all shapes share, or why there is none.
type SharedBeam = Result<Rc<RefCell<Beam>>, String>;

/// What became of a shape in the hands of all.
pub(crate) struct Measured {
    pub(crate) shape: &'static str,
    pub(crate) bytes: usize,
    pub(crate) outcomes: Vec<Outcome>,
}

/// What became of it in the hands of one.
pub(crate) struct Outcome {
    pub(crate) codec: Codec,
    pub(crate) op: Op,
    /// Nanoseconds that one operation took, round by round, or why there are none.
    pub(crate) rounds: Result<Vec<f64>, String>,
}

fn main() -> Result<(), String> {
    let options = Options::read()?;
    let shapes = options.shapes()?;
    let beam = Beam::start();
    let release = beam.as_ref().map(|beam| beam.release.clone()).map_err(String::clone);
    let beam = beam.map(|beam| Rc::new(RefCell::new(beam)));
    let (rounds, turn) = match options.quick {
        true => (7, Duration::from_micros(500)),
        false => (41, Duration::from_millis(3)),
    };
    let measured: Vec<_> =
        shapes.into_iter().map(|shape| measure(shape, &beam, rounds, turn)).collect();
    let report = table::report(&measured, release);
    table::print(&report, &measured);
    options.write("codec.json", &report)
}

fn measure(mut shape: Shape, beam: &SharedBeam, rounds: usize, turn: Duration) -> Measured {
    let clocks = clocks(&mut shape, beam);
    let times = clocks.iter().map(|(_, _, clock)| match clock {
        Ok(clock) => times_in(turn, clock),
        Err(_) => 0,
    });
    let times: Vec<u32> = times.collect();
    let mut took = vec![Vec::with_capacity(rounds); clocks.len()];
    for _ in 0..rounds {
        for (((_, _, clock), times), took) in clocks.iter().zip(&times).zip(&mut took) {
            if let Ok(clock) = clock {
                took.push(clock(*times).as_nanos() as f64 / f64::from(*times));
            }
        }
    }
    let outcomes = clocks.into_iter().zip(took).map(|((codec, op, clock), rounds)| Outcome {
        codec,
        op,
        rounds: clock.map(|_| rounds),
    });
    Measured { shape: shape.name, bytes: shape.bytes.len(), outcomes: outcomes.collect() }
}

/// All that work on a shape, with a clock beside each.
fn clocks(shape: &mut Shape, beam: &SharedBeam) -> Vec<(Codec, Op, Result<Clock, String>)> {
    let here = peers::all(shape).into_iter().map(|peer| {
        let clock = peer.work.map(|work| -> Clock {
            Box::new(move |times| {
                let start = Instant::now();
                work(times);
                start.elapsed()
            })
        });
        (peer.codec, peer.op, clock)
    });
    let mut clocks: Vec<_> = here.collect();
    let loaded = beam.clone().and_then(|beam| {
        let back = beam.borrow_mut().load(shape.bytes);
        peers::same(shape, back).map(|()| beam)
    });
    for op in [Op::Decode, Op::Encode] {
        let clock = loaded
            .clone()
            .map(|beam| -> Clock { Box::new(move |times| beam.borrow_mut().time(op, times)) });
        clocks.push((Codec::Beam, op, clock));
    }
    clocks
}

/// How often it can be done in one turn. Finding out warms it up.
fn times_in(turn: Duration, clock: &Clock) -> u32 {
    let mut times = 1;
    while clock(times) < turn / 2 && times < 1 << 24 {
        times *= 2;
    }
    times
}
