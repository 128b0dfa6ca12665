//! Suppression lists: which records match, what the account says of a list, and that no entry appears
//! in it.

use std::{fs, process::Command};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::support::program::{Place, code, segprep, stderr, toml_text};

const DEFINITION: &str = "pipelines/suppressed.toml";

/// A place with an input and a list.
struct Case {
    place: Place,
}

impl Case {
    fn new(records: &str, list: &[u8]) -> Case {
        let place = Place::new();
        fs::create_dir(place.folder.path().join("input")).expect("a folder");
        fs::write(place.folder.path().join("input/a.json"), records).expect("records");
        fs::write(place.folder.path().join("list"), list).expect("a list");
        Case { place }
    }

    /// A run with this list; `settings` are those beside `from` and `field`.
    fn run(&self, settings: &str) -> Command {
        self.run_with(&["list"], settings)
    }

    /// A run with the list that these names are, below the folder of the place.
    fn run_with(&self, from: &[&str], settings: &str) -> Command {
        let text = |name: &str| toml_text(&self.place.folder.path().join(name).to_string_lossy());
        let mut command = segprep();
        command.args(["run", DEFINITION, "--set"]);
        command.arg(format!("input.from=[{}]", text("input"))).arg("--set");
        command.arg(format!(
            "suppress=[{{ from = [{}], field = \"Address\", {settings} }}]",
            from.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
        ));
        self.place.set_paths(&mut command);
        command
    }

    /// The numbers of records read, written and suppressed; and of entries, unusable entries and
    /// matches of the list.
    #[track_caller]
    fn counts(&self, settings: &str) -> ([u64; 3], [u64; 3]) {
        let output = self.run(settings).output().expect("the program runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let manifest = self.place.manifest();
        let number = |value: &serde_json::Value| value.as_u64().expect("a count");
        let records = &manifest["records"];
        let list = &manifest["suppress"][0];
        (
            [&records["read"], &records["written"], &records["dropped"]["suppressed"]].map(number),
            [&list["entries"], &list["unusable"], &list["matches"]].map(number),
        )
    }

    #[track_caller]
    fn fails(&self, settings: &str, expected: i32, words: &str) {
        let output = self.run(settings).output().expect("the program runs");
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{words:?} in {}", stderr(&output));
    }
}

fn record(address: &str) -> String {
    format!("{{\"ChannelType\":\"EMAIL\",\"Address\":\"{address}\"}}\n")
}

fn records() -> String {
    ["Ada@Example.com", "bo@example.com", "cy@example.com"].map(record).concat()
}

#[test]
fn lists_are_read_in_every_form() {
    let hex = |value: &str| HEXLOWER.encode(&Sha256::digest(value));
    let plain = b"ADA@example.com\r\n\n  bo@EXAMPLE.com \nAda@example.com\n".as_slice();
    let csv =
        b"\xef\xbb\xbfid;\"e-mail\"\n1;\"ada@example.com\"\n2;\n;\n3;bo@example.com".as_slice();
    let sha256 = format!("{}\n{}\n", hex("ada@example.com"), hex("bo@example.com").to_uppercase());
    for (list, settings) in [
        (plain, "normalize = \"email.v1\""),
        (csv, "normalize = \"email.v1\", column = \"e-mail\""),
        (sha256.as_bytes(), "normalize = \"email.v1\", form = \"sha256\""),
    ] {
        let case = Case::new(&records(), list);
        assert_eq!(case.counts(settings), ([3, 1, 2], [2, 0, 2]), "{settings}");
    }
    // Compared byte by byte, one of the two is in another case.
    let case = Case::new(&records(), plain);
    assert_eq!(case.counts("normalize = \"none\"").0, [3, 3, 0]);
}

#[test]
fn a_list_is_read_the_same_in_any_chunks() {
    let row = |n| format!("\"a \"\"quoted\"\"\nname {n}\",person{n}@example.com\n");
    let list = format!("name,mail\n{}", (0..60_000).map(row).collect::<String>());
    let records: String =
        (59_990..60_010).map(|number| record(&format!("person{number}@example.com"))).collect();
    let case = Case::new(&records, list.as_bytes());
    let found = case.counts("normalize = \"email.v1\", column = \"mail\"");
    assert_eq!(found, ([20, 10, 10], [60_000, 0, 10]));
}

#[test]
fn an_opt_out_is_written() {
    let case = Case::new(&records(), b"ada@example.com\n");
    let found = case.counts("normalize = \"email.v1\", action = \"opt-out\"");
    assert_eq!(found, ([3, 3, 0], [1, 0, 1]));
    let part = String::from_utf8(case.place.parts()).expect("UTF-8");
    let opted_out = part.lines().filter(|line| line.contains("\"OptOut\":\"ALL\"")).count();
    assert_eq!((opted_out, part.lines().count()), (1, 3));
}

#[test]
fn unusable_entries_are_counted_and_not_shown() {
    let list = b"ada@example.com\nsomebody-with-a-name\nbo@example.com\n";
    let case = Case::new(&records(), list);
    assert_eq!(case.counts("normalize = \"email.v1\", max_unusable = 1").1, [2, 1, 2]);
    let manifest = case.place.manifest().to_string();
    assert!(manifest.contains("1 entry of the list"), "{manifest}");
    assert!(manifest.contains("whoever it stands for is not found"), "{manifest}");
    for shown in ["somebody", "ada@example.com"] {
        assert!(!manifest.contains(shown), "{manifest}");
    }
}

/// Without `normalize`, both sides are compared as what they look like.
#[test]
fn spelling_does_not_hide_anybody() {
    let numbers = ["+4930654321", "+4930123456"]
        .map(|number| format!("{{\"ChannelType\":\"SMS\",\"Address\":\"{number}\"}}\n"));
    let token = "{\"ChannelType\":\"APNS\",\"Address\":\"Ab12\"}\n";
    let records = format!("{}{}{token}", records(), numbers.concat());
    let list = "BO@EXAMPLE.COM\n\u{feff}ada@example.com\u{200e}\n+49 30 654321\nab12\nAb12\n";
    let case = Case::new(&records, list.as_bytes());
    assert_eq!(case.counts("action = \"drop\""), ([6, 2, 4], [5, 0, 4]));
    let none = Case::new(&records, list.as_bytes());
    assert_eq!(none.counts("normalize = \"none\"").0, [6, 5, 1]);
    // Digests may be of the value as it is, or of its normal form.
    let hex = |value: &str| HEXLOWER.encode(&Sha256::digest(value));
    let digests = format!("{}\n{}\n", hex("Ada@Example.com"), hex("bo@example.com"));
    let digests = Case::new(&records, digests.as_bytes());
    assert_eq!(digests.counts("form = \"sha256\"").0, [6, 4, 2]);
}

/// A decimal number is nobody's phone number, least of all a stranger's.
#[test]
fn a_decimal_number_in_a_list_is_unusable() {
    let numbers = ["+4930123456", "+49301234560", "+4930654321", "+4930777777"];
    let record = |number| format!("{{\"ChannelType\":\"SMS\",\"Address\":\"{number}\"}}\n");
    let records = numbers.map(record).concat();
    let list = b"4930123456.0\n+4930654321\n+4930777777.0\n";
    for normalize in ["normalize = \"phone.v1\"", "normalize = \"auto\""] {
        let case = Case::new(&records, list);
        for settings in [normalize.to_owned(), format!("{normalize}, max_unusable = 1")] {
            let output = case.run(&settings).output().expect("the program runs");
            let shown = stderr(&output);
            assert_eq!(code(&output), 65, "{shown}");
            assert!(shown.contains("/list`, lines 1 and 3"), "{shown}");
            assert!(shown.contains("max_unusable = 2"), "{shown}");
            assert!(!shown.contains("4930") && case.place.parts().is_empty(), "{shown}");
        }
        let counts = case.counts(&format!("{normalize}, max_unusable = 2"));
        assert_eq!(counts, ([4, 3, 1], [1, 2, 1]));
        let parts = String::from_utf8(case.place.parts()).expect("UTF-8");
        assert!(parts.contains("+49301234560") && !parts.contains("+4930654321"), "{parts}");
    }
}

#[test]
fn unusable_entries_are_named_by_file_and_line() {
    let fails = |list: &str, settings: &str, words: &str| {
        let case = Case::new(&records(), list.as_bytes());
        case.fails(settings, 65, words);
        let output = case.run(settings).arg("--json").output().expect("the program runs");
        assert!(!stderr(&output).contains("person"), "{}", stderr(&output));
    };
    let email = "normalize = \"email.v1\"";
    fails("ada@example.com\nperson\n", email, "/list`, line 2");
    fails("ada@example.com\nper\u{200b}son@example.com\n", email, "/list`, line 2");
    fails("ada@example.com\nperson@exa\u{2060}mple.com\n", "max_entries = 9", "/list`, line 2");
    let with_column =
        "\"e\nmail\",x\r\n\"ada@example.com\",\"1\n2\"\r\n\"person\",\"3\n4\"\r\nx@y.example,\r\n";
    let column = "normalize = \"email.v1\", column = \"e\\nmail\"";
    fails(with_column, column, "/list`, line 5");
    fails("id,mail\n1,ada@example.com\n\nperson\n", "column = \"mail\"", "/list`, line 4");
    // A tab inside, as in a table, is never part of a value.
    fails("ada\t1\nbo\n", "normalize = \"none\"", "/list`, line 1");
    fails("ada\nperson\n", email, "no entry of the list");
    let ada = "ada@example.com\n";
    let many = format!("{}{}", ada.repeat(90_000), "person\nbo@example.com\n".repeat(12));
    fails(&many, email, "12 entries of the list");
    let ten = "lines 90001, 90003, 90005, 90007, 90009, 90011, 90013, 90015, 90017 and 90019\n";
    fails(&many, email, ten);
}

#[test]
fn an_invalid_list_ends_the_run() {
    let fails = |list: &[u8], settings: &str, expected, words| {
        Case::new(&records(), list).fails(settings, expected, words);
    };
    fails(b"", "normalize = \"none\"", 66, "has no content");
    fails(b"ada\nbo\n", "normalize = \"email.v1\"", 65, "no entry of the list");
    fails(b"ada@\nbo@\n", "normalize = \"email.v1\", max_unusable = 9", 65, "no entry of the list");
    fails(b"ada@example.com\n", "form = \"sha256\"", 65, "hexadecimal digits");
    fails(b"ada@example.com\n", "form = \"token\"", 65, "a token of a key");
    fails(b"mail\na@example.com\n", "column = \"e-mail\"", 65, "has no column with the name");
    fails(b"mail,mail\na,b\n", "column = \"mail\"", 65, "two columns");
    fails(b"mail\n\"a\nb\n", "column = \"mail\"", 65, "not closed");
    fails(b"a\xff@example.com\n", "normalize = \"none\"", 65, "not UTF-8");
    fails(b"a\nb\nc\n", "max_entries = 2", 65, "over 2 entries");
    let case = Case::new(&records(), b"a\n");
    fs::remove_file(case.place.folder.path().join("list")).expect("it is there");
    case.fails("normalize = \"none\"", 66, "does not exist");
}

/// Whoever is on a list that is named is found, or the run does not start.
#[test]
fn a_list_that_is_named_is_read_or_ends_the_run() {
    let case = Case::new(&records(), b"ada@example.com\n");
    let folder = case.place.folder.path();
    for (name, text) in
        [("_two", "bo@example.com\n"), ("more/.cy", "cy@example.com\n"), ("empty/e", "")]
    {
        fs::create_dir_all(folder.join(name).parent().expect("a folder")).expect("a folder");
        fs::write(folder.join(name), text).expect("a list");
    }
    for (from, expected) in
        [("empty/e", "empty/e` has no content"), ("empty", "empty`"), ("*.txt", "/*.txt` has no")]
    {
        let output = case.run_with(&["list", from], "action = \"drop\"").output();
        let output = output.expect("the program runs");
        assert_eq!(code(&output), 66, "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let output = case.run_with(&["list", "_two"], "action = \"drop\"").output();
    assert_eq!(code(&output.expect("the program runs")), 0);
    assert_eq!(case.place.manifest()["records"]["dropped"]["suppressed"], 2);
    fs::write(folder.join("more/bo"), "bo@example.com\n").expect("a list");
    let mut command = case.run_with(&["more"], "action = \"drop\"");
    let output = command.arg("--overwrite").output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let warnings = case.place.manifest()["warnings"].to_string();
    assert!(warnings.contains("more/.cy` under `[[suppress]]` is not read"), "{warnings}");
    assert_eq!(case.place.manifest()["records"]["dropped"]["suppressed"], 1);
}

#[test]
fn a_changed_list_is_another_run() {
    let case = Case::new(&records(), b"ada@example.com\n");
    let settings = "normalize = \"email.v1\"";
    assert_eq!(case.counts(settings).0, [3, 2, 1]);
    let again = case.run(settings).output().expect("the program runs");
    assert!(String::from_utf8_lossy(&again.stdout).contains("already published"));
    fs::write(case.place.folder.path().join("list"), "ada@example.com\nbo@example.com\n")
        .expect("a list");
    case.fails(settings, 73, "overwrite");
}
