//! Reads a definition: what the user wrote, as types. One file for each section.
//!
//! Everything that is wrong with the text becomes a [`Diagnostic`] with its location, and one pass
//! finds all of it. What depends on the schema is checked later, in `plan::rules`.
//!
//! From the bottom up: `vocabulary` has the choices that a definition offers, `document` the text
//! with its locations and diagnostics. The sections are above both, and `overlap` checks several of
//! them against each other.

mod aws;
mod columns;
mod data_file;
pub(crate) mod document;
mod endpoints;
mod environment;
mod fields;
mod input;
mod keys;
mod operation;
mod output;
mod overlap;
mod parameters;
mod profiles;
mod repair;
mod replacing;
mod run;
mod scrub;
mod shaping;
mod state;
mod storing;
mod suppress;
mod unique;
mod users;
mod vocabulary;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use aws::{Aws, AwsChecksum};
pub use columns::{ColumnsSpec, Pair};
pub use data_file::begins_like_data;
pub use document::{
    Diagnostic, Location, Origin, STANDARD_OUTPUT, Spanned, has_credentials, parse_size,
};
pub use endpoints::EndpointSpec;
pub use environment::Environment;
pub use fields::FieldRule;
pub use input::Input;
pub use keys::{KeyKind, KeySource, Keys, describe_variable, is_kms_key, is_secret, is_variable};
pub use operation::{HmacSpec, MapSpec, OpKind, OpSpec, ScrubSpec, ShiftSpec, ValueKind};
pub use output::{Account, Column, Output};
pub use profiles::ProfileSettings;
pub use repair::{PhoneRegionSetting, Repair};
pub use shaping::{FieldWords, ShapingSpec};
pub use state::State;
pub use storing::{Encryption, Storing};
pub use suppress::{Comparison, ListAction, ListForm, Suppression};
pub use unique::{Compared, Keep, Unique};
pub use users::{MaxEndpoints, OverLimit, Users};
pub use vocabulary::{
    DigestKind, InputFormat, OnChange, OnError, OutputFormat, PartLayout, Purpose, RunPlan,
    TextEncoding, Unknown, Unplaced,
};

use document::{
    DefinitionText, Diagnostics, PlacedDiagnostic, Section, Table, Value, choose, secret_in_set,
    secrets_in_lines, set, settings, tree,
};

/// The version of the definition format that this program reads.
const VERSION: i128 = 1;
/// The most characters of `name`.
const NAME_CHARS_MAX: usize = 40;
/// The largest definition, in bytes. Anything larger is most likely another file.
const BYTES_MAX: usize = 4 << 20;
/// The most dots in a line. Dotted keys make nested tables, which are read by recursion.
const DOTS_IN_A_LINE_MAX: usize = 1000;

/// A definition. Its `Debug` output shows only its name.
pub struct Definition {
    pub name: String,
    /// `None`: missing or wrong. [`Definition::parse`] never returns such a definition.
    pub(crate) purpose: Option<Purpose>,
    pub input: Input,
    pub repair: Repair,
    /// In the order of the definition.
    pub rules: Vec<FieldRule>,
    /// The location of `[fields]`, or of the definition if it has none.
    pub(crate) fields_at: Origin,
    /// Lists of people whose records are dropped or opted out.
    pub suppress: Vec<Suppression>,
    pub keys: Keys,
    pub account: Account,
    pub outputs: Vec<Output>,
    /// `None`: records are not compared with each other.
    pub unique: Option<Unique>,
    /// `None`: a user may have any number of records.
    pub users: Option<Users>,
    pub run: RunPlan,
    /// Where what is too much for memory waits. `None`: beside an output.
    pub spill: Option<Location>,
    pub aws: Aws,
    /// `None`: a run takes all inputs.
    pub state: Option<State>,
    /// See [`Definition::settings`].
    settings: BTreeMap<String, String>,
    pub(crate) source: Arc<DefinitionText>,
}

impl Definition {
    /// Reads a definition. `file` is its name for messages, `text` its content, and `sets` are the
    /// `PATH=VALUE`s of `--set` in order.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, in the order of the text, except for what depends on the
    /// schema. [`crate::plan::check`] checks that, too.
    pub fn parse(
        file: &str,
        text: &str,
        sets: &[String],
        environment: &Environment<'_>,
    ) -> Result<Definition, Vec<Diagnostic>> {
        match Definition::read(file, text, sets, environment) {
            (Some(definition), diagnostics) if diagnostics.is_empty() => Ok(definition),
            (_, diagnostics) => Err(diagnostics.into_iter().map(|(_, found)| found).collect()),
        }
    }

    /// Like [`Definition::parse`], but also returns what could be read, so that it can be checked
    /// further. `None`: the text is not valid TOML, or is of another version.
    pub(crate) fn read(
        file: &str,
        text: &str,
        sets: &[String],
        environment: &Environment<'_>,
    ) -> (Option<Definition>, Vec<PlacedDiagnostic>) {
        let mut source = DefinitionText::new(file, text, sets);
        let (root, diagnostics) = read_tree(&mut source);
        let Some(root) = root else { return (None, diagnostics) };
        let source = Arc::new(source);
        let mut diagnostics = Diagnostics::with(&source, diagnostics);
        let mut section = Section::new("the definition", &root, Origin::default());
        let definition = is_supported_version(&mut section, &mut diagnostics)
            .then(|| read_sections(section, &source, &mut diagnostics, environment))
            .map(|definition| Definition { settings: settings::digests(&root), ..definition });
        let diagnostics = diagnostics.in_order();
        (definition, diagnostics)
    }

    /// What the records are for.
    pub fn purpose(&self) -> Purpose {
        self.purpose.expect("`parse` returns no definition without a purpose")
    }

    /// Returns the bytes that the digest of the definition is made of: the file, and each `--set`
    /// that does not concern `[run]`.
    pub fn canonical(&self) -> Vec<u8> {
        self.source.canonical(|set| !set::concerns_run(set))
    }

    /// A short digest of each setting that decides what a run writes, by its path, with the `--set`s applied.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Makes a diagnostic for something found later, such as a key that does not exist.
    pub fn diagnostic(&self, at: Origin, message: &str, help: &str) -> Diagnostic {
        self.source.diagnostic(at, message, "", help)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.name)
    }
}

/// Parses the file and applies the `--set`s.
fn read_tree(source: &mut DefinitionText) -> (Option<Table>, Vec<PlacedDiagnostic>) {
    // Until the text is known to be valid TOML, secrets are found without parsing.
    let mut secrets = secrets_in_lines(source.file());
    let sets = source.sets().iter().enumerate();
    secrets.extend(sets.filter_map(|(number, set)| secret_in_set(number, set)));
    source.hide(secrets);
    let mut diagnostics = Diagnostics::new(source);
    if let Some(message) = too_large(source) {
        let help = "name the definition, which is a TOML file";
        diagnostics.push(Origin::default(), message, "", help);
        return (None, diagnostics.in_order());
    }
    if begins_like_data(source.file().as_bytes()) {
        let message = "this is a data file, not a definition";
        let help = "name the definition, which is a TOML file";
        diagnostics.push_without_line(Origin::default(), message, help);
        return (None, diagnostics.in_order());
    }
    let Some(mut root) = tree::parse(source.file(), &mut diagnostics) else {
        return (None, diagnostics.in_order());
    };
    if is_unlike_a_definition(&root) {
        let help = "name the definition; it begins with `segprep = 1`";
        diagnostics.push_without_line(Origin::default(), "this is not a definition", help);
        return (None, diagnostics.in_order());
    }
    set::apply(source.sets(), &mut root, &mut diagnostics);
    let found = diagnostics.in_order();
    let mut secrets = keys::secrets(&root);
    secrets.extend(aws::secrets(&root));
    secrets.extend(invalid_name(&root));
    source.hide(secrets);
    source.set_key_variables(keys::variables(&root));
    (Some(root), found)
}

/// Whether TOML has nothing that every definition has. Then it may be anybody's settings or secrets,
/// and nothing of it is quoted.
fn is_unlike_a_definition(root: &Table) -> bool {
    let keys = ["segprep", "input", "fields", "account", "output"];
    !root.entries.is_empty() && keys.iter().all(|key| root.get(key).is_none())
}

/// Returns how a definition is too large to be read, as a message.
fn too_large(source: &DefinitionText) -> Option<&'static str> {
    let dots_in = |text: &str| {
        text.lines().map(|line| line.bytes().filter(|byte| *byte == b'.').count()).max()
    };
    let texts = || source.sets().iter().map(String::as_str).chain([source.file()]);
    if texts().any(|text| text.len() > BYTES_MAX) {
        Some("the definition is larger than 4 MiB")
    } else if texts().filter_map(dots_in).any(|dots| dots > DOTS_IN_A_LINE_MAX) {
        Some("a line of the definition has more than 1,000 dots")
    } else {
        None
    }
}

/// Sections of later versions.
const LATER: [&str; 1] = ["risk"];

fn read_sections(
    mut section: Section<'_>,
    source: &Arc<DefinitionText>,
    diagnostics: &mut Diagnostics<'_>,
    environment: &Environment<'_>,
) -> Definition {
    section.refuse_later(&LATER, diagnostics);
    let name = read_name(&mut section, diagnostics);
    let purpose = read_purpose(&mut section, diagnostics);
    let input = input::read(&mut section, environment, diagnostics);
    let repair = repair::read(&mut section, diagnostics);
    let (rules, fields_at) = fields::read(&mut section, diagnostics);
    let suppress = suppress::read(&mut section, environment, diagnostics);
    let keys = keys::read(&mut section, environment, diagnostics);
    let account = output::read_account(&mut section, environment, diagnostics);
    let outputs = output::read_outputs(&mut section, environment, diagnostics);
    let unique = unique::read(&mut section, diagnostics);
    let users = users::read(&mut section, diagnostics);
    let (run, spill) = run::read(&mut section, environment, diagnostics);
    let aws = aws::read(&mut section, diagnostics);
    let state = state::read(&mut section, environment, diagnostics);
    section.finish(diagnostics);
    if state.is_some() {
        state::check(&input, &account, &outputs, diagnostics);
    }
    if unique.is_some() || users.is_some() {
        refuse_standard_input(&input, diagnostics);
    }
    let lists = suppress.iter().flat_map(|list| &list.from);
    let inputs: Vec<&Location> = input.from.iter().chain(lists).collect();
    let state_to = state.as_ref().map(|state| &state.to);
    overlap::check(&inputs, &account.to, state_to, &outputs, environment, diagnostics);
    let source = Arc::clone(source);
    Definition {
        name,
        purpose,
        input,
        repair,
        rules,
        fields_at,
        suppress,
        keys,
        account,
        outputs,
        unique,
        users,
        run,
        spill,
        aws,
        state,
        settings: BTreeMap::new(),
        source,
    }
}

/// Records are compared in one pass and written in another, and standard input can be read only once.
fn refuse_standard_input(input: &Input, diagnostics: &mut Diagnostics<'_>) {
    for from in input.from.iter().filter(|from| from.written == "-") {
        let message = "standard input can't be used with `[unique]` or `[users]`";
        let help = "write it to a file, and name that: these sections read the inputs twice";
        diagnostics.push(from.at, message, "", help);
    }
}

/// Whether this program reads the version of the definition. In another version, settings may have
/// another meaning, so they are not checked.
fn is_supported_version(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> bool {
    let help = "begin the definition with `segprep = 1`";
    match section.item("segprep") {
        None => section.require("segprep", "segprep", help, diagnostics),
        Some(item) if item.value == Value::Integer(VERSION) => {}
        Some(item) => {
            let message = "this program reads version 1 of the format";
            diagnostics.push(item.at, message, "", help);
            return !matches!(item.value, Value::Integer(_));
        }
    }
    true
}

fn read_name(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> String {
    let help = "use 1 to 40 characters of `a` to `z`, `0` to `9` and `-`, such as \
                `name = \"newsletter\"`";
    let Some(name) = section.required_text("name", help, diagnostics) else {
        return String::new();
    };
    if let Some(fault) = fault_of_name(name.value) {
        diagnostics.push(name.at, format!("`name` {fault}"), "", help);
        return String::new();
    }
    name.value.to_owned()
}

/// What is wrong with a `name`, without the name: it may be a person's.
fn fault_of_name(name: &str) -> Option<&'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        Some("is empty")
    } else if !name.bytes().all(is_allowed) {
        Some("has a character that is not allowed")
    } else if NAME_CHARS_MAX < name.len() {
        Some("is too long")
    } else {
        None
    }
}

/// Where the `name` is that is not valid, so that no message shows it.
fn invalid_name(root: &Table) -> Option<Origin> {
    let item = &root.get("name")?.item;
    let is_valid = item.value.as_text().is_some_and(|name| fault_of_name(name).is_none());
    (!is_valid).then_some(item.at)
}

fn read_purpose(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Purpose> {
    let help = "`purpose = \"messaging\"` keeps addresses, \
                `purpose = \"analytics\"` writes none in the clear";
    let word = section.required_text("purpose", help, diagnostics)?;
    let choices = [("messaging", Purpose::Messaging), ("analytics", Purpose::Analytics)];
    choose("purpose", word, &choices, &["audience"], diagnostics)
}
