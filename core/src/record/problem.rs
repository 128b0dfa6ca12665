//! Problems of records: a field, a code and a detail. They are safe to log, since they never
//! contain a value. `report/advice.rs` says what to do about each code.

use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::NameId;

/// The part of a record that has a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The record as a whole.
    Record,
    /// A node of the schema.
    Node(u8),
    /// A name in an object or a map; the name has its scope.
    Named(NameId),
}

/// One fault of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub field: Field,
    pub code: Code,
    /// The check that found it, as an index into the names of rules; 0 for none.
    pub rule: u16,
    pub detail: Detail,
}

/// Settings that would fix a problem by its detail or its value, without being tried on the record as
/// repairs are.
pub mod setting {
    pub const DATES_ZONE: &str = "repair.dates.zone";
    pub const DECIMAL: &str = "input.decimal";
    pub const IGNORE: &str = "input.ignore";
    pub const NAMES: &str = "repair.names";
    pub const PHONE_REGION: &str = "repair.phone.region or repair.phone.region_from";
    pub const RAGGED: &str = "input.ragged";

    pub const ALL: [&str; 6] = [DATES_ZONE, DECIMAL, IGNORE, NAMES, PHONE_REGION, RAGGED];
}

/// A problem in words, as `rejects.ndjson` lists it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DescribedProblem {
    /// The field's path, as it may be shown; empty for the record as a whole.
    pub field: String,
    /// The whole path, if it may be shown once enough records have the name, and the number of the
    /// block's records up to this one that have it.
    #[serde(skip)]
    pub whole: Option<(String, u32)>,
    /// One of [`Code`].
    pub code: &'static str,
    /// The check that found it.
    pub rule: String,
    /// One of [`Detail`]; empty for none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: &'static str,
    /// The settings of the repairs that would fix it, or fix it together; empty for none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub repair: Cow<'static, str>,
}

impl fmt::Debug for DescribedProblem {
    /// Shows only what may be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DescribedProblem { field, whole: _, code, rule, detail, repair } = self;
        f.debug_struct("DescribedProblem")
            .field("field", field)
            .field("code", code)
            .field("rule", rule)
            .field("detail", detail)
            .field("repair", repair)
            .finish()
    }
}

/// An enum of which each variant has a text, and a list of all variants.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $variant,)* }

        impl $name {
            /// All variants, in the order of the documentation.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The text used in accounts and messages.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

text_enum! {
    /// What is wrong: the code of a reject.
    Code {
        JsonSyntax = "json_syntax",
        CsvSyntax = "csv_syntax",
        Utf8 = "utf8",
        DuplicateKey = "duplicate_key",
        TooDeep = "too_deep",
        TooLongRecord = "too_long_record",
        Type = "type",
        Missing = "missing",
        Empty = "empty",
        Enum = "enum",
        Pattern = "pattern",
        Email = "email",
        Phone = "phone",
        Country = "country",
        Locale = "locale",
        Timezone = "timezone",
        Date = "date",
        Range = "range",
        UnknownField = "unknown_field",
        NameLength = "name_length",
        NameChars = "name_chars",
        ValueLength = "value_length",
        ValueCount = "value_count",
        AttributeCount = "attribute_count",
        EndpointSize = "endpoint_size",
        LineBreak = "line_break",
        Column = "column",
        Op = "op",
        AlreadyToken = "already_token",
        PiiFound = "pii_found",
        UserEndpointLimit = "user_endpoint_limit",
    }
}

text_enum! {
    /// More about a problem, from a closed list, so that no detail contains a value.
    Detail {
        None = "",
        FoundText = "found_text",
        FoundNumber = "found_number",
        FoundBoolean = "found_boolean",
        FoundObject = "found_object",
        FoundArray = "found_array",
        FoundNull = "found_null",
        NotANumber = "not_a_number",
        TooFewCells = "too_few_cells",
        TooManyCells = "too_many_cells",
        /// More cells than the header has, of which those after the last column are empty.
        TooManyEmptyCells = "too_many_empty_cells",
        UnnamedColumn = "unnamed_column",
        QuoteNotClosed = "quote_not_closed",
        TextAfterQuote = "text_after_quote",
        /// A CR outside of quotes that is not part of a line end.
        ReturnInLine = "return_in_line",
        NoValue = "no_value",
        TextBetweenObjects = "text_between_objects",
        TextAfterArray = "text_after_array",
        ArrayNotClosed = "array_not_closed",
        BesideConstant = "beside_constant",
        Renamed = "renamed",
        LocalTime = "local_time",
        LoneSurrogate = "lone_surrogate",
        InvalidBytes = "invalid_bytes",
        LooksLikeAField = "looks_like_a_field",
        NoAt = "no_at",
        Dots = "dots",
        Domain = "domain",
        LastLabel = "last_label",
        Punycode = "punycode",
        Character = "character",
        OtherCountry = "other_country",
        TooShort = "too_short",
        TooLong = "too_long",
        BeforePolicy = "before_policy",
        AfterPolicy = "after_policy",
        /// A CSV row has no address for any `[[input.endpoint]]`.
        NoEndpoint = "no_endpoint",
        UnknownKey = "unknown_key",
        // The detectors that judge a value by itself.
        EmailAddress = "email",
        PhoneNumber = "phone",
        CardNumber = "card",
        Iban = "iban",
        IpAddress = "ip",
        MacAddress = "mac",
        UsSsn = "us_ssn",
        Coordinates = "coordinates",
        CredentialUrl = "credential_url",
        PushToken = "push_token",
        Secret = "secret",
    }
}
