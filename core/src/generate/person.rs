//! People who do not exist: names, places, and addresses that reach nobody.
//!
//! The domains are those of RFC 2606. Telephone numbers are 555-0100 to 555-0199, which are reserved for
//! fiction in every area of the North American plan.

use std::fmt::Write;

use super::random::{Random, mixed};

/// One person, with everything that records say about them.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) email: String,
    /// In the form of E.164.
    pub(super) phone: String,
    pub(super) place: Place,
    /// A date, such as `1987-03-14`.
    pub(super) birthday: String,
    /// A UUID, unique in a file.
    pub(super) id: String,
    /// A number that is unique in a file.
    pub(super) customer: u64,
}

/// A place and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) region: &'static str,
    pub(super) city: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) latitude: &'static str,
    pub(super) longitude: &'static str,
    pub(super) timezone: &'static str,
    pub(super) locale: &'static str,
}

/// A name as it is shown, and its ASCII form for e-mail addresses.
type Name = (&'static str, &'static str);

const FIRST_NAMES: &[Name] = &[
    ("Agnieszka", "agnieszka"),
    ("Åsa", "asa"),
    ("Benedikt", "benedikt"),
    ("Chloé", "chloe"),
    ("Čeněk", "cenek"),
    ("François", "francois"),
    ("Ioana", "ioana"),
    ("Jürgen", "juergen"),
    ("Kwame", "kwame"),
    ("Lucía", "lucia"),
    ("Zoë", "zoe"),
    ("美咲", "misaki"),
];

const LAST_NAMES: &[Name] = &[
    ("Andrade", "andrade"),
    ("Brandt", "brandt"),
    ("Castañeda", "castaneda"),
    ("Dvořák", "dvorak"),
    ("Kowalska", "kowalska"),
    ("Lindqvist", "lindqvist"),
    ("O'Neill", "oneill"),
    ("Okafor", "okafor"),
    ("田中", "tanaka"),
];

const MAIL_HOSTS: &[&str] =
    &["example.com", "example.org", "example.net", "mail.example.com", "post.example.org"];

const AREA_CODES: &[u64] =
    &[201, 202, 206, 212, 213, 312, 404, 415, 503, 512, 617, 702, 718, 808, 917];

const PLACES: &[Place] = &[
    Place {
        country: "US",
        region: "New York",
        city: "New York, NY",
        postal_code: "10001",
        latitude: "40.75",
        longitude: "-73.99",
        timezone: "America/New_York",
        locale: "en_US",
    },
    Place {
        country: "DE",
        region: "Nordrhein-Westfalen",
        city: "Köln",
        postal_code: "50667",
        latitude: "50.94",
        longitude: "6.96",
        timezone: "Europe/Berlin",
        locale: "de_DE",
    },
    Place {
        country: "BR",
        region: "São Paulo",
        city: "São Paulo",
        postal_code: "01310-100",
        latitude: "-23.56",
        longitude: "-46.65",
        timezone: "America/Sao_Paulo",
        locale: "pt_BR",
    },
    Place {
        country: "JP",
        region: "大阪府",
        city: "大阪",
        postal_code: "530-0001",
        latitude: "34.7",
        longitude: "135.5",
        timezone: "Asia/Tokyo",
        locale: "ja_JP",
    },
    Place {
        country: "GB",
        region: "England",
        city: "London",
        postal_code: "SW1A 1AA",
        latitude: "51.5",
        longitude: "-0.14",
        timezone: "Europe/London",
        locale: "en_GB",
    },
    Place {
        country: "CA",
        region: "Québec",
        city: "Montréal",
        postal_code: "H2Y 1C6",
        latitude: "45.5",
        longitude: "-73.55",
        timezone: "America/Toronto",
        locale: "fr_CA",
    },
];

impl Person {
    /// The person in the record with this number.
    pub(super) fn new(number: u64, random: &mut Random) -> Person {
        let (first_name, first) = random.pick(FIRST_NAMES);
        let (last_name, last) = random.pick(LAST_NAMES);
        let host = random.pick(MAIL_HOSTS);
        Person {
            first_name,
            last_name,
            email: format!("{first}.{last}.{number}@{host}"),
            phone: format!("+1{}55501{:02}", random.pick(AREA_CODES), random.below(100)),
            place: random.pick(PLACES),
            birthday: day(1940, 2007, random),
            id: unique_id(number, random),
            customer: 100_000 + number,
        }
    }
}

/// A date in one of these years.
pub(super) fn day(first_year: u64, last_year: u64, random: &mut Random) -> String {
    let year = first_year + random.below(last_year - first_year + 1);
    let (month, day) = (1 + random.below(12), 1 + random.below(28));
    format!("{year}-{month:02}-{day:02}")
}

/// An instant in 2025, in UTC.
pub(super) fn instant(random: &mut Random) -> String {
    let date = day(2025, 2025, random);
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `times` groups of sixteen hexadecimal digits, as in push tokens.
pub(super) fn hex_digits(times: usize, random: &mut Random) -> String {
    let mut digits = String::with_capacity(16 * times);
    for _ in 0..times {
        write!(digits, "{:016x}", random.number()).expect("a string has room");
    }
    digits
}

/// A UUID. Its first half is a permutation of the record's number, so it is unique.
fn unique_id(number: u64, random: &mut Random) -> String {
    let (first, second) = (mixed(number + 1), random.number());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        first >> 32,
        (first >> 16) & 0xffff,
        first & 0xffff,
        second >> 48,
        second & 0xffff_ffff_ffff,
    )
}
