//! The report of `segprep scan` as a table: files first, then a line for each field, the most telling first.

use segprep::detect::Likelihood;
use segprep::discover::{By, FieldReport, FileReport, ScanReport};
use segprep::report::quantities::{bytes, count, counted, percent};

use super::cells::{columns, cut_end, cut_middle, padding};
use super::sheet::{BAD, CAREFUL, QUIET, escape, styled};

/// The most files and fields that are listed. `--json` has all of them.
const FILES_MAX: usize = 12;
const FIELDS_MAX: usize = 60;
/// So many fields are all listed, however rare they are.
const FEW_FIELDS: usize = 25;
/// The rank of fields that are only there.
const NOT_TELLING: usize = 3;
/// Up to so many different values are counted exactly.
const EXACT_MAX: u64 = 256;
/// The most words of a field that are listed.
const WORDS_MAX: usize = 8;
/// The column of reasons: they give way at their end.
const BECAUSE: usize = 8;
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
        push_line(&mut page, &styled(QUIET, &format!("and {more} more files")));
    }
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (records, files) = (report.records, number(report.files.len()));
    let of = format!("{} in {}", counted(records, "record"), counted(files, "file"));
    let fields = counted(number(report.fields.len()), "field");
    push_line(&mut page, &format!("\n{of}, {fields}\n"));
    if let Some(sample) = &report.sample {
        let (read, all) = (bytes(sample.bytes), bytes(sample.of_bytes));
        let files = counted(sample.of_files, "file");
        let line = format!("a sample: {read} of {all}, from {} of {files}\n", count(sample.files));
        push_line(&mut page, &styled(CAREFUL, &line));
    }
    let (shown, folded) = split(telling_first(report), records);
    page += &table(&shown, records, width);
    page + &fold(&folded, report.left_out, width)
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The fields that get lines of their own, and the others: the last ones if there are many, and those that few
/// records have.
fn split(fields: Vec<&FieldReport>, records: u64) -> (Vec<&FieldReport>, Vec<&FieldReport>) {
    if fields.len() <= FEW_FIELDS {
        return (fields, Vec::new());
    }
    let mut place = 0;
    fields.into_iter().partition(|field| {
        let is_telling = rank(field) < NOT_TELLING || records <= field.present.saturating_mul(100);
        place += usize::from(is_telling);
        is_telling && place <= FIELDS_MAX
    })
}

/// A line about the fields that have none of their own.
fn fold(folded: &[&FieldReport], left_out: u64, width: usize) -> String {
    let mut text = String::new();
    if !folded.is_empty() {
        let names: Vec<String> =
            folded.iter().filter(|f| f.name.is_some()).map(|f| name(f)).collect();
        let names =
            if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        let line = format!("{} more in --json{names}", folded.len());
        push_line(&mut text, &styled(QUIET, &cut_end(&line, width)));
    }
    if 0 < left_out {
        let line = format!(
            "{} belong to further fields, which are not listed separately",
            counted(left_out, "value")
        );
        push_line(&mut text, &styled(QUIET, &cut_end(&line, width)));
    }
    text
}

fn file_lines(file: &FileReport, width: usize) -> String {
    let mut form = vec![file.format.unwrap_or("unknown").to_owned()];
    match file.delimiter.as_deref() {
        Some("\t") => form.push("tab".to_owned()),
        Some(delimiter) => form.push(format!("`{}`", escape(delimiter))),
        None => {}
    }
    form.extend(file.records_in.as_ref().map(|path| format!("records in `{path}`")));
    if file.header == Some(false) {
        form.push("no header".to_owned());
    }
    let usual = [("none", file.compression), ("utf-8", file.encoding), ("lf", file.line_ends)];
    let unusual = usual.iter().filter(|(usual, found)| usual != found && *found != "none");
    form.extend(unusual.map(|(_, found)| (*found).to_owned()));
    form.extend([bytes(file.bytes), counted(file.records, "record")]);
    let rest = form.join(", ");
    let room = width.saturating_sub(columns(&rest) + 2).max(20);
    let line = format!("{}  {rest}\n", cut_middle(&escape(&file.name), room));
    if file.bad.is_empty() {
        return line;
    }
    let bad = format!("unreadable: {}", counts(&file.bad));
    line + &format!("  {}\n", styled(BAD, &cut_middle(&bad, width - 2)))
}

fn counts(counts: &std::collections::BTreeMap<&str, u64>) -> String {
    let counts = counts.iter().map(|(name, number)| format!("{name} {}", count(*number)));
    counts.collect::<Vec<_>>().join(", ")
}

/// How much there is to tell about a field; 0 is the most.
fn rank(field: &FieldReport) -> usize {
    let is_likely = field.detectors.iter().any(|found| found.likelihood == Likelihood::Likely);
    let finds = [is_likely, !field.fails.is_empty(), !field.detectors.is_empty()];
    let all = finds.into_iter().chain([field.field.is_some(), field.name.is_some(), true]);
    all.take_while(|holds| !holds).count()
}

/// Fields with findings first, then those of the schema, then the others; in the order of the file.
fn telling_first(report: &ScanReport) -> Vec<&FieldReport> {
    let mut fields: Vec<&FieldReport> = report.fields.iter().collect();
    fields.sort_by_key(|field| rank(field));
    fields
}

/// A cell and its style.
type Cell = (String, Option<anstyle::Style>);

/// A line for each field, and below it what fails and which words of the schema it has.
fn table(fields: &[&FieldReport], records: u64, width: usize) -> String {
    let wide = WIDE <= width;
    let mut heads = vec!["field", "filled", "distinct"];
    if wide {
        heads.extend(["length", "most frequent shape"]);
    }
    heads.extend(["is", "finds", "proposal"]);
    if wide {
        heads.push("because");
    }
    let rows: Vec<Vec<Cell>> = fields.iter().map(|field| row(field, records, wide)).collect();
    let room = room_of_columns(width, &heads, &rows);
    let heads: Vec<Cell> = heads.iter().map(|head| ((*head).to_owned(), Some(QUIET))).collect();
    let mut text = line(&heads, &room);
    for (field, row) in fields.iter().zip(&rows) {
        text += &line(row, &room);
        text += &fails(field, width);
        text += &words(field, width);
    }
    text
}

fn row(field: &FieldReport, records: u64, wide: bool) -> Vec<Cell> {
    let plain = |text: String| (text, None);
    let about = if EXACT_MAX < field.distinct { "~" } else { "" };
    let distinct = format!("{about}{}", count(field.distinct));
    let mut cells =
        vec![plain(name(field)), plain(percent(field.present, records)), plain(distinct)];
    if wide {
        let length = field.length.map_or_else(String::new, |(least, most)| {
            if least == most { count(least) } else { format!("{least}–{most}") }
        });
        let mut shapes = field.shapes.iter().map(|(shape, _)| shape.as_str());
        let shape = shapes.find(|shape| *shape != "other").unwrap_or_default();
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
    let found = found.collect::<Vec<_>>().join(" ");
    cells.extend([plain(is), (found, Some(CAREFUL)), plain(field.op.to_owned())]);
    if wide {
        cells.push((field.reason.clone(), Some(QUIET)));
    }
    cells
}

fn name(field: &FieldReport) -> String {
    escape(field.shown_name())
}

/// How wide each column is: as its widest cell, but the widest columns give way until all fit.
fn room_of_columns(width: usize, heads: &[&str], rows: &[Vec<Cell>]) -> Vec<usize> {
    const LEAST: usize = 8;
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|(text, _)| columns(text));
        let head = heads.get(column).map_or(0, |head| columns(head));
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
        let is_sentence = index == BECAUSE;
        let text = if is_sentence { cut_end(text, *room) } else { cut_middle(text, *room) };
        let shown = style.map_or_else(|| text.clone(), |style| styled(style, &text));
        // Shares and counts end below each other.
        let padding = padding(&text, *room);
        let (before, after) =
            if matches!(index, 1 | 2) { (&*padding, "") } else { ("", &*padding) };
        line.extend([before, &shown, after, "  "]);
    }
    line.trim_end().to_owned() + "\n"
}

/// What fails, and what would fix it.
fn fails(field: &FieldReport, width: usize) -> String {
    if field.fails.is_empty() {
        return String::new();
    }
    let repairs = field.repairs.iter();
    let repairs =
        repairs.map(|(setting, records)| format!("; {setting} fixes {}", count(*records)));
    let text = format!("{}{}", counts(&field.fails), repairs.collect::<String>());
    let text = cut_end(&text, width - 2 - "fails ".len());
    format!("  {} {text}\n", styled(BAD, "fails"))
}

/// The words that the schema lists.
fn words(field: &FieldReport, width: usize) -> String {
    if field.values.is_empty() {
        return String::new();
    }
    let more = field.values.len().saturating_sub(WORDS_MAX);
    let words = field.values.iter().take(WORDS_MAX);
    let mut words: Vec<String> =
        words.map(|(word, records)| format!("{word} {}", count(*records))).collect();
    if 0 < more {
        words.push(format!("and {more} more"));
    }
    format!("  {}\n", styled(QUIET, &cut_end(&words.join(", "), width - 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_file_fits_whatever_its_name() {
        for name in ["a".repeat(100), "日本語".repeat(30)] {
            let line = file_lines(&FileReport { name, ..FileReport::default() }, 80);
            let line = anstream::adapter::strip_str(&line).to_string();
            assert!(columns(line.trim_end()) <= 80, "{line}");
        }
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
