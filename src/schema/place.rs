//! A value in a schema file that knows where it stands, so that every rule and every error can say so.

use serde_json::{Map, Value};
use thiserror::Error;

use super::keywords;

/// A schema file or a target that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{place}`: {fault}")]
pub struct SchemaError {
    /// File and place in it: `endpoint.schema.json#/properties/OptOut`, `pinpoint.toml#limits`.
    pub place: String,
    pub fault: SchemaFault,
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaFault {
    #[error("{0}")]
    Syntax(String),
    #[error("no keyword that is read here")]
    UnknownKeyword,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("no field `{0}` is known")]
    NoField(String),
    #[error("`{0}` is not in the field's `enum`")]
    NotInEnum(String),
    #[error("no field has the role `{0}`")]
    NoRole(&'static str),
    #[error("another field already has the role `{0}`")]
    RoleTwice(&'static str),
    #[error("not a pattern that can be read: {0}")]
    Pattern(String),
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A value of a schema file, with the file's name and the JSON pointer to it.
#[derive(Clone)]
pub(super) struct SchemaPlace<'a> {
    file: &'static str,
    pointer: String,
    value: &'a Value,
}

impl<'a> SchemaPlace<'a> {
    /// The whole of a file.
    pub(super) fn of_file(file: &'static str, value: &'a Value) -> Self {
        SchemaPlace { file, pointer: String::new(), value }
    }

    /// The name of the rule that stands here: `endpoint.schema.json#/properties/OptOut/enum`.
    pub(super) fn rule(&self) -> String {
        format!("{}#{}", self.file, self.pointer)
    }

    pub(super) fn fault(&self, fault: SchemaFault) -> SchemaError {
        SchemaError { place: self.rule(), fault }
    }

    fn expected(&self, what: &'static str) -> SchemaError {
        self.fault(SchemaFault::Expected(what))
    }

    fn below(&self, name: &str, value: &'a Value) -> SchemaPlace<'a> {
        SchemaPlace { file: self.file, pointer: keywords::below(&self.pointer, name), value }
    }

    /// The member of that name, if this is an object that has it.
    pub(super) fn get(&self, name: &str) -> Option<SchemaPlace<'a>> {
        self.value.get(name).map(|value| self.below(name, value))
    }

    pub(super) fn need(&self, name: &'static str) -> Result<SchemaPlace<'a>, SchemaError> {
        self.get(name).ok_or_else(|| self.fault(SchemaFault::Missing(name)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    pub(super) fn members(
        &self,
    ) -> Result<impl Iterator<Item = (&'a str, SchemaPlace<'a>)>, SchemaError> {
        let members: &'a Map<String, Value> =
            self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        Ok(members.iter().map(|(name, value)| (name.as_str(), self.below(name, value))))
    }

    pub(super) fn items(&self) -> Result<impl Iterator<Item = SchemaPlace<'a>>, SchemaError> {
        let items = self.value.as_array().ok_or_else(|| self.expected("a list"))?;
        let items = items.iter().enumerate();
        Ok(items.map(|(at, value)| self.below(&at.to_string(), value)))
    }

    pub(super) fn text(&self) -> Result<&'a str, SchemaError> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    /// A list of texts that is not empty.
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

    /// A member that says `true` or is left out.
    pub(super) fn is_marked(&self, name: &str) -> Result<bool, SchemaError> {
        self.get(name).map_or(Ok(false), |mark| mark.flag())
    }
}
