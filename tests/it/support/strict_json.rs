//! A reference for JSON: `serde_json` with segprep's two additional rules, that a name is unique in
//! its object and that nothing is nested deeper than 64 levels.

use std::{cell::Cell, collections::BTreeMap, fmt};

use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::schema::{NodeIx, Schema, Shape};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::support::in_process::InProcess;
use crate::support::reference;

/// The maximum nesting depth; the record itself is level 1.
const DEPTH_MAX: usize = 64;

/// Counts of compared records.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Records whose values were compared.
    pub(crate) written: u64,
    /// Records that decoding rejected.
    pub(crate) refused: u64,
    /// Records that decoding accepted and a check rejected.
    pub(crate) invalid: u64,
    /// How often one reader accepts what the other rejects, by the verdicts of segprep and of plain
    /// `serde_json`.
    pub(crate) disagreements: BTreeMap<(&'static str, &'static str), u64>,
}

/// Processes lines of JSON as one chunk, and compares each record with what `serde_json` reads.
/// `program` keeps every field.
pub(crate) fn compare(program: &InProcess, text: &[u8], compared: &mut Compared) {
    let block = program.block(text, 0, &Format::JsonLines(LineEnd::Newline));
    let mut rejects = block.rejects.iter().peekable();
    let mut written = block.json.bytes.split_inclusive(|byte| *byte == b'\n');
    let mut record = 0;
    for line in text.split(|byte| *byte == b'\n').flat_map(reference::json_records) {
        let shown = || String::from_utf8_lossy(line).into_owned();
        let reject = rejects.next_if(|reject| reject.record == record);
        let problems = reject.map_or(&[][..], |reject| &reject.problems);
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        let reading = Reading::of(line);
        assert!(reading.agrees_with(&codes), "{reading:?}, but {codes:?}: {}", shown());
        compared.count_disagreement(&reading, &codes, line);
        let found = reject.is_none().then(|| {
            let line = written.next().expect("a record that is not rejected is written");
            serde_json::from_slice::<Value>(line).expect("output is JSON")
        });
        if let (Reading::Sound(value), Some(found)) = (&reading, &found) {
            assert_eq!(*found, as_written(&program.plan.schema, None, value), "{}", shown());
        }
        let count = match (found, verdict(&codes)) {
            (Some(_), _) => &mut compared.written,
            (None, READ) => &mut compared.invalid,
            (None, _) => &mut compared.refused,
        };
        *count += 1;
        record += 1;
    }
    assert_eq!(
        (block.read, written.next()),
        (record, None),
        "both read the same number of records"
    );
}

/// The verdict on a line that a reader accepts.
const READ: &str = "read";

/// The verdict of decoding, by the codes of a record's problems.
pub(crate) fn verdict(codes: &[&str]) -> &'static str {
    let refusals = ["json_syntax", "utf8", "too_deep", "duplicate_key"];
    refusals.into_iter().find(|code| codes.contains(code)).unwrap_or(READ)
}

/// The verdict of plain `serde_json`.
pub(crate) fn plain_verdict(line: &[u8]) -> &'static str {
    match serde_json::from_slice::<Value>(line) {
        Ok(_) => READ,
        Err(error) => match Reading::of_error(&error.to_string()) {
            Reading::VastNumber => "number out of range",
            Reading::LoneSurrogate => "half a character",
            Reading::Sound(_)
            | Reading::Repeats
            | Reading::TooDeep
            | Reading::NotUtf8
            | Reading::NoJson => "no JSON",
        },
    }
}

impl Compared {
    fn count_disagreement(&mut self, reading: &Reading, codes: &[&str], line: &[u8]) {
        if matches!(reading, Reading::Sound(_)) {
            return; // both accept it
        }
        let (ours, theirs) = (verdict(codes), plain_verdict(line));
        if (ours == READ) != (theirs == READ) {
            *self.disagreements.entry((ours, theirs)).or_default() += 1;
        }
    }
}

/// The verdict of a strict reader on a line.
#[derive(Debug)]
pub(crate) enum Reading {
    Sound(Value),
    /// Valid, except that an object has a name twice.
    Repeats,
    TooDeep,
    NotUtf8,
    /// The escape of an unpaired surrogate.
    LoneSurrogate,
    /// Valid, but with a number too large for `serde_json`.
    VastNumber,
    NoJson,
}

impl Reading {
    pub(crate) fn of(line: &[u8]) -> Reading {
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

    /// Whether the codes of a line's problems agree. After an unpaired surrogate, the decoder may
    /// read on and find another problem.
    pub(crate) fn agrees_with(&self, codes: &[&str]) -> bool {
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

/// Reads any value with `serde_json`, and finds duplicate names, of which `serde_json` keeps the last.
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

/// A valid record as it is written: without nulls, unknown fields and empty objects.
pub(crate) fn as_written(schema: &Schema, node: Option<NodeIx>, value: &Value) -> Value {
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

/// The fields of an object; `None`: of the record itself.
pub(crate) fn members(
    schema: &Schema,
    parent: Option<NodeIx>,
) -> impl Iterator<Item = NodeIx> + '_ {
    let nodes = schema.nodes.iter().enumerate();
    nodes.filter(move |(_, node)| node.parent == parent).map(|(node, _)| node)
}
