//! Records through all stages: what operations and suppression lists make of them.

use std::sync::Arc;

use sha2::Digest as _;

use super::{Marks, Trial, try_out};
use crate::plan::tests::{BASE, plan, plan_with_lists, with};
use crate::transform::{Encoding, Hmac, MasterKey, Scope, TokenShape, Tokens};

/// Processes records with these rules in place of the rule for metrics.
#[track_caller]
fn process(rules: &str, records: &str) -> Trial {
    let text = with("\"Metrics.*\" = \"keep\"", rules);
    try_out(&plan(&text), records, &|_, _| Ok(Marks::default())).expect("the records are JSON")
}

#[test]
fn operations_apply_to_numbers_and_to_each_value_of_a_list() {
    let rules = r#""Metrics.*" = { op = "round", step = 0.05 }
"Attributes.Age" = { op = "bucket", edges = [18, 30] }
"Attributes.Plan" = { op = "map", table = { pro = "paid" } }
"Attributes.Gone" = { op = "map", table = { a = "b" } }
"Attributes.Size" = { op = "round", decimals = 1 }"#;
    let record = r#"{"Id":"a","Attributes":{"Age":["17","18.5","x","30",""],"Plan":["pro","basic","pro"],"Gone":["z"],"Size":["2.25","-0"]},"Metrics":{"A":2.675,"B":1e3,"C":-0.01}}"#;
    let expected = r#"{"Id":"a","Attributes":{"Age":["<18","18-30","30+",""],"Plan":["paid","paid"],"Size":["2.2","0"]},"Metrics":{"A":2.7,"B":1000,"C":0}}"#;
    assert_eq!(process(rules, record).lines, [expected]);
}

#[test]
fn dates_of_one_person_move_together_before_the_id_is_hashed() {
    let rules = r#""Metrics.*" = "drop"
"Attributes.A" = { op = "date_shift", days = 30 }
"Attributes.B" = { op = "date_shift", days = 30, on_error = "reject" }
"EffectiveDate" = { op = "date_shift", days = 30 }"#;
    let user = |id: &str, day: &str| {
        format!(
            r#"{{"Id":"a","EffectiveDate":"{day}T01:02:03Z","Attributes":{{"A":["{day}"],"B":["{day}T04:05Z"]}},"User":{{"UserId":"{id}"}}}}"#
        )
    };
    let records = [user("one", "2026-03-01"), user("one", "2026-03-08"), user("two", "2026-03-01")];
    let without = r#"{"Id":"a","Attributes":{"A":["2026-03-01"]}}"#;
    let refused = r#"{"Id":"a","Attributes":{"B":["2026-03-01"]}}"#;
    let found = process(rules, &format!("{}\n{without}\n{refused}", records.join("\n")));
    let days: Vec<Vec<jiff::civil::Date>> = found
        .lines
        .iter()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let texts = [
                &record["EffectiveDate"],
                &record["Attributes"]["A"][0],
                &record["Attributes"]["B"][0],
            ];
            let days = texts.iter().filter_map(|text| text.as_str()?.get(..10)?.parse().ok());
            days.collect()
        })
        .collect();
    let [one, again, other, none] = days.as_slice() else { panic!("{found:?}") };
    assert!(one.iter().chain(again).chain(other).count() == 9 && none.is_empty());
    assert!(one[0] == one[1] && one[1] == one[2] && other[0] != one[0], "{days:?}");
    assert_eq!((again[0] - one[0]).get_days(), 7);
    assert_eq!(found.rejects.len(), 1);
    assert_eq!((found.rejects[0].0, found.rejects[0].1[0].code), (5, "op"));
}

#[test]
fn tokens_are_rejected_kept_or_hashed_again() {
    let known = format!("hmac:k1:{}", "0f".repeat(32));
    let rules = |already: &str| {
        format!(
            "\"Metrics.*\" = \"drop\"\n\"Attributes.T\" = {{ op = \"hmac\", already = \"{already}\" }}"
        )
    };
    let record = format!(r#"{{"Id":"a","Attributes":{{"T":["{known}"]}}}}"#);
    assert_eq!(process(&rules("reject"), &record).rejects[0].1[0].code, "already_token");
    assert_eq!(process(&rules("keep"), &record).lines, std::slice::from_ref(&record));
    let again = process(&rules("hash"), &record).lines;
    assert!(again[0].contains("hmac:k1:") && !again[0].contains(&known), "{again:?}");
}

#[test]
fn people_on_a_list_are_dropped_or_opted_out() {
    let list = |action: &str, form: &str| {
        format!(
            "{BASE}\n[[suppress]]\nfrom = [\"a.csv\"]\nfield = \"Address\"\nnormalize = \"email.v1\"\naction = \"{action}\"\nform = \"{form}\"\n"
        )
    };
    let record = |address: &str| {
        format!(r#"{{"Id":"a","ChannelType":"EMAIL","Address":"{address}","OptOut":"NONE"}}"#)
    };
    let records = [record("Ada@Example.com"), record("bob@example.com")].join("\n");
    for (form, entry) in [
        ("plain", "ADA@EXAMPLE.COM".to_owned()),
        ("sha256", data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(b"ada@example.com"))),
        ("token", made_token(&MasterKey::demo(), "Address", "ada@example.com")),
    ] {
        for action in ["drop", "opt-out"] {
            let plan = plan_with_lists(&list(action, form), &[&entry]);
            assert_eq!(plan.lists[0].entries.len(), 1, "{form}");
            let found = try_out(&plan, &records, &|_, _| Ok(Marks::default()))
                .expect("the records are JSON");
            if action == "drop" {
                assert_eq!((found.suppressed, found.lines), (1, vec![record("bob@example.com")]));
            } else {
                let opted_out = record("Ada@Example.com").replace("NONE", "ALL");
                assert_eq!(
                    (found.suppressed, found.lines),
                    (0, vec![opted_out, record("bob@example.com")])
                );
            }
        }
    }
}

/// The token of a value with default settings.
fn made_token(key: &MasterKey, join: &str, value: &str) -> String {
    let shape = TokenShape::new(256, Encoding::Hex).expect("256 bits");
    let known = Tokens { ids: Vec::new(), shapes: Vec::new() };
    let hmac = Hmac::new("k1", key.derive(&Scope::Person, join), shape, Arc::new(known));
    let mut token = Vec::new();
    hmac.write_token(value.as_bytes(), &mut token);
    String::from_utf8(token).expect("ASCII")
}
