//! The formats of text that a schema file can require, each as a check over bytes.
//!
//! Every value of a field with a format is checked here, so the checks allocate nothing and look at
//! each byte once or twice. `merge` prints the same formats as JSON Schema; property tests compare
//! the two.
//!
//! A new format is a variant here, a line in each `match`, and its keywords in `merge`.

use super::country::is_assigned_country;
use super::date::{parse_date, parse_local_time};
use super::email;
use super::tables::{Known, language, timezone};
use super::target::FormatLimits;
use crate::record::{Code, Detail};

/// A format that a text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `dot-atom@domain` in ASCII (RFC 5322 without quotes and comments), which is what mail
    /// senders accept.
    Email,
    /// E.164: `+`, then 7 to 15 digits, the first of which is not 0.
    Phone,
    /// An assigned code of ISO 3166-1 alpha-2.
    Country,
    /// An instant in ISO 8601: date, time and UTC offset.
    Date,
    /// A language, or a language and a country: `en`, `en_US`.
    Locale,
    /// A name in the tz database, canonical or a link.
    Timezone,
}

impl Format {
    pub const ALL: &[Format] = &[
        Format::Email,
        Format::Phone,
        Format::Country,
        Format::Date,
        Format::Locale,
        Format::Timezone,
    ];

    /// The value of `format` in a schema file.
    ///
    /// `date` and `date-time` would have another meaning in JSON Schema.
    pub fn name(self) -> &'static str {
        match self {
            Format::Email => "email",
            Format::Phone => "phone",
            Format::Country => "country",
            Format::Date => "date-time-zone",
            Format::Locale => "locale",
            Format::Timezone => "timezone",
        }
    }

    /// The code of the problem of a value that does not have this format.
    pub fn code(self) -> Code {
        match self {
            Format::Email => Code::Email,
            Format::Phone => Code::Phone,
            Format::Country => Code::Country,
            Format::Date => Code::Date,
            Format::Locale => Code::Locale,
            Format::Timezone => Code::Timezone,
        }
    }

    /// More about what is wrong with a value that does not have this format.
    pub fn fault(self, value: &[u8], limits: &FormatLimits) -> Detail {
        match self {
            Format::Email => email::fault(value, limits),
            Format::Date => {
                let mut with_t = value.to_vec();
                if let Some(separator @ b' ') = with_t.get_mut(10) {
                    *separator = b'T';
                }
                if parse_local_time(&with_t).is_some() { Detail::LocalTime } else { Detail::None }
            }
            Format::Phone | Format::Country | Format::Locale | Format::Timezone => Detail::None,
        }
    }

    /// Whether a value has this format. `value` is the text without escapes.
    pub fn check(self, value: &[u8], limits: &FormatLimits) -> bool {
        match self {
            Format::Email => email::is_email(value, limits),
            Format::Phone => is_phone(value),
            Format::Country => is_assigned_country(value),
            Format::Date => parse_date(value).is_some_and(|date| date.time.is_some()),
            Format::Locale => is_locale(value),
            Format::Timezone => {
                matches!(timezone(value), Some(Known::Canonical | Known::Alias(_)))
            }
        }
    }
}

/// A lower-case code of ISO 639, alone or with `_` and an upper-case code of ISO 3166-1.
fn is_locale(value: &[u8]) -> bool {
    let underscore = value.iter().position(|byte| *byte == b'_').unwrap_or(value.len());
    let (code, rest) = value.split_at(underscore);
    language(code) == Some(Known::Canonical)
        && matches!(rest, [] | [b'_', ..])
        && rest.get(1..).is_none_or(is_assigned_country)
}

fn is_phone(value: &[u8]) -> bool {
    let [b'+', b'1'..=b'9', rest @ ..] = value else { return false };
    (6..=14).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Valid and invalid values of each format. All are made up.
    pub(in crate::schema) const CASES: &[(Format, &[&str], &[&str])] = &[
        (Format::Phone, GOOD_PHONES, BAD_PHONES),
        (Format::Email, GOOD_EMAILS, BAD_EMAILS),
        (Format::Date, GOOD_DATES, BAD_DATES),
        (Format::Country, &["US", "DE", "GB", "TL", "ZW"], &["", "us", "UK", "USA", "XK", "U"]),
        (Format::Locale, GOOD_LOCALES, BAD_LOCALES),
        (Format::Timezone, GOOD_TIMEZONES, BAD_TIMEZONES),
    ];

    const GOOD_PHONES: &[&str] = &[
        "+12065550100",
        "+1206555",
        "+120655501001234",
        "+442079460000",
        "+493012345678",
        "+8613800000000",
        "+5511955550100",
        "+61255501234",
        "+919876543210",
        "+2348012345678",
        "+999999999999999",
        "+4790000000",
    ];

    const BAD_PHONES: &[&str] = &[
        "",
        "+",
        "+1",
        "12065550100",
        "2065550100",
        "+02065550100",
        "+120655",
        "+1206555010012345",
        "++12065550100",
        "+1 206 555 0100",
        "+1-206-555-0100",
        "+1(206)5550100",
        "(206) 555-0100",
        "+1206555010O",
        " +12065550100",
        "+12065550100 ",
        "+12065550100\n",
        "0012065550100",
        "tel:+12065550100",
        "+12065550100;ext=1",
        "+١٢٣٤٥٦٧٨",
        "＋12065550100",
        "1.2065550100e10",
    ];

    const GOOD_EMAILS: &[&str] = &[
        "ana@example.com",
        "a@b.co",
        "ana.maria@example.com",
        "ana+news@example.com",
        "o'neil@example.com",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "-@example.com",
        "1@example.com",
        "ANA@EXAMPLE.COM",
        "a@sub.sub.example.com",
        "a@1.com",
        "a@1-2.com",
        "a@a--b.com",
        "a@xn--bcher-kva.example",
        "a@example.xn--p1ai",
        "a@example.c0m",
        "a@example.4u",
        "a@example.museum",
        "a.b.c.d.e@example.co.uk",
        "a_b@example.com",
    ];

    const BAD_EMAILS: &[&str] = &[
        "",
        "@",
        "ana",
        "ana@",
        "@example.com",
        "ana@example",
        "ana@localhost",
        "ana@@example.com",
        "ana@b@example.com",
        ".ana@example.com",
        "ana.@example.com",
        "ana..maria@example.com",
        "\"ana maria\"@example.com",
        "ana maria@example.com",
        "ana(x)@example.com",
        "ana,maria@example.com",
        "ana@example..com",
        "ana@.example.com",
        "ana@example.com.",
        "ana@-example.com",
        "ana@example-.com",
        "ana@example.-com",
        "ana@example.com-",
        "ana@exa_mple.com",
        "ana@exam ple.com",
        "ana@example.123",
        "ana@127.0.0.1",
        "ana@[127.0.0.1]",
        "Ana <ana@example.com>",
        "mailto:ana@example.com",
        "ana@example.com ",
        " ana@example.com",
        "ana@example.com\n",
        "ana@bücher.example",
        "añа@example.com",
        "ana@example.com;b@example.com",
        "ana\0@example.com",
    ];

    const GOOD_DATES: &[&str] = &[
        "2019-08-23T10:54:35.220Z",
        "2019-08-23T10:54:35Z",
        "2019-08-23T10:54Z",
        "2019-08-23T00:00:00Z",
        "2019-08-23T23:59:59.999999999Z",
        "2019-08-23T10:54:35+02:00",
        "2019-08-23T10:54:35-0930",
        "2019-08-23T10:54:35+14",
        "2019-08-23T10:54+05:45",
        "2019-08-23T10:54:35.1-00:00",
        "2020-02-29T10:54Z",
        "2000-02-29T10:54Z",
        "0000-02-29T10:54Z",
        "9999-12-31T23:59:59Z",
    ];

    const GOOD_LOCALES: &[&str] =
        &["en", "en_US", "pt_BR", "zh_CN", "fil", "fil_PH", "haw_US", "nb_NO", "tl_PH", "en_DE"];

    const BAD_LOCALES: &[&str] = &[
        "",
        "_",
        "en_",
        "_US",
        "en-US",
        "EN",
        "en_us",
        "En_US",
        "en_UK",
        "en_XX",
        "xx",
        "xx_US",
        "eng",
        "eng_US",
        "iw_IL",
        "in_ID",
        "sh",
        "und",
        "mul",
        "root",
        "C",
        "POSIX",
        "en_US_",
        "en__US",
        "en_USA",
        "en_US.UTF-8",
        "zh_Hans_CN",
        "es_419",
        "English",
        "en US",
        " en",
        "en_US\n",
        "en_U",
        "e",
    ];

    const GOOD_TIMEZONES: &[&str] = &[
        "America/New_York",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Calcutta",
        "US/Pacific",
        "UTC",
        "Etc/UTC",
        "Etc/GMT+5",
        "GMT",
        "Europe/Kiev",
        "Europe/Kyiv",
        "Europe/Oslo",
        "EST",
        "Japan",
        "America/Argentina/Buenos_Aires",
        "Pacific/Kanton",
        "EST5EDT",
        "GB",
    ];

    const BAD_TIMEZONES: &[&str] = &[
        "",
        "CST",
        "PST",
        "EDT",
        "IST",
        "BST",
        "America",
        "America/",
        "America/New York",
        "america/new_york",
        "America/New_York ",
        "America/Nowhere",
        "Factory",
        "posixrules",
        "localtime",
        "UTC+1",
        "+01:00",
        "GMT+5",
        "Pacific Standard Time",
        "US/Pacific-New",
        "Z",
        "Canada/East-Saskatchewan",
        "posix/Europe/Paris",
        "Europe/Paris/Louvre",
        "PDT8",
    ];

    const BAD_DATES: &[&str] = &[
        "",
        "2019-08-23",
        "2019-08-23T",
        "2019-08-23T10Z",
        "2019-08-23T10:54",
        "2019-08-23T10:54:35",
        "2019-08-23T10:54:35.220",
        "2019-08-23T10:54:Z",
        "2019-08-23T10:54:3Z",
        "2019-08-23T10:54:35.Z",
        "2019-08-23T10:54:35.0123456789Z",
        "2019-08-23T10:54:35,220Z",
        "2019-08-23T10:54.5Z",
        "2019-08-23T24:00:00Z",
        "2019-08-23T10:60:00Z",
        "2016-12-31T23:59:60Z",
        "2019-08-23 10:54:35Z",
        "2019-08-23t10:54:35z",
        "2019-08-23T10:54:35 Z",
        "2019-08-23T10:54:35Z ",
        "2019-08-23T10:54:35+2",
        "2019-08-23T10:54:35+02:0",
        "2019-08-23T10:54:35+02:",
        "2019-08-23T10:54:35+24:00",
        "2019-08-23T10:54:35+02:60",
        "2019-08-23T10:54:35Z+02:00",
        "2019-08-23T10:54:35−02:00",
        "2019-02-29T10:54Z",
        "1900-02-29T10:54Z",
        "2019-04-31T10:54Z",
        "2019-00-10T10:54Z",
        "2019-13-10T10:54Z",
        "2019-08-00T10:54Z",
        "2019-08-32T10:54Z",
        "19-08-23T10:54Z",
        "02019-08-23T10:54Z",
        "-2019-08-23T10:54Z",
        "20190823T105435Z",
        "2019-W34-5T10:54Z",
        "2019-235T10:54Z",
        "08/23/2019",
        "1566557675",
    ];

    pub(in crate::schema) const LIMITS: FormatLimits =
        FormatLimits { email_local: 64, email_total: 254 };

    #[track_caller]
    fn check(format: Format, value: &str, expected: bool) {
        assert_eq!(format.check(value.as_bytes(), &LIMITS), expected, "{format:?} {value:?}");
    }

    #[test]
    fn each_format_accepts_only_its_values() {
        assert_eq!(CASES.len(), Format::ALL.len());
        for (format, good, bad) in CASES {
            good.iter().for_each(|value| check(*format, value, true));
            bad.iter().for_each(|value| check(*format, value, false));
        }
    }

    #[test]
    fn an_email_has_the_lengths_of_the_target() {
        let local = |len: usize| format!("{}@example.com", "a".repeat(len));
        check(Format::Email, &local(64), true);
        check(Format::Email, &local(65), false);
        let label = |len: usize| format!("a@{}.com", "b".repeat(len));
        check(Format::Email, &label(63), true);
        check(Format::Email, &label(64), false);
        let labels = |len: usize| format!("a@{}{}.com", "b.".repeat(120), "c".repeat(len));
        check(Format::Email, &labels(8), true);
        check(Format::Email, &labels(9), false);
        let small = FormatLimits { email_local: 3, email_total: 10 };
        assert!(Format::Email.check(b"ana@ex.com", &small));
        assert!(!Format::Email.check(b"anna@x.com", &small));
        assert!(!Format::Email.check(b"ana@exa.com", &small));
    }

    #[test]
    fn invalid_utf8_has_no_format() {
        for format in Format::ALL {
            for value in [&b"\xff"[..], b"\xff\xfe+1", b"ana@ex\xffample.com", b"+1206555\xff100"] {
                assert!(!format.check(value, &LIMITS), "{format:?}");
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for format in Format::ALL {
            let same = Format::ALL.iter().filter(|other| other.name() == format.name());
            assert_eq!(same.count(), 1);
        }
    }
}
