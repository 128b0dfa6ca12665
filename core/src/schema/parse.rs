//! Compiles the schema files and a target to a [`Schema`]: nodes here, rules about several fields
//! in `rules`.
//!
//! Nothing in a file is ignored: an unknown keyword, a field without a class, or a rule about an
//! unknown field is an error with its location.

use std::fmt::Write;

use serde_json::Value;

use super::checks::checks;
use super::keywords;
use super::profiles::ProfileTarget;
use super::role::{Role, Roles, role};
use super::rules::{check_field_limits, conditions, kinds};
use super::target::{self, Target};
use super::value::{SchemaError, SchemaErrorKind, SchemaValue};
use super::{Check, Class, Node, NodeIx, Schema, Shape};
use crate::crypto::sha256;

/// The text of `schemas/endpoint.schema.json`.
pub(super) const ENDPOINT: &str = include_str!("../../schemas/endpoint.schema.json");
/// The text of `schemas/user.schema.json`.
pub(super) const USER: &str = include_str!("../../schemas/user.schema.json");

const ENDPOINT_FILE: &str = "endpoint.schema.json";
pub(super) const USER_FILE: &str = "user.schema.json";

/// The maximum number of nodes. The JSON decoder stores the index of a node in a byte, and needs some
/// of its values for other purposes.
const NODES_MAX: usize = 120;

/// The texts of the files that a schema is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    pub endpoint: &'a str,
    pub user: &'a str,
    /// The name of the target's file: `pinpoint.toml`.
    pub target_name: &'a str,
    pub target: &'a str,
}

impl Files<'static> {
    /// The shipped files, for the target of that name (`pinpoint`); `None` if there is no such
    /// target.
    pub fn shipped(target: &str) -> Option<Files<'static>> {
        let (target_name, target) = target::shipped(target)?;
        Some(Files { endpoint: ENDPOINT, user: USER, target_name, target })
    }

    /// The text of a shipped file: `endpoint`, `user`, or the name of a target.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        match name {
            "endpoint" => Some(ENDPOINT),
            "user" => Some(USER),
            target => target::shipped(target).map(|(_, text)| text),
        }
    }
}

impl Files<'_> {
    pub(super) fn read_endpoint(&self) -> Result<Value, SchemaError> {
        read(ENDPOINT_FILE, self.endpoint)
    }

    pub(super) fn read_user(&self) -> Result<Value, SchemaError> {
        read(USER_FILE, self.user)
    }

    pub(super) fn read_target(&self) -> Result<Target, SchemaError> {
        Target::parse(self.target_name, self.target)
    }
}

pub(super) fn compile(files: &Files<'_>) -> Result<Schema, SchemaError> {
    let (endpoint, user) = (files.read_endpoint()?, files.read_user()?);
    let root = SchemaValue::of_file(ENDPOINT_FILE, &endpoint);
    let user = SchemaValue::of_file(USER_FILE, &user);
    let Walk { nodes, roles, .. } = Walk::over(&root, &user)?;
    let target = files.read_target()?;
    check_field_limits(&nodes, &target)?;
    Ok(Schema {
        maps: maps(&nodes),
        kinds: kinds(&root, &nodes)?,
        conditions: conditions(&root, &nodes)?,
        roles: Roles::new(&roles, &nodes, &root)?,
        nodes,
        target,
        files: [
            (ENDPOINT_FILE, files.endpoint),
            (USER_FILE, files.user),
            (files.target_name, files.target),
        ]
        .map(|(name, text)| (name.to_owned(), sha256_hex(text)))
        .into_iter()
        .chain([ProfileTarget::file()])
        .collect(),
    })
}

fn read(file: &'static str, text: &str) -> Result<Value, SchemaError> {
    let value: Value = serde_json::from_str(text).map_err(|error| SchemaError {
        location: file.to_owned(),
        kind: SchemaErrorKind::Syntax(error.to_string()),
    })?;
    match keywords::first_unknown(&value) {
        None => Ok(value),
        Some(pointer) => Err(SchemaError {
            location: format!("{file}#{pointer}"),
            kind: SchemaErrorKind::UnknownKeyword,
        }),
    }
}

fn sha256_hex(text: &str) -> String {
    sha256(text).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
        hex
    })
}

fn maps(nodes: &[Node]) -> Vec<NodeIx> {
    let maps = nodes.iter().enumerate();
    maps.filter(|(_, node)| matches!(node.shape, Shape::Lists | Shape::Numbers))
        .map(|(at, _)| at)
        .collect()
}

/// A walk over all fields, depth first, with each object before its members.
struct Walk<'a> {
    user: &'a SchemaValue<'a>,
    nodes: Vec<Node>,
    /// The roles of the nodes, in order. A role may be here more than once.
    roles: Vec<(Role, NodeIx)>,
}

impl<'a> Walk<'a> {
    fn over(root: &SchemaValue<'a>, user: &'a SchemaValue<'a>) -> Result<Walk<'a>, SchemaError> {
        let mut walk = Walk { user, nodes: Vec::new(), roles: Vec::new() };
        walk.fields(root, None)?;
        Ok(walk)
    }

    fn fields(
        &mut self,
        object: &SchemaValue<'a>,
        parent: Option<NodeIx>,
    ) -> Result<(), SchemaError> {
        require_closed(object)?;
        for (name, field) in object.need("properties")?.members()? {
            if self.nodes.len() == NODES_MAX {
                return Err(field.error(SchemaErrorKind::Contradiction("more than 120 fields")));
            }
            let ix = self.nodes.len();
            let node = self.node(name, &field, parent)?;
            self.roles.extend(role(&field, node.shape)?.map(|role| (role, ix)));
            let is_object = node.shape == Shape::Object;
            self.nodes.push(node);
            if is_object {
                let fields = if field.has("$ref") { self.user } else { &field };
                self.fields(&fields.clone(), Some(ix))?;
            }
        }
        Ok(())
    }

    fn node(
        &self,
        name: &str,
        field: &SchemaValue<'_>,
        parent: Option<NodeIx>,
    ) -> Result<Node, SchemaError> {
        let path = match parent.and_then(|parent| self.nodes.get(parent)) {
            Some(parent) => format!("{}.{name}", parent.path),
            None => name.to_owned(),
        };
        let shape = shape(field)?;
        Ok(Node {
            path,
            name: name.to_owned(),
            parent,
            shape,
            class: class(field, shape)?,
            rule: field.rule(),
            checks: node_checks(field, shape)?,
        })
    }
}

/// Checks that an object refuses unknown names, since values under unknown names are not checked.
fn require_closed(object: &SchemaValue<'_>) -> Result<(), SchemaError> {
    if object.need("type")?.text()? != "object" {
        return Err(object.need("type")?.error(SchemaErrorKind::Expected("`object`")));
    }
    let others = object.need("additionalProperties")?;
    if others.flag()? { Err(others.error(SchemaErrorKind::Expected("`false`"))) } else { Ok(()) }
}

fn shape(field: &SchemaValue<'_>) -> Result<Shape, SchemaError> {
    if field.is_marked("x-segprep-export-only")? {
        return Ok(Shape::ExportOnly);
    }
    if let Some(reference) = field.get("$ref") {
        return match reference.text()? {
            USER_FILE => Ok(Shape::Object),
            _ => Err(reference.error(SchemaErrorKind::Expected("`user.schema.json`"))),
        };
    }
    let kind = field.need("type")?;
    match kind.text()? {
        "string" => Ok(Shape::Text),
        "number" => Ok(Shape::Number),
        "object" if field.has("properties") => Ok(Shape::Object),
        "object" => map_shape(&field.need("additionalProperties")?),
        _ => Err(kind.error(SchemaErrorKind::Expected("`string`, `number` or `object`"))),
    }
}

fn map_shape(entry: &SchemaValue<'_>) -> Result<Shape, SchemaError> {
    let kind = entry.need("type")?;
    match kind.text()? {
        "number" => Ok(Shape::Numbers),
        "array" => {
            let item = entry.need("items")?.need("type")?;
            match item.text()? {
                "string" => Ok(Shape::Lists),
                _ => Err(item.error(SchemaErrorKind::Expected("`string`"))),
            }
        }
        _ => Err(kind.error(SchemaErrorKind::Expected("`array` or `number`"))),
    }
}

fn class(field: &SchemaValue<'_>, shape: Shape) -> Result<Class, SchemaError> {
    if matches!(shape, Shape::Object | Shape::ExportOnly) {
        return match field.get("x-segprep-class") {
            None => Ok(Class::Technical),
            Some(class) => {
                Err(class.error(SchemaErrorKind::Contradiction("only a field has a class")))
            }
        };
    }
    let class = field.need("x-segprep-class")?;
    match class.text()? {
        "identifier" => Ok(Class::Identifier),
        "personal" => Ok(Class::Personal),
        "technical" => Ok(Class::Technical),
        _ => Err(class.error(SchemaErrorKind::Expected("`identifier`, `personal` or `technical`"))),
    }
}

/// The checks of a field, or of each value of a map.
fn node_checks(field: &SchemaValue<'_>, shape: Shape) -> Result<Vec<Check>, SchemaError> {
    let own = checks(field, shape)?;
    let of_values = match shape {
        Shape::Lists => Some(field.need("additionalProperties")?.need("items")?),
        Shape::Numbers => Some(field.need("additionalProperties")?),
        Shape::Object | Shape::Text | Shape::Number | Shape::ExportOnly => None,
    };
    match of_values {
        None => Ok(own),
        Some(_) if !own.is_empty() => {
            Err(field.error(SchemaErrorKind::Contradiction("a map is checked by its values")))
        }
        Some(values) => checks(&values, shape),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Test;
    use crate::schema::format::Format;
    use crate::schema::target::FormatLimits;

    fn shipped() -> Files<'static> {
        Files::shipped("pinpoint").expect("it is shipped")
    }

    fn pinpoint() -> Schema {
        Schema::shipped("pinpoint").expect("it is shipped")
    }

    /// Compiles the shipped files with a value of the endpoint schema changed.
    #[track_caller]
    fn endpoint_with(pointer: &str, value: Value) -> Result<Schema, SchemaError> {
        let mut endpoint: Value = serde_json::from_str(ENDPOINT).expect("it is JSON");
        set(&mut endpoint, pointer, value);
        Schema::compile(&Files { endpoint: &endpoint.to_string(), ..shipped() })
    }

    #[track_caller]
    fn user_with(pointer: &str, value: Value) -> Result<Schema, SchemaError> {
        let mut user: Value = serde_json::from_str(USER).expect("it is JSON");
        set(&mut user, pointer, value);
        Schema::compile(&Files { user: &user.to_string(), ..shipped() })
    }

    /// Sets the member at a pointer; `null` removes it.
    #[track_caller]
    fn set(root: &mut Value, pointer: &str, value: Value) {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
        let parent = root.pointer_mut(parent).expect("the parent is there");
        let members = parent.as_object_mut().expect("it is an object");
        if value.is_null() {
            members.shift_remove(name).expect("the member is there");
        } else {
            members.insert(name.to_owned(), value);
        }
    }

    #[track_caller]
    fn check_refused(result: Result<Schema, SchemaError>, message: &str) {
        assert_eq!(result.expect_err(message).to_string(), message);
    }

    #[track_caller]
    fn node<'a>(schema: &'a Schema, path: &str) -> &'a Node {
        schema.nodes.iter().find(|node| node.path == path).expect(path)
    }

    fn codes(checks: &[Check]) -> Vec<&'static str> {
        let code = |check: &Check| match &check.test {
            Test::Enum(_) => "enum",
            Test::Format(format) => format.code().as_str(),
            Test::Pattern(_) => "pattern",
            Test::Range { .. } => "range",
            Test::NotEmpty => "empty",
        };
        checks.iter().map(code).collect()
    }

    #[test]
    fn nodes_have_the_order_of_the_files() {
        let schema = pinpoint();
        let paths: Vec<_> = schema.nodes.iter().map(|node| node.path.as_str()).collect();
        let expected = "Id ChannelType Address OptOut EndpointStatus EffectiveDate RequestId \
            Attributes Metrics Demographic Demographic.AppVersion Demographic.Locale \
            Demographic.Make Demographic.Model Demographic.ModelVersion Demographic.Platform \
            Demographic.PlatformVersion Demographic.Timezone Location Location.City \
            Location.Country Location.Latitude Location.Longitude Location.PostalCode \
            Location.Region User User.UserId User.UserAttributes User.UserStatus ApplicationId \
            CreationDate CohortId";
        assert_eq!(paths.join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(schema.nodes.len() < NODES_MAX);
        for (ix, node) in schema.nodes.iter().enumerate() {
            let parent = node.parent.and_then(|parent| schema.nodes.get(parent));
            let path = parent.map_or(node.name.clone(), |p| format!("{}.{}", p.path, node.name));
            assert_eq!(path, node.path);
            assert!(node.parent.is_none_or(|parent| parent < ix));
            assert!(parent.is_none_or(|parent| parent.shape == Shape::Object));
            assert_eq!(schema.node(&node.path), Some(ix));
        }
    }

    #[test]
    fn maps_are_in_order() {
        let schema = pinpoint();
        let maps: Vec<_> = schema.maps.iter().filter_map(|ix| schema.nodes.get(*ix)).collect();
        let found: Vec<_> = maps.iter().map(|node| (node.path.as_str(), node.shape)).collect();
        assert_eq!(
            found,
            [
                ("Attributes", Shape::Lists),
                ("Metrics", Shape::Numbers),
                ("User.UserAttributes", Shape::Lists)
            ]
        );
        assert_eq!(schema.node("Metrics").and_then(|node| schema.map_of(node)), Some(1));
    }

    #[test]
    fn each_field_has_its_shape_and_class() {
        let schema = pinpoint();
        let of = |class| {
            let nodes = schema.nodes.iter();
            let of_class = nodes.filter(move |node| {
                node.class == class && !matches!(node.shape, Shape::Object | Shape::ExportOnly)
            });
            of_class.map(|node| node.path.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Class::Identifier), "Id Address User.UserId");
        assert_eq!(
            of(Class::Personal),
            "Attributes Metrics Location.City Location.Country Location.Latitude \
             Location.Longitude Location.PostalCode Location.Region User.UserAttributes"
        );
        let shaped = |shape| {
            let nodes = schema.nodes.iter().filter(move |node| node.shape == shape);
            nodes.map(|node| node.path.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shaped(Shape::Object), "Demographic Location User");
        assert_eq!(shaped(Shape::Number), "Location.Latitude Location.Longitude");
        assert_eq!(
            shaped(Shape::ExportOnly),
            "User.UserStatus ApplicationId CreationDate CohortId"
        );
    }

    #[test]
    fn each_field_has_its_checks() {
        let schema = pinpoint();
        let checked: Vec<_> = schema
            .nodes
            .iter()
            .filter(|node| !node.checks.is_empty())
            .map(|node| format!("{}: {}", node.path, codes(&node.checks).join(" ")))
            .collect();
        assert_eq!(
            checked,
            [
                "Id: empty",
                "ChannelType: empty enum",
                "Address: empty",
                "OptOut: enum",
                "EndpointStatus: enum",
                "EffectiveDate: date",
                "Demographic.Locale: locale",
                "Demographic.Timezone: timezone",
                "Location.Country: country",
                "Location.Latitude: range",
                "Location.Longitude: range",
                "User.UserId: empty",
            ]
        );
        let ranges: Vec<_> = schema
            .nodes
            .iter()
            .flat_map(|node| &node.checks)
            .filter_map(|check| match check.test {
                Test::Range { min, max } => Some(format!("{min} {max}")),
                Test::Enum(_) | Test::Format(_) | Test::Pattern(_) | Test::NotEmpty => None,
            })
            .collect();
        assert_eq!(ranges, ["-90 90", "-180 180"]);
    }

    #[test]
    fn enums_have_the_values_of_the_service() {
        let schema = pinpoint();
        let values = |path| {
            let checks = &node(&schema, path).checks;
            let values = checks.iter().find_map(|check| match &check.test {
                Test::Enum(values) => Some(values.join(" ")),
                Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => None,
            });
            values.expect(path)
        };
        assert_eq!(values("OptOut"), "ALL NONE");
        assert_eq!(values("EndpointStatus"), "ACTIVE INACTIVE");
        assert_eq!(
            values("ChannelType"),
            "PUSH GCM APNS APNS_SANDBOX APNS_VOIP APNS_VOIP_SANDBOX ADM SMS VOICE EMAIL BAIDU \
             CUSTOM IN_APP"
        );
    }

    #[test]
    fn rules_have_their_locations() {
        let schema = pinpoint();
        let rule = |path| node(&schema, path).rule.as_str();
        assert_eq!(rule("OptOut"), "endpoint.schema.json#/properties/OptOut");
        assert_eq!(rule("User"), "endpoint.schema.json#/properties/User");
        assert_eq!(rule("User.UserId"), "user.schema.json#/properties/UserId");
        assert_eq!(
            rule("Location.City"),
            "endpoint.schema.json#/properties/Location/properties/City"
        );
        let opt_out = node(&schema, "OptOut").checks.first().expect("an enum");
        assert_eq!(opt_out.rule, "endpoint.schema.json#/properties/OptOut/enum");
        let latitude = node(&schema, "Location.Latitude");
        assert_eq!(latitude.checks.first().expect("a range").rule, latitude.rule);
    }

    #[test]
    fn an_address_has_the_format_of_its_channel() {
        let schema = pinpoint();
        let path = |ix: NodeIx| schema.nodes.get(ix).map(|node| node.path.as_str());
        let expected = [("SMS VOICE", Format::Phone), ("EMAIL", Format::Email)];
        assert_eq!(schema.conditions.len(), expected.len());
        for (at, (condition, (values, format))) in
            schema.conditions.iter().zip(expected).enumerate()
        {
            assert_eq!(path(condition.on), Some("ChannelType"));
            assert_eq!(path(condition.node), Some("Address"));
            assert_eq!(condition.values.join(" "), values);
            let Check { rule, test } = &condition.check;
            assert!(matches!(test, Test::Format(found) if *found == format), "{test:?}");
            let place = "then/properties/Address/format";
            assert_eq!(*rule, format!("endpoint.schema.json#/allOf/{at}/{place}"));
        }
    }

    #[test]
    fn kinds_of_record() {
        let schema = pinpoint();
        let paths = |nodes: &[NodeIx]| {
            let nodes = nodes.iter().filter_map(|ix| schema.nodes.get(*ix));
            nodes.map(|node| node.path.as_str()).collect::<Vec<_>>().join(" ")
        };
        let found: Vec<_> = schema
            .kinds
            .iter()
            .map(|kind| {
                let (needs, bars) = (paths(&kind.required), paths(&kind.forbidden));
                format!("{}: {needs} | {bars} | {} | {}", kind.name, kind.by_default, kind.rule)
            })
            .collect();
        assert_eq!(
            found,
            [
                "endpoint: Address ChannelType |  | true | endpoint.schema.json#/anyOf/0",
                "update: Id | Address ChannelType | true | endpoint.schema.json#/anyOf/1",
                "user: User.UserId | Id Address ChannelType | false | endpoint.schema.json#/anyOf/2",
            ]
        );
    }

    #[test]
    fn files_have_their_digests() {
        let schema = pinpoint();
        let names: Vec<_> = schema.files.iter().map(|(name, _)| name.as_str()).collect();
        let targets = ["pinpoint.toml", "customer-profiles.toml"];
        assert_eq!(names, [&["endpoint.schema.json", "user.schema.json"][..], &targets].concat());
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn shipped_texts_are_found_by_name() {
        assert_eq!(Files::shipped_text("endpoint"), Some(ENDPOINT));
        assert_eq!(Files::shipped_text("user"), Some(USER));
        let target = Files::shipped_text("pinpoint").expect("it is shipped");
        assert_eq!(target, shipped().target);
        assert_eq!(Files::shipped_text("nowhere"), None);
        assert!(Schema::shipped("nowhere").is_none());
    }

    #[test]
    fn a_changed_file_changes_what_it_compiles_to() {
        let schema =
            endpoint_with("/properties/OptOut/enum", json!(["SOME"])).expect("well formed");
        let opt_out = node(&schema, "OptOut").checks.first().expect("an enum");
        assert!(matches!(&opt_out.test, Test::Enum(values) if values == &["SOME"]));

        let city = json!({"type": "string", "pattern": "^[A-Z]", "x-segprep-class": "technical"});
        let schema = endpoint_with("/properties/Location/properties/City", city);
        let schema = schema.expect("well formed");
        let city = node(&schema, "Location.City");
        assert_eq!((city.class, codes(&city.checks)), (Class::Technical, vec!["pattern"]));
        let pattern = city.checks.first().expect("a pattern");
        assert_eq!(
            pattern.rule,
            "endpoint.schema.json#/properties/Location/properties/City/pattern"
        );
        assert!(
            matches!(&pattern.test, Test::Pattern(p) if p.is_match("Ulm") && !p.is_match("ulm"))
        );

        let schema = user_with(
            "/properties/UserAttributes/additionalProperties/items",
            json!({"type": "string", "format": "phone"}),
        );
        let schema = schema.expect("well formed");
        let attributes = node(&schema, "User.UserAttributes");
        assert_eq!(codes(&attributes.checks), ["phone"]);

        let metrics = json!({"type": "number", "minimum": 0});
        let schema = endpoint_with("/properties/Metrics/additionalProperties", metrics);
        let schema = schema.expect("well formed");
        let range = &node(&schema, "Metrics").checks.first().expect("a range").test;
        assert!(matches!(range, Test::Range { min: 0.0, max: f64::INFINITY }));

        let target = shipped().target.replace("value_count = 50", "value_count = 2");
        let schema = Schema::compile(&Files { target: &target, ..shipped() }).expect("well formed");
        assert_eq!(schema.target.limits.value_count, 2);
        assert_eq!(schema.target.formats, FormatLimits { email_local: 64, email_total: 254 });
        assert_ne!(schema.files, pinpoint().files);
    }

    #[test]
    fn each_role_has_one_field() {
        let schema = pinpoint();
        let paths = Role::ALL.map(|role| schema.role_path(role));
        assert_eq!(
            paths.join(" "),
            "Id ChannelType Address OptOut EndpointStatus Location.Country User.UserId EffectiveDate"
        );
        check_refused(
            endpoint_with("/properties/OptOut/x-segprep-role", Value::Null),
            "`endpoint.schema.json#`: no field has the role `opt-out`",
        );
        check_refused(
            endpoint_with("/properties/RequestId/x-segprep-role", json!("id")),
            "`endpoint.schema.json#/properties/RequestId`: another field already has the role `id`",
        );
        check_refused(
            endpoint_with("/properties/RequestId/x-segprep-role", json!("request")),
            "`endpoint.schema.json#/properties/RequestId/x-segprep-role`: expected `id`, \
             `channel`, `address`, `opt-out`, `status`, `country`, `user-id` or `effective-date`",
        );
        check_refused(
            endpoint_with("/properties/Metrics/x-segprep-role", json!("id")),
            "`endpoint.schema.json#/properties/Metrics/x-segprep-role`: only a text has a role",
        );
    }

    #[test]
    fn an_unknown_keyword_has_its_location() {
        check_refused(
            endpoint_with("/properties/OptOut/minLength", json!(1)),
            "`endpoint.schema.json#/properties/OptOut/minLength`: unknown keyword",
        );
        check_refused(
            user_with("/x-segprep-other", json!(1)),
            "`user.schema.json#/x-segprep-other`: unknown keyword",
        );
        check_refused(
            endpoint_with("/allOf/0/else", json!({})),
            "`endpoint.schema.json#/allOf/0/else`: unknown keyword",
        );
    }

    #[test]
    fn an_unclear_file_is_refused() {
        check_refused(
            endpoint_with("/properties/OptOut/x-segprep-class", Value::Null),
            "`endpoint.schema.json#/properties/OptOut`: `x-segprep-class` is missing",
        );
        check_refused(
            endpoint_with("/properties/OptOut/type", json!("boolean")),
            "`endpoint.schema.json#/properties/OptOut/type`: expected `string`, `number` or `object`",
        );
        check_refused(
            endpoint_with("/properties/OptOut/enum", json!([])),
            "`endpoint.schema.json#/properties/OptOut/enum`: expected at least one text",
        );
        check_refused(
            endpoint_with("/properties/OptOut/enum", json!(["ALL", 1])),
            "`endpoint.schema.json#/properties/OptOut/enum/1`: expected a text",
        );
        check_refused(
            endpoint_with("/properties/Location/properties/Latitude/format", json!("phone")),
            "`endpoint.schema.json#/properties/Location/properties/Latitude`: \
             a check that does not fit the type",
        );
        check_refused(
            endpoint_with("/properties/Attributes/enum", json!(["a"])),
            "`endpoint.schema.json#/properties/Attributes`: a map is checked by its values",
        );
        check_refused(
            endpoint_with("/properties/Id/format", json!("uuid")),
            "`endpoint.schema.json#/properties/Id/format`: \
             expected `email`, `phone`, `country`, `date-time-zone`, `locale` or `timezone`",
        );
        check_refused(
            endpoint_with("/properties/Location/additionalProperties", json!(true)),
            "`endpoint.schema.json#/properties/Location/additionalProperties`: expected `false`",
        );
        check_refused(
            endpoint_with("/properties/User/$ref", json!("other.schema.json")),
            "`endpoint.schema.json#/properties/User/$ref`: expected `user.schema.json`",
        );
        let pattern = endpoint_with("/properties/Id/pattern", json!("(")).expect_err("no pattern");
        assert_eq!(pattern.location, "endpoint.schema.json#/properties/Id/pattern");
    }

    #[test]
    fn a_rule_about_an_unknown_field_is_refused() {
        check_refused(
            endpoint_with("/anyOf/1/required", json!(["ID"])),
            "`endpoint.schema.json#/anyOf/1`: unknown field `ID`",
        );
        check_refused(
            endpoint_with("/anyOf/1/properties", json!({"Id": true})),
            "`endpoint.schema.json#/anyOf/1/properties/Id`: expected `false` or `required`",
        );
        check_refused(
            endpoint_with("/anyOf/2/properties", json!({"Id": false})),
            "`endpoint.schema.json#/anyOf/2`: a required object names its required fields",
        );
        check_refused(
            endpoint_with("/allOf/0/if/required", json!(["Id"])),
            "`endpoint.schema.json#/allOf/0/if/required`: expected the field of `properties`",
        );
        check_refused(
            endpoint_with("/allOf/0/if/properties/ChannelType/enum", json!(["SMS", "FAX"])),
            "`endpoint.schema.json#/allOf/0/if/properties/ChannelType`: \
             `FAX` is not in the field's `enum`",
        );
        check_refused(
            endpoint_with("/allOf/0/then/properties", json!({"Adress": {"format": "phone"}})),
            "`endpoint.schema.json#/allOf/0/then/properties/Adress`: unknown field `Adress`",
        );
        let target = |from, to| {
            let target = shipped().target.replace(from, to);
            Schema::compile(&Files { target: &target, ..shipped() })
        };
        check_refused(
            target("path = \"Address\"", "path = \"Adress\""),
            "`pinpoint.toml#limits.fields`: unknown field `Adress`",
        );
        check_refused(
            target("\"BAIDU\"", "\"FCM\""),
            "`pinpoint.toml#limits.fields`: `FCM` is not in the field's `enum`",
        );
    }

    #[test]
    fn invalid_json_is_refused() {
        let error = Schema::compile(&Files { user: "{", ..shipped() }).expect_err("no JSON");
        assert_eq!(error.location, "user.schema.json");
        for text in ["[]", "null", "{}"] {
            Schema::compile(&Files { endpoint: text, ..shipped() }).expect_err(text);
        }
    }

    #[test]
    fn endless_fields_are_refused() {
        let endless = user_with("/properties/Friend", json!({"$ref": "user.schema.json"}));
        let error = endless.expect_err("a user in a user has no end");
        assert_eq!(error.kind, SchemaErrorKind::Contradiction("more than 120 fields"));
    }
}
