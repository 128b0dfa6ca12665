//! Renamed names in maps of the schema, in JSON: `"Attributes.Old" = "Attributes.New"`, or
//! `"Attributes.Mail" = "Address"`, which takes the only item of a list.

use super::constants::append_entry;
use super::{KnownNames, Shaping};
use crate::decode::target::{Target, is_in_map};
use crate::record::{Batch, Code, Detail, Entry, Field, JsonType, Names, Scope, Slot};
use crate::schema::Schema;

/// A name in a map, and where its values go instead.
#[derive(Debug)]
pub(super) struct MovedName {
    pub(super) scope: Scope,
    pub(super) name: String,
    map: usize,
    rename: usize,
    target: Target,
}

impl MovedName {
    /// The renaming with this index; `None` if its name is not in a map of the schema.
    pub(super) fn new(schema: &Schema, rename: usize, from: &str, to: &str) -> Option<MovedName> {
        let (map, name, _) = schema.map_and_name(from).filter(|_| is_in_map(schema, from))?;
        let scope = Scope::of_node(*schema.maps.get(map)?);
        let target = Target::of(schema, to)?;
        Some(MovedName { scope, name: name.to_owned(), map, rename, target })
    }
}

/// Moves the values of renamed names in the records of a batch.
pub(super) fn apply(
    shaping: &Shaping,
    names: &mut Names,
    known: &mut KnownNames,
    batch: &mut Batch,
) {
    known.learn(names, shaping);
    let mut maps: Vec<usize> = shaping.moved.iter().map(|moved| moved.map).collect();
    maps.sort_unstable();
    maps.dedup();
    for row in 0..batch.rows.len() {
        if batch.rows.get(row).is_none_or(|row| row.broken) {
            continue;
        }
        for map in &maps {
            for place in batch.map(row, *map).range() {
                let Some(entry) = batch.entries.get(place).copied() else { continue };
                let moved = known.moved(entry.name).and_then(|index| shaping.moved.get(index));
                if let Some(moved) = moved.filter(|_| !entry.is_removed()) {
                    batch.note_renaming(moved.rename);
                    move_entry(place, entry, moved, row, names, batch);
                }
            }
        }
    }
}

fn move_entry(
    place: usize,
    entry: Entry,
    moved: &MovedName,
    row: usize,
    names: &mut Names,
    batch: &mut Batch,
) {
    match &moved.target {
        Target::Field(node) => {
            let slot = match batch.entry_values(entry) {
                [value] => *value,
                _ => Slot::other(JsonType::Array),
            };
            remove(place, batch);
            if batch.slot(row, *node).is_absent() {
                batch.set_slot(row, *node, slot);
            } else {
                let node = u8::try_from(*node).expect("a schema has at most 128 nodes");
                batch.mark_broken(row, Field::Node(node), Code::DuplicateKey, Detail::Renamed);
            }
        }
        Target::Name { map, scope, name, .. } => {
            let name = names.intern(*scope, name);
            let others = batch.map_entries(row, *map).iter();
            let is_there = others.into_iter().any(|one| one.name == name && !one.is_removed());
            if is_there {
                let field = Field::Named(name);
                batch.mark_broken(row, field, Code::DuplicateKey, Detail::Renamed);
            } else if *map == moved.map {
                if let Some(entry) = batch.entries.get_mut(place) {
                    entry.name = name;
                }
            } else {
                let values = batch.entry_values(entry).to_vec();
                remove(place, batch);
                append_entry(*map, name, &values, entry.is_list, row, batch);
            }
        }
    }
}

/// Removes the values of an entry.
fn remove(place: usize, batch: &mut Batch) {
    if let Some(entry) = batch.entries.get_mut(place) {
        entry.values.len = 0;
        entry.is_list = false;
    }
}
