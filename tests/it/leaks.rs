//! What is to go does not come out: not in parts, accounts, messages or staging, and not in what
//! `Debug` shows.

use std::{fs, process::Command, sync::Arc};

use segprep::{
    decode::{BatchLimits, ColumnRules, ColumnSettings, Columns, Decoder, Format},
    record::{Batch, Text},
    schema::Schema,
    transform::MasterKey,
};
use serde_json::Value;

use crate::canary::Canaries;
use crate::in_process::InProcess;
use crate::program::{Place, code, files_below, segprep, stderr, toml_text};
use crate::running::Running;

const DEFINITION: &str = "tests/leaks/definition.toml";

const REPAIRS: &str = "repair={ phone = { region = \"US\" }, country = true, channel = true, \
    locale = true, timezone = true, email = true, trim = true, dates = true, optout = true }";

/// Files full of canaries, and a place for what a run makes of them.
struct Leaks {
    place: Place,
    canaries: Canaries,
}

impl Leaks {
    fn new(seed: u64) -> Leaks {
        let leaks = Leaks { place: Place::new(), canaries: Canaries::new(seed) };
        fs::create_dir(leaks.place.folder.path().join("input")).expect("a folder");
        fs::create_dir(leaks.place.folder.path().join("lists")).expect("a folder");
        leaks
    }

    /// A list of people who are left out, of which some entries are none.
    fn list(&mut self) -> String {
        let file = self.place.folder.path().join("lists/out.csv");
        let rows = (0..50).map(|number| {
            let at = if number % 10 == 0 { "" } else { "@example.com" };
            format!("{},{}{at}\n", self.canaries.number(), self.canaries.text())
        });
        let rows: String = rows.collect();
        fs::write(&file, format!("number,mail\n{rows}")).expect("a list");
        format!(
            "suppress=[{{ from = [{}], field = \"Address\", column = \"mail\", normalize = \"email.v1\" }}]",
            toml_text(&file.to_string_lossy())
        )
    }

    fn input(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.place.folder.path().join("input").join(name), text).expect("an input");
    }

    /// A run over the inputs, with a key that is a canary too.
    fn run(&mut self) -> Command {
        let key = self.canaries.text() + &self.canaries.text();
        let hex = data_encoding::HEXLOWER.encode(key.as_bytes());
        self.canaries.watch(hex.clone());
        let mut command = segprep();
        command.args(["run", DEFINITION]).env("SEGPREP_KEY_K1", format!("hex:{hex}"));
        let input = self.place.folder.path().join("input");
        command.arg("--set").arg(format!("input.from=[{}]", toml_text(&input.to_string_lossy())));
        command.arg("--set").arg(self.list());
        self.place.take(&mut command);
        command
    }

    /// Fails where a canary is in what a command said, or in what lies here.
    #[track_caller]
    fn check(&self, mut command: Command, expected: i32) {
        let output = command.output().expect("the program runs");
        for said in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(said);
            assert_eq!(self.canaries.find(said), None, "in {text}");
        }
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        self.check_files();
    }

    /// Fails where a canary is in a file here, or in its name. Gives the number of files.
    #[track_caller]
    fn check_files(&self) -> usize {
        let root = self.place.folder.path();
        let files = files_below(root);
        let given = [root.join("input"), root.join("lists")];
        let files = files.iter().filter(|file| !given.iter().any(|given| file.starts_with(given)));
        files
            .map(|file| {
                let text = fs::read(file).unwrap_or_default(); // it may go meanwhile
                let shown = file.display();
                assert_eq!(self.canaries.find(&text), None, "in {shown}");
                assert_eq!(self.canaries.find(shown.to_string().as_bytes()), None, "{shown}");
            })
            .count()
    }
}

/// A record whose values are canaries, all but those that are kept; now and then it is broken in
/// one way or another, and then those are canaries too.
fn record(c: &mut Canaries) -> String {
    let fields = [
        format!(r#""Id":"{}""#, c.text()),
        format!(r#""Address":"{}@example.com","ChannelType":"EMAIL""#, c.text()),
        format!(r#""EffectiveDate":"2026-10-01T06:30:00.{}Z""#, c.nanoseconds()),
        format!(r#""RequestId":"{}""#, c.text()),
        format!(r#""Attributes":{}"#, attributes(c)),
        format!(r#""Metrics":{{"Visits":{},"{}#":1}}"#, c.number(), c.text()),
        format!(r#""Demographic":{{"Make":"{}","Model":"{}"}}"#, c.text(), c.text()),
        format!(
            r#""Location":{{"City":"{}","PostalCode":"{}","Latitude":12.{}}}"#,
            c.text(),
            c.text(),
            c.nanoseconds()
        ),
        format!(r#""User":{}"#, user(c)),
        format!(r#""CreationDate":"{}","CohortId":{}"#, c.text(), c.number()),
        format!(r#""nickname":{{"a":["{}"],"{}@":{{"b":{}}}}}"#, c.text(), c.text(), c.number()),
        format!(r#""+{}":"{}""#, c.text(), c.text()),
    ];
    let mut members: Vec<&str> =
        fields.iter().filter(|_| c.random(4) != 0).map(String::as_str).collect();
    let fault = fault(c);
    members.push(&fault);
    members.retain(|member| !member.is_empty());
    let text = format!("{{{}}}", members.join(","));
    match c.random(20) {
        0 => text.trim_end_matches('}').to_owned(),
        1 => text.replacen("\":\"", "\":\"\\ud800", 1),
        2 => text.replacen("\":", "\";", 1),
        3 => format!("{text}{}", c.text()),
        4 => format!("\"{}\"", c.text()),
        5 => c.text(),
        6 => text.replacen('}', &format!(",\"x\":\"{}\"}}", c.text().repeat(150)), 1),
        _ => text,
    }
}

fn attributes(c: &mut Canaries) -> String {
    let made_anew = made_anew(c);
    let odd = serde_json::to_string(&c.odd_text()).expect("text is JSON");
    format!(
        r#"{{"Plan":["pro"],"Seen":["1988-02-09T11:22:33.{}Z","{}"],"Note":["{}",{odd}],"Search":["{}"],"{}@":["x"],"{}":[],{made_anew}}}"#,
        c.nanoseconds(),
        c.text(),
        c.text(),
        c.text(),
        c.text(),
        c.number(),
    )
}

/// A value that each operation can apply to, and one that it can't.
fn made_anew(c: &mut Canaries) -> String {
    let lists = [
        format!(r#""Mail":["{}@example.com","{}"]"#, c.text(), c.text()),
        format!(r#""Phone":["+1{}","{}"]"#, c.nanoseconds(), c.text()),
        format!(r#""Token":["hmac:k1:{}","{}"]"#, c.text(), c.text()),
        format!(r#""Since":["1988-02-09","{}"]"#, c.text()),
        format!(r#""Points":["{}","{}"]"#, c.number(), c.text()),
        format!(r#""Age":["{}","{}"]"#, c.number(), c.text()),
        format!(r#""Stage":["{}"],"Team":["{}"]"#, c.text(), c.text()),
    ];
    lists.join(",")
}

fn user(c: &mut Canaries) -> String {
    let odd = serde_json::to_string(&c.odd_text()).expect("text is JSON");
    format!(
        r#"{{"UserId":"{}","UserAttributes":{{"FirstName":[{odd}],"LastName":["{}"],"Birthday":["1988-02-09T11:22:33.{}Z","{}"],"Card":["{}"],"Mother":["{}"]}}}}"#,
        c.text(),
        c.text(),
        c.nanoseconds(),
        c.text(),
        c.text(),
        c.text(),
    )
}

/// A member that makes a record a reject; mostly none. What would be kept is not kept then.
fn fault(c: &mut Canaries) -> String {
    match c.random(30) {
        0 => format!(r#""OptOut":"{}""#, c.text()),
        1 => format!(r#""optOut":"{}""#, c.text()),
        2 => format!(r#""EndpointStatus":["{}"]"#, c.text()),
        3 => format!(r#""EndpointStatus":"INACTIVE","RequestId":"{}""#, c.text()),
        4 => format!(r#""OptOut":"ALL","OptOut":"{}""#, c.text()),
        5 => format!(r#""Metrics":"{}""#, c.text()),
        6 => format!(r#""Attributes":{{"Plan":"{}"}}"#, c.text()),
        7 => format!(r#""Attributes":{{"Plan":["{}",5]}}"#, c.text()),
        8 => format!(r#""Attributes":{{"Plan":["{}"],"Plan":[]}}"#, c.text()),
        9 => format!(r#""{}@":1,"{}@":{{"{0}":1,"{0}":2}}"#, c.text(), c.text()),
        10 => format!(r#""Attributes":{{"Plan":["{}"]}},"OptOut":"none""#, c.text().repeat(6)),
        11 => format!(r#""Demographic":["{}"]"#, c.text()),
        12 => format!(r#""x":{}"{}"{}"#, "[".repeat(70), c.text(), "]".repeat(70)),
        13 => format!(r#""ChannelType":"SMS","Address":"{}""#, c.text()),
        14 => format!(r#""ChannelType":"{}","Address":"x""#, c.text()),
        _ => String::new(),
    }
}

/// Rows of the like. Some do not close their quotes, or have other widths.
fn csv(c: &mut Canaries, rows: usize) -> String {
    let mut text = format!(
        "Address,ChannelType,Id,User.UserId,User.UserAttributes.FirstName,User.UserAttributes.Card,\
         Attributes.Seen,Attributes.Search,Attributes.{}#,Metrics.Visits,CohortId,OptOut,{}\n",
        c.text(),
        c.text() + "@",
    );
    for _ in 0..rows {
        let mut cells = vec![format!("{}@example.com", c.text()), "EMAIL".to_owned()];
        for _ in 0..4 {
            cells.push(c.text());
        }
        cells.push(format!("1988-02-09T11:22:33.{}Z", c.nanoseconds()));
        cells.push(format!("\"{}\n{}\"", c.text(), c.odd_text().replace('"', "\"\"")));
        cells.extend([c.text(), c.number(), c.number(), String::new(), c.text()]);
        match c.random(16) {
            0 => cells[2] = format!("\"{}", c.text()),
            1 => cells[2] = format!("\"{}\"{}", c.text(), c.text()),
            2 => cells.push(c.text()),
            3 => cells.truncate(5),
            4 => cells[11] = c.text(),
            5 => cells[9] = c.text(),
            6 => cells[3] = c.text().repeat(150),
            7 => cells[1] = c.text(),
            _ => {}
        }
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

fn lines(c: &mut Canaries, records: usize) -> String {
    // The first line tells the format.
    let mut text = "{\"Id\":\"one\"}\n".to_owned();
    for _ in 0..records {
        text += &record(c);
        text.push('\n');
    }
    text
}

#[test]
fn what_is_to_go_does_not_come_out() {
    for seed in 0..3 {
        let mut leaks = Leaks::new(seed);
        let text = lines(&mut leaks.canaries, 400);
        leaks.input("a.json", text);
        let text = csv(&mut leaks.canaries, 200);
        leaks.input("b.csv", text);
        let mut command = leaks.run();
        if seed % 2 == 1 {
            command.arg("--json");
        }
        if seed == 2 {
            // All but `lists`, which would keep bare values that are rejected otherwise.
            command.args(["--set", REPAIRS]);
        }
        leaks.check(command, 0);
        check_is_no_empty_success(&leaks.place);
    }
}

/// Records came through, and every kind of code was met; else nothing would have been shown.
fn check_is_no_empty_success(place: &Place) {
    let manifest = place.manifest();
    let [written, rejected] =
        ["written", "rejected"].map(|name| manifest["records"][name].as_u64().expect("a count"));
    assert!(200 <= written && 50 <= rejected, "{written} written, {rejected} rejected");
    for code in ["json_syntax", "csv_syntax", "duplicate_key", "type", "enum", "too_long_record"] {
        assert!(manifest["rejects"]["by_code"][code].is_u64(), "no {code}");
    }
    let part = String::from_utf8(place.parts()).expect("parts are UTF-8");
    let first = part.lines().find(|line| line.contains("Birthday")).expect("a birthday");
    let record: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(record["User"]["UserAttributes"]["Birthday"], serde_json::json!(["1988-02-09"]));
}

/// The originals are kept where that is asked for, and are nowhere else.
#[test]
fn kept_rejects_are_kept_in_one_place() {
    let mut leaks = Leaks::new(9);
    let text = lines(&mut leaks.canaries, 100);
    leaks.input("a.json", text);
    let mut command = leaks.run();
    command.args(["--set", "account.keep_rejected=true"]);
    assert_eq!(code(&command.output().expect("the program runs")), 0);
    let kept = leaks.place.account().join("rejected-records");
    let text = fs::read(kept.join("00000-a.json")).expect("the originals");
    assert!(leaks.canaries.find(&text).is_some());
    fs::remove_dir_all(kept).expect("it is there");
    leaks.check_files();
}

#[test]
fn staging_holds_no_more_than_the_output() {
    let mut leaks = Leaks::new(20);
    let text = lines(&mut leaks.canaries, 300).repeat(60);
    leaks.input("a.json", text);
    let mut command = leaks.run();
    command.args(["--chunk-bytes", "20000", "--threads", "2"]);
    let staged = leaks.place.folder.path().join(".import.segprep/new");
    let mut running = Running::start(&mut command);
    let mut looks = 0;
    while running.until(|| !files_below(&staged).is_empty()) {
        running.meanwhile(|| {
            looks += usize::from(0 < leaks.check_files());
        });
        if 5 < looks {
            break;
        }
    }
    assert!(0 < looks, "the run was over before it could be looked at");
    let output = running.ends(0);
    assert_eq!(leaks.canaries.find(&output.stderr), None);
    leaks.check_files();
}

/// Every failure over an input, text and JSON.
#[test]
fn no_input_is_quoted_in_a_failure() {
    let mut c = Canaries::new(30);
    let (text, other) = (c.text(), c.text());
    let utf16 = format!("Address\n{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(i32, Vec<u8>)> = vec![
        (3, format!("{{\"OptOut\":\"{text}\"}}\n").into_bytes()),
        (3, format!("{{\"Id\":\"{text}\n").into_bytes()),
        (3, format!("[{{\"OptOut\":\"{text}\"}}] {other}").into_bytes()),
        (3, format!("{{\n\"Id\":\"{text}\"\n").into_bytes()),
        (3, format!("{{\"Id\":1}}{text}{{\"OptOut\":\"{other}\"}}").into_bytes()),
        (65, format!("{text}@example.com,EMAIL\n{other}@example.com,EMAIL\n").into_bytes()),
        (65, format!("Address,{text},{text}\n").into_bytes()),
        (65, format!("Address,\"{text}\n{other}").into_bytes()),
        (65, format!("Address,\"{text}\"{other}\n").into_bytes()),
        (65, [b"Address,\xff", text.as_bytes(), b"\n"].concat()),
        (65, format!("Address,{}\n", text.repeat(150)).into_bytes()),
        (65, format!("Attributes,{text}.Plan\n").into_bytes()),
        (65, [b"\x1f\x8b\x08", text.as_bytes()].concat()),
        (65, utf16),
        (66, Vec::new()),
    ];
    for (expected, input) in cases {
        for format in [None, Some("--json")] {
            let mut leaks = Leaks::new(31);
            leaks.canaries.watch(text.clone());
            leaks.canaries.watch(other.clone());
            leaks.input("input", &input);
            let mut command = leaks.run();
            command.args(["--set", "account.max_reject_ratio=0.0"]).args(format);
            if expected == 65 {
                // As where nobody has said that unknown names may be left out.
                command.args(["--set", "input.unknown=\"reject\""]);
            }
            leaks.check(command, expected);
        }
    }
}

#[test]
fn no_key_is_quoted_in_a_failure() {
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
        check_said(&c, command, 77);
        for from in [key.clone(), format!("env:{key}")] {
            let mut command = segprep();
            command.args(["key", "check", "--from", &from]);
            check_said(&c, command, 77);
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
    check_said(&c, command, 64);
}

/// A definition that holds a key, whole or in pieces, does not show it.
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
            check_said(&c, command, 78);
        }
    }
}

#[track_caller]
fn check_key(c: &Canaries, arguments: &[&str], key: &str, expected: i32, json: Option<&str>) {
    let mut command = segprep();
    command.args(["run", DEFINITION]).args(arguments).args(json);
    command.env("SEGPREP_KEY_K1", key).args(["--set", "input.from=[\"samples/newsletter/input\"]"]);
    check_said(c, command, expected);
}

#[track_caller]
fn check_said(c: &Canaries, mut command: Command, expected: i32) {
    let output = command.output().expect("the program runs");
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert_eq!(c.find(&said), None, "in {}", String::from_utf8_lossy(&said));
    assert_eq!(code(&output), expected, "{}", stderr(&output));
}

#[test]
fn debug_shows_no_value() {
    let mut c = Canaries::new(60);
    let schema = || Schema::shipped("pinpoint").expect("the target is shipped");
    let text = fs::read_to_string(DEFINITION).expect("a definition");
    let demo = "keys={ current = \"demo\", demo = \"demo:\" }";
    let policy = InProcess::of(DEFINITION, &text, schema(), &[demo]);
    let (plan, stages) = (&policy.plan, &policy.stages);
    c.watch("segprep demo key protects nobody".to_owned());

    let header = format!("Address,{}@,Attributes.{}#", c.text(), c.text());
    let settings = ColumnSettings { drop_unknown: true, ..ColumnSettings::default() };
    let rules = ColumnRules::new(Arc::clone(&plan.schema), settings);
    let columns = Columns::read(header.as_bytes(), b',', &rules).expect("a header");
    let rows = format!("{},{},{}\n", c.text(), c.text(), c.text());
    let lines = lines(&mut c, 100);
    let csv = Format::Csv(columns.into());
    for (format, chunk) in [(Format::JsonLines, lines), (csv, rows)] {
        let block = policy.block(chunk.as_bytes(), 0, &format);
        let layout = segprep::decode::Layout::new(&plan.schema).into();
        let mut decoder = Decoder::new(layout, 1000);
        let mut batch = Batch::new(plan.schema.nodes.len(), plan.schema.maps.len());
        let limits = BatchLimits { rows: 1000, bytes: 1 << 20 };
        decoder.decode(chunk.as_bytes(), 0, true, &format, limits, &mut batch);
        let text = Text { chunk: chunk.as_bytes(), arena: &batch.arena };
        let shown = format!(
            "{format:?} {block:?} {:?} {decoder:?} {:?} {batch:?} {:?} {text:?} {plan:?} {stages:?}",
            block.rejects, decoder.names, batch.rows,
        );
        assert_eq!(c.find(shown.as_bytes()), None, "in {shown}");
    }
    let key = MasterKey::demo();
    let shown = format!("{key:?} {:?} {plan:#?} {stages:#?} {rules:?}", plan.rules);
    assert_eq!(c.find(shown.as_bytes()), None, "in {shown}");
}
