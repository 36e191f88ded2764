//! The contexts' file: where it is, how it is read, and how it is written at once or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Contexts;
use crate::failure::Failure;

/// No file that a person's contexts are in is any larger.
const LARGEST: u64 = 1024 * 1024;

/// Where the file is, or would be.
///
/// # Errors
/// The environment names no place.
pub(crate) fn place() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = set("FLITCH_CONTEXTS") {
        return Ok(file.into());
    }
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")));
    match config {
        Some(config) => Ok(config.join("flitch").join("contexts.toml")),
        None => Err(Failure::usage(
            "there is no place for contexts: set HOME, or FLITCH_CONTEXTS to a file",
        )),
    }
}

/// What is in the file; nothing, if there is none.
///
/// # Errors
/// It cannot be read, or says what it cannot say.
pub(crate) fn read(path: &Path) -> Result<Contexts, Failure> {
    let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(LARGEST + 1).read_to_string(&mut text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
        Err(error) => Err(error),
    }
    .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if text.len() as u64 > LARGEST {
        return Err(wrong("has more than a mebibyte: these are no contexts".to_owned()));
    }
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Contexts, String> {
    toml::from_str(text).map_err(|error| {
        // Never the line itself: somebody may have written a cookie there.
        let at = error.span().and_then(|span| text.get(..span.start));
        let at = at.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
        let said = error.message().trim_end();
        let hint = match said.contains("`cookie`") {
            true => "; a cookie does not belong here: write cookie_file = \"FILE\"",
            false => "",
        };
        format!("{}{said}{hint}", at.unwrap_or_default())
    })
}

/// Writes the file, and the directory that it is in. Comments in it are lost.
///
/// # Errors
/// It cannot be written; it is as before then.
pub(crate) fn write(path: &Path, contexts: &Contexts) -> Result<(), Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::usage(format!("{} cannot be written: {what}", path.display()))
    };
    let text = toml::to_string(contexts).map_err(|error| wrong(&error))?;
    replace(path, &text).map_err(|error| wrong(&error))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // What a link leads to is written, and not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(directory) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let next = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&next, &path)).inspect_err(|_| {
        let _ = fs::remove_file(&next);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::contexts::Entry;

    #[test]
    fn what_is_written_is_read_again_and_is_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("flitch").join("contexts.toml");
        assert_eq!(read(&path).unwrap(), Contexts::default());
        let mut contexts = Contexts { current: Some("prod".to_owned()), ..Contexts::default() };
        let entry = Entry { node: Some("app@10.0.0.7".to_owned()), ..Entry::default() };
        contexts.contexts.insert("prod".to_owned(), entry);
        for _ in 0..2 {
            write(&path, &contexts).unwrap();
            assert_eq!(read(&path).unwrap(), contexts);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "something is left");
    }

    #[test]
    fn a_cookie_in_the_file_is_refused_and_not_repeated() {
        let said = parse("[contexts.prod]\nnode = \"a@h.x\"\ncookie = \"SECRET\"\n").unwrap_err();
        assert!(said.contains("cookie_file") && said.contains("line 3"), "{said}");
        assert!(!said.contains("SECRET"), "{said}");
    }

    #[test]
    fn what_nobody_understands_is_refused_with_its_line() {
        for (text, line) in [
            ("[contexts.prod]\nnodes = 1\n", "line 2"),
            ("[contexts.prod]\naddress = \"nowhere\"\n", "HOST:PORT"),
            ("[contexts.prod\n", "line 1"),
            ("current = 7\n", "line 1"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(line), "{said}");
        }
    }
}
