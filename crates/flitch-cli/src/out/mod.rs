//! Printing: for people in `text`, for programs in `json`.

pub(crate) mod exception;
pub(crate) mod ids;
pub(crate) mod json;
pub(crate) mod sights;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod view;
pub(crate) mod voice;

use std::io::{IsTerminal, Write};

/// How wide the terminal is, in columns, if standard output is one.
pub(crate) fn width() -> Option<usize> {
    /// Of a terminal that does not tell.
    const USUAL: u16 = 80;
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| size.ws_col);
    Some(usize::from(if columns == 0 { USUAL } else { columns }))
}

/// Whether standard output is a terminal, and the user has nothing against colours there
/// (<https://no-color.org>).
pub(crate) fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()) && std::io::stdout().is_terminal()
}

/// What makes room for the next sight of something that is watched: a terminal is cleared.
pub(crate) fn clear() -> String {
    if std::io::stdout().is_terminal() { "\u{1b}[H\u{1b}[2J".to_owned() } else { String::new() }
}

/// Writes to standard output, at once.
pub(crate) fn stdout(text: &str) {
    // A reader that has gone, such as `head`, has all that it wanted.
    let _ = try_stdout(text);
}

/// Writes to standard output, at once.
///
/// # Errors
/// Nobody reads it.
pub(crate) fn try_stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Writes to standard error.
pub(crate) fn stderr(text: &str) {
    // There is nowhere left to report to.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
