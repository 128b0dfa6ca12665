//! What a rule does to one value: the operations, and the keys that `hmac` takes.
//!
//! An operation is one file. It takes a value as UTF-8 bytes and appends the new text to a
//! buffer; it sees no record, no file and no clock, so the same value, parameters and key
//! give the same text everywhere. The vectors in `schemas/vectors` hold for each of them.
//!
//! - An empty value is left alone by every operation: all empty values would share one token.
//! - A value that an operation cannot apply to gives [`Outcome::Failed`] and appends nothing;
//!   no operation ever writes a value through because it could not change it.
//! - No type here has a `Debug` output that shows a key or a value.

mod apply;
mod date_trunc;
mod hmac;
mod key;
mod mac;
mod mask;
mod redact;
mod token;
#[cfg(test)]
mod vectors;

pub use apply::{Applied, Failures, NameOps, apply_to_map, apply_to_node};
pub use date_trunc::{DateForm, DateTrunc, Unit};
pub use hmac::Hmac;
pub use key::{KeyError, MasterKey, Scope, new_key_text};
pub use mac::JoinKey;
pub use mask::Mask;
pub use redact::Redact;
pub use token::{BadBits, Encoding, TokenShape, Tokens};

/// What a rule does to each value of its field.
#[derive(Debug)]
pub enum Op {
    Keep,
    Drop,
    Redact(Redact),
    Mask(Mask),
    Hmac(Hmac),
    DateTrunc(DateTrunc),
}

impl Op {
    /// As definitions and manifests name it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Keep => "keep",
            Op::Drop => "drop",
            Op::Redact(_) => "redact",
            Op::Mask(_) => "mask",
            Op::Hmac(_) => "hmac",
            Op::DateTrunc(_) => "date_trunc",
        }
    }

    /// Whether values come out other than they went in. (What is dropped does not come out.)
    pub fn makes_new_values(&self) -> bool {
        !matches!(self, Op::Keep | Op::Drop)
    }

    /// Appends what the operation makes of one value, in UTF-8.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        match self {
            // Neither is run on values: what is kept stays in its place.
            Op::Keep | Op::Drop => Outcome::Failed,
            Op::Redact(redact) => redact.apply(value, out),
            Op::Mask(mask) => mask.apply(value, out),
            Op::Hmac(hmac) => hmac.apply(value, out),
            Op::DateTrunc(date_trunc) => date_trunc.apply(value, out),
        }
    }
}

/// What an operation made of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new text was appended. `plain`: known to hold nothing that JSON must escape.
    Made { plain: bool },
    /// The operation cannot apply to this value; nothing was appended.
    Failed,
    /// The value is a token already; nothing was appended.
    AlreadyToken,
}

impl Outcome {
    const PLAIN: Outcome = Outcome::Made { plain: true };
}

/// Whether JSON writes these bytes of UTF-8 as they are.
fn is_plain(text: &[u8]) -> bool {
    !text.iter().any(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_what_json_writes_as_it_is() {
        for byte in 0..=0x7f_u8 {
            let text = char::from(byte).to_string();
            let as_it_is = serde_json::to_string(&text).unwrap() == format!("\"{text}\"");
            assert_eq!(is_plain(text.as_bytes()), as_it_is, "byte {byte:#04x}");
        }
        assert!(is_plain("é🇩🇪".as_bytes()));
    }
}
