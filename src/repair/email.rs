//! `email`: the domain in small letters and Punycode (UTS 46, non-transitional).
//!
//! The part before the `@` is the receiver's own business and stays as it is.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::schema::{Format, FormatLimits};

/// The address with its domain as the DNS has it, if that makes it one that senders take.
pub(super) fn mend(value: &str, limits: &FormatLimits) -> Option<String> {
    let (local, domain) = value.split_once('@')?;
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let domain = if domain.is_ascii() && !domain.to_ascii_lowercase().contains("xn--") {
        Cow::Owned(domain.to_ascii_lowercase())
    } else {
        Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?
    };
    let mended = format!("{local}@{domain}");
    (mended != value && Format::Email.check(mended.as_bytes(), limits)).then_some(mended)
}
