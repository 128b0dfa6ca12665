//! The keys and joins of tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BASE, accepted, plan, schema, with};
use crate::plan::{Plan, PlanError};
use crate::transform::{Encoding, Hmac, MasterKey, Op, Outcome, Scope, TokenShape, Tokens};

fn token(op: &Op, value: &str) -> String {
    let Op::Hmac(hmac) = op else { panic!("{op:?} is not `hmac`") };
    let mut out = Vec::new();
    assert!(matches!(hmac.apply(value.as_bytes(), &mut out), Outcome::Made { .. }));
    String::from_utf8(out).expect("tokens are ASCII")
}

#[test]
fn without_a_join_each_field_and_each_name_has_its_own_key() {
    let plan = plan(&with(
        "\"User.*\" = \"drop\"",
        "\"User.*\" = \"hmac\"\n\"Attributes.x\" = { op = \"hmac\", join = \"User.UserId\" }",
    ));
    let node = |path: &str| plan.schema.node(path).expect("a field");
    let map = |path: &str| plan.schema.map_of(node(path)).expect("a map");
    let user = token(plan.op_of(node("User.UserId")), "v");
    let of_name = |map_path: &str, name: &str| token(&plan.op_of_name(map(map_path), name).1, "v");
    let first = of_name("User.UserAttributes", "a");
    assert_eq!(first, of_name("User.UserAttributes", "a"));
    assert_ne!(first, of_name("User.UserAttributes", "b"));
    assert_ne!(first, user);
    assert_eq!(user, of_name("Attributes", "x"), "a join may be named like a path");
    let expected = MasterKey::demo().derive(&Scope::Person, "User.UserAttributes.a");
    let shape = TokenShape::new(256, Encoding::Hex).expect("a valid shape");
    let tokens = Tokens { ids: Vec::new(), shapes: Vec::new() };
    let direct = Hmac::new("k1", expected, shape, Arc::new(tokens));
    assert_eq!(first, token(&Op::Hmac(direct), "v"));
}

#[test]
fn a_token_of_any_key_is_recognized() {
    let text = with("\"User.*\" = \"drop\"", "\"User.*\" = { op = \"hmac\", join = \"a\" }")
        .replace("k1 = \"env:KEY\"", "k1 = \"env:KEY\"\nold = \"env:OLD\"");
    let plan = plan(&text);
    let op = plan.op_of(plan.schema.node("User.UserId").expect("a field"));
    let old = token(op, "v").replace("hmac:k1:", "hmac:old:");
    let Op::Hmac(hmac) = op else { panic!("{op:?} is not `hmac`") };
    assert_eq!(
        hmac.apply(old.as_bytes(), &mut Vec::new()),
        Outcome::AlreadyToken { has_known_key: true }
    );
}

#[test]
fn a_truncated_date_has_the_form_of_its_field() {
    let text = with(
        "\"Id\" = \"keep\"",
        "\"Id\" = \"keep\"\n\"EffectiveDate\" = { op = \"date_trunc\", unit = \"month\" }\n\"Attributes.Day\" = { op = \"date_trunc\", unit = \"month\" }",
    );
    let plan = plan(&text);
    let cut = |op: &Op| {
        let Op::DateTrunc(op) = op else { panic!("{op:?} is not `date_trunc`") };
        let mut out = Vec::new();
        op.apply(b"2019-08-23T10:54:35.220Z", &mut out);
        String::from_utf8(out).expect("dates are ASCII")
    };
    let date = plan.schema.node("EffectiveDate").expect("a field");
    assert_eq!(cut(plan.op_of(date)), "2019-08-01T00:00:00Z");
    assert_eq!(cut(&plan.op_of_name(0, "Day").1), "2019-08");
}

#[test]
fn tokens_need_the_current_key() {
    let (definition, rules) = accepted(&with("\"User.*\" = \"drop\"", "\"User.*\" = \"hmac\""));
    let schema = Arc::new(schema());
    let other = BTreeMap::from([("k2".to_owned(), MasterKey::demo())]);
    let error = Plan::new(&definition, rules, Arc::clone(&schema), other, Vec::new())
        .expect_err("k1 is missing");
    assert_eq!(error, PlanError::NoKey("k1".to_owned()));
    let (definition, rules) = accepted(BASE);
    Plan::new(&definition, rules, schema, BTreeMap::new(), Vec::new())
        .expect("no rule needs a key");
}
