//! What is said of rows, in lists in their order, and the lines on which they begin.

/// Takes what is said of a row from the front of a list in the order of the rows.
pub(crate) fn take_row<'a, T>(list: &mut &'a [(u32, T)], row: usize) -> &'a [(u32, T)] {
    let is_of_row = |(of, _): &&(u32, T)| usize::try_from(*of).is_ok_and(|of| of == row);
    let (own, later) = list.split_at(list.iter().take_while(is_of_row).count());
    *list = later;
    own
}

/// What is said of a row, in a list in the order of the rows.
pub(crate) fn of_row<T>(list: &[T], row: usize, row_of: impl Fn(&T) -> u32) -> &[T] {
    let row = u32::try_from(row).expect("a batch has few rows");
    let start = list.partition_point(|item| row_of(item) < row);
    let end = list.partition_point(|item| row_of(item) <= row);
    list.get(start..end).unwrap_or(&[])
}

/// Line ends before a place, counted on from place to place.
#[derive(Debug)]
pub(crate) struct LineCount {
    at: usize,
    pub(crate) lines: u64,
}

impl LineCount {
    /// None yet, from a place on.
    pub(crate) fn from(at: usize) -> LineCount {
        LineCount { at, lines: 0 }
    }

    pub(crate) fn count_to(&mut self, chunk: &[u8], to: usize) {
        let passed = chunk.get(self.at..to).unwrap_or(&[]);
        let count = memchr::memchr_iter(b'\n', passed).count();
        self.lines += u64::try_from(count).expect("fewer than 2^64 lines");
        self.at = to;
    }
}
