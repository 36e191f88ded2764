//! Where lines come from, and output goes: a person at a terminal, whose lines are edited, or a
//! script. Both are read by a thread, one line when one is asked for.

use std::borrow::Cow;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::mpsc as blocking;
use std::time::Duration;

use flitch::NodeName;
use flitch::etf::text::Syntax;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, ExternalPrinter, Helper};
use tokio::sync::mpsc;

use super::chars::tame;
use super::colour::coloured;
use super::complete::Completion;
use super::leader::Line;
use crate::out;

/// How many lines a history keeps.
const HISTORY: usize = 10_000;

/// How long the thread waits for a completion.
const PATIENCE: Duration = Duration::from_secs(3);

/// A terminal or a script.
pub(crate) struct Editor {
    asks: blocking::Sender<String>,
    lines: mpsc::UnboundedReceiver<Line>,
    wishes: mpsc::UnboundedReceiver<Wish>,
    terminal: Option<Screen>,
}

/// How may this go on?
pub(crate) struct Wish {
    pub(crate) line: String,
    pub(crate) answer: blocking::Sender<Completion>,
}

/// What came from the thread.
pub(crate) enum Typed {
    Line(Line),
    Wish(Wish),
}

struct Screen {
    printer: Box<dyn ExternalPrinter + Send>,
    /// The terminal as it was: a line may be under way when we leave.
    saved: Option<Termios>,
    /// Whether the cursor is at the beginning of a line.
    fresh: bool,
}

impl Editor {
    /// Lines from standard input, edited if there is a terminal.
    pub(crate) fn start(history: Option<PathBuf>, syntax: Syntax) -> rustyline::Result<Self> {
        let (asks, asked) = blocking::channel();
        let (line, lines) = mpsc::unbounded_channel();
        let (wish, wishes) = mpsc::unbounded_channel();
        let saved = tcgetattr(std::io::stdin()).ok();
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let terminal = if is_terminal {
            let config = Config::builder()
                .completion_type(CompletionType::List)
                .max_history_size(HISTORY)?
                .history_ignore_space(true)
                .color_mode(if out::colours() { ColorMode::Forced } else { ColorMode::Disabled })
                .build();
            let mut editor = rustyline::Editor::<Asker, FileHistory>::with_config(config)?;
            editor.set_helper(Some(Asker { wish, syntax }));
            if let Some(history) = &history {
                // There is none yet, the first time.
                let _ = editor.load_history(history);
            }
            let printer = Box::new(editor.create_external_printer()?);
            std::thread::spawn(move || edit(&mut editor, history.as_deref(), &asked, &line));
            Some(Screen { printer, saved, fresh: true })
        } else {
            std::thread::spawn(move || read(&asked, &line));
            None
        };
        Ok(Self { asks, lines, wishes, terminal })
    }

    /// Asks for one line.
    pub(crate) fn ask(&mut self, prompt: &str) {
        if self.terminal.as_ref().is_some_and(|screen| !screen.fresh) {
            self.print("\n");
        }
        // A thread that has ended said so by its last line.
        let _ = self.asks.send(tame(prompt));
    }

    /// Prints, above a line that is being typed.
    pub(crate) fn print(&mut self, text: &str) {
        match &mut self.terminal {
            Some(screen) if !text.is_empty() => {
                screen.fresh = text.ends_with('\n');
                let _ = screen.printer.print(tame(text));
            }
            Some(_) => {}
            None => out::stdout(text),
        }
    }

    /// What the thread has to say. Nothing is lost if this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Typed {
        tokio::select! {
            Some(wish) = self.wishes.recv(), if self.terminal.is_some() => Typed::Wish(wish),
            line = self.lines.recv() => Typed::Line(line.unwrap_or(Line::End)),
        }
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> Option<(u16, u16)> {
        self.terminal.as_ref()?;
        let size = tcgetwinsize(std::io::stdout()).ok()?;
        (size.ws_col > 0).then_some((size.ws_col, size.ws_row))
    }

    /// Gives the terminal back as it was, from under a line that is being typed.
    pub(crate) fn leave(&self, typing: bool) {
        let Some(screen) = &self.terminal else { return };
        if let Some(saved) = &screen.saved {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, saved);
        }
        if typing {
            const NO_BRACKETED_PASTE: &str = "\u{1b}[?2004l";
            out::stdout(&format!("{NO_BRACKETED_PASTE}\n"));
        }
    }
}

/// The history of the lines typed for a node: `$XDG_STATE_HOME/flitch/history/NODE`.
pub(crate) fn history_of(node: &NodeName) -> Option<PathBuf> {
    let from = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = from("XDG_STATE_HOME").or_else(|| Some(from("HOME")?.join(".local/state")))?;
    let directory = state.join("flitch/history");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join(node.as_str().replace('/', "_")))
}

/// Edits a line for each prompt.
fn edit(
    editor: &mut rustyline::Editor<Asker, FileHistory>,
    history: Option<&Path>,
    asked: &blocking::Receiver<String>,
    lines: &mpsc::UnboundedSender<Line>,
) {
    while let Ok(prompt) = asked.recv() {
        let line = match editor.readline(&prompt) {
            Ok(text) => {
                let kept = editor.add_history_entry(text.trim_end());
                if let (Ok(true), Some(path)) = (kept, history) {
                    // A line that is not kept is no reason to stop.
                    let _ = editor.append_history(path);
                }
                Line::Text(text + "\n")
            }
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(_) => Line::End,
        };
        let over = line == Line::End;
        if lines.send(line).is_err() || over {
            return;
        }
    }
}

/// Reads a line for each prompt.
fn read(asked: &blocking::Receiver<String>, lines: &mpsc::UnboundedSender<Line>) {
    while asked.recv().is_ok() {
        let mut text = String::new();
        let line = match std::io::stdin().lock().read_line(&mut text) {
            Ok(1..) => Line::Text(text),
            _ => Line::End,
        };
        let over = line == Line::End;
        if lines.send(line).is_err() || over {
            return;
        }
    }
}

/// Asks the session how a line may go on, and shows what it is made of.
struct Asker {
    wish: mpsc::UnboundedSender<Wish>,
    syntax: Syntax,
}

impl Helper for Asker {}
impl Validator for Asker {}

impl Highlighter for Asker {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(coloured(line, self.syntax))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Hinter for Asker {
    type Hint = String;
}

impl Completer for Asker {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (answer, answered) = blocking::channel();
        let line = line.get(..at).unwrap_or_default().to_owned();
        let asked = self.wish.send(Wish { line, answer });
        let found = asked.ok().and_then(|()| answered.recv_timeout(PATIENCE).ok());
        let Completion { next, choices } = found.unwrap_or_default();
        let pairs = match next.as_str() {
            "" => choices
                .into_iter()
                .map(|display| Pair { display, replacement: String::new() })
                .collect(),
            _ => vec![Pair { display: next.clone(), replacement: next }],
        };
        Ok((at, pairs))
    }
}
