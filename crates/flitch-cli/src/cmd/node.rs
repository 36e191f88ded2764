//! `flitch node`: a node until it is told to stop.

use std::process::ExitCode;

use anyhow::{Context, Result};
use flitch::{Config, Node};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Format, NodeArgs};
use crate::config;
use crate::failure::{Failure, Stage};
use crate::http::{self, Health};
use crate::server::{self, Flitch};

pub(crate) fn run(args: NodeArgs) -> Result<ExitCode> {
    let format = args.log_format;
    let config = Config::load(args.config.as_deref()).map_err(|error| Failure::from(&error))?;
    let config = config::node(args, config)?;
    // All that can be said of it before anything is started, the topologies included.
    config.check().map_err(|error| Failure::from(&error))?;
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

async fn serve(config: Config) -> Result<ExitCode> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let health = Health::starting();
    if let Some(listen) = config.http.listen {
        let probes = http::Server::bind(listen, health.clone()).await?;
        tracing::info!(address = %probes.address(), "probes are answered");
        tokio::spawn(probes.run());
    }
    let node = tokio::select! {
        biased;
        () = signals.next() => return Ok(ExitCode::SUCCESS),
        node = start(&config) => node?,
    };
    tracing::info!(node = %node.name(), port = node.port(), "node is up");
    config.join(&node).map_err(|error| Failure::from(&error))?;
    health.running(&node, config.cluster.ready);
    let done = tokio::select! {
        () = signals.next() => ExitCode::SUCCESS,
        // Whoever supervises us starts another one.
        () = node.stopping() => ExitCode::FAILURE,
    };
    health.stopping();
    tracing::info!(node = %node.name(), "node is going down");
    tokio::select! {
        () = node.shutdown() => {
            tracing::info!(node = %node.name(), "node is down");
            Ok(done)
        }
        () = signals.next() => {
            tracing::warn!("stopped by a second signal");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn start(config: &Config) -> Result<Node, Failure> {
    let builder = config.builder().map_err(|error| Failure::from(&error))?;
    let node = builder.start().await?;
    let served = node.spawn(Flitch { node: node.clone() }).register(server::NAME);
    served.map_err(|error| Failure::new(Stage::Internal, error.to_string()))?;
    Ok(node)
}

/// The two signals that end what would go on for ever.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
