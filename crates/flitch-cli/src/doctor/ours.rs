//! What there is on our side: the configuration and the cookie.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flitch::{Config, Cookie};

use super::{Report, Step};
use crate::failure::{Failure, Stage};

/// What a node has unless its configuration says otherwise.
const USUAL_TICKTIME: Duration = Duration::from_secs(60);

/// The configuration that `flitch node` would have here. Gives the `net_ticktime` in it.
pub(crate) fn configuration(report: &mut Report) -> Duration {
    const STEP: &str = "configuration";
    match Config::load(None) {
        Ok(config) => {
            let seen = match config.file() {
                Some(path) => format!("{} and the FLITCH_ variables can be read", path.display()),
                None => "there is no flitch.toml, and the FLITCH_ variables can be read".to_owned(),
            };
            report.add(Step::ok(STEP, seen));
            config.node.net_ticktime.unwrap_or(USUAL_TICKTIME)
        }
        // Only `flitch node` and `flitch discover` would stumble over it.
        Err(error) => {
            let change = "correct it before `flitch node` is started here";
            report.add(Step::warn(STEP, error.to_string(), change));
            USUAL_TICKTIME
        }
    }
}

/// The cookie that a command would use: whether there is one, who may read it, how easily it is
/// guessed. Other commands would make one where there is none, which could not be the right one.
///
/// Gives whether there is one.
pub(crate) fn cookie(report: &mut Report, file: Option<&Path>) -> bool {
    const STEP: &str = "cookie";
    let Some(source) = source(file, |name| std::env::var_os(name).map(PathBuf::from)) else {
        let failure = Failure::new(Stage::Cookie, "there is no cookie on this side");
        let change = "put the cluster's into ~/.erlang.cookie (mode 400), or give --cookie-file \
                      FILE, or set RELEASE_COOKIE";
        report.fail(STEP, &failure, Some(change.to_owned()));
        return false;
    };
    match Cookie::find(file) {
        Err(error) => {
            report.fail(STEP, &Failure::from(&error), None);
            return false;
        }
        Ok(cookie) => report.add(match cookie.weakness() {
            None => Step::ok(STEP, format!("from {source}")),
            Some(weakness) => Step::warn(
                STEP,
                format!("from {source}: {weakness}"),
                "whoever has it can run code on every node: give all nodes one of 32 random \
                 characters or more, such as `openssl rand -hex 32` prints",
            ),
        }),
    }
    true
}

/// Where the cookie would come from, in the order of [`Cookie::find`].
fn source(
    file: Option<&Path>,
    variable: impl Fn(&'static str) -> Option<PathBuf>,
) -> Option<String> {
    if let Some(path) = file {
        return Some(path.display().to_string());
    }
    if let Some(name) = Cookie::VARIABLES.into_iter().find(|name| variable(name).is_some()) {
        return Some(name.to_owned());
    }
    let set = |name| variable(name).filter(|value| !value.as_os_str().is_empty());
    let home = set("HOME")?;
    let config = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let places = [home.join(".erlang.cookie"), config.join("erlang").join(".erlang.cookie")];
    // One that is there and cannot be read is the source all the same.
    let place = places.into_iter().find(|place| place.symlink_metadata().is_ok())?;
    Some(place.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_is_nowhere_is_not_made_by_looking_for_it() {
        let home = tempfile::tempdir().unwrap();
        let at_home = |name| (name == "HOME").then(|| home.path().to_owned());
        assert_eq!(source(None, at_home), None);
        let place = home.path().join(".erlang.cookie");
        assert!(!place.exists());
        std::fs::write(&place, "X").unwrap();
        assert_eq!(source(None, at_home), Some(place.display().to_string()));
        let variable = |name| (name == "NODE_COOKIE").then(PathBuf::new);
        assert_eq!(source(None, variable).as_deref(), Some("NODE_COOKIE"));
        assert_eq!(source(Some(Path::new("/c")), variable).as_deref(), Some("/c"));
    }
}
