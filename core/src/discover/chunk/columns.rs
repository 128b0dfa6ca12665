//! What the columns of a CSV file are, as far as other columns depend on it.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Lens, ScanWorker};
use crate::discover::form::InputForm;
use crate::discover::meaning::Meaning;
use crate::schema::Role;

/// What the columns of CSV are.
pub(super) struct ColumnsOf {
    /// By column, once there was a row: the index of its field.
    pub(super) fields: Vec<usize>,
    /// The column that decides how others are checked.
    pub(super) channel: Option<usize>,
    /// By column: whether it depends on the channel.
    pub(super) addresses: Vec<bool>,
    /// The column with the address, if there is one, and that with the id.
    pub(super) address: Option<usize>,
    id: Option<usize>,
}

impl ColumnsOf {
    pub(super) fn new(lens: &Lens<'_>, worker: &mut ScanWorker, form: &InputForm) -> ColumnsOf {
        let names = form.columns.iter().map(|column| column.name.as_deref().unwrap_or_default());
        let fields = names.map(|name| worker.meaning(lens.knowledge, name));
        let fields: Vec<Arc<Meaning>> = fields.collect();
        let is = |meaning: &Arc<Meaning>, role| {
            meaning.field.as_deref() == Some(lens.knowledge.role_path(role))
        };
        let addresses: Vec<bool> =
            fields.iter().map(|meaning| is(meaning, Role::Address)).collect();
        let is_one_endpoint = addresses.iter().filter(|is_one| **is_one).count() == 1;
        ColumnsOf {
            fields: Vec::new(),
            channel: fields.iter().position(|meaning| is(meaning, Role::Channel)),
            address: addresses.iter().position(|is_one| *is_one).filter(|_| is_one_endpoint),
            addresses,
            id: fields.iter().position(|meaning| is(meaning, Role::Id)),
        }
    }

    /// Whether a row is none of an endpoint and none of an update: it has no address, and either a channel or no id.
    pub(super) fn lacks_identity(&self, cells: &[Cow<'_, str>], has_channel: bool) -> bool {
        let is_empty = |column: usize| cells.get(column).is_some_and(|cell| cell.is_empty());
        let has_id = self.id.is_some_and(|id| !is_empty(id));
        self.address.is_some_and(is_empty) && (has_channel || !has_id)
    }
}
