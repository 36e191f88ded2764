//! From Elixir to a flitch node: monitors and links, of processes and of the node.

use integration::{Beam, Cluster, Node, Signal};

/// Receives the end that `ref` reports, or says that none came.
const DOWN: &str = "receive do {:DOWN, ^ref, _, _, reason} -> reason after 10_000 -> :nothing end";
/// The same for the link to `pid`.
const EXIT: &str = "receive do {:EXIT, ^pid, reason} -> reason after 10_000 -> :nothing end";

/// An Elixir node with the worker's GenServer under `server` and its process id under `pid`.
fn worker_and_elixir() -> (Cluster, Node, Beam) {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    let bind = format!(
        "Process.flag(:trap_exit, true); worker = {}; server = {{:flitch, worker}}; \
         pid = GenServer.call(server, :info).pid; is_pid(pid)",
        worker.atom()
    );
    a.expect(&bind, "true");
    (cluster, worker, a)
}

/// Binds `ghost` to a process id of this life of the worker that no process has.
fn bind_ghost(a: &Beam) {
    a.expect(
        "bytes = :erlang.term_to_binary(pid); \
         head = binary_part(bytes, 0, byte_size(bytes) - 12); \
         creation = binary_part(bytes, byte_size(bytes), -4); \
         ghost = :erlang.binary_to_term(head <> <<0x7FFE::32, 0x7F::32>> <> creation); \
         {is_pid(ghost), node(ghost) == worker, ghost == pid}",
        "{true, true, false}",
    );
}

#[test]
fn a_monitor_of_a_missing_name_fires_at_once() {
    let (_cluster, _worker, a) = worker_and_elixir();
    let timed = format!(
        "{{time, end_}} = :timer.tc(fn -> ref = Process.monitor({{:nobody, worker}}); {DOWN} end); \
         {{end_, time < 2_000_000}}"
    );
    a.expect(&timed, "{:noproc, true}");
    a.expect("ref = Process.monitor({:nobody, worker}); is_reference(ref)", "true");
    let object = "receive do {:DOWN, ^ref, :process, {:nobody, ^worker}, _} -> :named end";
    a.expect(object, ":named");
}

#[test]
fn a_monitor_of_a_missing_process_fires_at_once() {
    let (_cluster, _worker, a) = worker_and_elixir();
    bind_ghost(&a);
    a.expect(&format!("ref = Process.monitor(ghost); {DOWN}"), ":noproc");
}

#[test]
fn a_link_to_a_missing_process_breaks_at_once() {
    let (_cluster, _worker, a) = worker_and_elixir();
    bind_ghost(&a);
    a.expect("Process.link(ghost)", "true");
    a.expect(
        "receive do {:EXIT, ^ghost, reason} -> reason after 10_000 -> :nothing end",
        ":noproc",
    );
}

#[test]
fn a_stopped_process_gives_its_reason_to_monitors_by_name_and_by_pid() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("ref = Process.monitor(server); by_pid = Process.monitor(pid); :both", ":both");
    a.expect("Process.exit(pid, {:boom, \"why\"})", "true");
    a.expect(DOWN, "{:boom, \"why\"}");
    a.expect(&format!("ref = by_pid; {DOWN}"), "{:boom, \"why\"}");
    // From now on nobody is there, and the node is.
    a.expect(&format!("ref = Process.monitor(pid); {DOWN}"), ":noproc");
    a.expect("Node.ping(worker)", ":pong");
}

#[test]
fn a_stopped_process_gives_its_reason_to_its_links() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("Process.link(pid)", "true");
    a.expect("Process.exit(pid, :boom)", "true");
    a.expect(EXIT, ":boom");
}

#[test]
fn a_killed_process_says_killed() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("ref = Process.monitor(server); Process.link(pid)", "true");
    a.expect("Process.exit(pid, :kill)", "true");
    a.expect(DOWN, ":killed");
    a.expect(EXIT, ":killed");
}

#[test]
fn an_elixir_process_that_dies_takes_a_linked_one_along() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("ref = Process.monitor(server); is_reference(ref)", "true");
    a.expect("spawn(fn -> Process.link(pid); exit(:together) end); :done", ":done");
    a.expect(DOWN, ":together");
}

#[test]
fn an_elixir_process_that_ends_normally_leaves_a_linked_one_alone() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect(
        "other = spawn(fn -> Process.link(pid) end); ref = Process.monitor(other); :ok",
        ":ok",
    );
    a.expect("receive do {:DOWN, ^ref, _, _, reason} -> reason end", ":normal");
    a.expect("GenServer.call(server, :ping)", ":pong");
}

#[test]
fn what_is_no_longer_watched_reports_nothing() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("gone = Process.monitor(server); Process.demonitor(gone)", "true");
    a.expect("Process.link(pid); Process.unlink(pid)", "true");
    a.expect("ref = Process.monitor(server); Process.exit(pid, :boom)", "true");
    a.expect(DOWN, ":boom");
    a.expect("receive do message -> message after 200 -> :quiet end", ":quiet");
}

#[test]
fn a_link_can_be_made_again_after_it_was_undone() {
    let (_cluster, _worker, a) = worker_and_elixir();
    a.expect("for _ <- 1..20, do: (Process.link(pid); Process.unlink(pid)); :done", ":done");
    a.expect("Process.link(pid)", "true");
    a.expect("Process.exit(pid, :boom)", "true");
    a.expect(EXIT, ":boom");
    a.expect("receive do message -> message after 200 -> :quiet end", ":quiet");
}

#[test]
fn a_killed_node_is_noconnection_to_monitors_links_and_calls() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect("ref = Process.monitor(server); Process.link(pid)", "true");
    a.expect("by_pid = Process.monitor(pid); Node.monitor(worker, true)", "true");
    // Frozen first, so that a call is certainly without an answer when the node dies.
    worker.signal(Signal::STOP);
    let call = "task = Task.async(fn -> \
                  try do GenServer.call(server, :ping, 60_000) catch :exit, {reason, _} -> reason end \
                end); Process.sleep(100)";
    a.expect(call, ":ok");
    let atom = worker.atom();
    worker.kill();
    a.expect(DOWN, ":noconnection");
    a.expect(&format!("ref = by_pid; {DOWN}"), ":noconnection");
    a.expect(EXIT, ":noconnection");
    a.expect("receive do {:nodedown, node} -> node after 10_000 -> :nothing end", &atom);
    a.expect("Task.await(task)", &format!("{{:nodedown, {atom}}}"));
    a.expect("Node.list(:hidden)", "[]");
}

#[test]
fn node_monitor_tells_of_an_orderly_end_too_and_links_get_the_reason() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect("Process.link(pid)", "true");
    a.expect("Node.monitor(worker, true)", "true");
    // The answer says that the link, sent before the call, has arrived.
    a.expect("GenServer.call(server, :ping)", ":pong");
    let atom = worker.atom();
    worker.stop();
    a.expect(EXIT, ":shutdown");
    a.expect("receive do {:nodedown, node} -> node after 10_000 -> :nothing end", &atom);
}

#[test]
fn a_node_that_comes_back_under_its_name_is_another_life() {
    let (cluster, worker, a) = worker_and_elixir();
    worker.kill();
    let _worker = cluster.flitch("worker").start();
    a.expect_soon("Node.ping(worker)", ":pong");
    // The old process id means nobody, although a new process may count from the same number.
    a.expect(&format!("ref = Process.monitor(pid); {DOWN}"), ":noproc");
    a.expect("GenServer.call(server, :info).pid == pid", "false");
    a.expect("send(pid, :stale); GenServer.call(server, :ping)", ":pong");
}

#[test]
fn the_caller_of_flitch_call_is_a_process_that_can_be_watched() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect("Process.flag(:trap_exit, true); Process.register(self(), :desk)", "true");
    let call = cluster.cli(&["call", a.name(), "desk", ":question"]).start();
    let received = "{pid, question} = receive do \
                      {:\"$gen_call\", {pid, _tag}, question} -> {pid, question} \
                    end; question";
    a.expect(received, ":question");
    a.expect("ref = Process.monitor(pid); Process.link(pid)", "true");
    call.kill();
    a.expect(DOWN, ":noconnection");
    a.expect(EXIT, ":noconnection");
}
