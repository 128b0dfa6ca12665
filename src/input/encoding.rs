//! Text in another encoding becomes UTF-8, as `iconv` would make it: without a byte order mark.
//!
//! What is no text in its encoding (half of a surrogate pair) becomes bytes that are no UTF-8
//! either, so that its record is rejected in its place. UTF-8 with its byte order mark stays what
//! it is, whatever encoding the definition names: its mark is no beginning of another text.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::error::BadInput;
use crate::definition::TextEncoding;

/// Bytes that are decoded at once.
const READ_BYTES: usize = 32 << 10;
/// Bytes of UTF-8 that come of them, at most: three for each.
pub(crate) const DECODE_BYTES: usize = READ_BYTES * 4;
/// UTF-16 shows itself by NULs in so many first bytes.
const LOOKED_AT: usize = 1024;
/// What half of a surrogate pair would be in UTF-8, if it were allowed (RFC 3629, section 3).
const HALF_PAIR: [u8; 3] = [0xed, 0xa0, 0x80];

pub(crate) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";
const UTF16_BE_MARK: &[u8] = b"\xfe\xff";

/// The order of bytes in UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    LittleEndian,
    BigEndian,
}

/// Whether a text begins as UTF-16 does: with its mark, or with a NUL in every other byte.
pub(crate) fn is_utf16(start: &[u8]) -> bool {
    utf16_order(start).is_some()
}

fn utf16_order(start: &[u8]) -> Option<Order> {
    let start = start.get(..start.len().min(LOOKED_AT)).unwrap_or(&[]);
    let is_nul = |place: usize| {
        1 < start.len() && start.iter().skip(place).step_by(2).all(|byte| *byte == 0)
    };
    if start.starts_with(UTF16_LE_MARK) || is_nul(1) {
        Some(Order::LittleEndian)
    } else if start.starts_with(UTF16_BE_MARK) || is_nul(0) {
        Some(Order::BigEndian)
    } else {
        most_nuls(start)
    }
}

/// Text that is not all Latin has line ends, quotes and delimiters that are: NULs in an eighth of
/// the places of one half, and in none of the other, are in no other encoding.
fn most_nuls(start: &[u8]) -> Option<Order> {
    const NULS_MIN: usize = 8;
    let nuls = |place| start.iter().skip(place).step_by(2).filter(|byte| **byte == 0).count();
    let are_many = |nuls: usize| NULS_MIN <= nuls && start.len() < nuls * 16;
    match (nuls(0), nuls(1)) {
        (0, odd) if are_many(odd) => Some(Order::LittleEndian),
        (even, 0) if are_many(even) => Some(Order::BigEndian),
        _ => None,
    }
}

/// A reader of UTF-8.
pub(crate) struct Decoded {
    reader: Box<dyn Read + Send>,
    encoding: TextEncoding,
    form: Option<Form>,
    raw: Vec<u8>,
    text: Vec<u8>,
    /// What of the text is read.
    at: usize,
    is_over: bool,
    failure: Option<io::Error>,
}

enum Form {
    AsItIs,
    Latin1,
    Other(Box<Decoder>),
}

impl Decoded {
    pub(crate) fn new(reader: Box<dyn Read + Send>, encoding: TextEncoding) -> Decoded {
        let (raw, text) = (Vec::new(), Vec::new());
        Decoded { reader, encoding, form: None, raw, text, at: 0, is_over: false, failure: None }
    }

    /// Reads and decodes the next bytes.
    fn refill(&mut self) -> io::Result<()> {
        let Decoded { reader, raw, text, .. } = self;
        raw.clear();
        text.clear();
        self.at = 0;
        let want = u64::try_from(READ_BYTES).expect("few bytes");
        let outcome = reader.take(want).read_to_end(raw);
        self.is_over = raw.len() < READ_BYTES && outcome.is_ok();
        let form = match &mut self.form {
            Some(form) => form,
            none @ None => none.insert(begin(self.encoding, raw)?),
        };
        form.decode(raw, self.is_over, text);
        // What was read before a fault stands; the fault comes next.
        self.failure = outcome.err();
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.is_over {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            self.refill()?;
        }
        let count = self.text.get(self.at..).unwrap_or(&[]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Tells by its beginning how a text is to be decoded, and takes the mark of UTF-16 away.
fn begin(encoding: TextEncoding, raw: &mut Vec<u8>) -> io::Result<Form> {
    if raw.starts_with(UTF8_MARK) {
        return Ok(Form::AsItIs);
    }
    let order = utf16_order(raw);
    let form = match (encoding, order) {
        (TextEncoding::Utf16, Some(order)) => {
            if raw.starts_with(UTF16_LE_MARK) || raw.starts_with(UTF16_BE_MARK) {
                raw.drain(..UTF16_LE_MARK.len());
            }
            let encoding = match order {
                Order::LittleEndian => UTF_16LE,
                Order::BigEndian => UTF_16BE,
            };
            Form::Other(Box::new(encoding.new_decoder_without_bom_handling()))
        }
        (TextEncoding::Utf16, None) => {
            let hint = "take `encoding` under `[input]` away, or set the one that it has";
            return Err(BadInput::new("the text is not UTF-16", hint).into_io());
        }
        (TextEncoding::Windows1252 | TextEncoding::Latin1, Some(_)) => {
            return Err(undeclared_utf16().into_io());
        }
        (TextEncoding::Latin1, None) => Form::Latin1,
        (TextEncoding::Windows1252, None) => {
            Form::Other(Box::new(WINDOWS_1252.new_decoder_without_bom_handling()))
        }
    };
    Ok(form)
}

pub(crate) fn undeclared_utf16() -> BadInput {
    BadInput::new(
        "the text is UTF-16",
        "set `encoding = \"utf-16\"` under `[input]`, or save the file as UTF-8",
    )
}

impl Form {
    fn decode(&mut self, raw: &[u8], is_last: bool, text: &mut Vec<u8>) {
        match self {
            Form::AsItIs => text.extend_from_slice(raw),
            Form::Latin1 => {
                text.resize(raw.len() * 2, 0);
                let count = encoding_rs::mem::convert_latin1_to_utf8(raw, text);
                text.truncate(count);
            }
            Form::Other(decoder) => decode(decoder, raw, is_last, text),
        }
    }
}

fn decode(decoder: &mut Decoder, mut raw: &[u8], is_last: bool, text: &mut Vec<u8>) {
    loop {
        let filled = text.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(raw.len());
        text.resize(filled + room.unwrap_or(0), 0);
        let place = text.get_mut(filled..).unwrap_or(&mut []);
        let (result, used, made) = decoder.decode_to_utf8_without_replacement(raw, place, is_last);
        text.truncate(filled + made);
        raw = raw.get(used..).unwrap_or(&[]);
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => text.extend_from_slice(&HALF_PAIR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &[u8], encoding: TextEncoding) -> io::Result<Vec<u8>> {
        let reader = Box::new(io::Cursor::new(raw.to_vec()));
        let mut text = Vec::new();
        Decoded::new(reader, encoding).read_to_end(&mut text)?;
        Ok(text)
    }

    #[track_caller]
    fn check(raw: &[u8], encoding: TextEncoding, expected: &[u8]) {
        assert_eq!(decoded(raw, encoding).expect("it is decoded"), expected);
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn every_byte_is_a_character_or_half_of_one() {
        use TextEncoding::{Latin1, Utf16, Windows1252};
        check(b"Gr\xf6\xdfe \x80 \x81", Windows1252, "Größe € \u{81}".as_bytes());
        check(b"Gr\xf6\xdfe \x80", Latin1, "Größe \u{80}".as_bytes());
        check(b"", Latin1, b"");
        check(b"\xef\xbb\xbfGr\xc3\xb6", Windows1252, b"\xef\xbb\xbfGr\xc3\xb6");
        check(&utf16("\u{feff}Id\n漢😀", u16::to_le_bytes), Utf16, "Id\n漢😀".as_bytes());
        check(&utf16("\u{feff}Id\n漢😀", u16::to_be_bytes), Utf16, "Id\n漢😀".as_bytes());
        check(&utf16("Id\n", u16::to_be_bytes), Utf16, b"Id\n");
        check(
            &utf16("Id,名前,住所\n1,漢字,漢字\n", u16::to_le_bytes),
            Utf16,
            "Id,名前,住所\n1,漢字,漢字\n".as_bytes(),
        );
    }

    #[test]
    fn half_a_pair_is_no_text() {
        let mut raw = utf16("\u{feff}ab", u16::to_le_bytes);
        raw.extend([0x3d, 0xd8]);
        raw.extend(utf16("c\n", u16::to_le_bytes));
        check(&raw, TextEncoding::Utf16, b"ab\xed\xa0\x80c\n");
        raw.push(b'x');
        let text = decoded(&raw, TextEncoding::Utf16).unwrap();
        assert!(str::from_utf8(&text).is_err() && text.ends_with(&HALF_PAIR));
    }

    #[test]
    fn long_texts_are_decoded_piece_by_piece() {
        let text: String = (0..100_000).map(|n| if n % 7 == 0 { 'ö' } else { '漢' }).collect();
        let raw = utf16(&format!("\u{feff}\n{text}"), u16::to_le_bytes);
        check(&raw, TextEncoding::Utf16, format!("\n{text}").as_bytes());
        let raw = vec![0xe9; 100_001];
        check(&raw, TextEncoding::Latin1, "é".repeat(100_001).as_bytes());
        check(&raw, TextEncoding::Windows1252, "é".repeat(100_001).as_bytes());
    }

    #[test]
    fn another_encoding_than_the_one_named_is_refused() {
        assert!(decoded(b"Id\n1\n", TextEncoding::Utf16).is_err());
        assert!(decoded(&utf16("Id\n", u16::to_le_bytes), TextEncoding::Latin1).is_err());
        assert!(decoded(b"\xff\xfe", TextEncoding::Windows1252).is_err());
    }
}
