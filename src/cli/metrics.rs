//! `run --metrics FILE`: the run in the text format of Prometheus, for its textfile collector or a gateway.
//!
//! The file is written whole, once the run has ended in whichever way. It holds numbers, and names that the
//! program itself has: no field, no file, no value. What a failed run reached is counted too; the time of the last
//! success is then that of the earlier file. A name that leads to a device, a pipe or a folder is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use segprep::report::Manifest;
use segprep::run::{Failure, Outcome, Progress};

use super::exit::Exit;

/// The metric that outlives a failed run.
const LAST_SUCCESS: &str = "segprep_last_success_timestamp_seconds";
/// An earlier file of more bytes is none of ours.
const EARLIER_MAX: u64 = 1 << 20;

/// Writes the metrics of a run that has ended. `definition`: the path of its definition.
pub(crate) fn write(
    file: &Path,
    definition: &Path,
    ended: Result<&Outcome, &Failure>,
    progress: &Progress,
) -> io::Result<()> {
    let file = &replaceable(file)?;
    let exit = ended.map_or_else(Exit::from, Exit::from);
    let name = definition.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let last_success = if exit.code == 0 { Some(now) } else { earlier_success(file) };
    let text = text(&Ran { name: &name, ended, exit, progress, now, last_success });
    replace(file, text.as_bytes())
}

/// A run that has ended.
struct Ran<'a> {
    /// The name of the definition's file.
    name: &'a str,
    ended: Result<&'a Outcome, &'a Failure>,
    exit: Exit,
    progress: &'a Progress,
    now: f64,
    last_success: Option<f64>,
}

/// The text of all metrics.
fn text(ran: &Ran<'_>) -> String {
    let mut page = Page { text: String::new(), definition: ran.name };
    let manifest = match ran.ended {
        Ok(Outcome::Finished { manifest, .. }) => Some(&**manifest),
        Ok(_) | Err(_) => None,
    };
    records(&mut page, ran, manifest);
    // A run that compares records has read its inputs twice.
    let read = manifest.map_or_else(|| ran.progress.view().bytes_read, |found| found.inputs.bytes);
    page.counter("segprep_input_bytes_total", "Bytes of inputs that were read.", "", &[("", read)]);
    let written = manifest.map_or(0, bytes_written);
    let about = "Bytes of parts that were published.";
    page.counter("segprep_output_bytes_total", about, "", &[("", written)]);
    let spent: Vec<(&str, f64)> = ran
        .progress
        .stages()
        .into_iter()
        .map(|(stage, time)| (stage.name(), time.as_secs_f64()))
        .collect();
    page.family("segprep_stage_seconds_total", "counter", "Seconds by stage of the run.");
    for (stage, seconds) in spent {
        page.sample("segprep_stage_seconds_total", &[("stage", stage)], seconds);
    }
    page.gauge("segprep_exit_code", "The exit code of the last run.", f64::from(ran.exit.code));
    page.gauge("segprep_last_run_timestamp_seconds", "When the last run ended.", ran.now);
    if let Some(time) = ran.last_success {
        page.gauge(LAST_SUCCESS, "When a run last ended with exit code 0.", time);
    }
    page.text
}

fn records(page: &mut Page<'_>, ran: &Ran<'_>, manifest: Option<&Manifest>) {
    let view = ran.progress.view();
    let none = BTreeMap::new();
    let (read, outcomes, dropped, codes) = if let Some(manifest) = manifest {
        let records = &manifest.records;
        let all_dropped = records.dropped.values().sum();
        let outcomes = vec![
            ("written", records.written),
            ("rejected", records.rejected),
            ("dropped", all_dropped),
        ];
        (records.read, outcomes, &records.dropped, &manifest.rejects.by_code)
    } else {
        // A run that failed wrote nothing, and does not know how many it would have dropped.
        let mut outcomes = vec![("written", 0), ("rejected", view.records_rejected)];
        outcomes.extend(ran.ended.is_ok().then_some(("dropped", 0)));
        (view.records_read, outcomes, &none, &none)
    };
    page.counter("segprep_records_read_total", "Records that were read.", "", &[("", read)]);
    let about = "Records by what became of them; over budget, written ones are not published.";
    page.counter("segprep_records_total", about, "outcome", &outcomes);
    let pairs = |counts: &'_ BTreeMap<String, u64>| -> Vec<(String, u64)> {
        counts.iter().map(|(name, number)| (name.clone(), *number)).collect()
    };
    let dropped = pairs(dropped);
    let dropped: Vec<(&str, u64)> = dropped.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    page.counter("segprep_records_dropped_total", "Dropped records by reason.", "reason", &dropped);
    let codes = pairs(codes);
    let codes: Vec<(&str, u64)> = codes.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    page.counter("segprep_problems_total", "Problems of rejected records by code.", "code", &codes);
}

fn bytes_written(manifest: &Manifest) -> u64 {
    let parts = manifest.outputs.iter().flat_map(|output| &output.files);
    parts.map(|part| part.bytes).sum()
}

/// Metrics as text, each with the name of the definition.
struct Page<'a> {
    text: String,
    definition: &'a str,
}

impl Page<'_> {
    fn family(&mut self, name: &str, kind: &str, about: &str) {
        writeln!(self.text, "# HELP {name} {about}\n# TYPE {name} {kind}").expect("memory");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let definition = label(self.definition);
        write!(self.text, "{name}{{definition=\"{definition}\"").expect("memory");
        for (label_name, value) in labels {
            write!(self.text, ",{label_name}=\"{}\"", label(value)).expect("memory");
        }
        writeln!(self.text, "}} {value}").expect("memory");
    }

    /// A counter for each pair of a label's value and a number; the label may be empty.
    fn counter(&mut self, name: &str, about: &str, label: &str, counts: &[(&str, u64)]) {
        self.family(name, "counter", about);
        for (value, number) in counts {
            let labels = [(label, *value)];
            let labels: &[(&str, &str)] = if label.is_empty() { &[] } else { &labels };
            // Counts stay below 2^53, up to which the format's numbers are exact.
            self.sample(name, labels, segprep::report::quantities::as_float(*number));
        }
    }

    fn gauge(&mut self, name: &str, about: &str, value: f64) {
        self.family(name, "gauge", about);
        self.sample(name, &[], value);
    }
}

/// The value of a label, with what the format escapes.
fn label(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// The time of the last success in an earlier file, if there is one.
fn earlier_success(file: &Path) -> Option<f64> {
    let mut text = String::new();
    File::open(file).ok()?.take(EARLIER_MAX).read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| line.starts_with(&format!("{LAST_SUCCESS}{{")))?;
    let (_, value) = line.rsplit_once(' ')?;
    value.parse().ok().filter(|time: &f64| time.is_finite())
}

/// The file that is to be replaced, behind all links. A device or a pipe is refused: the new file would take its
/// place.
fn replaceable(file: &Path) -> io::Result<PathBuf> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    match fs::metadata(&target) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a regular file")),
        Ok(_) | Err(_) => Ok(target),
    }
}

/// Replaces a file as a whole.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let mut next = OsString::from(file);
    next.push(".segprep-new");
    let next = PathBuf::from(next);
    // What a killed run left, or a link that somebody else put there.
    fs::remove_file(&next).ok();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&next)
        .and_then(|mut new| new.write_all(text).and_then(|()| new.sync_all()))
        .and_then(|()| fs::rename(&next, file));
    if written.is_err() {
        fs::remove_file(&next).ok();
    }
    written
}
