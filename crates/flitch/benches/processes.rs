//! What idle processes take: resident bytes of each, and how fast they begin and end.
//!
//!     cargo bench -p flitch --bench processes -- [PROCESSES]

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench talks to its reader")]

use std::time::{Duration, Instant};

use flitch::{
    Caller, Cookie, Epmd, GenServer, Incoming, Node, Pid, Process, ProcessHandle, Service, Term,
};

/// A server whose state is one word.
struct Counter(u64);

impl GenServer for Counter {
    type Call = Term;
    type Cast = Term;
    type Reply = u64;

    async fn handle_call(&mut self, _: Term, caller: Caller<u64>) {
        self.0 += 1;
        caller.reply(self.0);
    }
    async fn handle_cast(&mut self, _: Term) {}
}

impl Service for Counter {
    type Call = Term;
    type Cast = Term;
    type Reply = u64;

    async fn handle_call(&self, _: Term, caller: Caller<u64>) {
        caller.reply(self.0);
    }
    async fn handle_cast(&self, _: Term) {}
}

/// The kinds, each measured in a program of its own: what one leaves behind would be taken by the
/// next.
const KINDS: [&str; 4] = ["process", "server", "called", "service"];

fn main() {
    let count = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(1_000_000usize);
    if let Some(kind) = std::env::args().find(|it| KINDS.contains(&it.as_str())) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(run(&kind, count));
    }
    println!("{count} idle processes of each kind");
    for kind in KINDS {
        let program = std::env::current_exe().unwrap();
        let args = [kind.to_owned(), count.to_string()];
        assert!(std::process::Command::new(program).args(args).status().unwrap().success());
    }
}

async fn run(kind: &str, count: usize) {
    match kind {
        "process" => measure("spawn_process", count, false, |node| node.spawn_process(idle)).await,
        "server" => measure("GenServer", count, false, |node| node.spawn(Counter(0))).await,
        "called" => {
            measure("GenServer, called once", count, true, |node| node.spawn(Counter(0))).await;
        }
        _ => measure("Service", count, false, |node| node.spawn_service(Counter(0))).await,
    }
}

async fn idle(mut process: Process) {
    while let Some(incoming) = process.next().await {
        if matches!(incoming, Incoming::Shutdown) {
            return;
        }
    }
}

async fn measure(what: &str, count: usize, called: bool, spawn: impl Fn(&Node) -> ProcessHandle) {
    let node = Node::builder("worker@127.0.0.1".parse().unwrap())
        .cookie(Cookie::new("a secret of this bench").unwrap())
        .bind("127.0.0.1".parse().unwrap())
        .epmd(Epmd::None)
        .drain(Duration::from_secs(60))
        .start()
        .await
        .unwrap();
    let (before, began) = (resident(), Instant::now());
    let pids: Vec<Pid> = (0..count).map(|_| spawn(&node).pid().clone()).collect();
    let kept = count * size_of::<Pid>();
    if called {
        for pid in &pids {
            let _: u64 =
                node.call(pid.clone(), &Term::atom("next"), Duration::from_secs(5)).await.unwrap();
        }
    }
    // The last ones have begun too.
    let last = pids.last().unwrap();
    let _ = node.call::<_, _, Term>(last.clone(), &1, Duration::from_millis(100)).await;
    let took = began.elapsed();
    let bytes = (resident() - before).saturating_sub(kept) / count;
    let began = Instant::now();
    node.shutdown().await;
    println!(
        "{what:24} {bytes:5} bytes each, {:.1} s to begin, {:.1} s to end",
        took.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
}

/// `VmRSS`, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
