//! HMAC-SHA256 of many values under one key.
//!
//! HMAC (RFC 2104) hashes twice: first the key XOR 0x36… and the value, then the key XOR 0x5c… and
//! the first digest. The key fills a block in each of the two, so the state after it is the same
//! for all values and is computed once. What is left for a value of up to 55 bytes, which fits one
//! block with its padding, is two compressions:
//!
//! ```text
//! inner   state after key ^ 0x36 │ value  │ 0x80 0… │ length
//! outer   state after key ^ 0x5c │ digest │ 0x80 0… │ length
//! ```
//!
//! Where it is faster, such short values are hashed sixteen at a time by
//! [`simd::sha256`](crate::simd::sha256). All others go through the `sha2` crate, which uses the
//! SHA instructions of the processor if it has any.

use std::slice;

use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::{Zeroize, Zeroizing};

use crate::simd::sha256::{Block, HashState, LANES, Words, compress, is_faster};

/// The length of a SHA-256 block, in bytes.
const BLOCK: usize = 64;
/// The shortest padding in bytes: a mark, and the length of the message.
const PADDING_MIN: usize = 9;
/// The initial state of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key, as the states of the two hashes of HMAC-SHA256 after it. Wiped when dropped.
pub struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl MacKey {
    /// Accepts a key of any length.
    pub fn new(key: &[u8]) -> MacKey {
        let mut block = Zeroizing::new([0; BLOCK]);
        if let Some(place) = block.get_mut(..key.len()) {
            place.copy_from_slice(key);
        } else if let Some(place) = block.first_chunk_mut::<32>() {
            *place = Sha256::digest(key).into();
        }
        MacKey { inner: state_after(&block, 0x36), outer: state_after(&block, 0x5c) }
    }

    /// The HMAC-SHA256 of a value.
    pub fn mac(&self, value: &[u8]) -> [u8; 32] {
        finish(self.outer, &finish(self.inner, value))
    }

    /// The HMAC-SHA256 of each of up to [`LANES`] values. MACs after those have no meaning.
    pub fn macs(&self, values: &[&[u8]]) -> [[u8; 32]; LANES] {
        let mut macs = [[0; 32]; LANES];
        let side_by_side = is_faster() && 1 < values.len();
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

    /// Computes the MACs of the short values side by side, one in each lane. The MACs in other
    /// lanes have no meaning.
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

/// Whether a value and its padding fit one block.
fn is_short(value: &[u8]) -> bool {
    value.len() + PADDING_MIN <= BLOCK
}

/// The same state in each lane.
fn in_each_lane(state: &[u32; 8]) -> HashState {
    state.map(|word| Words([word; LANES]))
}

/// The last block of a message of one block of key and a short value.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a short value fits the block with its padding")]
fn last_block(value: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let bits = u64::try_from(BLOCK + value.len()).expect("shorter than two blocks") * 8;
    block[..value.len()].copy_from_slice(value);
    block[value.len()] = 0x80;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    block
}

/// The last block of a message of one block of key and a digest.
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

/// The state after one block, the key with each byte XOR `pad`.
fn state_after(key: &[u8; BLOCK], pad: u8) -> [u32; 8] {
    let padded = Zeroizing::new(key.map(|byte| byte ^ pad));
    let mut state = INITIAL_STATE;
    compress256(&mut state, slice::from_ref(&*padded));
    state
}

/// Finishes the SHA-256 of a message of which one block is in the state. The rest is followed by a
/// mark, zeros, and the length in bits as the last eight bytes (FIPS 180-4, section 5.1.1).
#[inline]
#[expect(clippy::indexing_slicing, reason = "a tail is shorter than a block, and there are two")]
fn finish(mut state: [u32; 8], rest: &[u8]) -> [u8; 32] {
    let (whole, tail) = rest.as_chunks::<BLOCK>();
    if !whole.is_empty() {
        compress256(&mut state, whole);
    }
    let mut last = [0; 2 * BLOCK];
    let len = if tail.len() + PADDING_MIN <= BLOCK { BLOCK } else { 2 * BLOCK };
    let bits = u64::try_from(BLOCK + rest.len()).expect("values are shorter than 2^61 bytes") * 8;
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
