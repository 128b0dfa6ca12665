//! What a scan reads if it does not read everything: `segprep scan --sample`, and by itself of more than 100 GB.
//!
//! Lines of JSON are read in blocks, spread over the whole text, and other inputs whole. A block or an input is
//! read if less than the wanted share of what was listed before it is read. So the first one always is, and
//! which ones are depends on the listing alone.

use crate::discover::SampleNote;
use crate::store::{ByteRange, Listed, Stamp};

/// More listed bytes are not all read, unless somebody asks for it.
const LARGE_BYTES: u64 = 100_000_000_000;
/// So many of them are read instead.
const SAMPLED_BYTES: u64 = 10_000_000_000;
/// A text has about so many blocks, of these sizes.
const BLOCKS: u64 = 4_096;
const BLOCK_LEAST: u64 = 64 << 10;
const BLOCK_MOST: u64 = 64 << 20;

/// The share of the inputs that is to be read. `None`: all of them.
pub(super) fn share_of(wanted: Option<f64>, reads_all: bool, files: &[Listed]) -> Option<f64> {
    let bytes = bytes_of(files);
    let is_large = LARGE_BYTES < bytes && !reads_all;
    let by_itself = is_large.then(|| as_float(SAMPLED_BYTES) / as_float(bytes));
    wanted.or(by_itself).filter(|share| *share < 1.0)
}

/// The inputs, and those of their blocks, that are read. `are_plain`: which can be read in blocks.
pub(super) fn sampled(
    files: Vec<Listed>,
    are_plain: &[bool],
    share: f64,
) -> (Vec<Listed>, SampleNote) {
    let (of_files, of_bytes) = (wide(files.len()), bytes_of(&files));
    let block = (of_bytes / BLOCKS).clamp(BLOCK_LEAST, BLOCK_MOST);
    let mut chosen = Chosen { share, seen: 0, read: 0, files: 0, listed: Vec::new() };
    for (index, file) in files.into_iter().enumerate() {
        let read_before = chosen.listed.len();
        if are_plain.get(index) == Some(&true) {
            chosen.add_blocks(&file, block);
        } else if chosen.takes(file.bytes) || file.stamp == Stamp::Stream {
            chosen.listed.push(file);
        }
        chosen.files += u64::from(read_before < chosen.listed.len());
    }
    let note = SampleNote { files: chosen.files, of_files, bytes: chosen.read, of_bytes };
    (chosen.listed, note)
}

struct Chosen {
    share: f64,
    /// Bytes that were listed so far, and of these the ones that are read.
    seen: u64,
    read: u64,
    /// The number of files of which something is read.
    files: u64,
    listed: Vec<Listed>,
}

impl Chosen {
    /// Whether the next bytes are read.
    fn takes(&mut self, bytes: u64) -> bool {
        let is_read = as_float(self.read) <= self.share * as_float(self.seen);
        self.seen += bytes;
        self.read += if is_read { bytes } else { 0 };
        is_read
    }

    /// Blocks that adjoin are one.
    fn add_blocks(&mut self, file: &Listed, block: u64) {
        let mut range: Option<ByteRange> = None;
        let mut from = 0;
        while from < file.bytes {
            let to = file.bytes.min(from + block);
            if self.takes(to - from) {
                range = Some(ByteRange { from: range.map_or(from, |range| range.from), to });
            } else {
                self.end_range(file, range.take());
            }
            from = to;
        }
        self.end_range(file, range);
    }

    fn end_range(&mut self, file: &Listed, range: Option<ByteRange>) {
        self.listed.extend(range.map(|_| Listed { range, ..file.clone() }));
    }
}

fn bytes_of(files: &[Listed]) -> u64 {
    files.iter().fold(0, |all: u64, file| all.saturating_add(file.bytes))
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn as_float(bytes: u64) -> f64 {
    crate::report::quantities::as_float(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(number: usize, bytes: u64) -> Listed {
        let stamp = Stamp::Stream;
        Listed { name: format!("{number:03}"), bytes, stamp, range: None }
    }

    #[test]
    fn much_is_not_all_read_by_itself() {
        let gigabytes = |number: u64| [file(0, number * 1_000_000_000)];
        assert_eq!(share_of(None, false, &gigabytes(100)), None);
        assert_eq!(share_of(None, false, &gigabytes(200)), Some(0.05));
        assert_eq!(share_of(None, true, &gigabytes(200)), None);
        assert_eq!(share_of(Some(0.5), true, &gigabytes(200)), Some(0.5));
        assert_eq!(share_of(Some(1.0), false, &gigabytes(1)), None);
    }

    proptest! {
        #[test]
        fn a_share_of_a_text_is_read_in_ranges_that_are_apart(
            sizes in proptest::collection::vec(0_u64..40_000_000, 1..6),
            share in 0.001_f64..0.999,
        ) {
            let files: Vec<Listed> =
                sizes.iter().enumerate().map(|(number, bytes)| file(number, *bytes)).collect();
            let (listed, note) = sampled(files, &vec![true; sizes.len()], share);
            let read: u64 = listed.iter().map(Listed::bytes_to_read).sum();
            let all: u64 = sizes.iter().sum();
            prop_assert_eq!((read, all), (note.bytes, note.of_bytes));
            // No more than one block is missing or too much.
            let wanted = share * as_float(all);
            let block = as_float((all / BLOCKS).clamp(BLOCK_LEAST, BLOCK_MOST));
            prop_assert!((as_float(read) - wanted).abs() <= block, "{} of {}", read, all);
            let are_apart = listed.windows(2).all(|pair| {
                let [one, next] = pair else { return false };
                let (one_range, next_range) = (one.range.expect("a range"), next.range.expect("a range"));
                one.name < next.name || one_range.to < next_range.from
            });
            prop_assert!(are_apart);
        }

        #[test]
        fn other_inputs_are_read_whole(
            sizes in proptest::collection::vec(1_u64..1_000_000, 1..200), share in 0.01_f64..0.99,
        ) {
            let stamp = Stamp::ETag("1".into());
            let files = sizes.iter().enumerate();
            let files: Vec<Listed> =
                files.map(|(number, bytes)| Listed { stamp: stamp.clone(), ..file(number, *bytes) }).collect();
            let (listed, note) = sampled(files.clone(), &[], share);
            prop_assert_eq!(listed.first(), files.first());
            prop_assert_eq!(note.files, wide(listed.len()));
            let read = as_float(listed.iter().map(|listed| listed.bytes).sum());
            let most = as_float(*sizes.iter().max().expect("a size"));
            prop_assert!((read - share * as_float(note.of_bytes)).abs() <= most);
        }
    }
}
