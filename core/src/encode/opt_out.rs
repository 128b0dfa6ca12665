//! Opts out lines that were written already, for programs that find out later whose duplicates have opted out
//! (`run/clean/compared.rs`). A line becomes what `json.rs` would have written.

use crate::schema::{Role, Schema};

/// Sets the opt-out of compact JSON, as the encoder writes it: members in the order of the schema.
#[derive(Debug)]
pub struct OptOutLines {
    name: String,
    /// The members that follow it.
    later: Vec<String>,
}

impl OptOutLines {
    pub fn new(schema: &Schema) -> OptOutLines {
        let node = schema.role(Role::OptOut);
        let later = schema.nodes.iter().skip(node + 1).filter(|node| node.parent.is_none());
        OptOutLines {
            name: schema.role_path(Role::OptOut).to_owned(),
            later: later.map(|node| node.name.clone()).collect(),
        }
    }

    /// The line with that opt-out. `None`: it is not such a line.
    pub fn with(&self, line: &str, opt_out: &str) -> Option<String> {
        let member = format!("\"{}\":\"{opt_out}\"", self.name);
        let bytes = line.as_bytes();
        let mut at = 1;
        while *bytes.get(at)? == b'"' {
            let name_end = end_of_value(bytes, at)?;
            let name = line.get(at + 1..name_end - 1)?;
            let value_end = end_of_value(bytes, name_end + 1)?;
            if name == self.name {
                return Some([line.get(..at)?, &member, line.get(value_end..)?].concat());
            }
            if self.later.iter().any(|later| later == name) {
                return Some([line.get(..at)?, &member, ",", line.get(at..)?].concat());
            }
            at = value_end + usize::from(bytes.get(value_end) == Some(&b','));
        }
        let comma = if at == 1 { "" } else { "," };
        Some([line.get(..at)?, comma, &member, line.get(at..)?].concat())
    }
}

/// The offset at which the value ends that begins at `at`. `None`: it does not end.
fn end_of_value(line: &[u8], at: usize) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (offset, byte) in line.iter().enumerate().skip(at) {
        let ends = match byte {
            _ if is_escaped => {
                is_escaped = false;
                false
            }
            b'\\' => {
                is_escaped = true;
                false
            }
            b'"' => {
                in_string = !in_string;
                !in_string
            }
            _ if in_string => false,
            b'{' | b'[' => {
                depth += 1;
                false
            }
            // A number ends before what follows it.
            b'}' | b']' | b',' if depth == 0 => return Some(offset),
            b'}' | b']' => {
                depth -= 1;
                true
            }
            _ => false,
        };
        if ends && depth == 0 {
            return Some(offset + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_opt_out_where_the_encoder_writes_it() {
        let lines = OptOutLines::new(&Schema::shipped("pinpoint").unwrap());
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(lines.with(line, "ALL").as_deref(), expected, "{line}");
        };
        check("{}", Some(r#"{"OptOut":"ALL"}"#));
        check(r#"{"Address":"a"}"#, Some(r#"{"Address":"a","OptOut":"ALL"}"#));
        check(r#"{"Address":"a","OptOut":"NONE"}"#, Some(r#"{"Address":"a","OptOut":"ALL"}"#));
        check(
            r#"{"Address":"a","OptOut":"NONE","User":{"UserId":"u"}}"#,
            Some(r#"{"Address":"a","OptOut":"ALL","User":{"UserId":"u"}}"#),
        );
        check(
            r#"{"Attributes":{"OptOut":["NONE"]},"Metrics":{"a":1.5}}"#,
            Some(r#"{"OptOut":"ALL","Attributes":{"OptOut":["NONE"]},"Metrics":{"a":1.5}}"#),
        );
        check(
            r#"{"Id":"\\","Address":"é\",\"OptOut\":\"","User":{}}"#,
            Some(r#"{"Id":"\\","Address":"é\",\"OptOut\":\"","OptOut":"ALL","User":{}}"#),
        );
        // Wherever a value has braces: none of these members precedes the opt-out today.
        check(
            r#"{"a":{"b":["}",{}]},"n":1.5,"OptOut":"NONE"}"#,
            Some(r#"{"a":{"b":["}",{}]},"n":1.5,"OptOut":"ALL"}"#),
        );
        for broken in ["", "{", r#"{"Address"#, r#"{"Address":"a"#, r#"{"Attributes":{"a":["b"]"#] {
            check(broken, None);
        }
    }
}
