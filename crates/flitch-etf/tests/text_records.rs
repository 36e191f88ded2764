//! Native records as OTP 29 and Elixir 1.20 print them, recorded from both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, elixir, erlang, parse};
use flitch_etf::{Atom, Record, Term, decode, encode, term};

fn erl(text: &str) -> Term {
    parse(Syntax::Erlang, text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture()))
}

fn ex(text: &str) -> Term {
    parse(Syntax::Elixir, text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture()))
}

const ITEM: &str =
    r#"#'Elixir.Shop':'a b'{name = <<"Ada">>,'B c' = "abc",m = #{a => 1,b => [{c,2}]}}"#;

const ROUTE: &str = "#geo:route{field_number_1 = [1000,1001],field_number_2 = [1000,1001,1002],\
                     field_number_9 = [1000,1001,1002,1003,1004,1005,1006,1007,1008,1009]}";

#[test]
fn a_record_is_written_alike_in_both_languages() {
    for text in ["#m:p{}", "#m:p{x = 1,y = 2}", ITEM, ROUTE, "#m:p{x = #m:p{x = nil}}"] {
        assert_eq!(erlang(&erl(text)).to_string(), text);
        assert_eq!(elixir(&erl(text)).to_string(), text);
        assert_eq!(format!("{:?}", erl(text)), text);
        assert_eq!(ex(text), erl(text));
    }
}

#[test]
fn elixir_goes_on_in_its_own_syntax_around_a_record() {
    let text = r##"[%{k: #m:p{x = [a,<<"b">>]}}, {"b", #m:p{}}, :a]"##;
    assert_eq!(elixir(&ex(text)).to_string(), text);
    let erlang_text = r##"[#{k => #m:p{x = [a,<<"b">>]}},{<<"b">>,#m:p{}},a]"##;
    assert_eq!(erl(erlang_text), ex(text));
    assert_eq!(erlang(&ex(text)).to_string(), erlang_text);
}

#[test]
fn a_record_may_be_typed_with_blanks_comments_and_lines() {
    let expected = erl("#m:p{x = 1,y = [2]}");
    assert_eq!(erl(" #m:p{ x=1 , % one\n y = [ 2 ] } ."), expected);
    assert_eq!(ex("# a comment\n#m:p{x = 1, % one\n y = [2]} # another"), expected);
    assert_eq!(ex("[1, #no record\n 2]"), term!([1, 2]));
    assert_eq!(ex("[1, #no:record\n 2]"), term!([1, 2]));
    assert_eq!(erl("#'m':'p'{'x' = 1,y = [2]}"), expected);
}

#[test]
fn what_is_read_is_exported_and_goes_to_the_wire() {
    let record = erl("#m:p{x = 1}");
    assert!(record.as_record().unwrap().is_exported());
    assert_eq!(decode(&encode(&record).unwrap().into()).unwrap(), record);
    let [m, p, x] = ["m", "p", "x"].map(Atom::from_static);
    let hidden = Record::with_export(m, p, false, [(x, 1.into())]).unwrap();
    assert_eq!(erlang(&hidden.into()).to_string(), "#m:p{x = 1}");
}

#[test]
fn fields_stand_below_each_other_behind_the_name() {
    assert_eq!(
        erlang(&erl(ROUTE)).width(60).to_string(),
        "#geo:route{field_number_1 = [1000,1001],\n           \
         field_number_2 = [1000,1001,1002],\n           \
         field_number_9 = [1000,1001,1002,1003,1004,\n                             \
         1005,1006,1007,1008,1009]}"
    );
    assert_eq!(erlang(&erl("#m:p{x = 1,y = 2}")).width(20).to_string(), "#m:p{x = 1,y = 2}");
}

#[test]
fn fields_that_would_stand_too_far_to_the_right_are_indented_less() {
    assert_eq!(
        erlang(&erl(ITEM)).width(40).to_string(),
        "#'Elixir.Shop':'a b'{\n    name = <<\"Ada\">>,'B c' = \"abc\",\n    \
         m = #{a => 1,b => [{c,2}]}}"
    );
    assert_eq!(
        erlang(&erl(ITEM)).width(20).to_string(),
        "#'Elixir.Shop':'a b'{\n name = <<\"Ada\">>,\n 'B c' = \"abc\",\n m =\n  #{a => 1,\n    \
         b => [{c,2}]}}"
    );
    assert_eq!(
        erlang(&erl("#{k => #m:p{x = 1,y = 2}}")).width(20).to_string(),
        "#{k =>\n   #m:p{\n    x = 1,y = 2}}"
    );
}

#[test]
fn a_record_without_fields_has_no_place_to_break_at() {
    assert_eq!(
        erlang(&erl("[#module:a_long_name{}]")).width(8).to_string(),
        "[#module:a_long_name{}]"
    );
}

#[test]
fn elixir_gives_a_record_80_columns_wherever_it_stands() {
    let record = "#'Elixir.Shop':'a b'{name = <<\"Ada\">>,'B c' = \"abc\",\n                     \
                  m = #{a => 1,b => [{c,2}]}}";
    for width in [20, 40, 200] {
        assert_eq!(elixir(&erl(ITEM)).width(width).to_string(), record, "{width}");
    }
    let inside = term!({:tag, erl("#m:p{x = 1,y = 2}"), erl(ITEM)});
    let expected = format!("{{:tag, #m:p{{x = 1,y = 2}},\n {record}}}");
    assert_eq!(elixir(&inside).width(40).to_string(), expected);
    assert_eq!(ex(&expected), inside);
}

/// Elixir 1.20 prints these as bytes of Latin-1, which is no text, and its `IO.inspect` then fails.
#[test]
fn text_beyond_ascii_in_a_record_stays_text() {
    let record = erl("#m:p{x = <<\"é\"/utf8>>,'é' = 'é日'}");
    for text in [elixir(&record), erlang(&record), elixir(&record).width(20)] {
        assert_eq!(text.to_string(), "#m:p{x = <<\"é\"/utf8>>,é = 'é日'}");
    }
}

#[test]
fn a_limit_counts_the_fields_of_a_record_too() {
    let list = term!([erl("#m:p{x = 1,y = 2,z = 3}"), 4]);
    assert_eq!(elixir(&list).limit(3).to_string(), "[#m:p{x = 1,y = 2,...}, ...]");
    assert_eq!(erlang(&list).limit(3).to_string(), "[#m:p{x = 1,y = 2,...}|...]");
}

#[test]
fn what_only_its_node_can_read_is_shown_as_such() {
    let local = decode(&[131, 121, 1, 2, 3, 4, 106].as_slice().into()).unwrap();
    assert_eq!(elixir(&local).to_string(), "#Local<>");
    assert_eq!(erlang(&local).width(10).to_string(), "#Local<>");
    for syntax in [Syntax::Elixir, Syntax::Erlang] {
        let error = parse(syntax, "[#Local<>]").unwrap_err();
        assert_eq!(error.column(), 2, "{error}");
        assert!(error.message().contains("only the node that it came from"), "{error}");
    }
}

#[test]
fn a_name_of_a_record_cannot_reach_the_terminal() {
    let evil = Atom::from_static("a\x1b[2J\n");
    let record = Record::new(evil.clone(), evil.clone(), [(evil, 1.into())]).unwrap();
    for text in [elixir(&record.clone().into()), erlang(&record.into())] {
        assert!(!text.to_string().contains(char::is_control), "{text:?}");
        assert!(!text.width(20).to_string().contains('\x1b'), "{text:?}");
    }
}
