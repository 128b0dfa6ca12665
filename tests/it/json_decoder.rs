//! The JSON decoder against `serde_json`, which everyone uses: what is JSON to one is so to the
//! other, and with the same values.

use std::{cell::Cell, fmt};

use proptest::{collection::vec, prelude::*, sample::Index};
use segprep::decode::Format;
use segprep::pipeline::Block;
use segprep::schema::{NodeIx, Schema, Shape};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::in_process::{InProcess, hold};
use crate::records::{members, records};

fn pinpoint() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

/// How deep a record may be nested; the record itself is one.
const DEPTH_MAX: usize = 64;

#[test]
fn lines_of_json_are_read_as_serde_json_reads_them() {
    let (program, schema) = (InProcess::keeping_everything(pinpoint(), &[]), pinpoint());
    let written = Cell::new(0_u32);
    let refused = Cell::new(0_u32);
    hold(&lines(&schema), |line| {
        let shown = String::from_utf8_lossy(&line).into_owned();
        let block = program.block(&line, 0, &Format::JsonLines);
        if line.iter().all(|byte| b" \t\r".contains(byte)) {
            prop_assert_eq!((block.read, block.written()), (0, 0));
            return Ok(());
        }
        prop_assert_eq!(block.read, 1);
        let problems = block.rejects.first().map_or(&[][..], |reject| &reject.problems);
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        let reading = Reading::of(&line);
        prop_assert!(reading.agrees_with(&codes), "{:?}, but {:?}: {}", reading, codes, shown);
        if let Reading::Sound(value) = reading
            && codes.is_empty()
        {
            let found: Value = serde_json::from_slice(&block.json.bytes).expect("output is JSON");
            prop_assert_eq!(found, as_written(&schema, None, &value), "{}", shown);
            written.set(written.get() + 1);
        } else {
            refused.set(refused.get() + 1);
        }
        Ok(())
    });
    let (written, refused) = (written.get(), refused.get());
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

/// What a strict reader makes of a line.
#[derive(Debug)]
enum Reading {
    Sound(Value),
    /// It is sound but for a name that stands twice in one object.
    Repeats,
    TooDeep,
    NotUtf8,
    /// An escape of half a character.
    LoneSurrogate,
    /// A number that `serde_json` can't hold, which is no fault of syntax.
    VastNumber,
    NoJson,
}

impl Reading {
    fn of(line: &[u8]) -> Reading {
        let Ok(text) = str::from_utf8(line) else { return Reading::NotUtf8 };
        let repeats = Cell::new(false);
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Strict { depth: 1, repeats: &repeats }.deserialize(&mut reader);
        match read.and_then(|value| reader.end().map(|()| value)) {
            Ok(value) if !repeats.get() => Reading::Sound(value),
            Ok(_) => Reading::Repeats,
            Err(error) => Reading::of_error(&error.to_string()),
        }
    }

    fn of_error(message: &str) -> Reading {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&[TOO_DEEP]) {
            Reading::TooDeep
        } else if says(&["surrogate", "end of hex escape", "unicode code point"]) {
            Reading::LoneSurrogate
        } else if says(&["number out of range"]) {
            Reading::VastNumber
        } else {
            Reading::NoJson
        }
    }

    /// Whether the codes of a line's problems say the same. Reading may go on after half a
    /// character, and then meet worse.
    fn agrees_with(&self, codes: &[&str]) -> bool {
        let has = |code: &str| codes.contains(&code);
        let is_read = !["json_syntax", "utf8", "too_deep", "duplicate_key"].into_iter().any(has);
        match self {
            Reading::Sound(_) => is_read,
            Reading::Repeats => has("duplicate_key"),
            Reading::TooDeep => codes == ["too_deep"],
            Reading::NotUtf8 => codes == ["utf8"],
            Reading::LoneSurrogate => has("utf8") || has("json_syntax") || has("too_deep"),
            Reading::VastNumber => true,
            Reading::NoJson => codes == ["json_syntax"],
        }
    }
}

const TOO_DEEP: &str = "nested too deep";

/// Reads any value with `serde_json`, which by itself would let the last of two names win.
struct Strict<'a> {
    depth: usize,
    repeats: &'a Cell<bool>,
}

impl Strict<'_> {
    fn below<E: Error>(&self) -> Result<Self, E> {
        let below = Strict { depth: self.depth + 1, repeats: self.repeats };
        if DEPTH_MAX < self.depth { Err(E::custom(TOO_DEEP)) } else { Ok(below) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.below::<A::Error>()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.below()?)?;
            if object.insert(name, value).is_some() {
                self.repeats.set(true);
            }
        }
        Ok(Value::Object(object))
    }
}

/// A sound record as it is written: without nulls, unknown fields and empty objects.
fn as_written(schema: &Schema, node: Option<NodeIx>, value: &Value) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    let shape = node.map_or(Shape::Object, |node| schema.nodes[node].shape);
    if shape != Shape::Object {
        let is_there = |(_, value): &(&String, &Value)| !value.is_null();
        return object.iter().filter(is_there).map(|(k, v)| (k.clone(), v.clone())).collect();
    }
    let member = |member: NodeIx| {
        let node = &schema.nodes[member];
        let value = as_written(schema, Some(member), object.get(&node.name)?);
        let is_nothing = node.shape == Shape::ExportOnly || value.is_null() || value == json!({});
        (!is_nothing).then(|| (node.name.clone(), value))
    };
    members(schema, node).filter_map(member).collect()
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
fn write_oddly(value: &Value, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
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

/// One way to break a line, at a place in it.
type Edit = (Index, Break);

#[derive(Clone, Debug)]
enum Break {
    Replace(u8),
    Insert(&'static [u8]),
    Remove(usize),
    Repeat(usize),
    Cut,
}

/// What may be put into a line, between spaces.
const SNIPPETS: &[u8] = b", : \" \\ { } [ ] [] {} - + 0 1 . e E5 1e400 01 -0 nul null true NaN \
    \t \r \x00 \x01 \x0b \x1f \x7f \xff \xc3 \xa9 \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xc3\xa9 \
    \xef\xbb\xbf \xe2\x80\xa8 \\u0000 \\u00 \\uD83D\\uDE00 \\ud83d \\ude00 \\ud83d\\n \\ud83d\\u0041 \
    \\x41 \\' /**/ ' \"Id\":\"i\", \"\\u0049d\":\"i\", \"a\":1, ,\"a\":1";

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let snippets: Vec<&[u8]> = SNIPPETS.split(|byte| *byte == b' ').collect();
    let how = prop_oneof![
        1 => any::<u8>().prop_map(Break::Replace),
        4 => prop::sample::select(snippets).prop_map(Break::Insert),
        2 => (1..4_usize).prop_map(Break::Remove),
        1 => (1..20_usize).prop_map(Break::Repeat),
        1 => Just(Break::Cut),
    ];
    prop_oneof![3 => Just(Vec::new()), 4 => vec((any::<Index>(), how), 1..3)]
}

fn break_at((at, how): Edit, line: &mut Vec<u8>) {
    let at = at.index(line.len() + 1);
    let to = |len| line.len().min(at + len);
    match how {
        Break::Replace(byte) => drop(line.splice(at..to(1), [byte])),
        Break::Insert(snippet) => drop(line.splice(at..at, snippet.iter().copied())),
        Break::Remove(len) => drop(line.drain(at..to(len))),
        Break::Repeat(len) => {
            let copy = line[at..to(len)].to_vec();
            line.splice(at..at, copy);
        }
        Break::Cut => line.truncate(at),
    }
}
