//! An evaluator of IAM policies: which requests they allow, by action, resource and condition.
//!
//! A request has the condition keys that AWS's Service Authorization Reference lists for its action,
//! and no others: a condition on another key never holds, unless it is negated. What the policies of
//! docs/iam.md do not use (`NotAction`, policy variables, other operators) is unknown here and panics.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request: what it does to what, and its condition keys.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    keys: BTreeMap<&'static str, String>,
}

/// The condition keys of all requests.
const KEYS_OF_ALL: [&str; 3] = ["aws:PrincipalArn", "aws:SecureTransport", "s3:TlsVersion"];
/// The condition keys that only requests for some actions have.
const KEYS: [(&str, &[&str]); 4] = [
    ("s3:ListBucket", &["s3:prefix", "s3:delimiter", "s3:max-keys"]),
    ("s3:PutObject", &[ENCRYPTION, ENCRYPTION_KEY]),
    ("kms:GenerateMac", &["kms:MacAlgorithm"]),
    ("sts:AssumeRole", &["sts:ExternalId", "sts:RoleSessionName"]),
];
pub(crate) const ENCRYPTION: &str = "s3:x-amz-server-side-encryption";
pub(crate) const ENCRYPTION_KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

impl Asked {
    pub(crate) fn new(action: &'static str, resource: impl Into<String>) -> Asked {
        Asked { action, resource: resource.into(), keys: BTreeMap::new() }
    }

    /// Adds a condition key, if requests for this action have it.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Asked {
        let of_action = KEYS.iter().find(|(action, _)| *action == self.action);
        let of_action = of_action.map_or(&[][..], |(_, keys)| keys);
        if KEYS_OF_ALL.contains(&key) || of_action.contains(&key) {
            self.keys.insert(key, value.into());
        }
        self
    }
}

/// One statement of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sid: String,
    pub(crate) is_allow: bool,
    pub(crate) actions: Vec<String>,
    /// Empty in a trust policy, which is about its role.
    pub(crate) resources: Vec<String>,
    /// Empty in a policy of an identity.
    pub(crate) principals: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

/// The strings of a value: one, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Bool(_) | Value::Number(_) => panic!("{value} is not a text"),
    }
}

impl Statement {
    /// The statements of a policy, or the one that this is.
    pub(crate) fn all(policy: &Value) -> Vec<Statement> {
        match policy.get("Statement") {
            Some(statements) => {
                assert_eq!(policy["Version"], "2012-10-17");
                statements.as_array().expect("a list").iter().map(Statement::parse).collect()
            }
            None => vec![Statement::parse(policy)],
        }
    }

    fn parse(statement: &Value) -> Statement {
        let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        let fields = statement.as_object().expect("an object");
        assert!(fields.keys().all(|name| known.contains(&name.as_str())), "{statement}");
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        let conditions = conditions.flat_map(|(operator, keys)| {
            keys.as_object().expect("keys").iter().map(|(key, values)| Condition {
                operator: operator.clone(),
                key: key.clone(),
                values: texts(values),
            })
        });
        Statement {
            sid: statement["Sid"].as_str().expect("a name").to_owned(),
            is_allow: statement["Effect"] == "Allow",
            actions: texts(&statement["Action"]),
            resources: texts(&statement["Resource"]),
            principals: texts(&statement["Principal"]),
            conditions: conditions.collect(),
        }
    }

    fn applies(&self, asked: &Asked) -> bool {
        // Actions are compared without regard to case.
        let action = asked.action.to_ascii_lowercase();
        let is_action = |pattern: &String| is_like(&pattern.to_ascii_lowercase(), &action);
        let is_resource = |pattern: &String| is_like(pattern, &asked.resource);
        self.actions.iter().any(is_action)
            && (self.resources.is_empty() || self.resources.iter().any(is_resource))
            && (self.principals.is_empty() || self.is_for(asked))
            && self.conditions.iter().all(|condition| condition.holds(asked))
    }

    /// Whether the principal is one of the statement's: itself, its whole account, or anybody.
    fn is_for(&self, asked: &Asked) -> bool {
        let who = asked.keys.get("aws:PrincipalArn").map_or("", String::as_str);
        self.principals.iter().any(|principal| {
            let account = principal.strip_suffix(":root");
            principal == "*"
                || principal == who
                || account.is_some_and(|account| who.starts_with(&format!("{account}:")))
        })
    }
}

impl Condition {
    fn holds(&self, asked: &Asked) -> bool {
        let found = asked.keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(&self.key));
        let is_negated = self.operator.contains("Not");
        let Some((_, found)) = found else { return is_negated };
        let is_one =
            |is_it: fn(&str, &str) -> bool| self.values.iter().any(|value| is_it(value, found));
        match self.operator.as_str() {
            "StringEquals" | "ArnEquals" => is_one(|value, found| value == found),
            "StringNotEquals" | "ArnNotEquals" => !is_one(|value, found| value == found),
            "Bool" => is_one(str::eq_ignore_ascii_case),
            "StringLike" | "ArnLike" => is_one(is_like),
            "NumericLessThan" => is_one(|value, found| number(found) < number(value)),
            other => panic!("this evaluator does not know `{other}`"),
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

/// Whether a text matches a pattern, in which `*` stands for any text and `?` for one character.
fn is_like(pattern: &str, text: &str) -> bool {
    let (mut of_pattern, mut of_text) = (pattern.chars(), text.chars());
    match (of_pattern.next(), of_text.next()) {
        (None, None) => true,
        (Some('*'), _) => (0..=text.len())
            .filter_map(|at| text.get(at..))
            .any(|rest| is_like(of_pattern.as_str(), rest)),
        (Some('?'), Some(_)) => is_like(of_pattern.as_str(), of_text.as_str()),
        (Some(one), Some(other)) if one == other => is_like(of_pattern.as_str(), of_text.as_str()),
        _ => false,
    }
}

/// Whether statements allow a request: one allows it, and none denies it.
pub(crate) fn allows<'s>(
    statements: impl IntoIterator<Item = &'s Statement>,
    asked: &Asked,
) -> bool {
    let applying = statements.into_iter().filter(|statement| statement.applies(asked));
    let mut effects = applying.map(|statement| statement.is_allow).peekable();
    effects.peek().is_some() && effects.all(|is_allow| is_allow)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(statement: Value, asked: &Asked, expected: bool) {
        let mut statement = statement;
        statement["Sid"] = json!("One");
        assert_eq!(allows(&Statement::all(&statement), asked), expected, "{statement} {asked:?}");
    }

    fn list(prefix: &str) -> Asked {
        Asked::new("s3:ListBucket", "arn:aws:s3:::b").with("s3:prefix", prefix)
    }

    #[test]
    fn actions_and_resources_have_wildcards() {
        let get = || Asked::new("s3:GetObject", "arn:aws:s3:::b/in/a");
        for (action, resource, expected) in [
            ("s3:GetObject", "arn:aws:s3:::b/in/*", true),
            ("s3:getobject", "arn:aws:s3:::b/in/?", true),
            ("s3:Get*", "*", true),
            ("s3:GetObjectTagging", "*", false),
            ("s3:GetObject", "arn:aws:s3:::b/in", false),
            ("s3:GetObject", "arn:aws:s3:::b", false),
            ("s3:GetObject", "arn:aws:s3:::b/in/??", false),
            ("kms:*", "*", false),
        ] {
            check(
                json!({ "Effect": "Allow", "Action": action, "Resource": resource }),
                &get(),
                expected,
            );
        }
        check(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }), &get(), false);
    }

    #[test]
    fn a_condition_on_a_key_that_the_action_does_not_have_never_holds() {
        let under = |action: &str, operator: &str, key: &str, value: &str| {
            json!({
                "Effect": "Allow", "Action": action, "Resource": "*",
                "Condition": { operator: { key: [value] } },
            })
        };
        let is_below = under("s3:*", "StringLike", "s3:prefix", "in/*");
        check(is_below.clone(), &list("in/"), true);
        check(is_below.clone(), &list("out/"), false);
        let uploads = Asked::new("s3:ListBucketMultipartUploads", "arn:aws:s3:::b");
        check(is_below, &uploads.clone().with("s3:prefix", "in/"), false);
        check(under("s3:*", "StringNotEquals", "s3:prefix", "x"), &uploads, true);
        check(under("s3:*", "StringNotEquals", "s3:prefix", "in/"), &list("in/"), false);
        check(under("s3:*", "StringEquals", "S3:Prefix", "in/"), &list("in/"), true);
        check(under("s3:*", "StringEquals", "s3:prefix", "in/*"), &list("in/a"), false);
        let plain = uploads.with("aws:SecureTransport", "false").with("s3:TlsVersion", "1.1");
        check(under("s3:*", "Bool", "aws:SecureTransport", "false"), &plain, true);
        check(under("s3:*", "NumericLessThan", "s3:TlsVersion", "1.2"), &plain, true);
        check(under("s3:*", "NumericLessThan", "s3:TlsVersion", "1.1"), &plain, false);
    }

    #[test]
    fn one_denial_outweighs_all_others() {
        let allow = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "A" });
        let deny = json!({
            "Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b", "Sid": "D",
            "Condition": { "StringEquals": { "s3:prefix": "secret/" } },
        });
        let both = json!({ "Version": "2012-10-17", "Statement": [allow, deny] });
        let both = Statement::all(&both);
        assert!(allows(&both, &list("in/")) && !allows(&both, &list("secret/")));
        assert!(!allows(&[], &list("in/")));
    }

    #[test]
    fn a_principal_is_itself_or_of_an_account() {
        let asked = Asked::new("sts:AssumeRole", "arn:aws:iam::1:role/r")
            .with("aws:PrincipalArn", "arn:aws:iam::1:user/u");
        for (principal, expected) in [
            ("arn:aws:iam::1:root", true),
            ("arn:aws:iam::1:user/u", true),
            ("arn:aws:iam::1:user/other", false),
            ("arn:aws:iam::11:root", false),
        ] {
            let trust = json!({
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": principal },
            });
            check(trust, &asked, expected);
        }
    }
}
