//! The strategy `Kubernetes` against an API server that does everything wrong that one can.
#![cfg(feature = "kubernetes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, helpers included"
)]

mod server;

use std::time::{Duration, Instant};

use flitch_discovery::{
    DiscoveryError, Kubernetes, Local, Lookup, Namespaces, Observation, Problem, Sightings,
    Strategy,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use server::{SOON, Server, list};

const STATUS_403: &str = include_str!("../data/kubernetes/403.json");
const STATUS_410: &str = include_str!("../data/kubernetes/watch410.txt");

/// A strategy that runs, and what it tells.
struct Running {
    told: mpsc::UnboundedReceiver<Observation>,
    files: TempDir,
    task: JoinHandle<Result<(), DiscoveryError>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn start(server: &Server, change: impl FnOnce(Kubernetes) -> Kubernetes) -> Self {
        Self::from(server, 4369, Kubernetes::new("app=app", "app"), change)
    }

    /// For a node with this EPMD port.
    fn from(
        server: &Server,
        epmd_port: u16,
        strategy: Kubernetes,
        change: impl FnOnce(Kubernetes) -> Kubernetes,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        server.service_account(files.path());
        let strategy = strategy
            .service_account_path(files.path())
            .polling_interval(Duration::from_millis(300));
        let strategy = change(strategy).master(format!("127.0.0.1:{}", server.port));
        let local = Local { node: "me@10.0.0.200".parse().unwrap(), epmd_port, announce: true };
        let (tell, told) = mpsc::unbounded_channel();
        let sightings = Sightings::new(local, move |observation| drop(tell.send(observation)));
        let task = tokio::spawn(async move { strategy.run(sightings).await });
        Self { told, files, task }
    }

    /// The next observation.
    async fn next(&mut self) -> Observation {
        let told = tokio::time::timeout(SOON, self.told.recv()).await;
        told.expect("nothing is told").expect("the strategy has ended")
    }

    /// The next observation, which has to be complete and name exactly these.
    async fn complete(&mut self, hosts: &[u8]) {
        let seen = self.next().await;
        assert_eq!(seen.problems, []);
        assert_eq!(peers(&seen), names(hosts));
    }

    /// The next observation, which names the same as before, and why that may not be all.
    async fn problem(&mut self, hosts: &[u8]) -> DiscoveryError {
        let seen = self.next().await;
        assert_eq!(peers(&seen), names(hosts));
        assert!(!seen.is_complete());
        for problem in &seen.problems {
            assert!(!problem.message.contains("s3cr3t"), "{problem}");
        }
        seen.problems[0].clone()
    }
}

fn peers(seen: &Observation) -> Vec<String> {
    seen.peers.iter().map(ToString::to_string).collect()
}

fn names(hosts: &[u8]) -> Vec<String> {
    hosts.iter().map(|host| format!("app@10.0.0.{host}")).collect()
}

#[tokio::test]
async fn a_pod_that_appears_is_told_within_milliseconds() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    let mut watch = server.list_and_watch(&[1]).await;
    running.complete(&[1]).await;
    let changed = Instant::now();
    watch.is(&[1, 2], 2).await;
    running.complete(&[1, 2]).await;
    assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    watch.is(&[2], 3).await;
    running.complete(&[2]).await;
    watch.end().await;
    let again = server.expect("watch=true").await;
    assert!(again.target.ends_with("resourceVersion=3"), "{}", again.target);
}

#[tokio::test]
async fn a_role_that_is_taken_away_says_so_and_loses_nobody() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    let watch = server.list_and_watch(&[1, 2]).await;
    running.complete(&[1, 2]).await;
    drop(watch);
    server.expect("/endpointslices").await.answer(403, STATUS_403).await;
    let slices = server.expect("/v1/namespaces/shop/endpoints?").await;
    slices.answer(403, STATUS_403).await;
    let said = running.problem(&[1, 2]).await;
    assert_eq!(said.problem, Problem::Forbidden);
    assert!(said.message.contains("system:serviceaccount:shop:worker"), "{said}");
    server.list_and_watch(&[2]).await;
    running.complete(&[2]).await;
}

#[tokio::test]
async fn without_the_verb_watch_the_list_is_polled_and_complete() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    for hosts in [&[1][..], &[1, 2], &[2]] {
        let call = server.expect("").await;
        let call = match call.target.contains("watch=true") {
            true => {
                call.answer(403, STATUS_403).await;
                server.expect_list().await
            }
            false => call,
        };
        call.answer(200, &list(hosts, 1)).await;
        running.complete(hosts).await;
    }
}

#[tokio::test]
async fn a_watch_that_expires_is_listed_again_without_a_word() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    let mut watch = server.list_and_watch(&[1, 2]).await;
    running.complete(&[1, 2]).await;
    watch.send(STATUS_410.as_bytes()).await;
    server.expect_list().await.answer(200, &list(&[2, 3], 9)).await;
    running.complete(&[2, 3]).await;
    server.expect("watch=true").await.answer(410, "{}").await;
    server.expect_list().await.answer(410, "{}").await;
    let said = running.problem(&[2, 3]).await;
    assert!(said.message.contains("410"), "{said}");
    server.list_and_watch(&[3]).await;
    running.complete(&[3]).await;
}

#[tokio::test]
async fn a_token_that_rotates_is_read_again_and_nobody_hears_of_it() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    let first = server.expect_list().await;
    assert_eq!(first.token, "first-s3cr3t");
    first.answer(200, &list(&[1], 1)).await;
    running.complete(&[1]).await;
    let call = server.expect("watch=true").await;
    std::fs::write(running.files.path().join("token"), "second-s3cr3t").unwrap();
    call.answer(410, "{}").await;
    let second = server.expect_list().await;
    assert_eq!(second.token, "second-s3cr3t");
    std::fs::write(running.files.path().join("token"), "third-s3cr3t").unwrap();
    second.answer(401, "{}").await;
    let third = server.expect_list().await;
    assert_eq!(third.token, "third-s3cr3t");
    third.answer(200, &list(&[1, 2], 2)).await;
    running.complete(&[1, 2]).await;
    server.expect("watch=true").await.answer(500, "{}").await;
    for _ in 0..2 {
        server.expect_list().await.answer(401, "{}").await;
    }
    let said = running.problem(&[1, 2]).await;
    assert!(said.problem == Problem::Forbidden && said.message.contains("token"), "{said}");
}

#[tokio::test]
async fn a_watch_that_is_cut_in_the_middle_of_an_event_goes_on_before_it() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    let mut watch = server.list_and_watch(&[1]).await;
    running.complete(&[1]).await;
    watch.is(&[1, 2], 5).await;
    running.complete(&[1, 2]).await;
    let half = r#"{"type":"DELETED","object":{"metadata":{"name":"a","#;
    watch.send(half.as_bytes()).await;
    drop(watch);
    let again = server.expect("watch=true").await;
    assert!(again.target.ends_with("resourceVersion=5"), "{}", again.target);
    again.open().await.is(&[3], 6).await;
    running.complete(&[3]).await;
}

#[tokio::test]
async fn garbage_and_failures_are_told_and_lose_nobody() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| strategy);
    server.list_and_watch(&[1]).await.send(b"<html>log in</html>\n").await;
    running.complete(&[1]).await;
    server.expect_list().await.answer(200, "<html>log in</html>").await;
    assert_eq!(running.problem(&[1]).await.problem, Problem::Garbage);
    server.expect_list().await.answer(200, "{}").await;
    assert_eq!(running.problem(&[1]).await.problem, Problem::Garbage);
    server.expect_list().await.answer(500, r#"{"message":"etcd is away"}"#).await;
    let said = running.problem(&[1]).await;
    assert!(said.message.contains("etcd is away"), "{said}");
    drop(server.expect_list().await);
    assert_eq!(running.problem(&[1]).await.problem, Problem::Api);
    server.list_and_watch(&[1, 2]).await;
    running.complete(&[1, 2]).await;
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_watch_and_not_the_process() {
    let mut server = Server::start().await;
    let mut running = Running::start(&server, |strategy| {
        // However long it takes: a watch that has lasted is no better for that.
        strategy.polling_interval(Duration::from_millis(10))
    });
    let mut watch = server.list_and_watch(&[1]).await;
    running.complete(&[1]).await;
    let flood = tokio::spawn(async move {
        let chunk = vec![b'x'; 1 << 16];
        // More than a line may have, in case that nobody hangs up.
        for _ in 0..300 {
            watch.send(&chunk).await;
        }
    });
    server.list_and_watch(&[2]).await;
    running.complete(&[2]).await;
    flood.await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let mut server = Server::start().await;
    let patience = Duration::from_millis(400);
    let mut running = Running::start(&server, |strategy| strategy.request_timeout(patience));
    let silent = server.expect_list().await;
    let said = running.problem(&[]).await;
    assert!(said.message.contains("has not answered within 400ms"), "{said}");
    server.list_and_watch(&[1]).await;
    running.complete(&[1]).await;
    drop(silent);
}

#[tokio::test]
async fn a_server_with_another_certificate_gets_no_token() {
    let mut server = Server::start().await;
    let other = Server::start().await;
    let files = tempfile::tempdir().unwrap();
    other.service_account(files.path());
    let mut running =
        Running::start(&server, |strategy| strategy.service_account_path(files.path()));
    let error = running.problem(&[]).await;
    assert!(error.message.contains("not to be trusted"), "{error}");
    assert!(error.message.contains("ca.crt"), "{error}");
    // With the right one it goes on, with no restart.
    server.service_account(files.path());
    server.list_and_watch(&[1]).await;
    running.complete(&[1]).await;
}

#[tokio::test]
async fn each_namespace_is_watched_and_one_that_fails_hides_no_other() {
    let mut server = Server::start().await;
    let namespaces = Namespaces::Named(vec!["one".into(), "two".into()]);
    let mut running = Running::start(&server, |strategy| {
        strategy.namespaces(namespaces).lookup(Lookup::EndpointSlices)
    });
    let mut calls = [server.expect_list().await, server.expect_list().await];
    calls.sort_by_key(|call| call.target.clone());
    let [one, two] = calls;
    assert!(one.target.contains("/namespaces/one/") && two.target.contains("/namespaces/two/"));
    one.answer(200, &list(&[1], 1)).await;
    let said = running.problem(&[1]).await;
    assert!(said.message.contains("namespace two"), "{said}");
    two.answer(403, STATUS_403).await;
    loop {
        let said = running.problem(&[1]).await;
        if said.problem == Problem::Forbidden {
            assert!(said.message.contains("in namespace two"), "{said}");
            break;
        }
    }
}

/// Who asks an EPMD for its names.
async fn names_request(epmd: &TcpListener) -> TcpStream {
    let (mut stream, _) = epmd.accept().await.unwrap();
    stream.read_exact(&mut [0; 3]).await.unwrap();
    stream
}

#[tokio::test]
async fn where_the_basename_is_left_out_epmd_on_each_pod_says_the_names() {
    let mut server = Server::start().await;
    let epmd = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = epmd.local_addr().unwrap().port();
    let mut running = Running::from(&server, port, Kubernetes::learned("app=app"), |strategy| {
        strategy.node_pattern("app-*@*".parse().unwrap())
    });
    let body = list(&[2], 1).replace("10.0.0.2", "127.0.0.2");
    server.expect_list().await.answer(200, &body).await;
    let _watch = server.expect("watch=true").await.open().await;
    let answer = b"\0\0\x11\x11name app-1 at port 9100\nname db at port 9101\n";
    names_request(&epmd).await.write_all(answer).await.unwrap();
    let seen = running.next().await;
    assert_eq!((peers(&seen), seen.problems), (vec!["app-1@127.0.0.2".to_owned()], vec![]));
    // Nothing has changed for the API server.
    let answer = b"\0\0\x11\x11name app-2 at port 9100\n";
    names_request(&epmd).await.write_all(answer).await.unwrap();
    assert_eq!(peers(&running.next().await), ["app-2@127.0.0.2"]);
}
