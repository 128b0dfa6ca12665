//! `run --metrics FILE`: the text format of Prometheus, read by a strict parser and by that of the Python client.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::program::{Place, code, segprep, stderr};
use crate::support::python::python;

/// The samples by metric and labels other than `definition`, which all of them have.
type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Reads a file as the format is specified: a HELP and a TYPE line before the samples of a metric, each metric
/// in one piece, each sample once, and a line end after the last one.
fn parse(text: &str, definition: &str) -> Result<Samples, String> {
    let text = text.strip_suffix('\n').ok_or("the last line does not end")?;
    let (mut samples, mut seen) = (Samples::new(), BTreeSet::new());
    let mut current = String::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, about) = help.split_once(' ').ok_or("no help")?;
            let kind =
                lines.next().and_then(|line| line.strip_prefix("# TYPE ")).ok_or("no type")?;
            let (of, kind) = kind.split_once(' ').ok_or("no type")?;
            let is_counter = kind == "counter";
            if of != name || !(is_counter || kind == "gauge") || about.is_empty() {
                return Err(format!("odd lines about {name}"));
            }
            if is_counter != name.ends_with("_total") || !seen.insert(name.to_owned()) {
                return Err(format!("{name} is no {kind}, or there twice"));
            }
            name.clone_into(&mut current);
            continue;
        }
        let (name, rest) = line.split_once('{').ok_or_else(|| format!("odd line: {line}"))?;
        let (labels, value) = rest.rsplit_once("} ").ok_or("no value")?;
        let value: f64 = value.parse().map_err(|error| format!("odd value {value}: {error}"))?;
        if name != current || !value.is_finite() || value < 0.0 {
            return Err(format!("odd sample: {line}"));
        }
        let mut all = Vec::new();
        for label in labels.split(',') {
            let (name, value) = label.split_once("=\"").ok_or("odd label")?;
            let value = value.strip_suffix('"').ok_or("odd label")?;
            all.push((name.to_owned(), value.to_owned()));
        }
        if all.remove(0) != ("definition".to_owned(), definition.to_owned()) {
            return Err(format!("no definition: {line}"));
        }
        if samples.insert((name.to_owned(), all), value).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(samples)
}

/// A run with metrics; returns them.
fn measured(place: &Place, more: &[&str], exit: i32) -> (String, Samples) {
    let file = place.folder.path().join("run.prom");
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet", "--metrics"]).arg(&file);
    place.set_paths(&mut command);
    let output = command.args(more).output().expect("it runs");
    assert_eq!(code(&output), exit, "{}", stderr(&output));
    let text = fs::read_to_string(&file).expect("metrics");
    let samples = parse(&text, "newsletter").unwrap_or_else(|what| panic!("{what}: {text}"));
    (text, samples)
}

fn value(samples: &Samples, name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let labels = label.map(|(name, value)| (name.to_owned(), value.to_owned()));
    samples.get(&(format!("segprep_{name}"), labels.into_iter().collect())).copied()
}

#[test]
fn a_run_is_counted_by_outcome_and_code_and_stage() {
    let place = Place::new();
    let (text, samples) = measured(&place, &[], 0);
    let of = |name: &str, label| value(&samples, name, label);
    assert_eq!(of("records_read_total", None), Some(33.0));
    for (outcome, expected) in [("written", 26.0), ("rejected", 5.0), ("dropped", 2.0)] {
        assert_eq!(of("records_total", Some(("outcome", outcome))), Some(expected));
    }
    assert_eq!(of("records_dropped_total", Some(("reason", "inactive"))), Some(2.0));
    assert_eq!(of("problems_total", Some(("code", "email"))), Some(2.0));
    let bytes = |files: Vec<std::path::PathBuf>| -> u64 {
        files.iter().map(|file| fs::metadata(file).expect("a file").len()).sum()
    };
    let parts = bytes(crate::support::program::files_below(&place.to()));
    assert_eq!(
        of("output_bytes_total", None).map(|bytes| bytes.to_string()),
        Some(parts.to_string())
    );
    assert!(of("input_bytes_total", None).is_some_and(|bytes| 8_000.0 < bytes));
    for stage in ["prepare", "lists", "process", "publish"] {
        assert!(of("stage_seconds_total", Some(("stage", stage))).is_some(), "{stage} in {text}");
    }
    assert_eq!(of("exit_code", None), Some(0.0));
    let (ended, succeeded) =
        (of("last_run_timestamp_seconds", None), of("last_success_timestamp_seconds", None));
    assert!(ended.is_some() && ended == succeeded, "{text}");
    assert!(!text.contains('@') && !text.contains("samples/"), "{text}");
}

/// `[unique]` reads the inputs twice, and a run that is published already reads none.
#[test]
fn inputs_are_counted_once_and_every_outcome_has_a_number() {
    let place = Place::new();
    let unique = ["--set", "unique.by=[\"Id\"]", "--set", "unique.keep=\"first\""];
    let read = |more: &[&str]| {
        let (_, samples) = measured(&place, more, 0);
        value(&samples, "input_bytes_total", None).expect("a number")
    };
    let once = read(&["--dry-run"]);
    assert_eq!(read(&unique).to_bits(), once.to_bits());
    let (text, again) = measured(&place, &unique, 0);
    for outcome in ["written", "rejected", "dropped"] {
        let number = value(&again, "records_total", Some(("outcome", outcome)));
        assert_eq!(number, Some(0.0), "{text}");
    }
    assert_eq!(value(&again, "input_bytes_total", None), Some(0.0), "{text}");
}

/// What failed is counted as far as it came, and the last success stays what it was.
#[test]
fn a_failed_run_has_metrics_too() {
    let place = Place::new();
    let never = value(
        &measured(&place, &["--set", "input.from=[\"nowhere/\"]"], 66).1,
        "last_success_timestamp_seconds",
        None,
    );
    assert_eq!(never, None);
    let (_, done) = measured(&place, &[], 0);
    let succeeded = value(&done, "last_success_timestamp_seconds", None);
    assert!(succeeded.is_some());
    for (more, exit) in [
        (&["--set", "account.max_rejects=0", "--overwrite"][..], 3),
        (&["--set", "input.from=[\"nowhere/\"]"], 66),
        (&["--set", "purpose=\"else\""], 78),
        (&["--set", "purpose=\"messaging\""], 0),
    ] {
        let (text, samples) = measured(&place, more, exit);
        let of = |name: &str| value(&samples, name, None);
        assert_eq!(of("exit_code"), Some(f64::from(exit)), "{text}");
        let last = of("last_success_timestamp_seconds");
        assert_eq!(last == succeeded, exit != 0, "{text}");
    }
    let left: Vec<_> = fs::read_dir(place.folder.path()).expect("a folder").collect();
    assert!(left.iter().all(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        !name.to_string_lossy().contains("segprep-new")
    }));
}

#[test]
fn metrics_that_cannot_be_written_are_a_warning() {
    let place = Place::new();
    let pipe = place.folder.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
    for file in [&pipe, Path::new("/dev/null/a"), place.folder.path()] {
        let mut command = segprep();
        command.args(["run", "pipelines/newsletter.toml", "--quiet", "--overwrite", "--metrics"]);
        place.set_paths(command.arg(file));
        let output = command.output().expect("it runs");
        assert_eq!(code(&output), 0);
        let file = file.display();
        let message = format!("warning: the metrics could not be written to `{file}`");
        assert!(stderr(&output).contains(&message), "{}", stderr(&output));
    }
    let kind = fs::symlink_metadata(&pipe).expect("it is there").file_type();
    assert!(kind.is_fifo(), "a pipe was replaced");
}

/// The file behind a link is replaced, and nothing behind a link with the name of the new file.
#[test]
fn metrics_follow_a_link_to_a_file() {
    let place = Place::new();
    let at = |name: &str| place.folder.path().join(name);
    fs::write(at("metrics.prom"), "").expect("a file");
    fs::write(at("other"), "other").expect("a file");
    symlink("metrics.prom", at("link")).expect("a link");
    symlink("other", at("metrics.prom.segprep-new")).expect("a link");
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet", "--metrics"]).arg(at("link"));
    place.set_paths(&mut command);
    assert_eq!(code(&command.output().expect("it runs")), 0);
    let text = fs::read_to_string(at("metrics.prom")).expect("a file");
    assert!(text.contains("segprep_exit_code"), "{text}");
    assert!(at("link").is_symlink());
    assert_eq!(fs::read_to_string(at("other")).expect("a file"), "other");
}

const READ: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families as families
text = open(sys.argv[1]).read()
for family in families(text):
    assert family.documentation, family.name
    for sample in family.samples:
        assert sample.labels['definition'] == 'newsletter', sample
        print(family.type, sample.name, sample.value)
";

#[test]
fn the_python_client_reads_the_metrics() {
    let place = Place::new();
    let (_, samples) = measured(&place, &[], 0);
    let file = place.folder.path().join("run.prom");
    let output = python().args(["-c", READ]).arg(&file).output().expect("Python runs");
    let read = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read.lines().count(), samples.len(), "{read}");
    assert!(read.contains("counter segprep_records_read_total 33\n"), "{read}");
    assert!(read.contains("gauge segprep_exit_code 0\n"), "{read}");
}
