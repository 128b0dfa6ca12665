//! Reads the parameters of `redact`, `mask` and `hmac`, which replace a text. `scrub` has them too.

use super::document::{Diagnostics, Section, Spanned, escape};
use super::operation::{HmacSpec, OpSpec};
use crate::transform::{Already, Encoding, Normalize, Scope, TokenShape};

/// The default of `text` in `redact`.
const REDACTED: &str = "[redacted]";
/// The default of `char` in `mask`.
const MASK_CHAR: char = '*';
/// The largest `keep_first` and `keep_last`. No value is that long.
const MASK_KEEP_MAX: u64 = 1_000_000;
/// The default of `bits` in `hmac`.
const BITS: u32 = 256;

pub(super) fn read_redact(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> OpSpec {
    let text = section.text("text", diagnostics).map_or(REDACTED, |text| text.value);
    OpSpec::Redact { text: text.to_owned() }
}

pub(super) fn read_mask(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> OpSpec {
    let mut count = |key| {
        let count = section.whole(key, 0..=MASK_KEEP_MAX, diagnostics).unwrap_or(0);
        usize::try_from(count).expect("the range above fits in 32 bits")
    };
    let (keep_first, keep_last) = (count("keep_first"), count("keep_last"));
    let hidden = section.text("char", diagnostics).and_then(|text| {
        let mut chars = text.value.chars();
        let only = chars.next().filter(|_| chars.next().is_none());
        if only.is_none() {
            diagnostics.push(text.at, "`char` is not one character", "", "write one, such as `*`");
        }
        only
    });
    let skip = section.text("skip", diagnostics).map_or("", |skip| skip.value).to_owned();
    OpSpec::Mask { keep_first, keep_last, hidden: hidden.unwrap_or(MASK_CHAR), skip }
}

pub(super) fn read_hmac(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<OpSpec> {
    let join = section.text("join", diagnostics).map(|join| join.value.to_owned());
    let scope = match section.text("scope", diagnostics) {
        Some(scope) => read_scope(scope, diagnostics),
        None => Some(Scope::Person),
    };
    let bits = read_bits(section, diagnostics);
    let encodings = Encoding::ALL.map(|encoding| (encoding.name(), encoding));
    let encoding =
        section.choice("encoding", &encodings, &[], diagnostics).unwrap_or(Encoding::Hex);
    let normalize = read_normalize(section, diagnostics).unwrap_or(Normalize::None);
    let already = [("reject", Already::Reject), ("keep", Already::Keep), ("hash", Already::Hash)];
    let already = section.choice("already", &already, &[], diagnostics).unwrap_or(Already::Reject);
    let shape = TokenShape::new(bits?, encoding).expect("the bits were checked");
    Some(OpSpec::Hmac(HmacSpec { join, scope: scope?, shape, normalize, already }))
}

/// Reads `normalize`. `None`: not set, or wrong, which is reported.
fn read_normalize(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Normalize> {
    let choices = Normalize::ALL.map(|form| (form.name(), form));
    section.choice("normalize", &choices, &[], diagnostics)
}

fn read_scope(text: Spanned<&str>, diagnostics: &mut Diagnostics<'_>) -> Option<Scope> {
    let scope = Scope::parse(text.value);
    if scope.is_none() {
        let help = "write `person`, or `relationship:` and a label";
        let message = match text.value {
            "run" => "the scope `run` is not in this version".to_owned(),
            other => format!("`scope` can't be `{}`", escape(other)),
        };
        diagnostics.push(text.at, message, "", help);
    }
    scope
}

fn read_bits(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<u32> {
    let Some(item) = section.item("bits") else { return Some(BITS) };
    let bits = item.value.as_integer().and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.filter(|bits| TokenShape::new(*bits, Encoding::Hex).is_ok());
    if bits.is_none() {
        let help = "it must be a multiple of 8 from 64 to 256; below 96, two people may get the same token";
        diagnostics.push(item.at, "`bits` is out of range", "", help);
    }
    bits
}
