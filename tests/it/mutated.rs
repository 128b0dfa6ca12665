//! The decoders on many mutated documents: compared with `serde_json` and the `csv` crate, and the fast
//! way of reading JSON with the plain one. `SEGPREP_DOCUMENTS` is their number; they are the same in
//! every run.

use std::{collections::BTreeSet, fs};

use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::pipeline::Block;
use segprep::schema::Schema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::corpus::{Break, csv_snippets, documents, files, json_snippets, some_lines};
use crate::support::in_process::InProcess;
use crate::support::odd_json::write_oddly;
use crate::support::random::Random;
use crate::support::strict_csv;
use crate::support::strict_json;

fn keeping_everything() -> InProcess {
    InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[])
}

/// A list of the cases in which two readers disagree.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed<T> {
    disagreement: Vec<T>,
}

fn listed<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let text = fs::read_to_string(format!("tests/decoders/{file}")).expect("a list");
    let listed: Listed<T> = toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    listed.disagreement
}

/// Edited lines of samples and hostile cases.
fn json_lines(random: &mut Random, seeds: &[Vec<u8>], count: usize) -> Vec<u8> {
    let snippets = json_snippets();
    let mut text = Vec::new();
    for _ in 0..count {
        let mut line = random.of(seeds).clone();
        for _ in 0..random.below(4) {
            Break::at_random(random, &snippets, &mut line);
        }
        text.extend(line);
        text.push(b'\n');
    }
    text
}

#[test]
fn mutated_documents_are_read_as_serde_json_reads_them() {
    const SEED_BYTES_MAX: usize = 2_000;
    let texts = files(&["json", "ndjson"]);
    let lines = texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    let seeds: BTreeSet<Vec<u8>> =
        lines.filter(|line| line.len() <= SEED_BYTES_MAX).map(<[u8]>::to_vec).collect();
    let seeds: Vec<Vec<u8>> = seeds.into_iter().collect();
    assert!(1_000 < seeds.len(), "only {} seeds", seeds.len());
    let (program, mut random) = (keeping_everything(), Random(1));
    let mut compared = strict_json::Compared::default();
    while compared.written + compared.refused + compared.invalid < documents() {
        let text = json_lines(&mut random, &seeds, 500);
        strict_json::compare(&program, &text, &mut compared);
    }
    let strict_json::Compared { written, refused, invalid, disagreements } = compared;
    let least = documents() / 10;
    assert!(
        least < written && least < refused,
        "{written} written, {refused} refused, {invalid} invalid"
    );
    let listed: BTreeSet<(String, String)> = listed::<JsonDisagreement>("json.toml")
        .into_iter()
        .map(|one| (one.segprep, one.serde_json))
        .collect();
    let found =
        disagreements.keys().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned()));
    assert_eq!(found.collect::<BTreeSet<_>>(), listed, "{disagreements:?}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonDisagreement {
    segprep: String,
    serde_json: String,
    why: String,
    examples: Vec<String>,
}

#[test]
fn listed_disagreements_on_json_are_accurate() {
    let program = keeping_everything();
    for one in listed::<JsonDisagreement>("json.toml") {
        assert!(!one.why.is_empty());
        for example in &one.examples {
            let problems = program.problems(example.as_bytes());
            let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
            assert_eq!(strict_json::verdict(&codes), one.segprep, "{example}");
            let theirs = strict_json::plain_verdict(example.as_bytes());
            assert_eq!(theirs, one.serde_json, "{example}");
        }
    }
}

#[test]
fn mutated_tables_are_read_as_the_csv_crate_reads_them() {
    const DELIMITERS: &[u8] = b",,,;\t|";
    let (seeds, snippets) = (files(&["csv"]), csv_snippets());
    let (program, mut random) = (keeping_everything(), Random(2));
    let (mut tables, mut tries, mut sum) = (0, 0, strict_csv::Compared::default());
    while tables < documents() {
        tries += 1;
        let seed = random.of(&seeds);
        let mut text = some_lines(&mut random, seed, 4);
        for _ in 0..random.below(4) {
            Break::at_random(&mut random, &snippets, &mut text);
        }
        if let Some(found) = strict_csv::compare(&program, &text, *random.of(DELIMITERS)) {
            tables += 1;
            sum.written += found.written;
            sum.refused += found.refused;
            sum.blank += found.blank;
        }
    }
    assert!(tries < 10 * tables, "only {tables} of {tries} tables are valid");
    assert!(tables < sum.written && sum.refused < sum.written, "{sum:?}");
    assert!(0 < sum.refused && 0 < sum.blank, "{sum:?}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvDisagreement {
    why: String,
    examples: Vec<CsvExample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvExample {
    text: String,
    rows: u64,
    blank: u64,
}

#[test]
fn listed_disagreements_on_csv_are_accurate() {
    let program = keeping_everything();
    for one in listed::<CsvDisagreement>("csv.toml") {
        assert!(!one.why.is_empty());
        for CsvExample { text, rows, blank } in one.examples {
            let found = strict_csv::compare(&program, text.as_bytes(), b',').expect("RFC 4180");
            assert_eq!((found.written + found.refused + found.blank, found.blank), (rows, blank));
        }
    }
}

/// How regular records are.
#[derive(Clone, Copy)]
enum Shape {
    /// Names in the same order, written in the plain way; few records are invalid.
    Plain,
    /// Names in any order, with escapes, white space and nulls; many records are invalid.
    Export,
}

impl Shape {
    /// Records of this shape from `benches/compare`.
    fn text(self) -> &'static [u8] {
        match self {
            Shape::Plain => include_bytes!("../decoders/plain.ndjson"),
            Shape::Export => include_bytes!("../decoders/export.ndjson"),
        }
    }
}

/// The lines that are objects, except very large ones.
fn objects<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Map<String, Value>> {
    let lines = texts.into_iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    let objects = lines.filter_map(|line| serde_json::from_slice::<Map<_, _>>(line).ok());
    objects.filter(|object| object.len() < 50).collect()
}

/// A chunk of records that have the structure of one or two others, with other values.
fn chunk(random: &mut Random, seeds: &[Map<String, Value>], shape: Shape, count: usize) -> Vec<u8> {
    let snippets = json_snippets();
    let (one, other) = (random.of(seeds).clone(), random.of(seeds).clone());
    let mut text = Vec::new();
    for _ in 0..count {
        let mut record = if random.one_in(4) { other.clone() } else { one.clone() };
        let (noise, broken_in) = match shape {
            Shape::Plain => (vec![u8::MAX], 50),
            Shape::Export => {
                shuffle(random, &mut record);
                ((0..7).map(|_| random.byte()).collect(), 3)
            }
        };
        let mut record = Value::Object(record);
        change(random, &mut record);
        let mut line = Vec::new();
        write_oddly(&record, &mut noise.iter().copied().cycle(), &mut line);
        if random.one_in(broken_in) {
            Break::at_random(random, &snippets, &mut line);
        }
        line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        text.extend(line);
        text.push(b'\n');
    }
    text
}

fn shuffle(random: &mut Random, record: &mut Map<String, Value>) {
    let mut members: Vec<(String, Value)> = std::mem::take(record).into_iter().collect();
    random.shuffle(&mut members);
    members.retain(|_| !random.one_in(20));
    record.extend(members);
}

/// Replaces some values of a record by others of the same type.
fn change(random: &mut Random, value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| change(random, member)),
        Value::Array(items) => {
            for item in items.iter_mut() {
                change(random, item);
            }
            if random.one_in(8) {
                items.push(json!("x"));
            }
        }
        Value::String(text) if random.one_in(3) => {
            let letters =
                ["a", "Z", "7", " ", "é", "漢", "🐈", "\"", "\\", "/", "\n", "\u{1}", "@", "."];
            let length = random.below(40);
            *text = (0..length).map(|_| *random.of(&letters)).collect();
        }
        Value::Number(_) if random.one_in(3) => *value = json!(random.below(1 << 40)),
        Value::Number(_) if random.one_in(20) => *value = json!(1e-7),
        _ if random.one_in(200) => *value = Value::Null,
        Value::String(_) | Value::Number(_) | Value::Null | Value::Bool(_) => {}
    }
}

/// Prepends white space to each line that encodes the line's number, so that few lines are similar.
fn apart(text: &[u8], numbers: &mut u32) -> Vec<u8> {
    let mut apart = Vec::with_capacity(2 * text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        *numbers += 1;
        let space = (0..12).map(|bit| if *numbers >> bit & 1 == 0 { b' ' } else { b'\t' });
        apart.extend(space);
        apart.extend_from_slice(line);
    }
    apart
}

/// What a block reports, except the places of records.
fn said(block: &Block) -> impl PartialEq + std::fmt::Debug {
    let rejects: Vec<_> =
        block.rejects.iter().map(|reject| (reject.record, reject.problems.clone())).collect();
    let unknown: Vec<_> =
        block.unknown.iter().map(|(name, count)| (name.to_owned(), count)).collect();
    (rejects, unknown, block.read, block.export_only, block.inactive, block.values.clone())
}

/// A worker that reads records by comparison with earlier ones finds the same as one for which no
/// earlier record is similar.
#[test]
fn the_fast_and_the_plain_way_read_the_same() {
    let texts = files(&["json", "ndjson"]);
    let odd = objects(texts.iter().map(Vec::as_slice));
    let (warm, cold, mut random) = (keeping_everything(), keeping_everything(), Random(3));
    for shape in [Shape::Plain, Shape::Export] {
        let own = objects([shape.text()]);
        let (mut read, mut written, mut numbers) = (0, 0, 0);
        while read < documents() / 2 {
            // Sometimes start with a worker that has learned nothing.
            if random.one_in(8) {
                warm.forget();
                cold.forget();
            }
            let seeds = if random.one_in(2) { &odd } else { &own };
            let text = chunk(&mut random, seeds, shape, 400);
            let found = warm.block(&text, 0, &Format::JsonLines(LineEnd::Newline));
            let expected =
                cold.block(&apart(&text, &mut numbers), 0, &Format::JsonLines(LineEnd::Newline));
            let lines = |block: &Block| String::from_utf8_lossy(&block.json.bytes).into_owned();
            assert_eq!(lines(&found), lines(&expected));
            assert_eq!(said(&found), said(&expected));
            read += found.read;
            written += found.written();
        }
        assert!(read / 20 < written, "{written} of {read} are written");
    }
}
