//! Any text as a definition: it gives a plan, or diagnostics that can be printed.

use std::{collections::BTreeMap, path::Path, sync::Arc, sync::LazyLock};

use segprep::definition::Environment;
use segprep::pipeline::Stages;
use segprep::plan::{self, Entries, ListSpec, Plan, PlanError};
use segprep::schema::Schema;
use segprep::transform::MasterKey;

static SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::shipped("pinpoint").expect("it is shipped")));

/// The text of a definition, followed by arguments of `--set`, separated by NUL.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut pieces = text.split('\0').map(str::to_owned);
    let text = pieces.next().unwrap_or_default();
    let sets: Vec<String> = pieces.collect();
    let environment = Environment {
        env: &|name| (name == "HOME").then(|| "/home/somebody".to_owned()),
        date: "2026-01-31",
        run: "20260131T020000Z",
        real_path: &Path::to_path_buf,
    };
    match plan::check("fuzz.toml", &text, &sets, &environment, &SCHEMA) {
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "an invalid definition has a diagnostic");
            assert!(!format!("{diagnostics:?}").is_empty());
        }
        Ok((definition, rules)) => {
            rules.explain(&SCHEMA);
            let ids = ["demo", "k1", "k2"].map(str::to_owned);
            let keys: BTreeMap<String, MasterKey> =
                ids.into_iter().map(|id| (id, MasterKey::demo())).collect();
            let Ok(specs) = ListSpec::all(&definition, &rules, &SCHEMA, &keys) else { return };
            let read = |spec: ListSpec| spec.with_entries(Entries::default());
            let lists = specs.into_iter().map(read).collect();
            match Plan::new(&definition, rules, Arc::clone(&SCHEMA), keys, lists) {
                Ok(plan) => drop(Stages::new(&plan, &[])),
                Err(PlanError::NoKey(_)) => {}
            }
        }
    }
}
