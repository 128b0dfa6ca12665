//! `[fields]`: the rules, each a path and an operation with its parameters.
//!
//! Whether a path names a field, and whether the operation fits it, is for the schema to say
//! (`rules`).

use std::fmt;

use crate::pipeline::nearest::{advice, listed};
use crate::pipeline::plan::OnError;
use crate::pipeline::section::{Section, choose, shown};
use crate::pipeline::source::{Faults, Origin, Spanned};
use crate::pipeline::tree::{Entry, Table, Value};
use crate::transform::{Encoding, Scope, TokenShape, Unit};

/// One rule as it is written.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// `User.UserId`, `Attributes.*`, `*`.
    pub path: Spanned<String>,
    /// None where it is faulty: then the rule covers its fields, and no more is said of it.
    pub(in crate::pipeline) op: Option<OpSpec>,
    pub on_error: OnError,
    /// Where the operation stands.
    pub at: Origin,
}

/// An operation with its parameters, before it has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpSpec {
    Keep,
    Drop,
    Redact { text: String },
    Mask { keep_first: usize, keep_last: usize, hidden: char, skip: String },
    Hmac(HmacSpec),
    DateTrunc(Unit),
}

/// The parameters of `hmac`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacSpec {
    /// None for the path of each field that the rule governs.
    pub join: Option<String>,
    pub scope: Scope,
    pub shape: TokenShape,
}

impl OpSpec {
    /// As definitions and manifests name it.
    pub fn name(&self) -> &'static str {
        match self {
            OpSpec::Keep => "keep",
            OpSpec::Drop => "drop",
            OpSpec::Redact { .. } => "redact",
            OpSpec::Mask { .. } => "mask",
            OpSpec::Hmac(_) => "hmac",
            OpSpec::DateTrunc(_) => "date_trunc",
        }
    }

    /// The parameters of `hmac`, where it is one.
    pub fn as_hmac(&self) -> Option<&HmacSpec> {
        match self {
            OpSpec::Hmac(spec) => Some(spec),
            OpSpec::Keep
            | OpSpec::Drop
            | OpSpec::Redact { .. }
            | OpSpec::Mask { .. }
            | OpSpec::DateTrunc(_) => None,
        }
    }
}

/// As the command `check` explains it: `hmac (join "user", 256 bits, hex)`.
impl fmt::Display for OpSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpSpec::Keep | OpSpec::Drop => f.write_str(self.name()),
            OpSpec::Redact { text } => write!(f, "redact (to {text:?})"),
            OpSpec::Mask { keep_first, keep_last, hidden, skip } => {
                let settings = [
                    (*hidden != '*').then(|| format!("with {hidden:?}")),
                    (*keep_first != 0).then(|| format!("keeps first {keep_first}")),
                    (*keep_last != 0).then(|| format!("keeps last {keep_last}")),
                    (!skip.is_empty()).then(|| format!("skips {skip:?}")),
                ];
                let settings: Vec<String> = settings.into_iter().flatten().collect();
                match settings.as_slice() {
                    [] => f.write_str("mask (all of it)"),
                    _ => write!(f, "mask ({})", settings.join(", ")),
                }
            }
            OpSpec::Hmac(spec) => write!(f, "hmac ({spec})"),
            OpSpec::DateTrunc(unit) => write!(f, "date_trunc (to the {})", unit_name(*unit)),
        }
    }
}

impl fmt::Display for HmacSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(join) = &self.join {
            write!(f, "join {join:?}, ")?;
        }
        if let Scope::Relationship(label) = &self.scope {
            write!(f, "scope {label:?}, ")?;
        }
        let encoding = match self.shape.encoding() {
            Encoding::Hex => "hex",
            Encoding::Base64Url => "base64url",
        };
        write!(f, "{} bits, {encoding}", self.shape.bits())
    }
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Year => "year",
        Unit::Quarter => "quarter",
        Unit::Month => "month",
        Unit::Day => "day",
    }
}

/// The operations, by the order of the documentation.
const OPS: [&str; 6] = ["keep", "drop", "redact", "mask", "hmac", "date_trunc"];
const LATER_OPS: [&str; 8] =
    ["date_shift", "round", "bucket", "geo", "map", "encrypt", "scrub", "hash_profile"];

const REDACTED: &str = "[redacted]";
const MASK_CHAR: char = '*';
/// More characters than this are in no value.
const MASK_KEEP_MAX: u64 = 1_000_000;
const BITS: u32 = 256;

/// The rules in the order of the text, and where `[fields]` begins.
pub(super) fn read(root: &mut Section<'_>, faults: &mut Faults<'_>) -> (Vec<FieldRule>, Origin) {
    let Some(entry) = root.entry("fields") else { return (Vec::new(), root.at()) };
    let Value::Table(table) = &entry.item.value else {
        let help = "write `[fields]` on a line, and the rules below it";
        faults.push(entry.key_at, "`fields` is no table", "", help);
        return (Vec::new(), entry.key_at);
    };
    let rules = table.entries.iter().filter_map(|entry| read_rule(entry, faults)).collect();
    (rules, entry.item.at)
}

/// None where the entry is no rule at all, so that it covers nothing.
fn read_rule(entry: &Entry, faults: &mut Faults<'_>) -> Option<FieldRule> {
    let at = entry.item.at;
    let value = &entry.item.value;
    let (op, on_error) = if let Some(name) = value.as_text() {
        read_operation(Spanned { value: name, at }, &Table::default(), at, faults)
    } else if let Some(table) = value.as_table() {
        if table.get("op").is_none() && holds_rules(table) {
            push_without_quotes(entry, table, faults);
            return None;
        }
        let mut section = Section::new("the rule", table, at);
        let name = section.required_text("op", "begin it with `{ op = \"…\"`", faults);
        name.map_or((None, None), |name| read_operation(name, table, at, faults))
    } else {
        let help = "write an operation, such as `\"keep\"` or `{ op = \"hmac\" }`";
        faults.push(at, format!("a rule is {}", value.kind()), "", help);
        (None, None)
    };
    let path = Spanned { value: entry.key.clone(), at: entry.key_at };
    Some(FieldRule { path, op, on_error: on_error.unwrap_or(OnError::Remove), at })
}

/// Whether a table has no parameters but rules: what TOML makes of a path without quotes.
fn holds_rules(table: &Table) -> bool {
    let is_op = |name: &str| OPS.contains(&name) || LATER_OPS.contains(&name);
    let is_rule = |entry: &Entry| {
        entry.item.value.as_table().is_some() || entry.item.value.as_text().is_some_and(is_op)
    };
    table.entries.iter().any(is_rule)
}

fn push_without_quotes(entry: &Entry, table: &Table, faults: &mut Faults<'_>) {
    let mut path = entry.key.clone();
    let mut rest = table;
    while let Some(entry) = rest.entries.first() {
        path = format!("{path}.{}", entry.key);
        match entry.item.value.as_table() {
            Some(inner) if inner.get("op").is_none() => rest = inner,
            _ => break,
        }
    }
    let path = shown(&path);
    let what = format!("the path `{path}` stands in no quotes");
    let help = format!("write `\"{path}\"`, in a shell as `--set 'fields.\"{path}\"=…'`");
    faults.push(entry.key_at, what, "TOML reads this as tables", help);
}

type Operation = (Option<OpSpec>, Option<OnError>);

/// An operation by its name, with the parameters in its table.
fn read_operation(
    name: Spanned<&str>,
    table: &Table,
    at: Origin,
    faults: &mut Faults<'_>,
) -> Operation {
    let mut section = Section::new(format!("`{}`", shown(name.value)), table, at);
    section.take("op");
    let op = match name.value {
        "keep" => Some(OpSpec::Keep),
        "drop" => Some(OpSpec::Drop),
        "redact" => Some(read_redact(&mut section, faults)),
        "mask" => Some(read_mask(&mut section, faults)),
        "hmac" => read_hmac(&mut section, faults),
        "date_trunc" => read_date_trunc(&mut section, faults),
        _ => {
            push_unknown_op(name, faults);
            return (None, None);
        }
    };
    let on_error = match op {
        Some(OpSpec::Keep | OpSpec::Drop) => None,
        _ => section.choice(
            "on_error",
            &[("remove", OnError::Remove), ("reject", OnError::Reject)],
            &[],
            faults,
        ),
    };
    section.finish(faults);
    (op, on_error)
}

fn push_unknown_op(name: Spanned<&str>, faults: &mut Faults<'_>) {
    if LATER_OPS.contains(&name.value) {
        let help = format!("this version has {}", listed(OPS));
        faults.push(
            name.at,
            format!("the operation `{}` is not in this version", name.value),
            "",
            help,
        );
    } else {
        let what = format!("unknown operation `{}`", shown(name.value));
        faults.push(name.at, what, "", advice(name.value, &OPS));
    }
}

fn read_redact(section: &mut Section<'_>, faults: &mut Faults<'_>) -> OpSpec {
    let text = section.text("text", faults).map_or(REDACTED, |text| text.value);
    OpSpec::Redact { text: text.to_owned() }
}

fn read_mask(section: &mut Section<'_>, faults: &mut Faults<'_>) -> OpSpec {
    let mut kept = |key| {
        let kept = section.whole(key, 0..=MASK_KEEP_MAX, faults).unwrap_or(0);
        usize::try_from(kept).expect("the range above fits in 32 bits")
    };
    let (keep_first, keep_last) = (kept("keep_first"), kept("keep_last"));
    let hidden = section.text("char", faults).and_then(|text| {
        let mut chars = text.value.chars();
        let only = chars.next().filter(|_| chars.next().is_none());
        if only.is_none() {
            faults.push(text.at, "`char` is not one character", "", "write one, such as `*`");
        }
        only
    });
    let skip = section.text("skip", faults).map_or("", |skip| skip.value).to_owned();
    OpSpec::Mask { keep_first, keep_last, hidden: hidden.unwrap_or(MASK_CHAR), skip }
}

fn read_hmac(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<OpSpec> {
    let join = section.text("join", faults).map(|join| join.value.to_owned());
    let scope = match section.text("scope", faults) {
        Some(scope) => read_scope(scope, faults),
        None => Some(Scope::Person),
    };
    let bits = read_bits(section, faults);
    let encodings = [("hex", Encoding::Hex), ("base64url", Encoding::Base64Url)];
    let encoding = section.choice("encoding", &encodings, &[], faults).unwrap_or(Encoding::Hex);
    take_default_alone(section, "normalize", "none", faults);
    take_default_alone(section, "already", "reject", faults);
    let shape = TokenShape::new(bits?, encoding).expect("the bits were checked");
    Some(OpSpec::Hmac(HmacSpec { join, scope: scope?, shape }))
}

/// A parameter of which this version has the default alone.
fn take_default_alone(
    section: &mut Section<'_>,
    key: &'static str,
    default: &str,
    faults: &mut Faults<'_>,
) {
    let Some(entry) = section.entry(key) else { return };
    if entry.item.value != Value::Text(default.to_owned()) {
        let what = format!("`{key}` other than `{default}` is not in this version");
        faults.push(
            entry.key_at,
            what,
            "",
            format!("leave it out, which is `{key} = \"{default}\"`"),
        );
    }
}

fn read_scope(text: Spanned<&str>, faults: &mut Faults<'_>) -> Option<Scope> {
    let scope = Scope::parse(text.value);
    if scope.is_none() {
        let help = "write `person`, or `relationship:` and a label";
        let what = match text.value {
            "run" => "the scope `run` is not in this version".to_owned(),
            other => format!("`scope` can't be `{}`", shown(other)),
        };
        faults.push(text.at, what, "", help);
    }
    scope
}

fn read_bits(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<u32> {
    let Some(item) = section.take("bits") else { return Some(BITS) };
    let bits = item.value.as_integer().and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.filter(|bits| TokenShape::new(*bits, Encoding::Hex).is_ok());
    if bits.is_none() {
        let help =
            "it is a multiple of 8 from 64 to 256; under 96, tokens of two people may be the same";
        faults.push(item.at, "`bits` is out of its range", "", help);
    }
    bits
}

fn read_date_trunc(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"date_trunc\", unit = \"year\" }`, or quarter, month or day";
    let word = section.required_text("unit", help, faults)?;
    let units = [
        ("year", Unit::Year),
        ("quarter", Unit::Quarter),
        ("month", Unit::Month),
        ("day", Unit::Day),
    ];
    choose("unit", word, &units, &[], faults).map(OpSpec::DateTrunc)
}
