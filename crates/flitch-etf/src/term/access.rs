//! Picking things out of a term that came from somebody else.

use super::{Atom, ImproperList, Map, Term, TermError};

/// Looking inside. Nothing here copies a term or fails on one of another shape.
///
/// ```
/// use flitch_etf::{Pid, TermError, term};
///
/// # let owner = Pid { node: flitch_etf::Atom::from_static("a@h"), id: 1, serial: 0, creation: 1 };
/// // What `:sys.get_state(Shop.Cart)` may answer.
/// let state = term!(%Shop.Cart{
///     owner: owner,
///     items: [%Shop.Item{sku: "a-1", qty: 2}, %Shop.Item{sku: "b-7", qty: 1}],
///     opts: [timeout: 5000, mode: :strict],
/// });
///
/// let owner: Pid = state.try_field("owner")?;
/// let mut total = 0;
/// for item in state.try_field::<&[_]>("items")? {
///     let (sku, qty): (&str, u32) = (item.try_field("sku")?, item.try_field("qty")?);
///     total += qty;
/// }
/// let timeout = state.field("opts").and_then(|opts| opts.field("timeout"));
/// assert_eq!((state.struct_name(), total, timeout), (Some("Shop.Cart"), 3, Some(&term!(5000))));
///
/// let error = state.try_field::<Vec<u8>>("items").unwrap_err();
/// assert_eq!(error.to_string(), "items[0]: expected an integer from 0 to 255, found map");
/// # Ok::<(), TermError>(())
/// ```
impl Term {
    /// The value under a name: of a map or struct the one whose key is that atom, of a keyword
    /// list the first, of a native record the field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Term> {
        match self {
            Self::Map(map) => map.get_atom(name),
            Self::Record(record) => record.get(name),
            Self::List(list) => {
                list.iter().filter_map(pair).find(|(key, _)| **key == *name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The value under a name, as [`Term::field`] finds it, as a Rust type.
    ///
    /// # Errors
    /// There is no such field, or it is not of that type; the error names it.
    pub fn try_field<'a, T>(&'a self, name: &str) -> Result<T, TermError>
    where
        T: TryFrom<&'a Term>,
        T::Error: Into<TermError>,
    {
        let read = match self.field(name) {
            Some(term) => T::try_from(term).map_err(Into::into),
            None => Err(TermError::missing()),
        };
        read.map_err(|error| error.inside(name))
    }

    /// The pairs, if this is a keyword list: a proper list of `{key, value}` with atoms as keys.
    #[must_use]
    pub fn as_keyword(&self) -> Option<impl Iterator<Item = (&Atom, &Term)>> {
        let list = self.as_list()?;
        list.iter().all(|term| pair(term).is_some()).then(|| list.iter().filter_map(pair))
    }

    /// The tag and the rest, if this is a tuple that begins with an atom.
    ///
    /// ```
    /// use flitch_etf::term;
    ///
    /// match term!({:error, :timeout}).as_tagged() {
    ///     Some(("ok", [value])) => println!("{value:?}"),
    ///     Some(("error", [reason])) => assert!(reason.is_atom("timeout")),
    ///     _ => panic!("neither"),
    /// }
    /// ```
    #[must_use]
    pub fn as_tagged(&self) -> Option<(&str, &[Term])> {
        match self.as_tuple()? {
            [Term::Atom(tag), rest @ ..] => Some((tag.as_str(), rest)),
            _ => None,
        }
    }

    /// The name of the struct that this is, without `Elixir.`: `Shop.Item`.
    #[must_use]
    pub fn struct_name(&self) -> Option<&str> {
        self.as_map()?.struct_name()
    }

    /// The boolean, if this is `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.as_atom()?.as_bool()
    }

    /// The bytes, if this is a binary.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.as_binary().map(|binary| &**binary)
    }

    /// The elements and the tail, if this is an improper list.
    #[must_use]
    pub fn as_improper_list(&self) -> Option<(&[Term], &Term)> {
        match self {
            Self::ImproperList(list) => Some((ImproperList::elements(list), list.tail())),
            _ => None,
        }
    }

    /// The text of a charlist, an Erlang string: a proper list of characters. `""` for `[]`.
    #[must_use]
    pub fn to_charlist(&self) -> Option<String> {
        let char = |term: &Term| char::from_u32(u32::try_from(term).ok()?);
        self.as_list()?.iter().map(char).collect()
    }

    /// Whether this is the atom `nil`.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.as_atom() == Some(&Atom::NIL)
    }
}

/// `{key, value}`.
fn pair(term: &Term) -> Option<(&Atom, &Term)> {
    match term.as_tuple()? {
        [Term::Atom(key), value] => Some((key, value)),
        _ => None,
    }
}

/// As Elixir's `Map` module has them. A map is shared and never changes: each gives a new one and
/// takes as long as making it, so many pairs at once are better collected.
impl Map {
    /// This map with `value` under `key`, whatever was there.
    ///
    /// ```
    /// use flitch_etf::{Atom, Map, term};
    ///
    /// let item = Map::from([(Atom::from_static("qty"), 2)]).put(Atom::from_static("sku"), "a-1");
    /// assert_eq!(term!(item), term!(%{sku: "a-1", qty: 2}));
    /// ```
    #[must_use]
    pub fn put(&self, key: impl Into<Term>, value: impl Into<Term>) -> Self {
        self.pairs().chain([(key.into(), value.into())]).collect()
    }

    /// This map without `key`.
    #[must_use]
    pub fn delete(&self, key: &Term) -> Self {
        self.pairs().filter(|(found, _)| found != key).collect()
    }

    /// Both maps in one; where both have a key, the value is the other's.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        self.pairs().chain(other.pairs()).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (Term, Term)> {
        self.iter().map(|(key, value)| (key.clone(), value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Atom, Record, Term, term};

    #[test]
    fn a_field_is_found_in_everything_that_has_names() {
        let record = Record::new(Atom::OK, Atom::OK, [(Atom::from_static("qty"), 2.into())]);
        for term in [
            term!(%{qty: 2, "qty" => 3}),
            term!(%Shop.Item{qty: 2}),
            term!([{:qty}, 1, {:other, 1}, {:qty, 2}, {:qty, 3}]),
            Term::from(record.unwrap()),
        ] {
            assert_eq!(term.field("qty"), Some(&term!(2)), "{term:?}");
            assert_eq!(term.field("note"), None, "{term:?}");
        }
        assert_eq!(term!({:qty, 2}).field("qty"), None);
    }

    #[test]
    fn an_error_says_which_field_of_which_element_is_wrong() {
        let order = term!(%{items: [{"a", 1}, {"b", :many}], total: 3.5});
        let error = order.try_field::<Vec<(String, u8)>>("items").unwrap_err();
        assert_eq!(error.to_string(), "items[1][1]: expected an integer from 0 to 255, found atom");
        let error = order.try_field::<u8>("total").unwrap_err();
        assert_eq!(error.to_string(), "total: expected an integer from 0 to 255, found float");
        let error = order.try_field::<u8>("totals").unwrap_err();
        assert_eq!(error.to_string(), "totals: expected a value, found nothing");
        let error = term!(1).try_field::<&Term>("a").unwrap_err();
        assert_eq!(error.to_string(), "a: expected a value, found nothing");
    }

    #[test]
    fn only_pairs_with_atoms_make_a_keyword_list() {
        let pairs: Vec<_> =
            term!([a: 1, b: 2]).as_keyword().unwrap().map(|p| p.0.clone()).collect();
        assert_eq!(pairs, ["a", "b"]);
        assert_eq!(Term::empty_list().as_keyword().map(Iterator::count), Some(0));
        for term in [term!([{:a, 1}, {"b", 2}]), term!([{:a, 1, 2}]), term!(%{a: 1})] {
            assert!(term.as_keyword().is_none(), "{term:?}");
        }
    }

    #[test]
    fn a_charlist_is_text_and_a_list_of_other_numbers_is_not() {
        assert_eq!(term!(~c"aé").to_charlist().as_deref(), Some("aé"));
        assert_eq!(term!([]).to_charlist().as_deref(), Some(""));
        for term in [term!([97, 0xd800]), term!([-1]), term!("text"), term!([97 | 98])] {
            assert_eq!(term.to_charlist(), None, "{term:?}");
        }
    }

    #[test]
    fn a_map_that_is_changed_leaves_the_first_as_it_was() {
        let term = term!(%{a: 1, b: 2});
        let map = term.as_map().unwrap();
        assert_eq!(Term::from(map.put(Atom::from_static("a"), 3)), term!(%{a: 3, b: 2}));
        assert_eq!(Term::from(map.put("a", nil())), term!(%{"a" => nil, :a => 1, :b => 2}));
        assert_eq!(Term::from(map.delete(&term!(:a))), term!(%{b: 2}));
        assert_eq!(Term::from(map.delete(&term!("a"))), term);
        let other = term!(%{b: 3, c: 4});
        assert_eq!(Term::from(map.merge(other.as_map().unwrap())), term!(%{a: 1, b: 3, c: 4}));
        assert_eq!(term, term!(%{a: 1, b: 2}));
    }

    fn nil() -> Option<u8> {
        None
    }
}
