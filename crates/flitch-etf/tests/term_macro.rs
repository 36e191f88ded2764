//! What `term!` builds is what Elixir's parser reads from the same text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, parse};
use flitch_etf::{Atom, Binary, Map, Pid, Term, term};

/// `term!` of these tokens beside the tokens' text as Elixir's.
macro_rules! same {
    ($($value:tt)+) => {{
        let text = stringify!($($value)+);
        let parsed = parse(Syntax::Elixir, text);
        assert_eq!(Ok(term!($($value)+)), parsed, "{text}");
    }};
}

#[test]
fn every_value_of_elixir_is_that_value() {
    same!(nil);
    same!(true);
    same!(:ok);
    same!(:nil);
    same!(:"two words");
    same!(:"Elixir.Shop.Item");
    same!(1);
    same!(-1);
    same!(-2.5);
    same!("text");
    same!(~c"text");
    same!({});
    same!([]);
    same!(%{});
    same!({:ok, 1});
    same!({:ok, [1, -2.5, "bin", {:a}, [], %{}], nil});
    same!([a: 1, b: nil, c: :d]);
    same!([1, a: 2]);
    same!([1 | 2]);
    same!([1, :a | :b]);
    same!([1 | [2, 3]]);
    same!([{:a, 1} | {:b}]);
    same!(%{a: 1, b: :two, c: [3], d: {4}, e: "five", "f g": -6});
    same!(%{"k" => 1, 2 => :two, :three => 3, {4} => nil, 5.0 => [a: 1], nil => true, -1 => 0});
    same!(%{1 => %{a: 1}, b: %{c: %{d: -1.5}}});
    same!(%Item{});
    same!(%Shop.Item{sku: "a-1", qty: 2, note: nil});
    same!([%Shop.Item{qty: 1}, %{b: %Shop.Item{}}, ~c"abc"]);
    same!([sku: %Shop.Item{qty: 1}, more: -1]);
    same!({:"$gen_call", {:a, 1}, :type});
}

#[test]
fn what_stands_between_the_commas_and_is_no_term_is_rust() {
    struct Order {
        items: Vec<Term>,
        sku: String,
        note: Option<String>,
    }
    let order = Order { items: vec![term!(1)], sku: "a-1".into(), note: None };
    let (x, tag) = (7u64, Atom::from_static("tag"));
    let pid = Pid { node: tag.clone(), id: 1, serial: 2, creation: 3 };
    let double = |n: i64| n * 2;
    let built = term!({
        :order, x, -1, order.items.len(), double(4), x + 1, (if x > 1 { "many" } else { "one" }),
        [x, tag.clone(), &tag], pid.clone(), &order.items[0], order.sku.as_str(),
    });
    let expected = Term::tuple([
        Term::atom("order"),
        7.into(),
        (-1).into(),
        1.into(),
        8.into(),
        8.into(),
        "many".into(),
        Term::from(vec![Term::from(7), tag.clone().into(), tag.clone().into()]),
        pid.into(),
        1.into(),
        "a-1".into(),
    ]);
    assert_eq!(built, expected);
    let map = term!(%{note: order.note, sku: order.sku.to_uppercase(), "n" => x + 1, (x) => :x});
    assert_eq!(map, term!(%{:note => nil, :sku => "A-1", "n" => 8, 7 => :x}));
    assert_eq!(term!([n: double(2), m: x]), term!([{:n, 4}, {:m, 7}]));
    let tail = term!([3]);
    assert_eq!(term!([1, x | tail.clone()]), term!([1, 7, 3]));
    assert_eq!(term!([:a | double(1)]), term!([:a | 2]));
    assert_eq!(term!(x), Term::from(7));
    assert_eq!(term!([[1, 2].len(), 3]), term!([2, 3]));
}

#[test]
fn a_comma_may_stand_behind_the_last_element() {
    assert_eq!(term!({ :ok, }), term!({:ok}));
    assert_eq!(term!([1, -1,]), term!([1, -1]));
    assert_eq!(term!(%{a: 1,}), term!(%{a: 1}));
    assert_eq!(term!([a: 1,]), term!([a: 1]));
}

#[test]
fn an_atom_may_be_a_word_that_rust_reserves() {
    let map = term!(%{type: :fn, match: :true, nil: :_});
    for (key, value) in [("type", "fn"), ("match", "true"), ("nil", "_")] {
        assert!(map.as_map().unwrap().get_atom(key).unwrap().is_atom(value), "{key}");
    }
}

#[test]
fn a_charlist_is_a_list_of_characters_and_not_of_bytes() {
    assert_eq!(term!(~c"aé"), term!([97, 233]));
    assert_eq!(term!(~c"\xff"), term!([255]));
    assert_eq!(term!({~c"", ~c"a"}), term!({[], [97]}));
}

#[test]
fn bytes_are_given_as_a_binary() {
    let term = term!({:data, Binary::copy_from(&[0, 255])});
    assert_eq!(Ok(term), parse(Syntax::Elixir, "{:data, <<0, 255>>}"));
}

#[test]
fn a_later_pair_replaces_an_earlier_one() {
    assert_eq!(term!(%{a: 1, a: 2}), Term::from(Map::from([(Atom::from_static("a"), 2)])));
}

#[test]
fn a_hundred_elements_of_any_kind_compile_without_a_higher_limit() {
    macro_rules! hundred {
        (@all $($value:tt)*) => {
            term!([$($value)* $($value)* $($value)* $($value)* $($value)*
                $($value)* $($value)* $($value)* $($value)* $($value)*
                $($value)* $($value)* $($value)* $($value)* $($value)*
                $($value)* $($value)* $($value)* $($value)* $($value)*])
        };
        ($($value:tt)*) => { hundred!(@all $($value)* $($value)* $($value)* $($value)* $($value)*) };
    }
    let (x, len) = (1, |term: Term| term.as_list().unwrap().len());
    assert_eq!(len(hundred!(1,)), 100);
    assert_eq!(len(hundred!(:a,)), 100);
    assert_eq!(len(hundred!(x + 1,)), 100);
    assert_eq!(len(hundred!(-1,)), 100);
    assert_eq!(len(hundred!({:a, %{b: [x]}},)), 100);
    assert_eq!(len(hundred!(%{b: [x + 1]},)), 100);
}
