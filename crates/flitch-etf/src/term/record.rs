//! Native records of OTP 29: `#module:name{field = value}`.

use std::fmt;

use triomphe::ThinArc;

use super::{Atom, Seq, Term};

/// A native record, as Erlang's `-record #point{x, y}` makes them since OTP 29.
///
/// It carries its definition: the module and the name, whether the module exports it, and the
/// names of its fields in their order. Elixir prints it as Erlang does.
#[derive(Clone)]
pub struct Record {
    pub(crate) definition: Definition,
    pub(crate) values: Seq,
}

/// What the records of one `-record` have in common.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Definition(ThinArc<Head, Atom>);

#[derive(Clone, PartialEq, Eq)]
struct Head {
    module: Atom,
    name: Atom,
    exported: bool,
}

impl Definition {
    /// `None` if a field stands there twice.
    pub(crate) fn new(module: Atom, name: Atom, exported: bool, fields: Vec<Atom>) -> Option<Self> {
        let mut sorted: Vec<&Atom> = fields.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair.first() == pair.get(1)) {
            return None;
        }
        let head = Head { module, name, exported };
        Some(Self(ThinArc::from_header_and_iter(head, fields.into_iter())))
    }

    pub(crate) fn module(&self) -> &Atom {
        &self.0.header.header.module
    }

    pub(crate) fn name(&self) -> &Atom {
        &self.0.header.header.name
    }

    pub(crate) fn exported(&self) -> bool {
        self.0.header.header.exported
    }

    pub(crate) fn fields(&self) -> &[Atom] {
        &self.0.slice
    }

    /// What a BEAM compares before the values.
    pub(super) fn key(&self) -> (&Atom, &Atom, bool, usize, &[Atom]) {
        let fields = self.fields();
        (self.module(), self.name(), self.exported(), fields.len(), fields)
    }
}

impl Record {
    /// A record that its module exports, with these fields in their order. `None` if a field
    /// stands there twice: a BEAM takes no such record.
    #[must_use]
    pub fn new(
        module: Atom,
        name: Atom,
        fields: impl IntoIterator<Item = (Atom, Term)>,
    ) -> Option<Self> {
        Self::with_export(module, name, true, fields)
    }

    /// [`Record::new`], saying whether the module exports the definition.
    #[must_use]
    pub fn with_export(
        module: Atom,
        name: Atom,
        exported: bool,
        fields: impl IntoIterator<Item = (Atom, Term)>,
    ) -> Option<Self> {
        let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        let definition = Definition::new(module, name, exported, names)?;
        Some(Self { definition, values: values.into() })
    }

    /// The module that defines it.
    #[must_use]
    pub fn module(&self) -> &Atom {
        self.definition.module()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Atom {
        self.definition.name()
    }

    /// Whether the module exports the definition, so that others may make and match such records.
    #[must_use]
    pub fn is_exported(&self) -> bool {
        self.definition.exported()
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.definition.fields().len()
    }

    /// Whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Atom, &Term)> + DoubleEndedIterator {
        self.definition.fields().iter().zip(self.values.as_slice())
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Term> {
        self.iter().find(|(name, _)| **name == *field).map(|(_, value)| value)
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition && self.values == other.values
    }
}

impl Eq for Record {}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Term::Record(self.clone()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(text: &str) -> Atom {
        Atom::new(text).unwrap()
    }

    fn point(fields: &[(&str, i64)]) -> Option<Record> {
        let fields = fields.iter().map(|(name, value)| (atom(name), Term::from(*value)));
        Record::new(atom("geo"), atom("point"), fields)
    }

    #[test]
    fn a_field_is_found_by_its_name_and_stands_once() {
        let record = point(&[("y", 2), ("x", 1)]).unwrap();
        assert_eq!((record.get("x"), record.get("z")), (Some(&Term::from(1)), None));
        assert_eq!(record.iter().next().unwrap().0.as_str(), "y", "in the order of definition");
        assert!(point(&[("x", 1), ("x", 1)]).is_none());
        assert!(point(&[]).unwrap().is_empty());
    }

    #[test]
    fn records_of_other_definitions_are_others() {
        assert_ne!(point(&[("x", 1), ("y", 2)]), point(&[("y", 2), ("x", 1)]));
        let hidden = Record::with_export(atom("geo"), atom("point"), false, []).unwrap();
        assert_ne!(Some(hidden), point(&[]));
    }
}
