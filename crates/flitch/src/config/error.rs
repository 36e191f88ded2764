//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::path::PathBuf;

use flitch_name::NameError;

use crate::connect_error::ConnectError;
use crate::cookie::CookieError;

/// What is wrong with a configuration. Its text never shows the value of a secret.
///
/// ```
/// use flitch::Config;
///
/// let error = Config::read("[node]\nnmae = 'worker@10.0.0.7'", []).unwrap_err();
/// assert_eq!(error.line(), Some(2));
/// ```
#[derive(Clone, Debug)]
pub struct ConfigError {
    place: Place,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Words(String),
    Cookie(std::sync::Arc<CookieError>),
    Peer(Box<ConnectError>),
    Name(NameError),
}

/// What somebody is told who writes a cookie where everything else is written.
pub(super) const NO_COOKIE: &str = "a cookie does not belong into a configuration: put it into a \
                                    file that only you can read, and give cookie_file, or set \
                                    RELEASE_COOKIE";

/// Where something is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) file: Option<PathBuf>,
    pub(super) line: Option<usize>,
    pub(super) variable: Option<String>,
    pub(super) key: Option<String>,
}

impl ConfigError {
    pub(super) fn at(place: Place, message: &str) -> Self {
        Self { place, kind: Kind::Words(message.trim_end().to_owned()) }
    }

    pub(super) fn name(place: Place, error: NameError) -> Self {
        Self { place, kind: Kind::Name(error) }
    }

    pub(super) fn peer(place: Place, error: ConnectError) -> Self {
        Self { place, kind: Kind::Peer(Box::new(error)) }
    }

    /// The key, such as `topologies.beam.config.polling_interval`.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.place.key.as_deref()
    }

    /// The line in the file.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.line
    }

    /// The variable of the environment.
    #[must_use]
    pub fn variable_name(&self) -> Option<&str> {
        self.place.variable.as_deref()
    }

    /// The cookie, if that is what is wrong.
    #[must_use]
    pub fn cookie(&self) -> Option<&CookieError> {
        match &self.kind {
            Kind::Cookie(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the name is what is wrong: the node's own, or how a peer's goes with it.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Name(_) | Kind::Peer(_)) || self.key() == Some("node.name")
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.kind {
            Kind::Words(message) => message.clone(),
            Kind::Cookie(error) => error.to_string(),
            Kind::Peer(error) => error.to_string(),
            Kind::Name(error) => error.to_string(),
        }
    }
}

impl From<CookieError> for ConfigError {
    fn from(error: CookieError) -> Self {
        Self { place: Place::default(), kind: Kind::Cookie(std::sync::Arc::new(error)) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, variable, key } = &self.place;
        match (variable, file) {
            (Some(variable), _) => write!(f, "{variable}: ")?,
            (None, Some(file)) => match line {
                Some(line) => write!(f, "{}:{line}: ", file.display())?,
                None => write!(f, "{}: ", file.display())?,
            },
            (None, None) => {}
        }
        if let Some(key) = key.as_ref().filter(|_| matches!(self.kind, Kind::Words(_))) {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message())
    }
}

impl std::error::Error for ConfigError {}
