//! What a person sees who types into a real `iex`.

use integration::Cluster;

#[test]
fn a_person_at_iex_connects_calls_and_reads_the_answers() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let mut iex = cluster.iex("a");
    assert_eq!(iex.ask(&format!("Node.connect({})", worker.atom())), "true");
    assert_eq!(iex.ask("Node.list(:hidden)"), format!("[{}]", worker.atom()));
    assert_eq!(iex.ask(&format!("GenServer.call({}, :ping)", worker.server())), ":pong");
    let echo = format!("GenServer.call({}, {{:echo, %{{\"a\" => [1, nil]}}}})", worker.server());
    assert_eq!(iex.ask(&echo), "%{\"a\" => [1, nil]}");
    assert_eq!(iex.ask(&format!("Node.ping({})", worker.atom())), ":pong");
    worker.await_event("peer is up", |fields| fields["peer"] == iex.name());
    worker.stop();
    assert_eq!(iex.ask("Node.list(:hidden)"), "[]");
}
