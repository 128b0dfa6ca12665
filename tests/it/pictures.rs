//! The pictures in `docs/pictures/` show what the program prints.

use std::process::Command;

#[test]
fn the_pictures_are_of_this_program() {
    let mut command = Command::new("python3");
    command.args(["docs/pictures/make.py", "--check", env!("CARGO_BIN_EXE_segprep")]);
    let output = command.output().expect("python3 runs");
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shown}");
}
