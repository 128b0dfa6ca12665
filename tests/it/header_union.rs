//! The columns of a CSV output without `columns`: the union of the inputs' headers, together with all
//! else that adds columns or skips inputs.

use std::{fs, path::Path, process::Command};

use crate::support::program::{code, stderr, toml_text};
use crate::support::program::{gzip, run_with_stdin};
use crate::support::running::{Site, assert_exit, assert_exit_saying};

/// A run over these files into CSV without `columns`, with further settings.
fn run(site: &Site, files: &[(&str, &[u8])], settings: &[&str]) -> Command {
    for (name, text) in files {
        fs::write(site.inputs().join(name), text).expect("an input");
    }
    let mut command = site.run();
    command.args(["--set", "output.0.format=pinpoint-csv"]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    command
}

/// Checks the lines that a run writes.
#[track_caller]
fn check(files: &[(&str, &[u8])], settings: &[&str], lines: &[&str]) {
    let site = Site::new();
    assert_exit(&mut run(&site, files, settings), 0);
    let text = String::from_utf8(site.place.parts()).expect("UTF-8");
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

/// The setting of a suppression list of these addresses.
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

/// Columns are in the order of first appearance, each as often as in the header that has most of it.
#[test]
fn headers_are_merged_in_input_order() {
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

/// If the definition names the columns of the inputs, no header is read.
#[test]
fn standard_input_without_a_header_needs_no_columns() {
    let site = Site::new();
    let settings = [
        "input.from=[\"-\"]",
        "input.format=csv",
        "input.header=false",
        "input.columns=[\"ChannelType\", \"Address\"]",
    ];
    let output = run_with_stdin(run(&site, &[], &settings), b"EMAIL,ana@example.com\n");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(site.place.parts(), b"ChannelType,Address\nEMAIL,ana@example.com\n");
}

/// A list that opts people out adds its column if no header has it.
#[test]
fn an_opt_out_list_adds_its_column() {
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

/// Columns of constants follow those of the header.
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

/// What the endpoints of a row have is one column, where the first of them has it.
#[test]
fn the_endpoints_of_a_row_share_their_columns() {
    let header = b"Tag,Mobile,E-mail,Opted out,Tag,User.UserId\n";
    let row = b"x,+12025550101,ana@example.com,ALL,y,u\n";
    let blocks = "input.endpoint=[
        { address = \"E-mail\", constants = { ChannelType = \"EMAIL\" }, rename = { \"Opted out\" = \"OptOut\" } },
        { address = \"Mobile\", constants = { ChannelType = \"SMS\", \"Attributes.Source\" = \"crm\" } },
    ]";
    check(
        &[("a.csv", &[&header[..], row].concat())],
        &[blocks, "input.rename={ Tag = \"Attributes.Tag\" }"],
        &[
            "Attributes.Tag,Attributes.Tag,Address,OptOut,User.UserId,ChannelType,Attributes.Source",
            "x,y,ana@example.com,ALL,u,EMAIL,",
            "x,y,+12025550101,,u,SMS,crm",
        ],
    );
}

/// A skipped input adds no columns; one that breaks off after its header does.
#[test]
fn skipped_inputs_add_no_columns() {
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
    assert_exit_saying(
        &mut run(&site, &[page, unreadable], &[skip]),
        65,
        &["no input could be read"],
    );
}

/// The header would be needed before the stream is read, so the definition must name the columns.
#[test]
fn standard_input_needs_named_columns() {
    let site = Site::new();
    let list = opt_out(&site, "ana@example.com\n");
    let mut command = run(&site, &[], &["input.from=[\"-\"]", &list]);
    let output = run_with_stdin(command_of(&mut command), ANA.1);
    assert_eq!(code(&output), 78, "{}", stderr(&output));
    assert!(stderr(&output).contains("`columns = ["), "{}", stderr(&output));
    let columns = "output.0.columns=[\"Address\", \"ChannelType\", \"OptOut\"]";
    command.args(["--set", columns]);
    let output = run_with_stdin(command_of(&mut command), ANA.1);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(site.place.parts(), b"Address,ChannelType,OptOut\nana@example.com,EMAIL,ALL\n");
}

/// A copy of a command.
fn command_of(command: &mut Command) -> Command {
    let mut again = crate::support::program::segprep();
    again.args(command.get_args());
    again
}
