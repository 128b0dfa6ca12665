//! The form of profiles on disk, with numbers and texts as in `encode/values.rs`.
//!
//! ```text
//! profile   place, key, consent (a byte, channels, those on no list), emptied, lost, items
//! lost      of other fields, fields (source, times)
//! item      source, values (text, times), lost
//! ```
//!
//! Before what there are several of stands their number. Texts are UTF-8, and are not checked again: what is read was
//! sealed by the same process.

use super::parts::{Consent, Lost, Source, Value};
use crate::encode::{Bytes, put_number, put_text};

const PHONE: u8 = 0;
const EMAIL: u8 = 1;
const FIELD: u8 = 2;
const NAME: u8 = 3;

/// All of a profile but its items.
pub(super) struct Head<'a, 'b> {
    pub(super) place: u64,
    pub(super) key: &'a [u8],
    pub(super) consent: Consent,
    pub(super) emptied: u64,
    pub(super) lost: &'a Lost<'b>,
}

impl Head<'_, '_> {
    /// Appends it; so many items follow.
    pub(super) fn write(&self, items: usize, out: &mut Vec<u8>) {
        put_number(self.place, out);
        put_text(self.key, out);
        let Consent { is_known, is_opted_out, channels, unlisted } = self.consent;
        out.push(u8::from(is_known) | u8::from(is_opted_out) << 1);
        put_number(u64::from(channels), out);
        put_number(u64::from(unlisted), out);
        put_number(self.emptied, out);
        put_number(self.lost.other, out);
        put_number(count(self.lost.fields.len()), out);
        for (field, times) in &self.lost.fields {
            put_source(*field, out);
            put_number(*times, out);
        }
        put_number(count(items), out);
    }
}

/// Appends an item of so many values, and how many have no place.
#[inline]
pub(super) fn put_item<'v>(
    source: Source<'_>,
    number: usize,
    values: impl Iterator<Item = Value<'v>>,
    lost: u64,
    out: &mut Vec<u8>,
) {
    put_source(source, out);
    put_number(count(number), out);
    for value in values {
        put_text(value.text, out);
        put_number(value.times, out);
    }
    put_number(lost, out);
}

#[inline]
fn put_source(source: Source<'_>, out: &mut Vec<u8>) {
    match source {
        Source::Phone => out.push(PHONE),
        Source::Email => out.push(EMAIL),
        Source::Field(node) => out.extend_from_slice(&[FIELD, node]),
        Source::Name(map, name) => {
            out.extend_from_slice(&[NAME, map]);
            put_text(name, out);
        }
    }
}

/// Reads what [`Head::write`] says of opt-outs.
pub(super) fn consent(bytes: &mut Bytes<'_>) -> Option<Consent> {
    let known = bytes.byte()?;
    Some(Consent {
        is_known: known & 1 != 0,
        is_opted_out: known & 2 != 0,
        channels: u32::try_from(bytes.number()?).ok()?,
        unlisted: u32::try_from(bytes.number()?).ok()?,
    })
}

/// Adds what a profile has lost.
pub(super) fn add_lost<'b>(bytes: &mut Bytes<'b>, lost: &mut Lost<'b>) -> Option<()> {
    lost.other += bytes.number()?;
    for _ in 0..bytes.number()? {
        let field = source(bytes)?;
        lost.add(field, bytes.number()?);
    }
    Some(())
}

#[inline]
pub(super) fn source<'b>(bytes: &mut Bytes<'b>) -> Option<Source<'b>> {
    Some(match bytes.byte()? {
        PHONE => Source::Phone,
        EMAIL => Source::Email,
        FIELD => Source::Field(bytes.byte()?),
        NAME => Source::Name(bytes.byte()?, bytes.text()?),
        _ => return None,
    })
}

#[inline]
pub(super) fn value<'b>(bytes: &mut Bytes<'b>) -> Option<Value<'b>> {
    Some(Value { text: bytes.text()?, times: bytes.number()? })
}

#[inline]
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
