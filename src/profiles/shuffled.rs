//! Profiles of records that another program brings together by user, as Spark does by its shuffle.
//!
//! ```text
//! values ─▶ records ─▶ (by user, in order) ─▶ UserFold ─▶ profiles ─▶ (in order) ─▶ FirstColumns ─▶ (in order) ─▶ Layout
//!                                                             └─────────────────────────────────────▶ RowMaker ◀──┘
//! ```
//!
//! What is in brackets is the other program's work. It knows the order, so the place of a profile is not in here.
//! Only one profile and the first columns are held at a time.

use std::collections::HashSet;
use std::iter;
use std::sync::Arc;

use super::columns::{Class, ColumnId, Layout, Ranks, each_cell, name_of, rank};
use super::object_type::object_type;
use super::parts::Bounds;
use super::profile::Profile;
use super::record::{Fields, ListKind, bounds};
use super::rows::Cells;
use super::unplaced::{Counts, Unplaced};
use crate::plan::ProfilePlan;

/// What says how profiles are made of records.
#[derive(Clone)]
pub struct ProfileRules {
    plan: Arc<ProfilePlan>,
    bounds: Bounds,
}

/// A record as a profile of its own.
pub struct ShuffledRecord<'a> {
    /// Whose it is.
    pub user: &'a [u8],
    pub profile: &'a [u8],
    pub is_opted_out: bool,
    /// The address of somebody who has opted out, and whether it is one of email.
    pub listed: Option<(bool, &'a [u8])>,
}

impl ProfileRules {
    pub fn new(plan: &Arc<ProfilePlan>) -> ProfileRules {
        ProfileRules { plan: Arc::clone(plan), bounds: bounds(plan) }
    }

    pub fn plan(&self) -> &ProfilePlan {
        &self.plan
    }

    /// Reads records, each as `encode/values.rs` writes it, and with whether it gets the opt-out of a duplicate. `None`:
    /// they are something else.
    pub fn records<'a>(
        &self,
        records: impl Iterator<Item = (&'a [u8], bool)>,
        mut each: impl FnMut(ShuffledRecord<'_>),
    ) -> Option<()> {
        let (mut fields, mut profile) = (Fields::default(), Vec::new());
        for (values, opts_out) in records {
            fields.read(&self.plan, values)?;
            if opts_out {
                fields.opt_out();
            }
            profile.clear();
            let written = fields.write(&self.plan, &self.bounds, 0, &mut profile)?;
            each(ShuffledRecord {
                user: written.key,
                profile: &profile,
                is_opted_out: fields.is_opted_out(),
                listed: written.listed.map(|(kind, address)| (kind == ListKind::Emails, address)),
            });
        }
        Some(())
    }
}

/// Folds records that are sorted by user and, for each user, by their order.
#[derive(Default)]
pub struct UserFold {
    user: Vec<u8>,
    /// The records of the user so far; empty: there are none.
    profile: Vec<u8>,
    /// Where the first of them is.
    first: usize,
}

impl UserFold {
    /// Adds records: the user of each, and its profile. `each` gets the profiles that have ended, with the number of the
    /// row of their first record; that of the first row is 1, and 0 stands for one of an earlier call.
    ///
    /// Returns the row of the first record of the profile that has not ended. `None`: the bytes are something else.
    pub fn add<'a>(
        &mut self,
        rules: &ProfileRules,
        records: &[(&'a [u8], &'a [u8])],
        mut each: impl FnMut(usize, &[u8]),
    ) -> Option<usize> {
        self.first = 0;
        let mut row = 0;
        for group in records.chunk_by(|(one, _), (other, _)| one == other) {
            let (user, _) = group.first()?;
            let later = group.iter().map(|(_, profile)| *profile);
            let is_same = !self.profile.is_empty() && self.user == *user;
            if is_same {
                let known = std::mem::take(&mut self.profile);
                self.fold(rules, iter::once(known.as_slice()).chain(later))?;
            } else {
                self.end(&mut each);
                self.fold(rules, later)?;
                self.user.clear();
                self.user.extend_from_slice(user);
                self.first = row + 1;
            }
            row += group.len();
        }
        Some(self.first)
    }

    /// Hands over the last profile, if there is one.
    pub fn end(&mut self, mut each: impl FnMut(usize, &[u8])) {
        if !self.profile.is_empty() {
            each(self.first, &self.profile);
            self.profile.clear();
        }
    }

    fn fold<'b>(
        &mut self,
        rules: &ProfileRules,
        records: impl Iterator<Item = &'b [u8]>,
    ) -> Option<()> {
        let mut profile = Profile::default();
        profile.fold_all(records, &rules.bounds)?;
        self.profile.clear();
        profile.write(&mut self.profile);
        Some(())
    }
}

/// A column where it is first in some profiles that are in order. The first ones by (`class`, `major`, the place of the
/// profile, `minor`) are written.
pub struct FoundColumn<'a> {
    pub id: &'a [u8],
    pub class: i32,
    pub major: u64,
    /// Whether the place of its profile matters.
    pub is_placed: bool,
    pub minor: u32,
}

/// Finds the columns that may be among the first ones, in profiles that are in order.
#[derive(Default)]
pub struct FirstColumns {
    ids: HashSet<Vec<u8>>,
    /// The names of those that came from names of maps or from addresses; no more than the output has columns.
    names: HashSet<String>,
    id: Vec<u8>,
}

impl FirstColumns {
    /// Hands over the columns of a profile that no earlier one has. `None`: the bytes are something else.
    pub fn note(
        &mut self,
        rules: &ProfileRules,
        profile: &[u8],
        mut each: impl FnMut(FoundColumn<'_>),
    ) -> Option<()> {
        let mut read = Profile::default();
        read.read(profile)?;
        let mut number = 0;
        each_cell(&read, |column, _, _| {
            number += 1;
            if let Some(found) = self.find(rules, column, number) {
                each(found);
            }
        });
        Some(())
    }

    fn find(
        &mut self,
        rules: &ProfileRules,
        column: ColumnId<'_>,
        number: u32,
    ) -> Option<FoundColumn<'_>> {
        let ProfileRules { plan, .. } = rules;
        column.write(&mut self.id);
        if self.ids.contains(&self.id) {
            return None;
        }
        let (class, major, minor) = rank(column, (0, number), plan);
        // Of many names only the first ones matter, and of those that would be one name the first one.
        if class == Class::Named {
            let is_full = plan.max_columns <= self.names.len();
            let name = name_of(column, plan).filter(|_| !is_full)?;
            if !self.names.insert(name) {
                return None;
            }
        }
        self.ids.insert(self.id.clone());
        let (class, is_placed) = (class.number(), class.is_placed());
        Some(FoundColumn { id: &self.id, class, major, is_placed, minor })
    }
}

/// The columns of rows.
pub struct ProfileLayout(Layout);

impl ProfileLayout {
    /// Chooses among columns that were found, the first ones first.
    pub fn new(rules: &ProfileRules, ids: Vec<Vec<u8>>) -> ProfileLayout {
        let mut ranks = Ranks::new(&rules.plan);
        ids.into_iter().zip(0..).for_each(|(id, place)| ranks.found(id, place, &rules.plan));
        ProfileLayout(ranks.layout(&rules.plan))
    }

    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// The columns that were chosen, as bytes.
    pub fn ids(&self) -> Vec<Vec<u8>> {
        self.0.ids()
    }

    /// The text of `object-type.json`. `name`: that of the definition.
    pub fn object_type(&self, name: &str) -> String {
        object_type(name, &self.0.fields)
    }
}

/// Makes rows of profiles.
pub struct RowMaker {
    rules: ProfileRules,
    layout: ProfileLayout,
    unplaced: Unplaced,
}

impl RowMaker {
    pub fn new(rules: ProfileRules, layout: ProfileLayout) -> RowMaker {
        RowMaker { rules, layout, unplaced: Unplaced::default() }
    }

    pub fn names(&self) -> &[String] {
        self.layout.names()
    }

    /// What has no place in the rows so far, by node.
    pub fn unplaced(&self) -> &Unplaced {
        &self.unplaced
    }

    /// Hands over the cells of each profile, by column; an empty cell stands for no value. `None`: the bytes are something
    /// else.
    pub fn rows<'a>(
        &mut self,
        profiles: impl Iterator<Item = &'a [u8]>,
        mut each: impl FnMut(&[&'a [u8]]),
    ) -> Option<()> {
        let RowMaker { rules, layout: ProfileLayout(layout), unplaced } = self;
        let (mut profile, mut counts) = (Profile::default(), Counts::default());
        let (mut id, mut row) = (Vec::new(), Vec::new());
        let cells = Cells { layout, bounds: rules.bounds };
        for bytes in profiles {
            profile.read(bytes)?;
            cells.count(&profile, &mut counts);
            cells.fill(&profile, &mut id, &mut row, &mut counts);
            each(&row);
        }
        unplaced.add(counts.owned().by_node());
        Some(())
    }
}
