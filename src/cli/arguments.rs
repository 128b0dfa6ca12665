//! The command-line options. Nothing here does any I/O.

mod generate;
mod shards;

use std::{
    ffi::{OsStr, OsString},
    ops::RangeInclusive,
    path::PathBuf,
    sync::LazyLock,
};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use segprep::run::{is_run_date, is_run_id};
use segprep::simd::Level;

use super::schemas;
pub(crate) use generate::{GenerateArguments, GeneratedFormat, GeneratedShape};
pub(crate) use shards::{AsShard, GatherArguments, ShardsArguments};

/// The same ranges as in the `[run]` section of a definition.
const THREADS: RangeInclusive<i64> = 1..=1024;
const CHUNK_BYTES: RangeInclusive<u32> = 1..=1 << 30;

/// The most records of a sample, which is held in memory.
const SAMPLE_MAX: u64 = 1_000;

/// `0.2.0`, or `0.2.0 (AWS-LC FIPS 4.2.0)` in a build with a FIPS module.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    segprep::crypto::fips_module()
        .map_or_else(|| version.to_owned(), |module| format!("{version} ({module})"))
});

/// The environment variable that sets the highest level of vector instructions.
pub(crate) const CPU: &str = "SEGPREP_CPU";

/// Check, repair and pseudonymise segment files, with an account of every record.
///
/// segprep reads the JSON and CSV files that Amazon Pinpoint segments are imported from,
/// checks every record against the endpoint and user schemas, hashes, masks or drops
/// personal fields as a definition says, and writes files that are ready for import.
#[derive(Debug, Parser)]
#[command(
    name = "segprep",
    version = VERSION.as_str(),
    max_term_width = 100,
    after_help = "Start with `segprep scan` and a data file, or with `segprep check` and a definition. Neither writes anything."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// How the work is divided.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// Number of worker threads; by default the number of cores.
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(THREADS))]
    threads: Option<u16>,
    /// Bytes that a thread processes at once; by default about 1 MiB.
    #[arg(long, value_name = "N", value_parser = chunk_bytes)]
    chunk_bytes: Option<u32>,
}

/// Reads a size in bytes, as `[run] chunk_bytes` has it.
fn chunk_bytes(text: &str) -> Result<u32, &'static str> {
    let bytes = text.parse().ok().or_else(|| segprep::definition::parse_size(text));
    let bytes = bytes.and_then(|bytes: u64| u32::try_from(bytes).ok());
    let found = bytes.filter(|bytes| CHUNK_BYTES.contains(bytes));
    found.ok_or("write a size from 1 byte to 1 GiB, such as `65536` or `64KiB`")
}

impl Workers {
    pub(crate) fn threads(self) -> Option<usize> {
        self.threads.map(usize::from)
    }

    pub(crate) fn chunk_bytes(self) -> Option<usize> {
        self.chunk_bytes.and_then(|bytes| usize::try_from(bytes).ok())
    }
}

/// The day that a definition is about.
#[derive(Args, Debug)]
pub(crate) struct Day {
    /// The date for `{date}` in paths: `2026-11-23`, `yesterday` or `-3d`; by default today in UTC.
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) date: Option<String>,
}

/// The result of an earlier run.
#[derive(Args, Debug)]
pub(crate) struct WhichResult {
    #[command(flatten)]
    pub(crate) day: Day,
    /// The id of the run whose result is meant, where paths contain `{run}`.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Print errors only: no progress, no summary.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Override a setting of the definition, such as `account.max_reject_ratio=0.1`; repeatable.
    #[arg(long = "set", global = true, value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<String>,
    /// Print results and messages as JSON, one object per line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Form of the messages on standard error; with `--json` it is JSON.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Seconds between messages about progress; by default 5 in JSON and 10 in text.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=86_400))]
    pub(crate) log_every: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Process the inputs of a definition and publish the result.
    Run(RunArguments),
    /// Show what a run would do to each field, and why, without reading any input.
    Check {
        /// The definition.
        file: PathBuf,
    },
    /// Run definitions' tests.
    Test {
        /// Test files; by default those under `pipelines/`.
        files: Vec<PathBuf>,
    },
    /// Make keys and print their check values.
    #[command(subcommand)]
    Key(Key),
    /// Show what files hold, without a definition: fields, shapes, faults, personal data.
    Scan(ScanArguments),
    /// Show records before and after a run, field by field; values only in outline.
    Preview(PreviewArguments),
    /// Explain what happened to one record, at every stage, and where it was written.
    Explain(ExplainArguments),
    /// Check a published result: parts, records, rules, balance and keys.
    Verify(VerifyArguments),
    /// Take the fixed rejects of a published run, and publish them beside its result.
    Retry(RetryArguments),
    /// Show the last run, what is new or changed since, and what the next run would do.
    Status(StatusArguments),
    /// Print the report of an account for people, made again from its manifest.
    Report(ReportArguments),
    /// Divide the inputs among machines, and print the plan as JSON lines.
    Shards(ShardsArguments),
    /// Publish what the shards of a plan have written, once all of them are done.
    Gather(GatherArguments),
    /// Propose a definition for files, with the reason of each line.
    Init(InitArguments),
    /// Write a synthetic file to standard output, with a share of faulty records.
    Generate(GenerateArguments),
    /// Print the schema of records, accounts or definitions.
    Schema(Schema),
    /// Print a completion script for a shell.
    Completions { shell: Shell },
    /// Print the manual page, for `man -l -`.
    Man,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) workers: Workers,
    #[command(flatten)]
    pub(crate) day: Day,
    /// The id of the run, for `{run}` in paths; by default its start, such as `20261123T020000Z`.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Process all records but write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace an earlier result in the same place.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// With `[state]`: take inputs once more that a run has taken; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub(crate) again: Vec<String>,
    /// Write metrics for Prometheus to this file at the end, also of a run that fails.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) part: AsShard,
}

#[derive(Args, Debug)]
pub(crate) struct ScanArguments {
    /// Files, folders, patterns, `s3://…` or `-`; or a definition, whose inputs are scanned.
    #[arg(required = true)]
    pub(crate) from: Vec<PathBuf>,
    /// Read only the first N records of each file.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// Read this share of the inputs, such as 0.01: always the same blocks and files.
    #[arg(long, value_name = "RATIO", value_parser = share, conflicts_with = "records")]
    pub(crate) sample: Option<f64>,
    /// Read everything, also if it is more than 100 GB.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) all: bool,
    /// Print the report as a page for browsers.
    #[arg(long)]
    pub(crate) html: bool,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Args, Debug)]
pub(crate) struct PreviewArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    /// Number of records.
    #[arg(short = 'n', value_name = "N", default_value = "10", value_parser = value_parser!(u64).range(1..))]
    pub(crate) records: u64,
    /// Show records from across the inputs instead of the first ones; the same ones each time.
    #[arg(long)]
    pub(crate) sample: bool,
    /// Show the values themselves; only on a terminal.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) day: Day,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    /// The record: the input as it is listed, and a line, such as `in/a.csv:17`.
    #[arg(value_name = "SOURCE:LINE", allow_hyphen_values = true)]
    pub(crate) place: String,
    /// The record by its number in the input, from 1, instead of a line: `in/a.csv --record 16`.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) record: Option<u64>,
    #[command(flatten)]
    pub(crate) result: WhichResult,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// The definition, or the folder of its account.
    #[arg(value_name = "FILE|ACCOUNT")]
    pub(crate) place: PathBuf,
    #[command(flatten)]
    pub(crate) result: WhichResult,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Args, Debug)]
pub(crate) struct RetryArguments {
    /// The definition of the run.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) result: WhichResult,
    /// Files, folders or patterns with the fixed records; by default the rejected records that the run kept. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub(crate) from: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    /// Exit with 4 if there is something to do.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) day: Day,
}

#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// The folder of the account, or the definition.
    #[arg(value_name = "ACCOUNT|FILE")]
    pub(crate) place: PathBuf,
    #[command(flatten)]
    pub(crate) result: WhichResult,
    /// A page for a browser, or Markdown for a ticket.
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    pub(crate) format: ReportFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReportFormat {
    Html,
    Md,
}

#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// Files, folders, patterns, `s3://…` or `-`.
    #[arg(required = true)]
    pub(crate) from: Vec<PathBuf>,
    /// Name of the definition; by default made from the name of the first file.
    #[arg(long, value_name = "NAME", value_parser = super::init::name)]
    pub(crate) name: Option<String>,
    /// What the result is for: messages, or analytics without addresses in the clear.
    #[arg(long, value_name = "PURPOSE", default_value = "messaging")]
    pub(crate) purpose: InitPurpose,
    /// Write the definition to this file, which must not exist; by default it is printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Also write tests from made-up records, to FILE's `.test.toml`.
    #[arg(long, requires = "out")]
    pub(crate) test: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum InitPurpose {
    Messaging,
    Analytics,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Print a new random key.
    New,
    /// Print check values: they identify a key without revealing it.
    Check(KeyCheck),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyCheck {
    /// A definition: print the check values of its keys.
    pub(crate) file: Option<PathBuf>,
    /// The source of one key: `env:NAME`, `file:PATH`, `kms:KEY-ID` or `secretsmanager:NAME`.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// Name of the schema; without it, all names are listed.
    #[arg(value_parser = schemas::NAMES)]
    pub(crate) name: Option<String>,
    /// With `endpoint`: merge in the limits of this target.
    #[arg(long, value_parser = schemas::TARGETS)]
    pub(crate) target: Option<String>,
}

impl Arguments {
    /// Parses a command line; the first argument is the name of the program.
    ///
    /// # Errors
    ///
    /// Clap's error, which is also how it returns help and version texts.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments = Arguments::try_parse_from(arguments)?;
        match arguments.fault() {
            None => Ok(arguments),
            Some(fault) => Err(Arguments::command().error(ErrorKind::ValueValidation, fault)),
        }
    }

    /// Checks what clap cannot. Settings are never quoted: one might be a misplaced key.
    fn fault(&self) -> Option<String> {
        if let Some(at) = self.common.sets.iter().position(|set| !set.contains('=')) {
            return Some(format!("`--set` number {} does not have the form PATH=VALUE", at + 1));
        }
        let (date, run) = self.command.date_and_run();
        if date.is_some_and(|date| !is_run_date(date)) {
            let fault =
                "the value of `--date` is not a date such as 2026-11-23, `yesterday` or `-3d`";
            return Some(fault.to_owned());
        }
        if run.is_some_and(|run| !is_run_id(run)) {
            let fault = "the id of `--run` must have 1 to 64 letters, digits, `.`, `_` and `-`, and begin \
                         with a letter or a digit";
            return Some(fault.to_owned());
        }
        if let Command::Scan(scan) = &self.command
            && scan.html
            && self.common.json
        {
            return Some("a report is a page (`--html`) or JSON (`--json`), not both".to_owned());
        }
        if let Command::Run(run) = &self.command {
            return run.part.fault();
        }
        if let Command::Retry(retry) = &self.command
            && retry.from.iter().any(|path| path.as_os_str() == "-")
        {
            let fault = "`--from` names files: of standard input, a retry could not tell whether an earlier one has \
                         taken it";
            return Some(fault.to_owned());
        }
        if let Command::Preview(preview) = &self.command {
            return preview.fault(&self.common);
        }
        if let Command::Schema(schema) = &self.command {
            return schema.fault();
        }
        None
    }
}

impl Command {
    /// What `--date` and `--run` say.
    fn date_and_run(&self) -> (Option<&str>, Option<&str>) {
        let (day, run) = match self {
            Command::Run(run) => (&run.day, &run.run),
            Command::Shards(shards) => (&shards.day, &shards.run),
            Command::Preview(preview) => (&preview.day, &None),
            Command::Explain(explain) => (&explain.result.day, &explain.result.run),
            Command::Status(status) => (&status.day, &None),
            Command::Verify(verify) => (&verify.result.day, &verify.result.run),
            Command::Retry(retry) => (&retry.result.day, &retry.result.run),
            Command::Report(report) => (&report.result.day, &report.result.run),
            Command::Check { .. }
            | Command::Test { .. }
            | Command::Key(_)
            | Command::Scan(_)
            | Command::Gather(_)
            | Command::Init(_)
            | Command::Generate(_)
            | Command::Schema(_)
            | Command::Completions { .. }
            | Command::Man => return (None, None),
        };
        (day.date.as_deref(), run.as_deref())
    }
}

impl PreviewArguments {
    fn fault(&self, common: &Common) -> Option<String> {
        if self.reveal && common.json {
            return Some("`--json` has outlines only: `--reveal` is for terminals".to_owned());
        }
        (self.sample && SAMPLE_MAX < self.records)
            .then(|| format!("a sample has at most {SAMPLE_MAX} records: lower `-n`"))
    }
}

impl Schema {
    fn fault(&self) -> Option<String> {
        let mergeable = self.name.as_deref() == Some(schemas::MERGEABLE);
        (self.target.is_some() && !mergeable)
            .then(|| format!("`--target` can only be used with `schema {}`", schemas::MERGEABLE))
    }
}

/// Parses a share of the inputs: above 0, and at most 1.
fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share: &f64| 0.0 < *share && *share <= 1.0);
    share.ok_or("it must be a number above 0, and at most 1")
}

/// Parses the value of [`CPU`].
pub(crate) fn vector_level(value: &OsStr) -> Result<Level, clap::Error> {
    let level = Level::ALL.into_iter().find(|level| value == level.name());
    level.ok_or_else(|| {
        let names = Level::ALL.map(|level| format!("`{}`", level.name())).join(", ");
        let fault = format!("the value of the variable `{CPU}` must be one of {names}");
        Arguments::command().error(ErrorKind::ValueValidation, fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        let words = ["segprep"].into_iter().chain(line.split_whitespace());
        Arguments::read(words.map(OsString::from))
    }

    #[test]
    fn the_arguments_pass_claps_own_checks() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn valid_command_lines_are_parsed() {
        for line in [
            "run a.toml",
            "run a.toml --threads 2 --chunk-bytes 64KiB --dry-run --overwrite --date 2026-03-01",
            "run a.toml --date yesterday --run night-1",
            "run a.toml --date -3d --overwrite",
            "run a.toml --shard 0/1",
            "run a.toml --shard 9999/10000 --threads 2",
            "run a.toml --shard 3 --plan s3://b/plan.ndjson",
            "run a.toml --shard 3/7 --plan plan.ndjson --overwrite",
            "shards a.toml --count 7 --run r --date yesterday",
            "shards a.toml --bytes 10GB",
            "gather a.toml --count 7",
            "gather a.toml --plan plan.ndjson --json",
            "--json --color never check a.toml --set name=\"b\" --set input.from=[] -q",
            "test",
            "test a.test.toml b.test.toml --set name=b",
            "key new",
            "key check a.toml",
            "key check --from env:K",
            "schema",
            "scan a.csv --html",
            "scan a.csv --sample 0.01",
            "scan a.csv --all --records 5",
            "scan a.csv b/ c.json.gz - --records 100 --threads 2 --chunk-bytes 1",
            "preview a.toml -n 20 --sample --threads 2 --chunk-bytes 1 --date 2026-03-01",
            "preview a.toml --reveal",
            "explain a.toml in/a.csv:17",
            "explain a.toml s3://b/k:1:17 --threads 2 --chunk-bytes 1 --date 2026-03-01",
            "explain a.toml in/a.csv --record 3",
            "explain a.toml in/a.csv:3 --run night-1",
            "explain a.toml -:3 --json",
            "explain a.toml --record 3 -",
            "status a.toml --check --date yesterday",
            "init a.csv b/ --name mine --purpose analytics --out mine.toml --test",
            "generate --records 10 --seed 7",
            "generate --records 10 --seed 7 --bad 0.5 --format csv --shape crm --truth t.ndjson",
            "schema endpoint --target pinpoint",
            "completions fish",
            "man",
        ] {
            assert!(read(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn invalid_command_lines_are_refused() {
        for line in [
            "",
            "run",
            "preview",
            "status",
            "status a.toml b.toml",
            "explain a.toml",
            "explain a.toml a.csv --record 0",
            "preview a.toml -n 0",
            "preview a.toml --json --reveal",
            "preview a.toml --sample -n 1001",
            "preview a.toml --date tomorrow",
            "run a.toml --date --overwrite",
            "run a.toml --run ../x",
            "run a.toml --shard 3",
            "run a.toml --shard 7/7",
            "run a.toml --shard 0/0",
            "run a.toml --shard 0/10001",
            "run a.toml --shard +1/7",
            "run a.toml --shard 1/7/9",
            "run a.toml --shard 1/7 --again x",
            "run a.toml --plan p",
            "run a.toml --shard 1 --plan p --run r",
            "run a.toml --shard 1 --plan p --date yesterday",
            "shards a.toml",
            "shards a.toml --count 0",
            "shards a.toml --count 2 --bytes 1GB",
            "shards a.toml --bytes 10",
            "shards a.toml --count 2 --run ../x",
            "gather a.toml",
            "gather a.toml --count 2 --plan p",
            "run a.toml b.toml",
            "run a.toml --threads 0",
            "run a.toml --threads 1025",
            "run a.toml --chunk-bytes 0",
            "run a.toml --chunk-bytes 64x",
            "run a.toml --chunk-bytes 1073741825",
            "run a.toml --date 2026-02-30",
            "run a.toml --date 20260301",
            "run a.toml --color blue",
            "check a.toml --overwrite",
            "key",
            "key check",
            "key check a.toml --from env:K",
            "scan",
            "scan a.csv --records 0",
            "scan a.csv --sample 0",
            "scan a.csv --sample nan",
            "scan a.csv --sample 0.5 --all",
            "scan a.csv --sample 0.5 --records 5",
            "scan a.csv --html --json",
            "init",
            "init a.csv --test",
            "init a.csv --name A_B",
            "init a.csv --purpose other",
            "generate",
            "generate --records 10",
            "generate --records -1 --seed 7",
            "generate --records 10 --seed 7 --bad 1.01",
            "generate --records 10 --seed 7 --bad nan",
            "generate --records 10 --seed 7 --format parquet",
            "schema --target pinpoint",
            "schema user --target pinpoint",
            "schema endpoint --target nowhere",
            "schema nothing",
            "completions",
        ] {
            assert!(read(line).is_err_and(|error| error.use_stderr()), "{line}");
        }
    }

    #[test]
    fn a_setting_without_a_value_is_not_quoted() {
        let error = read("run a.toml --set a=1 --set hex:0123").expect_err("it has no `=`");
        let message = error.to_string();
        assert!(message.contains("number 2") && !message.contains("0123"), "{message}");
    }

    #[test]
    fn no_help_mentions_commands_that_do_not_exist() {
        let absent = ["decrypt", "forget"];
        let mut commands = vec![Arguments::command()];
        while let Some(mut command) = commands.pop() {
            let help = command.render_long_help().to_string().to_lowercase();
            let mentioned =
                help.split(|c: char| !c.is_alphanumeric()).find(|word| absent.contains(word));
            assert_eq!(mentioned, None, "in the help of {}", command.get_name());
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
