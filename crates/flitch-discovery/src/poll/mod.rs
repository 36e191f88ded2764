//! The polling halves: they ask and wait, and leave what an answer means to the pure halves.

#[cfg(feature = "dns")]
mod dns;
#[cfg(test)]
#[cfg(feature = "dns")]
#[path = "tests/dns_server.rs"]
mod dns_server;
mod epmd;
mod erlang_hosts;
#[cfg(feature = "gossip")]
mod gossip;
#[cfg(feature = "rancher")]
mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod naming;
#[cfg(feature = "rancher")]
mod rancher;
#[cfg(feature = "dns")]
mod resolve;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{DiscoveryError, Local, Observation, Sightings};

/// The shortest time between two questions, whatever the options say.
const SHORTEST: Duration = Duration::from_millis(10);

/// The wait after the first of several failures: sooner than the next regular question.
const AGAIN: Duration = Duration::from_millis(500);

/// Hosts asked at one time.
const AT_ONCE: usize = 32;

/// A source that is asked over and over.
trait Source: Send {
    /// One question and what it came to.
    fn ask(&mut self, local: &Local) -> impl Future<Output = Observation> + Send;
}

/// Asks `source` for ever: every `interval`, and sooner after a failure.
async fn keep_asking(
    mut source: impl Source,
    interval: Duration,
    sightings: &Sightings,
) -> Result<(), DiscoveryError> {
    let mut pace = Pace::new(interval);
    loop {
        let mut seen = source.ask(sightings.local()).await;
        // Answers to several questions come in any order, and the same trouble is to look the same.
        seen.problems.sort_by(|a, b| a.message.cmp(&b.message));
        let wait = pace.after(seen.is_complete());
        sightings.tell(seen);
        sleep(wait).await;
    }
}

/// What all of these come to, in any order, so many at one time. One that panics is a problem of
/// the observation that they are for.
async fn all<T: Send + 'static>(
    asking: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    problems: &mut Vec<DiscoveryError>,
) -> Vec<T> {
    let limit = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for ask in asking {
        let limit = Arc::clone(&limit);
        tasks.spawn(async move {
            let _permit = limit.acquire().await;
            ask.await
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(answer) => answers.push(answer),
            Err(error) => problems.push(io::Error::from(error).into()),
        }
    }
    answers
}

/// How long to wait between two questions.
///
/// Every wait is cut by chance, so that the nodes of a deployment do not ask in one moment: a
/// regular one by up to a tenth.
struct Pace {
    interval: Duration,
    failing: Backoff,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        let interval = interval.max(SHORTEST);
        Self { interval, failing: Backoff::new(AGAIN, interval, chance) }
    }

    fn after(&mut self, went_well: bool) -> Duration {
        if !went_well {
            return self.failing.next_wait();
        }
        self.failing.reset();
        self.interval.mul_f64(1.0 - share() / 10.0)
    }
}

/// A number from the whole range; a source that fails costs the jitter and nothing else.
fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// A share of one, by chance.
fn share() -> f64 {
    f64::from(chance()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_failure_is_asked_again_sooner_and_never_later_than_the_interval() {
        let mut pace = Pace::new(Duration::from_secs(5));
        let regular = pace.after(true);
        assert!(regular > Duration::from_millis(4499) && regular <= Duration::from_secs(5));
        assert!(pace.after(false) <= AGAIN);
        for _ in 0..10 {
            assert!(pace.after(false) <= Duration::from_secs(5));
        }
        assert!(pace.after(false) >= Duration::from_millis(2500));
        pace.after(true);
        assert!(pace.after(false) <= AGAIN);
    }

    #[test]
    fn an_interval_of_nothing_is_no_busy_loop() {
        assert!(Pace::new(Duration::ZERO).after(true) >= SHORTEST / 2);
        assert!(Pace::new(Duration::ZERO).after(false) >= SHORTEST / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn every_answer_is_told_and_the_source_is_asked_for_ever() {
        struct Fails(u32);

        impl Source for Fails {
            async fn ask(&mut self, _: &Local) -> Observation {
                self.0 += 1;
                let failed = || DiscoveryError::from(std::io::Error::other("no"));
                let problems = if self.0 < 4 { vec![failed()] } else { Vec::new() };
                Observation { problems, ..Observation::default() }
            }
        }

        let started = Instant::now();
        let told = Arc::new(Mutex::new(Vec::new()));
        let local = Local { node: "me@10.0.0.1".parse().unwrap(), epmd_port: 4369, announce: true };
        let seen = Arc::clone(&told);
        let sightings = Sightings::new(local, move |observation| {
            seen.lock().unwrap().push((started.elapsed(), observation.is_complete()));
        });
        let asking = keep_asking(Fails(0), Duration::from_secs(5), &sightings);
        assert!(tokio::time::timeout(Duration::from_secs(60), asking).await.is_err());
        let told = told.lock().unwrap();
        assert!(told.len() > 12, "{told:?}");
        assert_eq!(told.iter().filter(|(_, complete)| !complete).count(), 3);
        assert!(told[3].0 < Duration::from_secs(4), "{told:?}");
    }
}
