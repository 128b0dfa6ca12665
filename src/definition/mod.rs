//! What the user wrote, read to types: one file for each part of a definition.
//!
//! Whatever the text says wrong is a [`Diagnostic`] at its place, and all of them are found in
//! one pass. What needs the schema is checked later, in `rules`.

mod aws;
mod columns;
pub(crate) mod document;
mod environment;
mod fields;
mod input;
mod keys;
mod operation;
mod output;
mod overlap;
mod parameters;
mod repair;
mod storing;
mod suppress;
mod vocabulary;

use std::{fmt, sync::Arc};

pub use aws::{Aws, AwsChecksum};
pub use columns::{ColumnsSpec, Pair};
pub use document::{Diagnostic, Location, Origin, Spanned};
pub use environment::Environment;
pub use fields::FieldRule;
pub use input::Input;
pub use keys::{KeyKind, KeySource, Keys, is_kms_key, is_secret, is_variable};
pub use operation::{HmacSpec, MapSpec, OpKind, OpSpec, ShiftSpec, ValueKind};
pub use output::{Account, Column, Output};
pub use repair::{PhoneRegionSetting, Repair};
pub use storing::{Encryption, Storing};
pub use suppress::{ListAction, ListForm, Suppression};
pub use vocabulary::{
    DigestKind, InputFormat, OnError, OutputFormat, PartLayout, Purpose, RunPlan, TextEncoding,
    Unknown,
};

use document::{
    DefinitionText, Diagnostics, PlacedDiagnostic, Section, Table, Value, choose, quoted,
    secret_in_set, secrets_in_lines, set, tree,
};

/// The version of the format that this program reads.
const VERSION: i128 = 1;
/// The most characters of a name.
const NAME_CHARS_MAX: usize = 40;
/// A definition is written by people; far above it, somebody gave the wrong file.
const BYTES_MAX: usize = 4 << 20;
/// No table of a definition is deep. (Dotted keys nest, and what nests is read by recursion.)
const DOTS_IN_A_LINE_MAX: usize = 1000;

/// A definition, read and typed. Its `Debug` shows its name alone.
pub struct Definition {
    pub name: String,
    /// None where it is faulty, which [`Definition::parse`] never gives out.
    pub(crate) purpose: Option<Purpose>,
    pub input: Input,
    pub repair: Repair,
    /// In the order of the text.
    pub rules: Vec<FieldRule>,
    /// Where `[fields]` begins, or the text if there is none.
    pub(crate) fields_at: Origin,
    /// Lists of people who are left out, or opted out.
    pub suppress: Vec<Suppression>,
    pub keys: Keys,
    pub account: Account,
    pub outputs: Vec<Output>,
    pub run: RunPlan,
    pub aws: Aws,
    pub(crate) source: Arc<DefinitionText>,
}

impl Definition {
    /// Reads a definition. `file` is its name for messages, `text` what stands in it, `sets` the
    /// `PATH=VALUE`s of `--set` in their order.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in the order of the text; what only the schema can
    /// tell is left to [`crate::plan::check`].
    pub fn parse(
        file: &str,
        text: &str,
        sets: &[String],
        around: &Environment<'_>,
    ) -> Result<Definition, Vec<Diagnostic>> {
        match Definition::read(file, text, sets, around) {
            (Some(definition), faults) if faults.is_empty() => Ok(definition),
            (_, faults) => Err(faults.into_iter().map(|(_, fault)| fault).collect()),
        }
    }

    /// As `parse`, but gives what could be read beside the faults, for the checks that follow.
    /// There is nothing to check where the text is no TOML, or one of another version.
    pub(crate) fn read(
        file: &str,
        text: &str,
        sets: &[String],
        around: &Environment<'_>,
    ) -> (Option<Definition>, Vec<PlacedDiagnostic>) {
        let mut source = DefinitionText::new(file, text, sets);
        let (root, faults) = read_tree(&mut source);
        let Some(root) = root else { return (None, faults) };
        let source = Arc::new(source);
        let mut faults = Diagnostics::with(&source, faults);
        let mut section = Section::new("the definition", &root, Origin::default());
        let definition = reads_version(&mut section, &mut faults)
            .then(|| read_sections(section, &source, &mut faults, around));
        let faults = faults.in_order();
        (definition, faults)
    }

    /// What the records are for.
    pub fn purpose(&self) -> Purpose {
        self.purpose.expect("a definition without a purpose is given to nobody")
    }

    /// The bytes that the definition's digest is made of: the file, and each `--set` that is
    /// not about `[run]`.
    pub fn canonical(&self) -> Vec<u8> {
        self.source.canonical(|set| !set::is_of_run(set))
    }

    /// A fault found later, such as a key that isn't there, at its place in the definition.
    pub fn diagnostic(&self, at: Origin, message: &str, help: &str) -> Diagnostic {
        self.source.diagnostic(at, message, "", help)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.name)
    }
}

/// The tree of the file with all `--set`s put in.
fn read_tree(source: &mut DefinitionText) -> (Option<Table>, Vec<PlacedDiagnostic>) {
    // Until all of it is known to be TOML, keys are looked for without parsing.
    let mut secrets = secrets_in_lines(source.file());
    let sets = source.sets().iter().enumerate();
    secrets.extend(sets.filter_map(|(number, set)| secret_in_set(number, set)));
    source.hide(secrets);
    let mut faults = Diagnostics::new(source);
    if let Some(fault) = too_large(source) {
        faults.push(Origin::default(), fault, "", "name the definition, a TOML file");
        return (None, faults.in_order());
    }
    let Some(mut root) = tree::parse(source.file(), &mut faults) else {
        return (None, faults.in_order());
    };
    set::apply(source.sets(), &mut root, &mut faults);
    let found = faults.in_order();
    let mut secrets = keys::secrets(&root);
    secrets.extend(aws::secrets(&root));
    source.hide(secrets);
    (Some(root), found)
}

fn too_large(source: &DefinitionText) -> Option<&'static str> {
    let dots_in = |text: &str| {
        text.lines().map(|line| line.bytes().filter(|byte| *byte == b'.').count()).max()
    };
    let texts = || source.sets().iter().map(String::as_str).chain([source.file()]);
    if texts().any(|text| text.len() > BYTES_MAX) {
        Some("the definition is over 4 MiB")
    } else if texts().filter_map(dots_in).any(|dots| dots > DOTS_IN_A_LINE_MAX) {
        Some("a line of the definition has over 1,000 dots")
    } else {
        None
    }
}

fn read_sections(
    mut section: Section<'_>,
    source: &Arc<DefinitionText>,
    faults: &mut Diagnostics<'_>,
    around: &Environment<'_>,
) -> Definition {
    let name = read_name(&mut section, faults);
    let purpose = read_purpose(&mut section, faults);
    let input = input::read(&mut section, around, faults);
    let repair = repair::read(&mut section, faults);
    let (rules, fields_at) = fields::read(&mut section, faults);
    let suppress = suppress::read(&mut section, around, faults);
    let keys = keys::read(&mut section, around, faults);
    let account = output::read_account(&mut section, around, faults);
    let outputs = output::read_outputs(&mut section, around, faults);
    let run = output::read_run(&mut section, faults);
    let aws = aws::read(&mut section, faults);
    section.finish(faults);
    let lists = suppress.iter().flat_map(|list| &list.from);
    let read: Vec<&Location> = input.from.iter().chain(lists).collect();
    overlap::check(&read, &account.to, &outputs, around, faults);
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
        run,
        aws,
        source,
    }
}

/// Whether what stands in the definition is for this program. (In another version it may mean
/// something else, so nothing more is said of it.)
fn reads_version(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> bool {
    let help = "begin the definition with `segprep = 1`";
    match section.take("segprep") {
        None => section.require("segprep", "segprep", help, faults),
        Some(item) if item.value == Value::Integer(VERSION) => {}
        Some(item) => {
            faults.push(item.at, "this program reads version 1 of the format", "", help);
            return !matches!(item.value, Value::Integer(_));
        }
    }
    true
}

fn read_name(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> String {
    let help = "it has 1 to 40 of `a` to `z`, `0` to `9` and `-`, such as `name = \"newsletter\"`";
    let Some(name) = section.required_text("name", help, faults) else { return String::new() };
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.value.is_empty()
        || name.value.len() > NAME_CHARS_MAX
        || !name.value.bytes().all(is_allowed)
    {
        faults.push(name.at, format!("`name` can't be {}", quoted(name.value)), "", help);
    }
    name.value.to_owned()
}

fn read_purpose(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<Purpose> {
    let help = "`purpose = \"messaging\"` keeps addresses deliverable, \
                `purpose = \"analytics\"` lets none through in the clear";
    let word = section.required_text("purpose", help, faults)?;
    let choices = [("messaging", Purpose::Messaging), ("analytics", Purpose::Analytics)];
    choose("purpose", word, &choices, &[], faults)
}
