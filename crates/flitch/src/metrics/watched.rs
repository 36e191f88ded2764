//! A call to another process, from its beginning to its end: how long it took, and a span around
//! it that tells the same to whoever collects spans.
//!
//! Spans are at the level `debug`; where nobody collects them, none is made. `otel.kind` is what
//! bridges to OpenTelemetry take for the kind of a span.

use flitch_name::NodeName;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::call::CallError;
use crate::dest::Dest;
use crate::node::Node;
use crate::rpc::RpcError;

/// A call that is under way. Dropped before it has [ended](Self::ended), it was given up.
pub(crate) struct Watched<'a> {
    node: &'a Node,
    began: Instant,
    span: Span,
    outcome: &'static str,
}

impl<'a> Watched<'a> {
    /// A request to a process.
    pub(crate) fn call(node: &'a Node, to: &Dest) -> Self {
        let (peer, target): (_, &dyn std::fmt::Display) = match to {
            Dest::Pid(pid) => (pid.node.as_str(), pid),
            Dest::Name(name) => (node.identity().atom.as_str(), name),
            Dest::Remote(name, node) => (node.as_str(), name),
        };
        let span = tracing::debug_span!(
            "call", otel.kind = "client", peer, target = %target, outcome = Empty
        );
        Self::begin(node, span)
    }

    /// A function that another node is to run.
    pub(crate) fn rpc(node: &'a Node, peer: &NodeName, module: &str, function: &str) -> Self {
        let span = tracing::debug_span!(
            "rpc", otel.kind = "client", %peer, module, function, outcome = Empty
        );
        Self::begin(node, span)
    }

    fn begin(node: &'a Node, span: Span) -> Self {
        Self { node, began: Instant::now(), span, outcome: "given_up" }
    }

    /// What the call is to run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The call has ended.
    pub(crate) fn ended<R>(mut self, result: &Result<R, impl Outcome>) {
        self.outcome = result.as_ref().err().map_or("reply", Outcome::outcome);
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        let took = self.began.elapsed();
        self.node.stats().counters.calls_out.ended(self.outcome, took);
    }
}

/// How an error is counted.
pub(crate) trait Outcome {
    fn outcome(&self) -> &'static str;
}

impl Outcome for CallError {
    fn outcome(&self) -> &'static str {
        match self {
            Self::NoProc => "noproc",
            Self::Exit(_) => "exit",
            Self::NoConnection | Self::Connect(_) => "noconnection",
            Self::Timeout(_) => "timeout",
            _ => "failed",
        }
    }
}

impl Outcome for RpcError {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Call(error) => error.outcome(),
            Self::Refused(_) => "failed",
            _ => "exit",
        }
    }
}
