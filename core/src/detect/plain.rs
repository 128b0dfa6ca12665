//! Makes a text plain, so that a shape finds what people see: full-width letters and digits become
//! ASCII, other decimal digits too, invisible characters vanish, and unusual blanks and dashes become
//! ordinary ones.

use std::borrow::Cow;
use std::ops::Range;

/// The first character of scripts that are written without blanks.
pub(super) const FIRST_WITHOUT_BLANKS: char = '\u{2e80}';

/// The plain form of a text. ASCII is plain already, and costs one look at its bytes.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    each_plain(text, |_, c| out.push(c));
    Cow::Owned(out)
}

/// A plain form, and where each part of it comes from.
#[derive(Debug)]
pub(super) struct Traced<'t> {
    pub(super) text: Cow<'t, str>,
    /// For each byte of the plain form the characters that it comes from, as a range of bytes. Empty if both texts
    /// are the same.
    origins: Vec<Range<usize>>,
}

impl<'t> Traced<'t> {
    pub(super) fn new(text: &'t str) -> Traced<'t> {
        if text.is_ascii() {
            return Traced { text: Cow::Borrowed(text), origins: Vec::new() };
        }
        let mut out = String::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len());
        each_plain(text, |origin, c| {
            out.push(c);
            origins.resize(out.len(), origin);
        });
        Traced { text: Cow::Owned(out), origins }
    }

    /// The part of the original text that became a part of the plain form, which is not empty.
    pub(super) fn origin(&self, part: Range<usize>) -> Range<usize> {
        let ends = (self.origins.get(part.start), self.origins.get(part.end - 1));
        if let (Some(first), Some(last)) = ends { first.start..last.end } else { part }
    }
}

/// Calls `visit` with each character of the plain form, and with the range of the one that it comes from.
fn each_plain(text: &str, mut visit: impl FnMut(Range<usize>, char)) {
    let mut follows_digit = false;
    for (at, c) in text.char_indices() {
        // In Japanese the mark of a long vowel is written for a dash between digits.
        let is_dash = c == 'ー' && follows_digit;
        if let Some(plain) = if is_dash { Some('-') } else { plain_char(c) } {
            follows_digit = plain.is_ascii_digit();
            visit(at..at + c.len_utf8(), plain);
        }
    }
}

/// `None`: the character is invisible.
fn plain_char(c: char) -> Option<char> {
    // Full-width forms are those of ASCII in the same order.
    const FULL_WIDTH: std::ops::RangeInclusive<char> = '\u{ff01}'..='\u{ff5e}';
    let plain = match c {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}'
        | '\u{feff}' => return None,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2024}' | '\u{3002}' | '\u{ff61}' => '.',
        '\u{fe6b}' => '@',
        _ if FULL_WIDTH.contains(&c) => from_offset('!', offset(c, '\u{ff01}')),
        _ => ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}']
            .into_iter()
            .map(|zero| offset(c, zero))
            .find(|digit| *digit < 10)
            .map_or(c, |digit| from_offset('0', digit)),
    };
    Some(plain)
}

/// How far one character is behind another; more than any difference if it is before it.
fn offset(c: char, from: char) -> u32 {
    u32::from(c).wrapping_sub(u32::from(from))
}

fn from_offset(base: char, offset: u32) -> char {
    char::from_u32(u32::from(base) + offset).expect("it is in ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_plain() {
        for (text, expected) in [
            ("plain", "plain"),
            ("ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"),
            ("４１１１　１１１１", "4111 1111"),
            ("٠١٢٣٤٥٦٧٨٩ ۰۹ ०९", "0123456789 09 09"),
            ("a\u{200b}d\u{ad}a\u{feff}", "ada"),
            ("4111\u{a0}1111\u{2009}1\u{2011}1", "4111 1111 1-1"),
            ("０３ー１ メール", "03-1 メール"),
            ("Zoë 東京", "Zoë 東京"),
        ] {
            assert_eq!(plain(text), expected);
            assert_eq!(Traced::new(text).text, expected);
        }
    }

    #[test]
    fn parts_of_a_plain_text_come_from_the_original() {
        let text = "an ａda\u{200b}@x。de, bitte";
        let traced = Traced::new(text);
        let at = traced.text.find("ada@x.de").expect("it is plain");
        assert_eq!(text.get(traced.origin(at..at + 8)), Some("ａda\u{200b}@x。de"));
        assert_eq!(Traced::new("ada").origin(1..2), 1..2);
    }
}
