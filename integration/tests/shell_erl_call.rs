//! `flitch` under the name `erl_call` beside the stock one: the same words on the same node give the
//! same output and exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use integration::{Beam, Cluster, eventually, flitch, stock};
use tempfile::TempDir;

/// Both programs.
struct Both<'a> {
    cluster: &'a Cluster,
    folder: TempDir,
}

/// Exit status, standard output, standard error.
type Told = (Option<i32>, String, String);

impl<'a> Both<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(flitch::binary(), folder.path().join("erl_call")).unwrap();
        Self { cluster, folder }
    }

    fn link(&self) -> PathBuf {
        self.folder.path().join("erl_call")
    }

    fn run(&self, mut command: Command, cookie: &str, words: &[&str], stdin: &str) -> Told {
        self.cluster.enter(&mut command).args(words).env("RELEASE_COOKIE", cookie);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        // One that does not read it has ended.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn ours(&self, words: &[&str], stdin: &str) -> Told {
        self.run(Command::new(self.link()), self.cluster.cookie(), words, stdin)
    }

    fn stock(&self, words: &[&str], stdin: &str) -> Told {
        let cookie = ["-c", self.cluster.cookie()];
        self.run(stock::command("erl_call"), "", &[&cookie, words].concat(), stdin)
    }

    /// Runs both, demands the same, and gives the output.
    fn same(&self, words: &[&str], stdin: &str) -> String {
        let (ours, stock) = (self.ours(words, stdin), self.stock(words, stdin));
        assert_eq!((ours.0, &ours.1), (stock.0, &stock.1), "{words:?} < {stdin:?}\n{}", ours.2);
        ours.1
    }
}

fn node(beam: &Beam) -> [&str; 2] {
    ["-name", beam.name()]
}

#[test]
fn what_expressions_give_is_printed_as_the_original_prints_it() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    let expressions = [
        "\"abc\"",
        "[1,2,3]",
        "[]",
        "1.5",
        "1.0e100",
        "-5",
        "12345678901234567890",
        "1 bsl 64",
        "-(1 bsl 63) - 1",
        "-(1 bsl 90)",
        "<<1,2,3>>",
        "<<1:3>>",
        "<<0:400>>",
        "<<0:397>>",
        "'A b'",
        "'a.b'",
        "a@b_1",
        "#{a => 1, \"k\" => [x | y]}",
        "#{}",
        "fun lists:map/2",
        "[a, \"bc\", {}]",
        "[1000, 2]",
        "[195, 169, 10, 8, 27, 127]",
        "node()",
        "whereis(kernel_sup)",
        "lists:seq(1, 100)",
        "X = 1, {X, node()}",
        "{a, B} = 4, B",
        "foo(",
    ];
    for expression in expressions {
        let printed = both.same(&[&node(&a)[..], &["-e"]].concat(), &format!("{expression}."));
        assert!(printed.starts_with('{'), "{expression} gives {printed:?}");
    }
}

#[test]
fn functions_are_applied_and_what_they_raise_is_a_result() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    let apply = |text| both.same(&[&node(&a)[..], &["-a", text]].concat(), "");
    assert_eq!(apply("erlang node"), format!("'{}'", a.name()));
    assert_eq!(apply("erlang length [[a,\"b\",{x,1.5}]]"), "3");
    assert!(apply("erlang error [boom]").starts_with("{badrpc, {'EXIT', {boom"));
    assert!(apply("no_such_module_here").contains("undef"));
    both.same(&[&node(&a)[..], &["-a", " "]].concat(), "");
    both.same(&[&node(&a)[..], &["-a", "erlang node", "-no_result_term"]].concat(), "");
    both.same(&[&node(&a)[..], &["-fetch_stdout", "-e"]].concat(), "io:format(\"hi~n\"), 7.");
}

#[test]
fn failures_have_the_originals_exit_statuses_and_first_lines() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    let nobody = format!("nobody@{}", a.name().split_once('@').unwrap().1);
    for words in [&["-name", &nobody, "-a", "erlang node"][..], &["-z"], &["-n"], &[], &["-q"]] {
        let (ours, stock) = (both.ours(words, ""), both.stock(words, ""));
        assert_eq!((ours.0, &ours.1), (stock.0, &stock.1), "{words:?}");
        let first = |told: &Told| told.2.lines().next().map(|line| line.trim_end().to_owned());
        assert_eq!(first(&ours), first(&stock), "{words:?}");
    }
    // Who is to be halted and is not there is halted.
    both.same(&["-name", &nobody, "-q"], "");
    let slow = [&node(&a)[..], &["-timeout", "1", "-a", "timer sleep [60000]"]].concat();
    let (status, printed, _) = both.ours(&slow, "");
    assert_eq!((status, printed.as_str()), (Some(142), ""));
}

#[test]
fn a_cookie_on_the_line_is_refused_and_not_repeated() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    let (status, printed, said) =
        both.ours(&[&["-c", "SECRET"], &node(&a)[..], &["-a", "erlang node"]].concat(), "");
    assert_eq!((status, printed.as_str()), (Some(1), ""));
    assert!(said.contains("RELEASE_COOKIE") && !said.contains("SECRET"), "{said}");
}

#[test]
fn a_node_is_halted_when_it_is_asked_for() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    assert_eq!(both.ours(&[&node(&a)[..], &["-q"]].concat(), "").0, Some(0));
    let proc = PathBuf::from(format!("/proc/{}/cmdline", a.pid()));
    let gone = || std::fs::read(&proc).map_or(true, |line| line.is_empty()).then_some(());
    eventually("the node has halted", gone);
}

#[test]
fn a_node_is_reached_by_its_port_alone_and_we_have_the_name_that_was_given() {
    let cluster = Cluster::new();
    let (a, both) = (cluster.erl("a").start(), Both::new(&cluster));
    let epmd = cluster.cli(&["names", "--output", "json"]).run().json();
    let port = epmd["names"][0]["port"].as_u64().unwrap_or_else(|| panic!("{epmd}"));
    let address = format!("127.0.0.1:{port}");
    let name = both.ours(&["-address", &address, "-a", "erlang node"], "");
    assert_eq!((name.0, name.1), (Some(0), format!("'{}'", a.name())), "{}", name.2);
    let words = [&node(&a)[..], &["-h", "somebody", "-a", "erlang nodes [hidden]"]].concat();
    let (_, printed, said) = both.ours(&words, "");
    assert!(printed.contains("somebody@127.0.0.1"), "{printed} {said}");
}
