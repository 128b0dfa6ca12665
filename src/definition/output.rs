//! `[account]`, `[[output]]` and `[run]`: where everything goes, and with what means.

use super::document::location::{self, Use};
use super::document::{Diagnostics, Item, Location, Origin, Section, Spanned, Value, choose, text};
use super::environment::Environment;
use super::storing::{self, Storing};
use super::vocabulary::{DigestKind, OutputFormat, RunPlan};
use crate::decode::COLUMNS_MAX;

/// The share of rejected records above which nothing is published, where the definition says nothing.
const MAX_REJECT_RATIO: f64 = 0.05;
const THREADS_MAX: u64 = 1024;
/// Far above what helps; spans in a chunk have 32 bits.
const CHUNK_BYTES_MAX: u64 = 1 << 30;

/// `[account]`, read and typed.
#[derive(Clone, Debug)]
pub struct Account {
    pub to: Location,
    pub max_reject_ratio: f64,
    pub max_rejects: Option<u64>,
    pub keep_rejected: bool,
    /// How its objects are stored, where it is in a bucket.
    pub storing: Storing,
}

/// One `[[output]]`, read and typed.
#[derive(Clone, Debug)]
pub struct Output {
    pub to: Location,
    pub format: OutputFormat,
    /// Where the format stands; the output itself where it is missing.
    pub(crate) format_at: Origin,
    /// None for what the target's import job takes.
    pub max_bytes: Option<Spanned<u64>>,
    pub digest: DigestKind,
    /// Of CSV; none for those of the inputs' headers.
    pub columns: Option<Vec<Column>>,
    /// Whether attributes in CSV that a spreadsheet would take for formulas get a `'` in front.
    pub quotes_formulas: bool,
    /// How its objects are stored, where it is in a bucket.
    pub storing: Storing,
}

/// One item of `columns`, with where it stands.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Spanned<String>,
    /// How many columns bear the name.
    pub repeat: usize,
}

pub(crate) fn read_account(
    root: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Account {
    let help =
        "write `[account]`, and below it `to = \"…\"`: a folder for what happened to every record";
    let mut account = Account {
        to: Location::default(),
        max_reject_ratio: MAX_REJECT_RATIO,
        max_rejects: None,
        keep_rejected: false,
        storing: Storing::default(),
    };
    let Some(mut section) = root.required_section("account", help, faults) else { return account };
    account.to = read_to(&mut section, around, faults);
    if let Some(ratio) = section.ratio("max_reject_ratio", faults) {
        account.max_reject_ratio = ratio;
    }
    account.max_rejects = section.whole("max_rejects", 0..=u64::MAX, faults);
    account.keep_rejected = section.boolean("keep_rejected", faults).unwrap_or(false);
    account.storing = storing::read(&mut section, faults);
    section.finish(faults);
    account
}

pub(crate) fn read_outputs(
    root: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Vec<Output> {
    let help = "write `[[output]]` on a line, and below it `to = \"…\"`";
    let Some(entry) = root.entry("output") else {
        faults.push(root.at(), "the definition has no output", "", help);
        return Vec::new();
    };
    if entry.item.value.as_table().is_some() {
        let what = "`output` is one table, and it should be a list of them";
        faults.push(entry.key_at, what, "", help);
        return Vec::new();
    }
    let items = entry.item.value.as_list().unwrap_or_default();
    if items.is_empty() {
        faults.push(entry.key_at, "the definition has no output", "", help);
    }
    items.iter().filter_map(|item| read_output(item, around, faults)).collect()
}

fn read_output(
    item: &Item,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<Output> {
    let Value::Table(table) = &item.value else {
        let help = "write `[[output]]` on a line, and below it `to = \"…\"`";
        faults.push(item.at, format!("an output is {}", item.value.kind()), "", help);
        return None;
    };
    let mut section = Section::new("`[[output]]`", table, item.at);
    let format_at = section.take("format").map_or(section.at(), |item| item.at);
    let output = Output {
        to: read_to(&mut section, around, faults),
        format: read_format(&mut section, faults),
        format_at,
        max_bytes: section.size("max_bytes", 1..=u64::MAX, faults),
        digest: section
            .choice(
                "digest",
                &[("sha256", DigestKind::Sha256), ("crc64nvme", DigestKind::Crc64Nvme)],
                &[],
                faults,
            )
            .unwrap_or(DigestKind::Sha256),
        columns: read_columns(&mut section, faults),
        quotes_formulas: section
            .choice("formula", &[("keep", false), ("quote", true)], &[], faults)
            .unwrap_or(false),
        storing: storing::read(&mut section, faults),
    };
    refuse_csv_keys(&mut section, output.format, faults);
    section.finish(faults);
    Some(output)
}

/// What only a CSV output has.
fn refuse_csv_keys(section: &mut Section<'_>, format: OutputFormat, faults: &mut Diagnostics<'_>) {
    for key in ["columns", "formula"] {
        if let Some(entry) = section.entry(key).filter(|_| !format.is_csv()) {
            let what = format!("`{key}` is for `format = \"pinpoint-csv\"`");
            faults.push(entry.key_at, what, "", "leave it out, or change the format");
        }
    }
}

fn read_columns(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<Vec<Column>> {
    let item = section.take("columns")?;
    let help =
        "it takes a list such as `[\"Address\", { name = \"Attributes.Plan\", repeat = 3 }]`";
    let Some(items) = item.value.as_list() else {
        faults.push(item.at, format!("`columns` is {}", item.value.kind()), "", help);
        return None;
    };
    if items.is_empty() {
        faults.push(item.at, "`columns` is empty", "", "name at least one, or leave it out");
    }
    let columns: Vec<Column> = items.iter().filter_map(|item| read_column(item, faults)).collect();
    if COLUMNS_MAX < columns.iter().map(|column| column.repeat).sum() {
        let what = format!("`columns` are over {COLUMNS_MAX}");
        faults.push(item.at, what, "", "no header has so many: name fewer, or repeat them less");
    }
    Some(columns)
}

fn read_column(item: &Item, faults: &mut Diagnostics<'_>) -> Option<Column> {
    let Value::Table(table) = &item.value else {
        return text("columns", item, faults)
            .map(|name| Column { name: name.into_owned(), repeat: 1 });
    };
    let mut section = Section::new("a column", table, item.at);
    let help = "write `{ name = \"Attributes.Plan\", repeat = 3 }`";
    let name = section.required_text("name", help, faults);
    let most = u64::try_from(COLUMNS_MAX).unwrap_or(u64::MAX);
    let repeat = section.whole("repeat", 1..=most, faults).unwrap_or(1);
    section.finish(faults);
    let repeat = usize::try_from(repeat).expect("the range above fits");
    name.map(|name| Column { name: name.into_owned(), repeat })
}

fn read_format(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> OutputFormat {
    let formats = OutputFormat::ALL.map(|format| (format.name(), format));
    let word = section.required_text("format", "write `format = \"pinpoint-json\"`", faults);
    word.and_then(|word| choose("format", word, &formats, &["profiles-csv"], faults))
        .unwrap_or(OutputFormat::PinpointJson)
}

fn read_to(
    section: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Location {
    let to = section.required_text(
        "to",
        "name a folder of its own, such as `to = \"out/NAME/\"`",
        faults,
    );
    to.and_then(|to| location::read("to", to, Use::Output, around, faults)).unwrap_or_default()
}

pub(crate) fn read_run(root: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> RunPlan {
    let Some(mut section) = root.section("run", faults) else { return RunPlan::default() };
    let threads = section.whole("threads", 1..=THREADS_MAX, faults);
    let chunk_bytes = section.size("chunk_bytes", 1..=CHUNK_BYTES_MAX, faults);
    section.finish(faults);
    let narrow = |number: u64| usize::try_from(number).expect("the ranges above fit in 32 bits");
    RunPlan {
        threads: threads.map(narrow),
        chunk_bytes: chunk_bytes.map(|size| narrow(size.value)),
    }
}
