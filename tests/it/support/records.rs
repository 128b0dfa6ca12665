//! Generates random records from the schema, for property tests.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use segprep::schema::{Check, Format, NodeIx, Schema, Shape, Test};
use serde_json::{Map, Value, json};

use crate::support::strict_json::members;

/// Endpoints, updates and users that are valid by construction.
pub(crate) fn records(schema: &Schema) -> BoxedStrategy<Value> {
    let roots: Vec<NodeIx> = members(schema, None).collect();
    let contact = schema.node("ChannelType").expect("a channel");
    let [address, id] = ["Address", "Id"].map(|path| schema.node(path).expect("a field"));
    let rest: Vec<NodeIx> =
        roots.into_iter().filter(|node| ![contact, address, id].contains(node)).collect();
    let user = json!({"UserId": "u1"});
    (object(schema, &rest), contacts(schema), text(), 0..4_u8)
        .prop_map(move |(rest, (channel, address), id, kind)| {
            let mut record = Map::new();
            if kind != 3 {
                record.insert("Id".to_owned(), json!(format!("i{id}")));
            }
            if kind < 2 {
                record.insert("ChannelType".to_owned(), json!(channel));
                record.insert("Address".to_owned(), json!(address));
            }
            record.extend(rest);
            if kind == 3 {
                record.entry("User").or_insert_with(|| user.clone())["UserId"] = json!("u1");
            }
            Value::Object(record)
        })
        .boxed()
}

/// Some of these fields, each with a valid value.
fn object(schema: &Schema, nodes: &[NodeIx]) -> BoxedStrategy<Map<String, Value>> {
    let member = |node: &NodeIx| {
        let name = schema.nodes[*node].name.clone();
        proptest::option::of(value(schema, *node))
            .prop_map(move |value| value.map(|value| (name.clone(), value)))
    };
    let all: Vec<_> = nodes.iter().map(member).collect();
    all.prop_map(|members| members.into_iter().flatten().collect()).boxed()
}

/// A valid value of a field.
fn value(schema: &Schema, node: NodeIx) -> BoxedStrategy<Value> {
    let description = &schema.nodes[node];
    match description.shape {
        Shape::Text => text_for(&description.checks).prop_map(Value::from).boxed(),
        Shape::Number => number_for(&description.checks).prop_map(Value::from).boxed(),
        Shape::Object => {
            let nodes: Vec<NodeIx> = members(schema, Some(node)).collect();
            object(schema, &nodes).prop_map(Value::Object).boxed()
        }
        Shape::Lists => {
            btree_map(name(), vec(text(), 0..4), 0..4).prop_map(|map| json!(map)).boxed()
        }
        Shape::Numbers => {
            btree_map(name(), number_for(&[]), 0..4).prop_map(|map| json!(map)).boxed()
        }
        Shape::ExportOnly => select(vec![json!("x"), json!(1), json!([{"a": null}])]).boxed(),
    }
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_ .é-]{0,9}"
}

/// Text of any characters that exceeds no limit.
fn text() -> BoxedStrategy<String> {
    "[ -~]{0,12}|\\PC{0,6}|[\\x00-\\x20\"\\\\]{0,3}".boxed()
}

fn text_for(checks: &[Check]) -> BoxedStrategy<String> {
    checks.iter().fold(text(), |sofar, check| match &check.test {
        Test::Enum(values) => select(values.clone()).boxed(),
        Test::Format(format) => format_text(*format),
        Test::NotEmpty => sofar.prop_map(|text| format!("x{text}")).boxed(),
        Test::Pattern(_) | Test::Range { .. } => sofar,
    })
}

fn number_for(checks: &[Check]) -> BoxedStrategy<f64> {
    let range = checks.iter().find_map(|check| match &check.test {
        Test::Range { min, max } => Some(*min..=*max),
        Test::Enum(_) | Test::Format(_) | Test::NotEmpty | Test::Pattern(_) => None,
    });
    prop_oneof![range.unwrap_or(-1e300..=1e300), select(vec![0.0, -0.0, 1.0, -1.5, 90.0])].boxed()
}

/// Common text of a format; for unusual text see [`near`].
pub(crate) fn format_text(format: Format) -> BoxedStrategy<String> {
    match format {
        Format::Phone => "\\+[1-9][0-9]{6,14}".boxed(),
        Format::Email => {
            "[a-z0-9]{1,8}([.+_-][a-z0-9]{1,8})?@[a-z0-9]{1,8}(-[a-z0-9]{1,4})?(\\.[a-z]{2,6}){1,2}"
                .boxed()
        }
        Format::Country => select(vec!["US", "DE", "GB", "JP"]).prop_map(str::to_owned).boxed(),
        Format::Locale => {
            select(vec!["en", "en_US", "pt_BR", "fil_PH"]).prop_map(str::to_owned).boxed()
        }
        Format::Timezone => select(vec!["UTC", "Europe/Paris", "Asia/Calcutta", "US/Pacific"])
            .prop_map(str::to_owned)
            .boxed(),
        Format::Date => {
            "20[0-2][0-9]-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:[0-5]0)"
                .boxed()
        }
    }
}

/// A channel with a valid address.
fn contacts(schema: &Schema) -> BoxedStrategy<(String, String)> {
    let channel = schema.node("ChannelType").expect("a channel");
    let channels = schema.nodes[channel].checks.iter().find_map(|check| match &check.test {
        Test::Enum(values) => Some(values.clone()),
        Test::Format(_) | Test::NotEmpty | Test::Pattern(_) | Test::Range { .. } => None,
    });
    let with_address = |channel: String| {
        let address = address_format(schema, &channel)
            .map_or_else(|| text().prop_map(|text| format!("t{text}")).boxed(), format_text);
        address.prop_map(move |address| (channel.clone(), address))
    };
    let contacts: Vec<_> =
        channels.expect("channels are listed").into_iter().map(with_address).collect();
    proptest::strategy::Union::new(contacts).boxed()
}

/// The format of a channel's addresses.
pub(crate) fn address_format(schema: &Schema, channel: &str) -> Option<Format> {
    let is_of = |values: &[String]| values.iter().any(|value| value == channel);
    schema.conditions.iter().filter(|condition| is_of(&condition.values)).find_map(|condition| {
        match condition.check.test {
            Test::Format(format) => Some(format),
            Test::Enum(_) | Test::NotEmpty | Test::Pattern(_) | Test::Range { .. } => None,
        }
    })
}

/// Texts that match a format, and texts that narrowly miss it.
pub(crate) fn near(format: Format) -> BoxedStrategy<String> {
    let splice = (format_text(format), any::<prop::sample::Index>(), 0..2_usize, "[ -~é٣\n]{0,2}")
        .prop_map(|(text, place, taken, new)| {
            let mut chars: Vec<char> = text.chars().collect();
            let at = place.index(chars.len());
            chars.splice(at..chars.len().min(at + taken), new.chars());
            chars.into_iter().collect()
        });
    prop_oneof![splice, at_the_borders(format)].boxed()
}

fn at_the_borders(format: Format) -> BoxedStrategy<String> {
    match format {
        Format::Phone => "\\+?[0-9]{5,17}".boxed(),
        Format::Country => "[A-Za-z]{1,3}".boxed(),
        Format::Locale => "[a-zE]{2,3}([_-][A-Zu]{2,3})?".boxed(),
        Format::Timezone => "(Europe|US|Etc)/(Oslo|Pacific|UTC|Rome|oslo)?|[A-Z]{1,3}".boxed(),
        Format::Date => {
            "(19|20|00)(00|04|20|19|96)-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,10})?)?)?(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?"
                .boxed()
        }
        Format::Email => (0..68_usize, 0..66_usize, 230..260_usize, 0..3_u8)
            .prop_map(|(local, label, whole, kind)| {
                let label = "b".repeat(label);
                match kind {
                    0 => format!("{}@{label}.example", "a".repeat(local)),
                    1 => format!("a@{}com", "b.".repeat((whole - 5) / 2)),
                    _ => format!("{}@{label}.{label}.{label}.com", "a".repeat(local)),
                }
            })
            .boxed(),
    }
}
