//! Measures a whole run in this process, with one thread.

use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use segprep::engine::Cancel;
use segprep::run::{Failure, Progress, RunOptions, run};

use super::task::{DEFINITION, files::Input};

/// The time of a run from the definition to the manifest. Its results are removed.
///
/// # Errors
///
/// Fails if the run fails.
pub(crate) fn run_whole(
    input: &Input,
    digest: &str,
    scratch: &Path,
) -> Result<Duration, Box<dyn Error>> {
    let out = scratch.join("whole");
    let format = if is_csv(input) { "csv" } else { "json" };
    let sets = [
        format!("input.from=[{}]", quoted(&input.path)),
        format!("account.to={}", quoted(&out.join("account"))),
        format!("output.0.to={}", quoted(&out.join("import"))),
        format!("output.0.format=pinpoint-{format}"),
        format!("output.0.digest={digest}"),
        "keys.k1=demo:".to_owned(),
    ];
    let options = RunOptions {
        definition: DEFINITION.into(),
        sets: sets.into(),
        threads: Some(1),
        ..RunOptions::default()
    };
    let began = Instant::now();
    match run(&options, &Progress::default(), &Cancel::default()) {
        Ok(_) => {}
        Err(Failure::Run(error)) => return Err(error.into()),
        Err(Failure::Diagnostics(faults)) => return Err(format!("{faults:?}").into()),
    }
    let time = began.elapsed();
    fs::remove_dir_all(out)?;
    Ok(time)
}

pub(crate) fn is_csv(input: &Input) -> bool {
    input.path.extension().is_some_and(|extension| extension == "csv")
}

/// The path as a TOML string.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}
