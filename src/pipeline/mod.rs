//! From a definition's text to a checked plan.
//!
//! 1. [`Definition`]: what the user wrote, typed. Whatever is wrong with it is a [`Diagnostic`].
//! 2. [`Rules`]: what it means for every field of the schema; [`Rules::explain`] says it in words.
//! 3. [`Plan`]: the same compiled to slots, with keys, as the stages take it.
//!
//! Nothing here reads a file, the environment or a clock: the caller gives what a definition
//! asks for, and gets faults that hold no value of a variable and no key.

mod block;
mod definition;
mod diagnostic;
mod first_seen;
mod name_book;
mod nearest;
mod op_maker;
mod places;
mod plan;
mod process;
mod rows;
mod rules;
mod section;
mod set;
mod size;
mod source;
mod stages;
mod suppress;
#[cfg(test)]
mod tests;
mod tree;
mod trial;

pub use block::{Block, Lines, Reject, RejectedFor};
pub use definition::{
    Account, Aws, AwsChecksum, Column, ColumnsSpec, Definition, Encryption, FieldRule, HmacSpec,
    Input, KeyKind, KeySource, Keys, ListAction, ListForm, MapSpec, OpSpec, Output, Pair,
    PhoneRegionSetting, Repair, ShiftSpec, Storing, Suppression, Surroundings, is_kms_key,
    is_secret, is_variable,
};
pub use diagnostic::Diagnostic;
pub use places::Place;
pub use plan::{
    AccountPlan, DigestKind, InputFormat, InputPlan, MapRules, OnError, OutputFormat, OutputPlan,
    Plan, PlanError, Purpose, Rule, RuleIx, RunPlan, TextEncoding, Unknown,
};
pub use process::{BATCH_BYTES, Passage, Worker, process};
pub use rules::{Explanation, FieldLine, JoinGroup, Rules, resolve};
pub use source::{Origin, Spanned};
pub use stages::{Stages, decode_rule};
pub use suppress::{Entries, EntryDigest, SuppressPlan};
pub use trial::{Trial, try_out};

use crate::schema::Schema;

/// Reads and checks a definition: `file` is its name for messages, `text` what stands in it,
/// `sets` the `PATH=VALUE`s of `--set` in their order.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text and then of the `--set`s.
pub fn check(
    file: &str,
    text: &str,
    sets: &[String],
    around: &Surroundings<'_>,
    schema: &Schema,
) -> Result<(Definition, Rules), Vec<Diagnostic>> {
    let (definition, mut faults) = Definition::read(file, text, sets, around);
    let mut rules = None;
    if let Some(definition) = &definition {
        let (found, more) = rules::read(definition, schema);
        rules = found;
        faults.extend(more);
    }
    match (definition, rules) {
        (Some(definition), Some(rules)) if faults.is_empty() => Ok((definition, rules)),
        _ => {
            faults.sort_by_key(|(at, _)| *at);
            Err(faults.into_iter().map(|(_, fault)| fault).collect())
        }
    }
}
