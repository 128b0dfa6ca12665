//! The compiled checks compared with the `jsonschema` crate and the schema that
//! `segprep schema endpoint --target pinpoint` prints.
//!
//! A valid record is changed in a few places, and both must agree on whether it is still valid. The
//! limits that JSON Schema can't express (bytes, all names together, the size of a record) are
//! implemented again here.

use std::{cell::Cell, collections::BTreeSet};

use jsonschema::Validator;
use proptest::{collection::vec, prelude::*, sample::select};
use segprep::record::describe_name;
use segprep::schema::{Check, Files, NodeIx, Schema, Shape, Test, merged};
use serde_json::{Map, Value, json};

use crate::support::in_process::InProcess;
use crate::support::property::check_property;
use crate::support::records::{address_format, near, records};
use crate::support::strict_json::members;

/// The reference. It checks formats only by the keywords that the merged schema has for them.
fn oracle() -> Validator {
    let schema = merged(&Files::shipped("pinpoint").expect("it is shipped")).expect("a merge");
    jsonschema::options().should_validate_formats(false).build(&schema).expect("a schema")
}

fn pinpoint() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

/// A changed record.
#[derive(Clone, Debug)]
struct Case {
    record: Value,
    /// The paths of the changed fields, as accounts show them.
    changed: Vec<String>,
}

#[test]
fn checks_agree_with_the_printed_schema() {
    let (program, oracle, schema) = (
        InProcess::keeping_everything(pinpoint(), &["input.unknown=reject"]),
        oracle(),
        pinpoint(),
    );
    let (written, refused) = (Cell::new(0), Cell::new(0));
    check_property(&cases(&schema), |Case { record, changed }| {
        let line = record.to_string();
        let problems = program.problems(line.as_bytes());
        let record = as_read(&schema, None, &record).unwrap_or_else(|| json!({}));
        let holds = oracle.is_valid(&record) && !is_beyond(&schema, &record);
        prop_assert_eq!(problems.is_empty(), holds, "{}\n{:?}", line, problems);
        let outcome = if holds { &written } else { &refused };
        outcome.set(outcome.get() + 1);
        prop_assert!(!changed.is_empty() || holds, "an unchanged record is valid: {}", line);
        if let [path] = changed.as_slice() {
            for problem in &problems {
                let is_explained = is_explained(&schema, path, &problem.field, problem.code);
                prop_assert!(is_explained, "`{}` was changed: {}\n{:?}", path, line, problems);
            }
        }
        Ok(())
    });
    let (written, refused) = (written.get(), refused.get());
    assert!(refused <= 4 * written && written <= 4 * refused, "{written} valid, {refused} invalid");
}

/// The record without nulls, without fields that only exports have, and without objects that are
/// empty then. `None`: nothing is left.
fn as_read(schema: &Schema, node: Option<NodeIx>, value: &Value) -> Option<Value> {
    let Value::Object(object) = value else {
        return (!value.is_null()).then(|| value.clone());
    };
    let known =
        |name: &str| members(schema, node).find(|member| schema.nodes[*member].name == name);
    let shape = node.map_or(Shape::Object, |node| schema.nodes[node].shape);
    let read = |(name, value): (&String, &Value)| {
        let member = known(name).filter(|_| shape == Shape::Object);
        let value = match member {
            Some(member) if schema.nodes[member].shape == Shape::ExportOnly => None,
            Some(member) => as_read(schema, Some(member), value),
            None => Some(value.clone()).filter(|value| !value.is_null()),
        };
        value.map(|value| (name.clone(), value))
    };
    if !matches!(shape, Shape::Object | Shape::Lists | Shape::Numbers) {
        return Some(value.clone());
    }
    let object: Map<String, Value> = object.iter().filter_map(read).collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Whether a record exceeds a limit that JSON Schema can't express.
fn is_beyond(schema: &Schema, record: &Value) -> bool {
    let limits = &schema.target.limits;
    let names = ["/Attributes", "/Metrics", "/User/UserAttributes"]
        .map(|path| record.pointer(path).and_then(Value::as_object).map_or(0, Map::len));
    let is_long = limits.fields.iter().any(|limit| {
        let applies = limit.when.as_ref().is_none_or(|(on, values)| {
            record[on].as_str().is_some_and(|value| values.iter().any(|known| known == value))
        });
        applies && record[&limit.path].as_str().is_some_and(|text| limit.max_bytes < text.len())
    });
    limits.attribute_count < names.iter().sum()
        || limits.endpoint_size < record.to_string().len()
        || is_long
}

/// Whether changing one field of a valid record can cause a problem of this code at this field.
fn is_explained(schema: &Schema, changed: &str, field: &str, code: &str) -> bool {
    let is_below = |path: &str, above: &str| {
        path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let depends_on_it = schema.conditions.iter().any(|condition| {
        schema.nodes[condition.on].path == changed && schema.nodes[condition.node].path == field
    }) || schema.target.limits.fields.iter().any(|limit| {
        limit.path == field && limit.when.as_ref().is_some_and(|(on, _)| on == changed)
    });
    let concerns_the_whole = matches!(code, "missing" | "endpoint_size" | "attribute_count");
    is_below(field, changed) || is_below(changed, field) || depends_on_it || concerns_the_whole
}

/// A change of one field: its new value, or `None` to remove it.
type Change = (Vec<String>, Option<Value>);

fn cases(schema: &Schema) -> impl Strategy<Value = Case> + use<> {
    let size = prop_oneof![9 => Just(None), 1 => (14_999..15_002_usize).prop_map(Some)];
    let known: BTreeSet<String> = schema.nodes.iter().map(|node| node.path.clone()).collect();
    (records(schema), vec(changes(schema), 0..4), size).prop_map(
        move |(mut record, changes, size)| {
            let mut changed: Vec<String> = Vec::new();
            for (path, value) in changes {
                put(&mut record, &path, value);
                changed.extend(fields_of(&known, &path));
            }
            if let Some(size) = size {
                pad(&mut record, size);
                changed.push("RequestId".to_owned());
            }
            changed.sort();
            changed.dedup();
            Case { record, changed }
        },
    )
}

/// How a reject may name the field at a path: by its path as far as the schema knows it, or, if it knows
/// nothing of it, by its first name or the length of that.
fn fields_of(known: &BTreeSet<String>, path: &[String]) -> Vec<String> {
    let ends = (1..=path.len()).map(|length| path[..length].join("."));
    match ends.take_while(|path| known.contains(path)).last() {
        Some(known) => vec![known],
        None => vec![path[0].clone(), describe_name(&path[0])],
    }
}

/// Sets the value at a path, unless something other than an object is on the way.
fn put(record: &mut Value, path: &[String], value: Option<Value>) {
    let (Value::Object(object), [name, rest @ ..]) = (record, path) else { return };
    match (rest, value) {
        ([], Some(value)) => drop(object.insert(name.clone(), value)),
        ([], None) => drop(object.remove(name)),
        (_, value) => put(object.entry(name).or_insert_with(|| json!({})), rest, value),
    }
}

/// Extends a record to `size` bytes, not counting what the decoder drops.
fn pad(record: &mut Value, size: usize) {
    record["RequestId"] = json!("");
    let read = as_read(&pinpoint(), None, record).expect("it holds a field");
    let lacking = size.saturating_sub(read.to_string().len());
    record["RequestId"] = json!("r".repeat(lacking));
}

fn changes(schema: &Schema) -> BoxedStrategy<Change> {
    let of_node = |node: NodeIx| {
        let path: Vec<String> = schema.nodes[node].path.split('.').map(str::to_owned).collect();
        let in_place = path.clone();
        let value = prop_oneof![
            1 => Just(None),
            2 => odd_values().prop_map(Some),
            3 => near_values(schema, node).prop_map(Some),
        ];
        let value = value.prop_map(move |value| (in_place.clone(), value)).boxed();
        match schema.nodes[node].shape {
            Shape::Lists | Shape::Numbers => prop_oneof![1 => value, 3 => entries(path)].boxed(),
            Shape::Text | Shape::Number | Shape::Object | Shape::ExportOnly => value,
        }
    };
    let nodes = (0..schema.nodes.len()).map(of_node);
    let contact = ["ChannelType", "Address"].map(|path| of_node(schema.node(path).expect("it")));
    prop_oneof![
        6 => proptest::strategy::Union::new(nodes),
        3 => proptest::strategy::Union::new(contact),
        1 => unknown_names(schema),
    ]
    .boxed()
}

/// Values of every type, which are invalid in most fields.
fn odd_values() -> BoxedStrategy<Value> {
    let some = select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1e3),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!(" "),
        json!("x"),
        json!("1"),
        json!([]),
        json!(["x"]),
        json!([""]),
        json!([null]),
        json!(["x", null]),
        json!([1]),
        json!([["x"]]),
        json!([{}]),
        json!({}),
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"a": null}),
        json!({"a": ["x"]}),
        json!({"": ["x"]}),
    ]);
    prop_oneof![some, long_texts().prop_map(Value::from)].boxed()
}

/// Texts with lengths near the limits, of characters of one, two and four bytes.
fn long_texts() -> impl Strategy<Value = String> {
    let lengths = select(vec![1, 49, 50, 51, 99, 100, 101, 254, 1024, 2048, 2049, 4096, 4097]);
    (select(vec!["a", "é", "🙂", "\""]), lengths).prop_map(|(c, len)| c.repeat(len))
}

/// Values at the limits of what a field accepts.
fn near_values(schema: &Schema, node: NodeIx) -> BoxedStrategy<Value> {
    let description = &schema.nodes[node];
    if description.path == "Address" {
        let formats: BTreeSet<_> = ["SMS", "EMAIL"].into_iter().collect();
        let formats = formats.into_iter().filter_map(|channel| address_format(schema, channel));
        let near = proptest::strategy::Union::new(formats.map(near));
        return prop_oneof![near, long_texts()].prop_map(Value::from).boxed();
    }
    let of_check = |check: &Check| match &check.test {
        Test::Enum(values) => Some(near_enum(values.clone())),
        Test::Format(format) => Some(near(*format).prop_map(Value::from).boxed()),
        Test::Range { min, max } => Some(near_range(*min, *max)),
        Test::NotEmpty | Test::Pattern(_) => None,
    };
    description.checks.iter().find_map(of_check).unwrap_or_else(odd_values)
}

fn near_enum(values: Vec<String>) -> BoxedStrategy<Value> {
    let change = |(value, how): (String, u8)| match how {
        0 => json!(value.to_lowercase()),
        1 => json!(format!("{value} ")),
        2 => json!(value.chars().skip(1).collect::<String>()),
        3 => json!([value]),
        _ => json!(value),
    };
    (select(values), 0..12_u8).prop_map(change).boxed()
}

fn near_range(min: f64, max: f64) -> BoxedStrategy<Value> {
    let step = 1e-13;
    let borders = [min, max].into_iter().flat_map(|border| {
        [border, border - step, border + step, border * 2.0, border.next_up(), border.next_down()]
    });
    let texts = ["", "90", "1e1"].into_iter().map(Value::from);
    select(borders.map(Value::from).chain(texts).collect::<Vec<_>>()).boxed()
}

/// Entries of a map with unusual names and values, and with lengths near the limits.
fn entries(map: Vec<String>) -> BoxedStrategy<Change> {
    let names = prop_oneof![
        "[ -~]{0,3}",
        "[#:?/\\\\]",
        (select(vec!["n", "ñ", "🙂"]), 49..52_usize).prop_map(|(c, len)| c.repeat(len)),
        select(vec!["User.UserId", "optOut", "a.b", "Größe", "\u{0}"]).prop_map(str::to_owned),
    ];
    let values = prop_oneof![
        3 => odd_values(),
        1 => (49..52_usize).prop_map(|len| json!(vec!["v"; len])),
        2 => long_texts().prop_map(|text| json!(["v", text])),
        1 => Just(json!(1.5)),
    ];
    let whole = map.clone();
    let many = (248..253_usize, select(vec![json!(["v"]), json!(1), json!(null)])).prop_map(
        move |(count, value)| {
            let entries: Map<_, _> = (0..count).map(|n| (format!("n{n}"), value.clone())).collect();
            (whole.clone(), Some(Value::Object(entries)))
        },
    );
    let one = (names, values).prop_map(move |(name, value)| {
        let path = map.iter().cloned().chain([name]).collect();
        (path, Some(value))
    });
    prop_oneof![9 => one, 1 => many].boxed()
}

/// Unknown names, in the record and in each of its objects.
fn unknown_names(schema: &Schema) -> BoxedStrategy<Change> {
    let objects = schema.nodes.iter().filter(|node| node.shape == Shape::Object);
    let mut within: Vec<Vec<String>> = vec![Vec::new()];
    within.extend(objects.map(|node| vec![node.path.clone()]));
    let names = select(vec!["optOut", "opt_out", "OPTOUT", "User.UserId", "colour", "", "userid"]);
    (select(within), names, odd_values())
        .prop_map(|(mut path, name, value)| {
            path.push(name.to_owned());
            (path, Some(value))
        })
        .boxed()
}
