//! Warnings about values: what was removed, and what looks as if a setting were missing.

use std::collections::BTreeMap;

use super::assemble::Assembler;
use crate::record::Note;
use crate::report::PiiCount;
use crate::validate::detector_name;

/// The most fields that a warning names.
const NAMED_MAX: usize = 5;

/// The warnings, the most serious first.
pub(super) fn warnings(assembled: &Assembler<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(personal_warning(&personal(assembled)));
    let nulls = assembled.notes_of(Note::LooksNull);
    if let Some((values, fields)) = counted(&nulls, "value that is", "values that are") {
        warnings.push(format!(
            "{values} `NULL` or `\\N`, in {fields}: set `null = [\"NULL\", \"\\\\N\"]` under `[input]` if these mean no value"
        ));
    }
    let marks = assembled.notes_of(Note::Spreadsheet);
    if let Some((values, fields)) = counted(&marks, "value", "values") {
        warnings.push(format!(
            "{values} with the marks of a spreadsheet (`=\"…\"`, or `'` in front), in {fields}: set `spreadsheet = true` under `[repair]` to remove them"
        ));
    }
    let removed = assembled.notes_of(Note::RemovedInvalid);
    warnings.extend(removed.into_iter().map(|(field, count)| {
        let values = words(count, "invalid value", "invalid values");
        format!("{values} of `{field}` removed, as `[validate.on_invalid]` says")
    }));
    warnings
}

/// The personal data that is kept, by field and by detector in their order.
pub(super) fn personal(assembled: &Assembler<'_>) -> Vec<PiiCount> {
    let mut counts = Vec::new();
    for note in assembled.notes.keys().copied() {
        let Note::Personal(number) = note else { continue };
        let fields = assembled.notes_of(note).into_iter();
        counts.extend(fields.map(|(path, values)| {
            let detector = detector_name(number).to_owned();
            PiiCount { path, detector, values }
        }));
    }
    counts.sort_by(|one, other| one.path.cmp(&other.path));
    counts
}

/// The warning about personal data that is kept.
fn personal_warning(counts: &[PiiCount]) -> Option<String> {
    let mut fields: BTreeMap<String, u64> = BTreeMap::new();
    for count in counts {
        *fields.entry(count.path.clone()).or_default() += count.values;
    }
    let (hits, fields) = counted(&fields, "hit", "hits")?;
    Some(format!(
        "what is kept looks like personal data ({hits}), in {fields}: `scrub` in their rules takes it out of values, \
         and a name can be dropped or renamed; if it is meant, set `pii = \"off\"` under `[validate]`"
    ))
}

/// The warning about fields that are beside the records, and not in them.
pub(super) fn beside(fields: &BTreeMap<String, u64>) -> Option<String> {
    let (values, fields) = counted(fields, "field", "fields")?;
    Some(format!(
        "{values} beside the records that `records` names, {fields}: no record has them; if they are meant for the \
         records, put them there before the run"
    ))
}

/// The sum of some counts with its noun, and the fields; `None` if there are none.
pub(super) fn counted(
    fields: &BTreeMap<String, u64>,
    one: &str,
    many: &str,
) -> Option<(String, String)> {
    let sum: u64 = fields.values().sum();
    if sum == 0 {
        return None;
    }
    let mut named: Vec<String> =
        fields.keys().take(NAMED_MAX).map(|field| format!("`{field}`")).collect();
    if NAMED_MAX < fields.len() {
        named.push(format!("and {} more", fields.len() - NAMED_MAX));
    }
    Some((words(sum, one, many), named.join(", ")))
}

fn words(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Warnings about records that belong together: how often duplicates differ in their opt-out, and how many users
/// have more than the `most` names that the target allows.
pub(super) fn together(merged: u64, users: u64, most: usize) -> Vec<String> {
    let merged = match merged {
        0 => None,
        1 => Some("1 record has a duplicate".to_owned()),
        more => Some(format!("{more} records have duplicates")),
    };
    let merged = merged.map(|what| {
        format!("{what} with another `OptOut`, so `ALL` was written: somebody has opted out there")
    });
    let users = match users {
        0 => None,
        1 => Some("1 user has".to_owned()),
        more => Some(format!("{more} users have")),
    };
    let users = users.map(|who| {
        format!(
            "{who} more than {most} names of attributes and metrics in all records together, which the \
             target may refuse"
        )
    });
    merged.into_iter().chain(users).collect()
}
