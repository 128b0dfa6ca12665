//! The warnings about lists of `[[suppress]]` in a manifest. (`run/lists.rs` reads the lists.)

use crate::plan::{ListSpec, Plan};
use crate::run::lists::ListCounts;
use crate::run::text::escape_path;

/// Warnings about lists with entries that cannot be used.
pub(super) fn unusable(plan: &Plan, counts: &[ListCounts]) -> Vec<String> {
    let lists = plan.lists.iter().zip(counts);
    let unusable = lists.filter(|(_, counts)| 0 < counts.unusable);
    unusable
        .map(|(list, counts)| {
            let whom = if counts.unusable == 1 {
                "whoever it stands for is not found"
            } else {
                "the people they stand for are not found"
            };
            format!(
                "{} of the list {} cannot be used, so {whom}: an entry must be {}",
                count_entries(counts.unusable),
                files_of(&list.spec),
                list.spec.describe_entry()
            )
        })
        .collect()
}

/// What `from` of a list has, for a message: `` `a.txt`, `b.txt` ``.
fn files_of(list: &ListSpec) -> String {
    let from = list.from.iter().map(|path| format!("`{}`", escape_path(path)));
    from.collect::<Vec<_>>().join(", ")
}

/// Warnings about lists whose bytes nothing confirms.
pub(super) fn unchecked(plan: &Plan, counts: &[ListCounts]) -> Vec<String> {
    let lists = plan.lists.iter().zip(counts);
    let unchecked = lists.filter(|(_, counts)| counts.is_unchecked);
    unchecked
        .map(|(list, _)| {
            let from = files_of(&list.spec);
            format!(
                "the list {from} was read without a check for damage: its server has no checksum of a \
                 whole object"
            )
        })
        .collect()
}

fn count_entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
