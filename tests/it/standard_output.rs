//! `to = "-"`: the records go to standard output, and everything else to standard error.

use std::process::{Command, Stdio};
use std::{fs, io::Read};

use crate::support::program::{Place, code, segprep, stderr, toml_text};

const NEWSLETTER: &str = "pipelines/newsletter.toml";

/// A run of a definition to standard output.
fn run(definition: &str, place: &Place) -> Command {
    let mut command = segprep();
    command.args(["run", definition, "--set", "output.0.to=\"-\"", "--set"]);
    command.arg(format!("account.to={}", toml_text(&place.account().to_string_lossy())));
    command
}

#[test]
fn standard_output_has_the_bytes_of_the_part() {
    for definition in [NEWSLETTER, "pipelines/sms.toml"] {
        let place = Place::new();
        let mut command = segprep();
        command.args(["run", definition, "--quiet"]);
        place.set_paths(&mut command);
        assert_eq!(code(&command.output().expect("the program runs")), 0);
        let parts = place.parts();
        for options in [&[][..], &["--json"], &["--quiet", "--threads", "1", "--chunk-bytes", "99"]]
        {
            // The account then has a published run, which needs no `--overwrite`.
            let output = run(definition, &place).args(options).output().expect("the program runs");
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            assert!(output.stdout == parts, "{definition} {options:?}");
            let shown = stderr(&output);
            let expected = match options {
                [] => "standard output  ",
                ["--json"] => "\"status\":\"published\"",
                _ => "",
            };
            assert!(shown.contains(expected), "{shown}");
            let manifest = place.manifest();
            let part = &manifest["outputs"][0]["files"][0];
            assert_eq!(manifest["outputs"][0]["to"], "-");
            assert_eq!(part["bytes"].as_u64(), u64::try_from(parts.len()).ok());
            assert_eq!(part["records"], manifest["records"]["written"]);
        }
        assert!(!fs::exists("-").expect("a folder can be read"));
    }
}

/// Rust's runtime opens `/dev/null` in place of a standard output that is closed.
#[test]
fn a_closed_standard_output_is_an_error() {
    for (redirected, expected) in [(">&-", 74), (">/dev/null", 0)] {
        let place = Place::new();
        let run = run(NEWSLETTER, &place);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" \"$@\" {redirected}")]);
        let output = shell.arg(run.get_program()).args(run.get_args()).output();
        let output = output.expect("the program runs");
        assert_eq!(code(&output), expected, "{redirected}: {}", stderr(&output));
        assert_eq!(place.account().join("manifest.json").exists(), expected == 0);
    }
}

#[test]
fn settings_of_parts_have_no_effect() {
    for (setting, name) in
        [("output.0.mode=\"0600\"", "mode"), ("output.0.max_bytes=\"1 KB\"", "max_bytes")]
    {
        let place = Place::new();
        let mut command = run(NEWSLETTER, &place);
        let output = command.args(["--json", "--set", setting]).output().expect("the program runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let warnings = place.manifest()["warnings"].to_string();
        assert!(warnings.contains(&format!("`{name}` has no effect")), "{warnings}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let output = run(NEWSLETTER, &place).arg("--dry-run").output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(output.stdout.is_empty() && stderr(&output).contains("dry run"));
}

/// The records are written by then, so only the exit code tells.
#[test]
fn a_run_over_budget_has_no_part_in_its_manifest() {
    let place = Place::new();
    let mut command = run(NEWSLETTER, &place);
    let output = command.args(["--set", "account.max_rejects=0"]).output();
    let output = output.expect("the program runs");
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(!output.stdout.is_empty());
    assert!(!stderr(&output).contains("nothing was published"), "{}", stderr(&output));
    let manifest = place.manifest();
    assert_eq!(manifest["status"], "over_budget");
    assert_eq!(manifest["outputs"][0]["files"].as_array().map(Vec::len), Some(0));
    let page = fs::read_to_string(place.folder.path().join("account/report.html"));
    let page = page.expect("a report").to_lowercase();
    assert!(page.contains("went to standard output must not be used"), "{page}");
    assert!(!page.contains("nothing was published"), "{page}");
}

#[test]
fn a_reader_that_goes_away_is_an_error() {
    let place = Place::new();
    let input = place.folder.path().join("a.json");
    fs::write(&input, "{\"Id\":\"a\"}\n".repeat(400_000)).expect("an input");
    let mut command = run(NEWSLETTER, &place);
    command.args(["--set", &format!("input.from=[{input:?}]")]);
    let mut running =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut stream = running.stdout.take().expect("it is piped");
    stream.read_exact(&mut [0; 1000]).expect("some records");
    drop(stream);
    let output = running.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 74, "{}", stderr(&output));
    assert!(stderr(&output).contains("could not write to standard output"), "{}", stderr(&output));
    assert!(!place.account().join("manifest.json").exists());
}
