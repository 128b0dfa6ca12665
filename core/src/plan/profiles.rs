//! What an output of profiles is made of: which fields of a record become what of a profile.
//! `src/profiles` makes them.

use std::fmt;
use std::sync::Arc;

use crate::definition::{ProfileSettings, Unplaced};
use crate::schema::{Format, NodeIx, ProfileTarget, Role, Schema, Shape, Test};

/// What a field of a record is for in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldUse {
    /// Nothing: it contains fields, or the output does not have it.
    None,
    /// It says which profile a record belongs to. With `is_kept`, it is also an attribute.
    Key {
        is_kept: bool,
    },
    Address,
    Channel,
    OptOut,
    /// A profile has one: that of the first record.
    Once,
    /// A map: a profile has each name once.
    Map,
}

/// What a definition says about profiles.
pub struct ProfilePlan {
    pub schema: Arc<Schema>,
    pub target: &'static ProfileTarget,
    /// By node. An address that is not among `fields` is in no profile, and in the lists all the same.
    pub uses: Vec<FieldUse>,
    /// Whether addresses and opt-outs are in profiles.
    pub has_addresses: bool,
    pub has_opt_outs: bool,
    /// The nodes that may say which profile a record belongs to, the preferred one first.
    pub keys: Vec<NodeIx>,
    /// `None`: all names of maps.
    fields: Option<Vec<String>>,
    /// The channels, in the order of the schema, and those whose addresses are phone numbers or email
    /// addresses.
    pub channels: Vec<String>,
    pub phone_channels: Vec<String>,
    pub email_channels: Vec<String>,
    /// The most columns.
    pub max_columns: usize,
    pub unplaced: Unplaced,
}

impl ProfilePlan {
    /// `is_dropped`: whether the rules drop a field.
    pub fn new(
        settings: &ProfileSettings,
        schema: &Arc<Schema>,
        is_dropped: impl Fn(NodeIx) -> bool,
    ) -> ProfilePlan {
        let fields = settings.fields.as_ref();
        let fields: Option<Vec<String>> =
            fields.map(|fields| fields.iter().map(|field| field.value.clone()).collect());
        let target = ProfileTarget::shipped();
        let mut plan = ProfilePlan {
            schema: Arc::clone(schema),
            target,
            uses: Vec::new(),
            has_addresses: false,
            has_opt_outs: false,
            keys: Vec::new(),
            fields,
            channels: channels(schema),
            phone_channels: channels_with(Format::Phone, schema),
            email_channels: channels_with(Format::Email, schema),
            max_columns: settings.max_columns.unwrap_or(target.limits.columns),
            unplaced: settings.unplaced,
        };
        let has = |role| plan.has_path(schema.role_path(role));
        (plan.has_addresses, plan.has_opt_outs) = (has(Role::Address), has(Role::OptOut));
        let is_key = |node: &NodeIx| {
            let path = schema.nodes.get(*node).map_or("", |node| node.path.as_str());
            !is_dropped(*node) && plan.has_path(path)
        };
        let keys = [Role::UserId, Role::Id].map(|role| schema.role(role));
        plan.keys = keys.into_iter().filter(is_key).collect();
        plan.uses = (0..schema.nodes.len()).map(|node| plan.use_of(node)).collect();
        plan
    }

    fn use_of(&self, node: NodeIx) -> FieldUse {
        let role = |role| self.schema.role(role) == node;
        let Some(description) = self.schema.nodes.get(node) else { return FieldUse::None };
        if role(Role::Address) {
            return FieldUse::Address;
        }
        if role(Role::Channel) {
            return FieldUse::Channel;
        }
        if role(Role::OptOut) {
            return FieldUse::OptOut;
        }
        match description.shape {
            Shape::Lists | Shape::Numbers => FieldUse::Map,
            Shape::Text | Shape::Number if !self.has_path(&description.path) => FieldUse::None,
            _ if role(Role::UserId) => FieldUse::Key { is_kept: false },
            _ if role(Role::Id) => FieldUse::Key { is_kept: true },
            Shape::Text | Shape::Number => FieldUse::Once,
            Shape::Object | Shape::ExportOnly => FieldUse::None,
        }
    }

    /// Whether the output has what is at this path.
    fn has_path(&self, path: &str) -> bool {
        let covers = |field: &String| match field.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => field == path,
        };
        self.fields.as_ref().is_none_or(|fields| fields.iter().any(covers))
    }

    /// Whether the output has a name of a map.
    pub fn has_name(&self, map: NodeIx, name: &str) -> bool {
        let path = || self.schema.nodes.get(map).map_or("", |node| node.path.as_str());
        self.fields.is_none() || self.has_path(&format!("{}.{name}", path()))
    }
}

/// The words of the field that says which channel an address is for.
fn channels(schema: &Schema) -> Vec<String> {
    let node = schema.nodes.get(schema.role(Role::Channel));
    node.map_or_else(Vec::new, |node| node.words().to_vec())
}

/// The channels whose addresses have a format.
fn channels_with(format: Format, schema: &Schema) -> Vec<String> {
    let has_format = |test: &Test| matches!(test, Test::Format(found) if *found == format);
    let conditions = schema.conditions.iter();
    let found = conditions
        .filter(|condition| condition.on == schema.role(Role::Channel))
        .filter(|condition| has_format(&condition.check.test));
    found.flat_map(|condition| condition.values.clone()).collect()
}

impl fmt::Debug for ProfilePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfilePlan({} columns)", self.max_columns)
    }
}
