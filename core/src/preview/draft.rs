//! Makes a record of a preview: the values that came in, what is written of them, and by what.

use std::borrow::Cow;
use std::ops::Range;

use super::meaning::{Meaning, MeaningKind, Meanings};
use super::outline::outline;
use super::raw::{RawText, RawValue, each_in_csv, each_in_json};
use super::record::{PreviewField, PreviewOutcome, PreviewRecord, Shown};
use crate::decode::{Aliases, Format};
use crate::definition::OpKind;
use crate::pipeline::{Fate, Observed, Stages};
use crate::plan::Plan;
use crate::record::DescribedProblem;
use crate::schema::{NodeIx, Role, Shape};

/// The most fields of a record that are listed, and the most values of a field.
const FIELDS_MAX: usize = 250;
const VALUES_MAX: usize = 8;

/// What previews are made with.
pub struct Draft<'a> {
    meanings: Meanings<'a>,
    /// Whether values are shown as they are.
    reveals: bool,
}

/// An input.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// As listed.
    pub name: String,
    /// The names of the columns of CSV, and whether they are from a header.
    pub columns: Vec<String>,
    pub has_header: bool,
}

/// What a record has of one field.
struct Group {
    meaning: Meaning,
    /// The names on the way to it.
    names: Vec<String>,
    /// The first values, and the number of the others.
    values: Vec<String>,
    more: usize,
    is_list: bool,
}

/// The fields of a record, and the number of values of those that are too many.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    left_out: u64,
}

impl std::fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Draft")
    }
}

impl<'a> Draft<'a> {
    pub fn new(plan: &'a Plan, stages: &'a Stages, reveals: bool) -> Draft<'a> {
        let (lookalikes, aliases) = (&stages.lookalikes, Aliases::shipped());
        Draft { meanings: Meanings { plan, lookalikes, aliases }, reveals }
    }

    /// A record of which nothing is known but its problem: it is too long to be held.
    pub fn of_problem(source: &Source, problem: DescribedProblem) -> PreviewRecord {
        PreviewRecord {
            source: source.name.clone(),
            record: 0,
            line: 0,
            endpoint: None,
            outcome: PreviewOutcome::Rejected,
            reason: Some(problem.code),
            problems: vec![problem],
            fields: Vec::new(),
            part: None,
            part_line: None,
            left_out: 0,
        }
    }

    /// A record of a chunk; its number and its line are relative to the chunk.
    pub fn record(
        &self,
        source: &Source,
        format: &Format,
        chunk: &[u8],
        observed: Observed,
    ) -> PreviewRecord {
        let text = chunk.get(observed.offset..observed.offset + observed.bytes).unwrap_or(&[]);
        let came_in = match str::from_utf8(text) {
            Ok(text) => self.came_in(source, format, text, &observed),
            Err(_) => Groups::default(),
        };
        let left_out = came_in.left_out;
        let mut written = self.written(&observed.json);
        let header_is_shown = header_is_shown(format);
        let mut fields: Vec<PreviewField> = Vec::new();
        for group in &came_in.all {
            let own = |one: &Group| one.meaning.path == group.meaning.path;
            let is_field = !matches!(group.meaning.kind, MeaningKind::Unknown { .. });
            let after = written.all.iter().position(own).filter(|_| is_field);
            let after = after.map(|after| written.all.remove(after));
            fields.push(self.field(Some(group), after.as_ref(), &observed, header_is_shown));
        }
        for group in &written.all {
            fields.push(self.field(None, Some(group), &observed, header_is_shown));
        }
        let (outcome, reason) = match observed.fate {
            Fate::Written => (PreviewOutcome::Written, None),
            Fate::Rejected => {
                (PreviewOutcome::Rejected, observed.problems.first().map(|problem| problem.code))
            }
            Fate::Inactive => (PreviewOutcome::Dropped, Some("inactive")),
            Fate::Suppressed => (PreviewOutcome::Dropped, Some("suppressed")),
            Fate::Header => (PreviewOutcome::Dropped, Some("header")),
        };
        PreviewRecord {
            source: source.name.clone(),
            record: observed.record,
            line: observed.line,
            endpoint: (0 < observed.endpoint).then_some(observed.endpoint),
            outcome,
            reason,
            problems: observed.problems,
            fields,
            part: None,
            part_line: None,
            left_out,
        }
    }

    /// The fields of a record as it came in.
    fn came_in(&self, source: &Source, format: &Format, text: &str, observed: &Observed) -> Groups {
        let mut groups = Groups::default();
        match format {
            // A row with too many or too few cells has no columns.
            Format::Csv(columns) if observed.is_decoded => {
                let endpoint = usize::from(observed.endpoint).checked_sub(1);
                each_in_csv(text, columns.dialect, &source.columns, &mut |value| {
                    let name = value.names.first().copied().unwrap_or_default();
                    if self.meanings.is_of_record(name, endpoint) {
                        let is_header = source.has_header;
                        let meaning = || self.meanings.of_column(name, is_header, endpoint);
                        groups.add(&value, |_| meaning());
                    }
                });
            }
            Format::Csv(_) => {}
            Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => {
                each_in_json(text, &mut |value| {
                    groups.add(&value, |names| self.meanings.of_path(names));
                });
            }
        }
        groups
    }

    /// The fields of a written record.
    fn written(&self, json: &str) -> Groups {
        let mut groups = Groups::default();
        each_in_json(json, &mut |value| {
            groups.add(&value, |names| self.meanings.of_own_path(names));
        });
        groups
    }

    fn field(
        &self,
        before: Option<&Group>,
        after: Option<&Group>,
        observed: &Observed,
        header_is_shown: Option<bool>,
    ) -> PreviewField {
        let meaning = &before.or(after).expect("a field comes in or is written").meaning;
        let op = self.op(&meaning.kind);
        let is_written = observed.fate == Fate::Written;
        let taken = observed.values.iter().find(|(path, _)| *path == meaning.path);
        let taken = taken.map_or(&[][..], |(_, values)| values.as_slice());
        let node = node(&meaning.kind);
        let before_shown = before.map(|group| shown(group, |text| self.seen(node, text)));
        let after_shown = after.map(|group| {
            let came_in = before.map_or(&[][..], |group| group.values.as_slice());
            let is_scrub = op == Some(OpKind::Scrub);
            let is_made = |text: &str| {
                let mut all = came_in.iter().chain(taken);
                !is_scrub
                    && op.is_some_and(OpKind::makes_values)
                    && !all.any(|one| says_the_same(one, text) || leaves_much(op, one, text))
            };
            let seen =
                |text: &str| match self.scrubbed(&meaning.kind, text, taken).filter(|_| is_scrub) {
                    Some(scrubbed) => scrubbed,
                    None if is_made(text) => text.to_owned(),
                    None => self.seen(node, text),
                };
            shown(group, seen)
        });
        let is_removed = is_written && after.is_none() && !taken.is_empty();
        PreviewField {
            path: self.meanings.shown(meaning, header_is_shown),
            before: before_shown,
            after: after_shown,
            by: self.by(before, meaning, op.filter(|_| is_written), observed),
            note: self.note(meaning, op.filter(|_| is_removed), observed),
        }
    }

    /// What is shown of a value: a word of the schema as it is, any other in outline.
    fn seen(&self, node: Option<NodeIx>, text: &str) -> String {
        let is_word = node.is_some_and(|node| self.meanings.plan.schema.lists_word(node, text));
        if self.reveals || is_word { text.to_owned() } else { outline(text) }
    }

    /// A text that `scrub` changed: what it put there as it is, and the rest in outline.
    fn scrubbed(&self, kind: &MeaningKind, text: &str, taken: &[String]) -> Option<String> {
        let plan = self.meanings.plan;
        let scrub = |value: &String| match kind {
            MeaningKind::Node(node) => plan.scrub_in_field(*node, value),
            MeaningKind::Name { map, name } => plan.scrub_under_name(*map, name, value),
            MeaningKind::ExportOnly | MeaningKind::Unknown { .. } => None,
        };
        let made_of = |value| scrub(value).filter(|scrubbed| scrubbed.text == text);
        let (value, scrubbed) = taken.iter().find_map(|value| Some((value, made_of(value)?)))?;
        let seen = |part: Range<usize>| self.seen(None, text.get(part).unwrap_or_default());
        let (mut shown, mut at) = (String::new(), 0);
        for made in scrubbed.made {
            shown.push_str(&seen(at..made.start));
            at = made.end;
            let put = text.get(made.clone()).unwrap_or_default();
            let is_told = leaves_much(Some(OpKind::Mask), value, put);
            shown.push_str(&if is_told { seen(made) } else { put.to_owned() });
        }
        shown.push_str(&seen(at..text.len()));
        Some(shown)
    }

    /// The operation of a field; `None` for what is none.
    fn op(&self, kind: &MeaningKind) -> Option<OpKind> {
        let plan = self.meanings.plan;
        let rule = match kind {
            MeaningKind::Node(node) => {
                let is_value = |shape: Shape| matches!(shape, Shape::Text | Shape::Number);
                plan.schema.nodes.get(*node).filter(|node| is_value(node.shape))?;
                match plan.node_rules.get(*node).copied().flatten() {
                    Some(rule) => rule,
                    None => return Some(OpKind::Keep),
                }
            }
            MeaningKind::Name { map, name } => plan.map_rules.get(*map)?.rule_of(name),
            MeaningKind::ExportOnly | MeaningKind::Unknown { .. } => return None,
        };
        plan.rules.get(rule).map(|rule| rule.op.kind())
    }

    /// The settings and the operation that made of a field what it is.
    fn by(
        &self,
        before: Option<&Group>,
        meaning: &Meaning,
        op: Option<OpKind>,
        observed: &Observed,
    ) -> Vec<Cow<'static, str>> {
        let plan = self.meanings.plan;
        let mut by: Vec<Cow<'static, str>> = meaning.via.into_iter().map(Cow::from).collect();
        match (&meaning.kind, before) {
            (MeaningKind::Unknown { is_ignored: true, .. }, _) => by.push("input.ignore".into()),
            (MeaningKind::Unknown { .. }, _) if observed.fate == Fate::Written => {
                by.push("input.unknown".into());
            }
            (MeaningKind::ExportOnly, _) => by.push("export only".into()),
            (_, Some(group)) => by.extend(self.shaped_by(group)),
            (_, None) => by.extend(self.added_by(meaning, observed)),
        }
        let mut repairs: Vec<_> =
            observed.repairs.iter().filter(|(path, _)| *path == meaning.path).collect();
        repairs.dedup();
        by.extend(repairs.into_iter().map(|(_, kind)| Cow::from(kind.setting())));
        if observed.removed.contains(&meaning.path) {
            by.push("validate.on_invalid".into());
        }
        if observed.is_opted_out && meaning.path == plan.schema.role_path(Role::OptOut) {
            by.push("suppress".into());
        }
        by.extend(op.map(|op| Cow::from(op.name())));
        by
    }

    /// The setting that adds a field.
    fn added_by(&self, meaning: &Meaning, observed: &Observed) -> Option<Cow<'static, str>> {
        let columns = &self.meanings.plan.input.column_settings;
        let is_in = |constants: &[(String, String)]| {
            constants.iter().any(|(path, _)| *path == meaning.path)
        };
        let endpoint = usize::from(observed.endpoint).checked_sub(1);
        let endpoint = endpoint.and_then(|endpoint| columns.endpoints.get(endpoint));
        if endpoint.is_some_and(|endpoint| is_in(&endpoint.constants)) {
            Some("input.endpoint".into())
        } else {
            is_in(&columns.constants).then(|| "input.constants".into())
        }
    }

    /// The settings that say what the texts of other programs mean, as far as they did for this field.
    fn shaped_by(&self, group: &Group) -> Vec<Cow<'static, str>> {
        let input = &self.meanings.plan.input;
        let own = |path: &String| *path == group.meaning.path;
        let has_value = |test: &dyn Fn(&str) -> bool| group.values.iter().any(|value| test(value));
        let mut by = Vec::new();
        if has_value(&|text| input.shapes.null.iter().any(|null| null == text)) {
            by.push(Cow::from("input.null"));
        }
        let words = input.shapes.values.iter().filter(|(path, _)| own(path));
        let mut words = words.flat_map(|(_, words)| words);
        if words.any(|(word, _)| has_value(&|text| text == word)) {
            by.push("input.values".into());
        }
        let mut split = input.shapes.split.iter().filter(|(path, _)| own(path));
        if split.any(|(_, delimiter)| has_value(&|text| text.bytes().any(|b| b == *delimiter))) {
            by.push("input.split".into());
        }
        by
    }

    /// What is to be known about a field besides. `removed_by`: the operation, if nothing is left.
    fn note(&self, meaning: &Meaning, removed_by: Option<OpKind>, observed: &Observed) -> String {
        match (&meaning.kind, removed_by) {
            (MeaningKind::Unknown { within, name, is_ignored: false }, _) => {
                self.meanings.note(within, name)
            }
            _ if observed.removed.contains(&meaning.path) => "invalid: removed".to_owned(),
            (_, Some(OpKind::Map)) => "not in the table: removed".to_owned(),
            (_, Some(op)) if op.makes_values() => "does not apply: removed".to_owned(),
            _ => String::new(),
        }
    }
}

/// What is shown of the values of a group.
fn shown(group: &Group, seen: impl Fn(&str) -> String) -> Shown {
    let mut values: Vec<String> = group.values.iter().map(|value| seen(value)).collect();
    if 0 < group.more {
        values.push(format!("and {} more", group.more));
    }
    match values.pop() {
        Some(value) if values.is_empty() && !group.is_list => Shown::One(value),
        Some(value) => {
            values.push(value);
            Shown::List(values)
        }
        None if group.is_list => Shown::List(values),
        None => Shown::One("{}".to_owned()),
    }
}

fn node(kind: &MeaningKind) -> Option<NodeIx> {
    match kind {
        MeaningKind::Node(node) => Some(*node),
        MeaningKind::Name { .. } | MeaningKind::ExportOnly | MeaningKind::Unknown { .. } => None,
    }
}

/// For CSV, whether the names of the header may be shown.
fn header_is_shown(format: &Format) -> Option<bool> {
    match format {
        Format::Csv(columns) => Some(columns.names_are_shown),
        Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => None,
    }
}

/// Whether a text that an operation made says what the value said: it is the same text, but perhaps for
/// case and punctuation, or the same number.
fn says_the_same(value: &str, made: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let same_letters = || {
        let made = letters(made);
        !made.is_empty() && letters(value) == made
    };
    value == made || same_letters() || number(made).is_some_and(|made| number(value) == Some(made))
}

/// The longest run of letters and digits that a mask may leave and still be shown.
const LEFT_MAX: usize = 7;

/// Whether a mask left so many characters in a row that it says whose value it is.
fn leaves_much(op: Option<OpKind>, value: &str, made: &str) -> bool {
    let mut parts = made.split(|c: char| !c.is_alphanumeric());
    let is_long = |part: &str| LEFT_MAX < part.chars().count() && value.contains(part);
    op == Some(OpKind::Mask) && parts.any(is_long)
}

impl Groups {
    /// Adds a value to its group.
    fn add(&mut self, value: &RawValue<'_>, meaning: impl FnOnce(&[&str]) -> Meaning) {
        let is_own = |group: &Group| {
            group.names.len() <= value.names.len()
                && group.names.iter().zip(value.names).all(|(own, name)| own == name)
        };
        // A column may repeat, so all are looked at.
        let found = self.all.iter().rposition(is_own);
        let found = found.or_else(|| {
            let is_room = self.all.len() < FIELDS_MAX;
            is_room.then(|| {
                let meaning = meaning(value.names);
                let names = value.names.iter().take(meaning.names.max(1));
                let names = names.map(|name| (*name).to_owned()).collect();
                let (values, more, is_list) = (Vec::new(), 0, false);
                self.all.push(Group { meaning, names, values, more, is_list });
                self.all.len() - 1
            })
        });
        let Some(group) = found.and_then(|found| self.all.get_mut(found)) else {
            self.left_out += 1;
            return;
        };
        match &value.text {
            RawText::List => group.is_list = true,
            RawText::EmptyObject => {}
            RawText::Text(text) if group.values.len() < VALUES_MAX => {
                group.values.push(text.clone().into_owned());
            }
            RawText::Text(_) => group.more += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_no_new_value() {
        for (value, made, expected) in [
            ("ana", "ana", true),
            ("1988-02-09", "1988-02-09", true),
            ("1988-02-09", "19880209", true),
            ("1988-02-09", "1988", false),
            ("52.5200", "52.52", true),
            ("1e3", "1000", true),
            ("52.5200", "52.5", false),
            ("Ana", "A**", false),
            ("Ana", "ANA", true),
            ("", "", true),
            ("-", "*", false),
        ] {
            assert_eq!(says_the_same(value, made), expected, "{value} {made}");
        }
    }

    #[test]
    fn a_mask_that_leaves_much_is_no_new_value() {
        for (op, value, made, expected) in [
            (OpKind::Mask, "marzahner@example.com", "marzahner*example*com", true),
            (OpKind::Mask, "marzahn@example.com", "marzahn************", false),
            (OpKind::Mask, "secret", "[redacted]", false),
            (OpKind::DateTrunc, "1988-02-09T10:00:00Z", "1988-02-09", false),
        ] {
            assert_eq!(leaves_much(Some(op), value, made), expected, "{value} {made}");
        }
    }
}
