//! One line of advice for each reject code of `record/problem.rs`.

use crate::record::Code;

/// The advice for a reject code, or `None` if the code is unknown.
pub fn advice(code: &str) -> Option<&'static str> {
    Code::ALL.iter().find(|known| known.as_str() == code).map(|known| for_code(*known))
}

fn for_code(code: Code) -> &'static str {
    match code {
        Code::JsonSyntax => "not a valid JSON object; see its place in `rejects.ndjson`",
        Code::CsvSyntax => {
            "count the row's cells; look for an open quote, or a column without a name"
        }
        Code::Utf8 => "save the file as UTF-8, or set `encoding` under `[input]`",
        Code::DuplicateKey => "a name occurs twice in one object; remove one of them",
        Code::TooDeep => "nested deeper than any field; look for an extra bracket",
        Code::TooLongRecord => {
            "look for a missing line end or bracket, or raise `[input] max_record`"
        }
        Code::Type => {
            "use the type in the schema: attributes are lists of text, metrics are numbers"
        }
        Code::Missing => {
            "provide `Address` and `ChannelType`, or `Id`, and let the rules keep them"
        }
        Code::Empty => "give the field a value, or omit it",
        Code::Enum => "use a value that the field allows; `segprep schema endpoint` lists them",
        Code::Pattern => "use the form that `segprep schema endpoint` shows for the field",
        Code::Email => "check the address: it needs one `@`, and a domain with a dot",
        Code::Phone => {
            "use E.164: a `+`, the code of the country and the number, as in +12065550100"
        }
        Code::Country => "use a two-letter code of ISO 3166-1, such as US",
        Code::Locale => "use a language, or a language and country: en, en_US",
        Code::Timezone => "use a name of the tz database, such as America/New_York",
        Code::Date => "use ISO 8601 with a zone, such as 2026-03-01T09:00:00Z",
        Code::Range => "the number is outside what the field allows; were two columns swapped?",
        Code::UnknownField => {
            "not a field of the schema, but it may resemble one; rename or remove it"
        }
        Code::NameLength => "shorten the attribute's name",
        Code::NameChars => "remove the characters that the target forbids in names",
        Code::ValueLength => "shorten the value, or drop the field",
        Code::ValueCount => "the list has more values than the target accepts; keep fewer",
        Code::AttributeCount => "more attributes than the target accepts; drop some by a rule",
        Code::EndpointSize => {
            "the record is larger than the target accepts; drop or shorten fields"
        }
        Code::LineBreak => "remove tabs and line breaks from the value, or write JSON",
        Code::Column => "add the field to the output's `columns`",
        Code::Op => "fix the value, or let the rule remove it instead of rejecting",
        Code::AlreadyToken => {
            "already a token; for cleaned files, set `already = \"keep\"` in the rule"
        }
        Code::UserEndpointLimit => {
            "the user has too many records; `[users] over = \"newest\"` drops the old ones"
        }
        Code::PiiFound => {
            "personal data is kept; use `scrub` in the rule, or drop the field or name"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_advice_that_fits_on_a_line() {
        let mut all: Vec<&str> =
            Code::ALL.iter().filter_map(|code| advice(code.as_str())).collect();
        assert!(all.iter().all(|text| text.len() <= 80 && !text.ends_with('.')));
        assert_eq!(all.len(), Code::ALL.len());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), Code::ALL.len());
        assert_eq!(advice("nonsense"), None);
    }
}
