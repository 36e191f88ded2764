//! `flitch rpc`: functions run on a BEAM, with arguments and results in either syntax.

use integration::Cluster;
use serde_json::json;

#[test]
fn elixir_modules_and_erlang_modules_are_both_understood() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let rpc = |args: &[&str]| cluster.cli(&[&["rpc", a.name()], args].concat()).run();
    rpc(&["String", "upcase", "\"hé\""]).expect_text("\"HÉ\"");
    rpc(&["erlang", "node"]).expect_text(&a.atom());
    rpc(&["lists", "reverse", "[1, :two, \"three\"]"]).expect_text("[\"three\", :two, 1]");
    rpc(&["Map", "get", "%{a: {1, 2.5, \"x\"}}", ":a"]).expect_text("{1, 2.5, \"x\"}");
    rpc(&["Elixir.String", "length", "\"four\""]).expect_text("4");
    rpc(&["erlang", "abs", "-5"]).expect_text("5");
    rpc(&["Keyword", "get", "[a: 1, b: nil]", ":b"]).expect_text("nil");
    rpc(&["Function", "identity", "[a: 1]"]).expect_text("[a: 1]");
    rpc(&["Function", "identity", "%{:a => 1, \"b\" => 2}"]).expect_code(0);
    rpc(&["Function", "identity", "String"]).expect_text("String");
}

#[test]
fn under_erlang_arguments_and_results_are_erlang_terms() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let rpc = |args: &[&str]| cluster.cli(&[&["rpc", "--erlang", a.name()], args].concat()).run();
    rpc(&["string", "uppercase", "<<\"abc\">>"]).expect_text("<<\"ABC\">>");
    rpc(&["erlang", "node"]).expect_text(&format!("'{}'", a.name()));
    rpc(&["lists", "reverse", "[1, two, {<<\"three\">>}]"]).expect_text("[{<<\"three\">>},two,1]");
    rpc(&["maps", "get", "'K k'", "#{'K k' => 1.5}"]).expect_text("1.5");
    rpc(&["erlang", "atom_to_list", "abc"]).expect_text("\"abc\"");
}

#[test]
fn the_function_runs_on_the_other_side() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let output = cluster.cli(&["rpc", a.name(), "System", "pid"]).run();
    output.expect_text(&format!("{:?}", a.pid().to_string()));
}

#[test]
fn what_the_function_prints_over_there_appears_here() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let puts = ["rpc", a.name(), "IO", "puts", "\"hé\""];
    cluster.cli(&puts).run().expect_text("hé\n:ok");
    let format = ["rpc", a.name(), "io", "format", "~c\"~p~n\"", "[{1, :a}]"];
    cluster.cli(&format).run().expect_text("{1,a}\n:ok");
    let json = cluster.cli(&[&puts, ["--output", "json"].as_slice()].concat()).run();
    assert_eq!(json.expect_code(0).json()["result"], "ok", "one document alone: {json}");
    assert_eq!(json.stderr, "hé\n");
}

#[test]
fn json_output_is_the_result_as_json() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let term = "%{\"b\" => [nil, true, false, 1.5], \"deep\" => %{x: -1}, a: {1, :two, \"three\"}}";
    let args = ["rpc", "--output", "json", a.name(), "Function", "identity", term];
    let output = cluster.cli(&args).run();
    let expected = json!({
        "node": a.name(),
        "result": { "b": [null, true, false, 1.5], "a": [1, "two", "three"], "deep": { "x": -1 } },
    });
    assert_eq!(output.expect_code(0).json(), expected, "{output}");
}

#[test]
fn an_exception_shows_its_class_its_reason_and_the_remote_stack() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let args = ["rpc", a.name(), "String", "to_integer", "\"x\""];
    cluster.cli(&args).run().expect_failure(1, "call", &["badarg", "binary_to_integer"]);
    let args = ["rpc", "--output", "json", a.name(), "String", "to_integer", "\"x\""];
    let message = cluster.cli(&args).run().expect_json_failure(1, "call");
    assert!(message.contains("badarg"), "{message}");
    let undefined = cluster.cli(&["rpc", a.name(), "NoSuch", "function"]).run();
    undefined.expect_failure(1, "call", &["undef", "NoSuch", "function"]);
}

#[test]
fn a_throw_and_an_exit_over_there_are_failures_here() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    for (function, reason) in [("throw", "a_ball"), ("exit", "a_reason"), ("error", "a_fault")] {
        let term = format!(":{reason}");
        let output = cluster.cli(&["rpc", a.name(), "erlang", function, &term]).run();
        output.expect_failure(1, "call", &[reason]);
    }
}

#[test]
fn a_function_that_takes_too_long_is_a_timeout() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let args = ["rpc", "--timeout", "1", a.name(), "timer", "sleep", "60000"];
    let output = cluster.cli(&args).run();
    output.expect_failure(4, "call", &[]);
    assert!(output.elapsed.as_secs() < 6, "the timeout was one second: {output}");
    let args = ["rpc", "--timeout", "1", "--output", "json", a.name(), "timer", "sleep", "60000"];
    let _ = cluster.cli(&args).run().expect_json_failure(4, "call");
}

#[test]
fn a_node_that_dies_under_the_call_is_told_from_one_that_is_slow() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let output = cluster.cli(&["rpc", a.name(), "erlang", "halt", "0"]).run();
    output.expect_failure(3, "call", &[]);
    assert!(output.elapsed.as_secs() < 5, "it waited out its timeout: {output}");
}

#[test]
fn a_node_that_is_not_there_fails_before_the_call() {
    let cluster = Cluster::new();
    let node = cluster.name("nobody");
    let output = cluster.cli(&["rpc", &node, "erlang", "node"]).run();
    output.expect_failure(3, "epmd", &[&cluster.alive("nobody")]);
}

#[test]
fn an_argument_that_is_no_term_is_a_usage_error_that_shows_it() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    for term in ["%{", "[1, 2", "{:a", "\"open"] {
        let args = ["rpc", a.name(), "Function", "identity", term];
        cluster.cli(&args).run().expect_failure(2, "usage", &[]);
    }
    let args = ["rpc", "--output", "json", a.name(), "Function", "identity", "%{"];
    let _ = cluster.cli(&args).run().expect_json_failure(2, "usage");
}

#[test]
fn a_flitch_node_runs_nothing_for_others() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let output = cluster.cli(&["rpc", worker.name(), "os", "cmd", "[105, 100]"]).run();
    output.expect_failure(1, "call", &[]);
    assert!(output.elapsed.as_secs() < 5, "it waited out its timeout: {output}");
}
