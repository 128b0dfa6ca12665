//! `aws s3 cp` of the same object from and to the same server, to compare with.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::s3::server::{ACCESS_KEY, SECRET_KEY};

const VERSION: &str = "awscli==1.45.11";

/// Prints what it takes there and back, or why that is not known.
pub(crate) fn compare(endpoint: &str, folder: &Path, megabytes: f64) {
    let aws = match installed() {
        Ok(aws) => aws,
        Err(why) => {
            println!("aws s3 cp: not measured, since {VERSION} could not be installed: {why}");
            return;
        }
    };
    let (object, again) = ("s3://bucket/in/large.ndjson", "s3://bucket/out/large.ndjson");
    let file = folder.join("copied.ndjson").display().to_string();
    for (what, from, to) in [("bucket to disk", object, &*file), ("disk to bucket", &file, again)] {
        let begun = Instant::now();
        let mut command = Command::new(&aws);
        command.args(["s3", "cp", "--only-show-errors", "--endpoint-url", endpoint, from, to]);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_DEFAULT_REGION", "us-east-1");
        match command.status() {
            Ok(status) if status.success() => {
                let seconds = begun.elapsed().as_secs_f64();
                println!("aws s3 cp, {what}: {seconds:.2} s, {:.1} MB/s", megabytes / seconds);
            }
            Ok(status) => println!("aws s3 cp, {what}: not measured, it ended with {status}"),
            Err(error) => println!("aws s3 cp, {what}: not measured: {error}"),
        }
    }
    std::fs::remove_file(file).ok(); // in a folder that goes anyway
}

fn installed() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("awscli");
    let aws = home.join("bin/aws");
    if aws.exists() {
        return Ok(aws);
    }
    let python = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("{arguments:?} ended with {}", output.status)),
            Err(error) => Err(format!("{}: {error}", program.display())),
        }
    };
    python(Path::new("python3"), &["-m", "venv", &home.display().to_string()])?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION];
    python(&home.join("bin/python"), &pip)?;
    Ok(aws)
}
