//! The operations that rules apply to values, and the keys that some of them need.
//!
//! An operation is one file. It takes a value as UTF-8 bytes and appends the new text to a buffer.
//! It sees no record, file or clock: the same value, parameters and key give the same text
//! everywhere. `schemas/vectors` has test vectors for each operation.
//!
//! - Every operation leaves empty values alone: otherwise, all of them would share one token.
//! - An operation that cannot apply to a value returns [`Outcome::Failed`] and appends nothing. It
//!   never writes the original value instead.
//! - No `Debug` output shows a key or a value.

mod apply;
mod bucket;
mod date_shift;
mod date_trunc;
mod decimal;
mod hmac;
mod hmac_batch;
mod key;
mod map;
mod mask;
mod normalize;
mod redact;
mod round;
mod scrub;
mod token;
#[cfg(test)]
mod vectors;

pub use apply::{Applied, NameOps, TransformLog, apply_to_map, apply_to_node};
pub use bucket::Bucket;
pub use date_shift::{DAYS_MAX as SHIFT_DAYS_MAX, DateShift, ShiftKey, Shifts};
pub use date_trunc::{DateForm, DateTrunc, Unit};
pub use decimal::{Decimal, RoundingStep};
pub use hmac::{Already, Hmac};
pub use key::{KeyError, MasterKey, Scope, new_key_text};
pub use map::{Map, Other};
pub use mask::Mask;
pub use normalize::Normalize;
pub use redact::Redact;
pub use round::Round;
pub use scrub::{CannotReplace, Replacement, Scrub, Scrubbed};
pub use token::{BadBits, Encoding, TokenShape, Tokens};

use crate::simd::scan::is_special;

/// An operation with its parameters and key.
#[derive(Debug)]
pub enum Op {
    Keep,
    Drop,
    Redact(Redact),
    Mask(Mask),
    Hmac(Hmac),
    DateTrunc(DateTrunc),
    DateShift(DateShift),
    Round(Round),
    Bucket(Bucket),
    /// `round`, applied to a coordinate.
    Geo(Round),
    Map(Map),
    Scrub(Box<Scrub>),
}

impl Op {
    /// Whether the operation makes new values, instead of keeping or dropping them all.
    pub fn makes_new_values(&self) -> bool {
        !matches!(self, Op::Keep | Op::Drop)
    }

    /// Whether values may be written as they came in.
    pub fn writes_through(&self) -> bool {
        matches!(self, Op::Keep) || matches!(self, Op::Map(map) if map.keeps_others())
    }

    /// Whether the operation applies to numbers. Its results are then numbers too.
    pub fn takes_numbers(&self) -> bool {
        matches!(self, Op::Round(_) | Op::Geo(_))
    }

    /// Applies the operation to one value of a row and appends the result to `out`, in UTF-8.
    pub fn apply(&self, value: &[u8], row: usize, shifts: &Shifts, out: &mut Vec<u8>) -> Outcome {
        match self {
            // Neither is ever run on values.
            Op::Keep | Op::Drop => Outcome::Failed,
            Op::Redact(redact) => redact.apply(value, out),
            Op::Mask(mask) => mask.apply(value, out),
            Op::Hmac(hmac) => hmac.apply(value, out),
            Op::DateTrunc(date_trunc) => date_trunc.apply(value, out),
            Op::DateShift(date_shift) => {
                date_shift.apply(value, shifts.days(*date_shift, row), out)
            }
            Op::Round(round) | Op::Geo(round) => round.apply(value, out),
            Op::Bucket(bucket) => bucket.apply(value, out),
            Op::Map(map) => map.apply(value, out),
            Op::Scrub(scrub) => scrub.apply(value, out),
        }
    }
}

/// The result of an operation on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new text was appended. `plain`: it has nothing that JSON must escape.
    Made { plain: bool },
    /// The operation cannot apply to this value; nothing was appended.
    Failed,
    /// The value already is a token; nothing was appended. `has_known_key`: whether the definition has
    /// the key that it names (the `k1` in `hmac:k1:…`). Otherwise other keys made it.
    AlreadyToken { has_known_key: bool },
    /// The value stays as it is; nothing was appended.
    Kept,
    /// The definition drops the value; nothing was appended.
    Dropped,
}

impl Outcome {
    const PLAIN: Outcome = Outcome::Made { plain: true };
}

/// Whether JSON writes this UTF-8 text without escapes.
fn is_plain(text: &[u8]) -> bool {
    // Without a branch for a byte, so that the compiler compares many at once.
    !text.iter().fold(false, |is_any, byte| is_any | is_special(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_need_no_escapes() {
        for byte in 0..=0x7f_u8 {
            let text = char::from(byte).to_string();
            let as_it_is = serde_json::to_string(&text).unwrap() == format!("\"{text}\"");
            assert_eq!(is_plain(text.as_bytes()), as_it_is, "byte {byte:#04x}");
        }
        assert!(is_plain("é🇩🇪".as_bytes()));
    }
}
