//! Where the records of a JSON text are, if its values are replies of an API with the records inside of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::meaning::{By, Knowledge};
use crate::schema::Class;

/// Replies hold their records no deeper.
const DEPTH_MAX: usize = 4;

/// The path to the records inside of the first value of a text, which may be cut anywhere: the names on it are of
/// `wrappers` in `schemas/headers.toml`, and it ends at a list of objects, or at an object with fields of the schema.
/// `None`: the value is a record itself, or nobody knows.
pub fn wrapped_in(text: &str, knowledge: &Knowledge) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let probe = Probe { knowledge, path: &mut path, depth: 0, is_item: false };
    // Where the probe has found something, or the text is cut, it ends with an error.
    let value = probe.deserialize(&mut serde_json::Deserializer::from_str(text));
    let is_found = value.is_err_and(|error| error.to_string().starts_with(FOUND));
    is_found.then_some(path)
}

/// The error that ends the reading.
const FOUND: &str = "the records are here";
const NOT_WRAPPED: &str = "it is a record";

/// Looks into a value.
struct Probe<'p> {
    knowledge: &'p Knowledge,
    /// The names on the way to it.
    path: &'p mut Vec<String>,
    depth: usize,
    /// Whether it is the first item of a list, and a record if it is an object.
    is_item: bool,
}

impl Probe<'_> {
    fn inside(&mut self, is_item: bool) -> Probe<'_> {
        let Probe { knowledge, path, depth, .. } = self;
        Probe { knowledge, path, depth: *depth + 1, is_item }
    }
}

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<(), M::Error> {
        if self.is_item {
            return Err(de::Error::custom(FOUND));
        }
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if self.knowledge.is_of_record(&name) {
                let what = if self.depth == 0 { NOT_WRAPPED } else { FOUND };
                return Err(de::Error::custom(what));
            }
            if self.depth < DEPTH_MAX && self.knowledge.is_wrapper(&name) {
                self.path.push(name.into_owned());
                map.next_value_seed(self.inside(false))?;
                self.path.pop();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut items: S) -> Result<(), S::Error> {
        if 0 < self.depth && !self.is_item {
            items.next_element_seed(self.inside(true))?;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Knowledge {
    /// Whether a name is one under which APIs return records.
    fn is_wrapper(&self, name: &str) -> bool {
        self.aliases.is_wrapper(name)
    }

    /// Whether only a record has a member of this name: an identifier or an object of the schema, or an opt-out, which a
    /// run does not leave beside records.
    fn is_of_record(&self, name: &str) -> bool {
        let meaning = self.meaning(name);
        let is_identifier = |field: &str| self.class(field) == Class::Identifier;
        let is_named = meaning.by == Some(By::Name);
        meaning.opt_out.is_some()
            || is_named && meaning.field.as_deref().is_some_and(is_identifier)
            || self.schema.nodes.iter().any(|node| {
                let rest = node.path.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with('.'))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::schema::Schema;

    #[test]
    fn the_records_of_a_reply_are_found() {
        let knowledge = Knowledge::new(Arc::new(Schema::shipped("pinpoint").expect("shipped")));
        for (text, expected) in [
            (r#"{"EndpointsResponse":{"Item":[{"Address":"x"}"#, "EndpointsResponse.Item"),
            (r#"{"EndpointResponse":{"ApplicationId":"x","Address":"y"}}"#, "EndpointResponse"),
            (r#"{"Item":[{"Id":"a"}]}"#, "Item"),
            (r#"{"list_id":"7","members":[{"email_address":"x"}],"total_items":1}"#, "members"),
            (r#"{"totalSize":2,"done":true,"records":[{"attributes":{"#, "records"),
            (r#"{"data":{"customers":{"edges":[{"node":{"#, "data.customers.edges"),
            (r#"{"paging":{"next":1},"results":[{"id":"1","properties":{"#, "results"),
            (r#"{"data":[],"contacts":[{"email":"x"}]}"#, "contacts"),
            // Records themselves.
            (r#"{"Address":"x","Item":[{"a":1}]}"#, ""),
            (r#"{"User":{"UserId":"x"},"Item":[{"a":1}]}"#, ""),
            (r#"{"email":"x","tags":[{"name":"y"}]}"#, ""),
            (r#"{"user":{"email":"x"}}"#, ""),
            (r#"{"unsubscribed":true,"contacts":[{"email":"x"}]}"#, ""),
            // Nothing is in it that is an object, or its name may be that of a person.
            (r#"{"Item":["a",{"b":1}]}"#, ""),
            (r#"{"Item":[]}"#, ""),
            (r#"{"Ada":[{"Address":"x"}]}"#, ""),
            (r#"{"Item":"#, ""),
            (r#"[{"Item":[{}]}]"#, ""),
            ("", ""),
            ("7", ""),
            (r#"{"Item" [{}]}"#, ""),
        ] {
            let found = wrapped_in(text, &knowledge).map(|path| path.join("."));
            assert_eq!(found.as_deref().unwrap_or_default(), expected, "{text}");
        }
    }
}
