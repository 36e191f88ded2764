//! The daemon itself: descriptors, sockets, signals; then the server of `flitch-epmd`.

use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flitch::epmd::server::{BindError, Delays, Stopped};
use flitch::epmd::session::Rules;
use flitch::epmd::{Config, Server};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;

use super::detach;
use super::listen::{Listen, Surroundings};
use crate::args::Format;
use crate::epmd_args::{Epmd, is_drop_in};
use crate::out;

/// Serves until a signal or KILL_REQ ends it.
pub(super) fn run(epmd: &Epmd) -> Result<ExitCode> {
    let level = match epmd.debug {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    match epmd.daemon {
        true => {
            crate::log::start_for_daemon(level)?;
            detach::leave_session()?;
        }
        false => crate::log::start(Format::Text, level)?,
    }
    // What `pidof epmd` and its like look for.
    let _ = rustix::thread::set_name(c"epmd");
    crate::limits::raise_descriptors();
    // One thread serves more than a host's nodes can ask.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(serve(epmd))
}

async fn serve(epmd: &Epmd) -> Result<ExitCode> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let server = match bind(epmd) {
        Ok(server) => server,
        Err(BindError::InUse { address }) => {
            // Whoever starts an EPMD wants one to run, and one does.
            info!(
                "there is already a epmd running at port {} on ipaddr {}",
                epmd.port,
                address.ip()
            );
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => {
            out::stderr(&format!("epmd: {error}\n"));
            return Ok(ExitCode::FAILURE);
        }
    };
    if epmd.daemon {
        detach::ready()?;
    }
    let mut states =
        vec![NotifyState::Ready, NotifyState::Status("Processing port mapping requests...")];
    states.push(NotifyState::MainPid(std::process::id()));
    tell_systemd(epmd, &states);
    let why = server.serve(signals.end()).await;
    tell_systemd(epmd, &[NotifyState::Stopping]);
    if why == Stopped::Killed {
        debug!("got KILL_REQ - terminates normal");
    }
    Ok(ExitCode::SUCCESS)
}

/// Only as a unit of its own. The variable is there as well when a BEAM that is one has started
/// us, and that BEAM speaks for itself.
fn tell_systemd(epmd: &Epmd, states: &[NotifyState<'_>]) {
    if epmd.systemd
        && let Err(error) = sd_notify::notify(states)
    {
        warn!(%error, "cannot tell systemd");
    }
}

fn bind(epmd: &Epmd) -> Result<Server, BindError> {
    let rules = if epmd.relaxed { Rules::default().relaxed() } else { Rules::default().stock() };
    let rules = Rules {
        request_timeout: epmd.packet_timeout,
        answer_timeout: rules.answer_timeout + epmd.delay_write,
        ..rules
    };
    let delays = Delays { accept: epmd.delay_accept, write: epmd.delay_write };
    let config = Config { rules, delays, ..Config::default() };
    if epmd.systemd {
        return Server::adopt(config, handed_over().map_err(BindError::Adopted)?);
    }
    let pod_ip = std::env::var("POD_IP").ok().and_then(|text| text.trim().parse().ok());
    let around =
        Surroundings { pod_ip, drop_in: is_drop_in(std::env::args_os().next().as_deref()) };
    let listen = Listen::new(epmd.port, &epmd.addresses, around);
    if listen.is_loopback_alone() && epmd.addresses.is_empty() {
        info!("listening on the loopback alone: give -address for peers on other hosts");
    }
    Server::bind(Config { listen: listen.required, listen_if_possible: listen.possible, ..config })
}

/// The sockets that systemd has opened.
fn handed_over() -> std::io::Result<Vec<TcpListener>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for at in 0..handed.len() {
        listeners.extend(handed.take_tcp_listener(at)?);
    }
    match listeners.is_empty() {
        true => Err(std::io::Error::other("systemd provides no sockets")),
        false => Ok(listeners),
    }
}

/// The signals that end the daemon, and the one that a closed terminal sends, which does not.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = detach::is_detached().then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { terminate, interrupt, hangup })
    }

    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = hung_up(self.hangup.as_mut()) => debug!("the terminal is gone"),
            }
        }
    }
}

async fn hung_up(signal: Option<&mut Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
