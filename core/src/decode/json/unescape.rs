//! Unescapes JSON strings whose escapes are known to have valid syntax (RFC 8259, section 7).

/// The string has a surrogate without its other half. The text has a replacement character instead,
/// so that it is valid UTF-8 until the record is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

/// Appends the text that a string stands for.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let mut outcome = Ok(());
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(backslash);
        out.extend_from_slice(plain);
        let (letter, after) = match escape {
            [_, letter, after @ ..] => (*letter, after),
            _ => return outcome,
        };
        rest = after;
        let byte = match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, used) = unicode_escape(after);
                rest = after.get(used..).unwrap_or(&[]);
                let character = character.unwrap_or_else(|| {
                    outcome = Err(LoneSurrogate);
                    char::REPLACEMENT_CHARACTER
                });
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => other,
        };
        out.push(byte);
    }
    out.extend_from_slice(rest);
    outcome
}

/// The character after `\u`, or `None` for half a surrogate pair, and the number of bytes used.
fn unicode_escape(text: &[u8]) -> (Option<char>, usize) {
    let high = hex4(text);
    if !(0xd800..0xdc00).contains(&high) {
        return (char::from_u32(high), 4);
    }
    match text.get(4..6) {
        Some(b"\\u") => {
            let low = hex4(text.get(6..).unwrap_or(&[]));
            if (0xdc00..0xe000).contains(&low) {
                let point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(point), 10)
            } else {
                (None, 4)
            }
        }
        _ => (None, 4),
    }
}

/// The value of four hexadecimal digits.
fn hex4(text: &[u8]) -> u32 {
    text.iter()
        .take(4)
        .fold(0, |sum, digit| sum << 4 | char::from(*digit).to_digit(16).unwrap_or(0))
}
