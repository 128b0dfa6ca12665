//! The JSON decoder against `serde_json`, which everyone uses: what is JSON to one is so to the
//! other, and with the same values.

use std::cell::{Cell, RefCell};

use proptest::{collection::vec, prelude::*, sample::Index};
use segprep::decode::Format;
use segprep::pipeline::Block;
use segprep::schema::Schema;
use serde_json::{Value, json};

use crate::corpus::{Break, json_snippets};
use crate::in_process::InProcess;
use crate::property::hold;
use crate::records::records;
use crate::strict_json::{Compared, compare};

fn pinpoint() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

#[test]
fn lines_of_json_are_read_as_serde_json_reads_them() {
    let (program, schema) = (InProcess::keeping_everything(pinpoint(), &[]), pinpoint());
    let compared = RefCell::new(Compared::default());
    hold(&lines(&schema), |line| {
        compare(&program, &line, &mut compared.borrow_mut());
        Ok(())
    });
    let Compared { written, refused, judged, .. } = compared.into_inner();
    let refused = refused + judged;
    assert!(refused <= 4 * written && written <= 4 * refused, "{written} hold, {refused} do not");
}

/// A worker reads records by comparison with those before. A few records, each many times over with
/// other faults, come out as they do where nothing before was alike.
#[test]
fn records_like_those_before_are_read_as_by_themselves() {
    let schema = pinpoint();
    let warm = InProcess::keeping_everything(pinpoint(), &[]);
    let cold = InProcess::keeping_everything(pinpoint(), &[]);
    let (spaces, written) = (Cell::new(0_usize), Cell::new(0_u64));
    let edited = vec((any::<Index>(), edits()), 1..24);
    hold(&(vec(records(&schema), 1..4), any::<bool>(), edited), |(records, is_odd, edited)| {
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
            // No record before began with so many spaces, so this one is like none.
            spaces.set((spaces.get() + 1) % 997);
            let mut apart = vec![b' '; spaces.get()];
            apart.extend_from_slice(&line);
            let found = warm.block(&line, 0, &Format::JsonLines);
            let expected = cold.block(&apart, 0, &Format::JsonLines);
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
    });
    assert!(1000 < written.get(), "{} were written", written.get());
}

/// Half a character in a name is a fault each time, however often the name was seen.
#[test]
fn a_fault_in_a_name_is_not_learned() {
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

/// Lines of JSON: a record with something unknown in it, written plainly or oddly, then broken.
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

/// Any value, some of them nested as deep as may be, or deeper.
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

/// Writes a value with white space and escapes where JSON allows them; `noise` says where.
pub(crate) fn write_oddly(value: &Value, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    space(noise, out);
    match value {
        Value::Object(members) => {
            out.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                out.extend((0 < index).then_some(b','));
                space(noise, out);
                write_text(name, noise, out);
                space(noise, out);
                out.push(b':');
                write_oddly(value, noise, out);
                if noise.next() == Some(0) {
                    out.push(b',');
                    write_text(name, noise, out);
                    out.extend_from_slice(b":null");
                }
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                out.extend((0 < index).then_some(b','));
                write_oddly(item, noise, out);
            }
            out.push(b']');
        }
        Value::String(text) => write_text(text, noise, out),
        Value::Number(number) => write_number(&number.to_string(), noise, out),
        Value::Null | Value::Bool(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
    space(noise, out);
}

fn space(noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let space: &[u8] = match noise.next() {
        Some(0..20) => b" ",
        Some(20..30) => b"\t \r",
        _ => b"",
    };
    out.extend_from_slice(space);
}

fn write_text(text: &str, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        let must = c < ' ' || c == '"' || c == '\\';
        match noise.next() {
            Some(0..50) => {
                let units = &mut [0; 2];
                for unit in c.encode_utf16(units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            Some(50..60) if c == '/' => out.extend_from_slice(b"\\/"),
            _ if must => {
                let escaped = json!(c).to_string();
                out.extend_from_slice(&escaped.as_bytes()[1..escaped.len() - 1]);
            }
            _ => out.extend_from_slice(c.to_string().as_bytes()),
        }
    }
    out.push(b'"');
}

/// The same number in one of its forms.
fn write_number(number: &str, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(number.as_bytes());
    let more: &[u8] = match (noise.next(), number.contains(['.', 'e'])) {
        (Some(0..20), false) => b".0",
        (Some(20..40), false) => b"E+0",
        (Some(40..60), true) if !number.contains('e') => b"0e-00",
        _ => b"",
    };
    out.extend_from_slice(more);
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
