//! What a plan says about each name that a worker has met, decided once per name.
//!
//! A worker interns names: a [`NameId`] is an index into its [`Names`]. The lists here have an
//! entry for each of these names in the same order, so a lookup is an index.

use std::{ops::Range, sync::Arc};

use super::stages::Stages;
use crate::encode::{CellsOfNames, NameCells, NameKeys, push_name_key};
use crate::plan::{Plan, RuleIx};
use crate::record::{FieldPath, NameId, Names, Scope, describe_name, join, looks_like_a_column};
use crate::simd::{Span, copy::Literals};
use crate::transform::{Applied, NameOps, Op};
use crate::validate::{NameVerdict, NameVerdicts, personal_in_name};

/// The policies of one worker's names.
#[derive(Debug, Default)]
pub(super) struct NamePolicies {
    verdicts: Vec<NameVerdict>,
    policies: Vec<NamePolicy>,
    /// The names as keys of JSON objects, one after the other.
    keys: Literals,
    /// The cells of each name, for each output with a line encoder.
    cells: Vec<Vec<NameCells>>,
    shown: Vec<Shown>,
    /// Whether some name is only shown if it is common.
    some_shown_if_common: bool,
}

/// When accounts and messages may show a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Always,
    IfCommon,
    Never,
}

/// What it takes to describe a worker's names.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamePlaces<'a> {
    pub(super) names: &'a Names,
    pub(super) plan: &'a Plan,
    /// For CSV, whether the header is known well enough to show its names.
    pub(super) header_is_shown: Option<bool>,
}

#[derive(Debug)]
struct NamePolicy {
    /// The rule and its operation; `None` for names outside maps.
    applied: Option<(RuleIx, Arc<Op>)>,
    /// Where in `keys` the name is; empty if it is not written.
    key: Range<usize>,
}

/// Finds the operations of names for the transform stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpLookup<'a> {
    pub(super) policies: &'a NamePolicies,
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
}

impl NamePolicies {
    /// Forgets all names.
    pub(super) fn clear(&mut self) {
        *self = NamePolicies::default();
    }

    /// Decides for the names that were interned since the last call.
    pub(super) fn learn(&mut self, names: &Names, plan: &Plan, stages: &Stages) {
        let outputs = &stages.encoders.lines;
        if self.verdicts.is_empty() {
            self.cells.resize_with(outputs.len(), Vec::new);
        }
        assert_eq!(self.cells.len(), outputs.len(), "policies are for one set of stages");
        while self.verdicts.len() < names.len() {
            let (scope, name) = names.nth(self.verdicts.len());
            let map = scope.node().and_then(|node| plan.schema.map_of(node));
            match map {
                Some(map) => self.learn_map_name(map, name, plan, stages),
                None => self.learn_unknown(scope, name, plan, stages),
            }
            let shown = when_shown(scope_path(scope, plan), name, plan);
            self.some_shown_if_common |= shown == Shown::IfCommon;
            self.shown.push(shown);
        }
    }

    fn learn_map_name(&mut self, map: usize, name: &str, plan: &Plan, stages: &Stages) {
        let (rule, op) = plan.op_of_name(map, name);
        let dropped = matches!(*op, Op::Drop);
        let problems = if dropped { [None; 2] } else { stages.limits.check_name(name) };
        let removable = plan.removable.has_name(map, name);
        let is_kept = op.writes_through();
        let personal = if dropped { 0 } else { personal_in_name(name) };
        let verdict = NameVerdict {
            dropped,
            problems,
            removable,
            is_kept,
            personal,
            ..NameVerdict::default()
        };
        self.verdicts.push(verdict);
        let mut key = Vec::new();
        if !dropped {
            push_name_key(name, &mut key);
        }
        self.policies.push(NamePolicy { applied: Some((rule, op)), key: self.keys.add(&key) });
        for (cells, output) in self.cells.iter_mut().zip(&stages.encoders.lines) {
            let own = if dropped { NameCells::Dropped } else { output.encoder.cells_of(map, name) };
            cells.push(own);
        }
    }

    fn learn_unknown(&mut self, scope: Scope, name: &str, plan: &Plan, stages: &Stages) {
        let ignored = is_ignored(scope, name, plan);
        let looks_like_a_field = !ignored
            && !scope.is_unknown()
            && stages.lookalikes.of(scope_path(scope, plan), name).is_some();
        self.verdicts.push(NameVerdict { looks_like_a_field, ignored, ..NameVerdict::default() });
        self.policies.push(NamePolicy { applied: None, key: 0..0 });
        self.cells.iter_mut().for_each(|cells| cells.push(NameCells::Dropped));
    }

    pub(super) fn verdicts(&self) -> NameVerdicts<'_> {
        NameVerdicts(&self.verdicts)
    }

    /// The cells of the names in an output, given its index among those with a line encoder.
    pub(super) fn cells_in(&self, output: usize) -> CellsOfNames<'_> {
        CellsOfNames(self.cells.get(output).map_or(&[], Vec::as_slice))
    }

    /// Whether it matters how many records have a name.
    pub(super) fn some_are_shown_if_common(&self) -> bool {
        self.some_shown_if_common
    }

    /// Whether it matters how many records have this name.
    #[inline]
    pub(super) fn is_shown_if_common(&self, name: NameId) -> bool {
        self.shown.get(name.index()) == Some(&Shown::IfCommon)
    }

    /// The path of a name.
    pub(super) fn path_of(&self, name: NameId, places: NamePlaces<'_>) -> FieldPath {
        let (scope, text) = places.names.get(name);
        let within = scope_path(scope, places.plan);
        let shown = self.shown.get(name.index()).copied().unwrap_or(Shown::Never);
        let path = shown_path(shown, within, text, places.header_is_shown);
        let looks_like_a_field = self.verdicts().of(name).looks_like_a_field;
        let is_described = looks_like_a_field && path.shown != join(within, text);
        match known_end(text, places.plan).filter(|_| is_described) {
            Some((before, end)) => {
                let described = format!("{}.{end}", describe_name(before));
                FieldPath { shown: join(within, &described), ..path }
            }
            None => path,
        }
    }

    /// The rule of a name; `None` for names outside maps.
    pub(super) fn rule_of(&self, name: NameId) -> Option<RuleIx> {
        self.policies.get(name.index())?.applied.as_ref().map(|(rule, _)| *rule)
    }
}

impl NameKeys for NamePolicies {
    #[inline]
    fn key(&self, name: NameId) -> Option<Span<'_>> {
        let key = &self.policies.get(name.index())?.key;
        (!key.is_empty()).then(|| self.keys.span(key))
    }
}

impl NameOps for OpLookup<'_> {
    fn op(&self, name: NameId) -> Option<Applied<'_>> {
        let (rule, op) = self.policies.policies.get(name.index())?.applied.as_ref()?;
        op.makes_new_values().then(|| self.stages.applied(self.plan, *rule, op))
    }
}

/// The last name of a path inside of an object that nobody knows, such as that of an opt-out, if it may be shown; and
/// what is before it.
fn known_end<'n>(name: &'n str, plan: &Plan) -> Option<(&'n str, &'n str)> {
    name.rsplit_once('.').filter(|(_, end)| plan.knows_name("", end))
}

/// The path of a name in an object, whose path is empty for the record. `header_is_shown`: for CSV, whether
/// the header is known well enough to show its names.
pub fn path_of_name(
    plan: &Plan,
    within: &str,
    name: &str,
    header_is_shown: Option<bool>,
) -> FieldPath {
    shown_path(when_shown(within, name, plan), within, name, header_is_shown)
}

fn shown_path(shown: Shown, within: &str, name: &str, header_is_shown: Option<bool>) -> FieldPath {
    if name.is_empty() {
        return FieldPath::known(join(within, "(no name)"));
    }
    match (shown, header_is_shown) {
        (Shown::Always, _) | (Shown::IfCommon, Some(true)) => FieldPath::known(join(within, name)),
        (Shown::IfCommon, None) => FieldPath::if_common(within, name),
        (Shown::IfCommon, Some(false)) | (Shown::Never, _) => {
            FieldPath::known(join(within, &describe_name(name)))
        }
    }
}

fn when_shown(within: &str, name: &str, plan: &Plan) -> Shown {
    if personal_in_name(name) != 0 {
        Shown::Never
    } else if plan.knows_name(within, name) {
        Shown::Always
    } else if looks_like_a_column(name) {
        Shown::IfCommon
    } else {
        Shown::Never
    }
}

/// The path of the object or map that is a scope; empty for the record itself and for what neither the
/// schema nor `[input.rename]` knows.
pub(super) fn scope_path(scope: Scope, plan: &Plan) -> &str {
    let node = scope.node().and_then(|node| plan.schema.nodes.get(node));
    let container = scope.input().and_then(|number| plan.containers.get(number));
    node.map(|node| node.path.as_str()).or(container.map(String::as_str)).unwrap_or_default()
}

/// The field that an unknown name is another spelling of.
pub(super) fn field_looked_like(
    scope: Scope,
    name: &str,
    plan: &Plan,
    stages: &Stages,
) -> Option<String> {
    stages.lookalikes.field(scope_path(scope, plan), name)
}

/// Whether the definition drops a name on purpose.
fn is_ignored(scope: Scope, name: &str, plan: &Plan) -> bool {
    let ignore = &plan.input.column_settings.ignore;
    if scope.is_unknown() || ignore.is_empty() {
        return false;
    }
    // What is inside of an object is dropped with it.
    let whole = join(scope_path(scope, plan), name);
    let ends = whole.match_indices('.').map(|(at, _)| at).chain([whole.len()]);
    ends.filter_map(|end| whole.get(..end)).any(|path| ignore.iter().any(|one| one == path))
}
