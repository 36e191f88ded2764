//! A group leader against the requests of the releases.

use flitch::term;

use super::*;

fn pid() -> Pid {
    Pid { node: Atom::new("app@127.0.0.1").unwrap(), id: 90, serial: 0, creation: 1 }
}

fn ask(leader: &mut Leader, request: Term) {
    leader.request(&Term::from((Term::atom("io_request"), pid(), 7, request)));
}

fn effects(leader: &mut Leader) -> Vec<Effect> {
    std::iter::from_fn(|| leader.effect()).collect()
}

fn reply(answer: Term) -> Effect {
    Effect::Reply { to: pid(), message: Term::from((Term::atom("io_reply"), 7, answer)) }
}

fn print(text: &str) -> Effect {
    Effect::Print(text.to_owned())
}

fn prompt(text: &str) -> Effect {
    Effect::Ask { prompt: text.to_owned() }
}

fn text(text: &str) -> Line {
    Line::Text(text.to_owned())
}

/// What `erl_scan:tokens/3` is asked, and the number of the call.
fn until(effects: Vec<Effect>) -> (u64, Vec<Term>) {
    match effects.into_iter().next() {
        Some(Effect::Call { id, function, arguments, .. }) if function.as_str() == "tokens" => {
            (id, arguments)
        }
        other => panic!("no call of tokens, but {other:?}"),
    }
}

#[test]
fn what_is_printed_is_printed_before_its_writer_goes_on() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:put_chars, :unicode, ["a", 10]}));
    assert_eq!(effects(&mut leader), [print("a\n"), reply(term!(:ok))]);
    ask(&mut leader, term!({:put_chars, :latin1, "old"}));
    assert_eq!(effects(&mut leader), [print("old"), reply(term!(:ok))]);
}

#[test]
fn the_node_formats_its_own_output() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:put_chars, :unicode, :io_lib, :format, ["~p", [1]]}));
    let sent = effects(&mut leader);
    let [Effect::Call { id, module, arguments, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((module.as_str(), arguments.len()), ("io_lib", 2));
    leader.called(*id, Some(term!(["1"])));
    assert_eq!(effects(&mut leader), [print("1"), reply(term!(:ok))]);
}

#[test]
fn of_several_requests_the_first_that_fails_is_the_last() {
    let mut leader = Leader::default();
    ask(
        &mut leader,
        term!({:requests, [{:put_chars, :unicode, "a"}, :nonsense, {:put_chars, :unicode, "b"}]}),
    );
    assert_eq!(effects(&mut leader), [print("a"), reply(term!({:error, :request}))]);
}

#[test]
fn a_line_is_a_list_until_a_binary_is_wanted() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_line, :unicode, "name? "}));
    assert_eq!(effects(&mut leader), [prompt("name? ")]);
    leader.line(&text("é\n"));
    assert_eq!(effects(&mut leader), [reply(term!([233, 10]))]);
    ask(&mut leader, term!({:setopts, [{:binary, true}]}));
    ask(&mut leader, term!({:get_line, :unicode, "name? "}));
    leader.line(&text("é\n"));
    assert_eq!(effects(&mut leader).last(), Some(&reply(Term::from("é\n"))));
}

#[test]
fn a_reader_gets_one_line_at_a_time_of_what_was_pasted() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:setopts, [{:binary, true}]}));
    ask(&mut leader, term!({:get_line, :unicode, "> "}));
    leader.line(&text("one\ntwo\n"));
    assert_eq!(effects(&mut leader).last(), Some(&reply(Term::from("one\n"))));
    ask(&mut leader, term!({:get_line, :unicode, "> "}));
    assert_eq!(effects(&mut leader), [reply(Term::from("two\n"))]);
}

#[test]
fn an_expression_is_read_by_the_node_over_as_many_lines_as_it_has() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_until, :unicode, "1> ", :erl_scan, :tokens, [1]}));
    assert_eq!(effects(&mut leader), [prompt("1> ")]);
    leader.line(&text("a\n"));
    let (id, arguments) = until(effects(&mut leader));
    assert_eq!(arguments, [term!([]), term!([97, 10]), term!(1)]);
    leader.called(id, Some(term!({:more, :state})));
    assert_eq!(effects(&mut leader), [prompt("1> ")]);
    leader.line(&text("b.\n"));
    let (id, arguments) = until(effects(&mut leader));
    assert_eq!(arguments.first(), Some(&term!(:state)));
    leader.called(id, Some(term!({:done, {:ok, [], 2}, []})));
    assert_eq!(effects(&mut leader), [reply(term!({:ok, [], 2}))]);
}

#[test]
fn what_an_expression_left_over_is_read_next() {
    let mut leader = Leader::default();
    let read = || term!({:get_until, :unicode, "1> ", :erl_scan, :tokens, [1]});
    ask(&mut leader, read());
    leader.line(&text("1. 2.\n"));
    let sent = effects(&mut leader).into_iter().skip(1).collect();
    let (id, _) = until(sent);
    leader.called(id, Some(term!({:done, :one, [32, 50, 46, 10]})));
    effects(&mut leader);
    ask(&mut leader, read());
    let (_, arguments) = until(effects(&mut leader));
    assert_eq!(arguments.get(1), Some(&term!([32, 50, 46, 10])));
}

#[test]
fn the_end_of_the_input_never_reaches_a_shell_that_would_halt_its_node() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_until, :unicode, "1> ", :erl_scan, :tokens, [1]}));
    leader.line(&Line::End);
    assert_eq!(effects(&mut leader).last(), Some(&reply(term!({:error, :terminated}))));
    ask(&mut leader, term!({:get_line, :unicode, "name? "}));
    assert_eq!(effects(&mut leader), [reply(term!(:eof))]);
}

#[test]
fn a_shell_that_stops_at_the_end_of_its_input_is_told_of_it() {
    let mut leader = Leader::default();
    let parse = term!({:get_until, :unicode, "iex> ", :"Elixir.IEx.Server", :__parse__, []});
    ask(&mut leader, parse);
    leader.line(&Line::End);
    assert_eq!(effects(&mut leader).last(), Some(&reply(term!(:eof))));
}

#[test]
fn a_text_that_was_parsed_comes_as_readers_want_it() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:setopts, [{:binary, true}]}));
    ask(&mut leader, term!({:get_until, :unicode, "> ", :erl_scan, :tokens, []}));
    leader.line(&text("1\n"));
    let (id, _) = until(effects(&mut leader).into_iter().skip(2).collect());
    leader.called(id, Some(term!({:done, [49, 10], []})));
    assert_eq!(effects(&mut leader), [reply(Term::from("1\n"))]);
}

#[test]
fn the_last_line_of_a_script_needs_no_end() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_line, :unicode, ""}));
    leader.line(&text("last"));
    assert_eq!(effects(&mut leader).len(), 2, "it asks for the rest of the line");
    leader.line(&Line::End);
    assert_eq!(effects(&mut leader), [reply(term!([108, 97, 115, 116]))]);
}

#[test]
fn an_interrupted_reader_is_told_and_what_was_pasted_is_gone() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_line, :unicode, "> "}));
    leader.line(&Line::Interrupted);
    assert_eq!(effects(&mut leader).last(), Some(&reply(term!({:error, :interrupted}))));
}

#[test]
fn two_readers_are_served_one_after_the_other_and_writers_do_not_wait_for_them() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_line, :unicode, "first "}));
    ask(&mut leader, term!({:get_line, :unicode, "second "}));
    ask(&mut leader, term!({:put_chars, :unicode, "log"}));
    assert_eq!(effects(&mut leader), [prompt("first "), print("log"), reply(term!(:ok))]);
    leader.line(&text("a\n"));
    assert_eq!(effects(&mut leader), [reply(term!([97, 10])), prompt("second ")]);
}

#[test]
fn some_characters_are_read_across_lines() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_chars, :unicode, "", 3}));
    leader.line(&text("a\n"));
    leader.line(&text("bc\n"));
    assert_eq!(effects(&mut leader).last(), Some(&reply(term!([97, 10, 98]))));
}

#[test]
fn a_screen_is_as_large_as_it_is_and_none_has_no_size() {
    let mut leader = Leader::default();
    ask(&mut leader, term!({:get_geometry, :columns}));
    leader.resize(Some((80, 24)));
    ask(&mut leader, term!({:get_geometry, :rows}));
    assert_eq!(effects(&mut leader), [reply(term!({:error, :enotsup})), reply(term!(24))]);
}

#[test]
fn what_is_no_request_is_answered_or_passed_over_and_breaks_nothing() {
    let mut leader = Leader::default();
    for strange in [term!(:hello), term!({:io_request, 1, 2, 3}), term!([])] {
        leader.request(&strange);
    }
    assert_eq!(effects(&mut leader), []);
    for request in [term!({:get_until, 1}), term!({:get_chars, :unicode, "", -1}), term!({})] {
        ask(&mut leader, request);
        assert_eq!(effects(&mut leader), [reply(term!({:error, :request}))]);
    }
    leader.called(99, None);
}
