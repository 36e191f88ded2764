//! Tables for people: as wide as the terminal at most, or as wide as they are.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, presets};

use super::text::harmless;

/// A column's title, and on which side its cells begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    side: CellAlignment,
}

impl Column {
    /// For words.
    pub(crate) const fn left(title: &'static str) -> Self {
        Self { title, side: CellAlignment::Left }
    }

    /// For numbers.
    pub(crate) const fn right(title: &'static str) -> Self {
        Self { title, side: CellAlignment::Right }
    }
}

/// Rows under titles. Cells may hold what a peer said: they are made harmless here.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// One row more.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// The table as lines, cut at `width` columns; its titles stand out where `bold`.
    pub(crate) fn lines(&self, width: Option<usize>, bold: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING);
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        let titles = self.columns.iter().map(|column| cell(column.title, column.side));
        table.set_header(one_line(titles));
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns);
            table.add_row(one_line(cells.map(|(text, column)| cell(text, column.side))));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut lines = String::new();
        for (at, line) in table.lines().enumerate() {
            let line = line.trim_end();
            match (at, bold) {
                (0, true) => lines.push_str(&format!("\u{1b}[1m{line}\u{1b}[0m\n")),
                _ => lines.push_str(&format!("{line}\n")),
            }
        }
        lines
    }
}

fn one_line(cells: impl Iterator<Item = Cell>) -> Row {
    let mut row = Row::from(cells.collect::<Vec<_>>());
    row.max_height(1);
    row
}

fn cell(text: &str, side: CellAlignment) -> Cell {
    let text = harmless(text).replace('\n', "\\n").replace('\t', "\\t");
    Cell::new(text).set_alignment(side)
}

/// `831 B`, `12.4 KiB`, `3.0 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Three digits are shown.
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.iter().skip(1) {
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Column::left("NAME"), Column::right("SIZE")]);
        table.row(["kernel_sup".to_owned(), "12".to_owned()]);
        table.row(["a\u{1b}[2Jb\nc".to_owned(), "7".to_owned()]);
        table
    }

    #[test]
    fn a_row_is_one_line_whatever_a_peer_called_its_things() {
        let lines = table().lines(None, false);
        assert_eq!(lines, "NAME            SIZE\nkernel_sup        12\na\\u{1b}[2Jb\\nc     7\n");
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let lines = table().lines(Some(16), false);
        assert!(lines.lines().all(|line| line.chars().count() <= 16), "{lines}");
        assert_eq!(lines.lines().count(), 3, "{lines}");
    }

    #[test]
    fn only_a_terminal_sees_escapes() {
        assert!(!table().lines(Some(80), false).contains('\u{1b}'));
        assert!(table().lines(Some(80), true).starts_with("\u{1b}[1mNAME"));
    }

    #[test]
    fn sizes_have_three_digits_and_a_unit() {
        assert_eq!(bytes(831), "831 B");
        assert_eq!(bytes(12_700), "12.4 KiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }
}
