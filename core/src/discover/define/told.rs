//! What is to be said about a proposed definition, and its test.

use super::DefinitionOptions;
use super::meanings::Meanings;
use crate::definition::Purpose;
use crate::discover::choose::{Chosen, choose, without_identity};
use crate::discover::made_up::records;
use crate::discover::meaning::Knowledge;
use crate::discover::report::ScanReport;
use crate::schema::Role;

/// Whether the definition has an opt-out whose words somebody has to explain before it is valid.
pub fn has_open_opt_out(
    report: &ScanReport,
    options: &DefinitionOptions,
    knowledge: &Knowledge,
) -> bool {
    let chosen = choose(report, knowledge, options.has_endpoints);
    !Meanings::of(&chosen, knowledge).open(&chosen).is_empty()
}

/// Whether messages are sent by the definition, and no field was found that says who has opted out.
pub fn lacks_opt_out(
    report: &ScanReport,
    options: &DefinitionOptions,
    knowledge: &Knowledge,
) -> bool {
    lacks(options, &choose(report, knowledge, options.has_endpoints), knowledge)
}

/// Inputs of which the definition would reject every record: they have neither its address nor its id.
pub fn unidentified(
    report: &ScanReport,
    options: &DefinitionOptions,
    knowledge: &Knowledge,
) -> Vec<String> {
    let chosen = choose(report, knowledge, options.has_endpoints);
    let files = without_identity(report, &chosen, knowledge).into_iter();
    files.filter_map(|file| report.files.get(file)).map(|file| file.name.clone()).collect()
}

/// Inputs in which no field says who has opted out, though one does in others.
pub fn silent_about_opt_outs(
    report: &ScanReport,
    options: &DefinitionOptions,
    knowledge: &Knowledge,
) -> Vec<String> {
    let opt_out = knowledge.role_path(Role::OptOut);
    let told = report.fields.iter().filter(|field| field.field.as_deref() == Some(opt_out));
    let told: Vec<_> = told.map(|field| &field.origin.inputs).collect();
    let is_silent = |file: usize| !told.iter().any(|inputs| inputs.may_have(file));
    let is_excluded = |name: &str| options.exclude.iter().any(|(out, _)| out == name);
    let files = report.files.iter().enumerate();
    let silent = files.filter(|(number, file)| {
        is_silent(*number) && 0 < file.records && !is_excluded(&file.name)
    });
    if options.purpose != Purpose::Messaging || told.is_empty() {
        return Vec::new();
    }
    silent.map(|(_, file)| file.name.clone()).collect()
}

pub(super) fn lacks(
    options: &DefinitionOptions,
    chosen: &Chosen<'_>,
    knowledge: &Knowledge,
) -> bool {
    let opt_out = knowledge.role_path(Role::OptOut);
    let is_found = chosen.fields.iter().any(|found| found.path == opt_out)
        || !chosen.unnamed_opt_outs.is_empty()
        || !chosen.opt_out_details.is_empty();
    options.purpose == Purpose::Messaging && !chosen.is_users_only && !is_found
}

/// A test of the definition: records of the same shape that were made up. Returns their text. While it is open who has
/// opted out, nobody of them says so.
pub fn made_up(report: &ScanReport, options: &DefinitionOptions, knowledge: &Knowledge) -> String {
    let chosen = choose(report, knowledge, options.has_endpoints);
    let is_open = !Meanings::of(&chosen, knowledge).open(&chosen).is_empty();
    records(report, &chosen, is_open, knowledge)
}

/// A proposed definition in which it is open who has opted out, as it is before somebody has decided: without words.
pub fn without_words(definition: &str) -> String {
    definition.replace("\"OptOut\" = {}\n", "")
}
