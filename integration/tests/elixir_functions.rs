//! Functions that a node of ours offers, called in every way that Elixir and Erlang have, and
//! functions of theirs called from here.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use flitch::{CallError, Incoming, Invocation, Raise, RpcError, Term};
use integration::{Beam, Cluster};
use tokio::sync::mpsc;

struct Shop {
    cluster: Cluster,
    node: flitch::Node,
    a: Beam,
    /// What `Pricing.told/1` was called with.
    told: mpsc::UnboundedReceiver<Term>,
    /// Futures of `Pricing.slow/0` that were dropped before they were done.
    dropped: mpsc::UnboundedReceiver<()>,
}

struct OnDrop(mpsc::UnboundedSender<()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl Shop {
    async fn open() -> Self {
        let cluster = Cluster::new();
        let node = cluster.ours("worker").start().await.unwrap();
        let (tell, told) = mpsc::unbounded_channel();
        let (drops, dropped) = mpsc::unbounded_channel();
        offer(&node, tell, drops);
        let a = cluster.elixir("a").start();
        a.expect(
            &format!("w = {:?} |> String.to_atom(); Node.ping(w)", node.name().to_string()),
            ":pong",
        );
        Self { cluster, node, a, told, dropped }
    }
}

fn offer(node: &flitch::Node, tell: mpsc::UnboundedSender<Term>, drops: mpsc::UnboundedSender<()>) {
    let functions = node.functions();
    let pricing = "Elixir.Pricing";
    functions
        .offer(pricing, "quote", 2, |(sku, count): (String, u64)| async move {
            Ok(sku.len() as u64 * count)
        })
        .unwrap();
    functions
        .offer(pricing, "sum", 1, |(all,): (Vec<i64>,)| async move { Ok(all.iter().sum::<i64>()) })
        .unwrap();
    functions.offer(pricing, "six", 0, |(): ()| async { Ok(6) }).unwrap();
    functions.offer(pricing, "echo", 1, |(term,): (Term,)| async move { Ok(term) }).unwrap();
    functions
        .offer(pricing, "raise", 1, |(class,): (String,)| async move {
            Err::<(), _>(match class.as_str() {
                "error" => Raise::error((Term::atom("bad"), 1)),
                "exit" => Raise::exit(Term::atom("gone")),
                "throw" => Raise::throw(Term::atom("ball")),
                "panic" => panic!("at the till"),
                other => Raise::from(other.parse::<u8>().unwrap_err()),
            })
        })
        .unwrap();
    functions
        .offer(pricing, "told", 1, move |(term,): (Term,)| {
            let told = tell.send(term);
            async move { Ok(told.is_ok()) }
        })
        .unwrap();
    functions
        .offer(pricing, "slow", 0, move |(): ()| {
            let dropped = OnDrop(drops.clone());
            async move {
                std::future::pending::<()>().await;
                drop(dropped);
                Ok(())
            }
        })
        .unwrap();
    functions
        .offer_with(pricing, "who", 0, |call: Invocation, (): ()| async move {
            Ok((call.caller.clone(), call.process.pid().clone(), call.group_leader.clone()))
        })
        .unwrap();
    functions
        .offer_with(pricing, "loop", 1, |mut call: Invocation, (to,): (flitch::Pid,)| async move {
            while let Some(Incoming::Message(message)) = call.process.next().await {
                let term: Term = message.to_value()?;
                if term.is_atom("stop") {
                    return Err(Raise::exit(Term::atom("stopped")));
                }
                call.process.send(&to, &term).await?;
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_call_a_function_gives_its_result() {
    let shop = Shop::open().await;
    let a = &shop.a;
    for call in [
        ":erpc.call(w, Pricing, :quote, [\"abc\", 2])",
        ":erpc.call(w, Pricing, :quote, [\"abc\", 2], 5000)",
        ":rpc.call(w, Pricing, :quote, [\"abc\", 2])",
        ":rpc.call(w, Pricing, :quote, [\"abc\", 2], 5000)",
        ":rpc.block_call(w, Pricing, :quote, [\"abc\", 2])",
        ":erpc.call(w, &Pricing.six/0)",
        ":gen_server.call({:rex, w}, {:call, Pricing, :quote, [\"abc\", 2], Process.group_leader()})",
        ":erpc.call(w, :erlang, :apply, [Pricing, :quote, [\"abc\", 2]])",
        ":erpc.call(w, :erlang, :apply, [&Pricing.quote/2, [\"abc\", 2]])",
        ":erpc.send_request(w, Pricing, :quote, [\"abc\", 2]) |> :erpc.receive_response()",
        ":rpc.async_call(w, Pricing, :quote, [\"abc\", 2]) |> :rpc.yield()",
    ] {
        a.expect(call, "6");
    }
    a.expect(":erpc.multicall([w, w], Pricing, :quote, [\"abc\", 2])", "[ok: 6, ok: 6]");
    a.expect(
        ":rpc.multicall([w, :none@nowhere], Pricing, :quote, [\"abc\", 2])",
        "{[6], [:none@nowhere]}",
    );
    // A list of small integers goes as a string.
    a.expect(":erpc.call(w, Pricing, :sum, [[1, 2, 3]])", "6");
    a.expect(":erpc.call(w, Pricing, :echo, [[a: {1, \"b\"}]])", "[a: {1, \"b\"}]");
    a.expect(
        "blob = :binary.copy(\"x\", 8_000_000); :erpc.call(w, Pricing, :echo, [blob]) == blob",
        "true",
    );
    a.expect(
        "{caller, pid, leader} = :erpc.call(w, Pricing, :who, []); \
         {caller == self(), node(pid) == w, leader == Process.group_leader()}",
        "{true, true, true}",
    );
    let b = shop.cluster.erl("b").start();
    let worker = shop.node.name();
    b.expect(&format!("erpc:call('{worker}', 'Elixir.Pricing', sum, [[1,2,3]])"), "6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn casts_run_and_answer_nobody() {
    let mut shop = Shop::open().await;
    for (cast, answer) in [
        (":erpc.cast(w, Pricing, :told, [1])", ":ok"),
        (":rpc.cast(w, Pricing, :told, [1])", "true"),
        (":erpc.multicast([w], Pricing, :told, [1])", ":ok"),
        (":rpc.eval_everywhere([w], Pricing, :told, [1])", ":abcast"),
        (":gen_server.cast({:rex, w}, {:cast, Pricing, :told, [1], self()})", ":ok"),
    ] {
        shop.a.expect(cast, answer);
        assert_eq!(shop.told.recv().await, Some(Term::from(1)), "{cast}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_function_raises_arrives_as_that_of_a_beam_would() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("raised = fn class -> try do :erpc.call(w, Pricing, :raise, [class]) catch kind, reason -> {kind, reason} end end; :ok", ":ok");
    a.expect("raised.(\"error\")", "{:error, {:exception, {:bad, 1}, [{Pricing, :raise, 1, []}]}}");
    a.expect("raised.(\"exit\")", "{:exit, {:exception, :gone}}");
    a.expect("raised.(\"throw\")", "{:throw, :ball}");
    a.expect(
        "raised.(\"panic\")",
        "{:error, {:exception, {:panic, \"at the till\"}, [{Pricing, :raise, 1, []}]}}",
    );
    a.expect(
        "{:error, {:exception, error, _}} = raised.(\"x\"); {is_exception(error), Exception.message(error)}",
        "{true, \"invalid digit found in string\"}",
    );
    for call in [":rpc.call", ":rpc.block_call"] {
        let raise = |class: &str| format!("{call}(w, Pricing, :raise, [{class:?}])");
        a.expect(&raise("error"), "{:badrpc, {:EXIT, {{:bad, 1}, [{Pricing, :raise, 1, []}]}}}");
        a.expect(&raise("exit"), "{:badrpc, {:EXIT, :gone}}");
        a.expect(&raise("throw"), ":ball");
    }
    // Arguments that are not of its types.
    a.expect(
        ":rpc.call(w, Pricing, :quote, [1, 2])",
        "{:badrpc, {:EXIT, {:function_clause, [{Pricing, :quote, 2, []}]}}}",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_offered_is_undef_however_it_is_asked_for() {
    let shop = Shop::open().await;
    let a = &shop.a;
    let undef = "{:badrpc, {:EXIT, {:undef, [{:os, :cmd, [~c\"id\"], []}]}}}";
    let undef = a.eval(undef).unwrap();
    a.expect(":rpc.call(w, :os, :cmd, [~c\"id\"], 20_000)", &undef);
    a.expect(":rpc.block_call(w, :os, :cmd, [~c\"id\"], 20_000)", &undef);
    a.expect("{_, ref} = :erlang.spawn_monitor(w, :os, :cmd, [~c\"id\"]); receive do {:DOWN, ^ref, _, _, why} -> elem(why, 0) end", ":undef");
    a.expect("{_, ref} = Node.spawn_monitor(w, fn -> :ran end); receive do {:DOWN, ^ref, _, _, {:undef, [{fun, [], []}]}} -> is_function(fun) end", "true");
    a.expect("Process.flag(:trap_exit, true); pid = Node.spawn_link(w, :os, :cmd, [~c\"id\"]); receive do {:EXIT, ^pid, why} -> elem(why, 0) end", ":undef");
    // One that was offered, with another number of arguments, and one that was taken back.
    a.expect("match?({:badrpc, {:EXIT, {:undef, _}}}, :rpc.call(w, Pricing, :quote, []))", "true");
    assert!(shop.node.functions().withdraw("Elixir.Pricing", "quote", 2));
    a.expect(
        "match?({:badrpc, {:EXIT, {:undef, _}}}, :rpc.call(w, Pricing, :quote, [\"a\", 1]))",
        "true",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_spawn_gives_a_process_with_links_monitors_and_a_mailbox() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("pid = Node.spawn(w, Pricing, :loop, [self()]); send(pid, :hello); receive do :hello -> node(pid) == w end", "true");
    a.expect("ref = Process.monitor(pid); send(pid, :stop); receive do {:DOWN, ^ref, _, ^pid, why} -> why end", ":stopped");
    a.expect("Process.flag(:trap_exit, true); pid = Node.spawn_link(w, Pricing, :loop, [self()]); send(pid, :stop); receive do {:EXIT, ^pid, why} -> why end", ":stopped");
    a.expect("{pid, ref} = Node.spawn_monitor(w, Pricing, :loop, [self()]); Process.exit(pid, :kill); receive do {:DOWN, ^ref, _, ^pid, why} -> why end", ":killed");
    a.expect("{pid, ref} = Node.spawn_monitor(w, Pricing, :quote, [\"a\", 1]); receive do {:DOWN, ^ref, _, ^pid, why} -> why end", ":normal");
    a.expect("{_, ref} = Node.spawn_monitor(w, Pricing, :raise, [\"throw\"]); receive do {:DOWN, ^ref, _, _, why} -> elem(why, 0) end", "{:nocatch, :ball}");
    // Linked to one that ends: the process here ends with it.
    a.expect("parent = self(); boss = spawn(fn -> pid = Node.spawn_link(w, Pricing, :loop, [parent]); send(parent, {:worker, pid}); Process.sleep(:infinity) end); receive do {:worker, pid} -> ref = Process.monitor(pid); Process.exit(boss, :fired); receive do {:DOWN, ^ref, _, _, why} -> why end end", ":fired");
    a.expect("id = :erlang.spawn_request(w, Pricing, :quote, [\"a\", 1], [:link, {:monitor, [tag: :gone]}, {:reply_tag, :yes}]); receive do {:yes, ^id, :ok, pid} -> receive do {:gone, ^id, :process, ^pid, why} -> why end end", ":normal");
    a.expect("id = :erlang.spawn_request(w, Pricing, :none, [], [{:monitor, [alias: :demonitor]}]); receive do {:spawn_reply, ^id, :ok, pid} -> receive do {:DOWN, ^id, :process, ^pid, why} -> elem(why, 0) end end", ":undef");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_any_more_is_dropped() {
    let mut shop = Shop::open().await;
    shop.a.expect(":rpc.call(w, Pricing, :slow, [], 100)", "{:badrpc, :timeout}");
    shop.dropped.recv().await.unwrap();
    shop.a.expect("pid = spawn(fn -> :erpc.call(w, Pricing, :slow, []) end); Process.sleep(50); Process.exit(pid, :kill)", "true");
    shop.dropped.recv().await.unwrap();
    shop.a.expect("spawn(fn -> :erpc.call(w, Pricing, :slow, []) end); is_integer(:erpc.call(w, Pricing, :sum, [[]]))", "true");
    shop.a.kill();
    shop.dropped.recv().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_refuses_at_once_and_time_that_is_up_is_an_error() {
    let shop = Shop::open().await;
    let functions = shop.node.functions();
    functions
        .clone()
        .at_most(1)
        .offer("busy", "wait", 0, |(): ()| std::future::pending::<Result<(), Raise>>())
        .unwrap();
    functions
        .within(Duration::from_millis(50))
        .offer("late", "wait", 0, |(): ()| std::future::pending::<Result<(), Raise>>())
        .unwrap();
    let a = &shop.a;
    a.expect(
        ":rpc.call(w, :late, :wait, [])",
        "{:badrpc, {:EXIT, {:timeout, [{:late, :wait, 0, []}]}}}",
    );
    a.expect("spawn(fn -> :erpc.call(w, :busy, :wait, []) end); :ok", ":ok");
    a.expect_soon(":rpc.call(w, :busy, :wait, [], 500)", "{:badrpc, {:EXIT, :system_limit}}");
    a.expect(":rpc.block_call(w, :busy, :wait, [])", "{:badrpc, {:EXIT, :system_limit}}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rex_answers_c_nodes_sbcast_and_what_makes_no_sense() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("send({:rex, w}, {self(), {:call, Pricing, :sum, [[1, 2]], :user}}); receive do {:rex, sum} -> sum end", "3");
    a.expect("send({:rex, w}, {self(), :features_request}); receive do {:features_reply, ^w, list} -> list end", "[:erpc]");
    a.expect(
        ":rpc.sbcast([w], :nobody, :hello)",
        &format!("{{[], [{}]}}", shop.a.eval("w").unwrap()),
    );
    a.expect(
        ":rpc.sbcast([w], :net_kernel, :hello)",
        &format!("{{[{}], []}}", shop.a.eval("w").unwrap()),
    );
    for junk in [
        "1",
        "{:call}",
        "{self(), {:call, 1, 2, 3, 4}}",
        "{self(), {:call, :a, :b, [1 | 2], :user}}",
    ] {
        a.expect(&format!("send({{:rex, w}}, {junk}); :sent"), ":sent");
    }
    a.expect(":rpc.block_call(w, Pricing, :sum, [[1]])", "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_and_floods_of_spawns_leave_the_node_alive() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("flood = for _ <- 1..5_000, do: :erlang.spawn_request(w, :os, :cmd, [~c\"id\"], [:monitor, reply: :error_only]); \
              Enum.all?(flood, fn id -> receive do {:DOWN, ^id, _, _, {:undef, _}} -> true end end)", "true");
    a.expect("Enum.each(1..5_000, fn _ -> Node.spawn(w, Pricing, :sum, [[1]]) end)", ":ok");
    a.expect("args = Enum.to_list(1..255); match?({:badrpc, {:EXIT, {:undef, [{Pricing, :sum, ^args, []}]}}}, :rpc.call(w, Pricing, :sum, args))", "true");
    a.expect("match?({:badrpc, _}, :rpc.call(w, Pricing, :sum, Enum.to_list(1..100_000)))", "true");
    // In the place of what erpc sends.
    for args in [
        "[1, Pricing, :sum, []]",
        "[make_ref(), 1, 2, 3]",
        "[make_ref(), Pricing, :sum, :none]",
        "[make_ref(), Pricing, :sum, [1 | 2]]",
    ] {
        a.expect(&format!("id = :erlang.spawn_request(w, :erpc, :execute_call, {args}, [:monitor]); \
             receive do {{:spawn_reply, ^id, :error, _}} -> :refused; {{:DOWN, ^id, _, _, _}} -> :refused end"), ":refused");
    }
    a.expect("deep = Enum.reduce(1..100, {:erlang, :node, []}, fn _, {m, f, args} -> {:erlang, :apply, [m, f, args]} end); \
              {m, f, args} = deep; match?({:badrpc, _}, :rpc.call(w, m, f, args))", "true");
    a.expect_soon("length(:erpc.call(w, :erlang, :processes, [])) < 10", "true");
    a.expect(":erpc.call(w, Pricing, :sum, [[1, 2]])", "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_of_theirs_are_called_on_many_nodes_and_started_as_processes() {
    let shop = Shop::open().await;
    let (a, node) = (shop.a.name().parse().unwrap(), &shop.node);
    let nobody = "nobody@127.0.0.1".parse().unwrap();
    let time = Duration::from_secs(20);
    let results = node
        .multicall::<String>(&[a, nobody], "Elixir.String", "upcase", &[Term::from("b")], time)
        .await;
    assert_eq!(results[0].as_ref().unwrap(), "B");
    assert!(matches!(results[1], Err(RpcError::Call(CallError::Connect(_)))), "{:?}", results[1]);

    let a = shop.a.name().parse().unwrap();
    let sleeper =
        node.spawn_on(&a, "timer", "sleep", &[Term::atom("infinity")], time).await.unwrap();
    let asked = [sleeper.pid().clone().into(), Term::atom("up")];
    assert!(node.rpc::<bool>(&a, "erlang", "exit", &asked, time).await.unwrap());
    assert!(sleeper.ended().await.is_atom("up"));
    let undef = node.spawn_on(&a, "no_such", "function", &[], time).await.unwrap().ended().await;
    assert!(undef.as_tuple().unwrap()[0].is_atom("undef"), "{undef:?}");
    // Dropped: it lives on, and is watched by nobody.
    let kept = node.spawn_on(&a, "timer", "sleep", &[Term::atom("infinity")], time).await.unwrap();
    let pid = kept.pid().clone();
    drop(kept);
    let watchers = async || {
        let asked = [pid.clone().into(), Term::atom("monitored_by")];
        node.rpc::<(flitch::Atom, Vec<Term>)>(&a, "erlang", "process_info", &asked, time)
            .await
            .unwrap()
            .1
    };
    while !watchers().await.is_empty() {}
    let lost = node.spawn_on(&a, "timer", "sleep", &[Term::atom("infinity")], time).await.unwrap();
    shop.a.kill();
    assert!(lost.ended().await.is_atom("noconnection"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_erpc_is_asked_by_way_of_rex() {
    let cluster = Cluster::new();
    let node = cluster.ours("worker").start().await.unwrap();
    let old = cluster.erl("old").start();
    old.expect(
        "{ok, erpc, Empty} = compile:forms([{attribute, 1, module, erpc}]), \
         code:unstick_mod(erpc), code:load_binary(erpc, \"none\", Empty)",
        "{module,erpc}",
    );
    // Since OTP 23 its own rex wants erpc too: an older one in its place.
    old.expect(
        "Rex = fun Serve() -> receive {'$gen_call', From, {call, M, F, A, _}} -> \
             gen:reply(From, case catch apply(M, F, A) of {'EXIT', _} = E -> {badrpc, E}; R -> R end), \
             Serve() end end, \
         unregister(rex), register(rex, spawn(Rex))",
        "true",
    );
    let old = old.name().parse().unwrap();
    let second = Duration::from_secs(10);
    let sum: u64 = node.rpc(&old, "lists", "sum", &[Term::from([1, 2])], second).await.unwrap();
    assert_eq!(sum, 3);
    let raised = node.rpc::<u64>(&old, "lists", "sum", &[Term::from("a")], second).await;
    assert!(matches!(raised, Err(RpcError::Error { .. })), "{raised:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_observer_asks_is_answered_in_its_shapes() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("match?({:ok, [_ | _]}, :rpc.call(w, :observer_backend, :vsn, []))", "true");
    a.expect("info = :rpc.call(w, :observer_backend, :sys_info, []); for key <- [:uptime, :total, :process_count, :schedulers, :alloc_info, :system_architecture], info[key] == nil, do: key", "[]");
    a.expect(
        ":rpc.call(w, :code, :ensure_loaded, [:observer_backend])",
        "{:module, :observer_backend}",
    );
    a.expect(
        ":rpc.call(w, :erlang, :function_exported, [:observer_backend, :procs_info, 1])",
        "true",
    );
    // As observer_pro_wx and etop: linked, and the answer is a message.
    a.expect("pid = Node.spawn_link(w, :observer_backend, :procs_info, [self()]); receive do {:procs_info, ^pid, all} -> all |> Enum.map(&elem(&1, 4)) |> Enum.filter(&is_atom/1) |> Enum.sort() end", "[:net_kernel, :rex]");
    a.expect("pid = Node.spawn_link(w, :observer_backend, :etop_collect, [self()]); receive do {^pid, info} -> {elem(info, 0), tuple_size(info), is_integer(elem(info, 7)[:total])} end", "{:etop_info, 9, true}");
    // As observer_perf_wx: again and again, until it is told to end.
    a.expect(
        "pid = Node.spawn_link(w, :observer_backend, :fetch_stats, [self(), 100]); \
         stats = fn -> receive do {:stats, 1, load, {{:input, _}, {:output, _}}, memory} -> {load, memory[:total] > 0} end end; \
         {first, true} = stats.(); {second, true} = stats.(); \
         Enum.all?(Enum.zip(first, second), fn {{id, a, t}, {id, b, u}} -> b >= a and u > t end)",
        "true",
    );
    a.expect(
        "ref = Process.monitor(pid); send(pid, :exit); receive do {:DOWN, ^ref, _, _, why} -> why end",
        ":normal",
    );
    a.expect("{:rpc.call(w, :observer_backend, :get_port_list, []), :rpc.call(w, :observer_backend, :get_table_list, [:ets, []])}", "{[], []}");
    a.expect("{:rpc.block_call(w, :application, :which_applications, []), :rpc.block_call(w, :erlang, :whereis, [:rb_server])}", "{[], :undefined}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_live_dashboard_asks_is_answered_and_nothing_is_loaded() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("m = Phoenix.LiveDashboard.SystemInfo; match?({:file, _}, :erpc.call(w, :code, :is_loaded, [m]))", "true");
    a.expect("c = :erpc.call(w, m, :capabilities_callback, [[application: :os_mon, module: Pricing, process: :rex, process: :none]]); {c.dashboard_running?, c.applications, c.modules, c.processes}", "{true, [], [Pricing], [:rex]}");
    a.expect("i = :erpc.call(w, m, :info_callback, [[\"PATH\"], :app]); {i.environment, is_integer(i.system_usage.memory.total), i.system_limits.processes > 0, is_binary(to_string(i.system_info.banner))}", "{[{\"PATH\", nil}], true, true, true}");
    a.expect("{rows, n, %{}} = :erpc.call(w, m, :processes_callback, [\"rex\", :memory, :desc, 50, %{}]); {n, for(r <- rows, do: r[:name_or_initial_call])}", "{1, [\"rex\"]}");
    a.expect("{:ok, info} = :erpc.call(w, m, :process_info_callback, [hd(rows)[:pid]]); {info[:registered_name], info[:status], info[:links], match?({_, _, _}, info[:initial_call])}", "{:rex, :waiting, [], true}");
    a.expect(":erpc.call(w, m, :ets_callback, [nil, :size, :asc, 50])", "{[], 0}");
    a.expect("match?({:badrpc, {:EXIT, {:undef, _}}}, :rpc.call(w, :code, :load_binary, [m, ~c\"x\", \"code\"]))", "true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_erlang_knows_of_a_node_and_its_processes_is_told() {
    let shop = Shop::open().await;
    let a = &shop.a;
    a.expect("rex = :erpc.call(w, :erlang, :whereis, [:rex]); {rex in :erpc.call(w, :erlang, :processes, []), :erpc.call(w, :erlang, :is_process_alive, [rex])}", "{true, true}");
    a.expect(":erpc.call(w, :erlang, :process_info, [rex]) |> is_list()", "true");
    a.expect(
        ":erpc.call(w, :erlang, :process_info, [rex, :registered_name])",
        "{:registered_name, :rex}",
    );
    a.expect("ref = Process.monitor(rex); :erpc.call(w, :erlang, :process_info, [rex, [:monitored_by, :links, :trap_exit]]) == [monitored_by: [self()], links: [], trap_exit: false]", "true");
    a.expect(
        ":rpc.call(w, :erlang, :process_info, [self()])",
        "{:badrpc, {:EXIT, {:badarg, [{:erlang, :process_info, 1, []}]}}}",
    );
    a.expect("pid = Node.spawn(w, Pricing, :six, []); Process.sleep(50); :erpc.call(w, :erlang, :process_info, [pid])", ":undefined");
    a.expect(":erpc.call(w, :erlang, :node, []) == w", "true");
    a.expect("{:erpc.call(w, :erlang, :nodes, []), :erpc.call(w, :erlang, :nodes, [:hidden]) == [node()]}", "{[], true}");
    a.expect(":erpc.call(w, :erlang, :memory, [])[:total] > 1_000_000", "true");
    a.expect("Enum.sort(:erpc.call(w, :erlang, :registered, []))", "[:net_kernel, :rex]");
    a.expect("{:rpc.call(w, :erlang, :get_cookie, []), :rpc.call(w, :init, :stop, [])} |> then(fn {{:badrpc, _}, {:badrpc, _}} -> :refused end)", ":refused");
    assert!(shop.node.functions().offer("erlang", "node", 0, |(): ()| async { Ok(1) }).is_err());
}
