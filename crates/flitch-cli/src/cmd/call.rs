//! `flitch call`: `GenServer.call` to a registered server.

use flitch::{CallError, Term};
use serde::Serialize;

use crate::args::{CallArgs, Format};
use crate::client::Client;
use crate::config::{self, Target};
use crate::failure::Failure;
use crate::out;
use crate::out::exception::Exception;

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    reply: &'a Term,
}

pub(crate) async fn run(args: CallArgs) -> Result<(), Failure> {
    let target = Target::resolve(args.target)?;
    let syntax = args.syntax.syntax();
    let name = config::module("the server's name", &args.name)?;
    let request = config::term(syntax, "the request", &args.term)?;
    let client = Client::open(target, args.common).await?;
    let to = (name, client.target.clone());
    let reply: Result<Term, _> = client.node.call(to, &request, client.left()).await;
    let reply = reply.map_err(|error| match error {
        CallError::Exit(reason) => {
            let node = &client.target;
            let message = format!("{} on {node} exited before it answered", args.name);
            Failure::raised(message, Exception::exit(reason, syntax))
        }
        error => client.no_answer(&args.name, error),
    })?;
    match args.common.output {
        Format::Text => {
            out::stdout(&out::text::term(syntax, &reply, out::width()));
            Ok(())
        }
        Format::Json => out::json::answer(&Answer { node: client.target.as_str(), reply: &reply }),
    }
}
