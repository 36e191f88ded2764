//! Runs a strategy for ever: one that fails or panics is started again after a while.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flitch_discovery::{
    AnyStrategy, DiscoveryError, Local, Observation, Problem, Sightings, Strategy,
};
use flitch_epmd::backoff::Backoff;
use futures_util::FutureExt;

use crate::cluster::State;
use crate::cluster::plan::TopologyId;
use crate::node::{Node, panic_message, random_u32};

/// The first wait before a strategy is started again, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Returns when the strategy has said all that it ever will.
pub(super) async fn run(node: Node, state: Arc<State>, id: TopologyId, strategy: AnyStrategy) {
    let epmd_port = node.settings().ports.epmd();
    let local = Local { node: node.name().clone(), epmd_port, announce: true };
    let mut backoff = Backoff::new(WAITS.0, WAITS.1, random_u32);
    loop {
        // What an earlier run left behind must not speak for this one.
        let run =
            Arc::new(Run { is_over: AtomicBool::new(false), went_well: AtomicBool::new(false) });
        let (told, seen_by) = (Arc::clone(&state), Arc::clone(&run));
        let sightings = Sightings::new(local.clone(), move |observation: Observation| {
            if !seen_by.is_over.load(Ordering::Acquire) {
                seen_by.went_well.fetch_or(observation.is_complete(), Ordering::AcqRel);
                told.change(|plan, now| plan.observed(id, &observation, now));
            }
        });
        let begun = tokio::time::Instant::now();
        let ended = AssertUnwindSafe(strategy.run(sightings)).catch_unwind().await;
        run.is_over.store(true, Ordering::Release);
        let problem = match ended {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(panic) => {
                let message = format!("the strategy panicked: {}", panic_message(panic.as_ref()));
                tracing::error!(strategy = strategy.name(), message, "a strategy panicked");
                DiscoveryError::new(Problem::Other, message)
            }
        };
        let failed = Observation { problems: vec![problem], ..Observation::default() };
        state.change(|plan, now| plan.observed(id, &failed, now));
        // One that answers and ends at once, again and again, has to wait like any other.
        if run.went_well.load(Ordering::Acquire) && begun.elapsed() >= WAITS.1 {
            backoff.reset();
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

struct Run {
    is_over: AtomicBool,
    /// Whether it had a complete answer.
    went_well: AtomicBool,
}
