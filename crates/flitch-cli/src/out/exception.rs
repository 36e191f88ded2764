//! What a function on another node raised, written as its own shell would write it.
//!
//! Nobody is asked for that: Erlang's reasons get the names that Elixir has for them here, and a
//! stack is printed from its terms. Source: `Exception` of Elixir, and `erl_error` of stdlib.

use std::fmt::Write;

use flitch::etf::text::{Syntax, Text, elixir_atom, erlang_atom};
use flitch::{Atom, Term};

use super::text::harmless;

/// Something raised, exited or thrown.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    /// `error`, `exit` or `throw`.
    pub(crate) kind: &'static str,
    /// `** (ArgumentError) argument error (:badarg)`
    pub(crate) banner: String,
    /// The frames, innermost first: `lib/desk.ex:7: Shop.Desk.find/1`.
    pub(crate) stack: Vec<String>,
    /// What was raised.
    pub(crate) reason: Term,
}

impl Exception {
    /// What `error/1` or `raise` raised, and where.
    pub(crate) fn error(reason: Term, stack: &Term, syntax: Syntax) -> Self {
        let banner = match syntax {
            Syntax::Elixir => format!("** {}", elixir_error(&reason, stack)),
            Syntax::Erlang => format!("** exception error: {}", shown(syntax, &reason)),
        };
        Self { kind: "error", banner, stack: frames(stack, syntax), reason }
    }

    /// What a process exited with. Where a process crashed, that is what was raised in it.
    pub(crate) fn exit(reason: Term, syntax: Syntax) -> Self {
        let (banner, stack) = match syntax {
            Syntax::Elixir => {
                // A call of theirs that failed: what failed, and why.
                let (place, inner) = match reason.as_tuple() {
                    Some([inner, call]) => match failed_call(call) {
                        Some(call) => (format!("exited in: {call}: ** (EXIT) "), inner),
                        None => (String::new(), &reason),
                    },
                    _ => (String::new(), &reason),
                };
                let (text, stack) = match crash(inner) {
                    Some((raised, stack)) => {
                        let raised = elixir_error(raised, stack);
                        (format!("an exception was raised: ** {raised}"), frames(stack, syntax))
                    }
                    None => (shown(syntax, inner), Vec::new()),
                };
                (format!("** (exit) {place}{text}"), stack)
            }
            Syntax::Erlang => {
                let (raised, stack) = match crash(&reason) {
                    Some((raised, stack)) => (raised, frames(stack, syntax)),
                    None => (&reason, Vec::new()),
                };
                (format!("** exception exit: {}", shown(syntax, raised)), stack)
            }
        };
        Self { kind: "exit", banner, stack, reason }
    }

    /// What a function threw.
    pub(crate) fn throw(value: Term, syntax: Syntax) -> Self {
        let banner = match syntax {
            Syntax::Elixir => format!("** (throw) {}", shown(syntax, &value)),
            Syntax::Erlang => format!("** exception throw: {}", shown(syntax, &value)),
        };
        Self { kind: "throw", banner, stack: Vec::new(), reason: value }
    }
}

/// How much of an argument is shown.
const SHOWN: usize = 50;

fn shown(syntax: Syntax, term: &Term) -> String {
    Text::new(syntax, term).limit(SHOWN).unicode().to_string()
}

/// `(RuntimeError) no such shelf`
fn elixir_error(reason: &Term, stack: &Term) -> String {
    if let Some(exception) = elixir_exception(reason) {
        return exception;
    }
    let show = |term: &Term| shown(Syntax::Elixir, term);
    let top = || stack.as_list().and_then(<[Term]>::first).and_then(Frame::of);
    let function = || top().map_or_else(|| "it".to_owned(), |frame| frame.function(Syntax::Elixir));
    match (reason.as_atom().map(Atom::as_str), reason.as_tuple()) {
        (Some("badarg"), _) => "(ArgumentError) argument error (:badarg)".to_owned(),
        (Some("badarith"), _) => {
            "(ArithmeticError) bad argument in arithmetic expression (:badarith)".to_owned()
        }
        (Some("undef"), _) => {
            format!("(UndefinedFunctionError) function {} is undefined (:undef)", function())
        }
        (Some("function_clause"), _) => format!(
            "(FunctionClauseError) no function clause matching in {} (:function_clause)",
            function()
        ),
        (Some("system_limit"), _) => {
            "(SystemLimitError) a system limit has been reached (:system_limit)".to_owned()
        }
        (_, Some([kind, value, ..])) => match kind.as_atom().map(Atom::as_str) {
            Some("badmatch") => {
                format!("(MatchError) no match of right hand side value: {}", show(value))
            }
            Some("case_clause") => {
                format!("(CaseClauseError) no case clause matching: {}", show(value))
            }
            Some("try_clause") => {
                format!("(TryClauseError) no try clause matching: {}", show(value))
            }
            Some("badkey") => format!("(KeyError) key {} not found", show(value)),
            Some("badmap") => format!("(BadMapError) expected a map, got: {}", show(value)),
            Some("badfun") => {
                format!("(BadFunctionError) expected a function, got: {}", show(value))
            }
            _ => format!("(ErlangError) Erlang error: {}", show(reason)),
        },
        _ => format!("(ErlangError) Erlang error: {}", show(reason)),
    }
}

/// An exception struct of Elixir. Its text is known here if it is a plain field; otherwise the
/// struct is shown, because only its own module can turn it into a text.
fn elixir_exception(reason: &Term) -> Option<String> {
    let map = reason.as_map()?;
    map.get_atom("__exception__").filter(|is| is.is_atom("true"))?;
    let name = harmless(map.struct_name()?);
    let message = match map.get_atom("message").and_then(Term::as_str) {
        Some(message) => harmless(message),
        None => shown(Syntax::Elixir, reason),
    };
    Some(format!("({name}) {message}"))
}

/// `{Reason, Stack}`, as a process that crashed exits.
fn crash(reason: &Term) -> Option<(&Term, &Term)> {
    let [raised, stack] = reason.as_tuple()? else { return None };
    let frames = stack.as_list().filter(|frames| !frames.is_empty())?;
    frames.iter().all(|frame| Frame::of(frame).is_some()).then_some((raised, stack))
}

/// `{'Elixir.GenServer', call, [desk, ping, 5000]}` as `GenServer.call(:desk, :ping, 5000)`.
fn failed_call(term: &Term) -> Option<String> {
    match term.as_tuple()? {
        [module, function, arguments] => {
            let callee = callee(Syntax::Elixir, module.as_atom()?, function.as_atom()?);
            Some(format!("{callee}({})", listed(Syntax::Elixir, arguments.as_list()?)))
        }
        _ => None,
    }
}

fn listed(syntax: Syntax, arguments: &[Term]) -> String {
    let arguments: Vec<_> = arguments.iter().map(|argument| shown(syntax, argument)).collect();
    arguments.join(", ")
}

/// The frames of a stack, innermost first.
pub(crate) fn frames(stack: &Term, syntax: Syntax) -> Vec<String> {
    let frames = stack.as_list().unwrap_or_default().iter();
    frames.filter_map(|frame| Some(Frame::of(frame)?.line(syntax))).collect()
}

/// `{Module, Function, Arity | Arguments, Location}`, or `{Fun, Arity | Arguments, Location}`.
struct Frame<'a> {
    callee: Callee<'a>,
    arguments: &'a Term,
    location: &'a [Term],
}

enum Callee<'a> {
    Named(&'a Atom, &'a Atom),
    Fun(&'a Term),
}

impl<'a> Frame<'a> {
    fn of(term: &'a Term) -> Option<Self> {
        let (callee, arguments, location) = match term.as_tuple()? {
            [module, function, arguments, location] => {
                (Callee::Named(module.as_atom()?, function.as_atom()?), arguments, location)
            }
            [fun @ (Term::Fun(_) | Term::Export(_)), arguments, location] => {
                (Callee::Fun(fun), arguments, location)
            }
            _ => return None,
        };
        let countable = arguments.as_integer().is_some() || arguments.as_list().is_some();
        countable.then_some(Self { callee, arguments, location: location.as_list()? })
    }

    /// `lib/desk.ex:7: Shop.Desk.find/1`
    fn line(&self, syntax: Syntax) -> String {
        let call = match self.arguments.as_list() {
            Some(arguments) => format!("{}({})", self.callee(syntax), listed(syntax, arguments)),
            None => self.function(syntax),
        };
        let place = self.place().unwrap_or_default();
        match syntax {
            Syntax::Elixir => place + &call,
            Syntax::Erlang => call + &place_in_erlang(&place),
        }
    }

    /// `Shop.Desk.find/1`
    fn function(&self, syntax: Syntax) -> String {
        let arity = match self.arguments.as_list() {
            Some(arguments) => i64::try_from(arguments.len()).unwrap_or(i64::MAX),
            None => self.arguments.as_integer().unwrap_or_default(),
        };
        format!("{}/{arity}", self.callee(syntax))
    }

    fn callee(&self, syntax: Syntax) -> String {
        match self.callee {
            Callee::Named(module, function) => callee(syntax, module, function),
            Callee::Fun(fun) => shown(syntax, fun),
        }
    }

    /// `lib/desk.ex:7: `
    fn place(&self) -> Option<String> {
        let value = |key: &str| {
            self.location.iter().find_map(|pair| match pair.as_tuple()? {
                [name, value] if name.is_atom(key) => Some(value),
                _ => None,
            })
        };
        let file = charlist(value("file")?)?;
        let mut place = harmless(&file);
        if let Some(line) = value("line").and_then(Term::as_integer) {
            let _ = write!(place, ":{line}");
        }
        Some(place + ": ")
    }
}

/// ` (lists.erl, line 7)`, the way Erlang's shell shows a place.
fn place_in_erlang(place: &str) -> String {
    let place = place.trim_end_matches(": ");
    match place.rsplit_once(':') {
        Some((file, line)) => format!(" ({file}, line {line})"),
        None if place.is_empty() => String::new(),
        None => format!(" ({place})"),
    }
}

fn charlist(term: &Term) -> Option<String> {
    let codes = term.as_list()?.iter();
    codes.map(|code| u32::try_from(code).ok().and_then(char::from_u32)).collect()
}

/// `Shop.Desk.find`, `:lists.map`, `lists:map`.
pub(crate) fn callee(syntax: Syntax, module: &Atom, function: &Atom) -> String {
    match syntax {
        Syntax::Elixir => {
            let function = elixir_atom(function).to_string();
            let function = function.strip_prefix(':').unwrap_or(&function);
            format!("{}.{function}", elixir_atom(module))
        }
        Syntax::Erlang => format!("{}:{}", erlang_atom(module), erlang_atom(function)),
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;

    fn term(text: &str) -> Term {
        parse(Syntax::Elixir, text).unwrap()
    }

    /// As `String.to_integer("x")` raises it on OTP 25 with Elixir 1.14.
    const STACK: &str = r#"[
        {:erlang, :binary_to_integer, ["x"], [error_info: %{module: :erl_erts_errors}]},
        {String, :to_integer, 1, [file: 'lib/string.ex', line: 2413]},
        {Shop, :"-find/1-fun-0-", 1, [file: 'lib/shop.ex']},
        {Shop, :find?, 1, []}
    ]"#;

    #[test]
    fn a_stack_reads_as_elixir_prints_it() {
        let exception = Exception::error(Term::atom("badarg"), &term(STACK), Syntax::Elixir);
        assert_eq!(exception.banner, "** (ArgumentError) argument error (:badarg)");
        assert_eq!(
            exception.stack,
            [
                ":erlang.binary_to_integer(\"x\")",
                "lib/string.ex:2413: String.to_integer/1",
                "lib/shop.ex: Shop.\"-find/1-fun-0-\"/1",
                "Shop.find?/1",
            ]
        );
    }

    #[test]
    fn a_stack_reads_as_erlang_prints_it() {
        let exception = Exception::error(Term::atom("badarg"), &term(STACK), Syntax::Erlang);
        assert_eq!(exception.banner, "** exception error: badarg");
        assert_eq!(exception.stack[0], "erlang:binary_to_integer(<<\"x\">>)");
        assert_eq!(exception.stack[1], "'Elixir.String':to_integer/1 (lib/string.ex, line 2413)");
    }

    #[test]
    fn erlangs_reasons_have_elixirs_names() {
        let banner = |reason: &str, stack: &str| {
            Exception::error(term(reason), &term(stack), Syntax::Elixir).banner
        };
        let undefined = banner(":undef", "[{NoSuch, :function, [1, 2], []}]");
        assert_eq!(
            undefined,
            "** (UndefinedFunctionError) function NoSuch.function/2 is undefined (:undef)"
        );
        for (reason, expected) in [
            (":badarith", "(ArithmeticError)"),
            (":function_clause", "(FunctionClauseError)"),
            ("{:badmatch, 1}", "(MatchError) no match of right hand side value: 1"),
            ("{:case_clause, :a}", "(CaseClauseError) no case clause matching: :a"),
            ("{:badkey, :a, %{}}", "(KeyError) key :a not found"),
            ("{:badmap, 1}", "(BadMapError)"),
            (":anything", "(ErlangError) Erlang error: :anything"),
            ("{1, 2}", "(ErlangError) Erlang error: {1, 2}"),
        ] {
            let banner = banner(reason, "[]");
            assert!(banner.starts_with(&format!("** {expected}")), "{banner}");
        }
    }

    #[test]
    fn an_exception_of_elixir_says_its_message_if_it_has_one() {
        let raised = |text: &str| Exception::error(term(text), &term("[]"), Syntax::Elixir).banner;
        assert_eq!(
            raised("%RuntimeError{__exception__: true, message: \"no such shelf\"}"),
            "** (RuntimeError) no such shelf"
        );
        let without = raised("%KeyError{__exception__: true, key: :a, message: nil, term: %{}}");
        assert!(without.starts_with("** (KeyError) %KeyError{"), "{without}");
        assert!(raised("%Shop.Item{message: \"no\"}").contains("ErlangError"));
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let raised = term("%RuntimeError{__exception__: true, message: \"a\\e[2Jb\"}");
        let banner = Exception::error(raised, &term("[]"), Syntax::Elixir).banner;
        assert_eq!(banner, "** (RuntimeError) a\\u{1b}[2Jb");
    }

    #[test]
    fn a_crash_is_told_from_a_plain_exit() {
        let crash = format!("{{%RuntimeError{{__exception__: true, message: \"no\"}}, {STACK}}}");
        let crash = Exception::exit(term(&crash), Syntax::Elixir);
        assert_eq!(crash.banner, "** (exit) an exception was raised: ** (RuntimeError) no");
        assert_eq!(crash.stack.len(), 4);
        for plain in ["{:shutdown, [1]}", "{:shutdown, []}"] {
            let exit = Exception::exit(term(plain), Syntax::Elixir);
            assert_eq!(exit.banner, format!("** (exit) {plain}"));
            assert!(exit.stack.is_empty());
        }
        let thrown = Exception::throw(Term::atom("ball"), Syntax::Erlang);
        assert_eq!(thrown.banner, "** exception throw: ball");
    }

    #[test]
    fn an_exit_out_of_a_call_of_theirs_names_the_call() {
        let call = "{GenServer, :call, [:desk, :ping, 5000]}";
        let exit = |reason: &str| Exception::exit(term(reason), Syntax::Elixir);
        assert_eq!(
            exit(&format!("{{:noproc, {call}}}")).banner,
            "** (exit) exited in: GenServer.call(:desk, :ping, 5000): ** (EXIT) :noproc"
        );
        let crash = exit(&format!("{{{{:badarith, {STACK}}}, {call}}}"));
        assert!(crash.banner.contains("(EXIT) an exception was raised: ** (ArithmeticError)"));
        assert_eq!(crash.stack.len(), 4);
    }

    #[test]
    fn a_stack_that_is_none_is_left_out() {
        for stack in [":none", "[1, 2]", "[{:a, 1}]", "[{A, :b, :c, []}]", "[{A, :b, 1, :no}]"] {
            let exception = Exception::error(Term::atom("a"), &term(stack), Syntax::Elixir);
            assert!(exception.stack.is_empty(), "{stack}");
        }
    }
}
