//! Which field a name of the input became. The decoders decide it (`decode/layout.rs`, `decode/csv/columns`); this
//! finds out the same for one record, so that what came in can be shown beside what became of it.

use crate::decode::{Aliases, Lookalikes};
use crate::pipeline::path_of_name;
use crate::plan::Plan;
use crate::record::{FieldPath, join};
use crate::schema::{NodeIx, Shape};

/// What knows names.
pub(super) struct Meanings<'a> {
    pub(super) plan: &'a Plan,
    pub(super) lookalikes: &'a Lookalikes,
    pub(super) aliases: Aliases,
}

const RENAME: &str = "input.rename";

/// What a name of the input means.
pub(super) struct Meaning {
    /// The path of the field, whether or not it may be shown.
    pub(super) path: String,
    pub(super) kind: MeaningKind,
    /// The setting by which the name means it.
    pub(super) via: Option<&'static str>,
    /// How many of the names on the way to the value are those of the field.
    pub(super) names: usize,
}

pub(super) enum MeaningKind {
    /// A field, object or map of the schema.
    Node(NodeIx),
    /// A name in a map, given the map's index in the schema.
    Name { map: usize, name: String },
    /// A field that only exports have.
    ExportOnly,
    /// None of the schema, in the object with the path `within`.
    Unknown { within: String, name: String, is_ignored: bool },
}

impl Meanings<'_> {
    /// What the names on the way to a value in JSON mean. There is at least one.
    pub(super) fn of_path(&self, names: &[&str]) -> Meaning {
        let renamed = self.renamed_by(&self.plan.input.column_settings.rename, names, RENAME);
        renamed.unwrap_or_else(|| self.of_own_path(names))
    }

    /// Whether a column has values of a record, and not only of others of its row. `endpoint`: the number of the
    /// `[[input.endpoint]]` that gave the record, from 0.
    pub(super) fn is_of_record(&self, column: &str, endpoint: Option<usize>) -> bool {
        let has_endpoints = !self.plan.input.column_settings.endpoints.is_empty();
        let own = || self.plan.column_rules.endpoint_of(column);
        !has_endpoints || endpoint.is_none() || own().is_none_or(|own| Some(own) == endpoint)
    }

    /// What the name of a column means. `is_header`: whether it is from a header, where names are renamed.
    pub(super) fn of_column(
        &self,
        name: &str,
        is_header: bool,
        endpoint: Option<usize>,
    ) -> Meaning {
        let settings = &self.plan.input.column_settings;
        let own = endpoint.and_then(|endpoint| settings.endpoints.get(endpoint));
        let own = own.and_then(|own| self.renamed_by(&own.rename, &[name], "input.endpoint"));
        if let Some(own) = own {
            return own;
        }
        let renamed = || self.renamed_by(&settings.rename, &[name], RENAME);
        if let Some(renamed) = is_header.then(renamed).flatten() {
            return renamed;
        }
        self.field(name, 1)
            .filter(|_| !self.is_ignored(name))
            .or_else(|| self.respelled("", &[name], 0))
            .unwrap_or_else(|| self.unknown("", name, 1))
    }

    /// The field that renaming makes of the names.
    fn renamed_by(
        &self,
        rename: &[(String, String)],
        names: &[&str],
        via: &'static str,
    ) -> Option<Meaning> {
        if rename.is_empty() {
            return None;
        }
        let field = |path: &str, len| Some(Meaning { via: Some(via), ..self.field(path, len)? });
        let path = |len: usize| names.get(..len).unwrap_or(&[]).join(".");
        let exact = (1..=names.len()).rev().find_map(|len| {
            let own = path(len);
            let (_, to) = rename.iter().find(|(from, _)| *from == own)?;
            field(to, len)
        });
        exact.or_else(|| {
            (1..=names.len()).find_map(|len| {
                let own = path(len);
                let below = |(from, to): &(String, String)| {
                    let (start, to) = (from.strip_suffix('*')?, to.strip_suffix('*')?);
                    let rest = own.strip_prefix(start).filter(|rest| !rest.is_empty())?;
                    Some((start.len(), format!("{to}{rest}")))
                };
                let longest = rename.iter().filter_map(below).max_by_key(|(len, _)| *len);
                field(&longest?.1, len)
            })
        })
    }

    /// What names mean that are not renamed.
    pub(super) fn of_own_path(&self, names: &[&str]) -> Meaning {
        let mut within = String::new();
        for (before, name) in names.iter().enumerate() {
            let path = join(&within, name);
            if self.is_ignored(&path) {
                return self.unknown(&within, name, before + 1);
            }
            let node = self.plan.schema.node(&path);
            let node = node.and_then(|node| Some((node, self.plan.schema.nodes.get(node)?.shape)));
            match node {
                Some((_, Shape::Object)) if before + 1 < names.len() => within = path,
                Some((_, Shape::Lists | Shape::Numbers)) if before + 1 < names.len() => {
                    let name = names.get(before + 1).copied().unwrap_or_default();
                    let path = join(&path, name);
                    return self
                        .field(&path, before + 2)
                        .unwrap_or_else(|| self.unknown(&within, name, before + 2));
                }
                Some((node, Shape::Object | Shape::Lists | Shape::Numbers)) => {
                    let kind = MeaningKind::Node(node);
                    return Meaning { path, kind, via: None, names: before + 1 };
                }
                Some((_, Shape::Text | Shape::Number | Shape::ExportOnly)) => {
                    return self
                        .field(&path, before + 1)
                        .unwrap_or_else(|| self.unknown(&within, name, before + 1));
                }
                None if self.leads_to_a_renamed_name(&path) && before + 1 < names.len() => {
                    within = path;
                }
                None => {
                    let respelled = self.respelled(&within, names, before);
                    return respelled.unwrap_or_else(|| self.unknown(&within, name, before + 1));
                }
            }
        }
        self.unknown("", "", names.len())
    }

    /// Whether this is an object of the input that renamed paths lead through.
    fn leads_to_a_renamed_name(&self, path: &str) -> bool {
        self.plan.containers.iter().any(|container| container == path)
    }

    /// The field of the schema with this path, of which there are `names` names.
    fn field(&self, path: &str, names: usize) -> Option<Meaning> {
        let schema = &self.plan.schema;
        let kind = if let Some((map, name, _)) = schema.map_and_name(path) {
            MeaningKind::Name { map, name: name.to_owned() }
        } else {
            let node = schema.node(path)?;
            match schema.nodes.get(node)?.shape {
                Shape::Text | Shape::Number => MeaningKind::Node(node),
                Shape::ExportOnly => MeaningKind::ExportOnly,
                Shape::Object | Shape::Lists | Shape::Numbers => return None,
            }
        };
        Some(Meaning { path: path.to_owned(), kind, via: None, names })
    }

    /// The field of which names are another spelling, if such names are repaired.
    fn respelled(&self, within: &str, names: &[&str], before: usize) -> Option<Meaning> {
        if !self.plan.input.column_settings.repair_names {
            return None;
        }
        (before + 1..=names.len()).rev().find_map(|len| {
            let own = names.get(before..len)?.join(".");
            let path = self.lookalikes.field(within, &own)?;
            Some(Meaning { via: Some("repair.names"), ..self.field(&path, len)? })
        })
    }

    fn unknown(&self, within: &str, name: &str, names: usize) -> Meaning {
        let path = join(within, name);
        let is_ignored = self.is_ignored(&path);
        let (within, name) = (within.to_owned(), name.to_owned());
        Meaning { path, kind: MeaningKind::Unknown { within, name, is_ignored }, via: None, names }
    }

    fn is_ignored(&self, path: &str) -> bool {
        self.plan.input.column_settings.ignore.iter().any(|ignored| ignored == path)
    }

    /// The path of a field as it may be shown.
    pub(super) fn shown(&self, meaning: &Meaning, header_is_shown: Option<bool>) -> FieldPath {
        match &meaning.kind {
            MeaningKind::Node(_) | MeaningKind::ExportOnly => {
                FieldPath::known(meaning.path.clone())
            }
            MeaningKind::Name { map, name } => {
                let map = self.plan.schema.maps.get(*map);
                let map = map.and_then(|map| self.plan.schema.nodes.get(*map));
                let within = map.map_or("", |map| map.path.as_str());
                path_of_name(self.plan, within, name, header_is_shown)
            }
            MeaningKind::Unknown { within, name, .. } => {
                path_of_name(self.plan, within, name, header_is_shown)
            }
        }
    }

    /// What is to be known about an unknown field.
    pub(super) fn note(&self, within: &str, name: &str) -> String {
        if let Some(field) = self.lookalikes.of(within, name) {
            return format!("resembles {field}");
        }
        let alias = self.aliases.of(name).filter(|_| within.is_empty());
        alias.map_or_else(String::new, |alias| format!("{} elsewhere: rename it?", alias.field))
    }
}
