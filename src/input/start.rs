//! The start of an input: its form is detected, and its header or its opening bracket is read.

use std::sync::Arc;

use super::chunks::{Array, ChunkReader, READ_MORE_BYTES, more};
use super::detect::{Detected, Form, detect};
use super::error::{BadInput, ReadError};
use super::settings::{Limits, Settings};
use crate::decode::Format;
use crate::decode::csv::columns::{self, Columns};
use crate::decode::frame::{Cut, Framing, leading_space};
use crate::record::Code;

impl ChunkReader {
    /// Detects the form and reads the header. After this, `held` begins with the first record.
    pub(super) fn start(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        let (count, at_end) = self.peek_start(limits)?;
        if count == 0
            && let Some(error) = self.error()
        {
            return Err(error.clone().into());
        }
        let Detected { bom_len, form } = detect(self.front(count), at_end, settings.format)?;
        self.skip(bom_len);
        if form != Form::Csv {
            refuse_column_settings(settings)?;
        }
        let (name, format) = match form {
            Form::Csv => ("csv", Format::Csv(Arc::new(self.read_columns(settings, limits)?))),
            Form::JsonLines => ("json", Format::JsonLines),
            Form::JsonObjects => ("json", Format::JsonObjects),
            Form::JsonArray => {
                self.open_array()?;
                ("json", Format::JsonItems)
            }
        };
        self.format = format;
        if let Some(start) = &mut self.start {
            start.format = Some(name);
            start.is_bracketed = self.format.framing().is_bracketed();
        }
        Ok(())
    }

    /// Peeks at enough of the text to detect its form: two lines that are not blank, or as much as
    /// the longest record, or all of it. Returns as [`ChunkReader::peek`] does.
    fn peek_start(&mut self, limits: &Limits) -> Result<(usize, bool), ReadError> {
        let mut want = READ_MORE_BYTES;
        loop {
            let (count, at_end) = self.peek(want)?;
            let lines = self.front(count).split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            let is_enough = limits.max_record + 2 <= count || lines.take(2).count() == 2;
            if at_end || is_enough || self.error().is_some() {
                return Ok((count, at_end));
            }
            want = more(want, limits.max_record);
        }
    }

    /// Skips the bracket that opens an array, and the one that closes it if the array is empty.
    fn open_array(&mut self) -> Result<(), ReadError> {
        self.skip_space()?;
        self.skip(1);
        self.skip_space()?;
        if self.front(1) == b"]" {
            self.skip(1);
            self.array = Array::Closed;
        }
        Ok(())
    }

    fn skip_space(&mut self) -> Result<(), ReadError> {
        loop {
            let (count, at_end) = self.peek(READ_MORE_BYTES)?;
            let space = leading_space(self.front(count));
            self.skip(space);
            if space < count || at_end || self.error().is_some() {
                return Ok(());
            }
        }
    }

    /// Reads the columns from the header, or takes them from the definition if it names them.
    fn read_columns(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<Columns, ReadError> {
        loop {
            let any_delimiter = Framing::Csv { delimiter: settings.delimiter.unwrap_or(b',') };
            let (cut, count) = self.whole_records(any_delimiter, limits)?;
            let whole = match cut {
                Cut::At(whole) | Cut::Last(whole) | Cut::NotClosed(whole) => whole,
                // The record may be valid with another delimiter.
                Cut::Invalid(..) => count,
                Cut::More => {
                    let too_long = || BadInput::of_header(Code::TooLongRecord, limits);
                    return Err(self.error().cloned().unwrap_or_else(too_long).into());
                }
            };
            let text = self.front(whole);
            let named = settings.columns;
            let (row, delimiter) = columns::first_row(
                text,
                settings.delimiter,
                named.map(<[String]>::len),
                limits.max_record,
                settings.column_rules,
            );
            if row.start == text.len() && !text.is_empty() {
                self.skip_blank_lines(row.start);
                continue;
            }
            if let Some(names) = named {
                return Ok(Columns::named(names, delimiter, settings.column_rules)
                    .map_err(BadInput::from)?);
            }
            if let Some((code, _)) = row.problem {
                return Err(BadInput::of_header(code, limits).into());
            }
            let columns = Columns::read(row.bytes(text), delimiter, settings.column_rules);
            let columns = columns.map_err(BadInput::from)?;
            let header = text.get(row.start..row.next).unwrap_or(&[]).to_vec();
            self.skip_blank_lines(row.start);
            self.skip(header.len());
            if let Some(start) = &mut self.start {
                start.header = header;
                start.renamings.clone_from(&columns.renamings);
            }
            return Ok(columns);
        }
    }

    /// Skips the first `count` bytes, which are blank lines.
    fn skip_blank_lines(&mut self, count: usize) {
        let lines = super::line_ends(self.front(count));
        self.skip(count);
        if let Some(start) = &mut self.start {
            start.blank_lines += lines;
        }
    }
}

/// Fails if the definition has settings for columns: they would silently have no effect on JSON.
fn refuse_column_settings(settings: &Settings<'_>) -> Result<(), BadInput> {
    let columns = settings.column_rules.settings();
    let set = [
        ("[input.rename]", !columns.rename.is_empty()),
        ("[input.constants]", !columns.constants.is_empty()),
        ("columns", settings.columns.is_some()),
    ];
    match set.iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => {
            let hint = "use one definition for CSV and one for JSON, or remove the setting";
            Err(BadInput::new(format!("`{key}` is for CSV, and this file is JSON"), hint))
        }
    }
}
