//! Checks records that were written: against the schema and the limits of the target, and against what the
//! rules promise about each field (`segprep verify`).
//!
//! The stages are those of a plan that keeps every field, so each value is looked at. Nothing is changed or
//! encoded. What the rules promise is an [`Expectation`] for each rule that the manifest lists.

use std::collections::HashSet;
use std::slice;

use super::rows::LineCounter;
use super::{ChunkPass, Worker};
use crate::decode::Format;
use crate::pipeline::block::{Block, Reject};
use crate::pipeline::name_policies::{NamePlaces, scope_path};
use crate::pipeline::stages::Stages;
use crate::plan::{Plan, RecordedRules};
use crate::record::{Code, DescribedProblem, Entry, NameId, Slot, Text, join};
use crate::schema::{Class, NodeIx, Schema};
use crate::transform::Tokens;

/// What the values of a field are like in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// As they came in, so they have the field's format.
    Kept,
    /// What an operation made.
    Changed,
    /// Tokens.
    Token,
    /// There are none.
    Absent,
}

/// What is expected of the fields of a record.
#[derive(Debug)]
pub struct Expectations {
    rules: RecordedRules,
    of_rules: Vec<Expectation>,
    of_nodes: Vec<Expectation>,
    tokens: Tokens,
    /// The whole paths of names that the manifest has, which may be shown.
    known: HashSet<String>,
}

impl Expectations {
    /// `of_rules`: what the values are like that each of the rules governs. A field that describes or
    /// identifies a person and that no rule covers is expected to be absent.
    pub fn new(
        rules: RecordedRules,
        of_rules: Vec<Expectation>,
        tokens: Tokens,
        known: HashSet<String>,
        schema: &Schema,
    ) -> Expectations {
        let of_nodes = schema.nodes.iter().enumerate().map(|(index, node)| {
            let by_default = match node.class {
                Class::Technical => Expectation::Kept,
                Class::Identifier | Class::Personal => Expectation::Absent,
            };
            let rule = rules.of_node(index).and_then(|rule| of_rules.get(rule));
            rule.copied().unwrap_or(by_default)
        });
        let of_nodes = of_nodes.collect();
        Expectations { rules, of_rules, of_nodes, tokens, known }
    }

    /// Whether all names of a map are dropped, which is an index into [`Schema::maps`].
    pub fn map_is_absent(&self, map: usize) -> bool {
        let mut rules = self.rules.of_map(map);
        rules.all(|rule| self.of_rules.get(rule) == Some(&Expectation::Absent))
    }

    /// Whether a value is a token of the rules.
    pub fn is_token(&self, value: &[u8]) -> bool {
        self.tokens.is_token(value)
    }

    /// What is expected of a field.
    pub fn of_node(&self, node: NodeIx) -> Expectation {
        self.of_nodes.get(node).copied().unwrap_or(Expectation::Absent)
    }

    fn of_name(&self, map: usize, name: &str) -> Expectation {
        let rule = self.rules.of_name(map, name).and_then(|rule| self.of_rules.get(rule));
        rule.copied().unwrap_or(Expectation::Absent)
    }
}

/// What is wrong with a record of a part. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It fails a check that a run makes before it writes.
    Invalid { code: &'static str, detail: &'static str },
    /// The rules drop the field.
    Dropped,
    /// Only exports have the field.
    ExportOnly,
    /// A value that a rule hashes is no token, or one of a key that the manifest does not list.
    NoToken,
    /// A tab or line break in CSV.
    LineBreak,
}

/// A flaw and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFlaw {
    /// The line ends between the beginning of the chunk and the record.
    pub line: u64,
    /// The path as it may be shown; empty for the record.
    pub field: String,
    pub flaw: Flaw,
}

/// What a chunk of a part holds.
#[derive(Debug, Default)]
pub struct Audited {
    pub records: u64,
    /// The first flaws, in order.
    pub flaws: Vec<PlacedFlaw>,
    /// All of them.
    pub flaw_count: u64,
}

/// Checks the records of a chunk. `stages` are those of [`Stages::for_checks`]; at most `most` flaws are kept.
pub fn audit(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    chunk: &[u8],
    format: &Format,
    expected: &Expectations,
    most: usize,
) -> Audited {
    let mut pass = ChunkPass::new(plan, stages, worker, chunk, 0, format);
    let mut lines = LineCounter::new(0, format.line_end());
    let mut names = NameCache::default();
    let (mut audited, mut at) = (Audited::default(), 0);
    while at < chunk.len() {
        if pass.worker.has_many_names() {
            names.0.clear();
        }
        let mut block = Block::for_rules(plan.rules.len());
        let decoded = pass.decode(at);
        pass.repair_and_drop();
        pass.check_values();
        pass.check_limits();
        let mut flaws = pass.broken_promises(expected, &mut names, &mut lines);
        at = pass.encode(decoded, usize::MAX, &mut block);
        pass.count_names(&mut block);
        let invalid = block.rejects.iter().flat_map(|reject| expected.flaws_of(reject, plan));
        flaws.extend(invalid);
        flaws.sort_by_key(|flaw| flaw.line);
        audited.records += block.read;
        audited.flaw_count += u64::try_from(flaws.len()).expect("fewer than 2^64");
        let room = most.saturating_sub(audited.flaws.len());
        audited.flaws.extend(flaws.into_iter().take(room));
    }
    audited
}

/// What is expected of each name that a worker knows, by its number.
#[derive(Default)]
struct NameCache(Vec<Option<Expectation>>);

impl NameCache {
    fn of(&mut self, name: NameId, find: impl FnOnce() -> Expectation) -> Expectation {
        if self.0.len() <= name.index() {
            self.0.resize(name.index() + 1, None);
        }
        match self.0.get_mut(name.index()) {
            Some(known) => *known.get_or_insert_with(find),
            None => find(),
        }
    }
}

impl Expectations {
    /// The flaws of a record that a run would reject, without those that an operation excuses.
    fn flaws_of(&self, reject: &Reject, plan: &Plan) -> Vec<PlacedFlaw> {
        let problems = reject.problems.iter().filter(|problem| !self.excuses(problem, plan));
        let flaw = |problem: &DescribedProblem| PlacedFlaw {
            line: reject.line,
            field: self.shown(problem),
            flaw: Flaw::Invalid { code: problem.code, detail: problem.detail },
        };
        problems.map(flaw).collect()
    }

    /// Whether the problem is that a value does not have the format of its field, and an operation made
    /// the value.
    fn excuses(&self, problem: &DescribedProblem, plan: &Plan) -> bool {
        const OF_FORMAT: [Code; 9] = [
            Code::Empty,
            Code::Enum,
            Code::Pattern,
            Code::Email,
            Code::Phone,
            Code::Country,
            Code::Locale,
            Code::Timezone,
            Code::Date,
        ];
        let expectation = plan.schema.node(&problem.field).map(|node| self.of_node(node));
        // An absent field has a flaw of its own.
        let is_made = !matches!(expectation, Some(Expectation::Kept) | None);
        is_made && OF_FORMAT.iter().any(|code| code.as_str() == problem.code)
    }

    fn shown(&self, problem: &DescribedProblem) -> String {
        let whole = problem.whole.as_ref().map(|(path, _)| path);
        whole.filter(|path| self.known.contains(*path)).unwrap_or(&problem.field).clone()
    }
}

impl ChunkPass<'_> {
    /// The values of the batch that are not what the rules promise.
    fn broken_promises(
        &self,
        expected: &Expectations,
        names: &mut NameCache,
        lines: &mut LineCounter,
    ) -> Vec<PlacedFlaw> {
        let batch = &self.worker.batch;
        let mut all = Vec::new();
        for row in batch.live_rows() {
            let Some(place) = batch.rows.get(row) else { break };
            let mut flaws = Vec::new();
            if 0 < place.export_only {
                flaws.push((String::new(), Flaw::ExportOnly));
            }
            self.look_at_nodes(row, expected, &mut flaws);
            self.look_at_entries(row, expected, names, &mut flaws);
            if !flaws.is_empty() {
                lines.count_to(self.source.chunk, place.start);
            }
            let line = lines.lines;
            all.extend(flaws.into_iter().map(|(field, flaw)| PlacedFlaw { line, field, flaw }));
        }
        all
    }

    fn look_at_nodes(&self, row: usize, expected: &Expectations, flaws: &mut Vec<(String, Flaw)>) {
        let schema = &self.plan.schema;
        for (node, slot) in self.worker.batch.row_slots(row).iter().enumerate() {
            if slot.is_absent() {
                continue;
            }
            let path = || schema.nodes.get(node).map(|node| node.path.clone()).unwrap_or_default();
            let slots = slice::from_ref(slot);
            if let Some(flaw) = self.flaw_of(slots, expected.of_node(node), expected) {
                flaws.push((path(), flaw));
            }
        }
    }

    fn look_at_entries(
        &self,
        row: usize,
        expected: &Expectations,
        names: &mut NameCache,
        flaws: &mut Vec<(String, Flaw)>,
    ) {
        let Worker { batch, decoder, .. } = &*self.worker;
        for map in 0..batch.maps_width {
            for entry in batch.map_entries(row, map) {
                let find = || expected.of_name(map, decoder.names.get(entry.name).1);
                let expectation = names.of(entry.name, find);
                if let Some(flaw) = self.flaw_of(batch.entry_values(*entry), expectation, expected)
                {
                    flaws.push((self.shown_name(*entry, expected), flaw));
                }
            }
        }
    }

    fn shown_name(&self, entry: Entry, expected: &Expectations) -> String {
        let Worker { decoder, policies, .. } = &*self.worker;
        let (scope, name) = decoder.names.get(entry.name);
        let whole = join(scope_path(scope, self.plan), name);
        if expected.known.contains(&whole) {
            return whole;
        }
        let header_is_shown = self.header_is_shown();
        let places = NamePlaces { names: &decoder.names, plan: self.plan, header_is_shown };
        policies.path_of(entry.name, places).shown
    }

    /// What is wrong with the values of a field.
    fn flaw_of(
        &self,
        values: &[Slot],
        expectation: Expectation,
        expected: &Expectations,
    ) -> Option<Flaw> {
        let text = Text { chunk: self.source.chunk, arena: &self.worker.batch.arena };
        let is_unhashed = |value: &&Slot| {
            value.is_text() && !value.is_empty() && !expected.tokens.is_token(text.of(**value))
        };
        match expectation {
            Expectation::Absent => return Some(Flaw::Dropped),
            Expectation::Token if values.iter().any(|value| is_unhashed(&value)) => {
                return Some(Flaw::NoToken);
            }
            Expectation::Token | Expectation::Kept | Expectation::Changed => {}
        }
        let breaks = |value: &Slot| text.of(*value).iter().any(|byte| b"\t\r\n".contains(byte));
        (self.source.is_csv && values.iter().any(breaks)).then_some(Flaw::LineBreak)
    }
}
