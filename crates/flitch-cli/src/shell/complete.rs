//! How a line may go on: the node is asked, as its own shell asks it.

use std::time::Duration;

use flitch::{Node, NodeName, Pid, Term};

use super::chars;

/// A person waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many possibilities are shown.
const SHOWN: usize = 500;

/// How a line may go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What is sure to come next.
    pub(crate) next: String,
    /// What there is to choose from, if nothing is sure.
    pub(crate) choices: Vec<String>,
}

/// Asks a shell of Elixir's or Erlang's how `line` may go on.
pub(crate) async fn complete(
    node: Node,
    target: NodeName,
    (is_iex, shell): (bool, Pid),
    line: String,
) -> Completion {
    let reversed: String = line.chars().rev().collect();
    let line = chars::charlist(&reversed);
    let (module, arguments) = if is_iex {
        ("Elixir.IEx.Autocomplete", vec![line, shell.into()])
    } else {
        ("edlin_expand", vec![line])
    };
    let answer = node.rpc::<Term>(&target, module, "expand", &arguments, PATIENCE).await;
    answer.ok().as_ref().and_then(read).unwrap_or_default()
}

/// `{yes | no, Next, Choices}`.
fn read(answer: &Term) -> Option<Completion> {
    let [yes, next, choices] = answer.as_tuple()? else { return None };
    let mut found = Vec::new();
    collect(choices, &mut found);
    found.truncate(SHOWN);
    let next = if yes.is_atom("yes") { chars::text(next)? } else { String::new() };
    Some(Completion { next, choices: found })
}

/// A choice is a text; from OTP 26 on some come in groups, with a title.
fn collect(choices: &Term, found: &mut Vec<String>) {
    let mut work: Vec<_> = choices.as_list().unwrap_or_default().iter().rev().collect();
    while let Some(choice) = work.pop() {
        if let Some(text) = chars::text(choice) {
            found.push(crate::out::text::harmless(&text));
        } else if let Some(group) = choice.as_map() {
            let elements = group.get_atom("elems").and_then(Term::as_list).unwrap_or_default();
            work.extend(elements.iter().rev());
        } else if let Some([label, ..]) = choice.as_tuple() {
            work.push(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use flitch::term;

    use super::*;

    #[test]
    fn the_answers_of_all_releases_are_understood() {
        let read = |term| read(&term).unwrap();
        let next = Completion { next: "case(".to_owned(), choices: Vec::new() };
        assert_eq!(read(term!({:yes, ["case("], []})), next);
        let choices = vec!["map".to_owned(), "max".to_owned()];
        let both = Completion { next: String::new(), choices };
        assert_eq!(read(term!({:yes, [], [["map"], ["max"]]})), both);
        let groups =
            term!({:yes, [], [{:group, 1}, %{title: "f", elems: [{"map", []}, {"max", []}]}]});
        assert_eq!(read(groups), both);
        assert_eq!(read(term!({:no, [], []})), Completion::default());
    }
}
