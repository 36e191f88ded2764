//! The value of an option: a literal, something from the environment, or code.

use std::net::{Ipv4Addr, Ipv6Addr};

use flitch::Term;
use flitch::etf::text::{self, Syntax};
use toml::{Table, Value};

use super::tokens::{Kind, Token, inside, operators, parts};

/// What a value is read as.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    Value(Value),
    Env(Env),
    /// As if the option were not there.
    Nil,
    /// Only Elixir knows what it is; why, in words.
    Code(String),
}

/// A value that Elixir takes from the environment.
#[derive(Debug, PartialEq)]
pub(crate) struct Env {
    /// Elixir's variable.
    pub(crate) variable: String,
    /// What is there without it.
    pub(crate) default: Option<Value>,
    /// Whether it is made a number.
    is_number: bool,
}

impl Env {
    /// As a number, if it is made one, and its default is one.
    fn converted(mut self, is_number: bool) -> Option<Self> {
        if is_number {
            self.is_number = true;
            if let Some(Value::String(text)) = &self.default {
                self.default = Some(Value::Integer(text.parse().ok()?));
            }
        }
        Some(self)
    }

    /// Something that the option might be, to see whether the other options fit.
    pub(super) fn stand_in(&self) -> Value {
        match &self.default {
            Some(default) => default.clone(),
            None if self.is_number => Value::Integer(5000),
            None => Value::String("a".to_owned()),
        }
    }
}

/// How deep lists and tuples may be in each other.
const DEPTH: usize = 16;

/// How much of an expression is shown.
const SHOWN: usize = 60;

/// Reads an option's value.
pub(super) fn read(source: &str, tokens: &[Token<'_>]) -> Read {
    let env = environment(source, tokens);
    env.map_or_else(|| literal(source, tokens, DEPTH), Read::Env)
}

/// The beginning of an expression, on one line, for a sentence.
pub(super) fn shown(source: &str, tokens: &[Token<'_>]) -> String {
    let text = text_of(source, tokens);
    let words: Vec<_> = text.split_whitespace().collect();
    let words = words.join(" ");
    let mut shown: String = words.chars().filter(|char| !char.is_control()).take(SHOWN).collect();
    if shown.len() < words.len() {
        shown.push('…');
    }
    shown
}

fn text_of<'a>(source: &'a str, tokens: &[Token<'_>]) -> &'a str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => source.get(first.start..last.end).unwrap_or_default(),
        _ => "",
    }
}

/// `System.get_env("X")` and the like, with a default behind `||`, and a conversion around it or
/// behind `|>`.
fn environment(source: &str, tokens: &[Token<'_>]) -> Option<Env> {
    if let Some(at) = operators(tokens, "||").first().copied() {
        let (left, right) = (tokens.get(..at)?, tokens.get(at + 1..)?);
        let mut env = environment(source, left)?;
        match right {
            [raise, ..] if raise.text == "raise" => {}
            right => env.default = default(source, right)?,
        }
        return Some(env);
    }
    if let Some(at) = operators(tokens, "|>").last().copied() {
        let env = environment(source, tokens.get(..at)?)?;
        return env.converted(is_number(tokens.get(at + 1)?.text)?);
    }
    let (function, arguments) = tokens.split_first()?;
    let arguments = inside(arguments, "(")?;
    match (function.text, parts(arguments).as_slice()) {
        ("System.get_env" | "System.fetch_env!", [variable]) => {
            Some(Env { variable: name(source, variable)?, default: None, is_number: false })
        }
        ("System.get_env", [variable, value]) => {
            let (variable, default) = (name(source, variable)?, default(source, value)?);
            Some(Env { variable, default, is_number: false })
        }
        (conversion, [inner]) => {
            let is_number = is_number(conversion)?;
            environment(source, inner)?.converted(is_number)
        }
        _ => None,
    }
}

/// Whether a conversion of text makes a number of it; none, if it is not one that is known.
fn is_number(function: &str) -> Option<bool> {
    match function {
        "String.to_integer" => Some(true),
        "String.to_atom" | "String.to_charlist" | "to_charlist" | "String.trim" | "to_string" => {
            Some(false)
        }
        _ => None,
    }
}

/// A default; inside, none where it says that there is none.
fn default(source: &str, tokens: &[Token<'_>]) -> Option<Option<Value>> {
    if matches!(tokens, [only] if only.text == ":ignore") {
        return Some(None);
    }
    match literal(source, tokens, DEPTH) {
        Read::Value(value) => Some(Some(value)),
        Read::Nil => Some(None),
        Read::Env(_) | Read::Code(_) => None,
    }
}

fn name(source: &str, tokens: &[Token<'_>]) -> Option<String> {
    match literal(source, tokens, DEPTH) {
        Read::Value(Value::String(name)) => Some(name),
        _ => None,
    }
}

fn literal(source: &str, tokens: &[Token<'_>], depth: usize) -> Read {
    let Some(depth) = depth.checked_sub(1) else {
        return Read::Code("it is nested too deep".to_owned());
    };
    if let Some(elements) = inside(tokens, "[") {
        return list(source, elements, depth);
    }
    if let Some(elements) = inside(tokens, "{") {
        return tuple(source, elements, depth);
    }
    if let Some(time) = time(source, tokens) {
        return Read::Value(Value::Integer(time));
    }
    if let [Token { text, .. }] = tokens
        && (text.starts_with('\'') || text.starts_with("~c") || text.starts_with("~C"))
        && let Ok(Term::List(codes)) = text::parse(Syntax::Elixir, text)
    {
        let code = |code: &Term| u32::try_from(code).ok().and_then(char::from_u32);
        let text: Option<String> = codes.iter().map(code).collect();
        return text.map_or_else(|| Read::Code(NO_VALUE.to_owned()), |it| Read::Value(it.into()));
    }
    match text::parse(Syntax::Elixir, text_of(source, tokens)) {
        Ok(term) if term.is_atom("nil") => Read::Nil,
        Ok(term) => of_term(&term).map_or_else(|| Read::Code(NO_VALUE.to_owned()), Read::Value),
        Err(_) => Read::Code("Elixir computes it".to_owned()),
    }
}

const NO_VALUE: &str = "TOML has no value like it";

fn list(source: &str, elements: &[Token<'_>], depth: usize) -> Read {
    let parts = parts(elements);
    let is_keyword = |part: &&[Token<'_>]| part.first().is_some_and(|it| it.kind == Kind::Key);
    if !parts.is_empty() && parts.iter().all(is_keyword) {
        let mut table = Table::new();
        for part in parts {
            let Some((key, value)) = part.split_first() else { continue };
            match literal(source, value, depth) {
                Read::Value(value) => table.insert(key.text.to_owned(), value),
                Read::Nil => None,
                code => return code,
            };
        }
        return Read::Value(Value::Table(table));
    }
    let mut array = Vec::new();
    for part in parts {
        match literal(source, part, depth) {
            Read::Value(value) => array.push(value),
            Read::Nil => return Read::Code(NO_VALUE.to_owned()),
            code => return code,
        }
    }
    Read::Value(Value::Array(array))
}

/// An address such as `{127, 0, 0, 1}`, or a basename and a query.
fn tuple(source: &str, elements: &[Token<'_>], depth: usize) -> Read {
    let mut values = Vec::new();
    for part in parts(elements) {
        match literal(source, part, depth) {
            Read::Value(value) => values.push(value),
            Read::Nil => return Read::Code(NO_VALUE.to_owned()),
            code => return code,
        }
    }
    if let [Value::String(basename), Value::String(query)] = values.as_slice() {
        let pair = [("basename", basename.clone()), ("query", query.clone())];
        let pair = pair.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value)));
        return Read::Value(Value::Table(pair.collect()));
    }
    let address = address(&values).map(Value::String);
    address.map_or_else(|| Read::Code(NO_VALUE.to_owned()), Read::Value)
}

fn address(values: &[Value]) -> Option<String> {
    if let Some(octets) = numbers::<u8, 4>(values) {
        return Some(Ipv4Addr::from(octets).to_string());
    }
    numbers::<u16, 8>(values).map(|groups| Ipv6Addr::from(groups).to_string())
}

fn numbers<T: TryFrom<i64>, const N: usize>(values: &[Value]) -> Option<[T; N]> {
    let number = |value: &Value| value.as_integer().and_then(|it| T::try_from(it).ok());
    let numbers: Option<Vec<T>> = values.iter().map(number).collect();
    numbers?.try_into().ok()
}

/// `:timer.seconds(5)`, in milliseconds.
fn time(source: &str, tokens: &[Token<'_>]) -> Option<i64> {
    let (function, arguments) = tokens.split_first()?;
    let unit = match function.text {
        ":timer.seconds" => 1000,
        ":timer.minutes" => 60_000,
        ":timer.hours" => 3_600_000,
        _ => return None,
    };
    match literal(source, inside(arguments, "(")?, 1) {
        Read::Value(Value::Integer(count)) => count.checked_mul(unit),
        _ => None,
    }
}

fn of_term(term: &Term) -> Option<Value> {
    Some(match term {
        Term::Integer(_) => Value::Integer(term.as_integer()?),
        Term::Float(_) => Value::Float(term.as_float()?),
        Term::Atom(atom) => match atom.as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            name => Value::String(name.strip_prefix("Elixir.").unwrap_or(name).to_owned()),
        },
        Term::Binary(_) => Value::String(term.as_str()?.to_owned()),
        Term::List(items) => Value::Array(items.iter().map(of_term).collect::<Option<_>>()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn value(source: &str) -> Read {
        read(source, &tokens(source))
    }

    #[test]
    fn literals_become_what_toml_has_for_them() {
        for (elixir, toml) in [
            ("10_000", "10000"),
            ("0x10", "16"),
            ("1.5", "1.5"),
            ("true", "true"),
            (":ip", "\"ip\""),
            ("\"a\\u00e9\"", "\"aé\""),
            ("'abc'", "\"abc\""),
            ("~c\"abc\"", "\"abc\""),
            ("[:\"a@127.0.0.1\", :b@h]", "[\"a@127.0.0.1\", \"b@h\"]"),
            ("~w(a b)a", "[\"a\", \"b\"]"),
            ("{127, 0, 0, 1}", "\"127.0.0.1\""),
            ("{0, 0, 0, 0, 0, 0, 0, 1}", "\"::1\""),
            (
                "{\"remote\", \"remote.internal\"}",
                "{ basename = \"remote\", query = \"remote.internal\" }",
            ),
            (":timer.seconds(5)", "5000"),
            ("Cluster.Strategy.Epmd", "\"Cluster.Strategy.Epmd\""),
        ] {
            match value(elixir) {
                Read::Value(value) => assert_eq!(value.to_string(), toml, "{elixir}"),
                other => panic!("{elixir}: {other:?}"),
            }
        }
        assert_eq!(value("nil"), Read::Nil);
    }

    #[test]
    fn the_environment_is_seen_in_every_way_that_it_is_asked() {
        for (elixir, default, is_number) in [
            ("System.get_env(\"X\")", None, false),
            ("System.fetch_env!(\"X\")", None, false),
            ("System.get_env(\"X\", \"d\")", Some(Value::from("d")), false),
            ("System.get_env(\"X\") || \"d\"", Some("d".into()), false),
            ("System.get_env(\"X\") || raise(\"no\")", None, false),
            ("System.get_env(\"X\") || :ignore", None, false),
            ("String.to_integer(System.get_env(\"X\", \"5\"))", Some(5.into()), true),
            ("System.fetch_env!(\"X\") |> String.to_integer()", None, true),
            ("System.get_env(\"X\", \"5\") |> String.to_integer()", Some(5.into()), true),
            ("String.to_integer(System.get_env(\"X\") || \"5\")", Some(5.into()), true),
            ("String.to_atom(System.get_env(\"X\"))", None, false),
        ] {
            let env = Env { variable: "X".to_owned(), default, is_number };
            assert_eq!(value(elixir), Read::Env(env), "{elixir}");
        }
    }

    #[test]
    fn code_is_told_from_values() {
        for elixir in [
            "&Mod.fun/1",
            "fn x -> x end",
            "Application.get_env(:a, :b)",
            "System.get_env(name)",
            "@service",
            "\"a#{b}\"",
            "a <> b",
            "{:a, :b, 1}",
            "%{a: 1}",
            "[hd(x)]",
            "123456789012345678901234567890",
            "",
        ] {
            assert!(matches!(value(elixir), Read::Code(_)), "{elixir}: {:?}", value(elixir));
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(matches!(value(&deep), Read::Code(_)));
    }

    #[test]
    fn a_long_expression_is_shown_in_part() {
        let source = format!("f(\n  {})", "a ".repeat(100));
        let shown = shown(&source, &tokens(&source));
        assert!(shown.starts_with("f( a a") && shown.ends_with('…'), "{shown}");
    }
}
