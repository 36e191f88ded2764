//! Staying registered while EPMD comes and goes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use flitch_epmd::client::{Change, Lost, lookup, register};
use flitch_epmd::session::Rules;
use flitch_epmd::{ClientError, Config, Endpoint, Registrar, Registration};
use flitch_name::AliveName;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use support::{Daemon, LONG, config, within};

fn worker() -> AliveName {
    "worker".parse().unwrap()
}

fn registrar(epmd: SocketAddr) -> Registrar {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(80), || 0);
    Registrar::new(epmd, worker(), Endpoint::hidden(43210), LONG, backoff)
}

/// A registrar that runs, and what it reports.
struct Kept {
    changes: mpsc::UnboundedReceiver<Change>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Kept {
    fn start(epmd: SocketAddr, first: Option<Registration>) -> Self {
        let (report, changes) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(registrar(epmd).keep(
            first,
            move |change| {
                // The test may have ended before the registrar.
                let _ = report.send(change);
            },
            async move {
                let _ = stopped.await;
            },
        ));
        Self { changes, stop, task }
    }

    async fn next(&mut self) -> Change {
        within(self.changes.recv()).await.unwrap()
    }

    /// Skips failures until it is registered, and counts them.
    async fn registered(&mut self) -> usize {
        let mut failures = 0;
        loop {
            match self.next().await {
                Change::Registered { .. } => return failures,
                Change::Failed { .. } => failures += 1,
                change => panic!("{change}"),
            }
        }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        within(self.task).await.unwrap();
    }
}

#[tokio::test]
async fn the_name_is_back_after_epmd_was_restarted_on_the_same_port() {
    let epmd = Daemon::start();
    let address = epmd.address();
    let first = registrar(address).register().await.unwrap();
    let mut kept = Kept::start(address, Some(first));
    epmd.stop().await;
    assert!(matches!(kept.next().await, Change::Lost(Lost::Closed | Lost::Broken(_))));
    let failed = kept.next().await;
    assert!(
        matches!(failed, Change::Failed { error: ClientError::NoDaemon { .. }, .. }),
        "{failed}"
    );
    let epmd = Daemon::again(address).await;
    kept.registered().await;
    assert_eq!(lookup(address, &worker(), LONG).await.unwrap().port, 43210);
    kept.stop().await;
    let gone = lookup(address, &worker(), LONG).await.unwrap_err();
    assert!(matches!(gone, ClientError::NotRegistered { .. }), "{gone}");
    epmd.stop().await;
}

#[tokio::test]
async fn a_node_that_starts_before_its_epmd_is_registered_when_that_comes() {
    let epmd = Daemon::start();
    let address = epmd.address();
    epmd.stop().await;
    let mut kept = Kept::start(address, None);
    for _ in 0..3 {
        assert!(matches!(kept.next().await, Change::Failed { .. }));
    }
    let _epmd = Daemon::again(address).await;
    kept.registered().await;
    kept.stop().await;
}

#[tokio::test]
async fn a_taken_name_is_told_apart_at_start() {
    let epmd = Daemon::start();
    let _other = register(epmd.address(), &worker(), &Endpoint::hidden(1), LONG).await.unwrap();
    let error = registrar(epmd.address()).register().await.unwrap_err();
    assert!(error.is_name_taken(), "{error}");
}

#[tokio::test]
async fn a_name_taken_in_the_meantime_is_taken_back_when_it_is_free() {
    let epmd = Daemon::start();
    let other = register(epmd.address(), &worker(), &Endpoint::hidden(1), LONG).await.unwrap();
    let mut kept = Kept::start(epmd.address(), None);
    for _ in 0..2 {
        match kept.next().await {
            Change::Failed { error, .. } => assert!(error.is_name_taken(), "{error}"),
            change => panic!("{change}"),
        }
    }
    other.leave(LONG).await;
    kept.registered().await;
    kept.stop().await;
}

#[tokio::test]
async fn waits_between_attempts_grow_to_the_longest() {
    let epmd = Daemon::start();
    let address = epmd.address();
    epmd.stop().await;
    let mut kept = Kept::start(address, None);
    let mut waits = Vec::new();
    while waits.len() < 6 {
        match kept.next().await {
            Change::Failed { retry_in, .. } => waits.push(retry_in.as_millis()),
            change => panic!("{change}"),
        }
    }
    assert_eq!(waits, [10, 20, 40, 80, 80, 80]);
    kept.stop().await;
}

#[tokio::test]
async fn an_epmd_that_throws_the_node_out_again_and_again_is_not_hammered() {
    let epmd = Daemon::with(Config { rules: Rules::default().relaxed(), ..config() });
    let mut kept = Kept::start(epmd.address(), None);
    let before = std::time::Instant::now();
    for _ in 0..4 {
        kept.registered().await;
        flitch_epmd::client::stop(epmd.address(), &worker(), LONG).await.unwrap();
        assert!(matches!(kept.next().await, Change::Lost(_)));
    }
    kept.registered().await;
    // 10 + 20 + 40 + 80
    assert!(before.elapsed() >= Duration::from_millis(150), "{:?}", before.elapsed());
    kept.stop().await;
}

#[tokio::test]
async fn a_registrar_that_is_stopped_while_it_waits_ends_at_once() {
    let epmd = Daemon::start();
    let address = epmd.address();
    epmd.stop().await;
    let endless = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600), || 0);
    let registrar = Registrar::new(address, worker(), Endpoint::hidden(1), LONG, endless);
    let (failed, mut failures) = mpsc::unbounded_channel();
    let report = move |change| {
        let _ = failed.send(change);
    };
    let stop = async {
        assert!(matches!(failures.recv().await, Some(Change::Failed { .. })));
    };
    within(registrar.keep(None, report, stop)).await;
}

#[tokio::test]
async fn dropping_the_future_frees_the_name() {
    let epmd = Daemon::start();
    let mut kept = Kept::start(epmd.address(), None);
    kept.registered().await;
    kept.task.abort();
    assert!(within(&mut kept.task).await.unwrap_err().is_cancelled());
    within(async {
        while lookup(epmd.address(), &worker(), LONG).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn a_change_reads_as_a_sentence() {
    let retry_in = Duration::from_millis(80);
    let error = ClientError::NoDaemon { epmd: "127.0.0.1:4369".parse().unwrap() };
    let said = Change::Failed { error, retry_in }.to_string();
    assert!(said.contains("80ms") && said.contains("epmd -daemon"), "{said}");
    assert!(Change::Lost(Lost::Closed).to_string().contains("EPMD has closed"));
}
