//! What code prints on other nodes, as it comes: of one node as it is, of several under a line
//! that says whose it is, as `tail -f` does with several files.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use flitch::NodeName;

use crate::args::Format;
use crate::shell::chars;

/// The output of one node.
#[derive(Clone)]
pub(crate) struct Voice {
    format: Format,
    /// Whose it is, where several speak.
    label: Option<(NodeName, Arc<Mutex<Floor>>)>,
}

/// Who speaks.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    speaker: Option<NodeName>,
    /// Whether the last line is without its end.
    is_open: bool,
}

impl Voice {
    /// The only node there is.
    pub(crate) fn alone(format: Format) -> Self {
        Self { format, label: None }
    }

    /// One of several, who share the floor.
    pub(crate) fn of(node: NodeName, floor: Arc<Mutex<Floor>>, format: Format) -> Self {
        Self { format, label: Some((node, floor)) }
    }

    /// Prints what code has printed: beside the documents, where those are wanted.
    pub(crate) fn print(&self, text: &str) {
        match self.format {
            Format::Text if std::io::stdout().is_terminal() => self.labelled(&chars::tame(text)),
            Format::Text | Format::Json => self.labelled(text),
        }
    }

    /// Prints the answer: a document, or text.
    pub(crate) fn answer(&self, text: &str) {
        match self.format {
            Format::Text => self.labelled(text),
            Format::Json => super::stdout(text),
        }
    }

    fn labelled(&self, text: &str) {
        let write = match self.format {
            Format::Text => super::stdout,
            Format::Json => super::stderr,
        };
        match &self.label {
            None => write(text),
            Some((node, floor)) => {
                // Held while it is written: lines of two nodes would mix.
                let mut floor = floor.lock().unwrap_or_else(PoisonError::into_inner);
                write(&(floor.heading(node, text) + text));
            }
        }
    }
}

impl Floor {
    /// What stands before `text` when `node` says it.
    fn heading(&mut self, node: &NodeName, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let heading = if self.speaker.as_ref() == Some(node) {
            String::new()
        } else {
            let end = if self.is_open { "\n" } else { "" };
            self.speaker = Some(node.clone());
            format!("{end}==> {node} <==\n")
        };
        self.is_open = !text.ends_with('\n');
        heading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_stands_where_another_node_begins_and_on_a_line_of_its_own() {
        let (a, b) = ("a@h".parse().unwrap(), "b@h".parse().unwrap());
        let mut floor = Floor::default();
        assert_eq!(floor.heading(&a, "1\n"), "==> a@h <==\n");
        assert_eq!(floor.heading(&a, "2"), "");
        assert_eq!(floor.heading(&b, ""), "", "who says nothing takes no floor");
        assert_eq!(floor.heading(&b, "3\n"), "\n==> b@h <==\n");
        assert_eq!(floor.heading(&a, "4\n"), "==> a@h <==\n");
    }
}
