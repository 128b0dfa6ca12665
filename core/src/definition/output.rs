//! `[account]` and `[[output]]`: where everything is written, and the budgets of a run.
//! `storing.rs` has the settings for buckets.

use super::document::location::{self, Use};
use super::document::{Diagnostics, Item, Location, Origin, Section, Spanned, Value, choose, text};
use super::environment::Environment;
use super::profiles::{self, ProfileSettings};
use super::storing::{self, Storing};
use super::vocabulary::{DigestKind, OutputFormat, PartLayout};
use crate::decode::COLUMNS_MAX;

/// The default of `max_reject_ratio`.
const MAX_REJECT_RATIO: f64 = 0.05;

/// The default of `max_op_failed_ratio`.
const MAX_OP_FAILED_RATIO: f64 = 0.2;

/// `[account]`.
#[derive(Clone, Debug)]
pub struct Account {
    pub to: Location,
    /// The share of rejected records above which nothing is published, from 0 to 1.
    pub max_reject_ratio: f64,
    /// The number of rejected records above which nothing is published.
    pub max_rejects: Option<u64>,
    /// The share of the records of the run that is replaced below which nothing is published.
    pub max_shrink: Option<f64>,
    /// The share of a rule's values to which its operation could not apply, above which nothing is
    /// published, from 0 to 1.
    pub max_op_failed_ratio: f64,
    /// Whether the text of rejected records is kept.
    pub keep_rejected: bool,
    /// Whether the account has events of OpenLineage.
    pub lineage: bool,
    /// How the objects of an account in a bucket are stored.
    pub storing: Storing,
}

/// An `[[output]]`.
#[derive(Clone, Debug)]
pub struct Output {
    pub to: Location,
    pub format: OutputFormat,
    /// The location of `format`, or of the output if `format` is missing.
    pub(crate) format_at: Origin,
    /// The largest part in bytes. `None`: what the target takes.
    pub max_bytes: Option<Spanned<u64>>,
    pub digest: DigestKind,
    /// The columns of CSV. `None`: those of the inputs' headers.
    pub columns: Option<Vec<Column>>,
    /// Whether CSV has a `'` before attributes that a spreadsheet would take for formulas.
    pub quotes_formulas: bool,
    /// What profiles are made of, if the output has some.
    pub profiles: Option<ProfileSettings>,
    /// The permissions of the parts on disk, such as `0o640`. `None`: 0640 less the umask.
    pub mode: Option<u32>,
    /// How the objects of an output in a bucket are stored.
    pub storing: Storing,
}

/// An item of `columns`.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Spanned<String>,
    /// The number of columns with that name.
    pub repeat: usize,
}

pub(super) fn read_account(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Account {
    let help = "write `[account]`, and below it `to = \"…\"`: the folder that says what happened to \
                every record";
    let mut account = Account {
        to: Location::default(),
        max_reject_ratio: MAX_REJECT_RATIO,
        max_rejects: None,
        max_shrink: None,
        max_op_failed_ratio: MAX_OP_FAILED_RATIO,
        keep_rejected: false,
        lineage: false,
        storing: Storing::default(),
    };
    let Some(mut section) = root.required_section("account", help, diagnostics) else {
        return account;
    };
    section.refuse_later(&["leak_scan"], diagnostics);
    account.to = read_to(&mut section, Use::Account, environment, diagnostics);
    if let Some(ratio) = section.ratio("max_reject_ratio", diagnostics) {
        account.max_reject_ratio = ratio;
    }
    if let Some(ratio) = section.ratio("max_op_failed_ratio", diagnostics) {
        account.max_op_failed_ratio = ratio;
    }
    account.max_rejects = section.whole("max_rejects", 0..=u64::MAX, diagnostics);
    account.max_shrink = section.ratio("max_shrink", diagnostics);
    account.keep_rejected = section.boolean("keep_rejected", diagnostics).unwrap_or(false);
    account.lineage = section.boolean("lineage", diagnostics).unwrap_or(false);
    account.storing = storing::read(&mut section, diagnostics);
    section.finish(diagnostics);
    account
}

const OUTPUT_HELP: &str = "write `[[output]]` on a line, and below it `to = \"…\"`";

pub(super) fn read_outputs(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Output> {
    let Some(entry) = root.entry("output") else {
        diagnostics.push(root.at(), "the definition has no output", "", OUTPUT_HELP);
        return Vec::new();
    };
    if entry.item.value.as_table().is_some() {
        let message = "`output` is a table, not a list of tables";
        diagnostics.push(entry.key_at, message, "", OUTPUT_HELP);
        return Vec::new();
    }
    let items = entry.item.value.as_list().unwrap_or_default();
    if items.is_empty() {
        diagnostics.push(entry.key_at, "the definition has no output", "", OUTPUT_HELP);
    }
    let outputs: Vec<Output> =
        items.iter().filter_map(|item| read_output(item, environment, diagnostics)).collect();
    check_standard_output(&outputs, diagnostics);
    outputs
}

/// Checks that an output to standard output is the only one, and consists of lines.
fn check_standard_output(outputs: &[Output], diagnostics: &mut Diagnostics<'_>) {
    for output in outputs.iter().filter(|output| output.to.is_standard_output()) {
        if 1 < outputs.len() {
            let message = "standard output (`to = \"-\"`) must be the only output";
            let help = "remove the other outputs, or name a folder";
            diagnostics.push(output.to.at, message, "", help);
        }
        if output.format.layout() != PartLayout::Lines {
            let message = format!("`{}` can't be written to standard output", output.format.name());
            let help = "use a format of lines, such as \"pinpoint-json\", or name a folder";
            diagnostics.push(output.format_at, message, "", help);
        }
    }
}

fn read_output(
    item: &Item,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Output> {
    let Value::Table(table) = &item.value else {
        let message = format!("an output is {}, not a table", item.value.kind());
        diagnostics.push(item.at, message, "", OUTPUT_HELP);
        return None;
    };
    let mut section = Section::new("`[[output]]`", table, item.at);
    section.refuse_later(&["profile"], diagnostics);
    let digests = [("sha256", DigestKind::Sha256), ("crc64nvme", DigestKind::Crc64Nvme)];
    let formulas = [("keep", false), ("quote", true)];
    let format_at = section.item("format").map_or(section.at(), |item| item.at);
    let to = read_to(&mut section, Use::Output, environment, diagnostics);
    let format = read_format(&mut section, diagnostics);
    let output = Output {
        to,
        format,
        format_at,
        max_bytes: section.size("max_bytes", 1..=u64::MAX, diagnostics),
        digest: section.choice("digest", &digests, &[], diagnostics).unwrap_or(DigestKind::Sha256),
        columns: read_columns(&mut section, diagnostics),
        quotes_formulas: section.choice("formula", &formulas, &[], diagnostics).unwrap_or(false),
        profiles: profiles::read(&mut section, format, diagnostics),
        mode: read_mode(&mut section, diagnostics),
        storing: storing::read(&mut section, diagnostics),
    };
    if !output.format.is_csv() {
        refuse_csv_settings(&mut section, diagnostics);
    }
    section.finish(diagnostics);
    Some(output)
}

/// Reads permissions in octal digits, as `chmod` takes them. The owner must be able to read and write;
/// nobody can execute.
fn read_mode(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<u32> {
    let word = section.text("mode", diagnostics)?;
    let is_octal = (3..=4).contains(&word.value.len())
        && word.value.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(word.value, 8).ok().filter(|_| is_octal);
    let mode = mode.filter(|mode| mode & 0o600 == 0o600 && mode & !0o666 == 0);
    if mode.is_none() {
        let help = "write octal digits for reading and writing, with both for the owner, such as \
                    `\"0600\"`, `\"0640\"` or `\"0644\"`";
        diagnostics.push(word.at, "`mode` is not a file mode that parts can have", "", help);
    }
    mode
}

/// Reports the settings that only an output of CSV has.
fn refuse_csv_settings(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) {
    for key in ["columns", "formula"] {
        if let Some(entry) = section.entry(key) {
            let message = format!("`{key}` needs `format = \"pinpoint-csv\"`");
            diagnostics.push(entry.key_at, message, "", "remove it, or change the format");
        }
    }
}

fn read_columns(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Vec<Column>> {
    let item = section.item("columns")?;
    let Some(items) = item.value.as_list() else {
        let help =
            "write a list such as `[\"Address\", { name = \"Attributes.Plan\", repeat = 3 }]`";
        diagnostics.push(item.at, format!("`columns` is {}", item.value.kind()), "", help);
        return None;
    };
    if items.is_empty() {
        diagnostics.push(item.at, "`columns` is empty", "", "name at least one, or remove it");
    }
    let columns: Vec<Column> =
        items.iter().filter_map(|item| read_column(item, diagnostics)).collect();
    if COLUMNS_MAX < columns.iter().map(|column| column.repeat).sum() {
        let message = format!("there are more than {COLUMNS_MAX} `columns`");
        diagnostics.push(item.at, message, "", "name fewer, or repeat them less often");
    }
    Some(columns)
}

fn read_column(item: &Item, diagnostics: &mut Diagnostics<'_>) -> Option<Column> {
    let Value::Table(table) = &item.value else {
        return text("columns", item, diagnostics)
            .map(|name| Column { name: name.into_owned(), repeat: 1 });
    };
    let mut section = Section::new("a column", table, item.at);
    let help = "write `{ name = \"Attributes.Plan\", repeat = 3 }`";
    let name = section.required_text("name", help, diagnostics);
    let most = u64::try_from(COLUMNS_MAX).unwrap_or(u64::MAX);
    let repeat = section.whole("repeat", 1..=most, diagnostics).unwrap_or(1);
    section.finish(diagnostics);
    let repeat = usize::try_from(repeat).expect("the range above fits");
    name.map(|name| Column { name: name.into_owned(), repeat })
}

fn read_format(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> OutputFormat {
    let formats = OutputFormat::ALL.map(|format| (format.name(), format));
    let word = section.required_text("format", "write `format = \"pinpoint-json\"`", diagnostics);
    word.and_then(|word| choose("format", word, &formats, &["audience-csv"], diagnostics))
        .unwrap_or(OutputFormat::PinpointJson)
}

fn read_to(
    section: &mut Section<'_>,
    usage: Use,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Location {
    let help = "name a folder for it alone, such as `to = \"out/NAME/\"`";
    let to = section.required_text("to", help, diagnostics);
    to.and_then(|to| location::read("to", to, usage, environment, diagnostics)).unwrap_or_default()
}
