//! What a scan knows about an input before its records: the columns of a CSV file.

use std::collections::HashMap;
use std::fmt;

use super::meaning::Knowledge;
use crate::detect::Evidence;

/// The form of an input.
#[derive(Default)]
pub struct InputForm {
    /// The columns of CSV, in order; empty for JSON.
    pub columns: Vec<Column>,
    /// Whether more than half of the columns have names of fields. Then the others are names too, and may
    /// be shown.
    pub is_trusted: bool,
    /// Whether rows may have fewer cells than the header, and more empty ones.
    pub pads_rows: bool,
}

/// A column of a CSV file.
#[derive(Clone, PartialEq, Eq)]
pub struct Column {
    /// What identifies the field among all inputs: the name, or the position if there is no header.
    pub key: String,
    /// The name in the header.
    pub name: Option<String>,
}

impl fmt::Debug for InputForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InputForm({} columns)", self.columns.len())
    }
}

impl fmt::Debug for Column {
    /// Shows no name: without a header it would be data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Column")
    }
}

impl InputForm {
    /// The columns of a header; of a file without one, by position.
    pub fn of_columns(names: Option<&[String]>, count: usize, knowledge: &Knowledge) -> InputForm {
        let Some(names) = names else {
            let column = |at: usize| Column { key: format!("\u{0}{}", at + 1), name: None };
            let columns = (0..count).map(column).collect();
            return InputForm { columns, ..InputForm::default() };
        };
        let known = names.iter().filter(|name| knowledge.is_column(name)).count();
        let mut repeats: HashMap<&str, usize> = HashMap::new();
        let columns = names.iter().map(|name| {
            let repeat = repeats.entry(name).or_default();
            *repeat += 1;
            let key = if *repeat == 1 { name.clone() } else { format!("{name}\u{0}{repeat}") };
            Column { key, name: Some(name.clone()) }
        });
        let is_trusted = names.len() < 2 * known;
        InputForm { columns: columns.collect(), is_trusted, ..InputForm::default() }
    }

    /// Whether the first row of a CSV file has names and not data: most cells are names of fields; or no cell is data for
    /// certain, and one is the name of a field, or all are different words. `SMS` may be both.
    pub fn is_header(cells: &[String], knowledge: &Knowledge) -> bool {
        let is_number = |cell: &String| {
            let is_part = |c: char| c.is_ascii_digit() || " +-.,/()".contains(c);
            !cell.is_empty() && cell.chars().all(is_part)
        };
        let is_data = |cell: &String| {
            if knowledge.is_column(cell) {
                return false;
            }
            let digits = cell.chars().filter(char::is_ascii_digit).count();
            let findings = knowledge.detectors.judge(cell, Evidence::default());
            7 <= digits && is_number(cell) || !findings.is_empty() || knowledge.is_any_word(cell)
        };
        let known = cells.iter().filter(|cell| knowledge.is_column(cell)).count();
        let mut names: Vec<&String> = cells.iter().filter(|cell| !cell.is_empty()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        let are_words = names.len() == count && cells.len() <= 2 * count;
        count < 2 * known
            || !cells.iter().any(is_data)
                && (0 < known || are_words && !cells.iter().any(is_number))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::schema::Schema;

    #[test]
    fn a_first_row_of_names_is_a_header() {
        let schema = Arc::new(Schema::shipped("pinpoint").expect("it is shipped"));
        let knowledge = Knowledge::new(schema);
        for (cells, expected) in [
            ("Address,ChannelType", true),
            ("E-Mail,Land,2024", true),
            ("shoe size,colour", true),
            ("shoe size,shoe size", false),
            ("E-Mail,ada@example.com", false),
            ("Address,EMAIL", true),
            ("EMAIL,FIRSTNAME,SMS,OPT_OUT", true),
            ("Email,First Name,Foo,Active,Baz", true),
            ("Email,First Name,ACTIVE", true),
            ("Foo,EMAIL,ACTIVE,Bar", false),
            ("name,+1 (202) 555-0142", false),
            ("Zoe,Malmö,42", false),
            (",,x", false),
        ] {
            let cells: Vec<String> = cells.split(',').map(str::to_owned).collect();
            assert_eq!(InputForm::is_header(&cells, &knowledge), expected, "{cells:?}");
        }
    }
}
