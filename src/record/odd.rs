//! Tells from the first two bytes of a text whether it may look as if a setting were missing: `NULL`, `\N`,
//! `="02134"` or `'02134`.
//!
//! Decoders ask this of each text, so it is two lookups. Nearly all texts are ruled out.

/// Each of the forms has a bit in both tables: by its first byte, and by what may follow.
const FIRST: [u8; 256] = {
    let mut first = [0; 256];
    first[b'N' as usize] = NULL;
    first[b'\\' as usize] = DUMPED;
    first[b'=' as usize] = FORMULA;
    first[b'\'' as usize] = APOSTROPHE;
    first
};
const SECOND: [u8; 256] = {
    let mut second = [APOSTROPHE; 256];
    second[b'N' as usize] |= DUMPED;
    second[b'U' as usize] |= NULL;
    second[b'"' as usize] |= FORMULA;
    second
};
const NULL: u8 = 1;
/// `\N`, as databases write it.
const DUMPED: u8 = 2;
const FORMULA: u8 = 4;
const APOSTROPHE: u8 = 8;

/// Whether a text may be odd that begins at the beginning of `bytes`, which may go on after it. The text has no
/// escapes, but for the doubled quotes of CSV.
#[inline]
pub fn may_be_odd(bytes: &[u8]) -> bool {
    let of = |table: &[u8; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    match bytes {
        [first, second, ..] => of(&FIRST, *first) & of(&SECOND, *second) != 0,
        [only] => of(&FIRST, *only) != 0,
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_not_ruled_out() {
        for text in ["NULL\"", "NULL", "\\N,", "=\"0\"", "=\"\"0\"\"", "'0", "'"] {
            assert!(may_be_odd(text.as_bytes()), "{text}");
        }
        for text in ["NONE", "Nora", "=1+2", "a'b", "ada@example.com", "0\"", "\"N", "\\n", "n", ""]
        {
            assert!(!may_be_odd(text.as_bytes()), "{text}");
        }
    }
}
