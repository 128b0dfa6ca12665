//! Numbers with check digits: payment cards and IBANs.

use std::ops::Range;

/// Digits of a text in groups, as people separate them: `4111 1111 1111 1111`.
#[derive(Debug)]
pub(super) struct Groups {
    /// Where each group is in the text.
    ranges: Vec<Range<usize>>,
    /// All digits, and for each group where they begin.
    digits: Vec<u8>,
    starts: Vec<usize>,
}

/// The lengths of card numbers.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

impl Groups {
    pub(super) fn new(text: &str) -> Groups {
        let mut groups = Groups { ranges: Vec::new(), digits: Vec::new(), starts: Vec::new() };
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            match groups.ranges.last_mut() {
                Some(range) if range.end == at => range.end = at + 1,
                _ => {
                    groups.ranges.push(at..at + 1);
                    groups.starts.push(groups.digits.len());
                }
            }
            groups.digits.push(byte - b'0');
        }
        groups
    }

    /// Adds the places of groups beside each other whose digits together are accepted.
    pub(super) fn find_all(&self, accepts: impl Fn(&[u8]) -> bool, places: &mut Vec<Range<usize>>) {
        let mut first = 0;
        while first < self.ranges.len() {
            let last = self.last_group(first, &accepts);
            if let Some(last) = last
                && let (Some(from), Some(to)) = (self.ranges.get(first), self.ranges.get(last))
            {
                places.push(from.start..to.end);
            }
            first = last.unwrap_or(first) + 1;
        }
    }

    /// The last of the fewest groups from `first` on whose digits together are accepted.
    fn last_group(&self, first: usize, accepts: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let start = *self.starts.get(first)?;
        let ends = |group: usize| self.starts.get(group + 1).copied().unwrap_or(self.digits.len());
        let runs = (first..self.ranges.len()).map(|last| (last, ends(last)));
        let mut possible = runs
            .skip_while(|(_, end)| end - start < *CARD_DIGITS.start())
            .take_while(|(_, end)| end - start <= *CARD_DIGITS.end());
        let found = possible.find(|(_, end)| self.digits.get(start..*end).is_some_and(&accepts));
        found.map(|(last, _)| last)
    }
}

/// The first digits of issuers, as the least and the greatest of their first six digits, with the
/// lengths of their numbers. From ISO/IEC 7812 and the issuers' own lists.
const ISSUERS: [(u32, u32, &[usize]); 14] = [
    (300_000, 305_999, &[14, 16, 17, 18, 19]), // Diners Club
    (340_000, 349_999, &[15]),                 // American Express
    (352_800, 358_999, &[16, 17, 18, 19]),     // JCB
    (360_000, 369_999, &[14, 16, 17, 18, 19]), // Diners Club
    (370_000, 379_999, &[15]),                 // American Express
    (380_000, 399_999, &[16, 17, 18, 19]),     // Diners Club
    (400_000, 499_999, &[13, 16, 19]),         // Visa
    (500_000, 509_999, &[16]),                 // Maestro
    (510_000, 559_999, &[16]),                 // Mastercard
    (560_000, 589_999, &[16]),                 // Maestro
    (222_100, 272_099, &[16]),                 // Mastercard
    (601_100, 601_199, &[16, 17, 18, 19]),     // Discover
    (620_000, 629_999, &[16, 17, 18, 19]),     // UnionPay
    (640_000, 659_999, &[16, 17, 18, 19]),     // Discover
];

pub(super) fn is_card(number: &[u8]) -> bool {
    let first = number.iter().take(6).fold(0, |first, digit| first * 10 + u32::from(*digit));
    let is_issued = ISSUERS.iter().any(|(least, greatest, lengths)| {
        (*least..=*greatest).contains(&first) && lengths.contains(&number.len())
    });
    // A number of one digit, or of two in turn, is an example.
    let mut halves = number.chunks(2);
    let pair = halves.next();
    let is_example = halves.all(|other| Some(other) == pair || other.len() == 1);
    is_issued && !is_example && luhn(number)
}

/// Luhn's check digit (ISO/IEC 7812-1): every second digit from the right counts twice.
pub(super) fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(*digit) * if at % 2 == 0 { 1 } else { 2 };
            value / 10 + value % 10
        })
        .sum();
    !number.is_empty() && sum.is_multiple_of(10)
}

/// The length of IBANs by country, from SWIFT's registry.
const IBAN_LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// The IBAN at the start of a text, of the length that its country gives it. Words may follow.
pub(super) fn is_iban(found: &str) -> Option<Range<usize>> {
    let country = found.get(..2)?.to_ascii_uppercase();
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| *code == country)?;
    let letters = found.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).take(*length);
    let letters: Vec<(usize, char)> = letters.collect();
    let end = letters.last()?.0 + 1;
    let text: Vec<char> = letters.into_iter().map(|(_, c)| c).collect();
    (text.len() == *length && mod_97(&text) == Some(1)).then_some(0..end)
}

/// The remainder of an IBAN with its first four characters at the end, letters as 10 to 35 (ISO 7064).
fn mod_97(iban: &[char]) -> Option<u32> {
    let (head, rest) = iban.split_at_checked(4)?;
    rest.iter().chain(head).try_fold(0, |remainder, c| {
        let value = c.to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((remainder * shift + value) % 97)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_has_the_countries_of_the_check() {
        let detectors = crate::detect::Detectors::shared();
        let iban = detectors.all().iter().find(|detector| detector.name == "iban");
        let [shape] = iban.expect("there is one").shapes.as_slice() else { panic!("one shape") };
        for first in 'A'..='Z' {
            for second in 'A'..='Z' {
                let country = format!("{first}{second}");
                let is_known = IBAN_LENGTHS.iter().any(|(known, _)| *known == country);
                let number = format!("{}00 0000 0000 000", country.to_lowercase());
                assert_eq!(shape.pattern.is_in(&number), is_known, "{country}");
            }
        }
    }

    #[test]
    fn cards_are_found_among_other_digits() {
        for (text, expected) in [
            ("4111111111111111", Some(0..16)),
            ("4111 1111 1111 1111", Some(0..19)),
            ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", Some(0..31)),
            ("12 4111 1111 1111 1111", Some(3..22)),
            ("3782-822463-10005", Some(0..17)),
            ("4111111111111112", None),
            ("4242424242424242", None),
            ("0000000000000000", None),
            ("9111111111111111", None),
            ("41111111111111114111111111111111", None),
        ] {
            let mut places = Vec::new();
            Groups::new(text).find_all(is_card, &mut places);
            assert_eq!(places, Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn all_cards_are_found() {
        let mut places = Vec::new();
        let text = "4111 1111 1111 1111 12 3782 822463 10005";
        Groups::new(text).find_all(is_card, &mut places);
        assert_eq!(places, [0..19, 23..40]);
    }

    #[test]
    fn ibans_end_where_their_country_says() {
        for (text, expected) in [
            ("DE89370400440532013000", Some(0..22)),
            ("de89 3704 0044 0532 0130 00 danke", Some(0..27)),
            ("GB82WEST12345698765432", Some(0..22)),
            ("NO9386011117947", Some(0..15)),
            ("DE88370400440532013000", None),
            ("ZZ89370400440532013000", None),
            ("DE8937040044053201300", None),
        ] {
            assert_eq!(is_iban(text), expected, "{text}");
        }
    }
}
