//! `flitch eval`: runs code on a node.
//!
//! The node reads the code and runs it, in a process that is linked to one of ours and prints to
//! it: whatever ends this command ends that one too.

use std::io::Read;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use flitch::etf::text::Syntax;
use flitch::{Atom, RpcError, Term};
use serde::Serialize;

use super::many;
use crate::args::{EvalArgs, Format};
use crate::client::Client;
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::exception::Exception;
use crate::out::voice::Voice;
use crate::shell::chars;
use crate::shell::leader::Line;
use crate::shell::session::{Event, Session};

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    result: &'a Term,
}

pub(crate) async fn run(args: EvalArgs) -> Result<ExitCode, Failure> {
    let (syntax, format) = (args.syntax.syntax(), args.common.output);
    let code: Arc<str> = code(&args)?.into();
    let run = move |client, voice| {
        let code = Arc::clone(&code);
        async move { answer(&client, &voice, syntax, &code, format).await }
    };
    many::run(args.target, &args.many, args.common, run).await
}

/// What one node makes of it.
async fn answer(
    client: &Client,
    voice: &Voice,
    syntax: Syntax,
    code: &str,
    format: Format,
) -> Result<String, Failure> {
    let (function, arguments) = match syntax {
        Syntax::Elixir => elixir(client, code).await?,
        Syntax::Erlang => erlang(client, code).await?,
    };
    let ended = evaluated(client, function, arguments, voice).await?;
    let result = value(client, syntax, ended).await?;
    match format {
        Format::Text => {
            let text = match syntax {
                Syntax::Elixir => inspected(client, &result).await,
                Syntax::Erlang => None,
            };
            Ok(text.unwrap_or_else(|| out::text::term(syntax, &result, out::width())))
        }
        Format::Json => out::json::line(&Answer { node: client.target.as_str(), result: &result }),
    }
}

fn code(args: &EvalArgs) -> Result<String, Failure> {
    let read = match (&args.file, &args.code) {
        (Some(file), _) => std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display())),
        (None, Some(code)) if code != "-" => Ok(code.clone()),
        _ => {
            let mut code = String::new();
            let read = std::io::stdin().read_to_string(&mut code);
            read.map(|_| code).map_err(|error| format!("cannot read standard input: {error}"))
        }
    };
    read.map_err(Failure::usage)
}

type Call = ((&'static str, &'static str), Vec<Term>);

/// The evaluation of Elixir code. Only its value comes back, and not its variables.
async fn elixir(client: &Client, code: &str) -> Result<Call, Failure> {
    if !has_module(client, "Elixir.Code.beam").await? {
        return Err(Failure::usage(format!(
            "{} has no Elixir: write the code in Erlang and give --erlang",
            client.target
        )));
    }
    let outer = Term::from("elem(Code.eval_string(code), 0)");
    let binding = Term::from((Term::atom("code"), Term::from(code)));
    let arguments = vec![outer, Term::from(vec![binding])];
    Ok((("Elixir.Code", "eval_string"), arguments))
}

/// Whether a file of this name is on the node's code path. Asked by a text, since a module's name
/// would be an atom of the node's from then on.
pub(crate) async fn has_module(client: &Client, file: &str) -> Result<bool, Failure> {
    let file = [chars::charlist(file)];
    let place = ask(client, "code", "where_is_file", &file).await?;
    Ok(!place.is_atom("non_existing"))
}

/// The evaluation of Erlang code: its expressions become the body of a function, whose variables
/// stay in it.
async fn erlang(client: &Client, code: &str) -> Result<Call, Failure> {
    let code = code.trim_end();
    let stop = if code.ends_with('.') { "\n" } else { ".\n" };
    let text = chars::charlist(&format!("{code}{stop}"));
    let scanned = ask(client, "erl_scan", "string", &[text]).await?;
    let tokens = match scanned.as_tuple() {
        Some([ok, tokens, _]) if ok.is_atom("ok") => tokens.clone(),
        Some([_, error, ..]) => return Err(no_erlang(client, error).await),
        _ => return Err(strange(client, "erl_scan:string/1")),
    };
    let parsed = ask(client, "erl_parse", "parse_exprs", &[tokens]).await?;
    let body = match parsed.as_tuple() {
        Some([ok, body]) if ok.is_atom("ok") => body.clone(),
        Some([_, error]) => return Err(no_erlang(client, error).await),
        _ => return Err(strange(client, "erl_parse:parse_exprs/1")),
    };
    let none = Term::empty_list;
    let clause = Term::from((Term::atom("clause"), 1, none(), none(), body));
    let clauses = Term::from((Term::atom("clauses"), Term::from(vec![clause])));
    let fun = Term::from((Term::atom("fun"), 1, clauses));
    let call = Term::from((Term::atom("call"), 1, fun, none()));
    Ok((("erl_eval", "exprs"), vec![Term::from(vec![call]), none()]))
}

async fn ask(
    client: &Client,
    module: &str,
    function: &str,
    arguments: &[Term],
) -> Result<Term, Failure> {
    let asked = client.node.rpc(&client.target, module, function, arguments, client.left()).await;
    asked.map_err(|error| refused(client, &format!("{module}:{function}"), error))
}

fn refused(client: &Client, what: &str, error: RpcError) -> Failure {
    match error {
        RpcError::Call(error) => client.no_answer(what, error),
        error => {
            Failure::new(Stage::Call, format!("{} does not run {what}: {error}", client.target))
        }
    }
}

fn strange(client: &Client, what: &str) -> Failure {
    Failure::new(Stage::Call, format!("{} answers {what} as no release does", client.target))
}

/// `{Location, Module, Descriptor}`, in the words of that module.
async fn no_erlang(client: &Client, error: &Term) -> Failure {
    let told = match error.as_tuple() {
        Some([place, module, what]) => {
            let line = match place.as_tuple() {
                Some([line, ..]) => line.as_integer(),
                _ => place.as_integer(),
            };
            let module = module.as_atom().map_or("erl_parse", Atom::as_str);
            let said = ask(client, module, "format_error", std::slice::from_ref(what)).await;
            let said = said.ok().as_ref().and_then(chars::text).unwrap_or_default();
            format!("line {}: {}", line.unwrap_or(1), out::text::harmless(&said))
        }
        _ => format!("{error:?}"),
    };
    Failure::new(Stage::Call, format!("the code is no Erlang: {told}"))
}

/// Runs it, with its output here, and gives the reason that its process ended with.
async fn evaluated(
    client: &Client,
    (module, function): (&'static str, &'static str),
    arguments: Vec<Term>,
    voice: &Voice,
) -> Result<Term, Failure> {
    let mut session = Session::new(&client.node);
    // It has no input.
    session.line(&Line::End);
    let arguments =
        [Term::atom("ok"), Term::atom(module), Term::atom(function), Term::from(arguments)];
    let (target, left) = (&client.target, client.left());
    let spawned =
        session.inbox.spawn_link_on(target, "erpc", "execute_call", &arguments, left).await;
    let spawned = spawned.map_err(|error| refused(client, "the code", error))?;
    let pid = spawned.pid().clone();
    let mut ended = pin!(spawned.ended());
    let run = async {
        loop {
            tokio::select! {
                biased;
                event = session.next() => match event {
                    Event::Print(text) => voice.print(&text),
                    Event::Over => return Term::atom("noconnection"),
                    Event::Ask(_) | Event::Exit(_) => {}
                },
                reason = &mut ended => return reason,
            }
        }
    };
    match tokio::time::timeout(client.left(), run).await {
        Ok(reason) if reason.is_atom("noconnection") => Err(Failure::no_connection(
            Stage::Call,
            format!("the connection to {target} was lost before the code had ended"),
        )),
        Ok(reason) => Ok(reason),
        Err(_) => {
            session.inbox.exit(&pid, Term::atom("kill"));
            client.node.flushed(target).await;
            let timeout = client.timeout();
            Err(Failure::timeout(
                Stage::Call,
                format!(
                    "the code had not ended on {target} within {timeout:?} and was stopped; \
                     --timeout SECONDS waits longer"
                ),
            ))
        }
    }
}

/// What came of it: `{ok, return | throw | exit | error, …}`, as `erpc:execute_call/4` ends, with
/// the value in front of variables.
async fn value(client: &Client, syntax: Syntax, ended: Term) -> Result<Term, Failure> {
    let message = format!("the code failed on {}", client.target);
    let Some([_, class, what, rest @ ..]) = ended.as_tuple() else {
        return Err(Failure::raised(message, Exception::exit(ended, syntax)));
    };
    let class = class.as_atom().map(Atom::as_str).unwrap_or_default();
    let stack = own_frames(rest.first());
    let mut exception = match class {
        "return" => {
            let ((Syntax::Elixir, Some([value, _])) | (Syntax::Erlang, Some([_, value, _]))) =
                (syntax, what.as_tuple())
            else {
                return Err(strange(client, "the evaluation"));
            };
            return Ok(value.clone());
        }
        "throw" => Exception::throw(what.clone(), syntax),
        "exit" => Exception::exit(what.clone(), syntax),
        _ => Exception::error(what.clone(), &stack, syntax),
    };
    if syntax == Syntax::Elixir {
        // Its own module knows the text of an exception.
        let arguments = [Term::atom(exception.kind), what.clone(), stack];
        let banner = ask(client, "Elixir.Exception", "format_banner", &arguments).await;
        if let Some(banner) = banner.ok().as_ref().and_then(chars::text) {
            exception.banner = out::text::harmless(&banner);
        }
    }
    Err(Failure::raised(message, exception))
}

/// The frames of the code itself, and of what it called: none of who evaluates it.
fn own_frames(stack: Option<&Term>) -> Term {
    let frames = stack.and_then(Term::as_list).unwrap_or_default().iter();
    let module = |frame: &Term| frame.as_tuple()?.first()?.as_atom().cloned();
    let is = |frame: &Term, names: &[&str]| {
        module(frame).is_some_and(|module| names.contains(&module.as_str()))
    };
    let frames = frames.take_while(|frame| !is(frame, &["elixir", "Elixir.Code", "erpc"]));
    Term::from(frames.filter(|frame| !is(frame, &["erl_eval"])).cloned().collect::<Vec<_>>())
}

/// The value as the node's own `inspect` shows it, which knows the structs of its programs.
async fn inspected(client: &Client, value: &Term) -> Option<String> {
    value.as_map()?.struct_name()?;
    let arguments = [value.clone()];
    let text = ask(client, "Elixir.Kernel", "inspect", &arguments).await.ok()?;
    Some(format!("{}\n", out::text::harmless(text.as_str()?)))
}

#[cfg(test)]
mod tests {
    use flitch::term;

    use super::*;

    #[test]
    fn a_stack_shows_the_code_and_what_it_called_and_not_who_ran_it() {
        let stack = term!([
            {:lists, :sum, [1], []},
            {:erl_eval, :do_apply, 7, []},
            {:elixir_eval, :__FILE__, 1, []},
            {:elixir, :eval, 3, []},
            {:erpc, :execute_call, 4, []}
        ]);
        let own = own_frames(Some(&stack));
        assert_eq!(own, term!([{:lists, :sum, [1], []}, {:elixir_eval, :__FILE__, 1, []}]));
        assert_eq!(own_frames(None), Term::empty_list());
    }
}
