//! A node of ours and a BEAM that dial each other at the same moment, again and again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flitch::{Incoming, Node, NodeEvent, NodeName, Term};
use integration::{Cluster, SOON};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How often both dial, with each of the two names the greater one.
const TRIES: u64 = 500;

/// One try as the BEAM does it: dials at the given microsecond, sends and receives. Between the
/// two, nobody dials: a message does not go over a link that is not there.
const TRY: &str = "Try = fun(At, Number) -> \
    (fun Spin() -> case erlang:system_time(microsecond) < At of \
        true -> Spin(); false -> ok end end)(), \
    Connected = net_kernel:connect_node(Flitch), \
    erlang:send({probe, Flitch}, {from_beam, Number}, [noconnect]), \
    Got = receive {from_flitch, Number} -> got after 20000 -> lost end, \
    {Connected, Got, length(erlang:system_info(dist_ctrl)), nodes(hidden) =:= [Flitch]} \
end, \
Ups = fun(Number) -> (fun Count(Up, Down) -> receive \
        {nodeup, Flitch, _} -> Count(Up + 1, Down); \
        {nodedown, Flitch, _} -> Count(Up, Down + 1) \
    after case Up > Down orelse Up =:= 0 of true -> 20000; false -> 0 end -> \
        {Number, Up, Down} end end)(0, 0) end, ok";

/// A node of ours with a process that passes on what it is sent.
async fn ours(cluster: &Cluster, base: &str) -> (Node, UnboundedReceiver<u64>) {
    let node = cluster.ours(base).start().await.unwrap();
    let (heard, hears) = unbounded_channel();
    let probe = node.spawn_process(async move |mut process| {
        while let Some(incoming) = process.next().await {
            if let Incoming::Message(payload) = incoming
                && let Ok(term) = payload.to_value::<Term>()
                && let Some([_, number]) = term.as_tuple()
                && let Some(number) = number.as_integer().map(i64::cast_unsigned)
            {
                let _ = heard.send(number);
            }
        }
    });
    probe.register("probe").unwrap();
    (node, hears)
}

fn microseconds_now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// Dials at the microsecond, as the BEAM does.
async fn dial_at(node: &Node, beam: &NodeName, at: u64) {
    let left = Duration::from_micros(at.saturating_sub(microseconds_now()));
    tokio::time::sleep(left.saturating_sub(Duration::from_millis(2))).await;
    while microseconds_now() < at {
        std::hint::spin_loop();
    }
    node.connect(beam).await.unwrap();
}

async fn both_dial(ours_base: &str, beams_base: &str) {
    let cluster = Cluster::new();
    let beam = Arc::new(cluster.erl(beams_base).start());
    let (node, mut hears) = ours(&cluster, ours_base).await;
    let beam_name: NodeName = beam.name().parse().unwrap();
    let mut events = node.events();
    beam.expect(
        &format!(
            "Flitch = '{}', register(probe, self()), \
             ok = net_kernel:monitor_nodes(true, [{{node_type, all}}]), {TRY}",
            node.name()
        ),
        "ok",
    );
    for number in 0..TRIES {
        // The two are a little apart, now this one ahead and now that one.
        let at = microseconds_now() + 8_000;
        let ours = at + (number * 137) % 3_000;
        let theirs = at + 1_500;
        let (asked, ask) = (Arc::clone(&beam), format!("Try({theirs}, {number})"));
        let beams = tokio::task::spawn_blocking(move || asked.expect(&ask, "{true,got,1,true}"));
        dial_at(&node, &beam_name, ours).await;
        node.send(("probe", &beam_name), &(Term::atom("from_flitch"), number)).await.unwrap();
        let heard = tokio::time::timeout(SOON, hears.recv()).await;
        assert_eq!(heard.unwrap(), Some(number), "what the BEAM sent came to nobody");
        beams.await.unwrap();
        assert_eq!(node.peers_up(), std::slice::from_ref(&beam_name));
        if number % 2 == 0 {
            node.disconnect(&beam_name);
        } else {
            beam.expect("erlang:disconnect_node(Flitch)", "true");
        }
        // One link came, and one went: on their side and on ours.
        beam.expect(&format!("Ups({number})"), &format!("{{{number},1,1}}"));
        for up in [true, false] {
            let event = tokio::time::timeout(SOON, events.recv()).await.unwrap().unwrap();
            assert_eq!(matches!(event, NodeEvent::Up { .. }), up, "try {number}: {event:?}");
        }
        assert!(events.try_recv().is_err(), "try {number}: more than one link");
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dial_at_once_and_the_greater_name_is_the_beams() {
    both_dial("a", "z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dial_at_once_and_the_greater_name_is_ours() {
    both_dial("z", "a").await;
}
