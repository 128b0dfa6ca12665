//! `segprep init`: its definitions are valid and run, show no value, and say what is open.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::program::{code, files_below, segprep, stderr};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file into a folder.
fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// Runs the program in a folder; returns the exit code and what it printed.
fn program(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = segprep().current_dir(folder).args(arguments).output().expect("it runs");
    (code(&output), String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output))
}

/// The definition for a file.
fn definition(path: &Path, arguments: &[&str]) -> String {
    let folder = folder();
    let path = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &[&["init", path, "--quiet"], arguments].concat());
    assert_eq!(code, 0, "{printed}");
    printed
}

/// Checks that a definition is made, is valid, and runs; and that its test passes.
fn check(path: &Path) {
    let folder = folder();
    let absolute = fs::canonicalize(path).expect("it is there");
    let from = absolute.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml", "--test"]);
    if matches!(code, 65 | 66) {
        // Nothing can be read by any definition.
        assert!(printed.contains("hint: "), "{from}: {printed}");
        return;
    }
    assert_eq!(code, 0, "{from}: {printed}");
    let text = || fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    if text().contains("\"OptOut\" = {}") {
        let (code, printed) = program(folder.path(), &["check", "a.toml"]);
        assert!(code == 78 && printed.contains("\"OptOut\" = {}"), "{from}: {printed}");
        // Its test holds once somebody has decided, however.
        let decided = text().replace("\"OptOut\" = {}", "\"OptOut\" = { \"x\" = \"ALL\" }");
        fs::write(folder.path().join("a.toml"), decided).expect("a definition");
        let (code, printed) = program(folder.path(), &["test", "a.test.toml"]);
        assert_eq!(code, 0, "{from}: {printed}");
        return;
    }
    let (code, printed) = program(folder.path(), &["check", "a.toml"]);
    assert_eq!(code, 0, "{from}: {printed}\n{}", text());
    assert!(!printed.contains("applies to no field"), "{from}: {printed}");
    let (code, printed) = program(folder.path(), &["run", "a.toml"]);
    assert!(matches!(code, 0 | 3 | 66), "{from}: {code} {printed}\n{}", text());
    let (code, printed) = program(folder.path(), &["test", "a.test.toml"]);
    assert_eq!(code, 0, "{from}: {printed}\n{}", text());
}

/// Results can't be among the inputs, and a definition there is none.
#[test]
fn the_folder_where_one_works_may_be_the_input() {
    let folder = folder();
    let (data, below) = (folder.path().join("a/data"), folder.path().join("a/data/below"));
    fs::create_dir_all(&below).expect("a folder");
    file(&data, "people.csv", "Address,ChannelType\na@example.com,EMAIL\n");
    for (at, from, name, to, excludes) in [
        (&data, ".", "one", "../out/one/import/", true),
        (&below, "..", "two", "../../out/two/import/", true),
        (&data, "people.csv", "three", "out/three/import/", false),
    ] {
        let init = ["init", from, "--name", name, "--out", "mine.toml", "--test"];
        let (code, printed) = program(at, &init);
        assert_eq!(code, 0, "{from}: {printed}");
        let text = fs::read_to_string(at.join("mine.toml")).expect("a definition");
        assert!(text.contains(&format!("to     = \"{to}\"")), "{from}: {text}");
        assert_eq!(text.contains("\"*.toml\""), excludes, "{from}: {text}");
        for arguments in [["check", "mine.toml"], ["test", "mine.test.toml"], ["run", "mine.toml"]]
        {
            let (code, printed) = program(at, &arguments);
            assert_eq!(code, 0, "{from}: {arguments:?}: {printed}\n{text}");
        }
        for name in ["mine.toml", "mine.test.toml"] {
            fs::remove_file(at.join(name)).expect("it was written");
        }
    }
}

#[test]
fn a_definition_needs_no_definition() {
    let folder = folder();
    let newsletter = fs::canonicalize("pipelines/newsletter.toml").expect("it is there");
    let (code, printed) = program(folder.path(), &["init", newsletter.to_str().expect("UTF-8")]);
    assert!(code == 78 && printed.contains("is a definition"), "{printed}");
}

#[test]
fn a_definition_for_each_sample_runs() {
    let samples = fs::read_dir("samples").expect("samples");
    let inputs = samples.map(|sample| sample.expect("a folder").path().join("input"));
    for input in inputs.filter(|input| input.is_dir()) {
        check(&input);
        for path in files_below(&input) {
            check(&path);
        }
    }
}

/// `SEGPREP_INIT=all` takes every hostile file, and not one of each rule.
#[test]
fn a_definition_for_hostile_files_runs() {
    let all = std::env::var("SEGPREP_INIT").is_ok_and(|which| which == "all");
    let mut rules = std::collections::BTreeSet::new();
    let is_input = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| ["csv", "ndjson", "json", "gz", "zst"].iter().any(|e| end == *e))
    };
    for path in files_below(Path::new("tests/hostile")).into_iter().filter(is_input) {
        if rules.insert(path.parent().map(Path::to_owned)) || all {
            check(&path);
        }
    }
    assert!(20 < rules.len(), "the hostile files are there");
}

/// Exports of other programs, with their headers.
#[test]
fn a_definition_for_exports_runs() {
    for program in
        ["hubspot", "klaviyo", "mailchimp-subscribed", "salesforce", "shopify", "stripe", "zoho"]
    {
        check(&export_of(program));
    }
    let stripe = fs::canonicalize(export_of("stripe")).expect("it is there");
    let definition = definition(&stripe, &[]);
    for line in [
        "\"id\" = \"User.UserId\"                                     # one id for all endpoints of a row",
        "\"Address City\" = \"Location.City\"",
        "\"Address Zip\" = \"Location.PostalCode\"",
    ] {
        assert!(definition.contains(line), "{definition}");
    }
}

fn export_of(program: &str) -> PathBuf {
    Path::new("tests/cmd/files").join(program).with_extension("csv")
}

#[test]
fn a_definition_for_generated_files_runs() {
    let folder = folder();
    for (format, shape) in [
        ("ndjson", "plain"),
        ("ndjson", "export"),
        ("csv", "plain"),
        ("csv", "export"),
        ("csv", "crm"),
    ] {
        for (seed, bad) in [("1", "0"), ("2", "0.04"), ("3", "0.3")] {
            let mut command = segprep();
            command.args(["generate", "--records", "200", "--seed", seed, "--bad", bad, "--quiet"]);
            let output = command.args(["--format", format, "--shape", shape]).output();
            check(&file(folder.path(), "in", output.expect("it runs").stdout));
        }
    }
}

#[test]
fn columns_of_other_programs_get_their_fields() {
    let folder = folder();
    let rows = "Kunden-Nr;E-Mail;Vorname;Land;Abmeldung;Bemerkung\n".to_owned()
        + &"K-1;Ada@example.com;Ada;Germany;ja;call ada@example.org\n".repeat(10)
        + &"K-2;Zoe@example.com;Zoe;DE;Nein;\n".repeat(10);
    let text = definition(&file(folder.path(), "Kunden 2026.csv", rows), &[]);
    for line in [
        "name    = \"kunden-2026\"",
        "\"E-Mail\" = \"Address\"",
        "\"Kunden-Nr\" = \"User.UserId\"",
        "\"Vorname\" = \"User.UserAttributes.FirstName\"",
        "\"ChannelType\" = \"EMAIL\"",
        "\"OptOut\" = { \"Nein\" = \"NONE\", \"ja\" = \"ALL\" }",
        "country = true",
        "\"Address\" = \"keep\"",
        "\"User.UserAttributes.FirstName\" = { op = \"mask\", keep_first = 1 }",
        "demo    = \"demo:\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("Bemerkung\" = "), "{text}");
}

#[test]
fn words_for_an_opt_out_that_nobody_knows_are_left_open() {
    let folder = folder();
    let rows = "email,subscription status\n".to_owned() + &"ada@example.com,sunny\n".repeat(9);
    let path = file(folder.path(), "a.csv", rows);
    let from = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml", "--test"]);
    assert!(code == 0 && printed.contains("somebody has to decide"), "{printed}");
    for command in ["check", "run"] {
        let (code, printed) = program(folder.path(), &[command, "a.toml"]);
        assert!(code == 78 && printed.contains("\"OptOut\" = {}"), "{printed}");
        assert!(!printed.contains("sunny"), "{printed}");
    }
    let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    let decided = text.replace("\"OptOut\" = {}", "\"OptOut\" = { \"sunny\" = \"NONE\" }");
    file(folder.path(), "a.toml", decided);
    assert_eq!(program(folder.path(), &["run", "a.toml"]).0, 0);
}

/// A file with a column of a general name whose words say who has opted out, under a header of which more
/// than half is known, or less.
fn with_status(folder: &Path, is_header_known: bool) -> PathBuf {
    let (name, others, cells) =
        if is_header_known { ("Status", "", "") } else { ("Zettel", ",Foo,Bar,Baz", ",a,b,c") };
    let row = |status| format!("ada@example.com,Ada,{status}{cells}\n").repeat(20);
    let rows =
        format!("Email,First Name,{name}{others}\n{}{}", row("Unsubscribed"), row("subscribed"));
    file(folder, "a.csv", rows)
}

#[test]
fn an_opt_out_is_found_by_its_words() {
    let folder = folder();
    let path = with_status(folder.path(), true);
    let from = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = program(folder.path(), &["run", "a.toml"]);
    assert_eq!(code, 0, "{printed}");
    let part = folder.path().join("out/a/import/job-000/part-00000.json");
    let written = fs::read_to_string(part).expect("a part");
    let count = |what: &str| written.matches(what).count();
    assert_eq!((count("\"OptOut\":\"ALL\""), count("\"OptOut\":\"NONE\"")), (20, 20), "{written}");
}

#[test]
fn an_opt_out_is_found_under_the_name_of_another_field() {
    let folder = folder();
    let row = "{\"email\":\"ada@example.com\",\"state\":\"unsubscribed\"}\n";
    let text = definition(&file(folder.path(), "a.ndjson", row.repeat(20)), &[]);
    assert!(text.contains("\"state\" = \"OptOut\""), "{text}");
    assert!(text.contains("\"OptOut\" = { \"unsubscribed\" = \"ALL\" }"), "{text}");
}

#[test]
fn a_column_that_is_called_like_an_object_becomes_an_attribute() {
    let folder = folder();
    let rows = "Email,First Name,location\n".to_owned() + &"ada@example.com,Ada,Malm\n".repeat(20);
    let path = file(folder.path(), "a.csv", rows);
    let from = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
    assert_eq!(code, 0, "{printed}");
    let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    assert!(text.contains("\"location\" = \"User.UserAttributes.location\""), "{text}");
    assert_eq!(program(folder.path(), &["run", "a.toml"]).0, 0);
}

#[test]
fn a_header_with_a_name_twice_is_said_to_be_wrong() {
    let folder = folder();
    let rows = "Name,Email,Email,\n".to_owned() + &"Ada,a@example.com,b@example.com,x\n".repeat(20);
    let path = file(folder.path(), "a.csv", rows);
    let from = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
    assert!(
        code == 65 && printed.contains("a.csv") && printed.contains("repeats column 2"),
        "{printed}"
    );
}

#[test]
fn whoever_has_a_time_of_opting_out_has_opted_out() {
    let folder = folder();
    let rows = "Email Address,Phone Number,UNSUB_TIME\n".to_owned()
        + &"ada@example.com,+12025550123,\nbob@example.com,,2026-01-02 03:04:05\n".repeat(20);
    let path = file(folder.path(), "a.csv", rows);
    let from = path.to_str().expect("UTF-8");
    for addresses in ["several", "one"] {
        let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
        assert_eq!(code, 0, "{printed}");
        let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
        assert!(text.contains("\"OptOut\" = { \"*\" = \"ALL\" }"), "{addresses}: {text}");
        let (code, printed) = program(folder.path(), &["run", "a.toml"]);
        assert_eq!(code, 0, "{printed}");
        let part = folder.path().join("out/a/import/job-000/part-00000.json");
        let written = fs::read_to_string(part).expect("a part");
        let out = "\"Address\":\"bob@example.com\",\"OptOut\":\"ALL\"";
        let count = |what: &str| written.matches(what).count();
        assert_eq!((count(out), count("\"OptOut\"")), (20, 20), "{addresses}: {written}");
        // The same without phone numbers.
        let rows = fs::read_to_string(&path).expect("rows").replace("Phone Number", "Note");
        file(folder.path(), "a.csv", rows);
        fs::remove_file(folder.path().join("a.toml")).expect("a definition");
        fs::remove_dir_all(folder.path().join("out")).expect("a result");
    }
}

#[test]
fn a_time_of_opting_out_beside_the_opt_out_of_other_messages_is_left_open() {
    let folder = folder();
    let rows = "Email Address,Phone Number,SMS Opt-Out,UNSUB_TIME\n".to_owned()
        + &"bob@example.com,+12025550123,no,2026-01-02 03:04:05\n".repeat(20);
    let text = definition(&file(folder.path(), "a.csv", rows), &[]);
    assert!(text.contains("# \"UNSUB_TIME\" says when or why somebody opted out"), "{text}");
    assert!(text.contains("\"OptOut\" = {}") && !text.contains("ignore = "), "{text}");
    // Where a column says it for all messages, the time says nothing more.
    let rows = "Email Address,Phone Number,Unsubscribed,UNSUB_TIME\n".to_owned()
        + &"bob@example.com,+12025550123,yes,2026-01-02 03:04:05\n".repeat(20);
    let text = definition(&file(folder.path(), "b.csv", rows), &[]);
    assert!(text.contains("\"OptOut\" = { \"yes\" = \"ALL\" }"), "{text}");
    assert!(text.contains("ignore = [\"UNSUB_TIME\"]"), "{text}");
}

#[test]
fn a_status_that_may_be_an_opt_out_is_left_open() {
    let folder = folder();
    let with = |file_name: &str, name: &str, words: [&str; 2]| {
        let row = |word| format!("ada@example.com,Ada,{word},\n").repeat(20);
        let rows = format!("Email,First Name,{name},City\n{}{}", row(words[0]), row(words[1]));
        definition(&file(folder.path(), file_name, rows), &[])
    };
    for (name, words) in [
        ("Status", ["Active", "Inactive"]),
        ("state", ["active", "cancelled"]),
        ("Newsletter", ["yes", "no"]),
    ] {
        let text = with("a.csv", name, words);
        assert!(text.contains(&format!("\"{name}\" = \"OptOut\"")), "{text}");
        assert!(text.contains("may say who has opted out") && text.contains("\"OptOut\" = {}"));
    }
    for (name, words) in [
        ("State", ["Texas", "Ohio"]),
        ("Status", ["gold", "silver"]),
        ("Status", ["active", "active"]),
        ("Order Status", ["shipped", "cancelled"]),
    ] {
        let renamed = format!("\"{name}\" = \"OptOut\"");
        assert!(!with("b.csv", name, words).contains(&renamed), "{name}");
    }
    // A time of opting out says more.
    let row = |cells| format!("EMAIL,ada@example.com,{cells}\n").repeat(20);
    let rows = row("inactive,2026-01-02 03:04:05") + &row("active,");
    let rows = format!("ChannelType,Address,Status,UNSUB_TIME\n{rows}");
    let text = definition(&file(folder.path(), "d.csv", rows), &[]);
    assert!(text.contains("\"OptOut\" = { \"*\" = \"ALL\" }"), "{text}");
    // One that certainly says it counts more.
    let row = |word| format!("ada@example.com,+12025550123,{word},inactive\n").repeat(20);
    let rows = format!("Email,Phone,Unsubscribed,Status\n{}{}", row("yes"), row("no"));
    let text = definition(&file(folder.path(), "c.csv", rows), &[]);
    assert!(text.contains("\"OptOut\" = { \"no\" = \"NONE\", \"yes\" = \"ALL\" }"), "{text}");
}

#[test]
fn an_opt_out_whose_name_may_not_be_shown_is_left_open() {
    let folder = folder();
    let path = with_status(folder.path(), false);
    let from = path.to_str().expect("UTF-8");
    let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
    assert!(code == 0 && printed.contains("somebody has to decide"), "{printed}");
    let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    assert!(text.contains("# Column 3 (name of 6 characters) says who has opted out"), "{text}");
    let (code, printed) = program(folder.path(), &["run", "a.toml"]);
    assert!(code == 78 && printed.contains("\"OptOut\" = {}"), "{printed}");
    // Another one that has a name does not make up for it.
    let rows = fs::read_to_string(&path).expect("rows").replace("Foo", "Unsubscribed");
    let path = file(folder.path(), "b.csv", rows.replace(",a,", ",no,"));
    let text = definition(&path, &[]);
    assert!(text.contains("# Column 3 (name of 6 characters) says it as well"), "{text}");
    // One that only may say so is not asked about beside it.
    let rows = fs::read_to_string(&path).expect("rows");
    let rows =
        rows.replace("Ada,Unsubscribed", "Ada,inactive").replace("Ada,subscribed", "Ada,active");
    let rows = rows.replace("Zettel", "Zettel permission");
    let text = definition(&file(folder.path(), "c.csv", rows), &[]);
    assert!(
        text.contains("\"Unsubscribed\" = \"OptOut\"") && !text.contains("# Column 3"),
        "{text}"
    );
}

/// A definition for a file with these rows, each twenty times.
fn of_rows(header: &str, rows: &[&str]) -> String {
    let folder = folder();
    let rows: String = rows.iter().map(|row| format!("{row}\n").repeat(20)).collect();
    definition(&file(folder.path(), "a.csv", format!("{header}\n{rows}")), &[])
}

/// Some programs have a column for each kind of mail, with the name of that kind in its own.
#[test]
fn each_opt_out_without_a_name_is_said() {
    let text = of_rows(
        "Email,First Name,Unsubscribed,Opted out of email: ab,Opted out of email: cd",
        &["ada@example.com,Ada,true,false,true"],
    );
    for place in ["Column 4 (name of 22 characters)", "Column 5 (name of 22 characters)"] {
        assert!(text.contains(&format!("# {place} says it as well")), "{text}");
    }
}

#[test]
fn an_index_without_a_name_is_left_out() {
    let folder = folder();
    let csv = ",Email,Opt Out\n0,ada@example.com,No\n1,bob@example.com,Yes\n";
    let text = definition(&file(folder.path(), "pandas.csv", csv), &[]);
    assert!(text.contains("ignore = [\"\"] "), "{text}");
    file(folder.path(), "pandas.toml", text);
    let (exit, said) = program(folder.path(), &["run", "pandas.toml"]);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("fields dropped: (no name) 2"), "{said}");
}

#[test]
fn names_in_capitals_are_names() {
    for (header, row) in [
        ("EMAIL,FIRSTNAME,PHONE,OPT_OUT", "ada@example.com,Ada,+12025550101,0"),
        ("Email,First Name,SMS,Opt_Out", "ada@example.com,Ada,+12025550101,0"),
        ("Email,First Name,ACTIVE,Unsubscribed", "ada@example.com,Ada,x,0"),
    ] {
        let text = of_rows(header, &[row]);
        assert!(!text.contains("header = false") && text.contains("= \"OptOut\""), "{text}");
    }
}

#[test]
fn columns_that_may_say_who_has_opted_out_are_not_left_out() {
    for (name, words, expected) in [
        ("Consent", ["granted", "denied"], "\"OptOut\" = {}"),
        ("State", ["Active", "Unsubscribed"], "\"State\" = \"OptOut\""),
        ("Contactable", ["yes", "no"], "\"OptOut\" = { \"no\" = \"ALL\", \"yes\" = \"NONE\" }"),
        ("DNC", ["yes", "no"], "\"OptOut\" = { \"no\" = \"NONE\", \"yes\" = \"ALL\" }"),
        // Whoever has not agreed may have no value.
        ("Subscribed", ["yes", ""], "\"OptOut\" = {}"),
        ("Subscribed", ["yes", "no"], "\"OptOut\" = { \"no\" = \"ALL\", \"yes\" = \"NONE\" }"),
    ] {
        let [one, other] = words.map(|word| format!("ada@example.com,Ada,{word}"));
        let text = of_rows(&format!("Email,First Name,{name}"), &[&one, &one, &one, &other]);
        assert!(text.contains(expected), "{name}: {text}");
    }
}

/// The same word means the opposite in the other file, so nobody is told to rename its column too.
#[test]
fn columns_that_say_the_opposite_are_never_renamed_together() {
    let folder = folder();
    let rows =
        |name| format!("Email,First Name,{name}\n") + &"ada@example.com,Ada,true\n".repeat(20);
    for (one, other) in [("Unsubscribed", "Subscribed"), ("Subscribed", "Unsubscribed")] {
        file(folder.path(), "a.csv", rows(one));
        file(folder.path(), "b.csv", rows(other));
        let (code, text) = program(folder.path(), &["init", "a.csv", "b.csv", "--quiet"]);
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("means the opposite in them") && !text.contains("Known are"),
            "{text}"
        );
        let decided = r#""OptOut" = { "true" = "ALL", "false" = "NONE" }"#;
        file(folder.path(), "a.toml", text.replace("\"OptOut\" = {}", decided));
        let (code, printed) = program(folder.path(), &["run", "a.toml"]);
        let line = format!("# \"{other}\" = \"OptOut\"");
        assert!(code == 65 && printed.contains(&line), "{printed}");
    }
}

#[test]
fn words_are_not_proposed_for_rivals_of_which_one_says_the_opposite() {
    for other in ["EMAIL_BLOCKLISTED", "Unsubscribed"] {
        let rows = ["ada@example.com,Ada,true,false", "bob@example.com,Bob,false,true"];
        let text = of_rows(&format!("Email,First Name,OPT_IN,{other}"), &rows);
        assert!(text.contains("\"OptOut\" = {}") && !text.contains("Known are"), "{text}");
    }
}

#[test]
fn an_input_that_says_nothing_of_opt_outs_is_named() {
    let folder = folder();
    file(folder.path(), "a.csv", "Email,First Name,Unsubscribed\nada@example.com,Ada,yes\n");
    file(folder.path(), "b.csv", "Email,First Name\nbob@example.com,Bob\n");
    let (code, printed) = program(folder.path(), &["init", "a.csv", "b.csv"]);
    assert!(
        code == 0 && printed.contains("nothing in `b.csv` says who has opted out"),
        "{printed}"
    );
}

#[test]
fn a_field_whose_values_would_be_rejected_is_not_renamed() {
    let folder = folder();
    let row = "{\"email\":\"ada@example.com\",\"updated_at\":1700000000,\"language\":\"\"}\n";
    let path = file(folder.path(), "a.ndjson", row.repeat(20));
    let text = definition(&path, &[]);
    assert!(text.contains("would be rejected (`segprep scan` says why)"), "{text}");
    assert!(!text.contains("= \"EffectiveDate\"") && !text.contains("Locale\" ="), "{text}");
    check(&path);
}

#[test]
fn replies_of_an_api_are_read_where_they_have_their_records() {
    let folder = folder();
    let members = r#"{"members":[{"email_address":"ada@example.com","status":"unsubscribed"},{"email_address":"bob@example.com","status":"subscribed"}],"list_id":"7","total_items":2}"#;
    let path = file(folder.path(), "members.json", members);
    let text = definition(&path, &[]);
    assert!(text.contains("records = \"members\""), "{text}");
    check(&path);
    let short = r#"{"members":[{"email_address":"ada@example.com","unsubscribed":true}]}"#;
    check(&file(folder.path(), "short.json", short));
    assert!(text.contains("\"status\" = \"OptOut\""), "{text}");
    // Of a status nobody knows what it means for messages.
    let words = r#""OptOut" = { "unsubscribed" = "ALL", "subscribed" = "NONE" }"#;
    file(folder.path(), "a.toml", text.replace("\"OptOut\" = {}", words));
    let (code, printed) = program(folder.path(), &["run", "a.toml"]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(
        opted_out(folder.path(), "members"),
        [
            ("EMAIL".to_owned(), Some("ALL".to_owned())),
            ("EMAIL".to_owned(), Some("NONE".to_owned()))
        ]
    );
}

#[test]
fn inputs_that_one_definition_cannot_read_are_excluded() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("in")).expect("a folder");
    file(
        path,
        "in/a.csv",
        "Address,ChannelType\n".to_owned() + &"a@example.com,EMAIL\n".repeat(20),
    );
    file(path, "in/b.csv", "Address,Address\na@example.com,b@example.com\n");
    file(path, "in/c.csv", b"Address,ChannelType,Location.City\na@example.com,EMAIL,Malm\xf6\n");
    file(path, "in/d.csv", "b@example.com,EMAIL\nc@example.com,SMS\n");
    file(path, "in/e.zip", "PK\u{3}\u{4}");
    let (code, printed) = program(path, &["init", "in/", "--out", "a.toml", "--test"]);
    assert_eq!(code, 0, "{printed}");
    let text = fs::read_to_string(path.join("a.toml")).expect("a definition");
    for name in ["in/b.csv", "in/c.csv", "in/d.csv", "in/e.zip"] {
        assert!(text.contains(&format!("  \"{name}\",")), "{name} is not in\n{text}");
    }
    assert_eq!(program(path, &["run", "a.toml"]).0, 0, "{text}");
}

#[test]
fn nothing_is_replaced() {
    let folder = folder();
    let path = file(folder.path(), "a.json", "{\"Id\":\"1\"}\n");
    let from = path.to_str().expect("UTF-8");
    file(folder.path(), "a.toml", "mine");
    file(folder.path(), "b.test.toml", "mine");
    for arguments in [&["--out", "a.toml"][..], &["--out", "b.toml", "--test"]] {
        let (code, printed) = program(folder.path(), &[&["init", from], arguments].concat());
        assert!(code == 73 && printed.contains("hint: "), "{printed}");
    }
    assert!(!folder.path().join("b.toml").exists());
    assert_eq!(fs::read_to_string(folder.path().join("a.toml")).expect("it is there"), "mine");
}

#[test]
fn nothing_to_read_has_the_exit_code_of_a_run() {
    let folder = folder();
    let zip = file(folder.path(), "a.zip", "PK\u{3}\u{4}");
    let blank = file(folder.path(), "blank.json", "\n\n");
    for (path, expected) in [(&zip, 65), (&blank, 66), (&folder.path().join("none"), 66)] {
        let from = path.to_str().expect("UTF-8");
        let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
        assert!(code == expected && printed.contains("hint: "), "{from}: {code} {printed}");
        assert!(!folder.path().join("a.toml").exists());
    }
}

/// No part of a value, nor of a name that is one, is anywhere in a definition, its test or a message.
#[test]
fn no_value_is_shown() {
    let folder = folder();
    let secret = "Xq7canary";
    let mail = format!("{secret}@example.com");
    let mut rows = format!("E-Mail,Vorname,{secret} 1234567,Land,Opt Out\n");
    let mut lines = String::new();
    for number in 0..20 {
        writeln!(rows, "{mail},{secret},{secret},{secret},{secret}").expect("memory");
        writeln!(
            lines,
            "{{\"Address\":\"{mail}\",\"ChannelType\":\"{secret}\",\"OptOut\":\"{secret}\",\"Attributes\":\
             {{\"{mail}\":[\"{secret}\"]}},\"{secret}{number}\":\"{secret}\",\"optOut\":\"{secret}\"}}"
        )
        .expect("memory");
    }
    let paths = [
        file(folder.path(), "a.csv", &rows),
        file(folder.path(), "b.csv", rows.split_once('\n').expect("a header").1),
        file(folder.path(), "c.json", lines),
    ];
    for (number, path) in paths.iter().enumerate() {
        let from = path.to_str().expect("UTF-8");
        let out = format!("{number}.toml");
        let (_, json) = program(folder.path(), &["init", from, "--json"]);
        let (_, printed) = program(folder.path(), &["init", from, "--out", &out, "--test"]);
        let (_, checked) = program(folder.path(), &["check", &out]);
        let read = |name: String| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let shown = json + &printed + &checked + &read(out) + &read(format!("{number}.test.toml"));
        assert!(shown.contains("Address"), "{shown}");
        assert!(!shown.to_lowercase().contains("canary"), "{shown}");
    }
}

/// The lines of a part for addresses, each with its channel and whether its person has opted out.
fn opted_out(folder: &Path, name: &str) -> Vec<(String, Option<String>)> {
    let part = folder.join(format!("out/{name}/import/job-000/part-00000.json"));
    let written = fs::read_to_string(part).expect("a part");
    let of_line = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |field: &str| record[field].as_str().map(str::to_owned);
        (text("ChannelType").expect("a channel"), text("OptOut"))
    };
    let mut found: Vec<_> = written.lines().map(of_line).collect();
    found.dedup();
    found
}

/// A row with several addresses becomes several endpoints, and an opt-out goes where its column says.
#[test]
fn rows_with_several_addresses_have_several_endpoints() {
    let (all, none) = (Some("ALL"), Some("NONE"));
    for (header, row, expected) in [
        ("Email,Mobile", "ada@example.com,+12025550101", &[("EMAIL", None), ("SMS", None)][..]),
        (
            "Email,Email Opt Out,Mobile,SMS Opt Out",
            "ada@example.com,yes,+12025550101,no",
            &[("EMAIL", all), ("SMS", none)],
        ),
        (
            "SMS Opt Out,Email,Mobile,Unsubscribe Date,Email Opt Out",
            "no,ada@example.com,+12025550101,2026-01-01,yes",
            &[("EMAIL", all), ("SMS", none)],
        ),
        (
            "Email,Mobile,Unsubscribed",
            "ada@example.com,+12025550101,yes",
            &[("EMAIL", all), ("SMS", all)],
        ),
        (
            "Email,Phone,Mobile,Do Not Call,SMS Opt Out",
            "ada@example.com,+12025550101,+12025550102,yes,no",
            &[("EMAIL", None), ("VOICE", all), ("SMS", none)],
        ),
        // The two numbers would share a column.
        (
            "Email,Phone,Mobile,Email Opt Out,Do Not Call",
            "ada@example.com,+12025550101,+12025550102,no,yes",
            &[("EMAIL", none), ("SMS", all)],
        ),
        (
            "Email,Work Email,Email Opt Out,Opt Out Of Fax",
            "ada@example.com,bo@example.com,yes,no",
            &[("EMAIL", all)],
        ),
        (
            "Email,Phone,Accepts Email Marketing,Accepts SMS Marketing",
            "ada@example.com,+12025550101,no,yes",
            &[("EMAIL", all), ("SMS", none)],
        ),
        // A single address takes the opt-out of its own channel.
        ("SMS Opt Out,Email,Email Opt Out", "no,ada@example.com,yes", &[("EMAIL", all)]),
        ("Id,Email,Mobile", "i-1,ada@example.com,+12025550101", &[("EMAIL", None), ("SMS", None)]),
        (
            "Id,Customer ID,Email,Mobile",
            "i-1,c-1,ada@example.com,+12025550101",
            &[("EMAIL", None), ("SMS", None)],
        ),
    ] {
        let folder = folder();
        let text = format!("{header},City\n") + &format!("{row},Oslo\n").repeat(12);
        let path = file(folder.path(), "a.csv", text);
        check(&path);
        let from = path.to_str().expect("UTF-8");
        for arguments in [&["init", from, "--out", "a.toml"][..], &["run", "a.toml"]] {
            let (code, printed) = program(folder.path(), arguments);
            assert_eq!(code, 0, "{header}: {printed}");
        }
        let mut found = opted_out(folder.path(), "a");
        found.truncate(expected.len());
        let expected = expected.iter();
        let expected =
            expected.map(|(channel, word)| ((*channel).to_owned(), word.map(str::to_owned)));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{header}");
    }
}

/// Where an endpoint has two columns of opt-outs, or their words contradict each other, somebody has to decide.
#[test]
fn several_opt_outs_of_one_endpoint_are_left_open() {
    for (header, row, why) in [
        (
            "Email,Unsubscribed,SMS Opt Out,Email Opt Out",
            "ada@example.com,yes,no,no",
            "the same messages: \"Email Opt Out\", \"Unsubscribed\"",
        ),
        (
            "Email,Mobile,Unsubscribed,SMS Opt Out",
            "ada@example.com,+12025550101,yes,no",
            "the same messages: \"Unsubscribed\", \"SMS Opt Out\"",
        ),
        (
            "Email,Mobile,Email Opt Out,Accepts SMS Marketing",
            "ada@example.com,+12025550101,yes,yes",
            "A word means that somebody has opted out in one column",
        ),
    ] {
        let folder = folder();
        let text = format!("{header}\n") + &format!("{row}\n").repeat(12);
        let path = file(folder.path(), "a.csv", text);
        let from = path.to_str().expect("UTF-8");
        let (code, printed) = program(folder.path(), &["init", from, "--out", "a.toml"]);
        assert!(code == 0 && printed.contains("somebody has to decide"), "{header}: {printed}");
        let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
        assert!(text.contains(why), "{header}: {text}");
        for command in ["check", "run"] {
            let (code, printed) = program(folder.path(), &[command, "a.toml"]);
            assert!(code == 78 && printed.contains("\"OptOut\" = {}"), "{header}: {printed}");
        }
    }
}

/// Each file must have all columns of the endpoints. If others can be read without them, they are left out.
#[test]
fn endpoints_exclude_no_file_that_could_be_read() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).expect("a folder");
    file(
        folder.path(),
        "in/a.csv",
        "Email,Mobile\n".to_owned() + &"ada@example.com,+12025550101\n".repeat(12),
    );
    file(
        folder.path(),
        "in/b.csv",
        "Email,City\n".to_owned() + &"bo@example.com,Oslo\n".repeat(12),
    );
    let (code, printed) = program(folder.path(), &["init", "in/", "--out", "a.toml"]);
    assert_eq!(code, 0, "{printed}");
    let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    assert!(!text.contains("exclude") && !text.contains("[[input.endpoint]]"), "{text}");
    assert!(text.contains("\"Mobile\" has addresses too"), "{text}");
    assert_eq!(program(folder.path(), &["run", "a.toml"]).0, 0);
}

/// Two columns that say who has opted out: nobody knows which one counts, so nothing is left to `ignore`.
#[test]
fn opt_outs_that_a_record_may_have_twice_are_left_open() {
    let rows = "a@x.example,EMAIL,yes,NONE\n";
    let json =
        r#"{"Address":"a@x.example","ChannelType":"EMAIL","OptOut":"NONE","unsubscribed":"yes"}"#;
    for (name, text) in [
        ("a.csv", format!("Address,ChannelType,Unsubscribed,OptOut\n{rows}")),
        ("b.csv", format!("Address,ChannelType,optOut,OptOut\n{rows}")),
        ("c.json", json.to_owned()),
    ] {
        let folder = folder();
        let text = definition(&file(folder.path(), name, text), &[]);
        assert!(text.contains("\"OptOut\" = {}"), "{name}: {text}");
        assert!(text.contains("Several columns say who"), "{name}: {text}");
        assert!(!text.contains("ignore = ["), "{name}: {text}");
    }
}

/// What says who has opted out in one file is no word about those in another.
#[test]
fn an_opt_out_of_another_file_is_left_open() {
    for (header, cell) in [("UNSUB_TIME", "2026-01-01 10:00:00"), ("Subscribed", "no")] {
        let folder = folder();
        fs::create_dir(folder.path().join("in")).expect("a folder");
        file(folder.path(), "in/a.csv", "Email,Unsubscribed\na@x.example,yes\n");
        file(folder.path(), "in/b.csv", format!("Email,{header}\nb@x.example,{cell}\n"));
        let text = definition(&folder.path().join("in"), &[]);
        assert!(text.contains("\"OptOut\" = {}"), "{header}: {text}");
        assert!(text.contains(&format!("\"{header}\". An endpoint has one")), "{header}: {text}");
        assert!(!text.contains("ignore = ["), "{header}: {text}");
    }
}

/// What is called differently in different files is renamed in all of them.
#[test]
fn fields_of_different_files_are_all_renamed() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).expect("a folder");
    file(folder.path(), "in/a.csv", "Email,Unsubscribed\na@x.example,yes\n");
    file(folder.path(), "in/b.csv", "E-mail,OptOut\nb@x.example,NONE\n");
    file(folder.path(), "in/c.csv", "Plan,Unsubscribed\npro,no\n");
    let (exit, printed) = program(folder.path(), &["init", "in/", "--out", "a.toml"]);
    assert_eq!(exit, 0, "{printed}");
    let text = fs::read_to_string(folder.path().join("a.toml")).expect("a definition");
    assert!(text.contains("\"in/c.csv\","), "{text}");
    let (exit, printed) = program(folder.path(), &["run", "a.toml"]);
    assert_eq!(exit, 0, "{printed}\n{text}");
    let parts = files_below(&folder.path().join("out/in/import"));
    let parts: Vec<String> =
        parts.iter().map(|part| fs::read_to_string(part).expect("a part")).collect();
    assert_eq!(
        parts.concat(),
        "{\"ChannelType\":\"EMAIL\",\"Address\":\"a@x.example\",\"OptOut\":\"ALL\"}\n\
         {\"ChannelType\":\"EMAIL\",\"Address\":\"b@x.example\",\"OptOut\":\"NONE\"}\n"
    );
}
