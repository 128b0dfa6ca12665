//! Converts text in another encoding to UTF-8, as `iconv` does, without a byte order mark.
//!
//! Bytes that are not text in their encoding (half of a surrogate pair) become bytes that are not
//! UTF-8 either, so that the record they are in is rejected with its place. Text that begins with
//! the byte order mark of UTF-8 is passed on unchanged, whatever encoding the definition sets: no
//! text in another encoding begins like that.

use std::cmp::Ordering;
use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::error::BadInput;
use crate::definition::TextEncoding;

/// The number of bytes converted at once.
const READ_BYTES: usize = 32 << 10;
/// The memory of a [`Transcoder`]: the bytes read, and the UTF-8 made from them, at most three
/// bytes for each.
pub(super) const TRANSCODER_BYTES: usize = READ_BYTES * 4;
/// The number of first bytes in which UTF-16 is recognized by its NULs.
const EXAMINED_BYTES: usize = 1024;
/// What half of a surrogate pair would be in UTF-8, where it is not allowed (RFC 3629, section 3).
const LONE_SURROGATE: [u8; 3] = [0xed, 0xa0, 0x80];

pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_BOM: &[u8] = b"\xff\xfe";
const UTF16_BE_BOM: &[u8] = b"\xfe\xff";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// Whether a text begins like UTF-16: with its byte order mark, or with NULs where Latin
/// characters have them.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    utf16_byte_order(start).is_some()
}

fn utf16_byte_order(start: &[u8]) -> Option<ByteOrder> {
    let start = examined(start);
    if is_utf32(start) {
        None
    } else if start.starts_with(UTF16_LE_BOM) {
        Some(ByteOrder::LittleEndian)
    } else if start.starts_with(UTF16_BE_BOM) {
        Some(ByteOrder::BigEndian)
    } else {
        byte_order_of_latin(start).or_else(|| byte_order_from_counts(start))
    }
}

/// Recognizes UTF-16 in which all characters are Latin: every second byte is a NUL, and no other. One
/// character alone is not enough, and half of one is in no such text.
fn byte_order_of_latin(start: &[u8]) -> Option<ByteOrder> {
    let (pairs, []) = start.as_chunks::<2>() else { return None };
    let are_all = |is: fn(&[u8; 2]) -> bool| 1 < pairs.len() && pairs.iter().all(is);
    if are_all(|[first, second]| *first != 0 && *second == 0) {
        Some(ByteOrder::LittleEndian)
    } else if are_all(|[first, second]| *first == 0 && *second != 0) {
        Some(ByteOrder::BigEndian)
    } else {
        None
    }
}

/// Recognizes UTF-16 in which not every character is Latin. Line ends, quotes and delimiters still
/// are, so at least an eighth of either the even or the odd places hold a NUL, and few of the
/// others, of characters such as U+4E00 and U+3000: no other encoding looks like that.
fn byte_order_from_counts(start: &[u8]) -> Option<ByteOrder> {
    const NULS_MIN: usize = 8;
    let (order, many, few) = more_plausible(start)?;
    (NULS_MIN <= many && start.len() < many * 16 && few * 4 <= many).then_some(order)
}

/// The reading with more Latin characters, with how many those are, and how many the other one has. `None`: a
/// character is U+0000, which is in no text, or neither has more.
fn more_plausible(start: &[u8]) -> Option<(ByteOrder, usize, usize)> {
    let (pairs, _) = start.as_chunks::<2>();
    let (mut even, mut odd) = (0_usize, 0_usize);
    for pair in pairs {
        match pair {
            [0, 0] => return None,
            [0, _] => even += 1,
            [_, 0] => odd += 1,
            [_, _] => {}
        }
    }
    match even.cmp(&odd) {
        Ordering::Less => Some((ByteOrder::LittleEndian, odd, even)),
        Ordering::Greater => Some((ByteOrder::BigEndian, even, odd)),
        Ordering::Equal => None,
    }
}

/// Whether a text begins like UTF-32: with its byte order mark, or with characters of four bytes, the first or
/// last of which are NUL.
pub(super) fn is_utf32(start: &[u8]) -> bool {
    const PLANES_MAX: u8 = 0x10;
    let start = examined(start);
    let (quads, _) = start.as_chunks::<4>();
    let is_little = |quad: &[u8; 4]| matches!(quad, [a, b, plane, 0] if *plane <= PLANES_MAX && (*a, *b, *plane) != (0, 0, 0));
    let are_all = |is: &dyn Fn(&[u8; 4]) -> bool| 1 < quads.len() && quads.iter().all(is);
    start.starts_with(b"\xff\xfe\0\0")
        || start.starts_with(b"\0\0\xfe\xff")
        || are_all(&is_little)
        || are_all(&|[a, b, c, d]| is_little(&[*d, *c, *b, *a]))
}

pub(super) fn utf32() -> BadInput {
    BadInput::new("the text is UTF-32, which can't be read", "save the file as UTF-8")
}

/// The first bytes, as many as are looked at.
fn examined(start: &[u8]) -> &[u8] {
    start.get(..start.len().min(EXAMINED_BYTES)).unwrap_or(&[])
}

/// A reader that converts to UTF-8.
pub(super) struct Transcoder {
    reader: Box<dyn Read + Send>,
    encoding: TextEncoding,
    /// `None` until the first bytes are read.
    conversion: Option<Conversion>,
    raw: Vec<u8>,
    text: Vec<u8>,
    /// How much of `text` has been read.
    at: usize,
    at_end: bool,
    /// An error of the reader, kept until the text before it has been read.
    error: Option<io::Error>,
}

enum Conversion {
    None,
    Latin1,
    Other(Box<Decoder>),
}

impl Transcoder {
    pub(super) fn new(reader: Box<dyn Read + Send>, encoding: TextEncoding) -> Transcoder {
        let (raw, text) = (Vec::new(), Vec::new());
        Transcoder {
            reader,
            encoding,
            conversion: None,
            raw,
            text,
            at: 0,
            at_end: false,
            error: None,
        }
    }

    /// Reads and converts the next bytes.
    fn refill(&mut self) -> io::Result<()> {
        let Transcoder { reader, raw, text, .. } = self;
        raw.clear();
        text.clear();
        self.at = 0;
        let want = u64::try_from(READ_BYTES).expect("few bytes");
        let outcome = reader.take(want).read_to_end(raw);
        self.at_end = raw.len() < READ_BYTES && outcome.is_ok();
        let conversion = match &mut self.conversion {
            Some(conversion) => conversion,
            none @ None => none.insert(begin(self.encoding, raw)?),
        };
        conversion.convert(raw, self.at_end, text);
        self.error = outcome.err();
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.at_end {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            self.refill()?;
        }
        let count = self.text.get(self.at..).unwrap_or(&[]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Chooses the conversion from the first bytes, and removes the byte order mark of UTF-16.
///
/// Fails if the bytes are UTF-16 and the definition sets another encoding, or the reverse.
fn begin(encoding: TextEncoding, raw: &mut Vec<u8>) -> io::Result<Conversion> {
    if raw.starts_with(UTF8_BOM) {
        return Ok(Conversion::None);
    }
    if is_utf32(raw) {
        return Err(utf32().into_io());
    }
    let mut order = utf16_byte_order(raw);
    if order.is_none() && encoding == TextEncoding::Utf16 {
        // The definition says what it is, so a little is enough to tell the order.
        order = more_plausible(examined(raw)).map(|(order, _, _)| order);
    }
    let conversion = match (encoding, order) {
        (TextEncoding::Utf16, Some(order)) => {
            if raw.starts_with(UTF16_LE_BOM) || raw.starts_with(UTF16_BE_BOM) {
                raw.drain(..UTF16_LE_BOM.len());
            }
            let encoding = match order {
                ByteOrder::LittleEndian => UTF_16LE,
                ByteOrder::BigEndian => UTF_16BE,
            };
            Conversion::Other(Box::new(encoding.new_decoder_without_bom_handling()))
        }
        (TextEncoding::Utf16, None) => {
            let hint = "remove `encoding` under `[input]`, or set the encoding that the file has";
            return Err(BadInput::new("the text is not UTF-16", hint).into_io());
        }
        (TextEncoding::Windows1252 | TextEncoding::Latin1, Some(_)) => {
            return Err(undeclared_utf16().into_io());
        }
        (TextEncoding::Latin1, None) => Conversion::Latin1,
        (TextEncoding::Windows1252, None) => {
            Conversion::Other(Box::new(WINDOWS_1252.new_decoder_without_bom_handling()))
        }
    };
    Ok(conversion)
}

/// Whether a record that is not UTF-8 looks like text in Windows-1252: bytes above 0x7F are alone or in
/// pairs, most of them are letters, and none are characters of UTF-8.
pub(crate) fn looks_like_windows_1252(record: &[u8]) -> bool {
    const UNUSED: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
    const RUN_MAX: usize = 2;
    let (mut others, mut letters) = (0_usize, 0_usize);
    for run in record.split(u8::is_ascii).filter(|run| !run.is_empty()) {
        let is_text = run.len() <= RUN_MAX && str::from_utf8(run).is_err();
        if !is_text || run.iter().any(|byte| UNUSED.contains(byte)) {
            return false;
        }
        let own = run.iter().filter(|byte| 0xc0 <= **byte).count();
        letters += own;
        others += run.len() - own;
    }
    others < letters && !record.contains(&0)
}

/// The encoding of a text that does not say which, from its first bytes. `None`: it is UTF-8, as JSON always is
/// if it is not UTF-16.
pub(super) fn encoding_of(start: &[u8]) -> Option<TextEncoding> {
    if is_utf16(start) {
        return Some(TextEncoding::Utf16);
    }
    if matches!(start.trim_ascii_start().first(), None | Some(b'{' | b'['))
        || start.starts_with(UTF8_BOM)
    {
        return None;
    }
    // The last line may be cut.
    let lines = start.split_inclusive(|byte| *byte == b'\n');
    let others: Vec<&[u8]> =
        lines.filter(|line| !line.is_ascii() && line.ends_with(b"\n")).collect();
    let are_all = !others.is_empty() && others.iter().all(|line| looks_like_windows_1252(line));
    are_all.then_some(TextEncoding::Windows1252)
}

pub(super) fn undeclared_utf16() -> BadInput {
    BadInput::new(
        "the text is UTF-16",
        "set `encoding = \"utf-16\"` under `[input]`, or save the file as UTF-8",
    )
}

impl Conversion {
    /// Converts `raw` and appends it to `text`. `at_end`: nothing follows.
    fn convert(&mut self, raw: &[u8], at_end: bool, text: &mut Vec<u8>) {
        match self {
            Conversion::None => text.extend_from_slice(raw),
            Conversion::Latin1 => {
                text.resize(raw.len() * 2, 0);
                let count = encoding_rs::mem::convert_latin1_to_utf8(raw, text);
                text.truncate(count);
            }
            Conversion::Other(decoder) => decode(decoder, raw, at_end, text),
        }
    }
}

fn decode(decoder: &mut Decoder, mut raw: &[u8], at_end: bool, text: &mut Vec<u8>) {
    loop {
        let filled = text.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(raw.len());
        text.resize(filled + room.unwrap_or(0), 0);
        let place = text.get_mut(filled..).unwrap_or(&mut []);
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(raw, place, at_end);
        text.truncate(filled + written);
        raw = raw.get(read..).unwrap_or(&[]);
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => text.extend_from_slice(&LONE_SURROGATE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &[u8], encoding: TextEncoding) -> io::Result<Vec<u8>> {
        let reader = Box::new(io::Cursor::new(raw.to_vec()));
        let mut text = Vec::new();
        Transcoder::new(reader, encoding).read_to_end(&mut text)?;
        Ok(text)
    }

    #[track_caller]
    fn check(raw: &[u8], encoding: TextEncoding, expected: &[u8]) {
        assert_eq!(decoded(raw, encoding).expect("it can be decoded"), expected);
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn an_encoding_is_found_out() {
        for (start, expected) in [
            (&b"Name\nZo\xeb\n"[..], Some(TextEncoding::Windows1252)),
            (b"Name\nZo\xeb\nMalm\xc3\xb6\n", None),
            ("Name\nZoë\n".as_bytes(), None),
            (b"Name\nAda\n\xff\x00\n", None),
            (b"Name\nAda\nZo\xeb", None),
            (b"{\"Id\":\"Zo\xeb\"}\n", None),
            (b"N\0a\0m\0e\0\n\0", Some(TextEncoding::Utf16)),
            (b"", None),
        ] {
            assert_eq!(encoding_of(start), expected, "{start:?}");
        }
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
    fn characters_with_a_nul_in_front_are_no_hindrance() {
        let text = "Id,Attributes.a\n1,\u{7b2c}\u{4e00}\u{3000}\u{4e2d}\u{5b66}\n";
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let raw = utf16(text, order);
            assert!(is_utf16(&raw));
            check(&raw, TextEncoding::Utf16, text.as_bytes());
            let few = "\u{4e2d}\u{5b66}\u{4e00}\u{4e2d}\u{5b66},\n";
            check(&utf16(few, order), TextEncoding::Utf16, few.as_bytes());
        }
    }

    #[test]
    fn utf32_is_recognized() {
        let text = "Id\n\u{4e00}\u{1f600}";
        let little: Vec<u8> = text.chars().flat_map(|char| u32::from(char).to_le_bytes()).collect();
        let big: Vec<u8> = text.chars().flat_map(|char| u32::from(char).to_be_bytes()).collect();
        for raw in [&little[..], &big, b"\xff\xfe\0\0I", b"\0\0\xfe\xff"] {
            assert!(is_utf32(raw) && !is_utf16(raw), "{raw:?}");
            assert!(decoded(raw, TextEncoding::Utf16).is_err());
        }
        for raw in [&b"[\0\0\0"[..], b"I\0d\0\n\0", b"\xff\xfeI\0", b"Id\n1\n", b""] {
            assert!(!is_utf32(raw), "{raw:?}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_not_utf8() {
        let mut raw = utf16("\u{feff}ab", u16::to_le_bytes);
        raw.extend([0x3d, 0xd8]);
        raw.extend(utf16("c\n", u16::to_le_bytes));
        check(&raw, TextEncoding::Utf16, b"ab\xed\xa0\x80c\n");
        raw.push(b'x');
        let text = decoded(&raw, TextEncoding::Utf16).unwrap();
        assert!(str::from_utf8(&text).is_err() && text.ends_with(&LONE_SURROGATE));
    }

    #[test]
    fn long_texts_are_converted_piece_by_piece() {
        let text: String = (0..100_000).map(|n| if n % 7 == 0 { 'ö' } else { '漢' }).collect();
        let raw = utf16(&format!("\u{feff}\n{text}"), u16::to_le_bytes);
        check(&raw, TextEncoding::Utf16, format!("\n{text}").as_bytes());
        let raw = vec![0xe9; 100_001];
        check(&raw, TextEncoding::Latin1, "é".repeat(100_001).as_bytes());
        check(&raw, TextEncoding::Windows1252, "é".repeat(100_001).as_bytes());
    }

    #[test]
    fn utf16_is_recognized_only_where_it_is_possible() {
        for text in [&b"["[..], b"[\0", b"\0[", b"[\0]", b"[\0\0\0", b"\0\0\0\0", b"[\0{}"] {
            assert!(!is_utf16(text), "{text:?}");
        }
        assert!(is_utf16(b"[\0]\0") && is_utf16(b"\0I\0d") && is_utf16(b"\xff\xfe"));
    }

    #[test]
    fn windows_1252_is_recognized_by_its_letters() {
        for (record, expected) in [
            (&b"Gr\xf6\xdfe"[..], true),
            (b"\xc9ire \x96 \xe9t\xe9", true),
            ("Größe".as_bytes(), false),
            (b"Gr\xf6\xdfe \xc3\xb6", false),
            (b"\x96", false),
            (b"\xe3\x81\x82\xe3", false),
            (b"\xf6\0", false),
            (b"plain", false),
        ] {
            assert_eq!(looks_like_windows_1252(record), expected, "{record:?}");
        }
    }

    #[test]
    fn another_encoding_than_the_one_named_is_refused() {
        assert!(decoded(b"Id\n1\n", TextEncoding::Utf16).is_err());
        assert!(decoded(&utf16("Id\n", u16::to_le_bytes), TextEncoding::Latin1).is_err());
        assert!(decoded(b"\xff\xfe", TextEncoding::Windows1252).is_err());
    }
}
