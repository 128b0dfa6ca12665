//! The protocol on a real file system: what it writes, what blocks it, and what the next run makes
//! of a kill at any point.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use proptest::prelude::*;

use super::error::at;
use super::names::{NEW, OLD, WORK};
use super::*;

mod forged;
mod lost;
mod shards;

/// A temporary folder for an account and two outputs.
struct World {
    root: tempfile::TempDir,
    account: PathBuf,
    outputs: Vec<PathBuf>,
    move_mode: fn(&Path) -> io::Result<MoveMode>,
}

/// Every file of a world by its path, with its contents. The paths of folders end in `/`.
type Tree = BTreeMap<String, String>;

impl World {
    fn new() -> World {
        World::with(|_| Ok(MoveMode::Whole))
    }

    fn with(move_mode: fn(&Path) -> io::Result<MoveMode>) -> World {
        let root = tempfile::tempdir().expect("a temporary folder");
        let account = root.path().join("out/account");
        let outputs = ["out/json", "out/deep/csv"].map(|to| root.path().join(to)).to_vec();
        World { root, account, outputs, move_mode }
    }

    /// Begins a run. What can be foreseen of that must be so.
    fn begin(&self, fingerprint: &str, overwrite: bool) -> Result<Begun, PublishError> {
        let request = self.request(fingerprint, overwrite);
        let is_idle = is_idle(&self.account, None).unwrap_or(false);
        let (before, foreseen) = (self.tree(), foresee(&request));
        assert!(self.tree() == before, "looking changes something");
        let begun = Publication::begin_as(&request, self.move_mode);
        match (&foreseen, &begun) {
            (Ok(Foreseen::AlreadyPublished), Ok(Begun::AlreadyPublished { .. }))
            | (Ok(Foreseen::Nothing), Ok(Begun::Ready(_)) | Err(PublishError::Taken { .. })) => {}
            // Working folders are looked at by the run that takes them.
            (Ok(Foreseen::Nothing), Err(PublishError::Foreign { place, .. }))
                if place.ends_with(WORK) || place.to_string_lossy().ends_with(".segprep") => {}
            (Err(seen), Err(met)) => assert_eq!(seen.to_string(), met.to_string()),
            _ => assert!(!is_idle, "{foreseen:?} {begun:?}"),
        }
        begun
    }

    fn request<'a>(&'a self, fingerprint: &'a str, overwrite: bool) -> PlaceRequest<'a> {
        let (account, outputs) = (self.account.as_path(), self.outputs.as_slice());
        PlaceRequest {
            account,
            outputs,
            modes: &[],
            buckets: None,
            fingerprint,
            overwrite,
            share: Share::Whole,
        }
    }

    fn ready(&self, fingerprint: &str, overwrite: bool) -> Publication {
        match self.begin(fingerprint, overwrite) {
            Ok(Begun::Ready(publication)) => publication,
            other => panic!("not ready: {other:?}"),
        }
    }

    /// A run that has written all of its files: `parts` parts to each output.
    fn written(&self, fingerprint: &str, overwrite: bool, parts: usize) -> Publication {
        let publication = self.ready(fingerprint, overwrite);
        self.write(&publication, fingerprint, parts);
        publication
    }

    fn write(&self, publication: &Publication, fingerprint: &str, parts: usize) {
        for output in 0..self.outputs.len() {
            for part in 0..parts {
                let file = publication.part(output, &part_path(part)).expect("a part");
                fill(file, &part_text(fingerprint, output, part));
            }
        }
        for (path, private) in [("rejects.ndjson", false), ("rejected-records/00000-a", true)] {
            fill(publication.account_file(path, private).expect("a file"), fingerprint);
        }
    }

    fn manifest(&self, status: &str, fingerprint: &str, parts: usize) -> Vec<u8> {
        manifest_of(&self.outputs, status, fingerprint, parts)
    }

    /// The first retry of the run that is published, with its parts written, and its manifest.
    fn retry(&self) -> (Publication, Vec<u8>) {
        let (account, outputs) =
            retry_places(&self.account, &self.outputs, 1).expect("there is no link");
        let request =
            PlaceRequest { account: &account, outputs: &outputs, ..self.request("r1", false) };
        let begun = Publication::begin_as(&request, self.move_mode).expect("not blocked");
        let Begun::Ready(publication) = begun else { panic!("{begun:?}") };
        self.write(&publication, "r1", 2);
        (publication, manifest_of(&outputs, "published", "r1", 2))
    }

    fn publish_retry(&self) {
        let (publication, manifest) = self.retry();
        assert!(publication.publish(&manifest).expect("published").is_none(), "nothing is left");
    }

    fn publish(&self, fingerprint: &str, overwrite: bool, parts: usize) {
        let manifest = self.manifest("published", fingerprint, parts);
        let left = self.written(fingerprint, overwrite, parts).publish(&manifest);
        assert!(left.expect("published").is_none(), "nothing is left");
    }

    fn refuse(&self, fingerprint: &str, overwrite: bool) {
        let manifest = self.manifest("over_budget", fingerprint, 0);
        let left = self.written(fingerprint, overwrite, 1).refuse(&manifest);
        assert!(left.expect("refused").is_none(), "nothing is left");
    }

    fn put(&self, path: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, "foreign").expect("a file");
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut waiting = vec![self.root.path().to_owned()];
        while let Some(path) = waiting.pop() {
            let name = path.strip_prefix(self.root.path()).expect("below").display().to_string();
            if path.is_dir() {
                waiting.extend(folder::children(&path).expect("a folder"));
                tree.insert(format!("{name}/"), String::new());
            } else {
                let text = fs::read_to_string(&path).expect("a file");
                tree.insert(name, text.replace(&*self.root.path().to_string_lossy(), ""));
            }
        }
        tree
    }
}

fn manifest_of(outputs: &[PathBuf], status: &str, fingerprint: &str, parts: usize) -> Vec<u8> {
    let output = |(number, to): (usize, &PathBuf)| {
        let files = (0..parts).map(|part| {
            let bytes = part_text(fingerprint, number, part).len();
            serde_json::json!({ "path": part_path(part), "bytes": bytes })
        });
        serde_json::json!({ "to": to, "files": files.collect::<Vec<_>>() })
    };
    let outputs: Vec<_> = outputs.iter().enumerate().map(output).collect();
    let manifest = serde_json::json!({
        "segprep_manifest": 1, "status": status, "fingerprint": fingerprint,
        "name": "more than is read", "outputs": outputs,
    });
    manifest.to_string().into_bytes()
}

fn part_path(part: usize) -> String {
    format!("job-{:03}/part-{:05}.json", part / 2, part % 2)
}

fn part_text(fingerprint: &str, output: usize, part: usize) -> String {
    format!("{fingerprint} {output} {part}")
}

fn fill(mut file: StagedFile, text: &str) {
    file.write_all(text.as_bytes()).expect("room for it");
    file.finish().expect("room for it");
}

/// Whoever replaces a result wants that, also if the run makes the same again.
#[test]
fn the_same_run_with_permission_removes_retries() {
    let world = World::new();
    world.publish("f1", false, 2);
    let once = world.tree();
    world.publish_retry();
    let retried = world.tree();
    assert!(matches!(world.begin("f1", false), Ok(Begun::AlreadyPublished { .. })));
    assert!(world.tree() == retried, "something was removed");
    world.publish("f1", true, 2);
    assert!(world.tree() == once, "the retry is there");
    assert!(matches!(world.begin("f1", true), Ok(Begun::AlreadyPublished { .. })));
}

/// Does what a kill does: the locks are gone, and nothing is cleaned up.
fn kill(mut publication: Publication) {
    publication.account.die();
    publication.outputs.clear();
    publication.journal.made.clear();
}

fn foreign_files(result: Result<Begun, PublishError>) -> ForeignFiles {
    match result {
        Err(PublishError::Foreign { foreign, .. }) => foreign,
        other => panic!("not foreign: {other:?}"),
    }
}

fn has_work(tree: &Tree) -> bool {
    tree.keys().any(|name| name.contains("segprep"))
}

const WHOLE: fn(&Path) -> io::Result<MoveMode> = |_| Ok(MoveMode::Whole);
const PART_BY_PART: fn(&Path) -> io::Result<MoveMode> = |_| Ok(MoveMode::PartByPart);

#[test]
fn a_run_publishes_its_parts_its_account_and_nothing_else() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        world.publish("f1", false, 3);
        let tree = world.tree();
        let files: Vec<&str> =
            tree.keys().map(String::as_str).filter(|name| !name.ends_with('/')).collect();
        let expected = [
            "out/account/manifest.json",
            "out/account/rejected-records/00000-a",
            "out/account/rejects.ndjson",
            "out/deep/csv/job-000/part-00000.json",
            "out/deep/csv/job-000/part-00001.json",
            "out/deep/csv/job-001/part-00000.json",
            "out/json/job-000/part-00000.json",
            "out/json/job-000/part-00001.json",
            "out/json/job-001/part-00000.json",
        ];
        assert_eq!(files, expected);
        assert_eq!(tree["out/deep/csv/job-001/part-00000.json"], "f1 1 2");
        assert!(!has_work(&tree), "{tree:?}");
    }
}

#[test]
fn an_output_without_parts_is_an_empty_folder() {
    let world = World::new();
    world.publish("f1", false, 0);
    assert!(world.tree().contains_key("out/json/"));
}

#[test]
fn only_private_files_are_private() {
    let world = World::new();
    fs::create_dir_all(&world.outputs[0]).expect("a folder");
    fs::set_permissions(&world.outputs[0], fs::Permissions::from_mode(0o750)).expect("a mode");
    world.publish("f1", false, 1);
    let mode = |path: &str| {
        let metadata = fs::metadata(world.root.path().join(path)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    let usual = mode("out");
    assert_eq!(mode("out/account/rejected-records/00000-a"), 0o600);
    assert_eq!(mode("out/account/rejected-records"), 0o700);
    assert_eq!(mode("out/json"), 0o750, "as its owner set it");
    assert_eq!(mode("out/deep/csv"), usual);
    assert_eq!(mode("out/json/job-000"), usual);
    assert_eq!(mode("out/json/job-000/part-00000.json"), usual & 0o666);
}

#[test]
fn a_discarded_run_leaves_nothing_and_no_folder_that_it_made() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        let before = world.tree();
        world.written("f1", false, 2).discard().expect("removed");
        assert_eq!(world.tree(), before);
        drop(world.written("f1", false, 2));
        assert_eq!(world.tree(), before);
        let mut part = world.ready("f1", false).part(0, "part-00000.json").expect("a part");
        part.write_all(b"late").expect("a write to nowhere");
        drop(part);
        assert_eq!(world.tree(), before);
    }
}

#[test]
fn a_repeated_run_changes_nothing() {
    let world = World::new();
    world.publish("f1", false, 1);
    let before = world.tree();
    for overwrite in [false, true] {
        let begun = world.begin("f1", overwrite).expect("no failure");
        let Begun::AlreadyPublished { manifest } = begun else { panic!("{begun:?}") };
        assert_eq!(manifest, world.account.join("manifest.json"));
        assert_eq!(world.tree(), before);
    }
}

#[test]
fn another_published_run_blocks_unless_it_may_be_overwritten() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        world.publish("f1", false, 3);
        let before = world.tree();
        let error = world.begin("f2", false).expect_err("f1 is there");
        assert!(matches!(error, PublishError::Published { .. }), "{error}");
        assert_eq!(world.tree(), before);

        drop(world.written("f2", true, 1));
        assert_eq!(world.tree(), before, "a failed run leaves what it would have replaced");

        world.publish("f2", true, 1);
        let fresh = World::with(mode);
        fresh.publish("f2", false, 1);
        assert_eq!(world.tree(), fresh.tree(), "stale parts are removed");
    }
}

#[test]
fn foreign_files_block_and_stay() {
    let cases = [
        ("out/json/notes.txt", "notes.txt"),
        ("out/json/job-000/part-00009.json", "job-000/part-00009.json"),
        ("out/deep/csv", "csv"),
        ("out/json/a\u{1b}[1mb", r"a\u{1b}[1mb"),
        ("out/account/notes.txt", "notes.txt"),
        ("out/account/rejected-records/a", "rejected-records/a"),
        ("out/account/.segprep/notes.txt", "notes.txt"),
        ("out/.json.segprep/new/part-00000.json", "new/part-00000.json"),
    ];
    for published in [false, true] {
        for (path, name) in cases {
            if published && path == "out/deep/csv" {
                continue; // the output is a folder by then
            }
            let world = World::new();
            if published {
                world.publish("f1", false, 1);
            }
            world.put(path);
            let before = world.tree();
            let found = foreign_files(world.begin("f2", true));
            assert_eq!(found, ForeignFiles { names: vec![name.to_owned()], more: false });
            assert_eq!(world.tree(), before, "{path}");
        }
    }
}

#[test]
fn what_looks_like_ours_is_foreign_without_a_manifest() {
    for path in ["out/account/rejects.ndjson", "out/json/job-000/part-00000.json"] {
        let world = World::new();
        world.put(path);
        foreign_files(world.begin("f1", true));
    }
    let world = World::new();
    world.put("out/account/manifest.json");
    assert_eq!(foreign_files(world.begin("f1", true)).names, ["manifest.json"]);
}

#[test]
fn at_most_three_foreign_files_are_named() {
    let world = World::new();
    for name in ["d", "c", "b", "a"] {
        world.put(&format!("out/json/{name}"));
    }
    let found = foreign_files(world.begin("f1", false));
    assert_eq!(found.to_string(), "`a`, `b`, `c` and others");
}

#[test]
fn a_foreign_file_that_appears_during_a_run_stops_it_and_stays() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        world.publish("f1", false, 2);
        let publication = world.written("f2", true, 1);
        world.put("out/json/job-000/notes.txt");
        let mut before = world.tree();
        before.retain(|name, _| !name.contains("segprep"));
        let manifest = world.manifest("published", "f2", 1);
        let error = publication.publish(&manifest).expect_err("a foreign file");
        assert!(matches!(error, PublishError::Foreign { .. }), "{error}");
        assert_eq!(world.tree(), before);
    }
}

#[test]
fn the_second_of_two_runs_fails() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        let first = world.written("f1", false, 1);
        let before = world.tree();
        for fingerprint in ["f1", "f2"] {
            let error = world.begin(fingerprint, true).expect_err("the first is working");
            assert!(matches!(error, PublishError::Taken { .. }), "{error}");
            assert_eq!(world.tree(), before);
        }
        first.publish(&world.manifest("published", "f1", 1)).expect("an undisturbed run");
        assert!(matches!(world.begin("f1", false), Ok(Begun::AlreadyPublished { .. })));
    }
}

#[test]
fn two_accounts_cannot_share_an_output() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        let first = world.written("f1", false, 1);
        let mut other = World::with(mode);
        other.outputs.push(world.outputs[0].clone());
        let before = (world.tree(), other.tree());
        let error = other.begin("f2", true).expect_err("the first is working");
        assert!(matches!(error, PublishError::Taken { .. }), "{error}");
        assert_eq!((world.tree(), other.tree()), before);
        first.publish(&world.manifest("published", "f1", 1)).expect("an undisturbed run");
        foreign_files(other.begin("f2", true));
        assert_eq!(other.tree(), before.1);
    }
}

#[test]
fn an_account_over_its_budget_never_blocks() {
    let world = World::new();
    world.refuse("f1", false);
    let refused = world.tree();
    assert!(
        refused.keys().all(|name| name.starts_with("out/account") || name == "out/" || name == "/")
    );
    assert!(refused.contains_key("out/account/manifest.json"));
    world.refuse("f1", false);
    assert_eq!(world.tree(), refused);
    world.publish("f1", false, 1);
    let fresh = World::new();
    fresh.publish("f1", false, 1);
    assert_eq!(world.tree(), fresh.tree());
}

#[test]
fn a_refused_overwrite_keeps_the_earlier_parts_until_a_run_publishes() {
    for mode in [WHOLE, PART_BY_PART] {
        let world = World::with(mode);
        world.publish("f1", false, 3);
        let published = world.tree();
        for fingerprint in ["f2", "f3"] {
            world.refuse(fingerprint, fingerprint == "f2");
            let tree = world.tree();
            let parts = |tree: &Tree| -> Vec<_> {
                let parts = tree.iter().filter(|(name, _)| name.contains("/part-"));
                parts.map(|(name, text)| (name.clone(), text.clone())).collect()
            };
            assert_eq!(parts(&tree), parts(&published));
            assert!(tree["out/account/manifest.json"].contains("over_budget"));
            let earlier = &tree["out/account/manifest.earlier.json"];
            assert_eq!(earlier, &published["out/account/manifest.json"]);
        }
        world.publish("f4", false, 1);
        let fresh = World::with(mode);
        fresh.publish("f4", false, 1);
        assert_eq!(world.tree(), fresh.tree());
    }
}

#[test]
fn a_link_to_a_folder_is_that_folder() {
    let world = World::new();
    let real = world.root.path().join("real");
    fs::create_dir_all(&real).expect("a folder");
    fs::create_dir_all(world.root.path().join("out")).expect("a folder");
    symlink("../real", &world.outputs[0]).expect("a link");
    for (fingerprint, overwrite) in [("f1", false), ("f2", true)] {
        world.publish(fingerprint, overwrite, 1);
        assert!(world.outputs[0].is_symlink());
        let part = fs::read_to_string(real.join("job-000/part-00000.json")).expect("a part");
        assert_eq!(part, format!("{fingerprint} 0 0"));
    }
}

#[test]
fn overlapping_places_are_refused() {
    for (account, output) in [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "b/../a/c")] {
        let mut world = World::new();
        world.account = world.root.path().join(account);
        world.outputs = vec![world.root.path().join(output)];
        let error = world.begin("f1", false).expect_err(output);
        assert!(matches!(error, PublishError::Overlap { .. }), "{error}");
        assert_eq!(world.tree().len(), 1);
    }
}

#[test]
fn errors_are_named_by_what_can_be_done() {
    let message = |kind: io::ErrorKind| at(Path::new("out/json"), "write")(kind.into()).to_string();
    assert_eq!(message(io::ErrorKind::StorageFull), "could not write `out/json`");
    assert_eq!(message(io::ErrorKind::PermissionDenied), "access to `out/json` was denied");
    assert_eq!(message(io::ErrorKind::Other), "could not write `out/json`");
}

#[test]
fn a_failed_write_names_the_file() {
    let world = World::new();
    let publication = world.ready("f1", false);
    let file = publication.part(0, "part-00000.json").expect("a part");
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let error = PublishError::of_write(file.wrap(full));
    assert!(matches!(error, PublishError::Full { .. }), "{error}");
    assert!(error.to_string().contains("part-00000.json"), "{error}");
}

/// What a killed run of one account left is not for a run of another account to clean up.
#[test]
fn a_killed_run_of_one_account_and_a_run_of_another() {
    let world = World::new();
    let mut other = World::new();
    other.outputs = world.outputs.clone();

    let mut publication = world.written("f1", false, 1);
    publication.stage_manifest(&world.manifest("published", "f1", 1)).expect("room for it");
    PUBLISH.iter().take(5).for_each(|step| step(&mut publication).expect("a step"));
    kill(publication);
    foreign_files(other.begin("f2", true));
    drop(world.ready("f1", false));
    assert!(!has_work(&world.tree()));

    kill(world.written("f1", false, 1));
    other.publish("f2", false, 2);
    let before = world.tree();
    foreign_files(world.begin("f1", true));
    let mut after = world.tree();
    after.retain(|name, _| before.contains_key(name));
    let mut parts = before.clone();
    parts.retain(|name, _| !name.contains("account"));
    after.retain(|name, _| !name.contains("account"));
    assert_eq!(after, parts, "the other account's parts stay");
}

/// What was in a world before a run was killed in it.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    EmptyFolders,
    Published,
    /// The parts have the names of the new ones, but other sizes.
    PublishedOtherSizes,
    OverBudget,
    RefusedOverwrite,
    Retried,
    RetriedAndRefusedOverwrite,
}

impl Before {
    fn make(self, world: &World) {
        match self {
            Before::Nothing => {}
            Before::EmptyFolders => {
                world.outputs.iter().for_each(|to| fs::create_dir_all(to).expect("a folder"));
            }
            Before::Published => world.publish("f1", false, 3),
            Before::PublishedOtherSizes => world.publish("longer", false, 3),
            Before::OverBudget => world.refuse("f1", false),
            Before::RefusedOverwrite => {
                world.publish("f0", false, 3);
                world.refuse("f1", true);
            }
            Before::Retried => {
                world.publish("f1", false, 3);
                world.publish_retry();
            }
            Before::RetriedAndRefusedOverwrite => {
                world.publish("f0", false, 3);
                world.publish_retry();
                world.refuse("f1", true);
            }
        }
    }
}

fn any_before() -> impl Strategy<Value = Before> {
    prop_oneof![
        Just(Before::Nothing),
        Just(Before::EmptyFolders),
        Just(Before::Published),
        Just(Before::PublishedOtherSizes),
        Just(Before::OverBudget),
        Just(Before::RefusedOverwrite),
        Just(Before::Retried),
        Just(Before::RetriedAndRefusedOverwrite),
    ]
}

/// A run that has taken its first steps, and half of the next one if it has halves.
fn stopped_at(world: &World, refuse: bool, steps: usize, half: Half) -> Publication {
    let mut publication = world.written("f2", true, 2);
    let (status, all): (_, &[PublishStep]) =
        if refuse { ("over_budget", &REFUSE) } else { ("published", &PUBLISH) };
    let parts = if refuse { 0 } else { 2 };
    publication.stage_manifest(&world.manifest(status, "f2", parts)).expect("room for it");
    all.iter().take(steps).for_each(|step| step(&mut publication).expect("a step"));
    if !refuse {
        half_step(&publication, steps, half);
    }
    publication
}

/// Such a run is killed. If it had begun to undo its steps, that is half done as well.
fn killed_at(world: &World, refuse: bool, steps: usize, half: Half, undone: Option<Half>) {
    let mut publication = stopped_at(world, refuse, steps, half);
    let has_manifest = publication.account.has(MANIFEST).expect("it is accessible");
    if let Some((of_output, of_account)) = undone.filter(|_| !has_manifest) {
        let journal = publication.journal.clone();
        if of_output && journal.phase == Phase::Publishing {
            publication.outputs[0].put_back(&journal.outputs[0]).expect("nothing is in the way");
        }
        if of_account && journal.phase != Phase::Writing {
            publication.account.put_back(&journal.held).expect("nothing is in the way");
        }
    }
    kill(publication);
}

/// Whether a step was taken for the first output, and for the account.
type Half = (bool, bool);

fn any_half() -> impl Strategy<Value = Half> {
    (any::<bool>(), any::<bool>())
}

/// The path of a file or a folder that somebody else makes.
fn any_foreign() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "out/json/notes.txt",
        "out/json/job-000/notes.txt",
        "out/json/job-007/part-00000.json",
        "out/json/folder/",
        "out/json/folder/notes.txt",
        "out/deep/csv/notes.txt",
        "out/account/notes.txt",
        "out/account/folder/",
        "out/account/rejected-records/notes.txt",
    ])
}

/// Takes half of a step of [`PUBLISH`].
fn half_step(publication: &Publication, step: usize, (of_output, of_account): Half) {
    let output = &publication.outputs[0];
    let (to, new_parts) = output.folders().expect("it is on disk");
    let account = publication.account.path();
    match step {
        2 if of_account && account.join(MANIFEST).exists() => {
            let old = account.join(WORK).join(OLD);
            fs::create_dir(&old).expect("a folder");
            fs::rename(account.join(MANIFEST), old.join(MANIFEST)).expect("it is ours");
        }
        3 if of_output => output.move_aside().expect("it is ours"),
        4 => {
            if of_output && new_parts.starts_with(&to) {
                let part = part_path(0);
                let target = to.join(&part);
                fs::create_dir_all(target.parent().expect("a job folder")).expect("a folder");
                fs::rename(new_parts.join(&part), target).expect("a part");
            } else if of_output {
                output.move_in().expect("nothing is in the way");
            }
            if of_account {
                let file = "rejects.ndjson";
                let staged = account.join(WORK).join(NEW).join(file);
                fs::rename(staged, account.join(file)).expect("a file");
            }
        }
        _ => {}
    }
}

/// A run with a retry that was killed after so many steps.
fn retry_killed_at(steps: usize, mode: fn(&Path) -> io::Result<MoveMode>) -> World {
    let world = World::with(mode);
    world.publish("f1", false, 3);
    let (mut publication, manifest) = world.retry();
    publication.stage_manifest(&manifest).expect("room for it");
    PUBLISH.iter().take(steps).for_each(|step| step(&mut publication).expect("a step"));
    kill(publication);
    world
}

/// A retry that was killed is cleaned up by the next one, and by a run that replaces the result.
#[test]
fn a_killed_retry_leaves_nothing_to_the_next_run() {
    for (mode, steps) in
        [WHOLE, PART_BY_PART].into_iter().flat_map(|mode| (0..8).map(move |n| (mode, n)))
    {
        if steps < PUBLISH.len() {
            let world = retry_killed_at(steps, mode);
            world.publish_retry();
            let undisturbed = World::with(mode);
            undisturbed.publish("f1", false, 3);
            undisturbed.publish_retry();
            assert_eq!(world.tree(), undisturbed.tree(), "{steps}");
        }
        let world = retry_killed_at(steps, mode);
        world.publish("f2", true, 2);
        let fresh = World::with(mode);
        fresh.publish("f2", false, 2);
        assert_eq!(world.tree(), fresh.tree(), "{steps}");
    }
}

/// A retry holds the account of its run.
#[test]
fn no_run_replaces_a_result_while_a_retry_works() {
    let world = World::new();
    world.publish("f1", false, 3);
    let before = world.tree();
    let held = HeldAccount::take(&world.request("", false)).expect("nobody has it");
    for _ in 0..2 {
        let error = world.begin("f2", true).expect_err("a retry is working");
        assert!(matches!(error, PublishError::Taken { .. }), "{error}");
        let error = HeldAccount::take(&world.request("", false)).expect_err("a retry is working");
        assert!(matches!(error, PublishError::Taken { .. }), "{error}");
    }
    drop(held);
    assert_eq!(world.tree(), before);
    drop(world.ready("f2", true));
}

/// A result that a killed run was replacing is back, but does not block the run that found it moved
/// aside, whatever that run's fingerprint. One that was still in place blocks other runs as before.
#[test]
fn a_killed_overwrite_blocks_no_run_once_it_has_begun_to_publish() {
    for (steps, may_go_on) in [(0, false), (2, false), (3, true), (5, true)] {
        let world = World::new();
        world.publish("f1", false, 3);
        let before = world.tree();
        killed_at(&world, false, steps, (false, false), None);
        match world.begin("f3", false) {
            Ok(Begun::Ready(publication)) if may_go_on => drop(publication),
            Err(PublishError::Published { .. }) if !may_go_on => {}
            other => panic!("{steps}: {other:?}"),
        }
        assert_eq!(world.tree(), before, "{steps}");
    }
}

/// What cannot be put back is named, and the next run puts it back.
#[test]
fn an_error_says_where_an_earlier_result_is_that_cannot_be_put_back() {
    for (mode, blocked, old) in [
        (WHOLE, "out/json/job-000/part-00000.json", "out/.json.segprep/old"),
        (PART_BY_PART, "out/json/job-000/part-00000.json", "out/json/.segprep/old"),
    ] {
        let world = World::with(mode);
        world.publish("f1", false, 3);
        let before = world.tree();
        let mut publication = stopped_at(&world, false, 4, (false, false));
        world.put(blocked);
        let error = publication.fail(PublishError::Taken { place: PathBuf::new() });
        let PublishError::Gone { remains, is_whole, .. } = &error else { panic!("{error}") };
        let account = "out/account/.segprep/old";
        assert_eq!(*remains, [old, account].map(|path| world.root.path().join(path)));
        assert!(is_whole, "{error}");
        assert!(error.to_string().contains("the earlier result is gone from its place"), "{error}");
        drop(publication);

        assert_eq!(foreign_files(world.begin("f2", true)).names, ["job-000/part-00000.json"]);
        fs::remove_file(world.root.path().join(blocked)).expect("a foreign file");
        drop(world.begin("f2", true).expect("not blocked"));
        assert_eq!(world.tree(), before);
    }
}

proptest! {
    // Each case waits for the disk about a hundred times.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    /// Wherever a run is killed, the next run of the same definition succeeds without
    /// `--overwrite`, and leaves what it would have left without the kill.
    #[test]
    fn a_kill_makes_no_difference_to_the_next_run(
        before in any_before(),
        part_by_part: bool,
        refuse: bool,
        steps in 0..=PUBLISH.len(),
        half in any_half(),
        undone in prop::option::of(any_half()),
        again: bool,
    ) {
        let mode = if part_by_part { PART_BY_PART } else { WHOLE };
        let world = World::with(mode);
        before.make(&world);
        killed_at(&world, refuse, steps, half, undone);
        if again {
            // The next run is killed too, before it has written anything.
            if let Begun::Ready(publication) = world.begin("f2", false).expect("not blocked") {
                kill(publication);
            }
        }
        let is_published = !refuse && steps == PUBLISH.len();
        match world.begin("f2", false).expect("not blocked") {
            Begun::AlreadyPublished { .. } => prop_assert!(is_published),
            Begun::Ready(publication) => {
                prop_assert!(!is_published);
                world.write(&publication, "f2", 2);
                publication.publish(&world.manifest("published", "f2", 2)).expect("published");
            }
        }
        let fresh = World::with(mode);
        fresh.publish("f2", false, 2);
        prop_assert_eq!(world.tree(), fresh.tree());
    }

    /// A run that is killed before it publishes, or before its refusal is there, leaves what was
    /// there before, even if the next run fails too.
    #[test]
    fn the_earlier_result_is_back_after_a_kill(
        before in any_before(),
        part_by_part: bool,
        refuse: bool,
        steps in 0..PUBLISH.len(),
        half in any_half(),
        undone in prop::option::of(any_half()),
    ) {
        let steps = if refuse { steps.min(REFUSE.len() - 1) } else { steps };
        let world = World::with(if part_by_part { PART_BY_PART } else { WHOLE });
        before.make(&world);
        let earlier = world.tree();
        killed_at(&world, refuse, steps, half, undone);
        drop(world.begin("f2", true).expect("not blocked"));
        prop_assert_eq!(world.tree(), earlier);
    }

    /// The same for a run that fails.
    #[test]
    fn the_earlier_result_is_back_after_a_failure(
        before in any_before(),
        part_by_part: bool,
        refuse: bool,
        steps in 0..PUBLISH.len(),
        half in any_half(),
    ) {
        let steps = if refuse { steps.min(REFUSE.len() - 1) } else { steps };
        let world = World::with(if part_by_part { PART_BY_PART } else { WHOLE });
        before.make(&world);
        let earlier = world.tree();
        let mut publication = stopped_at(&world, refuse, steps, half);
        let cause = PublishError::Taken { place: PathBuf::new() };
        let error = publication.fail(cause);
        prop_assert!(matches!(error, PublishError::Taken { .. }), "{}", error);
        prop_assert_eq!(world.tree(), earlier);
    }

    /// What somebody puts into a place while a run is working stays there, and the run puts all else
    /// back.
    #[test]
    fn what_appears_during_a_run_stays_and_stops_it(
        before in any_before(),
        part_by_part: bool,
        steps in 0..PUBLISH.len() - 1,
        path in any_foreign(),
    ) {
        let world = World::with(if part_by_part { PART_BY_PART } else { WHOLE });
        before.make(&world);
        let mut expected = world.tree();
        let mut publication = stopped_at(&world, false, steps, (false, false));
        if path.ends_with('/') {
            fs::create_dir_all(world.root.path().join(path)).expect("a folder");
        } else {
            world.put(path);
            expected.insert(path.to_owned(), "foreign".to_owned());
        }
        for (end, _) in path.match_indices('/') {
            expected.insert(path.split_at(end + 1).0.to_owned(), String::new());
        }
        let failed = PUBLISH.iter().skip(steps).find_map(|step| step(&mut publication).err());
        let error = publication.fail(failed.expect("a foreign file"));
        prop_assert!(matches!(error, PublishError::Foreign { .. }), "{}", error);
        prop_assert_eq!(world.tree(), expected);
    }
}
