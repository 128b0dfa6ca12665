//! Splits CSV as a run writes it into rows: RFC 4180, LF line ends, a comma. Knows nothing of columns.

/// A row may have so many bytes. A run writes none that is longer.
const ROW_MAX: usize = 4 << 20;

/// What the bytes so far end in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Plain,
    Quoted,
    /// A quote in a quoted cell: its end, or the first of two.
    Quote,
}

/// Reads rows from bytes that come in pieces.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    state: State,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
    /// The bytes of the row so far.
    bytes: usize,
    /// The line ends so far, and those before the row.
    lines: u64,
    begins: u64,
}

impl RowReader {
    /// Takes the next bytes. `each` is called with each row and the line that it begins on. Returns false if these
    /// are no rows.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(u64, Vec<Vec<u8>>)) -> bool {
        for byte in bytes {
            self.bytes += 1;
            self.lines += u64::from(*byte == b'\n');
            self.state = match (self.state, *byte) {
                (State::Start, b'"') => State::Quoted,
                (State::Quoted, b'"') => State::Quote,
                (State::Quote, b'"') => {
                    self.cell.push(b'"');
                    State::Quoted
                }
                (State::Quoted, other) => {
                    self.cell.push(other);
                    State::Quoted
                }
                (_, b',') => {
                    self.cells.push(std::mem::take(&mut self.cell));
                    State::Start
                }
                (_, b'\n') => {
                    self.cells.push(std::mem::take(&mut self.cell));
                    each(self.begins + 1, std::mem::take(&mut self.cells));
                    (self.begins, self.bytes) = (self.lines, 0);
                    State::Start
                }
                (State::Start | State::Plain, other) if other != b'"' => {
                    self.cell.push(other);
                    State::Plain
                }
                _ => return false,
            };
            if ROW_MAX < self.bytes {
                return false;
            }
        }
        true
    }

    /// Whether the last row has ended.
    pub(super) fn is_at_end(&self) -> bool {
        self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[(u64, &[&str])]>) {
        for size in [1, 2, 100] {
            let (mut reader, mut rows) = (RowReader::default(), Vec::new());
            let are_rows = text.as_bytes().chunks(size).all(|piece| {
                reader.feed(piece, |line, cells| {
                    let cells = cells.into_iter().map(|cell| String::from_utf8(cell).unwrap());
                    rows.push((line, cells.collect::<Vec<_>>()));
                })
            });
            let found = (are_rows && reader.is_at_end()).then_some(rows);
            let expected = expected.map(|rows| {
                let row = |(line, cells): &(u64, &[&str])| {
                    (*line, cells.iter().map(|cell| (*cell).to_owned()).collect())
                };
                rows.iter().map(row).collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn rows_are_split_wherever_pieces_end() {
        check("", Some(&[]));
        check("a,b\n", Some(&[(1, &["a", "b"])]));
        check("\"a,\"\"\n\",\nc,\n", Some(&[(1, &["a,\"\n", ""]), (3, &["c", ""])]));
        check("a", None);
        check("a\"b\n", None);
        check("\"a\"b\n", None);
    }
}
