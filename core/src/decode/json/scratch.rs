//! What one worker's decoder keeps from record to record: its buffers, the object in which each
//! name was last seen, and a cache of short names.

use super::renamed::Renamed;
use super::shape_cache::TraceEvent;
use crate::record::{NameId, Scope};

/// The memory of one worker's decoder.
#[derive(Default)]
pub(in crate::decode) struct Scratch {
    /// For each name, the number of the object in which it was last seen.
    last_seen_in: Vec<u64>,
    /// The number of the last object. Each object and map of each record has its own.
    pub(super) last_object: u64,
    /// An unescaped name.
    pub(super) name: Vec<u8>,
    /// Short names of the schema, each with the index of its member.
    pub(super) members: ShortNames<usize>,
    /// Short names in maps.
    pub(super) names: ShortNames<NameId>,
    /// Whether each interned name is that of an opt-out, as far as it was asked.
    opt_outs: Vec<Option<bool>>,
    /// The way to what is read inside of an unknown object.
    pub(super) unknown: UnknownPath,
    /// What the record has of renamed names.
    pub(super) renamed: Renamed,
    /// What the decoder did with the record that is to be learned.
    pub(super) trace: Vec<TraceEvent>,
}

impl Scratch {
    /// Removes what refers to interned names. Members stay, since the schema does not change.
    pub(in crate::decode) fn forget_names(&mut self) {
        self.last_seen_in.clear();
        self.opt_outs.clear();
        self.names = ShortNames::default();
    }

    /// Whether a name is that of an opt-out, which `ask` says the first time.
    pub(super) fn is_opt_out(&mut self, name: NameId, ask: impl FnOnce() -> bool) -> bool {
        if self.opt_outs.len() <= name.index() {
            self.opt_outs.resize(name.index() + 1, None);
        }
        let known = self.opt_outs.get_mut(name.index());
        known.is_some_and(|known| *known.get_or_insert_with(ask))
    }

    /// Notes that the name is in an object. Returns whether it was there before.
    pub(super) fn is_repeated(&mut self, name: NameId, object: u64) -> bool {
        if self.last_seen_in.len() <= name.index() {
            self.last_seen_in.resize(name.index() + 1, 0);
        }
        match self.last_seen_in.get_mut(name.index()) {
            Some(last) => std::mem::replace(last, object) == object,
            None => false,
        }
    }
}

/// The names on the way to what is read inside of an unknown object, with dots between; empty outside of one.
#[derive(Default)]
pub(super) struct UnknownPath {
    pub(super) path: String,
    /// The scope of the first of them.
    pub(super) scope: Option<Scope>,
}

/// The memory of both caches of short names, in bytes.
pub(super) const NAME_CACHES_BYTES: usize =
    ShortNames::<usize>::BYTES + ShortNames::<NameId>::BYTES;

/// A cache of what short names mean, by the name packed into one number (see [`Span::packed`]): a
/// lookup is one multiplication and one or two comparisons.
///
/// Each name has two possible places in a table of fixed size. If both are taken, the second is
/// overwritten. A name that is not found has to be looked up in another way.
///
/// [`Span::packed`]: crate::simd::Span::packed
pub(super) struct ShortNames<T>(Vec<[Option<(u128, Scope, T)>; 2]>);

impl<T> Default for ShortNames<T> {
    fn default() -> Self {
        ShortNames(Vec::new())
    }
}

impl<T: Copy> ShortNames<T> {
    /// 512 places: many more than the records of one producer have names, so that few collide.
    const PLACES_LOG2: u32 = 9;
    const BYTES: usize = size_of::<[Option<(u128, Scope, T)>; 2]>() << Self::PLACES_LOG2;

    #[inline]
    pub(super) fn find(&self, scope: Scope, name: u128) -> Option<T> {
        let [first, second] = self.0.get(Self::place(scope, name))?;
        let is_same = |known: &&(u128, Scope, T)| known.0 == name && known.1 == scope;
        let found = first.as_ref().filter(is_same).or_else(|| second.as_ref().filter(is_same));
        found.map(|(_, _, meaning)| *meaning)
    }

    pub(super) fn insert(&mut self, scope: Scope, name: u128, meaning: T) {
        self.0.resize(1 << Self::PLACES_LOG2, [None; 2]);
        if let Some([first, second]) = self.0.get_mut(Self::place(scope, name)) {
            let place = if first.is_none() { first } else { second };
            *place = Some((name, scope, meaning));
        }
    }

    /// Multiplicative hashing: the upper bits of a product depend on all bits of its factors.
    #[inline]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "both halves of the name are used; a place has few bits"
    )]
    fn place(scope: Scope, name: u128) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio
        let halves = (name as u64) ^ ((name >> 64) as u64).rotate_left(29);
        let mixed = (halves ^ u64::from(scope.0)).wrapping_mul(ODD);
        (mixed >> (u64::BITS - Self::PLACES_LOG2)) as usize
    }
}
