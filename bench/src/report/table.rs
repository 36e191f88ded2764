//! The table: a row for what was measured, a column for each peer.

use std::fmt::Write;

use super::Report;
use crate::measure::{Group, OURS, Row, Spread, Target};

/// The whole document. `charts` are titles of groups with the file of their chart.
pub(crate) fn markdown(report: &Report, charts: &[(&str, String)]) -> String {
    let mut out = String::from(
        "# What flitch takes, beside others\n\n\
         Written by `make bench`. A number is the median of its rounds, with the least and the most; \
         `×` is ours divided by theirs, within a round: of times below 1, and of rates above 1, \
         flitch is ahead. Machines are noisy: run it on yours.\n\n",
    );
    for line in report.machine.lines() {
        let _ = writeln!(out, "- {line}");
    }
    for group in &report.groups {
        let _ = write!(out, "\n## {}\n\n{}\n\n", group.title, group.how);
        out.push_str(&table(group));
        for (_, file) in charts.iter().filter(|(title, _)| *title == group.title) {
            let _ = write!(out, "\n![{}]({file})\n", group.title);
        }
        out.push_str(&missing(group));
    }
    for (title, text) in &report.printed {
        let _ = write!(out, "\n## {title}\n\n```text\n{}\n```\n", text.trim_end());
    }
    out
}

fn table(group: &Group) -> String {
    let peers = peers(group);
    let targets = group.rows.iter().any(|row| row.target.is_some());
    let mut head = vec![String::new()];
    head.extend(peers.iter().map(|peer| (*peer).to_owned()));
    head.extend(targets.then(|| "target".to_owned()));
    let rule = std::iter::once("---").chain(head.iter().skip(1).map(|_| "---:"));
    let mut out = line(&head) + &line(&rule.map(str::to_owned).collect::<Vec<_>>());
    for row in &group.rows {
        let mut cells = vec![row.what.clone()];
        cells.extend(peers.iter().map(|peer| cell(row, peer)));
        cells.extend(targets.then(|| target(row)));
        out.push_str(&line(&cells));
    }
    out
}

/// All that are in the group, ours first.
pub(crate) fn peers(group: &Group) -> Vec<&'static str> {
    let mut peers = Vec::new();
    for cell in group.rows.iter().flat_map(|row| &row.cells) {
        if !peers.contains(&cell.peer) {
            peers.push(cell.peer);
        }
    }
    peers
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn cell(row: &Row, peer: &str) -> String {
    let Some(cell) = row.cell(peer) else { return "".to_owned() };
    let Ok(values) = &cell.seen else { return "–".to_owned() };
    let Some(spread) = Spread::of(values) else { return String::new() };
    let mut text = row.unit.show(spread.median);
    if values.len() > 1 {
        let (least, most) = (row.unit.show(spread.least), row.unit.show(spread.most));
        let _ = write!(text, " ({least} to {most})");
    }
    match row.ratio(peer) {
        Some(ratio) if peer != OURS => format!("{text} **×{ratio:.2}**"),
        _ => text,
    }
}

fn target(row: &Row) -> String {
    let (most, unit) = (if row.unit.more_is_better() { "≥" } else { "≤" }, row.unit);
    let wanted = match row.target {
        Some(Target::Of(peer, ratio)) => format!("{most} {ratio} × {peer}"),
        Some(Target::Absolute(value)) => format!("{most} {}", unit.show(value)),
        None => return String::new(),
    };
    match row.met() {
        Some(true) => format!("{wanted}: met"),
        Some(false) => format!("{wanted}: **not met**"),
        None => wanted,
    }
}

/// Who could not do what, and why: once for each reason.
fn missing(group: &Group) -> String {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for row in &group.rows {
        for cell in &row.cells {
            let Err(why) = &cell.seen else { continue };
            let sentence = format!("{}: {why}", cell.peer);
            match said.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, rows)) => rows.push(&row.what),
                None => said.push((sentence, vec![&row.what])),
            }
        }
    }
    let mut out = String::new();
    for (sentence, rows) in said {
        let rows =
            if rows.len() == group.rows.len() { "all rows".to_owned() } else { rows.join("; ") };
        let _ = write!(out, "\n– {sentence} ({rows})\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Unit;

    #[test]
    fn a_row_tells_numbers_ratios_the_target_and_who_could_not() {
        let target = Some(Target::Of("BEAM", 1.0));
        let mut row = Row::new("a call", Unit::Nanoseconds).target(target);
        for (ours, beam) in [(10_000.0, 20_000.0), (12_000.0, 10_000.0), (8_000.0, 10_000.0)] {
            row.add(OURS, Ok(ours));
            row.add("BEAM", Ok(beam));
        }
        row.add("erl_dist", Err("it crashed".to_owned()));
        let group = Group { title: "Calls", how: String::new(), rows: vec![row] };
        assert_eq!(
            table(&group),
            "|  | flitch | BEAM | erl_dist | target |\n\
             | --- | ---: | ---: | ---: | ---: |\n\
             | a call | 10.0 µs (8.00 µs to 12.0 µs) | 10.0 µs (10.0 µs to 20.0 µs) **×0.80** | – | ≤ 1 × BEAM: met |\n"
        );
        assert_eq!(missing(&group), "\n– erl_dist: it crashed (all rows)\n");
    }
}
