//! Canaries are random texts that must not appear in any output. The search for them finds a canary
//! or a part of it as plain text in any case, escaped, in hex, in Base64, or as a list of numbers.

pub(crate) mod records;
pub(crate) mod site;

use std::collections::HashSet;

use data_encoding::{BASE64, BASE64URL, HEXLOWER};

use crate::support::random::Random;

/// The number of consecutive characters that reveal a value. Fewer are allowed, since masks keep some.
const PART: usize = 8;
/// The same for digits.
const DIGITS: usize = 9;
/// The same for Base64, where 12 characters are 9 bytes. (In hex, 8 bytes are 16 digits.)
const BASE64_PART: usize = 12;

/// Generates canaries and finds them.
pub(crate) struct Canaries {
    random: Random,
    /// In lower case.
    parts: HashSet<Vec<u8>>,
    /// In lower case.
    digits: HashSet<Vec<u8>>,
    hex: HashSet<Vec<u8>>,
    base64: HashSet<Vec<u8>>,
}

impl Canaries {
    pub(crate) fn new(seed: u64) -> Canaries {
        let (parts, digits, hex, base64) = Default::default();
        Canaries { random: Random(seed), parts, digits, hex, base64 }
    }

    /// A random number below `bound`; the sequence depends on the seed alone.
    pub(crate) fn random(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    /// A new text of 20 letters and digits.
    pub(crate) fn text(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let text = (0..20).map(|_| char::from(LETTERS[self.random(LETTERS.len())])).collect();
        self.watch(text)
    }

    /// A new text with characters that JSON and CSV escape, between 20 characters on each side.
    pub(crate) fn odd_text(&mut self) -> String {
        let (one, other) = (self.text(), self.text());
        self.watch(format!("{one}é\\\"{other}"))
    }

    /// A new number of 16 digits.
    pub(crate) fn number(&mut self) -> String {
        self.digits(16)
    }

    /// A new fraction of a second: 9 digits.
    pub(crate) fn nanoseconds(&mut self) -> String {
        self.digits(DIGITS)
    }

    fn digits(&mut self, count: usize) -> String {
        let digits = (0..count).map(|_| char::from(b"123456789"[self.random(9)])).collect();
        self.watch(digits)
    }

    /// Treats this text as a canary too.
    pub(crate) fn watch(&mut self, text: String) -> String {
        let json = serde_json::to_string(&text).expect("text is JSON");
        let ascii: String =
            text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escape(c) }).collect();
        for form in [text.as_str(), json.trim_matches('"'), &ascii] {
            let form = form.to_lowercase().into_bytes();
            // Tokens and dates contain runs of digits, so a match needs more of them.
            let parts = form.windows(PART).filter(|part| !part.iter().all(u8::is_ascii_hexdigit));
            self.parts.extend(parts.map(<[u8]>::to_vec));
            self.digits.extend(form.chunks_exact(DIGITS).map(<[u8]>::to_vec));
        }
        let hex = HEXLOWER.encode(text.as_bytes()).into_bytes();
        self.hex.extend(hex.windows(2 * PART).map(<[u8]>::to_vec));
        for alignment in 0..3 {
            let mut shifted = vec![0; alignment];
            shifted.extend(text.as_bytes());
            for encoded in [BASE64.encode(&shifted), BASE64URL.encode(&shifted)] {
                // The first and last characters depend on the surrounding bytes.
                let inner = encoded.get(4..encoded.len() - 4).unwrap_or("").as_bytes();
                self.base64.extend(inner.windows(BASE64_PART).map(<[u8]>::to_vec));
            }
        }
        text
    }

    /// A part of a canary in these bytes, in any form.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        let lower = bytes.to_ascii_lowercase();
        let found = find_part(&lower, PART, &self.parts)
            .or_else(|| find_part(&lower, DIGITS, &self.digits))
            .or_else(|| find_part(&lower, 2 * PART, &self.hex))
            .or_else(|| find_part(bytes, BASE64_PART, &self.base64));
        found.or_else(|| self.find_numbers(&lower))
    }

    /// Searches lists of numbers, as `Debug` prints bytes: `[113, 120]`.
    fn find_numbers(&self, text: &[u8]) -> Option<String> {
        text.split(|byte| *byte == b'[').find_map(|list| {
            let list = list.split(|byte| *byte == b']').next()?;
            let numbers = str::from_utf8(list).ok()?.split(',').map(|one| one.trim().parse().ok());
            let bytes: Vec<u8> = numbers.map_while(|number| number).collect();
            find_part(&bytes.to_ascii_lowercase(), PART, &self.parts)
        })
    }
}

fn find_part(bytes: &[u8], length: usize, parts: &HashSet<Vec<u8>>) -> Option<String> {
    let part = bytes.windows(length).find(|part| parts.contains(*part))?;
    Some(String::from_utf8_lossy(part).into_owned())
}

fn escape(c: char) -> String {
    let mut units = [0; 2];
    let units: Vec<String> =
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    units.concat()
}

#[test]
fn canaries_are_found_in_every_form() {
    let mut canaries = Canaries::new(1);
    let text = canaries.odd_text();
    let forms = [
        text.clone(),
        text.to_lowercase(),
        text.chars().skip(3).take(PART).collect(),
        serde_json::to_string(&text).expect("text is JSON"),
        format!("{text:?}"),
        format!("{:?}", text.as_bytes()),
        HEXLOWER.encode(text.as_bytes()).to_uppercase(),
        BASE64.encode(format!("x{text}").as_bytes()),
        BASE64URL.encode(format!("xx{text}").as_bytes()),
    ];
    for form in forms {
        assert!(canaries.find(format!("before {form} after").as_bytes()).is_some(), "{form}");
    }
    assert_eq!(canaries.find(b"nothing of it is in here: 0123456789abcdef"), None);
}
