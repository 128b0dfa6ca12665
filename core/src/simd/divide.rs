//! Splits a CSV record into cells, 64 bytes at a time.
//!
//! A delimiter separates cells only outside of quotes, and a byte is inside quotes if the number of
//! quotes up to it is odd. So for each block of 64 bytes:
//!
//! 1. mark the delimiters and the quotes, one bit for each byte (see `marks`);
//! 2. get the parity of the quotes up to each byte, as the prefix XOR of their bits: six shifts for
//!    all 64 bytes;
//! 3. clear the delimiters where the parity is odd. A cell starts after each of those left.
//!
//! ```text
//! record       a,"b,c",d
//! delimiters   .1..1..1.
//! quotes       ..1...1..
//! inside       ..1111...   prefix XOR of quotes
//! outside      .1.....1.   delimiters without those inside
//! ```
//!
//! A doubled quote inside a cell (`"a ""b"" c"`) flips the parity twice, and so leaves it right for
//! all that follows. Most blocks have no quote and are not in one; they skip step 2.
//!
//! Three bits are carried from one block to the next: whether the block ended inside quotes,
//! whether its last byte was a quote, and whether its last byte ended a cell.
//!
//! The record must have passed the check of `decode::frame`: each quoted cell is closed, and
//! followed by a delimiter or the end. A quote in the middle of an unquoted cell is text, and
//! parity would be wrong after it: it is detected ([`CellIndex::has_bare_quote`]), and the caller
//! then splits the record in another way.
//!
//! `starts` always has room for one block more than the cells that are wanted, so the starts of a
//! block are written eight at a time without a check for each.

#![expect(clippy::inline_always, reason = "compiled for the instructions of each caller")]

use super::marks::{ByteSet, low_bits, with_block};
use super::{Level, Span};

/// Bytes in a block; each is one bit of a mask.
const BLOCK: usize = 64;

/// Bytes in an unquoted cell that JSON must escape.
const ESCAPES: ByteSet<1> = ByteSet::of([b'\\']).and_controls();

/// The cells of one record. The memory is reused from record to record.
#[derive(Debug, Default)]
pub struct CellIndex {
    starts: Vec<u32>,
    quoted: Vec<usize>,
    count: usize,
    quotes: Quotes,
    has_escapes: bool,
}

/// What is known of the quotes of a record up to the current block.
#[derive(Debug, Default)]
struct Quotes {
    /// All bits if the block begins inside quotes, else none.
    open: u64,
    /// Bit 0 if the byte before the block is a quote.
    after_quote: u64,
    /// Bit 0 if the byte before the block ends a cell, or the record begins here.
    after_cell: u64,
    has_doubled: bool,
    has_bare: bool,
}

impl CellIndex {
    /// The number of cells. If it is larger than the number asked for, counting stopped there.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The start of each cell in the source, and where one more would start: cell `i` ends one byte
    /// before start `i + 1`.
    pub fn starts(&self) -> &[u32] {
        self.starts.get(..=self.count).unwrap_or(&[])
    }

    /// The cells that begin with a quote, by index.
    pub fn quoted(&self) -> &[usize] {
        &self.quoted
    }

    /// Whether any quoted cell contains a doubled quote.
    pub fn has_doubled_quotes(&self) -> bool {
        self.quotes.has_doubled
    }

    /// Whether a cell that does not begin with a quote contains one. If so, the
    /// rest of the index is wrong for this record.
    pub fn has_bare_quote(&self) -> bool {
        self.quotes.has_bare
    }

    /// Whether the record contains a backslash or a byte below 0x20.
    pub fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// Finds the cells of a record; stops once there are more than `max_cells`. The record must be
    /// within the first 4 GiB of its source.
    pub fn find(&mut self, record: Span<'_>, delimiter: u8, max_cells: usize) {
        self.find_at(Level::used(), record, delimiter, max_cells);
    }

    /// Finds the cells with the instructions of a level, or of the highest that there is.
    #[expect(unsafe_code, reason = "calls what was compiled for instructions that are there")]
    fn find_at(&mut self, level: Level, record: Span<'_>, delimiter: u8, max_cells: usize) {
        match level.min(Level::detected()) {
            // SAFETY: the processor has the instructions that the function was compiled for: it has
            // those of the detected level and of all lower ones.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => unsafe { self.find_avx2(record, delimiter, max_cells) },
            _ => self.find_plain(record, delimiter, max_cells),
        }
    }

    /// [`find_plain`](Self::find_plain), compiled for AVX2, BMI and POPCNT.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn find_avx2(&mut self, record: Span<'_>, delimiter: u8, max_cells: usize) {
        self.find_plain(record, delimiter, max_cells);
    }

    #[inline(always)]
    fn find_plain(&mut self, record: Span<'_>, delimiter: u8, max_cells: usize) {
        self.starts.resize(max_cells + BLOCK + 1, 0);
        self.quoted.clear();
        self.quotes = Quotes { after_cell: 1, ..Quotes::default() };
        self.has_escapes = false;
        self.count = 1;
        self.set_start(0, record.start);
        let mut at = 0;
        while at < record.len && self.count <= max_cells {
            let marks = with_block(record.source, record.start + at, |block| Marks {
                delimiters: ByteSet::of([delimiter]).marks64(block),
                quotes: ByteSet::of([b'"']).marks64(block),
                escapes: ESCAPES.marks64(block),
            });
            self.add_block(marks.within(record.len - at), record.start + at);
            at += BLOCK;
        }
        self.set_start(self.count, record.start + record.len + 1);
    }

    /// Adds the cells of the block that begins at byte `start` of the source.
    #[inline(always)]
    fn add_block(&mut self, marks: Marks, start: usize) {
        let mut delimiters = marks.delimiters;
        if marks.quotes | self.quotes.open != 0 {
            delimiters = self.add_quotes(marks);
        }
        self.quotes.after_quote = marks.quotes >> (BLOCK - 1);
        self.quotes.after_cell = delimiters >> (BLOCK - 1);
        self.has_escapes |= marks.escapes != 0;
        self.push_starts(delimiters, start + 1);
    }

    /// Notes the quoted cells of a block. Returns its delimiters outside of quotes.
    #[inline(never)]
    fn add_quotes(&mut self, Marks { delimiters, quotes, .. }: Marks) -> u64 {
        let inside = prefix_xor(quotes) ^ self.quotes.open;
        let outside = delimiters & !inside;
        // A quote that opens follows the end of a cell; if it follows a quote, the two are one
        // doubled quote; anywhere else it is bare.
        let opening = quotes & inside;
        let after_cell = outside << 1 | self.quotes.after_cell;
        let after_quote = quotes << 1 | self.quotes.after_quote;
        self.quotes.has_doubled |= opening & after_quote & !after_cell != 0;
        self.quotes.has_bare |= opening & !after_quote & !after_cell != 0;
        self.quotes.open = if inside >> (BLOCK - 1) == 0 { 0 } else { u64::MAX };
        let mut cells = opening & after_cell;
        while cells != 0 {
            let before = outside & ((cells & cells.wrapping_neg()) - 1);
            self.quoted.push(self.count - 1 + count_ones(before));
            cells &= cells - 1;
        }
        outside
    }

    /// Adds the cell that starts after each delimiter. `first` is the start of the cell that follows
    /// a delimiter in bit 0.
    #[inline(always)]
    fn push_starts(&mut self, delimiters: u64, first: usize) {
        let Some(room) = self.starts.get_mut(self.count..).and_then(<[u32]>::first_chunk_mut)
        else {
            return;
        };
        write_positions(delimiters, narrow(first), room);
        self.count += count_ones(delimiters);
    }

    fn set_start(&mut self, cell: usize, start: usize) {
        if let Some(place) = self.starts.get_mut(cell) {
            *place = narrow(start);
        }
    }
}

/// Writes the positions of the bits that are set, counted from `first`. Always writes whole groups
/// of eight, so `room` holds arbitrary numbers after the last position.
#[inline(always)]
fn write_positions(mut bits: u64, first: u32, room: &mut [u32; BLOCK]) {
    const LAST: u64 = 1 << (BLOCK - 1);
    for eight in room.as_chunks_mut::<8>().0 {
        for place in eight {
            *place = first.wrapping_add((bits | LAST).trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 {
            break;
        }
    }
}

/// Sets bit i of the result if an odd number of the bits 0 to i are set.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[inline(always)]
#[expect(clippy::as_conversions, reason = "at most 64")]
fn count_ones(bits: u64) -> usize {
    bits.count_ones() as usize
}

fn narrow(position: usize) -> u32 {
    u32::try_from(position).expect("a record is within the first 4 GiB of its source")
}

/// The bytes of a block that matter, one bit for each byte.
#[derive(Clone, Copy, Debug)]
struct Marks {
    delimiters: u64,
    quotes: u64,
    /// Backslashes and bytes below 0x20.
    escapes: u64,
}

impl Marks {
    /// The marks of the first `len` bytes; `len` is at least 1.
    #[inline]
    fn within(self, len: usize) -> Marks {
        let inside = low_bits(len);
        Marks {
            delimiters: self.delimiters & inside,
            quotes: self.quotes & inside,
            escapes: self.escapes & inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Cells that were joined are split again.
        #[test]
        #[cfg_attr(miri, ignore = "cases made from patterns take too long there")]
        fn finds_cells_and_their_quotes(
            cells in proptest::collection::vec(
                prop_oneof!["[a-zé]{0,9}", "[a-z]{50,80}", "\"([a-z,]|\"\"|\n){0,70}\""],
                1..40,
            ),
            before in "[,\"a]{0,9}",
            after in "[,\"a]{0,99}",
            more in 0_usize..3,
        ) {
            let record = cells.join(",");
            let source = format!("{before}{record}{after}");
            let span = Span { source: source.as_bytes(), start: before.len(), len: record.len() };
            let mut index = CellIndex::default();
            index.find(span, b',', cells.len() + more);
            for level in Level::ALL {
                let mut at_level = CellIndex::default();
                at_level.find_at(level, span, b',', cells.len() + more);
                prop_assert_eq!(at_level.starts(), index.starts(), "{:?}", level);
                prop_assert_eq!(at_level.quoted(), index.quoted(), "{:?}", level);
            }
            prop_assert!(!index.has_bare_quote());
            let ends = index.starts().iter().skip(1);
            let found: Vec<&str> = index.starts().iter().zip(ends).map(|(start, end)| {
                let (start, end) = (usize::try_from(*start).unwrap(), usize::try_from(*end).unwrap());
                source.get(start..end - 1).unwrap()
            }).collect();
            prop_assert_eq!(&found, &cells);
            let quoted = cells.iter().enumerate().filter(|(_, cell)| cell.starts_with('"'));
            let quoted: Vec<usize> = quoted.map(|(cell, _)| cell).collect();
            prop_assert_eq!(index.quoted(), &quoted);
            let is_doubled = |cell: &String| 2 < cell.matches('"').count();
            prop_assert_eq!(index.has_doubled_quotes(), cells.iter().any(is_doubled));
            prop_assert_eq!(index.has_escapes(), record.contains('\n'));
        }

        /// Bare quotes are detected, and so are more cells than were asked for.
        #[test]
        #[cfg_attr(miri, ignore = "cases made from patterns take too long there")]
        fn detects_bare_quotes_and_too_many_cells(
            cells in proptest::collection::vec(
                prop_oneof!["[a-z]{0,70}", "\"([a-z,]|\"\"){0,70}\""], 0..9,
            ),
            bare in "[a-z]{1,9}\"[a-z]{0,9}",
            max_cells in 0_usize..9,
        ) {
            let mut index = CellIndex::default();
            let record = cells.join(",");
            index.find(Span::whole(record.as_bytes()), b',', max_cells);
            let count = cells.len().max(1);
            prop_assert_eq!(max_cells < index.count(), max_cells < count);
            let record = [cells.as_slice(), &[bare]].concat().join(",");
            index.find(Span::whole(record.as_bytes()), b',', cells.len() + 1);
            prop_assert!(index.has_bare_quote());
        }
    }
}
