//! `flitch node`: how it goes when it is told to.

use std::net::TcpStream;
use std::time::Duration;

use integration::{Cluster, Signal, eventually};

#[test]
fn sigterm_and_sigint_end_an_idle_node_in_order() {
    let cluster = Cluster::new();
    for signal in [Signal::TERM, Signal::INT] {
        let mut worker = cluster.flitch("worker").start();
        worker.signal(signal);
        worker.expect_orderly_end();
        assert_eq!(cluster.epmd.port_of(&cluster.alive("worker")), None, "still in EPMD");
    }
}

#[test]
fn peers_learn_of_an_orderly_end_at_once() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.monitor({}, true)", worker.atom()), "true");
    a.expect(&format!("ref = Process.monitor({}); is_reference(ref)", worker.server()), "true");
    // The answer says that the monitor, sent before the call, has arrived.
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    let atom = worker.atom();
    worker.stop();
    let down = "receive do {:DOWN, ^ref, _, _, reason} -> reason after 5000 -> :nothing end";
    a.expect(down, ":shutdown");
    a.expect("receive do {:nodedown, node} -> node after 5000 -> :nothing end", &atom);
}

#[test]
fn a_call_whose_answer_is_under_way_is_answered_before_the_node_goes() {
    let cluster = Cluster::new();
    let mut worker = cluster.flitch("worker").start();
    let port = worker.port();
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let call = format!(
        "blob = :crypto.strong_rand_bytes(32_000_000); \
         [{{_, link}}] = :erlang.system_info(:dist_ctrl); \
         task = Task.async(fn -> \
           try do GenServer.call({}, {{:echo, blob}}, 30_000) === blob \
           catch :exit, {{reason, _}} -> reason end \
         end); \
         arrived = fn arrived -> \
           {{:ok, [recv_oct: count]}} = :inet.getstat(link, [:recv_oct]); \
           if count > 1_000_000, do: :begun, else: arrived.(arrived) \
         end; \
         arrived.(arrived)",
        worker.server()
    );
    a.expect(&call, ":begun");
    // The caller stops reading with most of the answer still on its way.
    a.freeze();
    worker.signal(Signal::TERM);
    eventually("new peers are turned away", || {
        TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())
    });
    eventually("the name is gone from EPMD", || {
        cluster.epmd.port_of(&cluster.alive("worker")).is_none().then_some(())
    });
    a.thaw();
    a.expect("Task.await(task, 30_000)", "true");
    worker.expect_orderly_end();
}

#[test]
fn callers_get_their_answer_or_a_clean_exit_and_none_waits_out_its_timeout() {
    let cluster = Cluster::new();
    let mut worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    let callers = format!(
        "server = {}; :pong = GenServer.call(server, :ping); \
         forever = fn forever, n -> \
           try do {{:ok, GenServer.call(server, {{:echo, n}}, 20_000)}} \
           catch :exit, {{reason, _}} -> {{:exit, reason}} end \
           |> case do {{:ok, ^n}} -> forever.(forever, n + 1); other -> {{n, other}} end \
         end; \
         tasks = for _ <- 1..50, do: Task.async(fn -> forever.(forever, 0) end); length(tasks)",
        worker.server()
    );
    a.expect(&callers, "50");
    a.expect_soon(
        &format!("GenServer.call({}, :info).messages_in > 2000", worker.server()),
        "true",
    );
    worker.signal(Signal::TERM);
    worker.expect_orderly_end();
    a.expect(
        "ends = Task.await_many(tasks, 10_000); Enum.all?(ends, fn {n, _} -> n > 0 end)",
        "true",
    );
    let clean = "for {_, {:exit, reason}} <- ends, uniq: true, do: \
                 (case reason do {:nodedown, _} -> :nodedown; other -> other end)";
    let reasons = a.eval(clean).unwrap_or_default();
    for reason in reasons.trim_matches(['[', ']']).split(", ") {
        let known = [":shutdown", ":noproc", ":noconnection", ":nodedown"];
        assert!(known.contains(&reason), "a caller was left with {reason} (of {reasons})");
    }
    a.expect("Enum.all?(ends, fn {_, {kind, _}} -> kind == :exit end)", "true");
}

#[test]
fn a_peer_that_reads_nothing_does_not_hold_the_node_beyond_five_seconds() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    let call = format!(
        "blob = :binary.copy(\"x\", 32_000_000); :pong = GenServer.call({server}, :ping); \
         spawn(fn -> GenServer.call({server}, {{:echo, blob}}, :infinity) end) |> is_pid",
        server = worker.server()
    );
    a.expect(&call, "true");
    a.freeze();
    std::thread::sleep(Duration::from_millis(200));
    worker.stop();
}

#[test]
fn a_node_that_cannot_reach_its_peer_stops_as_quickly() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--connect", &cluster.name("nobody")]).start();
    worker.stop();
}
