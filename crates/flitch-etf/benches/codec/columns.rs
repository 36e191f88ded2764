//! Lines of cells, one under the other.

/// Prints lines of as many cells as the first has: its own column to the left, the others to the
/// right.
pub(crate) fn print(lines: &[Vec<String>]) {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 { print!("{cell:<width$}") } else { print!("  {cell:>width$}") }
        }
        println!();
    }
    println!();
}
