//! Faults that are planted in records, each with the field and code of the reject that it causes.
//!
//! A record has at most one. No repair fixes them, and they are in fields that definitions keep: the
//! address, the channel, the opt-out and technical fields. Others would cause no reject where a rule
//! drops their field.

use super::random::Random;
use super::record::{Record, Value};
use super::{Format, Shape};

/// A kind of fault.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) code: &'static str,
    formats: &'static [Format],
    shapes: &'static [Shape],
    way: Way,
}

/// How a fault comes into a file.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// By changing the record before it is written.
    Record(fn(&mut Record, &mut Random)),
    /// By changing the line, without its end.
    Line(fn(&mut String, &mut Random)),
}

const BOTH: &[Format] = &[Format::Ndjson, Format::Csv];
const JSON: &[Format] = &[Format::Ndjson];
const CSV: &[Format] = &[Format::Csv];
/// Shapes whose names are those of the schema.
const OWN: &[Shape] = &[Shape::Plain, Shape::Export];
const CRM: &[Shape] = &[Shape::Crm];
const ALL: &[Shape] = &[Shape::Plain, Shape::Export, Shape::Crm];

const EMAILS: &[&str] = &[
    "nobody",
    "nobody at example.com",
    "nobody@example",
    "a..b@example.com",
    "nobody@@example.com",
    "nobody@example.com;somebody@example.org",
    "nobody@-example.com",
];
const PHONES: &[&str] =
    &["none", "+1202", "202-555-O1O2", "+12025550142 x7", "+12025550142, +12025550143"];
const DATES: &[&str] = &["2025-02-30T10:00:00Z", "2025-13-01T00:00:00Z", "yesterday"];

const fn fault(
    field: &'static str,
    code: &'static str,
    formats: &'static [Format],
    shapes: &'static [Shape],
    way: Way,
) -> Fault {
    Fault { field, code, formats, shapes, way }
}

const FAULTS: &[Fault] = &[
    fault("ChannelType", "enum", BOTH, OWN, Way::Record(|r, _| r.set("ChannelType", text("FAX")))),
    fault("OptOut", "enum", BOTH, OWN, Way::Record(|r, _| r.set("OptOut", text("MAYBE")))),
    fault(
        "Address",
        "email",
        BOTH,
        OWN,
        Way::Record(|r, random| reach(r, "EMAIL", EMAILS, random)),
    ),
    fault("Address", "phone", BOTH, OWN, Way::Record(|r, random| reach(r, "SMS", PHONES, random))),
    fault("Address", "missing", BOTH, OWN, Way::Record(|r, _| r.remove("Address"))),
    fault("ChannelType", "missing", BOTH, OWN, Way::Record(|r, _| r.remove("ChannelType"))),
    fault(
        "EffectiveDate",
        "date",
        BOTH,
        OWN,
        Way::Record(|r, random| r.set("EffectiveDate", text(random.pick(DATES)))),
    ),
    fault(
        "Demographic.Timezone",
        "timezone",
        BOTH,
        OWN,
        Way::Record(|r, _| r.set("Demographic.Timezone", text("Mars/Olympus_Mons"))),
    ),
    fault(
        "Demographic.Locale",
        "locale",
        BOTH,
        OWN,
        Way::Record(|r, _| r.set("Demographic.Locale", text("english"))),
    ),
    fault(
        "Address",
        "email",
        BOTH,
        CRM,
        Way::Record(|r, random| r.set("Email", text(random.pick(EMAILS)))),
    ),
    fault("Address", "missing", BOTH, CRM, Way::Record(unreachable)),
    fault(
        "OptOut",
        "type",
        JSON,
        OWN,
        Way::Record(|r, _| r.set("OptOut", json("[\"ALL\",\"NONE\"]"))),
    ),
    fault("Address", "empty", JSON, OWN, Way::Record(|r, _| r.set("Address", text("")))),
    fault("OptOut", "duplicate_key", JSON, OWN, Way::Record(|r, _| r.push("OptOut", text("ALL")))),
    fault("", "utf8", JSON, ALL, Way::Record(|r, _| r.push("Remark", json("\"\\ud83d\"")))),
    fault("", "too_deep", JSON, ALL, Way::Record(|r, _| r.push("Remark", json(&nested(70))))),
    fault("", "json_syntax", JSON, ALL, Way::Line(cut)),
    fault("", "csv_syntax", CSV, ALL, Way::Line(add_after_quote)),
];

impl Fault {
    /// A fault for a record of this shape and format, each as likely as the others.
    pub(super) fn draw(format: Format, shape: Shape, random: &mut Random) -> &'static Fault {
        let fitting: Vec<&Fault> = FAULTS
            .iter()
            .filter(|fault| fault.formats.contains(&format) && fault.shapes.contains(&shape))
            .collect();
        random.pick(&fitting)
    }

    pub(super) fn change_record(&self, record: &mut Record, random: &mut Random) {
        if let Way::Record(change) = self.way {
            change(record, random);
        }
    }

    pub(super) fn change_line(&self, line: &mut String, random: &mut Random) {
        if let Way::Line(change) = self.way {
            change(line, random);
        }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn json(json: &str) -> Value {
    Value::Json(json.to_owned())
}

/// Arrays inside one another.
fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// Gives the record another channel and an address that it cannot have.
fn reach(record: &mut Record, channel: &str, addresses: &[&str], random: &mut Random) {
    let address = random.pick(addresses);
    record.set("ChannelType", text(channel));
    record.set("Address", text(address));
}

/// Removes every address of a CRM's contact.
fn unreachable(record: &mut Record, _: &mut Random) {
    record.remove("Email");
    record.remove("Mobile Phone");
}

/// Cuts the second half of a line somewhere, as a full disk does.
fn cut(line: &mut String, random: &mut Random) {
    let half = line.len() / 2;
    let room = u64::try_from(half).expect("a line is short");
    let at = half + usize::try_from(random.below(room)).expect("it is below the length");
    line.truncate(line.floor_char_boundary(at));
}

/// Puts the first cell in quotes, with a letter after them.
fn add_after_quote(line: &mut String, _: &mut Random) {
    let end = line.find(',').unwrap_or(line.len());
    line.insert_str(end, "\"x");
    line.insert(0, '"');
}
