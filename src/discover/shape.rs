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
        push_shape_of(text.bytes().map(kind_of_ascii), shape);
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

fn kind_of_ascii(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' => Kind::Letter,
        b'A'..=b'Z' => Kind::Capital,
        b'0'..=b'9' => Kind::Digit,
        b' '..=b'~' => Kind::Other(char::from(byte)),
        _ => Kind::Other('?'),
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
        let long = "a1".repeat(20);
        assert_eq!(shape_of(&long), "a{1}9{1}".repeat(16) + "…");
    }
}
