//! Rows with several endpoints (`[[input.endpoint]]`): they give what an expansion to one endpoint a row
//! gives, which these tests make themselves, and nothing depends on chunks, blocks or threads.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use segprep::decode::frame::{self, Dialect, Framing};
use segprep::decode::{Columns, Format};
use serde_json::Value;

use crate::support::in_memory::InMemory;
use crate::support::property::{check_property_times, times};
use crate::support::whole_runs::{Inputs, Resources, json_lines};

/// Keeps every field, and has no limit on rejects.
const KEEP: &str = "tests/hostile/definition.toml";

const BLOCKS: &str = r#"input.endpoint=[
    { address = "E-mail", constants = { ChannelType = "EMAIL" }, rename = { "Opted out" = "OptOut", "Mail tag" = "Attributes.Own" } },
    { address = "Mobile", constants = { ChannelType = "SMS", "Attributes.Source" = "crm" } },
    { address = "Phone", constants = { ChannelType = "VOICE" }, rename = { "No calls" = "OptOut" } },
]"#;
/// What applies to rows and to their expansion.
const BOTH: [&str; 7] = [
    "repair.trim=true",
    "repair.phone={ region = \"US\" }",
    "input.null=[\"NULL\"]",
    "input.decimal=\",\"",
    "input.values={ OptOut = { \"yes\" = \"ALL\" } }",
    "account.max_reject_ratio=1.0",
    "account.keep_rejected=true",
];
const HEADER: &str = "Phone,E-mail,Opted out,Mail tag,No calls,Mobile,Attributes.Plan,Attributes.Plan,\
                      Metrics.Score,EndpointStatus,User.UserId\n";
const EXPANDED: &str = "ChannelType,Address,OptOut,Attributes.Own,Attributes.Plan,Attributes.Plan,\
                        Attributes.Source,Metrics.Score,EndpointStatus,User.UserId\n";

/// A row, as the texts of its cells in the file.
#[derive(Clone, Debug)]
struct Row {
    phone: &'static str,
    email: &'static str,
    mobile: &'static str,
    opted_out: &'static str,
    tag: &'static str,
    no_calls: &'static str,
    /// The rest, from the first `Attributes.Plan` on.
    shared: [&'static str; 5],
    /// What follows the last cell, to make the row invalid or blank lines.
    end: &'static str,
}

/// A record that a row gives.
#[derive(Debug)]
struct Expected {
    /// As a row with one endpoint.
    text: String,
    row: usize,
    endpoint: Option<usize>,
}

const PHONES: [&str; 6] = ["", "NULL", "(202) 555-0191", "+12025550192", "no", " "];
const EMAILS: [&str; 7] =
    ["", " \u{200b}", "NULL", "a@example.com", "\" b@example.com \"", "c@", "\"d\n@example.com\""];
const WORDS: [&str; 6] = ["", "", "ALL", "NONE", "yes", "perhaps"];

fn row() -> impl Strategy<Value = Row> {
    let addresses = (select(&PHONES), select(&EMAILS), select(&PHONES));
    let own = (select(&WORDS), select(&["", "x", "\"x, \"\"y\"\"\""]), select(&WORDS));
    let plans = select(&["", "", "basic", "\"plus, \"\"extra\"\"\"", "\"two\nlines\""]);
    let shared = (
        (plans.clone(), plans),
        select(&["", "\"1,5\"", "7", "1.5"]),
        select(&["", "", "ACTIVE", "INACTIVE"]),
        select(&["u1", "u2", ""]),
    );
    let end = select(&["\n", "\n", "\n", "\r\n", ",surplus\n", "\n\n", "\n,,,\n"]);
    (addresses, own, shared, end).prop_map(|(addresses, own, shared, end)| {
        let ((phone, email, mobile), (opted_out, tag, no_calls)) = (addresses, own);
        let ((plan, other_plan), score, status, user) = shared;
        let shared = [plan, other_plan, score, status, user];
        Row { phone, email, mobile, opted_out, tag, no_calls, shared, end }
    })
}

impl Row {
    fn text(&self) -> String {
        let Row { phone, email, mobile, opted_out, tag, no_calls, shared, end } = self;
        let cells = [*phone, email, opted_out, tag, no_calls, mobile];
        cells.iter().chain(shared).copied().collect::<Vec<_>>().join(",") + end
    }

    /// The length of the row without its line end.
    fn len(&self) -> usize {
        let surplus = if self.end.starts_with(",s") { self.end.len() - 1 } else { 0 };
        self.text().len() - self.end.len() + surplus
    }

    /// The records of the row with this number.
    fn expanded(&self, number: usize) -> Vec<Expected> {
        let [plan, other_plan, rest @ ..] = self.shared;
        let record = |channel, address, opt_out, own, source, endpoint| {
            let own = [channel, address, opt_out, own, plan, other_plan, source];
            let text = own.into_iter().chain(rest).collect::<Vec<_>>().join(",") + "\n";
            Expected { text, row: number, endpoint }
        };
        if self.end.starts_with(",s") {
            let text = "EMAIL\n".to_owned();
            return vec![Expected { text, row: number, endpoint: None }];
        }
        let is_there = |cell: &str| {
            !matches!(cell, "" | "NULL") && !cell.trim_matches([' ', '\u{200b}']).is_empty()
        };
        let mut records = Vec::new();
        if is_there(self.email) {
            records.push(record("EMAIL", self.email, self.opted_out, self.tag, "", Some(1)));
        }
        if is_there(self.mobile) {
            records.push(record("SMS", self.mobile, "", "", "crm", Some(2)));
        }
        if is_there(self.phone) {
            records.push(record("VOICE", self.phone, self.no_calls, "", "", Some(3)));
        }
        if records.is_empty() && self.text().bytes().all(|byte| b",\r\n".contains(&byte)) {
            // A blank line.
        } else if records.is_empty() {
            let text = ",,,,x,,,,,\n".to_owned();
            records.push(Expected { text, row: number, endpoint: None });
        }
        records
    }
}

fn inputs(sets: &[&str], text: &str) -> Inputs {
    let inputs = Inputs::new(KEEP, &[&BOTH, sets].concat());
    inputs.write("0.csv", text.as_bytes());
    inputs
}

/// Where each row begins: its line and its offset.
fn places(rows: &[Row]) -> Vec<(usize, usize)> {
    let mut text = HEADER.to_owned();
    let mut places = Vec::new();
    for row in rows {
        places.push((text.matches('\n').count() + 1, text.len()));
        text += &row.text();
    }
    places
}

type Files = BTreeMap<String, Vec<u8>>;

fn parts(files: &Files) -> String {
    let parts = files.iter().filter(|(path, _)| path.starts_with("import/"));
    parts.map(|(_, text)| String::from_utf8_lossy(text)).collect()
}

/// The rejects of a run, each with its record and problems.
fn rejects(files: &Files) -> Vec<(usize, Value)> {
    let all = json_lines(&files["account/rejects.ndjson"]);
    all.into_iter().map(|reject| (number(&reject["record"]), reject)).collect()
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

/// Checks the account of rows against that of their expansion.
fn check(rows: &[Row], expected: &[Expected], found: &Files, plain: &Files) {
    assert_eq!(parts(found), parts(plain));
    let (places, found_rejects, plain_rejects) = (places(rows), rejects(found), rejects(plain));
    assert_eq!(found_rejects.len(), plain_rejects.len());
    let mut kept: Vec<usize> = Vec::new();
    for ((record, reject), (same, plain)) in found_rejects.iter().zip(&plain_rejects) {
        let Expected { row, endpoint, .. } = &expected[record - 1];
        assert_eq!(record, same);
        let (line, offset) = places[*row];
        let place = ["line", "offset", "bytes"].map(|name| number(&reject[name]));
        assert_eq!(place, [line, offset, rows[*row].len()]);
        assert_eq!(
            reject["endpoint"].as_u64().map(|at| usize::try_from(at).ok()),
            endpoint.map(Some)
        );
        let codes = |reject: &Value| {
            let problems = reject["problems"].as_array().cloned().expect("problems");
            problems.iter().map(|problem| problem["code"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(codes(reject), codes(plain));
        if kept.last() != Some(row) {
            kept.push(*row);
        }
    }
    let inputs = json_lines(&found["account/inputs.ndjson"]);
    let all = (0..rows.len()).filter(|row| expected.iter().any(|record| record.row == *row));
    assert_eq!(number(&inputs[0]["rows"]), all.count());
    assert_eq!(number(&inputs[0]["records"]), expected.len());
    let originals = found.iter().find(|(path, _)| path.contains("rejected-records"));
    let originals = originals.map(|(_, text)| String::from_utf8_lossy(text).into_owned());
    let end = |row: &Row| if row.end.starts_with('\r') { "\r\n" } else { "\n" };
    let rows = kept.iter().map(|row| &rows[*row]);
    let own = |row: &Row| {
        let mut text = row.text();
        text.truncate(row.len());
        text + end(row)
    };
    let of_kept = rows.map(own).collect::<String>();
    let of_kept = (!kept.is_empty()).then(|| HEADER.to_owned() + &of_kept);
    assert_eq!(originals, of_kept, "each row is kept once, unchanged");
}

/// A run over rows writes and rejects what a run over their expansion does, with any number of threads
/// and chunks of any size.
#[test]
fn rows_give_what_their_expansion_gives() {
    let resources = (select(&[1, 3]), select(&[Some(1), Some(7), Some(64), Some(300), None]));
    let cases = (vec(row(), 1..30), resources);
    check_property_times(times(48), &cases, |(rows, (threads, chunk_bytes))| {
        let text: String = rows.iter().map(Row::text).collect();
        let expected: Vec<Expected> =
            rows.iter().enumerate().flat_map(|(number, row)| row.expanded(number)).collect();
        let plain: String = expected.iter().map(|record| record.text.as_str()).collect();
        let resources = Resources { threads: 1, chunk_bytes: None };
        let rows_input = inputs(&[BLOCKS], &(HEADER.to_owned() + &text));
        let (_, usual) = rows_input.run(resources);
        let (_, other) = rows_input.run(Resources { threads, chunk_bytes });
        let (_, plain) = inputs(&[], &(EXPANDED.to_owned() + &plain)).run(resources);
        match (usual, plain) {
            (Ok(usual), Ok(plain)) => {
                check(&rows, &expected, &usual, &plain);
                let other = other.expect("the usual run ends well");
                assert_eq!(usual.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
                for (path, text) in &usual {
                    let [text, other] =
                        [text, &other[path]].map(|text| String::from_utf8_lossy(text));
                    assert_eq!(text, other, "{path}");
                }
            }
            (usual, plain) => {
                // There is no record.
                assert!(usual.is_err() && plain.is_err() && other.is_err());
            }
        }
        Ok(())
    });
}

/// The records of a row are in one block, whatever the size of blocks, and are read once.
#[test]
fn blocks_of_any_size_give_the_same_records() {
    let program = InMemory::new(KEEP, &[&BOTH, &[BLOCKS][..]].concat());
    let cases = (vec(row(), 1..30), 1..3000_usize);
    check_property_times(times(256), &cases, |(rows, block)| {
        let text: String = HEADER.to_owned() + &rows.iter().map(Row::text).collect::<String>();
        let dialect = Dialect::new(b',');
        let header = frame::record_at(text.as_bytes(), 0, Framing::Csv(dialect), 1 << 20);
        let rules = &program.stages.plan.column_rules;
        let columns = Columns::read(header.bytes(text.as_bytes()), dialect, rules);
        let format = Format::Csv(Arc::new(columns.expect("a header")));
        let of = |block| program.process_as(text.as_bytes(), &format, header.next, block);
        assert_eq!(of(block), of(usize::MAX));
        Ok(())
    });
}
