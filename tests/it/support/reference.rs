//! Where the records of a text stand: read character by character, as the words of the
//! documentation say it, and without any code of the program.

/// A record or a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) offset: usize,
    /// Without the line end.
    pub(crate) bytes: usize,
    /// With it.
    pub(crate) whole: usize,
    /// From 1.
    pub(crate) number: usize,
    pub(crate) is_blank: bool,
}

/// The lines of a text after `from`: those of newline-delimited JSON, or of CSV.
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

/// The end of the CSV record at `start`, with its line end.
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

/// Behind the quote that closes a cell; none where it is not closed in time, or is followed by
/// anything but a delimiter or a line end.
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
