//! `global` of visible nodes, on a network in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::time::Duration;

use flitch::test::Network;
use flitch::{GlobalError, Node, Term};

async fn visible(network: &Network, name: &str) -> Node {
    network.node(name).unwrap().visible(true).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_given_while_a_node_of_the_cluster_is_still_dialled_reaches_it() {
    let network = Network::new();
    let (a, b) = (visible(&network, "a@h").await, visible(&network, "b@h").await);
    a.connect(b.name()).await.unwrap();
    a.global().unwrap().sync().await.unwrap();
    b.global().unwrap().sync().await.unwrap();

    let c = visible(&network, "c@h").await;
    network.delay(b.name(), c.name(), Duration::from_millis(500));
    c.connect(a.name()).await.unwrap();
    let global = c.global().unwrap();
    global.sync().await.unwrap();
    assert!(!c.peers_up().contains(b.name()), "b is still to be reached");
    let worker =
        c.spawn_process(|mut process| async move { while process.next().await.is_some() {} });
    global.register(Term::atom("pricing"), worker.pid()).await.unwrap();

    tokio::time::sleep(Duration::from_secs(10)).await;
    for node in [&a, &b, &c] {
        let found = node.global().unwrap().whereis(&Term::atom("pricing"));
        assert_eq!(found.as_ref(), Some(worker.pid()), "at {}", node.name());
    }
    for node in [a, b, c] {
        node.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_the_name_server_ends_the_node_and_leaves_no_lock_behind() {
    let network = Network::new();
    let (worker, app) = (visible(&network, "worker@h").await, network.beam("app@h").unwrap());
    let app = app.start().await.unwrap();
    app.connect(worker.name()).await.unwrap();
    let server = worker.whereis("global_name_server").unwrap();
    app.exit(&server, Term::atom("boom")).await.unwrap();
    let global = app.node().global().unwrap();
    global.sync().await.unwrap();
    assert_eq!(worker.whereis("global_name_server").as_ref(), Some(&server), "exits are trapped");

    app.exit(&server, Term::atom("kill")).await.unwrap();
    worker.stopping().await;
    app.until_down(worker.name()).await.unwrap();
    global.register(Term::atom("pricing"), app.pid()).await.unwrap();
    app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_decides_no_conflict_in_time_holds_up_all_of_them_no_longer_than_one() {
    const NAMES: usize = 60;
    let network = Network::new();
    let (a, b) = (visible(&network, "a@h").await, visible(&network, "b@h").await);
    a.connect(b.name()).await.unwrap();
    a.global().unwrap().sync().await.unwrap();
    let c = visible(&network, "c@h").await;
    for node in [&b, &c] {
        for number in 0..NAMES {
            let worker =
                node.spawn_process(
                    |mut process| async move { while process.next().await.is_some() {} },
                );
            node.global().unwrap().register(number as u64, worker.pid()).await.unwrap();
        }
    }
    // The names of b are for it to decide, and it answers too late.
    network.delay(a.name(), b.name(), Duration::from_secs(20));
    let begin = tokio::time::Instant::now();
    c.connect(a.name()).await.unwrap();
    c.global().unwrap().sync().await.unwrap();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10 * NAMES as u64 / 2), "it took {took:?}");
    assert_eq!(a.global().unwrap().names().len(), NAMES);
    for node in [a, b, c] {
        node.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_name_on_a_node_that_we_have_not_reached_yet_is_ended_all_the_same() {
    let network = Network::new();
    let (a, m) = (visible(&network, "a@h").await, visible(&network, "m@h").await);
    a.connect(m.name()).await.unwrap();
    let x = visible(&network, "x@h").await;
    let mut workers = Vec::new();
    for node in [&m, &x] {
        let worker = node
            .spawn_process(|mut process| async move { while process.next().await.is_some() {} });
        let global = node.global().unwrap();
        global.sync().await.unwrap();
        global.register(Term::atom("pricing"), worker.pid()).await.unwrap();
        workers.push(worker);
    }
    // It is a who puts its names together with those of x, and m who decides.
    a.connect(x.name()).await.unwrap();
    x.global().unwrap().sync().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    for node in [&a, &m, &x] {
        let found = node.global().unwrap().whereis(&Term::atom("pricing"));
        assert_eq!(found.as_ref(), Some(workers[0].pid()), "at {}", node.name());
    }
    let again = x.global().unwrap().register(Term::atom("again"), workers[1].pid()).await;
    assert_eq!(again, Err(GlobalError::Gone));
    for node in [a, m, x] {
        node.shutdown().await;
    }
}
