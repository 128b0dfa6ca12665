//! `[account]`, `[[output]]` and `[run]`: where everything goes, and with what means.

use super::Surroundings;
use crate::pipeline::places::{self, Place};
use crate::pipeline::plan::{DigestKind, OutputFormat, RunPlan};
use crate::pipeline::section::{Section, choose};
use crate::pipeline::source::{Faults, Spanned};
use crate::pipeline::tree::{Item, Value};

/// The share of rejected records above which nothing is published, where the definition says nothing.
const MAX_REJECT_RATIO: f64 = 0.05;
const THREADS_MAX: u64 = 1024;
/// Far above what helps; spans in a chunk have 32 bits.
const CHUNK_BYTES_MAX: u64 = 1 << 30;

/// `[account]`, read and typed.
#[derive(Clone, Debug)]
pub struct Account {
    pub to: Place,
    pub max_reject_ratio: f64,
    pub max_rejects: Option<u64>,
    pub keep_rejected: bool,
}

/// One `[[output]]`, read and typed.
#[derive(Clone, Debug)]
pub struct Output {
    pub to: Place,
    pub format: OutputFormat,
    /// None for what the target's import job takes.
    pub max_bytes: Option<Spanned<u64>>,
    pub digest: DigestKind,
}

pub(super) fn read_account(
    root: &mut Section<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
) -> Account {
    let help =
        "write `[account]`, and below it `to = \"…\"`: a folder for what happened to every record";
    let mut account = Account {
        to: Place::default(),
        max_reject_ratio: MAX_REJECT_RATIO,
        max_rejects: None,
        keep_rejected: false,
    };
    let Some(mut section) = root.required_section("account", help, faults) else { return account };
    account.to = read_to(&mut section, around, faults);
    if let Some(ratio) = section.ratio("max_reject_ratio", faults) {
        account.max_reject_ratio = ratio;
    }
    account.max_rejects = section.whole("max_rejects", 0..=u64::MAX, faults);
    account.keep_rejected = section.boolean("keep_rejected", faults).unwrap_or(false);
    section.finish(faults);
    account
}

pub(super) fn read_outputs(
    root: &mut Section<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
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

fn read_output(item: &Item, around: &Surroundings<'_>, faults: &mut Faults<'_>) -> Option<Output> {
    let Value::Table(table) = &item.value else {
        let help = "write `[[output]]` on a line, and below it `to = \"…\"`";
        faults.push(item.at, format!("an output is {}", item.value.kind()), "", help);
        return None;
    };
    let mut section = Section::new("`[[output]]`", table, item.at);
    section.refuse_later(&["columns"], faults);
    let output = Output {
        to: read_to(&mut section, around, faults),
        format: read_format(&mut section, faults),
        max_bytes: section.size("max_bytes", 1..=u64::MAX, faults),
        digest: section
            .choice(
                "digest",
                &[("sha256", DigestKind::Sha256), ("crc64nvme", DigestKind::Crc64Nvme)],
                &[],
                faults,
            )
            .unwrap_or(DigestKind::Sha256),
    };
    section.finish(faults);
    Some(output)
}

fn read_format(section: &mut Section<'_>, faults: &mut Faults<'_>) -> OutputFormat {
    let formats = [("pinpoint-json", OutputFormat::PinpointJson)];
    let later = ["pinpoint-csv", "parquet", "profiles-csv"];
    let word = section.required_text("format", "write `format = \"pinpoint-json\"`", faults);
    word.and_then(|word| choose("format", word, &formats, &later, faults))
        .unwrap_or(OutputFormat::PinpointJson)
}

fn read_to(section: &mut Section<'_>, around: &Surroundings<'_>, faults: &mut Faults<'_>) -> Place {
    let to = section.required_text(
        "to",
        "name a folder of its own, such as `to = \"out/NAME/\"`",
        faults,
    );
    to.and_then(|to| places::read("to", to, places::Use::Output, around, faults))
        .unwrap_or_default()
}

pub(super) fn read_run(root: &mut Section<'_>, faults: &mut Faults<'_>) -> RunPlan {
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
