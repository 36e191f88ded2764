//! A terminal with a real `iex` in it: typed into and read as a person would.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::Pty;
use rustix::process::Signal;

use crate::child::Child;
use crate::cluster::Cluster;
use crate::log::Log;
use crate::{SOON, stock};

/// A program in a terminal of 200 lines by 160 columns, which is enough never to scroll.
pub struct Terminal {
    keyboard: Arc<Pty>,
    screen: Arc<Screen>,
    child: Child,
}

struct Screen {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
}

impl Terminal {
    const ROWS: NonZeroU16 = NonZeroU16::new(200).unwrap();
    const COLUMNS: NonZeroU16 = NonZeroU16::new(160).unwrap();

    /// Starts `command` in a new terminal.
    ///
    /// # Panics
    /// If there is no terminal to have, or the program does not start.
    #[must_use]
    #[track_caller]
    pub fn start(command: Command, title: &str) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo terminal");
        let size = Size::new(Self::ROWS.get(), Self::COLUMNS.get());
        pty.resize(size).expect("a terminal of that size");
        let process = pty_process::blocking::Command::from(command)
            .spawn(pts)
            .unwrap_or_else(|error| panic!("{title} does not start in a terminal: {error}"));
        let parser = Mutex::new(vt100::Parser::new(Self::ROWS, Self::COLUMNS, 0));
        let screen = Arc::new(Screen { parser, changed: Condvar::new() });
        let keyboard = Arc::new(pty);
        let (pty, shown) = (Arc::clone(&keyboard), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Reading fails when the program has ended and nobody holds the terminal.
            while let Ok(count @ 1..) = (&*pty).read(&mut bytes) {
                shown.with(|parser| parser.process(&bytes[..count]));
                shown.changed.notify_all();
            }
        });
        // The screen stands in for a log of lines.
        let child = Child::adopt(process, Arc::new(Log::default()), title);
        Self { keyboard, screen, child }
    }

    /// Types the text, as it stands.
    ///
    /// # Panics
    /// If the program has ended.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        (&*self.keyboard).write_all(text.as_bytes()).expect("a program that reads its keyboard");
    }

    /// Sends the program a signal, such as the kernel does when its window is closed.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Makes it this many columns wide.
    ///
    /// # Panics
    /// If the program has ended.
    #[track_caller]
    pub fn resize(&self, columns: u16) {
        let size = Size::new(Self::ROWS.get(), columns);
        self.keyboard.resize(size).expect("a terminal of that size");
    }

    /// Whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.wait(Duration::ZERO).is_some()
    }

    /// Waits for the end of the program, and gives its exit status.
    ///
    /// # Panics
    /// If it does not end within 30 seconds.
    #[track_caller]
    pub fn finish(mut self) -> Option<i32> {
        let ended = self.child.wait(SOON);
        ended.expect("a program that has ended").code()
    }

    /// What is on the screen, without the empty lines at its end.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen.with(|parser| parser.screen().contents()).trim_end().to_owned()
    }

    /// Waits until `find` sees what it looks for on the screen.
    ///
    /// # Panics
    /// If it does not within the time; `what` was awaited, and the screen, are shown.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        let mut parser = self.screen.parser.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let contents = parser.screen().contents();
            if let Some(found) = find(contents.trim_end()) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "after {within:?} still not: {what}");
            let woken = self.screen.changed.wait_timeout(parser, left);
            parser = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the screen ----\n{}\n--------", self.screen());
        }
    }
}

impl Screen {
    fn with<T>(&self, use_it: impl FnOnce(&mut vt100::Parser) -> T) -> T {
        use_it(&mut self.parser.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A real `iex` with a node name, at its prompt.
pub struct Iex {
    terminal: Terminal,
    name: String,
    asked: usize,
}

impl Iex {
    pub(crate) fn start(cluster: &Cluster, base: &str) -> Self {
        let name = cluster.name(base);
        let mut command = stock::command("iex");
        cluster.enter(&mut command).env("TERM", "xterm");
        command.args(["--name", &name, "--cookie", cluster.cookie()]);
        command.args(["--erl", "-start_epmd false"]);
        let iex = Self { terminal: Terminal::start(command, "iex"), name, asked: 0 };
        iex.answer();
        iex
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The terminal it runs in.
    #[must_use]
    pub fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Types one line and Enter, waits for the next prompt, and gives what came in between.
    ///
    /// # Panics
    /// If the prompt does not come back within 30 seconds.
    #[track_caller]
    pub fn ask(&mut self, input: &str) -> String {
        self.terminal.type_text(&format!("{input}\n"));
        self.asked += 1;
        let shown = self.answer();
        shown.trim_start().strip_prefix(input).unwrap_or(&shown).trim().to_owned()
    }

    /// What stands between the last two prompts, once as many are there as lines were typed, and
    /// one more. Their numbers do not tell: an exception repeats one.
    #[track_caller]
    fn answer(&self) -> String {
        let prompt = format!("iex({})", self.name);
        self.terminal.wait_for(&format!("prompt {} of {prompt}", self.asked + 1), SOON, |screen| {
            let parts: Vec<_> = screen.split(&prompt).collect();
            let whole = parts.last()?.strip_suffix('>').is_some_and(is_number);
            (whole && parts.len() == self.asked + 2).then(|| {
                let answer = parts.get(self.asked).copied().unwrap_or_default();
                answer.split_once('>').map_or(answer, |(_, answer)| answer).to_owned()
            })
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
