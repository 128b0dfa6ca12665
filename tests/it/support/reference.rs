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
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        let record = without_returns(line);
        let is_space = if is_csv {
            record.iter().all(|byte| b" \t\r".contains(byte))
        } else {
            filler(record) == record.len()
        };
        let is_delimiters = is_csv && record.iter().all(|byte| *byte == b',');
        let is_whole = record.len() <= max_record && line.len() <= max_record + 1;
        let number = 1 + memchr::memchr_iter(b'\n', &text[..offset]).count();
        let objects = if is_csv || !is_whole { Vec::new() } else { objects(record) };
        for (start, end) in &objects {
            let rest = &text[offset + end..next];
            let is_at_end = without_returns(rest.strip_suffix(b"\n").unwrap_or(rest)).is_empty();
            let whole = if is_at_end { next - offset - start } else { end - start };
            let (offset, bytes) = (offset + start, end - start);
            lines.push(Line { offset, bytes, whole, number, is_blank: false });
        }
        if objects.is_empty() {
            let is_blank = is_whole && (is_space || is_delimiters);
            lines.push(Line { offset, bytes: record.len(), whole: raw.len(), number, is_blank });
        }
        offset = next;
    }
    lines
}

fn without_returns(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// The length of white space and byte order marks at the beginning.
fn filler(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &text[at..] {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => at += 1,
            [0xEF, 0xBB, 0xBF, ..] => at += 3,
            _ => return at,
        }
    }
}

/// The objects of a line that consists of two or more whole ones, each from its brace to the one that
/// closes it; else none.
fn objects(line: &[u8]) -> Vec<(usize, usize)> {
    let mut objects = Vec::new();
    let mut at = filler(line);
    while line.get(at) == Some(&b'{') {
        let start = at;
        let (mut depth, mut in_text) = (0, false);
        loop {
            match line.get(at) {
                None => return Vec::new(),
                Some(b'\\') if in_text => at += 1,
                Some(b'"') => in_text = !in_text,
                Some(b'{') if !in_text => depth += 1,
                Some(b'}') if !in_text => depth -= 1,
                Some(_) => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        objects.push((start, at));
        at += filler(&line[at.min(line.len())..]);
    }
    if at == line.len() && 1 < objects.len() { objects } else { Vec::new() }
}

/// The records on a line of newline-delimited JSON, without byte order marks before them.
pub(crate) fn json_records(line: &[u8]) -> Vec<&[u8]> {
    let objects = objects(line);
    if !objects.is_empty() {
        return objects.into_iter().map(|(start, end)| &line[start..end]).collect();
    }
    let record = &line[filler(line)..];
    if record.is_empty() { Vec::new() } else { vec![record] }
}

/// Whether a text that begins with `{` is read as a series of objects because its first line is longer
/// than a record.
pub(crate) fn begins_with_long_object(text: &[u8], max_record: usize) -> bool {
    let text = &text[filler(text)..];
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    line.starts_with(b"{") && max_record < line.trim_ascii_end().len()
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
                let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
                let ends = match rest.get(returns) {
                    None | Some(b'\n') => true,
                    Some(byte) => returns == 0 && *byte == b',',
                };
                return ends.then_some(at + 1);
            }
            _ => at += 1,
        }
    }
    None
}
