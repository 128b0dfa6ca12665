//! What a definition would do, field by field, and what is left in the clear.

use std::path::{Path, PathBuf};

use segprep::pipeline::{Explanation, FieldLine, JoinGroup};
use segprep::run::Checked;
use segprep::schema::Class;
use serde::Serialize;

use super::sheet::{CAREFUL, GOOD, Sheet, shown};

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Explained<'a> {
    name: &'a str,
    purpose: &'a str,
    inputs: &'a [PathBuf],
    outputs: &'a [PathBuf],
    account: &'a Path,
    keys: Vec<Key<'a>>,
    fields: Vec<Field<'a>>,
    joins: Vec<Join<'a>>,
    memory_bytes: usize,
    warnings: &'a [String],
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
    why: &'a str,
    in_the_clear: bool,
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
            let FieldLine { path, class, rule, op, why, in_the_clear } = field;
            Field { path, class: class_name(*class), rule, op, why, in_the_clear: *in_the_clear }
        });
        let joins = explanation.joins.iter().map(|group| {
            let JoinGroup { join, settings, fields, apart } = group;
            Join { name: join, settings, fields, apart: *apart }
        });
        Explained {
            name: &checked.name,
            purpose: checked.purpose,
            inputs: &checked.inputs,
            outputs: &checked.outputs,
            account: &checked.account,
            keys: keys.collect(),
            fields: fields.collect(),
            joins: joins.collect(),
            memory_bytes: checked.limits.memory_max(),
            warnings: &checked.warnings,
        }
    }
}

/// The explanation for a terminal of so many columns; `file` is the definition as it was named.
pub(crate) fn explanation(checked: &Checked, file: &str, width: usize) -> String {
    let plan = &checked.explanation;
    let mut sheet = Sheet::new(width);
    sheet.heading(
        GOOD,
        "sound",
        &format!(" `{}` for {}", shown(&checked.name), shown(checked.purpose)),
    );
    sheet.gap();
    for class in [Class::Identifier, Class::Personal, Class::Technical] {
        sheet.section(class_name(class), fields(plan, class));
    }
    sheet.styled_section(CAREFUL, "clear", in_the_clear(plan));
    sheet.section("joins", joins(&plan.joins));
    sheet.section(
        "keys",
        checked.keys.iter().map(|(id, from)| format!("`{id}` from {}", shown(from))),
    );
    sheet.section("from", paths(&checked.inputs));
    sheet.section("to", paths(checked.outputs.iter().chain([&checked.account])));
    sheet.section("memory", [format!("at most {}", checked.limits)]);
    sheet.styled_section(CAREFUL, "warning", checked.warnings.iter().map(shown));
    sheet.gap();
    sheet.heading(GOOD, "next", &format!(": segprep run --dry-run {}", shown(file)));
    sheet.finish()
}

fn paths<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    paths.into_iter().map(|path| shown(path.display())).collect()
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Identifier => "identifier",
        Class::Personal => "personal",
        Class::Technical => "technical",
    }
}

/// A line for each field that a rule of the definition governs, and one for all the others of
/// the class: those are kept, and nothing was decided about them.
fn fields(plan: &Explanation, class: Class) -> Vec<String> {
    let of_class = || plan.fields.iter().filter(|field| field.class == class);
    let width =
        of_class().filter(|field| !is_default(field)).map(|field| field.path.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines: Vec<String> = of_class()
        .filter(|field| !is_default(field))
        .map(|field| {
            format!("{:width$}  {}, {}", shown(&field.path), shown(&field.op), shown(why(field)))
        })
        .collect();
    let kept: Vec<String> =
        of_class().filter(|field| is_default(field)).map(|field| shown(&field.path)).collect();
    if !kept.is_empty() {
        lines.push(format!("kept by default: {}", kept.join(", ")));
    }
    lines
}

fn is_default(field: &FieldLine) -> bool {
    field.why.starts_with("default")
}

/// Where the rule stands, and which it is if it has another path.
fn why(field: &FieldLine) -> String {
    let place = field.why.strip_prefix("rule of the definition, ").unwrap_or(&field.why);
    if field.rule == field.path { place.to_owned() } else { format!("{place}: `{}`", field.rule) }
}

fn in_the_clear(plan: &Explanation) -> Option<String> {
    let paths: Vec<String> = plan.in_the_clear().map(|field| shown(&field.path)).collect();
    (!paths.is_empty()).then(|| format!("{} (written as they come in)", paths.join(", ")))
}

fn joins(groups: &[JoinGroup]) -> Vec<String> {
    let mut lines: Vec<String> = groups.iter().map(join).collect();
    if !lines.is_empty() {
        lines.push("the same value has the same token under one join and key".to_owned());
    }
    lines
}

fn join(group: &JoinGroup) -> String {
    let apart = if group.apart { "; each name by itself" } else { "" };
    let fields: Vec<String> = group.fields.iter().map(shown).collect();
    format!("`{}`  {} ({}{apart})", shown(&group.join), fields.join(", "), shown(&group.settings))
}

#[cfg(test)]
mod tests {
    use segprep::run::Limits;

    use super::*;

    fn field(path: &str, class: Class, rule: &str, op: &str, why: &str) -> FieldLine {
        let (path, rule) = (path.to_owned(), rule.to_owned());
        let in_the_clear = op == "keep" && class != Class::Technical;
        FieldLine { path, class, rule, op: op.to_owned(), why: why.to_owned(), in_the_clear }
    }

    fn checked() -> Checked {
        let (line, default) =
            ("rule of the definition, line 7", "default: technical fields are kept");
        let fields = vec![
            field("Address", Class::Identifier, "Address", "keep", line),
            field("User.UserId", Class::Identifier, "User.UserId", "hmac (join \"user\")", line),
            field("Location.City", Class::Personal, "Location.*", "drop", line),
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
            explanation: Explanation { fields, joins: vec![join] },
            warnings: vec!["tokens protect nobody".to_owned()],
            limits: Limits { threads: 2, chunk_bytes: 1 << 20, max_record: 1 << 20 },
            keys: vec![("k1".to_owned(), "the variable K1".to_owned())],
            inputs: vec!["in/".into()],
            outputs: vec!["out/".into()],
            account: "account/".into(),
        }
    }

    #[test]
    fn a_definition_is_told_field_by_field() {
        let expected = "\
sound `newsletter` for messaging

  identifier Address      keep, line 7
             User.UserId  hmac (join \"user\"), line 7
  personal   Location.City  drop, line 7: `Location.*`
  technical  kept by default: OptOut, EffectiveDate
  clear      Address (written as they come in)
  joins      `user`  User.UserId (256 bits, hex)
             the same value has the same token under one join and key
  keys       `k1` from the variable K1
  from       in/
  to         out/
             account/
  memory     at most 171 MiB = 5 in flight × (2 MiB chunk + 6 MiB block + 4 MiB
             columns) + 2 threads × (25 MiB batch + 22 MiB read ahead) + 24 MiB
             base
  warning    tokens protect nobody

next: segprep run --dry-run a.toml
";
        let text = explanation(&checked(), "a.toml", 80);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }
}
