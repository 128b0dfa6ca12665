//! Constants in JSON: fields that every record has with one value. A record that has the field itself is
//! rejected, since only one of the two could be written.

use crate::record::{
    Batch, Code, Detail, Entries, Entry, Field, NameId, Names, Scope, Slot, Values, number_len,
};
use crate::schema::{NodeIx, Schema, Shape};

/// A field, and the value that it has in every record.
#[derive(Debug)]
pub(super) struct Constant {
    place: Place,
    value: Box<[u8]>,
    is_number: bool,
}

#[derive(Debug)]
enum Place {
    Field(NodeIx),
    /// A name in a map, which has this index in a row.
    Name {
        map: usize,
        scope: Scope,
        name: String,
        is_list: bool,
    },
}

impl Constant {
    /// A constant of the field with this path. `None` if there is no such field.
    pub(super) fn new(schema: &Schema, path: &str, value: &str) -> Option<Constant> {
        let (place, of_numbers) = if let Some((map, name, shape)) = schema.map_and_name(path) {
            let (scope, is_list) = (Scope::of_node(*schema.maps.get(map)?), shape == Shape::Lists);
            (Place::Name { map, scope, name: name.to_owned(), is_list }, !is_list)
        } else {
            let node = schema.node(path)?;
            (Place::Field(node), schema.nodes.get(node)?.shape == Shape::Number)
        };
        let is_number = of_numbers && number_len(value.as_bytes()) == Some(value.len());
        Some(Constant { place, value: value.as_bytes().into(), is_number })
    }
}

/// Adds constants to the records of a batch.
pub(super) fn apply(constants: &[Constant], names: &mut Names, batch: &mut Batch) {
    for constant in constants {
        let (start, len) = (batch.arena.len(), constant.value.len());
        batch.arena.extend_from_slice(&constant.value);
        let slot = if constant.is_number {
            Slot::new_number(start, len)
        } else {
            Slot::new_text(start, len, false)
        };
        let rows = batch.rows.iter().enumerate().filter(|(_, row)| !row.broken);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        match &constant.place {
            Place::Field(node) => {
                for row in rows {
                    add_to_field(*node, slot, row, batch);
                }
            }
            Place::Name { map, scope, name, is_list } => {
                let name = names.intern(*scope, name);
                for row in rows {
                    add_to_map(*map, name, (slot, *is_list), row, batch);
                }
            }
        }
    }
}

fn add_to_field(node: NodeIx, slot: Slot, row: usize, batch: &mut Batch) {
    if batch.slot(row, node).is_absent() {
        batch.set_slot(row, node, slot);
    } else {
        let field = Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"));
        batch.mark_broken(row, field, Code::DuplicateKey, Detail::BesideConstant);
    }
}

fn add_to_map(
    map: usize,
    name: NameId,
    (slot, is_list): (Slot, bool),
    row: usize,
    batch: &mut Batch,
) {
    let mut entries = batch.map_entries(row, map).iter();
    if entries.any(|entry| entry.name == name && !entry.is_removed()) {
        let field = Field::Named(name);
        return batch.mark_broken(row, field, Code::DuplicateKey, Detail::BesideConstant);
    }
    append_entry(map, name, &[slot], is_list, row, batch);
}

/// Adds an entry to a map. Since the entries of a map, and their values, are next to each other, all of
/// them move to the end.
pub(super) fn append_entry(
    map: usize,
    name: NameId,
    slots: &[Slot],
    is_list: bool,
    row: usize,
    batch: &mut Batch,
) {
    let first = batch.entries.len();
    for entry in batch.map_entries(row, map).to_vec() {
        let start = batch.values.len();
        batch.values.extend_from_within(entry.values.range());
        let values = Values::new(start, batch.values.len() - start);
        batch.entries.push(Entry { values, ..entry });
    }
    let values = Values::new(batch.values.len(), slots.len());
    batch.values.extend_from_slice(slots);
    batch.entries.push(Entry { name, values, is_list });
    batch.set_map(row, map, Entries::new(first, batch.entries.len() - first));
}
