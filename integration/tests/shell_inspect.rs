//! The commands that look into a node: what they show, in every form, and that they leave nothing
//! behind on a node that has neither Elixir nor anything else loaded.

use integration::{Beam, Cluster};
use serde_json::Value;

/// A command about `beam`, its answer as JSON.
fn json(cluster: &Cluster, beam: &Beam, words: &[&str]) -> Value {
    let (command, rest) = words.split_at(1);
    let line = [command, &[beam.name()], rest, &["-o", "json"]].concat();
    cluster.cli(&line).run().expect_code(0).json()
}

#[test]
fn info_says_what_the_node_says_about_itself() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let info = json(&cluster, &a, &["info"]);
    assert_eq!(info["node"], a.name());
    assert_eq!(info["elixir_version"], Value::Null);
    a.expect("erlang:system_info(otp_release)", &info["otp_release"].to_string());
    assert!(info["memory_bytes"]["total"].as_u64().unwrap() > 1_000_000, "{info}");
    assert_eq!(info["limits"][0]["of"], "processes");
    let text = cluster.cli(&["info", a.name()]).run();
    assert!(text.expect_code(0).stdout.contains("processes"), "{text}");
    let name = cluster.cli(&["info", a.name(), "-o", "name"]).run();
    name.expect_failure(2, "usage", &["name"]);
}

#[test]
fn an_elixir_target_says_which_elixir_it_has() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let info = json(&cluster, &a, &["info"]);
    a.expect("System.version()", &info["elixir_version"].to_string());
}

#[test]
fn ps_shows_the_process_with_the_longest_queue_and_never_its_messages() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(
        "pid = spawn(fn -> Process.register(self(), :hoarder); Process.sleep(:infinity) end); \
         Enum.each(1..50, &send(pid, {:secret_message, &1})); :ok",
        ":ok",
    );
    a.expect_soon("is_pid(Process.whereis(:hoarder))", "true");
    let ps = json(&cluster, &a, &["ps", "--sort", "messages", "-n", "3"]);
    assert_eq!(ps["processes"].as_array().unwrap().len(), 3);
    assert_eq!(ps["processes"][0]["name"], ":hoarder");
    assert_eq!(ps["processes"][0]["message_queue_len"], 50);
    let inspected = cluster.cli(&["inspect", a.name(), "hoarder"]).run();
    assert!(inspected.expect_code(0).stdout.contains(":hoarder"), "{inspected}");
    assert!(!inspected.stdout.contains("secret_message"), "{inspected}");
}

#[test]
fn a_process_is_found_by_name_and_by_pid_and_told_its_relations() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let by_name = json(&cluster, &a, &["inspect", "kernel_sup", "--erlang"]);
    assert_eq!(by_name["process"]["name"], "kernel_sup");
    assert!(by_name["links"]["count"].as_u64().unwrap() > 3, "{by_name}");
    assert!(by_name["stack"][0].as_str().unwrap().starts_with("gen_server:loop/"), "{by_name}");
    let pid = by_name["process"]["pid"].as_str().unwrap();
    let by_pid = json(&cluster, &a, &["inspect", pid, "--erlang", "--state"]);
    assert_eq!(by_pid["process"]["name"], "kernel_sup");
    assert!(by_pid["state"].as_str().unwrap().contains("kernel_sup"), "{by_pid}");
    let nobody = cluster.cli(&["inspect", a.name(), "no_such_name_here"]).run();
    nobody.expect_failure(1, "call", &["no_such_name_here"]);
}

#[test]
fn a_name_that_nobody_has_becomes_no_atom_on_the_node() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let _ = cluster.cli(&["inspect", a.name(), "never_seen_before"]).run();
    let existing = "catch list_to_existing_atom([110,101,118,101,114 | \"_seen_before\"]), \
                    try list_to_existing_atom(lists:append(\"never_seen\", \"_before\")) \
                    catch error:badarg -> none end";
    a.expect(existing, "none");
}

#[test]
fn the_tree_goes_from_the_application_down_to_its_workers() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let tree = json(&cluster, &a, &["tree", "kernel", "--erlang"]);
    let top = &tree["applications"][0]["top"];
    let children = top["children"].as_array().unwrap();
    assert!(children.iter().any(|child| child["id"] == "net_sup"), "{tree}");
    let drawn = cluster.cli(&["tree", a.name(), "kernel", "--erlang"]).run();
    assert!(drawn.expect_code(0).stdout.contains("─ net_kernel <0."), "{drawn}");
    let nothing = cluster.cli(&["tree", a.name(), "no_such_app"]).run();
    nothing.expect_failure(1, "call", &["no_such_app", "flitch apps"]);
}

#[test]
fn applications_and_tables_are_listed_in_every_form() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let apps = cluster.cli(&["apps", a.name(), "-o", "name"]).run();
    assert!(apps.expect_code(0).stdout.lines().any(|name| name == "stdlib"), "{apps}");
    let tables = json(&cluster, &a, &["ets", "-n", "5", "--erlang"]);
    assert_eq!(tables["tables"].as_array().unwrap().len(), 5);
    assert!(tables["table_count"].as_u64().unwrap() >= 5);
    for form in ["text", "wide", "yaml", "erlang", "elixir"] {
        let shown = cluster.cli(&["ets", a.name(), "-o", form]).run();
        assert!(shown.expect_code(0).stdout.contains("ac_tab"), "{form}: {shown}");
        assert!(!shown.stdout.contains('\u{1b}'), "a pipe wants no colours: {shown}");
        let shown = cluster.cli(&["ps", a.name(), "-o", form]).run();
        assert!(!shown.expect_code(0).stdout.is_empty(), "{form}: {shown}");
        let shown = cluster.cli(&["inspect", a.name(), "init", "-o", form]).run();
        assert!(shown.expect_code(0).stdout.contains("init"), "{form}: {shown}");
    }
}

#[test]
fn looking_loads_nothing_and_leaves_no_process_and_no_atom_behind() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let look = || {
        for words in [
            ["info"].as_slice(),
            &["ps"],
            &["ps", "--sort", "reductions"],
            &["inspect", "kernel_sup"],
            &["apps"],
            &["tree"],
            &["ets"],
            &["nodes"],
            &["ports"],
            &["memory"],
            &["global"],
            &["gc", "kernel_sup"],
        ] {
            let _ = json(&cluster, &a, words);
        }
    };
    let (count, loaded) =
        ("erlang:system_info(atom_count)", "lists:sort([M || {M, _} <- code:all_loaded()])");
    // Where modules are loaded when they are needed, a first link and a first answer need some.
    cluster.cli(&["ping", a.name()]).run().expect_code(0);
    let _ = (a.eval(count), a.eval(loaded));
    let modules = a.eval(loaded).unwrap();
    let processes = a.eval("erlang:system_info(process_count)").unwrap();
    // The first names that the node gives stay in its atom table, and are given again.
    look();
    let counted = a.eval(count).unwrap();
    for _ in 0..5 {
        look();
    }
    a.expect(loaded, &modules);
    a.expect(count, &counted);
    a.expect_soon("erlang:system_info(process_count)", &processes);
}

#[test]
fn a_node_that_does_not_see_another_one_is_told() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").flags("-connect_all false").start();
    let b = cluster.erl("b").flags("-connect_all false").start();
    let c = cluster.erl("c").flags("-connect_all false").start();
    for other in [&b, &c] {
        a.expect(&format!("net_kernel:connect_node('{}')", other.name()), "true");
    }
    let nodes = json(&cluster, &a, &["nodes"]);
    let of = |name: &str| {
        let mut all = nodes["nodes"].as_array().unwrap().iter();
        all.find(|node| node["name"] == name).unwrap_or_else(|| panic!("{name} in {nodes}"))
    };
    assert_eq!(of(a.name())["misses"], serde_json::json!([]));
    assert_eq!(of(b.name())["misses"], serde_json::json!([c.name()]));
    assert_eq!(nodes["hidden"].as_array().unwrap().len(), 1, "this command: {nodes}");
    let ports = json(&cluster, &a, &["ports"]);
    assert!(ports["ports"][0]["input_bytes"].as_u64().unwrap() > 0, "{ports}");
}

#[test]
fn a_watched_node_is_looked_at_again_and_again() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let words = ["apps", a.name(), "-o", "name", "--watch=0.05", "--timeout", "5"];
    let running = cluster.cli(&words).start();
    running.await_printed("kernel");
    a.kill();
    let output = running.finish();
    output.expect_code(3);
    assert!(output.stdout.contains("kernel"), "{output}");
}

#[test]
fn a_process_is_ended_only_by_who_means_it() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let live = "spawn(fn -> Process.register(self(), :victim); Process.sleep(:infinity) end); :ok";
    a.expect(live, ":ok");
    a.expect_soon("is_pid(Process.whereis(:victim))", "true");
    let asked = cluster.cli(&["kill", a.name(), "victim"]).run();
    asked.expect_failure(2, "usage", &["--yes"]);
    a.expect("is_pid(Process.whereis(:victim))", "true");
    let collected = json(&cluster, &a, &["gc", "victim"]);
    assert!(collected["memory_bytes_after"].as_u64().unwrap() > 0, "{collected}");
    let killed = json(&cluster, &a, &["kill", "victim", "--yes"]);
    assert_eq!((&killed["reason"], &killed["alive"]), (&"kill".into(), &false.into()), "{killed}");
    a.expect("Process.whereis(:victim)", "nil");
    for vital in ["init", "kernel_sup", "application_controller", "code_server"] {
        let refused = cluster.cli(&["kill", a.name(), vital, "--yes"]).run();
        refused.expect_failure(2, "usage", &[vital, "init stop"]);
    }
    let nobody = cluster.cli(&["kill", a.name(), "victim", "--yes"]).run();
    nobody.expect_failure(1, "call", &["victim"]);
}

#[test]
fn groups_and_global_names_are_shown_with_their_nodes() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let nothing = cluster.cli(&["pg", a.name()]).run();
    nothing.expect_failure(1, "call", &["no scope pg"]);
    a.expect(":erlang.module_loaded(:pg)", "false");
    a.expect(
        "{:ok, _} = :pg.start(:desks); :ok = :pg.join(:desks, {:desk, 1}, self()); \
         :yes = :global.register_name(:shop, self()); :ok",
        ":ok",
    );
    let groups = json(&cluster, &a, &["pg", "desks"]);
    assert_eq!(groups["groups"][0]["group"], "{:desk, 1}");
    assert_eq!(groups["groups"][0]["members_by_node"][a.name()], 1, "{groups}");
    let names = json(&cluster, &a, &["global"]);
    assert_eq!((&names["names"][0]["name"], &names["name_count"]), (&":shop".into(), &1.into()));
    assert_eq!(names["names"][0]["node"], a.name());
}

#[test]
fn who_holds_large_binaries_is_told_first() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(
        "spawn(fn -> Process.register(self(), :holder); held = :binary.copy(<<1>>, 50_000_000); \
         Process.sleep(:infinity); byte_size(held) end); :ok",
        ":ok",
    );
    // Asleep, it has it.
    let waits =
        "(pid = Process.whereis(:holder)) && Process.info(pid, [:status, :current_function])";
    a.expect_soon(waits, "[status: :waiting, current_function: {Process, :sleep, 1}]");
    let memory = json(&cluster, &a, &["memory", "-n", "3"]);
    assert_eq!(memory["processes"][0]["name"], ":holder", "{memory}");
    assert!(memory["processes"][0]["binary_bytes"].as_u64().unwrap() >= 50_000_000, "{memory}");
    assert!(memory["memory_bytes"]["binary"].as_u64().unwrap() >= 50_000_000, "{memory}");
}
