//! Operations that do not exist: what was meant depends on the fields of the rule (`fit.rs`) and on what the
//! definition is for (`purpose.rs`).

use super::cover::Cover;
use super::fit::fits;
use super::purpose::suits;
use crate::definition::document::{Diagnostics, advice, escape};
use crate::definition::{Definition, OpKind};
use crate::schema::Schema;

/// Reports operations that do not exist, with those that would be right for all fields of the rule.
pub(super) fn report(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(name) = &rule.unknown_op else { continue };
        let is_right = |op: &OpKind| {
            let mut of_rule = governed.iter().filter(|field| field.rule == Some(number));
            of_rule.all(|field| fits(*op, field.node) && suits(*op, field.node, definition, schema))
        };
        let right: Vec<&str> = OpKind::ALL.into_iter().filter(is_right).map(OpKind::name).collect();
        let message = format!("unknown operation `{}`", escape(&name.value));
        diagnostics.push(name.at, message, "", advice(&name.value, &right));
    }
}
