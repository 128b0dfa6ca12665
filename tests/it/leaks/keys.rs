//! Keys that are invalid, or in the wrong place, are never shown.

use std::fs;

use crate::support::canary::Canaries;
use crate::support::canary::site::{DEFINITION, check_output};
use crate::support::program::{segprep, toml_text};

#[test]
fn no_key_is_quoted_in_an_error() {
    let mut c = Canaries::new(40);
    let text = c.text();
    let hex = data_encoding::HEXLOWER.encode(format!("{text}{}", c.text()).as_bytes());
    c.watch(hex.clone());
    let base64 = data_encoding::BASE64.encode(format!("{text}{}", c.text()).as_bytes());
    c.watch(base64.clone());
    let keys = [
        text.clone(),
        format!("hex:{}", hex.chars().take(32).collect::<String>()),
        format!("hex:{hex}0"),
        format!("hex:{hex} "),
        format!("hex:{hex}\n\n"),
        format!("HEX:{hex}"),
        format!("base64:{base64}="),
        format!("base64:{}", base64.chars().take(20).collect::<String>()),
        format!("k1={hex}"),
        hex.clone(),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("key");
    for key in &keys {
        fs::write(&file, key).expect("a file");
        let from_file = format!("keys.k1={}", toml_text(&format!("file:{}", file.display())));
        for json in [None, Some("--json")] {
            check_key(&c, &[], key, 77, json);
            check_key(&c, &["--set", &from_file], "", 77, json);
        }
        let mut command = segprep();
        command.args(["key", "check", "--from", &format!("file:{}", file.display())]);
        check_output(&c, command, 77);
        // A text without the form of a key may be a name at AWS.
        let at_aws = ["kms:", "kms:alias/", "secretsmanager:"].iter().filter(|_| *key != text);
        let sources = at_aws.chain(&["env:", ""]).map(|kind| format!("{kind}{key}"));
        for from in sources {
            let mut command = segprep();
            command.args(["key", "check", "--from", &from]);
            check_output(&c, command, 77);
        }
    }
    let good = format!("hex:{hex}");
    let check = "keys.k1={ from = \"env:SEGPREP_KEY_K1\", check = \"0123456789abcdef\" }";
    check_key(&c, &["--set", check], &good, 77, None);
    for set in [
        format!("keys.k1=\"{good}\""),
        format!("keys.k1={good}"),
        format!("keys.k1={{ from = \"{good}\" }}"),
        format!("keys.k1=\"env:{good}\""),
        format!("keys.k1=\"env:a{hex}\""),
        format!("keys.k1=\"env:hex{hex}\""),
        format!("keys.k1=\"env:KEY_{hex}\""),
        format!("account.to=\"out/${{hex{hex}}}/\""),
        format!("keys.k1=\"kms:{hex}\""),
        format!("keys.k1=\"secretsmanager:{base64}\""),
        format!("keys.\"{good}\"=\"demo:\""),
        format!("keys.current=\"{good}\""),
        format!("keys.{hex}=\"demo:\""),
        format!("keys.k1.{hex}=\"demo:\""),
        format!("keys.k1={{ from = \"demo:\", {hex} = 1 }}"),
        format!("name=\"{good}\""),
        format!("purpose=\"{good}\""),
    ] {
        for json in [None, Some("--json")] {
            check_key(&c, &["--set", &set], &good, 78, json);
        }
    }
    let mut command = segprep();
    command.args(["run", DEFINITION, "--set", &good]);
    check_output(&c, command, 64);
}

/// Diagnostics of a definition that contains a key do not show it.
#[test]
fn no_key_in_a_definition_is_quoted() {
    let mut c = Canaries::new(50);
    let key = format!("{}{}", c.text(), c.text());
    let hex = c.watch(data_encoding::HEXLOWER.encode(key.as_bytes()));
    let text = fs::read_to_string(DEFINITION).expect("a definition");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("definition.toml");
    for wrong in [
        format!("k1 = \"hex:{hex}\""),
        format!("k1 = \"hex:{hex}"),
        format!("k1 = hex:{hex}"),
        format!("k1 = {{ from = \"hex:{hex}\" }}"),
        format!("k1 = {{ from = \"env:SEGPREP_KEY_K1\", check = \"{hex}\" }}"),
        format!("k1 = \"\"\"\nhex:{hex}\"\"\""),
        format!("k1 = \"env:SEGPREP_KEY_K1\" \"hex:{hex}\""),
        format!("k1 = \"env:hex:{hex}\""),
        format!("k1 = \"env:hex{hex}\""),
        format!("k1 = \"kms:{hex}\""),
        format!("k1 = \"secretsmanager:{hex}\""),
        format!("k1 = \"secretsmanager:{hex}"),
        format!("k1 = \"env:hex:{hex}"),
        format!("k1 = 'file:hex:{hex}"),
        format!("\"hex:{hex}\" = 1"),
        format!("{hex} = \"demo:\""),
        format!("k1.{hex} = \"demo:\""),
        format!("k1 = {{ from = \"demo:\", {hex} = 1 }}"),
        format!("k1 = [\"hex:{hex}\"]"),
    ] {
        let text = text.replace("k1      = \"env:SEGPREP_KEY_K1\"", &wrong);
        assert!(text.contains(&hex));
        fs::write(&file, text).expect("a file");
        for words in [["run", ""], ["check", ""], ["run", "--json"], ["check", "--json"]] {
            let mut command = segprep();
            command.args(words.iter().filter(|word| !word.is_empty())).arg(&file);
            check_output(&c, command, 78);
        }
    }
}

#[track_caller]
fn check_key(c: &Canaries, arguments: &[&str], key: &str, expected: i32, json: Option<&str>) {
    let mut command = segprep();
    command.args(["run", DEFINITION]).args(arguments).args(json);
    command.env("SEGPREP_KEY_K1", key).args(["--set", "input.from=[\"samples/newsletter/input\"]"]);
    check_output(c, command, expected);
}
