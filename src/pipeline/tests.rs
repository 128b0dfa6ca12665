//! Definitions as data: what is refused, where and with which words; what each rule governs;
//! and that no text makes this panic or shows a key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use sha2::Digest as _;

use super::*;
use crate::definition::document::hide_keys;
use crate::definition::*;
use crate::plan::*;
use crate::schema::Schema;
use crate::transform::{Encoding, Hmac, MasterKey, Op, Outcome, Scope, TokenShape, Tokens};

const BASE: &str = r#"segprep = 1
name = "list"
purpose = "messaging"

[input]
from = ["in/"]

[fields]
"Id" = "keep"
"Address" = "keep"
"User.*" = "drop"
"Attributes.*" = "keep"
"Metrics.*" = "keep"
"Location.*" = "drop"

[keys]
current = "k1"
k1 = "env:KEY"

[account]
to = "out/account/"

[[output]]
to = "out/import/"
format = "pinpoint-json"
"#;

fn schema() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

fn around<'a>() -> Environment<'a> {
    Environment {
        env: &|name| (name == "HOME_DIR").then(|| "/home/somebody".to_owned()),
        date: "2026-11-23",
        real_path: &Path::to_path_buf,
    }
}

fn checked(text: &str, sets: &[&str]) -> Result<(Definition, Rules), Vec<Diagnostic>> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    check("list.toml", text, &sets, &around(), &schema())
}

/// The base definition with a line replaced.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "{from} stands once in the base");
    BASE.replacen(from, to, 1)
}

#[track_caller]
fn taken(text: &str) -> (Definition, Rules) {
    checked(text, &[]).unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

fn shown(faults: &[Diagnostic]) -> String {
    faults.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n\n")
}

#[track_caller]
fn refused(text: &str, sets: &[&str]) -> Vec<Diagnostic> {
    checked(text, sets).map(|_| ()).expect_err("it is refused")
}

/// A definition has exactly this one fault: `line:column`, and parts of message and help.
#[track_caller]
fn check_fault(text: &str, place: &str, message: &str, help: &str) {
    let faults = refused(text, &[]);
    let [fault] = faults.as_slice() else { panic!("one fault:\n{}", shown(&faults)) };
    assert_eq!(format!("{}:{}", fault.line, fault.column), place, "{fault}");
    assert!(fault.message.contains(message), "{message:?} in\n{fault}");
    assert!(fault.help.contains(help), "{help:?} in\n{fault}");
}

#[test]
fn the_base_is_taken() {
    let (definition, rules) = taken(BASE);
    assert_eq!(definition.name, "list");
    assert_eq!(rules.warnings, Vec::<String>::new());
    assert_eq!(definition.canonical(), BASE.as_bytes());
}

#[test]
fn a_fault_reads_like_this() {
    let faults = refused(&with("from = ", "form = "), &[]);
    let expected = r#"error: unknown setting `form` in `[input]`
 --> list.toml:6:1
  |
6 | form = ["in/"]
  | ^^^^
  |
  = help: did you mean `from`?"#;
    assert_eq!(shown(&faults), expected);

    let faults = refused(&with("\"Location.*\" = \"drop\"", "\"Location.*\" = \"mask\""), &[]);
    let expected = r#"error: `mask` does not fit `Location.Country`, `Location.Latitude`, `Location.Longitude`
  --> list.toml:14:16
   |
14 | "Location.*" = "mask"
   |                ^^^^^^
   |
   = help: `Location.Country` takes `keep`, `drop` and `map`: write a separate rule for each field"#;
    assert_eq!(shown(&faults), expected);
}

#[test]
fn a_fault_of_a_set_shows_the_set() {
    let faults = refused(BASE, &["run.threads=4", "output.0.formt=pinpoint-json"]);
    let expected = r"error: unknown setting `formt` in `[[output]]`
 --> --set:1:10
  |
1 | output.0.formt=pinpoint-json
  |          ^^^^^
  |
  = help: did you mean `format`?";
    assert_eq!(shown(&faults), expected);
}

#[test]
fn all_faults_are_told_at_once_and_in_order() {
    let text = BASE
        .replace("name = \"list\"", "name = \"List\"")
        .replace("\"Metrics.*\" = \"keep\"", "\"Metrics.*\" = \"mask\"")
        .replace("\"Id\" = \"keep\"", "\"Id\" = \"kep\"")
        .replace("\"Address\" = \"keep\"", "\"Address\" = \"drop\"")
        .replace("from = [\"in/\"]", "from = [\"s3://b/\"]\ncolour = true")
        .replace("to = \"out/import/\"", "to = \"out/account/x/\"");
    let faults = refused(&text, &["run.threads=0", "name"]);
    let places: Vec<(&str, usize)> =
        faults.iter().map(|fault| (fault.file.as_str(), fault.line)).collect();
    let file = |line| ("list.toml", line);
    let lines = [file(2), file(6), file(7), file(10), file(11), file(14), file(25)];
    assert_eq!(places, [&lines[..], &[("--set", 1), ("--set", 1)]].concat());
}

/// A text, the place of its one fault, and parts of message and help.
type Case = (String, &'static str, &'static str, &'static str);

#[track_caller]
fn check_faults(cases: &[Case]) {
    for (text, place, message, help) in cases {
        check_fault(text, place, message, help);
    }
}

#[test]
fn faults_of_what_is_read() {
    check_faults(&[
        (with("segprep = 1", "segprep = 2"), "1:11", "version 1", "segprep = 1"),
        (with("purpose = \"messaging\"\n", ""), "1:1", "`purpose` is missing", "analytics"),
        (with("from = [\"in/\"]", "from = []"), "6:8", "`from` is empty", "at least one"),
        (with("from = [\"in/\"]", "from = [\"in/\", 3]"), "6:16", "`from` is a number", "string"),
        (with("from = [\"in/\"]", "from = [\"a[.json\"]"), "6:9", "no closing `]`", "`[[]`"),
        (with("from = [\"in/\"]", "from = [\"a**.json\"]"), "6:9", "whole path component", "`**/`"),
        (
            with("from = [\"in/\"]", "from = [\"${NO_SUCH}/in\"]"),
            "6:10",
            "`NO_SUCH` is not set",
            "set it",
        ),
        (
            with("from = [\"in/\"]", "from = [\"a/{day}\"]"),
            "6:12",
            "unknown placeholder `{day}`",
            "{date}",
        ),
        (
            with("from = [\"in/\"]", "from = [\"in/\"]\nmax_record = \"65 MiB\""),
            "7:14",
            "out of range",
            "64 MiB",
        ),
        (
            with("from = [\"in/\"]", "from = [\"in/\"]\nkinds = [\"usr\"]"),
            "7:10",
            "`usr`",
            "`user`",
        ),
    ]);
}

#[test]
fn faults_of_rules() {
    let rule = |rule: &str| with("\"Metrics.*\" = \"keep\"", rule);
    check_faults(&[
        (rule("\"Metrics.*\" = \"scrub\""), "13:15", "not supported in this version", "date_trunc"),
        (rule("\"Metrics.*\" = \"round\""), "13:15", "`step` is missing", "decimals"),
        (
            rule("\"Metrics.*\" = \"keep\"\nUser.UserId = \"keep\""),
            "14:1",
            "not in quotes",
            "\"User.UserId\"",
        ),
        (
            rule("\"Metrics.*\" = \"keep\"\n\"Attributes\" = \"keep\""),
            "14:1",
            "contains fields",
            "`Attributes.*`",
        ),
        (
            rule("\"Metrics.*\" = \"keep\"\n\"Metrics.*\" = \"drop\""),
            "14:1",
            "two rules for `Metrics.*`",
            "remove one",
        ),
        (
            rule("\"Metrics.*\" = \"keep\"\n\"CohortId\" = \"drop\""),
            "14:1",
            "only in exports",
            "remove the rule",
        ),
        (
            rule("\"Metrics.a\" = \"keep\""),
            "8:1",
            "no rule covers `Metrics.*`",
            "\"Metrics.*\" = \"drop\"",
        ),
        (
            with("\"Address\" = \"keep\"\n", ""),
            "8:1",
            "no rule covers `Address`",
            "\"Address\" = \"keep\"",
        ),
        (
            with("\"Location.*\" = \"drop\"", "\"Location.City\" = \"drop\""),
            "8:1",
            "`Location.Region`",
            "\"Location.*\" = \"drop\"",
        ),
        (
            with("purpose = \"messaging\"", "purpose = \"analytics\""),
            "10:13",
            "in the clear",
            "hmac",
        ),
        (
            with("\"User.*\" = \"drop\"", "\"User.*\" = { op = \"hmac\", bits = 60 }"),
            "11:34",
            "`bits` is out",
            "64 to 256",
        ),
    ]);
}

/// The definition with more lines after `from`, the first of them line 7.
fn with_input(lines: &str) -> String {
    BASE.replace("from = [\"in/\"]", &format!("from = [\"in/\"]\n{lines}"))
}

#[test]
fn faults_of_input_forms() {
    let rename = |line: &str| with_input(&format!("[input.rename]\n{line}"));
    let constants = |line: &str| with_input(&format!("[input.constants]\n{line}"));
    check_faults(&[
        (with_input("encoding = \"latin-1\""), "7:12", "`encoding` can't be", "`latin1`"),
        (with_input("on_bad_file = \"ignore\""), "7:15", "`on_bad_file`", "`skip`"),
        (with_input("max_expansion = 0"), "7:17", "out of range", "at least 1"),
        (with_input("exclude = [\"a**b\"]"), "7:12", "`exclude`", "`**/`"),
        (with_input("exclude = [\"\"]"), "7:12", "is empty", "`**/`"),
        (with_input("delimiter = \"ab\""), "7:13", "not a valid delimiter", "`;`"),
        (with_input("delimiter = \"a\""), "7:13", "not a valid delimiter", "`;`"),
        (with_input("delimiter = \"\\n\""), "7:13", "not a valid delimiter", "`;`"),
        (with_input("header = false"), "7:1", "needs `columns`", "columns ="),
        (with_input("columns = [\"Id\"]"), "7:1", "takes the place of a header", "header = false"),
        (
            with_input("header = false\ncolumns = [\"Adress\"]"),
            "8:12",
            "unknown field `Adress`",
            "`Address`",
        ),
        (
            with_input("header = false\ncolumns = [\"Id\", \"Id\"]"),
            "8:18",
            "names `Id` twice",
            "may repeat",
        ),
        (with_input("format = \"json\"\ndelimiter = \";\""), "8:1", "is for CSV", "remove one"),
        (with_input("rename = 1"), "7:1", "not a table", "[input.rename]"),
        (rename("\"E-mail\" = \"Adress\""), "8:12", "unknown field `Adress`", "`Address`"),
        (rename("\"E-mail\" = \"User\""), "8:12", "unknown field `User`", "name a field"),
        (rename("\"E-mail\" = 1"), "8:12", "`E-mail` is a number", "string"),
        (rename("\" \" = \"Id\""), "8:1", "is empty", "E-mail"),
        (constants("Chanel = \"SMS\""), "8:1", "unknown field `Chanel`", "field"),
        (constants("ChannelType = \"Email\""), "8:15", "can't be `Email`", "EMAIL"),
        (constants("User.UserId = \"u\""), "8:1", "is a table", "in quotes"),
        (constants("ChannelType = \"\""), "8:15", "is empty", "remove it"),
        (
            with_input(
                "header = false\ncolumns = [\"ChannelType\"]\n[input.constants]\nChannelType = \"SMS\"",
            ),
            "10:1",
            "one of the `columns`",
            "remove one",
        ),
        (with_input("[[input.endpoint]]"), "7:9", "not supported in this version", "remove it"),
    ]);
}

#[test]
fn every_setting_of_input_forms_arrives() {
    let text = BASE.replace(
        "from = [\"in/\"]",
        "from = [\"-\", \"in/**/*.csv\"]\nexclude = [\"old/*\"]\nencoding = \"utf-16\"\n\
         max_expansion = 7\non_bad_file = \"skip\"\ndelimiter = \"\\t\"\nheader = false\n\
         columns = [\"Id\", \"\", \"Attributes.a\", \"Attributes.a\"]\nunknown = \"drop\"\n\
         [input.rename]\n\" E-mail\" = \"Address\"\n[input.constants]\n\"User.UserId\" = \"u\"",
    );
    let input = plan(&text).input;
    assert_eq!(input.from, [PathBuf::from("-"), PathBuf::from("in/**/*.csv")]);
    assert_eq!(input.exclude, ["old/*"]);
    assert_eq!((input.encoding, input.max_expansion), (Some(TextEncoding::Utf16), 7));
    assert_eq!((input.skips_bad_files, input.delimiter), (true, Some(b'\t')));
    let columns = input.columns.unwrap_or_default();
    assert_eq!(columns, ["Id", "", "Attributes.a", "Attributes.a"]);
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(input.column_settings.rename, pair("E-mail", "Address"));
    assert_eq!(input.column_settings.constants, pair("User.UserId", "u"));
    assert!(input.column_settings.drop_unknown);
}

#[test]
fn faults_of_keys_and_places() {
    check_faults(&[
        (with("current = \"k1\"", "current = \"k2\""), "17:11", "`current`", "id of the key"),
        (
            with("k1 = \"env:KEY\"", "k1 = \"env:KEY\"\ncurrent-2 = \"kms:x\""),
            "19:13",
            "the id of a key in KMS",
            "alias/NAME",
        ),
        (
            with("k1 = \"env:KEY\"", "k1 = { from = \"env:KEY\", check = \"5F3A\" }"),
            "18:34",
            "not a check value",
            "16 digits",
        ),
        (
            with("to = \"out/account/\"", "to = \"in/account/\""),
            "21:6",
            "is inside the input",
            "apart",
        ),
        (
            with("to = \"out/account/\"", "to = \"./out/x/../import\""),
            "24:6",
            "is the same as the account",
            "apart",
        ),
        (with("to = \"out/import/\"", "to = \"\""), "24:6", "empty", "folder"),
        (
            with("format = \"pinpoint-json\"", "format = \"profiles-csv\""),
            "25:10",
            "not supported in this version",
            "pinpoint-json",
        ),
        (
            with("format = \"pinpoint-json\"", "format = \"pinpoint-json\"\nmax_bytes = \"2 GB\""),
            "26:13",
            "more than the target allows",
            "1 GB",
        ),
        (
            format!("{BASE}[[suppress]]\nfrom = [\"x\"]\n"),
            "26:1",
            "`field` is missing",
            "field = \"Address\"",
        ),
    ]);
}

#[test]
fn what_asks_for_nothing_is_no_fault() {
    taken(&format!("{BASE}[repair]\ntrim = false\n[aws]\n[validate]\n"));
    taken(&format!("suppress = []\n{BASE}"));
    let crlf = BASE.replace('\n', "\r\n");
    taken(&crlf);
    let (definition, _) = taken(&format!("\u{feff}{BASE}"));
    assert_eq!(definition.canonical(), format!("\u{feff}{BASE}").as_bytes());
}

#[test]
fn columns_count_characters_of_the_line() {
    let text = with(
        "\"Id\" = \"keep\"",
        "\"Id\" = \"keep\"\r\n\"Attributes.größe山\" = { op = \"hmac\", jion = \"x\" }\r",
    );
    check_fault(&text, "10:38", "`jion`", "`join`");
}

const HEX: &str = "3b1f00aa55cc77ee3b1f00aa55cc77ee3b1f00aa55cc77ee3b1f00aa55cc77ee";
const BASE64: &str = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=";

/// Whether any eight characters in a row of the secret stand in the text.
fn leaks(text: &str, secret: &str) -> bool {
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(8).any(|part| text.contains(&part.iter().collect::<String>()))
}

#[test]
fn a_key_in_the_definition_is_refused_and_not_shown() {
    for (kind, secret) in
        [("hex:", HEX), ("base64:", BASE64), ("", HEX), ("", BASE64), ("", "correct horse battery")]
    {
        let key = format!("{kind}{secret}");
        let texts = [
            with("k1 = \"env:KEY\"", &format!("k1 = \"{key}\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = '''{key}'''")),
            with("k1 = \"env:KEY\"", &format!("k1 = \"\"\"\n{key}\"\"\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ from = \"{key}\", check = 3 }}")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ form = \"{key}\" }}")),
            with("k1 = \"env:KEY\"", &format!("k1 = \"env:KEY\"\n\"K 2\" = \"{key}\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = [\"{key}\"]")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ from = \"env:KEY\", check = \"{key}\" }}")),
            with("current = \"k1\"", &format!("current = \"{key}\"")),
            with("[keys]", &format!("[keys]\nk1 = \"{key}\" \"")),
            with("[keys]", &format!("[keys]\nk1 = {key}")),
            with("[keys]", &format!("keys = {{ k1 = \"{key}\"")),
            with(
                "[keys]\ncurrent = \"k1\"\nk1 = \"env:KEY\"",
                &format!("[keys.k1]\nform = \"{key}\""),
            ),
        ];
        for text in &texts {
            let faults = refused(text, &[]);
            assert!(!leaks(&shown(&faults), secret), "{}", shown(&faults));
            let json = serde_json::to_string(&faults).expect("strings and numbers");
            assert!(!leaks(&json, secret), "{json}");
        }
        for set in [format!("keys.k1={key}"), format!("keys.k1.from={key}"), format!("keys={key}")]
        {
            let faults = refused(BASE, &[&set]);
            assert!(!leaks(&shown(&faults), secret), "{}", shown(&faults));
        }
    }
}

#[test]
fn what_looks_like_a_key_is_hidden_wherever_it_stands() {
    for (kind, secret) in [("hex:", HEX), ("base64:", BASE64), ("", HEX), ("", BASE64)] {
        let key = format!("{kind}{secret}");
        for text in [
            with("name = \"list\"", &format!("name = \"{key}\"")),
            with("[keys]", &format!("[kyes]\nk9 = \"{key}\"\n[keys]")),
            with("\"Id\" = \"keep\"", &format!("\"Id\" = \"{key}\"")),
            with("\"Id\" = \"keep\"", &format!("\"Id\" = \"keep\"\n\"{key}\" = \"keep\"")),
            with("from = [\"in/\"]", &format!("from = [\"in/\"]\nformat = \"{key}\"")),
        ] {
            let faults = refused(&text, &[]);
            assert!(!leaks(&shown(&faults), secret), "{}", shown(&faults));
        }
    }
    let path = "exports/NewsletterCampaign2026/2026-11-23/part-00000-of-00012";
    assert_eq!(hide_keys(path), path);
}

#[test]
fn no_value_of_a_variable_is_shown() {
    let text = with("to = \"out/import/\"", "to = \"${HOME_DIR}/x\"")
        .replace("to = \"out/account/\"", "to = \"${HOME_DIR}/x/y\"");
    let faults = refused(&text, &[]);
    assert!(shown(&faults).contains("${HOME_DIR}/x/y"), "{}", shown(&faults));
    assert!(!shown(&faults).contains("somebody"), "{}", shown(&faults));
    let (definition, _) = taken(&with("to = \"out/import/\"", "to = \"${HOME_DIR}/{date}/\""));
    assert!(!format!("{definition:?} {:?}", definition.outputs).contains("somebody"));
    let [output] = definition.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.to.path, PathBuf::from("/home/somebody/2026-11-23/"));
}

#[test]
fn places_are_compared_as_the_system_finds_them() {
    let linked = Environment {
        real_path: &|path| match path.strip_prefix("link") {
            Ok(rest) => Path::new("/data/in").join(rest),
            Err(_) => Path::new("/data").join(path),
        },
        ..around()
    };
    let text = with("to = \"out/import/\"", "to = \"link/import/\"");
    let faults =
        check("list.toml", &text, &[], &linked, &schema()).map(|_| ()).expect_err("it lies in in/");
    assert!(
        shown(&faults).contains("the output is inside the input `in/` (line 6)"),
        "{}",
        shown(&faults)
    );
    taken(&text);
}

/// The rule's path and the operation for each field of interest.
#[track_caller]
fn check_rules(rules: &str, expected: &[(&str, &str, &str)]) {
    let (before, rest) = BASE.split_once("\"Id\"").expect("it begins the rules");
    let (_, after) = rest.split_once("[keys]").expect("it ends the rules");
    let (_, found) = taken(&format!("{before}{rules}\n[keys]{after}"));
    let fields = found.explain(&schema()).fields;
    for (path, rule, op) in expected {
        let field = fields.iter().find(|field| field.path == *path);
        let field = field.unwrap_or_else(|| panic!("{path} among {fields:?}"));
        assert_eq!((field.rule.as_str(), field.op.as_str()), (*rule, *op), "{path}");
    }
}

#[test]
fn the_most_specific_rule_wins() {
    check_rules(
        r#"
        "*" = "drop"
        "Address" = "keep"
        "User.*" = "keep"
        "User.UserId" = "redact"
        "User.UserAttributes.crm.*" = "mask"
        "User.UserAttributes.crm.name" = "drop"
        "Attributes.a.b.*" = "redact"
        "Attributes.a.*" = "keep"
        "#,
        &[
            ("Id", "*", "drop"),
            ("Address", "Address", "keep"),
            ("RequestId", "*", "drop"),
            ("OptOut", "OptOut", "keep"),
            ("ChannelType", "ChannelType", "keep"),
            ("EndpointStatus", "*", "drop"),
            ("User.UserId", "User.UserId", "redact (to \"[redacted]\")"),
            ("User.UserAttributes.*", "User.*", "keep"),
            ("User.UserAttributes.crm.*", "User.UserAttributes.crm.*", "mask (all of it)"),
            ("User.UserAttributes.crm.name", "User.UserAttributes.crm.name", "drop"),
            ("Attributes.a.b.*", "Attributes.a.b.*", "redact (to \"[redacted]\")"),
            ("Attributes.a.*", "Attributes.a.*", "keep"),
            ("Attributes.*", "*", "drop"),
            ("Location.Latitude", "*", "drop"),
        ],
    );
    check_rules(
        "\"*\" = \"keep\"\n\"OptOut\" = \"drop\"",
        &[("OptOut", "OptOut", "drop"), ("ChannelType", "*", "keep")],
    );
}

#[test]
fn names_find_the_rule_that_the_words_say() {
    let rules =
        "\"Attributes.*\" = \"keep\"\n\"Attributes.a.*\" = \"drop\"\n\"Attributes.a.b\" = \"mask\"";
    let (_, rules) = taken(&with("\"Attributes.*\" = \"keep\"", rules));
    let of_attributes = rules.map_rules.first().expect("Attributes is a map");
    let path =
        |name: &str| rules.rules.get(of_attributes.rule_of(name)).map(|rule| rule.path.as_str());
    for (name, rule) in [
        ("a.b", "Attributes.a.b"),
        ("a.bc", "Attributes.a.*"),
        ("a.", "Attributes.a.*"),
        ("a", "Attributes.*"),
        ("", "Attributes.*"),
        ("*", "Attributes.*"),
    ] {
        assert_eq!(path(name), Some(rule), "{name:?}");
    }
}

#[test]
fn a_rule_that_nothing_is_left_for_is_a_warning() {
    let (_, rules) = taken(&with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"drop\"\n\"User.UserId\" = \"keep\"\n\"User.UserAttributes.*\" = \"keep\"",
    ));
    assert_eq!(
        rules.warnings,
        ["the rule `User.*` applies to no field: more specific rules apply to all of them"]
    );
}

#[test]
fn weak_tokens_are_a_warning() {
    let text = with("\"User.*\" = \"drop\"", "\"User.*\" = { op = \"hmac\", bits = 64 }")
        .replace("env:KEY", "demo:");
    let (_, rules) = taken(&text);
    let [demo, bits] = rules.warnings.as_slice() else { panic!("{:?}", rules.warnings) };
    assert!(demo.contains("`k1`") && demo.contains("protect nobody"), "{demo}");
    assert!(bits.contains("`User.*`") && bits.contains("64 bits"), "{bits}");
    let (_, rules) = taken(&text.replace("bits = 64", "bits = 96"));
    assert_eq!(rules.warnings.len(), 1);
}

#[test]
fn a_join_has_one_setting() {
    let two = |first: &str, second: &str| {
        with(
            "\"User.*\" = \"drop\"",
            &format!(
                "\"User.UserId\" = {{ op = \"hmac\"{first} }}\n\"User.UserAttributes.*\" = {{ op = \"hmac\"{second} }}"
            ),
        )
    };
    taken(&two("", ", bits = 128"));
    taken(&two(", join = \"a\"", ", join = \"a\""));
    taken(&two(", join = \"a\"", ", join = \"b\", encoding = \"base64url\""));
    taken(&two(", join = \"User.UserAttributes.x\"", ""));
    let scope = "scope = \"relationship:partner\"";
    check_fault(
        &two(", join = \"a\"", ", join = \"a\", bits = 128"),
        "12:27",
        "the join `a`",
        "`User.UserId` (line 11)",
    );
    check_fault(
        &two(", join = \"a\"", &format!(", join = \"a\", {scope}")),
        "12:27",
        "the join `a`",
        "`bits`",
    );
    check_fault(
        &two(", join = \"User.UserAttributes.x\"", ", bits = 128"),
        "12:27",
        "`User.UserAttributes.x`",
        "line 11",
    );
    check_fault(
        &two("", ", join = \"User.UserId\", bits = 128"),
        "12:27",
        "the join `User.UserId`",
        "line 11",
    );
}

#[test]
fn the_explanation_says_what_can_be_joined_and_what_leaves_in_the_clear() {
    let text = with(
        "\"User.*\" = \"drop\"",
        "\"User.UserId\" = { op = \"hmac\", join = \"person\" }\n\"User.UserAttributes.*\" = \"hmac\"\n\"Attributes.Crm\" = { op = \"hmac\", join = \"person\" }",
    );
    let (_, rules) = taken(&text);
    let explanation = rules.explain(&schema());
    let groups: Vec<_> = explanation
        .joins
        .iter()
        .map(|group| (group.join.as_str(), group.fields.clone(), group.apart))
        .collect();
    assert_eq!(
        groups,
        [
            ("User.UserAttributes.*", vec!["User.UserAttributes.*".to_owned()], true),
            ("person", vec!["Attributes.Crm".to_owned(), "User.UserId".to_owned()], false),
        ]
    );
    let clear: Vec<&str> =
        explanation.personal_in_the_clear().map(|field| field.path.as_str()).collect();
    assert_eq!(clear, ["Id", "Address", "Attributes.*", "Metrics.*"]);
    let user =
        explanation.fields.iter().find(|field| field.path == "User.UserId").expect("it has a rule");
    assert_eq!(user.origin.as_deref(), Some("line 11"));
    let (_, rules) = checked(&text, &["fields.\"Id\"=drop"]).expect("it is right");
    let explanation = rules.explain(&schema());
    let id = explanation.fields.iter().find(|field| field.path == "Id").expect("it has a rule");
    assert_eq!(id.origin.as_deref(), Some("`--set fields.\"Id\"`"));
}

#[test]
fn the_explanation_says_what_is_lossy_and_what_a_key_changes() {
    let text = with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"hmac\"\n\"Attributes.Day\" = { op = \"date_shift\", days = 9 }\n\"Attributes.Age\" = { op = \"bucket\", edges = [18] }",
    );
    let explanation = taken(&text).1.explain(&schema());
    let paths =
        |fields: Vec<&FieldLine>| fields.iter().map(|field| field.path.clone()).collect::<Vec<_>>();
    let changed = ["Attributes.Day", "User.UserId", "User.UserAttributes.*"];
    assert_eq!(paths(explanation.changed_by_a_key().collect()), changed);
    assert_eq!(paths(explanation.lossy().collect()), ["Attributes.Age"]);
    let op_of = |path: &str| {
        let field = explanation.fields.iter().find(|field| field.path == path);
        field.expect("it has a rule").op.clone()
    };
    assert_eq!(op_of("Attributes.Day"), "date_shift (by up to 9 days for each User.UserId)");
    assert_eq!(op_of("Attributes.Age"), "bucket (to <18, 18+)");
}

#[test]
fn a_map_of_what_is_refused_before_is_warned_of() {
    let rule = "\"Metrics.*\" = \"keep\"\n\"ChannelType\" = { op = \"map\", table = { FCM = \"GCM\", APNS_SANDBOX = \"APNS\" }, other = \"keep\" }\n\"Attributes.Plan\" = { op = \"map\", table = { pro = \"paid\" } }";
    let (_, rules) = taken(&with("\"Metrics.*\" = \"keep\"", rule));
    let expected = "`map` never sees `FCM` in `ChannelType`: the field can't have it, and its record is rejected before";
    assert_eq!(rules.warnings, [expected]);
}

/// Records through all stages, by a definition whose rule for metrics is this one.
#[track_caller]
fn made(rules: &str, records: &str) -> Trial {
    let text = with("\"Metrics.*\" = \"keep\"", rules);
    try_out(&plan(&text), records).expect("the records are JSON")
}

#[test]
fn operations_take_numbers_and_each_value_of_a_list() {
    let rules = r#""Metrics.*" = { op = "round", step = 0.05 }
"Attributes.Age" = { op = "bucket", edges = [18, 30] }
"Attributes.Plan" = { op = "map", table = { pro = "paid" } }
"Attributes.Gone" = { op = "map", table = { a = "b" } }
"Attributes.Size" = { op = "round", decimals = 1 }"#;
    let record = r#"{"Id":"a","Attributes":{"Age":["17","18.5","x","30",""],"Plan":["pro","basic","pro"],"Gone":["z"],"Size":["2.25","-0"]},"Metrics":{"A":2.675,"B":1e3,"C":-0.01}}"#;
    let expected = r#"{"Id":"a","Attributes":{"Age":["<18","18-30","30+",""],"Plan":["paid","paid"],"Size":["2.2","0"]},"Metrics":{"A":2.7,"B":1000,"C":0}}"#;
    assert_eq!(made(rules, record).lines, [expected]);
}

#[test]
fn dates_of_one_person_move_together_and_before_the_id_is_hashed() {
    let rules = r#""Metrics.*" = "drop"
"Attributes.A" = { op = "date_shift", days = 30 }
"Attributes.B" = { op = "date_shift", days = 30, on_error = "reject" }
"EffectiveDate" = { op = "date_shift", days = 30 }"#;
    let user = |id: &str, day: &str| {
        format!(
            r#"{{"Id":"a","EffectiveDate":"{day}T01:02:03Z","Attributes":{{"A":["{day}"],"B":["{day}T04:05Z"]}},"User":{{"UserId":"{id}"}}}}"#
        )
    };
    let records = [user("one", "2026-03-01"), user("one", "2026-03-08"), user("two", "2026-03-01")];
    let without = r#"{"Id":"a","Attributes":{"A":["2026-03-01"]}}"#;
    let refused = r#"{"Id":"a","Attributes":{"B":["2026-03-01"]}}"#;
    let found = made(rules, &format!("{}\n{without}\n{refused}", records.join("\n")));
    let days: Vec<Vec<jiff::civil::Date>> = found
        .lines
        .iter()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let texts = [
                &record["EffectiveDate"],
                &record["Attributes"]["A"][0],
                &record["Attributes"]["B"][0],
            ];
            let days = texts.iter().filter_map(|text| text.as_str()?.get(..10)?.parse().ok());
            days.collect()
        })
        .collect();
    let [one, again, other, none] = days.as_slice() else { panic!("{found:?}") };
    assert!(one.iter().chain(again).chain(other).count() == 9 && none.is_empty());
    assert!(one[0] == one[1] && one[1] == one[2] && other[0] != one[0], "{days:?}");
    assert_eq!((again[0] - one[0]).get_days(), 7);
    assert_eq!(found.rejects.len(), 1);
    assert_eq!((found.rejects[0].0, found.rejects[0].1[0].code), (5, "op"));
}

#[test]
fn tokens_are_refused_kept_or_hashed_again() {
    let known = format!("hmac:k1:{}", "0f".repeat(32));
    let rules = |already: &str| {
        format!(
            "\"Metrics.*\" = \"drop\"\n\"Attributes.T\" = {{ op = \"hmac\", already = \"{already}\" }}"
        )
    };
    let record = format!(r#"{{"Id":"a","Attributes":{{"T":["{known}"]}}}}"#);
    assert_eq!(made(&rules("reject"), &record).rejects[0].1[0].code, "already_token");
    assert_eq!(made(&rules("keep"), &record).lines, std::slice::from_ref(&record));
    let again = made(&rules("hash"), &record).lines;
    assert!(again[0].contains("hmac:k1:") && !again[0].contains(&known), "{again:?}");
}

#[test]
fn whoever_is_in_a_list_is_left_out_or_opted_out() {
    let list = |action: &str, form: &str| {
        format!(
            "{BASE}\n[[suppress]]\nfrom = [\"a.csv\"]\nfield = \"Address\"\nnormalize = \"email.v1\"\naction = \"{action}\"\nform = \"{form}\"\n"
        )
    };
    let record = |address: &str| {
        format!(r#"{{"Id":"a","ChannelType":"EMAIL","Address":"{address}","OptOut":"NONE"}}"#)
    };
    let records = [record("Ada@Example.com"), record("bob@example.com")].join("\n");
    for (form, entry) in [
        ("plain", "ADA@EXAMPLE.COM".to_owned()),
        ("sha256", data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(b"ada@example.com"))),
        ("token", made_token(&MasterKey::demo(), "Address", "ada@example.com")),
    ] {
        for action in ["drop", "opt-out"] {
            let plan = plan_with_lists(&list(action, form), &[&entry]);
            assert_eq!(plan.lists[0].entries.len(), 1, "{form}");
            let found = try_out(&plan, &records).expect("the records are JSON");
            if action == "drop" {
                assert_eq!((found.suppressed, found.lines), (1, vec![record("bob@example.com")]));
            } else {
                let opted_out = record("Ada@Example.com").replace("NONE", "ALL");
                assert_eq!(
                    (found.suppressed, found.lines),
                    (0, vec![opted_out, record("bob@example.com")])
                );
            }
        }
    }
}

/// The token of a value with the settings that are the default.
fn made_token(key: &MasterKey, join: &str, value: &str) -> String {
    let shape = TokenShape::new(256, Encoding::Hex).expect("256 bits");
    let known = Tokens { ids: Vec::new(), shapes: Vec::new() };
    let hmac = Hmac::new("k1", key.derive(&Scope::Person, join), shape, Arc::new(known));
    let mut token = Vec::new();
    hmac.write_token(value.as_bytes(), &mut token);
    String::from_utf8(token).expect("ASCII")
}

#[track_caller]
fn plan(text: &str) -> Plan {
    plan_with_lists(text, &[])
}

/// A plan whose lists all have these entries.
#[track_caller]
fn plan_with_lists(text: &str, entries: &[&str]) -> Plan {
    let (definition, rules) = taken(text);
    let keys = BTreeMap::from([("k1".to_owned(), MasterKey::demo())]);
    let schema = Arc::new(schema());
    let specs = ListSpec::all(&definition, &rules, &schema, &keys).expect("the key is there");
    let read = |spec: ListSpec| {
        let digest = |entry: &&str| spec.digest_of_entry(entry.as_bytes(), &mut Vec::new());
        let digests = entries.iter().filter_map(digest).collect();
        spec.with_entries(Entries::new(digests))
    };
    let lists = specs.into_iter().map(read).collect();
    Plan::new(&definition, rules, schema, keys, lists).expect("the key is there")
}

fn token(op: &Op, value: &str) -> String {
    let Op::Hmac(hmac) = op else { panic!("{op:?} makes no tokens") };
    let mut out = Vec::new();
    assert!(matches!(hmac.apply(value.as_bytes(), &mut out), Outcome::Made { .. }));
    String::from_utf8(out).expect("tokens are ASCII")
}

#[test]
fn without_a_join_each_field_and_each_name_has_its_own() {
    let plan = plan(&with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"hmac\"\n\"Attributes.x\" = { op = \"hmac\", join = \"User.UserId\" }",
    ));
    let node = |path: &str| plan.schema.node(path).expect("it is a field");
    let map = |path: &str| plan.schema.map_of(node(path)).expect("it is a map");
    let user = token(plan.op_of(node("User.UserId")), "v");
    let of_name = |map_path: &str, name: &str| token(&plan.op_of_name(map(map_path), name).1, "v");
    let first = of_name("User.UserAttributes", "a");
    assert_eq!(first, of_name("User.UserAttributes", "a"));
    assert_ne!(first, of_name("User.UserAttributes", "b"));
    assert_ne!(first, user);
    assert_eq!(user, of_name("Attributes", "x"), "a join may be named like a path");
    let expected =
        MasterKey::demo().derive(&crate::transform::Scope::Person, "User.UserAttributes.a");
    let shape =
        crate::transform::TokenShape::new(256, crate::transform::Encoding::Hex).expect("it is one");
    let tokens = crate::transform::Tokens { ids: Vec::new(), shapes: Vec::new() };
    let direct = crate::transform::Hmac::new("k1", expected, shape, Arc::new(tokens));
    assert_eq!(first, token(&Op::Hmac(direct), "v"));
}

#[test]
fn a_token_of_any_key_is_known() {
    let text = with("\"User.*\" = \"drop\"", "\"User.*\" = { op = \"hmac\", join = \"a\" }")
        .replace("k1 = \"env:KEY\"", "k1 = \"env:KEY\"\nold = \"env:OLD\"");
    let plan = plan(&text);
    let op = plan.op_of(plan.schema.node("User.UserId").expect("it is a field"));
    let old = token(op, "v").replace("hmac:k1:", "hmac:old:");
    let Op::Hmac(hmac) = op else { panic!("it makes tokens") };
    assert_eq!(hmac.apply(old.as_bytes(), &mut Vec::new()), Outcome::AlreadyToken);
}

#[test]
fn a_date_is_cut_as_its_field_has_it() {
    let text = with(
        "\"Id\" = \"keep\"",
        "\"Id\" = \"keep\"\n\"EffectiveDate\" = { op = \"date_trunc\", unit = \"month\" }\n\"Attributes.Day\" = { op = \"date_trunc\", unit = \"month\" }",
    );
    let plan = plan(&text);
    let cut = |op: &Op| {
        let Op::DateTrunc(op) = op else { panic!("{op:?} cuts no dates") };
        let mut out = Vec::new();
        op.apply(b"2019-08-23T10:54:35.220Z", &mut out);
        String::from_utf8(out).expect("dates are ASCII")
    };
    let date = plan.schema.node("EffectiveDate").expect("it is a field");
    assert_eq!(cut(plan.op_of(date)), "2019-08-01T00:00:00Z");
    assert_eq!(cut(&plan.op_of_name(0, "Day").1), "2019-08");
}

#[test]
fn tokens_need_the_current_key() {
    let (definition, rules) = taken(&with("\"User.*\" = \"drop\"", "\"User.*\" = \"hmac\""));
    let schema = Arc::new(schema());
    let other = BTreeMap::from([("k2".to_owned(), MasterKey::demo())]);
    let error = Plan::new(&definition, rules, Arc::clone(&schema), other, Vec::new())
        .expect_err("k1 is missing");
    assert_eq!(error, PlanError::NoKey("k1".to_owned()));
    let (definition, rules) = taken(BASE);
    Plan::new(&definition, rules, schema, BTreeMap::new(), Vec::new())
        .expect("no rule makes tokens");
    let text = with("\"User.*\" = \"drop\"", "\"User.*\" = \"hmac\"")
        .replace("[keys]\ncurrent = \"k1\"\nk1 = \"env:KEY\"\n", "");
    check_fault(&text, "11:12", "`hmac` needs a key", "[keys]");
}

#[test]
fn what_is_left_out_has_its_default() {
    let plan = plan(BASE);
    let input = &plan.input;
    assert_eq!((input.max_record, input.keep_inactive, input.digest), (1 << 20, false, false));
    assert_eq!((input.unknown, input.column_settings.drop_unknown), (Unknown::Drop, false));
    let kinds: Vec<&str> = input
        .kinds
        .iter()
        .filter_map(|kind| plan.schema.kinds.get(*kind))
        .map(|kind| kind.name.as_str())
        .collect();
    assert_eq!(kinds, ["endpoint", "update"]);
    let [output] = plan.outputs.as_slice() else { panic!("one output") };
    assert_eq!((output.max_bytes, output.digest), (1_000_000_000, DigestKind::Sha256));
    assert_eq!((plan.account.max_rejects, plan.account.keep_rejected), (None, false));
    assert!((plan.account.max_reject_ratio - 0.05).abs() < f64::EPSILON);
    assert_eq!(plan.run, RunPlan::default());
}

#[test]
fn every_setting_arrives() {
    let text = BASE
        .replace("from = [\"in/\"]", "from = [\"in/\", \"more.json\"]\nformat = \"csv\"\nunknown = \"drop\"\ninactive = \"keep\"\nkinds = [\"user\", \"endpoint\"]\nmax_record = 4096\ndigest = true")
        .replace("to = \"out/account/\"", "to = \"out/account/\"\nmax_reject_ratio = 1\nmax_rejects = 7\nkeep_rejected = true")
        .replace("format = \"pinpoint-json\"", "format = \"pinpoint-json\"\nmax_bytes = \"1.5 kB\"\ndigest = \"crc64nvme\"")
        + "[run]\nthreads = 3\nchunk_bytes = \"64 KiB\"\n";
    let plan = plan(&text);
    assert_eq!(plan.input.from, [PathBuf::from("in/"), PathBuf::from("more.json")]);
    assert_eq!(plan.input.format, Some(InputFormat::Csv));
    assert_eq!(
        (plan.input.column_settings.drop_unknown, plan.input.keep_inactive, plan.input.digest),
        (true, true, true)
    );
    assert_eq!((plan.input.kinds.as_slice(), plan.input.max_record), ([0, 2].as_slice(), 4096));
    assert_eq!((plan.account.max_rejects, plan.account.keep_rejected), (Some(7), true));
    let [output] = plan.outputs.as_slice() else { panic!("one output") };
    assert_eq!((output.max_bytes, output.digest), (1500, DigestKind::Crc64Nvme));
    assert_eq!(plan.run, RunPlan { threads: Some(3), chunk_bytes: Some(65_536) });
}

#[test]
fn a_set_changes_what_the_file_says() {
    let sets = [
        "output.0.to=out/elsewhere/",
        "input.from.0=other/",
        "input.from.1=more/",
        "run.threads=2",
        "fields.\"Attributes.*\"={op = \"mask\", keep_first = 2}",
        "fields.\"Attributes.*\".keep_first=1",
        "name=2026",
        "name='other'",
    ];
    let (definition, rules) = checked(BASE, &sets).expect("it is right");
    assert_eq!(definition.name, "other");
    assert_eq!(definition.run.threads, Some(2));
    let from: Vec<&str> =
        definition.input.from.iter().map(|place| place.written.as_str()).collect();
    assert_eq!(from, ["other/", "more/"]);
    let [output] = definition.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.to.path, PathBuf::from("out/elsewhere/"));
    let fields = rules.explain(&schema()).fields;
    assert!(
        fields
            .iter()
            .any(|field| field.path == "Attributes.*" && field.op.contains("keeps first 1"))
    );
}

#[test]
fn a_set_that_can_not_be_is_refused() {
    for (set, column, message) in [
        ("name", 1, "without `=`"),
        ("=x", 1, "path of `--set` is not valid"),
        ("a..b=x", 1, "path of `--set` is not valid"),
        ("fields.User.*=keep", 1, "path of `--set` is not valid"),
        ("fields.User.UserId=keep", 8, "is not in quotes"),
        ("output.2.to=x", 8, "no item `2`"),
        ("output.first.to=x", 8, "no item `first`"),
        ("name.first=x", 6, "not a table"),
        ("input.kinds.0=user", 13, "no item 0"),
        ("name=12", 6, "`name` is a number"),
    ] {
        let faults = refused(BASE, &[set]);
        let fault = faults
            .iter()
            .find(|fault| fault.file == "--set")
            .unwrap_or_else(|| panic!("{}", shown(&faults)));
        assert_eq!(fault.column, column, "{fault}");
        assert!(fault.message.contains(message), "{fault}");
    }
}

#[test]
fn the_digest_is_of_the_file_and_of_what_changes_the_output() {
    let canonical = |sets: &[&str]| checked(BASE, sets).expect("it is right").0.canonical();
    assert_eq!(
        canonical(&["run.threads=3", "run = {threads = 4}", "\"run\".threads=5"]),
        BASE.as_bytes()
    );
    let one = canonical(&["name=a"]);
    assert_ne!(one, BASE.as_bytes());
    assert_ne!(one, canonical(&["name=b"]));
    assert_ne!(canonical(&["name=a", "name=b"]), canonical(&["name=b", "name=a"]));
}

#[test]
fn nothing_nests_deep_enough_to_break_the_stack() {
    for text in [
        vec!["a"; 200_000].join(".") + " = 1",
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
        "[a]\n".repeat(20_000),
        vec!["a"; 900].join(".") + " = 1",
    ] {
        assert!(!refused(&text, &[]).is_empty());
    }
    let deep = vec!["a"; 200_000].join(".") + "=1";
    assert!(!refused(BASE, &[&deep]).is_empty());
}

/// The base with some of its bytes replaced by what TOML gives a meaning to.
fn spoiled() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "=",
        "[",
        "]",
        "[[",
        "{",
        "}",
        ".",
        "\n",
        "#",
        "\"\"\"",
        "\\",
        "*",
        "op",
        "9e9",
        "true",
        "1979-05-27",
        "${",
        "}",
        "é",
        "\u{feff}",
        "\r",
        "\0",
        "hmac",
        "keys",
        "[fields]",
        "-1",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, pieces), 1..6);
    edits.prop_map(|edits| {
        let mut text: Vec<char> = BASE.chars().collect();
        for (place, len, piece) in edits {
            let start = place.index(text.len());
            let end = (start + len).min(text.len());
            text.splice(start..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

fn check_faults_are_whole(text: &str, sets: &[String]) {
    let Err(faults) = check("list.toml", text, sets, &around(), &schema()) else { return };
    assert!(!faults.is_empty());
    for fault in &faults {
        let chars = fault.excerpt.chars().count();
        assert!(fault.caret.start <= fault.caret.end && fault.caret.end <= chars, "{fault:?}");
        assert!(
            fault.line >= 1
                && fault.column >= 1
                && !fault.message.is_empty()
                && !fault.help.is_empty(),
            "{fault:?}"
        );
        assert!(!fault.render(true).is_empty());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", set in "\\PC{0,60}") {
        check_faults_are_whole(&text, &[set]);
    }

    #[test]
    fn no_slip_makes_it_panic(text in spoiled(), set in "[a-z\"'.=\\[\\]{}0-9*\\\\ é]{0,40}") {
        check_faults_are_whole(&text, &[set]);
    }

    /// Whatever a name or a text holds, a `--set` can say it.
    #[test]
    fn a_set_says_every_text(name in "[^\u{7f}]{1,20}", text in "[^\u{7f}]{0,40}") {
        // A JSON string is a basic string of TOML, but for DEL.
        let quoted = |text: &str| serde_json::to_string(text).expect("a text");
        let rule = format!("Attributes.{name}");
        prop_assume!(!name.contains('*'));
        let set = format!("fields.{}={{ op = \"redact\", text = {} }}", quoted(&rule), quoted(&text));
        let (definition, _) = checked(BASE, &[&set]).expect("it is right");
        let found = definition.rules.iter().find(|found| found.path.value == rule).expect("it is there");
        prop_assert_eq!(found.op.as_ref(), Some(&OpSpec::Redact { text }));
    }
}
