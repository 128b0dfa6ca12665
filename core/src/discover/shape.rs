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
    }
    if kinds.peek().is_some() {
        shape.push('…');
    }
}

/// The same as [`push_shape_of`], for what most values are.
fn push_shape_of_ascii(mut text: &[u8], shape: &mut String) {
    let name_of = |byte: &u8| NAMES.get(usize::from(*byte)).copied().unwrap_or(b'?');
    for _ in 0..PARTS_MAX {
        let Some(name) = text.first().map(name_of) else { return };
        let run = match name {
            b'A' => "A{",
            b'a' => "a{",
            b'9' => "9{",
            _ => {
                shape.push(char::from(name));
                text = text.get(1..).unwrap_or_default();
                continue;
            }
        };
        let length = text.iter().position(|byte| name_of(byte) != name).unwrap_or(text.len());
        shape.push_str(run);
        push_number(length, shape);
        text = text.get(length..).unwrap_or_default();
    }
    if !text.is_empty() {
        shape.push('…');
    }
}

/// By byte: what it is in a shape.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const NAMES: [u8; 256] = {
    let mut names = [b'?'; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        names[byte as usize] = match byte {
            b'A'..=b'Z' => b'A',
            b'a'..=b'z' => b'a',
            b'0'..=b'9' => b'9',
            shown => shown,
        };
        byte += 1;
    }
    names
};

/// Appends the length of a run, and the end of it. Most runs are short, and formatting is slow.
fn push_number(number: usize, shape: &mut String) {
    const SHORT: [&str; 10] = ["0}", "1}", "2}", "3}", "4}", "5}", "6}", "7}", "8}", "9}"];
    match SHORT.get(number) {
        Some(short) => shape.push_str(short),
        None => write!(shape, "{number}}}").expect("a string has room"),
    }
}

/// Whether texts of ASCII that have this shape differ in letters and digits alone.
pub(super) fn tells_all_others(shape: &str) -> bool {
    // A `?` may be another character, and the end of a long text is not shown.
    shape.is_ascii() && !shape.contains('?')
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
        for text in [
            "",
            "Anna-Lena 7\t\u{7f}",
            "aaaaaaaaaaaA0",
            &"a1".repeat(20),
            &"-".repeat(33),
            &"9a".repeat(16),
        ] {
            let mut of_characters = String::new();
            push_shape_of(text.chars().map(kind), &mut of_characters);
            assert_eq!(shape_of(text), of_characters);
        }
        let long = "a1".repeat(20);
        assert_eq!(shape_of(&long), "a{1}9{1}".repeat(16) + "…");
    }
}
