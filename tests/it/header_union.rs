//! The columns of a CSV output that names none: the union of the inputs' headers, beside everything
//! else that makes columns, or takes inputs away.

use std::{fs, path::Path, process::Command};

use crate::support::program::{code, stderr, toml_text};
use crate::support::program::{feed, gzip};
use crate::support::running::{Site, ends, ends_saying};

/// A run of these files into CSV without `columns`, with more settings.
fn run(site: &Site, files: &[(&str, &[u8])], settings: &[&str]) -> Command {
    for (name, text) in files {
        fs::write(site.inputs().join(name), text).expect("an input");
    }
    let mut command = site.run();
    command.args(["--set", "output.0.format=pinpoint-csv"]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    command
}

/// The lines that a run writes.
#[track_caller]
fn check(files: &[(&str, &[u8])], settings: &[&str], lines: &[&str]) {
    let site = Site::new();
    ends(&mut run(&site, files, settings), 0);
    let text = String::from_utf8(site.place.parts()).expect("UTF-8");
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

/// The setting of a list of addresses, which lies beside the inputs.
fn opt_out(site: &Site, addresses: &str) -> String {
    let list = site.folder().join("list");
    fs::write(&list, addresses).expect("a list");
    suppress(&list, "opt-out")
}

fn suppress(list: &Path, action: &str) -> String {
    let list = toml_text(&list.to_string_lossy());
    format!("suppress=[{{ from = [{list}], field = \"Address\", action = \"{action}\" }}]")
}

const ANA: (&str, &[u8]) = ("a.csv", b"Address,ChannelType\nana@example.com,EMAIL\n");
const BO: (&str, &[u8]) =
    ("b.csv", b"ChannelType,Attributes.Plan,Address,Attributes.Plan\nEMAIL,pro,bo@example.com,x\n");
const CY: (&str, &[u8]) = ("c.csv", b"OptOut,Address,ChannelType\nNONE,cy@example.com,EMAIL\n");

/// Columns come in the order in which they are first met, each as often as one header has it.
#[test]
fn headers_are_joined_in_input_order() {
    check(
        &[ANA, BO, CY],
        &[],
        &[
            "Address,ChannelType,Attributes.Plan,Attributes.Plan,OptOut",
            "ana@example.com,EMAIL,,,",
            "bo@example.com,EMAIL,pro,x,",
            "cy@example.com,EMAIL,,,NONE",
        ],
    );
}

/// No header is looked for where the definition says what columns the inputs have.
#[test]
fn standard_input_without_a_header_needs_no_columns() {
    let site = Site::new();
    let settings = [
        "input.from=[\"-\"]",
        "input.format=csv",
        "input.header=false",
        "input.columns=[\"ChannelType\", \"Address\"]",
    ];
    let output = feed(run(&site, &[], &settings), b"EMAIL,ana@example.com\n");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(site.place.parts(), b"ChannelType,Address\nEMAIL,ana@example.com\n");
}

/// A list that opts people out has its column, whether or not a header has it.
#[test]
fn an_opt_out_by_a_list_has_a_column() {
    let site = Site::new();
    let list = opt_out(&site, "bo@example.com\ncy@example.com\n");
    check(
        &[ANA, BO],
        &[&list],
        &[
            "Address,ChannelType,Attributes.Plan,Attributes.Plan,OptOut",
            "ana@example.com,EMAIL,,,",
            "bo@example.com,EMAIL,pro,x,ALL",
        ],
    );
    check(
        &[CY, ("d.csv", ANA.1)],
        &[&list],
        &["OptOut,Address,ChannelType", "ALL,cy@example.com,EMAIL", ",ana@example.com,EMAIL"],
    );
    let dropping = suppress(&site.folder().join("list"), "drop");
    check(
        &[ANA, BO],
        &[&dropping],
        &["Address,ChannelType,Attributes.Plan,Attributes.Plan", "ana@example.com,EMAIL,,"],
    );
}

/// Constants are columns behind those of the header.
#[test]
fn constants_and_renamed_columns_are_in_the_union() {
    let site = Site::new();
    let list = opt_out(&site, "ana@example.com\n");
    let crm = ("a.csv", &b"E-mail,Tier\nana@example.com,gold\n"[..]);
    let other = ("b.csv", &b"Tier,Location.Country,E-mail\n,DE,bo@example.com\n"[..]);
    let rename = "input.rename={ \"E-mail\" = \"Address\", Tier = \"Attributes.Tier\" }";
    let constants = "input.constants={ ChannelType = \"EMAIL\", \"Attributes.Source\" = \"crm\" }";
    check(
        &[crm, other],
        &[rename, constants, &list],
        &[
            "Address,Attributes.Tier,ChannelType,Attributes.Source,Location.Country,OptOut",
            "ana@example.com,gold,EMAIL,crm,,ALL",
            "bo@example.com,,EMAIL,crm,DE,",
        ],
    );
    let optout = "input.constants={ ChannelType = \"EMAIL\", OptOut = \"NONE\" }";
    check(
        &[crm],
        &[rename, optout, &list],
        &["Address,Attributes.Tier,ChannelType,OptOut", "ana@example.com,gold,EMAIL,ALL"],
    );
}

/// An input that is passed over gives no column; one that breaks off later gives its header.
#[test]
fn inputs_that_are_passed_over_give_no_columns() {
    let skip = "input.on_bad_file=skip";
    let page = ("b.csv", &b"<html>,Attributes.Page\n<body>,x\n"[..]);
    let unreadable = ("c.csv", &b"\x1f\x8b\x08broken"[..]);
    let lines = ["Address,ChannelType", "ana@example.com,EMAIL"];
    check(&[ANA, page, unreadable], &[skip], &lines);
    let mut cut = gzip(b"Address,ChannelType,Attributes.Late\nzo@example.com,EMAIL,x\n");
    let sum = cut.len() - 8;
    cut[sum] ^= 1;
    check(
        &[ANA, ("d.csv", &cut)],
        &[skip],
        &[
            "Address,ChannelType,Attributes.Late",
            "ana@example.com,EMAIL,",
            "zo@example.com,EMAIL,x",
        ],
    );
    let site = Site::new();
    ends_saying(&mut run(&site, &[page, unreadable], &[skip]), 65, &["no input could be read"]);
}

/// The header of a stream is needed before it is read: then columns have to be named.
#[test]
fn standard_input_needs_columns() {
    let site = Site::new();
    let list = opt_out(&site, "ana@example.com\n");
    let mut command = run(&site, &[], &["input.from=[\"-\"]", &list]);
    let output = feed(command_of(&mut command), ANA.1);
    assert_eq!(code(&output), 78, "{}", stderr(&output));
    assert!(stderr(&output).contains("`columns = ["), "{}", stderr(&output));
    let columns = "output.0.columns=[\"Address\", \"ChannelType\", \"OptOut\"]";
    command.args(["--set", columns]);
    let output = feed(command_of(&mut command), ANA.1);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(site.place.parts(), b"Address,ChannelType,OptOut\nana@example.com,EMAIL,ALL\n");
}

/// The same command once more.
fn command_of(command: &mut Command) -> Command {
    let mut again = crate::support::program::segprep();
    again.args(command.get_args());
    again
}
