//! The columns of the endpoints of a row (`[[input.endpoint]]`).
//!
//! Each block of the definition gives a record of its own. A column that a block names, as its address
//! or to rename it, belongs to the records of that block alone; all others are shared. So one header
//! has a list of columns for each block. `decode/csv/row/endpoints.rs` makes the records.

use std::borrow::Cow;

use super::{ColumnRules, Columns, HeaderError, rename_of, renamed_by};
use crate::schema::Role;

/// What the definition says about one endpoint of a row.
#[derive(Clone, Debug, Default)]
pub struct EndpointSettings {
    /// The column of the address.
    pub address: String,
    /// Its columns, each with the name to use instead. The first is that of the address.
    pub rename: Vec<(String, String)>,
    /// Fields with the value that they have in every such record.
    pub constants: Vec<(String, String)>,
}

/// The columns of the records of one block, or of all records.
pub(super) struct ColumnsOfRecord<'a> {
    pub(super) address: Option<usize>,
    pub(super) names: Vec<NamedColumn<'a>>,
}

/// A column with the name that it has in a record.
pub(super) struct NamedColumn<'a> {
    /// Its position. Constants follow the last column of the file.
    pub(super) column: usize,
    pub(super) name: Cow<'a, str>,
    /// Whether it belongs to one endpoint alone.
    pub(super) is_own: bool,
}

impl ColumnRules {
    /// The index of the endpoint that a column belongs to. `None`: all of them.
    pub fn endpoint_of(&self, name: &str) -> Option<usize> {
        let endpoints = self.settings.endpoints.iter().enumerate();
        let mut found = endpoints.filter_map(|(number, endpoint)| {
            let from = &endpoint.rename.get(rename_of(&endpoint.rename, name)?)?.0;
            Some((number, from == name, from.len()))
        });
        // The most specific name wins.
        let first = found.next()?;
        let rank = |(_, is_exact, len): &(usize, bool, usize)| (*is_exact, *len);
        Some(found.fold(first, |best, one| if rank(&best) < rank(&one) { one } else { best }).0)
    }

    /// The constants of all records and then those of each endpoint, in the order of their columns.
    pub(super) fn constants(&self) -> impl Iterator<Item = &(String, String)> {
        let own = self.settings.endpoints.iter().flat_map(|endpoint| &endpoint.constants);
        self.settings.constants.iter().chain(own)
    }

    /// Fails if a column is missing that an endpoint names.
    pub(super) fn check_endpoint_columns(&self, names: &[String]) -> Result<(), HeaderError> {
        let endpoints = (1..).zip(&self.settings.endpoints);
        let of_blocks = endpoints.flat_map(|(number, endpoint): (usize, _)| {
            endpoint.rename.iter().map(move |(from, _)| (number, from))
        });
        let has = |from: &String| {
            let rename = [(from.clone(), String::new())];
            names.iter().any(|name| rename_of(&rename, name).is_some())
        };
        let missing = of_blocks.filter(|(_, from)| !has(from));
        let mut places: Vec<String> = missing
            .map(|(number, from)| {
                let near = names.iter().position(|name| name.to_lowercase() == from.to_lowercase());
                let near = near.map(|column| format!("; column {} differs in case", column + 1));
                let near = near.unwrap_or_default();
                format!("no column is called `{from}`, as `[[input.endpoint]]` {number} says{near}")
            })
            .collect();
        let message = match places.as_mut_slice() {
            [] => return Ok(()),
            [only] => std::mem::take(only),
            several => format!("{} columns of `[[input.endpoint]]` are missing", several.len()),
        };
        places.retain(|place| !place.is_empty());
        let hint = "name the columns as the header does, or use another definition for this file";
        Err(HeaderError { places, ..HeaderError::new(message, hint) })
    }

    /// Fails if the records of a row have the same id: an import would write one over the other.
    pub(super) fn check_shared_id(&self, columns: &Columns) -> Result<(), HeaderError> {
        if self.settings.drops_id {
            return Ok(());
        }
        let id = self.schema.role(Role::Id);
        let ids = columns.records.iter().flat_map(|record| &record.fields);
        let mut ids: Vec<usize> =
            ids.filter(|field| field.node == id).map(|field| field.column).collect();
        ids.sort_unstable();
        let Some([column, _]) = ids.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) else {
            return Ok(());
        };
        let (path, user) = (self.schema.role_path(Role::Id), self.schema.role_path(Role::UserId));
        let message = format!(
            "column {} gives all endpoints of a row the same `{path}`, so they would overwrite each \
             other",
            column + 1
        );
        let hint = format!(
            "if it stands for the person, write `\"{path}\" = \"{user}\"` under `[input.rename]`; \
             if it is not needed, write `\"{path}\" = \"drop\"` under `[fields]`"
        );
        Err(HeaderError::new(message, hint))
    }

    /// The columns of each kind of record, constants included.
    pub(super) fn columns_of_records<'a>(
        &'a self,
        names: &'a [String],
        shared: &'a [Cow<'a, str>],
    ) -> Vec<ColumnsOfRecord<'a>> {
        let endpoints = &self.settings.endpoints;
        if endpoints.is_empty() {
            return vec![ColumnsOfRecord { address: None, names: self.shared(shared, |_| true) }];
        }
        let owners: Vec<Option<usize>> = names.iter().map(|name| self.endpoint_of(name)).collect();
        let is_shared = |column: usize| owners.get(column).is_none_or(Option::is_none);
        let mut constant = names.len() + self.settings.constants.len();
        let mut records = Vec::new();
        for (number, endpoint) in endpoints.iter().enumerate() {
            let mut all = self.shared(shared, is_shared);
            let own = names.iter().zip(&owners).enumerate();
            let own = own.filter(|(_, (_, owner))| **owner == Some(number));
            all.extend(own.filter_map(|(column, (name, _))| {
                let name = renamed_by(&endpoint.rename, name)?;
                Some(NamedColumn { column, name, is_own: true })
            }));
            for (field, _) in &endpoint.constants {
                all.push(NamedColumn { column: constant, name: field.into(), is_own: true });
                constant += 1;
            }
            all.sort_by_key(|named| named.column);
            let address = names.iter().position(|name| *name == endpoint.address);
            records.push(ColumnsOfRecord { address, names: all });
        }
        records
    }

    /// The columns that all records share, among those with these names, and the shared constants.
    fn shared<'a>(
        &'a self,
        names: &'a [Cow<'a, str>],
        is_shared: impl Fn(usize) -> bool,
    ) -> Vec<NamedColumn<'a>> {
        let constants = self.settings.constants.iter().map(|(field, _)| field.as_str());
        let names = names.iter().map(|name| &**name).chain(constants).enumerate();
        let names = names.filter(|(column, _)| is_shared(*column));
        names
            .map(|(column, name)| NamedColumn { column, name: name.into(), is_own: false })
            .collect()
    }
}
