//! A node that goes while a BEAM works with it: no call that it has got is left without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flitch::{Caller, GenServer, Term};
use integration::lab::http::Request;
use integration::{Beam, Cluster, Signal, eventually};
use tokio::sync::watch;

/// How many calls are under way when the node is told to go.
const CALLS: usize = 1000;

/// Answers none of its calls before it may, and then all.
struct Slow {
    taken: Arc<AtomicUsize>,
    may_answer: watch::Receiver<bool>,
}

impl GenServer for Slow {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        self.taken.fetch_add(1, Ordering::AcqRel);
        let mut may_answer = self.may_answer.clone();
        tokio::spawn(async move {
            let _ = may_answer.wait_for(|may| *may).await;
            caller.reply(call);
        });
    }

    async fn handle_cast(&mut self, _: Term) {}
}

/// Has every one of so many processes make a call, and leaves them as `tasks`.
fn call_at_once(beam: &Beam, server: &str, request: &str) {
    let calls = format!(
        "tasks = for n <- 1..{CALLS}, do: Task.async(fn -> \
           try do GenServer.call({server}, {request}, 60_000) catch :exit, reason -> reason end \
         end); length(tasks)"
    );
    beam.expect(&calls, &CALLS.to_string());
}

/// Whether each got its own answer.
fn expect_answers(beam: &Beam) {
    let all = format!("Task.await_many(tasks, 60_000) -- Enum.to_list(1..{CALLS})");
    beam.expect(&all, "[]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_in_flight_are_all_answered_and_then_the_server_goes_with_shutdown() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let node = cluster.ours("worker").drain(Duration::from_secs(60)).start().await.unwrap();
    let (answer, may_answer) = watch::channel(false);
    let taken = Arc::new(AtomicUsize::new(0));
    let slow = Slow { taken: Arc::clone(&taken), may_answer };
    node.spawn(slow).register("slow").unwrap();
    let seeds = [cluster.name("a"), cluster.name("nobody")].map(|name| name.parse().unwrap());
    node.join(seeds.to_vec()).wait_for(1, integration::SOON).await.unwrap();

    let server = format!("{{:slow, :\"{}\"}}", node.name());
    a.expect(&format!("ref = Process.monitor({server}); is_reference(ref)"), "true");
    call_at_once(&a, &server, "n");
    eventually("all calls are taken", || (taken.load(Ordering::Acquire) == CALLS).then_some(()));
    let failed = || node.metrics().dials_failed.iter().map(|(_, count)| count).sum::<u64>();
    eventually("the peer that is not there is dialled", || (failed() > 0).then_some(()));

    let ending = tokio::spawn({
        let node = node.clone();
        async move { node.shutdown().await }
    });
    node.stopping().await;
    let dials = failed();
    eventually("the name is gone from EPMD", || {
        cluster.epmd.port_of(&cluster.alive("worker")).is_none().then_some(())
    });
    // Nothing of the answers is to come before they may.
    a.expect("Enum.count(tasks, &Process.alive?(&1.pid))", &CALLS.to_string());
    assert_eq!(failed(), dials, "nobody is dialled any more");
    answer.send(true).unwrap();
    expect_answers(&a);
    let down = "receive do {:DOWN, ^ref, _, _, reason} -> reason after 30_000 -> :nothing end";
    a.expect(down, ":shutdown");
    ending.await.unwrap();
}

#[test]
fn a_thousand_calls_that_were_sent_before_sigterm_are_answered_though_nobody_has_read_them() {
    let cluster = Cluster::new();
    let mut worker = cluster.flitch("worker").args(&["--http", "127.0.0.1:0"]).start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    worker.freeze();
    call_at_once(&a, &worker.server(), "{:echo, n}");
    a.expect_soon(
        "Enum.all?(tasks, &(Process.info(&1.pid, :status) == {:status, :waiting}))",
        "true",
    );
    worker.signal(Signal::TERM);
    worker.signal(Signal::CONT);
    expect_answers(&a);
    worker.expect_orderly_end();
}

#[test]
fn a_node_that_drains_is_not_ready_from_the_first_moment_and_still_alive() {
    let cluster = Cluster::new();
    let mut worker =
        cluster.flitch("worker").args(&["--http", "127.0.0.1:0", "--drain", "20"]).start();
    let probes = worker.await_event("probes are answered", |_| true);
    let address = probes["address"].as_str().and_then(|it| it.parse().ok()).unwrap();
    let status = |path| {
        let request = Request { method: "GET", path, content_type: "", body: b"" };
        request.send(address, Some(integration::SOON)).map(|answer| answer.status)
    };
    let a = cluster.elixir("a").start();
    // A peer that calls all the time holds the end up.
    let busy = format!(
        "busy = fn busy, server -> \
           try do GenServer.call(server, :ping); busy.(busy, server) \
           catch :exit, {{reason, _}} -> reason end \
         end; server = {}; :pong = GenServer.call(server, :ping); \
         tasks = for _ <- 1..4, do: Task.async(fn -> busy.(busy, server) end); length(tasks)",
        worker.server()
    );
    a.expect(&busy, "4");
    assert_eq!(status("/readyz").unwrap(), 200);
    worker.signal(Signal::TERM);
    worker.await_event("node is going down", |_| true);
    assert_eq!(status("/readyz").unwrap(), 503);
    assert_eq!(status("/livez").unwrap(), 200);
    assert_eq!(status("/metrics").unwrap(), 200);
    worker.signal(Signal::TERM);
    assert!(worker.wait(integration::SOON).is_some(), "a second signal ends it at once");
}
