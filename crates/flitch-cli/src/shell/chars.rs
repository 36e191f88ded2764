//! Text as the BEAM hands it around, and as a terminal may be given it.

use flitch::Term;

/// `unicode:chardata()` as text: code points, binaries, and lists of them. `None` for all else.
pub(crate) fn text(data: &Term) -> Option<String> {
    let mut bytes = Vec::new();
    let mut work = vec![data];
    while let Some(next) = work.pop() {
        match next {
            Term::Binary(binary) => bytes.extend_from_slice(binary),
            Term::List(_) | Term::ImproperList(_) => work.extend(next.children().rev()),
            _ => {
                let char = u32::try_from(next).ok().and_then(char::from_u32)?;
                bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Text as a list of code points.
pub(crate) fn charlist(text: &str) -> Term {
    Term::from(text.chars().map(|char| Term::from(u32::from(char))).collect::<Vec<_>>())
}

/// What a shell prints, for a terminal: colours and the clearing of the screen pass; what would
/// set its title, reach its clipboard or have it answer is shown instead.
pub(crate) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let len = match sequence(rest) {
            Some(len) => {
                tamed.push_str(rest.get(..len).unwrap_or_default());
                len
            }
            None => {
                match char {
                    '\r' | '\u{8}' | '\u{7}' => tamed.push(char),
                    _ => tamed.push_str(&crate::out::text::harmless(char.encode_utf8(&mut [0; 4]))),
                }
                char.len_utf8()
            }
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    tamed
}

/// The length of the harmless control sequence that the text begins with.
fn sequence(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|char: char| !(char.is_ascii_digit() || char == ';'))?;
    let last = parameters.get(end..)?.chars().next()?;
    matches!(last, 'm' | 'H' | 'J' | 'K').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use flitch::term;

    use super::*;

    #[test]
    fn chardata_is_text_however_it_is_nested() {
        assert_eq!(text(&term!(["a", [233], [["b"], 8364]])).unwrap(), "aéb€");
        assert_eq!(text(&charlist("hé")).unwrap(), "hé");
        assert_eq!(text(&term!(:a)), None);
        assert_eq!(text(&term!([-1])), None);
    }

    #[test]
    fn colours_pass_and_nothing_else_that_steers_a_terminal() {
        assert_eq!(tame("\u{1b}[1;31mred\u{1b}[0m\n"), "\u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(tame("\u{1b}[H\u{1b}[2J"), "\u{1b}[H\u{1b}[2J");
        assert_eq!(tame("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\u{7}");
        assert_eq!(tame("\u{1b}[6n\u{1b}["), "\\u{1b}[6n\\u{1b}[");
    }
}
