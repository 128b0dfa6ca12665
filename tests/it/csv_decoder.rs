//! The CSV decoder compared with the `csv` crate: both read the same cells of every file that RFC 4180
//! allows, also with blank lines between rows.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use segprep::decode::frame::{self, Framing};
use segprep::decode::{Columns, Format};
use segprep::schema::Schema;
use serde_json::{Map, Value, json};

use crate::support::in_process::InProcess;
use crate::support::property::check_property;

#[test]
fn csv_is_read_as_the_csv_crate_reads_it() {
    let schema = Schema::shipped("pinpoint").expect("it is shipped");
    let program = InProcess::keeping_everything(schema, &[]);
    check_property(&tables(), |table| {
        let text = table.text(true);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let framing = Framing::Csv(table.delimiter.into());
        let header = frame::record_at(&text, 0, framing, 1 << 20);
        let columns =
            Columns::read(header.bytes(&text), table.delimiter, &program.plan.column_rules);
        let format = Format::Csv(Arc::new(columns.expect("a header of known fields")));
        let block = program.block(&text, header.next, &format);
        prop_assert_eq!(block.rejects.len(), 0, "{:?}: {}", block.rejects, shown);
        let found: Vec<Value> = str::from_utf8(&block.json.bytes)
            .expect("output is UTF-8")
            .lines()
            .map(|line| serde_json::from_str(line).expect("output is JSON"))
            .collect();
        prop_assert_eq!(found, table.as_read_by_csv(), "{}", shown);
        let blank = table.rows.iter().filter(|row| row.blank_before.is_some()).count();
        prop_assert_eq!(usize::try_from(block.blank_lines).ok(), Some(blank), "{}", shown);
        Ok(())
    });
}

/// A valid CSV file with an `Id` and with attributes whose names may repeat.
#[derive(Clone, Debug)]
struct Table {
    delimiter: u8,
    attributes: Vec<&'static str>,
    rows: Vec<TableRow>,
    line_end: &'static str,
    ends_with_line_end: bool,
}

#[derive(Clone, Debug)]
struct TableRow {
    blank_before: Option<Blank>,
    /// Each cell, and whether it is quoted without need.
    cells: Vec<(String, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Blank {
    Empty,
    Spaces,
    Delimiters,
}

fn tables() -> impl Strategy<Value = Table> {
    let attributes = prop::sample::select(vec!["Plan", "Größe", "a.b", "a, \"b\"; \tc|"]);
    let delimiter = prop::sample::select(&b",;\t|"[..]);
    let line_end = prop::sample::select(vec!["\n", "\r\n"]);
    (vec(attributes, 1..6), delimiter, line_end, any::<bool>()).prop_flat_map(
        |(attributes, delimiter, line_end, ends_with_line_end)| {
            vec(rows(attributes.len()), 0..6).prop_map(move |rows| Table {
                delimiter,
                attributes: attributes.clone(),
                rows,
                line_end,
                ends_with_line_end,
            })
        },
    )
}

fn rows(attributes: usize) -> impl Strategy<Value = TableRow> {
    let blank = prop_oneof![Just(Blank::Empty), Just(Blank::Spaces), Just(Blank::Delimiters)];
    let blank = prop_oneof![4 => Just(None), 1 => blank.prop_map(Some)];
    let cell = prop_oneof!["[a-c ,;\t|\"\r\n]{0,6}", "\\PC{0,4}", Just("007".to_owned())];
    let id = ("[a-z]{1,3}", any::<bool>());
    (blank, id, vec((cell, any::<bool>()), attributes)).prop_map(|(blank_before, id, cells)| {
        TableRow { blank_before, cells: [id].into_iter().chain(cells).collect() }
    })
}

impl Table {
    fn text(&self, with_blank_lines: bool) -> Vec<u8> {
        let attributes = self.attributes.iter().map(|name| (format!("Attributes.{name}"), false));
        let header: Vec<_> = [("Id".to_owned(), false)].into_iter().chain(attributes).collect();
        let mut lines = vec![self.line(&header)];
        for row in &self.rows {
            let blank = row.blank_before.filter(|_| with_blank_lines);
            lines.extend(blank.map(|blank| self.blank_line(blank)));
            lines.push(self.line(&row.cells));
        }
        let mut text = lines.join(self.line_end.as_bytes());
        if self.ends_with_line_end {
            text.extend_from_slice(self.line_end.as_bytes());
        }
        text
    }

    fn blank_line(&self, blank: Blank) -> Vec<u8> {
        match blank {
            Blank::Empty => Vec::new(),
            Blank::Spaces => b"  \t".to_vec(),
            Blank::Delimiters => vec![self.delimiter; self.attributes.len()],
        }
    }

    fn line(&self, cells: &[(String, bool)]) -> Vec<u8> {
        let cell = |(text, is_quoted): &(String, bool)| {
            let special = [char::from(self.delimiter), '"', '\r', '\n'];
            let must = text.contains(special);
            let quoted = format!("\"{}\"", text.replace('"', "\"\""));
            if must || *is_quoted { quoted } else { text.clone() }.into_bytes()
        };
        cells.iter().map(cell).collect::<Vec<_>>().join(&self.delimiter)
    }

    /// The records that the `csv` crate reads, in the form that segprep writes.
    fn as_read_by_csv(&self) -> Vec<Value> {
        let text = self.text(false);
        let mut reader = csv::ReaderBuilder::new().delimiter(self.delimiter).from_reader(&*text);
        let as_record = |cells: csv::StringRecord| {
            let mut attributes: Map<String, Value> = Map::new();
            for (name, cell) in self.attributes.iter().zip(cells.iter().skip(1)) {
                if !cell.is_empty() {
                    let values = attributes.entry(*name).or_insert_with(|| json!([]));
                    values.as_array_mut().expect("a list").push(json!(cell));
                }
            }
            let mut record = json!({"Id": cells[0]});
            if !attributes.is_empty() {
                record["Attributes"] = Value::Object(attributes);
            }
            record
        };
        reader.records().map(|cells| as_record(cells.expect("well-formed CSV"))).collect()
    }
}
