//! Invisible characters: those of Unicode's general category Cf, such as zero-width spaces, byte order
//! marks and marks of the writing direction.
//!
//! They come from web pages and spreadsheets, stand at the ends of values, and nobody sees that two
//! texts differ by them.

use std::ops::RangeInclusive;

/// The characters of category Cf, in their order (Unicode 16).
const INVISIBLE: [RangeInclusive<char>; 21] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007f}',
];

/// Whether the character is invisible.
pub fn is_invisible(char: char) -> bool {
    is_in(&INVISIBLE, char)
}

/// The dashes: the characters of category Pd beyond ASCII, in their order (Unicode 16), and the minus sign.
const DASHES: [RangeInclusive<char>; 20] = [
    '\u{58a}'..='\u{58a}',
    '\u{5be}'..='\u{5be}',
    '\u{1400}'..='\u{1400}',
    '\u{1806}'..='\u{1806}',
    '\u{2010}'..='\u{2015}',
    '\u{2212}'..='\u{2212}',
    '\u{2e17}'..='\u{2e17}',
    '\u{2e1a}'..='\u{2e1a}',
    '\u{2e3a}'..='\u{2e3b}',
    '\u{2e40}'..='\u{2e40}',
    '\u{2e5d}'..='\u{2e5d}',
    '\u{301c}'..='\u{301c}',
    '\u{3030}'..='\u{3030}',
    '\u{30a0}'..='\u{30a0}',
    '\u{fe31}'..='\u{fe32}',
    '\u{fe58}'..='\u{fe58}',
    '\u{fe63}'..='\u{fe63}',
    '\u{ff0d}'..='\u{ff0d}',
    '\u{10d6e}'..='\u{10d6e}',
    '\u{10ead}'..='\u{10ead}',
];

/// Whether the character is a dash or looks like one.
pub fn is_dash(char: char) -> bool {
    char == '-' || is_in(&DASHES, char)
}

/// Whether the character is in one of these ranges, which are in order.
fn is_in(ranges: &[RangeInclusive<char>], char: char) -> bool {
    let after = ranges.partition_point(|range| *range.end() < char);
    ranges.get(after).is_some_and(|range| range.contains(&char))
}

/// Whether a terminal or an editor may not show the character but obey it: it hides text, moves the
/// cursor, breaks the line or turns the direction of what follows.
pub fn is_hidden(char: char) -> bool {
    char.is_control() || is_invisible(char) || matches!(char, '\u{2028}' | '\u{2029}')
}

/// The text without white space and invisible characters at its ends.
pub fn trim_invisible(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || is_invisible(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_category_cf() {
        let shown = "a0 ~\u{a0}\u{ac}\u{ae}\u{2028}\u{2029}\u{3000}\u{115f}\u{fe0f}\u{10ffff}";
        assert!(!shown.chars().any(is_invisible));
        let hidden = "\u{ad}\u{600}\u{605}\u{61c}\u{200b}\u{200d}\u{200e}\u{202e}\u{2060}\u{2066}\u{feff}\u{e0041}";
        assert!(hidden.chars().all(is_invisible));
        // The number of characters of the category in Unicode 16.
        let count = ('\0'..=char::MAX).filter(|char| is_invisible(*char)).count();
        assert_eq!(count, 170);
    }

    #[test]
    fn dashes_are_category_pd_and_the_minus_sign() {
        let count = ('\0'..=char::MAX).filter(|char| is_dash(*char)).count();
        assert_eq!(count, 27 + 1);
        assert!(!"_~\u{ad}\u{2016}\u{203f}\u{2500}".chars().any(is_dash));
    }

    #[test]
    fn is_removed_at_both_ends_only() {
        assert_eq!(trim_invisible("\u{feff} \u{200b}a\u{200b}b \u{200e}"), "a\u{200b}b");
        assert_eq!(trim_invisible(" \u{feff}\u{200e}"), "");
    }
}
