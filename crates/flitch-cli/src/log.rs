//! The log, as much of it as `RUST_LOG` says: on standard error, or for a daemon the system's.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Format;
use crate::failure::Failure;
use crate::syslog::{self, Syslog};

/// Begins to log. Without `RUST_LOG`, everything of `level` and above.
///
/// # Errors
/// `RUST_LOG` makes no sense.
pub(crate) fn start(format: Format, level: LevelFilter) -> Result<(), Failure> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(stderr);
    match format {
        Format::Text => log.with_target(false).with_ansi(stderr().is_terminal()).init(),
        Format::Json => log.json().init(),
    }
    Ok(())
}

/// Begins to log to the system's log; where there is none, nobody hears.
///
/// # Errors
/// `RUST_LOG` makes no sense.
pub(crate) fn start_for_daemon(level: LevelFilter) -> Result<(), Failure> {
    let filter = filter(level)?;
    if let Ok(syslog) = Syslog::connect(Path::new(syslog::SOCKET)) {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Arc::new(syslog));
        log.without_time().with_target(false).with_ansi(false).init();
    }
    Ok(())
}

fn filter(level: LevelFilter) -> Result<EnvFilter, Failure> {
    let filter = EnvFilter::builder().with_default_directive(level.into()).try_from_env();
    match filter {
        Ok(filter) => Ok(filter),
        Err(error) if std::env::var_os(EnvFilter::DEFAULT_ENV).is_some() => {
            Err(Failure::usage(format!("RUST_LOG cannot be understood: {error}")))
        }
        Err(_) => Ok(EnvFilter::default().add_directive(level.into())),
    }
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
