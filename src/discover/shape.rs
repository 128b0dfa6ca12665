//! The shape of a text: what kind of characters it has, and how many, but not which.
//!
//! `Anna-Lena 7` has the shape `A{1}a{3}-A{1}a{3} 9{1}`: runs of capital letters, of other letters and of digits
//! are counted, and punctuation of ASCII stays. Any other character is `?`.

use std::fmt::Write;

/// The most runs and characters in a shape; `…` stands for the rest.
const PARTS_MAX: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Capital,
    Letter,
    Digit,
    Other(char),
}

/// Appends the shape of a text.
pub(super) fn push_shape(text: &str, shape: &mut String) {
    if text.is_ascii() {
        push_shape_of_ascii(text.as_bytes(), shape);
    } else {
        push_shape_of(text.chars().map(kind), shape);
    }
}

fn push_shape_of(kinds: impl Iterator<Item = Kind>, shape: &mut String) {
    let mut kinds = kinds.peekable();
    for _ in 0..PARTS_MAX {
        let Some(kind) = kinds.next() else { return };
        let name = match kind {
            Kind::Capital => 'A',
            Kind::Letter => 'a',
            Kind::Digit => '9',
            Kind::Other(c) => {
                shape.push(c);
                continue;
            }
        };
        let mut count = 1_usize;
        while kinds.next_if_eq(&kind).is_some() {
            count += 1;
        }
        shape.push(name);
        shape.push('{');
        push_number(count, shape);
        shape.push('}');
    }
    if kinds.peek().is_some() {
        shape.push('…');
    }
}

/// The same as [`push_shape_of`], for what most values are.
fn push_shape_of_ascii(mut text: &[u8], shape: &mut String) {
    for _ in 0..PARTS_MAX {
        let Some((first, rest)) = text.split_first() else { return };
        let (name, is_same): (_, fn(&u8) -> bool) = match first {
            b'a'..=b'z' => ("a{", u8::is_ascii_lowercase),
            b'A'..=b'Z' => ("A{", u8::is_ascii_uppercase),
            b'0'..=b'9' => ("9{", u8::is_ascii_digit),
            other => {
                let is_shown = matches!(other, b' '..=b'~');
                shape.push(if is_shown { char::from(*other) } else { '?' });
                text = rest;
                continue;
            }
        };
        let length = text.iter().position(|byte| !is_same(byte)).unwrap_or(text.len());
        shape.push_str(name);
        push_number(length, shape);
        shape.push('}');
        text = text.get(length..).unwrap_or_default();
    }
    if !text.is_empty() {
        shape.push('…');
    }
}

/// Most runs are short, and formatting is slow.
fn push_number(number: usize, shape: &mut String) {
    match u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10)) {
        Some(digit) => shape.push(digit),
        None => write!(shape, "{number}").expect("a string has room"),
    }
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' => Kind::Letter,
        'A'..='Z' => Kind::Capital,
        '0'..='9' => Kind::Digit,
        ' '..='~' => Kind::Other(c),
        _ if c.is_uppercase() => Kind::Capital,
        _ if c.is_alphabetic() => Kind::Letter,
        _ if c.is_numeric() => Kind::Digit,
        _ => Kind::Other('?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(text: &str) -> String {
        let mut shape = String::new();
        push_shape(text, &mut shape);
        shape
    }

    #[test]
    fn shapes_show_no_letter_and_no_digit() {
        for (text, expected) in [
            ("", ""),
            ("Anna", "A{1}a{3}"),
            ("Anna-Lena 7", "A{1}a{3}-A{1}a{3} 9{1}"),
            ("zoe@example.com", "a{3}@a{7}.a{3}"),
            ("+12025550142", "+9{11}"),
            ("東京 ★\n", "a{2} ??"),
            ("ÅSA", "A{3}"),
        ] {
            assert_eq!(shape_of(text), expected, "{text}");
        }
        for text in ["", "Anna-Lena 7\t\u{7f}", "aaaaaaaaaaaA0", &"a1".repeat(20), &"-".repeat(33)]
        {
            let mut of_characters = String::new();
            push_shape_of(text.chars().map(kind), &mut of_characters);
            assert_eq!(shape_of(text), of_characters);
        }
        let long = "a1".repeat(20);
        assert_eq!(shape_of(&long), "a{1}9{1}".repeat(16) + "…");
    }
}
