//! Tells from the first two bytes of a text whether it may look as if a setting were missing: `NULL`, `\N`,
//! `="02134"` or `'02134`.
//!
//! Decoders ask this of each text, so it is two lookups. Nearly all texts are ruled out.

use memchr::{memchr2_iter, memmem};

/// Each of the forms has a bit in both tables: by its first byte, and by what may follow.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const FIRST: [u8; 256] = {
    let mut first = [0; 256];
    first[b'N' as usize] = NULL;
    first[b'\\' as usize] = DUMPED;
    first[b'=' as usize] = FORMULA;
    first[b'\'' as usize] = APOSTROPHE;
    first
};
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const SECOND: [u8; 256] = {
    let mut second = [APOSTROPHE; 256];
    second[b'N' as usize] |= DUMPED;
    second[b'U' as usize] |= NULL;
    second[b'"' as usize] |= FORMULA;
    // A quote that a backslash escapes, in CSV that is written so.
    second[b'\\' as usize] |= FORMULA;
    second
};
const NULL: u8 = 1;
/// `\N`, as databases write it.
const DUMPED: u8 = 2;
const FORMULA: u8 = 4;
const APOSTROPHE: u8 = 8;

/// Not 0 if a text may be odd that begins at the beginning of `bytes`, which may go on after it. The text has no
/// escapes.
#[inline]
pub fn odd_marks(bytes: &[u8]) -> u8 {
    let of = |table: &[u8; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    match bytes {
        [first, second, ..] => of(&FIRST, *first) & of(&SECOND, *second),
        [only] => of(&FIRST, *only),
        [] => 0,
    }
}

/// Not 0 if a cell in this part of a CSV file may be odd. One look at all of it costs less than one at each cell.
pub fn odd_marks_of_cells(text: &[u8]) -> u8 {
    // An `N` is in many cells, but seldom one of these two.
    let nulls = memmem::find_iter(text, b"NU").map(|at| odd_marks_near(text, at));
    let quoted = memchr2_iter(b'=', b'\'', text).map(|at| odd_marks_near(text, at));
    let dumped = || memmem::find(text, b"\\N").map_or(0, |_| DUMPED);
    nulls.chain(quoted).find(|marks| *marks != 0).unwrap_or_else(dumped)
}

/// Not 0 if an odd text may begin at this byte.
fn odd_marks_near(text: &[u8], at: usize) -> u8 {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    match before {
        // A cell begins after something else: a delimiter, a quote, a line end, a blank.
        Some(byte) if byte.is_ascii_alphanumeric() => 0,
        Some(_) | None => odd_marks(text.get(at..).unwrap_or(&[])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_not_ruled_out() {
        for text in ["NULL\"", "NULL", "\\N,", "=\"0\"", "=\"\"0\"\"", "=\\\"0\\\"", "'0", "'"] {
            assert_ne!(odd_marks(text.as_bytes()), 0, "{text}");
            for before in ["", ",", "\"", "a;", "a\n", ", "] {
                let cells = format!("{before}{text},b");
                assert_ne!(odd_marks_of_cells(cells.as_bytes()), 0, "{cells}");
            }
        }
        for text in [
            "NONE",
            "Nora",
            "=1+2",
            "a'b",
            "ada@example.com",
            "0\"",
            "\"N",
            "\\n",
            "n",
            "",
            "bm8==",
        ] {
            assert_eq!(odd_marks(text.as_bytes()), 0, "{text}");
            let cells = format!("a,{text},b");
            assert_eq!(odd_marks_of_cells(cells.as_bytes()), 0, "{cells}");
        }
    }
}
