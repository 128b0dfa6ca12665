//! Recognises later rows that repeat the header, which files have that were joined from several.
//!
//! Every row is compared, so most must be told apart by their length or their first bytes. Only the
//! few that begin like the header are compared cell by cell: a name may be quoted in one row and not
//! in the other.

use super::header::names;
use crate::decode::frame::Dialect;

/// The header of a file, for comparison with later rows.
pub(super) struct HeaderRow {
    /// Its bytes, without the line end.
    bytes: Box<[u8]>,
    /// The fewest bytes of a row with the same cells.
    least: usize,
    /// The first name, up to its first quote or backslash.
    begin: Box<[u8]>,
    /// The byte after the opening quote, if there is one, of a row with the same cells, unless it is
    /// a blank or another quote.
    first: u8,
}

impl HeaderRow {
    /// `names`: the names in `row`, trimmed and without quotes.
    pub(super) fn new(row: &[u8], names: &[String], dialect: Dialect) -> HeaderRow {
        let delimiters = names.len().saturating_sub(1);
        let name = names.first().map_or("", String::as_str);
        let begin = name.split(['"', '\\']).next().unwrap_or("");
        HeaderRow {
            bytes: row.into(),
            least: names.iter().map(String::len).sum::<usize>() + delimiters,
            begin: begin.as_bytes().into(),
            first: name.bytes().next().unwrap_or(dialect.delimiter),
        }
    }

    /// Whether `row` has the same cells, apart from white space around them.
    #[inline]
    pub(super) fn equals(&self, row: &[u8], dialect: Dialect) -> bool {
        self.least <= row.len() && self.may_begin(row) && self.has_cells_of(row, dialect)
    }

    /// Whether a row with the same cells may begin like `row`.
    #[inline]
    fn may_begin(&self, row: &[u8]) -> bool {
        let text = row.strip_prefix(b"\"").unwrap_or(row);
        match text.first() {
            Some(first) if *first == self.first => text.starts_with(&self.begin),
            // A quote, or the first byte of white space before the name, of an escape, or of a byte-order mark.
            Some(first) => matches!(first, b'"' | b' ' | b'\\' | 0xC2 | 0xE1..=0xE3 | 0xEF),
            None => false,
        }
    }

    #[cold]
    fn has_cells_of(&self, row: &[u8], dialect: Dialect) -> bool {
        let names_of = |row: &[u8]| names(row, dialect).ok();
        // A file that was joined to another one may have its own mark.
        let row = row.strip_prefix("\u{feff}".as_bytes()).unwrap_or(row);
        *self.bytes == *row || names_of(&self.bytes) == names_of(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, row: &str, expected: bool) {
        let dialect = Dialect::new(b',');
        let names = names(header.as_bytes(), dialect).expect("a header");
        let header_row = HeaderRow::new(header.as_bytes(), &names, dialect);
        assert_eq!(header_row.equals(row.as_bytes(), dialect), expected, "{header:?} {row:?}");
    }

    #[test]
    fn a_row_repeats_the_header_if_all_cells_are_equal() {
        for (header, row, expected) in [
            ("Id,Address", "Id,Address", true),
            ("Id,Address", "\"Id\",\"Address\"", true),
            ("\"Id\",Address", "Id,\"Address\"", true),
            ("Id , Address", "Id,Address", true),
            ("Id,Address", " Id,\tAddress ", true),
            ("Id,Address", "\u{feff}Id,Address", true),
            ("Id,Address", "\u{feff}\"Id\",Address", true),
            ("Id,Address", "\u{a0}Id,Address", true),
            ("\"a\"\"b\",Id", "\"a\"\"b\",Id", true),
            ("\"\"\"a\",Id", "\"\"\"a\",\"Id\"", true),
            (",Id", ",Id", true),
            (",Id", "\"\",Id", true),
            ("Id,", "Id,", true),
            ("Id,Address", "id,Address", false),
            ("Id,Address", "Id,Addresses", false),
            ("Id,Address", "Id,Address,", false),
            ("Id,Address", "Id", false),
            ("Id,Address", "Address,Id", false),
            ("Id,Address", "\"Id,Address\"", false),
            ("Id,Address", "x,Address", false),
            (",Id", "0,Id", false),
        ] {
            check(header, row, expected);
        }
    }
}
