//! `report.html`, and the page of a scan: a page that any browser takes, without anything from elsewhere, with every name as text and no
//! value of a record; and `segprep report`, which makes it again.

use std::fs;

use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::canary::records::lines;
use crate::support::canary::site::CanarySite;
use crate::support::program::{Place, code, segprep, set, stderr};

/// An element of a page, or a text between elements.
#[derive(Debug)]
enum Piece {
    Start { name: String, attributes: Vec<(String, String)> },
    End,
    Text(String),
}

const VOID: [&str; 3] = ["meta", "br", "hr"];
/// Elements that this parser closes by themselves, since SVG allows `<path …></path>` only.
const REFERENCES: [(&str, char); 5] =
    [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("#39", '\'')];

/// Reads a page that is written as this program does: every attribute has a value in double quotes, every
/// element but void ones is closed, and `&` only begins a reference. Anything else is an error.
fn parse(page: &str) -> Result<Vec<Piece>, String> {
    let mut rest = page.strip_prefix("<!doctype html>\n").ok_or("no doctype")?;
    let (mut pieces, mut open): (Vec<Piece>, Vec<String>) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        if let Some(tag) = rest.strip_prefix("</") {
            let (name, after) = tag.split_once('>').ok_or("an end tag does not end")?;
            if open.pop().as_deref() != Some(name) {
                return Err(format!("`{name}` ends and is not open"));
            }
            pieces.push(Piece::End);
            rest = after;
        } else if let Some(tag) = rest.strip_prefix('<') {
            let (piece, after) = start_tag(tag)?;
            let Piece::Start { name, .. } = &piece else { unreachable!("it is a start") };
            if !VOID.contains(&name.as_str()) {
                open.push(name.clone());
            }
            pieces.push(piece);
            rest = after;
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            let is_style = open.last().is_some_and(|name| name == "style");
            pieces.push(Piece::Text(if is_style { text.to_owned() } else { unescaped(text)? }));
            rest = after;
        }
    }
    if open.is_empty() { Ok(pieces) } else { Err(format!("not closed: {open:?}")) }
}

fn start_tag(tag: &str) -> Result<(Piece, &str), String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let end = tag.find(|c| !is_name(c)).ok_or("a tag does not end")?;
    let (name, mut rest) = tag.split_at(end);
    let mut attributes = Vec::new();
    while let Some(attribute) = rest.strip_prefix(' ') {
        let (attribute, after) = attribute.split_once("=\"").ok_or("an attribute has no value")?;
        let (value, after) = after.split_once('"').ok_or("a value does not end")?;
        let is_odd = |c: char| !(is_name(c) || c == 'B');
        if attribute.contains(is_odd) || value.contains('<') {
            return Err(format!("an odd attribute: {attribute}"));
        }
        attributes.push((attribute.to_owned(), unescaped(value)?));
        rest = after;
    }
    let rest = rest.strip_prefix('>').ok_or_else(|| format!("`{name}` does not end"))?;
    Ok((Piece::Start { name: name.to_owned(), attributes }, rest))
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut pieces = text.split('&');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (reference, after) = piece.split_once(';').ok_or("a reference does not end")?;
        let known = REFERENCES.iter().find(|(name, _)| *name == reference);
        let (_, char) = known.ok_or_else(|| format!("unknown reference {reference}"))?;
        whole.push(*char);
        whole.push_str(after);
    }
    Ok(whole)
}

/// Checks a page, and returns its text.
#[track_caller]
fn checked(page: &str) -> String {
    let pieces = parse(page).unwrap_or_else(|what| panic!("{what}: {page}"));
    let mut text = String::new();
    let (mut ids, mut links, mut named) = (Vec::new(), Vec::new(), Vec::new());
    for piece in &pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::End => text.push(' '),
            Piece::Start { name, attributes } => {
                let allowed = [
                    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p",
                    "strong", "nav", "ul", "li", "a", "main", "section", "div", "table", "caption",
                    "thead", "tbody", "tr", "th", "td", "code", "svg", "g", "path", "rect", "text",
                    "desc",
                ];
                assert!(allowed.contains(&name.as_str()), "{name}");
                for (attribute, value) in attributes {
                    assert!(!attribute.starts_with("on") && attribute != "style", "{attribute}");
                    match attribute.as_str() {
                        "id" => ids.push(value.clone()),
                        "href" => links.push(value.strip_prefix('#').expect("within").to_owned()),
                        "aria-labelledby" => {
                            named.extend(value.split(' ').map(str::to_owned));
                        }
                        "src" => panic!("something from elsewhere: {value}"),
                        _ => {}
                    }
                }
            }
        }
    }
    let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    for id in links.iter().chain(&named) {
        assert!(ids.contains(id), "nothing has the id {id}");
    }
    for outside in ["http:", "https:", "url(", "@import", "<script", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src &#39;none&#39;"), "no policy");
    let (_, style) = page.split_once("<style>").expect("a style");
    let (style, _) = style.split_once("</style>").expect("a style");
    let digest = BASE64.encode(&Sha256::digest(style));
    assert!(page.contains(&format!("style-src &#39;sha256-{digest}&#39;")), "{digest}");
    text
}

fn run(definition: &str, place: &Place) -> std::process::Command {
    let mut command = segprep();
    command.args(["run", definition, "--quiet"]);
    place.set_paths(&mut command);
    for setting in place.further_outputs(definition) {
        command.args(["--set", &setting]);
    }
    command
}

fn page_of(place: &Place) -> String {
    fs::read_to_string(place.account().join("report.html")).expect("a report")
}

#[test]
fn the_page_says_what_happened() {
    let cases: [(&str, i32, &[&str]); 4] = [
        (
            "pipelines/newsletter.toml",
            0,
            &[
                "Of 33 records that came in, 26 were written, 5 were rejected",
                "Replaced by a keyed token: equal values have equal tokens wherever tokens are made with this key under the name user",
                "the same person can still be linked within person",
                "Kept as it came in: it stays in the clear.",
                "repair.country",
                "published for trials",
                "Shortened date: ",
                "SHA-256 ",
            ],
        ),
        (
            "pipelines/analytics.toml",
            0,
            &["no address stays in the clear", "Not for import.", "Grouped: ", "Moved date: "],
        ),
        (
            "pipelines/suppressed.toml",
            0,
            &["Lists of people, of which no entry is shown", "left out: suppressed"],
        ),
        ("pipelines/crm.toml", 0, &["repair.phone", "Values of written records that were changed"]),
    ];
    for (definition, exit, expected) in cases {
        let place = Place::new();
        let output = run(definition, &place).output().expect("it runs");
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        let text = checked(&page_of(&place)).split_whitespace().collect::<Vec<_>>().join(" ");
        for words in expected {
            let words = words.trim_end();
            assert!(text.contains(words), "{definition}: no `{words}` in {text}");
        }
    }
    let place = Place::new();
    let mut over = run("pipelines/newsletter.toml", &place);
    let output = over.args(["--set", "account.max_rejects=1"]).output().expect("it runs");
    assert_eq!(code(&output), 3);
    let text = checked(&page_of(&place));
    assert!(text.contains("over budget: nothing was published"), "{text}");
    assert!(text.contains("max_rejects") && text.contains("allows 1, and 5 was found"), "{text}");
}

#[test]
fn personal_data_that_is_kept_or_replaced_is_named_by_field_and_kind() {
    let place = Place::new();
    let input = place.folder.path().join("in.ndjson");
    let record = |note: &str, remark: &str| {
        format!(
            r#"{{"ChannelType":"EMAIL","Address":"a@example.com","Attributes":{{"Note":["{note}"],"Remark":["{remark}"]}}}}"#
        )
    };
    let lines = [
        record("ask ada@example.org", "call +12025550143 or mail eve@example.net"),
        record("ask bob@example.org", "nothing"),
        record("nobody", "4111 1111 1111 1111"),
    ];
    fs::write(&input, lines.join("\n")).expect("an input");
    let from = serde_json::to_string(&[&input]).expect("a path");
    let mut command = run("pipelines/newsletter.toml", &place);
    command.args(["--set", &format!("input.from={from}")]);
    command.args(["--set", "fields.\"Attributes.Note\"=keep"]);
    command.args(["--set", "fields.\"Attributes.Remark\"={ op = \"scrub\" }"]);
    assert_eq!(code(&command.output().expect("it runs")), 0);
    let page = page_of(&place);
    let text = checked(&page).split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Personal data in what is kept",
        "Attributes.Note an e-mail address email 2",
        "Attributes.Remark 3 2",
        "Attributes.Remark the number of a payment card card 1",
        "Attributes.Remark an e-mail address email 1",
        "Attributes.Remark a phone number phone 1",
        "do not find people's names",
    ] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    for value in ["ada@", "bob@", "eve@", "2025550143", "4111"] {
        assert!(!page.contains(value), "{value}");
    }
    // Nothing was found in the other samples, and nothing is said about it.
    let place = Place::new();
    assert_eq!(code(&run("pipelines/sms.toml", &place).output().expect("it runs")), 0);
    assert!(!page_of(&place).contains("Personal data in what is kept"));
}

/// A file may be called anything, and so may a column.
#[test]
fn names_are_text() {
    let odd = "<img src=x onerror=alert(1)>";
    let place = Place::new();
    let input = place.folder.path().join("in");
    fs::create_dir(&input).expect("a folder");
    let text =
        "{\"ChannelType\":\"EMAIL\",\"Address\":\"a@example.com\"}\n{\"Id\":7}\n{\"Id\":\"\u{e9}";
    fs::write(input.join(format!("{odd}\".json")), text).expect("an input");
    fs::write(input.join("broken.json.gz"), [0x1f, 0x8b, 8, 0, 0]).expect("an input");
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet"]);
    let output = place.folder.path().join(odd);
    set(&mut command, "output.0.to", &output);
    set(&mut command, "account.to", &place.account());
    let from = serde_json::to_string(&input).expect("a path");
    command.arg("--set").arg(format!("input.from=[{from}]"));
    command.args(["--set", "account.max_reject_ratio=1.0", "--set", "input.on_bad_file=\"skip\""]);
    command.args(["--set", &format!("input.exclude=[\"no{odd}&'\"]")]);
    let ran = command.output().expect("it runs");
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let page = page_of(&place);
    let text = checked(&page);
    assert!(!page.contains("<img") && text.contains(odd), "{text}");
    let mut command = segprep();
    command.args(["report", "--format", "md"]).arg(place.account());
    let markdown = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
    let outside_code: String = markdown.replace("\\`", "").split('`').step_by(2).collect();
    assert!(!outside_code.replace("\\<", "").contains("<img"), "{markdown}");
    assert!(markdown.contains("<img"), "{markdown}");
}

#[test]
fn no_report_has_a_value_of_a_record() {
    let mut site = CanarySite::new(77);
    let text = lines(&mut site.canaries, 60);
    site.input("a.ndjson", text);
    let output = site.run().args(["--set", "account.max_reject_ratio=1.0"]).output();
    let output = output.expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let page = page_of(&site.place);
    checked(&page);
    let mut command = segprep();
    command.args(["report", "--format", "md"]).arg(site.place.account());
    let markdown = command.output().expect("it runs").stdout;
    for text in [page.as_bytes(), &markdown] {
        assert_eq!(site.canaries.find(text), None);
    }
}

#[test]
fn a_scan_has_a_page_without_any_value() {
    let mut site = CanarySite::new(78);
    let text = lines(&mut site.canaries, 60);
    let odd = "<img src=x onerror=alert(1)>&\".json";
    let folder = site.place.folder.path().join("scanned");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(odd), text).expect("a file");
    fs::copy("samples/crm/input/kunden-2026-03.csv", folder.join("b.csv")).expect("a sample");
    let output = segprep().args(["scan", "--html"]).arg(&folder).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let page = String::from_utf8(output.stdout).expect("text");
    let text = checked(&page);
    for words in [odd, "csv with semicolons", "windows-1252", "perhaps Address", "email: likely"] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    assert_eq!(site.canaries.find(page.as_bytes()), None);
}

/// It is made of the manifest alone.
#[test]
fn the_report_is_made_again_from_the_account() {
    let place = Place::new();
    assert_eq!(code(&run("pipelines/sms.toml", &place).output().expect("it runs")), 0);
    let page = page_of(&place);
    for name in ["report.html", "rejects.ndjson", "inputs.ndjson"] {
        fs::remove_file(place.account().join(name)).expect("a file of the account");
    }
    let report = |arguments: &[&str]| {
        let mut command = segprep();
        command.arg("report").args(arguments).arg(place.account());
        let output = command.output().expect("it runs");
        (code(&output), String::from_utf8(output.stdout).expect("text"))
    };
    assert_eq!(report(&[]), (0, page));
    let (exit, markdown) = report(&["--format", "md"]);
    assert_eq!(exit, 0);
    assert!(
        markdown.starts_with("# What happened to the data: sms\n\n**published**\n"),
        "{markdown}"
    );
    assert!(markdown.contains("\n| Field | What happened to its values | Values | Removed |\n"));
    // The manifest of an earlier version says less.
    let mut manifest = place.manifest();
    for field in manifest["fields"].as_array_mut().expect("fields") {
        field.as_object_mut().expect("an object").shift_remove("token");
    }
    let path = place.account().join("manifest.json");
    fs::write(&path, manifest.to_string()).expect("a manifest");
    assert_eq!(report(&[]).0, 0);
    fs::write(&path, json!({"segprep_manifest": 2}).to_string()).expect("a manifest");
    assert_eq!(report(&[]).0, 65);
    fs::remove_file(&path).expect("a manifest");
    assert_eq!(report(&[]).0, 66);
}
