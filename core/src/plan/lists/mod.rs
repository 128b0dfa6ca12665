//! Suppression lists: people whose records are dropped or opted out.
//!
//! A list is used in two steps. [`ListSpec`] is what the definition says of it, and is enough to
//! read its files; a [`SuppressionList`] is that with the entries that were read.
//!
//! - A value is looked up as it is after repair, in its normal form (such as `email.v1`). Entries
//!   are brought to the same form (`normal`).
//! - Entries are held as digests alone ([`Entries`]): none is shown, written or kept as text.
//! - A value that has no normal form is in no list.

mod entries;
mod normal;
mod spec;

use std::fmt;

pub use entries::{Entries, EntryDigest};
pub use spec::ListSpec;
pub(crate) use spec::LookupScratch;

/// A list that was read.
pub struct SuppressionList {
    pub spec: ListSpec,
    pub entries: Entries,
}

impl fmt::Debug for SuppressionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SuppressionList({}, {:?})", self.spec.field, self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_list_is_shown() {
        let digest = EntryDigest::of(b"ada@example.com");
        let entries = Entries::new(vec![digest]);
        assert_eq!(format!("{digest:?} {entries:?}"), "EntryDigest(..) Entries(1)");
    }
}
