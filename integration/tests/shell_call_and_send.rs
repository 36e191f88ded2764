//! `flitch call` and `flitch send`: to a GenServer and to a process on a BEAM, and on flitch.

use integration::{Beam, Cluster};
use serde_json::json;

/// A GenServer under `:desk` and one under its module's name.
const DESK: &str = r#"
defmodule Shop.Desk do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call(:silent, _from, state), do: {:noreply, state}
  def handle_call(:stop, _from, state), do: {:stop, :closing_time, state}
  def handle_call(:raise, _from, _state), do: raise("no such shelf")
  def handle_call(term, {pid, _}, state), do: {:reply, {:got, term, node(pid) != node()}, state}
  def start(name) do
    {:ok, _} = GenServer.start(__MODULE__, [], name: name)
    :started
  end
end
{Shop.Desk.start(:desk), Shop.Desk.start(Shop.Desk)}
"#;

fn desk(cluster: &Cluster) -> Beam {
    let a = cluster.elixir("a").start();
    a.expect(DESK, "{:started, :started}");
    a
}

#[test]
fn call_gives_the_reply_of_a_gen_server() {
    let cluster = Cluster::new();
    let a = desk(&cluster);
    let call = |name: &str, term: &str| cluster.cli(&["call", a.name(), name, term]).run();
    call("desk", ":ping").expect_text("{:got, :ping, true}");
    call("Shop.Desk", "{:add, [1, \"two\"]}").expect_text("{:got, {:add, [1, \"two\"]}, true}");
    call("desk", "%{a: nil}").expect_text("{:got, %{a: nil}, true}");
}

#[test]
fn call_speaks_erlang_and_json_too() {
    let cluster = Cluster::new();
    let a = desk(&cluster);
    let erlang = cluster.cli(&["call", "--erlang", a.name(), "desk", "{add,<<\"x\">>}"]).run();
    erlang.expect_text("{got,{add,<<\"x\">>},true}");
    let module = cluster.cli(&["call", "--erlang", a.name(), "'Elixir.Shop.Desk'", "ping"]).run();
    module.expect_text("{got,ping,true}");
    let output = cluster.cli(&["call", "--output", "json", a.name(), "desk", ":ping"]).run();
    let expected = json!({ "node": a.name(), "reply": ["got", "ping", true] });
    assert_eq!(output.expect_code(0).json(), expected, "{output}");
}

#[test]
fn call_reaches_the_server_of_a_flitch_node() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let call = |term: &str| cluster.cli(&["call", worker.name(), "flitch", term]).run();
    call(":ping").expect_text(":pong");
    call("{:echo, [1 | %{a: \"b\"}]}").expect_text("[1 | %{a: \"b\"}]");
    call(":what").expect_text("{:error, :unknown_request}");
    let output = cluster.cli(&["call", "--output", "json", worker.name(), "flitch", ":info"]).run();
    let reply = &output.expect_code(0).json()["reply"];
    assert!(reply["version"].is_string() && reply["uptime"].is_u64(), "{output}");
    assert!(reply["nodes"].is_array() && reply["messages_in"].is_u64(), "{output}");
    let nobody = cluster.cli(&["call", worker.name(), "nobody", ":ping"]).run();
    nobody.expect_failure(1, "call", &["noproc"]);
}

#[test]
fn a_call_to_a_name_that_nobody_has_fails_at_once_with_noproc() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let output = cluster.cli(&["call", a.name(), "nobody", ":ping"]).run();
    output.expect_failure(1, "call", &["noproc", "nobody"]);
    assert!(output.elapsed.as_secs() < 4, "it waited out its timeout: {output}");
    let json = cluster.cli(&["call", "--output", "json", a.name(), "nobody", ":ping"]).run();
    let message = json.expect_json_failure(1, "call");
    assert!(message.contains("noproc"), "{json}");
}

#[test]
fn a_server_that_stops_or_crashes_under_the_call_gives_its_reason() {
    let cluster = Cluster::new();
    let a = desk(&cluster);
    let stop = cluster.cli(&["call", a.name(), "desk", ":stop"]).run();
    stop.expect_failure(1, "call", &["closing_time"]);
    let crash = cluster.cli(&["call", a.name(), "Shop.Desk", ":raise"]).run();
    crash.expect_failure(1, "call", &["no such shelf"]);
}

#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    let cluster = Cluster::new();
    let a = desk(&cluster);
    let output = cluster.cli(&["call", "--timeout", "1", a.name(), "desk", ":silent"]).run();
    output.expect_failure(4, "call", &[]);
    assert!(output.elapsed.as_secs() < 6, "the timeout was one second: {output}");
    let args = ["call", "--timeout", "1", "--output", "json", a.name(), "desk", ":silent"];
    let _ = cluster.cli(&args).run().expect_json_failure(4, "call");
}

#[test]
fn send_delivers_before_the_command_ends() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect("Process.register(self(), :desk)", "true");
    for n in 1..=5 {
        let term = format!("{{:hello, {n}, \"text\"}}");
        cluster.cli(&["send", a.name(), "desk", &term]).run().expect_code(0);
        a.expect("receive do message -> message after 2000 -> :nothing end", &term);
    }
    let erlang = cluster.cli(&["send", "--erlang", a.name(), "desk", "{hello,<<1>>}"]).run();
    erlang.expect_code(0);
    a.expect("receive do message -> message after 2000 -> :nothing end", "{:hello, <<1>>}");
    let json = cluster.cli(&["send", "--output", "json", a.name(), "desk", ":hello"]).run();
    assert_eq!(json.expect_code(0).json(), json!({ "node": a.name(), "sent": true }), "{json}");
    a.expect("receive do message -> message after 2000 -> :nothing end", ":hello");
}

#[test]
fn a_large_message_is_delivered_whole() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect("Process.register(self(), :desk)", "true");
    let text = "x".repeat(100_000);
    cluster.cli(&["send", a.name(), "desk", &format!("{text:?}")]).run().expect_code(0);
    a.expect("receive do message -> byte_size(message) after 2000 -> :nothing end", "100000");
}

#[test]
fn send_and_call_say_when_there_is_no_connection() {
    let cluster = Cluster::new();
    let node = cluster.name("nobody");
    for command in ["send", "call"] {
        let output = cluster.cli(&[command, &node, "desk", ":hello"]).run();
        output.expect_failure(3, "epmd", &[&cluster.alive("nobody")]);
        let args = [command, "--output", "json", &node, "desk", ":hello"];
        let _ = cluster.cli(&args).run().expect_json_failure(3, "epmd");
    }
    let stranger = cluster.elixir("a").cookie("THEIRS").start();
    for command in ["send", "call"] {
        let output = cluster.cli(&[command, stranger.name(), "desk", ":hello"]).run();
        output.expect_failure(3, "handshake", &["cookie"]);
    }
}

#[test]
fn a_command_that_is_none_or_incomplete_is_a_usage_error() {
    let cluster = Cluster::without_epmd();
    for args in [
        [].as_slice(),
        &["dance"],
        &["ping"],
        &["rpc", "a@127.0.0.1", "erlang"],
        &["call", "a@127.0.0.1", "desk"],
        &["send", "a@127.0.0.1"],
        &["ping", "--timeout", "soon", "a@127.0.0.1"],
        &["ping", "--output", "xml", "a@127.0.0.1"],
    ] {
        let output = cluster.cli(args).run();
        output.expect_code(2);
        assert!(!output.stderr.is_empty(), "it says nothing: {output}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    let cluster = Cluster::without_epmd();
    let help = cluster.cli(&["--help"]).run();
    help.expect_code(0);
    for command in ["node", "ping", "names", "rpc", "call", "send"] {
        assert!(help.stdout.contains(command), "{command} is not in {help}");
    }
    cluster.cli(&["--version"]).run().expect_code(0);
}
