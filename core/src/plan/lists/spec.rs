//! What a definition says of one list: where it is, which field it is about, and the form of its entries.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::normal::normal_form;
use super::{Entries, EntryDigest, SuppressionList};
use crate::definition::{Comparison, Definition, HmacSpec, ListAction, ListForm, Suppression};
use crate::plan::{PlanError, Rules};
use crate::schema::{NodeIx, Schema};
use crate::transform::{Hmac, MasterKey, Normalize, Tokens};

/// One `[[suppress]]` of a definition, compiled: all that it takes to read the list and to look
/// values up in it.
pub struct ListSpec {
    /// Files and folders.
    pub from: Vec<PathBuf>,
    /// The path of the field that is looked up.
    pub field: String,
    /// The column of a CSV list; `None`: each line is an entry.
    pub column: Option<String>,
    pub action: ListAction,
    /// The most entries that are held in memory.
    pub max_entries: u64,
    /// How many entries may be unusable.
    pub max_unusable: u64,
    pub(crate) node: NodeIx,
    comparison: Comparison,
    form: Form,
}

enum Form {
    Plain,
    Sha256,
    /// Tokens made with any key of the definition.
    Token {
        makers: Vec<Hmac>,
        known: Tokens,
    },
}

/// Buffers that lookups reuse.
#[derive(Default)]
pub(crate) struct LookupScratch {
    normal: Vec<u8>,
    token: Vec<u8>,
}

impl ListSpec {
    /// Compiles the lists of a definition, in its order. `keys` are the keys of the definition by
    /// their ids.
    ///
    /// # Errors
    ///
    /// If a list holds tokens and one of the definition's keys is not among `keys`.
    pub fn all(
        definition: &Definition,
        rules: &Rules,
        schema: &Schema,
        keys: &BTreeMap<String, MasterKey>,
    ) -> Result<Vec<ListSpec>, PlanError> {
        let ids: Vec<String> = definition.keys.sources.iter().map(|key| key.id.clone()).collect();
        let lists = definition.suppress.iter().zip(&rules.list_tokens);
        lists
            .map(|(list, tokens)| {
                let node = schema.node(&list.field.value).expect("the field was checked");
                ListSpec::new(list, node, tokens, keys, &ids)
            })
            .collect()
    }

    /// `tokens` are the settings with which the tokens of the list were made.
    fn new(
        list: &Suppression,
        node: NodeIx,
        tokens: &HmacSpec,
        keys: &BTreeMap<String, MasterKey>,
        ids: &[String],
    ) -> Result<ListSpec, PlanError> {
        let form = match list.form.value {
            ListForm::Plain => Form::Plain,
            ListForm::Sha256 => Form::Sha256,
            ListForm::Token => Form::Token {
                makers: ids.iter().map(|id| maker(id, tokens, keys)).collect::<Result<_, _>>()?,
                known: Tokens { ids: ids.to_vec(), shapes: vec![tokens.shape] },
            },
        };
        let default_comparison = match &form {
            Form::Token { .. } => Comparison::As(tokens.normalize),
            Form::Plain | Form::Sha256 => Comparison::Auto,
        };
        Ok(ListSpec {
            from: list.from.iter().map(|location| location.path.clone()).collect(),
            field: list.field.value.clone(),
            column: list.column.clone(),
            action: list.action.value,
            max_entries: list.max_entries,
            max_unusable: list.max_unusable,
            node,
            comparison: list.normalize.unwrap_or(default_comparison),
            form,
        })
    }

    /// The list with the entries that were read for it.
    pub fn with_entries(self, entries: Entries) -> SuppressionList {
        SuppressionList { spec: self, entries }
    }

    /// Returns the digest of an entry, given without white space and invisible characters around it;
    /// `None` if the entry does not have the form that the definition says. `scratch` is a buffer for
    /// reuse.
    pub fn digest_of_entry(&self, entry: &[u8], scratch: &mut Vec<u8>) -> Option<EntryDigest> {
        match &self.form {
            Form::Plain => {
                // A tab or a carriage return inside shows that this is no single value.
                let is_text = !entry.iter().any(u8::is_ascii_control);
                let has_form = is_text && normal_form(self.comparison, entry, scratch);
                has_form.then(|| EntryDigest::of(scratch))
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

    /// Calls `give` with each digest under which the list may hold a value. A list of tokens may
    /// hold one for each key. A list of digests or tokens may also hold the value as it is, since
    /// nobody can tell how they were made. A plain list never holds a value without a normal form.
    pub(crate) fn digests_of_value(
        &self,
        value: &[u8],
        scratch: &mut LookupScratch,
        give: &mut impl FnMut(EntryDigest),
    ) {
        let LookupScratch { normal, token } = scratch;
        let has_form = normal_form(self.comparison, value, normal);
        let normal = has_form.then_some(normal.as_slice());
        let as_it_is = Some(value).filter(|value| normal != Some(value));
        match &self.form {
            Form::Plain => normal.into_iter().for_each(|value| give(EntryDigest::of(value))),
            Form::Sha256 => {
                normal.into_iter().chain(as_it_is).for_each(|value| give(EntryDigest::of(value)));
            }
            Form::Token { known, .. } if known.is_token(value) => give(EntryDigest::of(value)),
            Form::Token { makers, .. } => {
                for value in normal.into_iter().chain(as_it_is) {
                    for maker in makers {
                        token.clear();
                        maker.write_token(value, token);
                        give(EntryDigest::of(token));
                    }
                }
            }
        }
    }

    /// What an entry has to be, for messages.
    pub fn describe_entry(&self) -> &'static str {
        match (&self.form, self.comparison) {
            (Form::Sha256, _) => "64 hexadecimal digits",
            (Form::Token { .. }, _) => "a token of a key in `[keys]`",
            (Form::Plain, Comparison::As(Normalize::EmailV1)) => "an e-mail address",
            (Form::Plain, Comparison::As(Normalize::PhoneV1)) => "a phone number in E.164",
            (Form::Plain, Comparison::As(Normalize::None)) => "a value without tabs",
            (Form::Plain, Comparison::Auto) => {
                "the e-mail address or phone number that it looks like"
            }
        }
    }

    /// Whether entries are compared as what they look like.
    pub fn is_auto(&self) -> bool {
        matches!((&self.form, self.comparison), (Form::Plain, Comparison::Auto))
    }
}

fn maker(
    id: &str,
    tokens: &HmacSpec,
    keys: &BTreeMap<String, MasterKey>,
) -> Result<Hmac, PlanError> {
    let master = keys.get(id).ok_or_else(|| PlanError::NoKey(id.to_owned()))?;
    let key = master.derive(&tokens.scope, tokens.join.as_deref().unwrap_or_default());
    let none_known = Tokens { ids: Vec::new(), shapes: Vec::new() };
    Ok(Hmac::new(id, key, tokens.shape, none_known.into()))
}

impl fmt::Debug for ListSpec {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListSpec({})", self.field)
    }
}
