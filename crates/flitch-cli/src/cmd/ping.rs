//! `flitch ping`: whether a node is there, and how far away.

use serde::Serialize;

use crate::args::{Format, PingArgs};
use crate::client::Client;
use crate::config::Target;
use crate::failure::{Failure, Stage};
use crate::out;

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    reply: &'static str,
    round_trip_us: u128,
}

pub(crate) async fn run(args: PingArgs) -> Result<(), Failure> {
    let client = Client::open(Target::resolve(args.target)?, args.common).await?;
    let (time, knows_us) = client.ping().await?;
    let node = &client.target;
    if !knows_us {
        return Err(Failure::new(Stage::Call, format!("pang: {node} does not count us as a node")));
    }
    match args.common.output {
        Format::Text => {
            out::stdout(&format!("pong from {node} in {}\n", out::text::milliseconds(time)));
            Ok(())
        }
        Format::Json => out::json::answer(&Answer {
            node: node.as_str(),
            reply: "pong",
            round_trip_us: time.as_micros().max(1),
        }),
    }
}
