//! Which columns the fields of a record come from.

use crate::record::Scope;
use crate::schema::NodeIx;

/// The columns of one record of a row.
#[derive(Default)]
pub(in crate::decode::csv) struct RecordColumns {
    /// The column without whose value the row does not have this record. `None`: it always has.
    pub(in crate::decode::csv) address: Option<usize>,
    pub(in crate::decode::csv) fields: Vec<FieldColumn>,
    pub(in crate::decode::csv) maps: Vec<MapColumns>,
}

/// A column that is a field.
pub(in crate::decode::csv) struct FieldColumn {
    pub(in crate::decode::csv) column: usize,
    pub(in crate::decode::csv) node: NodeIx,
    pub(in crate::decode::csv) is_number: bool,
}

/// The columns of one map.
pub(in crate::decode::csv) struct MapColumns {
    pub(in crate::decode::csv) map: usize,
    pub(in crate::decode::csv) scope: Scope,
    pub(in crate::decode::csv) is_lists: bool,
    /// Each name with its columns, in the order of first columns.
    pub(in crate::decode::csv) names: Vec<(String, Vec<usize>)>,
    /// The column of each name, if no name has more than one.
    pub(in crate::decode::csv) single: Option<Vec<usize>>,
}

impl RecordColumns {
    /// Adds a column of a map. `first`: the first column with its name.
    pub(super) fn add_to_map(
        &mut self,
        (map, node): (usize, NodeIx),
        is_lists: bool,
        name: &str,
        first: usize,
        column: usize,
    ) {
        let found = self.maps.iter().position(|columns| columns.map == map);
        let index = found.unwrap_or_else(|| {
            let (scope, names, single) = (Scope::of_node(node), Vec::new(), Some(Vec::new()));
            self.maps.push(MapColumns { map, scope, is_lists, names, single });
            self.maps.len() - 1
        });
        let Some(MapColumns { names, single, .. }) = self.maps.get_mut(index) else { return };
        // Names are in the order of their first columns.
        let known = names.binary_search_by_key(&Some(&first), |(_, columns)| columns.first());
        if let Some((_, columns)) = known.ok().and_then(|known| names.get_mut(known)) {
            columns.push(column);
            *single = None;
        } else {
            names.push((name.to_owned(), vec![column]));
            if let Some(columns) = single {
                columns.push(column);
            }
        }
    }
}
