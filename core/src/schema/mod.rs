//! The schema of records: the schema files and a target's limits, compiled to nodes and checks.
//!
//! The files in `schemas/` are the only source: types, enums, formats, classes and roles are in the
//! JSON Schemas, and all numbers in `targets/*.toml`. They are compiled to flat lists, whose
//! indices are the slots of a record's row. This module sees no record.

mod checks;
mod country;
mod date;
mod email;
mod format;
mod keywords;
mod merge;
mod parse;
mod phone;
mod phone_form;
mod profiles;
mod role;
mod rules;
mod tables;
mod target;
mod value;

pub use country::is_assigned_country;
pub use date::{
    DateZone, IsoDate, IsoTime, parse_attribute_date, parse_date, parse_local_time, write_date,
};
pub use format::Format;
pub use merge::merged;
pub use parse::Files;
pub use phone::{
    PhoneRegion, international_digits, is_in_numbering_plan, is_national_number,
    is_written_as_phone, may_have_national_prefix, to_e164,
};
pub use profiles::{ProfileFiles, ProfileLimits, ProfileTarget, StandardFields};
pub use role::{NOT_OPTED_OUT, OPTED_OUT, Role};
pub use tables::{Known, country_of, language, timezone, timezone_ignoring_case};
pub use target::{FieldLimit, FormatLimits, JobLimits, Limits, Target};
pub use value::{SchemaError, SchemaErrorKind};

use regex::Regex;

/// The index of a node, which is also its slot in a record's row.
pub type NodeIx = usize;

/// The endpoint schema, with the user schema inlined, and the limits of one target.
#[derive(Debug)]
pub struct Schema {
    /// All nodes, depth first in the order of the files. Outputs and problems have the same order.
    pub nodes: Vec<Node>,
    /// The nodes that are maps, in order. The indices are those of a batch's maps.
    pub maps: Vec<NodeIx>,
    /// The kinds of record, in the order of the files.
    pub kinds: Vec<RecordKind>,
    /// Checks of one field that apply for some values of another.
    pub conditions: Vec<Condition>,
    /// The node of each role.
    roles: role::Roles,
    pub target: Target,
    /// The files, for the manifest: their names and SHA-256 digests in lower-case hex.
    pub files: Vec<(String, String)>,
}

/// One field, object or map.
#[derive(Debug)]
pub struct Node {
    /// The field path: `User.UserAttributes`.
    pub path: String,
    /// The name in the object that it belongs to: `UserAttributes`.
    pub name: String,
    /// The object that it belongs to; `None` for the record.
    pub parent: Option<NodeIx>,
    pub shape: Shape,
    pub class: Class,
    /// The name of the rule for the node's type: `endpoint.schema.json#/properties/OptOut`.
    pub rule: String,
    /// The checks of its value; for a map, of each of its values.
    pub checks: Vec<Check>,
}

/// The type of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    Text,
    Number,
    /// A map of names to lists of texts.
    Lists,
    /// A map of names to numbers.
    Numbers,
    /// A field that only exports have: it is dropped and counted.
    ExportOnly,
}

/// How a field is treated if no rule of the definition covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Identifies a person: a rule must cover it.
    Identifier,
    /// Describes a person: a rule must cover it.
    Personal,
    /// Is kept by default.
    Technical,
}

/// One check of one value.
#[derive(Debug)]
pub struct Check {
    /// The name of the rule: `endpoint.schema.json#/properties/OptOut/enum`.
    pub rule: String,
    pub test: Test,
}

/// What a value must be.
#[derive(Debug)]
pub enum Test {
    /// One of these texts.
    Enum(Vec<String>),
    Format(Format),
    /// A text that the pattern matches somewhere, as in JSON Schema.
    Pattern(Regex),
    /// A number in this range, including both ends.
    Range {
        min: f64,
        max: f64,
    },
    /// Not `""`, which has the problem `empty` and no other.
    NotEmpty,
}

/// `check` applies to `node` if `on` has one of `values`.
#[derive(Debug)]
pub struct Condition {
    pub on: NodeIx,
    pub values: Vec<String>,
    pub node: NodeIx,
    pub check: Check,
}

/// A kind of record, by the fields that it must and must not have.
#[derive(Debug)]
pub struct RecordKind {
    /// The name in definitions: `endpoint`, `update` or `user`.
    pub name: String,
    pub required: Vec<NodeIx>,
    pub forbidden: Vec<NodeIx>,
    /// Whether it is accepted if the definition names no kinds.
    pub by_default: bool,
    pub rule: String,
}

impl Node {
    /// The words that its value is one of; none if it may be something else.
    pub fn words(&self) -> &[String] {
        let words = self.checks.iter().find_map(|check| match &check.test {
            Test::Enum(words) => Some(words.as_slice()),
            Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => None,
        });
        words.unwrap_or_default()
    }

    /// Whether its value is an instant.
    pub fn is_instant(&self) -> bool {
        let is_date = |check: &Check| matches!(check.test, Test::Format(Format::Date));
        self.shape == Shape::Text && self.checks.iter().any(is_date)
    }
}

impl Schema {
    /// The shipped schema, for the target of that name (`pinpoint`); `None` if there is no such
    /// target.
    pub fn shipped(target: &str) -> Option<Schema> {
        let files = Files::shipped(target)?;
        Some(Schema::compile(&files).expect("the shipped schemas are checked when this is built"))
    }

    /// Compiles schema files.
    ///
    /// # Errors
    ///
    /// If a file is not valid JSON or TOML, has an unknown keyword, or contradicts itself. The
    /// error has the file and the location.
    pub fn compile(files: &Files<'_>) -> Result<Schema, SchemaError> {
        parse::compile(files)
    }

    /// The node with that path (`User.UserId`).
    pub fn node(&self, path: &str) -> Option<NodeIx> {
        self.nodes.iter().position(|node| node.path == path)
    }

    /// The node of the field with that role.
    pub fn role(&self, role: Role) -> NodeIx {
        self.roles.node(role)
    }

    /// The path of the field with that role.
    pub fn role_path(&self, role: Role) -> &str {
        self.nodes.get(self.role(role)).map_or("", |node| node.path.as_str())
    }

    /// Splits a dotted name (`Attributes.Plan`) into the index of the map and the name in it, which
    /// may have dots. Also returns the shape of the map.
    pub fn map_and_name<'a>(&self, dotted: &'a str) -> Option<(usize, &'a str, Shape)> {
        self.maps.iter().enumerate().find_map(|(map, node)| {
            let node = self.nodes.get(*node)?;
            let below = dotted.strip_prefix(node.path.as_str())?.strip_prefix('.')?;
            Some((map, below, node.shape))
        })
    }

    /// Whether a value is one of the words that the schema lists for a field: of an enum, or a code. Only
    /// such values are ever shown.
    pub fn lists_word(&self, node: NodeIx, value: &str) -> bool {
        let checks = self.nodes.get(node).map_or(&[][..], |node| node.checks.as_slice());
        checks.iter().any(|check| match &check.test {
            Test::Enum(words) => words.iter().any(|word| word == value),
            Test::Format(format @ (Format::Country | Format::Locale | Format::Timezone)) => {
                format.check(value.as_bytes(), &self.target.formats)
            }
            Test::Format(Format::Email | Format::Phone | Format::Date)
            | Test::Pattern(_)
            | Test::Range { .. }
            | Test::NotEmpty => false,
        })
    }

    /// The index of a node among the maps; `None` if it is not a map.
    pub fn map_of(&self, node: NodeIx) -> Option<usize> {
        self.maps.iter().position(|map| *map == node)
    }
}
