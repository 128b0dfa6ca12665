//! Leaves out, or opts out, the people that a list has.
//!
//! - A value is looked up as it is after repair, in its normal form; a list's entry likewise.
//! - A list is a set of digests (`entries`): none of its entries is shown, written or kept.
//! - A value that has no normal form is in no list.

mod entries;

use std::{collections::BTreeMap, fmt, ops::Range, path::PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;

pub use entries::{Entries, EntryDigest};

use super::PlanError;
use crate::definition::{HmacSpec, ListAction, ListForm, Suppression};
use crate::record::{Batch, Slot, Text};
use crate::schema::NodeIx;
use crate::transform::{Hmac, MasterKey, Normalize, Tokens};

/// One list and what is done with the records that it has.
pub struct SuppressPlan {
    pub from: Vec<PathBuf>,
    /// As the definition names it.
    pub field: String,
    /// The column of a CSV list; None where each line is an entry.
    pub column: Option<String>,
    pub action: ListAction,
    /// The most entries that are held.
    pub max_entries: u64,
    /// Empty until the list is read.
    pub entries: Entries,
    node: NodeIx,
    normalize: Normalize,
    form: Form,
}

enum Form {
    Plain,
    Sha256,
    /// Tokens by each key of the definition.
    Token {
        makers: Vec<Hmac>,
        known: Tokens,
    },
}

/// The field by which people opt out, and the value that says so.
pub(crate) const OPT_OUT: &str = "OptOut";
const ALL: &[u8] = b"ALL";

impl SuppressPlan {
    /// Compiles what the definition says; `spec` is how tokens of the list were made.
    pub(crate) fn new(
        suppression: &Suppression,
        node: NodeIx,
        spec: &HmacSpec,
        keys: &BTreeMap<String, MasterKey>,
        ids: &[String],
    ) -> Result<SuppressPlan, PlanError> {
        let form = match suppression.form.value {
            ListForm::Plain => Form::Plain,
            ListForm::Sha256 => Form::Sha256,
            ListForm::Token => Form::Token {
                makers: ids.iter().map(|id| maker(id, spec, keys)).collect::<Result<_, _>>()?,
                known: Tokens { ids: ids.to_vec(), shapes: vec![spec.shape] },
            },
        };
        let by_default = match &form {
            Form::Token { .. } => spec.normalize,
            Form::Plain | Form::Sha256 => Normalize::None,
        };
        Ok(SuppressPlan {
            from: suppression.from.iter().map(|place| place.path.clone()).collect(),
            field: suppression.field.value.clone(),
            column: suppression.column.clone(),
            action: suppression.action.value,
            max_entries: suppression.max_entries,
            entries: Entries::default(),
            node,
            normalize: suppression.normalize.unwrap_or(by_default),
            form,
        })
    }

    /// The digest of an entry as it stands in a list, without white space around it; none where it
    /// has not the form that the definition says. `scratch` is memory to be used again.
    pub fn digest_of_entry(&self, entry: &[u8], scratch: &mut Vec<u8>) -> Option<EntryDigest> {
        match &self.form {
            Form::Plain => {
                self.normalize.normalize(entry, scratch).then(|| EntryDigest::of(scratch))
            }
            Form::Sha256 => {
                let mut sha256 = [0; 32];
                let is_hex = entry.len() == 2 * sha256.len()
                    && HEXLOWER_PERMISSIVE.decode_mut(entry, &mut sha256).is_ok();
                is_hex.then(|| EntryDigest::from_sha256(sha256))
            }
            Form::Token { known, .. } => known.is_token(entry).then(|| EntryDigest::of(entry)),
        }
    }

    /// The digests by which a value may stand in the list.
    fn digests_of_value(
        &self,
        value: &[u8],
        scratch: &mut Scratch,
        give: &mut impl FnMut(EntryDigest),
    ) {
        let Scratch { normal, token } = scratch;
        let has_form = self.normalize.normalize(value, normal);
        let Form::Token { makers, known } = &self.form else {
            if has_form {
                give(EntryDigest::of(normal));
            }
            return;
        };
        if known.is_token(value) {
            give(EntryDigest::of(value));
        } else if has_form {
            for maker in makers {
                token.clear();
                maker.write_token(normal, token);
                give(EntryDigest::of(token));
            }
        }
    }

    /// What an entry has to look like, for people.
    pub fn entry_in_words(&self) -> &'static str {
        match (&self.form, self.normalize) {
            (Form::Sha256, _) => "64 hexadecimal digits",
            (Form::Token { .. }, _) => "a token of a key in `[keys]`",
            (Form::Plain, Normalize::EmailV1) => "an e-mail address",
            (Form::Plain, Normalize::PhoneV1) => "a phone number in E.164",
            (Form::Plain, Normalize::None) => "a value",
        }
    }
}

fn maker(id: &str, spec: &HmacSpec, keys: &BTreeMap<String, MasterKey>) -> Result<Hmac, PlanError> {
    let master = keys.get(id).ok_or_else(|| PlanError::NoKey(id.to_owned()))?;
    let key = master.derive(&spec.scope, spec.join.as_deref().unwrap_or_default());
    let nothing_known = Tokens { ids: Vec::new(), shapes: Vec::new() };
    Ok(Hmac::new(id, key, spec.shape, nothing_known.into()))
}

impl fmt::Debug for SuppressPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SuppressPlan({}, {:?})", self.field, self.entries)
    }
}

/// Memory that lookups use again.
#[derive(Default)]
struct Scratch {
    normal: Vec<u8>,
    token: Vec<u8>,
}

/// The records of a batch that a list has.
#[derive(Default)]
pub(crate) struct Hits {
    /// Row and list, by row.
    pub(crate) rows: Vec<(u32, usize)>,
    /// What is to be looked up in one list.
    asked: Vec<(u32, EntryDigest, Range<usize>)>,
    scratch: Scratch,
}

impl Hits {
    /// Looks up every live row in each list, and drops or opts out those that are there.
    pub(crate) fn find(
        &mut self,
        lists: &[SuppressPlan],
        opt_out: Option<NodeIx>,
        chunk: &[u8],
        batch: &mut Batch,
    ) {
        self.rows.clear();
        for (number, list) in lists.iter().enumerate() {
            self.ask(list, chunk, batch);
            // Step by step for all rows, so that the reads of memory do not wait for each other.
            for (_, digest, place) in &mut self.asked {
                *place = list.entries.place(*digest);
            }
            let asked = self.asked.drain(..);
            let found = asked.filter(|(_, digest, place)| list.entries.has(place.clone(), *digest));
            self.rows.extend(found.map(|(row, ..)| (row, number)));
        }
        if 1 < lists.len() {
            self.rows.sort_unstable();
        }
        self.rows.dedup();
        self.act(lists, opt_out, batch);
    }

    fn ask(&mut self, list: &SuppressPlan, chunk: &[u8], batch: &Batch) {
        let Hits { asked, scratch, .. } = self;
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let slot = batch.slot(row, list.node);
            if slot.is_text() && !slot.is_empty() {
                let row = u32::try_from(row).expect("a batch has few rows");
                list.digests_of_value(text.of(slot), scratch, &mut |digest| {
                    asked.push((row, digest, 0..0));
                });
            }
        }
    }

    fn act(&self, lists: &[SuppressPlan], opt_out: Option<NodeIx>, batch: &mut Batch) {
        let mut all = None;
        for (row, list) in &self.rows {
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            match (lists.get(*list).map(|list| list.action), opt_out) {
                (Some(ListAction::Drop), _) => {
                    if let Some(row) = batch.rows.get_mut(row) {
                        row.dropped = true;
                    }
                }
                (Some(ListAction::OptOut), Some(node)) => {
                    let slot = *all.get_or_insert_with(|| {
                        let start = batch.arena.len();
                        batch.arena.extend_from_slice(ALL);
                        Slot::new_text(start, ALL.len(), true)
                    });
                    batch.set_slot(row, node, slot);
                }
                (Some(ListAction::OptOut), None) | (None, _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_list_is_shown() {
        let digest = EntryDigest::of(b"ada@example.com");
        let entries = Entries::new(vec![digest]);
        assert_eq!(format!("{digest:?} {entries:?}"), "EntryDigest(..) Entries(1)");
    }
}
