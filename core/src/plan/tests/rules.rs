//! Which rule applies to which field and name, and what is warned of.

use super::{BASE, accepted, schema, with};

/// Checks the rule and the operation of each of these fields.
#[track_caller]
fn check_rules(rules: &str, expected: &[(&str, &str, &str)]) {
    let (before, rest) = BASE.split_once("\"Id\"").expect("the first rule");
    let (_, after) = rest.split_once("[keys]").expect("the section after the rules");
    let (_, found) = accepted(&format!("{before}{rules}\n[keys]{after}"));
    let fields = found.explain(&schema()).fields;
    for (path, rule, op) in expected {
        let field = fields.iter().find(|field| field.path == *path);
        let field = field.unwrap_or_else(|| panic!("{path} among {fields:?}"));
        assert_eq!((field.rule.as_str(), field.op.as_str()), (*rule, *op), "{path}");
    }
}

#[test]
fn the_most_specific_rule_applies() {
    check_rules(
        r#"
        "*" = "drop"
        "Address" = "keep"
        "User.*" = "keep"
        "User.UserId" = "hmac"
        "User.UserAttributes.crm.*" = "mask"
        "User.UserAttributes.crm.name" = "drop"
        "Attributes.a.b.*" = "redact"
        "Attributes.a.*" = "keep"
        "#,
        &[
            ("Id", "*", "drop"),
            ("Address", "Address", "keep"),
            ("RequestId", "*", "drop"),
            ("OptOut", "OptOut", "keep"),
            ("ChannelType", "ChannelType", "keep"),
            ("EndpointStatus", "*", "drop"),
            ("User.UserId", "User.UserId", "hmac (256 bits, hex)"),
            ("User.UserAttributes.*", "User.*", "keep"),
            ("User.UserAttributes.crm.*", "User.UserAttributes.crm.*", "mask (all of it)"),
            ("User.UserAttributes.crm.name", "User.UserAttributes.crm.name", "drop"),
            ("Attributes.a.b.*", "Attributes.a.b.*", "redact (to \"[redacted]\")"),
            ("Attributes.a.*", "Attributes.a.*", "keep"),
            ("Attributes.*", "*", "drop"),
            ("Location.Latitude", "*", "drop"),
        ],
    );
    check_rules(
        "\"*\" = \"keep\"\n\"EndpointStatus\" = \"drop\"",
        &[("EndpointStatus", "EndpointStatus", "drop"), ("ChannelType", "*", "keep")],
    );
}

#[test]
fn names_of_a_map_get_the_most_specific_rule() {
    let rules =
        "\"Attributes.*\" = \"keep\"\n\"Attributes.a.*\" = \"drop\"\n\"Attributes.a.b\" = \"mask\"";
    let (_, rules) = accepted(&with("\"Attributes.*\" = \"keep\"", rules));
    let of_attributes = rules.map_rules.first().expect("Attributes is a map");
    let path =
        |name: &str| rules.rules.get(of_attributes.rule_of(name)).map(|rule| rule.path.as_str());
    for (name, rule) in [
        ("a.b", "Attributes.a.b"),
        ("a.bc", "Attributes.a.*"),
        ("a.", "Attributes.a.*"),
        ("a", "Attributes.*"),
        ("", "Attributes.*"),
        ("*", "Attributes.*"),
    ] {
        assert_eq!(path(name), Some(rule), "{name:?}");
    }
}

#[test]
fn a_rule_without_fields_is_a_warning() {
    let (_, rules) = accepted(&with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"drop\"\n\"User.UserId\" = \"keep\"\n\"User.UserAttributes.*\" = \"keep\"",
    ));
    assert_eq!(
        rules.warnings,
        ["the rule `User.*` applies to no field: more specific rules apply to all of them"]
    );
}

#[test]
fn weak_tokens_are_a_warning() {
    let text = with("\"User.*\" = \"drop\"", "\"User.*\" = { op = \"hmac\", bits = 64 }")
        .replace("env:KEY", "demo:");
    let (_, rules) = accepted(&text);
    let [demo, bits] = rules.warnings.as_slice() else { panic!("{:?}", rules.warnings) };
    assert!(demo.contains("`k1`") && demo.contains("protect nobody"), "{demo}");
    assert!(bits.contains("`User.*`") && bits.contains("64 bits"), "{bits}");
    let (_, rules) = accepted(&text.replace("bits = 64", "bits = 96"));
    assert_eq!(rules.warnings.len(), 1);
}

#[test]
fn a_map_of_invalid_values_is_a_warning() {
    let rule = "\"Metrics.*\" = \"keep\"\n\"ChannelType\" = { op = \"map\", table = { FCM = \"GCM\", APNS_SANDBOX = \"APNS\" }, other = \"keep\" }\n\"Attributes.Plan\" = { op = \"map\", table = { pro = \"paid\" } }";
    let (_, rules) = accepted(&with("\"Metrics.*\" = \"keep\"", rule));
    let expected = "`map` never sees `FCM` in `ChannelType`: the field can't have it, and its record is rejected before";
    assert_eq!(rules.warnings, [expected]);
}

#[test]
fn an_opt_out_that_is_renamed_away_is_a_warning() {
    let rename = |pairs: &str| with("[fields]", &format!("[input.rename]\n{pairs}\n\n[fields]"));
    let (_, rules) = accepted(&rename("OptOut = \"Attributes.Calls\""));
    let expected = "`[input.rename]` turns `OptOut` into `Attributes.Calls`, and nothing into `OptOut`: \
                    people who opted out are written as if they had not";
    assert_eq!(rules.warnings, [expected]);
    let both = rename("OptOut = \"Attributes.Calls\"\n\"Email Opt Out\" = \"OptOut\"");
    assert_eq!(accepted(&both).1.warnings, Vec::<String>::new());
}

#[test]
fn equal_joins_with_equal_settings_are_valid() {
    let two = |first: &str, second: &str| {
        with(
            "\"User.*\" = \"drop\"",
            &format!(
                "\"User.UserId\" = {{ op = \"hmac\"{first} }}\n\"User.UserAttributes.*\" = {{ op = \"hmac\"{second} }}"
            ),
        )
    };
    accepted(&two("", ", bits = 128"));
    accepted(&two(", join = \"a\"", ", join = \"a\""));
    accepted(&two(", join = \"a\"", ", join = \"b\", encoding = \"base64url\""));
    accepted(&two(", join = \"User.UserAttributes.x\"", ""));
}
