//! The test kit, as somebody uses it who tests a worker of theirs: no Erlang, no socket, and no
//! time that passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use std::time::Duration;

use flitch::etf::Limits;
use flitch::test::{Beam, Missed, Network, Otp};
use flitch::{
    CallError, Caller, Cookie, GenServer, Incoming, Info, Node, NodeBuilder, NodeEvent, OfferError,
    Pid, Process, RpcError, Stage, Term, term,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

type Tested = Result<(), Box<dyn std::error::Error>>;

/// The worker under test: it quotes prices, and asks the shop for what is in stock.
struct Pricing {
    node: Node,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Quote(Term, u32), // {:quote, "a-1", 3}
    InStock(String),  // {:in_stock, "a-1"}
    Crash(),          // {:crash}
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tell {
    Watch(Pid),     // {:watch, pid}
    Notify(String), // {:notify, "text"}
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(u64),
    Error(String),
}

impl GenServer for Pricing {
    type Call = Ask;
    type Cast = Tell;
    type Reply = Answer;

    async fn init(&mut self, process: &Process) {
        process.trap_exit(true);
    }

    async fn handle_call(&mut self, ask: Ask, caller: Caller<Answer>) {
        match ask {
            Ask::Quote(_sku, qty) => caller.reply(Answer::Ok(u64::from(qty) * 250)),
            Ask::InStock(sku) => {
                let request = term!({:count, sku});
                let stock = ("stock", "app@b");
                let answer = match self.node.call(stock, &request, SECOND).await {
                    Ok(count) => Answer::Ok(count),
                    Err(error) => Answer::Error(error.to_string()),
                };
                caller.reply(answer);
            }
            Ask::Crash() => panic!("out of prices"),
        }
    }

    async fn handle_cast(&mut self, tell: Tell) {
        match tell {
            Tell::Watch(pid) => {
                self.node.send(&pid, &term!({:watching, :pricing})).await.unwrap();
            }
            Tell::Notify(text) => self.node.cast(("audit", "app@b"), &text).await.unwrap(),
        }
    }

    async fn handle_info(&mut self, info: Info) {
        let Info::Message(payload) = info else { return };
        let message = payload.to_term(Limits::DEFAULT).unwrap();
        self.node.cast(("audit", "app@b"), &message).await.unwrap();
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// What the worker's own `main` does with a node in the making.
async fn pricing(builder: NodeBuilder) -> Node {
    let node = builder.start().await.unwrap();
    node.spawn(Pricing { node: node.clone() }).register("pricing").unwrap();
    node
}

/// The worker and a BEAM beside it.
async fn shop() -> (Network, Node, Beam) {
    let network = Network::new();
    let worker = pricing(network.node("worker@a").unwrap()).await;
    let app = network.beam("app@b").unwrap().start().await.unwrap();
    (network, worker, app)
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_called_and_cast_to_as_elixir_does_it() -> Tested {
    let (_network, worker, app) = shop().await;
    let pricing = ("pricing", worker.name());

    // GenServer.call({:pricing, :worker@a}, {:quote, "a-1", 3})
    let quote: Term = app.call(pricing, &term!({:quote, "a-1", 3})).await?;
    assert_eq!(quote, term!({:ok, 750}));

    // GenServer.cast({:pricing, :worker@a}, {:notify, "sold out"})
    app.register("audit")?;
    app.cast(pricing, &term!({:notify, "sold out"})).await?;
    assert_eq!(app.receive_cast::<String>().await?, "sold out");

    // send({:pricing, :worker@a}, {:tick, 1})
    app.send(pricing, &term!({:tick, 1})).await?;
    assert_eq!(app.receive_cast::<Term>().await?, term!({:tick, 1}));

    app.cast(pricing, &(Term::atom("watch"), app.pid())).await?;
    assert_eq!(app.receive::<Term>().await?, term!({:watching, :pricing}));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_worker_does_not_know_is_an_exit_as_on_a_beam() -> Tested {
    let (_network, worker, app) = shop().await;
    let called = app.call::<_, _, Term>(("pricing", worker.name()), &term!({:qoute, "a-1"})).await;
    let Err(CallError::Exit(reason)) = called else { panic!("{called:?}") };
    assert!(reason.as_tuple().unwrap()[0].is_atom("function_clause"), "{reason:?}");

    let called = app.call::<_, _, Term>(("nobody", worker.name()), &term!({:quote, "a-1"})).await;
    assert!(matches!(called, Err(CallError::NoProc)), "{called:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_calls_a_server_of_the_phoenix_app() -> Tested {
    let (_network, worker, app) = shop().await;
    let mut left = 7;
    app.serve("stock", move |(_count, _sku): (Term, String)| {
        left -= 1;
        left
    })?;
    let in_stock = term!({:in_stock, "a-1"});
    let answer: Term = app.call(("pricing", worker.name()), &in_stock).await?;
    assert_eq!(answer, term!({:ok, 6}));
    let answer: Term = app.call(("pricing", worker.name()), &in_stock).await?;
    assert_eq!(answer, term!({:ok, 5}));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_of_the_app_that_crashes_or_hangs_is_the_workers_error() -> Tested {
    let (_network, worker, app) = shop().await;
    let stock = app.serve("stock", |_: Term| -> Term { panic!("no stock today") })?;
    let in_stock = term!({:in_stock, "a-1"});
    let answer: Term = app.call(("pricing", worker.name()), &in_stock).await?;
    let [_, text] = answer.as_tuple().unwrap() else { panic!("{answer:?}") };
    assert!(text.as_str().unwrap().contains("no stock today"), "{text:?}");
    assert!(app.node().whereis("stock").is_none(), "{:?} is gone", stock.pid());

    // A name that takes calls and never answers: the worker's own second is up.
    app.register("stock")?;
    let answer: Term = app.call(("pricing", worker.name()), &in_stock).await?;
    assert_eq!(answer, term!({:error, "no answer within 1s"}));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_survives_a_netsplit() -> Tested {
    let network = Network::new();
    let app = network.beam("app@b")?.patience(Duration::from_secs(120)).start().await?;
    let worker = pricing(network.node("worker@a")?).await;
    worker.join(vec![app.name().clone()]);
    app.until_up(worker.name()).await?;
    let monitor = app.monitor(("pricing", worker.name()))?;
    let call = async || {
        app.call::<_, _, Term>(("pricing", worker.name()), &term!({:quote, "a-1", 1})).await
    };
    assert_eq!(call().await?, term!({:ok, 250}));

    network.cut(worker.name(), app.name());
    // Nobody says anything any more: each side finds out when its net_ticktime is up.
    let began = Instant::now();
    assert!(matches!(call().await, Err(CallError::NoConnection)));
    assert!(began.elapsed() >= Duration::from_secs(45), "{:?}", began.elapsed());
    assert_eq!(app.down(&monitor).await?, Term::atom("noconnection"));
    assert!(matches!(call().await, Err(CallError::Connect(_))), "nor is there a way to dial");

    network.heal(worker.name(), app.name());
    // The worker comes back by itself, and is the one that it was.
    let healed = Instant::now();
    app.until_up(worker.name()).await?;
    assert!(healed.elapsed() < Duration::from_secs(5), "{:?}", healed.elapsed());
    assert_eq!(call().await?, term!({:ok, 250}));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_crashes_tells_its_monitors_and_links_why() -> Tested {
    let (_network, worker, app) = shop().await;
    // Process.monitor({:pricing, :worker@a})
    let monitor = app.monitor(("pricing", worker.name()))?;
    let pid = worker.whereis("pricing").unwrap();
    app.link(&pid);
    let called = app.call::<_, _, Term>(("pricing", worker.name()), &term!({:crash})).await;
    let reason = term!({:panic, "out of prices"});
    assert!(matches!(called, Err(CallError::Exit(why)) if why == reason));
    // {:DOWN, monitor, :process, {:pricing, :worker@a}, reason} and {:EXIT, pid, reason}
    assert_eq!(app.down(&monitor).await?, reason);
    assert_eq!(app.exited(&pid).await?, reason);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_beam_that_dies_is_gone_at_once_and_one_that_comes_back_is_another() -> Tested {
    let network = Network::new();
    let worker = pricing(network.node("worker@a")?).await;
    let app = network.beam("app@b")?.start().await?;
    app.connect(worker.name()).await?;
    let (name, old) = (app.name().clone(), app.pid().clone());
    let mut seen = watch(&worker, &old).await;
    let began = Instant::now();
    app.crash().await;
    assert_eq!(seen.recv().await.unwrap(), Term::atom("noconnection"));
    assert!(began.elapsed() < SECOND, "nobody waits for a net_ticktime");
    assert!(worker.connect(&name).await.is_err());

    let app = network.beam("app@b")?.start().await?;
    worker.send(&old, "for who was there before").await?;
    worker.send(app.pid(), "for who is there now").await?;
    assert_eq!(app.receive::<String>().await?, "for who is there now");
    Ok(())
}

/// Why a process is gone, once it is.
async fn watch(node: &Node, pid: &Pid) -> tokio::sync::mpsc::UnboundedReceiver<Term> {
    let (told, seen) = tokio::sync::mpsc::unbounded_channel();
    let (ready, watching) = tokio::sync::oneshot::channel();
    let pid = pid.clone();
    node.spawn_process(|mut process| async move {
        process.monitor(&pid).unwrap();
        ready.send(()).unwrap();
        while let Some(incoming) = process.next().await {
            if let Incoming::Down { reason, .. } = incoming {
                told.send(reason).unwrap();
            }
        }
    });
    watching.await.unwrap();
    seen
}

#[tokio::test(start_paused = true)]
async fn what_did_not_come_is_an_error_that_says_what_came_instead() -> Tested {
    let (_network, worker, app) = shop().await;
    let missed = app.receive::<Term>().await.unwrap_err();
    assert!(matches!(missed, Missed::Nothing { .. }), "{missed}");

    worker.send(app.pid(), &term!({:count, "seven"})).await?;
    let missed = app.receive::<(Term, u32)>().await.unwrap_err();
    assert!(missed.to_string().contains(r#"{:count, "seven"}"#), "{missed}");
    // It still waits for somebody who wants it.
    assert_eq!(app.receive::<(Term, String)>().await?.1, "seven");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_that_others_wait_for_stay_in_their_order() -> Tested {
    let (_network, worker, app) = shop().await;
    for message in [term!({:a, 1}), term!("text"), term!({:a, 2})] {
        worker.send(app.pid(), &message).await?;
    }
    assert_eq!(app.receive::<String>().await?, "text");
    assert_eq!(app.receive::<(Term, u32)>().await?.1, 1);
    assert_eq!(app.receive::<(Term, u32)>().await?.1, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn links_take_the_time_that_a_test_gives_them() -> Tested {
    let (network, worker, app) = shop().await;
    app.connect(worker.name()).await?;
    network.delay(worker.name(), app.name(), Duration::from_millis(40));
    let began = Instant::now();
    let _: Term = app.call(("pricing", worker.name()), &term!({:quote, "a-1", 3})).await?;
    assert_eq!(began.elapsed().as_millis(), 80, "there and back");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cut_that_heals_within_the_ticktime_loses_nothing() -> Tested {
    let (network, worker, app) = shop().await;
    app.connect(worker.name()).await?;
    network.cut(worker.name(), app.name());
    for number in 0..100 {
        worker.send(app.pid(), &number).await?;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    network.heal(worker.name(), app.name());
    for number in 0..100 {
        assert_eq!(app.receive::<u32>().await?, number);
    }
    assert!(app.node().is_connected(worker.name()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_beam_of_each_release_is_met_as_that_release() -> Tested {
    for otp in [Otp::V25, Otp::V26, Otp::V27, Otp::V28, Otp::V29] {
        let network = Network::new();
        let worker = pricing(network.node("worker@a")?).await;
        let app = network.beam("app@b")?.otp(otp).start().await?;
        let mut events = app.node().events();
        let quote: Term = app.call(("pricing", worker.name()), &term!({:quote, "a-1", 3})).await?;
        assert_eq!(quote, term!({:ok, 750}));
        let up = events.recv().await?;
        assert!(matches!(up, NodeEvent::Up { hidden: true, .. }), "a worker is hidden: {up:?}");
    }
    Ok(())
}

/// What a release cannot read, its BEAM is not sent.
#[tokio::test(start_paused = true)]
async fn a_worker_that_sends_a_native_record_to_an_older_release_learns_it() -> Tested {
    let record = Term::from(
        flitch::etf::Record::new(
            flitch::Atom::new("shop")?,
            flitch::Atom::new("item")?,
            [(flitch::Atom::new("qty")?, Term::from(1))],
        )
        .unwrap(),
    );
    for (otp, readable) in [(Otp::V27, false), (Otp::V29, true)] {
        let network = Network::new();
        let worker = pricing(network.node("worker@a")?).await;
        let app = network.beam("app@b")?.otp(otp).start().await?;
        let sent = worker.send(app.pid(), &record).await;
        assert_eq!(sent.is_ok(), readable, "{sent:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_large_message_comes_through_whole() -> Tested {
    let (_network, worker, app) = shop().await;
    let large = vec![7u8; 3 << 20];
    worker.send(app.pid(), &flitch::Binary::from(large.clone())).await?;
    let came: flitch::Binary = app.receive().await?;
    assert_eq!(&came[..], &large[..]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_the_real_one_and_refuses_a_wrong_cookie() -> Tested {
    let network = Network::new();
    let cookie = Cookie::new("another-cookie-altogether")?;
    let worker = pricing(network.node("worker@a")?).await;
    let app = network.beam("app@b")?.with(|node| node.cookie(cookie)).start().await?;
    let error = app.connect(worker.name()).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Handshake, "{error}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn names_that_are_taken_or_unknown_are_told_of_as_on_a_real_network() -> Tested {
    let (network, worker, app) = shop().await;
    let taken = network.node("worker@a")?.start().await.unwrap_err();
    assert!(taken.to_string().contains("the name worker is taken"), "{taken}");
    let unknown = app.connect(&"nobody@a".parse()?).await.unwrap_err();
    assert_eq!(unknown.stage(), Stage::Epmd, "{unknown}");
    let nowhere = app.connect(&"worker@nowhere".parse()?).await.unwrap_err();
    assert_eq!(nowhere.stage(), Stage::Dns, "{nowhere}");

    worker.shutdown().await;
    pricing(network.node("worker@a")?).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_shuts_down_in_order_answers_first() -> Tested {
    let (_network, worker, app) = shop().await;
    app.register("stock")?;
    let monitor = app.monitor(("pricing", worker.name()))?;
    let in_stock = term!({:in_stock, "a-1"});
    let pricing = ("pricing", worker.name());
    let (answer, ()) = tokio::join!(app.call::<_, _, Term>(pricing, &in_stock), async {
        // The worker is busy with the call, and waits for an answer itself.
        let (_, stock) = app.receive_call::<Term, u32>().await.unwrap();
        tokio::join!(worker.shutdown(), async { stock.reply(7) });
    });
    assert_eq!(answer?, term!({:ok, 7}));
    assert_eq!(app.down(&monitor).await?, Term::atom("shutdown"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exit_signal_stops_a_worker_that_does_not_trap_exits() -> Tested {
    let (_network, worker, app) = shop().await;
    let idle =
        worker.spawn_process(|mut process| async move { while process.next().await.is_some() {} });
    let monitor = app.monitor(idle.pid())?;
    app.exit(idle.pid(), term!(:enough)).await?;
    assert_eq!(app.down(&monitor).await?, term!(:enough));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_function_that_a_worker_does_not_offer_is_undef() -> Tested {
    let (_network, worker, app) = shop().await;
    let called = app.rpc::<Term>(worker.name(), "Elixir.Pricing", "quote", &[term!("a-1")]).await;
    assert!(matches!(called, Err(RpcError::Error { reason, .. }) if reason == term!(:undef)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_needs_no_paused_clock_and_runs_on_many_threads() -> Tested {
    let (network, worker, app) = shop().await;
    let quote = term!({:quote, "a-1", 3});
    for _ in 0..100 {
        let answer: Term = app.call(("pricing", worker.name()), &quote).await?;
        assert_eq!(answer, term!({:ok, 750}));
    }
    network.crash(&worker).await;
    app.until_down(worker.name()).await?;
    Ok(())
}

/// When each thing happened in a netsplit, from the start of the test.
async fn story() -> Vec<(Duration, String)> {
    let began = Instant::now();
    let network = Network::new();
    let worker = network.node("worker@a").unwrap().start().await.unwrap();
    let app = network.beam("app@b").unwrap().start().await.unwrap();
    let mut events = worker.events();
    network.delay(worker.name(), app.name(), Duration::from_millis(7));
    app.connect(worker.name()).await.unwrap();
    network.cut(worker.name(), app.name());
    let mut story = Vec::new();
    for _ in 0..2 {
        let event = format!("{:?}", events.recv().await.unwrap());
        story.push((began.elapsed(), event));
    }
    let failed = worker.connect(app.name()).await.unwrap_err();
    story.push((began.elapsed(), failed.to_string()));
    story
}

#[test]
fn two_runs_of_a_test_see_the_same_at_the_same_time() {
    let run = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(story())
    };
    let story = run();
    assert_eq!(story, run());
    assert!(story[2].0 > Duration::from_secs(60), "{story:?}");
}

#[test]
fn what_is_started_on_a_network_ends_with_the_test_and_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // No socket is asked for: a runtime without I/O is enough.
        let (_network, worker, app) = shop().await;
        app.connect(worker.name()).await.unwrap();
        app.stop().await;
        worker.shutdown().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_worker_offers_functions_and_calls_those_of_the_app() -> Tested {
    let (_network, worker, app) = shop().await;
    // :erpc.call(:worker@a, Pricing, :quote, ["a-1", 3])
    let quote = |(sku, qty): (String, u64)| async move { Ok(sku.len() as u64 * qty) };
    worker.functions().offer("Elixir.Pricing", "quote", 2, quote)?;
    let arguments = [term!("a-1"), term!(3)];
    let quoted: u64 = app.rpc(worker.name(), "Elixir.Pricing", "quote", &arguments).await?;
    assert_eq!(quoted, 9);

    // String.upcase("a-1"), on the app
    let upcase = |(text,): (String,)| async move { Ok(text.to_uppercase()) };
    app.node().functions().offer("Elixir.String", "upcase", 1, upcase)?;
    let arguments = [term!("a-1")];
    let upper: String =
        worker.rpc(app.name(), "Elixir.String", "upcase", &arguments, SECOND).await?;
    assert_eq!(upper, "A-1");
    Ok(())
}

/// Says so when it is dropped.
struct Told(Option<oneshot::Sender<()>>);

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            let _ = told.send(());
        }
    }
}

/// Offers `Slow.run()`, which never ends: each run is told of as it begins, and again when it is
/// dropped.
fn offer_endless(app: &Beam) -> Result<UnboundedReceiver<oneshot::Receiver<()>>, OfferError> {
    let (begun, runs) = unbounded_channel();
    app.node().functions().offer("Elixir.Slow", "run", 0, move |(): ()| {
        let (told, ended) = oneshot::channel();
        let _ = begun.send(ended);
        let told = Told(Some(told));
        async move {
            std::future::pending::<()>().await;
            drop(told);
            Ok(())
        }
    })?;
    Ok(runs)
}

#[tokio::test(start_paused = true)]
async fn a_function_whose_caller_gave_up_does_not_run_on() -> Tested {
    let (_network, worker, app) = shop().await;
    let mut runs = offer_endless(&app)?;
    let error = worker.rpc::<Term>(app.name(), "Elixir.Slow", "run", &[], SECOND).await;
    assert!(error.is_err());
    let ended = runs.recv().await.expect("it began");
    tokio::time::timeout(SECOND, ended).await??;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_function_whose_caller_gave_up_before_it_began_does_not_run_on() -> Tested {
    let (network, worker, app) = shop().await;
    let mut runs = offer_endless(&app)?;
    worker.connect(app.name()).await?;
    // The answer that it has begun comes behind the time.
    network.delay(worker.name(), app.name(), SECOND);
    let error = worker.rpc::<Term>(app.name(), "Elixir.Slow", "run", &[], SECOND / 2).await;
    assert!(error.is_err());
    let ended = runs.recv().await.expect("it began");
    tokio::time::timeout(10 * SECOND, ended).await??;
    Ok(())
}
