//! One question to one node or to many: at once, each answer labelled, and no failure hidden by
//! the others' success.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use flitch::{NodeName, RpcError, Term};
use tokio::task::JoinSet;

use super::discover;
use crate::args::{CommonArgs, Format, ManyArgs, TargetArgs};
use crate::client::Client;
use crate::config::Target;
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::voice::Voice;

/// How many nodes are asked at a time.
const AT_ONCE: usize = 16;

/// The most nodes of one command.
const MOST: usize = 10_000;

/// What stands before the name of a topology in the place of a node.
const TOPOLOGY: &str = "topology:";

/// Asks the nodes that are meant, and prints what `ask` gives of each: text, or a document.
///
/// # Errors
/// Of one node, why it failed. Of several, that they are not known: the failure of each is printed
/// with the others' answers, and the highest exit status is given.
pub(super) async fn run<F>(
    args: TargetArgs,
    many: &ManyArgs,
    common: CommonArgs,
    ask: impl Fn(Client, Voice) -> F + Send + Sync + 'static,
) -> Result<ExitCode, Failure>
where
    F: Future<Output = Result<String, Failure>> + Send,
{
    if !many.all && !args.node.contains(',') && !args.node.starts_with(TOPOLOGY) {
        let voice = Voice::alone(common.output);
        voice.answer(&one(Target::resolve(args)?, common, &ask, &voice).await?);
        return Ok(ExitCode::SUCCESS);
    }
    let (nodes, missing) = nodes(&args, many, common).await?;
    let count = nodes.len();
    let (floor, ask) = (Arc::default(), Arc::new(ask));
    let (mut asking, mut waiting) = (JoinSet::new(), nodes.into_iter());
    let mut failed = Vec::new();
    let mut worst = missing.as_ref().map(|failure| failure.status as u8);
    loop {
        while asking.len() < AT_ONCE
            && let Some(node) = waiting.next()
        {
            let target = Target::resolve(TargetArgs { node: node.to_string(), ..args.clone() })?;
            let voice = Voice::of(node.clone(), Arc::clone(&floor), common.output);
            let ask = Arc::clone(&ask);
            asking.spawn(async move {
                let done = one(target, common, ask.as_ref(), &voice).await;
                (node, done.map(|text| voice.answer(&text)))
            });
        }
        let Some(done) = asking.join_next().await else { break };
        if let Ok((node, Err(failure))) = done {
            worst = worst.max(Some(failure.status as u8));
            failure.report_of(&node, common.output);
            failed.push(node.to_string());
        }
    }
    if let Some(failure) = missing {
        failure.report(common.output);
    }
    if !failed.is_empty() && common.output == Format::Text {
        failed.sort();
        out::stderr(&format!(
            "flitch: {} of {count} nodes failed: {}\n",
            failed.len(),
            failed.join(", ")
        ));
    }
    Ok(worst.map_or(ExitCode::SUCCESS, ExitCode::from))
}

async fn one<F: Future<Output = Result<String, Failure>>>(
    target: Target,
    common: CommonArgs,
    ask: &impl Fn(Client, Voice) -> F,
    voice: &Voice,
) -> Result<String, Failure> {
    let output = voice.clone();
    let client = Client::open_with(target, common, move |text| output.print(text)).await?;
    ask(client, voice.clone()).await
}

/// The nodes that are meant, and what keeps more of them from being known.
async fn nodes(
    args: &TargetArgs,
    many: &ManyArgs,
    common: CommonArgs,
) -> Result<(BTreeSet<NodeName>, Option<Failure>), Failure> {
    let (mut nodes, mut missing) = (BTreeSet::new(), None);
    for part in args.node.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(topology) = part.strip_prefix(TOPOLOGY) {
            let (found, problem) = discover::nodes_of(topology, common.timeout).await?;
            nodes.extend(found);
            missing = missing.or(problem);
        } else {
            nodes.insert(part.parse().map_err(|error| Failure::from(&error))?);
        }
    }
    if many.all {
        // Each sees what it is connected to, which need not be the same.
        for node in nodes.clone() {
            let target = TargetArgs { node: node.to_string(), ..args.clone() };
            nodes.extend(known_to(Target::resolve(target)?, common).await?);
        }
    }
    match nodes.len() {
        0 => Err(missing.unwrap_or_else(|| Failure::usage("there is no node to ask"))),
        1..=MOST => Ok((nodes, missing)),
        count => Err(Failure::usage(format!("{count} nodes are more than {MOST}"))),
    }
}

/// The nodes that one is connected to, without hidden ones.
async fn known_to(target: Target, common: CommonArgs) -> Result<Vec<NodeName>, Failure> {
    let client = Client::open(target, common).await?;
    let (node, left) = (&client.target, client.left());
    let known = client.node.rpc::<Term>(node, "erlang", "nodes", &[], left).await;
    let known = known.map_err(|error| match error {
        RpcError::Call(error) => client.no_answer("erlang:nodes", error),
        error => Failure::new(Stage::Call, format!("{node} does not say whom it knows: {error}")),
    })?;
    let names = known.as_list().unwrap_or_default().iter().filter_map(Term::as_atom);
    Ok(names.filter_map(|name| name.as_str().parse().ok()).collect())
}
