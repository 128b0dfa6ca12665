//! Previews of canaries: whatever a definition keeps or writes through, only outlines are shown.

use crate::support::canary::records::{csv, lines};
use crate::support::canary::site::CanarySite;
use crate::support::program::{code, stderr};

/// Rules that write values through, as far as they can.
const KEEPS: &str = r#"fields={ "*" = "keep" }"#;
const WRITES_THROUGH: &str = r#"fields={ "Id" = { op = "hmac", already = "keep" }, "Address" = "keep", "User.UserId" = { op = "hmac", already = "keep" },
    "User.UserAttributes.*" = { op = "map", table = { a = "b" }, other = "keep" },
    "Attributes.Seen" = { op = "date_trunc", unit = "day" }, "Attributes.*" = { op = "mask", skip = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@." },
    "Metrics.*" = { op = "round", decimals = 9 }, "Location.Latitude" = { op = "geo", decimals = 9 }, "Location.Longitude" = "keep",
    "*" = "keep" }"#;

/// Explanations of records of all kinds, as pages and as JSON.
#[test]
fn an_explanation_shows_no_value() {
    let mut site = CanarySite::new(90);
    let text = lines(&mut site.canaries, 60);
    let count = text.lines().count();
    site.input("a.json", text);
    let mut shown = 0;
    for line in 1..=count {
        let place = site.place.folder.path().join("input/a.json");
        let mut command = site.command("explain");
        command.arg(format!("{}:{line}", place.display()));
        command.args([
            "--set",
            "purpose=\"messaging\"",
            "--set",
            &WRITES_THROUGH.replace('\n', " "),
        ]);
        if line % 2 == 0 {
            command.arg("--json");
        }
        let output = command.output().expect("the program runs");
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            assert_eq!(site.canaries.find(stream), None, "line {line}: {text}");
        }
        assert!([0, 66].contains(&code(&output)), "{}", stderr(&output));
        shown += String::from_utf8_lossy(&output.stdout).matches('•').count();
    }
    assert!(500 < shown, "{shown}");
}

#[test]
fn a_preview_shows_no_value() {
    let shown_in_all =
        [KEEPS, WRITES_THROUGH, ""].into_iter().enumerate().flat_map(|(seed, rules)| {
            let mut site = CanarySite::new(80 + u64::try_from(seed).expect("a small number"));
            let text = lines(&mut site.canaries, 400);
            site.input("a.json", text);
            let text = csv(&mut site.canaries, 200);
            site.input("b.csv", text);
            let outputs: Vec<usize> =
                [&["-n", "600"][..], &["-n", "600", "--json"], &["--sample", "-n", "300"]]
                    .into_iter()
                    .map(|arguments| {
                        let mut command = site.command("preview");
                        command.args(arguments).args(["--quiet", "--set", "purpose=\"messaging\""]);
                        if rules.is_empty() {
                            command.args(["--set", "purpose=\"analytics\""]);
                        } else {
                            command.args(["--set", &rules.replace('\n', " ")]);
                        }
                        let output = command.output().expect("the program runs");
                        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
                        site.check(command, 0);
                        assert!(stderr(&output).is_empty(), "{}", stderr(&output));
                        let is_control = |char: char| char.is_control() && char != '\n';
                        assert!(!shown.contains(is_control), "{shown:?}");
                        shown.matches('•').count()
                    })
                    .collect();
            outputs
        });
    // Outlines were shown, so that the search for canaries means something.
    for outlines in shown_in_all {
        assert!(1_000 < outlines, "{outlines}");
    }
}
