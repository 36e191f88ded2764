//! `flitch names`: what the EPMD of a host knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use flitch::epmd::message::NamedPort;
use flitch::epmd::{address, client};
use serde::Serialize;

use crate::args::{Format, NamesArgs};
use crate::client::{prefer, resolve};
use crate::deadline::Deadline;
use crate::failure::{Failure, Stage};
use crate::out;

/// What stands for this host, which need not be able to resolve its own names.
const HERE: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

#[derive(Serialize)]
struct Answer<'a> {
    host: &'a str,
    port: u16,
    names: Vec<Name<'a>>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
    port: u16,
}

pub(crate) async fn run(args: NamesArgs) -> Result<(), Failure> {
    let deadline = Deadline::new(args.common.timeout, Instant::now());
    let port = address::port_from_env().map_err(|error| Failure::usage(error.to_string()))?;
    let addresses = match &args.host {
        Some(host) => resolve(host, &deadline).await?,
        None => HERE.to_vec(),
    };
    let names = ask(&addresses, port, &deadline).await?;
    match args.common.output {
        Format::Text => {
            out::stdout(&out::text::names(port, &names));
            Ok(())
        }
        Format::Json => out::json::answer(&Answer {
            host: args.host.as_deref().unwrap_or("localhost"),
            port,
            names: names.iter().map(|it| Name { name: it.name.as_str(), port: it.port }).collect(),
        }),
    }
}

/// The answer of the first address that has one.
async fn ask(
    addresses: &[IpAddr],
    port: u16,
    deadline: &Deadline,
) -> Result<Vec<NamedPort>, Failure> {
    let mut failed = None;
    for address in addresses {
        let epmd = address::at(*address, port);
        match client::names(epmd, deadline.left(Instant::now())).await {
            Ok(answer) => return Ok(answer.names),
            Err(error) => failed = prefer(failed, error),
        }
    }
    let failed = failed.as_ref().map(Failure::from);
    Err(failed.unwrap_or_else(|| Failure::new(Stage::Dns, "the host has no address")))
}
