//! SHA-256 (FIPS 180-4) of sixteen messages side by side.
//!
//! The algorithm works on 32-bit words, one step after the other, so one message cannot be hashed
//! faster by wider registers. Sixteen independent messages can: each word of the algorithm becomes
//! an array of sixteen, [`Words`], in which lane `i` belongs to message `i`, and each step is done
//! in all lanes.
//!
//! ```text
//!                 lane 0       lane 1       …  lane 15
//! state word a    message 0    message 1    …  message 15
//! state word b    message 0    message 1    …  message 15
//! ```
//!
//! There are no intrinsics: steps are loops over arrays, and the compiler turns a loop into one
//! instruction where registers hold sixteen words (AVX-512), or into two where they hold eight
//! (AVX2). The same code is compiled once for each [`Level`]. `unsafe` is needed only to call what
//! was compiled for instructions that this processor has.
//!
//! All messages take the same number of blocks; `crypto` passes only those that fit one block.

use std::ops::Add;

use super::Level;

/// The number of messages that are hashed side by side.
pub const LANES: usize = 16;

/// One 32-bit word of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Words(pub [u32; LANES]);

/// The hash state, eight words. Section 5.3.3 has the initial one.
pub type HashState = [Words; 8];

/// A message block, sixteen words.
pub type Block = [Words; 16];

/// Whether sixteen messages side by side take this processor less time than one after the other.
///
/// A processor with SHA instructions is faster with those, unless all lanes fit one register.
pub fn is_faster() -> bool {
    match Level::used() {
        Level::Avx512 => true,
        Level::Avx2 => !has_sha_instructions(),
        Level::Baseline => false,
    }
}

#[cfg(target_arch = "x86_64")]
fn has_sha_instructions() -> bool {
    std::arch::is_x86_feature_detected!("sha")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_sha_instructions() -> bool {
    true
}

/// Adds a block of each message to its state. Overwrites the blocks.
pub fn compress(state: &mut HashState, block: &mut Block) {
    compress_at(Level::used(), state, block);
}

/// [`compress`] with the instructions of a level, or of the highest that the processor has.
#[expect(unsafe_code, reason = "calls what was compiled for instructions that are there")]
fn compress_at(level: Level, state: &mut HashState, block: &mut Block) {
    match level.min(Level::detected()) {
        // SAFETY: the processor has the instructions that the function was compiled for: it has
        // those of the detected level and of all lower ones.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { compress_avx512(state, block) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { compress_avx2(state, block) },
        _ => compress_plain(state, block),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn compress_avx512(state: &mut HashState, block: &mut Block) {
    compress_plain(state, block);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn compress_avx2(state: &mut HashState, block: &mut Block) {
    compress_plain(state, block);
}

/// The compression function (section 6.2.2), compiled for the instructions of each caller.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn compress_plain(state: &mut HashState, block: &mut Block) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (round, constant) in ROUND_CONSTANTS.iter().enumerate() {
        let word = scheduled(block, round);
        let chosen = each3(e, f, g, |e, f, g| (e & f) ^ (!e & g));
        let t1 = h + big_sigma(e, [6, 11, 25]) + chosen + Words([*constant; LANES]) + word;
        let majority = each3(a, b, c, |a, b, c| (a & b) ^ (a & c) ^ (b & c));
        let t2 = big_sigma(a, [2, 13, 22]) + majority;
        (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
    }
    for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = *word + new;
    }
}

/// The word of the message schedule for a round. Replaces the word of sixteen rounds before, which
/// is no longer needed.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
#[expect(clippy::indexing_slicing, reason = "indices are modulo the block's sixteen words")]
fn scheduled(block: &mut Block, round: usize) -> Words {
    let at = |back: usize| (round + 16 - back) % 16;
    if 16 <= round {
        let s0 = small_sigma(block[at(15)], [7, 18], 3);
        let s1 = small_sigma(block[at(2)], [17, 19], 10);
        block[at(16)] = block[at(16)] + s0 + block[at(7)] + s1;
    }
    block[at(16)]
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
fn big_sigma(words: Words, [x, y, z]: [u32; 3]) -> Words {
    each3(words, words, words, |w, _, _| w.rotate_right(x) ^ w.rotate_right(y) ^ w.rotate_right(z))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
fn small_sigma(words: Words, [x, y]: [u32; 2], shift: u32) -> Words {
    each3(words, words, words, |w, _, _| w.rotate_right(x) ^ w.rotate_right(y) ^ (w >> shift))
}

/// Applies a function to each lane of three words. A `while` loop, since iterators are slow in
/// unoptimized builds, and tests hash a lot.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
#[expect(clippy::indexing_slicing, reason = "a lane is below LANES")]
fn each3(a: Words, b: Words, c: Words, f: impl Fn(u32, u32, u32) -> u32) -> Words {
    let mut out = Words([0; LANES]);
    let mut lane = 0;
    while lane < LANES {
        out.0[lane] = f(a.0[lane], b.0[lane], c.0[lane]);
        lane += 1;
    }
    out
}

impl Add for Words {
    type Output = Words;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]
    fn add(self, other: Words) -> Words {
        each3(self, other, other, |a, b, _| a.wrapping_add(b))
    }
}

/// The constants of the 64 rounds (section 4.2.2).
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::block_api::compress256;

    use super::*;

    proptest! {
        /// Every level agrees with the `sha2` crate on each message.
        #[test]
        fn agrees_with_hashing_one_after_the_other(
            states in proptest::collection::vec(any::<[u32; 8]>(), LANES),
            blocks in proptest::collection::vec(any::<[[u8; 4]; 16]>(), LANES),
        ) {
            let mut state = [Words([0; LANES]); 8];
            let mut block = [Words([0; LANES]); 16];
            for lane in 0..LANES {
                for (word, of) in state.iter_mut().zip(states[lane]) {
                    word.0[lane] = of;
                }
                for (word, of) in block.iter_mut().zip(blocks[lane]) {
                    word.0[lane] = u32::from_be_bytes(of);
                }
            }
            let (before, block_before) = (state, block);
            compress_plain(&mut state, &mut block);
            for level in Level::ALL {
                let (mut at_level, mut block) = (before, block_before);
                compress_at(level, &mut at_level, &mut block);
                prop_assert_eq!(at_level, state, "{:?}", level);
            }
            for lane in 0..LANES {
                let mut expected = states[lane];
                let bytes: [u8; 64] = blocks[lane].concat().try_into().unwrap();
                compress256(&mut expected, &[bytes]);
                prop_assert_eq!(state.map(|word| word.0[lane]), expected);
            }
        }
    }
}
