//! Python with the packages that tests read Parquet with, in an environment of its own.
//!
//! It is made once under the target folder, by the first test that asks for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const REQUIREMENTS: &str = "tests/parquet/requirements.txt";

/// A command of that Python, in the repository's root.
pub(crate) fn python() -> Command {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PYTHON.get_or_init(environment));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Makes the environment, unless one with the same packages is there.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let (python, done) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = fs::read(REQUIREMENTS).expect("the requirements");
    if fs::read(&done).is_ok_and(|found| found == wanted) {
        return python;
    }
    let make = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status();
    let install = || {
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "-r", REQUIREMENTS])
            .status()
    };
    let is_made = [make(), install()].into_iter().all(|ended| ended.is_ok_and(|s| s.success()));
    assert!(
        is_made,
        "no Python to read Parquet with: install Python 3.10 or later with its `venv` module, and \
         let `pip` reach a package index; `{REQUIREMENTS}` says what is installed, and where: {}",
        folder.display()
    );
    fs::write(&done, wanted).expect("a note of what is installed");
    python
}
