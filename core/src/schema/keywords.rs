//! The supported JSON Schema keywords, and where each is allowed.
//!
//! A keyword that is not supported, or is in a place where it is not read, would be a rule that is
//! never checked. So each place has its own list of keywords. `core/build.rs` includes this file, too,
//! so it imports nothing from this crate.

use serde_json::{Map, Value};

/// The keywords that are allowed at one place, each with the kind of its value.
type Grammar = &'static [(&'static str, Operand)];

enum Operand {
    /// A plain value, which is checked where it is read.
    Value,
    /// One schema.
    Schema(&'static Grammar),
    /// An object whose members are schemas.
    Members(&'static Grammar),
    /// An array of schemas.
    Items(&'static Grammar),
}

use Operand::{Items, Members, Schema, Value as Plain};

/// The root of a file.
static DOCUMENT: Grammar = &[
    ("$schema", Plain),
    ("$comment", Plain),
    ("title", Plain),
    ("type", Plain),
    ("properties", Members(&FIELD)),
    ("additionalProperties", Plain),
    ("allOf", Items(&CONDITION)),
    ("anyOf", Items(&KIND)),
];

/// A field, an object or a map.
static FIELD: Grammar = &[
    ("$comment", Plain),
    ("$ref", Plain),
    ("type", Plain),
    ("properties", Members(&FIELD)),
    ("additionalProperties", Schema(&ENTRY)),
    ("enum", Plain),
    ("format", Plain),
    ("pattern", Plain),
    ("minimum", Plain),
    ("maximum", Plain),
    ("x-segprep-class", Plain),
    ("x-segprep-export-only", Plain),
    ("x-segprep-not-empty", Plain),
    ("x-segprep-role", Plain),
];

/// The values of a map's entries.
static ENTRY: Grammar =
    &[("type", Plain), ("items", Schema(&ITEM)), ("minimum", Plain), ("maximum", Plain)];

/// Each value of a map of lists.
static ITEM: Grammar = &[("type", Plain), ("enum", Plain), ("format", Plain), ("pattern", Plain)];

/// A check of one field that applies for some values of another.
static CONDITION: Grammar = &[("$comment", Plain), ("if", Schema(&IF)), ("then", Schema(&THEN))];
static IF: Grammar = &[("properties", Members(&ONE_OF)), ("required", Plain)];
static ONE_OF: Grammar = &[("enum", Plain)];
static THEN: Grammar = &[("properties", Members(&CHECKS))];
static CHECKS: Grammar = &[
    ("enum", Plain),
    ("format", Plain),
    ("pattern", Plain),
    ("minimum", Plain),
    ("maximum", Plain),
];

/// A kind of record.
static KIND: Grammar = &[
    ("$comment", Plain),
    ("title", Plain),
    ("required", Plain),
    ("properties", Members(&PRESENCE)),
    ("x-segprep-default", Plain),
];
static PRESENCE: Grammar = &[("required", Plain)];

/// Returns the JSON pointer of the first keyword that is not allowed at its place.
///
/// Values of a wrong type are skipped here: reading them fails.
pub(crate) fn first_unknown(file: &Value) -> Option<String> {
    file.as_object().and_then(|schema| unknown_in(schema, DOCUMENT, ""))
}

fn unknown_in(schema: &Map<String, Value>, grammar: Grammar, pointer: &str) -> Option<String> {
    schema.iter().find_map(|(keyword, value)| {
        let here = below(pointer, keyword);
        match grammar.iter().find(|(known, _)| known == keyword) {
            None => Some(here),
            Some((_, operand)) => unknown_in_operand(operand, value, &here),
        }
    })
}

fn unknown_in_operand(operand: &Operand, value: &Value, pointer: &str) -> Option<String> {
    let schema_at = |schema: &Value, grammar: Grammar, pointer: &str| {
        schema.as_object().and_then(|schema| unknown_in(schema, grammar, pointer))
    };
    match operand {
        Plain => None,
        Schema(grammar) => schema_at(value, grammar, pointer),
        Members(grammar) => value.as_object().and_then(|members| {
            let mut members = members.iter();
            members.find_map(|(name, schema)| schema_at(schema, grammar, &below(pointer, name)))
        }),
        Items(grammar) => value.as_array().and_then(|items| {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| schema_at(item, grammar, &below(pointer, &at.to_string())))
        }),
    }
}

/// The JSON pointer (RFC 6901) to a member or an item.
pub(crate) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, unknown: Option<&str>) {
        assert_eq!(first_unknown(schema).as_deref(), unknown);
    }

    #[test]
    fn a_keyword_is_only_allowed_where_it_is_read() {
        check(&json!({"properties": {"minLength": {"type": "string"}}}), None);
        check(&json!({"minLength": 1}), Some("/minLength"));
        check(&json!({"properties": {"A": {"maxLength": 1}}}), Some("/properties/A/maxLength"));
        check(
            &json!({"properties": {"A": {"properties": {"B": {"const": 1}}}}}),
            Some("/properties/A/properties/B/const"),
        );
        check(
            &json!({"properties": {"A": {"additionalProperties": {"items": {"maxLength": 1}}}}}),
            Some("/properties/A/additionalProperties/items/maxLength"),
        );
        check(&json!({"allOf": [{}, {"else": {}}]}), Some("/allOf/1/else"));
        check(
            &json!({"anyOf": [{"properties": {"A": {"type": 1}}}]}),
            Some("/anyOf/0/properties/A/type"),
        );
        check(&json!({"enum": []}), Some("/enum"));
        check(&json!({"properties": {"a/b~": {"x": 1}}}), Some("/properties/a~1b~0/x"));
    }
}
