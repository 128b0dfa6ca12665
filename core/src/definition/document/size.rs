//! Sizes with a unit: `1 GB`, `500 kB`, `1 MiB`.

/// Units and their bytes: `kB` is 1,000 bytes, `KiB` is 1,024.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Parses a size and returns it in bytes. `None`: not a size, not a whole number of bytes, or too
/// large for 64 bits.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let number_len = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at_checked(number_len)?;
    let unit = unit.trim_start();
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(*bytes)?.checked_add(fraction_of(fraction, *bytes)?)
}

/// Returns `0.fraction` of a unit in bytes, or `None` if that is not a whole number.
fn fraction_of(fraction: &str, bytes: u64) -> Option<u64> {
    let digits = u32::try_from(fraction.len()).ok()?;
    let divisor = 10_u64.checked_pow(digits)?;
    let product = fraction.parse::<u64>().ok()?.checked_mul(bytes)?;
    product.is_multiple_of(divisor).then_some(product / divisor)
}

/// Formats bytes in the largest unit that needs no fraction: `1 GB`, `64 MiB`, `1023 B`.
pub(crate) fn describe(bytes: u64) -> String {
    let divides = |(name, unit): &&(&str, u64)| *name != "KB" && bytes.is_multiple_of(*unit);
    let fitting = UNITS.iter().filter(divides).max_by_key(|(_, unit)| *unit);
    let (name, unit) = fitting.filter(|_| bytes > 0).unwrap_or(&("B", 1));
    format!("{} {name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        check("1 GB", Some(1_000_000_000));
        check("1 MiB", Some(1_048_576));
        check("500 kB", Some(500_000));
        check("500kB", Some(500_000));
        check("1.5 GB", Some(1_500_000_000));
        check("0 B", Some(0));
        check("18446744073709551615 B", Some(u64::MAX));
    }

    #[test]
    fn other_texts_are_not_sizes() {
        for text in ["", "GB", "1", "1 gb", "1 Gb", "-1 MB", "1,5 GB", "1.5 B", "1..5 GB", ". MB"] {
            check(text, None);
        }
        check("99999999999999 TB", None);
        check("1.00000000000000000000000 kB", None);
    }

    #[test]
    fn a_described_size_parses_to_itself() {
        for bytes in [0, 1, 999, 1000, 1024, 1_000_000_000, 64 << 20, 1 << 30, u64::MAX] {
            check(&describe(bytes), Some(bytes));
        }
        assert_eq!(describe(64 << 20), "64 MiB");
        assert_eq!(describe(1_000_000_000), "1 GB");
    }
}
