//! A lock on a folder in a bucket, which expires unless it is renewed.
//!
//! S3 has no locks, but it can create an object on the condition that it does not exist
//! (`If-None-Match`), so of two runs only one creates it. The lock is such an object, `lock-1`:
//!
//! 1. Its holder overwrites it every ten seconds, each time with a later expiry.
//! 2. A run that finds it dead creates `lock-2`, and so on. The same condition lets only one run
//!    through. No run ever removes or replaces the lock of another that may be alive.
//! 3. A run that has created a lock lists the folder. If its lock is missing, or if there is one
//!    that it does not know to be dead, it withdraws.
//! 4. A holder that is late to renew, by either of two clocks, or that finds a later lock, has lost
//!    the folder. It publishes and removes nothing.
//!
//! A lock is dead if the process that created it is gone (which can be seen on the same machine),
//! if its expiry is long past, or if it was not renewed while another run watched it for a minute.
//!
//! Each request takes a round trip. So step 3 lists the whole folder, which shows both who holds the
//! lock and what is in the folder. Nobody else changes that while the lock is held.

use std::{
    fs, mem,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, task::JoinHandle};

use super::folder::{Folder, Put, new_nonce};
use crate::store::aws::{AwsError, AwsErrorKind};

/// How long a lock lasts after it was last renewed.
const TERM: Duration = Duration::from_mins(1);
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// How much the clocks of two machines may differ.
const SKEW_MAX: Duration = Duration::from_mins(15);
/// The maximum size of a lock, in bytes.
const LOCK_BYTES_MAX: u64 = 64 << 10;
/// How often a lock is read while it is watched.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// A lock that this run holds on a folder. Dropping it ends its renewals.
#[derive(Debug)]
pub struct Lease {
    folder: Folder,
    number: u32,
    held: Arc<Held>,
    /// The task that renews the lock. `None`: the lock was released.
    renewals: Option<JoinHandle<()>>,
    /// The names of dead locks, which are removed with this one.
    dead: Vec<String>,
    /// The names of all objects in the folder when it was last listed.
    names: Vec<String>,
    /// Their sizes in bytes.
    sizes: Vec<u64>,
}

/// What the holder shares with the task that renews the lock.
#[derive(Debug)]
struct Held {
    term: Mutex<Term>,
    /// Ends the renewals.
    end: Notify,
}

/// When a lock ends unless it is renewed, by two clocks: the monotonic clock stops while the
/// machine sleeps, and the other one can be set.
#[derive(Clone, Copy, Debug)]
struct Term {
    began: Instant,
    /// Seconds since 1970.
    expires: u64,
}

/// The contents of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    #[serde(rename = "segprep_lock")]
    version: u32,
    /// A random value that differs between any two locks.
    #[serde(rename = "token")]
    nonce: String,
    /// Which job the folder belongs to.
    mark: String,
    /// The machine and its start; empty if unknown. See [`host`].
    host: String,
    process: u32,
    /// When the process began, in clock ticks since the machine started.
    began: String,
    /// Seconds since 1970, by the holder's clock.
    expires: u64,
}

/// A lock in the folder, perhaps of another run.
struct FoundLock {
    name: String,
    number: u32,
    note: Note,
    /// The note as it was read.
    text: Vec<u8>,
}

impl Lease {
    /// The prefix of the names of locks.
    pub const PREFIX: &str = ".segprep/lock-";

    /// Locks the folder. `mark` is kept in the lock, and says which job the folder belongs to.
    /// Returns `None` if another run holds the folder.
    pub fn take(folder: &Folder, mark: &str) -> Result<Option<Lease>, AwsError> {
        Self::take_from(folder, mark, |_| false)
    }

    /// As [`Lease::take`]. In addition, a lock is dead if `is_gone` accepts its mark.
    pub fn take_from(
        folder: &Folder,
        mark: &str,
        is_gone: impl Fn(&str) -> bool,
    ) -> Result<Option<Lease>, AwsError> {
        // Usually there is no lock: then it is created without looking first.
        if let Some(lease) = Lease::create(folder, mark, Vec::new())? {
            return Ok(Some(lease));
        }
        let found = find_locks(folder)?;
        for lock in &found {
            if !is_gone(&lock.note.mark) && !is_dead(folder, lock)? {
                return Ok(None);
            }
        }
        Lease::create(folder, mark, found)
    }

    /// Creates the lock that follows these dead ones. Returns `None` if another lock exists.
    fn create(
        folder: &Folder,
        mark: &str,
        dead: Vec<FoundLock>,
    ) -> Result<Option<Lease>, AwsError> {
        let number = dead.last().map_or(0, |lock| lock.number) + 1;
        let term = Term::new();
        let note = Note::new(mark, term.expires)?;
        let name = format!("{}{number}", Self::PREFIX);
        let created = folder.put_async(&name, note.to_json(), Put::NewWorking);
        match folder.s3.session().wait_uninterrupted(created) {
            Err(error) if error.kind == AwsErrorKind::Conflict => return Ok(None),
            created => created?,
        }
        let dead: Vec<String> = dead.into_iter().map(|lock| lock.name).collect();
        let objects = folder.names_and_sizes().inspect_err(|_| {
            folder.remove(vec![name.clone()]).ok(); // otherwise it expires
        })?;
        let (names, sizes): (Vec<String>, Vec<u64>) = objects.into_iter().unzip();
        let is_known = |lock: &String| *lock == name || dead.contains(lock);
        let is_alone = names.iter().filter(|name| lock_number(name).is_some()).all(is_known);
        if !is_alone || !names.contains(&name) {
            folder.remove(vec![name])?;
            return Ok(None);
        }
        let held = Arc::new(Held { term: Mutex::new(term), end: Notify::new() });
        let renewals = renew(folder.clone(), name, note, Arc::clone(&held));
        let renewals = Some(folder.s3.session().handle()?.spawn(renewals));
        Ok(Some(Lease { folder: folder.clone(), number, held, renewals, dead, names, sizes }))
    }

    /// The mark of the last lock in the folder; `None` if there is no lock.
    pub fn mark_in(folder: &Folder) -> Result<Option<String>, AwsError> {
        Ok(find_locks(folder)?.pop().map(|lock| lock.note.mark))
    }

    /// Whether this lock replaces one that was never released.
    pub fn was_left(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Whether the lock has expired. Another run may hold the folder by now.
    pub fn is_over(&self) -> bool {
        self.held.term().left().is_none()
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The names of all objects in the folder when it was locked, or last looked at.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The same names, each with the object's size in bytes.
    pub fn names_and_sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(String::as_str).zip(self.sizes.iter().copied())
    }

    /// Lists the folder again. Fails if the lock was lost.
    pub fn look(&mut self) -> Result<(), AwsError> {
        (self.names, self.sizes) = self.folder.names_and_sizes()?.into_iter().unzip();
        self.check_among(&self.names)
    }

    /// Fails if the lock was lost.
    pub fn check(&self) -> Result<(), AwsError> {
        self.check_among(&lock_names(&self.folder)?)
    }

    fn check_among(&self, names: &[String]) -> Result<(), AwsError> {
        let last = names.iter().filter_map(|name| lock_number(name)).max();
        if !self.is_over() && last == Some(self.number) {
            return Ok(());
        }
        let message =
            format!("the lock on `{}` was lost: it was not renewed in time", self.folder.url());
        Err(AwsError::new(AwsErrorKind::Io, message, "check the network, and run again"))
    }

    /// Ends the renewals, and removes the lock and the dead ones before it.
    pub fn release(mut self) -> Result<(), AwsError> {
        self.end_renewals()?;
        if self.is_over() {
            return Ok(()); // the locks of these names may be another run's by now
        }
        self.folder.remove(mem::take(&mut self.dead))?;
        self.folder.remove(vec![self.name()])
    }

    /// Gives up a folder that could not be cleaned up. The dead locks stay, by which the next run
    /// knows that something is left; if there are none, this lock stays in their place.
    pub fn withdraw(mut self) -> Result<(), AwsError> {
        self.end_renewals()?;
        if self.is_over() || self.dead.is_empty() {
            return Ok(());
        }
        self.folder.remove(vec![self.name()])
    }

    fn name(&self) -> String {
        format!("{}{}", Self::PREFIX, self.number)
    }

    fn end_renewals(&mut self) -> Result<(), AwsError> {
        self.held.end.notify_one();
        if let Some(renewals) = self.renewals.take() {
            // A renewal in flight would create the lock again: let it end first.
            self.folder.s3.session().wait_uninterrupted(async { Ok(renewals.await) })?.ok();
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewals) = &self.renewals {
            renewals.abort();
        }
    }
}

impl Term {
    /// The term of a lock that is created or renewed now.
    fn new() -> Term {
        Term { began: Instant::now(), expires: unix_time() + TERM.as_secs() }
    }

    /// How much of the term is left; `None` if it is over.
    fn left(&self) -> Option<Duration> {
        let left = TERM.saturating_sub(self.began.elapsed());
        (!left.is_zero() && unix_time() <= self.expires).then_some(left)
    }
}

impl Held {
    fn term(&self) -> MutexGuard<'_, Term> {
        self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Note {
    fn new(mark: &str, expires: u64) -> Result<Note, AwsError> {
        let process = std::process::id();
        Ok(Note {
            version: 1,
            nonce: new_nonce()?,
            mark: mark.to_owned(),
            host: host(),
            process,
            began: process_start(process).unwrap_or_default(),
            expires,
        })
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a note is plain data")
    }

    fn is_of_this_machine(&self) -> bool {
        !self.host.is_empty() && self.host == host()
    }

    /// Whether the process is known to be gone.
    fn is_of_dead_process(&self) -> bool {
        self.is_of_this_machine()
            && process_start(self.process).is_none_or(|began| began != self.began)
    }

    /// Whether the lock has expired even if the clocks differ as much as they may.
    fn is_long_expired(&self) -> bool {
        self.expires.saturating_add(SKEW_MAX.as_secs()) < unix_time()
    }
}

/// Renews the lock until it is released or has expired.
async fn renew(folder: Folder, name: String, mut note: Note, held: Arc<Held>) {
    while tokio::time::timeout(RENEWAL_INTERVAL, held.end.notified()).await.is_err() {
        if renew_once(&folder, &name, &mut note, &held).await.is_none() {
            return;
        }
    }
}

/// Returns `None` if the lock has expired. Then nothing is written: it might overwrite another
/// run's lock.
async fn renew_once(folder: &Folder, name: &str, note: &mut Note, held: &Held) -> Option<()> {
    let left = held.term().left()?;
    let next = Term::new();
    note.expires = next.expires;
    let put = folder.put_async(name, note.to_json(), Put::Working);
    if let Ok(Ok(())) = tokio::time::timeout(left, put).await {
        *held.term() = next;
    }
    Some(())
}

/// The number of a lock; `None` if the name is not one of a lock.
fn lock_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix(Lease::PREFIX)?;
    number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)
}

/// The names of the locks in a folder.
fn lock_names(folder: &Folder) -> Result<Vec<String>, AwsError> {
    const WORK: &str = ".segprep/";
    let names = folder.join(WORK).names()?.into_iter().map(|name| format!("{WORK}{name}"));
    Ok(names.filter(|name| lock_number(name).is_some()).collect())
}

/// The locks in a folder, in the order of their numbers.
fn find_locks(folder: &Folder) -> Result<Vec<FoundLock>, AwsError> {
    let mut found = Vec::new();
    for name in lock_names(folder)? {
        let Some(number) = lock_number(&name) else { continue };
        let Some(text) = folder.get(&name, LOCK_BYTES_MAX)? else { continue }; // it was released meanwhile
        let Ok(note) = serde_json::from_slice(&text) else {
            let message = format!("`{}` is not a lock of segprep", folder.url().join(&name));
            return Err(AwsError::new(AwsErrorKind::Io, message, "move it away, and run again"));
        };
        found.push(FoundLock { name, number, note, text });
    }
    found.sort_unstable_by_key(|lock| lock.number);
    Ok(found)
}

/// Whether a lock is dead. Where only watching it can tell, this takes up to a minute.
fn is_dead(folder: &Folder, lock: &FoundLock) -> Result<bool, AwsError> {
    if lock.note.is_of_this_machine() {
        return Ok(lock.note.is_of_dead_process());
    }
    if lock.note.is_long_expired() {
        return Ok(true);
    }
    Ok(!is_renewed(folder, lock, TERM, WATCH_INTERVAL)?)
}

/// Watches a lock for a time. Returns whether its holder renews it in that time.
fn is_renewed(
    folder: &Folder,
    lock: &FoundLock,
    time: Duration,
    interval: Duration,
) -> Result<bool, AwsError> {
    let began = Instant::now();
    while began.elapsed() < time {
        if folder.s3.session().is_stopped() {
            return Err(AwsError::stopped());
        }
        thread::sleep(interval);
        match folder.get(&lock.name, LOCK_BYTES_MAX)? {
            None => return Ok(false),
            Some(text) if text != lock.text => return Ok(true),
            Some(_) => {}
        }
    }
    Ok(false)
}

/// Identifies this machine since it was started, and the namespace of its processes; empty if
/// unknown.
fn host() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match (boot.trim(), fs::metadata("/proc/self/ns/pid")) {
        ("", _) | (_, Err(_)) => String::new(),
        (boot, Ok(namespace)) => format!("{boot} {}", namespace.ino()),
    }
}

/// When a process began, in clock ticks since the machine started; `None` if it has ended. From the
/// field `starttime` of `/proc/PID/stat` (see `proc_pid_stat(5)`).
fn process_start(process: u32) -> Option<String> {
    /// The index among the fields after the process's name, which may contain spaces.
    const STARTTIME: usize = 19;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // A zombie, or dead.
    let has_ended = fields.first().is_some_and(|state| matches!(*state, "Z" | "X"));
    fields.get(STARTTIME).filter(|_| !has_ended).map(|&start| start.to_owned())
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use aws_credential_types::Credentials;
    use aws_sdk_s3::primitives::SdkBody;
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;
    use crate::store::aws::{Access, Session};
    use crate::store::s3::client::S3;
    use crate::store::s3::settings::{Settings, Storing};
    use crate::store::s3::url::Url;

    #[test]
    fn a_note_of_this_process_is_alive_and_one_of_an_earlier_process_is_not() {
        let note = Note::new("m", unix_time()).expect("random bytes");
        assert!(note.is_of_this_machine() && !note.is_of_dead_process() && !note.is_long_expired());
        assert!(Note { began: "1".to_owned(), ..note.clone() }.is_of_dead_process());
        assert!(
            !Note { began: "1".to_owned(), host: "elsewhere".to_owned(), ..note.clone() }
                .is_of_dead_process()
        );
        assert!(Note { expires: 0, ..note }.is_long_expired());
    }

    /// A bucket in memory that records the requests it gets.
    #[derive(Clone, Debug, Default)]
    struct Bucket(Arc<Mutex<Contents>>);

    #[derive(Debug, Default)]
    struct Contents {
        objects: BTreeMap<String, Vec<u8>>,
        requests: Vec<String>,
    }

    impl Bucket {
        fn folder(&self) -> Folder {
            let credentials = Credentials::new("AKIASEGPREPTESTONLY0", "none", None, None, "test");
            let access = Access { region: Some("us-east-1".to_owned()), ..Access::default() };
            let session = Session::with_client(access, self.clone(), credentials);
            let url = Url::parse(Path::new("s3://bucket/out/")).expect("a place");
            Folder::new(&S3::new(session, Settings::default()), url, Storing::default())
        }

        fn contents(&self) -> MutexGuard<'_, Contents> {
            self.0.lock().expect("no panic")
        }

        fn put(&self, key: &str, text: &[u8]) {
            self.contents().objects.insert(key.to_owned(), text.to_vec());
        }

        fn keys(&self) -> Vec<String> {
            self.contents().objects.keys().cloned().collect()
        }

        /// The requests since the last call.
        fn take_requests(&self) -> Vec<String> {
            mem::take(&mut self.contents().requests)
        }

        fn answer(&self, request: &HttpRequest) -> (u16, Vec<u8>) {
            let uri: http::Uri = request.uri().parse().expect("a URL");
            let key = uri.path().trim_start_matches('/').to_owned();
            let method = if uri.query().is_some_and(|query| query.contains("list-type")) {
                "LIST"
            } else {
                request.method()
            };
            let mut contents = self.contents();
            contents.requests.push(format!("{method} {key}"));
            let exists = contents.objects.contains_key(&key);
            match method {
                "LIST" => {
                    let keys = contents.objects.keys();
                    let all = keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>"));
                    (
                        200,
                        format!("<ListBucketResult>{}</ListBucketResult>", all.collect::<String>())
                            .into_bytes(),
                    )
                }
                "PUT" if exists && request.headers().contains_key("if-none-match") => {
                    (412, b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
                }
                "PUT" => {
                    let body = request.body().bytes().expect("a body in memory");
                    contents.objects.insert(key, body.to_vec());
                    (200, Vec::new())
                }
                "DELETE" => {
                    contents.objects.remove(&key);
                    (204, Vec::new())
                }
                "GET" if exists => (200, contents.objects.get(&key).cloned().unwrap_or_default()),
                _ => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            }
        }
    }

    impl HttpConnector for Bucket {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let (status, body) = self.answer(&request);
            let status = StatusCode::try_from(status).expect("a status");
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
        }
    }

    impl HttpClient for Bucket {
        fn http_connector(
            &self,
            _settings: &HttpConnectorSettings,
            _components: &RuntimeComponents,
        ) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    /// As if the process had been suspended for the whole term.
    fn expire(lease: &Lease) {
        let began = Instant::now().checked_sub(TERM).expect("the machine runs that long");
        *lease.held.term() = Term { began, ..Term::new() };
    }

    fn note_of(text: &[u8]) -> Note {
        serde_json::from_slice(text).expect("a note")
    }

    const LOCK: &str = "out/.segprep/lock-1";

    #[test]
    fn a_lock_is_renewed_and_released() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no error").expect("it is free");
        let text = bucket.contents().objects[LOCK].clone();
        assert!(Lease::take(&bucket.folder(), "m").expect("no error").is_none(), "it is held");
        let mut note = note_of(&text);
        bucket.take_requests();
        let renewed = renew_once(lease.folder(), ".segprep/lock-1", &mut note, &lease.held);
        assert!(
            lease
                .folder
                .s3
                .session()
                .wait_uninterrupted(async { Ok(renewed.await) })
                .unwrap()
                .is_some()
        );
        assert_eq!(bucket.take_requests(), [format!("PUT {LOCK}")]);
        lease.check().expect("it is held");
        lease.release().expect("no error");
        assert_eq!(bucket.keys(), Vec::<String>::new());
    }

    #[test]
    fn an_expired_lock_is_not_renewed() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no error").expect("it is free");
        expire(&lease);
        bucket.put(LOCK, b"another's");
        bucket.take_requests();
        let mut note = Note::new("m", 0).expect("random bytes");
        let renewed = renew_once(lease.folder(), ".segprep/lock-1", &mut note, &lease.held);
        assert!(
            lease
                .folder
                .s3
                .session()
                .wait_uninterrupted(async { Ok(renewed.await) })
                .unwrap()
                .is_none()
        );
        assert_eq!(bucket.take_requests(), Vec::<String>::new(), "nothing was sent");
        assert_eq!(bucket.contents().objects[LOCK], b"another's");
    }

    /// Another run may have taken over and finished, and a third one may hold a lock of the same
    /// number.
    #[test]
    fn an_expired_lock_is_lost() {
        let bucket = Bucket::default();
        let mut lease = Lease::take(&bucket.folder(), "m").expect("no error").expect("it is free");
        bucket.put(LOCK, b"another's");
        expire(&lease);
        assert!(lease.check().is_err() && lease.look().is_err());
    }

    #[test]
    fn an_expired_lock_removes_nothing() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no error").expect("it is free");
        bucket.put(LOCK, b"another's");
        expire(&lease);
        lease.release().expect("no error");
        assert_eq!(bucket.contents().objects[LOCK], b"another's");
    }

    #[test]
    fn a_lock_is_lost_to_a_later_one() {
        let bucket = Bucket::default();
        let mut lease = Lease::take(&bucket.folder(), "m").expect("no error").expect("it is free");
        bucket.put("out/.segprep/lock-2", b"another's");
        assert!(lease.check().is_err() && lease.look().is_err());
    }

    #[test]
    fn a_lock_that_is_too_large_is_an_error() {
        let bucket = Bucket::default();
        bucket.put(LOCK, "x".repeat((64 << 10) + 1).as_bytes());
        let error = Lease::take(&bucket.folder(), "m").expect_err("it is too large");
        assert!(error.to_string().contains("is larger than 65536 bytes"), "{error}");
    }

    /// The bytes that were read are compared, whatever form their JSON has.
    #[test]
    fn a_lock_that_nobody_renews_is_dead_whatever_its_form() {
        let bucket = Bucket::default();
        let note = Note::new("m", u64::MAX).expect("random bytes");
        let note = Note { host: "elsewhere".to_owned(), ..note };
        assert!(!note.is_long_expired(), "it has not expired");
        bucket.put(LOCK, &serde_json::to_vec_pretty(&note).expect("JSON"));
        let folder = bucket.folder();
        let found = find_locks(&folder).expect("locks").pop().expect("the lock");
        let watch = |time| is_renewed(&folder, &found, time, Duration::from_millis(1));
        assert!(!watch(Duration::from_millis(20)).expect("no error"));
        bucket.put(LOCK, &note.to_json());
        assert!(watch(Duration::from_secs(20)).expect("no error"));
    }

    #[test]
    fn a_lock_expires_by_either_clock() {
        let term = Term::new();
        assert!(term.left().is_some());
        assert!(Term { expires: unix_time() - 1, ..term }.left().is_none());
        let began = Instant::now().checked_sub(TERM).expect("the machine runs that long");
        assert!(Term { began, ..term }.left().is_none());
    }
}
