//! The form of a token: `hmac:` + key id + `:` + the encoded bits.
//!
//! A token may have been made with a key that is no longer in the definition. It is recognised all
//! the same: if it were hashed again, its person would get a second identity.
//!
//! Only a value that has the complete form is a token. `hmac:k1:alice@x.com` is not one and must be
//! hashed: otherwise, the input could decide which values are written in the clear.

use data_encoding::BASE64URL_NOPAD;

/// The beginning of every token.
pub(super) const PREFIX: &str = "hmac:";

/// How the bits of a token are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower case.
    Hex,
    /// RFC 4648 section 5, without padding.
    Base64Url,
}

impl Encoding {
    pub const ALL: [Encoding; 2] = [Encoding::Hex, Encoding::Base64Url];

    /// The name in a definition.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Hex => "hex",
            Encoding::Base64Url => "base64url",
        }
    }
}

/// The length and the encoding of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenShape {
    /// The number of leftmost bytes of the MAC in a token: 8 to 32.
    bytes: usize,
    encoding: Encoding,
}

/// An unsupported length of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`bits` is {bits}; a token has a multiple of 8 bits, from 64 to 256")]
pub struct BadBits {
    pub bits: u32,
}

impl TokenShape {
    /// # Errors
    ///
    /// If `bits` is not a multiple of 8 from 64 to 256.
    pub fn new(bits: u32, encoding: Encoding) -> Result<TokenShape, BadBits> {
        let bytes = usize::try_from(bits / 8).ok().filter(|bytes| (8..=32).contains(bytes));
        match bytes {
            Some(bytes) if bits.is_multiple_of(8) => Ok(TokenShape { bytes, encoding }),
            _ => Err(BadBits { bits }),
        }
    }

    /// The number of bits of the MAC in a token.
    pub fn bits(self) -> usize {
        self.bytes * 8
    }

    pub fn encoding(self) -> Encoding {
        self.encoding
    }

    /// Appends the leftmost bits of a MAC, encoded.
    pub(super) fn encode(self, mac: &[u8; 32], out: &mut Vec<u8>) {
        let (leftmost, _) = mac.split_at(self.bytes);
        let begin = out.len();
        out.resize(begin + self.encoded_len(), 0);
        let (_, encoded) = out.split_at_mut(begin);
        match self.encoding {
            Encoding::Hex => push_hex(leftmost, encoded),
            Encoding::Base64Url => BASE64URL_NOPAD.encode_mut(leftmost, encoded),
        }
    }

    /// Whether `encoded` is the encoding of as many bytes.
    fn matches(self, encoded: &[u8]) -> bool {
        let is_hex = || encoded.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        encoded.len() == self.encoded_len()
            && match self.encoding {
                Encoding::Hex => is_hex(),
                Encoding::Base64Url => BASE64URL_NOPAD.decode(encoded).is_ok(),
            }
    }

    fn encoded_len(self) -> usize {
        match self.encoding {
            Encoding::Hex => self.bytes * 2,
            Encoding::Base64Url => (self.bytes * 4).div_ceil(3),
        }
    }
}

/// Writes each byte as two lower-case digits. The compiler vectorizes this loop; a general encoder
/// took 2 % of a whole run.
fn push_hex(bytes: &[u8], digits: &mut [u8]) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// A description of all tokens that a definition can make: its key ids, and the shapes that its
/// rules use.
#[derive(Debug)]
pub struct Tokens {
    pub ids: Vec<String>,
    pub shapes: Vec<TokenShape>,
}

/// What is known of a value that has the form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recognized {
    /// Whether the definition has the key that it names: the `k1` in `hmac:k1:…`.
    pub(super) has_known_key: bool,
    /// Whether the definition makes tokens of its shape.
    pub(super) has_known_shape: bool,
}

impl Tokens {
    /// Whether the value is a token of any of these keys, in any of these shapes.
    pub fn is_token(&self, value: &[u8]) -> bool {
        let found = self.recognize(value);
        found.is_some_and(|found| found.has_known_key && found.has_known_shape)
    }

    /// Returns what is known of a token of any key, in any shape; `None` if the value is no token.
    pub(super) fn recognize(&self, value: &[u8]) -> Option<Recognized> {
        // The prefix alone rules out nearly every value.
        let rest = value.strip_prefix(PREFIX.as_bytes())?;
        let end_of_id = rest.iter().position(|byte| *byte == b':')?;
        let (id, encoded) = rest.split_at(end_of_id);
        let encoded = encoded.strip_prefix(b":")?;
        let has_known_shape = self.shapes.iter().any(|shape| shape.matches(encoded));
        let has_known_key = self.ids.iter().any(|known| known.as_bytes() == id);
        let is_token = (has_known_key || is_key_id(id)) && (has_known_shape || is_encoded(encoded));
        is_token.then_some(Recognized { has_known_key, has_known_shape })
    }
}

/// Whether the text may be the id of a key.
fn is_key_id(id: &[u8]) -> bool {
    let is_letter = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    matches!(id.len(), 1..=16) && id.iter().all(is_letter) && id != b"current"
}

/// Whether the text is 8 to 32 bytes in one of the encodings.
fn is_encoded(text: &[u8]) -> bool {
    const DIGITS_MAX: usize = 64;
    let is_hex = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let decoded = || BASE64URL_NOPAD.decode(text).is_ok_and(|bytes| matches!(bytes.len(), 8..=32));
    text.len() <= DIGITS_MAX
        && ((is_hex && 16 <= text.len() && text.len().is_multiple_of(2)) || decoded())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shape_has_whole_bytes_from_64_to_256_bits() {
        for bits in (0..=300).chain([u32::MAX]) {
            let bits_of_shape = TokenShape::new(bits, Encoding::Hex).map(TokenShape::bits).ok();
            let expected = ((64..=256).contains(&bits) && bits % 8 == 0).then_some(bits);
            assert_eq!(bits_of_shape, expected.map(|bits| bits.try_into().unwrap()), "{bits} bits");
        }
    }

    #[test]
    fn tokens_of_other_keys_are_recognized() {
        let shapes = vec![TokenShape::new(256, Encoding::Hex).unwrap()];
        let tokens = Tokens { ids: vec!["k1".to_owned()], shapes };
        let digits = |count| "0123456789abcdef".chars().cycle().take(count).collect::<String>();
        let full = digits(64);
        let found = |text: &str| {
            let found = tokens.recognize(text.as_bytes());
            found.map(|found| (found.has_known_key, found.has_known_shape))
        };
        for (text, expected) in [
            (format!("hmac:k1:{full}"), Some((true, true))),
            (format!("hmac:k2:{full}"), Some((false, true))),
            (format!("hmac:k1:{}", digits(32)), Some((true, false))),
            (format!("hmac:old-2024:{}", digits(16)), Some((false, false))),
            ("hmac:k2:AAAAAAAAAAA".to_owned(), Some((false, false))),
            ("hmac:k2:AAAAAAAAAA".to_owned(), None),
            ("hmac:k2:alice@example.com".to_owned(), None),
            (format!("hmac:k2:{}", "A".repeat(64)), None),
            (format!("hmac:k2:{full}0"), None),
            (format!("hmac:k2:{}", digits(63)), None),
            (format!("hmac:current:{full}"), None),
            (format!("hmac:K2:{full}"), None),
            (format!("hmac::{full}"), None),
            (format!("hmac:a-key-with-a-long-id:{full}"), None),
            (format!("hmac:{full}"), None),
        ] {
            assert_eq!(found(&text), expected, "{text}");
        }
    }

    proptest! {
        /// A token with a byte more or less is not a token.
        #[test]
        fn only_the_whole_shape_is_a_token(
            mac in any::<[u8; 32]>(),
            bytes in 8_u32..=32,
            place in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let shape = TokenShape::new(bytes * 8, Encoding::Base64Url).unwrap();
            let tokens = Tokens { ids: vec!["k1".to_owned()], shapes: vec![shape] };
            let mut token = b"hmac:k1:".to_vec();
            shape.encode(&mac, &mut token);
            prop_assert!(tokens.is_token(&token));
            let place = place.index(token.len());
            let mut longer = token.clone();
            longer.insert(place, byte);
            prop_assert!(!tokens.is_token(&longer));
            token.remove(place);
            prop_assert!(!tokens.is_token(&token));
        }
    }
}
