//! Prints the result of `segprep check`: what a definition does to each field, and what stays in
//! the clear. `src/run/check` finds it out.

use std::path::{Path, PathBuf};

use segprep::definition::STANDARD_OUTPUT;
use segprep::plan::{Explanation, FieldLine, JoinGroup};
use segprep::report::quantities::{bytes, count, counted};
use segprep::run::{Checked, CheckedList, CheckedOutput, CheckedState};
use segprep::schema::Class;
use serde::Serialize;

use super::sheet::{CAREFUL, GOOD, Sheet, escape};

/// The same as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Explained<'a> {
    name: &'a str,
    purpose: &'a str,
    lists: &'a [String],
    /// Left out if a row is one record.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    endpoints: &'a [String],
    inputs: &'a [PathBuf],
    outputs: Vec<Output<'a>>,
    account: &'a Path,
    keys: Vec<Key<'a>>,
    fields: Vec<Field<'a>>,
    joins: Vec<Join<'a>>,
    repairs: &'a [String],
    stricter: &'a [String],
    /// Left out if records are not compared with each other.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    together: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    spill_bytes: Option<u64>,
    /// Left out without `[state]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Box<State<'a>>>,
    memory_bytes: usize,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    to: &'a Path,
    format: &'a str,
    max_bytes: u64,
    notes: &'a [String],
}

/// The list of taken inputs. What is not known, as nothing is asked of buckets, is null.
#[derive(Debug, Serialize)]
struct State<'a> {
    to: &'a Path,
    inputs: Option<u64>,
    runs: Option<u64>,
    last_run: Option<&'a str>,
    /// Inputs that are there now, and those of them that a run would take.
    found: Option<u64>,
    take: Option<u64>,
    found_changed: Option<u64>,
    changed: &'a str,
    on_empty: &'a str,
    max_shrink: Option<f64>,
    run: &'a str,
}

impl State<'_> {
    fn of(state: &CheckedState) -> State<'_> {
        let list = state.list.as_ref();
        let next = list.and_then(|list| list.next);
        State {
            to: &state.to,
            inputs: list.map(|list| list.inputs),
            runs: list.map(|list| list.runs),
            last_run: list.and_then(|list| list.last.as_deref()),
            found: next.map(|next| next.found),
            take: next.map(|next| next.take),
            found_changed: next.map(|next| next.changed),
            changed: state.changed,
            on_empty: if state.may_be_empty { "ok" } else { "fail" },
            max_shrink: state.max_shrink,
            run: &state.run,
        }
    }
}

#[derive(Debug, Serialize)]
struct Key<'a> {
    id: &'a str,
    from: &'a str,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    path: &'a str,
    class: &'static str,
    rule: &'a str,
    op: &'a str,
    why: String,
    in_the_clear: bool,
    lossy: bool,
    changes_with_key: bool,
}

#[derive(Debug, Serialize)]
struct Join<'a> {
    name: &'a str,
    settings: &'a str,
    fields: &'a [String],
    apart: bool,
}

impl<'a> Explained<'a> {
    pub(crate) fn of(checked: &'a Checked) -> Self {
        let explanation = &checked.explanation;
        let keys = checked.keys.iter().map(|(id, from)| Key { id, from });
        let fields = explanation.fields.iter().map(|field| {
            let FieldLine { path, class, rule, op, origin, in_the_clear, is_lossy, needs_key } =
                field;
            Field {
                path,
                class: class_name(*class),
                rule,
                op,
                why: why(origin.as_deref()),
                in_the_clear: *in_the_clear,
                lossy: *is_lossy,
                changes_with_key: *needs_key,
            }
        });
        let joins = explanation.joins.iter().map(|group| {
            let JoinGroup { join, settings, fields, apart } = group;
            Join { name: join, settings, fields, apart: *apart }
        });
        Explained {
            name: &checked.name,
            purpose: checked.purpose,
            lists: &checked.lists,
            endpoints: &checked.endpoints,
            inputs: &checked.inputs,
            outputs: checked
                .outputs
                .iter()
                .map(|CheckedOutput { to, format, max_bytes, notes }| Output {
                    to,
                    format,
                    max_bytes: *max_bytes,
                    notes,
                })
                .collect(),
            account: &checked.account,
            keys: keys.collect(),
            fields: fields.collect(),
            joins: joins.collect(),
            repairs: &explanation.repairs,
            stricter: &explanation.stricter,
            together: &checked.together,
            spill_bytes: (!checked.together.is_empty()).then_some(checked.spill_bytes),
            state: checked.state.as_ref().map(|state| Box::new(State::of(state))),
            memory_bytes: checked.limits.max_memory(),
            warnings: &checked.warnings,
        }
    }
}

/// The explanation for a terminal with `width` columns; `file` is the path of the definition as given.
pub(crate) fn explanation(checked: &Checked, file: &str, width: usize) -> String {
    let plan = &checked.explanation;
    let mut sheet = Sheet::new(width);
    sheet.heading(
        GOOD,
        "valid",
        &format!(" `{}` for {}", escape(&checked.name), escape(checked.purpose)),
    );
    sheet.gap();
    for class in [Class::Identifier, Class::Personal, Class::Technical] {
        sheet.section(class_name(class), fields(plan, class));
    }
    sheet.styled_section(
        CAREFUL,
        "clear",
        [
            listed(
                plan.personal_in_the_clear().filter(|field| !field.is_lossy),
                "written unchanged",
            ),
            listed(
                plan.personal_in_the_clear().filter(|field| field.is_lossy),
                "written without what detectors find",
            ),
        ]
        .into_iter()
        .flatten(),
    );
    sheet.section("lossy", listed(plan.lossy(), "information is lost"));
    sheet.section("joins", joins(&plan.joins));
    sheet.section("repairs", together(&plan.repairs));
    sheet.section("stricter", together(&plan.stricter));
    sheet.section("keys", keys(checked));
    sheet.section("lists", checked.lists.iter().map(escape));
    sheet.section("together", checked.together.iter().map(escape));
    let endpoints = (1..).zip(&checked.endpoints);
    sheet.section(
        "each row",
        endpoints.map(|(n, what): (usize, _)| format!("{n}. {}", escape(what))),
    );
    sheet.section("from", paths(&checked.inputs));
    let account = format!("{}  account", escape(checked.account.display()));
    sheet.section("to", checked.outputs.iter().map(output).chain([account]));
    sheet.section("state", checked.state.iter().flat_map(state));
    sheet.section("memory", [format!("at most {}", checked.limits)]);
    sheet.styled_section(CAREFUL, "warning", checked.warnings.iter().map(escape));
    sheet.gap();
    sheet.heading(GOOD, "next", &format!(": segprep run --dry-run {}", escape(file)));
    sheet.finish()
}

/// What is on the list of taken inputs, and what a run would do.
fn state(state: &CheckedState) -> Vec<String> {
    let CheckedState { to, list, changed, may_be_empty, max_shrink, run } = state;
    let on_list = match list {
        None => "not looked at: `segprep status` does".to_owned(),
        Some(CheckedList { runs: 0, .. }) => "nothing taken yet".to_owned(),
        Some(CheckedList { inputs, runs, last, .. }) => format!(
            "{} taken in {}, the last one `{}`",
            counted(*inputs, "input"),
            counted(*runs, "run"),
            escape(last.as_deref().unwrap_or_default())
        ),
    };
    let next = list.as_ref().and_then(|list| list.next).map(|next| {
        let changed = if next.changed == 0 {
            String::new()
        } else {
            format!("; changed: {}", count(next.changed))
        };
        format!(
            "a run would take {} of {}{changed}",
            count(next.take),
            counted(next.found, "input")
        )
    });
    let on_change = match *changed {
        "take" => "inputs that have changed are taken again (`changed = \"take\"`)",
        "skip" => "inputs that have changed are left out (`changed = \"skip\"`)",
        _ => "inputs that have changed end the run with exit 65 (`changed = \"fail\"`)",
    };
    let on_empty = if *may_be_empty {
        "a run with nothing new is done, with exit 0 (`on_empty = \"ok\"`)"
    } else {
        "a run with nothing new ends with exit 66 (`on_empty = \"fail\"`)"
    };
    let shrink = max_shrink.map(|share| {
        format!("a run with under {share} of the records of the last one is over its budget (`max_shrink`)")
    });
    let first = format!("{}  {on_list}", escape(to.display()));
    let name =
        format!("`{{run}}` is the start of a run, such as `{}`, or what `--run` says", escape(run));
    let lines = [
        Some(first),
        next,
        Some(on_change.to_owned()),
        Some(on_empty.to_owned()),
        shrink,
        Some(name),
    ];
    lines.into_iter().flatten().collect()
}

/// Joins the words into one line.
fn together(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| escape(words.join(", ")))
}

fn paths<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    paths.into_iter().map(|path| escape(path.display())).collect()
}

fn output(output: &CheckedOutput) -> String {
    let CheckedOutput { to, format, max_bytes, notes } = output;
    let is_standard = to.as_os_str() == STANDARD_OUTPUT;
    let to = if is_standard { "standard output".to_owned() } else { escape(to.display()) };
    let parts = (!is_standard).then(|| format!("parts up to {}", bytes(*max_bytes)));
    let line: Vec<String> =
        [(*format).to_owned()].into_iter().chain(parts).chain(notes.iter().cloned()).collect();
    format!("{to}  {}", line.join(", "))
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Identifier => "identifier",
        Class::Personal => "personal",
        Class::Technical => "technical",
    }
}

/// A line for each field with a rule, and one for the fields of the class that are kept by default.
fn fields(plan: &Explanation, class: Class) -> Vec<String> {
    let of_class = || plan.fields.iter().filter(|field| field.class == class);
    let width =
        of_class().filter(|field| !is_default(field)).map(|field| field.path.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines: Vec<String> = of_class()
        .filter(|field| !is_default(field))
        .map(|field| {
            format!(
                "{:width$}  {}, {}",
                escape(&field.path),
                escape(&field.op),
                escape(place(field))
            )
        })
        .collect();
    let kept: Vec<String> =
        of_class().filter(|field| is_default(field)).map(|field| escape(&field.path)).collect();
    if !kept.is_empty() {
        lines.push(format!("kept by default: {}", kept.join(", ")));
    }
    lines
}

fn is_default(field: &FieldLine) -> bool {
    field.origin.is_none()
}

/// Where a rule comes from, for `--json`.
fn why(origin: Option<&str>) -> String {
    origin.map_or_else(
        || "default: technical fields are kept".to_owned(),
        |place| format!("rule of the definition, {place}"),
    )
}

/// The line of the rule, and its path if that differs from the path of the field.
fn place(field: &FieldLine) -> String {
    let place = field.origin.as_deref().unwrap_or("default");
    if field.rule == field.path { place.to_owned() } else { format!("{place}: `{}`", field.rule) }
}

/// The fields in one line, followed by what applies to all of them.
fn listed<'a>(fields: impl Iterator<Item = &'a FieldLine>, what: &str) -> Option<String> {
    let paths: Vec<String> = fields.map(|field| escape(&field.path)).collect();
    (!paths.is_empty()).then(|| format!("{} ({what})", paths.join(", ")))
}

/// The source of each key, and the fields that depend on the current one.
fn keys(checked: &Checked) -> Vec<String> {
    let mut lines: Vec<String> =
        checked.keys.iter().map(|(id, from)| format!("`{id}` from {}", escape(from))).collect();
    let changed = listed(checked.explanation.changed_by_a_key(), "with a different `current` key");
    lines.extend(changed.map(|fields| format!("would change: {fields}")));
    lines
}

fn joins(groups: &[JoinGroup]) -> Vec<String> {
    let mut lines: Vec<String> = groups.iter().map(join).collect();
    if !lines.is_empty() {
        lines.push("equal values have equal tokens under one join and key".to_owned());
    }
    lines
}

fn join(group: &JoinGroup) -> String {
    let apart = if group.apart { "; each name separately" } else { "" };
    let fields: Vec<String> = group.fields.iter().map(escape).collect();
    format!("`{}`  {} ({}{apart})", escape(&group.join), fields.join(", "), escape(&group.settings))
}

#[cfg(test)]
mod tests {
    use segprep::run::{Limits, NextInputs};

    use super::*;

    fn field(path: &str, class: Class, rule: &str, op: &str, origin: Option<&str>) -> FieldLine {
        let (path, rule) = (path.to_owned(), rule.to_owned());
        let in_the_clear = op == "keep";
        let (is_lossy, needs_key) = (op.starts_with("mask"), op.starts_with("hmac"));
        let (op, origin) = (op.to_owned(), origin.map(str::to_owned));
        FieldLine { path, class, rule, op, origin, in_the_clear, is_lossy, needs_key }
    }

    fn checked() -> Checked {
        let (line, default) = (Some("line 7"), None);
        let fields = vec![
            field("Address", Class::Identifier, "Address", "keep", line),
            field("User.UserId", Class::Identifier, "User.UserId", "hmac (join \"user\")", line),
            field("Location.City", Class::Personal, "Location.*", "drop", line),
            field("Location.Region", Class::Personal, "Location.Region", "mask (all of it)", line),
            field("OptOut", Class::Technical, "OptOut", "keep", default),
            field("EffectiveDate", Class::Technical, "EffectiveDate", "keep", default),
        ];
        let join = JoinGroup {
            join: "user".to_owned(),
            settings: "256 bits, hex".to_owned(),
            fields: vec!["User.UserId".to_owned()],
            apart: false,
        };
        Checked {
            name: "newsletter".to_owned(),
            purpose: "messaging",
            explanation: Explanation {
                fields,
                joins: vec![join],
                repairs: vec!["country".to_owned(), "phone (region US)".to_owned()],
                stricter: vec!["phone (in its numbering plan)".to_owned()],
            },
            warnings: vec!["tokens protect nobody".to_owned()],
            together: Vec::new(),
            spill_bytes: 0,
            limits: Limits {
                compared: 0,
                threads: 2,
                chunk_bytes: 1 << 20,
                max_record: 1 << 20,
                endpoints: 1,
                parquet: 0,
                list_bytes: 0,
                profiles: 0,
                name_bytes: 0,
                parts: 0,
                reads_buckets: false,
                buckets: 0,
            },
            keys: vec![("k1".to_owned(), "the variable K1".to_owned())],
            lists: vec!["drops records whose Address is in a.csv".to_owned()],
            endpoints: Vec::new(),
            inputs: vec!["in/".into()],
            outputs: vec![CheckedOutput {
                to: "out/".into(),
                format: "pinpoint-json",
                max_bytes: 1_000_000_000,
                notes: vec!["a note".to_owned()],
            }],
            account: "account/".into(),
            state: None,
        }
    }

    #[test]
    fn a_state_is_explained_as_far_as_it_is_known() {
        let mut found = CheckedState {
            to: "state/".into(),
            list: None,
            changed: "fail",
            may_be_empty: false,
            max_shrink: Some(0.5),
            run: "20261129T020000Z".to_owned(),
        };
        let shown = state(&found);
        assert_eq!(
            shown,
            [
                "state/  not looked at: `segprep status` does",
                "inputs that have changed end the run with exit 65 (`changed = \"fail\"`)",
                "a run with nothing new ends with exit 66 (`on_empty = \"fail\"`)",
                "a run with under 0.5 of the records of the last one is over its budget (`max_shrink`)",
                "`{run}` is the start of a run, such as `20261129T020000Z`, or what `--run` says",
            ]
        );
        let next = Some(NextInputs { found: 3, take: 1, changed: 0 });
        found.list = Some(CheckedList { next, ..CheckedList::default() });
        assert_eq!(
            state(&found)[..2],
            ["state/  nothing taken yet", "a run would take 1 of 3 inputs"]
        );
        let next = Some(NextInputs { found: 4, take: 2, changed: 1 });
        let last = Some("night-2".to_owned());
        found.list = Some(CheckedList { inputs: 3, runs: 2, last, next });
        (found.changed, found.may_be_empty) = ("take", true);
        assert_eq!(
            state(&found)[..4],
            [
                "state/  3 inputs taken in 2 runs, the last one `night-2`",
                "a run would take 2 of 4 inputs; changed: 1",
                "inputs that have changed are taken again (`changed = \"take\"`)",
                "a run with nothing new is done, with exit 0 (`on_empty = \"ok\"`)",
            ]
        );
    }

    #[test]
    fn a_definition_is_explained_field_by_field() {
        let expected = "\
valid `newsletter` for messaging

  identifier Address      keep, line 7
             User.UserId  hmac (join \"user\"), line 7
  personal   Location.City    drop, line 7: `Location.*`
             Location.Region  mask (all of it), line 7
  technical  kept by default: OptOut, EffectiveDate
  clear      Address (written unchanged)
  lossy      Location.Region (information is lost)
  joins      `user`  User.UserId (256 bits, hex)
             equal values have equal tokens under one join and key
  repairs    country, phone (region US)
  stricter   phone (in its numbering plan)
  keys       `k1` from the variable K1
             would change: User.UserId (with a different `current` key)
  lists      drops records whose Address is in a.csv
  from       in/
  to         out/  pinpoint-json, parts up to 1.0 GB, a note
             account/  account
  memory     at most 164 MiB = 5 in flight × (2 MiB chunk + 6 MiB block + 4 MiB
             columns) + 2 threads × (25 MiB batch + 3 MiB learned + 12 MiB read
             ahead) + 24 MiB base
  warning    tokens protect nobody

next: segprep run --dry-run a.toml
";
        let text = explanation(&checked(), "a.toml", 80);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }
}
