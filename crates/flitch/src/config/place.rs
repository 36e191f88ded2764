//! Where in a file a key is.

use toml::de::{DeTable, DeValue};

/// The line of the key that is at `path`, such as `topologies.beam.config.service`, or of the part
/// of it that is there.
pub(crate) fn line_of(text: &str, path: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut offset = None;
    let mut inner = Some(table.get_ref());
    for key in path.split('.') {
        let Some((found, value)) =
            inner.and_then(|it| it.iter().find(|(it, _)| it.get_ref() == key))
        else {
            break;
        };
        offset = Some(found.span().start);
        inner = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
    }
    Some(line(text, offset?))
}

/// The line of an offset in bytes, from 1.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
