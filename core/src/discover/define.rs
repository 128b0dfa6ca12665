//! Writes a definition for files that were scanned, with the reason of each line.
//!
//! It errs on the safe side: what a detector hit, and what cannot be told, is not kept, and a name that may be somebody's
//! data is not written. Where the meaning of an opt-out is open, the definition says so and is not valid until
//! somebody decides.

mod meanings;
mod told;

use std::collections::BTreeSet;
use std::fmt::Write;

use self::meanings::Meanings;
use self::told::lacks;
use super::choose::{Chosen, Found, choose};
use super::meaning::{By, Knowledge};
use super::repairs::is_switch;
use super::report::{FieldReport, ScanReport};
use crate::decode::OTHERS;
use crate::definition::Purpose;
use crate::schema::{Class, Role};

pub use self::told::{
    has_open_opt_out, lacks_opt_out, made_up, silent_about_opt_outs, unidentified, without_words,
};

/// What a definition begins with.
#[derive(Clone, Debug)]
pub struct DefinitionOptions {
    pub name: String,
    pub purpose: Purpose,
    /// As in `from`.
    pub from: Vec<String>,
    /// Inputs that are not read, each with the reason.
    pub exclude: Vec<(String, String)>,
    /// Whether definitions may lie among the inputs.
    pub has_definitions: bool,
    /// The folder of account and output.
    pub to: String,
    /// The file that the definition is written to.
    pub file: Option<String>,
    /// Whether a row with several addresses becomes several records.
    pub has_endpoints: bool,
}

/// The column in which reasons begin.
const REASON_COLUMN: usize = 56;
/// The width of a comment of several lines.
const COMMENT_WIDTH: usize = 118;
/// The most fields that are named of those that are left out.
const LEFT_OUT_MAX: usize = 40;

/// The definition for what a scan found.
pub fn define(report: &ScanReport, options: &DefinitionOptions, knowledge: &Knowledge) -> String {
    let chosen = choose(report, knowledge, options.has_endpoints);
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
        let excluded =
            options.exclude.iter().map(|(name, reason)| (pattern_of(name), reason.as_str()));
        let own = ("*.toml".to_owned(), "definitions and their tests");
        let excluded: Vec<_> = excluded.chain(options.has_definitions.then_some(own)).collect();
        if !excluded.is_empty() {
            self.line("exclude = [");
            for (pattern, reason) in excluded {
                self.line_because(&format!("  {},", quoted(&pattern)), reason);
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
        self.form(report, chosen);
        if chosen.is_users_only {
            let kinds = "kinds = [\"endpoint\", \"update\", \"user\"]";
            self.line_because(kinds, "no field has an address or an id");
        }
        let others = chosen.unknown;
        self.line_because(
            "unknown = \"drop\"",
            &format!("fields that are none of the schema's: {others}"),
        );
        self.left_out(report, options, chosen, knowledge);
        self.ignored(chosen);
        for name in &chosen.other_addresses {
            let name = quoted(name);
            let why = if chosen.endpoints.is_empty() {
                "A row gives one record, so they are not read."
            } else {
                "They are not read, since another endpoint needs its opt-out or has the same address."
            };
            self.line(&format!("# {name} has addresses too. {why}"));
        }
        self.line("");
        self.endpoints(chosen, knowledge);
        self.renamings(chosen);
        self.constants(chosen);
        self.opt_out(chosen, knowledge);
    }

    /// What is left out on purpose.
    fn ignored(&mut self, chosen: &Chosen<'_>) {
        let why = match chosen.ignored.as_slice() {
            [] => return,
            [name] if name.is_empty() => "a column has no name, as an index has none",
            [..] => "another one stands for the same field, or the name is a word of the schema",
        };
        let names: Vec<String> = chosen.ignored.iter().map(|name| quoted(name)).collect();
        self.line_because(&format!("ignore = [{}]", names.join(", ")), why);
    }

    /// Where records are in the inputs, and where their names are, if not as usual.
    fn form(&mut self, report: &ScanReport, chosen: &Chosen<'_>) {
        if let Some(path) = report.files.iter().find_map(|file| file.records_in.as_deref()) {
            let line = format!("records = {}", quoted(path));
            self.line_because(&line, "values are replies of an API, and have their records there");
        }
        if let Some(columns) = &chosen.columns {
            let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
            self.line_because("header = false", "the first row is data");
            self.line(&format!("columns = [{}]", names.join(", ")));
        }
    }

    /// The fields that `unknown` leaves out, as far as their names may be shown.
    fn left_out(
        &mut self,
        report: &ScanReport,
        options: &DefinitionOptions,
        chosen: &Chosen<'_>,
        knowledge: &Knowledge,
    ) {
        let is_chosen = |field: &FieldReport| {
            chosen.fields.iter().any(|found| std::ptr::eq(found.field, field))
        };
        let is_unknown = |field: &&FieldReport| {
            field.field.is_none() && !is_chosen(field) && !field.origin.is_object
        };
        let all: Vec<&FieldReport> = report.fields.iter().filter(is_unknown).collect();
        let names = all.iter().filter_map(|field| field.origin.name.as_deref());
        let names: Vec<String> = names.take(LEFT_OUT_MAX).map(quoted).collect();
        let others = all.len() - names.len();
        let more =
            (0 < others).then(|| format!("{others} more, whose names are not shown or do not fit"));
        let list: Vec<String> = names.into_iter().chain(more).collect();
        if !list.is_empty() {
            self.comment(&format!("Left out: {}.", list.join(", ")));
        }
        if !chosen.unfit.is_empty() {
            let names: Vec<String> = chosen.unfit.iter().map(|name| quoted(name)).collect();
            self.comment(&format!(
                "Not read, since most of their values would be rejected (`segprep scan` says why): {}.",
                names.join(", ")
            ));
        }
        if lacks(options, chosen, knowledge) {
            self.comment(
                "No field was found that says who has opted out, so no `OptOut` is written. If one does, rename it: \
                 [input.rename] with { \"NAME\" = \"OptOut\" }, and [input.values] with what its words mean.",
            );
        }
    }

    /// A comment, in as many lines as it needs.
    fn comment(&mut self, text: &str) {
        let mut line = "#".to_owned();
        for word in text.split(' ') {
            if COMMENT_WIDTH < line.chars().count() + 1 + word.chars().count() && line != "#" {
                self.line(&line);
                line.truncate(1);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// The endpoints of a row, each with the columns that belong to it alone.
    fn endpoints(&mut self, chosen: &Chosen<'_>, knowledge: &Knowledge) {
        let (address, channel) =
            (knowledge.role_path(Role::Address), knowledge.role_path(Role::Channel));
        for (number, endpoint) in chosen.endpoints.iter().enumerate() {
            let own = || chosen.fields.iter().filter(|found| found.endpoint == Some(number));
            self.line("[[input.endpoint]]");
            for found in own() {
                let name = quoted(&found.name);
                if found.path == address {
                    self.line_because(&format!("address   = {name}"), found.how());
                    let constant = format!("{channel} = {}", quoted(&endpoint.channel));
                    self.line_because(&format!("constants = {{ {constant} }}"), endpoint.reason);
                }
            }
            for found in own().filter(|found| found.path != address) {
                let renamed = format!("{} = {}", quoted(&found.name), quoted(&found.path));
                let why = "who has opted out of these messages";
                self.line_because(&format!("rename    = {{ {renamed} }}"), why);
            }
            self.line("");
        }
    }

    fn renamings(&mut self, chosen: &Chosen<'_>) {
        let mut heading = Some("[input.rename]");
        for (name, path, why) in &chosen.away {
            if let Some(heading) = heading.take() {
                self.line(heading);
            }
            self.line_because(&format!("{} = {}", quoted(name), quoted(path)), why);
        }
        let is_shared = |found: &&Found<'_>| found.is_renamed && found.endpoint.is_none();
        for found in chosen.fields.iter().filter(is_shared) {
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
        let meanings = Meanings::of(chosen, knowledge);
        let pairs = meanings.pairs.iter().map(|(word, is_out)| {
            format!("{} = \"{}\"", quoted(word), if *is_out { "ALL" } else { "NONE" })
        });
        let pairs: Vec<String> = pairs.collect();
        let open = meanings.open(chosen);
        if !open.is_empty() {
            self.line("[input.values]");
            for question in open {
                self.line(&question);
            }
            self.line(&format!(
                "# Write below what each word means, such as {{ \"WORD\" = \"ALL\", \"OTHER WORD\" = \"NONE\" }}. Until then the\n\
                 # definition is not valid.{}",
                if pairs.is_empty() || chosen.rivals_disagree { String::new() } else { format!(" Known are {{ {} }}.", pairs.join(", ")) },
            ));
            self.line(&format!("{} = {{}}\n", quoted(path)));
        } else if !pairs.is_empty() {
            self.line("[input.values]");
            let is_any = meanings.pairs.iter().any(|(word, _)| word == OTHERS);
            let why = if is_any { "whoever has a value there" } else { "check who has opted out" };
            self.line_because(&format!("{} = {{ {} }}", quoted(path), pairs.join(", ")), why);
            self.line("");
        }
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
                (_, Role::Id) if chosen.drops_id => {
                    ("\"drop\"", "all endpoints of a row would have the same")
                }
                (Purpose::Messaging, Role::Address) => ("\"keep\"", "messages go to it"),
                (Purpose::Messaging, _) => ("\"keep\"", "it names the endpoint to update"),
                (Purpose::Analytics, _) => ("{ op = \"hmac\" }", "a token still joins"),
            };
            self.line_because(&format!("{} = {op}", quoted(path)), reason);
        }
        let user = "\"User.UserId\" = { op = \"hmac\", join = \"user\" }";
        self.line_because(user, "it identifies a person, and tokens still join");
        let mut ruled = BTreeSet::new();
        for found in &chosen.fields {
            let is_ruled = knowledge.class(&found.path) != Class::Identifier
                && found.endpoint.is_none()
                && !knowledge.is_export_only(&found.path);
            if is_ruled && ruled.insert(found.path.as_str()) {
                let found = safest(found, chosen, knowledge);
                let line = format!("{} = {}", quoted(&found.path), found.op(knowledge));
                self.line_because(&line, &found.field.reason);
            }
        }
        let others = ["User.UserAttributes.*", "Attributes.*", "Metrics.*", "Location.*"];
        for map in others.into_iter().filter(|map| covers_more_than(map, &ruled, knowledge)) {
            self.line_because(&format!("{} = \"drop\"", quoted(map)), "whatever else comes");
        }
        self.line("");
    }

    fn tail(&mut self, options: &DefinitionOptions) {
        self.line("[keys]");
        self.line("# Only for trials: this key is published, so its tokens protect nobody. `segprep key new` makes a real one:");
        self.line("# current = \"k1\"");
        self.line("# k1      = \"env:SEGPREP_KEY_K1\"");
        self.line("current = \"demo\"\ndemo    = \"demo:\"\n");
        let to = |below: &str| quoted(&format!("{}/{below}/", options.to));
        if options.to.starts_with("../") {
            self.line("# Beside the inputs, since a run may not write among them.");
        }
        self.line(&format!("[account]\nto = {}\n", to("account")));
        self.line(&format!("[[output]]\nto     = {}\nformat = \"pinpoint-json\"", to("import")));
    }
}

/// Of the fields that stand for the same one, that which says most against keeping it.
fn safest<'a>(
    found: &'a Found<'a>,
    chosen: &'a Chosen<'a>,
    knowledge: &Knowledge,
) -> &'a Found<'a> {
    let mut same = chosen.fields.iter().filter(|one| one.is_other && one.path == found.path);
    let is_kept = |one: &Found<'_>| one.op(knowledge) == "\"keep\"";
    if is_kept(found) { same.find(|one| !is_kept(one)).unwrap_or(found) } else { found }
}

/// Whether `Location.*` covers a field of which there is no rule. Names in a map are never all known.
fn covers_more_than(pattern: &str, ruled: &BTreeSet<&str>, knowledge: &Knowledge) -> bool {
    let start = pattern.trim_end_matches('*');
    let covered = || knowledge.schema.nodes.iter().filter(|node| node.path.starts_with(start));
    covered().next().is_none() || covered().any(|node| !ruled.contains(node.path.as_str()))
}

/// A pattern that matches a name alone.
fn pattern_of(name: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[');
    name.chars().map(|c| if special(c) { '?' } else { c }).collect()
}

/// The line of a repair. `None`: it has to be decided by somebody.
fn repair_line(name: &str, chosen: &Chosen<'_>) -> Option<String> {
    let has_country = chosen.fields.iter().any(|found| found.path == "Location.Country");
    match name {
        // Where numbers are from is known only if the record says so.
        "phone" => has_country.then(|| "phone = { region_from = \"Location.Country\" }".to_owned()),
        _ => is_switch(name).then(|| format!("{name} = true")),
    }
}

impl FieldReport {
    /// The number of values.
    pub(super) fn values_met(&self) -> u64 {
        self.types.values().sum()
    }
}
