//! The node's log: on standard error, as much of it as `RUST_LOG` says.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Format;
use crate::failure::Failure;

/// Begins to log. Without `RUST_LOG`, everything of `level` and above.
///
/// # Errors
/// `RUST_LOG` makes no sense.
pub(crate) fn start(format: Format, level: LevelFilter) -> Result<(), Failure> {
    let filter = EnvFilter::builder().with_default_directive(level.into()).try_from_env();
    let filter = match filter {
        Ok(filter) => filter,
        Err(error) if std::env::var_os(EnvFilter::DEFAULT_ENV).is_some() => {
            return Err(Failure::usage(format!("RUST_LOG cannot be understood: {error}")));
        }
        Err(_) => EnvFilter::default().add_directive(level.into()),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        Format::Text => log.with_target(false).with_ansi(stderr().is_terminal()).init(),
        Format::Json => log.json().init(),
    }
    Ok(())
}

/// The log of a command that only asks: there is none unless `RUST_LOG` wants one.
///
/// # Errors
/// `RUST_LOG` makes no sense.
pub(crate) fn start_if_wanted() -> Result<(), Failure> {
    match std::env::var_os(EnvFilter::DEFAULT_ENV) {
        Some(_) => start(Format::Text, LevelFilter::ERROR),
        None => Ok(()),
    }
}
