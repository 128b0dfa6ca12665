//! `[unique]` and `[users]` in the form in which a run uses them: which values records share, and what
//! then becomes of them. `pipeline/process/compete.rs` finds the values, and `src/group` decides.

use crate::definition::{Compared, Definition, Keep, MaxEndpoints, OverLimit};
use crate::schema::{NodeIx, Role, Schema};
use crate::transform::Normalize;

/// What a definition says about records that belong together.
#[derive(Clone, Debug, Default)]
pub struct Together {
    /// `None`: all records stay.
    pub unique: Option<UniquePlan>,
    /// `None`: users have any number of records.
    pub users: Option<UsersPlan>,
}

/// Which of several records stays.
#[derive(Clone, Debug)]
pub struct UniquePlan {
    /// The fields whose values are compared.
    pub by: Vec<NodeIx>,
    pub keep: Keep,
    pub on: Compared,
    /// The form in which the values of `address` are compared.
    pub normalize: Normalize,
    pub address: NodeIx,
}

/// How many records a user may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsersPlan {
    pub max_endpoints: u64,
    pub over: OverLimit,
    /// Whether the number is that of the target.
    pub is_of_target: bool,
    /// The field that says whose record it is.
    pub user: NodeIx,
}

impl Together {
    /// The fields of a checked definition are known.
    pub fn new(definition: &Definition, schema: &Schema) -> Together {
        let unique = definition.unique.as_ref().map(|unique| UniquePlan {
            by: unique.by.iter().filter_map(|path| schema.node(&path.value)).collect(),
            keep: unique.keep,
            on: unique.on,
            normalize: unique.normalize.map_or(Normalize::None, |form| form.value),
            address: schema.role(Role::Address),
        });
        let users = definition.users.map(|users| {
            let of_target = schema.target.limits.endpoints_per_user;
            let (max_endpoints, is_of_target) = match users.max_endpoints {
                MaxEndpoints::Target => (of_target, true),
                MaxEndpoints::Number(number) => (number, false),
            };
            let user = schema.role(Role::UserId);
            UsersPlan { max_endpoints, over: users.over, is_of_target, user }
        });
        Together { unique, users }
    }

    /// The check that a user has no more records than that.
    pub fn user_limit_rule(&self, schema: &Schema) -> String {
        let is_of_target = self.users.is_some_and(|users| users.is_of_target);
        if is_of_target {
            schema.target.rule("endpoints_per_user")
        } else {
            "users.max_endpoints".to_owned()
        }
    }

    /// Whether records are not compared at all.
    pub fn is_off(&self) -> bool {
        self.unique.is_none() && self.users.is_none()
    }

    /// Whether it matters since when a record is as it is.
    pub fn needs_dates(&self) -> bool {
        self.unique.as_ref().is_some_and(|unique| unique.keep == Keep::Newest)
            || self.users.is_some_and(|users| users.over == OverLimit::Newest)
    }

    /// Whether one of the records that stays gets the opt-out of the others.
    pub fn merges_opt_outs(&self) -> bool {
        self.unique.as_ref().is_some_and(|unique| match unique.keep {
            Keep::First | Keep::Last => true,
            Keep::Newest => false,
        })
    }

    /// Whether the value that came in under a field decides about records.
    pub(super) fn reads(&self, node: NodeIx, schema: &Schema) -> bool {
        let by = self.unique.as_ref().filter(|unique| unique.on == Compared::Input);
        by.is_some_and(|unique| unique.by.contains(&node))
            || self.users.is_some_and(|users| users.user == node)
            || (self.needs_dates() && node == schema.role(Role::EffectiveDate))
    }
}
