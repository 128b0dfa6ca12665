//! Reads keys from variables, files, KMS and Secrets Manager. No message contains a key.

use std::{collections::BTreeMap, env, fs, io, os::unix::fs::PermissionsExt, path::Path};

use zeroize::Zeroizing;

use super::aws::{self, Remote};
use super::error::{ErrorKind, RunError, kind_of_aws};
use super::text::{escape, escape_path};
use crate::crypto;
use crate::definition::{
    Definition, KeyKind, KeySource, Origin, describe_variable, is_kms_key, is_secret, is_variable,
};
use crate::engine::Cancel;
use crate::report::KeyNote;
use crate::store::aws::{AwsError, Session, generate_mac, secret_text};
use crate::store::disk::whole;
use crate::transform::{KeyError, MasterKey, new_key_text};

/// The keys of a definition.
#[derive(Default)]
pub(super) struct KeyRing {
    pub(super) keys: BTreeMap<String, MasterKey>,
    /// Their check values, in the order of the definition.
    pub(super) notes: Vec<KeyNote>,
    pub(super) warnings: Vec<String>,
    /// The keys that are replaced by the published demo key, each with the reason.
    pub(super) replaced: Vec<(String, String)>,
}

impl KeyRing {
    /// Puts the published demo key in the place of another one.
    fn replace(&mut self, source: &KeySource, why: String) {
        let (id, key) = (source.id.clone(), MasterKey::demo());
        self.replaced.push((id.clone(), why));
        self.notes.push(KeyNote { id: id.clone(), check: key.check_value(), demo: true });
        self.keys.insert(id, key);
    }
}

/// What to do about a key that cannot be obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingKey {
    /// It is an error.
    Fails,
    /// The published demo key takes its place: nothing is written.
    IsDemo,
    /// The same for every key, and none is read: nothing depends on them.
    IsNotRead,
}

/// The id and check value of a key, for comparison by people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCheck {
    pub id: String,
    pub check: String,
}

/// Reads all keys of a definition. Fails if a key does not have the check value that the definition
/// sets. `session` is for keys in AWS.
pub(super) fn read_keys(
    definition: &Definition,
    session: &Session,
    missing: MissingKey,
    cancel: &Cancel,
) -> Result<KeyRing, RunError> {
    let mut ring = KeyRing::default();
    for source in &definition.keys.sources {
        if missing == MissingKey::IsNotRead {
            ring.replace(source, "it is not read".to_owned());
            continue;
        }
        let found = find_key(source, session, cancel, &mut ring.warnings);
        let key = match found {
            Err(error) if missing == MissingKey::IsDemo && cancel.check().is_ok() => {
                ring.replace(source, error.message);
                continue;
            }
            found => usable(source, found?)?,
        };
        let check = confirmed(source, &key)?;
        let demo = source.kind == KeyKind::Demo;
        ring.notes.push(KeyNote { id: source.id.clone(), check, demo });
        ring.keys.insert(source.id.clone(), key);
    }
    Ok(ring)
}

/// The check value of a key. Fails if it is not the one that the definition has.
fn confirmed(source: &KeySource, key: &MasterKey) -> Result<String, RunError> {
    let check = key.check_value();
    if source.check.as_ref().is_some_and(|expected| *expected != check) {
        let message =
            format!("the key `{}` does not have the check value in the definition", source.id);
        return Err(RunError::new(ErrorKind::Access, message)
            .hint(format!("its check value is {check}: use the right key, or fix `check`")));
    }
    Ok(check)
}

/// Checks the keys of a definition that are in variables and files, as a run does. One that is not there may be
/// where the run is; a file that is not there gives a warning. A pipe can be read only once, and is left alone.
///
/// # Errors
///
/// The first key that is there and can't be used, or is another one.
pub(super) fn check_local(definition: &Definition) -> Result<Vec<String>, RunError> {
    let mut warnings = Vec::new();
    for source in &definition.keys.sources {
        let id = &source.id;
        let found = match &source.kind {
            KeyKind::Env(name) if env::var_os(name).is_some() => {
                MasterKey::parse(&read_variable(id, name)?)
            }
            KeyKind::File(path) => match fs::metadata(path) {
                Ok(found) if found.is_file() => {
                    MasterKey::parse(&read_file(id, path, &Cancel::new())?)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let name = escape_path(path);
                    warnings.push(format!("the key `{id}`: the file `{name}` does not exist"));
                    continue;
                }
                Ok(_) | Err(_) => continue,
            },
            KeyKind::Demo => Ok(MasterKey::demo()),
            KeyKind::Env(_) | KeyKind::Kms(_) | KeyKind::SecretsManager(_) => continue,
        };
        confirmed(source, &usable(source, found)?)?;
    }
    Ok(warnings)
}

/// Reads the keys of a definition and returns their check values.
pub(super) fn checks(definition: &Definition) -> Result<Vec<KeyCheck>, RunError> {
    let cancel = Cancel::new();
    let remote = Remote::new(definition, &cancel)?;
    let ring = read_keys(definition, &remote.session, MissingKey::Fails, &cancel)?;
    Ok(ring.notes.into_iter().map(|note| KeyCheck { id: note.id, check: note.check }).collect())
}

/// The check value of one key of a definition, whatever the definition says that it is.
pub(super) fn check_of(
    source: &KeySource,
    session: &Session,
    cancel: &Cancel,
) -> Result<String, RunError> {
    let found = find_key(source, session, cancel, &mut Vec::new())?;
    Ok(usable(source, found)?.check_value())
}

/// Reads the key from `from` and returns its check value. `from` is `env:NAME`, `file:PATH`,
/// `kms:KEY-ID`, `secretsmanager:NAME` or `demo:`. The settings for AWS are those of the
/// environment.
///
/// # Errors
///
/// If `from` is not a key source, or there is no key. The message does not quote `from`: it may be
/// a key.
pub fn check_key(from: &str) -> Result<String, RunError> {
    let kind = match from.split_once(':') {
        Some(("env", name)) if is_variable(name) => KeyKind::Env(name.to_owned()),
        Some(("file", path)) if !path.is_empty() => KeyKind::File(path.into()),
        Some(("kms", key)) if is_kms_key(key) => KeyKind::Kms(key.to_owned()),
        Some(("secretsmanager", name)) if is_secret(name) => {
            KeyKind::SecretsManager(name.to_owned())
        }
        Some(("demo", "")) => KeyKind::Demo,
        Some(_) | None => {
            let message = "`--from` is not a key source (it is not shown, because it may be a key)";
            return Err(RunError::new(ErrorKind::Access, message).hint(
                "write `env:NAME`, `file:PATH`, `kms:KEY-ID` or `secretsmanager:NAME`, and \
                     never the key itself",
            ));
        }
    };
    let id = match &kind {
        KeyKind::Env(name) => format!("env:{}", describe_variable(name).trim_matches('`')),
        KeyKind::File(_) | KeyKind::Kms(_) | KeyKind::SecretsManager(_) | KeyKind::Demo => {
            escape(from)
        }
    };
    let source = KeySource { id, kind, check: None, at: Origin::default() };
    let found = find_key(&source, &aws::session()?, &Cancel::new(), &mut Vec::new())?;
    Ok(usable(&source, found)?.check_value())
}

/// Makes a new key of 32 random bytes, as text for a key source.
pub fn new_key() -> Result<Zeroizing<String>, RunError> {
    let mut random = Zeroizing::new([0; 32]);
    crypto::random(random.as_mut())
        .map_err(|error| RunError::new(ErrorKind::Io, error.to_string()))?;
    Ok(new_key_text(*random))
}

/// The message whose MAC under the key in KMS is the master key. Every token made with such a key
/// depends on it.
const MASTER_TEXT: &[u8] = b"segprep/v1/master";

/// A key, unless its text is not that of one.
fn usable(source: &KeySource, found: Result<MasterKey, KeyError>) -> Result<MasterKey, RunError> {
    found.map_err(|error| {
        let message = format!("the key `{}` cannot be used: {error}", source.id);
        RunError::new(ErrorKind::Access, message).hint("`segprep key new` prints a valid key")
    })
}

/// Reads the text of a key. The error says why there is none.
fn find_key(
    source: &KeySource,
    session: &Session,
    cancel: &Cancel,
    warnings: &mut Vec<String>,
) -> Result<Result<MasterKey, KeyError>, RunError> {
    let id = &source.id;
    let remote = |error: AwsError| {
        let kind = kind_of_aws(error.kind, ErrorKind::Access);
        RunError::new(kind, format!("the key `{id}`: {error}")).hint(error.hint)
    };
    Ok(match &source.kind {
        KeyKind::Demo => Ok(MasterKey::demo()),
        KeyKind::Env(name) => MasterKey::parse(&read_variable(id, name)?),
        KeyKind::File(path) => {
            warnings.extend(readable_by_others(id, path));
            MasterKey::parse(&read_file(id, path, cancel)?)
        }
        KeyKind::Kms(key) => {
            MasterKey::from_bytes(generate_mac(session, key, MASTER_TEXT).map_err(remote)?)
        }
        KeyKind::SecretsManager(name) => {
            MasterKey::parse(&secret_text(session, name).map_err(remote)?)
        }
    })
}

fn read_variable(id: &str, name: &str) -> Result<Zeroizing<String>, RunError> {
    env::var(name).map(Zeroizing::new).map_err(|error| {
        let what = match error {
            env::VarError::NotPresent => "is not set",
            env::VarError::NotUnicode(_) => "is not UTF-8",
        };
        let name = describe_variable(name);
        RunError::new(ErrorKind::Access, format!("the key `{id}`: the variable {name} {what}"))
            .hint(format!("set {name} to a key; `segprep key new` prints a new one"))
    })
}

/// The maximum size of a key file. A larger file is not one.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;

fn read_file(id: &str, path: &Path, cancel: &Cancel) -> Result<Zeroizing<String>, RunError> {
    let name = escape_path(path);
    let denied = |what: String| {
        RunError::new(ErrorKind::Access, format!("the key `{id}`: `{name}` {what}"))
            .hint("`segprep key new > FILE` makes one; `chmod 600 FILE` makes it private")
    };
    let bytes = match whole::read_file_or_pipe(path, KEY_FILE_BYTES_MAX, &|| cancel.is_cancelled())
    {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(denied("is too large to be a key file".to_owned()));
        }
        bytes => bytes.map_err(|error| denied(format!("could not be read: {error}")))?,
    };
    String::from_utf8(bytes)
        .map(Zeroizing::new)
        .map_err(|_text_that_may_be_a_key| denied("is not UTF-8".to_owned()))
}

/// A warning for each key file of a definition that other users can read.
pub(super) fn exposed(definition: &Definition) -> impl Iterator<Item = String> {
    definition.keys.sources.iter().filter_map(|source| match &source.kind {
        KeyKind::File(path) => readable_by_others(&source.id, path),
        KeyKind::Demo | KeyKind::Env(_) | KeyKind::Kms(_) | KeyKind::SecretsManager(_) => None,
    })
}

/// Returns a warning if other users can read a key file.
fn readable_by_others(id: &str, path: &Path) -> Option<String> {
    const GROUP_AND_OTHERS: u32 = 0o077;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & GROUP_AND_OTHERS != 0).then(|| {
        let name = escape_path(path);
        format!("other users can read the key `{id}` in `{name}`: `chmod 600` prevents that")
    })
}
