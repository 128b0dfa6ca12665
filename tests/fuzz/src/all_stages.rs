//! Records through all stages of one plan: each has one outcome, which depends neither on the size of
//! blocks nor on earlier records.

use segprep::decode::Format;
use segprep::decode::frame::Dialect;
use segprep::plan::Entries;
use segprep::schema::Schema;
use serde_json::Value;

use crate::support::in_memory::{InMemory, Outcome};
use crate::support::in_process::InProcess;

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

/// Processes a text from the byte `from` on, with a worker that has seen many records and with a new one,
/// as a whole and in blocks of about `block_bytes`.
pub fn check(text: &[u8], format: &Format, from: usize, block_bytes: usize) {
    // Each block decodes a whole batch again, so many blocks take quadratic time. A reject costs much more than its
    // record is long.
    let block_bytes = block_bytes.max(text.len());
    PLAN.with(|plan| {
        let whole = plan.process_as(text, format, from, usize::MAX);
        check_outcome(&whole);
        assert_eq!(
            plan.process_as(text, format, from, block_bytes),
            whole,
            "the size of blocks makes no difference"
        );
        plan.stages.forget();
        let fresh = plan.process_as(text, format, from, usize::MAX);
        assert_eq!(fresh, whole, "earlier records make no difference");
    });
}

/// Checks a text as CSV with a header. The settings say whether rows are padded, and whether the
/// decimal mark is a comma.
pub fn check_csv(text: &[u8], dialect: Dialect, settings: [bool; 2], block_bytes: usize) {
    let header = PLAN.with(|plan| plan.header_of(text, dialect, settings));
    if let Some((format, from)) = header {
        check(text, &format, from, block_bytes);
    }
}

/// The output is one line of JSON per record, and for CSV one row per record by RFC 4180.
fn check_outcome(outcome: &Outcome) {
    let [read, written, ..] = outcome.counts;
    assert!(written <= read);
    let lines: Vec<&[u8]> = outcome.written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(u64::try_from(lines.len()), Ok(written), "one line per record");
    for line in lines {
        let value = serde_json::from_slice::<Value>(line);
        assert!(value.is_ok_and(|value| value.is_object()), "each line is a JSON object");
    }
    for csv in &outcome.csv {
        let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(&**csv).into_records();
        let rows: Result<Vec<_>, _> = rows.collect();
        let rows = rows.expect("every row has the same number of cells").len();
        assert_eq!(u64::try_from(rows), Ok(written), "one row per record");
    }
}
