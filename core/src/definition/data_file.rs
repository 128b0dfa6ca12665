//! Recognises what is given as a definition by mistake: JSON, CSV, archives.
//!
//! Such a file holds records, so no message may quote it. [`begins_like_data`] looks at its first
//! bytes, before anything is parsed. [`begins_like_a_setting`] says of a single line whether it is
//! one of a definition; any other line is hidden.

/// The first bytes of archives and other binary files: gzip, zstd, bzip2, xz, 7z, zip, Parquet,
/// Avro, ORC, `SQLite`, older spreadsheets, PDF.
const MAGIC: [&[u8]; 13] = [
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PAR1",
    b"Obj\x01",
    b"ORC",
    b"SQLite format 3\0",
    b"\xd0\xcf\x11\xe0",
    b"%PDF-",
];
/// How many bytes are searched for a NUL, which no text has.
const SEARCHED_BYTES: usize = 4096;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether a file begins like JSON, CSV or an archive. No definition does.
pub fn begins_like_data(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let searched = text.get(..SEARCHED_BYTES).unwrap_or(text);
    MAGIC.iter().any(|magic| text.starts_with(magic))
        || searched.contains(&0)
        || begins_like_json(text)
        || begins_like_csv(text)
}

/// `{`, or a `[` that does not begin the header of a table.
fn begins_like_json(text: &[u8]) -> bool {
    match text.trim_ascii_start() {
        [b'{', ..] => true,
        [b'[', rest @ ..] => match rest {
            [b'[', rest @ ..] | rest => !begins_like_a_table(rest),
        },
        _ => false,
    }
}

/// Whether a text goes on like `[input]` after its bracket.
fn begins_like_a_table(text: &[u8]) -> bool {
    let name = text.trim_ascii_start();
    let blanks = text.get(..text.len() - name.len()).unwrap_or_default();
    !blanks.contains(&b'\n') && name.first().is_some_and(u8::is_ascii_alphabetic)
}

/// Whether the first line that is not blank or a comment has a delimiter and is not a setting.
fn begins_like_csv(text: &[u8]) -> bool {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut lines = text.split(is_end).map(<[u8]>::trim_ascii_start);
    let Some(first) = lines.find(|line| !line.is_empty() && !line.starts_with(b"#")) else {
        return false;
    };
    let is_separator_line = matches!(first.trim_ascii_end(), [b's', b'e', b'p', b'=', _]);
    let has_delimiter = first.iter().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'|'));
    let is_setting = || begins_like_a_setting(&String::from_utf8_lossy(first));
    is_separator_line || has_delimiter && !is_setting()
}

/// Whether a line begins like one of a definition: `name =`, `[table` or `#`.
pub(crate) fn begins_like_a_setting(line: &str) -> bool {
    let line = line.trim_start();
    match line.as_bytes() {
        [b'#', ..] => true,
        [b'[', rest @ ..] => match rest {
            [b'[', rest @ ..] | rest => begins_like_a_table(rest),
        },
        _ => after_names(line).is_some_and(|rest| rest.starts_with('=')),
    }
}

/// What follows a dotted name. `None`: there is no name.
fn after_names(line: &str) -> Option<&str> {
    let mut rest = line;
    loop {
        rest = after_name(rest)?.trim_start_matches([' ', '\t']);
        match rest.strip_prefix('.') {
            Some(next) => rest = next.trim_start_matches([' ', '\t']),
            None => return Some(rest),
        }
    }
}

/// What follows a name, which may be in quotes. A `*` without quotes is a common mistake.
fn after_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return quoted.split_once('\'').map(|(_, rest)| rest);
    }
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = quoted.find(|char| {
            let is_end = char == '"' && !escaped;
            escaped = char == '\\' && !escaped;
            is_end
        })?;
        return quoted.get(end + 1..);
    }
    let is_bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '*');
    let rest = text.trim_start_matches(is_bare);
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_recognised() {
        let cases: [&[u8]; 25] = [
            b"{\"Address\":\"ann@example.com\"}",
            b"\n  {\n",
            b"\xef\xbb\xbf{",
            b"[{\"Address\":1}]",
            b"[\"ann@example.com\"]",
            b"[[\"ann@example.com\"]]",
            b"[1, 2]",
            b"[-1]",
            b"[]",
            b"[\n  {",
            b"[\ntrue]",
            b"Id,Address",
            b"a,b,c\r1,2,3",
            b"\"Id\",\"Address\"",
            b"\"Ann = 1\";\"b\"",
            b"Id\tAddress\n",
            b"Id|Address\n",
            b"# made today\n\nId,Address\n",
            b"sep=;\nId;Address\n",
            b"Stra\xdfe;Ort\n",
            b"\x1f\x8b\x08\0",
            b"\x28\xb5\x2f\xfd\x04",
            b"PAR1\x15",
            b"PK\x03\x04",
            b"I\0d\0,\0",
        ];
        for case in cases {
            assert!(begins_like_data(case), "{case:?}");
        }
    }

    #[test]
    fn definitions_are_no_data() {
        let cases: [&str; 15] = [
            "",
            "\n\n",
            "segprep = 1\n",
            "\u{feff}segprep=1\n",
            "# a, b; c\nsegprep = 1\n",
            "[input]\nfrom = [\"a\", \"b\"]\n",
            "[ input ]\n",
            "[[output]]\n",
            "[[ output ]]\n",
            "\"a,b\" = 1\n",
            "'a;b'.\"c\\\"|\" = 1\n",
            "input . from = [\"a\", \"b\"]\n",
            "suppress = [{ from = [\"a\"], field = \"Address\" }]\n",
            "Metrics.* = \"a, b\"\n",
            "newsletter\n",
        ];
        for case in cases {
            assert!(!begins_like_data(case.as_bytes()), "{case:?}");
        }
    }

    #[test]
    fn lines_of_definitions_are_recognised() {
        let shown = [
            "name = \"a",
            "  name=",
            "[input",
            "[[output]",
            "# x",
            "\"Address\" = keep",
            "a.*  = 1",
        ];
        let hidden = [
            "ann@example.com",
            "Ann",
            "name: Ann",
            "\"Ann",
            "\"Ann\"",
            "",
            "[\"Ann\"]",
            "[[1",
            "= 1",
            "a..b = 1",
            "Ann Doe = 1",
        ];
        for line in shown {
            assert!(begins_like_a_setting(line), "{line:?}");
        }
        for line in hidden {
            assert!(!begins_like_a_setting(line), "{line:?}");
        }
    }
}
