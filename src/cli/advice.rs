//! What would mend the records that a code rejected, in one line.

use segprep::record::Code;

/// The advice for a code of the manifest; none for a word that is no code.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    Code::ALL.iter().find(|known| known.as_str() == code).map(|known| for_code(*known))
}

fn for_code(code: Code) -> &'static str {
    match code {
        Code::JsonSyntax => "no valid JSON object; look at the place in `rejects.ndjson`",
        Code::CsvSyntax => "count the row's cells, and look for a quote that does not close",
        Code::Utf8 => "save the file as UTF-8",
        Code::DuplicateKey => "one name twice in an object; keep the one that is meant",
        Code::TooDeep => "nested deeper than any field goes; look for a bracket too many",
        Code::TooLongRecord => {
            "look for a missing line end or bracket, or raise `[input] max_record`"
        }
        Code::Type => {
            "give the type of the schema: attributes are lists of text, metrics are numbers"
        }
        Code::Missing => "give `Address` and `ChannelType`, or `Id`, and let the policy keep them",
        Code::Empty => "give the field a value, or leave it out",
        Code::Enum => "use a value that the field allows; `segprep schema endpoint` lists them",
        Code::Pattern => "use the form that `segprep schema endpoint` shows for the field",
        Code::Email => "check the address: one `@`, and a domain with a dot",
        Code::Phone => "write numbers in E.164, such as +12065550100",
        Code::Country => "use two letters of ISO 3166-1, such as US",
        Code::Locale => "use a language, or language and country: en, en_US",
        Code::Timezone => "use a name of the tz database, such as America/New_York",
        Code::Date => "use ISO 8601 with a zone, such as 2026-03-01T09:00:00Z",
        Code::Range => "the number is outside what the field allows; were two columns swapped?",
        Code::UnknownField => {
            "no field of the schema, though it may look like one; rename it or take it out"
        }
        Code::NameLength => "shorten the attribute's name",
        Code::NameChars => "take the characters that the target forbids out of the name",
        Code::ValueLength => "shorten the value, or drop the field",
        Code::ValueCount => "the list holds more values than the target takes; keep fewer",
        Code::AttributeCount => "more attributes than the target takes; drop some by a rule",
        Code::EndpointSize => "the record is larger than the target takes; drop or shorten fields",
        Code::LineBreak => "take tabs and line breaks out of the value, or write JSON",
        Code::Column => "name the field among the output's `columns`",
        Code::Op => "mend the value, or let the rule remove it instead of rejecting",
        Code::AlreadyToken => {
            "a token already; for cleaned files set `already = \"keep\"` in the rule"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_advice_of_its_own_that_fits_a_line() {
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
