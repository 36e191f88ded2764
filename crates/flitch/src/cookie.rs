//! Where a node's cookie comes from.
//!
//! Never from the command line, where every user of the machine could read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flitch_handshake as handshake;

/// The secret that the nodes of a cluster share. Its value shows in no output of this type.
///
/// ```
/// use flitch::Cookie;
///
/// let cookie = Cookie::new("a secret of the whole cluster")?;
/// // It is shown nowhere, by mistake either.
/// assert!(!format!("{cookie:?}").contains("secret"));
/// # Ok::<(), flitch::CookieError>(())
/// ```
#[derive(Clone)]
pub struct Cookie(pub(crate) handshake::Cookie);

/// The longest file that is read: a cookie has at most 255 characters.
const MAX_FILE: u64 = 4096;

impl Cookie {
    /// The variables that are looked at, in this order: that of Elixir's releases, then that of
    /// Erlang's.
    pub const VARIABLES: [&str; 2] = ["RELEASE_COOKIE", "NODE_COOKIE"];

    /// A cookie that the program has from elsewhere.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that a BEAM's cookie cannot have.
    pub fn new(text: &str) -> Result<Self, CookieError> {
        let cookie = handshake::Cookie::new(text);
        cookie.map(Self).map_err(|source| CookieError::Unusable { from: "the program", source })
    }

    /// The cookie in an environment variable, such as `RELEASE_COOKIE`.
    ///
    /// # Errors
    /// The variable is not set, or holds no cookie.
    pub fn from_env(variable: &'static str) -> Result<Self, CookieError> {
        match std::env::var(variable) {
            Ok(text) => Self::in_variable(variable, &text),
            Err(_) => Err(CookieError::NotSet { variable }),
        }
    }

    /// The cookie that a variable holds.
    pub(crate) fn in_variable(variable: &'static str, text: &str) -> Result<Self, CookieError> {
        let cookie = handshake::Cookie::new(text.trim_end_matches(['\r', '\n']));
        cookie.map(Self).map_err(|source| CookieError::Unusable { from: variable, source })
    }

    /// The first line of a file that only its owner may read, as a BEAM demands it. One of root's
    /// may be readable by one group as well, for a process that is not root: Kubernetes gives no
    /// other file of a Secret to such a process (`fsGroup`), whatever its `defaultMode`.
    ///
    /// # Errors
    /// The file cannot be read, may be read by others, or holds no cookie.
    pub fn from_file(path: &Path) -> Result<Self, CookieError> {
        let io = |source| CookieError::File { path: path.to_owned(), source };
        // Asked of the open file, so that nobody can exchange it in between.
        let file = File::open(path).map_err(io)?;
        let found = file.metadata().map_err(io)?;
        if !found.is_file() {
            return Err(CookieError::NotAFile { path: path.to_owned() });
        }
        let mode = found.permissions().mode() & 0o777;
        let us = rustix::process::geteuid().as_raw();
        if mode & forbidden(found.uid(), us) != 0 {
            return Err(CookieError::Readable { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(io)?;
        let line = text.lines().next().unwrap_or_default();
        handshake::Cookie::new(line)
            .map(Self)
            .map_err(|source| CookieError::Content { path: path.to_owned(), source })
    }

    /// The cookie as `flitch node` looks for it: in `file` if one is given, else in the variables
    /// [`Cookie::VARIABLES`], else in `~/.erlang.cookie` (or `erlang/.erlang.cookie` under the
    /// user's configuration), which is created with a random cookie if it is not there.
    ///
    /// # Errors
    /// The first place that has something has no usable cookie. Later places are not tried then.
    pub fn find(file: Option<&Path>) -> Result<Self, CookieError> {
        if let Some(path) = file {
            return Self::from_file(path);
        }
        for variable in Self::VARIABLES {
            match Self::from_env(variable) {
                Err(CookieError::NotSet { .. }) => {}
                found => return found,
            }
        }
        Self::from_home()
    }

    pub(crate) fn from_home() -> Result<Self, CookieError> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let home = home.map(PathBuf::from).ok_or(CookieError::NoHome)?;
        let path = home.join(".erlang.cookie");
        let config = std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty());
        let config = config.map_or_else(|| home.join(".config"), PathBuf::from);
        for path in [&path, &config.join("erlang").join(".erlang.cookie")] {
            match Self::from_file(path) {
                Err(CookieError::File { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                found => return found,
            }
        }
        match create(&path) {
            // Another node of this user was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(CookieError::File { path, source }),
            Ok(()) => tracing::info!(path = %path.display(), "created a cookie file"),
        }
        Self::from_file(&path)
    }

    /// What makes this cookie easy to guess, in words, if anything does.
    #[must_use]
    pub fn weakness(&self) -> Option<&'static str> {
        self.0.weakness().map(|weakness| match weakness {
            handshake::Weakness::WellKnown => "it is a default that everybody knows",
            handshake::Weakness::Short => "it is short enough to be guessed",
            _ => "it can be guessed",
        })
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// Writes 256 random bits as letters, so that they survive every quoting.
fn create(path: &Path) -> io::Result<()> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let letter = |nibble: u8| char::from(b'A' + nibble);
    let text: String =
        random.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(text.as_bytes())?;
    // The umask may have taken away the owner's right to read.
    fs::set_permissions(path, fs::Permissions::from_mode(0o400))
}

/// Why there is no cookie, and what to do. Never holds a cookie.
///
/// ```
/// use flitch::{Cookie, CookieError};
///
/// let error = Cookie::from_env("SHOP_COOKIE").unwrap_err();
/// assert!(matches!(error, CookieError::NotSet { .. }));
/// assert_eq!(error.to_string(), "SHOP_COOKIE is not set: set it to the cluster's cookie");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The variable is not set.
    #[error("{variable} is not set: set it to the cluster's cookie")]
    NotSet {
        /// Its name.
        variable: &'static str,
    },
    /// What was given cannot be a cookie.
    #[error("the cookie from {from} cannot be used: {source}")]
    Unusable {
        /// Where it was.
        from: &'static str,
        /// What is wrong with it.
        source: handshake::CookieError,
    },
    /// What a file holds cannot be a cookie.
    #[error("the cookie in {path:?} cannot be used: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: handshake::CookieError,
    },
    /// The file cannot be read or made.
    #[error("the cookie file {path:?} cannot be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, or something else.
    #[error("{path:?} is no regular file: name one that holds the cookie")]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the cookie file {path:?} can be read by others (mode {mode:o}): chmod 400 {path:?}")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no home directory to look in.
    #[error("HOME is not set: give a cookie file, or set RELEASE_COOKIE")]
    NoHome,
}

/// The permissions that a cookie file of `owner` must not have when `us` reads it.
fn forbidden(owner: u32, us: u32) -> u32 {
    if owner == 0 && us != 0 { 0o037 } else { 0o077 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookie");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        for mode in [0o440, 0o404, 0o644, 0o600 | 0o010] {
            let (_dir, path) = file("SECRETSECRET", mode);
            let said = Cookie::from_file(&path).unwrap_err().to_string();
            assert!(said.contains("chmod 400") && !said.contains("SECRET"), "{said}");
        }
    }

    #[test]
    fn a_file_of_a_secret_is_taken_as_kubernetes_mounts_it_for_who_is_not_root() {
        let (root, us) = (0, 65532);
        assert_eq!(0o440 & forbidden(root, us), 0);
        for mode in [0o460, 0o444, 0o450, 0o441] {
            assert_ne!(mode & forbidden(root, us), 0, "{mode:o}");
        }
        for owner in [us, 1000] {
            assert_ne!(0o440 & forbidden(owner, us), 0, "a file of a user's own group");
        }
        assert_ne!(0o440 & forbidden(root, root), 0);
    }

    #[test]
    fn only_the_first_line_counts() {
        let (_dir, path) = file("SECRETSECRET\r\nmore", 0o400);
        assert!(Cookie::from_file(&path).is_ok());
        let (_dir, path) = file("\n", 0o400);
        assert!(matches!(Cookie::from_file(&path), Err(CookieError::Content { .. })));
    }

    #[test]
    fn a_created_cookie_is_the_owners_alone_and_new_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| {
            let path = dir.path().join(name);
            create(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
            assert!(Cookie::from_file(&path).unwrap().weakness().is_none());
            fs::read_to_string(path).unwrap()
        };
        let (a, b) = (read("a"), read("b"));
        assert_ne!(a, b);
        assert_eq!(a.len(), 64);
    }

    #[test]
    fn no_output_shows_the_cookie() {
        let cookie = Cookie::new("SECRETSECRET").unwrap();
        assert!(!format!("{cookie:?}").contains("SECRET"));
    }

    #[test]
    fn a_directory_is_no_cookie_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Cookie::from_file(dir.path()), Err(CookieError::NotAFile { .. })));
    }
}
