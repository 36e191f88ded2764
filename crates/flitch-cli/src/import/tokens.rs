//! An Elixir source text cut into tokens, as far as that takes to see where an expression ends.
//!
//! Authority: Elixir's "Syntax reference". Whatever the text is, cutting it ends: what is no token
//! of Elixir is one character of its own.

/// A token, with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As written; of a key, without the colon.
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1 on.
    pub(super) line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `(`, `[`, `{`, `<<`, `do`, `fn`
    Open,
    /// `)`, `]`, `}`, `>>`, `end`
    Close,
    Comma,
    /// `key:`, `"key":`
    Key,
    /// A name, an alias with its dots, a number, an atom that has no quotes.
    Word,
    /// Text, a charlist, a sigil, a quoted atom.
    Quoted,
    Operator,
}

impl Token<'_> {
    pub(super) fn is(&self, kind: Kind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }
}

/// Operators of more than one character that have to be told from others.
const OPERATORS: [&str; 10] = ["||", "|>", "==", "=>", "->", "<-", "!=", "&&", "..", "::"];

/// Cuts a text. Comments are gone.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut cut = Cut { source, at: 0 };
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut line, mut counted) = (1, 0);
    loop {
        cut.blank();
        let start = cut.at;
        if cut.rest().is_empty() {
            return tokens;
        }
        let kind = cut.token();
        line += source.get(counted..start).unwrap_or_default().matches('\n').count();
        counted = start;
        let text = source.get(start..cut.at).unwrap_or_default();
        let (kind, text) = match (kind, cut.is_key(text)) {
            (Kind::Word | Kind::Quoted | Kind::Open | Kind::Close, true) => {
                cut.at += 1;
                (Kind::Key, text)
            }
            (kind, _) => (kind, text),
        };
        tokens.push(Token { kind, text, start, end: cut.at, line });
    }
}

/// Where the bracket at `open` is closed.
pub(super) fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// What is between these brackets, if nothing is outside of them.
pub(super) fn inside<'t, 'a>(tokens: &'t [Token<'a>], open: &str) -> Option<&'t [Token<'a>]> {
    tokens.first().filter(|token| token.is(Kind::Open, open))?;
    let close = closing(tokens, 0)?;
    if close + 1 == tokens.len() { tokens.get(1..close) } else { None }
}

/// The parts between commas that are in no brackets.
pub(super) fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in outside(tokens).filter(|(_, token)| token.kind == Kind::Comma) {
        parts.extend(tokens.get(from..at));
        from = at + 1;
    }
    parts.extend(tokens.get(from..).filter(|last| !last.is_empty()));
    parts
}

/// Where this operator is in no brackets.
pub(super) fn operators(tokens: &[Token<'_>], operator: &str) -> Vec<usize> {
    let found = outside(tokens).filter(|(_, token)| token.is(Kind::Operator, operator));
    found.map(|(at, _)| at).collect()
}

/// The tokens that are in no brackets, without the brackets.
fn outside<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = (usize, &'t Token<'a>)> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter(move |(_, token)| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    })
}

struct Cut<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Cut<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, fits: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|char| !fits(char)).unwrap_or(rest.len());
    }

    fn blank(&mut self) {
        loop {
            self.skip(|char| char.is_whitespace() || char == '\u{feff}');
            if !self.rest().starts_with('#') {
                return;
            }
            self.skip(|char| char != '\n');
        }
    }

    /// Whether what stands here makes a key of the token before it.
    fn is_key(&self, text: &str) -> bool {
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
        self.rest().strip_prefix(':').is_some_and(ends)
            && text.starts_with(|char: char| char.is_alphabetic() || "_\"'".contains(char))
    }

    fn token(&mut self) -> Kind {
        let rest = self.rest();
        let mut chars = rest.chars();
        let (first, second) = (chars.next().unwrap_or_default(), chars.next());
        match (first, second) {
            ('"' | '\'', _) => self.quoted(first),
            (':', Some('"' | '\'')) => {
                self.at += 1;
                self.quoted(second.unwrap_or_default())
            }
            (':', Some(char)) if is_word(char) => {
                self.at += 1;
                self.word();
                Kind::Word
            }
            ('~', Some(char)) if char.is_ascii_alphabetic() => self.sigil(),
            ('?', Some(char)) => {
                self.at += 1 + char.len_utf8();
                if char == '\\' {
                    self.at += self.rest().chars().next().map_or(0, char::len_utf8);
                }
                Kind::Word
            }
            ('<', Some('<')) => self.taken(2, Kind::Open),
            ('>', Some('>')) => self.taken(2, Kind::Close),
            ('(' | '[' | '{', _) => self.taken(1, Kind::Open),
            (')' | ']' | '}', _) => self.taken(1, Kind::Close),
            (',', _) => self.taken(1, Kind::Comma),
            (char, _) if is_word(char) => match self.word() {
                "do" | "fn" => Kind::Open,
                "end" => Kind::Close,
                _ => Kind::Word,
            },
            _ => {
                let known = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
                self.taken(known.map_or(first.len_utf8(), |known| known.len()), Kind::Operator)
            }
        }
    }

    fn taken(&mut self, len: usize, kind: Kind) -> Kind {
        self.at += len;
        kind
    }

    /// A name with what may stand in and behind it, and the dots between names.
    fn word(&mut self) -> &'a str {
        let start = self.at;
        loop {
            self.skip(is_word);
            if self.rest().starts_with(['?', '!']) && !self.rest().starts_with("!=") {
                self.at += 1;
            }
            let dotted = self.rest().strip_prefix('.');
            if !dotted.is_some_and(|rest| rest.starts_with(is_word)) {
                break;
            }
            self.at += 1;
        }
        self.source.get(start..self.at).unwrap_or_default()
    }

    fn quoted(&mut self, quote: char) -> Kind {
        let thrice = quote.to_string().repeat(3);
        if self.rest().starts_with(&thrice) {
            self.at += 3;
            self.until(&thrice, true);
        } else {
            self.at += 1;
            self.until(quote.encode_utf8(&mut [0; 4]), true);
        }
        Kind::Quoted
    }

    fn sigil(&mut self) -> Kind {
        self.at += 1;
        let raw = self.rest().starts_with(|char: char| char.is_ascii_uppercase());
        self.skip(|char| char.is_ascii_alphanumeric());
        let open = self.rest().chars().next().unwrap_or_default();
        let close = match open {
            '"' | '\'' => {
                self.quoted(open);
                self.skip(|char| char.is_ascii_alphabetic());
                return Kind::Quoted;
            }
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            '|' | '/' => open,
            _ => return Kind::Quoted,
        };
        self.at += 1;
        self.until(close.encode_utf8(&mut [0; 4]), !raw);
        self.skip(|char| char.is_ascii_alphabetic());
        Kind::Quoted
    }

    /// Goes behind `end`, or to the end of the text; over escapes, and over `#{...}`, which may have
    /// quotes inside.
    fn until(&mut self, end: &str, interpolates: bool) {
        let mut depth = 0_usize;
        while let Some(char) = self.rest().chars().next() {
            if depth == 0 && self.rest().starts_with(end) {
                self.at += end.len();
                return;
            }
            self.at += char.len_utf8();
            match char {
                '\\' => self.at += self.rest().chars().next().map_or(0, char::len_utf8),
                '#' if interpolates && self.rest().starts_with('{') => {
                    self.at += 1;
                    depth += 1;
                }
                '{' if depth > 0 => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '@'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn a_list_is_cut_into_keys_words_and_brackets() {
        let cut = tokens("[a: 10_000, \"b c\": :\"x@127.0.0.1\"] # more");
        let kinds: Vec<_> = cut.iter().map(|token| token.kind).collect();
        use Kind::*;
        assert_eq!(kinds, [Open, Key, Word, Comma, Key, Quoted, Close]);
        assert_eq!(cut[4].text, "\"b c\"");
    }

    #[test]
    fn what_stands_in_quotes_and_comments_is_no_code() {
        for source in [
            "\"topologies: [ #{inspect(\"]\")}\"",
            "'it\\'s ['",
            "\"\"\"\n\"topologies: [\n\"\"\"",
            "~s([)",
            "~c\"]\"",
            "~S|\\#{[|x",
            ":\"a ]\"",
        ] {
            assert_eq!(texts(source), [source]);
        }
        assert!(texts("# topologies: [").is_empty());
        assert_eq!(texts("?] ?\\n"), ["?]", "?\\n"]);
    }

    #[test]
    fn blocks_are_brackets_and_their_keywords_are_not() {
        let cut = tokens("if x do [a] else [b] end, 1");
        assert_eq!(closing(&cut, 2), Some(10));
        assert_eq!(parts(&cut).len(), 2);
        assert_eq!(parts(&tokens("if x, do: 1, else: 2")).len(), 3);
    }

    #[test]
    fn lines_are_counted_over_comments_and_text() {
        let lines: Vec<_> = tokens("a\n# b\n\n\"c\nd\" e").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 4, 5]);
    }

    #[test]
    fn any_text_is_cut_to_its_end() {
        for source in
            ["\"", "~", "~s", "~s(", "?", ":", "[[[", "]]]", "\"#{", "é€\u{0}", "?\\", "<", "a."]
        {
            let cut = tokens(source);
            assert_eq!(cut.last().map(|token| token.end), Some(source.len()), "{source}");
        }
    }
}
