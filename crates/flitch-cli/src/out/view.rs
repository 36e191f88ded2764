//! What was seen inside a node, in the form that the user asked for.

use flitch::etf::text::Syntax;
use flitch::etf::{decode, to_vec};
use serde::Serialize;

use super::table::Table;
use crate::args::View;
use crate::failure::{Failure, Stage};

/// Something that can be shown in every form.
pub(crate) trait Document: Serialize {
    /// What people read, with more columns where it is wide.
    fn blocks(&self, wide: bool) -> Vec<Block>;

    /// What the things in it are called. Nothing, where it is one thing without parts.
    fn names(&self) -> Option<Vec<String>> {
        None
    }
}

/// A part of what people read. An empty line stands between two.
pub(crate) enum Block {
    Table(Table),
    Lines(Vec<String>),
}

/// How a document is printed.
///
/// # Errors
/// It has no such form.
pub(crate) fn print<D: Document>(document: &D, view: View) -> Result<String, Failure> {
    let tables = |wide: bool, width: Option<usize>| {
        let bold = super::colours();
        let blocks = document.blocks(wide);
        let shown: Vec<_> = blocks.iter().map(|block| block.lines(width, bold)).collect();
        shown.join("\n")
    };
    match view {
        View::Text => Ok(tables(false, super::width())),
        View::Wide => Ok(tables(true, None)),
        View::Json => super::json::line(document),
        View::Yaml => serde_saphyr::to_string(document).map_err(|error| no_form("YAML", &error)),
        View::Erlang => as_term(document, Syntax::Erlang),
        View::Elixir => as_term(document, Syntax::Elixir),
        View::Name => match document.names() {
            Some(names) => Ok(names.iter().map(|name| format!("{name}\n")).collect()),
            None => Err(Failure::usage("there are no names in it to print: leave out -o name")),
        },
    }
}

impl Block {
    fn lines(&self, width: Option<usize>, bold: bool) -> String {
        match self {
            Self::Table(table) => table.lines(width, bold),
            Self::Lines(lines) => lines.iter().map(|line| cut(line, width)).collect(),
        }
    }
}

/// A line that fits the terminal.
fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            let kept: String = line.chars().take(width.saturating_sub(1)).collect();
            format!("{kept}…\n")
        }
        _ => format!("{line}\n"),
    }
}

fn as_term<D: Document>(document: &D, syntax: Syntax) -> Result<String, Failure> {
    let bytes = to_vec(document).map_err(|error| no_form("terms", &error))?;
    let term = decode(&bytes.into()).map_err(|error| no_form("terms", &error))?;
    Ok(super::text::term(syntax, &term, super::width()))
}

fn no_form(form: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Stage::Internal, format!("the answer has no form in {form}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::table::Column;

    #[derive(Serialize)]
    struct Desk {
        memory_bytes: u64,
        name: &'static str,
    }

    impl Document for Desk {
        fn blocks(&self, wide: bool) -> Vec<Block> {
            let mut table = Table::new([Column::left("NAME")]);
            table.row([self.name.to_owned()]);
            vec![Block::Table(table), Block::Lines(vec![format!("wide: {wide}")])]
        }
    }

    fn shown(view: View) -> String {
        print(&Desk { memory_bytes: 7, name: "desk" }, view).unwrap()
    }

    #[test]
    fn one_document_has_every_form() {
        assert_eq!(shown(View::Text), "NAME\ndesk\n\nwide: false\n");
        assert_eq!(shown(View::Wide), "NAME\ndesk\n\nwide: true\n");
        assert_eq!(shown(View::Json), "{\"memory_bytes\":7,\"name\":\"desk\"}\n");
        assert_eq!(shown(View::Yaml), "memory_bytes: 7\nname: desk\n");
        assert_eq!(shown(View::Erlang), "#{memory_bytes => 7,name => <<\"desk\">>}\n");
        assert_eq!(shown(View::Elixir), "%{memory_bytes: 7, name: \"desk\"}\n");
    }

    #[test]
    fn a_form_that_it_has_not_is_a_mistake_of_the_line() {
        let desk = Desk { memory_bytes: 7, name: "desk" };
        assert_eq!(print(&desk, View::Name).unwrap_err().stage, Stage::Usage);
    }

    #[test]
    fn a_line_is_cut_at_the_terminals_edge() {
        assert_eq!(cut("héllo", Some(4)), "hél…\n");
        assert_eq!(cut("héllo", Some(5)), "héllo\n");
        assert_eq!(cut("héllo", None), "héllo\n");
    }
}
