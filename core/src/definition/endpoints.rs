//! `[[input.endpoint]]`: the endpoints of a CSV row with several addresses.
//!
//! Whether the names are those of fields is checked against the schema, and the blocks against each
//! other (`plan::rules`).

use super::columns::{Pair, read_pairs};
use super::document::{Diagnostics, Item, Origin, Section, Spanned, Value};
use super::vocabulary::InputFormat;

/// The most endpoints of a row: memory is calculated for all of them.
const ENDPOINTS_MAX: usize = 16;

const HELP: &str = "write `[[input.endpoint]]` on a line, and below it `address = \"Email\"` and \
                    `constants = { ChannelType = \"EMAIL\" }`";

/// An `[[input.endpoint]]`.
#[derive(Clone, Debug)]
pub struct EndpointSpec {
    /// Where the block is.
    pub at: Origin,
    /// The column of the address.
    pub address: Spanned<String>,
    /// Fields, and the value that they have in every record of the block.
    pub constants: Vec<Pair>,
    /// Columns that belong to the block, with the fields that they stand for.
    pub rename: Vec<Pair>,
}

impl EndpointSpec {
    /// The columns that belong to the block, that of its address first.
    pub fn columns(&self) -> impl Iterator<Item = &Spanned<String>> + Clone {
        [&self.address].into_iter().chain(self.rename.iter().map(|(from, _)| from))
    }
}

/// Reads the blocks. `format` is the one that the definition sets.
pub(super) fn read(
    input: &mut Section<'_>,
    format: Option<InputFormat>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<EndpointSpec> {
    let records_at = input.entry("records").map(|entry| entry.key_at);
    let Some(entry) = input.entry("endpoint") else { return Vec::new() };
    if format == Some(InputFormat::Json) {
        let message = "`[[input.endpoint]]` is for CSV, but `format` is \"json\"";
        diagnostics.push(entry.key_at, message, "", "remove one of them");
    } else if let Some(at) = records_at {
        let message = "`records` is for JSON, but `[[input.endpoint]]` for CSV";
        diagnostics.push(at, message, "", "remove one of them");
    }
    let Some(items) = entry.item.value.as_list() else {
        let kind = entry.item.value.kind();
        let message = format!("`[input.endpoint]` is {kind}, not a list of tables");
        diagnostics.push(entry.key_at, message, "", HELP);
        return Vec::new();
    };
    if items.is_empty() {
        diagnostics.push(entry.item.at, "`endpoint` is empty", "", HELP);
    }
    if let Some(item) = items.get(ENDPOINTS_MAX) {
        let message = format!("a row can't have more than {ENDPOINTS_MAX} endpoints");
        diagnostics.push(item.at, message, "", "use a second definition for the other ones");
        return Vec::new();
    }
    items.iter().filter_map(|item| read_one(item, diagnostics)).collect()
}

/// Reads a block. `None`: it has no address.
fn read_one(item: &Item, diagnostics: &mut Diagnostics<'_>) -> Option<EndpointSpec> {
    let Value::Table(table) = &item.value else {
        let message = format!("an `[[input.endpoint]]` is {}, not a table", item.value.kind());
        diagnostics.push(item.at, message, "", HELP);
        return None;
    };
    let mut section = Section::new("`[[input.endpoint]]`", table, item.at);
    let help = "name the column with the addresses, such as `address = \"Email\"`";
    let address = section.required_text("address", help, diagnostics);
    let address = address.and_then(|address| {
        // Names in a header are compared without white space around them.
        let name = address.value.trim().to_owned();
        if name.is_empty() {
            diagnostics.push(address.at, "`address` is empty", "", help);
            return None;
        }
        Some(Spanned { value: name, at: address.at })
    });
    let within = "input.endpoint";
    let example = "ChannelType = \"EMAIL\"";
    let constants = read_pairs(&mut section, within, "constants", example, diagnostics);
    let example = "\"Opted out\" = \"OptOut\"";
    let rename = read_pairs(&mut section, within, "rename", example, diagnostics);
    section.finish(diagnostics);
    Some(EndpointSpec { at: item.at, address: address?, constants, rename })
}
