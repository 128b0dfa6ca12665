//! Parses sizes such as `1GB`, `200 MB`, `64MiB`, `4096`.

/// Reads a size in bytes; units are decimal (`kB`, `MB`, `GB`) or binary (`KiB`, `MiB`, `GiB`).
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|error| format!("the number: {error}"))?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("use one of the units: kB, MB, GB, KiB, MiB, GiB".to_owned()),
    };
    number.checked_mul(factor).ok_or_else(|| "the size has more than 64 bits".to_owned())
}
