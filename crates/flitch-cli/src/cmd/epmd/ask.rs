//! Questions to the EPMD on this host, printed as the stock command prints them.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use flitch::epmd::address::{self, Family};
use flitch::epmd::client::{self, ClientError};
use flitch::epmd::message::{KillResponse, StopResponse};

use crate::epmd_args::Action;
use crate::out;

/// How long EPMD may take. The stock command waits for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was printed, and whether it is what was wanted.
type Told = Result<String, String>;

pub(super) fn run(question: &Action, port: u16) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime.context("cannot start")?.block_on(async {
        match question {
            Action::Names => names(port).await,
            Action::Dump => dump(port).await,
            Action::Kill => kill(port).await,
            Action::Stop(name) => stop(name, port).await,
            Action::Started => started(port).await,
            Action::Serve | Action::Help => Ok(Ok(String::new())),
        }
    });
    Ok(match told {
        Ok(Ok(text)) => {
            out::stdout(&text);
            ExitCode::SUCCESS
        }
        Ok(Err(text)) => {
            out::stdout(&text);
            ExitCode::FAILURE
        }
        Err(_) if *question == Action::Started => ExitCode::FAILURE,
        Err(ClientError::NoDaemon { .. }) => {
            out::stderr("epmd: Cannot connect to local epmd\n");
            ExitCode::FAILURE
        }
        Err(error) => {
            out::stderr(&format!("epmd: {error}\n"));
            ExitCode::FAILURE
        }
    })
}

async fn names(port: u16) -> Result<Told, ClientError> {
    let answer = on_this_host(port, |epmd| client::names(epmd, PATIENCE)).await?;
    Ok(Ok(out::text::names(port, &answer.names)))
}

async fn started(port: u16) -> Result<Told, ClientError> {
    on_this_host(port, |epmd| client::names(epmd, PATIENCE)).await?;
    Ok(Ok(String::new()))
}

async fn dump(port: u16) -> Result<Told, ClientError> {
    let answer = on_this_host(port, |epmd| client::dump(epmd, PATIENCE)).await?;
    let lines = String::from_utf8_lossy(answer.get(4..).unwrap_or_default()).replace('\0', "");
    let head = out::text::names(port, &[]);
    Ok(Ok(head + &out::text::harmless(&lines)))
}

async fn kill(port: u16) -> Result<Told, ClientError> {
    Ok(match on_this_host(port, |epmd| client::kill(epmd, PATIENCE)).await? {
        KillResponse::Ok => Ok("Killed\n".to_owned()),
        KillResponse::No => Err("Killing not allowed - living nodes in database.\n".to_owned()),
    })
}

async fn stop(name: &str, port: u16) -> Result<Told, ClientError> {
    let Ok(name) = name.parse::<flitch::epmd::WireName>() else {
        // No node can have registered it.
        return Ok(Ok("NOEXIST\n".to_owned()));
    };
    match on_this_host(port, |epmd| client::stop(epmd, &name, PATIENCE)).await {
        Ok(StopResponse::Stopped) => Ok(Ok("STOPPED\n".to_owned())),
        Ok(StopResponse::NoExist) => Ok(Ok("NOEXIST\n".to_owned())),
        Err(ClientError::Closed { .. }) => {
            out::stderr("epmd: -stop is taken where epmd runs with -relaxed_command_check\n");
            Ok(Err("epmd: local epmd responded with <>\n".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Asks over IPv6 and then over IPv4, as the stock command does.
async fn on_this_host<T, F>(
    port: u16,
    ask: impl Fn(std::net::SocketAddr) -> F,
) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    match ask(address::local(Family::V6, port)).await {
        Err(ClientError::NoDaemon { .. } | ClientError::Unreachable { .. }) => {
            ask(address::local(Family::V4, port)).await
        }
        answer => answer,
    }
}
