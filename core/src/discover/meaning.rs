//! What the name of a field means: which field of the schema it is, and what its name is evidence for.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::opt_out::OptOutWords;
use crate::decode::{Aliases, Lookalikes, Sense};
use crate::detect::{Detectors, Evidence};
use crate::record::looks_like_a_column;
use crate::schema::{Class, NodeIx, Role, Schema, Shape, Test};

/// How a name was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It is the field's name.
    Name,
    /// Other programs call the field so (`schemas/headers.toml`).
    Alias,
    /// It is nearly the field's name.
    Near,
    /// Its values look like those of the field.
    Values,
}

/// What is known about a field from its name.
#[derive(Clone, Default)]
pub(super) struct Meaning {
    /// The path of the schema's field that it is or most likely is.
    pub(super) field: Option<String>,
    pub(super) by: Option<By>,
    /// The node of that field, unless it is in a map.
    pub(super) node: Option<NodeIx>,
    /// Values of other fields that follow from the name: `ChannelType` is `EMAIL`.
    pub(super) constants: Vec<(String, String)>,
    pub(super) evidence: Evidence,
    /// What a name for the opt-out asks, if it is one.
    pub(super) opt_out: Option<Sense>,
    /// Whether it is called like an object or a map of the schema, which no text can be.
    pub(super) is_object: bool,
    /// Whether it is called like a status, so that words such as `inactive` may say who has opted out.
    pub(super) is_status: bool,
    /// Whether the schema or `schemas/headers.toml` has this name, so that it may be shown whoever
    /// wrote it.
    pub(super) is_known: bool,
}

impl Meaning {
    /// Whether a name may be written: by the rules of messages, that is one near a known name.
    pub(super) fn is_written(&self, name: &str) -> bool {
        // What is in a map has a name of its own.
        let is_near = self.by == Some(By::Near)
            && self.node.is_some()
            && name.split('.').all(looks_like_a_column);
        self.is_known || is_near
    }
}

/// What names are compared with.
pub struct Knowledge {
    pub schema: Arc<Schema>,
    pub detectors: Detectors,
    pub(super) opt_out_words: OptOutWords,
    lookalikes: Lookalikes,
    pub(super) aliases: Aliases,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Knowledge")
    }
}

impl Knowledge {
    pub fn new(schema: Arc<Schema>) -> Knowledge {
        Knowledge {
            detectors: Detectors::shipped().expect("a test compiles the shipped file"),
            lookalikes: Lookalikes::new(&schema),
            aliases: Aliases::shipped(),
            opt_out_words: OptOutWords::shipped(),
            schema,
        }
    }

    /// What a name means: a column's, or the path of a JSON field.
    pub(super) fn meaning(&self, name: &str) -> Meaning {
        let evidence = self.detectors.evidence(self.own_names(name));
        if self.is_field(name) {
            let node = self.schema.node(name);
            return Meaning {
                field: Some(name.to_owned()),
                by: Some(By::Name),
                node,
                evidence,
                is_known: node.is_some() || self.aliases.has_field(name),
                opt_out: self.opt_out(name, Sense::Same),
                ..Meaning::default()
            };
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_status = self.opt_out_words.is_status(last);
        let whole = self.aliases.of(name);
        let is_known = whole.is_some();
        let alias = whole.or_else(|| self.aliases.of(last));
        let sense = alias.map(|alias| alias.sense).unwrap_or_default();
        let (field, by, constants) = if let Some(alias) = alias {
            let constants =
                alias.constants.iter().map(|(name, value)| (name.clone(), value.clone()));
            (alias.field.clone(), By::Alias, constants.collect())
        } else if let Some(field) = self.near(name) {
            (field, By::Near, Vec::new())
        } else {
            let is_object = self.lookalikes.is_field("", name);
            let is_known = is_object || self.opt_out_words.has_status(name);
            return Meaning { evidence, is_object, is_status, is_known, ..Meaning::default() };
        };
        let node = self.schema.node(&field);
        let opt_out = self.opt_out(&field, sense);
        let field = Some(field);
        let is_object = false;
        let by = Some(by);
        Meaning { field, by, node, constants, evidence, opt_out, is_object, is_status, is_known }
    }

    fn opt_out(&self, field: &str, sense: Sense) -> Option<Sense> {
        (field == self.role_path(Role::OptOut)).then_some(sense)
    }

    /// The field that has nearly this name.
    fn near(&self, name: &str) -> Option<String> {
        let alike = self.lookalikes.of("", name);
        let near = || self.lookalikes.nearest(name).map(str::to_owned);
        alike.or_else(near).filter(|field| self.is_field(field))
    }

    /// Whether this is the path of a field that can have a value.
    fn is_field(&self, path: &str) -> bool {
        let node = self.schema.node(path).and_then(|node| self.schema.nodes.get(node));
        let has_value = |shape| matches!(shape, Shape::Text | Shape::Number | Shape::ExportOnly);
        node.is_some_and(|node| has_value(node.shape)) || self.schema.map_and_name(path).is_some()
    }

    /// The path of a field without a name that only the data has: of such a field in a map, the map's path.
    pub(super) fn without_own_name(&self, field: &str) -> String {
        let is_known = self.schema.node(field).is_some() || self.aliases.has_field(field);
        let map = || {
            let (map, _, _) = self.schema.map_and_name(field)?;
            self.schema.nodes.get(*self.schema.maps.get(map)?)
        };
        match map() {
            Some(map) if !is_known => map.path.clone(),
            _ => field.to_owned(),
        }
    }

    /// The name in a map, without the map's path; of any other field the whole path.
    pub(super) fn own_name<'a>(&self, path: &'a str) -> &'a str {
        self.schema.map_and_name(path).map_or(path, |(_, name, _)| name)
    }

    /// The path of the map that a field is in.
    pub(super) fn map_of(&self, field: &str) -> Option<&str> {
        let (map, _, _) = self.schema.map_and_name(field)?;
        Some(self.schema.nodes.get(*self.schema.maps.get(map)?)?.path.as_str())
    }

    /// Whether this is a field that only exports have.
    pub(super) fn is_export_only(&self, path: &str) -> bool {
        let node = self.schema.node(path).and_then(|node| self.schema.nodes.get(node));
        node.is_some_and(|node| node.shape == Shape::ExportOnly)
    }

    /// The names on the way to a value that say what it holds. Those of the schema's own identifiers do
    /// not: `Address` may be anything.
    fn own_names<'a>(&self, path: &'a str) -> Vec<&'a str> {
        if let Some((_, name, _)) = self.schema.map_and_name(path) {
            return vec![name];
        }
        match self.schema.node(path).and_then(|node| self.schema.nodes.get(node)) {
            Some(node) if node.class == Class::Identifier => Vec::new(),
            Some(_) => path.rsplit('.').take(1).collect(),
            None => path.split('.').collect(),
        }
    }

    /// Whether a value is one of the words that the schema lists for a field.
    pub(super) fn is_word(&self, node: Option<NodeIx>, value: &str) -> bool {
        node.is_some_and(|node| self.schema.lists_word(node, value))
    }

    /// Whether a text is a word of an enum of the schema.
    pub(super) fn is_any_word(&self, text: &str) -> bool {
        let mut checks = self.schema.nodes.iter().flat_map(|node| &node.checks);
        checks.any(|check| match &check.test {
            Test::Enum(words) => words.iter().any(|word| word == text),
            Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => false,
        })
    }

    /// Whether a column has the name of a field, or one that other programs give to it.
    pub(super) fn is_column(&self, name: &str) -> bool {
        matches!(self.meaning(name).by, Some(By::Name | By::Alias))
    }

    pub(super) fn class(&self, field: &str) -> Class {
        let node = self.schema.node(field).or_else(|| {
            let (map, _, _) = self.schema.map_and_name(field)?;
            self.schema.maps.get(map).copied()
        });
        let node = node.and_then(|node| self.schema.nodes.get(node));
        node.map_or(Class::Personal, |node| node.class)
    }

    pub(super) fn role_path(&self, role: Role) -> &str {
        self.schema.role_path(role)
    }
}
