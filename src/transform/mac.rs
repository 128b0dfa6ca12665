//! HMAC-SHA256 under one key, many times: the key's two blocks go in once.
//!
//! A short value then takes two compressions and no copy of a hasher. The compression itself is
//! that of the `sha2` crate, which uses the processor's own instructions where there are any;
//! the `hmac` crate is what tests hold this to.

use std::{fmt, slice};

use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::{Zeroize, Zeroizing};

/// Bytes in a block of SHA-256.
const BLOCK: usize = 64;
/// What padding takes at least: a mark and the message's length.
const PADDING_MIN: usize = 9;
/// The state that SHA-256 begins with (FIPS 180-4, section 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The key of one join, as the states of HMAC-SHA256 (RFC 2104) after the key went in. Wiped when
/// it goes; its `Debug` shows nothing of it.
pub struct JoinKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl JoinKey {
    /// A key of any length.
    pub(super) fn new(key: &[u8]) -> JoinKey {
        let mut block = Zeroizing::new([0; BLOCK]);
        if let Some(place) = block.get_mut(..key.len()) {
            place.copy_from_slice(key);
        } else if let Some(place) = block.first_chunk_mut::<32>() {
            *place = Sha256::digest(key).into();
        }
        JoinKey { inner: state_after(&block, 0x36), outer: state_after(&block, 0x5c) }
    }

    /// HMAC-SHA256 of the value.
    pub(super) fn mac(&self, value: &[u8]) -> [u8; 32] {
        finish(self.outer, &finish(self.inner, value))
    }
}

fn state_after(key: &[u8; BLOCK], pad: u8) -> [u32; 8] {
    let padded = Zeroizing::new(key.map(|byte| byte ^ pad));
    let mut state = START;
    compress256(&mut state, slice::from_ref(&*padded));
    state
}

/// Ends a SHA-256 whose state has taken one block: the rest of the message, a mark, zeros, and
/// the length in bits as the last eight bytes (FIPS 180-4, section 5.1.1).
#[inline]
#[expect(clippy::indexing_slicing, reason = "a tail is shorter than a block, and there are two")]
fn finish(mut state: [u32; 8], rest: &[u8]) -> [u8; 32] {
    let (whole, tail) = rest.as_chunks::<BLOCK>();
    if !whole.is_empty() {
        compress256(&mut state, whole);
    }
    let mut last = [0; 2 * BLOCK];
    let len = if tail.len() + PADDING_MIN <= BLOCK { BLOCK } else { 2 * BLOCK };
    let bits = u64::try_from(BLOCK + rest.len()).expect("values are below 2^61 bytes") * 8;
    last[..tail.len()].copy_from_slice(tail);
    last[tail.len()] = 0x80;
    last[len - 8..len].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, last[..len].as_chunks::<BLOCK>().0);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

impl Drop for JoinKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn makes_what_the_hmac_crate_makes(
            key in proptest::collection::vec(any::<u8>(), 0..200),
            value in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut expected = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            expected.update(&value);
            let expected: [u8; 32] = expected.finalize().into_bytes().into();
            prop_assert_eq!(JoinKey::new(&key).mac(&value), expected);
        }
    }
}
