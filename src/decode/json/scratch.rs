//! What one worker's decoder keeps from record to record: where each name was last seen, and what
//! the names seen last lead to.

use super::shape_cache::Event;
use crate::record::{NameId, Scope};

/// Memory that one worker's decoder reuses.
#[derive(Default)]
pub(in crate::decode) struct Scratch {
    /// For each name, the object that it was last seen in.
    seen_in: Vec<u64>,
    /// The number of the object that is being read.
    pub(super) object: u64,
    /// An unescaped name.
    pub(super) name: Vec<u8>,
    /// Members by their names; those of a schema never change.
    pub(super) members: ShortNames<usize>,
    pub(super) names: ShortNames<NameId>,
    /// What the decoder did with the record that is learned from.
    pub(super) trace: Vec<Event>,
}

impl Scratch {
    pub(in crate::decode) fn forget_names(&mut self) {
        self.seen_in.clear();
        self.names = ShortNames::default();
    }

    /// Whether the name was in this object already.
    pub(super) fn is_repeated(&mut self, name: NameId, object: u64) -> bool {
        if self.seen_in.len() <= name.index() {
            self.seen_in.resize(name.index() + 1, 0);
        }
        match self.seen_in.get_mut(name.index()) {
            Some(last) => std::mem::replace(last, object) == object,
            None => false,
        }
    }
}

/// The memory of both tables, in bytes.
pub(super) const TABLES_BYTES: usize = ShortNames::<usize>::BYTES + ShortNames::<NameId>::BYTES;

/// What short names lead to, by what [`Span::packed`] makes of them. Each has two places in a table,
/// and where both are taken the last one wins. Whatever is not found here is looked for elsewhere.
///
/// [`Span::packed`]: crate::simd::Span::packed
pub(super) struct ShortNames<T>(Vec<[Option<(u128, Scope, T)>; 2]>);

impl<T> Default for ShortNames<T> {
    fn default() -> Self {
        ShortNames(Vec::new())
    }
}

impl<T: Copy> ShortNames<T> {
    /// Many times as many places as the records of one producer have names, so that few share one.
    const PLACES_LOG2: u32 = 9;
    const BYTES: usize = size_of::<[Option<(u128, Scope, T)>; 2]>() << Self::PLACES_LOG2;

    #[inline]
    pub(super) fn find(&self, scope: Scope, name: u128) -> Option<T> {
        let [first, second] = self.0.get(Self::place(scope, name))?;
        let is_it = |known: &&(u128, Scope, T)| known.0 == name && known.1 == scope;
        let found = first.as_ref().filter(is_it).or_else(|| second.as_ref().filter(is_it));
        found.map(|(_, _, leads_to)| *leads_to)
    }

    pub(super) fn keep(&mut self, scope: Scope, name: u128, leads_to: T) {
        self.0.resize(1 << Self::PLACES_LOG2, [None; 2]);
        if let Some([first, second]) = self.0.get_mut(Self::place(scope, name)) {
            let place = if first.is_none() { first } else { second };
            *place = Some((name, scope, leads_to));
        }
    }

    /// The upper bits of a product, which depend on all bits of its factors.
    #[inline]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "both halves are wanted; a place has few bits"
    )]
    fn place(scope: Scope, name: u128) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 by the golden ratio
        let halves = (name as u64) ^ ((name >> 64) as u64).rotate_left(29);
        let mixed = (halves ^ u64::from(scope.0)).wrapping_mul(ODD);
        (mixed >> (u64::BITS - Self::PLACES_LOG2)) as usize
    }
}
