//! The process of a scope: what comes to it goes into [`Scope`], what that wants done is done.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flitch_dist::{Control, Payload};
use flitch_etf::{Atom, Pid, Reference, Term};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::mailbox::Incoming;
use crate::node::{Node, NodeEvent};
use crate::pg::message::Message;
use crate::pg::scope::Action;
use crate::pg::shared::Shared;
use crate::process::Process;

/// How often the scope asks nodes that have shown none: theirs may have begun since, and greets
/// visible nodes only.
const AGAIN: Duration = Duration::from_secs(1);

/// What a program wants of a scope. Answered when the peers have been told.
pub(crate) enum Command {
    Join { group: Term, pids: Vec<Pid>, done: oneshot::Sender<()> },
    Leave { group: Term, pids: Vec<Pid>, done: oneshot::Sender<bool> },
}

/// Runs a scope until its process ends.
pub(crate) async fn run(
    mut process: Process,
    name: Atom,
    shared: Arc<Shared>,
    mut commands: mpsc::Receiver<Command>,
) {
    // Who links to it does not end it by that.
    process.trap_exit(true);
    let node = process.node().clone();
    let mut events = node.events();
    let mut again = tokio::time::interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut hands = Hands { name, monitors: HashMap::new() };
    loop {
        tokio::select! {
            incoming = process.next() => match incoming {
                Some(Incoming::Message(payload)) => hear(&node, &shared, &payload),
                Some(Incoming::Down { reference, target, .. }) => {
                    if let Some(pid) = hands.ended(&reference, &target) {
                        shared.change(|scope| scope.handle_down(&pid));
                    }
                }
                Some(Incoming::Shutdown) | None => return,
                Some(_) => {}
            },
            Some(command) = commands.recv() => {
                let done = obey(&shared, command);
                hands.act(&process, &shared);
                done();
            }
            event = events.recv() => match event {
                Ok(NodeEvent::Up { node, .. }) => {
                    shared.change(|scope| scope.handle_up(crate::node_atom(&node)));
                }
                Err(RecvError::Closed) => return,
                // Of the lost the monitors tell; who was missed is asked with those who are silent.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
            },
            _ = again.tick() => {
                let nodes = node.peers().links();
                let nodes = nodes.iter().map(|link| link.atom.clone());
                shared.change(|scope| scope.handle_silence(nodes));
            }
        }
        hands.act(&process, &shared);
    }
}

fn hear(node: &Node, shared: &Shared, payload: &Payload) {
    match Message::read(payload) {
        // Nobody makes us dial by what is said of others.
        Ok(Some(message)) if node.peers().link(&message.peer.node).is_some() => {
            shared.change(|scope| scope.handle_message(message));
        }
        Ok(Some(message)) => {
            tracing::debug!(peer = %message.peer, "a scope of a node that is not connected");
        }
        Ok(None) => tracing::debug!("a scope was sent what is no message of pg"),
        Err(error) => tracing::warn!(%error, "a message to a scope cannot be decoded"),
    }
}

/// Does it, and gives what is to be said when the peers know.
fn obey(shared: &Shared, command: Command) -> Box<dyn FnOnce() + Send> {
    match command {
        Command::Join { group, pids, done } => {
            shared.change(|scope| scope.handle_join(&group, &pids));
            Box::new(move || {
                let _ = done.send(());
            })
        }
        Command::Leave { group, pids, done } => {
            let was = shared.change(|scope| scope.handle_leave(&group, &pids));
            Box::new(move || {
                let _ = done.send(was);
            })
        }
    }
}

/// Does what the scope wants.
struct Hands {
    name: Atom,
    monitors: HashMap<Pid, Reference>,
}

impl Hands {
    fn act(&mut self, process: &Process, shared: &Shared) {
        let (node, us) = (process.node(), process.pid());
        while let Some(action) = shared.poll_action() {
            match action {
                Action::Monitor(pid) => {
                    if let Ok(reference) = process.monitor(&pid) {
                        self.monitors.insert(pid, reference);
                    }
                }
                Action::Demonitor(pid) => {
                    if let Some(reference) = self.monitors.remove(&pid) {
                        process.demonitor(&reference);
                    }
                }
                Action::Send(to, version, message) => {
                    for term in message.terms(version) {
                        let control = Control::Send { from: Some(us.clone()), to: to.clone() };
                        node.signal(&to.node, &control, &term);
                    }
                }
                Action::Discover(at, message) => {
                    let to = self.name.clone();
                    for term in message.terms(0) {
                        let control = Control::RegSend { from: us.clone(), to: to.clone() };
                        node.signal(&at, &control, &term);
                    }
                }
            }
        }
    }

    /// Who has ended, unless the monitor was taken back.
    fn ended(&mut self, reference: &Reference, target: &flitch_dist::Target) -> Option<Pid> {
        let flitch_dist::Target::Pid(pid) = target else { return None };
        let current = self.monitors.get(pid) == Some(reference);
        current.then(|| self.monitors.remove(pid))?;
        Some(pid.clone())
    }
}
