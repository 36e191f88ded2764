//! What `make demo` shows: a real Elixir node and a Rust worker, in conversation.
//!
//! Every answer is compared with what it has to be: the exit status is 0 only if all of it
//! happened.

// The demo talks to the person who started it, and ends with a panic's words where it fails.
#![allow(clippy::print_stdout, clippy::panic, clippy::expect_used)]

use std::io::IsTerminal;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use integration::child::Child;
use integration::{Beam, Cluster, Signal, flitch};

/// What is asked of Elixir, and what it has to answer.
const GET_DOWN: &str =
    "receive do {:DOWN, ^ref, :process, _, reason} -> {:DOWN, reason} after 10_000 -> :nothing end";

fn main() -> ExitCode {
    let began = Instant::now();
    let mut demo = Demo::start();
    demo.meet();
    demo.talk();
    demo.part();
    println!();
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", demo.style.strong(&format!("All of it happened, in {seconds:.1} s.")));
    ExitCode::SUCCESS
}

struct Demo {
    style: Style,
    cluster: Cluster,
    app: Beam,
    worker: Child,
    worker_name: String,
    /// Lines of the worker that were shown.
    shown: usize,
}

impl Demo {
    fn start() -> Self {
        let style = Style { colour: std::io::stdout().is_terminal() };
        let cluster = Cluster::new();
        let worker_name = cluster.name("worker");
        let mut command = Command::new(flitch::example("stock"));
        cluster.enter(&mut command).env("RELEASE_NODE", &worker_name);
        command.env("RELEASE_COOKIE", cluster.cookie());
        println!("{}", style.strong("A Rust program and an Elixir node, in one cluster"));
        println!("{}", style.faint("(Elixir runs no code of ours: what it is asked stands here.)"));
        let worker = Child::start(&mut command, "the worker");
        let app = cluster.elixir("app").start();
        Self { style, cluster, app, worker, worker_name, shown: 0 }
    }

    fn meet(&mut self) {
        self.head("They meet through EPMD");
        self.worker_says("is up");
        let names = self.cluster.cli(&["names"]).run();
        names.expect_code(0);
        println!("   {} flitch names", self.style.faint("$"));
        for line in names.stdout.lines() {
            println!("   {line}");
        }
        for base in ["app", "worker"] {
            assert!(names.stdout.contains(&self.cluster.alive(base)), "EPMD knows {base}");
        }
        let ping = format!("Node.ping(:{:?})", self.worker_name);
        self.elixir(&ping, ":pong");
        self.elixir("Node.list(:hidden)", &format!("[:{:?}]", self.worker_name));
    }

    fn talk(&mut self) {
        let server = format!("stock = {{:stock, :{:?}}}", self.worker_name);
        self.head("Elixir casts to it, calls it and monitors it");
        self.elixir(&server, &format!("{{:stock, :{:?}}}", self.worker_name));
        self.elixir("GenServer.cast(stock, {:add, \"a-1\", 3})", ":ok");
        self.worker_says("took 3 more of a-1");
        self.elixir("GenServer.call(stock, {:count, \"a-1\"})", "3");
        self.worker_says("asked how many a-1");
        self.elixir("ref = Process.monitor(stock); is_reference(ref)", "true");

        self.head("The worker runs a function on the Elixir node");
        let release = self.app.eval(":erlang.system_info(:otp_release)");
        let release = release.unwrap_or_else(|error| panic!("{error}"));
        self.elixir("GenServer.call(stock, {:your_release})", &release);
        self.worker_says("ran :erlang.system_info(:otp_release)");
    }

    fn part(&mut self) {
        self.head("The worker is told to stop (SIGTERM), and Elixir learns of it");
        self.worker.signal(Signal::TERM);
        self.elixir(GET_DOWN, "{:DOWN, :shutdown}");
        self.worker_says("shut down in order");
        let status = self.worker.wait(Duration::from_secs(5));
        assert_eq!(status.and_then(|status| status.code()), Some(0), "the worker's exit status");
        self.elixir("Node.list(:hidden)", "[]");
    }

    fn head(&self, text: &str) {
        println!();
        println!("{}", self.style.strong(text));
    }

    /// Asks Elixir, shows the answer, and insists on it.
    fn elixir(&self, source: &str, wanted: &str) {
        println!("   {} {source}", self.style.faint("iex>"));
        // A link that has closed is seen by the other side a moment later.
        let answer = integration::eventually(source, || {
            let answer = self.app.eval(source).unwrap_or_else(|error| panic!("{error}"));
            (answer == wanted || !source.starts_with("Node.list")).then_some(answer)
        });
        println!("   {}", self.style.answer(&answer));
        assert_eq!(answer, wanted, "what Elixir answers to {source}");
    }

    /// Waits for a line of the worker's, and shows all that it said up to there.
    fn worker_says(&mut self, part: &str) {
        let (from, style) = (self.shown, &self.style);
        let found = self.worker.log().wait_for(Duration::from_secs(10), |lines| {
            let new = lines.get(from..)?;
            let at = new.iter().position(|line| line.text.contains(part))?;
            let said: Vec<String> = new.iter().take(at + 1).map(|it| it.text.clone()).collect();
            Some(said)
        });
        let said =
            found.unwrap_or_else(|missed| panic!("the worker never said {part:?}: {missed:?}"));
        self.shown += said.len();
        for line in said {
            println!("   {} {line}", style.faint("worker:"));
        }
    }
}

/// Colour where a person looks.
struct Style {
    colour: bool,
}

impl Style {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn strong(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn faint(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn answer(&self, text: &str) -> String {
        self.paint("32", text)
    }
}
