//! A group leader without a socket, a clock or a terminal: requests and lines in, [`Effect`]s out.
//!
//! What only the node itself can do, such as reading a term or formatting one, it is asked to do
//! ([`Effect::Call`]): nothing of Erlang's or Elixir's syntax is known here.
//!
//! Drive it by [`Leader::request`], [`Leader::line`] and [`Leader::called`], and take
//! [`Leader::effect`] after each until there is none. Source: stdlib, "The Erlang I/O Protocol".

use std::collections::{HashMap, VecDeque};

use flitch::{Atom, Pid, Term};

use super::chars;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Text for the screen.
    Print(String),
    /// One line is wanted, by [`Leader::line`].
    Ask { prompt: String },
    /// A function of the node is to be called, for [`Leader::called`].
    Call { id: u64, node: Atom, module: Atom, function: Atom, arguments: Vec<Term> },
    /// An answer.
    Reply { to: Pid, message: Term },
}

/// What there was to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Lines, each with its end.
    Text(String),
    /// The input is over.
    End,
    /// The reader was interrupted.
    Interrupted,
}

/// The state of a group leader.
#[derive(Default)]
pub(crate) struct Leader {
    /// Whether readers want binaries.
    binary: bool,
    /// Columns and rows, if there is a terminal.
    size: Option<(u16, u16)>,
    /// What was typed and not read yet.
    buffer: String,
    /// Whether nothing more will be typed.
    over: bool,
    /// Jobs that wait for a call.
    calling: HashMap<u64, Job>,
    /// The job that reads, if it waits for a line.
    reading: Option<Job>,
    /// Whether a job reads: it may wait for a call as well.
    busy: bool,
    queue: VecDeque<Job>,
    last_id: u64,
    effects: VecDeque<Effect>,
}

/// A request under way.
struct Job {
    from: Pid,
    reply_as: Term,
    /// What is still to be done, last first.
    work: Vec<Term>,
    /// The answer so far.
    last: Term,
    stage: Stage,
}

enum Stage {
    /// Between two of its requests.
    Between,
    /// The node formats what is to be printed.
    Formatting,
    /// The node formats the prompt.
    Prompting(Want),
    /// It reads.
    Reading { want: Want, prompt: String, so_far: Term },
}

/// What is to be read.
enum Want {
    Line,
    Chars(usize),
    /// As much as this function takes.
    Until {
        module: Term,
        function: Term,
        arguments: Vec<Term>,
    },
}

impl Leader {
    /// A request has come: `{io_request, From, ReplyAs, Request}`. All else is nothing.
    pub(crate) fn request(&mut self, message: &Term) {
        let Some([tag, Term::Pid(from), reply_as, request]) = message.as_tuple() else { return };
        if tag.is_atom("io_request") {
            self.run(Job {
                from: from.as_ref().clone(),
                reply_as: reply_as.clone(),
                work: vec![request.clone()],
                last: Term::atom("ok"),
                stage: Stage::Between,
            });
        }
    }

    /// What was asked for by [`Effect::Ask`].
    pub(crate) fn line(&mut self, line: &Line) {
        match line {
            Line::Text(text) => self.buffer.push_str(text),
            Line::End => self.over = true,
            Line::Interrupted => self.buffer.clear(),
        }
        let Some(job) = self.reading.take() else { return };
        match line {
            Line::Interrupted => self.read_done(job, error("interrupted")),
            _ => self.feed(job),
        }
    }

    /// What came of [`Effect::Call`]; nothing, if it failed.
    pub(crate) fn called(&mut self, id: u64, result: Option<Term>) {
        let Some(mut job) = self.calling.remove(&id) else { return };
        match std::mem::replace(&mut job.stage, Stage::Between) {
            Stage::Between => {}
            Stage::Formatting => {
                job.last = self.print(result.as_ref());
                self.run(job);
            }
            Stage::Prompting(want) => {
                let prompt = result.as_ref().and_then(chars::text).unwrap_or_default();
                self.begin_reading(job, want, prompt);
            }
            Stage::Reading { want, prompt, .. } => match result {
                None => self.read_done(job, error("get_until")),
                Some(result) => match result.as_tuple() {
                    Some([done, value, rest]) if done.is_atom("done") => {
                        let rest = chars::text(rest).unwrap_or_default();
                        self.buffer.insert_str(0, &rest);
                        let value = self.as_wanted(value);
                        self.read_done(job, value);
                    }
                    Some([more, so_far]) if more.is_atom("more") => {
                        let so_far = so_far.clone();
                        job.stage = Stage::Reading { want, prompt, so_far };
                        self.feed(job);
                    }
                    _ => self.read_done(job, error("get_until")),
                },
            },
        }
    }

    /// The next thing to do.
    pub(crate) fn effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Gives readers binaries from the beginning, as IEx expects of its terminal.
    pub(crate) fn give_binaries(&mut self) {
        self.binary = true;
    }

    /// The terminal's columns and rows.
    pub(crate) fn resize(&mut self, size: Option<(u16, u16)>) {
        self.size = size;
    }

    /// Goes on with a job up to where it has to wait, or to its end.
    fn run(&mut self, mut job: Job) {
        while !is_error(&job.last) {
            let Some(request) = job.work.pop() else { break };
            let parts = request.as_tuple().unwrap_or_default();
            let name = match &request {
                Term::Atom(name) => name.as_str(),
                _ => parts.first().and_then(Term::as_atom).map(Atom::as_str).unwrap_or_default(),
            };
            job.last = match (name, parts) {
                ("requests", [_, requests]) => {
                    let requests = requests.as_list().unwrap_or_default().iter();
                    job.work.extend(requests.rev().cloned());
                    continue;
                }
                ("put_chars", [_, data] | [_, _, data]) => self.print(Some(data)),
                ("put_chars", [_, _, module, function, arguments]) => {
                    job.stage = Stage::Formatting;
                    return self.call(job, module, function, arguments);
                }
                ("getopts", _) => self.options(),
                ("setopts", [_, options]) => {
                    self.set(options);
                    Term::atom("ok")
                }
                ("get_geometry", [_, what]) => self.geometry(what),
                _ => match want(name, parts) {
                    Some((want, prompt)) => return self.prompt(job, want, prompt),
                    None => error("request"),
                },
            };
        }
        let message = Term::from((Term::atom("io_reply"), job.reply_as, job.last));
        self.effects.push_back(Effect::Reply { to: job.from, message });
    }

    fn call(&mut self, mut job: Job, module: &Term, function: &Term, arguments: &Term) {
        let named = (module.as_atom(), function.as_atom(), arguments.as_list());
        let (Some(module), Some(function), Some(arguments)) = named else {
            (job.last, job.stage) = (error("request"), Stage::Between);
            return self.run(job);
        };
        self.last_id += 1;
        self.effects.push_back(Effect::Call {
            id: self.last_id,
            node: job.from.node.clone(),
            module: module.clone(),
            function: function.clone(),
            arguments: arguments.to_vec(),
        });
        self.calling.insert(self.last_id, job);
    }

    fn print(&mut self, data: Option<&Term>) -> Term {
        match data.and_then(chars::text) {
            Some(text) => {
                self.effects.push_back(Effect::Print(text));
                Term::atom("ok")
            }
            None => error("put_chars"),
        }
    }

    /// A prompt is text, an atom, or what is to be formatted.
    fn prompt(&mut self, mut job: Job, want: Want, prompt: &Term) {
        let text = match prompt {
            Term::Atom(name) => Some(name.as_str().to_owned()),
            prompt => chars::text(prompt),
        };
        match (text, prompt.as_tuple()) {
            (Some(text), _) => self.begin_reading(job, want, text),
            (None, Some([_, format, arguments])) => {
                job.stage = Stage::Prompting(want);
                let arguments = Term::from(vec![format.clone(), arguments.clone()]);
                self.call(job, &Term::atom("io_lib"), &Term::atom("format"), &arguments);
            }
            (None, _) => self.begin_reading(job, want, String::new()),
        }
    }

    fn begin_reading(&mut self, mut job: Job, want: Want, prompt: String) {
        job.stage = Stage::Reading { want, prompt, so_far: Term::empty_list() };
        if self.busy {
            self.queue.push_back(job);
        } else {
            self.busy = true;
            self.feed(job);
        }
    }

    /// Gives the job that reads what there is, or asks for more.
    fn feed(&mut self, job: Job) {
        let Stage::Reading { want, prompt, so_far } = &job.stage else { return };
        let line =
            match want {
                Want::Chars(count) => match self.buffer.char_indices().nth(*count) {
                    Some((at, _)) => Some(at),
                    None if self.buffer.chars().count() == *count || self.over => {
                        Some(self.buffer.len())
                    }
                    None => None,
                },
                _ => self.buffer.find('\n').map(|at| at + 1).or_else(|| {
                    (self.over && !self.buffer.is_empty()).then_some(self.buffer.len())
                }),
            };
        let line: Option<String> = line.map(|end| self.buffer.drain(..end).collect());
        match (line.filter(|line| !line.is_empty()), want) {
            (Some(line), Want::Until { module, function, arguments }) => {
                let first = [so_far.clone(), chars::charlist(&line)];
                let arguments = Term::from([&first, arguments.as_slice()].concat());
                let (module, function) = (module.clone(), function.clone());
                self.call(job, &module, &function, &arguments);
            }
            (Some(line), _) => {
                let line = self.term(&line);
                self.read_done(job, line);
            }
            // At the end of its input an Erlang shell would halt its node.
            (None, Want::Until { module, .. }) if self.over && module.is_atom("erl_scan") => {
                self.read_done(job, error("terminated"));
            }
            (None, _) if self.over => self.read_done(job, Term::atom("eof")),
            (None, _) => {
                self.effects.push_back(Effect::Ask { prompt: prompt.clone() });
                self.reading = Some(job);
            }
        }
    }

    fn read_done(&mut self, mut job: Job, answer: Term) {
        (job.last, job.stage) = (answer, Stage::Between);
        self.busy = false;
        self.run(job);
        if !self.busy
            && let Some(next) = self.queue.pop_front()
        {
            self.busy = true;
            self.feed(next);
        }
    }

    fn term(&self, text: &str) -> Term {
        if self.binary { Term::from(text) } else { chars::charlist(text) }
    }

    /// A text that was read, as readers want it; any other term as it is.
    fn as_wanted(&self, value: &Term) -> Term {
        match chars::text(value).filter(|_| self.binary && value.as_list().is_some()) {
            Some(text) => Term::from(text.as_str()),
            None => value.clone(),
        }
    }

    fn options(&self) -> Term {
        let pair = |name, value: Term| Term::from((Term::atom(name), value));
        let is = |value| Term::atom(if value { "true" } else { "false" });
        Term::from(vec![
            pair("expand_fun", is(false)),
            pair("echo", is(true)),
            pair("binary", is(self.binary)),
            pair("encoding", Term::atom("unicode")),
        ])
    }

    fn set(&mut self, options: &Term) {
        for option in options.as_list().unwrap_or_default() {
            match option.as_tuple() {
                Some([name, value]) if name.is_atom("binary") => {
                    self.binary = value.is_atom("true");
                }
                None if option.is_atom("binary") => self.binary = true,
                None if option.is_atom("list") => self.binary = false,
                _ => {}
            }
        }
    }

    fn geometry(&self, what: &Term) -> Term {
        match self.size {
            Some((columns, _)) if what.is_atom("columns") => Term::from(columns),
            Some((_, rows)) if what.is_atom("rows") => Term::from(rows),
            _ => error("enotsup"),
        }
    }
}

/// What a request wants to read, and its prompt. Without an encoding it is an older one.
fn want<'a>(name: &str, parts: &'a [Term]) -> Option<(Want, &'a Term)> {
    let count = |count: &Term| usize::try_from(count.as_integer()?).ok();
    match (name, parts) {
        ("get_line", [_, prompt] | [_, _, prompt]) => Some((Want::Line, prompt)),
        ("get_chars", [_, prompt, number] | [_, _, prompt, number]) => {
            Some((Want::Chars(count(number)?), prompt))
        }
        ("get_until", [_, prompt, module, function, arguments])
        | ("get_until", [_, _, prompt, module, function, arguments]) => {
            let arguments = arguments.as_list()?.to_vec();
            let (module, function) = (module.clone(), function.clone());
            Some((Want::Until { module, function, arguments }, prompt))
        }
        _ => None,
    }
}

fn error(what: &'static str) -> Term {
    Term::from((Term::atom("error"), Term::atom(what)))
}

fn is_error(reply: &Term) -> bool {
    matches!(reply.as_tuple(), Some([tag, _]) if tag.is_atom("error"))
}

#[cfg(test)]
mod tests;
