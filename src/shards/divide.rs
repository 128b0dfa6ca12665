//! Divides inputs into shards of about the same number of bytes.
//!
//! All inputs in a row are one text, which is divided at equal distances. Where a boundary falls into an
//! input that can be read in ranges, the input is cut there. Any other input goes to the shard that its
//! middle is in. An input that is small compared with a shard is not cut: that would cost a look at its
//! format, and gain little.

use std::collections::BTreeSet;

use super::Piece;
use crate::store::{ByteRange, Listed};

/// An input is cut only if it is larger than this share of a shard.
const CUT_SHARE: u128 = 16;

/// The boundaries between shards in the text that all inputs make.
#[derive(Clone, Copy)]
struct Boundaries {
    bytes: u128,
    shards: u128,
}

impl Boundaries {
    fn new(files: &[Listed], shards: u32) -> Boundaries {
        let bytes = files.iter().map(|file| u128::from(file.bytes)).sum();
        Boundaries { bytes, shards: u128::from(shards.max(1)) }
    }

    /// The offset at which a shard begins.
    fn start(self, shard: u128) -> u128 {
        self.bytes * shard / self.shards
    }

    /// The shard that the byte at an offset is in.
    fn shard_at(self, offset: u128) -> u128 {
        let reached = ((offset + 1) * self.shards).div_ceil(self.bytes.max(1));
        reached.saturating_sub(1).min(self.shards - 1)
    }

    /// The first and the last shard that have bytes of an input.
    fn shards_of(self, offset: u128, bytes: u64) -> (u128, u128) {
        let last = offset + u128::from(bytes.saturating_sub(1));
        (self.shard_at(offset), self.shard_at(last))
    }

    fn is_worth_a_cut(self, offset: u128, bytes: u64) -> bool {
        let (first, last) = self.shards_of(offset, bytes);
        first < last && self.bytes < u128::from(bytes) * CUT_SHARE * self.shards
    }
}

/// The inputs that would be cut if they can be read in ranges, by their indices.
pub fn candidates(files: &[Listed], shards: u32) -> Vec<usize> {
    let boundaries = Boundaries::new(files, shards);
    let mut offset = 0;
    let mut found = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if boundaries.is_worth_a_cut(offset, file.bytes) {
            found.push(index);
        }
        offset += u128::from(file.bytes);
    }
    found
}

/// Divides inputs among shards. `cut`: the candidates that can be read in ranges.
pub fn divide(files: Vec<Listed>, shards: u32, cut: &BTreeSet<usize>) -> Vec<Piece> {
    let boundaries = Boundaries::new(&files, shards);
    let mut offset = 0;
    let mut pieces = Vec::with_capacity(files.len());
    for (index, file) in files.into_iter().enumerate() {
        let bytes = u128::from(file.bytes);
        if cut.contains(&index) {
            pieces.extend(pieces_of(&file, offset, boundaries));
        } else {
            let shard = boundaries.shard_at(offset + bytes / 2);
            pieces.push(Piece { shard: small(shard), listed: file });
        }
        offset += bytes;
    }
    pieces
}

/// The pieces of an input that begins at an offset.
fn pieces_of(file: &Listed, offset: u128, boundaries: Boundaries) -> Vec<Piece> {
    let end = offset + u128::from(file.bytes);
    let (first, last) = boundaries.shards_of(offset, file.bytes);
    let mut pieces = Vec::new();
    for shard in first..=last {
        let from = boundaries.start(shard).max(offset);
        let to = if shard == last { end } else { boundaries.start(shard + 1).min(end) };
        if from < to {
            let range = ByteRange { from: wide(from - offset), to: wide(to - offset) };
            let range = (range != ByteRange { from: 0, to: file.bytes }).then_some(range);
            pieces.push(Piece { shard: small(shard), listed: Listed { range, ..file.clone() } });
        }
    }
    pieces
}

fn small(shard: u128) -> u32 {
    u32::try_from(shard).expect("at most as many shards as were asked for")
}

fn wide(bytes: u128) -> u64 {
    u64::try_from(bytes).expect("at most the length of an input")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::shards::SHARDS_MAX;
    use crate::store::Stamp;

    fn file(index: usize, bytes: u64) -> Listed {
        let stamp = Stamp::ETag(format!("\"{index}\""));
        Listed { name: format!("s3://b/{index:07}.json"), bytes, stamp, range: None }
    }

    fn files(sizes: &[u64]) -> Vec<Listed> {
        sizes.iter().enumerate().map(|(index, bytes)| file(index, *bytes)).collect()
    }

    /// The pieces, as shard, input, and range.
    fn divided(sizes: &[u64], shards: u32, cut: &[usize]) -> Vec<(u32, usize, u64, u64)> {
        let cut = cut.iter().copied().collect();
        let pieces = divide(files(sizes), shards, &cut);
        let described = |piece: Piece| {
            let name = piece.listed.name.strip_prefix("s3://b/").expect("a name");
            let name = name.strip_suffix(".json").expect("a name");
            let index = name.parse().expect("a number");
            let whole = ByteRange { from: 0, to: piece.listed.bytes };
            let range = piece.listed.range.unwrap_or(whole);
            (piece.shard, index, range.from, range.to)
        };
        pieces.into_iter().map(described).collect()
    }

    #[test]
    fn an_input_is_cut_at_equal_distances_or_stays_whole() {
        assert_eq!(divided(&[10], 3, &[0]), [(0, 0, 0, 3), (1, 0, 3, 6), (2, 0, 6, 10)]);
        assert_eq!(divided(&[10], 3, &[]), [(1, 0, 0, 10)]);
        assert_eq!(divided(&[2], 4, &[0]), [(1, 0, 0, 1), (3, 0, 1, 2)]);
        assert_eq!(divided(&[6, 6], 2, &[]), [(0, 0, 0, 6), (1, 1, 0, 6)]);
        assert_eq!(divided(&[4, 8], 2, &[1]), [(0, 0, 0, 4), (0, 1, 0, 2), (1, 1, 2, 8)]);
        assert_eq!(divided(&[], 3, &[]), []);
    }

    #[test]
    fn only_inputs_that_are_large_and_on_a_boundary_are_looked_at() {
        assert_eq!(candidates(&files(&[100]), 3), [0]);
        assert_eq!(candidates(&files(&[100]), 1), [0_usize; 0]);
        assert_eq!(candidates(&files(&[50, 50]), 2), [0_usize; 0]);
        assert_eq!(candidates(&files(&[40, 60]), 2), [1]);
        assert_eq!(candidates(&files(&[1; 99]), 2), [0_usize; 0], "1 byte of 50");
    }

    proptest! {
        /// Every byte is in one piece, pieces are in order, and shards that may cut everything differ
        /// by little.
        #[test]
        fn every_byte_is_in_one_piece(
            sizes in vec(1_u64..2000, 0..40),
            shards in 1_u32..50,
            whole in any::<u64>(),
        ) {
            let all = files(&sizes);
            let can_be_cut = |index: &usize| whole >> (index % 64) & 1 == 0;
            let cut: BTreeSet<usize> =
                candidates(&all, shards).into_iter().filter(can_be_cut).collect();
            let pieces = divide(all, shards, &cut);
            let mut next = (0, 0);
            let mut shard = 0;
            for piece in &pieces {
                let bytes = piece.listed.bytes;
                let range = piece.listed.range.unwrap_or(ByteRange { from: 0, to: bytes });
                prop_assert_eq!(&piece.listed.name, &file(next.0, 1).name);
                prop_assert!(range.from == next.1 && range.from < range.to && range.to <= bytes);
                prop_assert!(shard <= piece.shard && piece.shard < shards);
                shard = piece.shard;
                next = if range.to == bytes { (next.0 + 1, 0) } else { (next.0, range.to) };
            }
            prop_assert_eq!(next, (sizes.len(), 0));
        }
    }

    /// A million objects are divided at once, and few of them have to be looked at.
    #[test]
    fn a_million_objects_are_divided_in_one_pass() {
        let sizes: Vec<u64> = (0..1_000_000).map(|index| 1 + index * 7919 % 100_000).collect();
        let all = files(&sizes);
        assert_eq!(candidates(&all, 100), [0_usize; 0]);
        assert!(candidates(&all, SHARDS_MAX).len() < 10_000);
        let total: u64 = sizes.iter().sum();
        let mut loads = [0_u64; 100];
        for piece in divide(all, 100, &BTreeSet::new()) {
            loads[usize::try_from(piece.shard).expect("below 100")] += piece.listed.bytes;
        }
        assert!(loads.iter().all(|load| load.abs_diff(total / 100) <= 100_000), "{loads:?}");
    }
}
