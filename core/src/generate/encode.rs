//! Writes a record as a line of JSON or a row of CSV.

use std::iter;

use super::record::{Record, Value};

/// Appends a line. Fields whose names begin alike (`Location.City`, `Location.Country`) and are
/// neighbours share an object.
pub(super) fn push_json_line(record: &Record, out: &mut String) {
    let mut open: Vec<&str> = Vec::new();
    let mut is_first = true;
    out.push('{');
    for (path, value) in &record.fields {
        let (objects, name) = split_path(path);
        let shared = iter::zip(&open, &objects).take_while(|(one, other)| one == other).count();
        for _ in open.drain(shared..) {
            out.push('}');
            is_first = false;
        }
        for object in objects.into_iter().skip(shared) {
            push_name(object, &mut is_first, out);
            out.push('{');
            is_first = true;
            open.push(object);
        }
        push_name(name, &mut is_first, out);
        push_json_value(value, out);
    }
    out.extend(open.iter().map(|_| '}'));
    out.push_str("}\n");
}

/// The objects that lead to a value, and its name in the last of them. An attribute's own name begins
/// after its map's.
fn split_path(path: &str) -> (Vec<&str>, &str) {
    let mut names: Vec<&str> = path.split('.').collect();
    let name = names.pop().unwrap_or_default();
    (names, name)
}

fn push_name(name: &str, is_first: &mut bool, out: &mut String) {
    if !*is_first {
        out.push(',');
    }
    *is_first = false;
    push_json_text(name, out);
    out.push(':');
}

fn push_json_value(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => push_json_text(text, out),
        Value::Number(number) => out.push_str(number),
        Value::Null => out.push_str("null"),
        Value::Json(json) => out.push_str(json),
        Value::List(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                push_json_text(value, out);
            }
            out.push(']');
        }
    }
}

/// The texts hold no control characters.
fn push_json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Appends the header of a CSV file.
pub(super) fn push_csv_header(columns: &[&str], out: &mut String) {
    out.push_str(&columns.join(","));
    out.push('\n');
}

/// Appends a row. The first of several columns with one name holds the first value, and so on.
pub(super) fn push_csv_row(record: &Record, columns: &[&str], out: &mut String) {
    let (mut previous, mut repeat) = ("", 0);
    for (index, column) in columns.iter().enumerate() {
        repeat = if *column == previous { repeat + 1 } else { 0 };
        previous = column;
        out.push_str(if index == 0 { "" } else { "," });
        match record.value(column) {
            Some(Value::List(values)) => {
                push_csv_cell(values.get(repeat).map_or("", String::as_str), out);
            }
            Some(Value::Text(text)) => push_csv_cell(text, out),
            Some(Value::Number(number)) => out.push_str(number),
            Some(Value::Null | Value::Json(_)) | None => {}
        }
    }
    out.push('\n');
}

fn push_csv_cell(text: &str, out: &mut String) {
    if text.contains([',', '"']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&'static str, &str)]) -> Record {
        let fields = fields.iter().map(|(name, text)| (*name, Value::Text((*text).to_owned())));
        Record { fields: fields.collect() }
    }

    #[test]
    fn neighbours_share_an_object() {
        let record = record(&[("A.B.x", "1"), ("A.B.y", "2"), ("A.z", "3"), ("B", "\"\\")]);
        let mut line = String::new();
        push_json_line(&record, &mut line);
        assert_eq!(
            line,
            "{\"A\":{\"B\":{\"x\":\"1\",\"y\":\"2\"},\"z\":\"3\"},\"B\":\"\\\"\\\\\"}\n"
        );
    }

    #[test]
    fn values_of_a_list_are_in_several_columns() {
        let mut record = record(&[("a", "1,\"2\"")]);
        record.push("b", Value::List(vec!["x".to_owned(), "y".to_owned()]));
        let mut row = String::new();
        push_csv_row(&record, &["b", "b", "b", "a", "c"], &mut row);
        assert_eq!(row, "x,y,,\"1,\"\"2\"\"\",\n");
    }
}
