//! What was measured: of each peer a few numbers, one a round, so that a ratio is taken within a
//! round, while the machine was the same for both.

use serde::Serialize;

/// Ours, which the others are compared with.
pub(crate) const OURS: &str = "flitch";

/// Rows that belong together.
#[derive(Serialize)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// How it was measured.
    pub(crate) how: String,
    pub(crate) rows: Vec<Row>,
}

/// One thing that was measured of several peers.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) cells: Vec<Cell>,
    pub(crate) target: Option<Target>,
}

/// What is hoped for: ours at most so many times what a peer takes; or, where more is better, at
/// least so many times what it does.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Target {
    Of(&'static str, f64),
    /// In the row's own unit.
    Absolute(f64),
}

/// A peer in a row.
#[derive(Serialize)]
pub(crate) struct Cell {
    pub(crate) peer: &'static str,
    pub(crate) seen: Result<Vec<f64>, String>,
}

/// What the numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    Nanoseconds,
    PerSecond,
    Bytes,
    Percent,
    Count,
}

impl Unit {
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }

    /// A number with its unit, in three digits or so.
    pub(crate) fn show(self, value: f64) -> String {
        let scaled = |steps: &[(f64, &str)]| {
            let fits = steps.iter().rev().find(|(size, _)| value.abs() >= *size);
            let (size, name) = fits.or(steps.first()).copied().unwrap_or((1.0, ""));
            format!("{}{name}", digits(value / size))
        };
        match self {
            Self::Nanoseconds => scaled(&[(1.0, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s")]),
            Self::PerSecond => scaled(&[(1.0, "/s"), (1e3, " k/s"), (1e6, " M/s")]),
            Self::Bytes => scaled(&[(1.0, " B"), (1e3, " kB"), (1e6, " MB"), (1e9, " GB")]),
            Self::Percent => format!("{} %", digits(value)),
            Self::Count => digits(value),
        }
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: Unit) -> Self {
        Self { what: what.into(), unit, cells: Vec::new(), target: None }
    }

    pub(crate) fn target(mut self, target: Option<Target>) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn cell(&self, peer: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.peer == peer)
    }

    /// A number more, of this round.
    pub(crate) fn add(&mut self, peer: &'static str, seen: Result<f64, String>) {
        let at = self.cells.iter().position(|cell| cell.peer == peer);
        let at = at.unwrap_or_else(|| {
            self.cells.push(Cell { peer, seen: Ok(Vec::new()) });
            self.cells.len() - 1
        });
        let Some(cell) = self.cells.get_mut(at) else { return };
        match (&mut cell.seen, seen) {
            (Ok(values), Ok(value)) => values.push(value),
            (whole, Err(why)) if whole.is_ok() => *whole = Err(why),
            _ => {}
        }
    }

    /// Ours beside a peer's, of the rounds that both have: the median of their ratios.
    pub(crate) fn ratio(&self, peer: &str) -> Option<f64> {
        let values = |peer: &str| self.cell(peer)?.seen.as_ref().ok();
        let pairs = values(OURS)?.iter().zip(values(peer)?);
        Spread::of(&pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
            .map(|it| it.median)
    }

    /// Whether the target is met. Nothing, where there is none or it was not measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let (seen, wanted) = match self.target? {
            Target::Of(peer, wanted) => (self.ratio(peer)?, wanted),
            Target::Absolute(wanted) => {
                let ours = self.cell(OURS)?.seen.as_ref().ok()?;
                (Spread::of(ours)?.median, wanted)
            }
        };
        Some(if self.unit.more_is_better() { seen >= wanted } else { seen <= wanted })
    }
}

/// The middle of some numbers, and how far they lie apart.
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> =
            values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len() / 2)?;
        Some(Self { median, least: *sorted.first()?, most: *sorted.last()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_the_unit_that_fits_them() {
        assert_eq!(Unit::Nanoseconds.show(11_420.0), "11.4 µs");
        assert_eq!(Unit::Nanoseconds.show(0.0), "0 ns");
        assert_eq!(Unit::PerSecond.show(1_060_000.0), "1.06 M/s");
        assert_eq!(Unit::Bytes.show(5_304_000.0), "5.30 MB");
        assert_eq!(Unit::Count.show(3.0), "3.00");
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        let mut row = Row::new("a call", Unit::Nanoseconds).target(Some(Target::Of("BEAM", 1.0)));
        for (ours, theirs) in [(10.0, 20.0), (30.0, 30.0), (8.0, 10.0)] {
            row.add(OURS, Ok(ours));
            row.add("BEAM", Ok(theirs));
        }
        assert_eq!((row.ratio("BEAM"), row.met()), (Some(0.8), Some(true)));
        row.add("BEAM", Err("it crashed".to_owned()));
        assert_eq!((row.ratio("BEAM"), row.met()), (None, None));
    }

    #[test]
    fn more_messages_a_second_are_better() {
        let mut row = Row::new("flood", Unit::PerSecond).target(Some(Target::Absolute(100.0)));
        row.add(OURS, Ok(90.0));
        assert_eq!(row.met(), Some(false));
    }
}
