//! The JSON decoder compared with `serde_json`: both accept the same texts and read the same values.

use std::cell::{Cell, RefCell};

use proptest::{collection::vec, prelude::*, sample::Index};
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::pipeline::Block;
use segprep::schema::Schema;
use serde_json::{Value, json};

use crate::support::corpus::{Break, json_snippets};
use crate::support::in_process::InProcess;
use crate::support::odd_json::write_oddly;
use crate::support::property::check_property;
use crate::support::records::records;
use crate::support::strict_json::{Compared, compare};

fn pinpoint() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

#[test]
fn lines_of_json_are_read_as_serde_json_reads_them() {
    let (program, schema) = (InProcess::keeping_everything(pinpoint(), &[]), pinpoint());
    let compared = RefCell::new(Compared::default());
    check_property(&lines(&schema), |line| {
        compare(&program, &line, &mut compared.borrow_mut());
        Ok(())
    });
    let Compared { written, refused, invalid, .. } = compared.into_inner();
    let refused = refused + invalid;
    assert!(refused <= 4 * written && written <= 4 * refused, "{written} valid, {refused} invalid");
}

/// A worker reads records by comparison with earlier ones. Here it reads a few records many times, each
/// time with other edits, and must find what a worker finds that has seen nothing similar.
#[test]
fn learning_from_earlier_records_changes_nothing() {
    let schema = pinpoint();
    let warm = InProcess::keeping_everything(pinpoint(), &[]);
    let cold = InProcess::keeping_everything(pinpoint(), &[]);
    let (spaces, written) = (Cell::new(0_usize), Cell::new(0_u64));
    let edited = vec((any::<Index>(), edits()), 1..24);
    check_property(
        &(vec(records(&schema), 1..4), any::<bool>(), edited),
        |(records, is_odd, edited)| {
            let noise = if is_odd { vec![7, 200, 3, 90, 255, 1] } else { vec![u8::MAX] };
            let lines = records.iter().map(|record| {
                let mut line = Vec::new();
                write_oddly(record, &mut noise.iter().copied().cycle(), &mut line);
                line
            });
            let lines: Vec<Vec<u8>> = lines.collect();
            for (which, edits) in edited {
                let mut line = which.get(&lines).clone();
                for edit in edits {
                    break_at(edit, &mut line);
                }
                line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
                // No earlier record began with this number of spaces, so this one is similar to none.
                spaces.set((spaces.get() + 1) % 997);
                let mut apart = vec![b' '; spaces.get()];
                apart.extend_from_slice(&line);
                let found = warm.block(&line, 0, &Format::JsonLines(LineEnd::Newline));
                let expected = cold.block(&apart, 0, &Format::JsonLines(LineEnd::Newline));
                let shown = String::from_utf8_lossy(&line);
                prop_assert_eq!(&found.json.bytes, &expected.json.bytes, "{}", shown);
                let problems = |block: &Block| -> Vec<_> {
                    block.rejects.iter().map(|reject| reject.problems.clone()).collect()
                };
                prop_assert_eq!(problems(&found), problems(&expected), "{}", shown);
                prop_assert_eq!(found.export_only, expected.export_only);
                prop_assert!(found.unknown.iter().eq(expected.unknown.iter()), "{}", shown);
                written.set(written.get() + found.written());
            }
            Ok(())
        },
    );
    assert!(1000 < written.get(), "{} were written", written.get());
}

/// An unpaired surrogate in a name is a problem each time, however often the name was seen.
#[test]
fn an_invalid_name_is_not_learned() {
    let program = InProcess::keeping_everything(pinpoint(), &[]);
    for line in [
        &br#"{"Id":"a","Attributes":{"x\ud800":["v"]}}"#[..],
        br#"{"Id":"a","x\ud800":"v"}"#,
        br#"{"Id":"a","User":{"UserId":"u","x\ud800":{"y\ud800":1}}}"#,
    ] {
        for _ in 0..3 {
            let problems = program.problems(line);
            let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, ["utf8"]);
        }
    }
}

/// Lines of JSON: a record, perhaps with an unknown field, written in plain or unusual ways, then edited.
fn lines(schema: &Schema) -> impl Strategy<Value = Vec<u8>> + use<> {
    let unknown = prop_oneof![2 => Just(None), 1 => anything().prop_map(Some)];
    let noise = prop_oneof![Just(vec![u8::MAX]), vec(any::<u8>(), 1..60)];
    (records(schema), unknown, noise, edits()).prop_map(|(mut record, unknown, noise, edits)| {
        if let Some(unknown) = unknown {
            record["colour"] = unknown;
        }
        let mut line = Vec::new();
        write_oddly(&record, &mut noise.into_iter().cycle(), &mut line);
        for edit in edits {
            break_at(edit, &mut line);
        }
        line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        line
    })
}

/// Any value, also nested as deep as the limit or deeper.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,5}".prop_map(Value::from),
    ];
    let shallow = leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[ab]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let nested = |(depth, in_objects): (usize, bool)| {
        let wrap = |inner, _| if in_objects { json!({"a": inner}) } else { json!([inner]) };
        (1..depth).fold(json!([]), wrap)
    };
    prop_oneof![shallow, (60..68_usize, any::<bool>()).prop_map(nested)]
}

/// A way to break a line, at a place in it.
type Edit = (Index, Break);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let how = prop_oneof![
        1 => any::<u8>().prop_map(Break::Replace),
        4 => prop::sample::select(json_snippets()).prop_map(Break::Insert),
        2 => (1..4_usize).prop_map(Break::Remove),
        1 => (1..20_usize).prop_map(Break::Repeat),
        1 => Just(Break::Cut),
    ];
    prop_oneof![3 => Just(Vec::new()), 4 => vec((any::<Index>(), how), 1..3)]
}

fn break_at((at, how): Edit, line: &mut Vec<u8>) {
    how.apply(at.index(line.len() + 1), line);
}
