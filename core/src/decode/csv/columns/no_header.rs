//! Whether the first row of a file can be its header.
//!
//! If a file has no header, its first row is about a person, and would give names to columns that
//! messages and accounts show. So a row with a cell that can only be a value is refused, and so is one
//! without a single known name, whatever the definition says about unknown columns. These errors show
//! nothing of the row.

use super::{ColumnRules, HeaderError, is_column};
use crate::schema::Test;

/// The fewest digits of a number that no column is called by.
const DIGITS_MIN: usize = 7;

impl ColumnRules {
    /// Fails if a row with these cells is no header.
    pub(super) fn check_header(&self, names: &[String]) -> Result<(), HeaderError> {
        for (column, name) in names.iter().enumerate() {
            if !self.is_meant(name)
                && let Some(what) = self.value_kind(name)
            {
                let message =
                    format!("the first row is not a header: column {} is {what}", column + 1);
                let hint = "set `header = false` and name the `columns` under `[input]`; if it is a \
                            header, name that column in `[input.rename]` or `ignore`";
                return Err(HeaderError::new(message, hint));
            }
        }
        if matches!(names, [only] if only.is_empty()) {
            // There are only blank lines.
            return Ok(());
        }
        let has_any = |is: fn(&ColumnRules, &str) -> bool| names.iter().any(|name| is(self, name));
        if has_any(ColumnRules::is_named) || has_any(ColumnRules::resembles_known) {
            return Ok(());
        }
        let message = "the first row is not a header: no column in it is a field";
        let hint = "set `header = false` and name the `columns` under `[input]`; if it is a header, \
                    say what its columns are in `[input.rename]`, and check `delimiter`; if lines come before it, \
                    `skip_lines = N` skips them";
        Err(HeaderError::new(message, hint))
    }

    /// Whether no column is a field and none is certain to be one that is misspelt. Such a header is
    /// an error even if unknown columns are left out, since all records would be empty.
    pub(super) fn names_nothing(&self, names: &[String]) -> bool {
        let is_known =
            |name: &String| self.is_named(name) || self.lookalikes.of("", name).is_some();
        !matches!(names, [only] if only.is_empty()) && !names.iter().any(is_known)
    }

    /// Whether a name is that of a field or of a column of an endpoint, an alias, or renamed.
    fn is_named(&self, name: &str) -> bool {
        self.rename_of(name).is_some()
            || self.endpoint_of(name).is_some()
            || is_column(&self.schema, name)
            || self.schema.node(name).is_some()
            || self.aliases.of(name).is_some()
    }

    /// Whether a name looks like that of a field or is nearly one.
    fn resembles_known(&self, name: &str) -> bool {
        self.lookalikes.of("", name).is_some()
            || self.lookalikes.nearest(name).is_some()
            || self.aliases.near(name).is_some()
    }

    /// Whether a cell is a name for certain, whatever it looks like.
    fn is_meant(&self, name: &str) -> bool {
        self.is_named(name) || self.ignores(name) || self.lookalikes.of("", name).is_some()
    }

    /// What kind of value a cell is that no column is called by.
    fn value_kind(&self, name: &str) -> Option<&'static str> {
        if is_address(name) {
            Some("an e-mail address")
        } else if is_number(name) {
            Some("a number")
        } else if self.is_value(name) {
            Some("a value of a field")
        } else {
            None
        }
    }

    /// Whether a name is a word that some field may have: without a header, the first row may contain
    /// `INACTIVE`.
    pub(super) fn is_value(&self, name: &str) -> bool {
        let checks = self.schema.nodes.iter().flat_map(|node| &node.checks);
        checks.into_iter().any(|check| match &check.test {
            Test::Enum(words) => words.iter().any(|word| word == name),
            Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => false,
        })
    }
}

/// Whether a cell has the form of an e-mail address.
fn is_address(cell: &str) -> bool {
    let Some((local, domain)) = cell.rsplit_once('@') else { return false };
    let is_domain = domain.trim_matches('.').contains('.');
    !local.is_empty() && is_domain && !cell.contains(char::is_whitespace)
}

/// Whether a cell has many digits, and otherwise only what separates them.
fn is_number(cell: &str) -> bool {
    let digits = cell.chars().filter(|char| char.is_numeric()).count();
    DIGITS_MIN <= digits && !cell.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ColumnSettings;
    use crate::schema::Schema;

    #[track_caller]
    fn check(row: &[&str], expected: Result<(), &str>) {
        let schema = Schema::shipped("pinpoint").expect("it is shipped");
        let settings = ColumnSettings {
            rename: vec![("1234567".to_owned(), "Id".to_owned())],
            ignore: vec!["x@example.com".to_owned()],
            drop_unknown: true,
            ..ColumnSettings::default()
        };
        let names: Vec<String> = row.iter().map(|name| (*name).to_owned()).collect();
        let found = ColumnRules::new(schema.into(), settings).check_header(&names);
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.message.contains(part), "{error:?}"),
            _ => panic!("{row:?}: {found:?}"),
        }
        if let Err(error) = found {
            let shown = format!("{error:?}");
            assert!(row.iter().all(|cell| cell.len() < 3 || !shown.contains(cell)), "{shown}");
            assert!(error.hint.contains("`header = false`") && error.hint.contains("`columns`"));
        }
    }

    #[test]
    fn a_row_with_a_value_is_no_header() {
        check(&["Id", "ana@example.com"], Err("column 2 is an e-mail address"));
        check(&["Id", "x@example.com"], Ok(()));
        check(&["+1 (202) 555-0191", "Id"], Err("column 1 is a number"));
        check(&["2024-05-06", "Id"], Err("column 1 is a number"));
        check(&["1234567", "ward"], Ok(()));
        check(&["Id", "123456"], Ok(()));
        check(&["Id", "INACTIVE"], Err("column 2 is a value"));
        check(&["Id", "SMS"], Ok(()));
        check(&["Id", "Order 12345678"], Ok(()));
        check(&["Id", "a@b"], Ok(()));
    }

    #[test]
    fn a_row_without_any_known_name_is_no_header() {
        check(&["Ana", "Lima", "Berlin"], Err("no column in it is a field"));
        check(&["x@example.com"], Err("no column in it is a field"));
        check(&["Ana", "E-mail"], Ok(()));
        check(&["Ana", "optOut"], Ok(()));
        check(&["Ana", "CreationDate"], Ok(()));
    }
}
