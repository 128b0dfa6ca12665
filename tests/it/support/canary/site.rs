//! Runs over inputs full of canaries, and the search for canaries in what they leave.

use std::{fs, process::Command};

use super::Canaries;
use crate::support::parquet_values;
use crate::support::program::{Place, code, files_below, segprep, stderr, toml_text};

pub(crate) const DEFINITION: &str = "tests/leaks/definition.toml";

/// Inputs and lists full of canaries, and a place for the output.
pub(crate) struct CanarySite {
    pub(crate) place: Place,
    pub(crate) canaries: Canaries,
}

impl CanarySite {
    pub(crate) fn new(seed: u64) -> CanarySite {
        let site = CanarySite { place: Place::new(), canaries: Canaries::new(seed) };
        fs::create_dir(site.place.folder.path().join("input")).expect("a folder");
        fs::create_dir(site.place.folder.path().join("lists")).expect("a folder");
        site
    }

    /// The setting of a suppression list, in which some entries are unusable.
    pub(crate) fn list(&mut self) -> String {
        let file = self.place.folder.path().join("lists/out.csv");
        let rows = (0..50).map(|number| {
            let at = if number % 10 == 0 { "" } else { "@example.com" };
            format!("{},{}{at}\n", self.canaries.number(), self.canaries.text())
        });
        let rows: String = rows.collect();
        fs::write(&file, format!("number,mail\n{rows}")).expect("a list");
        format!(
            "suppress=[{{ from = [{}], field = \"Address\", column = \"mail\", normalize = \"email.v1\", max_unusable = 5 }}]",
            toml_text(&file.to_string_lossy())
        )
    }

    pub(crate) fn input(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.place.folder.path().join("input").join(name), text).expect("an input");
    }

    /// A run over the inputs with a key that is a canary too.
    pub(crate) fn run(&mut self) -> Command {
        self.command("run")
    }

    /// The same for another command.
    pub(crate) fn command(&mut self, name: &str) -> Command {
        let key = self.canaries.text() + &self.canaries.text();
        let hex = data_encoding::HEXLOWER.encode(key.as_bytes());
        self.canaries.watch(hex.clone());
        let mut command = segprep();
        command.args([name, DEFINITION]).env("SEGPREP_KEY_K1", format!("hex:{hex}"));
        let input = self.place.folder.path().join("input");
        command.arg("--set").arg(format!("input.from=[{}]", toml_text(&input.to_string_lossy())));
        command.arg("--set").arg(self.list());
        self.place.set_paths(&mut command);
        command
    }

    /// Runs a command, and fails if a canary is in its output or in a file that it wrote.
    #[track_caller]
    pub(crate) fn check(&self, mut command: Command, expected: i32) {
        let output = command.output().expect("the program runs");
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            assert_eq!(self.canaries.find(stream), None, "in {text}");
        }
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        self.check_files();
    }

    /// Fails if a canary is in a written file or in its name. Returns the number of files.
    #[track_caller]
    pub(crate) fn check_files(&self) -> usize {
        let root = self.place.folder.path();
        let files = files_below(root);
        let given = [root.join("input"), root.join("lists")];
        let files = files.iter().filter(|file| !given.iter().any(|given| file.starts_with(given)));
        files
            .map(|file| {
                let text = fs::read(file).unwrap_or_default(); // a running program may have removed it
                let shown = file.display();
                assert_eq!(self.canaries.find(&text), None, "in {shown}");
                if file.extension().is_some_and(|end| end == "parquet") {
                    let values = parquet_values::texts(file);
                    assert_eq!(self.canaries.find(&values), None, "in a value of {shown}");
                }
                assert_eq!(self.canaries.find(shown.to_string().as_bytes()), None, "{shown}");
            })
            .count()
    }
}

#[track_caller]
pub(crate) fn check_output(c: &Canaries, mut command: Command, expected: i32) {
    let output = command.output().expect("the program runs");
    let printed = [output.stdout.as_slice(), &output.stderr].concat();
    assert_eq!(c.find(&printed), None, "in {}", String::from_utf8_lossy(&printed));
    assert_eq!(code(&output), expected, "{}", stderr(&output));
}
