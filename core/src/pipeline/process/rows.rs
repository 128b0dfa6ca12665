//! Looks up what belongs to a row in lists that are in the order of the rows, and counts lines.

use crate::decode::frame::LineEnd;

/// Takes the items of a row off the front of a list that is in the order of the rows. Must be
/// called for each row in turn.
pub(super) fn take_row<'a, T>(list: &mut &'a [(u32, T)], row: usize) -> &'a [(u32, T)] {
    let is_of_row = |(of, _): &&(u32, T)| usize::try_from(*of).is_ok_and(|of| of == row);
    let (own, later) = list.split_at(list.iter().take_while(is_of_row).count());
    *list = later;
    own
}

/// Finds the items of a row in a list that is in the order of the rows, by binary search.
pub(super) fn find_row<T>(list: &[T], row: usize, row_of: impl Fn(&T) -> u32) -> &[T] {
    let row = u32::try_from(row).expect("a batch has few rows");
    let start = list.partition_point(|item| row_of(item) < row);
    let end = list.partition_point(|item| row_of(item) <= row);
    list.get(start..end).unwrap_or(&[])
}

/// Counts the line ends of a chunk up to one offset after the other.
#[derive(Debug)]
pub(super) struct LineCounter {
    line_end: LineEnd,
    at: usize,
    /// The line ends between the start and the last offset that was counted to.
    pub(super) lines: u64,
}

impl LineCounter {
    /// Begins to count at an offset.
    pub(super) fn new(start: usize, line_end: LineEnd) -> LineCounter {
        LineCounter { line_end, at: start, lines: 0 }
    }

    /// Counts on to a later offset.
    pub(super) fn count_to(&mut self, chunk: &[u8], to: usize) {
        self.lines += self.line_end.count(chunk.get(self.at..to).unwrap_or(&[]));
        self.at = to;
    }
}
