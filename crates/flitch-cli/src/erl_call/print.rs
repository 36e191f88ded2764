//! Terms as libei's `ei_print_term` writes them, whose output scripts take apart.

use std::fmt::Write;

use flitch::Term;

/// The longest list of bytes that a BEAM sends as a string (`STRING_EXT`).
const LONGEST_STRING: usize = 0xffff;

/// How many bytes of a binary are shown.
const SHOWN_BYTES: usize = 30;

/// What is still to be written.
enum Rest<'a> {
    Term(&'a Term),
    Text(&'static str),
}

/// The term as text, without a line end.
pub(crate) fn term(term: &Term) -> String {
    let mut out = String::new();
    let mut rest = vec![Rest::Term(term)];
    while let Some(next) = rest.pop() {
        match next {
            Rest::Text(text) => out.push_str(text),
            Rest::Term(Term::Tuple(elements)) => {
                between(&mut rest, "{", elements.iter(), "}");
            }
            Rest::Term(Term::List(list)) => match string(list.as_slice()) {
                Some(text) => out.push_str(&text),
                None => between(&mut rest, "[", list.as_slice().iter(), "]"),
            },
            Rest::Term(Term::ImproperList(list)) => {
                rest.extend([Rest::Text("]"), Rest::Term(list.tail())]);
                between(&mut rest, "[", list.elements().iter(), " | ");
            }
            Rest::Term(Term::Map(map)) => {
                rest.push(Rest::Text("}"));
                for (at, (key, value)) in map.iter().enumerate().rev() {
                    rest.extend([Rest::Term(value), Rest::Text(" => "), Rest::Term(key)]);
                    rest.push(Rest::Text(if at == 0 { "#{" } else { ", " }));
                }
                if map.is_empty() {
                    rest.push(Rest::Text("#{"));
                }
            }
            Rest::Term(leaf) => out.push_str(&self::leaf(leaf)),
        }
    }
    out
}

/// Puts the elements, with what is around and between them, on the stack: the last goes first.
fn between<'a>(
    rest: &mut Vec<Rest<'a>>,
    open: &'static str,
    elements: impl DoubleEndedIterator<Item = &'a Term> + ExactSizeIterator,
    close: &'static str,
) {
    rest.push(Rest::Text(close));
    for (at, element) in elements.enumerate().rev() {
        rest.push(Rest::Term(element));
        if at > 0 {
            rest.push(Rest::Text(", "));
        }
    }
    rest.push(Rest::Text(open));
}

/// What has no terms in it.
fn leaf(term: &Term) -> String {
    match term {
        Term::Integer(value) => value.to_string(),
        // Of up to 64 bits it is decimal.
        Term::BigInt(value) if value.bits() <= 64 => value.to_string(),
        Term::BigInt(value) => {
            let digits = value.to_str_radix(16).to_uppercase();
            match digits.strip_prefix('-') {
                Some(digits) => format!("-16#{digits}"),
                None => format!("16#{digits}"),
            }
        }
        Term::Float(value) => format!("{value:.6}"),
        Term::Atom(atom) => self::atom(atom.as_str()),
        Term::Pid(pid) => format!("<{}.{}.{}>", pid.node.as_str(), pid.id, pid.serial),
        Term::Port(port) => {
            format!("#Port<{}.{}>", (port.id as u32).cast_signed(), port.creation.cast_signed())
        }
        Term::Reference(reference) => {
            let words = reference.words().iter().map(|word| word.cast_signed().to_string());
            format!("#Ref<{}>", words.collect::<Vec<_>>().join("."))
        }
        Term::Binary(bytes) => {
            let shown: Vec<_> = bytes.iter().take(SHOWN_BYTES).map(u8::to_string).collect();
            let more = if bytes.len() > SHOWN_BYTES { ",..." } else { "" };
            format!("#Bin<{}{more}>", shown.join(","))
        }
        Term::BitString(bits) => bit_string(bits.bytes().as_slice(), bits.last_bits()),
        Term::Export(it) => {
            format!("fun {}:{}/{}", it.module.as_str(), it.function.as_str(), it.arity)
        }
        Term::Fun(fun) => {
            format!("#Fun{{{}.{}.{}}}", fun.module.as_str(), fun.old_index, fun.old_uniq)
        }
        // libei knows of no others, and stops there.
        _ => String::new(),
    }
}

fn atom(text: &str) -> String {
    let plain = text.starts_with(|char: char| char.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@'));
    if plain { text.to_owned() } else { format!("'{text}'") }
}

/// A list that comes as a string of bytes.
fn string(elements: &[Term]) -> Option<String> {
    if elements.is_empty() || elements.len() > LONGEST_STRING {
        return None;
    }
    let mut text = String::from("\"");
    for element in elements {
        let byte = u8::try_from(element.as_integer()?).ok()?;
        match byte {
            b' '..=0x7f => text.push(char::from(byte)),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x0b => text.push_str("\\v"),
            0x08 => text.push_str("\\b"),
            0x0c => text.push_str("\\f"),
            // A byte is a signed number there.
            byte => write!(text, "\\x{:x}", i32::from(byte.cast_signed())).ok()?,
        }
    }
    text.push('"');
    Some(text)
}

fn bit_string(bytes: &[u8], last_bits: u8) -> String {
    if bytes.len() > SHOWN_BYTES {
        let shown: Vec<_> = bytes.iter().take(SHOWN_BYTES).map(u8::to_string).collect();
        return format!("#Bits<{},...>", shown.join(","));
    }
    let Some((last, whole)) = bytes.split_last() else { return "#Bits<>".to_owned() };
    let mut shown: Vec<_> = whole.iter().map(u8::to_string).collect();
    let bits = last_bits.clamp(1, 8);
    shown.push(format!("{}:{bits}", last >> (8 - bits)));
    format!("#Bits<{}>", shown.join(","))
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::{Syntax, parse};

    use super::*;

    fn shown(text: &str) -> String {
        term(&parse(Syntax::Erlang, text).unwrap())
    }

    /// What `erl_call` of OTP 25 printed for the same expressions.
    #[test]
    fn terms_look_as_the_original_prints_them() {
        for (expression, printed) in [
            ("\"abc\"", "\"abc\""),
            ("[1, 2, 3]", r#""\x1\x2\x3""#),
            ("[]", "[]"),
            ("1.5", "1.500000"),
            ("-5", "-5"),
            ("12345678901234567890", "12345678901234567890"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("123456789012345678901234567890", "16#18EE90FF6C373E0EE4E3F0AD2"),
            ("<<1,2,3>>", "#Bin<1,2,3>"),
            ("<<1:3>>", "#Bits<1:3>"),
            ("'A b'", "'A b'"),
            ("'a.b'", "'a.b'"),
            ("'é'", "'é'"),
            ("#{a => 1, \"k\" => [x | y]}", "#{a => 1, \"k\" => [x | y]}"),
            ("#{}", "#{}"),
            ("fun lists:map/2", "fun lists:map/2"),
            ("[a, \"bc\", {}]", "[a, \"bc\", {}]"),
            ("[1000, 2]", "[1000, 2]"),
            ("[195, 169, 10, 1]", r#""\xffffffc3\xffffffa9\n\x1""#),
        ] {
            assert_eq!(shown(expression), printed, "{expression}");
        }
        let long = format!("#Bin<{},...>", ["0"; SHOWN_BYTES].join(","));
        assert_eq!(term(&Term::from(flitch::Binary::copy_from(&[0; 50]))), long);
    }

    #[test]
    fn a_term_may_be_as_deep_as_it_likes() {
        let mut deep = Term::empty_list();
        for _ in 0..100_000 {
            deep = Term::from(vec![deep]);
        }
        assert_eq!(term(&deep).len(), 200_002);
    }
}
