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

pub(super) fn shape_of(text: &str) -> String {
    let mut shape = String::new();
    let mut kinds = text.chars().map(kind).peekable();
    for _ in 0..PARTS_MAX {
        let Some(kind) = kinds.next() else { return shape };
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
        write!(shape, "{name}{{{count}}}").expect("a string has room");
    }
    if kinds.peek().is_some() {
        shape.push('…');
    }
    shape
}

fn kind(c: char) -> Kind {
    if c.is_uppercase() {
        Kind::Capital
    } else if c.is_alphabetic() {
        Kind::Letter
    } else if c.is_numeric() {
        Kind::Digit
    } else if c.is_ascii() && !c.is_ascii_control() {
        Kind::Other(c)
    } else {
        Kind::Other('?')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
