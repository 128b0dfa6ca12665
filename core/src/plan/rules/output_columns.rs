//! Checks the `columns` of CSV outputs: each names one field, once, in a form that a header can
//! hold. An output without `columns` gets those of the inputs' headers (`HeaderUnion` in
//! `plan/columns.rs`), so it is an error if the inputs are JSON.

use std::collections::HashMap;

use super::pattern::Pattern;
use crate::definition::document::{Diagnostics, Origin, escape, quoted};
use crate::definition::{Column, Definition, InputFormat};
use crate::schema::{Schema, Shape};

pub(super) fn check(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for output in definition.outputs.iter().filter(|output| output.format.is_csv()) {
        match &output.columns {
            Some(columns) => check_columns(columns, schema, diagnostics),
            None if definition.input.format == Some(InputFormat::Json) => {
                let what = "JSON has no header to take the columns from";
                let help = "name them: add `columns = [\"Address\", …]` to this output";
                diagnostics.push(output.format_at, what, "", help);
            }
            None => {}
        }
    }
}

fn check_columns(columns: &[Column], schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let mut seen: HashMap<&str, Origin> = HashMap::new();
    for column in columns {
        let name = column.name.value.as_str();
        let problem = check_column(name, column.repeat, schema);
        if let Some((what, help)) = problem {
            diagnostics.push(column.name.at, what, "", help);
        } else if let Some(first) = seen.get(name) {
            let what = format!("two columns are named {}", quoted(name));
            let first = diagnostics.describe_place(*first);
            let help = format!(
                "the first one is at {first}; for several values of an attribute write \
                 `{{ name = \"…\", repeat = 2 }}`"
            );
            diagnostics.push(column.name.at, what, "", help);
        }
        seen.entry(name).or_insert(column.name.at);
    }
}

fn check_column(name: &str, repeat: usize, schema: &Schema) -> Option<(String, String)> {
    if name.contains(['\t', '\n', '\r']) || name.trim() != name {
        let what = format!("a header can't hold {}", quoted(name));
        let help = "the name of a column has no tabs or line breaks, and no white space around it";
        return Some((what, help.to_owned()));
    }
    let pattern = match Pattern::of(name, schema) {
        Ok(pattern) => pattern,
        Err(problem) => return Some(problem),
    };
    let repeats = match pattern {
        Pattern::Prefix(_) => {
            let what = format!("a column is one field, but {} stands for several", quoted(name));
            return Some((what, "name each of them".to_owned()));
        }
        Pattern::Node(_) => false,
        Pattern::Name { .. } => {
            schema.map_and_name(name).is_some_and(|(_, _, shape)| shape == Shape::Lists)
        }
    };
    (1 < repeat && !repeats).then(|| {
        let what = format!("`{}` has one value and can't repeat", escape(name));
        (what, "only names in `Attributes` and `User.UserAttributes` may repeat".to_owned())
    })
}
