//! Records of one value each, to find out which checks of the schema it fails under the name that it would
//! have.
//!
//! A column `E-mail` is checked as `Address` with `ChannelType: EMAIL`, as a definition that renames it would
//! do. The records are JSON lines, and go through the stages like any others.

use std::borrow::Cow;

use super::meaning::Meaning;
use super::tally::Seen;
use super::value::Value;
use crate::schema::{Node, Role, Schema, Shape};

/// JSON lines, and the field whose value each of them has.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) lines: Vec<u8>,
    /// By line: the index of the field in its chunk, and how many values are equal to this one.
    pub(super) fields: Vec<(usize, u64)>,
}

impl Samples {
    /// Adds a record with one value.
    pub(super) fn add(
        &mut self,
        field: usize,
        seen: &Seen<'_>,
        meaning: &Meaning,
        schema: &Schema,
    ) {
        let Seen { value, channel, count, .. } = seen;
        let Some(node) = meaning.node.and_then(|node| schema.nodes.get(node)) else { return };
        if !value.is_scalar() || value.is_item {
            return;
        }
        // In CSV everything is text, and numbers are read as such.
        let text = value.text().unwrap_or_default();
        let is_bare = node.shape == Shape::Number && text.parse::<f64>().is_ok();
        let raw = if is_bare { text } else { value.in_json() };
        let channel = channel.as_deref().map(|channel| Value::cell(Cow::Borrowed(channel)));
        let channel = channel.as_ref().map(Value::in_json);
        if let Some(line) = line(node, &raw, meaning, channel.as_deref(), schema) {
            self.lines.extend_from_slice(line.as_bytes());
            self.fields.push((field, *count));
        }
    }
}

/// A record with one value, as JSON with its line end. `None`: what the value must be depends on a channel
/// that nobody knows.
fn line(
    node: &Node,
    raw: &str,
    meaning: &Meaning,
    channel: Option<&str>,
    schema: &Schema,
) -> Option<String> {
    let [id, address, channel_path] =
        [Role::Id, Role::Address, Role::Channel].map(|role| schema.role_path(role));
    let path = node.path.as_str();
    Some(if path == address {
        let named = meaning.constants.iter().find(|(name, _)| name == channel_path);
        let named = || named.map(|(_, channel)| format!("\"{channel}\""));
        let channel = channel.map(str::to_owned).or_else(named)?;
        format!("{{\"{channel_path}\":{channel},\"{address}\":{raw}}}\n")
    } else if path == id {
        format!("{{\"{id}\":{raw}}}\n")
    } else if path == channel_path {
        format!("{{\"{path}\":{raw},\"{address}\":\"0\"}}\n")
    } else {
        let (objects, name) = path.rsplit_once('.').unwrap_or(("", path));
        let objects: Vec<&str> = objects.split('.').filter(|name| !name.is_empty()).collect();
        let opened: String = objects.iter().flat_map(|name| ["\"", *name, "\":{"]).collect();
        let closed = "}".repeat(objects.len());
        format!("{{\"{id}\":\"0\",{opened}\"{name}\":{raw}{closed}}}\n")
    })
}
