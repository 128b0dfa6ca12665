//! The countries with an assigned code of ISO 3166-1 alpha-2.
//!
//! Source: `iso3166.tab` of the tz database (public domain), which follows ISO/TC 46 N1108 of
//! 2023-04-05. It does not have user-assigned codes (XK), reserved codes (UK, EU, SU) and codes
//! that are no longer in use (AN, CS, YU), so these are refused.

/// The second letters in use, for each first letter.
const SECOND_LETTERS: [&[u8]; 26] = [
    b"DEFGILMOQRSTUWXZ",        // A
    b"ABDEFGHIJLMNOQRSTVWYZ",   // B
    b"ACDFGHIKLMNORUVWXYZ",     // C
    b"EJKMOZ",                  // D
    b"CEGHRST",                 // E
    b"IJKMOR",                  // F
    b"ABDEFGHILMNPQRSTUWY",     // G
    b"KMNRTU",                  // H
    b"DELMNOQRST",              // I
    b"EMOP",                    // J
    b"EGHIMNPRWYZ",             // K
    b"ABCIKRSTUVY",             // L
    b"ACDEFGHKLMNOPQRSTUVWXYZ", // M
    b"ACEFGILOPRUZ",            // N
    b"M",                       // O
    b"AEFGHKLMNRSTWY",          // P
    b"A",                       // Q
    b"EOSUW",                   // R
    b"ABCDEGHIJKLMNORSTVXYZ",   // S
    b"CDFGHJKLMNORTVWZ",        // T
    b"AGMSYZ",                  // U
    b"ACEGINU",                 // V
    b"FS",                      // W
    b"",                        // X
    b"ET",                      // Y
    b"AMW",                     // Z
];

/// Whether this is an assigned code, in upper case: `US`.
pub fn is_assigned_country(code: &[u8]) -> bool {
    let [first, second] = *code else { return false };
    let row = first.checked_sub(b'A').and_then(|row| SECOND_LETTERS.get(usize::from(row)));
    row.is_some_and(|seconds| seconds.contains(&second))
}

/// All assigned codes, sorted.
pub(super) fn codes() -> impl Iterator<Item = String> {
    (b'A'..=b'Z').zip(SECOND_LETTERS).flat_map(|(first, seconds)| {
        seconds.iter().map(move |second| format!("{}{}", char::from(first), char::from(*second)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check(expected: bool, codes: &str) {
        for code in codes.split(' ') {
            assert_eq!(is_assigned_country(code.as_bytes()), expected, "{code}");
        }
    }

    #[test]
    fn assigned_codes_are_countries() {
        check(true, "AD AE AX BQ BV CA CH CI CN CW CZ DE EH ES FR GB GG GR HM IM IN IO JP KR KZ");
        check(
            true,
            "LA ME MK MX NZ OM PS QA RS RU SJ SS SX SZ TL TW UA UM US UZ VA YE YT ZA ZM ZW",
        );
    }

    #[test]
    fn other_codes_are_none() {
        check(false, "AA ZZ QM QZ XA XK XX XZ AC CP DG EA EU EZ IC SU TA UK UN AN BU CS DD FX NT");
        check(false, "TP YD YU ZR us Us uS USA CAN CHN USA1 U 840 +1 U- 12 [A A[ @A");
        check(false, "\u{c5}X \u{dc} ");
        assert!(!is_assigned_country(b""));
        assert!(!is_assigned_country(b"\xff\xff"));
    }

    #[test]
    fn there_are_249_in_order() {
        let all: Vec<String> = codes().collect();
        let sorted: Vec<String> = BTreeSet::from_iter(all.clone()).into_iter().collect();
        assert_eq!(all.len(), 249);
        assert_eq!(all, sorted);
        assert!(all.iter().all(|code| is_assigned_country(code.as_bytes())));
    }
}
