//! Tells CSV from JSON by the first bytes of a text, and three forms of JSON from each other.
//!
//! Before this, `inflate` has detected how the input is compressed, and `encoding.rs` has made UTF-8 of
//! it. After this, `decode/csv/columns/delimiter.rs` detects the delimiter of CSV.
//! `decode/frame/line_end.rs` decides how lines end.

use serde::de::IgnoredAny;

use super::encoding::{UTF8_BOM, is_utf16, is_utf32, undeclared_utf16, utf32};
use super::error::BadInput;
use super::inflate::Compression;
use crate::decode::frame::{LineEnd, leading_filler};
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
const BINARY_FORMATS: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet (such as `.xlsx`)"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"Obj\x01", "an Avro file"),
];
/// What a tar archive has in its first header, and where (POSIX.1-1988). Before that are numbers and a name that end with
/// NUL, which are in no text.
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;

/// How pages begin, in small letters: often a server has sent one instead of the file.
const PAGES: [(&[u8], &str); 3] = [
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
];

/// The first bytes of a text: two lines that are not blank, or more than the longest record, or the
/// whole text.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether they are the whole text.
    pub(super) at_end: bool,
    pub(super) max_record: usize,
    /// Whether it is known to be text in UTF-8, whatever it begins with.
    pub(super) is_text: bool,
}

/// Detects the form of a text from its first bytes. `declared` is the format that the definition
/// sets.
///
/// Fails if the bytes are not text, or text in an encoding that the definition does not set.
pub(super) fn detect(
    seen: Seen<'_>,
    line_end: LineEnd,
    declared: Option<InputFormat>,
) -> Result<Detected, BadInput> {
    let bytes = seen.bytes;
    if !seen.is_text {
        check_is_text(bytes)?;
    }
    let bom_len = if bytes.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
    let text = bytes.get(bom_len..).unwrap_or(&[]);
    let first = text.get(leading_filler(text)..).and_then(<[u8]>::first);
    let format = declared.unwrap_or(match first {
        Some(b'{' | b'[') | None => InputFormat::Json,
        Some(_) => InputFormat::Csv,
    });
    let form = match (format, first) {
        (InputFormat::Csv, _) => Form::Csv,
        (InputFormat::Json, Some(b'[')) => Form::JsonArray,
        (InputFormat::Json, Some(b'{')) if !is_newline_delimited(text, seen, line_end) => {
            Form::JsonObjects
        }
        (InputFormat::Json, _) => Form::JsonLines,
    };
    Ok(Detected { bom_len, form })
}

/// Fails if these bytes begin like another file than one of text in UTF-8.
fn check_is_text(bytes: &[u8]) -> Result<(), BadInput> {
    let text = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes).trim_ascii_start();
    let begins =
        |start: &[u8]| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    if let Some((_, what)) = PAGES.iter().find(|(start, _)| begins(start)) {
        let hint = "open it to see what it says, and fetch the file again; it may be an error in its place";
        return Err(BadInput::new(format!("the file is {what}"), hint));
    }
    let is_tar = bytes
        .split_at_checked(TAR_AT)
        .is_some_and(|(name, header)| header.starts_with(TAR) && name.contains(&0));
    let binary = BINARY_FORMATS.iter().find(|(start, _)| bytes.starts_with(start));
    if let Some(what) = binary.map(|(_, what)| *what).or(is_tar.then_some("a tar archive")) {
        let hint = "save it as CSV or JSON; gzip and zstd archives of these can be read as well";
        return Err(BadInput::new(format!("the file is {what}"), hint));
    }
    if Compression::of(bytes) != Compression::None {
        let hint = "decompress it once";
        return Err(BadInput::new("the archive contains another archive", hint));
    }
    if is_utf32(bytes) {
        return Err(utf32());
    }
    if is_utf16(bytes) {
        return Err(undeclared_utf16());
    }
    Ok(())
}

/// Whether a text that begins with `{` is newline-delimited: its first line consists of whole
/// values or is the only one, or the second one begins with `{`. Blank lines do not count. A first
/// line that is too long for a record tells nothing, so such a text is read as objects.
fn is_newline_delimited(text: &[u8], seen: Seen<'_>, line_end: LineEnd) -> bool {
    let without_filler = |line| <[u8]>::get(line, leading_filler(line)..).unwrap_or(&[]);
    let mut lines = line_end.lines(text).map(without_filler).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return true };
    let first = first.trim_ascii_end();
    if seen.max_record < first.len() {
        return false;
    }
    match lines.next() {
        Some(second) => second.starts_with(b"{") || consists_of_values(first),
        None => seen.at_end || consists_of_values(first),
    }
}

/// Whether a line is a series of whole values.
fn consists_of_values(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    values.all(|value| value.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<(usize, Form)>) {
        let seen = Seen { bytes, at_end: true, max_record: 40, is_text: false };
        let found = detect(seen, LineEnd::of_text(bytes), None).ok();
        assert_eq!(found.map(|found| (found.bom_len, found.form)), expected);
    }

    #[test]
    fn other_files_are_named() {
        let tar = [&[b'a'; TAR_AT - 1][..], b"\0", TAR, b"\0"].concat();
        assert!(check_is_text(&[&[b'a'; TAR_AT][..], TAR].concat()).is_ok());
        for (bytes, what) in [
            (&b"\n<!DOCTYPE html>\n<title>404"[..], "an HTML page"),
            (b"<HTML lang=en>", "an HTML page"),
            (b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<Error>", "an XML document"),
            (b"Obj\x01\x04", "an Avro file"),
            (&tar, "a tar archive"),
            (b"I\0\0\0d\0\0\0", "UTF-32"),
        ] {
            let error = check_is_text(bytes).expect_err(what);
            assert!(error.message.contains(what), "{error:?}");
        }
        assert!(check_is_text(b"Id,<html>\n").is_ok());
    }

    #[test]
    fn the_form_is_detected_from_the_first_bytes() {
        check(b"{\"Id\":\"1\"}\n", Some((0, Form::JsonLines)));
        check(b" \n{\"Id\":\"1\"}", Some((0, Form::JsonLines)));
        check(b"\xef\xbb\xbfId\n", Some((3, Form::Csv)));
        check(b"{\"Id\":\n{\"Id\":\"2\"}\n", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}\nwhatever", Some((0, Form::JsonLines)));
        check(b"{\n \"Id\":\"1\"\n}\n", Some((0, Form::JsonObjects)));
        check(b"{\"Id\":\"1\"}{\"Id\":\"2\"}", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"} {\"Id\":\n\"2\"}", Some((0, Form::JsonObjects)));
        check(b"{\"Id\":\"1\"", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}}\n\n", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}}\n]", Some((0, Form::JsonObjects)));
        check(b"\xef\xbb\xbf\xef\xbb\xbf{\"Id\":\"1\"}", Some((3, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}}\n\xef\xbb\xbf{}", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"1\"}\r[]", Some((0, Form::JsonLines)));
        check(b"{\"Id\":\"12345678901234567890123456789012\"}", Some((0, Form::JsonObjects)));
        check(b"[\n{}]", Some((0, Form::JsonArray)));
        check(b"\xef\xbb\xbf\r\n [{}]", Some((3, Form::JsonArray)));
        check(b"\x1f\x8b\x08\0", None);
        check(b"PK\x03\x04", None);
        check(b"\xff\xfeI\0d\0", None);
        check(b"I\0d\0\n\0", None);
        check(b"\n\n", Some((0, Form::JsonLines)));
    }
}
