//! Keeps the originals of rejected records: one file for each input, in which each original is followed
//! by a line end.

use std::io::{self, BufWriter, Write};

use crate::decode::frame::LineEnd;
use crate::publish::StagedFile;

/// How much white space is held back, in bytes.
const HELD_SPACE_MAX: usize = 64 << 10;

/// The file with the originals of one input.
pub(in crate::run) struct Originals {
    file: BufWriter<StagedFile>,
    /// Whether the last line has no line end.
    is_line_open: bool,
    /// The white space at the end of what was kept of a record between brackets that goes on.
    held_space: Option<Vec<u8>>,
}

impl Originals {
    /// Begins a file with the header of its input.
    pub(in crate::run) fn new(file: StagedFile, header: &[u8]) -> io::Result<Originals> {
        let mut file = BufWriter::new(file);
        file.write_all(header)?;
        Ok(Originals { file, is_line_open: false, held_space: None })
    }

    /// Whether a record between brackets goes on.
    pub(in crate::run) fn is_open(&self) -> bool {
        self.held_space.is_some()
    }

    pub(in crate::run) fn into_file(self) -> BufWriter<StagedFile> {
        self.file
    }

    /// Writes the original of a record between brackets, or its next slice. White space at its end
    /// belongs to no record, and whether more text follows is known only later, so it is held back.
    pub(in crate::run) fn keep_bracketed(
        &mut self,
        original: &[u8],
        is_last: bool,
    ) -> io::Result<()> {
        let mut held = self.held_space.take().unwrap_or_default();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let length = original.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
        let (text, space) = original.split_at(length);
        if !text.is_empty() {
            self.file.write_all(&held)?;
            self.file.write_all(text)?;
            held.clear();
        }
        if is_last {
            return self.file.write_all(b"\n");
        }
        held.extend(space);
        let surplus = held.len().saturating_sub(HELD_SPACE_MAX);
        self.file.write_all(held.get(..surplus).unwrap_or(&[]))?;
        held.drain(..surplus);
        self.held_space = Some(held);
        Ok(())
    }

    /// Writes the original of a record that is a line, or its next slice. A line that was not ended is
    /// ended when the next one comes.
    ///
    /// Lines that end with CR are written with LF: the file may be too short to show that CR ends
    /// its lines.
    pub(in crate::run) fn keep_line(
        &mut self,
        original: &[u8],
        is_last: bool,
        line_end: LineEnd,
    ) -> io::Result<()> {
        if std::mem::take(&mut self.is_line_open) {
            self.file.write_all(b"\n")?;
        }
        if is_last && line_end == LineEnd::Return {
            let text = original.strip_suffix(b"\n").unwrap_or(original);
            self.file.write_all(text.strip_suffix(b"\r").unwrap_or(text))?;
            return self.file.write_all(b"\n");
        }
        self.file.write_all(original)?;
        self.is_line_open = is_last && !original.ends_with(b"\n");
        Ok(())
    }
}

/// The header and the lines before it, with LF if CR ends lines.
pub(in crate::run) fn with_newlines(mut header: Vec<u8>, line_end: LineEnd) -> Vec<u8> {
    if line_end == LineEnd::Return {
        header.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
    }
    header
}

/// The offset after the line end at `at`, if there is one.
pub(in crate::run) fn end_of_line(chunk: &[u8], at: usize, line_end: LineEnd) -> usize {
    let rest = chunk.get(at..).unwrap_or(&[]);
    let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
    let len = match (line_end, rest.get(returns)) {
        (LineEnd::Newline, None) => returns,
        (LineEnd::Newline, Some(b'\n')) => returns + 1,
        (LineEnd::Newline, Some(_)) => 0,
        (LineEnd::Return, after) => match returns {
            0 => usize::from(after == Some(&b'\n')),
            1 if after == Some(&b'\n') => 2,
            _ => 1,
        },
    };
    at + len
}
