//! The endpoint schema as one document for other programs: with the user schema inlined, and with a
//! target's limits and the formats as keywords of JSON Schema 2020-12.
//!
//! This document accepts the same records as segprep does when it writes them, except for what JSON
//! Schema cannot express: lengths in bytes, the number of names in all maps together, and the size
//! of a record. Those are `x-segprep-…` keywords, next to the closest limit that JSON Schema has.

use serde_json::{Map, Value, json};

use super::country;
use super::format::Format;
use super::parse::{Files, USER_FILE};
use super::tables;
use super::target::{FieldLimit, FormatLimits, Limits, Target};
use super::value::SchemaError;

/// Merges the files into one document.
///
/// # Errors
///
/// If the files do not compile.
pub fn merged(files: &Files<'_>) -> Result<Value, SchemaError> {
    super::Schema::compile(files)?;
    let target = files.read_target()?;
    let mut schema = files.read_endpoint()?;
    inline(&mut schema, &user_object(files.read_user()?));
    refine(&mut schema, &target);
    let rules = target.limits.fields.iter().map(field_rule);
    let mut whole = object(json!({
        "x-segprep-target": target.name,
        "x-segprep-attribute-count": target.limits.attribute_count,
        "x-segprep-endpoint-size": target.limits.endpoint_size,
    }));
    if let Value::Object(schema) = &mut schema {
        schema.append(&mut whole);
        if let Value::Array(all) = schema.entry("allOf").or_insert_with(|| json!([])) {
            all.extend(rules);
        }
    }
    Ok(schema)
}

/// The user schema in a form that can be inlined.
fn user_object(mut user: Value) -> Value {
    if let Value::Object(user) = &mut user {
        user.shift_remove("$schema");
    }
    user
}

/// Replaces references to the user schema.
fn inline(value: &mut Value, user: &Value) {
    if value.get("$ref").is_some_and(|name| name == USER_FILE) {
        value.clone_from(user);
    } else {
        for child in children(value) {
            inline(child, user);
        }
    }
}

/// Adds keywords for formats and for the target's limits, in a schema and all schemas within.
fn refine(value: &mut Value, target: &Target) {
    for child in children(value) {
        refine(child, target);
    }
    let Value::Object(schema) = value else { return };
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(format) = Format::ALL.iter().find(|known| Some(known.name()) == format) {
        schema.append(&mut format_keywords(*format, &target.formats));
    }
    if schema.get("x-segprep-not-empty") == Some(&Value::Bool(true)) {
        schema.insert("minLength".to_owned(), json!(1));
    }
    if let Some(Value::Object(entry)) = schema.get_mut("additionalProperties") {
        bound_values(entry, &target.limits);
        schema.append(&mut map_keywords(&target.limits));
    }
}

fn children(value: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match value {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Box::new(std::iter::empty())
        }
    }
}

fn map_keywords(limits: &Limits) -> Map<String, Value> {
    object(json!({
        "maxProperties": limits.attribute_count,
        "propertyNames": {
            "minLength": 1,
            "maxLength": limits.name_length,
            "pattern": none_of(&limits.name_chars),
        },
    }))
}

/// The pattern of texts that have none of these characters.
fn none_of(chars: &str) -> String {
    let mut pattern = String::from("^[^");
    for c in chars.chars() {
        if matches!(c, '\\' | ']' | '[' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "]*$"
}

fn bound_values(entry: &mut Map<String, Value>, limits: &Limits) {
    if let Some(Value::Object(item)) = entry.get_mut("items") {
        item.insert("maxLength".to_owned(), json!(limits.value_length));
        entry.insert("maxItems".to_owned(), json!(limits.value_count));
    }
}

/// A limit in bytes, and the limit in code points that follows from it.
fn field_rule(limit: &FieldLimit) -> Value {
    let bound = json!({ "maxLength": limit.max_bytes, "x-segprep-max-bytes": limit.max_bytes });
    let then = at_path(&limit.path, bound);
    match &limit.when {
        None => then,
        Some((on, values)) => json!({
            "if": required_at_path(on, json!({ "enum": values })),
            "then": then,
        }),
    }
}

fn at_path(path: &str, schema: Value) -> Value {
    path.rsplit('.').fold(schema, |below, name| json!({ "properties": { name: below } }))
}

fn required_at_path(path: &str, schema: Value) -> Value {
    path.rsplit('.')
        .fold(schema, |below, name| json!({ "properties": { name: below }, "required": [name] }))
}

/// A format as keywords, for validators that do not know it.
///
/// The patterns mean the same in ECMA 262 and in the `regex` crate.
fn format_keywords(format: Format, limits: &FormatLimits) -> Map<String, Value> {
    match format {
        Format::Phone => object(json!({ "pattern": r"^\+[1-9][0-9]{6,14}$" })),
        Format::Country => object(json!({ "enum": country::codes().collect::<Vec<_>>() })),
        Format::Date => object(json!({ "pattern": instant_pattern() })),
        Format::Email => email_keywords(limits),
        Format::Locale => object(json!({ "pattern": locale_pattern() })),
        Format::Timezone => object(json!({ "enum": tables::timezones().collect::<Vec<_>>() })),
    }
}

fn email_keywords(limits: &FormatLimits) -> Map<String, Value> {
    let word = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+";
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    object(json!({
        "maxLength": limits.email_total,
        "pattern": format!(r"^{word}(?:\.{word})*@{label}(?:\.{label})+$"),
        "allOf": [
            { "pattern": format!("^[^@]{{1,{}}}@", limits.email_local) },
            { "not": { "pattern": r"\.[0-9]+$" } },
        ],
    }))
}

fn locale_pattern() -> String {
    let languages: Vec<&str> = tables::languages().collect();
    let countries: Vec<String> = country::codes().collect();
    format!("^(?:{})(?:_(?:{}))?$", languages.join("|"), countries.join("|"))
}

/// The pattern of instants, with the days of each month and the leap years.
fn instant_pattern() -> String {
    let leap_year = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
    let long = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])";
    let short = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)";
    let february = "02-(?:0[1-9]|1[0-9]|2[0-8])";
    let day = format!("(?:[0-9]{{4}}-(?:{long}|{short}|{february})|{leap_year}-02-29)");
    let hour = "(?:[01][0-9]|2[0-3])";
    let clock = format!(r"{hour}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?");
    format!("^{day}T{clock}(?:Z|[+-]{hour}(?::?[0-5][0-9])?)$")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonschema::Validator;
    use proptest::prelude::*;

    use super::*;
    use crate::schema::format::tests::{CASES, LIMITS};

    fn shipped() -> Files<'static> {
        Files::shipped("pinpoint").expect("it is shipped")
    }

    fn pinpoint() -> Value {
        merged(&shipped()).expect("the shipped files are well formed")
    }

    /// Validates like independent programs, which do not know the formats.
    fn validator(schema: &Value) -> Validator {
        jsonschema::options().should_validate_formats(false).build(schema).expect("a schema")
    }

    fn format_validator(format: Format) -> Validator {
        validator(&Value::Object(format_keywords(format, &LIMITS)))
    }

    #[test]
    fn it_is_a_schema_of_2020_12() {
        let schema = pinpoint();
        jsonschema::meta::validate(&schema).expect("the keywords have the types of 2020-12");
        let text = schema.to_string();
        assert!(text.starts_with(r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","#));
        assert!(!text.contains("$ref"));
        assert!(text.contains(
            r#""x-segprep-target":"pinpoint","x-segprep-attribute-count":250,"x-segprep-endpoint-size":15000}"#
        ));
    }

    #[test]
    fn files_that_do_not_compile_are_not_merged() {
        merged(&Files { endpoint: "{}", ..shipped() }).expect_err("it has no fields");
        merged(&Files { target: "", ..shipped() }).expect_err("it has no limits");
    }

    #[test]
    fn numbers_come_from_the_target() {
        let target = shipped().target.replace("value_length = 100", "value_length = 7");
        let schema = merged(&Files { target: &target, ..shipped() }).expect("well formed");
        let items =
            "/properties/User/properties/UserAttributes/additionalProperties/items/maxLength";
        assert_eq!(schema.pointer(items), Some(&json!(7)));
        assert_eq!(pinpoint().pointer(items), Some(&json!(100)));
    }

    /// A valid record with additional members.
    fn record(more: Value) -> Value {
        let mut record = object(json!({"ChannelType": "CUSTOM", "Address": "a"}));
        record.append(&mut object(more));
        Value::Object(record)
    }

    #[test]
    fn it_judges_records() {
        let validator = validator(&pinpoint());
        let check = |record: Value, expected: bool| {
            assert_eq!(validator.is_valid(&record), expected, "{record}");
        };
        let name = |len| json!({"Attributes": {"n".repeat(len): ["v"]}});
        let value = |len| json!({"User": {"UserAttributes": {"n": ["ü".repeat(len)]}}});
        let values = |len| json!({"Attributes": {"n": vec!["v"; len]}});
        let address = |channel, address| json!({"ChannelType": channel, "Address": address});
        for (more, expected) in [
            (json!({}), true),
            (json!({"optOut": "ALL"}), false),
            (json!({"OptOut": "ALL"}), true),
            (json!({"OptOut": "YES"}), false),
            (json!({"Id": ""}), false),
            (json!({"RequestId": ""}), true),
            (json!({"EffectiveDate": "2019-08-23"}), false),
            (json!({"Location": {"Country": "USA"}}), false),
            (json!({"Location": {"Country": "US", "Latitude": -90.0}}), true),
            (json!({"Location": {"Latitude": -90.1}}), false),
            (json!({"Metrics": {"n": 1e3}}), true),
            (json!({"Metrics": {"n": "1"}}), false),
            (json!({"Metrics": {"a/b": 1}}), false),
            (json!({"Attributes": {"n": "v"}}), false),
            (json!({"Attributes": {"": ["v"]}}), false),
            (json!({"Attributes": {"n": ["a/b"], "a-b [^x]": []}}), true),
            (name(50), true),
            (name(51), false),
            (value(100), true),
            (value(101), false),
            (values(50), true),
            (values(51), false),
            (address("SMS", "+12065550100"), true),
            (address("SMS", "2065550100"), false),
            (address("VOICE", "2065550100"), false),
            (address("EMAIL", "ana@example.com"), true),
            (address("EMAIL", "ana"), false),
            (address("GCM", &"t".repeat(4096)), true),
            (address("GCM", &"t".repeat(4097)), false),
            (address("CUSTOM", &"t".repeat(4097)), true),
        ] {
            check(record(more), expected);
        }
        for forbidden in ['#', ':', '?', '\\', '/'] {
            check(record(json!({"Attributes": {format!("n{forbidden}"): ["v"]}})), false);
        }
    }

    #[test]
    fn it_knows_the_kinds_of_record() {
        let validator = validator(&pinpoint());
        for (record, expected) in [
            (json!({"Id": "1"}), true),
            (json!({"Id": "1", "Address": "a"}), false),
            (json!({"Address": "a"}), false),
            (json!({"User": {"UserId": "u"}}), true),
            (json!({"User": {}}), false),
            (json!({"User": {"UserId": "u"}, "ChannelType": "SMS"}), false),
            (json!({"User": {"UserId": "u"}, "Id": "1"}), true),
            (json!({}), false),
        ] {
            assert_eq!(validator.is_valid(&record), expected, "{record}");
        }
    }

    #[test]
    fn paths_become_nested_schemas() {
        let limit = FieldLimit {
            path: "User.UserId".to_owned(),
            when: Some(("Location.Country".to_owned(), vec!["US".to_owned()])),
            max_bytes: 3,
        };
        let validator = validator(&field_rule(&limit));
        let record =
            |country| json!({"User": {"UserId": "1234"}, "Location": {"Country": country}});
        assert!(!validator.is_valid(&record("US")));
        assert!(validator.is_valid(&record("CA")));
        assert!(validator.is_valid(&json!({"User": {"UserId": "1234"}})));
    }

    /// The format's check and the printed keywords agree on a value.
    #[track_caller]
    fn check_agree(format: Format, oracle: &Validator, value: &str) {
        let found = format.check(value.as_bytes(), &LIMITS);
        assert_eq!(found, oracle.is_valid(&json!(value)), "{format:?} {value:?}");
    }

    #[test]
    fn formats_mean_what_is_printed() {
        for (format, good, bad) in CASES {
            let oracle = format_validator(*format);
            good.iter().chain(*bad).for_each(|value| check_agree(*format, &oracle, value));
        }
        let oracle = format_validator(Format::Email);
        for len in [62, 63, 64, 65, 237, 238, 239, 240, 241, 250, 251, 252, 253, 254] {
            let run = "a".repeat(len);
            let dotted: String = "a.".repeat(len / 2);
            for value in [
                format!("{run}@example.com"),
                format!("a@{run}.com"),
                format!("a@{dotted}com"),
                format!("a@{dotted}c"),
            ] {
                check_agree(Format::Email, &oracle, &value);
            }
        }
        let oracle = format_validator(Format::Country);
        for (a, b) in (b'@'..=b'[').flat_map(|a| (b'@'..=b'[').map(move |b| (a, b))) {
            check_agree(Format::Country, &oracle, &format!("{}{}", char::from(a), char::from(b)));
        }
    }

    /// The values above with a few characters changed, since errors are most likely close to valid
    /// values.
    fn near_cases() -> impl Strategy<Value = (Format, String)> {
        let edit = (any::<prop::sample::Index>(), 0..3_u8, "[-+.@:TZa9 \\n\u{e9}A-Z0-9]");
        let base = prop::sample::select(CASES).prop_flat_map(|(format, good, bad)| {
            (Just(format), prop::sample::select([good, bad].concat()))
        });
        (base, prop::collection::vec(edit, 0..4)).prop_map(|((format, base), edits)| {
            let mut chars: Vec<char> = base.chars().collect();
            for (at, kind, new) in edits {
                let at = at.index(chars.len() + 1);
                if kind != 0 && at < chars.len() {
                    chars.remove(at);
                }
                if kind != 1 {
                    chars.splice(at..at, new.chars());
                }
            }
            (format, chars.into_iter().collect())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// The checks over bytes agree with the printed patterns in another validator.
        #[test]
        fn checks_agree_with_the_printed_schema((format, value) in near_cases()) {
            // A pattern can't tell whether Punycode is valid.
            prop_assume!(format != Format::Email || !value.to_ascii_lowercase().contains("xn--"));
            thread_local! {
                static ORACLES: Vec<Validator> =
                    Format::ALL.iter().map(|format| format_validator(*format)).collect();
            }
            ORACLES.with(|oracles| {
                let of_format = Format::ALL.iter().zip(oracles).find(|(known, _)| **known == format);
                let (_, oracle) = of_format.expect("each format has an oracle");
                check_agree(format, oracle, &value);
            });
        }

        #[test]
        fn emails_agree_with_the_printed_schema(value in "[a1.-]{0,4}[a1.@]{0,2}@?[a1.-]{0,6}[.]?[a1-]{0,3}") {
            check_agree(Format::Email, &format_validator(Format::Email), &value);
        }

        #[test]
        fn dates_agree_with_the_printed_schema(
            value in "(19|20|00)(00|04|20|19|96)-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,10})?)?(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?"
        ) {
            check_agree(Format::Date, &format_validator(Format::Date), &value);
        }
    }
}
