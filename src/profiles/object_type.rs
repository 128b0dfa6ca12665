//! `object-type.json`: what the columns of the parts are in a profile. It is the request of
//! `PutProfileObjectType`, but for the domain; its `Fields` are also those of `CreateUploadJob`.

use serde_json::{Map, Value, json};

use super::columns::ColumnField;

/// The text of the file. `name`: that of the definition.
pub fn object_type(name: &str, fields: &[ColumnField]) -> String {
    let key = fields.first().map_or("", |field| field.name.as_str());
    let members = fields.iter().map(|field| {
        let member = json!({
            "Source": format!("_source.{}", field.name),
            "Target": field.target,
            "ContentType": field.content,
        });
        (field.name.clone(), member)
    });
    let object = json!({
        "ObjectTypeName": format!("segprep-{name}"),
        "Description": "One person, made of the endpoints of a user",
        "AllowProfileCreation": true,
        "Fields": members.collect::<Map<String, Value>>(),
        "Keys": {
            "_account": [{ "StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": [key] }],
        },
    });
    let mut text = serde_json::to_string_pretty(&object).expect("a value is JSON");
    text.push('\n');
    text
}
