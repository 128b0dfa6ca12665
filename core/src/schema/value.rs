//! Values in a schema file with their locations, which name the rules and are shown in errors.

use serde_json::{Map, Value};
use thiserror::Error;

use super::keywords;

/// A schema file or a target that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{location}`: {kind}")]
pub struct SchemaError {
    /// The file and the location in it: `endpoint.schema.json#/properties/OptOut`,
    /// `pinpoint.toml#limits`.
    pub location: String,
    pub kind: SchemaErrorKind,
}

/// What is wrong at a location.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaErrorKind {
    #[error("{0}")]
    Syntax(String),
    #[error("unknown keyword")]
    UnknownKeyword,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("unknown field `{0}`")]
    NoField(String),
    #[error("`{0}` is not in the field's `enum`")]
    NotInEnum(String),
    #[error("no field has the role `{0}`")]
    NoRole(&'static str),
    #[error("another field already has the role `{0}`")]
    RoleTwice(&'static str),
    #[error("not a valid pattern: {0}")]
    Pattern(String),
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A value in a schema file, with the file's name and the JSON pointer to the value.
#[derive(Clone)]
pub(super) struct SchemaValue<'a> {
    file: &'static str,
    pointer: String,
    value: &'a Value,
}

impl<'a> SchemaValue<'a> {
    /// The root of a file.
    pub(super) fn of_file(file: &'static str, value: &'a Value) -> Self {
        SchemaValue { file, pointer: String::new(), value }
    }

    /// The name of the rule at this location: `endpoint.schema.json#/properties/OptOut/enum`.
    pub(super) fn rule(&self) -> String {
        format!("{}#{}", self.file, self.pointer)
    }

    pub(super) fn error(&self, kind: SchemaErrorKind) -> SchemaError {
        SchemaError { location: self.rule(), kind }
    }

    fn expected(&self, what: &'static str) -> SchemaError {
        self.error(SchemaErrorKind::Expected(what))
    }

    fn below(&self, name: &str, value: &'a Value) -> SchemaValue<'a> {
        SchemaValue { file: self.file, pointer: keywords::below(&self.pointer, name), value }
    }

    /// The member of that name; `None` if this is not an object or has no such member.
    pub(super) fn get(&self, name: &str) -> Option<SchemaValue<'a>> {
        self.value.get(name).map(|value| self.below(name, value))
    }

    /// The member of that name, or an error.
    pub(super) fn need(&self, name: &'static str) -> Result<SchemaValue<'a>, SchemaError> {
        self.get(name).ok_or_else(|| self.error(SchemaErrorKind::Missing(name)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    pub(super) fn members(
        &self,
    ) -> Result<impl Iterator<Item = (&'a str, SchemaValue<'a>)>, SchemaError> {
        let members: &'a Map<String, Value> =
            self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        Ok(members.iter().map(|(name, value)| (name.as_str(), self.below(name, value))))
    }

    pub(super) fn items(&self) -> Result<impl Iterator<Item = SchemaValue<'a>>, SchemaError> {
        let items = self.value.as_array().ok_or_else(|| self.expected("a list"))?;
        let items = items.iter().enumerate();
        Ok(items.map(|(at, value)| self.below(&at.to_string(), value)))
    }

    pub(super) fn text(&self) -> Result<&'a str, SchemaError> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    /// The items of a list of texts, which must not be empty.
    pub(super) fn texts(&self) -> Result<Vec<String>, SchemaError> {
        let texts: Vec<String> =
            self.items()?.map(|item| item.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        if texts.is_empty() { Err(self.expected("at least one text")) } else { Ok(texts) }
    }

    pub(super) fn number(&self) -> Result<f64, SchemaError> {
        self.value.as_f64().ok_or_else(|| self.expected("a number"))
    }

    pub(super) fn flag(&self) -> Result<bool, SchemaError> {
        self.value.as_bool().ok_or_else(|| self.expected("`true` or `false`"))
    }

    /// The value of an optional flag, which is false by default.
    pub(super) fn is_marked(&self, name: &str) -> Result<bool, SchemaError> {
        self.get(name).map_or(Ok(false), |mark| mark.flag())
    }
}
