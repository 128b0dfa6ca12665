//! Finds the special characters of a format, between which the values are. Their meaning is not
//! determined.

/// The special characters of a format.
pub(crate) type Marks = [u8; 3];

pub(crate) const OF_JSON: Marks = *b"\"\\\n";
pub(crate) const OF_CSV: Marks = *b"\",\n";

const BLOCK: usize = 64;
const BLOCK_LENGTH: u32 = 64;

/// Scans blocks, with one bit per byte.
pub(crate) fn by_blocks(text: &[u8], wanted: Marks, places: &mut Vec<u32>) {
    places.clear();
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let mut start = 0;
    for block in blocks {
        let mut bits = bits(block, wanted);
        while bits != 0 {
            places.push(start + bits.trailing_zeros());
            bits &= bits - 1;
        }
        start += BLOCK_LENGTH;
    }
}

/// Scans eight bytes at a time, which the compiler turns into a few vector instructions.
fn bits(block: &[u8; BLOCK], wanted: Marks) -> u64 {
    const BITS: [u8; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
    let mut all = [0; 8];
    for (some, bytes) in all.iter_mut().zip(block.as_chunks::<8>().0) {
        let bits = bytes.iter().zip(BITS);
        let bits = bits.map(|(byte, bit)| if wanted.contains(byte) { bit } else { 0 });
        *some = bits.fold(0, |some, bit| some | bit);
    }
    u64::from_le_bytes(all)
}

/// Uses the search for three bytes of `memchr`, which is vectorized on most processors.
pub(crate) fn by_memchr(text: &[u8], [one, two, three]: Marks, places: &mut Vec<u32>) {
    places.clear();
    let found = memchr::memchr3_iter(one, two, three, text);
    places.extend(found.filter_map(|place| u32::try_from(place).ok()));
}
