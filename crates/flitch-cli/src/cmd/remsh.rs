//! `flitch remsh`: a shell on a node.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use flitch::etf::text::Syntax;
use flitch::{Atom, Pid, Term};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::eval::has_module;
use crate::args::{CommonArgs, Format, RemshArgs};
use crate::client::Client;
use crate::config::Target;
use crate::failure::{Failure, Stage};
use crate::shell::complete::complete;
use crate::shell::editor::{Editor, Typed, history_of};
use crate::shell::leader::Line;
use crate::shell::session::{Event, Session};

/// How long a shell that was told to end may take to do so.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: RemshArgs) -> Result<ExitCode, Failure> {
    let target = Target::resolve(args.target)?;
    let common = CommonArgs { timeout: args.timeout, output: Format::Text };
    let client = Client::open(target, common).await?;
    let is_iex = !args.erlang && has_module(&client, "Elixir.IEx.beam").await?;
    let history = history_of(&client.target).filter(|_| !args.no_history);
    let syntax = if is_iex { Syntax::Elixir } else { Syntax::Erlang };
    let editor = Editor::start(history, syntax)
        .map_err(|error| Failure::new(Stage::Internal, format!("no line editor: {error}")))?;
    let mut shell = Shell {
        session: Session::new(&client.node),
        client: &client,
        editor,
        is_iex,
        typing: false,
        interrupted: false,
        evaluators: Vec::new(),
    };
    let ended = shell.run().await;
    shell.editor.leave(shell.typing);
    ended
}

struct Shell<'a> {
    client: &'a Client,
    session: Session,
    editor: Editor,
    is_iex: bool,
    /// Whether a line is asked for.
    typing: bool,
    /// Whether what runs was interrupted already.
    interrupted: bool,
    /// The processes that run what is typed, linked to ours: the node's shell may not end while
    /// they are at work, and they would outlive our link.
    evaluators: Vec<Pid>,
}

/// What the signals want.
struct Signals {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
    resize: Signal,
}

impl Shell<'_> {
    async fn run(&mut self) -> Result<ExitCode, Failure> {
        let mut signals = Signals::new()
            .map_err(|error| Failure::new(Stage::Internal, format!("no signals: {error}")))?;
        self.session.leader.resize(self.editor.size());
        let spawned = self.start().await?;
        let shell = spawned.pid().clone();
        let mut ended = pin!(spawned.ended());
        let reason = loop {
            tokio::select! {
                biased;
                event = self.session.next() => match event {
                    Event::Print(text) => self.editor.print(&text),
                    Event::Ask(prompt) => {
                        (self.typing, self.interrupted) = (true, false);
                        self.editor.ask(&prompt);
                        if self.evaluators.is_empty() {
                            self.find_evaluators(&shell).await;
                        }
                    }
                    Event::Exit(gone) => self.evaluators.retain(|known| *known != gone),
                    Event::Over => break Term::atom("noconnection"),
                },
                reason = &mut ended => break reason,
                typed = self.editor.next(), if self.typing => match typed {
                    Typed::Line(line) => self.typed(&line),
                    Typed::Wish(wish) => {
                        let (node, target) = (self.client.node.clone(), self.client.target.clone());
                        let of = (self.is_iex, shell.clone());
                        tokio::spawn(async move {
                            let found = complete(node, target, of, wish.line).await;
                            let _ = wish.answer.send(found);
                        });
                    }
                },
                _ = signals.interrupt.recv() => {
                    // What reads a script has no line to clear.
                    if self.interrupted || self.typing {
                        break Term::atom("interrupt");
                    }
                    self.interrupted = true;
                    self.session.inbox.exit(&shell, Term::atom("interrupt"));
                }
                _ = signals.resize.recv() => self.session.leader.resize(self.editor.size()),
                _ = signals.hangup.recv() => break Term::atom("hangup"),
                _ = signals.terminate.recv() => break Term::atom("terminate"),
            }
        };
        if !reason.is_atom("noconnection") {
            if self.interrupted {
                // Killed now, it might leave an evaluator that it has just begun. On its own it ends
                // with that one, for there is nobody to read from.
                self.session.inbox.unlink(&shell);
            } else {
                self.evaluators.push(shell);
            }
            for pid in self.evaluators.drain(..) {
                self.session.inbox.exit(&pid, Term::atom("kill"));
            }
            let gone = self.client.node.flushed(&self.client.target);
            let _ = tokio::time::timeout(FAREWELL, gone).await;
        }
        self.outcome(&reason)
    }

    /// Starts the node's shell with our process as its group leader.
    async fn start(&mut self) -> Result<flitch::Spawned, Failure> {
        let Client { node, target, .. } = self.client;
        let (module, function, arguments) = if self.is_iex {
            let app = [Term::atom("iex")];
            let started: Result<Term, _> = node
                .rpc(target, "application", "ensure_all_started", &app, self.client.left())
                .await;
            started.map_err(|error| self.no_shell(&error))?;
            self.session.leader.give_binaries();
            let option = |name, value| Term::from((Term::atom(name), Term::atom(value)));
            // Without the first, the end of our input would halt the node.
            let options = vec![option("on_eof", "stop_evaluator"), option("register", "true")];
            ("Elixir.IEx.Server", "run", vec![Term::from(options)])
        } else {
            ("shell", "server", vec![Term::atom("false"), Term::atom("false")])
        };
        let left = self.client.left();
        let spawned = self.session.inbox.spawn_link_on(target, module, function, &arguments, left);
        spawned.await.map_err(|error| self.no_shell(&error))
    }

    fn no_shell(&self, error: &flitch::RpcError) -> Failure {
        let target = &self.client.target;
        Failure::new(Stage::Call, format!("{target} does not start a shell: {error}"))
    }

    fn typed(&mut self, line: &Line) {
        self.typing = false;
        // While a line is typed the editor alone hears of a new size.
        self.session.leader.resize(self.editor.size());
        self.session.line(line);
    }

    /// Links to who runs what is typed.
    async fn find_evaluators(&mut self, shell: &Pid) {
        // What an Erlang shell remembers of results is in its dictionary too.
        let item = if self.is_iex { "dictionary" } else { "links" };
        let arguments = [shell.clone().into(), Term::atom(item)];
        let Client { node, target, .. } = self.client;
        let info: Result<Term, _> =
            node.rpc(target, "erlang", "process_info", &arguments, FAREWELL).await;
        let Ok(info) = info else { return };
        let Some([_, found]) = info.as_tuple() else { return };
        let found = found.as_list().unwrap_or_default().iter().filter_map(|item| {
            let pid = match item.as_tuple() {
                Some([name, pid]) if name.is_atom("evaluator") => pid,
                Some(_) => return None,
                None => item,
            };
            pid.as_pid().filter(|pid| pid.node == shell.node).cloned()
        });
        self.evaluators = found.collect();
        for pid in &self.evaluators {
            self.session.inbox.link(pid);
        }
    }

    fn outcome(&self, reason: &Term) -> Result<ExitCode, Failure> {
        let target = &self.client.target;
        match reason.as_atom().map(Atom::as_str) {
            Some("noconnection") => Err(Failure::no_connection(
                Stage::Call,
                format!("the connection to {target} was lost, and the shell with it"),
            )),
            // As a shell tells of a program that a signal ended.
            Some("interrupt") => Ok(ExitCode::from(130)),
            Some("hangup") => Ok(ExitCode::from(129)),
            Some("terminate") => Ok(ExitCode::from(143)),
            Some("normal" | "terminated" | "shutdown" | "killed") => Ok(ExitCode::SUCCESS),
            _ => Err(Failure::new(
                Stage::Call,
                format!(
                    "the shell on {target} ended: {}",
                    crate::out::text::harmless(&format!("{reason:?}"))
                ),
            )),
        }
    }
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            resize: signal(SignalKind::window_change())?,
        })
    }
}
