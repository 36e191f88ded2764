//! [`term!`]: terms as an Elixir program writes them.

/// A [`Term`](crate::Term), written as in Elixir.
///
/// | Elixir | here |
/// |---|---|
/// | `:ok`, `:"two words"`, `nil`, `true` | the same |
/// | `Shop.Item` | `:"Elixir.Shop.Item"` |
/// | `"text"` (a binary), `~c"text"` (a charlist) | the same |
/// | `{:ok, 1}`, `[1, 2.5]`, `[a: 1, b: 2]`, `[head \| tail]` | the same |
/// | `%{a: 1, "k" => 2}`, `%Shop.Item{qty: 2}` | the same |
/// | a variable, a call | any Rust expression of a type that is [`Into<Term>`](crate::Term) |
///
/// ```
/// use flitch_etf::{term, text::elixir};
///
/// let (sku, qty) = ("a-1", 2u8);
/// let call = term!({:add, [%Shop.Item{sku: sku, qty: qty + 1, note: nil}], %{"by" => :cli}});
/// assert_eq!(
///     elixir(&call).to_string(),
///     r#"{:add, [%Shop.Item{note: nil, qty: 3, sku: "a-1"}], %{"by" => :cli}}"#,
/// );
/// ```
///
/// A bare name is a variable, as it is in both languages, and an atom has its colon: with
/// Erlang's bare atoms, `{ok, reason}` would say nothing of which of the two is Rust's. What
/// stands between two commas and is nothing of the table is Rust: `order.items.len()`, `-x`,
/// `(a, b)`. It is moved; a [`Term`](crate::Term) or an [`Atom`](crate::Atom) also comes by
/// reference. For what looks like Elixir and is meant as Rust, a block or an array, there are
/// parentheses: `([1u8, 2].len())`.
///
/// Some things follow from Rust's own rules:
/// - `Shop.Item` would be the field of a variable, so a module alone is `:"Elixir.Shop.Item"`.
/// - An integer beyond 32 bits says its type: `5_000_000_000i64`.
/// - Before the bar of `[head | tail]` stands one name, literal, atom or bracket; Rust takes
///   `f(x) | y` for its own "or".
/// - The key of a pair with `=>` is likewise one of these, or in parentheses.
///
/// An atom of more than 255 characters does not compile. A later pair of a map replaces an
/// earlier one with the same key. A list or a map may have about a hundred elements that are
/// longer Rust expressions, and several hundred that are not, before Rust's limit of recursion is
/// met; a longer one is built from an iterator, as [`Term`](crate::Term) is `FromIterator`.
///
/// ```compile_fail
/// flitch_etf::term!({:ok 1}); // a comma is missing
/// ```
/// ```compile_fail
/// flitch_etf::term!(%{1, 2}); // no pairs
/// ```
/// ```compile_fail
/// flitch_etf::term!({:ok, a: 1}); // a keyword list has brackets: {:ok, [a: 1]}
/// ```
/// ```compile_fail
/// flitch_etf::term!({ok, 1}); // `ok` is a variable that is not there; the atom is :ok
/// ```
#[macro_export]
macro_rules! term {
    () => { ::core::compile_error!("term! takes a value: term!({:ok, 1})") };
    ($($value:tt)+) => { $crate::__term!(@value $($value)+) };
}

/// The steps of [`term!`]. A container is read a few elements a step, from the front, into a list
/// of finished elements; each `@name` is one kind of step.
#[doc(hidden)]
#[macro_export]
macro_rules! __term {
    // One value.
    (@value nil) => { $crate::Term::Atom($crate::Atom::NIL) };
    (@value : $name:ident) => { const { $crate::Term::atom(::core::stringify!($name)) } };
    (@value : _) => { const { $crate::Term::atom("_") } };
    (@value : $name:literal) => { const { $crate::Term::atom($name) } };
    (@value ~ $text:literal) => { $crate::__charlist($text) };
    (@value { $($element:tt)* }) => { $crate::__term!(@in tuple [] $($element)* ,) };
    (@value [ $($element:tt)* ]) => { $crate::__term!(@in list [] $($element)* ,) };
    (@value % { $($pair:tt)* }) => { $crate::__term!(@in map [] $($pair)* ,) };
    (@value % $($module:ident).+ { $($pair:tt)* }) => {
        $crate::__term!(@in map [(
            const { $crate::Term::atom("__struct__") },
            const { $crate::Term::atom(::core::concat!(
                "Elixir" $(, ".", ::core::stringify!($module))+
            )) },
        ),] $($pair)* ,)
    };
    (@value % $($other:tt)*) => { ::core::compile_error!(
        "behind % stands a map, %{a: 1}, or a struct, %Shop.Item{qty: 1}"
    ) };
    (@value : $($other:tt)*) => { ::core::compile_error!(
        "behind the colon of an atom stands a name or a text: :ok, :\"two words\""
    ) };
    (@value $value:expr) => { $crate::Term::from($value) };

    // The end of a container, behind the comma that was added, or behind two.
    (@in $kind:tt [$($done:tt)*]) => { $crate::__term!(@end $kind [$($done)*]) };
    (@in $kind:tt [$($done:tt)*] ,) => { $crate::__term!(@end $kind [$($done)*]) };
    (@end tuple [$($done:tt)*]) => { $crate::Term::tuple(::std::vec![$($done)*]) };
    (@end list [$($done:tt)*]) => {
        <$crate::Term as ::core::convert::From<::std::vec::Vec<$crate::Term>>>::from(
            ::std::vec![$($done)*]
        )
    };
    (@end map [$($done:tt)*]) => {
        $crate::Term::Map(<$crate::Map as ::core::iter::FromIterator<_>>::from_iter([$($done)*]))
    };

    // The pairs of maps and keyword lists: first those with the simplest values, four a step.
    (@in map [$($done:tt)*]
        $a:ident : $av:tt, $b:ident : $bv:tt, $c:ident : $cv:tt, $d:ident : $dv:tt, $($rest:tt)*
    ) => {
        $crate::__term!(@in map [$($done)*
            ($crate::__term!(@value : $a), $crate::__term!(@value $av)),
            ($crate::__term!(@value : $b), $crate::__term!(@value $bv)),
            ($crate::__term!(@value : $c), $crate::__term!(@value $cv)),
            ($crate::__term!(@value : $d), $crate::__term!(@value $dv)),
        ] $($rest)*)
    };
    (@in map [$($done:tt)*] $key:ident : $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [: $key] $($rest)+)
    };
    (@in map [$($done:tt)*] $key:literal : $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [: $key] $($rest)+)
    };
    (@in map [$($done:tt)*] : $key:tt => $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [: $key] $($rest)+)
    };
    (@in map [$($done:tt)*] ~ $key:tt => $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [~ $key] $($rest)+)
    };
    (@in map [$($done:tt)*] - $key:literal => $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [- $key] $($rest)+)
    };
    (@in map [$($done:tt)*] $key:tt => $($rest:tt)+) => {
        $crate::__term!(@pair map [$($done)*] [$key] $($rest)+)
    };
    (@in map [$($done:tt)*] $($other:tt)*) => { ::core::compile_error!(
        "a map holds pairs with commas between them, key: value before or behind key => value; \
         a key that is a longer expression stands in parentheses"
    ) };
    (@in list [$($done:tt)*] $key:ident : $($rest:tt)+) => {
        $crate::__term!(@pair list [$($done)*] [: $key] $($rest)+)
    };
    (@in list [$($done:tt)*] $key:literal : $($rest:tt)+) => {
        $crate::__term!(@pair list [$($done)*] [: $key] $($rest)+)
    };
    (@in tuple [$($done:tt)*] $key:ident : $($rest:tt)+) => { ::core::compile_error!(
        "key: value stands in a list or a map: [a: 1], %{a: 1}"
    ) };

    // The value of a pair, whose key has been read.
    (@pair $kind:tt $done:tt $key:tt : $value:tt, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [: $value] $($rest)*)
    };
    (@pair $kind:tt $done:tt $key:tt ~ $value:tt, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [~ $value] $($rest)*)
    };
    (@pair $kind:tt $done:tt $key:tt % { $($pair:tt)* }, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [% { $($pair)* }] $($rest)*)
    };
    (@pair $kind:tt $done:tt $key:tt % $($module:ident).+ { $($pair:tt)* }, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [% $($module).+ { $($pair)* }] $($rest)*)
    };
    (@pair $kind:tt $done:tt $key:tt $value:tt, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [$value] $($rest)*)
    };
    (@pair $kind:tt $done:tt $key:tt : $($other:tt)*) => { $crate::__term!(@comma) };
    (@pair $kind:tt $done:tt $key:tt % $($other:tt)*) => { $crate::__term!(@comma) };
    (@pair $kind:tt $done:tt $key:tt { $($value:tt)* } $($other:tt)*) => { $crate::__term!(@comma) };
    (@pair $kind:tt $done:tt $key:tt $value:expr, $($rest:tt)*) => {
        $crate::__term!(@add $kind $done $key [$value] $($rest)*)
    };
    (@pair $($other:tt)*) => { $crate::__term!(@comma) };
    (@add map [$($done:tt)*] [$($key:tt)*] [$($value:tt)*] $($rest:tt)*) => {
        $crate::__term!(@in map [$($done)*
            ($crate::__term!(@value $($key)*), $crate::__term!(@value $($value)*)),
        ] $($rest)*)
    };
    (@add list [$($done:tt)*] [$($key:tt)*] [$($value:tt)*] $($rest:tt)*) => {
        $crate::__term!(@in list [$($done)*
            $crate::Term::from((
                $crate::__term!(@value $($key)*), $crate::__term!(@value $($value)*),
            )),
        ] $($rest)*)
    };

    // The elements of tuples and lists: first the simplest ones, several a step.
    (@in $kind:tt [$($done:tt)*]
        $a:tt, $b:tt, $c:tt, $d:tt, $e:tt, $f:tt, $g:tt, $h:tt, $($rest:tt)*
    ) => {
        $crate::__term!(@in $kind [$($done)*
            $crate::__term!(@value $a), $crate::__term!(@value $b),
            $crate::__term!(@value $c), $crate::__term!(@value $d),
            $crate::__term!(@value $e), $crate::__term!(@value $f),
            $crate::__term!(@value $g), $crate::__term!(@value $h),
        ] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] : $a:tt, : $b:tt, : $c:tt, : $d:tt, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)*
            $crate::__term!(@value : $a), $crate::__term!(@value : $b),
            $crate::__term!(@value : $c), $crate::__term!(@value : $d),
        ] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] $value:tt, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)* $crate::__term!(@value $value),] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] : $value:tt, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)* $crate::__term!(@value : $value),] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] ~ $value:tt, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)* $crate::__term!(@value ~ $value),] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] % { $($pair:tt)* }, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)* $crate::__term!(@value % { $($pair)* }),] $($rest)*)
    };
    (@in $kind:tt [$($done:tt)*] % $($module:ident).+ { $($pair:tt)* }, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)*
            $crate::__term!(@value % $($module).+ { $($pair)* }),
        ] $($rest)*)
    };
    (@in list [$($done:tt)*] $last:tt | $($tail:tt)+) => {
        $crate::__term!(@tail [$($done)* $crate::__term!(@value $last),] $($tail)+)
    };
    (@in list [$($done:tt)*] : $last:tt | $($tail:tt)+) => {
        $crate::__term!(@tail [$($done)* $crate::__term!(@value : $last),] $($tail)+)
    };
    (@in list [$($done:tt)*] % { $($pair:tt)* } | $($tail:tt)+) => {
        $crate::__term!(@tail [$($done)* $crate::__term!(@value % { $($pair)* }),] $($tail)+)
    };
    (@tail [$($done:tt)*] $tail:tt ,) => {
        $crate::ImproperList::term(::std::vec![$($done)*], $crate::__term!(@value $tail))
    };
    (@tail [$($done:tt)*] : $tail:tt ,) => {
        $crate::ImproperList::term(::std::vec![$($done)*], $crate::__term!(@value : $tail))
    };
    (@tail [$($done:tt)*] % $($other:tt)*) => { $crate::__term!(@tail) };
    (@tail [$($done:tt)*] $tail:expr ,) => {
        $crate::ImproperList::term(::std::vec![$($done)*], $crate::__term!(@value $tail))
    };
    (@tail $($other:tt)*) => { ::core::compile_error!(
        "behind the bar stands one value, which is no map: [head | tail]"
    ) };
    (@in $kind:tt $done:tt : $($other:tt)*) => { $crate::__term!(@comma) };
    (@in $kind:tt $done:tt % $($other:tt)*) => { $crate::__term!(@comma) };
    (@in $kind:tt $done:tt { $($value:tt)* } $($other:tt)*) => { $crate::__term!(@comma) };
    (@in $kind:tt [$($done:tt)*] $value:expr, $($rest:tt)*) => {
        $crate::__term!(@in $kind [$($done)* $crate::__term!(@value $value),] $($rest)*)
    };
    (@in $($other:tt)*) => { $crate::__term!(@comma) };
    (@comma) => { ::core::compile_error!(
        "between the elements stand commas; an element is a value of Elixir's or a Rust expression"
    ) };
}

/// What `~c"…"` is in [`term!`]: the numbers of the characters, or of the bytes of what is no
/// text.
#[doc(hidden)]
#[must_use]
pub fn __charlist(text: &std::ffi::CStr) -> crate::Term {
    match text.to_str() {
        Ok(text) => text.chars().map(|char| crate::Term::from(u32::from(char))).collect(),
        Err(_) => text.to_bytes().iter().map(|byte| crate::Term::from(*byte)).collect(),
    }
}
