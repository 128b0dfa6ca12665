//! Reads keys from where a definition says they are. No message holds a key.

use std::{collections::BTreeMap, env, fs, os::unix::fs::PermissionsExt, path::Path};

use zeroize::Zeroizing;

use super::aws::{self, Remote};
use super::error::{self, ErrorKind, RunError};
use crate::crypto;
use crate::definition::{
    Definition, KeyKind, KeySource, Origin, is_kms_key, is_secret, is_variable,
};
use crate::engine::Cancel;
use crate::report::KeyNote;
use crate::store::aws::{AwsError, Session, generate_mac, secret_text};
use crate::transform::{MasterKey, new_key_text};

/// The keys of a definition.
pub(super) struct KeyRing {
    pub(super) keys: BTreeMap<String, MasterKey>,
    /// Their check values, in the definition's order.
    pub(super) notes: Vec<KeyNote>,
    pub(super) warnings: Vec<String>,
}

/// A key's id and check value, for people to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCheck {
    pub id: String,
    pub check: String,
}

/// Reads all keys of a definition and compares their check values.
/// Those at AWS are asked for by `session`.
pub(super) fn read_keys(definition: &Definition, session: &Session) -> Result<KeyRing, RunError> {
    let mut ring = KeyRing { keys: BTreeMap::new(), notes: Vec::new(), warnings: Vec::new() };
    for source in &definition.keys.sources {
        let key = read_key(source, session, &mut ring.warnings)?;
        let check = key.check_value();
        if source.check.as_ref().is_some_and(|wanted| *wanted != check) {
            let message =
                format!("the key `{}` is not the one whose check value is given", source.id);
            return Err(RunError::new(ErrorKind::Access, message)
                .hint(format!("its check value is {check}: give the right key, or mend `check`")));
        }
        let demo = source.kind == KeyKind::Demo;
        ring.notes.push(KeyNote { id: source.id.clone(), check, demo });
        ring.keys.insert(source.id.clone(), key);
    }
    Ok(ring)
}

/// The check values of a definition's keys.
pub(super) fn checks(definition: &Definition) -> Result<Vec<KeyCheck>, RunError> {
    let remote = Remote::new(definition, &Cancel::new())?;
    let ring = read_keys(definition, &remote.session)?;
    Ok(ring.notes.into_iter().map(|note| KeyCheck { id: note.id, check: note.check }).collect())
}

/// The check value of the key at `from`: `env:NAME`, `file:PATH`, `kms:KEY-ID`,
/// `secretsmanager:NAME` or `demo:`. AWS is asked as the environment says.
///
/// # Errors
///
/// Where that is no such place, or no key is there. `from` is not quoted: it may be a key.
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
            let message = "`--from` does not say where a key is (it is not shown here)";
            return Err(RunError::new(ErrorKind::Access, message)
                .hint("write `env:NAME`, `file:PATH`, `kms:KEY-ID` or `secretsmanager:NAME`, and never the key itself"));
        }
    };
    let source =
        KeySource { id: super::escape_path(from), kind, check: None, at: Origin::default() };
    Ok(read_key(&source, &aws::session()?, &mut Vec::new())?.check_value())
}

/// A fresh key of 32 random bytes, as text for a key source.
pub fn new_key() -> Result<Zeroizing<String>, RunError> {
    let mut random = Zeroizing::new([0; 32]);
    crypto::random(random.as_mut())
        .map_err(|error| RunError::new(ErrorKind::Io, error.to_string()))?;
    Ok(new_key_text(*random))
}

/// What KMS makes the MAC of that is a master. It decides every token of such keys.
const MASTER_TEXT: &[u8] = b"segprep/v1/master";

fn read_key(
    source: &KeySource,
    session: &Session,
    warnings: &mut Vec<String>,
) -> Result<MasterKey, RunError> {
    let id = &source.id;
    let remote = |error: AwsError| {
        let kind = error::kind_of(error.kind, ErrorKind::Access);
        RunError::new(kind, format!("the key `{id}`: {error}")).hint(error.hint)
    };
    let key = match &source.kind {
        KeyKind::Demo => return Ok(MasterKey::demo()),
        KeyKind::Env(name) => MasterKey::parse(&read_variable(id, name)?),
        KeyKind::File(path) => {
            warnings.extend(readable_by_others(id, path));
            MasterKey::parse(&read_file(id, path)?)
        }
        KeyKind::Kms(key) => {
            MasterKey::of_bytes(generate_mac(session, key, MASTER_TEXT).map_err(remote)?)
        }
        KeyKind::SecretsManager(name) => {
            MasterKey::parse(&secret_text(session, name).map_err(remote)?)
        }
    };
    key.map_err(|error| {
        RunError::new(ErrorKind::Access, format!("the key `{id}` can't be used: {error}"))
            .hint("`segprep key new` prints a key of the right form")
    })
}

fn read_variable(id: &str, name: &str) -> Result<Zeroizing<String>, RunError> {
    env::var(name).map(Zeroizing::new).map_err(|error| {
        let what = match error {
            env::VarError::NotPresent => "is not set",
            env::VarError::NotUnicode(_) => "is not UTF-8",
        };
        RunError::new(ErrorKind::Access, format!("the key `{id}`: the variable `{name}` {what}"))
            .hint(format!("set `{name}` to a key; `segprep key new` prints one"))
    })
}

/// Longer than any key is.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;

fn read_file(id: &str, path: &Path) -> Result<Zeroizing<String>, RunError> {
    let shown = super::escape_path(&path.to_string_lossy());
    let denied = |what: String| {
        RunError::new(ErrorKind::Access, format!("the key `{id}`: `{shown}` {what}"))
            .hint("`segprep key new > FILE` makes one; `chmod 600 FILE` keeps it from others")
    };
    let metadata = fs::metadata(path).map_err(|error| denied(format!("can't be read: {error}")))?;
    if KEY_FILE_BYTES_MAX < metadata.len() {
        return Err(denied("is too long to be a key".to_owned()));
    }
    let bytes = fs::read(path).map_err(|error| denied(format!("can't be read: {error}")))?;
    String::from_utf8(bytes)
        .map(Zeroizing::new)
        .map_err(|_text_that_may_be_a_key| denied("is not UTF-8".to_owned()))
}

fn readable_by_others(id: &str, path: &Path) -> Option<String> {
    const GROUP_AND_OTHERS: u32 = 0o077;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & GROUP_AND_OTHERS != 0).then(|| {
        let shown = super::escape_path(&path.to_string_lossy());
        format!("others can read the key `{id}` in `{shown}`: `chmod 600` keeps it from them")
    })
}
