//! The process `global_name_server`: a loop around the machine.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use flitch_dist::{Control, Payload};
use flitch_etf::{Atom, Limits, Pid, Reference, Term, write_value};
use tokio::sync::{mpsc, oneshot};

use super::machine::{Machine, Request, Setup};
use super::output::{Conflict, Output, Refusal, Verdict};
use super::resolve::resolve;
use super::tables::Watch;
use crate::caller::From;
use crate::dest::Dest;
use crate::mailbox::Incoming;
use crate::node::{Node, NodeEvent};
use crate::process::{ExitReason, Process};
use crate::task::{self, Name};

/// What the process is called, on every node.
pub(super) const NAME: &str = "global_name_server";

/// The names, as everybody on this node may look them up.
pub(super) type Names = Arc<RwLock<HashMap<Term, Pid>>>;

/// What the process is told from inside the node.
pub(super) enum Command {
    Request(Request, oneshot::Sender<Result<(), Refusal>>),
    Connected(Atom, bool),
    Verdicts(Atom, i64, Vec<(Conflict, Verdict)>),
}

pub(super) type Commands = mpsc::UnboundedReceiver<Command>;

pub(super) async fn run(
    process: Process,
    mut commands: Commands,
    commander: mpsc::UnboundedSender<Command>,
    names: Names,
) -> ExitReason {
    let node = process.node.clone();
    let _ending = Ending(node.clone());
    // Who links to it, or sends it an exit, does not end it by that.
    process.trap_exit(true);
    let seed = getrandom::u64().unwrap_or_else(|_| u64::from(crate::node::random_u32()));
    let machine = Machine::new(Setup {
        us: node.identity().atom.clone(),
        me: process.pid().clone(),
        prevent_overlapping_partitions: node.settings().prevent_overlapping_partitions,
        seed,
        now: now(),
    });
    let awaited = HashMap::new();
    let mut driver = Driver {
        machine,
        node,
        process,
        commander,
        names,
        awaited,
        connecting: HashMap::new(),
        watches: HashMap::new(),
        requests: HashMap::new(),
        numbers: 0,
    };
    loop {
        driver.drain();
        let wake = driver.machine.poll_timeout().map(tokio::time::Instant::from_std);
        tokio::select! {
            incoming = driver.process.mailbox.next() => match incoming {
                None => return ExitReason::normal(),
                Some(Incoming::Shutdown) => {
                    driver.machine.handle_shutdown();
                    return ExitReason::shutdown();
                }
                Some(incoming) => driver.handle(incoming),
            },
            Some(command) = commands.recv() => driver.obey(command),
            () = sleep_until(wake) => driver.machine.handle_timeout(now()),
        }
    }
}

/// The process ends with its node, and the node with the process, as in Erlang: over a link that
/// stays, peers would hold the lock on all names for one that never answers.
struct Ending(Node);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.is_stopping() {
            return;
        }
        tracing::error!("`global` has ended, and the node with it: others would wait for it");
        let node = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { node.shutdown().await });
        }
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What the end of a monitor says.
enum Awaited {
    Answer(u64),
    Process(u64),
}

struct Driver {
    machine: Machine,
    node: Node,
    process: Process,
    commander: mpsc::UnboundedSender<Command>,
    names: Names,
    awaited: HashMap<Reference, Awaited>,
    /// Nodes that are being dialled, and what is for them behind that.
    connecting: HashMap<Atom, VecDeque<Output>>,
    watches: HashMap<u64, Reference>,
    requests: HashMap<u64, oneshot::Sender<Result<(), Refusal>>>,
    numbers: u64,
}

impl Driver {
    fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(payload) => self.message(&payload),
            Incoming::Down { reference, .. } => match self.awaited.remove(&reference) {
                Some(Awaited::Answer(call)) => self.machine.handle_answer(now(), call, None),
                Some(Awaited::Process(watch)) => {
                    self.watches.remove(&watch);
                    self.machine.handle_down(now(), watch);
                }
                None => {}
            },
            Incoming::Node(NodeEvent::Up { node, hidden: false }) => {
                self.machine.handle_node_up(now(), &crate::node_atom(&node));
            }
            Incoming::Node(NodeEvent::Down { node, .. }) => {
                self.machine.handle_node_down(now(), &crate::node_atom(&node));
            }
            Incoming::Node(_) | Incoming::Exit { .. } | Incoming::Shutdown => {}
        }
    }

    fn message(&mut self, payload: &Payload) {
        let message = match payload.to_term(Limits::DEFAULT) {
            Ok(message) => message,
            Err(error) => return tracing::warn!(%error, "`global` cannot decode a message"),
        };
        match message.as_tuple() {
            Some([tag, from, request]) if tag.is_atom("$gen_call") => {
                if let Some([pid, tag]) = from.as_tuple()
                    && let Some(pid) = pid.as_pid()
                {
                    let from = From { pid: pid.clone(), tag: tag.clone() };
                    self.machine.handle_call(now(), from, request);
                }
            }
            Some([tag, message]) if tag.is_atom("$gen_cast") => {
                self.machine.handle_cast(now(), message);
            }
            Some([Term::Reference(reference), answer]) => {
                if let Some(Awaited::Answer(call)) = self.awaited.get(reference.as_ref()) {
                    let call = *call;
                    self.awaited.remove(reference.as_ref());
                    self.process.demonitor(reference);
                    self.machine.handle_answer(now(), call, Some(answer));
                }
            }
            _ => self.machine.handle_info(now(), &message),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Request(request, answer) => {
                self.numbers += 1;
                self.requests.insert(self.numbers, answer);
                self.machine.handle_request(now(), self.numbers, request);
            }
            Command::Connected(node, connected) => {
                for output in self.connecting.remove(&node).unwrap_or_default() {
                    self.act(output);
                }
                self.machine.handle_connected(now(), &node, connected);
            }
            Command::Verdicts(node, tag, verdicts) => {
                self.machine.handle_verdicts(now(), &node, tag, verdicts);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            if let Some(output) = self.unless_connecting(output) {
                self.act(output);
            }
        }
    }

    /// What is for a node that is being dialled waits for that, as it does in Erlang: known and not
    /// reached yet, the node would miss names and locks of its own cluster for good. Only what
    /// tells of losses never waits.
    fn unless_connecting(&mut self, output: Output) -> Option<Output> {
        let to = match &output {
            Output::Call(to, ..) => to,
            Output::Send(to, message) if !tells_of_loss(message) => to,
            _ => return Some(output),
        };
        let Some(waiting) = self.connecting.get_mut(to) else { return Some(output) };
        if waiting.is_empty() && self.node.peers().link(to).is_some() {
            return Some(output);
        }
        waiting.push_back(output);
        None
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Send(to, message) => self.send(&to, &message),
            Output::Call(to, call, request) => self.call(&to, call, &request),
            Output::Reply(from, answer) => {
                let us = self.process.pid();
                let done = from.answer(&self.node, us, |out| write_value(out, &answer));
                if let Err(error) = done {
                    tracing::error!(%error, "an answer of `global` cannot be encoded");
                }
            }
            Output::Watch(Watch::Begin(watch, pid)) => {
                let reference = self.node.monitor(&self.process.entry, Dest::Pid(pid));
                self.awaited.insert(reference.clone(), Awaited::Process(watch));
                self.watches.insert(watch, reference);
            }
            Output::Watch(Watch::End(watch)) => {
                if let Some(reference) = self.watches.remove(&watch) {
                    self.awaited.remove(&reference);
                    self.process.demonitor(&reference);
                }
            }
            Output::Connect(node) => self.connect(node),
            Output::Disconnect(node) => {
                if let Some(link) = self.node.peers().link(&node) {
                    link.close(crate::peer_link::CloseReason::Disconnected);
                }
            }
            Output::Resolve(node, tag, conflicts) => self.resolve(node, tag, conflicts),
            Output::Named(name, pid) => {
                let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
                match pid {
                    Some(pid) => names.insert(name, pid),
                    None => names.remove(&name),
                };
            }
            Output::Done(number, done) => {
                if let Some(answer) = self.requests.remove(&number) {
                    // Who asked may have gone on without it.
                    let _ = answer.send(done);
                }
            }
        }
    }

    fn send(&self, to: &Atom, message: &Term) {
        let (from, name) = (self.process.pid().clone(), Atom::from_static(NAME));
        self.node.signal(to, &Control::RegSend { from, to: name }, message);
    }

    /// As `gen:call` of all releases before aliases: the monitor's reference is the tag.
    fn call(&mut self, to: &Atom, call: u64, request: &Term) {
        let Ok(name) = to.as_str().parse() else { return self.unanswered(call) };
        if self.node.peers().link(to).is_none() {
            return self.unanswered(call);
        }
        let dest = Dest::Remote(Atom::from_static(NAME), name);
        let reference = self.node.monitor(&self.process.entry, dest);
        let from = (self.process.pid().clone(), reference.clone());
        self.send(to, &Term::from((Term::atom("$gen_call"), from, request.clone())));
        self.awaited.insert(reference, Awaited::Answer(call));
    }

    fn unanswered(&mut self, call: u64) {
        self.machine.handle_answer(now(), call, None);
    }

    fn connect(&mut self, at: Atom) {
        let Entry::Vacant(place) = self.connecting.entry(at.clone()) else { return };
        place.insert(VecDeque::new());
        let (node, commander) = (self.node.clone(), self.commander.clone());
        let name = Name::of(|| format!("global connects to {at}"));
        task::spawn(self.node.tasks(), name, async move {
            let connected = match at.as_str().parse() {
                Ok(name) => node.reach(&name).await.is_ok(),
                Err(_) => false,
            };
            // When nobody is left to hear it, there is nobody to be in sync either.
            let _ = commander.send(Command::Connected(at, connected));
        });
    }

    fn resolve(&self, of: Atom, tag: i64, conflicts: Vec<Conflict>) {
        let (node, commander) = (self.node.clone(), self.commander.clone());
        let name = Name::of(|| format!("global resolves with {of}"));
        task::spawn(self.node.tasks(), name, async move {
            let verdicts = resolve(&node, &of, conflicts).await;
            let _ = commander.send(Command::Verdicts(of, tag, verdicts));
        });
    }
}

fn tells_of_loss(message: &Term) -> bool {
    matches!(message.as_tagged(), Some(("lost_connection" | "remove_connection", _)))
}
