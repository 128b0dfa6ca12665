//! The kinds of repair, and sets of them.

use std::{borrow::Cow, fmt};

/// A repair: one setting of `[repair]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepairKind {
    /// Made when names are read: a decoder does it, and not this stage.
    Names,
    Scalars,
    Trim,
    Spreadsheet,
    Lists,
    Channel,
    OptOut,
    Country,
    Locale,
    Timezone,
    Dates,
    Email,
    Phone,
}

impl RepairKind {
    /// All repairs, in the order in which they are applied: a repair that needs the result of
    /// another comes after it.
    pub const ALL: [RepairKind; 13] = [
        RepairKind::Names,
        RepairKind::Scalars,
        RepairKind::Trim,
        RepairKind::Spreadsheet,
        RepairKind::Lists,
        RepairKind::Channel,
        RepairKind::OptOut,
        RepairKind::Country,
        RepairKind::Locale,
        RepairKind::Timezone,
        RepairKind::Dates,
        RepairKind::Email,
        RepairKind::Phone,
    ];

    /// The setting's name in `[repair]`: `trim`.
    pub fn name(self) -> &'static str {
        self.setting().split_at("repair.".len()).1
    }

    /// The setting's full name, as in rejects and summaries: `repair.trim`.
    pub fn setting(self) -> &'static str {
        match self {
            RepairKind::Names => "repair.names",
            RepairKind::Scalars => "repair.scalars",
            RepairKind::Trim => "repair.trim",
            RepairKind::Spreadsheet => "repair.spreadsheet",
            RepairKind::Lists => "repair.lists",
            RepairKind::Channel => "repair.channel",
            RepairKind::OptOut => "repair.optout",
            RepairKind::Country => "repair.country",
            RepairKind::Locale => "repair.locale",
            RepairKind::Timezone => "repair.timezone",
            RepairKind::Dates => "repair.dates",
            RepairKind::Email => "repair.email",
            RepairKind::Phone => "repair.phone",
        }
    }

    fn bit(self) -> u16 {
        #[expect(clippy::as_conversions, reason = "the number of a variant, under 16")]
        let number = self as u16;
        1 << number
    }
}

/// A set of repairs.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepairSet(u16);

impl RepairSet {
    pub fn has(self, kind: RepairKind) -> bool {
        self.0 & kind.bit() != 0
    }

    #[must_use]
    pub fn with(self, kind: RepairKind) -> RepairSet {
        RepairSet(self.0 | kind.bit())
    }

    /// The settings' full names, as in rejects: `repair.country, repair.phone`.
    pub fn settings(self) -> Cow<'static, str> {
        let settings: Vec<&str> = self.iter().map(RepairKind::setting).collect();
        match self.iter().next() {
            Some(kind) if settings.len() == 1 => Cow::Borrowed(kind.setting()),
            Some(_) | None => Cow::Owned(settings.join(", ")),
        }
    }

    /// The set without a repair.
    #[must_use]
    pub fn without(self, kind: RepairKind) -> RepairSet {
        RepairSet(self.0 & !kind.bit())
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The repairs in the order of [`RepairKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = RepairKind> {
        RepairKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<RepairKind> for RepairSet {
    fn from_iter<I: IntoIterator<Item = RepairKind>>(kinds: I) -> RepairSet {
        kinds.into_iter().fold(RepairSet::default(), RepairSet::with)
    }
}

/// The settings' full names: `repair.trim + repair.country`.
impl fmt::Display for RepairSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<&str> = self.iter().map(RepairKind::setting).collect();
        f.write_str(&settings.join(" + "))
    }
}

impl fmt::Debug for RepairSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
