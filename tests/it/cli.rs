//! The command line as users see it. Each case under `tests/cmd/`, and each page with a console, runs from top to
//! bottom in its own folder with the samples, the pipelines and the files of `tests/cmd/files/`. The
//! program must print what the case shows.
//!
//! `TRYCMD=overwrite cargo test --test it cli` writes the current output into the cases, with `[..]` for
//! what differs between runs. Review the changes before you commit them. In a case, `...` before a
//! summary stands for the progress that a run prints after ten seconds; `[FIPS]` and `[MODULE]` stand for
//! what only a FIPS build prints.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::support::program::files_below;

/// What differs between runs, or changes with every comment in a schema.
const VARYING: [(&str, &str); 9] = [
    (r"(segprep 0\.2\.0)(\[MODULE\])?", "$1[MODULE]"),
    (r#"("version":"0\.2\.0",)(\[FIPS\])?"#, "$1[FIPS]"),
    ("(?m)^  time       .*$", "  time       [..]"),
    ("(?m)^hex:[0-9a-f]{64}$", "hex:[..]"),
    (r#""(fingerprint|run|sha256|started|finished|ts)":"[^"]*""#, r#""$1":"[..]""#),
    (r#""([a-z.-]+)":"[0-9a-f]{64}""#, r#""$1":"[..]""#),
    (r#""settings":\{[^}]*\}"#, r#""settings":{[..]}"#),
    (r"(?m)^published (`[a-z]+`), run ([a-z0-9-]+), \S+$", "published $1, run $2, [..]"),
    (r#""timing":\{[^}]*\}"#, r#""timing":{[..]}"#),
];

/// What is in the folder of every case.
const FOUND: [&str; 3] = ["samples", "pipelines", "tests/cmd/files"];

#[test]
fn the_program_prints_what_the_cases_show() {
    let stage = Stage::new();
    let mut cases: Vec<PathBuf> = files_below(Path::new("tests/cmd"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "trycmd"))
        .collect();
    assert!(20 <= cases.len(), "only {} cases were found", cases.len());
    cases.extend(pages_with_a_console());
    for case in &cases {
        stage.put(case);
    }
    let run = trycmd::TestCases::new();
    run.register_bin("segprep", Path::new(env!("CARGO_BIN_EXE_segprep")))
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .case(stage.folder.path().join("*.trycmd"))
        .case(stage.folder.path().join("*.md"));
    let module = segprep::crypto::fips_module();
    let member = module.as_ref().map_or("", |_| r#""fips":true,"#);
    let version = module.map_or_else(String::new, |module| format!(" ({module})"));
    run.insert_var("[FIPS]", member).expect("a name in brackets");
    run.insert_var("[MODULE]", version).expect("a name in brackets");
    run.run();
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        for case in &cases {
            stage.take_back(case);
        }
    }
}

/// The README, and the pages below `docs/` that show what the program prints.
fn pages_with_a_console() -> Vec<PathBuf> {
    let mut pages = files_below(Path::new("docs"));
    pages.push(PathBuf::from("README.md"));
    pages.retain(|page| {
        page.extension().is_some_and(|end| end == "md")
            && fs::read_to_string(page).expect("a page").contains("\n```console\n")
    });
    assert!(4 <= pages.len(), "only {} pages were found", pages.len());
    pages
}

/// A folder laid out for trycmd: each case with its files and a sandbox.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for found in FOUND {
            let is_top = found == "tests/cmd/files";
            let below = Path::new("found").join(if is_top { "" } else { found });
            copy(Path::new(found), &folder.path().join(below));
        }
        Stage { folder }
    }

    fn put(&self, case: &Path) {
        let at = self.place_of(case);
        fs::copy(case, &at).expect("the case");
        symlink(self.folder.path().join("found"), at.with_extension("in")).expect("a link");
        fs::create_dir(at.with_extension("out")).expect("a folder");
    }

    fn take_back(&self, case: &Path) {
        let text = fs::read_to_string(self.place_of(case)).expect("the case");
        let steady = VARYING.iter().fold(text, |text, (pattern, shown)| {
            let varying = regex::Regex::new(pattern).expect("a pattern");
            varying.replace_all(&text, *shown).into_owned()
        });
        fs::write(case, steady).expect("the case");
    }

    fn place_of(&self, case: &Path) -> PathBuf {
        self.folder.path().join(case.file_name().expect("a case is a file"))
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let copy = to.join(file.strip_prefix(from).expect("a path below it"));
        fs::create_dir_all(copy.parent().expect("a parent folder")).expect("a folder");
        fs::copy(&file, &copy).expect("a file");
    }
}
