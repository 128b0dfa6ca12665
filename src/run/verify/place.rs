//! Where the account and the outputs of a result are, and what of it may be read.
//!
//! A manifest is data that anybody with access to the account may have written. So it does not decide what is
//! read: with a definition, only the outputs that the definition names are; with an account alone, only folders
//! beside it, below the folder that it is in. There, too, only files with the names of parts are opened, and no
//! link is followed.

use std::path::{Path, PathBuf};

use crate::definition::{KeySource, Location, STANDARD_OUTPUT};
use crate::engine::Cancel;
use crate::publish::{Buckets, read_account_file, resolve};
use crate::report::OutputNote;
use crate::run::aws::Remote;
use crate::run::error::{Failure, RunError};
use crate::run::memory::Limits;
use crate::run::nights;
use crate::run::options::RunOptions;
use crate::run::prepare::{self, ReadDefinition};
use crate::run::scan::checked;
use crate::run::text::escape;
use crate::schema::Schema;
use crate::store::Store;
use crate::store::aws::Session;
use crate::store::s3::Url;

/// Which result to verify.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// A definition, or an account.
    pub place: PathBuf,
    /// Settings `PATH=VALUE` that replace those of the definition.
    pub sets: Vec<String>,
    /// The date for `{date}`. `None`: the current date in UTC.
    pub date: Option<String>,
    /// The id of the run whose result is meant, for `{run}`.
    pub run: Option<String>,
    pub threads: Option<usize>,
    pub chunk_bytes: Option<usize>,
}

/// A folder, as it is shown and as it is read.
#[derive(Clone, Debug)]
pub(in crate::run) struct Spot {
    pub(in crate::run) shown: PathBuf,
    pub(in crate::run) real: PathBuf,
}

impl Spot {
    fn new(shown: &Path) -> Result<Spot, RunError> {
        Ok(Spot { shown: shown.to_owned(), real: resolve(shown)? })
    }

    /// A subfolder; the same folder if the name is empty.
    pub(in crate::run) fn below(&self, name: &str) -> Spot {
        if name.is_empty() {
            return self.clone();
        }
        Spot { shown: self.shown.join(name), real: self.real.join(name) }
    }

    /// The path of a file in it, as it is shown.
    pub(in crate::run) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.shown.join(name)
    }
}

/// What a verification may read, and how.
pub(in crate::run) struct Place {
    pub(in crate::run) account: Spot,
    /// `None`: there is no definition.
    named: Option<Named>,
    pub(in crate::run) store: Store,
    pub(in crate::run) session: Session,
    buckets: Option<Buckets>,
    pub(in crate::run) limits: Limits,
}

/// What a definition names.
struct Named {
    outputs: Vec<Spot>,
    keys: Vec<KeySource>,
}

impl Place {
    /// Finds out whether a definition or an account is meant, and where everything is.
    pub(in crate::run) fn find(options: &VerifyOptions, cancel: &Cancel) -> Result<Place, Failure> {
        let run = RunOptions {
            definition: options.place.clone(),
            sets: options.sets.clone(),
            date: options.date.clone(),
            run: options.run.clone(),
            threads: options.threads,
            chunk_bytes: options.chunk_bytes,
            ..RunOptions::default()
        };
        if is_definition(&options.place) {
            return Place::of_definition(&run, cancel);
        }
        let schema = Schema::shipped(prepare::TARGET).expect("it is shipped");
        let (nothing, _) = checked(&schema, NO_PLACES, &options.sets)?;
        let remote = Remote::new(&nothing, cancel)?;
        let limits = prepare::limits(&run, &nothing, &remote.store)?;
        let buckets = Buckets {
            s3: remote.store.s3.clone(),
            account: crate::store::s3::Storing::default(),
            outputs: Vec::new(),
        };
        Ok(Place {
            account: Spot::new(&options.place)?,
            named: None,
            store: remote.store,
            session: remote.session,
            buckets: Some(buckets),
            limits,
        })
    }

    fn of_definition(run: &RunOptions, cancel: &Cancel) -> Result<Place, Failure> {
        let ReadDefinition { definition, .. } = nights::read_last(run, cancel)?;
        let remote = Remote::new(&definition, cancel)?;
        let limits = prepare::limits(run, &definition, &remote.store)?;
        let is_folder = |to: &&Location| !to.is_standard_output();
        let outputs = definition.outputs.iter().map(|output| &output.to).filter(is_folder);
        let outputs = outputs.map(|to| Spot::new(&to.path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Place {
            account: Spot::new(&definition.account.to.path)?,
            named: Some(Named { outputs, keys: definition.keys.sources }),
            store: remote.store,
            session: remote.session,
            buckets: remote.buckets,
            limits,
        })
    }

    /// The keys of the definition; `None` without one.
    pub(in crate::run) fn keys(&self) -> Option<&[KeySource]> {
        self.named.as_ref().map(|named| named.keys.as_slice())
    }

    /// Reads a small file of an account; `None` if it does not exist.
    pub(in crate::run) fn account_file(
        &self,
        account: &Spot,
        name: &str,
    ) -> Result<Option<Vec<u8>>, RunError> {
        Ok(read_account_file(&account.real, self.buckets.as_ref(), name)?)
    }

    /// Where an output of a manifest may be read, in this subfolder of it; `None` if it was standard output.
    ///
    /// # Errors
    ///
    /// Why it may not be read.
    pub(in crate::run) fn output(
        &self,
        output: &OutputNote,
        below: &str,
    ) -> Result<Option<Spot>, String> {
        if output.to == STANDARD_OUTPUT {
            return Ok(None);
        }
        let to = match below {
            "" => output.to.as_str(),
            _ => output.to.trim_end_matches('/').trim_end_matches(below),
        };
        let to = Path::new(to);
        let spot = match &self.named {
            Some(named) => resolve(to)
                .ok()
                .and_then(|real| named.outputs.iter().find(|spot| spot.real == real).cloned()),
            None => self.beside_account(to),
        };
        spot.map(|spot| Some(spot.below(below))).ok_or_else(|| {
            let shown = escape(&output.to);
            match self.named {
                Some(_) => format!(
                    "the output `{shown}` was not read: it is none of the definition"
                ),
                None => format!(
                    "the output `{shown}` was not read: it is not beside the account; verify the definition \
                     that names it"
                ),
            }
        })
    }

    /// The folder that an output is in, if that is below the one that has the account; or else the folder of
    /// the same name beside the account, for results that were moved.
    fn beside_account(&self, to: &Path) -> Option<Spot> {
        let account = &self.account.real;
        let around = account.parent()?;
        let may_be_read = |real: &Path| {
            real.starts_with(around)
                && real != around
                && !real.starts_with(account)
                && Url::parse(real).is_some() == Url::parse(account).is_some()
        };
        if let Ok(spot) = Spot::new(to)
            && may_be_read(&spot.real)
            && exists(&spot)
        {
            return Some(spot);
        }
        let moved = Spot::new(&around.join(to.file_name()?)).ok()?;
        (may_be_read(&moved.real) && exists(&moved)).then_some(moved)
    }
}

/// Whether a folder may be looked into. In a bucket there are no folders, only names.
fn exists(spot: &Spot) -> bool {
    Url::parse(&spot.real).is_some() || spot.real.is_dir()
}

/// Whether a definition is meant, and not an account.
fn is_definition(place: &Path) -> bool {
    Url::parse(place).is_none()
        && !place.is_dir()
        && (place.exists() || place.extension().is_some_and(|end| end == "toml"))
}

/// For an account without a definition: how to reach buckets may be set with `--set`.
const NO_PLACES: &str = r#"
segprep = 1
name = "verify"
purpose = "messaging"
input = { from = ["-"] }
fields = { "*" = "keep" }
account = { to = "/dev/null/segprep/account" }
output = [{ to = "/dev/null/segprep/output", format = "pinpoint-json" }]
"#;
