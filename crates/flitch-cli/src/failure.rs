//! Why a command failed: at which stage, in one sentence, with which exit status.

use std::process::ExitCode;

use flitch::epmd::ClientError;
use flitch::{ConnectError, NodeName, StartError};

use crate::args::Format;
use crate::out;
use crate::out::exception::Exception;

/// How far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The command line, or the environment that stands in for it.
    Usage,
    /// A node's name.
    Name,
    /// The cookie.
    Cookie,
    /// The port that we listen on.
    Listen,
    /// The address of the host.
    Dns,
    /// The port of the node.
    Epmd,
    /// The connection.
    Tcp,
    /// The handshake.
    Handshake,
    /// What the other side was asked to do.
    Call,
    /// Our own doing.
    Internal,
}

impl Stage {
    /// The stage for programs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Name => "name",
            Self::Cookie => "cookie",
            Self::Listen => "listen",
            Self::Dns => "dns",
            Self::Epmd => "epmd",
            Self::Tcp => "tcp",
            Self::Handshake => "handshake",
            Self::Call => "call",
            Self::Internal => "internal",
        }
    }

    /// The stage for people.
    fn title(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Epmd => "EPMD",
            Self::Tcp => "TCP",
            Self::Internal => "internal error",
            other => other.as_str(),
        }
    }

    /// What a failure at this stage is to a script, unless it is a timeout.
    fn status(self) -> Status {
        match self {
            Self::Usage | Self::Name | Self::Cookie => Status::Usage,
            Self::Listen | Self::Dns | Self::Epmd | Self::Tcp | Self::Handshake => {
                Status::NoConnection
            }
            Self::Call | Self::Internal => Status::Refused,
        }
    }
}

/// The exit statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The other side said no.
    Refused = 1,
    /// The command cannot mean anything.
    Usage = 2,
    /// There is no connection.
    NoConnection = 3,
    /// The time is up.
    Timeout = 4,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) status: Status,
    /// One sentence.
    pub(crate) message: String,
    /// What people see below the sentence.
    pub(crate) detail: Vec<String>,
    /// What was raised on the other side.
    pub(crate) exception: Option<Box<Exception>>,
}

impl Failure {
    /// A failure with the exit status that fits its stage.
    pub(crate) fn new(stage: Stage, message: impl Into<String>) -> Self {
        let (message, status) = (message.into(), stage.status());
        Self { stage, status, message, detail: Vec::new(), exception: None }
    }

    /// A command that cannot mean anything.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Stage::Usage, message)
    }

    /// The time is up.
    pub(crate) fn timeout(stage: Stage, message: impl Into<String>) -> Self {
        Self { status: Status::Timeout, ..Self::new(stage, message) }
    }

    /// The connection is gone at a stage that does not say so by itself.
    pub(crate) fn no_connection(stage: Stage, message: impl Into<String>) -> Self {
        Self { status: Status::NoConnection, ..Self::new(stage, message) }
    }

    /// Something was raised over there.
    pub(crate) fn raised(message: impl Into<String>, exception: Exception) -> Self {
        let failure = Self::new(Stage::Call, message);
        Self { exception: Some(Box::new(exception)), ..failure }
    }

    /// With these lines below the sentence.
    pub(crate) fn with_detail(mut self, text: &str) -> Self {
        self.detail.extend(text.lines().map(str::to_owned));
        self
    }

    /// The failure inside an error; any other error is our own.
    pub(crate) fn of(error: anyhow::Error) -> Self {
        match error.downcast() {
            Ok(failure) => failure,
            Err(error) => Self::new(Stage::Internal, format!("{error:#}")),
        }
    }

    /// Prints the failure, and gives the exit status.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        match format {
            Format::Text => out::text::failure(self),
            Format::Json => out::json::failure(self, None),
        }
        ExitCode::from(self.status as u8)
    }

    /// Prints the failure of one of several nodes.
    pub(crate) fn report_of(mut self, node: &NodeName, format: Format) {
        match format {
            Format::Text => {
                self.message = format!("{node}: {}", self.message);
                out::text::failure(&self);
            }
            Format::Json => out::json::failure(&self, Some(node)),
        }
    }

    /// The stage and the sentence.
    pub(crate) fn headline(&self) -> String {
        format!("{}: {}", self.stage.title(), self.message)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.headline())
    }
}

impl std::error::Error for Failure {}

impl From<&ClientError> for Failure {
    fn from(error: &ClientError) -> Self {
        match error {
            ClientError::TimedOut { .. } => Self::timeout(Stage::Epmd, error.to_string()),
            _ => Self::new(Stage::Epmd, error.to_string()),
        }
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        if let ConnectError::Epmd(error) = error {
            return Self::from(error.as_ref());
        }
        let stage = match error.stage() {
            flitch::Stage::Name => Stage::Name,
            flitch::Stage::Dns => Stage::Dns,
            flitch::Stage::Epmd => Stage::Epmd,
            flitch::Stage::Tcp => Stage::Tcp,
            flitch::Stage::Handshake => Stage::Handshake,
        };
        if error.is_timeout() {
            let sure =
                "check that an Erlang node, without TLS, listens there and is not overloaded";
            return Self::timeout(stage, format!("{error}; {sure}"));
        }
        if let ConnectError::Handshake(error) = error
            && matches!(error.cause, flitch::handshake::Cause::OtherName { .. })
        {
            return Self::new(stage, format!("{error}; --any-name takes the name that it states"));
        }
        Self::new(stage, error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match &error {
            StartError::Epmd(error) => Self::from(error),
            StartError::Cookie(error) => Self::from(error),
            StartError::Name(error) => Self::from(error),
            StartError::Connect(error) => Self::from(error),
            StartError::EpmdPort(_) => Self::usage(error.to_string()),
            StartError::EmbeddedEpmd(_) => Self::new(Stage::Epmd, error.to_string()),
            StartError::Listen { .. } => Self::new(Stage::Listen, error.to_string()),
            _ => Self::new(Stage::Internal, error.to_string()),
        }
    }
}

impl From<&flitch::CookieError> for Failure {
    fn from(error: &flitch::CookieError) -> Self {
        Self::new(Stage::Cookie, error.to_string())
    }
}

impl From<&flitch::NameError> for Failure {
    fn from(error: &flitch::NameError) -> Self {
        Self::new(Stage::Name, error.to_string())
    }
}

impl From<&flitch::ConfigError> for Failure {
    fn from(error: &flitch::ConfigError) -> Self {
        let stage = match error {
            error if error.cookie().is_some() => Stage::Cookie,
            error if error.is_name() => Stage::Name,
            _ => Stage::Usage,
        };
        Self::new(stage, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flitch::epmd::client::Step;

    use super::*;

    #[test]
    fn a_script_can_tell_no_from_nobody_there_and_from_too_late() {
        let status = |stage| Failure::new(stage, "").status;
        assert_eq!(status(Stage::Call), Status::Refused);
        assert_eq!(status(Stage::Name), Status::Usage);
        for stage in [Stage::Dns, Stage::Epmd, Stage::Tcp, Stage::Handshake] {
            assert_eq!(status(stage), Status::NoConnection);
            assert_eq!(Failure::timeout(stage, "").status, Status::Timeout);
        }
    }

    #[test]
    fn a_silent_epmd_is_a_timeout_and_an_absent_one_is_not() {
        let epmd = ([127, 0, 0, 1], 4369).into();
        let failure = |error| Failure::from(&ConnectError::Epmd(Arc::new(error)));
        let silent = failure(ClientError::TimedOut { epmd, step: Step::Answer });
        assert_eq!((silent.stage, silent.status), (Stage::Epmd, Status::Timeout));
        let absent = failure(ClientError::NoDaemon { epmd });
        assert_eq!((absent.stage, absent.status), (Stage::Epmd, Status::NoConnection));
    }

    #[test]
    fn an_error_that_is_no_failure_is_our_own_and_keeps_its_causes() {
        let error = anyhow::anyhow!("inner").context("outer");
        let failure = Failure::of(error);
        assert_eq!(failure.stage, Stage::Internal);
        assert_eq!(failure.message, "outer: inner");
        let failure = Failure::of(Failure::usage("no").into());
        assert_eq!((failure.stage, failure.message.as_str()), (Stage::Usage, "no"));
    }
}
