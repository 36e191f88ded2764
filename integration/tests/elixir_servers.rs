//! From Elixir to servers and processes of a program: what OTP's own functions do with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flitch::{
    Caller, Context, ExitReason, GenServer, Incoming, Info, Node, Pid, Process, Service, Term,
};
use integration::{Beam, Cluster};
use tokio::sync::{Semaphore, mpsc};

/// Receives the end that `ref` reports, or says that none came.
const DOWN: &str = "receive do {:DOWN, ^ref, _, _, reason} -> reason after 10_000 -> :nothing end";

/// A server that counts, and does to itself and others what it is told.
struct Counter {
    count: i64,
    context: Option<Context>,
    last_words: mpsc::UnboundedSender<Term>,
}

impl Counter {
    fn new() -> (Self, mpsc::UnboundedReceiver<Term>) {
        let (last_words, heard) = mpsc::unbounded_channel();
        (Self { count: 0, context: None, last_words }, heard)
    }
}

impl GenServer for Counter {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn init(&mut self, process: &Process) {
        self.context = Some(process.context());
    }

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        let context = self.context.as_ref().expect("init has run");
        match call.as_tuple() {
            Some([tag, reason]) if tag.is_atom("stop") => {
                context.stop(reason.clone());
                caller.reply(Term::atom("stopping"));
            }
            Some([tag, Term::Pid(pid)]) if tag.is_atom("link") => {
                context.trap_exit(true);
                context.link(pid);
                caller.reply(Term::atom("ok"));
            }
            Some([tag, Term::Pid(pid)]) if tag.is_atom("exit") => {
                context.exit(pid, Term::atom("told_to"));
                caller.reply(Term::atom("ok"));
            }
            Some([tag, text]) if tag.is_atom("panic") => {
                panic!("{}", text.as_str().unwrap_or_default())
            }
            Some([tag, delay]) if tag.is_atom("later") => {
                let delay = Duration::from_millis(delay.as_integer().unwrap_or(0).unsigned_abs());
                let kept = context.send_after(delay, &Term::atom("tick")).unwrap();
                let taken_back = context.send_after(delay, &Term::atom("tick")).unwrap();
                caller.reply(Term::from(vec![
                    Term::from(taken_back.cancel()),
                    Term::from(taken_back.cancel()),
                ]));
                drop(kept);
            }
            _ if call.is_atom("alias") => caller.reply(context.alias().into()),
            _ => {
                self.count += 1;
                caller.reply(Term::from(self.count));
            }
        }
    }

    async fn handle_cast(&mut self, _: Term) {
        self.count += 1;
    }

    async fn handle_info(&mut self, info: Info) {
        match info {
            Info::Exit { reason, .. } => {
                let _ = self.last_words.send(reason);
            }
            _ => self.count += 100,
        }
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        let _ = self.last_words.send(reason.0.clone());
    }

    fn state(&self) -> impl serde::Serialize {
        Term::from((Term::atom("count"), self.count))
    }
}

/// An Elixir node that knows the counter of ours as `server` and `pid`.
async fn counter_and_elixir(cluster: &Cluster) -> (Node, Beam, mpsc::UnboundedReceiver<Term>) {
    let node = cluster.ours("worker").start().await.unwrap();
    let (counter, heard) = Counter::new();
    node.spawn(counter).register("counter").unwrap();
    let a = cluster.elixir("a").start();
    a.expect(
        &format!(
            "state = &(case :sys.get_state(&1) do {{:ok, state}} -> state; state -> state end); \
             worker = :{:?}; server = {{:counter, worker}}; \
             pid = :sys.get_status(server) |> elem(1); is_pid(pid)",
            node.name().as_str()
        ),
        "true",
    );
    (node, a, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multi_call_and_send_request_reach_a_server_of_ours() {
    let cluster = Cluster::new();
    let (_node, a, _heard) = counter_and_elixir(&cluster).await;
    a.expect(
        "{[{node, 1}], []} = GenServer.multi_call([worker], :counter, :next, 10_000); \
         node == worker",
        "true",
    );
    a.expect("GenServer.multi_call([worker], :nobody, :next, 10_000) == {[], [worker]}", "true");
    a.expect(
        "id = :gen_server.send_request(server, :next); :gen_server.receive_response(id, 10_000)",
        "{:reply, 2}",
    );
    a.expect(
        "id = :gen_server.send_request(pid, :next); :gen_server.wait_response(id, 10_000)",
        "{:reply, 3}",
    );
    a.expect(
        "id = :gen_server.send_request({:nobody, worker}, :next); \
         {:error, {reason, _}} = :gen_server.receive_response(id, 10_000); reason",
        ":noproc",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sys_shows_suspends_and_resumes_a_server_and_says_what_it_cannot() {
    let cluster = Cluster::new();
    let (_node, a, _heard) = counter_and_elixir(&cluster).await;
    a.expect("GenServer.call(server, :next)", "1");
    a.expect("state.(server)", "{:count, 1}");
    a.expect(
        "{:status, ^pid, {:module, :gen_server}, [[], :running, ^pid, [], misc]} = \
         :sys.get_status(server); \
         {label, shown} = for({:data, data} <- misc, pair <- data, do: pair) |> List.last(); \
         {to_string(misc[:header]), to_string(label), shown}",
        "{\"Status for generic server counter\", \"State\", {:count, 1}}",
    );
    a.expect(":sys.suspend(server)", ":ok");
    a.expect(
        "GenServer.cast(server, :more); id = :gen_server.send_request(server, :next); \
         :gen_server.wait_response(id, 200)",
        ":timeout",
    );
    a.expect("state.(server)", "{:count, 1}");
    a.expect("elem(:sys.get_status(server), 3) |> Enum.at(1)", ":suspended");
    a.expect(":sys.resume(server)", ":ok");
    a.expect(":gen_server.wait_response(id, 10_000)", "{:reply, 3}");
    let raised = a.expect_raise(":sys.replace_state(server, fn state -> state end)");
    assert!(raised.contains("cannot run on a flitch node"), "{raised}");
    a.expect("{:error, {:unknown_system_msg, _}} = :sys.statistics(server, :get); :ok", ":ok");
    a.expect(":sys.terminate(server, :normal)", ":ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_stopped_with_a_reason_and_says_its_last_words() {
    let cluster = Cluster::new();
    let (_node, a, mut heard) = counter_and_elixir(&cluster).await;
    a.expect("GenServer.stop(server, {:shutdown, :enough}, 10_000)", ":ok");
    assert_eq!(
        heard.recv().await,
        Some(Term::from((Term::atom("shutdown"), Term::atom("enough"))))
    );
    a.expect(&format!("ref = Process.monitor(pid); {DOWN}"), ":noproc");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_itself_answers_first_and_gives_its_reason() {
    let cluster = Cluster::new();
    let (_node, a, mut heard) = counter_and_elixir(&cluster).await;
    a.expect("ref = Process.monitor(pid); GenServer.call(server, {:stop, :done})", ":stopping");
    a.expect(DOWN, ":done");
    assert_eq!(heard.recv().await, Some(Term::atom("done")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_ends_a_server_that_traps_exits_and_nothing_else() {
    let cluster = Cluster::new();
    let (node, a, _heard) = counter_and_elixir(&cluster).await;
    let other = node.spawn(Counter::new().0).register("other").unwrap();
    a.expect(
        "GenServer.call(server, {:link, self()}); Process.flag(:trap_exit, true); \
         ref = Process.monitor(pid); Process.exit(pid, :kill)",
        "true",
    );
    a.expect(DOWN, ":killed");
    a.expect("receive do {:EXIT, ^pid, reason} -> reason after 10_000 -> :nothing end", ":killed");
    a.expect("GenServer.call({:other, worker}, :next)", "1");
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_break_both_ways_and_both_sides_can_trap_that() {
    let cluster = Cluster::new();
    let (_node, a, mut heard) = counter_and_elixir(&cluster).await;
    a.expect(
        "task = spawn(fn -> receive do {:go, reason} -> exit(reason) end end); \
         :ok = GenServer.call(server, {:link, task}); send(task, {:go, :bye}); :sent",
        ":sent",
    );
    assert_eq!(heard.recv().await, Some(Term::atom("bye")), "trapped here");
    a.expect("Process.flag(:trap_exit, true); Process.link(pid); :linked", ":linked");
    a.expect("GenServer.call(server, {:exit, self()})", ":ok");
    a.expect("receive do {:EXIT, ^pid, reason} -> reason after 10_000 -> :nothing end", ":told_to");
    a.expect("GenServer.call(server, {:stop, :over})", ":stopping");
    a.expect("receive do {:EXIT, ^pid, reason} -> reason after 10_000 -> :nothing end", ":over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_the_exit_reason_of_its_process_alone() {
    let cluster = Cluster::new();
    let (node, a, _heard) = counter_and_elixir(&cluster).await;
    node.spawn(Counter::new().0).register("other").unwrap();
    a.expect(
        "try do GenServer.call(server, {:panic, \"out of stock\"}) \
         catch :exit, {reason, _} -> reason end",
        "{:panic, \"out of stock\"}",
    );
    a.expect("GenServer.call({:other, worker}, :next)", "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_comes_once_and_a_cancelled_one_never() {
    let cluster = Cluster::new();
    let (_node, a, _heard) = counter_and_elixir(&cluster).await;
    a.expect("GenServer.call(server, {:later, 300})", "[true, false]");
    a.expect_soon("state.(server)", "{:count, 100}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aliases_of_both_sides_take_messages_until_they_are_taken_back() {
    let cluster = Cluster::new();
    let (node, a, _heard) = counter_and_elixir(&cluster).await;
    a.expect("send(GenServer.call(server, :alias), :hello); :sent", ":sent");
    a.expect_soon("state.(server)", "{:count, 100}");

    // A monitor that is an alias: the answer ends both.
    let mut inbox = node.inbox();
    a.expect(
        "answerer = spawn(fn -> receive do {:ask, ref} -> \
           send(ref, :first); send(ref, :second) end; \
           receive do :end -> :ok end end); \
         Process.register(answerer, :answerer)",
        "true",
    );
    let reference = inbox.monitor_with_alias(("answerer", a.name())).unwrap();
    let ask = Term::from((Term::atom("ask"), reference));
    inbox.send(("answerer", a.name()), &ask).await.unwrap();
    let Some(Incoming::Message(first)) = inbox.next().await else { panic!("no answer") };
    assert_eq!(first.to_value::<Term>().unwrap(), Term::atom("first"));
    // Neither the second answer nor the end comes, but what is sent to the pid behind them.
    let pid: Pid = inbox.pid().clone();
    let tell = Term::from((Term::atom("tell"), pid));
    a.expect(
        "watch = Process.monitor(answerer); send(answerer, :end); \
         receive do {:DOWN, ^watch, _, _, _} -> :gone end; \
         Process.register(self(), :shell)",
        "true",
    );
    inbox.send(("shell", a.name()), &tell).await.unwrap();
    a.expect("receive do {:tell, to} -> send(to, :last) end", ":last");
    let Some(Incoming::Message(last)) = inbox.next().await else { panic!("not a message") };
    assert_eq!(last.to_value::<Term>().unwrap(), Term::atom("last"));
}

/// Calls wait for a permit; the most that ran at once is kept.
struct Gate {
    open: Arc<Semaphore>,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
    casts: Mutex<Vec<Term>>,
}

impl Service for Gate {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    fn limit(&self) -> usize {
        8
    }

    async fn handle_call(&self, call: Term, caller: Caller<Term>) {
        let running = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        if call.is_atom("wait") {
            let _ = self.open.acquire().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        match call.as_tuple() {
            Some([tag, _]) if tag.is_atom("panic") => panic!("one call"),
            _ if call.is_atom("casts") => {
                let casts = self.casts.lock().unwrap().clone();
                caller.reply(Term::from(casts));
            }
            _ => caller.reply(call),
        }
    }

    async fn handle_cast(&self, cast: Term) {
        self.casts.lock().unwrap().push(cast);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_concurrent_server_lets_nobody_wait_for_a_slow_call_and_keeps_its_limit() {
    let cluster = Cluster::new();
    let (node, a, _heard) = counter_and_elixir(&cluster).await;
    let (open, most) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Gate {
        open: Arc::clone(&open),
        now: AtomicUsize::new(0),
        most: Arc::clone(&most),
        casts: Mutex::default(),
    };
    node.spawn_service(gate).register("gate").unwrap();
    a.expect("gate = {:gate, worker}; slow = :gen_server.send_request(gate, :wait); :ok", ":ok");
    a.expect("GenServer.call(gate, :quick)", ":quick");
    a.expect(
        "GenServer.cast(gate, 1); GenServer.cast(gate, 2); GenServer.call(gate, :casts)",
        "[1, 2]",
    );
    a.expect(
        "try do GenServer.call(gate, {:panic, 1}) catch :exit, {reason, _} -> reason end",
        "{:panic, \"one call\"}",
    );
    a.expect("try do GenServer.call(gate, :quick, 10_000) catch :exit, _ -> :gone end", ":quick");
    a.expect(
        "rest = for _ <- 1..20, do: :gen_server.send_request(gate, :wait); length(rest)",
        "20",
    );
    a.expect(":gen_server.wait_response(slow, 100)", ":timeout");
    open.add_permits(1000);
    a.expect(
        "for(id <- [slow | rest], do: :gen_server.receive_response(id, 10_000)) |> Enum.uniq()",
        "[reply: :wait]",
    );
    assert_eq!(most.load(Ordering::SeqCst), 8);
}
