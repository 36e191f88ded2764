//! `flitch rpc`: runs a function on a node.

use std::process::ExitCode;
use std::sync::Arc;

use flitch::etf::text::Syntax;
use flitch::{Atom, Term};
use serde::Serialize;

use super::many;
use crate::args::{Format, RpcArgs};
use crate::client::Client;
use crate::config;
use crate::failure::Failure;
use crate::out;
use crate::out::exception::callee;

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    result: &'a Term,
}

/// What is to be run.
struct Call {
    module: Atom,
    function: Atom,
    arguments: Vec<Term>,
    syntax: Syntax,
}

pub(crate) async fn run(args: RpcArgs) -> Result<ExitCode, Failure> {
    let call = Call::resolve(&args.module, &args.function, &args.arguments, args.syntax.syntax())?;
    let (call, format) = (Arc::new(call), args.common.output);
    let run = move |client, _| {
        let call = Arc::clone(&call);
        async move { answer(&client, &call, format).await }
    };
    many::run(args.target, &args.many, args.common, run).await
}

/// What one node answers.
async fn answer(client: &Client, call: &Call, format: Format) -> Result<String, Failure> {
    let (module, function) = (call.module.as_str(), call.function.as_str());
    let result: Result<Term, _> =
        client.node.rpc(&client.target, module, function, &call.arguments, client.left()).await;
    let result = result.map_err(|error| client.no_result(&call.label(), call.syntax, error))?;
    match format {
        Format::Text => Ok(out::text::term(call.syntax, &result, out::width())),
        Format::Json => out::json::line(&Answer { node: client.target.as_str(), result: &result }),
    }
}

impl Call {
    fn resolve(
        module: &str,
        function: &str,
        arguments: &[String],
        syntax: Syntax,
    ) -> Result<Self, Failure> {
        let arguments = arguments
            .iter()
            .enumerate()
            .map(|(at, text)| config::term(syntax, &format!("argument {}", at + 1), text))
            .collect::<Result<_, _>>()?;
        let module = config::module("the module", module)?;
        Ok(Self { module, function: config::function(function)?, arguments, syntax })
    }

    /// `String.upcase/1`
    fn label(&self) -> String {
        let callee = callee(self.syntax, &self.module, &self.function);
        format!("{callee}/{}", self.arguments.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Stage;

    fn resolve(module: &str, function: &str, arguments: &[&str]) -> Result<Call, Failure> {
        let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Call::resolve(module, function, &arguments, Syntax::Elixir)
    }

    #[test]
    fn a_call_is_named_as_its_language_names_it() {
        let call = resolve("String", "upcase", &["\"a\""]).unwrap();
        assert_eq!(call.label(), "String.upcase/1");
        let mut call = resolve("erlang", "node", &[]).unwrap();
        assert_eq!(call.label(), ":erlang.node/0");
        call.syntax = Syntax::Erlang;
        assert_eq!(call.label(), "erlang:node/0");
    }

    #[test]
    fn the_argument_that_is_no_term_is_told_by_its_number() {
        let failure = resolve("M", "f", &["1", "%{"]).err().unwrap();
        assert_eq!(failure.stage, Stage::Usage);
        assert!(failure.message.starts_with("argument 2 "), "{}", failure.message);
    }
}
