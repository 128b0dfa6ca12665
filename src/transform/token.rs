//! The form of a token: `hmac:` + key id + `:` + the encoded bits.
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

    /// Whether `encoded` has the length and the alphabet of the encoded bits.
    fn matches(self, encoded: &[u8]) -> bool {
        let in_alphabet: fn(&u8) -> bool = match self.encoding {
            Encoding::Hex => |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Encoding::Base64Url => |byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte),
        };
        encoded.len() == self.encoded_len() && encoded.iter().all(in_alphabet)
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

impl Tokens {
    /// Whether the value is a token of any of these keys, in any of these shapes.
    pub fn is_token(&self, value: &[u8]) -> bool {
        // The prefix alone rules out nearly every value.
        let Some(rest) = value.strip_prefix(PREFIX.as_bytes()) else { return false };
        let Some(end_of_id) = rest.iter().position(|byte| *byte == b':') else { return false };
        let (id, encoded) = rest.split_at(end_of_id);
        self.ids.iter().any(|known| known.as_bytes() == id)
            && encoded
                .strip_prefix(b":")
                .is_some_and(|encoded| self.shapes.iter().any(|shape| shape.matches(encoded)))
    }
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
