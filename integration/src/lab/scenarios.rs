//! What is proved, scenario by scenario.

mod change;
mod failures;
mod find;
mod names;
mod splits;
mod trap;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::lab::stage::Stage;

/// One thing that is proved.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, which is its namespace's too.
    pub name: &'static str,
    /// What it proves, in a sentence.
    pub proves: &'static str,
    /// Plays it.
    pub play: fn(&Stage<'_>),
}

/// All scenarios, in the order in which they are played.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [
        find::SCENARIOS,
        names::SCENARIOS,
        change::SCENARIOS,
        failures::SCENARIOS,
        splits::SCENARIOS,
        trap::SCENARIOS,
    ]
    .concat()
}

/// What came of a scenario.
pub struct Outcome {
    /// How long it took, from the first manifest to the last pod's end.
    pub took: Duration,
    /// What it measured.
    pub report: String,
    /// What every pod printed, if the scenario failed.
    pub failure: Option<String>,
}

/// Plays a scenario in which servers stay `away` for so long.
#[must_use]
pub fn play(lab: &Lab, scenario: &Scenario, away: Duration) -> Outcome {
    let began = Instant::now();
    let stage = Stage::set(lab, scenario.name, away);
    let played = catch_unwind(AssertUnwindSafe(|| (scenario.play)(&stage)));
    let logs = played.is_err().then(|| stage.logs());
    lab.mend();
    let struck = catch_unwind(AssertUnwindSafe(|| stage.strike()));
    let failure = logs.or_else(|| struck.is_err().then(|| stage.logs()));
    Outcome { took: began.elapsed(), report: stage.report(), failure }
}
