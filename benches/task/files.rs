//! The inputs of `benches/compare`, which its own program makes.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One of the inputs.
pub(crate) struct Input {
    /// `ndjson-plain`
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) records: u32,
    pub(crate) bytes: u64,
}

/// Both shapes in both formats, made where they are not there from an earlier run.
///
/// # Errors
///
/// Where Python is missing, or what it writes can't be.
pub(crate) fn inputs(records: u32) -> Result<Vec<Input>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("compare");
    let mut inputs = Vec::new();
    for shape in ["plain", "export"] {
        make(shape, records, &folder)?;
        for format in ["ndjson", "csv"] {
            let path = folder.join(format!("{shape}-{records}.{format}"));
            let bytes = fs::metadata(&path)?.len();
            inputs.push(Input { name: format!("{format}-{shape}"), path, records, bytes });
        }
    }
    Ok(inputs)
}

fn make(shape: &str, records: u32, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new("python3");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["benches/compare/records.py", "--shape", shape]);
    command.args(["--records", &records.to_string(), "--out"]).arg(folder);
    let told = command.output().map_err(|error| format!("`python3` can't be started: {error}"))?;
    if !told.status.success() {
        return Err(String::from_utf8_lossy(&told.stderr).into());
    }
    Ok(())
}
