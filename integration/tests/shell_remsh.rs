//! `flitch remsh`: the shells of Elixir and Erlang, at a terminal and for scripts. None of it
//! halts the node, or leaves anything in it.

use integration::terminal::Terminal;
use integration::{Beam, Cluster, SOON, eventually};
use rustix::process::Signal;

const COUNT: &str = "{:erlang.system_info(:process_count), :erlang.system_info(:atom_count), \
                     length(:code.all_loaded())}";

/// Loads what the node has, as a release does at its start: else its own modules would come when
/// they are first needed, and be counted.
const LOAD_ALL: &str = "Enum.each([:kernel, :stdlib, :compiler, :elixir, :iex, :logger], fn app ->
    _ = :application.load(app)
    {:ok, modules} = :application.get_key(app, :modules)
    :code.ensure_modules_loaded(modules)
end)";

/// A shell at a terminal.
fn at_terminal(cluster: &Cluster, args: &[&str]) -> Terminal {
    let mut command = std::process::Command::new(integration::flitch::binary());
    cluster.enter(&mut command).env("TERM", "xterm").env("RELEASE_COOKIE", cluster.cookie());
    command.arg("remsh").args(args);
    Terminal::start(command, "flitch remsh")
}

#[track_caller]
fn await_end(terminal: &Terminal, end: &str) {
    terminal.wait_for(end, SOON, |screen| screen.ends_with(end).then_some(()));
}

fn prompt(a: &Beam, number: u32) -> String {
    format!("iex({}){number}>", a.name())
}

#[test]
fn a_script_runs_on_the_node_line_by_line() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let script = "x = 20 + 1\nx * 2\nraise \"oops\"\nIO.gets(\"name? \")\nbob\nEnum.map(\n1..3, & &1)\nnode()";
    let output = cluster.cli(&["remsh", a.name()]).stdin(script).run();
    output.expect_code(0);
    let answers: Vec<_> = output.stdout.lines().skip(1).filter(|line| !line.is_empty()).collect();
    for answer in ["21", "42", "** (RuntimeError) oops", "\"bob\\n\"", "[1, 2, 3]", &a.atom()] {
        assert!(answers.contains(&answer), "{answer} is missing: {output}");
    }
}

#[test]
fn an_erlang_shell_reads_expressions_over_many_lines() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let script = "X = 20 +\n 1.\nX * 2. X * 3.\nio:get_line(\"name? \").\nbob\nhd([]).\nnode().\n";
    let output = cluster.cli(&["remsh", a.name()]).stdin(script).run();
    output.expect_code(0);
    for answer in ["21\n", "42\n", "63\n", "\"bob\\n\"", "exception error", a.name()] {
        assert!(output.stdout.contains(answer), "{answer} is missing: {output}");
    }
    a.expect("node()", &format!("'{}'", a.name()));
}

#[test]
fn the_end_of_the_input_halts_no_node() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").start());
    for args in
        [vec!["remsh", a.name()], vec!["remsh", "--erlang", a.name()], vec!["remsh", b.name()]]
    {
        cluster.cli(&args).run().expect_code(0);
    }
    a.expect("node()", &a.atom());
    b.expect("1 + 1", "2");
}

#[test]
fn a_person_types_completes_interrupts_and_leaves() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let terminal = at_terminal(&cluster, &[a.name()]);
    await_end(&terminal, &prompt(&a, 1));
    terminal.type_text("Enum.chunk_e\t");
    await_end(&terminal, "Enum.chunk_every");
    terminal.type_text("([1, 2, 3], 2)\r");
    await_end(&terminal, &format!("[[1, 2], [3]]\n{}", prompt(&a, 2)));
    terminal.type_text("\"hé\r");
    terminal.wait_for("a line of its own", SOON, |screen| {
        (screen.matches("iex(").count() + screen.matches("...(").count() == 3).then_some(())
    });
    terminal.type_text("llo\"\r");
    await_end(&terminal, &format!("\"hé\\nllo\"\n{}", prompt(&a, 3)));
    terminal.type_text("Process.register(self(), :sleeper); Process.sleep(:infinity)\r");
    a.expect_soon("Process.whereis(:sleeper) != nil", "true");
    terminal.type_text("\u{3}");
    terminal.wait_for("interrupted", SOON, |screen| {
        (screen.contains("(EXIT) interrupted") && screen.ends_with('>')).then_some(())
    });
    a.expect_soon("Process.whereis(:sleeper)", "nil");
    terminal.type_text("spawn(fn -> receive do :go -> IO.puts(\"lat\" <> \"er\") end end) |> Process.register(:late)\r");
    a.expect_soon("Process.whereis(:late) != nil", "true");
    terminal.wait_for("the prompt after it", SOON, |screen| {
        (screen.contains("\ntrue\n") && screen.ends_with('>')).then_some(())
    });
    terminal.type_text("half");
    await_end(&terminal, "half");
    a.expect("send(:late, :go)", ":go");
    terminal.wait_for("the output above the line", SOON, |screen| {
        (screen.contains("\nlater\n") && screen.ends_with("half")).then_some(())
    });
    terminal.type_text("\u{15}\u{4}");
    a.expect_soon("Node.list(:hidden)", "[]");
    a.expect("node()", &a.atom());
}

#[test]
fn what_runs_does_not_outlive_a_shell_that_was_killed_or_left() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let busy = "Process.register(self(), :busy); (fn f -> f.(f) end).(fn f -> f.(f) end)\n";
    let erlang = "register(busy, self()), (fun F() -> F() end)().\n";
    for (args, script) in
        [(vec!["remsh", a.name()], busy), (vec!["remsh", "--erlang", a.name()], erlang)]
    {
        for signal in [Signal::KILL, Signal::TERM, Signal::HUP] {
            let running = cluster.cli(&args).stdin(script).start();
            a.expect_soon("Process.whereis(:busy) != nil", "true");
            running.signal(signal);
            let _ = running.finish();
            a.expect_soon("Process.whereis(:busy)", "nil");
        }
    }
}

/// How a session may end while something runs.
#[derive(Clone, Copy, Debug)]
enum End {
    Signal(Signal),
    /// The node lets go of us.
    LostLink,
}

/// Ends that session, and demands the exit status that tells of it.
fn end(a: &Beam, terminal: Terminal, end: End) {
    let status = match end {
        End::Signal(signal) => {
            terminal.signal(signal);
            match signal {
                Signal::HUP => Some(129),
                Signal::TERM => Some(143),
                _ => None,
            }
        }
        End::LostLink => {
            a.expect("Enum.each(Node.list(:hidden), &:erlang.disconnect_node/1)", ":ok");
            Some(3)
        }
    };
    assert_eq!(terminal.finish(), status, "{end:?}");
}

const ENDS: [End; 4] =
    [End::Signal(Signal::HUP), End::LostLink, End::Signal(Signal::KILL), End::Signal(Signal::TERM)];

#[test]
fn a_second_interrupt_leaves_a_node_that_does_not_take_the_first() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let mut terminal = at_terminal(&cluster, &[a.name()]);
    await_end(&terminal, &prompt(&a, 1));
    terminal.type_text("Process.register(self(), :busy); Process.sleep(:infinity)\r");
    a.expect_soon("Process.whereis(:busy) != nil", "true");
    a.freeze();
    eventually("it leaves", || {
        // Two at once would be one.
        terminal.signal(Signal::INT);
        terminal.has_ended().then_some(())
    });
    a.thaw();
    assert_eq!(terminal.finish(), Some(130));
    a.expect_soon("Process.whereis(:busy)", "nil");
}

#[test]
fn a_hundred_sessions_that_end_in_every_way_leave_no_process_and_no_atom() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(LOAD_ALL, ":ok");
    let sleep = "Process.register(self(), :busy); Process.sleep(:infinity)";
    let erlang = "register(busy, self()), timer:sleep(infinity).";
    let at_work = |is_erlang: bool, ending: End| {
        let (args, prompt, code) = match is_erlang {
            true => (vec!["--erlang", a.name()], format!("({})1>", a.name()), erlang),
            false => (vec![a.name()], prompt(&a, 1), sleep),
        };
        let terminal = at_terminal(&cluster, &args);
        await_end(&terminal, &prompt);
        terminal.type_text(&format!("{code}\r"));
        a.expect_soon("Process.whereis(:busy) != nil", "true");
        end(&a, terminal, ending);
        a.expect_soon("Process.whereis(:busy)", "nil");
    };
    let leave = || {
        let terminal = at_terminal(&cluster, &[a.name()]);
        await_end(&terminal, &prompt(&a, 1));
        terminal.type_text("\u{4}");
        assert_eq!(terminal.finish(), Some(0), "Ctrl-D");
    };
    let script = |args: &[&str], lines: &str| {
        cluster.cli(&[&["remsh"], args].concat()).stdin(lines).run().expect_code(0);
    };
    let round = || {
        for ending in ENDS {
            at_work(false, ending);
        }
        at_work(true, End::LostLink);
        at_work(true, End::Signal(Signal::KILL));
        leave();
        script(&[a.name()], "x = 1\nraise \"oops\"\nIO.gets(\"\")\nline\n");
        script(&["--erlang", a.name()], "X = 1.\nhd([]).\n");
    };
    // The node keeps a name for each that was there at the same time, and gives it again. One whose
    // end it has not seen yet is there with the next one.
    let together: Vec<_> = (0..5).map(|_| at_terminal(&cluster, &[a.name()])).collect();
    for terminal in &together {
        await_end(terminal, &prompt(&a, 1));
    }
    drop(together);
    a.expect_soon("Node.list(:hidden)", "[]");
    round();
    round();
    a.expect_soon("Node.list(:hidden)", "[]");
    let _ = a.eval(COUNT);
    let before = a.eval(COUNT).unwrap();
    for _ in 0..12 {
        round();
    }
    a.expect_soon("Node.list(:hidden)", "[]");
    a.expect_soon(COUNT, &before);
}

#[test]
fn a_terminal_of_another_size_is_known_to_the_code_that_prints() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let terminal = at_terminal(&cluster, &[a.name()]);
    await_end(&terminal, &prompt(&a, 1));
    terminal.type_text(":io.columns()\r");
    await_end(&terminal, &format!("{{:ok, 160}}\n{}", prompt(&a, 2)));
    terminal.resize(120);
    terminal.type_text(":io.columns()\r");
    await_end(&terminal, &format!("{{:ok, 120}}\n{}", prompt(&a, 3)));
}

#[test]
fn variables_and_the_keys_of_maps_are_completed() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let terminal = at_terminal(&cluster, &[a.name()]);
    await_end(&terminal, &prompt(&a, 1));
    terminal.type_text("basket = %{apples: 11, pears: 7}\r");
    await_end(&terminal, &prompt(&a, 2));
    terminal.type_text("bask\t");
    await_end(&terminal, "basket");
    terminal.type_text(".app\t");
    await_end(&terminal, "basket.apples");
    terminal.type_text(" * 2\r");
    await_end(&terminal, &format!("22\n{}", prompt(&a, 3)));
}

#[test]
fn history_is_for_its_owner_alone_and_can_be_switched_off() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let path = cluster.home().join(".local/state/flitch/history").join(a.name());
    for (args, kept) in [(vec![a.name(), "--no-history"], false), (vec![a.name()], true)] {
        let terminal = at_terminal(&cluster, &args);
        await_end(&terminal, &prompt(&a, 1));
        terminal.type_text("1 + 1\r");
        await_end(&terminal, &prompt(&a, 2));
        let mode = std::fs::metadata(&path).map(|file| file.permissions().mode() & 0o777);
        assert_eq!(mode.ok(), kept.then_some(0o600));
        terminal.type_text("\u{4}");
        a.expect_soon("Node.list(:hidden)", "[]");
    }
}
