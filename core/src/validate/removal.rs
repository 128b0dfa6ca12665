//! `[validate.on_invalid]`: removes invalid values of optional fields, so that they don't cost a record.
//!
//! The checks find problems as always. Those of fields that may be removed are then taken back, together
//! with the values.

use super::NameVerdicts;
use crate::record::{Batch, Code, Entry, Field, Note, Noted, Problem, Slot, Text};
use crate::schema::{NodeIx, Role, Schema};

/// The fields whose invalid values are removed.
#[derive(Clone, Debug, Default)]
pub struct Removable {
    nodes: Vec<bool>,
    /// For each map, whole names, and beginnings of names.
    names: Vec<(Vec<String>, Vec<String>)>,
}

impl Removable {
    pub fn new(schema: &Schema) -> Removable {
        let names = schema.maps.iter().map(|_| (Vec::new(), Vec::new()));
        Removable { nodes: vec![false; schema.nodes.len()], names: names.collect() }
    }

    /// Whether a field may be removed at all: not what a record is for, and who it is about.
    pub fn allows(schema: &Schema, node: NodeIx) -> bool {
        let is_protected = |role: &Role| match role {
            Role::Id
            | Role::Channel
            | Role::Address
            | Role::OptOut
            | Role::Status
            | Role::UserId => true,
            Role::Country | Role::EffectiveDate => false,
        };
        let mut protected = Role::ALL.iter().filter(|role| is_protected(role));
        // An object that has such a field may not be removed either.
        let path = schema.nodes.get(node).map_or("", |node| node.path.as_str());
        let is_within = |role: &Role| {
            let within = schema.role_path(*role).strip_prefix(path);
            within.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !protected.any(is_within)
    }

    pub fn add_node(&mut self, node: NodeIx) {
        if let Some(place) = self.nodes.get_mut(node) {
            *place = true;
        }
    }

    /// Adds a name of a map, given the map's index in the schema.
    pub fn add_name(&mut self, map: usize, name: &str) {
        if let Some((exact, _)) = self.names.get_mut(map) {
            exact.push(name.to_owned());
        }
    }

    /// Adds all names of a map that begin with a text.
    pub fn add_names(&mut self, map: usize, start: &str) {
        if let Some((_, starts)) = self.names.get_mut(map) {
            starts.push(start.to_owned());
        }
    }

    /// Whether nothing is removed.
    pub fn is_empty(&self) -> bool {
        let has_names =
            |(exact, starts): &(Vec<String>, Vec<String>)| !exact.is_empty() || !starts.is_empty();
        !self.nodes.contains(&true) && !self.names.iter().any(has_names)
    }

    /// Whether invalid values of a name in a map are removed.
    pub fn has_name(&self, map: usize, name: &str) -> bool {
        self.names.get(map).is_some_and(|(exact, starts)| {
            exact.iter().any(|one| one == name)
                || starts.iter().any(|start| name.starts_with(start.as_str()))
        })
    }

    /// Takes back the problems from number `from` on that are of removable values, and removes these
    /// values. `max_value_length`: the longest value of a list, in code points.
    pub fn remove(
        &self,
        from: usize,
        max_value_length: usize,
        chunk: &[u8],
        batch: &mut Batch,
        names: NameVerdicts<'_>,
    ) {
        let mut problems = std::mem::take(&mut batch.problems);
        let mut number = 0;
        problems.retain(|(row, problem)| {
            number += 1;
            let is_removed = from < number && self.is_removable(problem, names);
            if is_removed {
                let removal = Removal { row: *row, problem: *problem, max_value_length, chunk };
                removal.apply(batch);
            }
            !is_removed
        });
        batch.problems = problems;
    }

    fn is_removable(&self, problem: &Problem, names: NameVerdicts<'_>) -> bool {
        is_of_value(problem.code)
            && match problem.field {
                Field::Record => false,
                Field::Node(node) => self.nodes.get(usize::from(node)).copied().unwrap_or(false),
                Field::Named(name) => names.of(name).removable,
            }
    }
}

/// Whether a problem is one of a value, and not of the record.
fn is_of_value(code: Code) -> bool {
    match code {
        Code::Type
        | Code::Empty
        | Code::Enum
        | Code::Pattern
        | Code::Email
        | Code::Phone
        | Code::Country
        | Code::Locale
        | Code::Timezone
        | Code::Date
        | Code::Range
        | Code::NameLength
        | Code::NameChars
        | Code::ValueLength
        | Code::ValueCount
        | Code::LineBreak => true,
        Code::JsonSyntax
        | Code::CsvSyntax
        | Code::Utf8
        | Code::DuplicateKey
        | Code::TooDeep
        | Code::TooLongRecord
        | Code::Missing
        | Code::UnknownField
        | Code::AttributeCount
        | Code::EndpointSize
        | Code::Column
        | Code::Op
        | Code::AlreadyToken
        | Code::PiiFound
        | Code::UserEndpointLimit => false,
    }
}

/// The removal of what has one problem.
struct Removal<'a> {
    row: u32,
    problem: Problem,
    max_value_length: usize,
    chunk: &'a [u8],
}

impl Removal<'_> {
    fn apply(&self, batch: &mut Batch) {
        let row = usize::try_from(self.row).expect("usize is at least 32 bits wide");
        match self.problem.field {
            Field::Record => {}
            Field::Node(node) => {
                let node = usize::from(node);
                if !batch.slot(row, node).is_absent() {
                    batch.set_slot(row, node, Slot::ABSENT);
                    self.note(1, batch);
                }
            }
            Field::Named(name) => {
                let mut places = (0..batch.maps_width).flat_map(|map| batch.map(row, map).range());
                let is_same = |place: &usize| {
                    batch.entries.get(*place).is_some_and(|entry| entry.name == name)
                };
                if let Some(place) = places.find(is_same) {
                    let removed = self.remove_from(place, batch);
                    self.note(removed, batch);
                }
            }
        }
    }

    /// Removes the invalid values of an entry, and the entry if none is left. Returns how many.
    fn remove_from(&self, place: usize, batch: &mut Batch) -> usize {
        let Some(entry) = batch.entries.get(place).copied() else { return 0 };
        let own = batch.entry_values(entry);
        let before = own.len();
        let kept: Vec<Slot> = if entry.is_list {
            let text = Text { chunk: self.chunk, arena: &batch.arena };
            own.iter().copied().filter(|value| self.is_valid(*value, text)).collect()
        } else {
            Vec::new()
        };
        let is_list = entry.is_list && !kept.is_empty();
        let values = batch.values.get_mut(entry.values.range()).unwrap_or(&mut []);
        values.iter_mut().zip(&kept).for_each(|(value, kept)| *value = *kept);
        let mut values = entry.values;
        values.len = u32::try_from(kept.len()).expect("no more than there were");
        if let Some(changed) = batch.entries.get_mut(place) {
            *changed = Entry { values, is_list, ..entry };
        }
        before - kept.len()
    }

    /// Whether an item of a list does not have the problem.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other problems are of the whole list")]
    fn is_valid(&self, value: Slot, text: Text<'_>) -> bool {
        let bytes = text.of(value);
        match self.problem.code {
            Code::Type => value.is_text(),
            Code::ValueLength => {
                String::from_utf8_lossy(bytes).chars().count() <= self.max_value_length
            }
            Code::LineBreak => !bytes.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')),
            _ => false,
        }
    }

    fn note(&self, times: usize, batch: &mut Batch) {
        let noted = Noted { row: self.row, field: self.problem.field, note: Note::RemovedInvalid };
        batch.notes.extend(std::iter::repeat_n(noted, times));
    }
}
