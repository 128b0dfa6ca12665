//! What a manifest says, in sentences for people who answer for data and read no JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{
    Block, Cell, Document, Flow, FlowKind, Table, Verdict, Words, marked, name, plain, strong,
};
use super::operations::{self, field_words};
use super::personal;
use crate::definition::STANDARD_OUTPUT;
use crate::report::advice::advice;
use crate::report::quantities::{bytes, count, counted, duration, percent, whole};
use crate::report::{Exceeded, KeyNote, Manifest, OutputNote, PartNote, ProfilesNote, Status};

/// So many parts, names and warnings are listed. The manifest has all of them.
const LISTED_MAX: usize = 250;

pub(super) fn document(manifest: &Manifest) -> Document {
    let verdict = match manifest.status {
        Status::Published => Verdict::Published,
        Status::OverBudget if manifest.writes_to_standard_output() => Verdict::OverBudgetAfterwards,
        Status::OverBudget => Verdict::OverBudget,
        Status::DryRun => Verdict::DryRun,
    };
    let mut document = Document {
        title: format!("What happened to the data: {}", manifest.name),
        verdict: Some(verdict),
        lead: lead(manifest),
        sections: Vec::new(),
    };
    document.add("balance", "What came in and went out", balance(manifest));
    document.add("fields", "What happened to each field", operations::blocks(manifest));
    document.add("clear", "What stays in the clear", operations::in_the_clear(manifest));
    document.add("personal", "Personal data in what is kept", personal::blocks(manifest));
    document.add("keys", "Keys", keys(manifest));
    document.add("rejects", "Rejected records", rejects(manifest));
    document.add("lists", "Suppression lists", lists(manifest));
    document.add("repairs", "Repaired and removed values", repairs(manifest));
    document.add("unknown", "Fields that are not written", unknown(manifest));
    document.add("files", "Files and their digests", files(manifest));
    document.add("run", "The run", run(manifest));
    document
}

fn number(value: u64) -> Cell {
    Cell::Number(count(value))
}

fn lead(manifest: &Manifest) -> Vec<Block> {
    let records = &manifest.records;
    let dropped: u64 = records.dropped.values().sum();
    let were = |number: u64| if number == 1 { "was" } else { "were" };
    let wrote = match manifest.status {
        Status::Published => format!(" {} written, ", were(records.written)),
        Status::OverBudget | Status::DryRun => " would have been written, ".to_owned(),
    };
    let them = if records.rejected == 1 { "it" } else { "them" };
    let summary = vec![
        plain("Of "),
        strong(counted(records.read, "record")),
        plain(" that came in, "),
        strong(count(records.written)),
        plain(wrote),
        strong(count(records.rejected)),
        plain(format!(
            " {} rejected because something was wrong with {them}, and ",
            were(records.rejected)
        )),
        strong(count(dropped)),
        plain(format!(
            " {} left out on purpose. Nothing else happened to any record: the numbers add up.",
            were(dropped)
        )),
    ];
    let purpose = match manifest.purpose.as_str() {
        "messaging" => {
            "The result is for sending messages, so addresses stay as they are. Whoever has the files can read them."
        }
        _ => {
            "The result is for analysis, and not for import: no address stays in the clear. Pseudonyms are still \
             personal data."
        }
    };
    let mut blocks = vec![Block::Text(summary), Block::Text(vec![plain(purpose)])];
    let exceeded = manifest.exceeded.iter().map(|over| {
        let budget = over.budget.clone().unwrap_or_else(|| "records to write".to_owned());
        let of_rule = over.rule.as_ref().map(|rule| {
            vec![plain(" for the rule "), name(&rule.path), plain(" ("), name(&rule.op), plain(")")]
        });
        let mut words = vec![strong("Over budget: "), name(budget)];
        words.extend(of_rule.into_iter().flatten());
        words.push(plain(format!(" allows {}, and {} was found.", over.allowed, shown(over))));
        words
    });
    let warnings = manifest.warnings.iter().map(|warning| marked(warning));
    let mut alerts: Vec<Words> = exceeded.chain(warnings).collect();
    let left_out = alerts.len().saturating_sub(LISTED_MAX);
    alerts.truncate(LISTED_MAX);
    if 0 < left_out {
        alerts.push(vec![plain(format!("{left_out} more warnings are in the manifest."))]);
    }
    if !alerts.is_empty() {
        blocks.push(Block::Alert(alerts));
    }
    blocks
}

fn balance(manifest: &Manifest) -> Vec<Block> {
    let records = &manifest.records;
    let flow = |kind, label: String, number: u64| Flow {
        kind,
        label,
        records: number,
        share: share(number, records.read),
        percent: percent(number, records.read),
    };
    let word = if manifest.status == Status::Published { "written" } else { "valid" };
    let mut flows = vec![
        flow(FlowKind::Written, word.to_owned(), records.written),
        flow(FlowKind::Rejected, "rejected".to_owned(), records.rejected),
    ];
    let dropped = records.dropped.iter().filter(|(_, number)| 0 < **number);
    flows.extend(
        dropped.map(|(reason, number)| {
            flow(FlowKind::Dropped, format!("left out: {reason}"), *number)
        }),
    );
    let rows = flows.iter().map(|flow| {
        let meaning = meaning_of(&flow.label);
        vec![
            plain(flow.label.clone()).into(),
            plain(meaning).into(),
            number(flow.records),
            Cell::Number(flow.percent.clone()),
        ]
    });
    let head = ["Records", "What that means", "Number", "Share"];
    let table = Table::of("Every record that was read, counted once", &head, rows);
    let mut blocks = Vec::new();
    if 0 < records.read {
        blocks.push(Block::Balance(flows.clone()));
    }
    blocks.extend(table);
    blocks
}

fn meaning_of(label: &str) -> &'static str {
    match label {
        "written" => "in the files below",
        "valid" => "would be in the files if the run had published them",
        "rejected" => "something was wrong with the record; rejects.ndjson says where and what",
        "left out: inactive" => "marked as inactive: an import would make it active again",
        "left out: suppressed" => "on a list of people to leave out",
        "left out: duplicate" => "another record with the same values is in the files",
        "left out: user_limit" => {
            "its user has newer records, and no more than these may be written"
        }
        "left out: header" => "a row that repeats the header of its file",
        _ => "left out by the definition",
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "for a picture")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn keys(manifest: &Manifest) -> Vec<Block> {
    let rows = manifest.keys.iter().map(|KeyNote { id, check, demo }| {
        let note = if *demo {
            "published for trials: tokens made with it protect nobody"
        } else {
            "secret: whoever has it can make the same tokens"
        };
        vec![name(id).into(), name(check).into(), plain(note).into()]
    });
    let table = Table::of("Keys of the definition", &["Key", "Check value", "Note"], rows);
    let about = "A check value tells keys apart and reveals nothing of them. A key itself is never in an account.";
    table.map_or_else(Vec::new, |table| vec![Block::Text(vec![plain(about)]), table])
}

/// What was found, with as many decimals as tell it from what is allowed, and no fewer than four.
fn shown(over: &Exceeded) -> String {
    let rounded = (4..=15).map(|decimals| {
        let text = format!("{:.decimals$}", over.found);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    });
    let mut differing = rounded.filter(|text| text.parse() != Ok(over.allowed));
    differing.next().unwrap_or_else(|| over.found.to_string())
}

/// Names with their numbers, the largest first.
fn most_first(counts: &BTreeMap<String, u64>) -> Vec<(&String, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(name, number)| (name, *number)).collect();
    counts.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    counts.truncate(LISTED_MAX);
    counts
}

fn rejects(manifest: &Manifest) -> Vec<Block> {
    let rejects = &manifest.rejects;
    let codes = most_first(&rejects.by_code).into_iter().map(|(code, number_of)| {
        let advice = advice(code).unwrap_or_default();
        vec![name(code).into(), Cell::Words(marked(advice)), number(number_of)]
    });
    let head = ["Code", "What to do", "Problems"];
    let mut blocks: Vec<Block> = Table::of("Problems by code", &head, codes).into_iter().collect();
    let fields = most_first(&rejects.by_field).into_iter().map(|(field, number_of)| {
        let field =
            if field.is_empty() { plain("the record as a whole") } else { field_words(field) };
        vec![field.into(), number(number_of)]
    });
    blocks.extend(Table::of("Problems by field", &["Field", "Problems"], fields));
    let would = most_first(&rejects.by_repair).into_iter().map(|fix| (fix, "would be fixed"));
    let may = most_first(&rejects.by_setting).into_iter().map(|fix| (fix, "may be fixed"));
    let fixes = would.chain(may).map(|((setting, number_of), verb)| {
        vec![name(setting).into(), plain(verb).into(), number(number_of)]
    });
    blocks.extend(Table::of(
        "Settings that would fix records",
        &["Setting", "Records", "Number"],
        fixes,
    ));
    if !blocks.is_empty() {
        let about = "Each rejected record is a line of rejects.ndjson beside this page: its file, line, field and \
                     code, never its content.";
        blocks.insert(0, Block::Text(vec![plain(about)]));
        if manifest.definition.settings.contains_key("account.keep_rejected") {
            let kept = "The definition says whether rejected records are kept. If they are, rejected-records/ beside this \
                        page has them as they came in, with whatever is personal in them. Remove it when they are fixed.";
            blocks.insert(1, Block::Alert(vec![vec![plain(kept)]]));
        }
    }
    blocks
}

fn lists(manifest: &Manifest) -> Vec<Block> {
    let rows = manifest.suppress.iter().map(|list| {
        let effect = match list.action.as_str() {
            "drop" => "people on it are left out",
            _ => "people on it are opted out",
        };
        vec![
            name(list.from.join(", ")).into(),
            field_words(&list.field).into(),
            plain(effect).into(),
            number(list.entries),
            number(list.unusable),
            number(list.matches),
        ]
    });
    let head = ["List", "Compared with", "Effect", "Entries", "Unusable", "Records found"];
    Table::of("Lists of people, of which no entry is shown", &head, rows).into_iter().collect()
}

fn repairs(manifest: &Manifest) -> Vec<Block> {
    let repaired = manifest.repairs.iter().flat_map(|(kind, fields)| {
        let fields = most_first(fields).into_iter();
        fields.map(move |(field, number_of)| {
            vec![
                field_words(field).into(),
                name(format!("repair.{kind}")).into(),
                number(number_of),
            ]
        })
    });
    let removed = most_first(&manifest.removed_invalid).into_iter().map(|(field, number_of)| {
        vec![field_words(field).into(), plain("invalid, so removed").into(), number(number_of)]
    });
    let head = ["Field", "What was done", "Values"];
    let caption = "Values of written records that were changed before the rules";
    Table::of(caption, &head, repaired.chain(removed)).into_iter().collect()
}

fn unknown(manifest: &Manifest) -> Vec<Block> {
    let rows = most_first(&manifest.unknown_fields).into_iter().map(|(field, number_of)| {
        let field = match field.as_str() {
            "(export only)" => plain("fields that only exports have"),
            "other" => plain("others"),
            _ => field_words(field),
        };
        vec![field.into(), number(number_of)]
    });
    let caption = "Fields of the input that are none of the schema; they were left out";
    Table::of(caption, &["Field", "Values"], rows).into_iter().collect()
}

fn files(manifest: &Manifest) -> Vec<Block> {
    let mut blocks = Vec::new();
    if manifest.is_over_budget() && !manifest.writes_to_standard_output() {
        let what = "Nothing was published. If an earlier run had published its result there, that stays, and its manifest \
                    is manifest.earlier.json beside this page.";
        blocks.push(Block::Text(vec![plain(what)]));
    }
    for output in &manifest.outputs {
        let files = counted(u64::try_from(output.files.len()).unwrap_or(u64::MAX), "file");
        let what = match (manifest.status, output.import_ready) {
            (Status::OverBudget, _) if output.to == STANDARD_OUTPUT => {
                format!(
                    " (standard output): {}. Records that went there must not be used.",
                    output.format
                )
            }
            (Status::OverBudget, _) => format!(": {}. No file of this run.", output.format),
            (Status::DryRun, _) => format!(": {}. Nothing is written in a trial.", output.format),
            (Status::Published, true) => format!(": {}, {files}. Ready for import.", output.format),
            (Status::Published, false) => format!(": {}, {files}. Not for import.", output.format),
        };
        let about = vec![name(&output.to), plain(what)];
        blocks.push(Block::Text(about));
        let rows = output.files.iter().take(LISTED_MAX).map(part_row);
        let head = ["File", "Records", "Size", "Digest"];
        // Each table of a page has a name of its own, which screen readers list.
        let caption = format!("Files in {}, with the digest of their bytes", output.to);
        blocks.extend(Table::of(caption, &head, rows));
        blocks.extend(more_files(output));
        blocks.extend(output.profiles.iter().flat_map(|note| profiles(output, note)));
    }
    blocks
}

/// What was made of the records, and what has no place.
fn profiles(output: &OutputNote, note: &ProfilesNote) -> Vec<Block> {
    let listed = counted(note.lists.values().sum(), "opt-out");
    let (rows, columns) = (counted(note.rows, "profile"), counted(note.columns, "column"));
    let mut blocks =
        vec![Block::Text(vec![plain(format!("{rows} in {columns}, {listed} on lists."))])];
    let unplaced = note.unplaced.iter().take(LISTED_MAX);
    let unplaced = unplaced.map(|(field, values)| vec![field_words(field).into(), number(*values)]);
    let caption = format!("Values that are in no profile of {}", output.to);
    blocks.extend(Table::of(caption, &["Field", "Values"], unplaced));
    blocks
}

fn part_row(part: &PartNote) -> Vec<Cell> {
    let sha256 = part.sha256.iter().map(|digest| format!("SHA-256 {digest}"));
    let crc = part.crc64nvme.iter().map(|digest| format!("CRC64-NVME {digest}"));
    let digest: Vec<String> = sha256.chain(crc).collect();
    let size = Cell::Number(bytes(part.bytes));
    vec![name(&part.path).into(), number(part.records), size, name(digest.join(" ")).into()]
}

fn more_files(output: &OutputNote) -> Option<Block> {
    let more = output.files.len().checked_sub(LISTED_MAX).filter(|more| 0 < *more)?;
    Some(Block::Text(vec![plain(format!("{more} more files are in the manifest."))]))
}

fn run(manifest: &Manifest) -> Vec<Block> {
    let Manifest { timing, inputs, .. } = manifest;
    let time = Duration::try_from_secs_f64(timing.seconds).unwrap_or_default();
    let threads = u64::try_from(timing.threads).unwrap_or(u64::MAX);
    let mut rows = vec![
        ("Definition", name(&manifest.name)),
        ("Id of the run", name(&manifest.run)),
        ("Began (UTC)", plain(&manifest.started)),
        ("Ended (UTC)", plain(&manifest.finished)),
        ("Took", plain(format!("{} on {}", duration(time), counted(threads, "thread")))),
        (
            "Throughput",
            plain(format!(
                "{} records and {} of input per second",
                count(whole(timing.records_per_second)),
                bytes(whole(timing.mb_per_second * 1e6))
            )),
        ),
        (
            "Inputs",
            plain(format!(
                "{}, {}; {} ignored, {} skipped as broken. inputs.ndjson beside this page lists each by name",
                counted(inputs.files, "file"),
                bytes(inputs.bytes),
                count(inputs.ignored),
                count(inputs.skipped)
            )),
        ),
        ("Version of segprep", plain(&manifest.version)),
        ("Fingerprint of the run", name(&manifest.fingerprint)),
        ("SHA-256 of the definition", name(&manifest.definition.sha256)),
    ];
    if manifest.fips {
        rows.push(("Cryptography", plain("by a FIPS module")));
    }
    let schemas = manifest.schemas.iter();
    let schemas = schemas.map(|(file, sha256)| {
        vec![vec![plain("SHA-256 of "), name(file)].into(), name(sha256).into()]
    });
    let rows = rows.into_iter().map(|(what, value)| vec![plain(what).into(), value.into()]);
    let head = ["What", "Value"];
    Table::of("The run, and what it was made with", &head, rows.chain(schemas))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_from_what_is_allowed() {
        for (allowed, found, expected) in [
            (0.0, 5.0 / 33.0, "0.1515"),
            (0.05, 0.050_000_4, "0.0500004"),
            (0.05, 0.5, "0.5"),
            (10.0, 100.0, "100"),
            (1.0, 0.0, "0"),
            (0.05, 0.05, "0.05"),
        ] {
            let over = Exceeded { budget: None, rule: None, allowed, found };
            assert_eq!(shown(&over), expected);
        }
    }
}
