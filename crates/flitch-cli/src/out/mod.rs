//! Printing: for people in `text`, for programs in `json`.

pub(crate) mod exception;
pub(crate) mod json;
pub(crate) mod sights;
pub(crate) mod text;

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
