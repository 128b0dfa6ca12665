//! Glob patterns of paths: `*`, `?`, `[…]` and `**`.
//!
//! | pattern | matches |
//! |---|---|
//! | `?` | one character |
//! | `*` | any characters, or none |
//! | `[abc]`, `[a-z]` | one of these characters; `[]]` is a `]`, and `[a-]` also a `-` |
//! | `[!abc]` | one character that is not among these |
//! | `**/` | any folders, or none |
//! | `**` at the end | everything below |
//!
//! None of the first four matches a `/`. Everything else stands for itself: there are no
//! alternatives in braces, and a backslash escapes nothing (`[[]` is a literal `[`). Case matters,
//! and names that begin with a `.` match like others.
//!
//! A pattern is compiled once, into a regular expression, so matching takes linear time. The rules
//! are those of the `glob` crate (0.3, with `require_literal_separator`), whose answers the tests
//! hold as a table. The `globset` crate differs: it matches bytes, so its `?` does not match an
//! `é`.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// The most memory that a compiled pattern may take, in bytes. 20,000 `?` fit.
const COMPILED_BYTES_MAX: usize = 10 << 20;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob(Regex);

/// Why a text is not a valid pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub enum GlobError {
    TooManyStars,
    PartialDoubleStar,
    UnclosedClass,
    TooLong,
}

impl GlobError {
    pub fn message(self) -> &'static str {
        match self {
            GlobError::TooManyStars => "more than two `*` in a row",
            GlobError::PartialDoubleStar => "`**` must be a whole path component",
            GlobError::UnclosedClass => "`[` has no closing `]`",
            GlobError::TooLong => "the pattern is too long",
        }
    }
}

impl Glob {
    pub fn new(pattern: &str) -> Result<Glob, GlobError> {
        let mut regex = String::from("^");
        let mut chars = pattern.chars().peekable();
        let mut is_component_start = true;
        while let Some(char) = chars.next() {
            match char {
                '?' => regex.push_str("[^/]"),
                '*' if chars.next_if_eq(&'*').is_some() => {
                    push_double_star(&mut regex, is_component_start, &mut chars)?;
                    is_component_start = true;
                    continue;
                }
                '*' => regex.push_str("[^/]*"),
                '[' => push_class(&mut regex, &mut chars)?,
                literal => push_literal(&mut regex, literal),
            }
            is_component_start = char == '/';
        }
        regex.push('$');
        RegexBuilder::new(&regex)
            .dot_matches_new_line(true)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map(Glob)
            .map_err(|_too_large| GlobError::TooLong)
    }

    /// Whether the pattern matches the whole of this path or name.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// Whether a text has a character that is special in patterns.
pub fn is_glob(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// `chars` are behind both stars.
fn push_double_star(
    regex: &mut String,
    is_component_start: bool,
    chars: &mut Peekable<Chars<'_>>,
) -> Result<(), GlobError> {
    match chars.next() {
        Some('*') => Err(GlobError::TooManyStars),
        Some('/') | None if is_component_start => {
            regex.push_str(if chars.peek().is_none() { ".*" } else { "(?:.*/)?" });
            Ok(())
        }
        Some(_) | None => Err(GlobError::PartialDoubleStar),
    }
}

/// Translates a class; `chars` are behind its `[`.
fn push_class(regex: &mut String, chars: &mut Peekable<Chars<'_>>) -> Result<(), GlobError> {
    let is_negated = chars.next_if_eq(&'!').is_some();
    // A `]` in the first place is a member.
    let mut members: Vec<char> = chars.next().into_iter().collect();
    loop {
        match chars.next() {
            Some(']') => break,
            Some(member) => members.push(member),
            None => return Err(GlobError::UnclosedClass),
        }
    }
    regex.push_str(if is_negated { "[^/" } else { "[/" });
    let mut rest = members.as_slice();
    while let [first, others @ ..] = rest {
        rest = others;
        let mut last = first;
        if let ['-', end, others @ ..] = others {
            (last, rest) = (end, others);
        }
        if first <= last {
            push_literal(regex, *first);
            regex.push('-');
            push_literal(regex, *last);
        }
    }
    regex.push_str(if is_negated { "]" } else { "--/]" });
    Ok(())
}

fn push_literal(regex: &mut String, char: char) {
    if char.is_ascii_alphanumeric() || char == '/' {
        regex.push(char);
    } else {
        write!(regex, r"\x{{{:X}}}", u32::from(char)).expect("a string takes all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern, what it matches and what it does not match, as the `glob` crate has it.
    type Case<'t> = (&'t str, &'t [&'t str], &'t [&'t str]);

    #[track_caller]
    fn check(cases: &[Case<'_>]) {
        for (pattern, matching, others) in cases {
            let glob = Glob::new(pattern).expect(pattern);
            for text in *matching {
                assert!(glob.is_match(text), "{pattern:?} matches {text:?}");
            }
            for text in *others {
                assert!(!glob.is_match(text), "{pattern:?} does not match {text:?}");
            }
        }
    }

    #[test]
    fn wildcards_stay_within_a_component() {
        check(&[
            ("*.json", &["a.json", ".json", ".a.json"], &["a.JSON", "in/a.json", "a.json/", ""]),
            ("*", &["", "a", ".a"], &["a/", "/"]),
            ("a*b*c", &["abc", "a-b-c"], &["abcb", "a/b/c"]),
            ("?", &["a", "é", "."], &["", "ab", "/"]),
            ("in/?.json", &["in/1.json", "in/é.json"], &["in/12.json", "in//.json"]),
            ("ß?", &["ßẞ"], &["ss"]),
        ]);
    }

    #[test]
    fn classes_hold_characters_and_ranges() {
        check(&[
            ("[abc]", &["a", "c"], &["d", "A", ""]),
            ("[a-c]x", &["bx"], &["dx", "-x"]),
            ("[à-é]", &["é"], &["a", "ê"]),
            ("[c-a]", &[], &["a", "b", "c"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[a-]", &["-", "a"], &["b"]),
            ("[]]", &["]"], &["["]),
            ("[]-a]", &["]", "^", "a"], &["-"]),
            ("[[]", &["["], &["]"]),
            ("[*]", &["*"], &["a"]),
            ("[^a]", &["^", "a"], &["b"]),
            ("[a^]", &["^", "a"], &["b"]),
            ("[a!]", &["a", "!"], &["b"]),
            ("[!a]", &["b", "é", "!", "^"], &["a", "/"]),
            ("[!]]", &["a"], &["]"]),
            ("[!!]", &["a"], &["!"]),
            ("[!a-c]x", &["dx"], &["bx", "/x"]),
            ("a[/]b", &[], &["a/b"]),
            ("a[+-9]b", &["a.b", "a0b"], &["a/b"]),
            ("[&&a]", &["&", "a"], &["b"]),
            ("[[:alpha:]]", &["a]", ":]", "[]"], &["a"]),
        ]);
    }

    #[test]
    fn two_stars_pass_through_folders() {
        check(&[
            ("**/a", &["a", "/a", "b/a", "b/c/a"], &["xa", "b/a/", "b/a/c"]),
            (
                "in/**/*.json",
                &["in/a.json", "in/b/a.json", "in/b/c/a.json", "in/.b/a.json"],
                &["in.json", "b/in/a.json"],
            ),
            ("a/**", &["a/", "a/b", "a/b/c"], &["a", "ab/c"]),
            ("a/**/", &["a/", "a/b"], &["a"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/xb", "ab"]),
            ("a/**/**/b", &["a/b", "a/x/y/b"], &["ab"]),
            ("**", &["", "a", "a/b", "/"], &[]),
            ("**/*", &["", "a", "a/b"], &[]),
            ("**/**", &["a", "a/b"], &[]),
        ]);
    }

    #[test]
    fn everything_else_is_literal() {
        check(&[
            ("{a,b}", &["{a,b}"], &["a", "b"]),
            (r"a\*", &[r"a\b", r"a\"], &["a*"]),
            ("a+(b).c|d", &["a+(b).c|d"], &["aab.c"]),
            ("^a$", &["^a$"], &["a"]),
            ("a\nb*", &["a\nb", "a\nb\nc"], &[]),
            ("a]", &["a]"], &["a"]),
            ("", &[""], &["a"]),
        ]);
    }

    #[test]
    fn invalid_patterns_are_refused() {
        for (error, patterns) in [
            (GlobError::TooManyStars, &["***", "a***", "a/****"][..]),
            (GlobError::PartialDoubleStar, &["**a", "a**", "a/**b", "a**/b"]),
            (GlobError::UnclosedClass, &["[", "[]", "[!", "[!]", "[a", "a[b", "[]a", "[!]a"]),
            (GlobError::TooLong, &["?".repeat(50_000).as_str()]),
        ] {
            for pattern in patterns {
                assert_eq!(Glob::new(pattern).err(), Some(error), "{pattern:.20}");
            }
        }
    }
}
