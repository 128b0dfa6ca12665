//! Makes a text plain, so that a shape finds what people see: full-width letters and digits become
//! ASCII, other decimal digits too, invisible characters vanish, and unusual blanks and dashes become
//! ordinary ones.

use std::borrow::Cow;

/// The plain form of a text. ASCII is plain already, and costs one look at its bytes.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // In Japanese the mark of a long vowel is written for a dash between digits.
        let is_dash = c == 'ー' && out.ends_with(|before: char| before.is_ascii_digit());
        out.extend(if is_dash { Some('-') } else { plain_char(c) });
    }
    Cow::Owned(out)
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
        }
    }
}
