//! `email`: converts the domain to lower case and Punycode (UTS 46, non-transitional).
//!
//! The part before the `@` stays as it is: only the receiving server knows whether its case
//! matters.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::record::is_invisible;
use crate::schema::{Format, FormatLimits};

/// Returns the address with its domain as in DNS, or `None` if that changes nothing or does not
/// make the address valid.
pub(super) fn repair(value: &str, limits: &FormatLimits) -> Option<String> {
    // UTS 46 would leave invisible characters out, and guess what is meant.
    let (local, domain) = value.split_once('@').filter(|_| !value.contains(is_invisible))?;
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let domain = if domain.is_ascii() && !domain.to_ascii_lowercase().contains("xn--") {
        Cow::Owned(domain.to_ascii_lowercase())
    } else {
        Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?
    };
    let repaired = format!("{local}@{domain}");
    (repaired != value && Format::Email.check(repaired.as_bytes(), limits)).then_some(repaired)
}
