//! Charts: of each row a bar for each peer, how it fares beside the BEAM (or, where there is none,
//! beside the first that there is). Longer is better in all of them.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::table::peers;
use crate::measure::{Group, OURS, Row, Spread};

const WIDTH: u32 = 900;
const BAR: u32 = 14;
const GAP: u32 = 16;
const LEFT: i32 = 270;
const TOP: i32 = 64;

/// A bar longer than this ends at the edge, with its number.
const MOST: f64 = 4.0;

/// Readable on white and on dark ground.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0xd9, 0x5f, 0x02),
    RGBColor(0x75, 0x70, 0xb3),
    RGBColor(0x1b, 0x9e, 0x77),
    RGBColor(0x8c, 0x8c, 0x8c),
];
const INK: RGBColor = RGBColor(0x77, 0x77, 0x77);

/// Draws a group. Gives whether there is anything to compare in it.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn draw(group: &Group, file: &Path) -> Result<bool> {
    let peers = peers(group);
    let Some(base) =
        peers.iter().find(|peer| **peer == "BEAM").or(peers.iter().find(|peer| **peer != OURS))
    else {
        return Ok(false);
    };
    let rows: Vec<&Row> =
        group.rows.iter().filter(|row| speed(row, base, base).is_some()).collect();
    if rows.is_empty() {
        return Ok(false);
    }
    let step = peers.len() as u32 * BAR + GAP;
    let height = TOP as u32 + rows.len() as u32 * step + 40;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    let said = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", file.display());
    let scale = (f64::from(WIDTH) - f64::from(LEFT) - 70.0) / most(&rows, &peers, base);
    let at = |value: f64| LEFT + (value * scale) as i32;
    let label = |size: i32, anchor: HPos, colour: &RGBColor| {
        ("sans-serif", size).into_font().color(colour).pos(Pos::new(anchor, VPos::Center))
    };
    let title = format!("{}: times as good as {base} (longer is better)", group.title);
    area.draw_text(&title, &label(17, HPos::Left, &INK), (10, 20)).map_err(|e| said(&e))?;
    for (index, peer) in peers.iter().enumerate() {
        let (x, colour) = (LEFT + 130 * index as i32, colour(index));
        area.draw(&Rectangle::new([(x, 40), (x + 10, 50)], colour.filled()))
            .map_err(|e| said(&e))?;
        area.draw_text(peer, &label(13, HPos::Left, &INK), (x + 15, 46)).map_err(|e| said(&e))?;
    }
    let line = [(at(1.0), TOP - 4), (at(1.0), height as i32 - 36)];
    area.draw(&PathElement::new(line, INK.stroke_width(1))).map_err(|e| said(&e))?;
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + number as i32 * step as i32;
        let middle = top + (peers.len() as i32 * BAR as i32) / 2;
        area.draw_text(&row.what, &label(13, HPos::Right, &INK), (LEFT - 8, middle))
            .map_err(|e| said(&e))?;
        for (index, peer) in peers.iter().enumerate() {
            let y = top + index as i32 * BAR as i32;
            let (text, end) = match speed(row, peer, base) {
                Some(speed) => (format!("{speed:.2}"), at(speed.min(MOST))),
                None => ("–".to_owned(), at(0.0)),
            };
            let bar = Rectangle::new(
                [(at(0.0), y + 1), (end, y + BAR as i32 - 1)],
                colour(index).filled(),
            );
            area.draw(&bar).map_err(|e| said(&e))?;
            let place = (end + 5, y + BAR as i32 / 2 + 1);
            area.draw_text(&text, &label(11, HPos::Left, &INK), place).map_err(|e| said(&e))?;
        }
    }
    area.present().map_err(|e| said(&e))?;
    Ok(true)
}

fn colour(index: usize) -> RGBColor {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or(INK)
}

/// How many times as good a peer is: as fast, or as small.
fn speed(row: &Row, peer: &str, base: &str) -> Option<f64> {
    let median = |peer: &str| Some(Spread::of(row.cell(peer)?.seen.as_ref().ok()?)?.median);
    let (theirs, base) = (median(peer)?, median(base)?);
    let ratio = if row.unit.more_is_better() { theirs / base } else { base / theirs };
    ratio.is_finite().then_some(ratio)
}

/// The longest bar.
fn most(rows: &[&Row], peers: &[&str], base: &str) -> f64 {
    let all = rows.iter().flat_map(|row| peers.iter().filter_map(|peer| speed(row, peer, base)));
    all.fold(1.5, f64::max).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Unit;

    #[test]
    fn longer_is_better_whatever_the_unit() {
        let mut time = Row::new("time", Unit::Nanoseconds);
        let mut rate = Row::new("rate", Unit::PerSecond);
        for (row, ours, theirs) in [(&mut time, 5.0, 10.0), (&mut rate, 20.0, 10.0)] {
            row.add(OURS, Ok(ours));
            row.add("BEAM", Ok(theirs));
        }
        assert_eq!(speed(&time, OURS, "BEAM"), Some(2.0));
        assert_eq!(speed(&rate, OURS, "BEAM"), Some(2.0));
        assert_eq!(speed(&rate, "libei", "BEAM"), None);
    }
}
