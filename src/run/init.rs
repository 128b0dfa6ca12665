//! `segprep init`: proposes a definition for files that nobody has described, and a test of it.
//!
//! The files are scanned, and what one definition can't read is excluded, with the reason. The definition is checked as
//! `segprep check` does before anybody sees it, and each input is started as a run would.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::aws::Remote;
use super::error::{ErrorKind, Failure, RunError};
use super::options::RunOptions;
use super::prepare;
use super::process::input_settings;
use super::progress::Progress;
use super::scan::{self, ScanOptions, Scanned};
use super::text::{escape, escape_path};
use crate::definition::{Definition, Purpose};
use crate::discover::{
    DefinitionOptions, Knowledge, ScanReport, define, has_open_opt_out, lacks_opt_out, made_up,
    silent_about_opt_outs, unidentified, without_words,
};
use crate::engine::Cancel;
use crate::group::decide_about;
use crate::input::{BufferPool, InputReader};
use crate::pipeline::try_out;
use crate::plan::{Plan, Rules};
use crate::schema::Schema;
use crate::store::Stamp;
use crate::store::s3::Reach;
use crate::transform::MasterKey;

/// What to propose.
#[derive(Clone, Debug)]
pub struct InitOptions {
    pub scan: ScanOptions,
    /// `None`: made from the name of the first input.
    pub name: Option<String>,
    pub purpose: Purpose,
    /// Where the definition is written. `None`: it is only returned.
    pub out: Option<PathBuf>,
    /// Whether a test is written beside it.
    pub with_test: bool,
}

/// A proposed definition.
#[derive(Clone, Debug)]
pub struct Proposed {
    pub definition: String,
    /// The files that were written.
    pub written: Vec<PathBuf>,
    /// Inputs that the definition excludes, each with the reason.
    pub excluded: Vec<(String, String)>,
    /// Whether somebody has to decide something before the definition is valid.
    pub is_open: bool,
    /// Whether messages are sent by it, and no field was found that says who has opted out.
    pub has_no_opt_out: bool,
    /// The inputs in which no field says who has opted out, though one does in others.
    pub without_opt_out: Vec<String>,
}

/// Proposes a definition.
///
/// # Errors
///
/// If there is nothing to read, no input can be read, or a file to write exists.
pub fn init(
    options: &InitOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Proposed, Failure> {
    let test_path = options.out.as_deref().filter(|_| options.with_test).map(test_of);
    for path in options.out.iter().chain(&test_path) {
        if fs::symlink_metadata(path).is_ok() {
            return Err(taken(path).into());
        }
    }
    if let [file] = options.scan.from.as_slice()
        && scan::is_definition(file)
    {
        return Err(described(file).into());
    }
    let Scanned { report, broken } = scan::scan_all(&options.scan, true, progress, cancel)?;
    let schema = Arc::new(Schema::shipped(prepare::TARGET).expect("it is shipped"));
    let knowledge = Knowledge::new(Arc::clone(&schema));
    let mut settings = settings(options, &schema, excluded(&report, broken));
    exclude_unusable(&report, &mut settings, &knowledge, &schema, cancel)?;
    exclude_unidentified(&report, &mut settings, &knowledge);
    let text = define(&report, &settings, &knowledge);
    let checked = scan::checked(&schema, &text, &[]);
    if let [(name, reason), ..] = settings.exclude.as_slice()
        && report.files.len() <= settings.exclude.len()
    {
        let message = format!("`{}`: {reason}", escape(name));
        let hint = "no input can be read: fix this file, or name others";
        return Err(RunError::new(ErrorKind::BadInput, message).hint(hint).into());
    }
    let is_open = has_open_opt_out(&report, &settings, &knowledge);
    if checked.is_err() && !is_open {
        let message = "the proposed definition is not valid; nothing was written";
        return Err(RunError::new(ErrorKind::Internal, message).into());
    }
    let mut written = Vec::new();
    if let Some(out) = &options.out {
        write_new(out, &text)?;
        written.push(out.clone());
    }
    // Before somebody has decided who has opted out, tests leave that out.
    let checked = match checked {
        Err(_) => scan::checked(&schema, &without_words(&text), &[]),
        Ok(checked) => Ok(checked),
    };
    if let (Some(path), Ok((definition, rules))) = (&test_path, checked) {
        let records = made_up(&report, &settings, &knowledge);
        let tests = test_text(&definition, rules, &schema, &records)?;
        write_new(path, &tests)?;
        written.push(path.clone());
    }
    let has_no_opt_out = lacks_opt_out(&report, &settings, &knowledge);
    let without_opt_out = silent_about_opt_outs(&report, &settings, &knowledge);
    let excluded = settings.exclude;
    let definition = text;
    Ok(Proposed { definition, written, excluded, is_open, has_no_opt_out, without_opt_out })
}

/// What a definition begins with.
fn settings(
    options: &InitOptions,
    schema: &Schema,
    exclude: Vec<(String, String)>,
) -> DefinitionOptions {
    let name = options.name.clone().unwrap_or_else(|| name_of(&options.scan.from));
    let from: Vec<String> =
        options.scan.from.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    DefinitionOptions {
        purpose: options.purpose,
        exclude,
        has_definitions: may_have_definitions(schema, &from, options.out.as_deref()),
        to: place_beside(schema, &from, &name),
        name,
        from,
        file: options.out.as_deref().map(|path| path.to_string_lossy().into_owned()),
        has_endpoints: true,
    }
}

/// A folder for the results that no folder with inputs contains: `out/NAME`, or one further up.
fn place_beside(schema: &Schema, from: &[String], name: &str) -> String {
    const UP_MAX: usize = 16;
    let mut places = (0..=UP_MAX).map(|up| format!("{}out/{name}", "../".repeat(up)));
    let beside = places.find(|place| scan::are_apart(schema, from, place));
    beside.unwrap_or_else(|| format!("out/{name}"))
}

/// Whether the definition, or the folder where somebody may save it, is in a folder with inputs.
fn may_have_definitions(schema: &Schema, from: &[String], out: Option<&Path>) -> bool {
    let beside = out.and_then(Path::parent).map(|folder| folder.join(".definition"));
    let file = beside.unwrap_or_else(|| PathBuf::from(".definition"));
    !scan::are_apart(schema, from, &file.to_string_lossy())
}

fn described(path: &Path) -> RunError {
    let message = format!("`{}` is a definition, and `init` proposes one", escape_path(path));
    RunError::new(ErrorKind::Definition, message)
        .hint("name the files or folders that are to be read, as its `from` does")
}

fn taken(path: &Path) -> RunError {
    let message = format!("`{}` exists", escape_path(path));
    RunError::new(ErrorKind::Taken, message)
        .hint("name another file with `--out`, or remove this one")
}

/// The path of the test of a definition: `mine.test.toml` for `mine.toml`.
fn test_of(definition: &Path) -> PathBuf {
    definition.with_extension("test.toml")
}

/// Writes a file that does not exist yet.
fn write_new(path: &Path, text: &str) -> Result<(), RunError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), fs::create_dir_all);
    let file = made.and_then(|()| OpenOptions::new().write(true).create_new(true).open(path));
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return taken(path);
        }
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let kind = if denied { ErrorKind::Access } else { ErrorKind::Io };
        RunError::new(kind, format!("could not write to {}: {error}", escape_path(path)))
    })
}

/// A name for the definition, from the first input's: `Kunden 2026.csv` becomes `kunden-2026`.
fn name_of(from: &[PathBuf]) -> String {
    const CHARS_MAX: usize = 40;
    let stem = from.first().and_then(|path| path.file_stem());
    let stem = stem.map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").chars().take(CHARS_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "mine".to_owned() } else { name.to_owned() }
}

/// Inputs that cannot be read with the others.
fn excluded(report: &ScanReport, broken: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut excluded = broken;
    let is_out =
        |name: &str, excluded: &[(String, String)]| excluded.iter().any(|(out, _)| out == name);
    let mut encodings: BTreeMap<&str, u64> = BTreeMap::new();
    for file in &report.files {
        *encodings.entry(file.encoding).or_default() += file.records;
    }
    let most =
        encodings.iter().max_by_key(|(_, records)| **records).map_or("utf-8", |(name, _)| name);
    let has_header = report.files.iter().any(|file| file.header == Some(true));
    for file in &report.files {
        let reason = if file.encoding != most {
            format!("its encoding is {}, and that of others {most}", file.encoding)
        } else if has_header && file.header == Some(false) {
            "it has no header, and others have one".to_owned()
        } else {
            continue;
        };
        if !is_out(&file.name, &excluded) {
            excluded.push((file.name.clone(), reason));
        }
    }
    excluded
}

/// Leaves out inputs that a run could not start to read.
fn exclude_unusable(
    report: &ScanReport,
    settings: &mut DefinitionOptions,
    knowledge: &Knowledge,
    schema: &Arc<Schema>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let first = define(report, settings, knowledge);
    let Ok((definition, rules)) = scan::checked(schema, &first, &[]) else { return Ok(()) };
    let mut unread = unusable(&definition, rules, schema, cancel)?;
    if !unread.is_empty() && !definition.input.endpoints.is_empty() {
        // Each file must have all columns of the endpoints; without them, more files may be read.
        settings.has_endpoints = false;
        let other = scan::checked(schema, &define(report, settings, knowledge), &[]);
        let others = match other {
            Ok((definition, rules)) => Some(unusable(&definition, rules, schema, cancel)?),
            Err(_) => None,
        };
        match others.filter(|others| others.len() < unread.len()) {
            Some(others) => unread = others,
            None => settings.has_endpoints = true,
        }
    }
    settings.exclude.extend(unread);
    Ok(())
}

/// Leaves out inputs of which the definition would reject every record.
fn exclude_unidentified(
    report: &ScanReport,
    settings: &mut DefinitionOptions,
    knowledge: &Knowledge,
) {
    for name in unidentified(report, settings, knowledge) {
        if !settings.exclude.iter().any(|(out, _)| *out == name) {
            let reason = "none of its fields is the address or the id that is read here".to_owned();
            settings.exclude.push((name, reason));
        }
    }
}

/// Inputs that a run of the definition could not start to read, each with the reason.
fn unusable(
    definition: &Definition,
    rules: Rules,
    schema: &Arc<Schema>,
    cancel: &Cancel,
) -> Result<Vec<(String, String)>, Failure> {
    let remote = Remote::new(definition, cancel)?;
    let limits = prepare::limits(&RunOptions::default(), definition, &remote.store)?;
    let plan = plan_of(definition, rules, schema)?;
    let from: Vec<_> = definition.input.from.iter().map(|place| place.path.as_path()).collect();
    let listing = remote.store.list(&from, &definition.input.exclude)?;
    // Standard input has been read.
    let files: Vec<_> =
        listing.files.into_iter().filter(|file| file.stamp != Stamp::Stream).collect();
    let inputs = remote.store.inputs(&files, Reach::Heads)?;
    let spare = BufferPool::default();
    let mut reader =
        InputReader::new(input_settings(&plan), limits.input(), cancel, &inputs, &spare);
    let found = reader.unusable().map_err(RunError::from)?;
    Ok(found.into_iter().map(|(name, bad)| (name.to_owned(), escape(&bad.message))).collect())
}

fn plan_of(definition: &Definition, rules: Rules, schema: &Arc<Schema>) -> Result<Plan, RunError> {
    let sources = definition.keys.sources.iter();
    let keys = sources.map(|source| (source.id.clone(), MasterKey::demo())).collect();
    Plan::new(definition, rules, Arc::clone(schema), keys, Vec::new())
        .map_err(|error| prepare::no_plan(&error))
}

/// What a test says of the tokens in it.
const TOKEN_NOTE: &str = "# Tokens begin with the id of the current key: with another one under [keys], write its id here. `segprep test` uses\n\
                          # the published demo key, under any id.\n";

/// A test: what the definition makes of made-up records.
fn test_text(
    definition: &Definition,
    rules: Rules,
    schema: &Arc<Schema>,
    records: &str,
) -> Result<String, RunError> {
    let plan = plan_of(definition, rules, schema)?;
    let trial = try_out(&plan, records, &decide_about).map_err(|what| {
        RunError::new(ErrorKind::Internal, format!("made-up records cannot be read: {what}"))
    })?;
    let quoted = |text: &str| serde_json::to_string(text).expect("a text is JSON");
    let mut text = "# Made-up records of the same shape, and what the definition makes of them. Change what you change your mind\n\
                    # about, and add cases: `segprep test` compares.\n"
        .to_owned();
    if trial.lines.iter().any(|line| line.contains("\"hmac:")) {
        text += TOKEN_NOTE;
    }
    text += "\n[[case]]\nname = \"records of the same shape\"\ninput = '''\n";
    text.extend([records, "'''\noutput = '''\n"]);
    text.extend(trial.lines.iter().map(|line| format!("{line}\n")));
    text += "'''\n";
    let problems = trial.rejects.iter().flat_map(|(record, problems)| {
        problems.iter().map(move |problem| {
            let (field, code) = (quoted(&problem.field), quoted(problem.code));
            format!("  {{ record = {record}, field = {field}, code = {code} }},\n")
        })
    });
    let problems: String = problems.collect();
    if !problems.is_empty() {
        text.extend(["rejects = [\n", &problems, "]\n"]);
    }
    if 0 < trial.inactive {
        text.extend(["dropped = { inactive = ", &trial.inactive.to_string(), " }\n"]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_from_paths() {
        for (path, expected) in [
            ("in/Kunden 2026.csv", "kunden-2026"),
            ("exports/", "exports"),
            ("-", "mine"),
            ("s3://bucket/a/b.json.gz", "b-json"),
            ("é.csv", "mine"),
        ] {
            assert_eq!(name_of(&[PathBuf::from(path)]), expected);
        }
    }
}
