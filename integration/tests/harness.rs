//! The harness itself, between BEAM and BEAM: what the other tests rely on does hold.
#![allow(clippy::panic)]

use std::time::Duration;

use integration::{Behaviour, Cluster, EvalError};

#[test]
fn two_elixir_nodes_of_one_cluster_meet() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(&format!("Node.ping({})", b.atom()), ":pong");
    b.expect("Node.list()", &format!("[{}]", a.atom()));
    let names = cluster.epmd.names().unwrap();
    let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [cluster.alive("a"), cluster.alive("b")]);
}

#[test]
fn erlang_and_elixir_meet_and_a_hidden_one_is_hidden() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let b = cluster.erl("b").flags("-hidden").start();
    b.expect(&format!("net_adm:ping('{}')", a.name()), "pong");
    a.expect("{Node.list(), Node.list(:hidden)}", &format!("{{[], [{}]}}", b.atom()));
}

#[test]
fn short_names_meet_short_names() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").short().start();
    let b = cluster.erl("b").short().start();
    a.expect(&format!("Node.ping({})", b.atom()), ":pong");
}

#[test]
fn clusters_do_not_see_each_other() {
    let (one, two) = (Cluster::new(), Cluster::new());
    let (a, b) = (one.elixir("a").start(), two.elixir("b").start());
    a.expect(&format!("Node.ping({})", b.atom()), ":pang");
    let c = one.elixir("c").cookie("ANOTHER").start();
    c.expect(&format!("Node.ping({})", a.atom()), ":pang");
}

#[test]
fn bindings_and_the_mailbox_live_from_one_expression_to_the_next() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect("x = 20; y = 1", "1");
    a.expect("x + y", "21");
    a.expect("ref = Process.monitor(:nobody); is_reference(ref)", "true");
    a.expect("receive do {:DOWN, ^ref, _, _, reason} -> reason end", ":noproc");
    a.expect("send(self(), \"zwölf\n\")", r#""zwölf\n""#);
    a.expect("receive do text -> text end", r#""zwölf\n""#);
    let b = cluster.erl("b").start();
    b.expect("X = 20, self() ! {a, \"ü\"}, X", "20");
    b.expect("receive {a, T} -> {X, T} end", r#"{20,"ü"}"#);
    let node = b.name().to_owned();
    b.expect("node()", &format!("'{node}'"));
}

#[test]
fn an_exception_a_deadline_and_a_death_are_told_apart() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    assert!(a.expect_raise("String.to_integer(\"x\")").contains("ArgumentError"));
    assert!(a.expect_raise("exit(:boom)").contains(":boom"));
    assert!(a.expect_raise("throw(:ball)").contains(":ball"));
    assert!(a.expect_raise("1 +").contains("TokenMissingError"));
    a.expect("1 + 1", "2");
    let b = cluster.erl("b").start();
    assert!(b.expect_raise("erlang:error(boom)").contains("boom"));
    assert!(b.expect_raise("1 +").contains("syntax error"));
    b.expect("1 + 1", "2");
    let brief = Duration::from_millis(200);
    let late = a.eval_timeout("Process.sleep(:infinity)", brief);
    assert_eq!(late, Err(EvalError::Timeout(brief)));
    assert_eq!(b.eval("halt(3)"), Err(EvalError::Ended));
    assert_eq!(b.eval("1 + 1"), Err(EvalError::Ended));
}

#[test]
fn what_a_node_prints_does_not_disturb_its_answers() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let chatter = "require Logger; for n <- 1..200, do: (IO.write(\"no line end\"); Logger.error(\"#{n}\")); :done";
    a.expect(chatter, ":done");
    let chatter = "spawn(fn -> for n <- 1..2000, do: IO.puts(\"@@ #{n}\") end); :started";
    a.expect(chatter, ":started");
    a.expect("Enum.sum(1..100)", "5050");
}

#[test]
fn a_large_answer_arrives_whole() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let text = a.eval("Enum.to_list(1..100_000)").unwrap();
    assert!(text.starts_with("[1, 2, 3,") && text.ends_with(", 99999, 100000]"));
}

#[test]
fn a_frozen_node_is_silent_and_a_thawed_one_goes_on() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.freeze();
    let late = a.eval_timeout("1 + 1", Duration::from_millis(200));
    assert_eq!(late, Err(EvalError::Timeout(Duration::from_millis(200))));
    a.thaw();
    a.expect("2 + 2", "4");
}

#[test]
fn a_killed_node_is_gone_for_its_peers() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(&format!("Node.monitor({}, true)", b.atom()), "true");
    let b_atom = b.atom();
    b.kill();
    a.expect("receive do {:nodedown, node} -> node end", &b_atom);
}

#[test]
fn epmd_forgets_its_names_when_it_restarts_on_the_same_port() {
    let mut cluster = Cluster::new();
    let held = cluster.epmd.pretend("nobody", 4711);
    assert_eq!(cluster.epmd.names(), Some(vec![("nobody".to_owned(), 4711)]));
    assert!(cluster.epmd.stock_names().contains("name nobody at port 4711"));
    cluster.epmd.stop();
    assert_eq!(cluster.epmd.names(), None);
    cluster.epmd.start_again();
    assert_eq!(cluster.epmd.names(), Some(vec![]));
    drop(held);
}

#[test]
fn a_cluster_without_epmd_has_nobody_on_its_port() {
    let cluster = Cluster::without_epmd();
    assert_eq!(cluster.epmd.names(), None);
}

#[test]
fn a_beam_reads_the_cookie_in_the_home_of_its_cluster() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").cookie_from_home().start();
    let written = std::fs::read_to_string(cluster.home().join(".erlang.cookie")).unwrap();
    a.expect("Node.get_cookie()", &format!(":{}", written.trim_end()));
}

#[test]
fn a_beam_refuses_a_fake_peer_as_flitch_should() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let fakes = [Behaviour::Closes, Behaviour::Status("not_allowed"), Behaviour::NoFlags];
    for (n, behaviour) in fakes.into_iter().enumerate() {
        let fake = cluster.fake_peer(&format!("fake{n}"), behaviour);
        a.expect(&format!("Node.ping(:{:?})", fake.name()), ":pang");
    }
}

#[test]
fn iex_in_a_terminal_is_typed_into_and_read() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let mut iex = cluster.iex("b");
    assert_eq!(iex.ask("1 + 1"), "2");
    assert_eq!(iex.ask(&format!("Node.connect({})", a.atom())), "true");
    assert_eq!(iex.ask("Node.list()"), format!("[{}]", a.atom()));
    assert_eq!(iex.ask("x = \"zwölf\""), "\"zwölf\"");
    assert!(iex.ask("raise \"oops\"").contains("(RuntimeError) oops"));
}
