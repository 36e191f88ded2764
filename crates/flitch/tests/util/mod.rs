//! Nodes in one process, with an EPMD of their own on a port of its own, and servers to call.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod probe;
pub(crate) mod raw;

use std::time::Duration;

use flitch::epmd::{Config, Server};
use flitch::{
    Caller, Cookie, Dest, Epmd, GenServer, Info, Node, NodeBuilder, NodeEvent, NodeName, Term,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const COOKIE: &str = "kanelbulle-kanelbulle";

/// Longer than anything here takes, on a busy machine as well.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Waits for what has to come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it took far too long")
}

/// Waits until something is so that tells nobody when it is.
pub(crate) async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

/// A host with an EPMD.
pub(crate) struct Host {
    pub(crate) epmd: u16,
    _stop: DropGuard,
}

impl Host {
    pub(crate) fn start() -> Self {
        let server = Server::bind(Config::on(["127.0.0.1:0".parse().unwrap()])).unwrap();
        let epmd = server.local_addresses().first().unwrap().port();
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(stop.clone().cancelled_owned()));
        Self { epmd, _stop: stop.drop_guard() }
    }

    /// A node `alive@127.0.0.1` in the making.
    pub(crate) fn builder(&self, alive: &str) -> NodeBuilder {
        Node::builder(name(&format!("{alive}@127.0.0.1")))
            .cookie(Cookie::new(COOKIE).unwrap())
            .epmd_port(self.epmd)
            .epmd(Epmd::External)
            .bind("127.0.0.1".parse().unwrap())
    }

    pub(crate) async fn node(&self, alive: &str) -> Node {
        soon(self.builder(alive).start()).await.unwrap()
    }

    /// Two nodes that are connected.
    pub(crate) async fn pair(&self) -> (Node, Node) {
        let (a, b) = (self.node("a").await, self.node("b").await);
        connect(&a, &b).await;
        (a, b)
    }
}

/// Connects two nodes, and waits until both know it.
pub(crate) async fn connect(a: &Node, b: &Node) {
    soon(a.connect(b.name())).await.unwrap();
    until(|| b.is_connected(a.name())).await;
}

/// The next event that is about a peer going down.
pub(crate) async fn next_down(events: &mut Receiver<NodeEvent>) -> (NodeName, flitch::CloseReason) {
    loop {
        if let NodeEvent::Down { node, reason } = soon(events.recv()).await.unwrap() {
            return (node, reason);
        }
    }
}

/// A call with a term, answered with a term.
pub(crate) async fn call<D>(node: &Node, to: D, request: Term) -> Result<Term, flitch::CallError>
where
    D: TryInto<Dest>,
    flitch::DestError: From<D::Error>,
{
    node.call(to, &request, LONG).await
}

pub(crate) fn pair(tag: &'static str, value: impl Into<Term>) -> Term {
    Term::from((Term::atom(tag), value.into()))
}

/// Does what it is asked, and tells what it is told.
pub(crate) struct Servant {
    kept: Vec<Caller<Term>>,
    heard: mpsc::UnboundedSender<Term>,
}

impl Servant {
    /// One, and what it hears: casts, messages, and why it ends.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Term>) {
        let (heard, hears) = mpsc::unbounded_channel();
        (Self { kept: Vec::new(), heard }, hears)
    }

    /// One under a name, whose hearing nobody is interested in.
    pub(crate) fn on(node: &Node, name: &str) -> flitch::ProcessHandle {
        node.spawn(Self::new().0).register(name).unwrap()
    }
}

impl GenServer for Servant {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        let _ = self.heard.send(call.clone());
        match call.as_tuple() {
            Some([tag, value]) if tag.is_atom("echo") => caller.reply(value.clone()),
            Some([tag, reason]) if tag.is_atom("exit") => caller.exit(reason.clone()),
            Some([tag, text]) if tag.is_atom("panic") => {
                panic!("{}", text.as_str().unwrap_or_default())
            }
            _ if call.is_atom("keep") => self.kept.push(caller),
            _ if call.is_atom("nan") => caller.reply(Term::Float(f64::NAN)),
            _ => drop(caller),
        }
    }

    async fn handle_cast(&mut self, cast: Term) {
        if cast.is_atom("release") {
            for caller in self.kept.drain(..) {
                caller.reply(Term::atom("late"));
            }
        }
        let _ = self.heard.send(cast);
    }

    async fn handle_info(&mut self, info: Info) {
        if let Info::Message(payload) = info {
            let _ = self.heard.send(payload.to_value().unwrap());
        }
    }

    async fn terminate(&mut self, reason: &flitch::ExitReason) {
        let _ = self.heard.send(pair("terminated", reason.0.clone()));
    }
}
