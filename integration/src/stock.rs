//! The stock programs that the tests run against, and what to say when one is missing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command for a stock program: `erl`, `elixir`, `iex` or `epmd`.
///
/// # Panics
/// If it is not installed, with the packages to install.
#[must_use]
#[track_caller]
pub fn command(program: &str) -> Command {
    match find(program, &std::env::var_os("PATH").unwrap_or_default()) {
        Ok(path) => Command::new(path),
        Err(sentence) => panic!("{sentence}"),
    }
}

fn find(program: &str, path: &OsStr) -> Result<PathBuf, String> {
    let inside = |folder: PathBuf| Some(folder.join(program)).filter(|file| file.is_file());
    std::env::split_paths(path).find_map(inside).ok_or_else(|| {
        let package = if matches!(program, "erl" | "epmd") { "erlang-base" } else { "elixir" };
        format!(
            "`{program}` is not installed, and this test talks to a real BEAM. On Debian: \
             `apt-get install {package}`, or let `make setup` install all that the tests need \
             (erlang-base, elixir)."
        )
    })
}

/// A file of the folder `beam/`, which holds what runs inside a BEAM.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("beam").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_beam_names_the_debian_package() {
        let nowhere = tempfile::tempdir().unwrap();
        for (program, package) in [
            ("erl", "erlang-base"),
            ("epmd", "erlang-base"),
            ("iex", "elixir"),
            ("elixir", "elixir"),
        ] {
            let said = find(program, nowhere.path().as_os_str()).unwrap_err();
            assert!(said.contains(&format!("`{program}` is not installed")), "{said}");
            assert!(said.contains(&format!("apt-get install {package}`")), "{said}");
        }
    }
}
