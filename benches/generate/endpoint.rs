//! One synthetic endpoint.
//!
//! Texts contain no quotes, backslashes or control characters, so no format needs escapes. One city has
//! a comma, so its CSV cell is quoted.

use std::fmt::Write;

use super::random::{Random, mixed};

pub(super) struct Endpoint {
    pub(super) channel_type: &'static str,
    pub(super) address: String,
    pub(super) id: String,
    pub(super) opt_out: &'static str,
    pub(super) effective_date: String,
    pub(super) country: &'static str,
    pub(super) city: &'static str,
    pub(super) postal_code: u64,
    pub(super) timezone: &'static str,
    pub(super) platform: &'static str,
    pub(super) interests: Vec<&'static str>,
    pub(super) user_id: String,
    pub(super) first_name: &'static str,
    pub(super) email: String,
    pub(super) phone: String,
}

/// The maximum number of values of `Interests`.
pub(super) const INTERESTS_MAX: usize = 6;

/// Drawn with the frequency of this list.
const CHANNEL_TYPES: &[&str] =
    &["EMAIL", "EMAIL", "EMAIL", "EMAIL", "EMAIL", "SMS", "SMS", "SMS", "VOICE", "GCM", "APNS"];
const OPT_OUTS: &[&str] = &["NONE", "NONE", "NONE", "ALL"];
const PLATFORMS: &[&str] = &["iOS", "Android"];
const MAIL_HOSTS: &[&str] = &["mail", "post", "inbox", "office", "letters"];
const INTERESTS: &[&str] = &[
    "outdoor cooking",
    "chamber music and jazz",
    "mountain running",
    "café culture",
    "repairs at home",
    "Straßenfotografie",
    "long-distance trains",
    "gardening in small spaces",
    "日本語",
    "second-hand books",
    "cycling to work",
    "sailing",
];

const FAMILIES: &[&str] = &["andrade", "brandt", "kowalska", "lindqvist", "okafor", "tanaka"];

/// A first name, and its ASCII form for e-mail addresses.
struct Name {
    shown: &'static str,
    mail: &'static str,
}

const NAMES: &[Name] = &[
    Name { shown: "Agnieszka", mail: "agnieszka" },
    Name { shown: "Åsa", mail: "asa" },
    Name { shown: "Benedikt", mail: "benedikt" },
    Name { shown: "François", mail: "francois" },
    Name { shown: "Ioana", mail: "ioana" },
    Name { shown: "Jürgen", mail: "juergen" },
    Name { shown: "Kwame", mail: "kwame" },
    Name { shown: "Zoë", mail: "zoe" },
    Name { shown: "Čeněk", mail: "cenek" },
    Name { shown: "美咲", mail: "misaki" },
];

struct Place {
    country: &'static str,
    city: &'static str,
    timezone: &'static str,
    /// The first digits of a phone number; seven more follow.
    phone: &'static str,
}

const PLACES: &[Place] = &[
    Place { country: "AT", city: "Vienna", timezone: "Europe/Vienna", phone: "+43664" },
    Place { country: "BR", city: "Belém", timezone: "America/Belem", phone: "+55919" },
    Place { country: "CH", city: "Zürich", timezone: "Europe/Zurich", phone: "+4179" },
    Place { country: "ES", city: "A Coruña", timezone: "Europe/Madrid", phone: "+3461" },
    Place { country: "JP", city: "大阪", timezone: "Asia/Tokyo", phone: "+81901" },
    Place { country: "KE", city: "Nairobi", timezone: "Africa/Nairobi", phone: "+25472" },
    Place { country: "NO", city: "Tromsø", timezone: "Europe/Oslo", phone: "+479" },
    Place { country: "US", city: "Portland, OR", timezone: "America/Los_Angeles", phone: "+1503" },
];

impl Endpoint {
    /// The endpoint with this number. The given share of endpoints has one problem.
    pub(super) fn new(number: u64, invalid: f64, random: &mut Random) -> Endpoint {
        let place = random.pick(PLACES);
        let name = random.pick(NAMES);
        let email = email(name, number, random);
        let phone = format!("{}{:07}", place.phone, random.below(10_000_000));
        let channel_type = random.pick::<&str>(CHANNEL_TYPES);
        let mut endpoint = Endpoint {
            channel_type,
            address: address(channel_type, &email, &phone, random),
            id: unique_id(number, random),
            opt_out: random.pick::<&str>(OPT_OUTS),
            effective_date: date(random),
            country: place.country,
            city: place.city,
            postal_code: 10_000 + random.below(90_000),
            timezone: place.timezone,
            platform: random.pick::<&str>(PLATFORMS),
            interests: interests(random),
            user_id: format!("customer-{:016x}-{:08}", random.number(), random.below(100_000_000)),
            first_name: name.shown,
            email,
            phone,
        };
        if random.chance(invalid) {
            endpoint.spoil(random);
        }
        endpoint
    }

    fn spoil(&mut self, random: &mut Random) {
        match random.below(4) {
            0 => self.channel_type = "FAX",
            1 => self.opt_out = "MAYBE",
            2 => self.country = "usa",
            _ => {
                self.channel_type = "SMS";
                self.address = format!("0043/{:07}", random.below(10_000_000));
            }
        }
    }
}

/// A unique address, which contains the number of the record.
fn email(name: &Name, number: u64, random: &mut Random) -> String {
    let (family, host) = (random.pick(FAMILIES), random.pick(MAIL_HOSTS));
    let customers = random.below(1_000);
    format!("{}.{family}.{number:08}@{host}.customers-{customers:03}.example.com", name.mail)
}

fn address(channel_type: &str, email: &str, phone: &str, random: &mut Random) -> String {
    match channel_type {
        "EMAIL" => email.to_owned(),
        "SMS" | "VOICE" => phone.to_owned(),
        "APNS" => hex_digits(4, random),
        _ => format!("{}:{}", hex_digits(1, random), hex_digits(8, random)),
    }
}

/// `times` groups of sixteen hexadecimal digits, as in push tokens.
fn hex_digits(times: usize, random: &mut Random) -> String {
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

fn date(random: &mut Random) -> String {
    let (month, day) = (1 + random.below(12), 1 + random.below(28));
    let (hour, minute) = (random.below(24), random.below(60));
    format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", random.below(60))
}

fn interests(random: &mut Random) -> Vec<&'static str> {
    let count = INTERESTS_MAX - usize::from(random.chance(0.5)) - usize::from(random.chance(0.5));
    (0..count).map(|_| *random.pick(INTERESTS)).collect()
}
