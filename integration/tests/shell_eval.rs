//! `flitch eval`: code run on a BEAM, which it does not outlive and leaves as it was.

use integration::Cluster;
use serde_json::json;

#[test]
fn elixir_code_prints_here_and_its_value_is_shown() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let eval = |code: &str| cluster.cli(&["eval", a.name(), code]).run();
    eval("IO.puts(\"hé\"); x = Enum.map(1..3, & &1 * 2); {x, node()}")
        .expect_text(&format!("hé\n{{[2, 4, 6], {}}}", a.atom()));
    eval("~D[2024-02-29]").expect_text("~D[2024-02-29]");
    eval("IO.gets(\"name? \")").expect_text(":eof");
    let output = cluster.cli(&["eval", "--output", "json", a.name(), "IO.puts(1); %{a: 1}"]).run();
    assert_eq!(output.expect_code(0).json(), json!({ "node": a.name(), "result": { "a": 1 } }));
    assert_eq!(output.stderr, "1\n", "standard output is one document");
}

#[test]
fn erlang_code_runs_on_a_node_that_has_no_elixir() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let eval = |code: &str| cluster.cli(&["eval", "--erlang", a.name(), code]).run();
    eval("X = lists:sum([1, 2]), io:format(\"~p~n\", [X]), X * 2").expect_text("3\n6");
    eval("S = self(), spawn(fun() -> S ! hi end), receive M -> M end.").expect_text("hi");
    eval("X = ").expect_failure(1, "call", &["line 1", "syntax error"]);
    eval("hd([])").expect_failure(1, "call", &["badarg", "erlang:hd([])"]);
    let output = cluster.cli(&["eval", a.name(), "1"]).run();
    output.expect_failure(2, "usage", &["no Elixir", "--erlang"]);
}

#[test]
fn an_exception_is_told_in_its_own_words_with_its_stack() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let eval = |code: &str| cluster.cli(&["eval", a.name(), code]).run();
    eval("raise \"oops\"").expect_failure(1, "call", &["** (RuntimeError) oops"]);
    let words = ["** (KeyError) key :b not found", ":maps.get"];
    eval("Map.fetch!(%{a: 1}, :b)").expect_failure(1, "call", &words);
    eval("throw :ball").expect_failure(1, "call", &["** (throw) :ball"]);
    eval("exit :gone").expect_failure(1, "call", &["** (exit) :gone"]);
    eval("1 +").expect_failure(1, "call", &["TokenMissingError"]);
}

#[test]
fn code_comes_from_a_file_and_from_standard_input() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "x = 20\nx + 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    cluster.cli(&["eval", a.name(), "--file", path]).run().expect_text("21");
    cluster.cli(&["eval", a.name(), "-"]).stdin("x = 20\nx + 2\n").run().expect_text("22");
    cluster.cli(&["eval", a.name()]).run().expect_code(2);
    let missing = cluster.cli(&["eval", a.name(), "--file", "/no/such/file"]).run();
    missing.expect_failure(2, "usage", &["/no/such/file"]);
}

#[test]
fn code_that_takes_too_long_is_stopped() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let code = "Process.register(self(), :sleeper); Process.sleep(:infinity)";
    let output = cluster.cli(&["eval", "--timeout", "2", a.name(), code]).run();
    output.expect_failure(4, "call", &["was stopped"]);
    a.expect_soon("Process.whereis(:sleeper)", "nil");
}

#[test]
fn code_does_not_outlive_a_client_that_was_killed() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let busy = "Process.register(self(), :busy); (fn f -> f.(f) end).(fn f -> f.(f) end)";
    let running = cluster.cli(&["eval", "--timeout", "60", a.name(), busy]).start();
    a.expect_soon("Process.whereis(:busy) != nil", "true");
    running.kill();
    a.expect_soon("Process.whereis(:busy)", "nil");
    let _ = running.finish();
}

#[test]
fn a_hundred_evaluations_leave_no_process_and_no_atom() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let eval = |code: &str| cluster.cli(&["eval", a.name(), code]).run();
    for _ in 0..3 {
        eval("x = 1; IO.puts(x)").expect_code(0);
        eval("raise \"oops\"").expect_code(1);
    }
    let count = "{:erlang.system_info(:process_count), :erlang.system_info(:atom_count), \
                 length(:code.all_loaded())}";
    let _ = a.eval(count);
    let before = a.eval(count).unwrap();
    for _ in 0..50 {
        eval("x = 1; IO.puts(x)").expect_code(0);
        eval("raise \"oops\"").expect_code(1);
    }
    a.expect_soon(count, &before);
}
