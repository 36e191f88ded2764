//! Cases that a user meets: what is typed, what it means, what is shown, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, elixir, elixir_atom, erlang, erlang_atom, parse};
use flitch_etf::{Atom, BigInt, Binary, BitString, Export, Map, Term};

fn ex(text: &str) -> Term {
    parse(Syntax::Elixir, text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture()))
}

fn erl(text: &str) -> Term {
    parse(Syntax::Erlang, text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture()))
}

#[test]
fn both_languages_say_the_same_terms() {
    for (elixir_text, erlang_text) in [
        ("nil", "nil"),
        (":ok", "ok"),
        (":\"a b\"", "'a b'"),
        ("Shop.Item", "'Elixir.Shop.Item'"),
        ("1_000", "1_000"),
        ("0xFF", "16#ff"),
        ("-0b101", "-2#101"),
        ("0o17", "8#17"),
        ("-1.5e-3", "-1.5E-3"),
        ("?a", "$a"),
        ("?\\n", "$\\n"),
        ("?\\s", "$\\s"),
        ("\"héllo\"", "<<\"héllo\"/utf8>>"),
        ("<<233>>", "<<\"é\">>"),
        ("~c\"abc\"", "\"abc\""),
        ("'abc'", "\"a\" \"bc\""),
        ("[1, 2 | 3]", "[1,2|3]"),
        ("[1, 2 | [3]]", "[1,2,3]"),
        ("{}", "{}"),
        ("{:a, {1}}", "{a,{1}}"),
        ("[a: 1, b: nil]", "[{a,1},{b,nil}]"),
        ("{1, a: 2}", "{1,[{a,2}]}"),
        ("[1, a: 2]", "[1,{a,2}]"),
        ("%{}", "#{}"),
        ("%{\"a\" => 1, b: 2}", "#{<<\"a\">> => 1, b => 2}"),
        ("%{1 => :a, 1.0 => :b}", "#{1 => a, 1.0 => b}"),
        ("%Shop.Item{qty: 1}", "#{'__struct__' => 'Elixir.Shop.Item', qty => 1}"),
        ("<<1, 2::4>>", "<<1,2:4>>"),
        ("<<1::16, 2::size(4)-little>>", "<<1:16,2:4/little>>"),
        ("<<1::little-16, \"a\", \"b\"::binary>>", "<<1:16/little,\"ab\">>"),
        ("&String.length/1", "fun 'Elixir.String':length/1"),
        ("&:erlang.+/2", "fun erlang:'+'/2"),
        ("~w(a b)a", "[a,b]"),
        ("~w(a b)", "[<<\"a\">>,<<\"b\">>]"),
        ("~s(a \"b\")", "<<\"a \\\"b\\\"\">>"),
        ("~S(a#{b}\\n)", "<<\"a#{b}\\\\n\">>"),
        ("\"\\u00e9\\u{1F600}\\x41\\e\\0\"", "<<\"é😀A\\e\\0\"/utf8>>"),
        ("\"a\\\nb\"", "<<\"a\\\nb\">>"),
        ("[1, # one\n 2,\n]", "[1, % one\n 2]."),
        ("%{a: 1, a: 2}", "#{a => 1, a => 2}"),
        ("[\"a b\": 1, if: 2, +: 3]", "[{'a b',1},{'if',2},{'+',3}]"),
    ] {
        assert_eq!(ex(elixir_text), erl(erlang_text), "{elixir_text} and {erlang_text}");
    }
}

#[test]
fn a_term_is_shown_as_the_shells_show_it() {
    let bits = BitString::new(Binary::copy_from(&[1, 0x40]), 3).unwrap();
    let export = Export { module: Atom::from_static("Elixir.Mod"), function: Atom::OK, arity: 2 };
    for (term, elixir_text, erlang_text) in [
        (Term::from(1.0e10), "10000000000.0", "1.0e10"),
        (Term::from(BigInt::from(1u8) << 70u8), "1180591620717411303424", "1180591620717411303424"),
        (Term::from("a\n\"é\x1b"), r#""a\n\"é\e""#, r#"<<"a\n\"é\e"/utf8>>"#),
        (Term::from(""), "\"\"", "<<>>"),
        (Term::Binary(vec![255, 0].into()), "<<255, 0>>", "<<255,0>>"),
        (Term::from(bits), "<<1, 2::size(3)>>", "<<1,2:3>>"),
        (Term::from(export), "&Mod.ok/2", "fun 'Elixir.Mod':ok/2"),
        (erl("\"abc\""), "~c\"abc\"", "\"abc\""),
        (erl("[1,2|3]"), "[1, 2 | 3]", "[1,2|3]"),
        (ex("[a: 1, b: [c: 2]]"), "[a: 1, b: [c: 2]]", "[{a,1},{b,[{c,2}]}]"),
        (ex("%{\"b\" => 1, a: 2}"), "%{:a => 2, \"b\" => 1}", "#{a => 2,<<\"b\">> => 1}"),
        (ex("%{Foo => 1}"), "%{Foo => 1}", "#{'Elixir.Foo' => 1}"),
        (
            ex("5..1//-2"),
            "5..1//-2",
            "#{'__struct__' => 'Elixir.Range',first => 5,last => 1,step => -2}",
        ),
    ] {
        assert_eq!(elixir(&term).to_string(), elixir_text);
        assert_eq!(format!("{term:?}"), elixir_text);
        assert_eq!(erlang(&term).to_string(), erlang_text);
    }
    assert_eq!(elixir(&erl("\"it's\"")).quoted_charlists().to_string(), r"'it\'s'");
    assert_eq!(erlang(&Term::from("日本")).unicode().to_string(), "<<\"日本\"/utf8>>");
    assert_eq!(erlang(&Term::from("日")).to_string(), "<<230,151,165>>");
    assert_eq!(elixir_atom(&Atom::from_static("Elixir.A.B")).to_string(), "A.B");
    assert_eq!(erlang_atom(&Atom::from_static("Elixir.A.B")).to_string(), "'Elixir.A.B'");
}

#[test]
fn structs_are_shown_by_their_names() {
    for text in [
        "%Shop.Item{note: nil, sku: \"a-1\"}",
        "[%A{}, %{__struct__: :a}, 1..2, ~D[2024-02-29], ~U[2024-01-01 00:00:00.5Z]]",
    ] {
        assert_eq!(elixir(&ex(text)).to_string(), text);
    }
    let error = ex("%RuntimeError{message: \"oops\", __exception__: true}");
    assert_eq!(elixir(&error).to_string(), "%RuntimeError{message: \"oops\"}");
    let odd = ex("%{:__struct__ => Shop.Item, \"a\" => 1}");
    assert_eq!(elixir(&odd).to_string(), "%{:__struct__ => Shop.Item, \"a\" => 1}");
    let set = ex("%MapSet{map: %{97 => [], 98 => []}, version: 2}");
    assert_eq!(elixir(&set).to_string(), "MapSet.new([97, 98])");
}

#[test]
fn a_set_reads_back_as_this_crate_lays_one_out() {
    for (text, members) in [
        ("MapSet.new([])", Term::empty_list()),
        ("MapSet.new([1, 2])", Term::from(vec![1, 2])),
        ("MapSet.new([:a, {:b, [nil]}])", ex("[:a, {:b, [nil]}]")),
        ("MapSet.new([a: 1])", ex("[a: 1]")),
        ("[MapSet.new([MapSet.new([97])]), ~c\"a\"]", Term::empty_list()),
    ] {
        let set = ex(text);
        assert_eq!(elixir(&set).to_string(), text);
        if text.starts_with("MapSet") {
            let pairs = members.as_list().unwrap().iter().map(|key| (key.clone(), ex("[]")));
            let map = Term::from(pairs.collect::<flitch_etf::Map>());
            assert_eq!(set.field("map"), Some(&map), "{text}");
        }
    }
    #[derive(serde::Serialize)]
    struct Wrapped(#[serde(with = "flitch_etf::mapset")] std::collections::BTreeSet<u8>);
    let written = flitch_etf::to_vec(&Wrapped([1, 2].into())).unwrap();
    assert_eq!(flitch_etf::decode(&written.into()).unwrap(), ex("MapSet.new([2, 1, 2])"));
    assert_eq!(ex("MapSet.new()"), ex("MapSet.new([])"));
    assert_eq!(ex("MapSet.new(a: 1)"), ex("MapSet.new([{:a, 1}])"));
    for text in ["MapSet.new(1..2)", "MapSet.new([1], [2])", "MapSet.new([1], a: 1)"] {
        let error = parse(Syntax::Elixir, text).unwrap_err().to_string();
        assert!(error.contains("a set is made of a list: MapSet.new([1, 2])"), "{error}");
    }
}

#[test]
fn a_limit_leaves_out_elements_and_the_ends_of_texts() {
    let list: Term = (0..100).map(|n| Term::from(n + 300)).collect();
    let shown = |term: &Term, limit| {
        let (elixir, erlang) = (elixir(term).limit(limit), erlang(term).limit(limit));
        (elixir.to_string(), erlang.to_string())
    };
    assert_eq!(shown(&list, 2), ("[300, 301, ...]".into(), "[300,301|...]".into()));
    assert_eq!(shown(&list, 0), ("[...]".into(), "[...]".into()));
    assert_eq!(shown(&ex("%{a: 1, b: 2}"), 1), ("%{a: 1, ...}".into(), "#{a => 1,...}".into()));
    assert_eq!(shown(&ex("{[1, 2], 3}"), 2), ("{[1, ...], ...}".into(), "{[1|...],...}".into()));
    let data = Term::Binary(vec![0, 1, 2].into());
    assert_eq!(shown(&data, 2), ("<<0, 1, ...>>".into(), "<<0,1,...>>".into()));
    let long = Term::from("x".repeat(5000));
    let (elixir_text, erlang_text) = shown(&long, 9);
    assert!(elixir_text.ends_with("x\" <> ...") && elixir_text.len() == 4096 + 9);
    assert!(erlang_text.ends_with("x\"...>>") && erlang_text.len() == 4096 + 9);
}

#[test]
fn lines_break_as_the_shells_break_them() {
    let term = ex("%{name: \"Ada Lovelace\", roles: [:admin, :operator, :guest], \
         address: {:postal, \"12 St James's Square\", %{city: \"London\", country: :uk}}}");
    assert_eq!(
        elixir(&term).width(60).to_string(),
        "%{\n  address: {:postal, \"12 St James's Square\",\n   %{city: \"London\", country: \
         :uk}},\n  name: \"Ada Lovelace\",\n  roles: [:admin, :operator, :guest]\n}"
    );
    assert_eq!(
        erlang(&term).width(60).to_string(),
        "#{address =>\n      {postal,<<\"12 St James's Square\">>,\n              #{city => \
         <<\"London\">>,country => uk}},\n  name => <<\"Ada Lovelace\">>,\n  roles => \
         [admin,operator,guest]}"
    );
    assert_eq!(format!("{:#?}", ex("{1, 2}")), "{1, 2}");
}

#[test]
fn an_error_says_what_to_write_instead() {
    use Syntax::{Elixir, Erlang};
    for (syntax, text, column, part) in [
        (Elixir, "", 1, "the text ends where a value is expected"),
        (Elixir, "[1, 2", 6, "\",\" or \"]\""),
        (Elixir, "[1 2]", 4, "'2' stands where"),
        (Elixir, "foo", 1, "not a variable: foo; an atom is :foo"),
        (Elixir, "foo(1)", 1, "not a call of foo"),
        (Elixir, "String.length(1)", 7, "an operator is not understood"),
        (Elixir, "1 + 2", 3, "an operator is not understood"),
        (Elixir, "#PID<0.1.0>", 1, "only the node that it came from"),
        (Elixir, "[#Reference<0.1.2.3>]", 2, "only the node that it came from"),
        (Elixir, "\"a#{b}\"", 3, "an interpolation is not understood"),
        (Elixir, "\"abc", 1, "has no end"),
        (Elixir, "\"\"\"\nabc\n\"\"\"", 1, "a heredoc is not understood"),
        (Elixir, "1.0e999", 1, "is too large"),
        (Elixir, "1__0", 1, "_ only between"),
        (Elixir, "0xg", 3, "a digit of base 16"),
        (Elixir, "[a: 1, 2]", 8, "behind a `key: value`"),
        (Elixir, "%{1, 2}", 4, "\"=>\" is expected"),
        (Elixir, "'\\xff'", 1, "not UTF-8"),
        (Elixir, "\"\\uD800\"", 3, "not a Unicode character"),
        (Elixir, "~r/a/", 1, "of the sigils"),
        (Elixir, "~D[2023-02-29]", 1, "ISO 8601"),
        (Elixir, "1..:a", 1, "a range goes from integer to integer"),
        (Elixir, "<<1::size(99999999)>>", 11, "a size is at most"),
        (Elixir, "<<:a>>", 3, "stand integers and text"),
        (Elixir, "&foo/1", 2, "a capture names"),
        (Elixir, "&Foo.bar/256", 2, "at most 255 arguments"),
        (Erlang, "Foo", 1, "not a variable: Foo"),
        (Erlang, "lists:map", 1, "not a call of lists"),
        (Erlang, "<0.1.0>", 1, "only the node that it came from"),
        (Erlang, "#Ref<0.1.2.3>", 1, "only the node that it came from"),
        (Erlang, "#state{a = 1}", 1, "native record names its module"),
        (Erlang, "#m:{a = 1}", 4, "'{' stands where an atom is expected"),
        (Erlang, "#m:p[]", 5, "'[' stands where \"{\" is expected"),
        (Erlang, "#m:p{a}", 7, "\"=\" is expected"),
        (Erlang, "#m:p{a = 1, a = 2}", 13, "each field once"),
        (Erlang, "#m:p{a = 1 b = 2}", 12, "\",\" or \"}\" is expected"),
        (Erlang, "#m:p{A = 1}", 6, "an atom is expected"),
        (Erlang, "#m:p{a = 1,", 12, "the text ends where an atom"),
        (Elixir, "[#m:p{a = foo()}]", 11, "not a call of foo"),
        (Elixir, "#m:p{a = \"b\"", 13, "the text ends where \",\" or \"}\""),
        (Erlang, "fun() -> ok end", 4, "a fun names a module's function"),
        (Erlang, "<<\"日\">>", 3, "takes /utf8"),
        (Erlang, "37#1", 1, "a base is from 2 to 36"),
        (Erlang, "[1|2|3]", 5, "\"]\" is expected"),
        (Erlang, "#{a}", 4, "\"=>\" is expected"),
        (Erlang, "ok. ok", 5, "the end of the text"),
        (Erlang, "\"abc", 1, "has no end"),
    ] {
        let error = parse(syntax, text).expect_err(text);
        assert_eq!(error.column(), column, "{text}: {error}");
        assert!(error.message().contains(part), "{text}: {error}");
    }
    let atom = format!(":{}", "a".repeat(256));
    assert!(parse(Syntax::Elixir, &atom).unwrap_err().message().contains("255"));
}

#[test]
fn an_error_in_a_later_line_names_the_line() {
    let error = parse(Syntax::Elixir, "[\n  1,\n  foo\n]").unwrap_err();
    assert_eq!((error.line(), error.column()), (3, 3));
    assert!(error.to_string().starts_with("line 3, column 3: "), "{error}");
    assert_eq!(error.picture().to_string(), "  foo\n  ^");
}

#[test]
fn a_huge_integer_is_shown_and_read_in_base_16() {
    let huge = Term::from(-(BigInt::from(1) << 1_000_000u32));
    assert_eq!(ex(&elixir(&huge).to_string()), huge);
    assert_eq!(erl(&erlang(&huge).to_string()), huge);
}

#[test]
fn floats_that_no_beam_has_are_still_shown() {
    let map = Map::from([(Atom::OK, f64::NAN)]);
    assert_eq!(elixir(&Term::from(map)).to_string(), "%{ok: NaN}");
    assert_eq!(erlang(&Term::from(f64::NEG_INFINITY)).to_string(), "-inf");
}
