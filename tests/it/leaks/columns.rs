//! Runs into every format at once. Parquet is compressed, so it is decoded before it is searched.

use std::path::PathBuf;

use crate::support::canary::records::{csv, lines};
use crate::support::canary::site::CanarySite;
use crate::support::parquet_values;
use crate::support::program::{code, files_below, stderr, toml_text};

/// The columns of the fields that the definition keeps, and how often each repeats.
const COLUMNS: &[(&str, usize)] = &[
    ("Id", 1),
    ("Address", 1),
    ("ChannelType", 1),
    ("OptOut", 1),
    ("EffectiveDate", 1),
    ("User.UserId", 1),
    ("User.UserAttributes.FirstName", 1),
    ("User.UserAttributes.LastName", 1),
    ("User.UserAttributes.Birthday", 2),
    ("User.UserAttributes.Card", 1),
    ("Attributes.Plan", 1),
    ("Attributes.Seen", 2),
    ("Attributes.Note", 2),
    ("Attributes.Mail", 2),
    ("Attributes.Phone", 2),
    ("Attributes.Token", 2),
    ("Attributes.Since", 2),
    ("Attributes.Points", 2),
    ("Attributes.Age", 2),
    ("Attributes.Stage", 1),
    ("Attributes.Team", 1),
    ("Metrics.Visits", 1),
    ("Location.City", 1),
    ("Location.Latitude", 1),
    ("Demographic.Make", 1),
];

/// A setting with one output per format.
fn every_format(site: &CanarySite) -> String {
    let to = |name: &str| toml_text(&site.place.folder.path().join(name).to_string_lossy());
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, repeat)| match repeat {
            1 => toml_text(name),
            _ => format!("{{ name = {}, repeat = {repeat} }}", toml_text(name)),
        })
        .collect();
    let columns = format!("columns = [{}]", columns.join(","));
    let outputs = [
        format!("{{ to = {}, format = \"pinpoint-json\" }}", to("import")),
        format!("{{ to = {}, format = \"parquet\" }}", to("parquet")),
        format!("{{ to = {}, format = \"pinpoint-csv\", {columns} }}", to("csv")),
    ];
    format!("output=[{}]", outputs.join(","))
}

#[test]
fn no_removed_value_is_in_any_format() {
    for is_csv_too in [false, true] {
        let mut site = CanarySite::new(70);
        let text = lines(&mut site.canaries, 400);
        site.input("a.json", text);
        let text = csv(&mut site.canaries, 100);
        site.input("b.csv", text);
        let mut command = site.run();
        let alone = "output.0.format=parquet".to_owned();
        let outputs = if is_csv_too { every_format(&site) } else { alone };
        command.args(["--set", &outputs]);
        site.check(command, 0);
        check_is_read(&site);
    }
}

/// Checks that kept values are found in the parts and codes in the rejects, which shows that both were
/// decoded.
fn check_is_read(site: &CanarySite) {
    let files = files_below(site.place.folder.path());
    let parquet = |name: &str| {
        let is_it = |file: &&PathBuf| {
            let path = file.to_string_lossy();
            path.ends_with(".parquet") && path.contains(name)
        };
        let texts = files.iter().filter(is_it).flat_map(|file| parquet_values::texts(file));
        String::from_utf8_lossy(&texts.collect::<Vec<u8>>()).into_owned()
    };
    let (parts, rejects) = (parquet("part-00000"), parquet("rejects"));
    assert!(parts.contains("hmac:k1:") && parts.contains("\npro\n"), "{parts}");
    assert!(rejects.contains("json_syntax") && rejects.contains("b.csv"), "{rejects}");
}

/// A canary that is kept is found, although pages are compressed.
#[test]
fn kept_values_are_found_in_parquet() {
    let mut site = CanarySite::new(71);
    let record = format!("{{\"Id\":\"a\",\"RequestId\":\"{}\"}}\n", site.canaries.text());
    site.input("a.json", record.repeat(1000));
    let mut command = site.run();
    command.args(["--set", "output.0.format=parquet", "--set", "fields.RequestId=\"keep\""]);
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let part = site.place.to().join("part-00000.parquet");
    assert!(site.canaries.find(&parquet_values::texts(&part)).is_some());
}
