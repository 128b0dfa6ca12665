//! The operations as a definition has them, with their parameters and before they have a key.

use std::fmt;

use super::document::source::{Origin, Spanned};
use crate::transform::{
    Already, Bucket, Decimal, Encoding, Normalize, Other, RoundingStep, Scope, TokenShape, Unit,
};

/// The operations, by the order of the documentation.
pub(crate) const OPS: [&str; 11] = [
    "keep",
    "drop",
    "redact",
    "mask",
    "hmac",
    "date_trunc",
    "date_shift",
    "round",
    "bucket",
    "geo",
    "map",
];
pub(crate) const LATER_OPS: [&str; 3] = ["encrypt", "scrub", "hash_profile"];

/// An operation with its parameters, before it has a key.
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
}

/// The parameters of `hmac`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacSpec {
    /// None for the path of each field that the rule governs.
    pub join: Option<String>,
    pub scope: Scope,
    pub shape: TokenShape,
    pub normalize: Normalize,
    pub already: Already,
}

impl HmacSpec {
    /// Whether the same value has the same token by both, under one join.
    pub fn makes_the_tokens_of(&self, other: &HmacSpec) -> bool {
        let HmacSpec { join: _, scope, shape, normalize, already: _ } = self;
        (scope, shape, normalize) == (&other.scope, &other.shape, &other.normalize)
    }
}

/// The parameters of `date_shift`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftSpec {
    /// The most days that a date moves.
    pub days: u32,
    /// The field that says whose a record is.
    pub by: Spanned<String>,
    /// None for the path of that field.
    pub join: Option<String>,
}

impl ShiftSpec {
    /// The join, also where none is written.
    pub fn join(&self) -> &str {
        self.join.as_ref().unwrap_or(&self.by.value)
    }
}

/// The parameters of `map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// In the order of the text.
    pub table: Vec<(String, Spanned<String>)>,
    pub other: Other,
    /// Where `other` stands, or the operation.
    pub other_at: Origin,
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
            OpSpec::DateShift(_) => "date_shift",
            OpSpec::Round(_) => "round",
            OpSpec::Bucket { .. } => "bucket",
            OpSpec::Geo { .. } => "geo",
            OpSpec::Map(_) => "map",
        }
    }

    /// The parameters of `hmac`, where it is one.
    pub fn as_hmac(&self) -> Option<&HmacSpec> {
        if let OpSpec::Hmac(spec) = self { Some(spec) } else { None }
    }

    /// The parameters of `date_shift`, where it is one.
    pub fn as_shift(&self) -> Option<&ShiftSpec> {
        if let OpSpec::DateShift(spec) = self { Some(spec) } else { None }
    }

    /// Whether what it gives depends on the key.
    pub fn needs_key(&self) -> bool {
        matches!(self, OpSpec::Hmac(_) | OpSpec::DateShift(_))
    }

    /// Whether two values may become one, so that what was there is not in what is written.
    pub fn is_lossy(&self) -> bool {
        match self {
            OpSpec::Keep | OpSpec::Hmac(_) | OpSpec::DateShift(_) => false,
            OpSpec::Drop
            | OpSpec::Redact { .. }
            | OpSpec::Mask { .. }
            | OpSpec::DateTrunc(_)
            | OpSpec::Round(_)
            | OpSpec::Bucket { .. }
            | OpSpec::Geo { .. }
            | OpSpec::Map(_) => true,
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
            OpSpec::DateShift(spec) => write!(f, "date_shift ({spec})"),
            OpSpec::Round(step) => write!(f, "round (to multiples of {})", step.text()),
            OpSpec::Bucket { edges } => {
                let labels = Bucket::new(edges.clone()).map(|bucket| bucket.labels().join(", "));
                write!(f, "bucket (to {})", labels.unwrap_or_default())
            }
            OpSpec::Geo { decimals: 1 } => f.write_str("geo (to 1 decimal)"),
            OpSpec::Geo { decimals } => write!(f, "geo (to {decimals} decimals)"),
            OpSpec::Map(spec) => write!(f, "map ({spec})"),
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

impl fmt::Display for ShiftSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = if self.days == 1 { "day" } else { "days" };
        write!(f, "by up to {} {days} for each {}", self.days, self.by.value)?;
        match &self.join {
            Some(join) => write!(f, ", join {join:?}"),
            None => Ok(()),
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

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Year => "year",
        Unit::Quarter => "quarter",
        Unit::Month => "month",
        Unit::Day => "day",
    }
}
