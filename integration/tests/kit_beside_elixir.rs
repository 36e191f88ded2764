//! The test kit's BEAM beside a real one: both say the same things to the same process, which must
//! not be able to tell them apart.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use flitch::etf::{Limits, text::elixir};
use flitch::test::{Beam, Network, Otp};
use flitch::{ExitReason, Incoming, Node, NodeEvent, Pid, Process, Target, Term, term};
use integration::{Cluster, SOON};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// What the process receives until the connection goes, without what is a matter of chance.
const STORY: &[&str] = &[
    r#"{:"$gen_cast", {:add, 1}}"#,
    r#"{:"$gen_call", {#PID, [:alias | #Reference]}, {:count, "a-1"}}"#,
    r#"{:"$gen_call", {#PID, [:alias | #Reference]}, :to_a_pid}"#,
    r#"%{1 => 2.5, "list" => [nil, true, ~c"abc"]}"#,
    "{:EXIT, #PID, :poked}",
    "{:EXIT, #PID, {:boom, 1}}",
    "{:EXIT, #PID, :noproc}",
    "{:DOWN, #PID, :normal}",
];

/// What it receives then, at once and in no order.
const END: &[&str] = &["{:DOWN, #PID, :noconnection}", "{:EXIT, #PID, :noconnection}"];

/// The process: it does what it is told, and writes down all else that it receives.
async fn notebook(mut process: Process, write: impl Fn(String)) {
    process.trap_exit(true);
    while let Some(incoming) = process.next().await {
        let line = match incoming {
            Incoming::Message(payload) => {
                let message = payload.to_term(Limits::DEFAULT).unwrap();
                if let Some([tag, Term::Pid(pid)]) = message.as_tuple() {
                    obey(&process, tag, pid).await;
                    continue;
                }
                message
            }
            Incoming::Exit { from, reason } => term!({:EXIT, from, reason}),
            Incoming::Down { target: Target::Pid(pid), reason, .. } => term!({:DOWN, pid, reason}),
            other => panic!("{other:?}"),
        };
        write(without_numbers(&elixir(&line).to_string()));
    }
}

async fn obey(process: &Process, tag: &Term, pid: &Pid) {
    if tag.is_atom("hello") {
        process.monitor(pid).unwrap();
        process.send(pid, process.pid()).await.unwrap();
    } else if tag.is_atom("link_to") {
        process.link(pid);
    } else if tag.is_atom("see_off") {
        process.monitor(pid).unwrap();
        process.send(pid, &term!(:go)).await.unwrap();
    }
}

/// `#PID<1.2.3>` as `#PID`.
fn without_numbers(line: &str) -> String {
    let mut parts = line.split("#");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('<').unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        out.extend(["#", name, rest]);
    }
    out
}

/// A node with the process under the name `log`.
fn with_notebook(node: &Node) -> UnboundedReceiver<String> {
    let (write, lines) = unbounded_channel();
    let process =
        node.spawn_process(|process| notebook(process, move |line| drop(write.send(line))));
    process.register("log").unwrap();
    lines
}

/// What comes next.
async fn read(lines: &mut UnboundedReceiver<String>, count: usize) -> Vec<String> {
    let mut story = Vec::new();
    while story.len() < count {
        match timeout(SOON, lines.recv()).await {
            Ok(Some(line)) => story.push(line),
            _ => panic!("nothing comes behind {story:#?}"),
        }
    }
    story
}

async fn read_end(lines: &mut UnboundedReceiver<String>) -> Vec<String> {
    let mut end = read(lines, END.len()).await;
    end.sort();
    end
}

async fn hidden(events: &mut tokio::sync::broadcast::Receiver<NodeEvent>) -> bool {
    match timeout(SOON, events.recv()).await.unwrap().unwrap() {
        NodeEvent::Up { hidden, .. } => hidden,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_cannot_tell_an_elixir_node() {
    let cluster = Cluster::new();
    let node = cluster.ours("worker").start().await.unwrap();
    let (mut lines, mut events) = (with_notebook(&node), node.events());
    let worker = format!(":{:?}", node.name().as_str());
    let app = tokio::task::spawn_blocking(move || {
        let app = cluster.elixir("app").start();
        let script = [
            &format!("worker = {worker}; log = {{:log, worker}}; Process.flag(:trap_exit, true)"),
            "GenServer.cast(log, {:add, 1})",
            "send(log, {:hello, self()}); pid = receive do it when is_pid(it) -> it end; is_pid(pid)",
            "unanswered = fn to, what -> try do GenServer.call(to, what, 100) catch :exit, _ -> :late end end; :ok",
            "unanswered.(log, {:count, \"a-1\"})",
            "unanswered.(pid, :to_a_pid)",
            "send(pid, %{1 => 2.5, \"list\" => [nil, true, ~c\"abc\"]})",
            "Process.link(pid); Process.exit(pid, :poked)",
            "{_, down} = spawn_monitor(fn -> Process.link(pid); exit({:boom, 1}) end); \
             ghost = receive do {:DOWN, ^down, _, ghost, _} -> ghost end; is_pid(ghost)",
            "send(pid, {:link_to, ghost}); :ok",
            "send(pid, {:see_off, spawn(fn -> receive do :go -> :ok end end)}); :ok",
        ];
        for line in script {
            app.eval(line).unwrap();
        }
        (cluster, app)
    });
    let (cluster, app) = app.await.unwrap();
    assert!(hidden(&mut events).await);
    assert_eq!(read(&mut lines, STORY.len()).await, STORY);
    let disconnect = format!("Node.disconnect(:{:?})", cluster.name("worker"));
    tokio::task::spawn_blocking(move || app.expect(&disconnect, "true")).await.unwrap();
    assert_eq!(read_end(&mut lines).await, END);
}

/// The same, said by the kit.
async fn tell(app: &Beam, worker: &Node) {
    let log = ("log", worker.name());
    app.cast(log, &term!({:add, 1})).await.unwrap();
    app.send(log, &(Term::atom("hello"), app.pid())).await.unwrap();
    let pid: Pid = app.receive().await.unwrap();
    let soon = Duration::from_millis(100);
    let count = term!({:count, "a-1"});
    app.node().call::<_, _, Term>(log, &count, soon).await.unwrap_err();
    app.node().call::<_, _, Term>(&pid, &term!(:to_a_pid), soon).await.unwrap_err();
    app.send(&pid, &term!(%{1 => 2.5, "list" => [nil, true, ~c"abc"]})).await.unwrap();
    app.link(&pid);
    app.exit(&pid, term!(:poked)).await.unwrap();
    let linked = pid.clone();
    let ghost = app.node().spawn_process(|process| async move {
        process.link(&linked);
        ExitReason(term!({:boom, 1}))
    });
    let down = app.monitor(ghost.pid()).unwrap();
    app.down(&down).await.unwrap();
    app.send(&pid, &(Term::atom("link_to"), ghost.pid())).await.unwrap();
    let watched = app.node().spawn_process(|mut process| async move {
        process.next().await;
    });
    app.send(&pid, &(Term::atom("see_off"), watched.pid())).await.unwrap();
}

#[tokio::test]
async fn from_the_test_kits_beam() {
    for otp in [Otp::V25, Otp::V27, Otp::V29] {
        let network = Network::new();
        let worker = network.node("worker@a").unwrap().start().await.unwrap();
        let (mut lines, mut events) = (with_notebook(&worker), worker.events());
        let app = network.beam("app@b").unwrap().otp(otp).start().await.unwrap();
        tell(&app, &worker).await;
        assert!(hidden(&mut events).await);
        assert_eq!(read(&mut lines, STORY.len()).await, STORY);
        app.disconnect(worker.name());
        assert_eq!(read_end(&mut lines).await, END);
    }
}
