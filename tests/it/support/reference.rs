//! A reference for framing: finds the records of a text byte by byte, following the documentation,
//! and shares no code with the program.

/// A record or a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) offset: usize,
    /// The length without the line end.
    pub(crate) bytes: usize,
    /// The length with the line end.
    pub(crate) whole: usize,
    /// The line number, from 1.
    pub(crate) number: usize,
    pub(crate) is_blank: bool,
}

/// The records and blank lines of a text from `from` on, as newline-delimited JSON or as CSV.
pub(crate) fn lines(text: &[u8], from: usize, is_csv: bool, max_record: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut offset = from;
    while offset < text.len() {
        let next = if is_csv { csv_end(text, offset, max_record) } else { line_end(text, offset) };
        let raw = &text[offset..next];
        let record = raw.strip_suffix(b"\n").unwrap_or(raw);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        let is_space = record.iter().all(|byte| b" \t\r".contains(byte));
        let is_delimiters = is_csv && record.iter().all(|byte| *byte == b',');
        lines.push(Line {
            offset,
            bytes: record.len(),
            whole: raw.len(),
            number: 1 + memchr::memchr_iter(b'\n', &text[..offset]).count(),
            is_blank: record.len() <= max_record && (is_space || is_delimiters),
        });
        offset = next;
    }
    lines
}

fn line_end(text: &[u8], from: usize) -> usize {
    text[from..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| from + at + 1)
}

/// The offset after the CSV record at `start` and its line end.
fn csv_end(text: &[u8], start: usize, max_record: usize) -> usize {
    let mut cell = start;
    loop {
        let after = match text.get(cell) {
            Some(b'"') if max_record < cell - start => return line_end(text, cell),
            Some(b'"') => match quoted_end(text, cell, start + max_record) {
                Some(after) => after,
                None => return line_end(text, cell),
            },
            _ => cell,
        };
        let rest = &text[after..];
        match rest.iter().position(|byte| *byte == b',' || *byte == b'\n') {
            Some(at) if rest[at] == b',' => cell = after + at + 1,
            Some(at) => return after + at + 1,
            None => return text.len(),
        }
    }
}

/// The offset after the quote that closes a cell. `None`: it is not closed before `limit`, or what
/// follows is neither a delimiter nor a line end.
fn quoted_end(text: &[u8], cell: usize, limit: usize) -> Option<usize> {
    let mut at = cell + 1;
    while at < text.len().min(limit) {
        match (text[at], text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => {
                let rest = &text[at + 1..];
                let ends = rest.is_empty()
                    || rest == b"\r"
                    || [b",".as_slice(), b"\n", b"\r\n"].iter().any(|end| rest.starts_with(end));
                return ends.then_some(at + 1);
            }
            _ => at += 1,
        }
    }
    None
}
