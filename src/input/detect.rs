//! Tells what an input is by how it begins.

use serde::de::IgnoredAny;

use super::encoding::{UTF8_MARK, is_utf16, undeclared_utf16};
use super::error::BadInput;
use super::inflate::Compression;
use crate::definition::InputFormat;

/// What an input is, and how long its byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) mark: usize,
    pub(crate) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Newline-delimited JSON.
    Lines,
    /// JSON objects in a row.
    Objects,
    /// One JSON array.
    Array,
    Csv,
}

/// How files begin that hold no text, and what they are.
const OTHERS: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "a zip archive, or a spreadsheet's own format"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "a picture"),
];

/// Looks at the first bytes of a text, with at least two lines where it has as many. `at_end`: they
/// are all that there is. `declared`: the format that the definition sets.
pub(crate) fn sniff(
    bytes: &[u8],
    at_end: bool,
    declared: Option<InputFormat>,
) -> Result<Sniffed, BadInput> {
    if let Some((_, what)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        let hint = "save it as CSV or JSON; of archives, gzip and zstd are read as they are";
        return Err(BadInput::new(format!("the file is {what}"), hint));
    }
    if Compression::of(bytes) != Compression::None {
        let hint = "decompress it once";
        return Err(BadInput::new("the archive holds another archive", hint));
    }
    if is_utf16(bytes) {
        return Err(undeclared_utf16());
    }
    let mark = if bytes.starts_with(UTF8_MARK) { UTF8_MARK.len() } else { 0 };
    let text = bytes.get(mark..).unwrap_or(&[]);
    let first = text.trim_ascii_start().first();
    let format = declared.unwrap_or(match first {
        Some(b'{' | b'[') | None => InputFormat::Json,
        Some(_) => InputFormat::Csv,
    });
    let form = match (format, first) {
        (InputFormat::Csv, _) => Form::Csv,
        (InputFormat::Json, Some(b'[')) => Form::Array,
        (InputFormat::Json, Some(b'{')) if !is_newline_delimited(text, at_end) => Form::Objects,
        (InputFormat::Json, _) => Form::Lines,
    };
    Ok(Sniffed { mark, form })
}

/// The first line that is not blank is one whole value, or the second begins an object. A line
/// that is longer than a record may be counts as whole unless an object ends inside of it.
fn is_newline_delimited(text: &[u8], at_end: bool) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return true };
    let mut values = serde_json::Deserializer::from_slice(first).into_iter::<IgnoredAny>();
    let begins_whole = values.next().is_some_and(|value| value.is_ok());
    let is_whole = begins_whole && values.byte_offset() == first.len();
    match lines.next() {
        Some(second) => is_whole || second.starts_with(b"{"),
        None => is_whole || (!at_end && !begins_whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<(usize, Form)>) {
        let found = sniff(bytes, true, None).ok().map(|found| (found.mark, found.form));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_bytes_tell_the_format() {
        check(b"{\"Id\":\"1\"}\n", Some((0, Form::Lines)));
        check(b" \n{\"Id\":\"1\"}", Some((0, Form::Lines)));
        check(b"\xef\xbb\xbfId\n", Some((3, Form::Csv)));
        check(b"{\"Id\":\n{\"Id\":\"2\"}\n", Some((0, Form::Lines)));
        check(b"{\"Id\":\"1\"}\nwhatever", Some((0, Form::Lines)));
        check(b"{\n \"Id\":\"1\"\n}\n", Some((0, Form::Objects)));
        check(b"{\"Id\":\"1\"}{\"Id\":\"2\"}", Some((0, Form::Objects)));
        check(b"{\"Id\":\"1\"", Some((0, Form::Objects)));
        check(b"[\n{}]", Some((0, Form::Array)));
        check(b"\xef\xbb\xbf\r\n [{}]", Some((3, Form::Array)));
        check(b"\x1f\x8b\x08\0", None);
        check(b"PK\x03\x04", None);
        check(b"\xff\xfeI\0d\0", None);
        check(b"I\0d\0\n\0", None);
        check(b"\n\n", Some((0, Form::Lines)));
    }

    #[test]
    fn a_line_that_does_not_end_is_told_by_what_ends_in_it() {
        let form = |text: &[u8]| sniff(text, false, None).unwrap().form;
        assert_eq!(form(b"{\"Id\":\"1\""), Form::Lines);
        assert_eq!(form(b"{\"Id\":\"1\"}{\"Id\":"), Form::Objects);
    }
}
