//! The library that makes calls of the program to the file system fail, or kills it there
//! (`tests/faults/faults.c`).

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The library, which is compiled once.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&path).arg(source);
        let status = compiler.status().expect("a C compiler is installed");
        assert!(status.success(), "the library for faults is compiled");
        path
    })
}
