//! The process around a [`Leader`]: what comes from the node goes in, what is to be done is done.

use std::time::Duration;

use flitch::{Atom, Inbox, Incoming, Node, Pid, SendError, Term};
use tokio::task::JoinSet;

use super::leader::{Effect, Leader, Line};

/// How long the node may take to read or format a term for us.
const CALL_TIME: Duration = Duration::from_secs(60);

/// A group leader that is a process of ours.
pub(crate) struct Session {
    node: Node,
    pub(crate) inbox: Inbox,
    pub(crate) leader: Leader,
    calls: JoinSet<(u64, Option<Term>)>,
}

/// What the one who runs a session has to see to.
pub(crate) enum Event {
    /// Text for the screen.
    Print(String),
    /// A line is wanted, by [`Session::line`].
    Ask(String),
    /// A linked process is gone.
    Exit(Pid),
    /// Our own node is.
    Over,
}

impl Session {
    pub(crate) fn new(node: &Node) -> Self {
        let inbox = node.inbox();
        inbox.trap_exit(true);
        Self { node: node.clone(), inbox, leader: Leader::default(), calls: JoinSet::new() }
    }

    /// Waits for the next thing to see to. Nothing is lost if it is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            while let Some(effect) = self.leader.effect() {
                match effect {
                    Effect::Print(text) => return Event::Print(text),
                    Effect::Ask { prompt } => return Event::Ask(prompt),
                    Effect::Reply { to, message } => {
                        if let Err(SendError::Busy) = self.node.try_send(&to, &message) {
                            let node = self.node.clone();
                            // Should there be no link any more, its loss is on its way.
                            tokio::spawn(async move { node.send(&to, &message).await });
                        }
                    }
                    Effect::Call { id, node, module, function, arguments } => {
                        self.call(id, &node, module, function, arguments);
                    }
                }
            }
            tokio::select! {
                incoming = self.inbox.next() => match incoming {
                    Some(Incoming::Message(payload)) => {
                        if let Ok(message) = payload.to_term(flitch::etf::Limits::DEFAULT) {
                            self.leader.request(&message);
                        }
                    }
                    Some(Incoming::Exit { from, .. }) => return Event::Exit(from),
                    Some(Incoming::Shutdown) | None => return Event::Over,
                    Some(_) => {}
                },
                Some(Ok((id, result))) = self.calls.join_next() => self.leader.called(id, result),
            }
        }
    }

    /// What was asked for by [`Event::Ask`].
    pub(crate) fn line(&mut self, line: &Line) {
        self.leader.line(line);
    }

    fn call(&mut self, id: u64, at: &Atom, module: Atom, function: Atom, arguments: Vec<Term>) {
        let (node, at) = (self.node.clone(), at.as_str().parse());
        self.calls.spawn(async move {
            let Ok(at) = at else { return (id, None) };
            let (module, function) = (module.as_str(), function.as_str());
            let result = node.rpc(&at, module, function, &arguments, CALL_TIME).await;
            (id, result.ok())
        });
    }
}
