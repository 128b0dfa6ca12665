//! What a CSV output's `columns` may name: fields of the schema, each once, as a header can hold
//! them.

use std::collections::HashMap;

use super::pattern::Pattern;
use crate::definition::document::section::{escape, quoted};
use crate::definition::document::source::{Diagnostics, Origin};
use crate::definition::{Column, Definition, InputFormat};
use crate::schema::{Schema, Shape};

pub(crate) fn check(definition: &Definition, schema: &Schema, faults: &mut Diagnostics<'_>) {
    for output in definition.outputs.iter().filter(|output| output.format.is_csv()) {
        match &output.columns {
            Some(columns) => check_columns(columns, schema, faults),
            None if definition.input.format == Some(InputFormat::Json) => {
                let what = "JSON has no header that the columns could be taken from";
                let help = "name them: `columns = [\"Address\", …]` in this output";
                faults.push(output.format_at, what, "", help);
            }
            None => {}
        }
    }
}

fn check_columns(columns: &[Column], schema: &Schema, faults: &mut Diagnostics<'_>) {
    let mut seen: HashMap<&str, Origin> = HashMap::new();
    for column in columns {
        let name = column.name.value.as_str();
        let fault = fault_of(name, column.repeat, schema);
        if let Some((what, help)) = fault {
            faults.push(column.name.at, what, "", help);
        } else if let Some(first) = seen.get(name) {
            let what = format!("two columns are {}", quoted(name));
            let first = faults.describe_place(*first);
            let help = format!(
                "the other is at {first}; several values of an attribute are \
                 `{{ name = \"…\", repeat = 2 }}`"
            );
            faults.push(column.name.at, what, "", help);
        }
        seen.entry(name).or_insert(column.name.at);
    }
}

fn fault_of(name: &str, repeat: usize, schema: &Schema) -> Option<(String, String)> {
    if name.contains(['\t', '\n', '\r']) || name.trim() != name {
        let what = format!("a header can't hold {}", quoted(name));
        let help = "a column's name has no tab or line break, and no white space around it";
        return Some((what, help.to_owned()));
    }
    let pattern = match Pattern::of(name, schema) {
        Ok(pattern) => pattern,
        Err(fault) => return Some(fault),
    };
    let repeats = match pattern {
        Pattern::Prefix(_) => {
            let what = format!("a column is one field, and {} is many", quoted(name));
            return Some((what, "name each".to_owned()));
        }
        Pattern::Node(_) => false,
        Pattern::Name { .. } => {
            schema.map_and_name(name).is_some_and(|(_, _, shape)| shape == Shape::Lists)
        }
    };
    (1 < repeat && !repeats).then(|| {
        let what = format!("`{}` has one value, and can't repeat", escape(name));
        (what, "only names of `Attributes.` and `User.UserAttributes.` may repeat".to_owned())
    })
}
