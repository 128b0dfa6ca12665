//! What one worker's decoder keeps from record to record: the order of names it saw last, and
//! where each name was last seen.

use super::learned::Event;
use crate::decode::layout::Object;
use crate::lanes::scan::{Wanted, first_special};
use crate::record::{NameId, Names, Scope};

/// Names whose tokens are kept: far more than the records of one producer have.
const TOKENS_MAX: usize = 4096;

/// Memory that one worker's decoder reuses.
#[derive(Default)]
pub(in crate::decode) struct Scratch {
    /// For each name, the object that it was last seen in.
    seen_in: Vec<u64>,
    /// The number of the object that is being read.
    pub(super) object: u64,
    /// An unescaped name.
    pub(super) name: Vec<u8>,
    /// What member came after each member the last time, in the order of the layout.
    members: Vec<usize>,
    /// What name came after each name of the maps the last time.
    names: Vec<Option<NameId>>,
    /// The name that a map began with the last time, by scope.
    first_names: Vec<(Scope, NameId)>,
    /// Each name as most producers write it, with quotes and colon; none that needs escapes.
    pub(super) tokens: Vec<Option<Wanted>>,
    /// What the decoder did with the record that is learned from.
    pub(super) trace: Vec<Event>,
}

impl Scratch {
    pub(in crate::decode) fn forget_names(&mut self) {
        self.seen_in.clear();
        self.names.clear();
        self.first_names.clear();
        self.tokens.clear();
    }

    /// Adds the tokens of names that are new.
    pub(super) fn learn_tokens(&mut self, names: &Names) {
        while self.tokens.len() < names.len().min(TOKENS_MAX) {
            let (_, name) = names.nth(self.tokens.len());
            let is_plain = first_special(name.as_bytes()) == name.len();
            self.tokens.push(is_plain.then(|| Wanted::new(format!("\"{name}\":").as_bytes())));
        }
    }

    /// The member that is likely to come after `last`; both are places among the members, and
    /// a `last` of 0 is the object's beginning.
    #[inline]
    pub(super) fn likely_member(&self, object: &Object, last: usize) -> usize {
        self.members.get(object.members_before + last).copied().unwrap_or(0)
    }

    pub(super) fn note_member(&mut self, object: &Object, last: usize, next: usize) {
        let at = object.members_before + last;
        if self.members.len() <= at {
            self.members.resize(at + 1, 0);
        }
        if let Some(place) = self.members.get_mut(at) {
            *place = next;
        }
    }

    /// The name that is likely to come after `last` in a map of that scope.
    #[inline]
    pub(super) fn likely_name(&self, scope: Scope, last: Option<NameId>) -> Option<NameId> {
        match last {
            Some(last) => self.names.get(last.index()).copied().flatten(),
            None => self.first_names.iter().find(|(of, _)| *of == scope).map(|(_, name)| *name),
        }
    }

    pub(super) fn note_name(&mut self, scope: Scope, last: Option<NameId>, next: NameId) {
        let Some(last) = last else {
            self.first_names.retain(|(of, _)| *of != scope);
            self.first_names.push((scope, next));
            return;
        };
        if self.names.len() <= last.index() {
            self.names.resize(last.index() + 1, None);
        }
        if let Some(place) = self.names.get_mut(last.index()) {
            *place = Some(next);
        }
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
