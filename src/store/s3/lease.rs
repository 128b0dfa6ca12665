//! A hold on a folder in a bucket, that ends by itself if nobody renews it.
//!
//! The hold is an object, `lock-1`; S3 makes it only where there is none (`If-None-Match`), so two
//! never have it. Its holder writes over it again and again, each time with a later expiry. Whoever
//! finds it expired makes `lock-2`, and so on: the same condition lets one of them through, and
//! nobody ever removes or replaces what another holds. Who has made one looks whether it is there
//! and no other that lives, and steps back if not. A holder that comes too late to renew, or finds
//! a later one, knows that it has lost the place, before it shows or removes anything.
//!
//! Each question takes a journey to the bucket. So that look is at the whole folder: it says who
//! holds it and what lies in it, which nobody else changes as long as the hold lasts.
//!
//! A lock is dead when the process that made it is (which can be told on the same machine), when
//! its expiry is long past, or when it was not renewed while somebody watched it for that long.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::folder::{Folder, Put, mark};
use crate::store::aws::{AwsError, AwsErrorKind};

/// How long a hold lasts without being renewed, and how often it is.
const LIFE: Duration = Duration::from_mins(1);
const RENEWAL: Duration = Duration::from_secs(10);
/// How far clocks may be apart.
const SKEW: Duration = Duration::from_mins(15);
/// How often a lock is looked at while it is watched.
const LOOK: Duration = Duration::from_secs(2);

/// The hold on a folder. Dropped, it is no longer renewed.
#[derive(Debug)]
pub struct Lease {
    folder: Folder,
    number: u32,
    held: Arc<Held>,
    /// None once it has let go.
    renewing: Option<tokio::task::JoinHandle<()>>,
    /// Locks that died; they go with this one.
    dead: Vec<String>,
    /// What lay in the folder when it was last looked at.
    names: Vec<String>,
}

#[derive(Debug)]
struct Held {
    term: Mutex<Term>,
    /// Asks for an end of the renewals.
    end: tokio::sync::Notify,
}

/// How long a hold lasts that is not renewed. By two clocks: the machine's stands still while it
/// sleeps, and the other can be set.
#[derive(Clone, Copy, Debug)]
struct Term {
    began: Instant,
    /// Seconds since 1970.
    expires: u64,
}

/// What a lock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    #[serde(rename = "segprep_lock")]
    version: u32,
    token: String,
    /// Whose work the folder is.
    mark: String,
    host: String,
    process: u32,
    /// When the process began, in ticks since the machine did.
    began: String,
    /// Seconds since 1970, by the holder's clock.
    expires: u64,
}

/// A lock that was found.
struct SeenLock {
    name: String,
    number: u32,
    note: Note,
}

impl Lease {
    /// What the names of locks begin with.
    pub const PREFIX: &str = ".segprep/lock-";

    /// Takes the folder. None if somebody holds it. `mark` says whose work it will be.
    pub fn take(folder: &Folder, mark: &str) -> Result<Option<Lease>, AwsError> {
        Self::take_from(folder, mark, |_| false)
    }

    /// As `take`, for one who knows of some marks that their holders are gone.
    pub fn take_from(
        folder: &Folder,
        own: &str,
        is_gone: impl Fn(&str) -> bool,
    ) -> Result<Option<Lease>, AwsError> {
        // Most often nobody was there: then the first lock is made without a look.
        if let Some(lease) = Lease::make(folder, own, Vec::new())? {
            return Ok(Some(lease));
        }
        let found = locks(folder)?;
        for lock in &found {
            if !is_gone(&lock.note.mark) && !is_dead(folder, lock)? {
                return Ok(None);
            }
        }
        Lease::make(folder, own, found)
    }

    /// Makes the lock that follows these, which are dead. None if another was there or came.
    fn make(folder: &Folder, own: &str, dead: Vec<SeenLock>) -> Result<Option<Lease>, AwsError> {
        let number = dead.last().map_or(0, |lock| lock.number) + 1;
        let term = Term::new();
        let note = Note::new(own, term.expires)?;
        let name = format!("{}{number}", Self::PREFIX);
        let made = folder.put_now(&name, note.text(), Put::NewWorking);
        match folder.s3.session().see_through(made) {
            Err(error) if error.kind == AwsErrorKind::Conflict => return Ok(None),
            made => made?,
        }
        let dead: Vec<String> = dead.into_iter().map(|lock| lock.name).collect();
        let names = folder.names().inspect_err(|_| {
            folder.remove(vec![name.clone()]).ok(); // it ends by itself
        })?;
        let is_known = |lock: &String| *lock == name || dead.contains(lock);
        let is_alone = names.iter().filter(|name| number_of(name).is_some()).all(is_known);
        if !is_alone || !names.contains(&name) {
            folder.remove(vec![name])?;
            return Ok(None);
        }
        let held = Arc::new(Held { term: Mutex::new(term), end: tokio::sync::Notify::new() });
        let renewal = renew(folder.clone(), name, note, Arc::clone(&held));
        let renewing = Some(folder.s3.session().handle()?.spawn(renewal));
        Ok(Some(Lease { folder: folder.clone(), number, held, renewing, dead, names }))
    }

    /// The mark of whoever held the folder last; none if nobody does, or did and let go.
    pub fn mark_in(folder: &Folder) -> Result<Option<String>, AwsError> {
        Ok(locks(folder)?.pop().map(|lock| lock.note.mark))
    }

    /// Whether somebody held the folder and did not let go.
    pub fn was_left(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Whether the hold was not renewed in time; another may hold the folder by now.
    pub fn is_over(&self) -> bool {
        self.held.term().left().is_none()
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What lay in the folder when it was taken, or last looked at, by the bytes of the names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Looks again at what lies in the folder. Fails if the hold was lost.
    pub fn look(&mut self) -> Result<(), AwsError> {
        self.names = self.folder.names()?;
        self.check_among(&self.names)
    }

    /// Fails if the hold was lost.
    pub fn check(&self) -> Result<(), AwsError> {
        self.check_among(&lock_names(&self.folder)?)
    }

    fn check_among(&self, names: &[String]) -> Result<(), AwsError> {
        let last = names.iter().filter_map(|name| number_of(name)).max();
        if !self.is_over() && last == Some(self.number) {
            return Ok(());
        }
        let message =
            format!("the hold on `{}` was lost: it could not be renewed", self.folder.url());
        Err(AwsError::new(AwsErrorKind::Io, message, "check the network, and run again"))
    }

    /// Lets go.
    pub fn release(mut self) -> Result<(), AwsError> {
        self.held.end.notify_one();
        if let Some(renewing) = self.renewing.take() {
            // A renewal that is on its way would bring the lock back: let it end first.
            self.folder.s3.session().see_through(async { Ok(renewing.await) })?.ok();
        }
        if self.is_over() {
            return Ok(()); // by now the names of these locks may be another's
        }
        self.folder.remove(std::mem::take(&mut self.dead))?;
        self.folder.remove(vec![format!("{}{}", Self::PREFIX, self.number)])
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
    }
}

impl Term {
    fn new() -> Term {
        Term { began: Instant::now(), expires: now() + LIFE.as_secs() }
    }

    /// What is left of it; none when it is over.
    fn left(&self) -> Option<Duration> {
        let left = LIFE.saturating_sub(self.began.elapsed());
        (!left.is_zero() && now() <= self.expires).then_some(left)
    }
}

impl Held {
    fn term(&self) -> MutexGuard<'_, Term> {
        self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Note {
    fn new(own: &str, expires: u64) -> Result<Note, AwsError> {
        let process = std::process::id();
        Ok(Note {
            version: 1,
            token: mark()?,
            mark: own.to_owned(),
            host: host(),
            process,
            began: began(process).unwrap_or_default(),
            expires,
        })
    }

    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a note is plain data")
    }

    /// Whether the process that made it is known to be gone.
    fn is_of_the_dead(&self) -> bool {
        let is_here = !self.host.is_empty() && self.host == host();
        is_here && began(self.process).is_none_or(|began| began != self.began)
    }

    /// Whether it is past its time by any clock.
    fn is_long_past(&self) -> bool {
        self.expires + SKEW.as_secs() < now()
    }

    fn is_of_this_machine(&self) -> bool {
        !self.host.is_empty() && self.host == host()
    }
}

/// Writes the lock again and again, until that is to end or comes too late.
async fn renew(folder: Folder, name: String, mut note: Note, held: Arc<Held>) {
    while tokio::time::timeout(RENEWAL, held.end.notified()).await.is_err() {
        if renew_once(&folder, &name, &mut note, &held).await.is_none() {
            return;
        }
    }
}

/// None once the hold is over: then nothing is written, since a process that slept that long would
/// write over another's lock.
async fn renew_once(folder: &Folder, name: &str, note: &mut Note, held: &Held) -> Option<()> {
    let left = held.term().left()?;
    let next = Term::new();
    note.expires = next.expires;
    let put = folder.put_now(name, note.text(), Put::Working);
    if let Ok(Ok(())) = tokio::time::timeout(left, put).await {
        *held.term() = next;
    }
    Some(())
}

/// The number of a lock, by its name in the folder.
fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix(Lease::PREFIX)?;
    number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)
}

/// The names of a folder's locks.
fn lock_names(folder: &Folder) -> Result<Vec<String>, AwsError> {
    const WORK: &str = ".segprep/";
    let names = folder.join(WORK).names()?.into_iter().map(|name| format!("{WORK}{name}"));
    Ok(names.filter(|name| number_of(name).is_some()).collect())
}

/// The locks of a folder, the last one last.
fn locks(folder: &Folder) -> Result<Vec<SeenLock>, AwsError> {
    let mut found = Vec::new();
    for name in lock_names(folder)? {
        let Some(number) = number_of(&name) else { continue };
        let Some(text) = folder.get(&name)? else { continue }; // it is gone by now
        let Ok(note) = serde_json::from_slice(&text) else {
            let message = format!("`{}` is no lock of segprep", folder.url().join(&name));
            return Err(AwsError::new(AwsErrorKind::Io, message, "move it away, and run again"));
        };
        found.push(SeenLock { name, number, note });
    }
    found.sort_unstable_by_key(|lock| lock.number);
    Ok(found)
}

/// Whether nobody holds this lock any more. Watches it where that can't be told at once.
fn is_dead(folder: &Folder, lock: &SeenLock) -> Result<bool, AwsError> {
    if lock.note.is_of_this_machine() {
        return Ok(lock.note.is_of_the_dead());
    }
    if lock.note.is_long_past() {
        return Ok(true);
    }
    let began = Instant::now();
    while began.elapsed() < LIFE {
        if folder.s3.session().is_stopped() {
            return Err(AwsError::stopped());
        }
        thread::sleep(LOOK);
        match folder.get(&lock.name)? {
            None => return Ok(true),
            Some(text) if text != lock.note.text() => return Ok(false),
            Some(_) => {}
        }
    }
    Ok(true)
}

/// The machine since it was started, and the name space of its processes; empty where unknown.
fn host() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match (boot.trim(), fs::metadata("/proc/self/ns/pid")) {
        ("", _) | (_, Err(_)) => String::new(),
        (boot, Ok(space)) => format!("{boot} {}", space.ino()),
    }
}

/// When a process began; none if it has ended.
fn began(process: u32) -> Option<String> {
    /// Counted from the state, which is the third field and the first after the name.
    const STARTED: usize = 19;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let is_over = fields.first().is_some_and(|state| matches!(*state, "Z" | "X"));
    fields.get(STARTED).filter(|_| !is_over).map(|&began| began.to_owned())
}

fn now() -> u64 {
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
    fn a_note_of_this_process_lives_and_one_of_another_time_does_not() {
        let note = Note::new("m", now()).expect("random bytes");
        assert!(note.is_of_this_machine() && !note.is_of_the_dead() && !note.is_long_past());
        assert!(Note { began: "1".to_owned(), ..note.clone() }.is_of_the_dead());
        assert!(
            !Note { began: "1".to_owned(), host: "elsewhere".to_owned(), ..note.clone() }
                .is_of_the_dead()
        );
        assert!(Note { expires: 0, ..note }.is_long_past());
    }

    /// A bucket in memory, which notes what is asked of it.
    #[derive(Clone, Debug, Default)]
    struct Bucket(Arc<Mutex<Contents>>);

    #[derive(Debug, Default)]
    struct Contents {
        objects: BTreeMap<String, Vec<u8>>,
        asked: Vec<String>,
    }

    impl Bucket {
        fn folder(&self) -> Folder {
            let credentials = Credentials::new("AKIASEGPREPTESTONLY0", "none", None, None, "test");
            let access = Access { region: Some("us-east-1".to_owned()), ..Access::default() };
            let session = Session::over(access, self.clone(), credentials);
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

        /// What was asked since the last time.
        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut self.contents().asked)
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
            contents.asked.push(format!("{method} {key}"));
            let is_there = contents.objects.contains_key(&key);
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
                "PUT" if is_there && request.headers().contains_key("if-none-match") => {
                    (412, b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
                }
                "PUT" => {
                    let body = request.body().bytes().expect("it is in memory");
                    contents.objects.insert(key, body.to_vec());
                    (200, Vec::new())
                }
                "DELETE" => {
                    contents.objects.remove(&key);
                    (204, Vec::new())
                }
                "GET" if is_there => (200, contents.objects.get(&key).cloned().unwrap_or_default()),
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

    /// As if the process had not run for as long as a hold lasts.
    fn sleep_too_long(lease: &Lease) {
        let began = Instant::now().checked_sub(LIFE).expect("the machine runs that long");
        *lease.held.term() = Term { began, ..Term::new() };
    }

    fn note_of(text: &[u8]) -> Note {
        serde_json::from_slice(text).expect("a note")
    }

    const LOCK: &str = "out/.segprep/lock-1";

    #[test]
    fn a_hold_is_renewed_and_let_go() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no fault").expect("it is free");
        let text = bucket.contents().objects[LOCK].clone();
        assert!(Lease::take(&bucket.folder(), "m").expect("no fault").is_none(), "it is held");
        let mut note = note_of(&text);
        bucket.asked();
        let renewed = renew_once(lease.folder(), ".segprep/lock-1", &mut note, &lease.held);
        assert!(
            lease.folder.s3.session().see_through(async { Ok(renewed.await) }).unwrap().is_some()
        );
        assert_eq!(bucket.asked(), [format!("PUT {LOCK}")]);
        lease.check().expect("it is held");
        lease.release().expect("no fault");
        assert_eq!(bucket.keys(), Vec::<String>::new());
    }

    #[test]
    fn who_slept_too_long_does_not_renew() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no fault").expect("it is free");
        sleep_too_long(&lease);
        bucket.put(LOCK, b"another's");
        bucket.asked();
        let mut note = Note::new("m", 0).expect("random bytes");
        let renewed = renew_once(lease.folder(), ".segprep/lock-1", &mut note, &lease.held);
        assert!(
            lease.folder.s3.session().see_through(async { Ok(renewed.await) }).unwrap().is_none()
        );
        assert_eq!(bucket.asked(), Vec::<String>::new(), "nothing was sent");
        assert_eq!(bucket.contents().objects[LOCK], b"another's");
    }

    /// Another may have taken over and finished, and a third have begun: with a lock of our number.
    #[test]
    fn who_slept_too_long_holds_nothing() {
        let bucket = Bucket::default();
        let mut lease = Lease::take(&bucket.folder(), "m").expect("no fault").expect("it is free");
        bucket.put(LOCK, b"another's");
        sleep_too_long(&lease);
        assert!(lease.check().is_err() && lease.look().is_err());
    }

    #[test]
    fn who_slept_too_long_removes_nothing() {
        let bucket = Bucket::default();
        let lease = Lease::take(&bucket.folder(), "m").expect("no fault").expect("it is free");
        bucket.put(LOCK, b"another's");
        sleep_too_long(&lease);
        lease.release().expect("no fault");
        assert_eq!(bucket.contents().objects[LOCK], b"another's");
    }

    #[test]
    fn a_later_lock_is_the_end_of_a_hold() {
        let bucket = Bucket::default();
        let mut lease = Lease::take(&bucket.folder(), "m").expect("no fault").expect("it is free");
        bucket.put("out/.segprep/lock-2", b"another's");
        assert!(lease.check().is_err() && lease.look().is_err());
    }

    #[test]
    fn a_hold_ends_by_either_clock() {
        let term = Term::new();
        assert!(term.left().is_some());
        assert!(Term { expires: now() - 1, ..term }.left().is_none());
        let began = Instant::now().checked_sub(LIFE).expect("the machine runs that long");
        assert!(Term { began, ..term }.left().is_none());
    }
}
