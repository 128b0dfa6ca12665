//! Writes a definition for files that were scanned, with the reason of each line.
//!
//! It errs on the safe side: what a detector hit, and what cannot be told, is not kept, and a name that may be somebody's
//! data is not written. Where the meaning of an opt-out is open, the definition says so and is not valid until
//! somebody decides.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::choose::{Chosen, Found, choose};
use super::meaning::{By, Knowledge};
use super::report::{FieldReport, ScanReport};
use crate::definition::Purpose;
use crate::schema::{Class, Role};

/// What a definition begins with.
#[derive(Clone, Debug)]
pub struct DefinitionOptions {
    pub name: String,
    pub purpose: Purpose,
    /// As in `from`.
    pub from: Vec<String>,
    /// Inputs that are not read, each with the reason.
    pub exclude: Vec<(String, String)>,
    /// The file that the definition is written to.
    pub file: Option<String>,
}

/// The column in which reasons begin.
const REASON_COLUMN: usize = 56;

/// The definition for what a scan found.
pub fn define(report: &ScanReport, options: &DefinitionOptions, knowledge: &Knowledge) -> String {
    let chosen = choose(report, knowledge);
    let mut page = Page { text: String::new() };
    page.head(report, options);
    page.input(report, options, &chosen, knowledge);
    page.repair(report, &chosen, knowledge);
    page.fields(&chosen, options, knowledge);
    page.tail(options);
    page.text
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A line with its reason.
    fn line_because(&mut self, line: &str, reason: &str) {
        let pad = REASON_COLUMN.saturating_sub(line.chars().count());
        writeln!(self.text, "{line}{:pad$} # {reason}", "").expect("a string has room");
    }

    fn head(&mut self, report: &ScanReport, options: &DefinitionOptions) {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let (records, files) =
            (report.records, u64::try_from(report.files.len()).unwrap_or(u64::MAX));
        let of = format!("{records} record{} in {files} file{}", plural(records), plural(files));
        let file = options.file.as_deref().unwrap_or("FILE");
        self.line(&format!(
            "# Proposed by `segprep init` from {of}. Read it line by line: what a detector hit, and\n\
             # what cannot be told, is not kept. A reason says what was found, never a value.\n#\n\
             # Next:   segprep check {file}\n#         segprep run {file}\n",
        ));
        let purpose = match options.purpose {
            Purpose::Messaging => "messaging",
            Purpose::Analytics => "analytics",
        };
        self.line("segprep = 1");
        self.line(&format!("name    = {}", quoted(&options.name)));
        self.line(&format!("purpose = {}\n", quoted(purpose)));
    }

    fn input(
        &mut self,
        report: &ScanReport,
        options: &DefinitionOptions,
        chosen: &Chosen<'_>,
        knowledge: &Knowledge,
    ) {
        self.line("[input]");
        let from: Vec<String> = options.from.iter().map(|from| quoted(from)).collect();
        self.line(&format!("from = [{}]", from.join(", ")));
        if !options.exclude.is_empty() {
            self.line("exclude = [");
            for (name, reason) in &options.exclude {
                self.line_because(&format!("  {},", quoted(&pattern_of(name))), reason);
            }
            self.line("]");
        }
        let is_read = |name: &str| !options.exclude.iter().any(|(out, _)| out == name);
        let read = report.files.iter().filter(|file| is_read(&file.name));
        let mut encodings = read.map(|file| file.encoding);
        if let Some(encoding) = encodings.find(|encoding| *encoding != "utf-8") {
            self.line_because(
                &format!("encoding = {}", quoted(encoding)),
                "found out by the first 64 KiB",
            );
        }
        if let Some(columns) = &chosen.columns {
            let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
            self.line_because("header = false", "the first row is data");
            self.line(&format!("columns = [{}]", names.join(", ")));
        }
        if chosen.is_users_only {
            let kinds = "kinds = [\"endpoint\", \"update\", \"user\"]";
            self.line_because(kinds, "no field has an address or an id");
        }
        let others = chosen.unknown;
        self.line_because(
            "unknown = \"drop\"",
            &format!("fields that are none of the schema's: {others}"),
        );
        if !chosen.ignored.is_empty() {
            let names: Vec<String> = chosen.ignored.iter().map(|name| quoted(name)).collect();
            self.line_because(
                &format!("ignore = [{}]", names.join(", ")),
                "another one stands for the same field",
            );
        }
        for name in &chosen.other_addresses {
            let name = quoted(name);
            self.line(&format!(
                "# {name} has addresses too. A row gives one record, so they are not read."
            ));
        }
        self.line("");
        self.renamings(chosen);
        self.constants(chosen);
        self.opt_out(chosen, knowledge);
    }

    fn renamings(&mut self, chosen: &Chosen<'_>) {
        let mut heading = Some("[input.rename]");
        if let Some((name, path)) = &chosen.away {
            heading = None;
            self.line("[input.rename]");
            self.line_because(
                &format!("{} = {}", quoted(name), quoted(path)),
                "its values are no addresses of messages",
            );
        }
        for found in chosen.fields.iter().filter(|found| found.is_renamed) {
            if let Some(heading) = heading.take() {
                self.line(heading);
            }
            let line = format!("{} = {}", quoted(&found.name), quoted(&found.path));
            self.line_because(&line, found.how());
        }
        if heading.is_none() {
            self.line("");
        }
    }

    fn constants(&mut self, chosen: &Chosen<'_>) {
        if let Some((path, value, reason)) = &chosen.constant {
            self.line("[input.constants]");
            self.line_because(&format!("{} = {}", quoted(path), quoted(value)), reason);
            self.line("");
        }
    }

    fn opt_out(&mut self, chosen: &Chosen<'_>, knowledge: &Knowledge) {
        let path = knowledge.role_path(Role::OptOut);
        if let Some((column, length)) = chosen.unnamed_opt_out {
            self.unnamed_opt_out(column, length, path);
        }
        let Some(found) = chosen.fields.iter().find(|found| found.path == path) else { return };
        let origin = &found.field.origin;
        let foreign =
            origin.opt_out_words.iter().filter(|word| !matches!(word.as_str(), "ALL" | "NONE"));
        let meanings = foreign.filter_map(|word| {
            Some((word, knowledge.opt_out_words.means_out(word, origin.sense)?))
        });
        let pairs: Vec<String> = meanings
            .map(|(word, is_out)| {
                format!("{} = \"{}\"", quoted(word), if is_out { "ALL" } else { "NONE" })
            })
            .collect();
        if found.is_open() {
            let count = origin.opt_out_others;
            self.line("[input.values]");
            self.line(&format!(
                "# Who has opted out is open: {count} values of {} are words that segprep does not know. Write below\n\
                 # what each word means, such as {{ \"WORD\" = \"ALL\", \"OTHER WORD\" = \"NONE\" }}. Until then the definition is\n\
                 # not valid.{}",
                quoted(&found.name),
                if pairs.is_empty() { String::new() } else { format!(" Known are {{ {} }}.", pairs.join(", ")) },
            ));
            self.line(&format!("{} = {{}}\n", quoted(path)));
        } else if !pairs.is_empty() {
            self.line("[input.values]");
            self.line_because(
                &format!("{} = {{ {} }}", quoted(path), pairs.join(", ")),
                "check who has opted out",
            );
            self.line("");
        }
    }

    /// Asks for the name of the column that says who has opted out.
    fn unnamed_opt_out(&mut self, column: Option<u64>, length: u64, path: &str) {
        let place =
            column.map_or_else(|| "A field".to_owned(), |column| format!("Column {column}"));
        let path = quoted(path);
        self.line("[input.values]");
        self.line(&format!(
            "# {place} (name of {length} characters) says who has opted out, and its name is not shown. Write\n\
             # {{ \"NAME\" = {path} }} as [input.rename], and below what each of its words means, such as\n\
             # {{ \"unsubscribed\" = \"ALL\", \"subscribed\" = \"NONE\" }}. Until then the definition is not valid.",
        ));
        self.line(&format!("{path} = {{}}\n"));
    }

    /// The repairs that would fix more than one percent of a field.
    fn repair(&mut self, report: &ScanReport, chosen: &Chosen<'_>, knowledge: &Knowledge) {
        let mut on: BTreeSet<&str> = BTreeSet::new();
        let mut lines = Vec::new();
        for field in &report.fields {
            for (settings, fixed) in &field.repairs {
                if fixed.saturating_mul(100) <= field.present {
                    continue;
                }
                for setting in settings.split(", ") {
                    let name = setting.strip_prefix("repair.").unwrap_or_default();
                    let name = if name.starts_with("phone") { "phone" } else { name };
                    let Some(line) = repair_line(name, chosen) else { continue };
                    if on.insert(name) {
                        lines.push((
                            line,
                            format!("would fix {fixed} of {} values of a field", field.present),
                        ));
                    }
                }
            }
        }
        let address = knowledge.role_path(Role::Address);
        let is_by_values =
            |found: &Found<'_>| found.path == address && found.field.by == Some(By::Values);
        if chosen.fields.iter().any(is_by_values) {
            for name in ["trim", "email", "phone"] {
                let line = repair_line(name, chosen).filter(|_| on.insert(name));
                lines.extend(line.map(|line| (line, "addresses as people write them".to_owned())));
            }
        }
        if lines.is_empty() {
            return;
        }
        self.line("[repair]                              # every repair is counted");
        for (line, reason) in &lines {
            self.line_because(line, reason);
        }
        self.line("");
    }

    fn fields(&mut self, chosen: &Chosen<'_>, options: &DefinitionOptions, knowledge: &Knowledge) {
        self.line("[fields]                              # the most specific rule wins");
        for role in [Role::Id, Role::Address] {
            let path = knowledge.role_path(role);
            let (op, reason) = match (options.purpose, role) {
                (Purpose::Messaging, Role::Address) => ("\"keep\"", "messages go to it"),
                (Purpose::Messaging, _) => ("\"keep\"", "it names the endpoint to update"),
                (Purpose::Analytics, _) => ("{ op = \"hmac\" }", "a token still joins"),
            };
            self.line_because(&format!("{} = {op}", quoted(path)), reason);
        }
        let user = "\"User.UserId\" = { op = \"hmac\", join = \"user\" }";
        self.line_because(user, "it identifies a person, and tokens still join");
        for found in &chosen.fields {
            let is_ruled = knowledge.class(&found.path) != Class::Identifier;
            if is_ruled && !knowledge.is_export_only(&found.path) {
                let line = format!("{} = {}", quoted(&found.path), found.op(knowledge));
                self.line_because(&line, &found.field.reason);
            }
        }
        for map in ["User.UserAttributes.*", "Attributes.*", "Metrics.*", "Location.*"] {
            self.line_because(&format!("{} = \"drop\"", quoted(map)), "whatever else comes");
        }
        self.line("");
    }

    fn tail(&mut self, options: &DefinitionOptions) {
        let name = &options.name;
        self.line("[keys]");
        self.line("# Only for trials: this key is published, so its tokens protect nobody. `segprep key new` makes a real one:");
        self.line("# current = \"k1\"");
        self.line("# k1      = \"env:SEGPREP_KEY_K1\"");
        self.line("current = \"demo\"\ndemo    = \"demo:\"\n");
        self.line(&format!("[account]\nto = \"out/{name}/account/\"\n"));
        self.line(&format!(
            "[[output]]\nto     = \"out/{name}/import/\"\nformat = \"pinpoint-json\""
        ));
    }
}

/// A pattern that matches a name alone.
fn pattern_of(name: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[');
    name.chars().map(|c| if special(c) { '?' } else { c }).collect()
}

/// The line of a repair. `None`: it has to be decided by somebody.
fn repair_line(name: &str, chosen: &Chosen<'_>) -> Option<String> {
    const SWITCHES: [&str; 12] = [
        "names",
        "scalars",
        "trim",
        "spreadsheet",
        "lists",
        "channel",
        "optout",
        "country",
        "locale",
        "timezone",
        "dates",
        "email",
    ];
    let has_country = chosen.fields.iter().any(|found| found.path == "Location.Country");
    match name {
        // Where numbers are from is known only if the record says so.
        "phone" => has_country.then(|| "phone = { region_from = \"Location.Country\" }".to_owned()),
        _ => SWITCHES.contains(&name).then(|| format!("{name} = true")),
    }
}

/// Whether the definition has an opt-out whose words somebody has to explain before it is valid.
pub fn has_open_opt_out(report: &ScanReport, knowledge: &Knowledge) -> bool {
    let opt_out = knowledge.role_path(Role::OptOut);
    let chosen = choose(report, knowledge);
    chosen.unnamed_opt_out.is_some()
        || chosen.fields.iter().any(|found| found.path == opt_out && found.is_open())
}

/// A test of the definition: records of the same shape that were made up. Returns their text.
pub fn made_up(report: &ScanReport, knowledge: &Knowledge) -> String {
    super::made_up::records(report, &choose(report, knowledge), knowledge)
}

impl FieldReport {
    /// The number of values.
    pub(super) fn values_met(&self) -> u64 {
        self.types.values().sum()
    }
}
