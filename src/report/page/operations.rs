//! What each rule did to its fields, in words that say what is left of the values.

use super::document::{Block, Cell, Span, Table, Words, name, plain, strong};
use crate::report::quantities::{count, counted};
use crate::report::{FieldCount, Manifest, OTHER, Status, TokenNote};

/// The path of a field, or what a path with `*` stands for.
pub(super) fn field_words(path: &str) -> Span {
    name(path)
}

/// A table with a line for each rule.
pub(super) fn blocks(manifest: &Manifest) -> Vec<Block> {
    let rows = manifest.fields.iter().map(|field| {
        let failed = if field.op_failed == 0 { String::new() } else { count(field.op_failed) };
        vec![
            Cell::Words(path_words(&field.path)),
            Cell::Words(effect(field, manifest)),
            Cell::Number(count(field.values)),
            Cell::Number(failed),
        ]
    });
    let head = ["Field", "What happened to its values", "Values", "Removed"];
    let about = "Values are those of written records. Removed are those to which the operation could not apply: \
                 such a value is never written.";
    let table = Table::of("Rules for fields, the most specific of which applies", &head, rows);
    table.map_or_else(Vec::new, |table| vec![Block::Text(vec![plain(about)]), table])
}

/// The path of a rule, in words if it covers several fields.
pub(super) fn path_words(path: &str) -> Words {
    match path.strip_suffix('*') {
        None => vec![name(path)],
        Some("") => vec![plain("every other field")],
        Some(within) => vec![plain("every other field of "), name(within.trim_end_matches('.'))],
    }
}

/// What an operation leaves of values.
fn effect(field: &FieldCount, manifest: &Manifest) -> Words {
    let text = match field.op.as_str() {
        "keep" if is_changed(&field.path, manifest) => (
            "Kept: ",
            "it stays in the clear, as it is after the translations and repairs of the definition.",
        ),
        "keep" => ("Kept as it came in: ", "it stays in the clear."),
        "hmac" => return hashed(field.token.as_ref()),
        "drop" => return vec![strong("Left out: "), plain("nothing of it is written.")],
        "redact" => ("Redacted: ", "a fixed text stands in its place."),
        "mask" => ("Masked: ", "some characters are hidden; those that are left are in the clear."),
        "date_trunc" => ("Shortened date: ", "only its year, quarter, month or day is left."),
        "date_shift" => (
            "Moved date: ",
            "by a number of days that depends on the key and the person. The days between two dates of a person \
             stay right.",
        ),
        "round" => ("Rounded: ", "close values become one."),
        "geo" => ("Rounded coordinate: ", "the place is known only roughly."),
        "bucket" => ("Grouped: ", "a range stands in its place."),
        "map" => ("Translated: ", "by the table of the definition."),
        "scrub" => ("Scrubbed: ", "personal data that was found in the text is replaced."),
        _ => return vec![strong("Changed: "), plain("by the operation "), name(&field.op)],
    };
    vec![strong(text.0), plain(text.1)]
}

/// Whether values of a field may have been translated, or were repaired.
fn is_changed(path: &str, manifest: &Manifest) -> bool {
    manifest.definition.settings.contains_key("input.values")
        || manifest.repairs.values().any(|fields| fields.contains_key(path))
}

/// What can still be linked by the tokens of a rule.
fn hashed(token: Option<&TokenNote>) -> Words {
    let mut words = vec![strong("Replaced by a keyed token: ")];
    let Some(TokenNote { join, scope, .. }) = token else {
        words
            .push(plain("equal values have equal tokens, so the same person can still be linked."));
        return words;
    };
    words.push(plain("equal values have equal tokens"));
    match join {
        Some(join) => words
            .extend([plain(" wherever tokens are made with this key under the name "), name(join)]),
        None => words.push(plain(" within this field")),
    }
    words.push(plain(", so the same person can still be linked within "));
    match scope.strip_prefix("relationship:") {
        Some(label) => words.extend([plain("the relationship "), name(label), plain(" alone.")]),
        None => words.extend([name(scope), plain(".")]),
    }
    words.push(plain(" Nobody can compute or check a token without the key."));
    words
}

/// The fields and names that are kept, by name.
pub(super) fn in_the_clear(manifest: &Manifest) -> Vec<Block> {
    let kept = manifest.fields.iter().filter(|field| field.op == "keep" && 0 < field.values);
    let items: Vec<Words> = kept.flat_map(names_of).collect();
    if items.is_empty() {
        return vec![Block::Text(vec![plain("No field was kept as it came in.")])];
    }
    let about = match manifest.status {
        Status::Published => "Whoever has the files can read the values of these fields:",
        Status::OverBudget | Status::DryRun => {
            "Nothing was written. In the files, the values of these fields would be readable:"
        }
    };
    vec![Block::Text(vec![plain(about)]), Block::List(items)]
}

fn names_of(field: &FieldCount) -> Vec<Words> {
    let values = |number: u64| plain(format!(" ({})", counted(number, "value")));
    let Some(within) = field.path.strip_suffix('*') else {
        return vec![vec![name(&field.path), values(field.values)]];
    };
    if field.names.is_empty() {
        let mut words = path_words(&field.path);
        words.push(values(field.values));
        return vec![words];
    }
    let names = field.names.iter().map(|(below, number)| {
        let path = if below == OTHER {
            plain(format!("others of {}", field.path))
        } else {
            name(format!("{within}{below}"))
        };
        vec![path, values(*number)]
    });
    names.collect()
}
