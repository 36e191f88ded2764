//! `flitch node`: a node until it is told to stop.

use std::process::ExitCode;

use anyhow::{Context, Result};
use flitch::{Cookie, Node};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Format, NodeArgs};
use crate::config::NodeConfig;
use crate::failure::{Failure, Stage};
use crate::server::{self, Flitch};

pub(crate) fn run(args: NodeArgs) -> Result<ExitCode> {
    let format = args.log_format;
    let release_node = std::env::var("RELEASE_NODE").ok();
    let config = NodeConfig::resolve(args, release_node.as_deref())?;
    crate::log::start(format, LevelFilter::INFO)?;
    crate::limits::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start")?;
    let done = runtime.block_on(serve(config));
    // The node has ended in order; what is left is look-ups that nobody waits for.
    runtime.shutdown_background();
    match done.map_err(Failure::of) {
        // Whoever wants the log in JSON reads this there.
        Err(failure) if format == Format::Json => {
            let stage = failure.stage.as_str();
            tracing::error!(stage, error = failure.message, "the node cannot run");
            Ok(ExitCode::from(failure.status as u8))
        }
        done => Ok(done?),
    }
}

async fn serve(config: NodeConfig) -> Result<ExitCode> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let node = tokio::select! {
        biased;
        () = signals.next() => return Ok(ExitCode::SUCCESS),
        node = start(&config) => node?,
    };
    tracing::info!(node = %node.name(), port = node.port(), "node is up");
    node.join(config.connect);
    signals.next().await;
    tracing::info!(node = %node.name(), "node is going down");
    tokio::select! {
        () = node.shutdown() => {
            tracing::info!(node = %node.name(), "node is down");
            Ok(ExitCode::SUCCESS)
        }
        () = signals.next() => {
            tracing::warn!("stopped by a second signal");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn start(config: &NodeConfig) -> Result<Node, Failure> {
    let cookie = Cookie::find(config.cookie_file.as_deref());
    let cookie = cookie.map_err(|error| Failure::from(&error))?;
    let mut builder = Node::builder(config.name.clone())
        .cookie(cookie)
        .ports(config.ports.clone())
        .epmd(config.epmd)
        .visible(config.visible)
        .net_ticktime(config.net_ticktime)
        .setup_timeout(config.net_setuptime);
    for address in &config.bind {
        builder = builder.bind(*address);
    }
    for peers in &config.allow {
        builder = builder.allow(peers.clone());
    }
    for (peers, port) in &config.ports_of {
        builder = builder.port_of(peers.clone(), *port);
    }
    for (peers, path) in &config.cookie_files_for {
        let cookie = Cookie::from_file(path).map_err(|error| Failure::from(&error))?;
        builder = builder.cookie_for(peers.clone(), cookie);
    }
    if let Some(port) = config.peer_port {
        builder = builder.peer_port(port);
    }
    let node = builder.start().await?;
    let served = node.spawn(Flitch { node: node.clone() }).register(server::NAME);
    served.map_err(|error| Failure::new(Stage::Internal, error.to_string()))?;
    Ok(node)
}

/// The two signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
