//! Functions that every node has, asked by somebody who asks too much, and our own, asked by us.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use flitch::{Atom, Pid, Raise, RpcError, Term};
use flitch_dist::{Control, Payload, SpawnRequest};

use util::raw::Raw;
use util::{Host, LONG, Servant, call, pair, soon, until};

/// What `erpc:call` sends.
fn request(raw: &Raw, number: u32, (module, function): (&str, &str), list: Vec<Term>) -> Vec<u8> {
    let reference = raw.reference(number);
    let spawn = SpawnRequest {
        request: reference.clone(),
        from: raw.pid(1),
        group_leader: raw.pid(1),
        module: Atom::new("erpc").unwrap(),
        function: Atom::new("execute_call").unwrap(),
        arity: 4,
        options: Term::from(vec![Term::atom("monitor")]),
    };
    let (module, function) = (Atom::new(module).unwrap(), Atom::new(function).unwrap());
    let list = vec![reference.into(), module.into(), function.into(), Term::from(list)];
    Raw::frame(&Control::SpawnRequest(Box::new(spawn)), &Term::from(list))
}

/// What came of a request: the payload `{Ref, return, Value}`, or why it was not run.
async fn outcome(raw: &mut Raw) -> Result<Payload, Term> {
    loop {
        let signal = soon(raw.next()).await.expect("the node has closed");
        match signal.control {
            Control::MonitorExit { .. } => return Ok(signal.payload),
            Control::SpawnReply { result, .. } if result.as_pid().is_none() => return Err(result),
            _ => {}
        }
    }
}

/// Likewise, of one that gives `ok`.
async fn is_ok(raw: &mut Raw) -> bool {
    let outcome: Term = outcome(raw).await.unwrap().to_value().unwrap();
    matches!(outcome.as_tuple(), Some([_, _, result]) if result.is_atom("ok"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_lists_that_nobody_reads_takes_little_memory_and_holds_up_nobody() {
    const REQUESTS: u32 = 3000;
    let (a, b) = Host::start().pair().await;
    Servant::on(&a, "servant");
    let idle: Vec<_> = (0..8_000).map(|_| a.inbox()).collect();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    for number in 0..REQUESTS {
        let bytes = request(&raw, number, ("erlang", "processes"), Vec::new());
        raw.bytes(&bytes).await;
    }
    let queued = || {
        let links = a.metrics().links;
        links.iter().find(|link| link.peer == raw.us.name).map_or(0, |link| link.queued)
    };
    let limit = 16 << 20;
    until(|| queued() > limit).await;
    for number in 0..100 {
        let answer = soon(call(&b, ("servant", a.name()), pair("echo", number))).await;
        assert_eq!(answer.unwrap(), Term::from(number));
        assert!(queued() < limit + (4 << 20), "{} bytes wait", queued());
    }
    let (mut lists, mut refused) = (0, 0);
    for _ in 0..REQUESTS {
        match outcome(&mut raw).await {
            Ok(payload) => {
                let mut reader = payload.reader();
                assert_eq!(reader.tuple().unwrap(), 3);
                reader.skip().unwrap();
                assert_eq!(reader.atom().unwrap().as_str(), "return");
                assert!(reader.list().unwrap() >= idle.len());
                lists += 1;
            }
            Err(reason) => {
                assert!(reason.is_atom("system_limit"), "{reason:?}");
                refused += 1;
            }
        }
    }
    assert!(lists >= 1000 && refused >= 1000, "{lists} lists, {refused} refused");
}

/// The processes that come in messages of `procs_info/1`, up to the last.
async fn collected(raw: &mut Raw) -> usize {
    let mut all = 0;
    loop {
        let signal = soon(raw.next()).await.expect("the node has closed");
        if !matches!(signal.control, Control::Send { .. }) {
            continue;
        }
        let message: Term = signal.payload.to_value().unwrap();
        let page = message.as_tuple().unwrap()[2].as_list().unwrap().len();
        all += page;
        if page < 10_000 {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_gets_all_processes_page_by_page() {
    let a = Host::start().node("a").await;
    let _idle: Vec<_> = (0..25_000).map(|_| a.inbox()).collect();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let me = vec![Term::from(raw.pid(1))];
    let bytes = request(&raw, 1, ("observer_backend", "procs_info"), me);
    raw.bytes(&bytes).await;
    assert_eq!(collected(&mut raw).await, 25_002, "those, net_kernel and rex");
    assert!(is_ok(&mut raw).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_node_is_dialled_because_somebody_names_a_process_there() {
    let host = Host::start();
    let (a, c) = (host.node("a").await, host.node("c").await);
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let stranger: Pid = c.inbox().pid().clone();
    for (number, function) in [(1, "procs_info"), (2, "etop_collect")] {
        let to = vec![Term::from(stranger.clone())];
        let bytes = request(&raw, number, ("observer_backend", function), to);
        raw.bytes(&bytes).await;
        assert!(is_ok(&mut raw).await);
    }
    let to = vec![Term::from(stranger), Term::from(1)];
    let bytes = request(&raw, 3, ("observer_backend", "fetch_stats"), to);
    raw.bytes(&bytes).await;
    assert!(is_ok(&mut raw).await);
    assert!(!a.is_connected(c.name()), "nobody has dialled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_here_can_be_called_from_here_as_from_anywhere() {
    let a = Host::start().node("a").await;
    let functions = a.functions();
    functions.offer("shop", "double", 1, |(n,): (i64,)| async move { Ok(n * 2) }).unwrap();
    let throw = |(): ()| async { Err::<(), _>(Raise::throw(Term::atom("ball"))) };
    functions.offer("shop", "throw", 0, throw).unwrap();
    let rpc = |function: &'static str, arguments: Vec<Term>| {
        let a = a.clone();
        async move { a.rpc::<Term>(a.name(), "shop", function, &arguments, LONG).await }
    };
    assert_eq!(rpc("double", vec![Term::from(4)]).await.unwrap(), Term::from(8));
    match rpc("double", vec![Term::atom("x")]).await {
        Err(RpcError::Error { reason, .. }) => assert!(reason.is_atom("function_clause")),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(rpc("throw", vec![]).await, Err(RpcError::Throw(ball)) if ball.is_atom("ball"))
    );
    match rpc("none", vec![]).await {
        Err(RpcError::Error { reason, .. }) => assert!(reason.is_atom("undef")),
        other => panic!("{other:?}"),
    }
    let node: Atom = a.rpc(a.name(), "erlang", "node", &[], LONG).await.unwrap();
    assert_eq!(node.as_str(), a.name().as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_here_that_nobody_waits_for_any_more_is_dropped() {
    let a = Host::start().node("a").await;
    let (began, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let wait = move |(): ()| {
        let began = began.clone();
        async move {
            let (here, dropped) = tokio::sync::oneshot::channel::<()>();
            let _ = began.send(dropped);
            let _here = here;
            std::future::pending::<Result<(), Raise>>().await
        }
    };
    a.functions().offer("shop", "wait", 0, wait).unwrap();
    let call = tokio::spawn({
        let a = a.clone();
        async move { a.rpc::<Term>(a.name(), "shop", "wait", &[], LONG).await }
    });
    let dropped = soon(begins.recv()).await.unwrap();
    call.abort();
    assert!(soon(dropped).await.is_err());
}
