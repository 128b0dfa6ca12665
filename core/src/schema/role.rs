//! Roles: the meaning of the fields that get special treatment.
//!
//! The schema files set it with `x-segprep-role`, so that the code names no field by its path. Each
//! role belongs to exactly one field, which holds a single text.

use super::value::{SchemaError, SchemaErrorKind, SchemaValue};
use super::{Node, NodeIx, Shape};

/// The value of [`Role::OptOut`] that opts somebody out of everything.
pub const OPTED_OUT: &str = "ALL";

/// The word of it for a person who has not.
pub const NOT_OPTED_OUT: &str = "NONE";

/// The meaning of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The identifier of the endpoint.
    Id,
    /// How the endpoint is reached, which decides the format of the address.
    Channel,
    /// Where messages are delivered: an email address, a phone number, a token.
    Address,
    /// Whether the person has opted out of messages.
    OptOut,
    /// Whether the endpoint is active.
    Status,
    /// The country that the person is in.
    Country,
    /// The identifier of the person.
    UserId,
    /// Since when the endpoint is as the record has it.
    EffectiveDate,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 8] = [
        Role::Id,
        Role::Channel,
        Role::Address,
        Role::OptOut,
        Role::Status,
        Role::Country,
        Role::UserId,
        Role::EffectiveDate,
    ];

    /// The value of `x-segprep-role`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Id => "id",
            Role::Channel => "channel",
            Role::Address => "address",
            Role::OptOut => "opt-out",
            Role::Status => "status",
            Role::Country => "country",
            Role::UserId => "user-id",
            Role::EffectiveDate => "effective-date",
        }
    }
}

/// The node of each role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Roles {
    /// In the order of [`Role::ALL`].
    nodes: [NodeIx; Role::ALL.len()],
}

impl Roles {
    /// Fails if a role has no node, or more than one.
    pub(super) fn new(
        found: &[(Role, NodeIx)],
        nodes: &[Node],
        root: &SchemaValue<'_>,
    ) -> Result<Roles, SchemaError> {
        let mut roles = Roles { nodes: [0; Role::ALL.len()] };
        for (role, place) in Role::ALL.into_iter().zip(&mut roles.nodes) {
            let mut of_role = found.iter().filter(|(other, _)| *other == role);
            let Some((_, node)) = of_role.next() else {
                return Err(root.error(SchemaErrorKind::NoRole(role.name())));
            };
            if let Some(other) = of_role.next().and_then(|(_, other)| nodes.get(*other)) {
                let kind = SchemaErrorKind::RoleTwice(role.name());
                return Err(SchemaError { location: other.rule.clone(), kind });
            }
            *place = *node;
        }
        Ok(roles)
    }

    pub(super) fn node(&self, role: Role) -> NodeIx {
        let mut roles = Role::ALL.into_iter().zip(self.nodes);
        let (_, node) = roles.find(|(other, _)| *other == role).expect("`ALL` has every role");
        node
    }
}

/// The role of a field, if the schema gives it one.
pub(super) fn role(field: &SchemaValue<'_>, shape: Shape) -> Result<Option<Role>, SchemaError> {
    let Some(name) = field.get("x-segprep-role") else { return Ok(None) };
    let text = name.text()?;
    let Some(role) = Role::ALL.into_iter().find(|role| role.name() == text) else {
        return Err(name.error(SchemaErrorKind::Expected(
            "`id`, `channel`, `address`, `opt-out`, `status`, `country`, `user-id` or `effective-date`",
        )));
    };
    if shape != Shape::Text {
        return Err(name.error(SchemaErrorKind::Contradiction("only a text has a role")));
    }
    Ok(Some(role))
}
