//! The start of an input: detects its form, then reads what precedes its records: the header of a CSV
//! file, or the bracket that opens an array.
//!
//! `detect.rs` tells CSV from JSON. `decode/csv/columns/delimiter.rs` decides what the delimiter of
//! a CSV file is, by a line `sep=;` or by the header.

use std::sync::Arc;

use super::chunks::{Array, ChunkReader, READ_MORE_BYTES, more};
use super::detect::{Detected, Form, Seen, detect};
use super::error::{BadInput, ReadError};
use super::settings::{Limits, Settings};
use crate::decode::Format;
use crate::decode::csv::columns::{
    Columns, detect_delimiter, first_not_blank, named_delimiter, possible_delimiters,
};
use crate::decode::frame::{
    BYTE_ORDER_MARK, Cut, Dialect, Framing, LineEnd, SPACE_MAX, cut, leading_filler,
};
use crate::record::Code;
use crate::store::ByteRange;

impl ChunkReader {
    /// Detects the form and reads the header. After this, `held` begins with the first record.
    pub(super) fn start(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        if let Some(range) = self.range {
            return self.start_range(range);
        }
        let (count, at_end) = self.peek_start(limits)?;
        if count == 0
            && let Some(error) = self.error()
        {
            return Err(error.clone().into());
        }
        self.line_end = LineEnd::of_text(self.front(count));
        let seen = self.seen(count, at_end, settings, limits);
        let Detected { bom_len, mut form } = detect(seen, self.line_end, settings.format)?;
        self.skip(bom_len);
        let mut preamble = Preamble::default();
        if form == Form::Csv || 0 < settings.skip_lines {
            preamble = self.read_preamble(settings, limits)?;
        }
        if 0 < settings.skip_lines {
            let (count, at_end) = self.peek_start(limits)?;
            let seen = self.seen(count, at_end, settings, limits);
            form = detect(seen, self.line_end, settings.format)?.form;
        }
        if form != Form::Csv {
            refuse_column_settings(settings)?;
        }
        let form = self.form_of_records(form, settings, limits)?;
        let (name, format) = match form {
            Form::Csv => {
                let columns = self.read_columns(settings, limits, preamble)?;
                ("csv", Format::Csv(Arc::new(columns)))
            }
            Form::JsonLines => ("json", Format::JsonLines(self.line_end)),
            Form::JsonObjects => ("json", Format::JsonObjects(self.line_end)),
            Form::JsonArray => {
                self.open_array()?;
                ("json", Format::JsonItems(self.line_end))
            }
        };
        self.format = format;
        if let Some(start) = &mut self.start {
            start.format = Some(name);
            start.is_bracketed = self.format.framing().is_bracketed();
            start.line_end = self.line_end;
        }
        Ok(())
    }

    /// Starts a range of lines of JSON: skips the rest of a line that begins before it.
    fn start_range(&mut self, range: ByteRange) -> Result<(), ReadError> {
        if range.from == 0 {
            let (count, _) = self.peek(BYTE_ORDER_MARK.len())?;
            if self.front(count) == BYTE_ORDER_MARK {
                self.skip(count);
            }
        } else {
            self.offset = range.from - 1;
            self.skip_rest_of_line()?;
        }
        self.format = Format::JsonLines(self.line_end);
        if let Some(start) = &mut self.start {
            start.format = Some("json");
            start.lines = 0;
        }
        Ok(())
    }

    /// Skips the text up to the first line end, and counts it in `before_range`.
    fn skip_rest_of_line(&mut self) -> Result<(), ReadError> {
        loop {
            let (count, at_end) = self.peek(READ_MORE_BYTES)?;
            let line = self.line_end.end_in_piece(self.front(count), at_end);
            let skipped = line.unwrap_or(count);
            self.skip(skipped);
            self.before_range += u64::try_from(skipped).expect("fewer than 2^64 bytes");
            if line.is_some() || at_end || self.error().is_some() {
                return Ok(());
            }
        }
    }

    fn seen(
        &self,
        count: usize,
        at_end: bool,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Seen<'_> {
        let (bytes, max_record) = (self.front(count), limits.max_record);
        Seen { bytes, at_end, max_record, is_text: settings.is_text }
    }

    /// The form of the text once only its records are left, if they are inside of larger values.
    fn form_of_records(
        &mut self,
        form: Form,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<Form, ReadError> {
        let Some(path) = settings.records else { return Ok(form) };
        if form == Form::Csv {
            let hint = "use one definition for CSV and one for JSON, or remove the setting";
            return Err(BadInput::new("`records` is for JSON, and this file is CSV", hint).into());
        }
        self.find_records(path, limits.max_record)?;
        Ok(Form::JsonObjects)
    }

    /// Peeks at enough of the text to detect its form: two lines that are not blank, or a little
    /// more than the longest record, or all of it. Returns as [`ChunkReader::peek`] does.
    fn peek_start(&mut self, limits: &Limits) -> Result<(usize, bool), ReadError> {
        let mut want = READ_MORE_BYTES;
        loop {
            let (count, at_end) = self.peek(want)?;
            let front = self.front(count);
            let lines = LineEnd::of_text(front).lines(front);
            let lines = lines.filter(|line| leading_filler(line) < line.len());
            let is_enough = limits.max_record + SPACE_MAX <= count || lines.take(2).count() == 2;
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
            let space = leading_filler(self.front(count));
            self.skip(space);
            if space < count || at_end || self.error().is_some() {
                return Ok(());
            }
        }
    }

    /// Reads the lines before the header of a CSV file: one that names the delimiter, and those that
    /// the definition skips.
    fn read_preamble(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
    ) -> Result<Preamble, ReadError> {
        let mut preamble = Preamble::default();
        let (count, at_end) = self.peek(READ_MORE_BYTES)?;
        let first = self.line_end.end_in_piece(self.front(count), at_end).unwrap_or(count);
        let mut skipped = 0;
        if let Some(delimiter) = named_delimiter(self.front(first)) {
            preamble.delimiter = Some(delimiter);
            self.take_line(first, &mut preamble.text);
            skipped = 1;
        }
        while skipped < settings.skip_lines {
            let room = limits.max_record.saturating_sub(preamble.text.len());
            let Some(line) = self.find_line(room)? else {
                let message = format!(
                    "there is no header after the first {} lines, which `skip_lines` skips",
                    settings.skip_lines
                );
                let hint = "check `skip_lines` under `[input]`; these lines and the header together \
                            may be as long as `max_record`";
                return Err(self.error().cloned().unwrap_or(BadInput::new(message, hint)).into());
            };
            self.take_line(line, &mut preamble.text);
            skipped += 1;
        }
        Ok(preamble)
    }

    /// The length of the next line with its line end. `None`: it is longer than `room`, or there is
    /// none.
    fn find_line(&mut self, room: usize) -> Result<Option<usize>, ReadError> {
        let mut want = READ_MORE_BYTES;
        loop {
            let (count, at_end) = self.peek(want)?;
            let is_all = at_end || self.error().is_some();
            let line = self.line_end.end_in_piece(self.front(count), is_all);
            if line.is_some() || is_all || room < count {
                return Ok(line.filter(|line| *line <= room));
            }
            want *= 2;
        }
    }

    /// Moves the next line into `text`.
    fn take_line(&mut self, len: usize, text: &mut Vec<u8>) {
        text.extend_from_slice(self.front(len));
        self.skip(len);
    }

    /// Reads the columns from the header, or takes them from the definition if it names them.
    fn read_columns(
        &mut self,
        settings: &Settings<'_>,
        limits: &Limits,
        preamble: Preamble,
    ) -> Result<Columns, ReadError> {
        let Preamble { delimiter, text: mut before } = preamble;
        let delimiters = possible_delimiters(settings.delimiter.or(delimiter));
        let base = Dialect { line_end: self.line_end, ..settings.dialect };
        loop {
            let texts = self.first_rows(&delimiters, base, limits)?;
            let texts: Vec<_> =
                texts.into_iter().map(|(dialect, len)| (dialect, self.front(len))).collect();
            let named = settings.columns;
            let (row, dialect) = detect_delimiter(
                &texts,
                named.map(<[String]>::len),
                limits.max_record,
                settings.column_rules,
            );
            let own = texts.iter().find(|(of, _)| *of == dialect);
            let text = own.map_or(&[][..], |(_, text)| text);
            if row.start == text.len() && !text.is_empty() {
                self.skip_blank_lines(row.start);
                continue;
            }
            if let Some(names) = named {
                if let Some(start) = &mut self.start {
                    start.header = before;
                }
                return Ok(Columns::named(names, dialect, settings.column_rules)
                    .map_err(BadInput::from)?);
            }
            if let Some((code, _)) = row.problem {
                return Err(BadInput::of_header(code, limits).into());
            }
            let columns = Columns::read(row.bytes(text), dialect, settings.column_rules);
            let columns = columns.map_err(BadInput::from)?;
            let header = text.get(row.start..row.next).unwrap_or(&[]);
            let first_row = header.to_vec();
            before.extend_from_slice(header);
            let header_len = header.len();
            self.skip_blank_lines(row.start);
            self.skip(header_len);
            if let Some(start) = &mut self.start {
                start.header = before;
                start.first_row = first_row;
                start.renamings.clone_from(&columns.renamings);
            }
            return Ok(columns);
        }
    }

    /// Peeks until, with each possible delimiter, the first row that is not blank is complete or
    /// invalid. Returns each dialect with the length of its whole rows.
    fn first_rows(
        &mut self,
        delimiters: &[u8],
        base: Dialect,
        limits: &Limits,
    ) -> Result<Vec<(Dialect, usize)>, ReadError> {
        let mut want = limits.chunk_bytes;
        loop {
            let (count, at_end) = self.peek(want)?;
            let is_all = at_end || (count == self.held.len() && self.error().is_some());
            let front = self.front(count);
            let may_be_longer = count <= limits.max_record + 1 && !is_all;
            let rows = delimiters.iter().map(|delimiter| {
                let dialect = Dialect { delimiter: *delimiter, ..base };
                let whole = match cut(front, Framing::Csv(dialect), limits.max_record, at_end) {
                    Cut::At(whole) | Cut::Last(whole) | Cut::NotClosed(whole) => whole,
                    // The record may be valid with another delimiter.
                    Cut::Invalid(..) => return Some((dialect, count)),
                    Cut::More => return None,
                };
                let text = front.get(..whole).unwrap_or(&[]);
                let row = first_not_blank(text, dialect, limits.max_record);
                let is_blank = row.start == whole && may_be_longer;
                (!is_blank).then_some((dialect, whole))
            });
            let rows: Vec<_> = rows.collect();
            if rows.iter().all(Option::is_some) || (is_all && rows.iter().any(Option::is_some)) {
                return Ok(rows.into_iter().flatten().collect());
            }
            if is_all {
                let too_long = || BadInput::of_header(Code::TooLongRecord, limits);
                return Err(self.error().cloned().unwrap_or_else(too_long).into());
            }
            want = more(want, limits.max_record);
        }
    }

    /// Skips the first `count` bytes, which are blank lines.
    fn skip_blank_lines(&mut self, count: usize) {
        let lines = self.line_end.count(self.front(count));
        self.skip(count);
        if let Some(start) = &mut self.start {
            start.blank_lines += lines;
        }
    }
}

/// What precedes the header of a CSV file.
#[derive(Default)]
struct Preamble {
    /// The delimiter that the first line names.
    delimiter: Option<u8>,
    text: Vec<u8>,
}

/// Fails if the definition has settings for columns: they would silently have no effect on JSON.
fn refuse_column_settings(settings: &Settings<'_>) -> Result<(), BadInput> {
    column_setting(settings).map_or(Ok(()), |key| {
        let hint = "use one definition for CSV and one for JSON, or remove the setting";
        Err(BadInput::new(format!("`{key}` is for CSV, and this file is JSON"), hint))
    })
}

/// A setting that JSON has no use for.
pub(crate) fn column_setting(settings: &Settings<'_>) -> Option<&'static str> {
    let columns = settings.column_rules.settings();
    let csv_only = [
        ("[[input.endpoint]]", !columns.endpoints.is_empty()),
        ("columns", settings.columns.is_some()),
        ("skip_lines", 0 < settings.skip_lines),
        ("ragged", columns.pads_rows),
        ("decimal", columns.has_decimal_comma),
        ("escape", settings.dialect.has_escapes),
        ("skip_initial_space", settings.dialect.skips_space),
    ];
    csv_only.iter().find(|(_, is_set)| *is_set).map(|(key, _)| *key)
}
