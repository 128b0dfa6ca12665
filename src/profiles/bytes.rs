//! The form of profiles on disk: numbers of seven bits a byte, and texts after their lengths.
//!
//! ```text
//! profile   place, key, consent (a byte, channels), emptied, lost, items
//! lost      of other fields, fields (source, times)
//! item      source, values (text, times), lost
//! ```
//!
//! Before what there are several of stands their number. Texts are UTF-8, and are not checked again: what is read was
//! sealed by the same process.

use super::parts::{Consent, Lost, Source, Value};

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
        let Consent { is_known, is_opted_out, channels } = self.consent;
        out.push(u8::from(is_known) | u8::from(is_opted_out) << 1);
        put_number(u64::from(channels), out);
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

/// Appends a number, seven bits a byte, the lowest first.
#[inline]
pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Appends a text and, before it, its length.
#[inline]
pub(super) fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_number(count(text.len()), out);
    out.extend_from_slice(text);
}

/// Bytes that are read from their start.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    pub(super) fn consent(&mut self) -> Option<Consent> {
        let known = self.byte()?;
        Some(Consent {
            is_known: known & 1 != 0,
            is_opted_out: known & 2 != 0,
            channels: u32::try_from(self.number()?).ok()?,
        })
    }

    #[inline]
    pub(super) fn source(&mut self) -> Option<Source<'b>> {
        Some(match self.byte()? {
            PHONE => Source::Phone,
            EMAIL => Source::Email,
            FIELD => Source::Field(self.byte()?),
            NAME => Source::Name(self.byte()?, self.text()?),
            _ => return None,
        })
    }

    /// Adds those of a profile.
    pub(super) fn lost(&mut self, lost: &mut Lost<'b>) -> Option<()> {
        lost.other += self.number()?;
        for _ in 0..self.number()? {
            let field = self.source()?;
            lost.add(field, self.number()?);
        }
        Some(())
    }

    #[inline]
    pub(super) fn value(&mut self) -> Option<Value<'b>> {
        Some(Value { text: self.text()?, times: self.number()? })
    }
}

#[inline]
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
