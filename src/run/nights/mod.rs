//! `[state]`: which inputs a run takes, and what it notes about itself. `ledger` has the list.
//!
//! A run without `[state]` takes all inputs, and has no [`Night`].

pub(super) mod foreseen;
mod places;
pub(super) mod status;

use std::path::{Path, PathBuf};

use super::aws::{self, Remote};
use super::clock;
use super::error::{ErrorKind, Failure, RunError};
use super::moment::Moment;
use super::options::RunOptions;
use super::prepare::{Prepared, ReadDefinition, Source};
use super::publish::put_in_place;
use super::text::{escape, escape_path, with_causes};
use crate::definition::{Definition, OnChange, State};
use crate::engine::Cancel;
use crate::ledger::{
    self, Begun, Choice, Few, InputEntry, Ledger, LedgerError, List, NotAList, RunEntry, RunStatus,
    StateRequest, Wanted,
};
use crate::publish::names::MANIFEST;
use crate::publish::{self, Buckets, Publication};
use crate::report::{Manifest, Status};
use crate::store::{Exclusions, Ignored, Listed, Listing, Reason};
use places::{digest_of, recover, remove_folders};

/// The list of a definition, during one run.
pub(super) struct Night {
    ledger: Ledger,
    /// The state as the definition names it.
    to: PathBuf,
    on_change: ledger::OnChange,
    buckets: Option<Buckets>,
    /// The note of the run that was killed, if one was.
    killed: Option<Begun>,
    /// The account that this run writes to, once it has noted that.
    account: Option<PathBuf>,
    /// Whether another run has that place, so that this one has left nothing there.
    is_away: bool,
    /// The id of the run on the list that this run replaces.
    replaced: Option<String>,
    /// The fingerprint of the published run that this run may replace.
    replaces: Option<String>,
    /// Whether this run's result is in its place already, as a run of this id has published it.
    is_there: bool,
    /// Whether it is asked for a plan, which never has what was taken.
    is_of_plan: bool,
}

impl Night {
    /// Takes the list, and ends what a killed run left. `None`: the definition has none.
    pub(super) fn open(
        source: &Source<'_>,
        definition: &Definition,
        remote: &Remote,
        options: &RunOptions,
    ) -> Result<Option<Night>, Failure> {
        let Some(state) = &definition.state else {
            let error = RunError::new(ErrorKind::Definition, "`--again` needs `[state]`");
            let hint = "without a list of taken inputs, each run takes all inputs";
            return if options.again.is_empty() { Ok(None) } else { Err(error.hint(hint).into()) };
        };
        aws::check(definition)?;
        let ledger = open_ledger(state, definition, remote, !options.dry_run)?;
        let on_change = match state.on_change {
            OnChange::Fail => ledger::OnChange::Fail,
            OnChange::Take => ledger::OnChange::Take,
            OnChange::Skip => ledger::OnChange::Skip,
        };
        let buckets = remote.buckets.clone();
        let mut night = Night {
            ledger,
            to: state.to.path.clone(),
            on_change,
            buckets,
            killed: None,
            account: None,
            is_away: false,
            replaced: None,
            replaces: None,
            is_there: false,
            is_of_plan: false,
        };
        night.clean_up_after_kill(source, definition, !options.dry_run)?;
        Ok(Some(night))
    }

    /// Ends what a killed run left. Its places follow from its id and date. `own`: the definition with the places of
    /// this run.
    fn clean_up_after_kill(
        &mut self,
        source: &Source<'_>,
        own: &Definition,
        writes: bool,
    ) -> Result<(), Failure> {
        let Some(unfinished) = self.ledger.unfinished() else { return Ok(()) };
        let begun = unfinished.begun;
        let Some(moment) = Moment::of_file(&begun.run, &begun.date) else {
            let file = self.ledger.list_path();
            return Err(LedgerError::NotAList { file, line: None }.into());
        };
        let definition = source.parse(&moment)?.definition;
        let account = &definition.account.to.path;
        if digest_of(account)? != begun.account {
            // Before it has an intent, nothing that it did counts.
            if unfinished.fingerprint.is_some() {
                return Err(moved(&moment, &self.to).into());
            }
            return Ok(self.ledger.settle(None)?);
        }
        let published = if writes {
            let published = recover(&definition, self.buckets.as_ref())?;
            remove_folders(&definition, own);
            published
        } else {
            publish::published_in(account, self.buckets.as_ref())?
        };
        self.ledger.settle(published.as_deref())?;
        self.killed = Some(begun);
        Ok(())
    }

    /// Whether a run on the list has this id.
    pub(super) fn has_run(&self, id: &str) -> bool {
        self.ledger.list().run(id).is_some()
    }

    /// Whether a run with this id has taken inputs. One that was over its budget has not.
    fn has_taken(&self, id: &str) -> bool {
        self.ledger.list().run(id).is_some_and(RunEntry::is_published)
    }

    /// The runs on the list, in the order in which they ended.
    pub(super) fn runs(&self) -> &[RunEntry] {
        self.ledger.list().runs()
    }

    /// What the list says about inputs, as far as this holds.
    pub(super) fn entries(
        &self,
        is_such: &dyn Fn(&InputEntry<'_>) -> bool,
    ) -> Result<Vec<InputEntry<'_>>, Failure> {
        let of_all = self.ledger.list().inputs();
        let found = of_all.filter(|entry| entry.as_ref().map_or(true, is_such)).collect();
        let found: Result<Vec<InputEntry<'_>>, NotAList> = found;
        Ok(found.map_err(|fault| fault.in_file(&self.ledger.list_path()))?)
    }

    /// The id of a run that has begun and not ended.
    pub(super) fn begun(&self) -> Option<&str> {
        self.killed.as_ref().map(|begun| begun.run.as_str())
    }

    /// What the list says about inputs.
    pub(super) fn compare(&self, files: &[Listed]) -> Result<Choice, Failure> {
        let wanted = Wanted { on_change: self.on_change, is_again: &|_| false, replaced: None };
        let choice = ledger::compare(self.ledger.list(), files, &wanted);
        Ok(choice.map_err(|fault| fault.in_file(&self.ledger.list_path()))?)
    }

    /// Fails if a run has taken some of these inputs since a plan was made of them.
    pub(super) fn check_new(&self, files: &[Listed]) -> Result<(), Failure> {
        let taken = files.len().saturating_sub(self.compare(files)?.take.len());
        if taken == 0 {
            return Ok(());
        }
        let message = format!("a run has taken {taken} of the inputs since the plan was made");
        let hint = "print a new plan with `segprep shards`: it has what is new now";
        Err(RunError::new(ErrorKind::Taken, message).hint(hint).into())
    }

    /// Whether this run may replace what is published in its account: as the user says, or as the user
    /// said to the same run, which was killed.
    pub(super) fn may_overwrite(
        &mut self,
        prepared: &Prepared,
        asked: bool,
    ) -> Result<bool, Failure> {
        let Some(found) = publish::result_in(prepared.account(), self.buckets.as_ref())? else {
            return Ok(asked);
        };
        let own = digest_of(prepared.account())?;
        let goes_on = self.killed.as_ref().is_some_and(|begun| {
            begun.account == own && begun.replaces.as_ref() == Some(&found.fingerprint)
        });
        let mut runs = self.ledger.list().runs().iter();
        let listed = runs.find(|run| run.account == own && run.fingerprint == found.fingerprint);
        let listed = listed.map(|run| run.run.clone());
        if found.is_published && !asked && !goes_on {
            self.is_there = listed.as_ref() == Some(&prepared.moment.run);
            return Ok(false);
        }
        self.replaced = listed;
        self.replaces = Some(found.fingerprint);
        Ok(asked || goes_on)
    }

    /// Forgets the place that this run was about to take: another run has it.
    pub(super) fn stays_away(&mut self) {
        self.is_away = true;
    }

    /// Leaves the inputs in the listing that this run takes.
    pub(super) fn select(
        &self,
        prepared: &mut Prepared,
        options: &RunOptions,
        listing: &mut Listing,
    ) -> Result<(), Failure> {
        let again = Exclusions::new(&options.again);
        let wanted = Wanted {
            on_change: self.on_change,
            is_again: &|name| again.matches(name),
            replaced: self.replaced.as_deref(),
        };
        let path = self.ledger.list_path();
        let choice = ledger::compare(self.ledger.list(), &listing.files, &wanted);
        let choice = choice.map_err(|fault| fault.in_file(&path))?;
        if 0 < choice.failing.count {
            return Err(changed(&choice.failing, self.is_of_plan).into());
        }
        let id = &prepared.moment.run;
        if !choice.take.is_empty() && self.has_taken(id) && self.replaced.as_ref() != Some(id) {
            return Err(used_id(id, &self.to).into());
        }
        listing.unmatched.extend(again.unmatched());
        prepared.warnings.extend(warnings(&choice, &listing.files));
        keep(&choice, listing);
        Ok(())
    }

    /// The manifest of this run, if it was published before: it is run again with the same id, and nothing
    /// is new.
    pub(super) fn earlier_manifest(&self, prepared: &Prepared) -> Option<PathBuf> {
        self.is_there.then(|| prepared.account().join(MANIFEST))
    }

    /// Why there is nothing to take.
    pub(super) fn nothing_new(&self, from: &str) -> RunError {
        let list = escape_path(&self.to);
        let message = format!("nothing is new in {from}: its inputs are on the list in `{list}`");
        let hint = if self.is_of_plan {
            "a plan has only what is new; `segprep run` with `--again` takes inputs on the list once more"
        } else {
            "`--again` takes inputs on the list once more; with `on_empty = \"ok\"` under `[input]`, \
             such a run is done"
        };
        RunError::new(ErrorKind::NoInput, message).hint(hint)
    }

    /// It is asked for a plan.
    pub(super) fn plans(&mut self) {
        self.is_of_plan = true;
    }

    /// Notes that this run is about to write to its places.
    pub(super) fn begin(&mut self, prepared: &Prepared) -> Result<(), Failure> {
        let Moment { run, date } = &prepared.moment;
        let account = digest_of(prepared.account())?;
        self.account = Some(prepared.account().to_owned());
        Ok(self.ledger.begin(Begun::new(run, date, &account, self.replaces.as_deref()))?)
    }

    /// How many records the last run on the list wrote.
    pub(super) fn last_written(&self) -> Option<u64> {
        self.ledger.list().last_published().map(|run| run.written)
    }

    /// Puts parts and manifest in place, and updates the list. Returns a warning if something is left to
    /// do. `broken`: the indices of inputs that could not be read to their ends.
    pub(super) fn publish(
        mut self,
        place: Publication,
        manifest: &Manifest,
        prepared: &Prepared,
        (taken, broken): (&[Listed], &[usize]),
    ) -> Result<Option<String>, Failure> {
        let is_published = manifest.status == Status::Published;
        let (taken, replaces) =
            if is_published { (taken, self.replaced.as_deref()) } else { (&[][..], None) };
        let run = run_entry(manifest, prepared)?;
        let name = &prepared.definition.name;
        let id = run.run.clone();
        let inputs = taken.iter().enumerate().map(|(index, listed)| {
            InputEntry::of(listed, &id, broken.binary_search(&index).is_ok())
        });
        let addition = List::new(name, replaces, vec![run], inputs);
        if is_published {
            self.ledger.intend(addition)?;
            let leftover = put_in_place(place, manifest)?;
            let recorded = self.ledger.record();
            return Ok(both(leftover, self.end(recorded)));
        }
        let leftover = put_in_place(place, manifest)?;
        // A run that was to replace one of the same id leaves that on the list.
        let recorded = if self.has_taken(&id) { Ok(()) } else { self.ledger.add(&addition) };
        Ok(both(leftover, self.end(recorded)))
    }

    /// Adds the inputs of this run, which was published before.
    pub(super) fn note_published(
        mut self,
        prepared: &Prepared,
        taken: &[Listed],
    ) -> Result<(), Failure> {
        let account = prepared.account();
        let text = publish::read_account_file(account, self.buckets.as_ref(), MANIFEST)?;
        let manifest = text.and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
        let Some(manifest) = manifest else { return Ok(()) };
        let run = run_entry(&manifest, prepared)?;
        let id = run.run.clone();
        let inputs = taken.iter().map(|listed| InputEntry::of(listed, &id, false));
        let addition = List::new(&prepared.definition.name, None, vec![run], inputs);
        Ok(self.ledger.add(&addition)?)
    }

    /// Gives up the list. Returns a warning if it is not up to date.
    fn end(&mut self, recorded: Result<(), LedgerError>) -> Option<String> {
        let ended = match recorded {
            Ok(()) => self.ledger.release(self.is_settled()),
            Err(error) => self.ledger.release(false).and(Err(error)),
        };
        let error = ended.err()?;
        let (list, why) = (escape_path(&self.ledger.path()), with_causes(&error));
        Some(format!(
            "the list of taken inputs in `{list}` could not be updated ({why}); the result stands, and the \
             next run of this definition updates it"
        ))
    }

    /// Whether this run has noted that it began, and nothing is left of it in its places.
    fn is_settled(&self) -> bool {
        let account = self.account.as_deref();
        account.is_some_and(|account| {
            self.is_away || publish::is_idle(account, self.buckets.as_ref()).unwrap_or(false)
        })
    }
}

impl Drop for Night {
    /// What is left, the next run finds by the note.
    fn drop(&mut self) {
        let is_settled = self.is_settled();
        self.ledger.release(is_settled).ok();
    }
}

/// The definition with the paths of the last published run on its list, or of the one that is asked for; without a list,
/// or for a given date, with those of a run that begins now.
pub(super) fn read_last(options: &RunOptions, cancel: &Cancel) -> Result<ReadDefinition, Failure> {
    let source = Source::read(options, clock::now()?, cancel)?;
    let read = source.parse(&source.moment)?;
    if read.definition.state.is_none() {
        return Ok(read);
    }
    let remote = Remote::new(&read.definition, cancel)?;
    of_run(&source, read, &remote, options)
}

/// The same, once the definition is read.
pub(super) fn of_run(
    source: &Source<'_>,
    read: ReadDefinition,
    remote: &Remote,
    options: &RunOptions,
) -> Result<ReadDefinition, Failure> {
    let Some(state) = read.definition.state.as_ref().filter(|_| options.date.is_none()) else {
        return Ok(read);
    };
    let ledger = open_ledger(state, &read.definition, remote, false)?;
    let list = ledger.list();
    let run = options.run.as_ref().map_or_else(|| list.last_published(), |id| list.run(id));
    let moment = run.and_then(|run| Moment::of_file(&run.run, &run.date));
    moment.map_or(Ok(read), |moment| source.parse(&moment))
}

pub(super) fn open_ledger(
    state: &State,
    definition: &Definition,
    remote: &Remote,
    takes: bool,
) -> Result<Ledger, Failure> {
    let request = StateRequest {
        to: &state.to.path,
        s3: &remote.store.s3,
        storing: &aws::storing_of_state(state),
        name: &definition.name,
    };
    Ok(if takes { Ledger::take(&request)? } else { Ledger::look(&request)? })
}

fn run_entry(manifest: &Manifest, prepared: &Prepared) -> Result<RunEntry, Failure> {
    let status = match manifest.status {
        Status::Published => RunStatus::Published,
        Status::OverBudget | Status::DryRun => RunStatus::OverBudget,
    };
    Ok(RunEntry {
        run: prepared.moment.run.clone(),
        date: prepared.moment.date.clone(),
        fingerprint: manifest.fingerprint.clone(),
        account: digest_of(prepared.account())?,
        status,
        finished: manifest.finished.clone(),
        read: manifest.records.read,
        written: manifest.records.written,
    })
}

/// Leaves only the inputs that are taken. Those that are skipped are listed as ignored.
fn keep(choice: &Choice, listing: &mut Listing) {
    let mut taken = choice.take.iter().peekable();
    let mut skipped = choice.skipped.iter().peekable();
    let files = std::mem::take(&mut listing.files);
    for (index, file) in files.into_iter().enumerate() {
        if taken.next_if(|taken| **taken == index).is_some() {
            listing.files.push(file);
        } else if skipped.next_if(|skipped| **skipped == index).is_some() {
            listing.ignored.push(Ignored { name: file.name, reason: Reason::Changed });
        }
    }
    listing.ignored.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
}

fn warnings(choice: &Choice, files: &[Listed]) -> Vec<String> {
    let mut skipped = Few::default();
    let names = choice.skipped.iter().filter_map(|index| files.get(*index));
    names.for_each(|file| skipped.add(&file.name));
    let all = [
        (
            &choice.lost,
            "of the run that this one replaces",
            "no longer there, and neither are the records",
        ),
        (
            &choice.elsewhere,
            "of the run that this one replaces",
            "in the result of a later run as they are now, and not taken again",
        ),
        (
            &choice.reread,
            "that a run took as broken",
            "changed and read again, whole: what was read of them before is written twice",
        ),
        (&choice.retaken, "on the list of taken inputs", "changed and taken again"),
        (&skipped, "on the list of taken inputs", "changed and skipped"),
    ];
    let said = all.into_iter().filter(|(few, ..)| 0 < few.count);
    said.map(|(few, of, what)| format!("inputs {of} are {what}: {}", listed(few))).collect()
}

/// A few names in backticks, and how many more there are.
fn listed(few: &Few) -> String {
    let names: Vec<String> = few.names.iter().map(|name| format!("`{}`", escape(name))).collect();
    let shown = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let names = names.join(", ");
    match few.count.saturating_sub(shown) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

fn changed(few: &Few, is_of_plan: bool) -> RunError {
    let (names, have) = (listed(few), if few.count == 1 { "has" } else { "have" });
    let message = format!("{names} {have} changed since a run took it");
    let message = if few.count == 1 { message } else { message.replace(" took it", " took them") };
    let again = if is_of_plan { "" } else { ", or take an input once more with `--again`" };
    RunError::new(ErrorKind::BadInput, message).hint(format!(
        "records that were written may be written again: decide with `changed = \"take\"` or `\"skip\"` \
         under `[state]`{again}"
    ))
}

fn used_id(id: &str, list: &Path) -> RunError {
    let (id, list) = (escape(id), escape_path(list));
    let message = format!("a run `{id}` is on the list of taken inputs in `{list}` already");
    RunError::new(ErrorKind::Taken, message).hint(
        "give this run another id; `--overwrite` replaces the result of that run, if it is still in place",
    )
}

fn moved(moment: &Moment, list: &Path) -> RunError {
    let (run, list) = (escape(&moment.run), escape_path(list));
    let message = format!(
        "the run `{run}` was killed while it published, and the `to` of the account has changed since: \
         whether its inputs are taken is unknown (`{list}`)"
    );
    RunError::new(ErrorKind::Taken, message)
        .hint("run once with the earlier `to` (and from the same folder), which settles that")
}

fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    }
}
