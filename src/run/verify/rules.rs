//! What the manifest says about fields, as what each value of a part must be like.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::pipeline::{Expectation, Expectations, Stages};
use crate::plan::{Plan, RecordedRules};
use crate::report::{Manifest, TokenNote};
use crate::run::scan::checked;
use crate::schema::Schema;
use crate::transform::{Encoding, TokenShape, Tokens};

/// Keeps every field, so that all of them are checked, and refuses unknown ones. Its places are never used.
const CHECKS_EVERYTHING: &str = r#"
segprep = 1
name = "verify"
purpose = "messaging"
input = { from = ["-"], unknown = "reject", inactive = "keep", kinds = ["endpoint", "update", "user"] }
fields = { "*" = "keep" }
validate = { pii = "off" }
account = { to = "/dev/null/segprep/account" }
output = [{ to = "/dev/null/segprep/output", format = "pinpoint-json" }]
"#;

/// How the records of parts are checked.
pub(in crate::run) struct Rules {
    pub(in crate::run) plan: Plan,
    pub(in crate::run) stages: Stages,
    pub(in crate::run) expected: Expectations,
}

impl Rules {
    /// `None`: a rule of the manifest names no field, or makes no tokens that could be.
    pub(in crate::run) fn of(manifest: &Manifest) -> Option<Rules> {
        let schema = Arc::new(Schema::shipped("pinpoint").expect("it is shipped"));
        let (everything, rules) = checked(&schema, CHECKS_EVERYTHING, &[]).ok()?;
        let plan = Plan::new(&everything, rules, Arc::clone(&schema), BTreeMap::new(), Vec::new());
        let plan = plan.ok()?;
        let paths = manifest.fields.iter().map(|field| (field.path.as_str(), field.op == "drop"));
        let recorded = RecordedRules::new(paths, &schema).ok()?;
        let of_rules = manifest.fields.iter().map(|field| match field.op.as_str() {
            "keep" => Expectation::Kept,
            "drop" => Expectation::Absent,
            "hmac" => Expectation::Token,
            _ => Expectation::Changed,
        });
        let (tokens, known) = (tokens(manifest)?, known(manifest));
        let expected = Expectations::new(recorded, of_rules.collect(), tokens, known, &schema);
        Some(Rules { stages: Stages::for_checks(&plan), plan, expected })
    }
}

/// The tokens that the rules make. A rule may pass on those of another one.
fn tokens(manifest: &Manifest) -> Option<Tokens> {
    let hashed = || manifest.fields.iter().filter(|field| field.op == "hmac");
    let ids = manifest.keys.iter().map(|key| key.id.clone()).collect();
    let all_noted: Option<Vec<&TokenNote>> = hashed().map(|field| field.token.as_ref()).collect();
    let shapes = match all_noted {
        Some(tokens) => tokens.into_iter().map(shape).collect::<Option<Vec<_>>>()?,
        None => all_shapes(), // the manifest of an earlier version
    };
    Some(Tokens { ids, shapes })
}

fn shape(note: &TokenNote) -> Option<TokenShape> {
    let encoding = Encoding::ALL.into_iter().find(|known| known.name() == note.encoding)?;
    TokenShape::new(note.bits, encoding).ok()
}

fn all_shapes() -> Vec<TokenShape> {
    let bits = (1..=32_u32).map(|bytes| bytes * 8);
    let shapes = bits.flat_map(|bits| Encoding::ALL.map(|encoding| (bits, encoding)));
    shapes.filter_map(|(bits, encoding)| TokenShape::new(bits, encoding).ok()).collect()
}

/// The whole paths of the names that the manifest has.
fn known(manifest: &Manifest) -> HashSet<String> {
    let mut known = HashSet::new();
    for field in &manifest.fields {
        match field.path.strip_suffix('*') {
            None => {
                known.insert(field.path.clone());
            }
            Some(within) => known.extend(field.names.keys().map(|name| format!("{within}{name}"))),
        }
    }
    known
}
