//! The repairs there are, and sets of them.

use std::fmt;

/// A repair, as a setting of `[repair]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Trim,
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

impl Kind {
    /// All of them, in the order in which they are made: what one needs of another comes later.
    pub const ALL: [Kind; 10] = [
        Kind::Trim,
        Kind::Lists,
        Kind::Channel,
        Kind::OptOut,
        Kind::Country,
        Kind::Locale,
        Kind::Timezone,
        Kind::Dates,
        Kind::Email,
        Kind::Phone,
    ];

    /// The key in `[repair]`.
    pub fn name(self) -> &'static str {
        self.setting().split_at("repair.".len()).1
    }

    /// The setting as rejects and summaries name it.
    pub fn setting(self) -> &'static str {
        match self {
            Kind::Trim => "repair.trim",
            Kind::Lists => "repair.lists",
            Kind::Channel => "repair.channel",
            Kind::OptOut => "repair.optout",
            Kind::Country => "repair.country",
            Kind::Locale => "repair.locale",
            Kind::Timezone => "repair.timezone",
            Kind::Dates => "repair.dates",
            Kind::Email => "repair.email",
            Kind::Phone => "repair.phone",
        }
    }

    fn bit(self) -> u16 {
        let place = Kind::ALL.iter().take_while(|kind| **kind != self).count();
        1 << place
    }
}

/// Some repairs.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kinds(u16);

impl Kinds {
    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    #[must_use]
    pub fn with(self, kind: Kind) -> Kinds {
        Kinds(self.0 | kind.bit())
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Kinds {
        kinds.into_iter().fold(Kinds::default(), Kinds::with)
    }
}

/// The settings: `repair.trim + repair.country`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<&str> = self.iter().map(Kind::setting).collect();
        f.write_str(&settings.join(" + "))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
