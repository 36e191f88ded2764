//! From Elixir and Erlang to a flitch node: pings, messages, calls and casts, with nothing
//! installed on their side.

use integration::{Beam, Cluster, Node, stock};

fn worker_and_elixir() -> (Cluster, Node, Beam) {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    (cluster, worker, a)
}

#[test]
fn node_ping_answers_pong() {
    let (cluster, worker, a) = worker_and_elixir();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let b = cluster.erl("b").start();
    b.expect(&format!("net_adm:ping('{}')", worker.name()), "pong");
}

#[test]
fn node_connect_makes_a_hidden_link() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect("Node.list(:hidden)", "[]");
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
    a.expect("Node.list(:hidden)", &format!("[{}]", worker.atom()));
    a.expect("Node.list()", "[]");
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
}

#[test]
fn node_disconnect_and_connect_again_work() {
    let (_cluster, worker, a) = worker_and_elixir();
    for _ in 0..5 {
        a.expect(&format!("Node.connect({})", worker.atom()), "true");
        a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
        a.expect(&format!("Node.disconnect({})", worker.atom()), "true");
        a.expect("Node.list(:hidden)", "[]");
    }
    worker.await_events(5, "peer is down", |fields| fields["peer"] == a.name());
}

#[test]
fn a_cookie_that_differs_is_pang() {
    let (cluster, worker, a) = worker_and_elixir();
    let stranger = cluster.elixir("stranger").cookie("WRONG").start();
    stranger.expect(&format!("Node.ping({})", worker.atom()), ":pang");
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    assert!(worker.events("peer is up").iter().all(|fields| fields["peer"] != stranger.name()));
}

#[test]
fn ping_is_answered() {
    let (cluster, worker, a) = worker_and_elixir();
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    let b = cluster.erl("b").start();
    b.expect(&format!("gen_server:call({{flitch, '{}'}}, ping)", worker.name()), "pong");
}

#[test]
fn info_tells_version_uptime_peers_and_traffic() {
    let (_cluster, worker, a) = worker_and_elixir();
    let info = format!("info = GenServer.call({}, :info); is_map(info)", worker.server());
    a.expect(&info, "true");
    a.expect("info.version =~ ~r/^\\d+\\.\\d+\\.\\d+/", "true");
    a.expect("is_integer(info.uptime) and info.uptime in 0..60", "true");
    a.expect("info.nodes == [node()] and info.peers == %{}", "true");
    a.expect("{info.peers, info.topologies} == {%{}, %{}}", "true");
    a.expect("is_integer(info.messages_in) and info.messages_in > 0", "true");
    a.expect("is_integer(info.messages_out) and info.messages_out >= 0", "true");
    a.expect("is_pid(info.pid) and node(info.pid)", &worker.atom());
    let more = format!(
        "for _ <- 1..10, do: :pong = GenServer.call({0}, :ping); \
         later = GenServer.call({0}, :info); \
         {{later.messages_in - info.messages_in >= 10, later.messages_out - info.messages_out >= 10}}",
        worker.server()
    );
    a.expect(&more, "{true, true}");
}

#[test]
fn an_unknown_request_is_an_error_value_and_not_an_exit() {
    let (_cluster, worker, a) = worker_and_elixir();
    for request in [":what", "{:echo}", "{:echo, 1, 2}", "nil", "\"ping\"", "%{a: 1}", "[1 | 2]"] {
        let call = format!("GenServer.call({}, {request})", worker.server());
        a.expect(&call, "{:error, :unknown_request}");
    }
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn every_kind_of_term_comes_back_as_it_went() {
    let (_cluster, worker, a) = worker_and_elixir();
    let load = format!("{{terms, _}} = Code.eval_file({:?}); length(terms) > 50", {
        stock::script("terms.exs").display().to_string()
    });
    a.expect(&load, "true");
    // `-0.0 === 0.0` before OTP 27, so that floats are compared by their bytes too.
    let echo = format!(
        "same = fn a, b -> a === b and (not is_float(a) or <<a::float>> === <<b::float>>) end; \
         for {{label, term}} <- terms, \
             answer = (try do {{:back, GenServer.call({}, {{:echo, term}}, 20_000)}} \
                       catch kind, reason -> {{kind, reason}} end), \
             not match?({{:back, _}}, answer) or not same.(term, elem(answer, 1)), \
             do: {{label, inspect(answer, limit: 20, printable_limit: 100)}}",
        worker.server()
    );
    a.expect(&echo, "[]");
    // What came back still is what it was: a fun can be called, a reference still is an alias.
    let closure = format!(
        "captured = {{1, \"two\"}}; \
         GenServer.call({}, {{:echo, fn more -> {{captured, more}} end}}).(:more)",
        worker.server()
    );
    a.expect(&closure, "{{1, \"two\"}, :more}");
    let reply_to = format!(
        "alias_ref = :erlang.alias(); \
         send(GenServer.call({}, {{:echo, alias_ref}}), :through_the_alias); \
         receive do :through_the_alias -> :received after 5000 -> :nothing end",
        worker.server()
    );
    a.expect(&reply_to, ":received");
}

#[test]
fn erlang_gets_its_terms_back_too() {
    let (cluster, worker, _a) = worker_and_elixir();
    let b = cluster.erl("b").start();
    b.expect(
        &format!(
            "Terms = [a, 'A b', 1.5, -1, [a|b], \"text\", <<\"bin\">>, <<5:3>>, #{{1 => x, 1.0 => y}}, \
             fun lists:map/2, self(), make_ref(), {{}}, [], 1 bsl 4000], \
             [T || T <- Terms, gen_server:call({{flitch, '{}'}}, {{echo, T}}) =/= T]",
            worker.name()
        ),
        "[]",
    );
}

#[test]
fn a_large_term_comes_back_whole() {
    let (_cluster, worker, a) = worker_and_elixir();
    let echo = format!(
        "blob = :crypto.strong_rand_bytes(16_000_000); \
         GenServer.call({}, {{:echo, {{blob, [blob]}}}}, 30_000) === {{blob, [blob]}}",
        worker.server()
    );
    a.expect(&echo, "true");
}

#[test]
fn many_callers_at_once_get_each_their_own_answer() {
    let (_cluster, worker, a) = worker_and_elixir();
    let callers = format!(
        "1..100 |> Enum.map(fn n -> Task.async(fn -> \
           Enum.all?(1..50, fn m -> GenServer.call({}, {{:echo, {{n, m}}}}) == {{n, m}} end) \
         end) end) |> Task.await_many(25_000) |> Enum.all?()",
        worker.server()
    );
    a.expect(&callers, "true");
}

#[test]
fn small_calls_do_not_wait_for_the_network_to_gather_them() {
    let (_cluster, worker, a) = worker_and_elixir();
    // Without TCP_NODELAY on both sides each takes some 40 ms.
    let timed = format!(
        "call = fn -> :pong = GenServer.call({}, :ping) end; call.(); \
         times = for _ <- 1..50, do: elem(:timer.tc(call), 0); \
         Enum.at(Enum.sort(times), 25) < 20_000",
        worker.server()
    );
    a.expect(&timed, "true");
}

#[test]
fn casts_and_messages_of_any_kind_leave_the_server_alive() {
    let (_cluster, worker, a) = worker_and_elixir();
    let before = format!("before = GenServer.call({}, :info).messages_in; is_integer(before)", {
        worker.server()
    });
    a.expect(&before, "true");
    for term in [":hello", "{:add, [1, 2]}", "\"text\"", "[1 | 2]", "%{a: fn -> 1 end}"] {
        a.expect(&format!("GenServer.cast({}, {term})", worker.server()), ":ok");
        a.expect(&format!("send({}, {term}); :sent", worker.server()), ":sent");
    }
    // What looks like a protocol of OTP's and is none.
    for term in
        ["{:\"$gen_call\", :nobody, 1}", "{:\"$gen_cast\"}", "{:system, 1, 2}", "{:EXIT, 1}"]
    {
        a.expect(&format!("send({}, {term}); :sent", worker.server()), ":sent");
    }
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    let counted = format!("GenServer.call({}, :info).messages_in - before >= 14", worker.server());
    a.expect(&counted, "true");
}

#[test]
fn messages_to_nobody_are_dropped_and_hurt_no_one() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect(&format!("send({{:nobody, {}}}, :hello)", worker.atom()), ":hello");
    a.expect(&format!("GenServer.cast({{:nobody, {}}}, :hello)", worker.atom()), ":ok");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn a_call_to_nobody_exits_at_once() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let call = format!("GenServer.call({{:nobody, {}}}, :ping, 20_000)", worker.atom());
    let timed = format!(
        "{{time, reason}} = :timer.tc(fn -> try do {call} catch :exit, {{reason, _}} -> reason end end); \
         {{reason, time < 5_000_000}}"
    );
    a.expect(&timed, "{:noproc, true}");
}

#[test]
fn nothing_runs_on_a_flitch_node_by_name() {
    let (_cluster, worker, a) = worker_and_elixir();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let timed = format!(
        "{{time, refused}} = :timer.tc(fn -> :rpc.call({}, :os, :cmd, [~c\"id\"], 20_000) end); \
         {{match?({{:badrpc, _}}, refused), time < 5_000_000}}",
        worker.atom()
    );
    a.expect(&timed, "{true, true}");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}
