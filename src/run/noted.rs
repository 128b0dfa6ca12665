//! Warnings about values: what was removed, and what looks as if a setting were missing.

use std::collections::BTreeMap;

use super::assemble::Assembler;
use crate::record::Note;

/// The most fields that a warning names.
const NAMED_MAX: usize = 5;

/// The warnings, the most serious first.
pub(super) fn warnings(assembled: &Assembler<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
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

/// The warning about fields that are beside the records, and not in them.
pub(super) fn beside(fields: &BTreeMap<String, u64>) -> Option<String> {
    let (values, fields) = counted(fields, "field", "fields")?;
    Some(format!(
        "{values} beside the records that `records` names, {fields}: no record has them; if they are meant for the \
         records, put them there before the run"
    ))
}

/// The sum of some counts with its noun, and the fields; `None` if there are none.
fn counted(fields: &BTreeMap<String, u64>, one: &str, many: &str) -> Option<(String, String)> {
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
