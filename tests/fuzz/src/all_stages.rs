//! The whole path of records under one plan: each has one outcome, whatever the block's size and
//! whatever the worker saw before.

use segprep::decode::Format;
use segprep::plan::Entries;
use segprep::schema::Schema;
use serde_json::Value;

use crate::in_memory::{InMemory, Outcome};
use crate::in_process::InProcess;

thread_local! {
    static PLAN: InMemory = InMemory::of(plan());
}

fn plan() -> InProcess {
    let schema = Schema::shipped("pinpoint").expect("it is shipped");
    let people = ["ada@example.com", "a@b.cc", "zoe@example.org"].map(str::as_bytes);
    let definition = include_str!("../record.toml");
    InProcess::with_lists("record.toml", definition, schema, &[], |list| {
        let digests = people.iter().filter_map(|one| list.digest_of_entry(one, &mut Vec::new()));
        Entries::new(digests.collect())
    })
}

/// Takes a text from byte `from` on, by a worker that has seen much and by a new one, whole and in
/// blocks of about so many bytes.
pub fn hold(text: &[u8], format: &Format, from: usize, block_bytes: usize) {
    PLAN.with(|plan| {
        let whole = plan.take_as(text, format, from, usize::MAX);
        check(&whole);
        assert_eq!(
            plan.take_as(text, format, from, block_bytes),
            whole,
            "blocks make no difference"
        );
        plan.stages.forget();
        assert_eq!(plan.take_as(text, format, from, usize::MAX), whole, "nor do records before");
    });
}

/// A text as CSV with a header.
pub fn hold_csv(text: &[u8], delimiter: u8, block_bytes: usize) {
    let header = PLAN.with(|plan| plan.header(text, delimiter));
    if let Some((format, from)) = header {
        hold(text, &format, from, block_bytes);
    }
}

/// What is written is JSON, a line for each record, and so is CSV by RFC 4180.
fn check(outcome: &Outcome) {
    let [read, written, ..] = outcome.counts;
    assert!(written <= read);
    let lines: Vec<&[u8]> = outcome.written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(u64::try_from(lines.len()), Ok(written), "a line for each record");
    for line in lines {
        let value = serde_json::from_slice::<Value>(line);
        assert!(value.is_ok_and(|value| value.is_object()), "what is written is JSON");
    }
    for csv in &outcome.csv {
        let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(&**csv).into_records();
        let rows: Result<Vec<_>, _> = rows.collect();
        let rows = rows.expect("every row has the same cells").len();
        assert_eq!(u64::try_from(rows), Ok(written), "a row for each record");
    }
}
