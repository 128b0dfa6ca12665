//! Tells what an input is by how it begins.

use serde::de::IgnoredAny;

use crate::pipeline::InputFormat;

/// What an input is, and how long its byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sniffed {
    pub(super) bom: usize,
    pub(super) format: InputFormat,
}

/// Why an input can't be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) message: String,
    pub(super) hint: String,
}

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
/// UTF-16 shows itself by NULs in so many first bytes.
const NULS_LOOKED_FOR: usize = 1024;

/// Looks at the first bytes of an input, with at least two lines where it has as many.
/// `declared`: the format that the definition sets.
pub(super) fn sniff(bytes: &[u8], declared: Option<InputFormat>) -> Result<Sniffed, Unreadable> {
    if bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        return refused("compressed input is not in this version", "decompress the file first");
    }
    if is_utf16(bytes) {
        return refused(
            "the text is UTF-16, and `encoding = \"utf-16\"` is not in this version",
            "save the file as UTF-8, as `iconv -f UTF-16 -t UTF-8` does",
        );
    }
    let bom = if bytes.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
    let text = bytes.get(bom..).unwrap_or(&[]);
    let first = text.trim_ascii_start().first();
    let format = declared.unwrap_or(match first {
        Some(b'{' | b'[') | None => InputFormat::Json,
        Some(_) => InputFormat::Csv,
    });
    if format == InputFormat::Json && first == Some(&b'[') {
        return refused(
            "JSON arrays are not in this version",
            "write one object a line, as `jq -c '.[]'` does",
        );
    }
    if format == InputFormat::Json && first == Some(&b'{') && !is_newline_delimited(text) {
        return refused(
            "objects over several lines are not in this version",
            "write one object a line, as `jq -c .` does",
        );
    }
    Ok(Sniffed { bom, format })
}

fn refused<T>(message: &str, hint: &str) -> Result<T, Unreadable> {
    Err(Unreadable { message: message.to_owned(), hint: hint.to_owned() })
}

fn is_utf16(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(NULS_LOOKED_FOR)).unwrap_or(&[]);
    let is_nul = |place: usize| {
        1 < start.len() && start.iter().skip(place).step_by(2).all(|byte| *byte == 0)
    };
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || is_nul(0) || is_nul(1)
}

/// The first line that is not blank is one whole value, or the second begins an object, or there
/// is one line alone and no object is followed by another on it.
fn is_newline_delimited(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return true };
    let mut values = serde_json::Deserializer::from_slice(first).into_iter::<IgnoredAny>();
    let begins_whole = values.next().is_some_and(|value| value.is_ok());
    let is_whole = begins_whole && values.byte_offset() == first.len();
    match lines.next() {
        Some(second) => is_whole || second.starts_with(b"{"),
        None => is_whole || !begins_whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<(usize, InputFormat)>) {
        let found = sniff(bytes, None).ok().map(|found| (found.bom, found.format));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_bytes_tell_the_format() {
        check(b"{\"Id\":\"1\"}\n", Some((0, InputFormat::Json)));
        check(b" \n{\"Id\":\"1\"}", Some((0, InputFormat::Json)));
        check(b"\xef\xbb\xbfId\n", Some((3, InputFormat::Csv)));
        check(b"{\"Id\":\n{\"Id\":\"2\"}\n", Some((0, InputFormat::Json)));
        check(b"{\n \"Id\":\"1\"\n}\n", None);
        check(b"{\"Id\":\"1\"}{\"Id\":\"2\"}", None);
        check(b"{\"Id\":\"1\"", Some((0, InputFormat::Json)));
        check(b"[\n{}]", None);
        check(b"\x1f\x8b\x08\0", None);
        check(b"\xff\xfeI\0d\0", None);
        check(b"I\0d\0\n\0", None);
        check(b"\n\n", Some((0, InputFormat::Json)));
    }
}
