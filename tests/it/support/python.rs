//! A Python environment with the packages that tests read Parquet and metrics with.
//!
//! The first test that needs it installs it under the target folder; later runs use it again.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const REQUIREMENTS: &str = "tests/parquet/requirements.txt";

/// A command that runs this Python in the repository's root.
pub(crate) fn python() -> Command {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PYTHON.get_or_init(install));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Installs the environment, unless one with the same packages exists. Returns the path of its Python.
fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let requirements = fs::read(REQUIREMENTS).expect("the requirements");
    if fs::read(&stamp).is_ok_and(|installed| installed == requirements) {
        return python;
    }
    // The test harness captures what tests print, but not what they write to standard error directly.
    writeln!(
        io::stderr(),
        "installing the Python packages of `{REQUIREMENTS}` from PyPI into `{}`; this happens once and \
         may take a minute",
        folder.display()
    )
    .ok();
    let create = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status();
    let install = || {
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "-r", REQUIREMENTS])
            .status()
    };
    let is_done = |status: io::Result<std::process::ExitStatus>| status.is_ok_and(|s| s.success());
    assert!(
        is_done(create()) && is_done(install()),
        "the Python packages to read Parquet and metrics with could not be installed into `{}`: install Python 3.10 \
         or later with its `venv` module, and give `pip` access to a package index; `{REQUIREMENTS}` \
         lists the packages",
        folder.display()
    );
    fs::write(&stamp, requirements).expect("room for a file");
    writeln!(io::stderr(), "installed the Python packages").ok();
    python
}
