//! What looks personal in values that are kept, and what `scrub` took out of them: by field and detector.

use std::collections::BTreeMap;

use super::document::{Block, Cell, Span, Table, Words, name, plain};
use super::operations::{field_words, path_words};
use crate::report::quantities::count;
use crate::report::{Manifest, Status};

/// The blocks of both. Empty: the manifest says nothing about either.
pub(super) fn blocks(manifest: &Manifest) -> Vec<Block> {
    let mut blocks = kept(manifest);
    blocks.extend(scrubbed(manifest));
    if !blocks.is_empty() {
        let limits = "Detectors go by the form of a value alone. In a text they do not find people's names, streets, dates of \
                      birth, or phone numbers without the code of their country; so what is not listed here may \
                      be personal too.";
        blocks.push(Block::Text(vec![plain(limits)]));
    }
    blocks
}

/// What is written although it looks personal.
fn kept(manifest: &Manifest) -> Vec<Block> {
    let rows = manifest.pii.iter().map(|pii| {
        let mut row = found(&pii.detector);
        row.insert(0, field_words(&pii.path).into());
        row.push(Cell::Number(count(pii.values)));
        row
    });
    let head = ["Field", "What was found", "Detector", "Values"];
    let Some(table) = Table::of("Kept fields in which personal data was found", &head, rows) else {
        return Vec::new();
    };
    let about = match manifest.status {
        Status::Published => {
            "These fields are kept, and some of their values look like personal data. Whoever has the files can \
                              read them."
        }
        Status::OverBudget | Status::DryRun => {
            "Nothing was written. In the files, these values of kept fields would look like personal data, and be \
                                                readable."
        }
    };
    let next = vec![
        plain("If that is not meant to be, give the field a rule: "),
        name("scrub"),
        plain(" takes out what detectors find, "),
        name("drop"),
        plain(" leaves the field out. With "),
        name("[validate] pii = \"reject\""),
        plain(", such records are rejected."),
    ];
    vec![Block::Text(vec![plain(about)]), table, Block::Text(next)]
}

/// What was found in free texts and replaced.
fn scrubbed(manifest: &Manifest) -> Vec<Block> {
    let rules = manifest.fields.iter().filter_map(|field| Some((field, field.changed?)));
    let rules: Vec<_> = rules.collect();
    let searched = rules.iter().map(|(field, changed)| {
        vec![
            Cell::Words(path_words(&field.path)),
            Cell::Number(count(field.values)),
            Cell::Number(count(*changed)),
        ]
    });
    let head = ["Field", "Values searched", "Changed"];
    let caption = "Texts in which personal data was searched for, and replaced";
    let Some(searched) = Table::of(caption, &head, searched) else { return Vec::new() };
    let about = "These fields are kept without the personal data that detectors found in them:";
    let mut blocks = vec![Block::Text(vec![plain(about)]), searched];
    let detected = rules.iter().flat_map(|(field, _)| by_detector(&field.path, &field.detectors));
    let head = ["Field", "What was found", "Detector", "Values"];
    blocks.extend(Table::of("What was replaced in these texts", &head, detected));
    blocks
}

fn by_detector(path: &str, detectors: &BTreeMap<String, u64>) -> Vec<Vec<Cell>> {
    let rows = detectors.iter().map(|(detector, values)| {
        let mut row = found(detector);
        row.insert(0, Cell::Words(path_words(path)));
        row.push(Cell::Number(count(*values)));
        row
    });
    rows.collect()
}

/// What a detector finds, and its name.
fn found(detector: &str) -> Vec<Cell> {
    let words: Words = words_of(detector).map(plain).into_iter().collect::<Vec<Span>>();
    vec![Cell::Words(words), name(detector).into()]
}

/// What a detector finds, in words for people who know none of its rules. `None`: this version has no such detector.
fn words_of(detector: &str) -> Option<&'static str> {
    Some(match detector {
        "email" => "an e-mail address",
        "phone" => "a phone number",
        "card" => "the number of a payment card",
        "iban" => "the number of a bank account (IBAN)",
        "ip" => "an address in the internet (IP)",
        "mac" => "the address of a network card",
        "us_ssn" => "a US Social Security number",
        "birth_date" => "a date of birth",
        "coordinates" => "a place, as latitude and longitude",
        "credential_url" => "a link with a password or a token in it",
        "device_id" => "the identifier of a device",
        "push_token" => "a token for push messages to a device",
        "secret" => "a password, or a key of a service",
        "person_name" => "the name of a person",
        "street" => "a street address",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of segprep's own tokens and masks find nothing personal.
    #[test]
    fn each_detector_of_personal_data_has_words() {
        let detectors = include_str!("../../../schemas/detectors.toml");
        let names = detectors.lines().filter_map(|line| line.strip_prefix("name = \""));
        let names: Vec<&str> = names.filter_map(|rest| rest.strip_suffix('"')).collect();
        assert!(10 < names.len(), "{names:?}");
        let without: Vec<&str> =
            names.into_iter().filter(|name| words_of(name).is_none()).collect();
        assert_eq!(without, ["own_token", "own_mask"]);
    }
}
