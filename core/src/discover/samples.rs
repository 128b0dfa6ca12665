//! Records of one value each, to find out which checks of the schema it fails under the name that it would
//! have.
//!
//! A column `E-mail` is checked as `Address` with `ChannelType: EMAIL`, as a definition that renames it would
//! do. The records are JSON lines, and go through the stages like any others. There is none of a value that
//! cannot fail: a short text of which nothing but the length is checked.

use super::meaning::Meaning;
use super::tally::{Seen, Values};
use super::value::Kind;
use crate::pipeline::Stages;
use crate::record::number_len;
use crate::schema::{Node, NodeIx, Role, Schema, Shape};
use crate::simd::scan::first_special;

/// JSON lines, and the field whose value each of them has.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) lines: Vec<u8>,
    /// By line: the index of the field in its chunk, and how many values are equal to this one.
    pub(super) fields: Vec<(usize, u64)>,
}

impl Samples {
    /// Adds a record for each different value of a field that may fail a check.
    pub(super) fn add_all(
        &mut self,
        field: usize,
        values: &Values<'_>,
        meaning: &Meaning,
        schema: &Schema,
        stages: &Stages,
    ) {
        let Some((number, node)) = node_of(meaning, schema) else { return };
        let frame = Frame::new(node, meaning, schema);
        for seen in values.different.iter().filter(|seen| may_fail(seen, number, node, stages)) {
            if frame.push(seen, node, &mut self.lines).is_some() {
                self.fields.push((field, seen.count));
            }
        }
    }
}

/// The node of a field; of a field in a map, that of the map.
fn node_of<'s>(meaning: &Meaning, schema: &'s Schema) -> Option<(NodeIx, &'s Node)> {
    let map = || {
        let (map, _, _) = schema.map_and_name(meaning.field.as_deref()?)?;
        schema.maps.get(map).copied()
    };
    let number = meaning.node.or_else(map)?;
    Some((number, schema.nodes.get(number)?))
}

/// Whether a value may fail a check of a node. Items of lists are never checked as a field.
fn may_fail(seen: &Seen<'_>, number: NodeIx, node: &Node, stages: &Stages) -> bool {
    let value = &seen.value;
    // As it is written, a text is no shorter than what it says.
    let may_be_rejected = match value.kind {
        Kind::Text if node.shape == Shape::Numbers => !is_number(&value.raw),
        Kind::Text => stages.may_reject_text(number, value.raw.len()),
        Kind::Number | Kind::Boolean | Kind::Null | Kind::List | Kind::Object => true,
    };
    value.is_scalar() && !value.is_item && may_be_rejected
}

/// Whether a text is a number in JSON.
fn is_number(text: &str) -> bool {
    number_len(text.as_bytes()) == Some(text.len())
}

/// What a record has around its one value.
struct Frame<'a> {
    /// What the value must be depends on the channel.
    channel: Option<Channel<'a>>,
    before: String,
    after: String,
}

struct Channel<'a> {
    /// What is before it.
    before: String,
    /// The channel that the name of the column says.
    named: Option<&'a str>,
}

impl<'a> Frame<'a> {
    fn new(node: &Node, meaning: &'a Meaning, schema: &Schema) -> Frame<'a> {
        let [id, address, channel] =
            [Role::Id, Role::Address, Role::Channel].map(|role| schema.role_path(role));
        let path = node.path.as_str();
        let after = "}\n".to_owned();
        if path == address {
            let named = meaning.constants.iter().find(|(name, _)| name == channel);
            let named = named.map(|(_, channel)| channel.as_str());
            let channel = Channel { before: format!("{{\"{channel}\":"), named };
            Frame { channel: Some(channel), before: format!(",\"{address}\":"), after }
        } else if path == id {
            Frame { channel: None, before: format!("{{\"{id}\":"), after }
        } else if path == channel {
            let after = format!(",\"{address}\":\"0\"}}\n");
            Frame { channel: None, before: format!("{{\"{path}\":"), after }
        } else {
            let own = meaning.field.as_deref().and_then(|field| schema.map_and_name(field));
            let (objects, name) = match own {
                Some((_, name, _)) => (path, name),
                None => path.rsplit_once('.').unwrap_or(("", path)),
            };
            let objects: Vec<&str> = objects.split('.').filter(|name| !name.is_empty()).collect();
            let opened: String = objects.iter().flat_map(|name| ["\"", *name, "\":{"]).collect();
            let name = serde_json::to_string(name).expect("a text is JSON");
            let before = format!("{{\"{id}\":\"0\",{opened}{name}:");
            Frame { channel: None, before, after: "}".repeat(objects.len()) + &after }
        }
    }

    /// Appends the record of a value, as JSON with its line end. `None`: what the value must be depends on a
    /// channel that nobody knows.
    fn push(&self, seen: &Seen<'_>, node: &Node, lines: &mut Vec<u8>) -> Option<()> {
        if let Some(Channel { before, named }) = &self.channel {
            let channel = seen.channel.as_deref().or(*named)?;
            lines.extend_from_slice(before.as_bytes());
            push_text(channel, lines);
        }
        lines.extend_from_slice(self.before.as_bytes());
        push_value(seen, node, lines);
        lines.extend_from_slice(self.after.as_bytes());
        Some(())
    }
}

fn push_value(seen: &Seen<'_>, node: &Node, lines: &mut Vec<u8>) {
    let value = &seen.value;
    let is_list = node.shape == Shape::Lists && value.is_cell;
    if matches!(node.shape, Shape::Number | Shape::Numbers)
        && let Some(text) = value.text().filter(|text| is_number(text))
    {
        // In CSV everything is text, and numbers are read as such.
        lines.extend_from_slice(text.as_bytes());
    } else if is_list {
        lines.push(b'[');
        push_text(&value.raw, lines);
        lines.push(b']');
    } else if value.is_cell {
        push_text(&value.raw, lines);
    } else {
        lines.extend_from_slice(value.raw.as_bytes());
    }
}

/// Appends a text in JSON.
fn push_text(text: &str, lines: &mut Vec<u8>) {
    if first_special(text.as_bytes()) == text.len() {
        lines.push(b'"');
        lines.extend_from_slice(text.as_bytes());
        lines.push(b'"');
    } else {
        lines.extend(serde_json::to_string(text).expect("a text is JSON").into_bytes());
    }
}
