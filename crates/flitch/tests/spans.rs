//! What collectors of spans see of calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::io::Write;
use std::sync::{Arc, Mutex};

use flitch::Term;
use tracing_subscriber::fmt::format::FmtSpan;

use util::{Host, Servant, call, pair, soon};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_a_span_at_both_ends_with_who_and_whom_and_what_came_of_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // One thread runs all of it.
    let _guard = tracing::subscriber::set_default(subscriber);
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    call(&a, ("servant", b.name()), pair("echo", 1)).await.unwrap();
    call(&a, ("nobody", b.name()), Term::atom("x")).await.unwrap_err();
    let second = std::time::Duration::from_secs(9);
    a.rpc::<Term>(b.name(), "os", "cmd", &[], second).await.unwrap_err();
    soon(a.shutdown()).await;

    let text = lines.text();
    let closed = |span: &str| {
        let found = text.lines().any(|line| line.contains(span) && line.contains(": close"));
        assert!(found, "no {span} in\n{text}");
    };
    let to = |target| format!("call{{otel.kind=\"client\" peer=\"b@127.0.0.1\" target={target}");
    closed(&format!("{} outcome=\"reply\"}}", to("servant")));
    closed(&format!("{} outcome=\"noproc\"}}", to("nobody")));
    closed(
        "rpc{otel.kind=\"client\" peer=b@127.0.0.1 module=\"os\" function=\"cmd\" outcome=\"exit\"",
    );
    closed("handle_call{otel.kind=\"server\" server=\"spans::util::Servant\" process=");
}
