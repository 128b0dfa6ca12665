//! What the list says about the inputs that are there now, and which of them a run takes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::NotAList;
use super::list::{InputEntry, List};
use super::names::PlainNames;
use crate::store::{Listed, Stamp};

/// What becomes of an input on the list that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    Fail,
    Take,
    Skip,
}

/// What a run is to take, besides inputs that are not on the list.
pub struct Wanted<'w> {
    pub on_change: OnChange,
    /// Whether an input on the list is taken once more, by its name.
    pub is_again: &'w dyn Fn(&str) -> bool,
    /// The id of the run that this one replaces: its inputs are taken again.
    pub replaced: Option<&'w str>,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wanted({:?}, {:?})", self.on_change, self.replaced)
    }
}

/// A number of inputs, and the names of the first ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Few {
    pub count: u64,
    pub names: Vec<String>,
}

impl Few {
    const NAMES_MAX: usize = 10;

    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < Few::NAMES_MAX {
            self.names.push(name.to_owned());
        }
    }
}

/// The inputs that a run takes, and what is to be said about the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Indices of the listing, in order.
    pub take: Vec<usize>,
    /// Changed inputs that are not taken, by their indices, in order.
    pub skipped: Vec<usize>,
    /// Not on the list.
    pub new: u64,
    /// On the list, as they are now.
    pub taken: u64,
    /// On the list, and changed since. Those that were broken are among `reread`.
    pub changed: Few,
    /// Changed inputs for which the run must fail.
    pub failing: Few,
    /// Taken as broken, and not changed since.
    pub broken: Few,
    /// Taken as broken, and taken again since they have changed.
    pub reread: Few,
    /// Taken again because the definition says so, since they have changed.
    pub retaken: Few,
    /// On the list, and not there any more.
    pub gone: Few,
    /// Of the run that is replaced: not there any more.
    pub lost: Few,
    /// Of the run that is replaced: changed since, and taken by another run in that state.
    pub elsewhere: Few,
}

/// Compares a list with a listing. Both are sorted by name. An input is the same however its path is spelled.
pub fn compare(list: &List, listed: &[Listed], wanted: &Wanted<'_>) -> Result<Choice, NotAList> {
    let names = PlainNames::here(list.raw_names().next());
    let files = Files::new(listed, &names);
    let mut choice = Choice::default();
    let mut at = 0;
    let mut states: Vec<InputEntry<'_>> = Vec::new();
    for entry in entries(list, &names)? {
        let entry = entry?;
        if states.first().is_some_and(|first| first.name != entry.name) {
            at = choice.settle(&states, &files, at, wanted);
            states.clear();
        }
        states.push(entry);
    }
    at = choice.settle(&states, &files, at, wanted);
    while let Some((_, index, _)) = files.get(at) {
        choice.take_new(index);
        at += 1;
    }
    choice.take.sort_unstable();
    choice.skipped.sort_unstable();
    Ok(choice)
}

/// The entries of a list, sorted by their plain names; those of one name in the order in which runs took them.
fn entries<'l>(
    list: &'l List,
    names: &PlainNames,
) -> Result<Box<dyn Iterator<Item = Result<InputEntry<'l>, NotAList>> + 'l>, NotAList> {
    if list.raw_names().all(|name| names.is_plain(name)) {
        return Ok(Box::new(list.inputs()));
    }
    let runs = list.runs().iter().enumerate().map(|(order, run)| (run.run.as_str(), order));
    let runs: HashMap<&str, usize> = runs.collect();
    let mut entries = list.inputs().collect::<Result<Vec<_>, _>>()?;
    for entry in &mut entries {
        let plain = names.plain(&entry.name).into_owned();
        entry.name = Cow::Owned(plain);
    }
    entries.sort_by(|one, other| {
        let order = |entry: &InputEntry<'_>| runs.get(&*entry.run).copied();
        one.name.cmp(&other.name).then_with(|| order(one).cmp(&order(other)))
    });
    Ok(Box::new(entries.into_iter().map(Ok)))
}

/// The files of a listing, sorted by their plain names.
struct Files<'l> {
    listed: &'l [Listed],
    /// The plain names and the indices. `None`: all names are plain.
    sorted: Option<Vec<(Cow<'l, str>, usize)>>,
}

impl<'l> Files<'l> {
    fn new(listed: &'l [Listed], names: &PlainNames) -> Files<'l> {
        if listed.iter().all(|file| names.is_plain(&file.name)) {
            return Files { listed, sorted: None };
        }
        let plain = listed.iter().enumerate().map(|(index, file)| (names.plain(&file.name), index));
        let mut sorted: Vec<_> = plain.collect();
        sorted.sort_unstable();
        Files { listed, sorted: Some(sorted) }
    }

    /// The plain name of the file at a place of this order, its index in the listing, and the file.
    fn get(&self, at: usize) -> Option<(&str, usize, &'l Listed)> {
        match &self.sorted {
            None => self.listed.get(at).map(|file| (file.name.as_str(), at, file)),
            Some(sorted) => {
                let (name, index) = sorted.get(at)?;
                Some((name, *index, self.listed.get(*index)?))
            }
        }
    }
}

impl Choice {
    fn take_new(&mut self, index: usize) {
        self.new += 1;
        self.take.push(index);
    }

    /// Decides about the input whose states on the list these are, and about those before it. Returns where
    /// the listing goes on.
    fn settle(
        &mut self,
        states: &[InputEntry<'_>],
        files: &Files<'_>,
        mut at: usize,
        wanted: &Wanted<'_>,
    ) -> usize {
        let Some(last) = states.last() else { return at };
        while let Some((name, index, _)) = files.get(at)
            && name.as_bytes() < last.name.as_bytes()
        {
            self.take_new(index);
            at += 1;
        }
        let of_replaced = states.iter().find(|state| Some(&*state.run) == wanted.replaced);
        match files.get(at).filter(|(name, ..)| *name == last.name) {
            None => {
                self.gone.add(&last.name);
                if of_replaced.is_some() {
                    self.lost.add(&last.name);
                }
                at
            }
            Some((_, index, file)) => {
                self.decide(states, of_replaced, file, index, wanted);
                at + 1
            }
        }
    }

    fn decide(
        &mut self,
        states: &[InputEntry<'_>],
        of_replaced: Option<&InputEntry<'_>>,
        file: &Listed,
        index: usize,
        wanted: &Wanted<'_>,
    ) {
        let stamp = StampText::of(&file.stamp);
        let is_now = |state: &&InputEntry<'_>| stamp.is_of(state, file.bytes);
        let now = states.iter().rfind(is_now);
        if now.is_none() {
            self.changed.add(&file.name);
        } else {
            self.taken += 1;
        }
        if (wanted.is_again)(&file.name) {
            self.take.push(index);
        } else if let Some(replaced) = of_replaced {
            // What another run has taken since is in that run's result.
            if is_now(&replaced) || now.is_none() {
                self.take.push(index);
            } else {
                self.elsewhere.add(&file.name);
            }
        } else if let Some(now) = now {
            if now.broken {
                self.broken.add(&file.name);
            }
        } else if states.last().is_some_and(|last| last.broken) {
            self.reread.add(&file.name);
            self.take.push(index);
        } else {
            self.change(index, &file.name, wanted.on_change);
        }
    }

    fn change(&mut self, index: usize, name: &str, on_change: OnChange) {
        match on_change {
            OnChange::Fail => self.failing.add(name),
            OnChange::Take => {
                self.retaken.add(name);
                self.take.push(index);
            }
            OnChange::Skip => self.skipped.push(index),
        }
    }
}

/// The state of an input as a list has it.
struct StampText<'s> {
    modified: String,
    etag: &'s str,
}

impl StampText<'_> {
    fn of(stamp: &Stamp) -> StampText<'_> {
        let etag = if let Stamp::ETag(etag) = stamp { etag } else { "" };
        StampText { modified: stamp.modified().unwrap_or_default(), etag }
    }

    fn is_of(&self, entry: &InputEntry<'_>, bytes: u64) -> bool {
        entry.bytes == bytes && entry.modified == self.modified && entry.etag == self.etag
    }
}

impl<'a> InputEntry<'a> {
    /// What a run says that it has taken.
    pub fn of(listed: &'a Listed, run: &'a str, broken: bool) -> InputEntry<'a> {
        let StampText { modified, etag } = StampText::of(&listed.stamp);
        InputEntry {
            name: listed.name.as_str().into(),
            bytes: listed.bytes,
            modified: modified.into(),
            etag: etag.into(),
            run: run.into(),
            broken,
        }
    }

    /// The input as it was listed then. `None`: no input can be so.
    pub fn listed(&self) -> Option<Listed> {
        let stamp = if self.etag.is_empty() {
            Stamp::of_modified(&self.modified)?
        } else {
            Stamp::ETag(self.etag.clone().into_owned())
        };
        Some(Listed { name: self.name.clone().into_owned(), bytes: self.bytes, stamp, range: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{RunEntry, RunStatus};

    /// An input in a state; states are numbers.
    fn file(name: &str, state: u64) -> Listed {
        let stamp = Stamp::ETag(format!("\"{state}\""));
        Listed { name: name.to_owned(), bytes: 10 + state, stamp, range: None }
    }

    fn run(id: &str) -> RunEntry {
        let text = String::new;
        RunEntry {
            run: id.to_owned(),
            date: text(),
            fingerprint: text(),
            account: text(),
            status: RunStatus::Published,
            finished: text(),
            read: 0,
            written: 0,
        }
    }

    /// `a/1 b/2!`: the run took `a` in state 1 and `b` in state 2, which was broken.
    fn took(list: &List, id: &str, text: &str) -> List {
        let files: Vec<(Listed, bool)> = text.split_whitespace().map(parse).collect();
        let entries = files.iter().map(|(file, broken)| InputEntry::of(file, id, *broken));
        list.with(&List::new("list", None, vec![run(id)], entries)).expect("lists")
    }

    fn parse(text: &str) -> (Listed, bool) {
        let (name, state) = text.trim_end_matches('!').rsplit_once('/').expect("a state");
        (file(name, state.parse().expect("a number")), text.ends_with('!'))
    }

    fn choice(now: &str, on_change: OnChange, again: &str, replaced: Option<&str>) -> Choice {
        let list = took(&List::empty("list"), "1", "a/1 b/1 c/1!");
        let list = took(&list, "2", "b/2 d/1 e/1");
        let listed: Vec<Listed> = now.split_whitespace().map(|text| parse(text).0).collect();
        let is_again = |name: &str| again.split(' ').any(|other| other == name);
        let wanted = Wanted { on_change, is_again: &is_again, replaced };
        let choice = compare(&list, &listed, &wanted).expect("a list");
        assert!(choice.take.is_sorted() && choice.skipped.is_sorted());
        choice
    }

    fn names(now: &str, indices: &[usize]) -> String {
        let now: Vec<&str> = now.split_whitespace().collect();
        indices.iter().map(|index| now[*index]).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(choice: &Choice, now: &str, take: &str, counts: [u64; 4]) {
        assert_eq!(names(now, &choice.take), take);
        let found = [choice.new, choice.taken, choice.changed.count, choice.gone.count];
        assert_eq!(found, counts, "new, taken, changed, gone");
    }

    #[test]
    fn only_what_is_not_on_the_list_is_taken() {
        use OnChange::{Fail, Skip, Take};
        let now = "0/1 a/1 b/2 bb/1 c/1 e/1 z/1";
        let found = choice(now, Fail, "", None);
        check(&found, now, "0/1 bb/1 z/1", [3, 4, 0, 1]);
        assert_eq!((found.gone.names, found.broken.names), (vec!["d".into()], vec!["c".into()]));
        check(&choice("", Fail, "", None), "", "", [0, 0, 0, 5]);
        // A state that an earlier run took is no change.
        let now = "a/1 b/1 c/1 d/1 e/1";
        check(&choice(now, Fail, "", None), now, "", [0, 5, 0, 0]);

        let now = "a/2 b/2 d/3 f/1";
        let found = choice(now, Fail, "", None);
        check(&found, now, "f/1", [1, 1, 2, 2]);
        assert_eq!(found.failing.names, ["a", "d"]);
        let found = choice(now, Take, "", None);
        check(&found, now, "a/2 d/3 f/1", [1, 1, 2, 2]);
        assert_eq!((found.failing.count, found.retaken.count), (0, 2));
        let found = choice(now, Skip, "", None);
        check(&found, now, "f/1", [1, 1, 2, 2]);
        assert_eq!(names(now, &found.skipped), "a/2 d/3");
    }

    #[test]
    fn an_input_is_known_however_its_path_is_spelled() {
        use OnChange::Fail;
        let list = took(&List::empty("list"), "1", "in.csv/1");
        let list = took(&list, "2", "./b.csv/1 ./in.csv/2 z.csv/1");
        let here = std::env::current_dir().expect("a folder");
        let inside = |name: &str| format!("{}/{name}", here.display());
        let is_again = |_: &str| false;
        for prefix in ["", "./", "././", &inside("")] {
            let mut listed: Vec<Listed> = [("a.csv", 1), ("b.csv", 1), ("in.csv", 2), ("z.csv", 1)]
                .map(|(name, state)| file(&format!("{prefix}{name}"), state))
                .into();
            listed.push(file("~.csv", 1));
            listed.sort_by(|one, other| one.name.cmp(&other.name));
            let wanted = Wanted { on_change: Fail, is_again: &is_again, replaced: None };
            let choice = compare(&list, &listed, &wanted).expect("a list");
            assert_eq!((choice.new, choice.taken), (2, 3), "{prefix}");
            assert_eq!((choice.changed.count, choice.gone.count), (0, 0), "{prefix}");
            let taken: Vec<&str> =
                choice.take.iter().map(|index| listed[*index].name.as_str()).collect();
            assert_eq!(taken, [format!("{prefix}a.csv"), "~.csv".to_owned()], "{prefix}");
        }
    }

    #[test]
    fn a_broken_input_is_read_again_only_if_it_changes() {
        for on_change in [OnChange::Fail, OnChange::Take, OnChange::Skip] {
            let now = "c/2";
            let found = choice(now, on_change, "", None);
            check(&found, now, "c/2", [0, 0, 1, 4]);
            assert_eq!((found.reread.count, found.failing.count), (1, 0));
            check(&choice("c/1", on_change, "", None), "c/1", "", [0, 1, 0, 4]);
        }
    }

    #[test]
    fn inputs_are_taken_once_more_if_they_are_named() {
        let now = "a/1 b/3 d/1 x/1";
        let found = choice(now, OnChange::Fail, "a b y", None);
        check(&found, now, "a/1 b/3 x/1", [1, 2, 1, 2]);
        assert_eq!(found.failing.count, 0);
    }

    #[test]
    fn the_inputs_of_the_run_that_is_replaced_are_taken_again() {
        let now = "a/1 b/1 c/1 d/1 e/1 x/1";
        let replaced = choice(now, OnChange::Fail, "", Some("1"));
        check(&replaced, now, "a/1 b/1 c/1 x/1", [1, 5, 0, 0]);
        // `b` is in the result of run 2 as it is now; `a` has changed, and is in no other result.
        let now = "a/5 b/2 d/1 e/1";
        let replaced = choice(now, OnChange::Fail, "", Some("1"));
        check(&replaced, now, "a/5", [0, 3, 1, 1]);
        assert_eq!(
            (replaced.elsewhere.names, replaced.lost.names),
            (vec!["b".into()], vec!["c".into()])
        );
        let now = "a/1 b/2 c/1 d/9 e/1";
        check(&choice(now, OnChange::Fail, "", Some("2")), now, "b/2 d/9 e/1", [0, 4, 1, 0]);
    }
}
