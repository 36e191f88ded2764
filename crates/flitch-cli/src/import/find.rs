//! Where in a source text the topologies are.

use super::Problem;
use super::tokens::{Kind, Token, closing, inside, parts};

/// A topology, as it stands in the text.
pub(super) struct Found<'t> {
    pub(super) name: String,
    /// Where it is not said inside, since the entries are options already: dns_cluster's.
    pub(super) strategy: Option<&'static str>,
    pub(super) entries: Vec<Entry<'t>>,
    pub(super) line: usize,
}

/// `key: value`
pub(super) struct Entry<'t> {
    pub(super) key: String,
    pub(super) value: &'t [Token<'t>],
    pub(super) line: usize,
}

/// The topologies of libcluster and the queries of dns_cluster, in their order.
pub(super) fn find<'t>(tokens: &'t [Token<'t>], problems: &mut Vec<Problem>) -> Vec<Found<'t>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(here) = tokens.get(at..).filter(|here| !here.is_empty()) {
        let step = if let Some(value) = named(here, "topologies") {
            let value = expression(value);
            match entries(value) {
                Some(listed) => found.extend(listed.into_iter().map(topology)),
                None => problems.push(elsewhere(here)),
            }
            end_of(here, value)
        } else if let Some(value) = named(here, "dns_cluster_query") {
            let (value, line) = (expression(value), line(here));
            if !is_off(value) {
                let query = Entry { key: "query".to_owned(), value, line };
                found.push(dns_cluster(vec![query], line));
            }
            end_of(here, value)
        } else if let Some((entries, len)) = dns_cluster_child(here) {
            let from_config = |entry: &Entry<'_>| {
                entry.key == "query" && entry.value.iter().any(|it| it.text == ":dns_cluster_query")
            };
            let mut child = dns_cluster(entries, line(here));
            // Where it comes from is found by itself, if it is in this text.
            let config = tokens.iter().any(|it| it.is(Kind::Key, "dns_cluster_query"));
            if child.entries.iter().any(from_config) && !config {
                problems.push(query_elsewhere(here));
            }
            child.entries.retain(|entry| !from_config(entry) && !is_off(entry.value));
            if child.entries.iter().any(|entry| entry.key == "query") {
                found.push(child);
            }
            len
        } else {
            1
        };
        at += step.max(1);
    }
    if found.is_empty() && problems.is_empty() { bare(tokens) } else { found }
}

/// A keyword list and nothing around it.
fn bare<'t>(tokens: &'t [Token<'t>]) -> Vec<Found<'t>> {
    let tokens = match tokens {
        [first, second, rest @ ..]
            if (first.text == "import" && second.text == "Config")
                || (first.text == "use" && second.text == "Mix.Config") =>
        {
            rest
        }
        tokens => tokens,
    };
    let listed = entries(tokens).or_else(|| pairs(tokens));
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else { return Vec::new() };
    let line = line(tokens);
    if listed.iter().any(|entry| entry.key == "strategy") {
        let name = "cluster".to_owned();
        return vec![Found { name, strategy: None, entries: listed, line }];
    }
    let says = |token: &Token<'_>| token.is(Kind::Key, "strategy") || token.text == ":strategy";
    let is_topology = |entry: &Entry<'_>| entry.value.iter().any(says);
    if listed.iter().any(is_topology) {
        listed.into_iter().map(topology).collect()
    } else {
        Vec::new()
    }
}

fn topology(entry: Entry<'_>) -> Found<'_> {
    let entries = entries(entry.value).unwrap_or_default();
    Found { name: entry.key, strategy: None, entries, line: entry.line }
}

fn dns_cluster(entries: Vec<Entry<'_>>, line: usize) -> Found<'_> {
    Found { name: "dns_cluster".to_owned(), strategy: Some("DNSCluster"), entries, line }
}

/// What is behind `name:`, `name =`, `@name` or `config :app, :name,`.
fn named<'t>(here: &'t [Token<'t>], name: &str) -> Option<&'t [Token<'t>]> {
    let (first, rest) = here.split_first()?;
    match (first.kind, first.text) {
        (Kind::Key, text) if text == name => Some(rest),
        (Kind::Word, text) if text == name => {
            rest.split_first().filter(|(sign, _)| sign.text == "=").map(|(_, rest)| rest)
        }
        (Kind::Word, text) if text.strip_prefix('@') == Some(name) => {
            Some(rest).filter(|rest| rest.first().is_some_and(|it| it.is(Kind::Open, "[")))
        }
        (Kind::Word, "config") => match rest {
            [_, comma, key, second, value @ ..]
                if comma.kind == Kind::Comma
                    && key.text.strip_prefix(':') == Some(name)
                    && second.kind == Kind::Comma =>
            {
                Some(value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// `{DNSCluster, query: …}`, and how many tokens it has.
fn dns_cluster_child<'t>(here: &'t [Token<'t>]) -> Option<(Vec<Entry<'t>>, usize)> {
    match here {
        [open, module, comma, ..]
            if open.is(Kind::Open, "{")
                && module.text == "DNSCluster"
                && comma.kind == Kind::Comma =>
        {
            let close = closing(here, 0)?;
            let options = here.get(3..close)?;
            Some((entries(options).or_else(|| pairs(options))?, close + 1))
        }
        _ => None,
    }
}

/// The expression that begins here: to a comma, to a bracket that was open before, or to the end of
/// a line that does not go on.
fn expression<'t>(tokens: &'t [Token<'t>]) -> &'t [Token<'t>] {
    let mut depth = 0_usize;
    let mut last: Option<&Token<'_>> = None;
    for (at, token) in tokens.iter().enumerate() {
        let new_line = last.is_some_and(|last| {
            last.line < token.line
                && last.kind != Kind::Operator
                && token.kind != Kind::Operator
                && depth == 0
        });
        let ends = depth == 0 && matches!(token.kind, Kind::Comma | Kind::Close);
        if ends || new_line {
            return tokens.get(..at).unwrap_or_default();
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        last = Some(token);
    }
    tokens
}

/// How many tokens there are from the start of `here` to the end of `value`, which is inside.
fn end_of(here: &[Token<'_>], value: &[Token<'_>]) -> usize {
    let Some(last) = value.last() else { return 1 };
    here.iter().take_while(|token| token.start <= last.start).count()
}

/// The entries of a keyword list in brackets, if it is one.
pub(super) fn entries<'t>(value: &'t [Token<'t>]) -> Option<Vec<Entry<'t>>> {
    pairs(inside(value, "[")?)
}

/// The entries of a keyword list without its brackets: `key: value` or `{:key, value}` each.
fn pairs<'t>(tokens: &'t [Token<'t>]) -> Option<Vec<Entry<'t>>> {
    parts(tokens).into_iter().map(pair).collect()
}

fn pair<'t>(part: &'t [Token<'t>]) -> Option<Entry<'t>> {
    let (first, rest) = part.split_first()?;
    let quotes = ['"', '\''];
    if first.kind == Kind::Key {
        let key = first.text.trim_matches(quotes).to_owned();
        return Some(Entry { key, value: rest, line: first.line });
    }
    match parts(inside(part, "{")?).as_slice() {
        [[key], value] if key.text.starts_with(':') => {
            let name = key.text.trim_start_matches(':').trim_matches(quotes).to_owned();
            Some(Entry { key: name, value, line: key.line })
        }
        _ => None,
    }
}

fn is_off(value: &[Token<'_>]) -> bool {
    matches!(value, [only] if only.text == ":ignore")
}

fn line(tokens: &[Token<'_>]) -> usize {
    tokens.first().map_or(0, |token| token.line)
}

fn elsewhere(here: &[Token<'_>]) -> Problem {
    let message = "topologies is no list that is written out: give the file where it is, mostly \
                   config/config.exs or config/runtime.exs"
        .to_owned();
    Problem { line: line(here), message }
}

fn query_elsewhere(here: &[Token<'_>]) -> Problem {
    let message = "DNSCluster takes its query from the application's configuration: give the file \
                   with dns_cluster_query, mostly config/runtime.exs"
        .to_owned();
    Problem { line: line(here), message }
}
