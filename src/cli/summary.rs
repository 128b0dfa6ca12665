//! The summary of a run: counts of records, rejects with advice, what happened to fields, and what
//! to do next.
//!
//! Everything comes from the manifest, which holds names and numbers but no values.

use std::{
    collections::BTreeMap,
    path::{MAIN_SEPARATOR, Path},
    time::Duration,
};

use segprep::definition::STANDARD_OUTPUT;
use segprep::report::advice::advice;
use segprep::report::quantities::{bytes, count, counted, duration, percent, whole};
use segprep::report::{FieldCount, Manifest, OutputNote, PiiCount, ProfilesNote};

use super::budget_messages;
use super::sheet::{BAD, CAREFUL, GOOD, Sheet, escape};

/// The most parts, codes, names or warnings that are listed. The manifest has all of them.
const SHOWN_MAX: usize = 6;

/// The repair that needs to know where national numbers are from.
const PHONE: &str = "repair.phone";

/// A finished run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) manifest: &'a Manifest,
    /// The account folder.
    pub(crate) account: &'a Path,
    pub(crate) dry_run: bool,
}

/// The summary for a terminal with `width` columns.
pub(crate) fn summary(run: Finished<'_>, width: usize) -> String {
    let manifest = run.manifest;
    let mut sheet = Sheet::new(width);
    headline(&mut sheet, run);
    sheet.gap();
    sheet.section("records", records(run));
    sheet.section("inputs", [inputs(manifest)]);
    sheet.section("lists", lists(manifest));
    for output in written_outputs(manifest) {
        sheet.section("output", parts(output));
    }
    sheet.styled_section(BAD, "rejects", rejects(run));
    sheet.section("fields", fields(&manifest.fields));
    sheet.section("repairs", repairs(manifest));
    sheet.section("removed", removed(manifest));
    sheet.styled_section(CAREFUL, "personal", personal(manifest));
    sheet.section("unknown", unknown(manifest));
    sheet.styled_section(CAREFUL, "warning", warnings(manifest));
    sheet.section("time", [time(manifest)]);
    sheet.gap();
    sheet.heading(GOOD, "next", &format!(": {}", next(run)));
    sheet.finish()
}

fn headline(sheet: &mut Sheet, run: Finished<'_>) {
    let (style, word, meaning) = match (run.dry_run, run.manifest.is_over_budget()) {
        (false, false) => (GOOD, "published", ""),
        (false, true) if run.manifest.writes_to_standard_output() => {
            (BAD, "over budget", ": do not use the records that went to standard output")
        }
        (false, true) => (BAD, "over budget", ": nothing was published"),
        (true, false) => (GOOD, "dry run", ": nothing was written"),
        (true, true) => (BAD, "dry run", ": over budget, and nothing was written"),
    };
    let (name, purpose) = (escape(&run.manifest.name), escape(&run.manifest.purpose));
    if let (Some(shard), false) = (shard(run.manifest), run.dry_run) {
        sheet.heading(
            GOOD,
            "done",
            &format!(" {shard} of `{name}` for {purpose}: nothing is published yet"),
        );
        return;
    }
    sheet.heading(style, word, &format!(" `{name}` for {purpose}{meaning}"));
}

/// `shard 3/7`, if it is one.
fn shard(manifest: &Manifest) -> Option<String> {
    let note = manifest.shards.as_ref()?;
    Some(format!("shard {}/{}", note.number?, note.count))
}

/// Counts of records read, written, rejected and dropped, with shares.
fn records(run: Finished<'_>) -> Vec<String> {
    let records = &run.manifest.records;
    let dropped = records.dropped.values().sum();
    let mut reasons = records.dropped.clone();
    reasons.retain(|_, number| 0 < *number);
    let reasons = if dropped == 0 { String::new() } else { format!("  {}", name_counts(&reasons)) };
    let width = count(records.read).len();
    let share = |number: u64, what: &str| {
        format!("{:>width$} {what:8} {:>6}", count(number), percent(number, records.read))
    };
    let is_written = !run.dry_run && !run.manifest.is_over_budget();
    vec![
        format!("{:>width$} read", count(records.read)),
        share(records.written, if is_written { "written" } else { "passed" }),
        share(records.rejected, "rejected"),
        share(dropped, "dropped") + &reasons,
    ]
}

fn inputs(manifest: &Manifest) -> String {
    let inputs = &manifest.inputs;
    let also = |number: u64, what: &str| {
        if number == 0 { String::new() } else { format!(", {} {what}", count(number)) }
    };
    let (ignored, skipped) =
        (also(inputs.ignored, "ignored"), also(inputs.skipped, "skipped as broken"));
    let rows = inputs.rows.map(|rows| format!(", {}", counted(rows, "row"))).unwrap_or_default();
    let (files, bytes) = (counted(inputs.files, "file"), bytes(inputs.bytes));
    format!("{files}{rows}, {bytes}{ignored}{skipped}")
}

/// Entries and matches of each suppression list.
fn lists(manifest: &Manifest) -> Vec<String> {
    let lists = manifest.suppress.iter();
    lists
        .map(|list| {
            let from: Vec<String> = list.from.iter().map(escape).collect();
            let entries = if list.entries == 1 { "entry" } else { "entries" };
            let found = match list.action.as_str() {
                "drop" => "dropped",
                _ => "opted out",
            };
            format!(
                "{}  {} {entries}, {} {found}",
                from.join(", "),
                count(list.entries),
                counted(list.matches, "record")
            )
        })
        .collect()
}

/// The outputs that have parts; there are none over budget.
fn written_outputs(manifest: &Manifest) -> impl Iterator<Item = &OutputNote> {
    manifest.outputs.iter().filter(|output| !output.files.is_empty())
}

fn parts(output: &OutputNote) -> Vec<String> {
    let size = output.files.iter().map(|part| part.bytes).sum();
    let number = u64::try_from(output.files.len()).unwrap_or(u64::MAX);
    let format = escape(&output.format);
    if output.to == STANDARD_OUTPUT {
        let records = output.files.iter().map(|part| part.records).sum();
        return vec![format!(
            "standard output  {}, {}, {format}",
            counted(records, "record"),
            bytes(size)
        )];
    }
    let to = escape(&output.to);
    let mut lines = vec![format!("{to}  {}, {}, {format}", counted(number, "file"), bytes(size))];
    let noun = if output.profiles.is_some() { "line" } else { "record" };
    lines.extend(output.files.iter().take(SHOWN_MAX).map(|part| {
        let (records, bytes) = (counted(part.records, noun), bytes(part.bytes));
        format!("{}  {records}, {bytes}", escape(&part.path))
    }));
    lines.extend(more(output.files.len(), "files"));
    let counted_line = |number: Option<u64>, one: &str, what: &str| {
        number.filter(|number| 0 < *number).map(|number| format!("{} {what}", counted(number, one)))
    };
    lines.extend(counted_line(output.emptied, "cell", "emptied: CSV has no empty texts or lists"));
    lines.extend(output.profiles.iter().flat_map(profiles));
    lines.extend(counted_line(output.formula, "text", "that spreadsheets may take for formulas"));
    lines
}

/// What was made of the records, and what has no place.
fn profiles(note: &ProfilesNote) -> Vec<String> {
    let opted_out = note.lists.values().sum();
    let (rows, columns) = (counted(note.rows, "profile"), counted(note.columns, "column"));
    let addresses = if opted_out == 1 { "address" } else { "addresses" };
    let mut lines =
        vec![format!("{rows} in {columns}, {} opted-out {addresses} on lists", count(opted_out))];
    if !note.unplaced.is_empty() {
        lines.push(format!("unplaced  {}", name_counts(&note.unplaced)));
    }
    lines
}

/// Each code with its advice, the most frequent first, and where to find the rejects.
fn rejects(run: Finished<'_>) -> Vec<String> {
    let rejects = &run.manifest.rejects;
    let codes = most_first(&rejects.by_code);
    let width = codes.first().map_or(0, |(_, number)| count(*number).len());
    let mut lines: Vec<String> = codes
        .iter()
        .take(SHOWN_MAX)
        .map(|(code, number)| {
            let advice = advice(code).map(|text| format!(": {text}")).unwrap_or_default();
            format!("{:>width$}  {}{advice}", count(*number), escape(code))
        })
        .collect();
    lines.extend(more(codes.len(), "codes"));
    if let Some((field, number)) =
        most_first(&rejects.by_field).into_iter().find(|(field, _)| !field.is_empty())
        && 1 < number
    {
        lines.push(format!("most in `{}` ({})", escape(field), count(number)));
    }
    lines.extend(fixable(&rejects.by_repair, "would"));
    lines.extend(fixable(&rejects.by_setting, "may"));
    if !run.dry_run && !codes.is_empty() {
        lines.push(format!("each is listed in {}", in_account(run, "rejects.ndjson")));
    }
    lines
}

/// How many rejects each setting would fix or may fix.
fn fixable(by_setting: &BTreeMap<String, u64>, verb: &str) -> Vec<String> {
    let settings = most_first(by_setting);
    let mut lines: Vec<String> = settings
        .iter()
        .take(SHOWN_MAX)
        .map(|(setting, number)| {
            let with =
                if setting.ends_with(PHONE) { " (with `region` or `region_from`)" } else { "" };
            format!("{}{with} {verb} fix {}", escape(setting), counted(*number, "record"))
        })
        .collect();
    lines.extend(more(settings.len(), "settings"));
    lines
}

/// The number of values that met each operation, `keep` last.
fn fields(fields: &[FieldCount]) -> Vec<String> {
    let mut by_op: Vec<(&str, u64)> = Vec::new();
    for field in fields {
        match by_op.iter_mut().find(|(op, _)| *op == field.op) {
            Some((_, sum)) => *sum += field.values,
            None => by_op.push((&field.op, field.values)),
        }
    }
    by_op.retain(|(_, values)| 0 < *values);
    by_op.sort_by_key(|(op, _)| *op == "keep");
    let mut words = by_op.iter().map(|(op, values)| (escape(op), *values));
    let mut lines = Vec::new();
    if let Some((op, values)) = words.next() {
        let first = format!("{op} {}", counted(values, "value"));
        lines.push(
            words.fold(first, |line, (op, values)| format!("{line}, {op} {}", count(values))),
        );
    }
    lines.extend(fields.iter().filter_map(scrubbed));
    lines.extend(fields.iter().filter(|field| 0 < field.op_failed).map(op_failed));
    lines
}

/// What a `scrub` replaced.
fn scrubbed(field: &FieldCount) -> Option<String> {
    let changed = field.changed.filter(|changed| 0 < *changed)?;
    let values = counted(changed, "value");
    let by = name_counts(&field.detectors);
    Some(format!("{} changed {values} of `{}`: {by}", escape(&field.op), escape(&field.path)))
}

fn op_failed(field: &FieldCount) -> String {
    let (op, path) = (escape(&field.op), escape(&field.path));
    format!("{op} did not apply to {} of `{path}`: removed", counted(field.op_failed, "value"))
}

fn repairs(manifest: &Manifest) -> Option<String> {
    let kinds: BTreeMap<String, u64> = manifest
        .repairs
        .iter()
        .map(|(kind, fields)| (kind.clone(), fields.values().sum()))
        .collect();
    (!kinds.is_empty()).then(|| name_counts(&kinds))
}

/// Invalid values that were removed.
fn removed(manifest: &Manifest) -> Option<String> {
    let removed = &manifest.removed_invalid;
    (!removed.is_empty()).then(|| format!("invalid values: {}", name_counts(removed)))
}

/// Personal data that is kept, by field.
fn personal(manifest: &Manifest) -> Vec<String> {
    let fields: Vec<&[PiiCount]> =
        manifest.pii.chunk_by(|one, next| one.path == next.path).collect();
    let line = |counts: &&[PiiCount]| {
        let by: Vec<String> = counts
            .iter()
            .map(|found| format!("{} {}", escape(&found.detector), count(found.values)))
            .collect();
        let path = counts.first().map_or("", |found| found.path.as_str());
        format!("kept in `{}`: {}", escape(path), by.join(", "))
    };
    let mut lines: Vec<String> = fields.iter().take(SHOWN_MAX).map(line).collect();
    lines.extend(more(fields.len(), "fields"));
    lines
}

/// Unknown fields, which are dropped.
fn unknown(manifest: &Manifest) -> Option<String> {
    const EXPORT_ONLY: &str = "(export only)";
    let mut names = manifest.unknown_fields.clone();
    let mut words = Vec::new();
    let export_only = names.remove(EXPORT_ONLY);
    if !names.is_empty() {
        words.push(name_counts(&names));
    }
    words.extend(export_only.map(|number| format!("{} export-only", count(number))));
    (!words.is_empty()).then(|| format!("fields dropped: {}", words.join("; ")))
}

fn warnings(manifest: &Manifest) -> Vec<String> {
    let mut lines: Vec<String> = manifest.warnings.iter().take(SHOWN_MAX).map(escape).collect();
    lines.extend(more(manifest.warnings.len(), "warnings"));
    lines
}

fn time(manifest: &Manifest) -> String {
    let timing = &manifest.timing;
    let took = Duration::try_from_secs_f64(timing.seconds).unwrap_or_default();
    let threads = counted(u64::try_from(timing.threads).unwrap_or(u64::MAX), "thread");
    let (records, size) = (whole(timing.records_per_second), whole(timing.mb_per_second * 1e6));
    format!("{} on {threads}, {} records/s, {}/s", duration(took), count(records), bytes(size))
}

fn next(run: Finished<'_>) -> String {
    let manifest = in_account(run, "manifest.json");
    match (run.dry_run, run.manifest.is_over_budget()) {
        (true, false) => "run it without `--dry-run` to publish".to_owned(),
        (true, true) => budget_messages::next(run.manifest),
        (false, false) if shard(run.manifest).is_some() => {
            "`segprep gather`, once all shards are done".to_owned()
        }
        (false, false) => format!("{}; for the account, see {manifest}", use_of(run.manifest)),
        (false, true) => format!("{}, and run again", budget_messages::next(run.manifest)),
    }
}

/// What to do with the written files.
fn use_of(manifest: &Manifest) -> String {
    if manifest.writes_to_standard_output() {
        return "the records went to standard output".to_owned();
    }
    let places = |ready| {
        let outputs = written_outputs(manifest).filter(|output| output.import_ready == ready);
        outputs.map(|output| escape(&output.to)).collect::<Vec<_>>().join(" and ")
    };
    match (places(true), places(false)) {
        (ready, other) if ready.is_empty() && other.is_empty() => "nothing to import".to_owned(),
        (ready, other) if ready.is_empty() => format!("analyse {other} (not for import)"),
        (ready, _) => format!("import from {ready}"),
    }
}

fn in_account(run: Finished<'_>, file: &str) -> String {
    file_below(run.account, file)
}

/// A file in a folder or below an S3 prefix.
pub(crate) fn file_below(folder: &Path, file: &str) -> String {
    let folder = escape(folder.display());
    let slash = if folder.ends_with(['/', MAIN_SEPARATOR]) { "" } else { "/" };
    format!("{folder}{slash}{file}")
}

/// `inactive 2,152, suppressed 4`, the most frequent first.
fn name_counts(counts: &BTreeMap<String, u64>) -> String {
    let sorted = most_first(counts);
    let mut words: Vec<String> = sorted
        .iter()
        .take(SHOWN_MAX)
        .map(|(name, number)| format!("{} {}", escape(name), count(*number)))
        .collect();
    words.extend(more(sorted.len(), "names"));
    words.join(", ")
}

fn most_first(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut sorted: Vec<(&str, u64)> =
        counts.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    sorted.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    sorted
}

/// The line that replaces items beyond [`SHOWN_MAX`].
fn more(number: usize, what: &str) -> Option<String> {
    let left = number.checked_sub(SHOWN_MAX).filter(|left| 0 < *left)?;
    Some(format!("and {left} more {what}"))
}

#[cfg(test)]
mod tests {
    use segprep::report::{Exceeded, InputCounts, RecordCounts, RejectCounts, Timing};

    use super::*;
    use crate::cli::sample::{manifest, output};

    #[track_caller]
    fn check(manifest: &Manifest, dry_run: bool, expected: &str) {
        let account = Path::new("out/newsletter/account/");
        let text = summary(Finished { manifest, account, dry_run }, 80);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }

    #[test]
    fn a_published_run() {
        let expected = "\
published `newsletter` for messaging

  records    1,204,332 read
             1,198,870 written   99.5%
                 3,310 rejected   0.3%
                 2,152 dropped    0.2%  inactive 2,152
  inputs     5 files, 1.4 GB, 2 ignored
  output     out/newsletter/import/  2 files, 1.3 GB, pinpoint-json
             job-000/part-00000.json  903,110 records, 1.0 GB
             job-000/part-00001.json  295,760 records, 327 MB
  rejects    2,011  email: check the address: it needs one `@`, and a domain
                    with a dot
             1,299  phone: use E.164: a `+`, the code of the country and the
                    number, as in +12065550100
                40  unknown_field: not a field of the schema, but it may
                    resemble one; rename or remove it
             most in `Address` (3,310)
             repair.phone (with `region` or `region_from`) would fix 1,204
             records
             repair.trim + repair.email would fix 1 record
             repair.phone.region or repair.phone.region_from may fix 95 records
             each is listed in out/newsletter/account/rejects.ndjson
  fields     hmac 1,100,000 values, date_trunc 7,310, drop 44,000, keep
             1,198,900
             date_trunc did not apply to 3 values of
             `User.UserAttributes.Birthday`: removed
  repairs    phone 14
  unknown    fields dropped: FavouriteColour 12, Nickname 3; 1,400 export-only
  warning    key `demo` is published: tokens made with it protect nobody
  time       12.4 s on 8 threads, 96,811 records/s, 114 MB/s

next: import from out/newsletter/import/; for the account, see
  out/newsletter/account/manifest.json
";
        check(&manifest(), false, expected);
    }

    #[test]
    fn a_run_over_budget() {
        let budget = Some("max_rejects".to_owned());
        let over = Manifest {
            exceeded: vec![Exceeded { budget, rule: None, allowed: 100.0, found: 3310.0 }],
            outputs: Vec::new(),
            fields: Vec::new(),
            unknown_fields: BTreeMap::new(),
            repairs: BTreeMap::new(),
            removed_invalid: BTreeMap::new(),
            warnings: Vec::new(),
            ..manifest()
        };
        let expected = "\
over budget `newsletter` for messaging: nothing was published

  records    1,204,332 read
             1,198,870 passed    99.5%
                 3,310 rejected   0.3%
                 2,152 dropped    0.2%  inactive 2,152
  inputs     5 files, 1.4 GB, 2 ignored
  rejects    2,011  email: check the address: it needs one `@`, and a domain
                    with a dot
             1,299  phone: use E.164: a `+`, the code of the country and the
                    number, as in +12065550100
                40  unknown_field: not a field of the schema, but it may
                    resemble one; rename or remove it
             most in `Address` (3,310)
             repair.phone (with `region` or `region_from`) would fix 1,204
             records
             repair.trim + repair.email would fix 1 record
             repair.phone.region or repair.phone.region_from may fix 95 records
             each is listed in out/newsletter/account/rejects.ndjson
  time       12.4 s on 8 threads, 96,811 records/s, 114 MB/s

next: fix the records, or raise the budget under `[account]`, and run again
";
        check(&over, false, expected);
    }

    #[test]
    fn a_dry_run_with_nothing_to_tell() {
        let plain = Manifest {
            records: RecordCounts { read: 2, written: 2, ..RecordCounts::default() },
            inputs: InputCounts { files: 1, bytes: 180, ..InputCounts::default() },
            outputs: Vec::new(),
            fields: Vec::new(),
            unknown_fields: BTreeMap::new(),
            repairs: BTreeMap::new(),
            removed_invalid: BTreeMap::new(),
            rejects: RejectCounts::default(),
            warnings: Vec::new(),
            timing: Timing {
                seconds: 0.012,
                threads: 1,
                records_per_second: 166.0,
                mb_per_second: 0.01,
            },
            ..manifest()
        };
        let expected = "\
dry run `newsletter` for messaging: nothing was written

  records    2 read
             2 passed   100.0%
             0 rejected   0.0%
             0 dropped    0.0%
  inputs     1 file, 180 bytes
  time       12 ms on 1 thread, 166 records/s, 10 kB/s

next: run it without `--dry-run` to publish
";
        check(&plain, true, expected);
    }

    #[test]
    fn names_are_shown_safely_and_long_lists_are_cut() {
        let many = (0..9).map(|number| (format!("Name{number}"), 10 - number)).collect();
        let mut odd = Manifest { unknown_fields: many, ..manifest() };
        odd.outputs =
            vec![OutputNote { to: "out\u{1b}[2J".to_owned(), import_ready: false, ..output() }];
        let text =
            summary(Finished { manifest: &odd, account: Path::new("a"), dry_run: false }, 200);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains("out\\u{1b}[2J  2 files") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("Name5 5, and 3 more names"), "{text}");
        assert!(text.contains("next: analyse out\\u{1b}[2J (not for import)"), "{text}");
    }
}
