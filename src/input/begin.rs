//! The beginning of an input: what it is, its header or its bracket.

use std::sync::Arc;

use super::detect::{Form, Sniffed, sniff};
use super::error::{BadInput, ReadError};
use super::reading::{Array, READ_ON_BYTES, Reading};
use super::settings::{Limits, Settings};
use crate::decode::Format;
use crate::decode::csv::columns::{self, Columns};
use crate::decode::frame::{Cut, Framing, leading_space};

impl Reading {
    /// Tells the format and reads a header, so that `held` begins with the first record.
    pub(crate) fn prepare(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        let (seen, at_end) = self.begin_to_look(limits)?;
        if seen == 0
            && let Some(bad) = self.broken()
        {
            return Err(bad.clone().into());
        }
        let Sniffed { mark, form } = sniff(self.seen(seen), at_end, settings.format)?;
        self.skip(mark);
        if form != Form::Csv {
            check_no_columns(settings)?;
        }
        let (name, format) = match form {
            Form::Csv => ("csv", Format::Csv(Arc::new(self.columns(settings, limits)?))),
            Form::Lines => ("json", Format::JsonLines),
            Form::Objects => ("json", Format::JsonObjects),
            Form::Array => {
                self.open_array()?;
                ("json", Format::JsonItems)
            }
        };
        self.format = format;
        if let Some(begin) = &mut self.begin {
            begin.format = Some(name);
            begin.by_brackets = self.format.framing().is_bracketed();
        }
        Ok(())
    }

    /// Looks at two lines, or as much as a record may be, or all: enough to tell what the input is.
    fn begin_to_look(&mut self, limits: &Limits) -> Result<(usize, bool), ReadError> {
        let mut want = READ_ON_BYTES;
        loop {
            let (seen, at_end) = self.look(want)?;
            let lines = self.seen(seen).split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            let is_enough = limits.max_record + 2 <= seen || lines.take(2).count() == 2;
            if at_end || is_enough || self.broken().is_some() {
                return Ok((seen, at_end));
            }
            want += READ_ON_BYTES;
        }
    }

    /// Passes the bracket that opens an array, and the one that closes an empty one.
    fn open_array(&mut self) -> Result<(), ReadError> {
        self.skip_space()?;
        self.skip(1);
        self.skip_space()?;
        if self.seen(1) == b"]" {
            self.skip(1);
            self.array = Array::Closed;
        }
        Ok(())
    }

    fn skip_space(&mut self) -> Result<(), ReadError> {
        loop {
            let (seen, at_end) = self.look(READ_ON_BYTES)?;
            let count = leading_space(self.seen(seen));
            self.skip(count);
            if count < seen || at_end || self.broken().is_some() {
                return Ok(());
            }
        }
    }

    /// The columns that the header names, or the definition in its place.
    fn columns(&mut self, settings: &Settings<'_>, limits: &Limits) -> Result<Columns, ReadError> {
        loop {
            let any_delimiter = Framing::Csv { delimiter: settings.delimiter.unwrap_or(b',') };
            let (cut, seen) = self.whole_records(any_delimiter, limits)?;
            let whole = match cut {
                Cut::At(whole) | Cut::Last(whole) | Cut::NotClosed(whole) => whole,
                // Another delimiter may make another record of it.
                Cut::Invalid(..) => seen,
                Cut::More => {
                    let fault = self.broken().cloned();
                    return Err(fault.unwrap_or_else(|| no_header(limits)).into());
                }
            };
            let chunk = self.seen(whole);
            let named = settings.columns;
            let (row, delimiter) = columns::first_row(
                chunk,
                settings.delimiter,
                named.map(<[String]>::len),
                limits.max_record,
                settings.column_rules,
            );
            if row.start == chunk.len() && !chunk.is_empty() {
                self.pass_blank_lines(row.start);
                continue;
            }
            if let Some(names) = named {
                return Ok(Columns::named(names, delimiter, settings.column_rules)
                    .map_err(BadInput::from)?);
            }
            if let Some((code, _)) = row.problem {
                return Err(BadInput::of_header(code, limits).into());
            }
            let columns = Columns::read(row.bytes(chunk), delimiter, settings.column_rules);
            let columns = columns.map_err(BadInput::from)?;
            let header = chunk.get(row.start..row.next).unwrap_or(&[]).to_vec();
            self.pass_blank_lines(row.start);
            self.skip(header.len());
            if let Some(begin) = &mut self.begin {
                begin.header = header;
                begin.renamings.clone_from(&columns.renamings);
            }
            return Ok(columns);
        }
    }

    fn pass_blank_lines(&mut self, count: usize) {
        let lines = super::line_ends(self.seen(count));
        self.skip(count);
        if let Some(begin) = &mut self.begin {
            begin.blank_lines += lines;
        }
    }
}

fn no_header(limits: &Limits) -> BadInput {
    BadInput::of_header(crate::record::Code::TooLongRecord, limits)
}

/// Names in JSON are what they are: a column that is renamed or constant would be neither.
fn check_no_columns(settings: &Settings<'_>) -> Result<(), BadInput> {
    let columns = settings.column_rules.settings();
    let set = [
        ("[input.rename]", !columns.rename.is_empty()),
        ("[input.constants]", !columns.constants.is_empty()),
        ("columns", settings.columns.is_some()),
    ];
    match set.iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => {
            let hint = "give CSV and JSON a definition each, or leave the setting out";
            Err(BadInput::new(format!("`{key}` is for CSV, and this is JSON"), hint))
        }
    }
}
