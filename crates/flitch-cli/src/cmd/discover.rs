//! `flitch discover`: what strategies see, with no node and no connection of ours.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use flitch::NodeName;
use flitch::discovery::{
    AnyStrategy, DiscoveryError, Local, Observation, Problem, Sightings, Strategy,
};
use flitch::epmd::address;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::node::Signals;
use crate::args::{DiscoverArgs, Format};
use crate::discover::{self, Answer, Sight, State};
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::sights::Shown;
use crate::topologies::{self, Named};

/// The name that stands in for one that nobody gave.
const NOBODY: &str = "discover@127.0.0.1";

/// How long a strategy with a problem is waited for: the next answer may be better.
const HOPE: Duration = Duration::from_secs(1);

/// How long it takes until a strategy that failed is started again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: DiscoverArgs) -> Result<ExitCode, Failure> {
    let topologies = chosen(&args)?;
    let local = local(&args)?;
    let sights = topologies.iter().map(|it| Sight::new(&it.name, it.strategy.name())).collect();
    let shown = Shown { format: args.output, begun: Instant::now() };
    if args.watch {
        return watch(topologies, sights, &local, &shown).await;
    }
    let sights = look(topologies, sights, &local, args.timeout).await;
    shown.all(&local.node, &sights)?;
    Ok(discover::status(&sights).map_or(ExitCode::SUCCESS, |it| ExitCode::from(it as u8)))
}

/// The nodes that a topology of the configuration finds, and why there may be more.
///
/// # Errors
/// There is no such topology.
pub(super) async fn nodes_of(
    topology: &str,
    timeout: Duration,
) -> Result<(Vec<NodeName>, Option<Failure>), Failure> {
    let args = DiscoverArgs {
        topologies: vec![topology.to_owned()],
        watch: false,
        config: None,
        strategy: None,
        set: Vec::new(),
        name: None,
        timeout,
        output: Format::Json,
    };
    let topologies = chosen(&args)?;
    let sights = topologies.iter().map(|it| Sight::new(&it.name, it.strategy.name())).collect();
    let sights = look(topologies, sights, &local(&args)?, timeout).await;
    let problem = discover::status(&sights).map(|status| {
        let problems = sights.iter().flat_map(|sight| &sight.problems);
        let problems: Vec<_> = problems.map(ToString::to_string).collect();
        let message = match problems.as_slice() {
            [] => format!("topology {topology} has not answered within {timeout:?}"),
            _ => format!("topology {topology} may have more nodes: {}", problems.join("; ")),
        };
        Failure { status, ..Failure::new(Stage::Dns, message) }
    });
    let nodes = sights.into_iter().flat_map(|sight| sight.nodes);
    let wanted = nodes.filter(|(_, state)| *state == State::Wanted);
    Ok((wanted.map(|(node, _)| node).collect(), problem))
}

/// Whom the strategies are told to work for.
fn local(args: &DiscoverArgs) -> Result<Local, Failure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = match args.name.clone() {
        // A strategy of the command line has no file behind it.
        None if args.strategy.is_some() => variable("RELEASE_NODE"),
        None => topologies::own_name(args.config.as_deref())?,
        name => name,
    };
    let (name, is_own) = match (name, variable("POD_IP")) {
        (Some(name), Some(ip)) if !name.contains('@') => (format!("{name}@{ip}"), true),
        (Some(name), _) => (name, true),
        (None, Some(ip)) => (format!("discover@{ip}"), false),
        (None, None) => (NOBODY.to_owned(), false),
    };
    let node: NodeName = name.parse().map_err(|error| Failure::from(&error))?;
    if !is_own && args.output == Format::Text {
        out::stderr(&format!(
            "flitch: looking as {node}, since neither --name nor RELEASE_NODE nor the \
             configuration says whose view is wanted\n"
        ));
    }
    let port = address::port_from_env().map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Local { node, epmd_port: port, announce: false })
}

/// The topologies that are asked for.
fn chosen(args: &DiscoverArgs) -> Result<Vec<Named>, Failure> {
    if let Some(name) = &args.strategy {
        if args.set.iter().any(|(key, _)| key == "secret") {
            let message = "a secret on the command line can be read by every user of this \
                           machine: put it into a file that only you can read, and give --set \
                           secret_file=FILE";
            return Err(Failure::usage(message));
        }
        let strategy = topologies::strategy(name, args.set.iter().cloned().collect())
            .map_err(|error| Failure::usage(error.to_string()))?;
        return Ok(vec![Named { name: strategy.name().to_owned(), strategy }]);
    }
    let mut configured = topologies::configured(args.config.as_deref())?;
    if configured.is_empty() {
        return Err(Failure::usage(
            "there is no topology to ask: give --config FILE with [topologies.NAME] in it, or \
             --strategy NAME with --set KEY=VALUE",
        ));
    }
    let known: Vec<_> = configured.iter().map(|it| it.name.clone()).collect();
    if let Some(unknown) = args.topologies.iter().find(|name| !known.contains(name)) {
        return Err(Failure::usage(format!(
            "there is no topology {unknown}; there are {}",
            known.join(", ")
        )));
    }
    if !args.topologies.is_empty() {
        configured.retain(|it| args.topologies.contains(&it.name));
    }
    Ok(configured)
}

/// One answer of each, or what there is of it in time.
async fn look(
    topologies: Vec<Named>,
    sights: Vec<Sight>,
    local: &Local,
    timeout: Duration,
) -> Vec<Sight> {
    let mut looking = JoinSet::new();
    for (at, (topology, mut sight)) in topologies.into_iter().zip(sights).enumerate() {
        let local = local.clone();
        looking.spawn(async move {
            let answer = answer(topology.strategy, &mut sight, local);
            // Whatever there was until then is in the sight.
            let _ = tokio::time::timeout(timeout, answer).await;
            (at, sight)
        });
    }
    let mut seen = looking.join_all().await;
    seen.sort_by_key(|(at, _)| *at);
    seen.into_iter().map(|(_, sight)| sight).collect()
}

/// Waits until a strategy's answer is complete, or will not be any better.
async fn answer(strategy: AnyStrategy, sight: &mut Sight, local: Local) {
    let (tell, mut told) = unbounded_channel();
    let mut running = JoinSet::new();
    running.spawn(async move { once(&strategy, local, move |it| drop(tell.send(it))).await });
    loop {
        let next = told.recv();
        let observation = match sight.is_hopeless() {
            true => tokio::time::timeout(HOPE, next).await.ok().flatten(),
            false => next.await,
        };
        let Some(observation) = observation else { return };
        sight.observe(observation);
        if sight.answer == Answer::Complete {
            return;
        }
    }
}

/// Shows what changes until a signal comes, or nobody reads it any more.
async fn watch(
    topologies: Vec<Named>,
    mut sights: Vec<Sight>,
    local: &Local,
    shown: &Shown,
) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::new(Stage::Internal, error.to_string());
    let mut signals = Signals::new().map_err(failed)?;
    let (tell, mut told) = unbounded_channel();
    let mut running = JoinSet::new();
    for (at, topology) in topologies.into_iter().enumerate() {
        running.spawn(for_ever(topology.strategy, local.clone(), at, tell.clone()));
    }
    loop {
        let (at, observation) = tokio::select! {
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            Some(news) = told.recv() => news,
        };
        let Some(sight) = sights.get_mut(at) else { continue };
        let changes = sight.observe(observation);
        if shown.changes(sight, &changes)?.is_err() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Runs a strategy, and again whenever it fails.
async fn for_ever(
    strategy: AnyStrategy,
    local: Local,
    at: usize,
    tell: UnboundedSender<(usize, Observation)>,
) {
    loop {
        let tell = tell.clone();
        let run = once(&strategy, local.clone(), move |seen| drop(tell.send((at, seen))));
        if run.await.is_ok() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs a strategy to its end. What ends it in failure is told like anything else.
async fn once(
    strategy: &AnyStrategy,
    local: Local,
    tell: impl Fn(Observation) + Clone + Send + Sync + 'static,
) -> Result<(), ()> {
    let sightings = Sightings::new(local, tell.clone());
    let strategy = strategy.clone();
    // A task of its own, so that a panic ends nothing else.
    let mut run = JoinSet::new();
    run.spawn(async move { strategy.run(sightings).await });
    let problem = match run.join_next().await {
        Some(Ok(Err(problem))) => problem,
        Some(Err(panic)) => {
            DiscoveryError::new(Problem::Garbage, format!("the strategy panicked: {panic}"))
        }
        Some(Ok(Ok(()))) | None => return Ok(()),
    };
    tell(Observation { problems: vec![problem], ..Observation::default() });
    Err(())
}
