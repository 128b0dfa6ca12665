//! What is kept of a record that is compared with others: 24 bytes, and 12 more if its date matters.

use crate::pipeline::{NO_DATE, Since};

/// A record, as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The hash of what records may share.
    pub(super) key: u128,
    /// The number of the record. On disk it has 48 bits.
    pub(super) record: u64,
    pub(super) since: Since,
    /// What else matters; depends on what is compared.
    pub(super) tag: u16,
}

const KEY_BYTES: usize = 16;
const RECORD_BYTES: usize = 6;
const TAG_BYTES: usize = 2;
const SINCE_BYTES: usize = 12;

/// The bytes of an entry.
pub const fn entry_bytes(has_date: bool) -> usize {
    KEY_BYTES + RECORD_BYTES + TAG_BYTES + if has_date { SINCE_BYTES } else { 0 }
}

impl Entry {
    /// Appends the entry.
    pub(super) fn write(&self, has_date: bool, out: &mut Vec<u8>) {
        let low_bytes = |number: u64| number.to_le_bytes();
        out.extend_from_slice(&self.key.to_be_bytes());
        out.extend_from_slice(low_bytes(self.record).get(..RECORD_BYTES).unwrap_or(&[]));
        out.extend_from_slice(&self.tag.to_le_bytes());
        if has_date {
            out.extend_from_slice(&self.since.0.to_le_bytes());
            out.extend_from_slice(&self.since.1.to_le_bytes());
        }
    }

    /// Reads what [`Entry::write`] has written; `None` if the bytes are too few.
    pub(super) fn read(bytes: &[u8]) -> Option<Entry> {
        let (key, rest) = bytes.split_first_chunk::<KEY_BYTES>()?;
        let (record, rest) = rest.split_first_chunk::<RECORD_BYTES>()?;
        let (tag, rest) = rest.split_first_chunk::<TAG_BYTES>()?;
        let mut number = [0; 8];
        number.iter_mut().zip(record).for_each(|(byte, read)| *byte = *read);
        let since = match rest.split_first_chunk::<8>() {
            Some((seconds, rest)) => {
                let (nanoseconds, _) = rest.split_first_chunk::<4>()?;
                (i64::from_le_bytes(*seconds), u32::from_le_bytes(*nanoseconds))
            }
            None => NO_DATE,
        };
        Some(Entry {
            key: u128::from_be_bytes(*key),
            record: u64::from_le_bytes(number),
            since,
            tag: u16::from_le_bytes(*tag),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let entry = Entry {
            key: u128::MAX - 5,
            record: (1 << 48) - 2,
            since: (-62_135_596_800, 999_999_999),
            tag: 0xfffe,
        };
        for has_date in [true, false] {
            let mut bytes = Vec::new();
            entry.write(has_date, &mut bytes);
            assert_eq!(bytes.len(), entry_bytes(has_date));
            let since = if has_date { entry.since } else { NO_DATE };
            assert_eq!(Entry::read(&bytes), Some(Entry { since, ..entry }));
            assert_eq!(Entry::read(&bytes[..20]), None);
        }
    }
}
