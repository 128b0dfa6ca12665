//! What columns of opt-outs say, and what of it somebody has to decide.

use super::quoted;
use crate::decode::{OTHERS, Sense};
use crate::discover::choose::{Chosen, Found};
use crate::discover::meaning::Knowledge;
use crate::schema::Role;

/// What the words of the columns mean that say who has opted out.
pub(super) struct Meanings<'a> {
    columns: Vec<&'a Found<'a>>,
    /// Words of other programs, each with whether it means that somebody has opted out.
    pub(super) pairs: Vec<(String, bool)>,
    /// Whether a word means it in one column and the opposite in another.
    contradict: bool,
}

impl<'a> Meanings<'a> {
    pub(super) fn of(chosen: &'a Chosen<'a>, knowledge: &Knowledge) -> Meanings<'a> {
        let path = knowledge.role_path(Role::OptOut);
        let columns: Vec<&Found<'_>> =
            chosen.fields.iter().filter(|found| found.path == path).collect();
        let mut meanings = Meanings { columns, pairs: Vec::new(), contradict: false };
        for found in meanings.columns.clone() {
            let origin = &found.field.origin;
            if found.is_detail() {
                if !meanings.pairs.iter().any(|(word, _)| word == OTHERS) {
                    meanings.pairs.push((OTHERS.to_owned(), true));
                }
                continue;
            }
            let is_foreign = |word: &&String| !matches!(word.as_str(), "ALL" | "NONE");
            for word in origin.opt_out_words.iter().filter(is_foreign) {
                let Some(is_out) = knowledge.opt_out_words.means_out(word, origin.sense) else {
                    continue;
                };
                match meanings.pairs.iter().find(|(known, _)| known == word) {
                    None => meanings.pairs.push((word.clone(), is_out)),
                    Some((_, known)) => meanings.contradict |= *known != is_out,
                }
            }
        }
        meanings
    }

    /// Whether nothing in a column says that somebody has not agreed, except that there may be no value.
    fn is_silent(&self, found: &Found<'_>) -> bool {
        let origin = &found.field.origin;
        let has_out = self.pairs.iter().any(|(_, is_out)| *is_out);
        origin.sense == Sense::Opposite && 0 < origin.absent && !has_out && !found.is_open()
    }

    /// What somebody has to decide before the definition is valid, as comments.
    pub(super) fn open(&self, chosen: &Chosen<'_>) -> Vec<String> {
        let unknown = self.columns.iter().filter(|found| found.is_open()).map(|found| {
            let (count, name) = (found.field.origin.opt_out_others, quoted(&found.name));
            if found.field.origin.is_status {
                return format!(
                    "# {name} may say who has opted out: it is called like a status, and {count} values are words such as\n\
                     # `inactive`. If it says something else, remove its renaming and the line below."
                );
            }
            format!("# Who has opted out is open: {count} values of {name} are words that segprep does not know.")
        });
        let silent = self.columns.iter().filter(|found| self.is_silent(found)).map(|found| {
            let (count, name) = (found.field.origin.absent, quoted(&found.name));
            format!(
                "# {name} says who has agreed, and {count} records have no value there: they may not have. If so, give them a\n\
                 # word before; if not, write below what the others mean."
            )
        });
        let rivals: Vec<String> = chosen.rival_opt_outs.iter().map(|name| quoted(name)).collect();
        let several = (!rivals.is_empty()).then(|| {
            format!(
                "# Several columns say who has opted out of the same messages: {}. An endpoint has one opt-out.\n\
                 # Make one of them before; or rename the one that counts below, and list the others in `ignore`.{}",
                rivals.join(", "),
                if chosen.rivals_disagree {
                    "\n# Some say who has opted out and others who has agreed, so the same word means the opposite in them."
                } else {
                    ""
                }
            )
        });
        let contradict = self.contradict.then(|| {
            "# A word means that somebody has opted out in one column, and the opposite in another: one of them has to\n\
             # be changed before, or left out."
                .to_owned()
        });
        let details = chosen.opt_out_details.iter().map(|name| {
            let name = quoted(name);
            format!(
                "# {name} says when or why somebody opted out, and no column says whether. Write {{ {name} = \"OptOut\" }} as\n\
                 # [input.rename] and {{ \"*\" = \"ALL\" }} below, or list it in `ignore`."
            )
        });
        let has_others = !self.columns.is_empty() || 1 < chosen.unnamed_opt_outs.len();
        let what = if has_others {
            "says it as well, and its name is not shown. An\n\
             # endpoint has one opt-out: if this is the one that counts, rename it in place of the other. If not, list it in\n\
             # `ignore`: whoever has opted out only there is then written without an opt-out."
        } else {
            "says who has opted out, and its name is not shown. Write\n\
             # { \"NAME\" = \"OptOut\" } as [input.rename], or decide that it does not count."
        };
        let unnamed = chosen.unnamed_opt_outs.iter().map(|(column, length)| {
            let place =
                column.map_or_else(|| "A field".to_owned(), |column| format!("Column {column}"));
            format!("# {place} (name of {length} characters) {what}")
        });
        unknown
            .chain(silent)
            .chain(several)
            .chain(details)
            .chain(contradict)
            .chain(unnamed)
            .collect()
    }
}
