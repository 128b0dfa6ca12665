//! HMAC-SHA256 under one key, many times: the key's two blocks go in once.
//!
//! A short value then takes two compressions and no copy of a hasher. The compression itself is
//! that of the `sha2` crate, which uses the processor's own instructions where there are any.

use std::slice;

use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::{Zeroize, Zeroizing};

use crate::simd::sha256::{Block, HashState, LANES, Words, compress, pays};

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

/// A key, as the states of HMAC-SHA256 (RFC 2104) after it went in. Wiped when it goes.
pub struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl MacKey {
    /// A key of any length.
    pub fn new(key: &[u8]) -> MacKey {
        let mut block = Zeroizing::new([0; BLOCK]);
        if let Some(place) = block.get_mut(..key.len()) {
            place.copy_from_slice(key);
        } else if let Some(place) = block.first_chunk_mut::<32>() {
            *place = Sha256::digest(key).into();
        }
        MacKey { inner: state_after(&block, 0x36), outer: state_after(&block, 0x5c) }
    }

    /// HMAC-SHA256 of the value.
    pub fn mac(&self, value: &[u8]) -> [u8; 32] {
        finish(self.outer, &finish(self.inner, value))
    }

    /// HMAC-SHA256 of each value, up to [`LANES`] of them; zeros beyond.
    pub fn macs(&self, values: &[&[u8]]) -> [[u8; 32]; LANES] {
        let mut macs = [[0; 32]; LANES];
        let side_by_side = pays() && 1 < values.len();
        if side_by_side {
            self.short_macs(values, &mut macs);
        }
        for (mac, value) in macs.iter_mut().zip(values) {
            if !(side_by_side && is_short(value)) {
                *mac = self.mac(value);
            }
        }
        macs
    }

    /// The MACs of the short values, side by side.
    fn short_macs(&self, values: &[&[u8]], macs: &mut [[u8; 32]; LANES]) {
        let mut block: Block = [Words([0; LANES]); 16];
        let short = values.iter().enumerate().filter(|(_, value)| is_short(value));
        for (lane, value) in short.take(LANES) {
            let padded = last_block(value);
            for (words, bytes) in block.iter_mut().zip(padded.as_chunks::<4>().0) {
                if let Some(word) = words.0.get_mut(lane) {
                    *word = u32::from_be_bytes(*bytes);
                }
            }
        }
        let mut digests = in_each_lane(&self.inner);
        compress(&mut digests, &mut block);
        let mut block = digest_block(&digests);
        let mut results = in_each_lane(&self.outer);
        compress(&mut results, &mut block);
        for (lane, mac) in macs.iter_mut().enumerate() {
            for (bytes, words) in mac.as_chunks_mut::<4>().0.iter_mut().zip(&results) {
                *bytes = words.0.get(lane).copied().unwrap_or(0).to_be_bytes();
            }
        }
    }
}

/// Whether a value fits one block with its padding.
fn is_short(value: &[u8]) -> bool {
    value.len() + PADDING_MIN <= BLOCK
}

fn in_each_lane(state: &[u32; 8]) -> HashState {
    state.map(|word| Words([word; LANES]))
}

/// The last block of a message that is one block of key and a short value.
#[inline]
#[expect(clippy::indexing_slicing, reason = "callers give values that fit a block with padding")]
fn last_block(value: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let bits = u64::try_from(BLOCK + value.len()).expect("shorter than two blocks") * 8;
    block[..value.len()].copy_from_slice(value);
    block[value.len()] = 0x80;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    block
}

/// The last block of a message that is one block of key and a digest.
fn digest_block(digests: &HashState) -> Block {
    const MARK: u32 = 0x8000_0000;
    const BITS: u32 = 8 * (64 + 32);
    let mut block = [Words([0; LANES]); 16];
    for (word, digest) in block.iter_mut().zip(digests) {
        *word = *digest;
    }
    block[8] = Words([MARK; LANES]);
    block[15] = Words([BITS; LANES]);
    block
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

impl Drop for MacKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}
