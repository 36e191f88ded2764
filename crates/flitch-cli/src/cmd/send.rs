//! `flitch send`: a message to a registered process.

use flitch::SendError;
use serde::Serialize;

use crate::args::{Format, SendArgs};
use crate::client::Client;
use crate::config::{self, Target};
use crate::failure::{Failure, Stage};
use crate::out;

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    sent: bool,
}

pub(crate) async fn run(args: SendArgs) -> Result<(), Failure> {
    let target = Target::resolve(args.target)?;
    let name = config::module("the process's name", &args.name)?;
    let message = config::term(args.syntax.syntax(), "the message", &args.term)?;
    let client = Client::open(target, args.common).await?;
    let node = &client.target;
    let sent = async {
        client.node.send((name, node.clone()), &message).await?;
        // A large message would let the ping below get past it.
        client.node.flushed(node).await;
        Ok(())
    };
    match tokio::time::timeout(client.left(), sent).await {
        Ok(sent) => sent.map_err(|error: SendError| client.not_sent(&error))?,
        Err(_) => {
            let message = format!("{node} did not take the message within {:?}", client.timeout());
            return Err(Failure::timeout(Stage::Call, message));
        }
    }
    // A connection that is closed with something unread on it takes back what is still under way.
    // What went before a question has arrived when its answer has.
    client.ping().await?;
    match args.common.output {
        Format::Text => {
            out::stdout("ok\n");
            Ok(())
        }
        Format::Json => out::json::answer(&Answer { node: node.as_str(), sent: true }),
    }
}
