//! The report of a scan as a page: `segprep scan --html`. It has what `--json` has, as far as people read it.

use std::collections::BTreeMap;

use crate::detect::Likelihood;
use crate::discover::{By, FieldReport, FileReport, ScanReport};
use crate::report::document::{
    Block, Cell, Document, Section, Table, Words, marked, name, plain, strong,
};
use crate::report::html_page;
use crate::report::quantities::{bytes, count, counted, percent};

/// So many shapes and words of a field are shown.
const FEW: usize = 5;

/// The report of a scan as a page of HTML, without any value of a record but words that the schema lists.
pub fn scan_html(report: &ScanReport) -> String {
    let fields: Vec<&FieldReport> = report.fields.iter().collect();
    let sections = [
        ("files", "Files", files(report)),
        ("fields", "Fields", table_of_fields(&fields, report.records)),
        ("rejects", "What a run would reject", rejects(&fields)),
        ("values", "What values look like", values(&fields)),
    ];
    let sections = sections.into_iter().filter(|(_, _, blocks)| !blocks.is_empty());
    html_page(&Document {
        title: "What is in the files".to_owned(),
        verdict: None,
        lead: vec![Block::Text(lead(report))],
        sections: sections.map(|(id, title, blocks)| Section { id, title, blocks }).collect(),
    })
}

fn lead(report: &ScanReport) -> Words {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut words = vec![
        strong(counted(report.records, "record")),
        plain(format!(
            " in {} with {}. No value of a record is shown, except words that the schema lists.",
            counted(number(report.files.len()), "file"),
            counted(number(report.fields.len()), "field"),
        )),
    ];
    if let Some(sample) = &report.sample {
        words.push(plain(format!(
            " It is a sample: {} of {}, from {} of {}.",
            bytes(sample.bytes),
            bytes(sample.of_bytes),
            count(sample.files),
            counted(sample.of_files, "file"),
        )));
    }
    if 0 < report.left_out {
        let values = counted(report.left_out, "value");
        words.push(plain(format!(" {values} belong to further fields, which are not listed.")));
    }
    words
}

fn number(value: u64) -> Cell {
    Cell::Number(count(value))
}

fn files(report: &ScanReport) -> Vec<Block> {
    let rows = report.files.iter().map(|file| {
        vec![
            name(file.name.as_str()).into(),
            plain(form_of(file)).into(),
            Cell::Number(bytes(file.bytes)),
            number(file.records),
            plain(counts(&file.bad)).into(),
        ]
    });
    let head = ["File", "Form", "Size", "Records", "Unreadable"];
    Table::of("The files, and the records that cannot be read", &head, rows).into_iter().collect()
}

/// `csv with semicolons, windows-1252, gzip, crlf`
fn form_of(file: &FileReport) -> String {
    let format = file.format.unwrap_or("unknown");
    let mut form = vec![match file.delimiter.as_deref() {
        None => match &file.records_in {
            Some(path) => format!("{format} with records in {path}"),
            None => format.to_owned(),
        },
        Some(",") => format!("{format} with commas"),
        Some(";") => format!("{format} with semicolons"),
        Some("\t") => format!("{format} with tabs"),
        Some(other) => format!("{format} with {other}"),
    }];
    if file.header == Some(false) {
        form.push("no header".to_owned());
    }
    form.push(file.encoding.to_owned());
    let others = [file.compression, file.line_ends].into_iter().filter(|word| *word != "none");
    form.extend(others.map(str::to_owned));
    form.join(", ")
}

fn counts<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> String {
    let counts =
        counts.iter().map(|(name, number)| format!("{} {}", name.as_ref(), count(*number)));
    counts.collect::<Vec<_>>().join(", ")
}

fn table_of_fields(fields: &[&FieldReport], records: u64) -> Vec<Block> {
    let rows = fields.iter().map(|field| {
        vec![
            name(field.shown_name()).into(),
            Cell::Number(percent(field.present, records)),
            number(field.distinct),
            plain(meaning_of(field)).into(),
            plain(found_in(field)).into(),
            Cell::Words([vec![strong(field.op), plain(": ")], marked(&field.reason)].concat()),
        ]
    });
    let head = ["Field", "Filled", "Distinct", "Is", "Detectors", "Proposal"];
    let about = "Distinct values are exact up to 256, and then an estimate within 2 %. A proposal errs on the \
                 safe side: what a detector finds, and what cannot be told, is not kept.";
    let table = Table::of("The fields, in the order of their first appearance", &head, rows);
    table.map_or_else(Vec::new, |table| vec![Block::Text(vec![plain(about)]), table])
}

/// Which field of the schema it is, or may be.
fn meaning_of(field: &FieldReport) -> String {
    let own = field.field.as_deref().unwrap_or_default();
    match field.by {
        _ if own.is_empty() => String::new(),
        Some(By::Name) | None => "of the schema".to_owned(),
        Some(By::Alias) => own.to_owned(),
        Some(By::Near | By::Values) => format!("perhaps {own}"),
    }
}

fn found_in(field: &FieldReport) -> String {
    let found = field.detectors.iter().map(|found| {
        let word = match found.likelihood {
            Likelihood::Likely => "likely",
            Likelihood::Possible => "possible",
        };
        format!("{}: {word}, {}", found.name, count(found.hits))
    });
    found.collect::<Vec<_>>().join("; ")
}

fn rejects(fields: &[&FieldReport]) -> Vec<Block> {
    let failing = fields.iter().filter(|field| !field.fails.is_empty());
    let rows = failing.map(|field| {
        let of = field.field.clone().unwrap_or_default();
        vec![
            name(field.shown_name()).into(),
            plain(of).into(),
            plain(counts(&field.fails)).into(),
            plain(counts(&field.repairs)).into(),
        ]
    });
    let head = ["Field", "As", "Problems", "Repairs that fix them"];
    Table::of("Problems of values, by code", &head, rows).into_iter().collect()
}

fn values(fields: &[&FieldReport]) -> Vec<Block> {
    let few = |counted: &[(String, u64)]| {
        let counted = counted.iter().take(FEW);
        let counted = counted.map(|(text, number)| format!("{text} ({})", count(*number)));
        counted.collect::<Vec<_>>().join(", ")
    };
    let rows = fields.iter().map(|field| {
        let length = field.length.map_or_else(String::new, |(least, most)| {
            if least == most { count(least) } else { format!("{}–{}", count(least), count(most)) }
        });
        vec![
            name(field.shown_name()).into(),
            plain(counts(&field.types)).into(),
            plain(length).into(),
            name(few(&field.shapes)).into(),
            plain(few(&field.values)).into(),
        ]
    });
    let head = ["Field", "Types", "Characters", "Most frequent shapes", "Words of the schema"];
    let about = "In a shape, A and a stand for letters and 9 for digits: a{3}@a{7}.a{3}.";
    let table = Table::of("Types, lengths and shapes of values", &head, rows);
    table.map_or_else(Vec::new, |table| vec![Block::Text(vec![plain(about)]), table])
}
