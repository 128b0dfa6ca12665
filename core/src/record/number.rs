//! The syntax of numbers, which is that of JSON in every format.

/// The length of the JSON number at the start of `text` (RFC 8259, section 6), or `None` if it does
/// not start with one.
pub fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        text.get(from..).unwrap_or(&[]).iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    let leading_zero = text.get(at) == Some(&b'0') && 1 < whole;
    if whole == 0 || leading_zero {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}

/// The text with each comma as a point, and each point as a comma.
pub fn swapped_marks(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| swapped_mark(*byte)).collect()
}

fn swapped_mark(byte: u8) -> u8 {
    match byte {
        b',' => b'.',
        b'.' => b',',
        other => other,
    }
}
