//! The report of `segprep scan` as a table: files first, then a line for each field, the most telling first.

use segprep::detect::Likelihood;
use segprep::discover::{By, FieldReport, FileReport, ScanReport};

use super::quantities::{bytes, count, counted, percent};
use super::sheet::{BAD, CAREFUL, GOOD, QUIET, escape, styled};

/// The most files and fields that are listed. `--json` has all of them.
const FILES_MAX: usize = 12;
const FIELDS_MAX: usize = 60;
/// The most words of a field that are listed.
const WORDS_MAX: usize = 8;
/// From this width on, lengths and the most frequent shape are shown too.
const WIDE: usize = 120;

/// The report for a terminal with `width` columns.
pub(crate) fn page(report: &ScanReport, width: usize) -> String {
    let mut page = String::new();
    for file in report.files.iter().take(FILES_MAX) {
        page += &file_lines(file, width);
    }
    let more = report.files.len().saturating_sub(FILES_MAX);
    if 0 < more {
        page += &format!("{}\n", styled(QUIET, &format!("and {more} more files")));
    }
    let files = u64::try_from(report.files.len()).unwrap_or(u64::MAX);
    let (records, files) = (counted(report.records, "record"), counted(files, "file"));
    page += &format!("\n{records} in {files}\n\n");
    let fields = telling_first(report);
    let fields = fields.get(..FIELDS_MAX).unwrap_or(&fields);
    page += &table(fields, report.records, width);
    page += &fails(fields, width);
    page += &words(fields, width);
    let more = report.fields.len().saturating_sub(FIELDS_MAX);
    if 0 < more {
        let text = format!("{more} more fields: see --json");
        page += &format!("\n{}\n", styled(QUIET, &text));
    }
    page
}

fn file_lines(file: &FileReport, width: usize) -> String {
    let mut form = vec![file.format.unwrap_or("unknown").to_owned()];
    match file.delimiter.as_deref() {
        Some("\t") => form.push("tab".to_owned()),
        Some(delimiter) => form.push(format!("`{}`", escape(delimiter))),
        None => {}
    }
    if file.header == Some(false) {
        form.push("no header".to_owned());
    }
    let usual = [("none", file.compression), ("utf-8", file.encoding), ("lf", file.line_ends)];
    let unusual = usual.iter().filter(|(usual, found)| usual != found && *found != "none");
    form.extend(unusual.map(|(_, found)| (*found).to_owned()));
    form.extend([bytes(file.bytes), counted(file.records, "record")]);
    let rest = form.join(", ");
    let room = width.saturating_sub(rest.chars().count() + 2).max(20);
    let line = format!("{}  {rest}\n", cut(&escape(&file.name), room));
    if file.bad.is_empty() {
        return line;
    }
    let bad = format!("unreadable: {}", counts(&file.bad));
    line + &format!("  {}\n", styled(BAD, &cut(&bad, width - 2)))
}

fn counts(counts: &std::collections::BTreeMap<&str, u64>) -> String {
    let counts = counts.iter().map(|(name, number)| format!("{name} {}", count(*number)));
    counts.collect::<Vec<_>>().join(", ")
}

/// Fields with findings first, then those of the schema, then the others; in the order of the file.
fn telling_first(report: &ScanReport) -> Vec<&FieldReport> {
    let rank = |field: &FieldReport| {
        let is_likely = field.detectors.iter().any(|found| found.likelihood == Likelihood::Likely);
        [is_likely, !field.fails.is_empty(), field.field.is_some(), field.name.is_some(), true]
            .into_iter()
            .position(|holds| holds)
    };
    let mut fields: Vec<&FieldReport> = report.fields.iter().collect();
    fields.sort_by_key(|field| rank(field));
    fields
}

/// A cell and its style.
type Cell = (String, Option<anstyle::Style>);

fn table(fields: &[&FieldReport], records: u64, width: usize) -> String {
    let wide = WIDE <= width;
    let mut heads = vec!["field", "filled", "distinct"];
    if wide {
        heads.extend(["length", "most frequent shape"]);
    }
    heads.extend(["is", "finds", "proposal"]);
    let rows: Vec<Vec<Cell>> = fields.iter().map(|field| row(field, records, wide)).collect();
    let room = room_of_columns(width, &heads, &rows);
    let heads: Vec<Cell> = heads.iter().map(|head| ((*head).to_owned(), Some(QUIET))).collect();
    std::iter::once(&heads).chain(&rows).map(|row| line(row, &room)).collect()
}

fn row(field: &FieldReport, records: u64, wide: bool) -> Vec<Cell> {
    let plain = |text: String| (text, None);
    let filled = percent(field.present, records);
    let mut cells = vec![plain(name(field)), plain(filled), plain(count(field.distinct))];
    if wide {
        let length = field.length.map_or_else(String::new, |(least, most)| {
            if least == most { count(least) } else { format!("{least}–{most}") }
        });
        let shape = field.shapes.first().map_or("", |(shape, _)| shape.as_str());
        cells.extend([plain(length), (escape(shape), Some(QUIET))]);
    }
    let is = field.field.as_deref().map_or_else(String::new, |own| match field.by {
        Some(By::Name) | None => "✓".to_owned(),
        Some(By::Alias) => own.to_owned(),
        Some(By::Near | By::Values) => format!("{own}?"),
    });
    let found = field.detectors.iter().map(|found| match found.likelihood {
        Likelihood::Likely => found.name.clone(),
        Likelihood::Possible => format!("{}?", found.name),
    });
    let style = match field.op {
        "keep" => GOOD,
        "drop" => BAD,
        _ => CAREFUL,
    };
    let found = found.collect::<Vec<_>>().join(" ");
    cells.extend([plain(is), plain(found), (field.op.to_owned(), Some(style))]);
    cells
}

/// The name, or what can be said in place of it.
fn name(field: &FieldReport) -> String {
    match (&field.name, field.column, field.name_length) {
        (Some(name), _, _) => escape(name),
        (None, Some(column), _) => format!("(column {column})"),
        (None, None, Some(length)) => format!("(name of {length} characters)"),
        (None, None, None) => "(no name)".to_owned(),
    }
}

/// How wide each column is: as its widest cell, but the widest columns give way until all fit.
fn room_of_columns(width: usize, heads: &[&str], rows: &[Vec<Cell>]) -> Vec<usize> {
    const LEAST: usize = 8;
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|(text, _)| text.chars().count());
        let head = heads.get(column).map_or(0, |head| head.chars().count());
        cells.max().unwrap_or(0).max(head)
    };
    let mut room: Vec<usize> = (0..heads.len()).map(widest).collect();
    while width < room.iter().sum::<usize>() + 2 * (room.len() - 1) {
        let Some(largest) = room.iter_mut().max() else { break };
        if *largest <= LEAST {
            break;
        }
        *largest -= 1;
    }
    room
}

fn line(cells: &[Cell], room: &[usize]) -> String {
    let mut line = String::new();
    for (index, ((text, style), room)) in cells.iter().zip(room).enumerate() {
        let text = cut(text, *room);
        let pad = room - text.chars().count();
        let shown = style.map_or_else(|| text.clone(), |style| styled(style, &text));
        // Shares and counts end below each other.
        line += &match index {
            1 | 2 => format!("{:pad$}{shown}  ", ""),
            _ => format!("{shown}{:pad$}  ", ""),
        };
    }
    line.trim_end().to_owned() + "\n"
}

/// The text, or its start and end with `…` between them.
fn cut(text: &str, room: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= room {
        return text.to_owned();
    }
    let tail = room / 3;
    let head = room - 1 - tail;
    let start = chars.iter().take(head);
    start.chain(&['…']).chain(chars.iter().skip(chars.len() - tail)).collect()
}

/// What fails, and what would fix it.
fn fails(fields: &[&FieldReport], width: usize) -> String {
    let mut lines = String::new();
    for field in fields.iter().filter(|field| !field.fails.is_empty()) {
        let gap = if lines.is_empty() { "\n" } else { "" };
        let fails = format!("{}  fails {}", name(field), counts(&field.fails));
        lines += &format!("{gap}{}\n", cut(&fails, width));
        for (setting, records) in &field.repairs {
            let fix = format!("  {setting} would fix {}", count(*records));
            lines += &format!("{}\n", cut(&fix, width));
        }
    }
    lines
}

/// The words that the schema lists.
fn words(fields: &[&FieldReport], width: usize) -> String {
    let mut lines = String::new();
    for field in fields.iter().filter(|field| !field.values.is_empty()) {
        let gap = if lines.is_empty() { "\n" } else { "" };
        let words = field.values.iter().take(WORDS_MAX);
        let words = words.map(|(word, records)| format!("{word} {}", count(*records)));
        let words = words.collect::<Vec<_>>().join(", ");
        let line = format!("{}  {words}", name(field));
        lines += &format!("{gap}{}\n", cut(&line, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_in_the_middle() {
        assert_eq!(cut("abcdefghij", 10), "abcdefghij");
        assert_eq!(cut("abcdefghijk", 10), "abcdef…ijk");
    }

    #[test]
    fn wide_columns_give_way() {
        let cell = |text: &str| (text.to_owned(), None);
        let rows = vec![vec![cell(&"x".repeat(50)), cell("1"), cell(&"y".repeat(30))]];
        let room = room_of_columns(60, &["a", "b", "c"], &rows);
        assert_eq!(room.iter().sum::<usize>() + 4, 60);
        assert!(room.iter().all(|room| *room <= 28), "{room:?}");
    }
}
