//! What holds for any input: the output does not depend on chunks and threads, every reject has its
//! place, and every record is counted.
//!
//! `PROPTEST_CASES` is the number of cases per property. Properties of whole runs, which write files,
//! get a fraction of it.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use segprep::run::Failure;
use serde_json::Value;

use crate::support::in_memory::InMemory;
use crate::support::odd_files::{self, OddFile};
use crate::support::program::Place;
use crate::support::property::{check_property_times, times};
use crate::support::reference;
use crate::support::whole_runs::{Inputs, Resources, json_lines};

/// Keeps every field, and has no limit on rejects.
const KEEP: &str = "tests/hostile/definition.toml";
const NEWSLETTER: &str = "pipelines/newsletter.toml";
const ANALYTICS: &str = "pipelines/analytics.toml";
const CASES: u32 = 256;

/// Checks a property with 1 / `share` of the usual number of cases.
fn check_property<T: std::fmt::Debug>(
    share: u32,
    cases: impl Strategy<Value = T>,
    property: impl Fn(&T),
) {
    check_property_times((times(CASES) / share).max(1), &cases, |case| {
        property(&case);
        Ok(())
    });
}

/// The inputs and settings of a whole run.
#[derive(Debug)]
struct Case {
    files: Vec<OddFile>,
    definition: &'static str,
    sets: Vec<&'static str>,
    max_record: usize,
    resources: Resources,
}

fn case() -> impl Strategy<Value = Case> {
    let sets = (
        select(&["input.unknown=\"drop\"", "input.unknown=\"reject\""]),
        select(&["input.inactive=\"keep\"", "input.inactive=\"drop\""]),
        select(&[
            "input.kinds=[\"endpoint\",\"update\"]",
            "input.kinds=[\"user\",\"update\",\"endpoint\"]",
        ]),
        select(&["input.digest=true", "output.0.digest=\"crc64nvme\""]),
    )
        .prop_map(|(a, b, c, d)| vec![a, b, c, d]);
    let chunk_bytes = select(&[Some(1), Some(2), Some(3), Some(7), Some(64), Some(4096), None]);
    let resources = (select(&[1, 2, 5]), chunk_bytes)
        .prop_map(|(threads, chunk_bytes)| Resources { threads, chunk_bytes });
    (
        vec(odd_files::file(), 1..4),
        select(&[KEEP, KEEP, NEWSLETTER, ANALYTICS]),
        sets,
        select(&[1 << 20, 1 << 20, 200, 60]),
        resources,
    )
        .prop_map(|(files, definition, sets, max_record, resources)| Case {
            files,
            definition,
            sets,
            max_record,
            resources,
        })
}

impl Case {
    fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::new(self.definition, &self.sets);
        inputs.sets.push("account.max_reject_ratio=1.0".to_owned());
        inputs.sets.push("account.keep_rejected=true".to_owned());
        inputs.sets.push(format!("input.max_record=\"{} B\"", self.max_record));
        for (number, file) in self.files.iter().enumerate() {
            inputs.write(&format!("{number}.{}", file.end()), &file.text);
        }
        inputs
    }
}

#[test]
fn threads_and_chunks_change_no_byte() {
    check_property(8, case(), |case| {
        let inputs = case.inputs();
        let (_, usual) = inputs.run(Resources { threads: 1, chunk_bytes: None });
        let (_, other) = inputs.run(case.resources);
        assert_same(usual.as_ref(), other.as_ref());
        if let Ok(left) = &usual {
            check_account(case, left);
        }
    });
}

/// CSV of other programs is read the same way in chunks of any size, by any number of threads.
#[test]
fn threads_and_chunks_change_no_byte_of_other_dialects() {
    let settings = [
        "input.ragged=\"pad\"",
        "input.decimal=\",\"",
        "input.escape=\"backslash\"",
        "input.skip_initial_space=true",
        "input.skip_lines=1",
    ];
    let set = prop::sample::subsequence(settings.to_vec(), 1..=settings.len());
    let change =
        select(&[("", ""), (",", ", "), ("\"\"", "\\\""), ("\n", "\r"), (",", ",\"a\\\"")]);
    let resources = (select(&[1, 3]), select(&[1, 2, 5, 64]));
    let cases = (odd_files::csv(), set, vec(change, 0..3), resources, select(&[1 << 20, 60]));
    check_property(8, cases, |(file, sets, changes, (threads, chunk_bytes), max_record)| {
        let mut inputs = Inputs::new(KEEP, sets);
        inputs.sets.push("account.max_reject_ratio=1.0".to_owned());
        inputs.sets.push("account.keep_rejected=true".to_owned());
        inputs.sets.push(format!("input.max_record=\"{max_record} B\""));
        let end = file.text.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        let (header, rows) = file.text.split_at(end);
        let mut rows = String::from_utf8_lossy(rows).into_owned();
        for (from, to) in changes.iter().filter(|(from, _)| !from.is_empty()) {
            rows = rows.replace(from, to);
        }
        let title = if sets.contains(&"input.skip_lines=1") { "title\n" } else { "" };
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        inputs.write("0.csv", &[title.as_bytes(), header, rows.as_bytes()].concat());
        let (_, usual) = inputs.run(Resources { threads: 1, chunk_bytes: None });
        let (_, other) =
            inputs.run(Resources { threads: *threads, chunk_bytes: Some(*chunk_bytes) });
        assert_same(usual.as_ref(), other.as_ref());
    });
}

/// Compares maps of files one file at a time, since they are long.
fn assert_same<E: PartialEq + std::fmt::Debug>(
    one: Result<&BTreeMap<String, Vec<u8>>, E>,
    other: Result<&BTreeMap<String, Vec<u8>>, E>,
) {
    let (one, other) = match (one, other) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => {
            assert_eq!(one.map(BTreeMap::len), other.map(BTreeMap::len));
            return;
        }
    };
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, text) in one {
        let [text, other] = [text, &other[path]].map(|text| String::from_utf8_lossy(text));
        assert_eq!(text, other, "{path}");
    }
}

/// Checks that every record is accounted for, per input and in total.
fn check_account(case: &Case, left: &BTreeMap<String, Vec<u8>>) {
    let inputs = json_lines(&left["account/inputs.ndjson"]);
    let mut sums = [0; 4];
    for (number, (file, line)) in case.files.iter().zip(&inputs).enumerate() {
        let name = format!("{number}.{}", file.end());
        assert!(line["name"].as_str().is_some_and(|listed| listed.ends_with(&name)));
        let is_csv = line["format"] == "csv";
        let counts = ["records", "written", "rejected", "dropped"].map(|name| count(line, name));
        assert_eq!(counts[0], counts[1] + counts[2] + counts[3], "{line}");
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
        if !is_csv && reference::begins_with_long_object(&file.text, case.max_record) {
            continue;
        }
        let (header, lines) = expected_lines(&file.text, is_csv, case.max_record);
        let records: Vec<&reference::Line> = lines.iter().filter(|line| !line.is_blank).collect();
        assert_eq!(counts[0], records.len(), "{line}");
        assert_eq!(count(line, "blank_lines"), lines.len() - records.len(), "{line}");
        let originals = rejected(left, line, &file.text, &records);
        let kept = left.get(&format!("account/rejected-records/{number:05}-{name}"));
        assert_eq!(kept.is_some(), !originals.is_empty());
        let expected = [header, &originals].concat();
        assert!(kept.is_none_or(|kept| *kept == expected), "the originals are kept unchanged");
    }
    let manifest: Value =
        serde_json::from_slice(&left["account/manifest.json"]).expect("a manifest is JSON");
    let records = &manifest["records"];
    let dropped = records["dropped"].as_object().expect("counts by reason");
    let dropped = dropped.keys().map(|reason| count(&records["dropped"], reason)).sum();
    let all = ["read", "written", "rejected"].map(|name| count(records, name));
    assert_eq!([all[0], all[1], all[2], dropped], sums);
    let parts = left.iter().filter(|(path, _)| path.starts_with("import/"));
    let lines: usize = parts.map(|(_, part)| memchr::memchr_iter(b'\n', part).count()).sum();
    let is_published = manifest["status"] == "published";
    assert_eq!(lines, if is_published { sums[1] } else { 0 });
}

/// Checks that the places of an input's rejects are right. Returns the rejected records with their
/// line ends.
fn rejected(
    left: &BTreeMap<String, Vec<u8>>,
    input: &Value,
    text: &[u8],
    records: &[&reference::Line],
) -> Vec<u8> {
    let mut originals = Vec::new();
    let rejects = json_lines(&left["account/rejects.ndjson"]);
    let rejects: Vec<&Value> =
        rejects.iter().filter(|reject| reject["source"] == input["name"]).collect();
    assert_eq!(count(input, "rejected"), rejects.len());
    for reject in rejects {
        let [record, line, offset, bytes] =
            ["record", "line", "offset", "bytes"].map(|name| count(reject, name));
        let expected = records[record - 1];
        let place = [expected.number, expected.offset, expected.bytes];
        assert_eq!([line, offset, bytes], place, "{reject}");
        if !originals.is_empty() && !originals.ends_with(b"\n") {
            originals.push(b'\n');
        }
        originals.extend(&text[offset..offset + expected.whole]);
    }
    originals
}

fn count(value: &Value, name: &str) -> usize {
    value[name].as_u64().and_then(|count| count.try_into().ok()).expect("a count")
}

/// The header with its line end, and the lines after the header.
fn expected_lines(text: &[u8], is_csv: bool, max_record: usize) -> (&[u8], Vec<reference::Line>) {
    let mark = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if !is_csv {
        return (&[], reference::lines(text, mark, false, max_record));
    }
    let header = reference::lines(text, mark, true, max_record)[0].whole;
    (&text[mark..mark + header], reference::lines(text, mark + header, true, max_record))
}

/// The random files have almost every kind of problem, so the other properties are not vacuous.
#[test]
fn random_files_have_every_kind_of_problem() {
    const CODES: [&str; 17] = [
        "json_syntax",
        "csv_syntax",
        "utf8",
        "duplicate_key",
        "type",
        "missing",
        "empty",
        "enum",
        "email",
        "country",
        "date",
        "range",
        "unknown_field",
        "name_length",
        "name_chars",
        "value_length",
        "quote_not_closed",
    ];
    let keep = InMemory::new(KEEP, &[]);
    let seen = std::cell::RefCell::new(String::new());
    check_property(1, odd_files::file(), |file| {
        let Some(outcome) = keep.process(&file.text, file.is_csv, usize::MAX) else { return };
        seen.borrow_mut().push_str(&outcome.rejects.concat());
    });
    let seen = seen.into_inner();
    let missed: Vec<&str> =
        CODES.into_iter().filter(|code| !seen.contains(&format!("{code:?}"))).collect();
    assert!(missed.is_empty(), "no file has the problems {missed:?}");
}

/// Processing a text in blocks of any size gives the same output.
#[test]
fn blocks_change_no_byte() {
    let plans = [KEEP, NEWSLETTER, ANALYTICS].map(|definition| InMemory::new(definition, &[]));
    check_property(1, (odd_files::file(), 1..4000_usize, 0..3_usize), |(file, block, plan)| {
        let plan = &plans[*plan];
        let whole = plan.process(&file.text, file.is_csv, usize::MAX);
        assert_eq!(plan.process(&file.text, file.is_csv, *block), whole);
    });
}

#[test]
fn output_used_as_input_is_written_unchanged() {
    let sets = ["input.inactive=\"keep\"", "input.kinds=[\"endpoint\",\"update\",\"user\"]"];
    let keep = InMemory::new(KEEP, &sets);
    check_property(1, odd_files::file(), |file| {
        let Some(first) = keep.process(&file.text, file.is_csv, usize::MAX) else { return };
        let again = keep.process(&first.written, false, usize::MAX).expect("JSON has no header");
        assert_eq!(again.rejects, Vec::<String>::new());
        assert_eq!(
            String::from_utf8_lossy(&again.written),
            String::from_utf8_lossy(&first.written)
        );
    });
}

/// A record is written as a whole or not at all, however small parts may be.
#[test]
fn no_limit_cuts_a_record() {
    let whole = InMemory::new(KEEP, &[]);
    let limits: Vec<usize> = (40..480).step_by(11).collect();
    let limited =
        |limit: &usize| InMemory::new(KEEP, &[&format!("output.0.max_bytes=\"{limit} B\"")]);
    let plans: Vec<InMemory> = limits.iter().map(limited).collect();
    check_property(1, odd_files::file(), |file| {
        let Some(whole) = whole.process(&file.text, file.is_csv, usize::MAX) else { return };
        for (limit, plan) in limits.iter().zip(&plans) {
            let cut =
                plan.process(&file.text, file.is_csv, usize::MAX).expect("the header is valid");
            let fits = |line: &&[u8]| line.len() <= *limit;
            let lines = whole.written.split_inclusive(|byte| *byte == b'\n').filter(fits);
            let expected: Vec<u8> = lines.flatten().copied().collect();
            assert_eq!(cut.written, expected, "with parts of at most {limit} bytes");
        }
    });
}

/// Parts are as large as the limit allows, and together have the bytes of a single part.
#[test]
fn parts_are_as_large_as_the_limit_allows() {
    let cases = (vec(odd_files::ndjson(), 1..4), select(&[200, 500, 2000_usize]), case());
    check_property(16, cases, |(files, limit, case)| {
        let mut inputs = Inputs::new(KEEP, &["account.max_reject_ratio=1.0"]);
        for (number, file) in files.iter().enumerate() {
            inputs.write(&format!("{number}.json"), &file.text);
        }
        let (whole, left) = inputs.run(Resources { threads: 1, chunk_bytes: None });
        inputs.sets.push(format!("output.0.max_bytes=\"{limit} B\""));
        let (cut, cut_left) = inputs.run(case.resources);
        let (Ok(_), Ok(cut_left)) = (left, cut_left) else { return };
        let fits = |line: &&[u8]| line.len() <= *limit;
        let expected = whole.parts();
        let expected: Vec<&[u8]> =
            expected.split_inclusive(|byte| *byte == b'\n').filter(fits).collect();
        assert_eq!(cut.parts(), expected.concat());
        let over = json_lines(&cut_left["account/rejects.ndjson"]);
        let over = over.iter().filter(|reject| is_over_limit(reject)).count();
        let lines = whole.parts().split_inclusive(|byte| *byte == b'\n').count();
        assert_eq!(over, lines - expected.len());
        let parts: Vec<&Vec<u8>> = cut_left
            .iter()
            .filter(|(path, _)| path.starts_with("import/"))
            .map(|(_, part)| part)
            .collect();
        for pair in parts.windows(2) {
            let next = pair[1].iter().position(|byte| *byte == b'\n').expect("a record") + 1;
            assert!(*limit < pair[0].len() + next, "a part ends only where the next does not fit");
        }
        assert!(parts.iter().all(|part| part.len() <= *limit && part.ends_with(b"\n")));
    });
}

/// Whether the only problem of a record is that it is larger than a part may be.
fn is_over_limit(reject: &Value) -> bool {
    let problems = reject["problems"].as_array().expect("a list");
    problems.len() == 1 && problems[0]["rule"] == "output.max_bytes"
}

/// Every prefix of each sample can be processed, and no record is lost.
#[test]
fn a_truncated_file_can_be_processed() {
    for pipeline in [NEWSLETTER, ANALYTICS, "pipelines/sms.toml"] {
        let plan = InMemory::new(pipeline, &[]);
        for (is_csv, text) in sample_inputs(pipeline) {
            for end in 0..=text.len() {
                // This checks that the counts balance.
                plan.process(&text[..end], is_csv, usize::MAX);
            }
        }
    }
}

#[test]
fn a_run_over_a_truncated_file_ends_as_documented() {
    let samples: Vec<(bool, Vec<u8>)> =
        [NEWSLETTER, ANALYTICS, "pipelines/sms.toml"].into_iter().flat_map(sample_inputs).collect();
    check_property(2, (any::<Index>(), any::<Index>(), case()), |(sample, end, case)| {
        let (_, text) = sample.get(&samples);
        let inputs = Inputs::new(case.definition, &["input.unknown=\"drop\""]);
        inputs.write("sample", &text[..end.index(text.len() + 1)]);
        match inputs.outcome(case.resources, &Place::new(), true) {
            Ok(_) => {}
            Err(Failure::Run(error)) => {
                use segprep::run::ErrorKind::{BadInput, NoInput};
                assert!(matches!(error.kind, BadInput | NoInput), "{error}");
            }
            Err(Failure::Diagnostics(diagnostics)) => panic!("{diagnostics:?}"),
        }
    });
}

/// The inputs of a pipeline's sample; true: CSV.
fn sample_inputs(pipeline: &str) -> Vec<(bool, Vec<u8>)> {
    let name = pipeline.trim_start_matches("pipelines/").trim_end_matches(".toml");
    let folder = format!("samples/{name}/input");
    let files = crate::support::program::files_below(folder.as_ref());
    let inputs: Vec<(bool, Vec<u8>)> = files
        .iter()
        .filter_map(|file| match file.extension()?.to_str()? {
            "csv" => Some((true, std::fs::read(file).expect("an input"))),
            "json" => Some((false, std::fs::read(file).expect("an input"))),
            _ => None,
        })
        .filter(|(_, text)| !text.is_empty())
        .collect();
    assert!(3 <= inputs.len(), "{folder}");
    inputs
}
