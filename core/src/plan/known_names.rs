//! The names that accounts and messages may show although they come from the data: the definition, the
//! schema or `schemas/headers.toml` has them.

use std::collections::HashSet;

use crate::decode::ColumnRules;
use crate::definition::Definition;

/// Longer names are in no schema, and are not compared.
const NAME_BYTES_MAX: usize = 256;

/// The names of the definition.
#[derive(Debug, Default)]
pub(super) struct KnownNames(HashSet<String>);

impl KnownNames {
    pub(super) fn new(definition: &Definition) -> KnownNames {
        let input = &definition.input;
        let rules = definition.rules.iter().map(|rule| rule.path.value.as_str());
        let renamed = input.columns.rename.iter().map(|(name, _)| name.value.as_str());
        let renamed_to = input.columns.rename.iter().map(|(_, to)| to.value.as_str());
        let constants = input.columns.constants.iter().map(|(name, _)| name.value.as_str());
        let of_endpoints = input.endpoints.iter().flat_map(|block| {
            let rename = block.rename.iter().flat_map(|(name, to)| [name, to]);
            let constants = block.constants.iter().map(|(name, _)| name);
            [&block.address].into_iter().chain(rename).chain(constants)
        });
        let of_endpoints = of_endpoints.map(|name| name.value.as_str());
        let columns = input.columns.columns.iter().flatten().map(|name| name.value.as_str());
        let ignored = input.ignore.iter().map(|name| name.value.as_str());
        let written = definition.outputs.iter().flat_map(|output| output.columns.iter().flatten());
        let written = written.map(|column| column.name.value.as_str());
        let mut names = HashSet::new();
        for path in rules
            .chain(renamed)
            .chain(renamed_to)
            .chain(constants)
            .chain(of_endpoints)
            .chain(columns)
            .chain(ignored)
            .chain(written)
        {
            names.insert(path.to_owned());
            // The name in a map may have dots, so all that follows a dot may be one.
            let ends = path.match_indices('.').filter_map(|(dot, _)| path.get(dot + 1..));
            names.extend(ends.map(str::to_owned));
        }
        KnownNames(names)
    }

    /// Whether a name in the object with this path (empty for the record) is known.
    pub(super) fn has(&self, within: &str, name: &str, rules: &ColumnRules) -> bool {
        name.len() <= NAME_BYTES_MAX && (self.0.contains(name) || rules.has_name(within, name))
    }
}
