//! Writes JSON in unusual but valid ways: with white space, escapes, nulls and other forms of numbers.

use serde_json::{Value, json};

/// Writes a value with white space and escapes where JSON allows them; `noise` says where.
pub(crate) fn write_oddly(value: &Value, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    space(noise, out);
    match value {
        Value::Object(members) => {
            out.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                out.extend((0 < index).then_some(b','));
                space(noise, out);
                write_text(name, noise, out);
                space(noise, out);
                out.push(b':');
                write_oddly(value, noise, out);
                if noise.next() == Some(0) {
                    out.push(b',');
                    write_text(name, noise, out);
                    out.extend_from_slice(b":null");
                }
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                out.extend((0 < index).then_some(b','));
                write_oddly(item, noise, out);
            }
            out.push(b']');
        }
        Value::String(text) => write_text(text, noise, out),
        Value::Number(number) => write_number(&number.to_string(), noise, out),
        Value::Null | Value::Bool(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
    space(noise, out);
}

fn space(noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let space: &[u8] = match noise.next() {
        Some(0..20) => b" ",
        Some(20..30) => b"\t \r",
        _ => b"",
    };
    out.extend_from_slice(space);
}

fn write_text(text: &str, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        let must = c < ' ' || c == '"' || c == '\\';
        match noise.next() {
            Some(0..50) => {
                let units = &mut [0; 2];
                for unit in c.encode_utf16(units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            Some(50..60) if c == '/' => out.extend_from_slice(b"\\/"),
            _ if must => {
                let escaped = json!(c).to_string();
                out.extend_from_slice(&escaped.as_bytes()[1..escaped.len() - 1]);
            }
            _ => out.extend_from_slice(c.to_string().as_bytes()),
        }
    }
    out.push(b'"');
}

/// The same number in one of its forms.
fn write_number(number: &str, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(number.as_bytes());
    let more: &[u8] = match (noise.next(), number.contains(['.', 'e'])) {
        (Some(0..20), false) => b".0",
        (Some(20..40), false) => b"E+0",
        (Some(40..60), true) if !number.contains('e') => b"0e-00",
        _ => b"",
    };
    out.extend_from_slice(more);
}
