//! What `segprep explain` says of the rules.

use super::{accepted, checked, schema, with};
use crate::plan::FieldLine;

#[test]
fn joins_and_personal_fields_in_the_clear_are_listed() {
    let text = with(
        "\"User.*\" = \"drop\"",
        "\"User.UserId\" = { op = \"hmac\", join = \"person\" }\n\"User.UserAttributes.*\" = \"hmac\"\n\"Attributes.Crm\" = { op = \"hmac\", join = \"person\" }",
    );
    let (_, rules) = accepted(&text);
    let explanation = rules.explain(&schema());
    let groups: Vec<_> = explanation
        .joins
        .iter()
        .map(|group| (group.join.as_str(), group.fields.clone(), group.apart))
        .collect();
    assert_eq!(
        groups,
        [
            ("User.UserAttributes.*", vec!["User.UserAttributes.*".to_owned()], true),
            ("person", vec!["Attributes.Crm".to_owned(), "User.UserId".to_owned()], false),
        ]
    );
    let clear: Vec<&str> =
        explanation.personal_in_the_clear().map(|field| field.path.as_str()).collect();
    assert_eq!(clear, ["Id", "Address", "Attributes.*", "Metrics.*"]);
    let user = explanation
        .fields
        .iter()
        .find(|field| field.path == "User.UserId")
        .expect("a field with a rule");
    assert_eq!(user.origin.as_deref(), Some("line 11"));
    let (_, rules) = checked(&text, &["fields.\"Id\"=drop"]).expect("a valid definition");
    let explanation = rules.explain(&schema());
    let id =
        explanation.fields.iter().find(|field| field.path == "Id").expect("a field with a rule");
    assert_eq!(id.origin.as_deref(), Some("`--set fields.\"Id\"`"));
}

#[test]
fn lossy_and_keyed_operations_are_listed() {
    let text = with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"hmac\"\n\"Attributes.Day\" = { op = \"date_shift\", days = 9 }\n\"Attributes.Age\" = { op = \"bucket\", edges = [18] }",
    );
    let explanation = accepted(&text).1.explain(&schema());
    let paths =
        |fields: Vec<&FieldLine>| fields.iter().map(|field| field.path.clone()).collect::<Vec<_>>();
    let changed = ["Attributes.Day", "User.UserId", "User.UserAttributes.*"];
    assert_eq!(paths(explanation.changed_by_a_key().collect()), changed);
    assert_eq!(paths(explanation.lossy().collect()), ["Attributes.Age"]);
    let op_of = |path: &str| {
        let field = explanation.fields.iter().find(|field| field.path == path);
        field.expect("a field with a rule").op.clone()
    };
    assert_eq!(op_of("Attributes.Day"), "date_shift (by up to 9 days for each User.UserId)");
    assert_eq!(op_of("Attributes.Age"), "bucket (to <18, 18+)");
}
