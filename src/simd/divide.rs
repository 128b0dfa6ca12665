//! Where the cells of a record of CSV begin: 64 bytes at a time, and for all cells of a block at
//! once whether they stand in quotes.

#![expect(clippy::inline_always, reason = "each caller's instructions are used")]

use super::{Level, Span};

/// Bytes that are looked at together, a bit each.
const BLOCK: usize = 64;

/// The cells of one record, found again and again in the same memory.
#[derive(Debug, Default)]
pub struct Divided {
    starts: Vec<u32>,
    /// The cells that begin with a quote, by their number.
    quoted: Vec<usize>,
    cells: usize,
    quotes: Quotes,
    has_escapes: bool,
}

/// What is known of a record's quotes up to a block.
#[derive(Debug, Default)]
struct Quotes {
    /// All bits, if the block begins in a quoted cell.
    open: u64,
    /// One bit, if the byte before the block is a quote; or if it ends a cell, or there is none.
    after_quote: u64,
    after_cell: u64,
    has_doubled: bool,
    has_bare: bool,
}

impl Divided {
    /// How many cells there are; if more than were asked for, it says no more than that.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Where in the source each cell begins, and behind them where one more would.
    pub fn starts(&self) -> &[u32] {
        self.starts.get(..=self.cells).unwrap_or(&[])
    }

    /// The numbers of the cells that begin with a quote.
    pub fn quoted(&self) -> &[usize] {
        &self.quoted
    }

    /// Whether a cell that begins with a quote holds doubled ones.
    pub fn has_doubled_quotes(&self) -> bool {
        self.quotes.has_doubled
    }

    /// Whether a cell that does not begin with a quote holds one. Then nothing else here is so.
    pub fn has_bare_quote(&self) -> bool {
        self.quotes.has_bare
    }

    /// Whether there is a backslash, or a byte below 0x20.
    pub fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// Finds the cells of a record, `most` of them, which lies in the first 4 GiB of its source. Its
    /// quoted cells are closed and followed by a delimiter or the end.
    pub fn find(&mut self, record: Span<'_>, delimiter: u8, most: usize) {
        self.find_at(Level::used(), record, delimiter, most);
    }

    /// The same by the instructions of a level, or by the highest that the processor has.
    #[expect(unsafe_code, reason = "calls what was compiled for instructions that are there")]
    fn find_at(&mut self, level: Level, record: Span<'_>, delimiter: u8, most: usize) {
        match level.min(Level::detected()) {
            // SAFETY: the processor was asked for these instructions.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => unsafe { self.find_avx2(record, delimiter, most) },
            _ => self.find_plain(record, delimiter, most),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn find_avx2(&mut self, record: Span<'_>, delimiter: u8, most: usize) {
        self.find_plain(record, delimiter, most);
    }

    /// Inlined, so that each caller's instructions are used.
    #[inline(always)]
    fn find_plain(&mut self, record: Span<'_>, delimiter: u8, most: usize) {
        self.starts.resize(most + BLOCK + 1, 0);
        self.quoted.clear();
        self.quotes = Quotes { after_cell: 1, ..Quotes::default() };
        self.has_escapes = false;
        self.cells = 1;
        self.set_start(0, record.start);
        let mut at = 0;
        while at < record.len && self.cells <= most {
            let here = record.source.get(record.start + at..).unwrap_or(&[]);
            let marks = match here.first_chunk() {
                Some(block) => block_marks(block, delimiter),
                None => block_marks(&padded(here), delimiter),
            };
            self.divide(marks.within(record.len - at), record.start + at);
            at += BLOCK;
        }
        self.set_start(self.cells, record.start + record.len + 1);
    }

    /// Takes in a block that begins at byte `start`.
    #[inline(always)]
    fn divide(&mut self, marks: Marks, start: usize) {
        let mut delimiters = marks.delimiters;
        if marks.quotes | self.quotes.open != 0 {
            delimiters = self.divide_quoted(marks);
        }
        self.quotes.after_quote = marks.quotes >> (BLOCK - 1);
        self.quotes.after_cell = delimiters >> (BLOCK - 1);
        self.has_escapes |= marks.escapes != 0;
        self.push_starts(delimiters, start + 1);
    }

    /// Gives the delimiters outside of quotes, and notes the quoted cells.
    #[inline(never)]
    fn divide_quoted(&mut self, Marks { delimiters, quotes, .. }: Marks) -> u64 {
        let inside = parities(quotes) ^ self.quotes.open;
        let outside = delimiters & !inside;
        let opening = quotes & inside;
        let after_cell = outside << 1 | self.quotes.after_cell;
        let after_quote = quotes << 1 | self.quotes.after_quote;
        self.quotes.has_doubled |= opening & after_quote & !after_cell != 0;
        self.quotes.has_bare |= opening & !after_quote & !after_cell != 0;
        self.quotes.open = if inside >> (BLOCK - 1) == 0 { 0 } else { u64::MAX };
        let mut cells = opening & after_cell;
        while cells != 0 {
            let before = outside & ((cells & cells.wrapping_neg()) - 1);
            self.quoted.push(self.cells - 1 + count(before));
            cells &= cells - 1;
        }
        outside
    }

    /// Notes that a cell begins behind each of these bytes. `first`: where one would behind the
    /// first of the block.
    #[inline(always)]
    fn push_starts(&mut self, delimiters: u64, first: usize) {
        let Some(room) = self.starts.get_mut(self.cells..).and_then(<[u32]>::first_chunk_mut)
        else {
            return;
        };
        write_places(delimiters, narrow(first), room);
        self.cells += count(delimiters);
    }

    fn set_start(&mut self, cell: usize, start: usize) {
        if let Some(place) = self.starts.get_mut(cell) {
            *place = narrow(start);
        }
    }
}

/// Writes the places of bits, the first bit's being `first`. What is behind them is not left as it
/// was: eight are written at once, however many there are.
#[inline(always)]
fn write_places(mut bits: u64, first: u32, room: &mut [u32; BLOCK]) {
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

/// A bit for each bit up to which an odd number of bits is set, itself among them.
fn parities(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[inline(always)]
#[expect(clippy::as_conversions, reason = "at most 64")]
fn count(bits: u64) -> usize {
    bits.count_ones() as usize
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("a record lies in the first 4 GiB of its source")
}

/// What is left near the end of a source, filled up with what nobody looks for.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b'.'; BLOCK];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

/// What a block is made of, a bit for each of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    delimiters: u64,
    quotes: u64,
    /// Backslashes, and what is below 0x20.
    escapes: u64,
}

impl Marks {
    /// Those of the first `len` bytes, at least one.
    #[inline]
    fn within(self, len: usize) -> Marks {
        let inside = u64::MAX >> (BLOCK - len.min(BLOCK));
        Marks {
            delimiters: self.delimiters & inside,
            quotes: self.quotes & inside,
            escapes: self.escapes & inside,
        }
    }
}

#[inline(always)]
fn block_marks(block: &[u8; BLOCK], delimiter: u8) -> Marks {
    let mut marks = Marks::default();
    for (part, shift) in block.as_chunks().0.iter().zip([0, 16, 32, 48]) {
        let [delimiters, quotes, escapes] = part_marks(part, delimiter);
        marks.delimiters |= u64::from(delimiters) << shift;
        marks.quotes |= u64::from(quotes) << shift;
        marks.escapes |= u64::from(escapes) << shift;
    }
    marks
}

/// Delimiters, quotes and escapes of 16 bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn part_marks(part: &[u8; 16], delimiter: u8) -> [u32; 3] {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: the load reads the 16 bytes that the reference is to, at any alignment; the rest
    // works on registers.
    let marks = unsafe {
        let bytes = _mm_loadu_si128(part.as_ptr().cast());
        let delimiters = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(delimiter.cast_signed()));
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
        let escapes = _mm_or_si128(backslashes, controls);
        [_mm_movemask_epi8(delimiters), _mm_movemask_epi8(quotes), _mm_movemask_epi8(escapes)]
    };
    marks.map(i32::cast_unsigned)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn part_marks(part: &[u8; 16], delimiter: u8) -> [u32; 3] {
    part_marks_plain(part, delimiter)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn part_marks_plain(part: &[u8; 16], delimiter: u8) -> [u32; 3] {
    let mut marks = [0; 3];
    for (place, byte) in part.iter().enumerate() {
        let is = [*byte == delimiter, *byte == b'"', *byte < 0x20 || *byte == b'\\'];
        marks.iter_mut().zip(is).for_each(|(marks, is)| *marks |= u32::from(is) << place);
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_are_the_plain_ones(
            part in proptest::array::uniform16(0_u8..0x60),
            delimiter in any::<u8>(),
        ) {
            prop_assert_eq!(part_marks(&part, delimiter), part_marks_plain(&part, delimiter));
        }

        /// Cells that were put together are taken apart again.
        #[test]
        #[cfg_attr(miri, ignore = "cases made by patterns take too long there")]
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
            let mut divided = Divided::default();
            divided.find(span, b',', cells.len() + more);
            for level in Level::ALL {
                let mut of_level = Divided::default();
                of_level.find_at(level, span, b',', cells.len() + more);
                prop_assert_eq!(of_level.starts(), divided.starts(), "{:?}", level);
                prop_assert_eq!(of_level.quoted(), divided.quoted(), "{:?}", level);
            }
            prop_assert!(!divided.has_bare_quote());
            let ends = divided.starts().iter().skip(1);
            let found: Vec<&str> = divided.starts().iter().zip(ends).map(|(start, end)| {
                let (start, end) = (usize::try_from(*start).unwrap(), usize::try_from(*end).unwrap());
                source.get(start..end - 1).unwrap()
            }).collect();
            prop_assert_eq!(&found, &cells);
            let quoted = cells.iter().enumerate().filter(|(_, cell)| cell.starts_with('"'));
            let quoted: Vec<usize> = quoted.map(|(cell, _)| cell).collect();
            prop_assert_eq!(divided.quoted(), &quoted);
            let is_doubled = |cell: &String| 2 < cell.matches('"').count();
            prop_assert_eq!(divided.has_doubled_quotes(), cells.iter().any(is_doubled));
            prop_assert_eq!(divided.has_escapes(), record.contains('\n'));
        }

        /// A quote that opens no cell is told, and more cells than were asked for.
        #[test]
        #[cfg_attr(miri, ignore = "cases made by patterns take too long there")]
        fn tells_of_bare_quotes_and_of_too_many_cells(
            cells in proptest::collection::vec(
                prop_oneof!["[a-z]{0,70}", "\"([a-z,]|\"\"){0,70}\""], 0..9,
            ),
            bare in "[a-z]{1,9}\"[a-z]{0,9}",
            most in 0_usize..9,
        ) {
            let mut divided = Divided::default();
            let record = cells.join(",");
            divided.find(Span::whole(record.as_bytes()), b',', most);
            let count = cells.len().max(1);
            prop_assert_eq!(most < divided.cells(), most < count);
            let record = [cells.as_slice(), &[bare]].concat().join(",");
            divided.find(Span::whole(record.as_bytes()), b',', cells.len() + 1);
            prop_assert!(divided.has_bare_quote());
        }
    }
}
