//! What a child process printed: kept line by line, awaited by tests, shown when one fails.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One line of output.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which stream it came from, `out` or `err`; other words mark what the test noted.
    pub stream: &'static str,
    /// The line without its end.
    pub text: String,
}

/// All that a child has printed so far.
#[derive(Default)]
pub struct Log {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    open: usize,
}

/// Why something awaited in a log never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The time was up.
    Deadline,
    /// The child closed its output: it has ended.
    Ended,
}

impl Log {
    /// Collects `source` into the log until it ends.
    pub fn drain(self: &Arc<Self>, stream: &'static str, source: impl Read + Send + 'static) {
        self.state().open += 1;
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while matches!(source.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                log.state().lines.push(Line { stream, text });
                log.grown.notify_all();
                line.clear();
            }
            log.state().open -= 1;
            log.grown.notify_all();
        });
    }

    /// Adds a line of the test's own, such as what it asked.
    pub fn note(&self, stream: &'static str, text: &str) {
        self.state().lines.push(Line { stream, text: text.to_owned() });
    }

    /// Waits until `find` sees what it looks for in the lines so far.
    ///
    /// # Errors
    /// [`Missed`], if the time is up or the output has ended first.
    pub fn wait_for<T>(
        &self,
        within: Duration,
        mut find: impl FnMut(&[Line]) -> Option<T>,
    ) -> Result<T, Missed> {
        let deadline = Instant::now() + within;
        let mut state = self.state();
        loop {
            if let Some(found) = find(&state.lines) {
                return Ok(found);
            }
            if state.open == 0 {
                return Err(Missed::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missed::Deadline);
            }
            state = self.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The lines of one stream, joined.
    #[must_use]
    pub fn stream(&self, stream: &str) -> String {
        let state = self.state();
        let lines = state.lines.iter().filter(|line| line.stream == stream);
        lines.fold(String::new(), |all, line| all + &line.text + "\n")
    }

    /// Every line, with its stream's name before it.
    #[must_use]
    pub fn text(&self) -> String {
        self.state()
            .lines
            .iter()
            .fold(String::new(), |all, line| all + line.stream + " | " + &line.text + "\n")
    }

    /// A test that panics while it holds the log must still be able to show it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ends_is_told_from_one_that_is_slow() {
        let log = Arc::new(Log::default());
        log.drain("out", &b"one\ntwo"[..]);
        let two = log.wait_for(Duration::from_secs(5), |lines| lines.get(1).cloned());
        assert_eq!(two.unwrap().text, "two");
        let three = log.wait_for(Duration::from_secs(5), |lines| lines.get(2).cloned());
        assert_eq!(three.unwrap_err(), Missed::Ended);
        let (_held, pipe) = std::os::unix::net::UnixStream::pair().unwrap();
        log.drain("err", pipe);
        let three = log.wait_for(Duration::from_millis(20), |lines| lines.get(2).cloned());
        assert_eq!(three.unwrap_err(), Missed::Deadline);
        assert_eq!(log.text(), "out | one\nout | two\n");
    }
}
