//! Everything that a BEAM does on a busy link: large messages in fragments, thousands of atoms,
//! trace tokens, and what came with OTP 28 and 29.

use std::time::Duration;

use integration::{Beam, Cluster, Node, Signal};

const MINUTE: Duration = Duration::from_secs(60);

fn worker_and_elixir() -> (Cluster, Node, Beam) {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    (cluster, worker, a)
}

/// The release of the BEAM that the test runs against.
fn otp(beam: &Beam) -> u32 {
    let release = beam.eval("System.otp_release() |> String.to_integer()");
    release.ok().and_then(|release| release.parse().ok()).unwrap_or_default()
}

#[test]
fn pings_are_answered_while_200_megabytes_go_there_and_come_back() {
    let (_cluster, worker, a) = worker_and_elixir();
    let race = format!(
        "big = :binary.copy(\"0123456789\", 20_000_000); \
         me = self(); \
         spawn(fn -> send(me, {{:back, GenServer.call({}, {{:echo, big}}, 60_000) == big}}) end); \
         ping = fn ping, count -> \
           :pong = Node.ping({}); \
           receive do {{:back, same}} -> {{same, count >= 10}} after 0 -> ping.(ping, count + 1) end \
         end; \
         ping.(ping, 0)",
        worker.server(),
        worker.atom()
    );
    assert_eq!(a.eval_timeout(&race, MINUTE).as_deref(), Ok("{true, true}"));
    assert_eq!(worker.events("peer is up").len(), 1, "the same link all the time");
}

#[test]
fn four_senders_of_large_and_small_messages_each_keep_their_order() {
    let (_cluster, worker, a) = worker_and_elixir();
    let echo = format!(
        "sender = fn number -> Task.async(fn -> \
           for turn <- 1..20 do \
             size = if rem(turn, 4) == 0, do: 300_000, else: 10; \
             term = {{number, turn, String.duplicate(\"x\", size), [:\"key#{{turn}}\", %{{a: turn}}]}}; \
             term == GenServer.call({}, {{:echo, term}}, 60_000) \
           end |> Enum.all?() end) end; \
         1..4 |> Enum.map(sender) |> Task.await_many(60_000)",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&echo, MINUTE).as_deref(), Ok("[true, true, true, true]"));
}

#[test]
fn messages_without_an_answer_arrive_in_the_order_of_sending_whatever_their_size() {
    let (_cluster, worker, a) = worker_and_elixir();
    // Answers to requests that one process sent without waiting: the server takes them in order.
    let requests = format!(
        "for turn <- 1..40 do \
           size = if rem(turn, 3) == 0, do: 500_000, else: 5; \
           send({}, {{:\"$gen_call\", {{self(), turn}}, {{:echo, :binary.copy(<<turn>>, size)}}}}) \
         end; \
         turns = for _ <- 1..40, do: (receive do {{turn, answer}} when is_binary(answer) -> turn end); \
         turns == Enum.to_list(1..40)",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&requests, MINUTE).as_deref(), Ok("true"));
}

#[test]
fn more_atoms_than_the_cache_and_a_header_hold_come_back() {
    let (_cluster, worker, a) = worker_and_elixir();
    let echo = |term: &str| {
        let same = format!(
            "term = {term}; term === GenServer.call({}, {{:echo, term}}, 60_000)",
            worker.server()
        );
        assert_eq!(a.eval_timeout(&same, MINUTE).as_deref(), Ok("true"), "{term}");
    };
    echo("for number <- 1..5000, do: :\"atom#{number}\"");
    echo("for number <- 1..300, do: {:\"other#{number}\", :\"atom#{number}\"}");
    // Over 255 bytes, with an odd and an even number of others.
    for count in 0..4 {
        echo(&format!(
            "[String.to_atom(String.duplicate(\"ü\", 255)) | \
              Enum.take([:some, :more, :atoms, :\"with them\"], {count})]"
        ));
    }
    let one_by_one = format!(
        "Enum.all?(1..3000, fn number -> \
           atom = :\"lone#{{number}}\"; atom === GenServer.call({}, {{:echo, atom}}) end)",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&one_by_one, MINUTE).as_deref(), Ok("true"));
}

#[test]
fn large_exit_reasons_arrive_whole_along_links_and_monitors() {
    let (_cluster, worker, a) = worker_and_elixir();
    let refused = format!(
        "reason = try do GenServer.call({}, {{:echo, :erlang.list_to_binary(List.duplicate(1, 200_000))}}) |> exit() \
         catch :exit, reason -> reason end; byte_size(reason)",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&refused, MINUTE).as_deref(), Ok("200000"));
    // A process of ours that is linked to one of theirs takes its reason: the node goes on.
    let linked = format!(
        "{{:ok, info}} = {{:ok, GenServer.call({}, :info)}}; \
         {{pid, ref}} = spawn_monitor(fn -> \
           Process.link(info.pid); Process.unlink(info.pid); exit(:binary.copy(\"x\", 300_000)) end); \
         receive do {{:DOWN, ^ref, _, ^pid, reason}} -> byte_size(reason) end",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&linked, MINUTE).as_deref(), Ok("300000"));
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn traced_calls_are_answered_like_others() {
    let (_cluster, worker, a) = worker_and_elixir();
    let traced = format!(
        ":seq_trace.set_token(:label, {{:any, \"term\"}}); :seq_trace.set_token(:send, true); \
         answers = for size <- [1, 100_000], do: \
           GenServer.call({0}, {{:echo, :binary.copy(<<1>>, size)}}) |> byte_size(); \
         gone = try do GenServer.call({{:nobody, {1}}}, :ping) catch :exit, {{reason, _}} -> reason end; \
         refused = try do :erpc.call({1}, :os, :cmd, [~c\"true\"]) \
                   catch kind, {{:exception, reason, _}} -> {{kind, reason}} end; \
         :seq_trace.set_token([]); \
         {{answers, gone, refused}}",
        worker.server(),
        worker.atom()
    );
    a.expect(&traced, "{[1, 100000], :noproc, {:error, :undef}}");
}

#[test]
fn a_sender_that_is_killed_half_way_costs_its_message_and_nothing_else() {
    let (_cluster, worker, a) = worker_and_elixir();
    worker.signal(Signal::STOP);
    let sending = format!(
        "big = :binary.copy(\"x\", 100_000_000); \
         {{pid, ref}} = spawn_monitor(fn -> send({}, {{:large, big}}) end); \
         parked = fn parked -> \
           case Process.info(pid, [:status, :current_function]) do \
             [status: :suspended, current_function: _] -> :parked; \
             _ -> Process.sleep(5); parked.(parked) \
           end end; \
         :parked = parked.(parked); \
         Process.exit(pid, :kill); \
         is_reference(ref)",
        worker.server()
    );
    assert_eq!(a.eval_timeout(&sending, MINUTE).as_deref(), Ok("true"));
    worker.signal(Signal::CONT);
    for turn in 0..5 {
        let echo = format!(
            "GenServer.call({}, {{:echo, :binary.copy(<<{turn}>>, 300_000)}}, 60_000) |> byte_size()",
            worker.server()
        );
        assert_eq!(a.eval_timeout(&echo, MINUTE).as_deref(), Ok("300000"));
    }
    assert_eq!(worker.events("peer is up").len(), 1, "the same link all the time");
}

#[test]
fn signals_with_priority_arrive_where_the_release_has_them() {
    let (_cluster, worker, a) = worker_and_elixir();
    let ping = format!(
        "info = GenServer.call({}, :info); \
         :erlang.send(info.pid, {{:\"$gen_call\", {{self(), :tag}}, :ping}}, [:priority]); \
         receive do {{:tag, answer}} -> answer after 5000 -> :nothing end",
        worker.server()
    );
    let kill = format!(
        "ref = Process.monitor({0}); \
         :erlang.exit(GenServer.call({0}, :info).pid, :enough, [:priority]); \
         receive do {{:DOWN, ^ref, _, _, reason}} -> reason after 5000 -> :nothing end",
        worker.server()
    );
    if otp(&a) >= 28 {
        a.expect(&ping, ":pong");
        a.expect(&kill, ":enough");
    } else {
        assert!(a.expect_raise(&ping).contains("argument"));
    }
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}

#[test]
fn a_native_record_comes_back_from_a_release_that_has_them() {
    let (_cluster, worker, a) = worker_and_elixir();
    // #geo:point{x = 1}, exported, as OTP 29 writes it.
    let record = ":erlang.binary_to_term(<<131, 67, 1::32, 1, \
                  119, 3, \"geo\", 119, 5, \"point\", 119, 1, \"x\", 97, 1>>)";
    if otp(&a) >= 29 {
        let echo = format!(
            "record = {record}; record === GenServer.call({}, {{:echo, record}})",
            worker.server()
        );
        a.expect(&echo, "true");
    } else {
        assert!(a.expect_raise(record).contains("argument"));
    }
}
