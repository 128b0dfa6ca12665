//! The operations of `[fields]`: what is known of each, and each with its parameters.
//!
//! [`OpKind::descriptor`] is the one table of operations. Whatever depends on the operation alone
//! is a column of it: its name, its parameters, the values it fits, whether it needs a key. An
//! [`OpSpec`] is an operation as a rule has it, with parameters and without key material.

use std::fmt;

use super::document::{Origin, Spanned};
use crate::detect::{Detectors, Finder, Likelihood};
use crate::schema::{Role, Schema};
use crate::transform::{
    Already, Bucket, Decimal, Normalize, Other, RoundingStep, Scope, TokenShape, Unit,
};

/// Operations that a later version will have.
pub(super) const LATER_OPS: [&str; 2] = ["encrypt", "hash_profile"];

/// An operation without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    Keep,
    Drop,
    Redact,
    Mask,
    Hmac,
    DateTrunc,
    DateShift,
    Round,
    Bucket,
    Geo,
    Map,
    Scrub,
}

/// The kinds of value that differ in which operations fit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One text per record.
    Text,
    /// Lists of texts by name, which may be dates or numbers: attributes.
    Texts,
    /// An instant.
    Date,
    /// A code that other systems interpret, such as a country or a locale.
    Code,
    /// Numbers by name: metrics.
    Metric,
    /// Latitude or longitude.
    Coordinate,
}

/// A line of the table of operations.
struct Descriptor {
    /// The value of `op`.
    name: &'static str,
    /// The kinds of value that it can be applied to.
    fits: &'static [ValueKind],
    /// Whether it makes a new value of a value. That may fail, so the rule may have `on_error`.
    makes_values: bool,
    /// Whether its results depend on the current key; for `scrub`, [`OpSpec::needs_key`] knows.
    needs_key: bool,
    /// Whether it may make the same value of two values.
    is_lossy: bool,
    /// The settings beside `op` and `on_error`, in the order of the documentation.
    parameters: &'static [&'static str],
}

const ANY: &[ValueKind] = &[
    ValueKind::Text,
    ValueKind::Texts,
    ValueKind::Date,
    ValueKind::Code,
    ValueKind::Metric,
    ValueKind::Coordinate,
];
const TEXT: &[ValueKind] = &[ValueKind::Text, ValueKind::Texts];
const NUMBER: &[ValueKind] = &[ValueKind::Text, ValueKind::Texts, ValueKind::Metric];
const DATE: &[ValueKind] = &[ValueKind::Texts, ValueKind::Date];
const WORD: &[ValueKind] = &[ValueKind::Text, ValueKind::Texts, ValueKind::Code];
const PLACE: &[ValueKind] = &[ValueKind::Coordinate];

impl OpKind {
    /// All operations, in the order of the documentation.
    pub const ALL: [OpKind; 12] = [
        OpKind::Keep,
        OpKind::Drop,
        OpKind::Redact,
        OpKind::Mask,
        OpKind::Hmac,
        OpKind::DateTrunc,
        OpKind::DateShift,
        OpKind::Round,
        OpKind::Bucket,
        OpKind::Geo,
        OpKind::Map,
        OpKind::Scrub,
    ];

    /// The table of operations.
    #[rustfmt::skip] // One line per operation.
    const fn descriptor(self) -> Descriptor {
        match self {
            OpKind::Keep      => Descriptor { name: "keep",       fits: ANY,    makes_values: false, needs_key: false, is_lossy: false, parameters: &[] },
            OpKind::Drop      => Descriptor { name: "drop",       fits: ANY,    makes_values: false, needs_key: false, is_lossy: false, parameters: &[] },
            OpKind::Redact    => Descriptor { name: "redact",     fits: TEXT,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["text"] },
            OpKind::Mask      => Descriptor { name: "mask",       fits: TEXT,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["keep_first", "keep_last", "char", "skip"] },
            OpKind::Hmac      => Descriptor { name: "hmac",       fits: TEXT,   makes_values: true,  needs_key: true,  is_lossy: false, parameters: &["join", "scope", "bits", "encoding", "normalize", "already"] },
            OpKind::DateTrunc => Descriptor { name: "date_trunc", fits: DATE,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["unit"] },
            OpKind::DateShift => Descriptor { name: "date_shift", fits: DATE,   makes_values: true,  needs_key: true,  is_lossy: false, parameters: &["days", "by", "join"] },
            OpKind::Round     => Descriptor { name: "round",      fits: NUMBER, makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["step", "decimals"] },
            OpKind::Bucket    => Descriptor { name: "bucket",     fits: TEXT,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["edges"] },
            OpKind::Geo       => Descriptor { name: "geo",        fits: PLACE,  makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["decimals"] },
            OpKind::Map       => Descriptor { name: "map",        fits: WORD,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["table", "other"] },
            OpKind::Scrub     => Descriptor { name: "scrub",      fits: TEXT,   makes_values: true,  needs_key: false, is_lossy: true,  parameters: &["detectors", "with", "text", "keep_first", "keep_last", "char", "skip", "join", "scope", "bits", "encoding", "normalize", "already"] },
        }
    }

    /// The operation of that name.
    pub fn parse(name: &str) -> Option<OpKind> {
        OpKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The value of `op` in definitions, and the name in manifests.
    pub fn name(self) -> &'static str {
        self.descriptor().name
    }

    /// The settings of the operation beside `op` and `on_error`.
    pub fn parameters(self) -> &'static [&'static str] {
        self.descriptor().parameters
    }

    /// Whether the operation can be applied to such values.
    pub fn fits(self, values: ValueKind) -> bool {
        self.descriptor().fits.contains(&values)
    }

    /// Whether the operation makes a new value of a value. That may fail, so the rule may have
    /// `on_error`.
    pub fn makes_values(self) -> bool {
        self.descriptor().makes_values
    }

    /// Whether the operation may make the same value of two values.
    pub fn is_lossy(self) -> bool {
        self.descriptor().is_lossy
    }
}

/// An operation with its parameters, without key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpSpec {
    Keep,
    Drop,
    Redact { text: String },
    Mask { keep_first: usize, keep_last: usize, hidden: char, skip: String },
    Hmac(HmacSpec),
    DateTrunc(Unit),
    DateShift(ShiftSpec),
    Round(RoundingStep),
    Bucket { edges: Vec<Decimal> },
    Geo { decimals: u32 },
    Map(MapSpec),
    Scrub(ScrubSpec),
}

/// The parameters of `scrub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubSpec {
    /// The detectors, as bits by their index.
    pub detectors: u32,
    /// Whether these are all that judge a value by itself, since the rule names none.
    pub by_default: bool,
    /// What replaces a place: `redact`, `mask` or `hmac` with their parameters.
    pub with: Box<OpSpec>,
}

/// The parameters of `hmac`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacSpec {
    /// `None`: use the path of each field that the rule governs.
    pub join: Option<String>,
    pub scope: Scope,
    pub shape: TokenShape,
    pub normalize: Normalize,
    pub already: Already,
}

impl HmacSpec {
    /// Whether both give a value the same token under the same join and key.
    pub fn makes_the_tokens_of(&self, other: &HmacSpec) -> bool {
        let HmacSpec { join: _, scope, shape, normalize, already: _ } = self;
        (scope, shape, normalize) == (&other.scope, &other.shape, &other.normalize)
    }
}

/// The parameters of `date_shift`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftSpec {
    /// The most days by which a date moves, in either direction.
    pub days: u32,
    /// The path of the field that identifies the person: dates with the same value in it move
    /// by the same number of days. `None`: the field with the role `user-id`.
    pub by: Option<Spanned<String>>,
    /// `None`: use the path of `by`.
    pub join: Option<String>,
}

impl ShiftSpec {
    /// The path of the field that identifies the person.
    pub fn by<'a>(&'a self, schema: &'a Schema) -> &'a str {
        self.by.as_ref().map_or_else(|| schema.role_path(Role::UserId), |by| by.value.as_str())
    }

    /// The join, or its default: the path of `by`.
    pub fn join<'a>(&'a self, schema: &'a Schema) -> &'a str {
        self.join.as_deref().unwrap_or_else(|| self.by(schema))
    }

    fn describe(&self, schema: &Schema) -> String {
        let ShiftSpec { days, join, .. } = self;
        let unit = if *days == 1 { "day" } else { "days" };
        let join = join.as_ref().map(|join| format!(", join {join:?}")).unwrap_or_default();
        format!("by up to {days} {unit} for each {}{join}", self.by(schema))
    }
}

/// The parameters of `map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// Values and their replacements, in the order of the definition.
    pub table: Vec<(String, Spanned<String>)>,
    /// What happens to values that are not in the table.
    pub other: Other,
    /// The location of `other`, or of the operation if `other` is not set.
    pub other_at: Origin,
}

impl ScrubSpec {
    /// The names of the detectors, in their order.
    pub fn names(&self) -> Vec<&'static str> {
        let numbered = Detectors::shared().all().iter().enumerate();
        let named = numbered.filter(|(index, _)| self.detectors & (1 << index) != 0);
        named.map(|(_, detector)| detector.name.as_str()).collect()
    }

    /// What finds the places that are replaced.
    pub fn finder(&self) -> Finder {
        Finder::new(self.detectors, Likelihood::Possible)
    }
}

impl OpSpec {
    /// The operation without its parameters.
    pub fn kind(&self) -> OpKind {
        match self {
            OpSpec::Keep => OpKind::Keep,
            OpSpec::Drop => OpKind::Drop,
            OpSpec::Redact { .. } => OpKind::Redact,
            OpSpec::Mask { .. } => OpKind::Mask,
            OpSpec::Hmac(_) => OpKind::Hmac,
            OpSpec::DateTrunc(_) => OpKind::DateTrunc,
            OpSpec::DateShift(_) => OpKind::DateShift,
            OpSpec::Round(_) => OpKind::Round,
            OpSpec::Bucket { .. } => OpKind::Bucket,
            OpSpec::Geo { .. } => OpKind::Geo,
            OpSpec::Map(_) => OpKind::Map,
            OpSpec::Scrub(_) => OpKind::Scrub,
        }
    }

    /// Whether results depend on the current key.
    pub fn needs_key(&self) -> bool {
        let one = if let OpSpec::Scrub(spec) = self { &spec.with } else { self };
        one.kind().descriptor().needs_key
    }

    /// The value of `op` in definitions, and the name in manifests.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Describes the operation and its parameters as `segprep check` shows them:
    /// `hmac (join "user", 256 bits, hex)`.
    pub fn describe(&self, schema: &Schema) -> String {
        Description { op: self, schema }.to_string()
    }

    /// Whether a value may be written as it came in, or with all that matters of it.
    pub fn may_reveal(&self) -> bool {
        match self {
            OpSpec::Keep | OpSpec::Round(_) | OpSpec::Scrub(_) => true,
            OpSpec::Mask { skip, .. } => !skip.is_empty(),
            OpSpec::Map(spec) => {
                spec.other == Other::Keep || spec.table.iter().any(|(from, to)| *from == to.value)
            }
            OpSpec::Drop
            | OpSpec::Redact { .. }
            | OpSpec::Hmac(_)
            | OpSpec::DateTrunc(_)
            | OpSpec::DateShift(_)
            | OpSpec::Bucket { .. }
            | OpSpec::Geo { .. } => false,
        }
    }

    /// The settings of the tokens that the operation makes: `hmac`, or `scrub` with it.
    pub fn token_settings(&self) -> Option<&HmacSpec> {
        if let OpSpec::Scrub(spec) = self { spec.with.as_hmac() } else { self.as_hmac() }
    }

    /// The parameters of `hmac`, which makes a token of every value; `None` for other operations.
    pub fn as_hmac(&self) -> Option<&HmacSpec> {
        if let OpSpec::Hmac(spec) = self { Some(spec) } else { None }
    }

    /// The parameters of `date_shift`; `None` for other operations.
    pub fn as_shift(&self) -> Option<&ShiftSpec> {
        if let OpSpec::DateShift(spec) = self { Some(spec) } else { None }
    }
}

/// What [`OpSpec::describe`] returns.
struct Description<'a> {
    op: &'a OpSpec,
    schema: &'a Schema,
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            OpSpec::Keep | OpSpec::Drop => f.write_str(self.op.name()),
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
            OpSpec::DateShift(spec) => write!(f, "date_shift ({})", spec.describe(self.schema)),
            OpSpec::Round(step) => write!(f, "round (to multiples of {})", step.text()),
            OpSpec::Bucket { edges } => {
                let labels = Bucket::new(edges.clone()).map(|bucket| bucket.labels().join(", "));
                write!(f, "bucket (to {})", labels.unwrap_or_default())
            }
            OpSpec::Geo { decimals: 1 } => f.write_str("geo (to 1 decimal)"),
            OpSpec::Geo { decimals } => write!(f, "geo (to {decimals} decimals)"),
            OpSpec::Map(spec) => write!(f, "map ({spec})"),
            OpSpec::Scrub(spec) => {
                let what = if spec.by_default {
                    "what detectors find".to_owned()
                } else {
                    spec.names().join(", ")
                };
                write!(f, "scrub ({what}: {})", spec.with.describe(self.schema))
            }
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
        let encoding = self.shape.encoding().name();
        write!(f, "{} bits, {encoding}", self.shape.bits())?;
        if self.normalize != Normalize::None {
            write!(f, ", of {}", self.normalize.name())?;
        }
        match self.already {
            Already::Reject => Ok(()),
            Already::Keep => f.write_str(", keeps tokens"),
            Already::Hash => f.write_str(", hashes tokens again"),
        }
    }
}

impl fmt::Display for MapSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = if self.table.len() == 1 { "value" } else { "values" };
        write!(f, "{} {values}, others ", self.table.len())?;
        match &self.other {
            Other::Drop => f.write_str("dropped"),
            Other::Keep => f.write_str("kept"),
            Other::Text(text) => write!(f, "to {text:?}"),
        }
    }
}

/// The value of `unit`.
pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Year => "year",
        Unit::Quarter => "quarter",
        Unit::Month => "month",
        Unit::Day => "day",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The forms of a rule in the schema for editors, alternatives of one operation apart.
    fn forms() -> Vec<Value> {
        let schema = include_str!("../../schemas/pipeline.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("it is JSON");
        let rule = &schema["properties"]["fields"]["additionalProperties"];
        let forms = rule["oneOf"].as_array().expect("a list of forms").clone();
        let alternatives = |form: Value| form["oneOf"].as_array().cloned().unwrap_or(vec![form]);
        forms.into_iter().flat_map(alternatives).collect()
    }

    #[test]
    fn the_schema_for_editors_has_these_operations() {
        let forms = forms();
        let named: BTreeSet<&str> =
            forms.iter().filter_map(|form| form["properties"]["op"]["const"].as_str()).collect();
        assert_eq!(named, OpKind::ALL.map(OpKind::name).into_iter().collect());
    }

    #[test]
    fn the_schema_for_editors_has_these_parameters() {
        let forms = forms();
        for kind in OpKind::ALL {
            let of_kind =
                forms.iter().filter(|form| form["properties"]["op"]["const"] == kind.name());
            let listed: BTreeSet<&str> = of_kind
                .filter_map(|form| form["properties"].as_object())
                .flat_map(|properties| properties.keys().map(String::as_str))
                .collect();
            let on_error = kind.makes_values().then_some("on_error");
            let keys = ["op"].into_iter().chain(on_error).chain(kind.parameters().iter().copied());
            assert_eq!(listed, keys.collect(), "{}", kind.name());
        }
    }
}
