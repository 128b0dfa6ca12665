//! Checks what `[input]` says about values: each path is a field, each meaning a value that the
//! field can have, and no word turns an opt-out into something else.

use super::input_columns::check_name;
use crate::decode::OTHERS;
use crate::definition::document::{Diagnostics, escape};
use crate::definition::{Definition, FieldWords, Output, Pair, Purpose};
use crate::record::number_len;
use crate::schema::{Node, OPTED_OUT, Role, Schema, Shape};

/// Checks `null`, `[input.values]` and `[input.split]`.
pub(super) fn check(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let spec = &definition.input.shaping;
    for text in &spec.null {
        let of_field = schema.nodes.iter().find(|node| node.words().contains(&text.value));
        if let Some(node) = of_field {
            let what = format!("`null` can't be `{}`, a value of `{}`", text.value, node.path);
            diagnostics.push(text.at, what, "", "remove it");
        }
    }
    check_split(definition, schema, diagnostics);
    for (number, values) in spec.values.iter().enumerate() {
        let earlier = spec.values.iter().take(number);
        let is_repeated = earlier.into_iter().any(|one| one.field.value == values.field.value);
        if is_repeated {
            let what = format!("`values` has `{}` twice", escape(&values.field.value));
            diagnostics.push(values.field.at, what, "", "write the words in one table");
        } else if values.field.value.ends_with('*') {
            let what = format!("`values`: `{}` is not one field", escape(&values.field.value));
            diagnostics.push(values.field.at, what, "", "name each field");
        } else if check_name("values", &values.field, false, schema, diagnostics) {
            check_meanings(values, schema, diagnostics);
            check_opt_out(values, definition, schema, diagnostics);
        }
    }
}

/// Checks that what is split may have several values, in CSV outputs too.
fn check_split(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for (path, _) in &definition.input.shaping.split {
        let shape = schema.map_and_name(&path.value).map(|(_, _, shape)| shape);
        if path.value.ends_with(".*") {
            let what = format!("`split`: `{}` is not one name", escape(&path.value));
            diagnostics.push(
                path.at,
                what,
                "",
                "write a line for each name: `*` is not allowed here",
            );
            continue;
        }
        if shape != Some(Shape::Lists) || path.value.ends_with('*') {
            let what = format!("`split`: `{}` can't have several values", escape(&path.value));
            let help = "name one in `Attributes` or `User.UserAttributes`";
            diagnostics.push(path.at, what, "", help);
            continue;
        }
        let lacks_columns = |output: &&Output| output.format.is_csv() && output.columns.is_none();
        if definition.outputs.iter().any(|output| lacks_columns(&output)) {
            let what =
                format!("the CSV output does not say how many values of `{}` it has", path.value);
            let help = format!(
                "add `columns` to the output, with `{{ name = \"{}\", repeat = 5 }}`",
                escape(&path.value)
            );
            diagnostics.push(path.at, what, "", help);
        }
    }
}

/// Checks that the field can have what its words mean.
fn check_meanings(values: &FieldWords, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let path = &values.field.value;
    let node = schema.node(path).and_then(|node| schema.nodes.get(node));
    let words = node.map(Node::words).unwrap_or_default();
    let is_number = match schema.map_and_name(path) {
        Some((_, _, shape)) => shape == Shape::Numbers,
        None => node.is_some_and(|node| node.shape == Shape::Number),
    };
    for (word, meaning) in &values.words {
        let is_opt_out = path == schema.role_path(Role::OptOut) && meaning.value == OPTED_OUT;
        if word.value == OTHERS && !is_opt_out {
            let what = format!(
                "`{OTHERS}` stands for every other word of the opt-out alone, and means `{OPTED_OUT}`"
            );
            let help = format!(
                "name each word, or write `\"{OTHERS}\" = \"{OPTED_OUT}\"` for `{}`: whoever has another word has opted out",
                schema.role_path(Role::OptOut)
            );
            diagnostics.push(word.at, what, "", help);
            continue;
        }
        let value = &meaning.value;
        let what = format!("`{}` can't be `{}`", escape(path), escape(value));
        if !words.is_empty() && !words.contains(value) {
            diagnostics.push(meaning.at, what, "", format!("use one of {}", words.join(", ")));
        } else if is_number && number_len(value.as_bytes()) != Some(value.len()) {
            diagnostics.push(meaning.at, what, "", "write a number, such as `\"1.5\"`");
        }
    }
}

/// Checks that no word turns an opt-out into something else where messages are sent.
fn check_opt_out(
    values: &FieldWords,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let path = schema.role_path(Role::OptOut);
    if definition.purpose != Some(Purpose::Messaging) || values.field.value != path {
        return;
    }
    let loses = |(word, meaning): &&Pair| word.value == OPTED_OUT && meaning.value != OPTED_OUT;
    if let Some((word, meaning)) = values.words.iter().find(loses) {
        let what = format!(
            "`values` turns `{OPTED_OUT}` of `{path}` into `{}`, but people who opted out must stay so",
            escape(&meaning.value)
        );
        diagnostics.push(word.at, what, "", format!("remove `{OPTED_OUT}` from the words"));
    }
}
