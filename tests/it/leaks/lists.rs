//! No entry of a suppression list is shown, whether the list is used or can't be read.

use std::fs;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::support::canary::Canaries;
use crate::support::canary::site::CanarySite;
use crate::support::program::toml_text;

/// The setting of a list with this text.
fn list(site: &CanarySite, text: &[u8], settings: &str) -> String {
    let file = site.place.folder.path().join("lists/list");
    fs::write(&file, text).expect("a list");
    let from = toml_text(&file.to_string_lossy());
    format!("suppress=[{{ from = [{from}], field = \"Address\", {settings} }}]")
}

/// Records with these addresses, each of which is a canary.
fn records(addresses: &[String]) -> String {
    let record = |address| format!("{{\"ChannelType\":\"EMAIL\",\"Address\":\"{address}\"}}\n");
    addresses.iter().map(record).collect()
}

fn addresses(c: &mut Canaries, count: usize) -> Vec<String> {
    (0..count).map(|_| format!("{}@example.com", c.text())).collect()
}

#[test]
fn entries_never_appear_in_any_form() {
    for action in ["drop", "opt-out"] {
        for form in ["plain", "sha256", "token"] {
            let mut site = CanarySite::new(80);
            let addresses = addresses(&mut site.canaries, 40);
            site.input("a.json", records(&addresses));
            let mut entries: Vec<String> = match form {
                "sha256" => {
                    let lower = addresses.iter().map(|address| address.to_lowercase());
                    lower.map(|address| HEXLOWER.encode(&Sha256::digest(address))).collect()
                }
                "token" => {
                    (0..40).map(|_| format!("hmac:k1:{}", token(&mut site.canaries))).collect()
                }
                _ => addresses.clone(),
            };
            entries.truncate(20);
            for entry in &entries {
                // Other tokens have this prefix too.
                let own = entry.strip_prefix("hmac:k1:").unwrap_or(entry);
                site.canaries.watch(own.to_owned());
            }
            let settings =
                format!("form = \"{form}\", action = \"{action}\", normalize = \"email.v1\"");
            let setting = list(&site, entries.join("\n").as_bytes(), &settings);
            let mut command = site.run();
            command.args(["--set", &setting, "--json"]);
            site.check(command, 0);
            let matches = &site.place.manifest()["suppress"][0]["matches"];
            assert_eq!(*matches, if form == "token" { 0 } else { 20 }, "{form}");
        }
    }
}

/// A token like those of the rule of the address: 128 bits in base64url.
fn token(c: &mut Canaries) -> String {
    data_encoding::BASE64URL_NOPAD
        .encode(c.text().as_bytes().first_chunk::<16>().expect("20 bytes"))
}

/// An invalid list ends the run, and so do unusable entries, unless some are accepted.
#[test]
fn no_list_is_quoted_in_an_error() {
    let mut c = Canaries::new(81);
    let (text, other) = (c.text(), c.text());
    let email = "normalize = \"email.v1\"";
    let of_csv = "column = \"mail\"";
    let cases: Vec<(i32, Vec<u8>, &str)> = vec![
        (
            0,
            format!("{text}@example.com\n{other}\n").into_bytes(),
            "normalize = \"email.v1\", max_unusable = 1",
        ),
        (65, format!("{text}@example.com\n{other}\n").into_bytes(), email),
        (65, format!("{text}\n{other}@\n").into_bytes(), "max_entries = 9"),
        (
            0,
            format!("mail\n{text}@example.com\n{other},{text}\n").into_bytes(),
            "column = \"mail\", normalize = \"email.v1\", max_unusable = 1",
        ),
        (65, format!("{text}\n{other}\n").into_bytes(), email),
        (65, format!("{text}\n{other}\n").into_bytes(), "form = \"sha256\""),
        (65, format!("hmac:{text}:{other}\n").into_bytes(), "form = \"token\""),
        (65, format!("{text}\n{other}\n").into_bytes(), of_csv),
        (65, format!("{text},{text}\n{other}\n").into_bytes(), of_csv),
        (65, format!("mail,mail\n{text},{other}\n").into_bytes(), of_csv),
        (65, format!("mail\n\"{text}\n{other}\n").into_bytes(), of_csv),
        (65, format!("mail,\"{text}\n{other}").into_bytes(), of_csv),
        (65, [text.as_bytes(), b"\xff\n", other.as_bytes()].concat(), "normalize = \"none\""),
        (65, format!("{text}\n{other}\n").into_bytes(), "max_entries = 1"),
        (65, format!("{}\n", text.repeat(100_000)).into_bytes(), "normalize = \"none\""),
        (66, Vec::new(), email),
    ];
    for (expected, entries, settings) in cases {
        for format in [None, Some("--json")] {
            let mut site = CanarySite::new(82);
            site.canaries.watch(text.clone());
            site.canaries.watch(other.clone());
            let addresses = addresses(&mut site.canaries, 3);
            site.input("a.json", records(&addresses));
            let setting = list(&site, &entries, settings);
            let mut command = site.run();
            command.args(["--set", &setting]).args(format);
            site.check(command, expected);
        }
    }
}
