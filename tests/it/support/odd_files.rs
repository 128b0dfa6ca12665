//! Random files of valid, unusual and invalid records, as NDJSON and as CSV.

use std::fmt;

use proptest::{collection::vec, prelude::*, sample::select};

/// A file in one of the two formats.
#[derive(Clone)]
pub(crate) struct OddFile {
    pub(crate) is_csv: bool,
    pub(crate) text: Vec<u8>,
}

impl OddFile {
    /// The file extension.
    pub(crate) fn end(&self) -> &'static str {
        if self.is_csv { "csv" } else { "json" }
    }
}

impl fmt::Debug for OddFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} b\"{}\"", self.end(), self.text.escape_ascii())
    }
}

pub(crate) fn file() -> impl Strategy<Value = OddFile> {
    prop_oneof![3 => ndjson(), 2 => csv()]
}

/// Lines of JSON. The format is detected from the first line, so it is almost always valid, and never
/// looks like an array or like an object over several lines.
pub(crate) fn ndjson() -> impl Strategy<Value = OddFile> {
    let tells_lines = |line: &Vec<u8>| {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        if line.starts_with(b"{") { is_json } else { !line.starts_with(b"[") }
    };
    let odd_first = odd_line().prop_filter("tells lines", tells_lines);
    let first = prop_oneof![30 => record(), 1 => odd_first];
    let line = prop_oneof![12 => record(), 3 => odd_line(), 2 => broken(record()), 1 => blank()];
    (any::<bool>(), first, vec((line, line_end()), 0..24), line_end()).prop_map(
        |(mark, first, lines, end)| {
            let mut text = byte_order_mark(mark);
            text.extend(first);
            text.extend(b"\n");
            for (line, end) in lines {
                text.extend(line);
                text.extend(end.as_bytes());
            }
            OddFile { is_csv: false, text: without_last_end(text, end) }
        },
    )
}

/// A header and rows.
pub(crate) fn csv() -> impl Strategy<Value = OddFile> {
    let columns = vec(select(COLUMNS), 0..6).prop_map(|more| {
        let mut columns = vec!["Address", "ChannelType"];
        for column in more {
            if column.contains("Attributes.") || !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    });
    (any::<bool>(), columns).prop_flat_map(|(mark, columns)| {
        let line = prop_oneof![
            12 => row(columns.len()),
            2 => (0..9_usize).prop_flat_map(row),
            1 => broken(row(columns.len())),
            1 => blank(),
            1 => Just(vec![b','; columns.len() - 1]),
        ];
        let header = columns.join(",");
        (vec((line, line_end()), 0..24), line_end()).prop_map(move |(rows, end)| {
            let mut text = byte_order_mark(mark);
            text.extend(header.as_bytes());
            text.extend(end.as_bytes());
            for (row, end) in rows {
                text.extend(row);
                text.extend(end.as_bytes());
            }
            OddFile { is_csv: true, text: without_last_end(text, end) }
        })
    })
}

fn byte_order_mark(wanted: bool) -> Vec<u8> {
    if wanted { b"\xef\xbb\xbf".to_vec() } else { Vec::new() }
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r\r\n")]
}

/// Removes the LF of the last line if `end` has a CR, so that some files end without one. Not the only LF of a
/// file: without any, CRs would end its lines.
fn without_last_end(mut text: Vec<u8>, end: &str) -> Vec<u8> {
    let has_another = memchr::memchr_iter(b'\n', &text).count() > 1;
    if end != "\n" && text.ends_with(b"\n") && has_another {
        text.pop();
    }
    text
}

fn blank() -> impl Strategy<Value = Vec<u8>> {
    select(&["", " ", "\t\t", "\r", "          "]).prop_map(|text| text.as_bytes().to_vec())
}

/// A valid line that was cut, or in which some bytes were replaced.
fn broken(line: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>().prop_filter("a line end makes two", |byte| *byte != b'\n'), 0..4),
        Just(b"\"".to_vec()),
        Just(b"\xed\xa0\x80".to_vec()),
    ];
    (line, any::<prop::sample::Index>(), bytes, any::<bool>()).prop_map(
        |(mut line, at, bytes, ends)| {
            let at = at.index(line.len() + 1);
            let rest = line.split_off(at);
            line.extend(bytes);
            if !ends {
                line.extend(rest.iter().skip(1));
            }
            line
        },
    )
}

fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let lines: &[&str] = &[
        "{}",
        "{",
        "}",
        "null",
        "[]",
        "[{}]",
        "\"text\"",
        "1e999",
        "{\"Id\":\"1\"}{\"Id\":\"2\"}",
        " {\"Id\":\"1\"} {\"Id\":2}\t\u{feff}{\"Id\":\"{\"} ",
        "{\"Id\":\"1\",}{\"Id\":\"2\"}",
        "{\"Id\":\"1\"}{\"Id\":\"2\"",
        "\u{feff} ",
        "{\"Id\":\"1\"},",
        "{\"Id\":\"1\",}",
        "{\"Id\":\"1\",\"\\u0049d\":\"2\"}",
        "{\"id\":\"1\"}",
        "{\"Id\":null}",
        "{\"Id\":\"\"}",
        "{\"Id\":\"\\ud800\"}",
        "{\"Id\":\"a\\u0000b\"}",
        "{\"Id\":\"1\",\"EndpointStatus\":\"INACTIVE\"}",
        "{\"User\":{\"UserId\":\"u\"}}",
        "\u{feff}{\"Id\":\"1\"}",
        "{\"Id\":\"1\",\"x\":[[[[[[[[{\"a\":1,\"a\":2}]]]]]]]]}",
        "{\"Id\":\"1\",\"Metrics\":{\"a\":1e400}}",
        "{\"Id\":\"1\",\"Metrics\":{\"a\":01}}",
        "not JSON",
    ];
    select(lines).prop_map(|line| line.as_bytes().to_vec())
}

/// An endpoint or an update, mostly valid.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let base = prop_oneof![
        Just(r#""ChannelType":"EMAIL","Address":"ana@example.com""#),
        Just(r#""Address":"+12025550123","ChannelType":"SMS""#),
        Just(r#""\u0041ddress":"\u002b12025550123","ChannelType":"\u0053MS""#),
        Just(r#""Id":"one""#),
        Just(r#""ChannelType":"EMAIL","Address":"ana@example""#),
        Just(r#""ChannelType":"GCM","Address":"token""#),
    ];
    let comma = select(&[",", ",", " , ", ",\t"]);
    (base, vec((comma, member()), 0..7)).prop_map(|(base, members)| {
        let mut text = format!("{{{base}");
        for (comma, member) in members {
            text += comma;
            text += &member;
        }
        text.push('}');
        text.into_bytes()
    })
}

/// A name with its value. Some are invalid, and any name may repeat.
fn member() -> impl Strategy<Value = String> {
    let fixed = select(&[
        r#""OptOut":"ALL""#,
        r#""OptOut":"none""#,
        r#""optOut":"ALL""#,
        r#""EndpointStatus":"INACTIVE""#,
        r#""EndpointStatus":"ACTIVE""#,
        r#""EffectiveDate":"2026-10-31T23:59:59.999+01:00""#,
        r#""EffectiveDate":"yesterday""#,
        r#""RequestId":null"#,
        r#""RequestId":5"#,
        r#""Metrics":{"Visits":1.0,"Spent":-2e-3}"#,
        r#""Metrics":{"Visits":"1"}"#,
        r#""Metrics":{}"#,
        r#""Attributes":{}"#,
        r#""Attributes":{"Plan":[]}"#,
        r#""Attributes":{"Plan":["a",null]}"#,
        r#""Attributes":{"Plan":"a"}"#,
        r#""Attributes":null"#,
        r#""Location":{"Country":"FR","Latitude":48.85,"Longitude":2.35,"City":null}"#,
        r#""Location":{"Country":"fr","Latitude":91}"#,
        r#""Location":{"PostalCode":"1100-048","Region":""}"#,
        r#""Demographic":{"Locale":"en_US","Timezone":"Europe/Paris","Make":"x"}"#,
        r#""CohortId":"7","CreationDate":"2021-05-04T10:00:00.000Z""#,
        r#""nickname":{"a":[1,{"b":true}]}"#,
        r#""User":{"UserId":"u","UserAttributes":{"Birthday":["1988-02-09","soon"]}}"#,
        r#""User":{"UserId":""}"#,
    ]);
    prop_oneof![
        6 => fixed.prop_map(str::to_owned),
        1 => text().prop_map(|text| format!("\"RequestId\":{text}")),
        2 => vec((name(), vec(text(), 0..4)), 0..3).prop_map(|of| attributes("Attributes", &of)),
        2 => vec((name(), vec(text(), 0..4)), 0..3)
            .prop_map(|of| format!("\"User\":{{\"UserId\":\"u\",{}}}", attributes("UserAttributes", &of))),
        1 => text().prop_map(|name| format!("{name}:1")),
    ]
}

fn attributes(map: &str, of: &[(String, Vec<String>)]) -> String {
    let entries: Vec<String> =
        of.iter().map(|(name, values)| format!("{name}:[{}]", values.join(","))).collect();
    format!("\"{map}\":{{{}}}", entries.join(","))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&["Plan", "Note", "FirstName", "a.b", "Birthday", "pl\\u0061n"])
            .prop_map(|name| format!("\"{name}\"")),
        1 => text(),
    ]
}

/// A JSON string.
fn text() -> impl Strategy<Value = String> {
    let escaped = select(&[
        r#""a\u0062c""#,
        r#""\ud83d\udc08""#,
        r#""\ud83d""#,
        r#""a\/b\\c\"d""#,
        r#""\n\t\u001f\u007f\u2028""#,
        r#""""#,
        r#""1988-02-09""#,
    ]);
    prop_oneof![
        2 => escaped.prop_map(str::to_owned),
        2 => any::<String>().prop_map(|text| serde_json::to_string(&text).expect("text is JSON")),
        3 => "[a-zA-Zéß漢 ]{0,12}".prop_map(|text| format!("\"{text}\"")),
        1 => "[a-z]{90,110}".prop_map(|text| format!("\"{text}\"")),
    ]
}

const COLUMNS: &[&str] = &[
    "Id",
    "OptOut",
    "EndpointStatus",
    "EffectiveDate",
    "Attributes.Plan",
    "Attributes.Plan",
    "Attributes.Note",
    "User.UserAttributes.FirstName",
    "User.UserId",
    "Metrics.Visits",
    "Location.Country",
    "Location.Latitude",
    "CohortId",
    "Branch code",
    "",
];

/// A row of `width` cells.
fn row(width: usize) -> impl Strategy<Value = Vec<u8>> {
    let channel = select(&[
        ("ana@example.com", "EMAIL"),
        ("+12025550123", "SMS"),
        ("\"+12025550123\"", "\"SMS\""),
        ("", ""),
        ("ana@example", "EMAIL"),
    ]);
    (channel, vec(cell(), width.saturating_sub(2))).prop_map(move |((address, channel), cells)| {
        let mut row: Vec<&str> = vec![address, channel];
        row.extend(cells.iter().map(String::as_str));
        row.truncate(width);
        row.join(",").into_bytes()
    })
}

fn cell() -> impl Strategy<Value = String> {
    let fixed = select(&[
        "",
        "",
        "",
        "ALL",
        "NONE",
        "ACTIVE",
        "INACTIVE",
        "FR",
        "1",
        "1.0",
        "-2e3",
        "07",
        "x",
        "\"\"",
        "\"a,b\"",
        "\"a\nb\"",
        "\"a\r\nb\"",
        "\"a\"\"b\"",
        "a\"b",
        " \"a\"",
        "\"a",
        "\"a\"b",
        "\"\n",
        "2026-10-31",
        "\"x\n\n,\"\"\n\"",
    ]);
    prop_oneof![
        8 => fixed.prop_map(str::to_owned),
        1 => "[a-zé漢]{0,30}",
        1 => any::<String>().prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
    ]
}
