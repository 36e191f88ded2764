//! The commands that look into a node, one a file: each reads a [`Document`], which is shown once,
//! or again and again. `act` is for those that do something to a process.

pub(crate) mod act;
pub(crate) mod apps;
pub(crate) mod ets;
pub(crate) mod global;
pub(crate) mod info;
pub(crate) mod memory;
pub(crate) mod nodes;
pub(crate) mod pg;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod ps;
pub(crate) mod tree;

use flitch::etf::text::Syntax;

use crate::args::{CommonArgs, Format, TargetArgs, View, ViewArgs};
use crate::client::Client;
use crate::config::Target;
use crate::failure::Failure;
use crate::out;
use crate::out::view::{self, Document};
use crate::remote::Remote;

/// Connects, and shows what `read` reads.
///
/// # Errors
/// The first that there is.
async fn show<D: Document>(
    target: TargetArgs,
    args: ViewArgs,
    read: impl AsyncFn(&Remote<'_>) -> Result<D, Failure>,
) -> Result<(), Failure> {
    let output = if args.output == View::Text { Format::Text } else { Format::Json };
    let common = CommonArgs { timeout: args.timeout, output };
    let client = Client::open(Target::resolve(target)?, common).await?;
    let Some(pause) = args.watch else {
        let shown = view::print(&read(&Remote::new(&client, client.left())).await?, args.output)?;
        out::stdout(&shown);
        return Ok(());
    };
    let watching = async {
        let mut ticks = tokio::time::interval(pause);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let document = read(&Remote::new(&client, args.timeout)).await?;
            let shown = view::print(&document, args.output)?;
            if out::try_stdout(&(out::clear() + &shown)).is_err() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = watching => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// The language that functions and terms are named in.
fn syntax(args: ViewArgs) -> Syntax {
    if args.erlang { Syntax::Erlang } else { Syntax::Elixir }
}

/// What a table shows where there is nothing.
fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}
