//! What a record may hold: the schema files and a target's numbers, compiled to nodes and checks.
//!
//! The files in `schemas/` are the only source: shapes, types, enums, formats and classes stand
//! in the JSON Schemas, every number in `targets/*.toml`. This module reads them into flat
//! lists, whose places are the slots of a record's row. It sees no record.

mod checks;
mod country;
mod date;
mod format;
mod keywords;
mod merge;
mod parse;
mod phone;
mod place;
mod role;
mod rules;
mod tables;
mod target;

pub use country::is_assigned_country;
pub use date::{DateParts, TimeParts, parse_date};
pub use format::Format;
pub use merge::merged;
pub use parse::Files;
pub use phone::{PhoneRegion, is_in_numbering_plan, to_e164};
pub use place::{SchemaError, SchemaFault};
pub use role::Role;
pub use tables::{Known, country_of, language, timezone, timezone_of_any_case};
pub use target::{FieldLimit, FormatLimits, JobLimits, Limits, Target};

use regex::Regex;

/// A node's number: its slot in a record's row.
pub type NodeIx = usize;

/// The endpoint schema, with the user schema in its place, and one target's numbers.
#[derive(Debug)]
pub struct Schema {
    /// All nodes, depth first in the files' order, which is the order of output and of problems.
    pub nodes: Vec<Node>,
    /// The nodes that are maps, in order; a map's place here is its place in a batch's maps.
    pub maps: Vec<NodeIx>,
    /// The kinds of record there are, in the files' order.
    pub kinds: Vec<RecordKind>,
    /// Checks of one field that hold for some values of another.
    pub conditions: Vec<Condition>,
    /// The node of each role.
    roles: role::Roles,
    pub target: Target,
    /// The files read, for the manifest: name and SHA-256 in lower hex.
    pub files: Vec<(String, String)>,
}

/// One field, object or map.
#[derive(Debug)]
pub struct Node {
    /// As rules and rejects name it: `User.UserAttributes`.
    pub path: String,
    /// As it stands in its object: `UserAttributes`.
    pub name: String,
    /// The object it stands in; none for the record's own.
    pub parent: Option<NodeIx>,
    pub shape: Shape,
    pub class: Class,
    /// The rule for the node's type, such as `endpoint.schema.json#/properties/OptOut`.
    pub rule: String,
    /// Checks of its value, or for a map of lists, of each of its values.
    pub checks: Vec<Check>,
}

/// What may stand in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    Text,
    Number,
    /// Names, each with a list of texts.
    Lists,
    /// Names, each with a number.
    Numbers,
    /// Only exports carry it: dropped and counted.
    ExportOnly,
}

/// How a field is treated where no rule of the definition names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A rule must cover it.
    Identifier,
    /// A rule must cover it.
    Personal,
    /// Kept.
    Technical,
}

/// One check of one value.
#[derive(Debug)]
pub struct Check {
    /// `endpoint.schema.json#/properties/OptOut/enum`.
    pub rule: String,
    pub test: Test,
}

#[derive(Debug)]
pub enum Test {
    Enum(Vec<String>),
    Format(Format),
    /// The pattern matches somewhere in the value, as JSON Schema has it.
    Pattern(Regex),
    /// Of a number: at least, at most.
    Range {
        min: f64,
        max: f64,
    },
    /// `""` is refused with the code `empty`, and then nothing else is checked.
    NotEmpty,
}

/// `test` holds for `node` where `on` has one of `values`.
#[derive(Debug)]
pub struct Condition {
    pub on: NodeIx,
    pub values: Vec<String>,
    pub node: NodeIx,
    pub check: Check,
}

/// One way to be a record: these fields, and not those.
#[derive(Debug)]
pub struct RecordKind {
    /// `endpoint`, `update` or `user`.
    pub name: String,
    pub required: Vec<NodeIx>,
    pub forbidden: Vec<NodeIx>,
    /// Whether it is taken where the definition does not name kinds.
    pub by_default: bool,
    pub rule: String,
}

impl Node {
    /// Whether its value is an instant in time.
    pub fn is_instant(&self) -> bool {
        let is_date = |check: &Check| matches!(check.test, Test::Format(Format::Date));
        self.shape == Shape::Text && self.checks.iter().any(is_date)
    }
}

impl Schema {
    /// The schema that stands in this program, for the target of that name (`pinpoint`).
    ///
    /// None where there is no such target.
    pub fn shipped(target: &str) -> Option<Schema> {
        let files = Files::shipped(target)?;
        Some(Schema::compile(&files).expect("the shipped schemas are checked when this is built"))
    }

    /// Compiles the text of the files.
    ///
    /// # Errors
    ///
    /// Where a file is no JSON or TOML, holds a keyword outside the fixed set, or is in
    /// contradiction with itself; the error names file and place.
    pub fn compile(files: &Files<'_>) -> Result<Schema, SchemaError> {
        parse::compile(files)
    }

    /// The node of that path (`User.UserId`).
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

    /// The map that a dotted name stands in, by its place among the maps; the name below it as it
    /// stands, dots included; and what stands under such names.
    pub fn map_and_name<'a>(&self, dotted: &'a str) -> Option<(usize, &'a str, Shape)> {
        self.maps.iter().enumerate().find_map(|(map, node)| {
            let node = self.nodes.get(*node)?;
            let below = dotted.strip_prefix(node.path.as_str())?.strip_prefix('.')?;
            Some((map, below, node.shape))
        })
    }

    /// The place of a map among the maps.
    pub fn map_of(&self, node: NodeIx) -> Option<usize> {
        self.maps.iter().position(|map| *map == node)
    }
}
