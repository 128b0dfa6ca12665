//! The list of inputs that published runs have taken (`[state]`), so that each run takes only what is new.
//!
//! This module knows names, sizes and times of inputs, and no records. The list says only what manifests
//! say, wherever a run is killed:
//!
//! 1. A run takes the state, so that there is one run at a time, and reads the list.
//! 2. It notes that it has begun, and where ([`Begun`], `begun.json`). If a run finds such a note, the run
//!    that wrote it was killed: what is left of it is cleaned up first.
//! 3. Before its manifest goes into place, it writes down which inputs it has taken (`intent.ndjson`).
//! 4. Once the manifest is in place, the list is replaced as a whole by one with these inputs
//!    (`taken.ndjson`), and the intent and the note are removed.
//!
//! A run that finds an intent looks whether the manifest of that run is in place. If so, step 4 is still
//! to be done; it may be repeated, since it adds nothing twice. Otherwise the intent is removed.
//!
//! Whoever can write to the state can make a run take inputs twice or leave them out, but no more than
//! that: no path is read from these files. They have the id and the date of a run, from which its places
//! follow by the definition. Each file is read up to a maximum size.
//!
//! | file | contents |
//! |---|---|
//! | `list.rs` | the text of the list: reading, merging |
//! | `names.rs` | spellings of one path |
//! | `compare.rs` | what the list says about the inputs that are there now |
//! | `place.rs` | the trait of a state that a run holds; `disk.rs` and `bucket.rs` implement it |

mod bucket;
mod compare;
mod disk;
mod error;
mod list;
mod names;
mod place;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::publish;
use crate::store::s3::{Folder, S3, Storing, Url};
use bucket::BucketState;
use disk::DiskState;
use place::StatePlace;

pub use compare::{Choice, Few, OnChange, Wanted, compare};
pub use error::{LedgerError, NotAList};
pub use list::{InputEntry, List, RunEntry, RunStatus};

/// The names of the files in a state.
const LIST: &str = "taken.ndjson";
const INTENT: &str = "intent.ndjson";
const BEGUN: &str = "begun.json";
/// The maximum size of a list, in bytes: about eight million inputs.
const LIST_BYTES_MAX: u64 = 1 << 30;
/// The maximum size of a note.
const NOTE_BYTES_MAX: u64 = 64 << 10;
const VERSION: u32 = 1;

/// What a run notes before it writes anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    #[serde(rename = "segprep_state")]
    version: u32,
    /// The id and the date of the run, from which its places follow.
    pub run: String,
    pub date: String,
    /// Identifies its account: see [`RunEntry::account`].
    pub account: String,
    /// The fingerprint of the published run that it was allowed to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

impl Begun {
    pub fn new(run: &str, date: &str, account: &str, replaces: Option<&str>) -> Begun {
        Begun {
            version: VERSION,
            run: run.to_owned(),
            date: date.to_owned(),
            account: account.to_owned(),
            replaces: replaces.map(str::to_owned),
        }
    }
}

/// A run that did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub begun: Begun,
    /// The fingerprint of its manifest, if it was about to publish.
    pub fingerprint: Option<String>,
}

/// Where a state is.
#[derive(Clone, Debug)]
pub struct StateRequest<'a> {
    pub to: &'a Path,
    pub s3: &'a S3,
    /// How objects of a state in a bucket are stored.
    pub storing: &'a Storing,
    /// The name of the definition, to which the list belongs.
    pub name: &'a str,
}

/// The state of a definition: its list, and what runs noted.
#[derive(Debug)]
pub struct Ledger {
    place: Box<dyn StatePlace>,
    /// Whether this run holds the state, and may write to it.
    is_held: bool,
    list: List,
    intent: Option<List>,
    begun: Option<Begun>,
}

impl Ledger {
    /// Takes the state and reads the list.
    ///
    /// # Errors
    ///
    /// If another run holds it, if it belongs to another definition, or if it cannot be read.
    pub fn take(request: &StateRequest<'_>) -> Result<Ledger, LedgerError> {
        let mut place = state_at(request)?;
        if !place.take()? {
            return Err(LedgerError::Taken { place: place.path() });
        }
        Ledger::read(place, true, request.name)
    }

    /// Reads the list, without taking the state. Another run may be working.
    pub fn look(request: &StateRequest<'_>) -> Result<Ledger, LedgerError> {
        Ledger::read(state_at(request)?, false, request.name)
    }

    /// The list is read last: a run that is working moves what it intends into it.
    fn read(place: Box<dyn StatePlace>, is_held: bool, name: &str) -> Result<Ledger, LedgerError> {
        let list = List::empty(name);
        let mut ledger = Ledger { place, is_held, list, intent: None, begun: None };
        ledger.begun = ledger.read_begun()?;
        ledger.intent = ledger.read_list(INTENT, name)?;
        if let Some(list) = ledger.read_list(LIST, name)? {
            ledger.list = list;
        }
        Ok(ledger)
    }

    fn read_begun(&self) -> Result<Option<Begun>, LedgerError> {
        let Some(text) = self.place.read(BEGUN, NOTE_BYTES_MAX)? else { return Ok(None) };
        match serde_json::from_slice::<Begun>(&text) {
            Ok(begun) if begun.version == VERSION => Ok(Some(begun)),
            _ => Err(LedgerError::NotAList { file: self.place.path().join(BEGUN), line: None }),
        }
    }

    fn read_list(&self, file: &str, name: &str) -> Result<Option<List>, LedgerError> {
        let Some(text) = self.place.read(file, LIST_BYTES_MAX)? else { return Ok(None) };
        let path = self.place.path().join(file);
        let list = List::parse(text).map_err(|fault| fault.in_file(&path))?;
        if list.name() != name {
            let (place, name) = (self.place.path(), list.name().to_owned());
            return Err(LedgerError::Other { place, name });
        }
        Ok(Some(list))
    }

    /// The resolved path or URL of the state.
    pub fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// The path of the list, for messages.
    pub fn list_path(&self) -> PathBuf {
        self.place.path().join(LIST)
    }

    pub fn list(&self) -> &List {
        &self.list
    }

    /// The run that did not end, if there is one.
    pub fn unfinished(&self) -> Option<Unfinished> {
        let last = self.intent.as_ref().and_then(|intent| intent.runs().last());
        let fingerprint = last.map(|run| run.fingerprint.clone());
        let of_intent = || last.map(|run| Begun::new(&run.run, &run.date, &run.account, None));
        let of_note = || self.begun.clone();
        // An intent and a note of different runs are those of nobody: the intent decides.
        let begun = match (of_note(), of_intent()) {
            (Some(note), Some(intent)) if note.run != intent.run => intent,
            (Some(note), _) => note,
            (None, intent) => intent?,
        };
        Some(Unfinished { begun, fingerprint })
    }

    /// Ends what a run left: `published` is the fingerprint of the manifest that is in its account, if
    /// that has the status `published`. Writes nothing unless this run holds the state.
    pub fn settle(&mut self, published: Option<&str>) -> Result<(), LedgerError> {
        if let Some(intent) = self.intent.take() {
            let intended = intent.runs().last().map(|run| run.fingerprint.as_str());
            if intended.is_some() && intended == published {
                self.add(&intent)?;
            }
            if self.is_held {
                self.place.remove(INTENT)?;
            }
        }
        if self.begun.take().is_some() && self.is_held {
            self.place.remove(BEGUN)?;
        }
        Ok(())
    }

    /// Notes that this run is about to write to its places.
    pub fn begin(&mut self, begun: Begun) -> Result<(), LedgerError> {
        let text = serde_json::to_vec(&begun).expect("a note is plain data");
        self.place.write(BEGUN, &text)?;
        self.begun = Some(begun);
        Ok(())
    }

    /// Writes down what this run has taken. Its manifest may go into place once this returns.
    pub fn intend(&mut self, intent: List) -> Result<(), LedgerError> {
        self.place.check()?;
        self.place.write_new(INTENT, intent.text())?;
        // A run that took over in between has seen the intent, unless this fails.
        self.place.check()?;
        self.intent = Some(intent);
        Ok(())
    }

    /// Adds what this run has taken to the list, once its manifest is in place.
    pub fn record(&mut self) -> Result<(), LedgerError> {
        let fingerprint = self.unfinished().and_then(|run| run.fingerprint);
        self.settle(fingerprint.as_deref())
    }

    /// Adds a run that took nothing, or whose manifest has been in place for long.
    pub fn add(&mut self, addition: &List) -> Result<(), LedgerError> {
        let path = self.list_path();
        let merged = self.list.with(addition).map_err(|fault| fault.in_file(&path))?;
        if self.is_held {
            self.place.check()?;
            self.place.write(LIST, merged.text())?;
        }
        self.list = merged;
        Ok(())
    }

    /// Gives up the state. `is_settled`: nothing is left of this run that the next one must clean up.
    pub fn release(&mut self, is_settled: bool) -> Result<(), LedgerError> {
        if !std::mem::take(&mut self.is_held) {
            return Ok(());
        }
        if is_settled && self.intent.is_none() && self.begun.take().is_some() {
            self.place.remove(BEGUN)?;
        }
        self.place.release()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.release(false).ok(); // what is left, the next run finds
    }
}

/// The size of the list of a state on disk; 0 if there is none.
pub fn bytes_on_disk(to: &Path) -> u64 {
    std::fs::metadata(to.join(LIST)).map_or(0, |metadata| metadata.len())
}

fn state_at(request: &StateRequest<'_>) -> Result<Box<dyn StatePlace>, LedgerError> {
    let path = publish::resolve(request.to)?;
    let Some(url) = Url::parse(&path) else { return Ok(Box::new(DiskState::new(path))) };
    let folder = Folder::new(request.s3, url, request.storing.clone());
    Ok(Box::new(BucketState::new(folder)))
}
