//! Detects what an input is from its first bytes: CSV, or one of three forms of JSON.

use serde::de::IgnoredAny;

use super::encoding::{UTF8_BOM, is_utf16, undeclared_utf16};
use super::error::BadInput;
use super::inflate::Compression;
use crate::definition::InputFormat;

/// What an input was detected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detected {
    /// The length of the byte order mark; 0 without one.
    pub(super) bom_len: usize,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Newline-delimited JSON.
    JsonLines,
    /// JSON objects one after the other, on any number of lines.
    JsonObjects,
    /// One JSON array.
    JsonArray,
    Csv,
}

/// The first bytes of common files that are not text, and what such a file is.
const BINARY_FORMATS: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet (such as `.xlsx`)"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
];

/// Detects the form of a text from its first bytes. They hold at least two lines if the text has
/// as many; `at_end` says that they are the whole text. `declared` is the format that the
/// definition sets.
///
/// Fails if the bytes are not text, or text in an encoding that the definition does not set.
pub(super) fn detect(
    bytes: &[u8],
    at_end: bool,
    declared: Option<InputFormat>,
) -> Result<Detected, BadInput> {
    if let Some((_, what)) = BINARY_FORMATS.iter().find(|(start, _)| bytes.starts_with(start)) {
        let hint = "save it as CSV or JSON; gzip and zstd archives of these can be read as well";
        return Err(BadInput::new(format!("the file is {what}"), hint));
    }
    if Compression::of(bytes) != Compression::None {
        let hint = "decompress it once";
        return Err(BadInput::new("the archive contains another archive", hint));
    }
    if is_utf16(bytes) {
        return Err(undeclared_utf16());
    }
    let bom_len = if bytes.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
    let text = bytes.get(bom_len..).unwrap_or(&[]);
    let first = text.trim_ascii_start().first();
    let format = declared.unwrap_or(match first {
        Some(b'{' | b'[') | None => InputFormat::Json,
        Some(_) => InputFormat::Csv,
    });
    let form = match (format, first) {
        (InputFormat::Csv, _) => Form::Csv,
        (InputFormat::Json, Some(b'[')) => Form::JsonArray,
        (InputFormat::Json, Some(b'{')) if !is_newline_delimited(text, at_end) => Form::JsonObjects,
        (InputFormat::Json, _) => Form::JsonLines,
    };
    Ok(Detected { bom_len, form })
}

/// Whether a text that begins with `{` is newline-delimited: its first line is one whole value, or
/// its second line begins an object. (Blank lines do not count.) A first line whose end is not
/// among the bytes counts as whole, unless an object ends inside it.
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
        let found = detect(bytes, true, None).ok().map(|found| (found.bom_len, found.form));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_form_is_detected_from_the_first_bytes() {
        check(b"{\"Id\":\"1\"}\n", Some((0, Form::JsonLines)));
        check(b" \n{\"Id\":\"1\"}", Some((0, Form::JsonLines)));
        check(b"\xef\xbb\xbfId\n", Some((3, Form::Csv)));
        check(b"{\"Id\":\n{\"Id\":\"2\"}\n", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}\nwhatever", Some((0, Form::JsonLines)));
        check(b"{\n \"Id\":\"1\"\n}\n", Some((0, Form::JsonObjects)));
        check(b"{\"Id\":\"1\"}{\"Id\":\"2\"}", Some((0, Form::JsonObjects)));
        check(b"{\"Id\":\"1\"", Some((0, Form::JsonObjects)));
        check(b"[\n{}]", Some((0, Form::JsonArray)));
        check(b"\xef\xbb\xbf\r\n [{}]", Some((3, Form::JsonArray)));
        check(b"\x1f\x8b\x08\0", None);
        check(b"PK\x03\x04", None);
        check(b"\xff\xfeI\0d\0", None);
        check(b"I\0d\0\n\0", None);
        check(b"\n\n", Some((0, Form::JsonLines)));
    }

    #[test]
    fn a_line_without_an_end_is_whole_unless_an_object_ends_in_it() {
        let form = |text: &[u8]| detect(text, false, None).unwrap().form;
        assert_eq!(form(b"{\"Id\":\"1\""), Form::JsonLines);
        assert_eq!(form(b"{\"Id\":\"1\"}{\"Id\":"), Form::JsonObjects);
    }
}
