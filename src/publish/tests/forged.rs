//! Accounts that somebody else wrote: no run removes anything on their word but what is its own.

use serde_json::{Value, json};

use super::*;

const VICTIM: &str = "victim/home";

impl World {
    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn forge(&self, path: &str, text: &Value) {
        let path = self.account.join(path);
        fs::create_dir_all(path.parent().expect("in the account")).expect("a folder");
        fs::write(path, text.to_string()).expect("a file");
    }

    /// The manifest of `f1`, with another output that it never had.
    fn forged_manifest(&self, status: &str) -> Value {
        let mut manifest: Value =
            serde_json::from_slice(&self.manifest(status, "f1", 3)).expect("a manifest");
        let names = ["diary.txt", "job-000/part-00000.json", "deep/notes"];
        let files: Vec<_> = names.iter().map(|name| json!({ "path": name, "bytes": 7 })).collect();
        let output = json!({ "to": self.path(VICTIM), "files": files });
        manifest["outputs"].as_array_mut().expect("a list").push(output);
        manifest
    }

    fn forged_journal(&self, phase: &str, work: &str) -> Value {
        let (to, work) = (self.path(VICTIM), self.path(work));
        json!({
            "segprep_journal": 1, "fingerprint": "f2", "replaces": "f1", "phase": phase,
            "outputs": [{ "to": to, "work": work }],
            "made": [self.path("victim/empty"), self.path("victim")],
        })
    }

    /// A folder that is not ours, with names that a run gives to parts among others, and with a
    /// lock that bears the mark of this account.
    fn put_victim(&self) {
        let names = ["diary.txt", "job-000/part-00000.json", "deep/notes"];
        for name in names {
            self.put(&format!("{VICTIM}/{name}"));
        }
        for work in ["victim/.home.segprep", "victim/home/.segprep"] {
            for name in ["new/a", "old/b"] {
                self.put(&format!("{work}/{name}"));
            }
            fs::write(self.path(work).join("lock"), self.account.as_os_str().as_encoded_bytes())
                .expect("a lock");
        }
        fs::create_dir(self.path("victim/empty")).expect("a folder");
    }

    fn victim(&self) -> Tree {
        let mut tree = self.tree();
        tree.retain(|name, _| name.starts_with("victim"));
        tree
    }
}

#[test]
fn what_an_account_says_about_other_places_is_not_believed() {
    type Forgery = (&'static str, bool, fn(&World));
    let forgeries: [Forgery; 5] = [
        ("a manifest", true, |world| {
            world.forge(MANIFEST, &world.forged_manifest("published"));
        }),
        ("a kept manifest", false, |world| {
            world.forge(MANIFEST, &world.forged_manifest("over_budget"));
            world.forge(EARLIER_MANIFEST, &world.forged_manifest("published"));
        }),
        ("a manifest and a journal", false, |world| {
            world.forge(MANIFEST, &world.forged_manifest("published"));
            let journal = world.forged_journal("writing", "victim/.home.segprep");
            world.forge(".segprep/journal.json", &journal);
        }),
        ("a journal and a lock beside", false, |world| {
            fs::remove_file(world.account.join(MANIFEST)).expect("a manifest");
            world.outputs.iter().for_each(|to| fs::remove_dir_all(to).expect("an output"));
            let journal = world.forged_journal("publishing", "victim/.home.segprep");
            world.forge(".segprep/journal.json", &journal);
        }),
        ("a journal and a lock inside", false, |world| {
            fs::remove_file(world.account.join(MANIFEST)).expect("a manifest");
            world.outputs.iter().for_each(|to| fs::remove_dir_all(to).expect("an output"));
            let journal = world.forged_journal("publishing", "victim/home/.segprep");
            world.forge(".segprep/journal.json", &journal);
        }),
    ];
    for (forgery, overwrite, forge) in forgeries {
        for mode in [WHOLE, PART_BY_PART] {
            let world = World::with(mode);
            world.publish("f1", false, 3);
            world.put_victim();
            forge(&world);
            let before = world.victim();
            let publication = world.written("f2", overwrite, 1);
            assert_eq!(publication.other_outputs(), [world.path(VICTIM)], "{forgery}");
            let manifest = world.manifest("published", "f2", 1);
            publication.publish(&manifest).expect("published");
            assert_eq!(world.victim(), before, "{forgery}");
        }
    }
}

/// Lists a file in the first output of the manifest of `f1`.
fn list(world: &World, path: &str, bytes: u64) {
    let text = fs::read(world.account.join(MANIFEST)).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
    let files = manifest["outputs"][0]["files"].as_array_mut().expect("a list");
    files.push(json!({ "path": path, "bytes": bytes }));
    world.forge(MANIFEST, &manifest);
}

#[test]
fn a_listed_file_is_foreign_unless_it_has_the_name_and_the_size_of_a_part() {
    type Case = (&'static str, fn(&World));
    let cases: [Case; 5] = [
        ("diary.txt", |world| list(world, "diary.txt", 7)),
        ("job-000/diary.txt", |world| list(world, "job-000/diary.txt", 7)),
        ("job-000/part-00009.json", |world| list(world, "job-000/part-00009.json", 8)),
        ("job-000/part-00000.json", |_| {}), // its size differs from that of `f1`
        ("job-000/part-00008.json", |world| {
            let part = world.outputs[0].join("job-000/part-00008.json");
            fs::remove_file(&part).expect("a file");
            symlink("part-00000.json", &part).expect("a link");
            list(world, "job-000/part-00008.json", 15);
        }),
    ];
    for (name, forge) in cases {
        for mode in [WHOLE, PART_BY_PART] {
            let world = World::with(mode);
            world.publish("f1", false, 3);
            world.put(&format!("out/json/{name}"));
            forge(&world);
            let before = world.tree();
            assert_eq!(foreign_files(world.begin("f2", true)).names, [name]);
            assert_eq!(world.tree(), before, "{name}");
        }
    }
}

#[test]
fn a_forged_journal_and_lock_remove_only_parts_with_their_size() {
    let part = "job-000/part-00000.json";
    for (mode, work) in [(WHOLE, "out/.json.segprep"), (PART_BY_PART, "out/json/.segprep")] {
        let folders = ["out/json", &format!("{work}/new"), &format!("{work}/old")];
        let names = ["diary.txt", "job-000/notes", "job-000/part-00001.json"];
        let files = folders.iter().flat_map(|folder| names.map(|name| (*folder, name)));
        for (folder, name) in files.filter(|(folder, name)| {
            !(folder.ends_with("new") && is_part_name(name)) // staged parts have any size
        }) {
            let world = World::with(mode);
            world.put(&format!("{folder}/{name}"));
            world.put(&format!("{work}/lock"));
            fs::write(world.path(work).join("lock"), world.account.as_os_str().as_encoded_bytes())
                .expect("a lock");
            let sizes = [(part, 7), (name, if is_part_name(name) { 8 } else { 7 })];
            let parts: Vec<_> =
                sizes.iter().map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect();
            world.forge(
                ".segprep/journal.json",
                &json!({
                    "segprep_journal": 1, "fingerprint": "f2", "replaces": "f1",
                    "phase": "publishing", "made": [],
                    "outputs": [
                        { "to": world.path("out/json"), "work": world.path(work), "parts": parts },
                    ],
                }),
            );
            foreign_files(world.begin("f2", true));
            let left = world.tree();
            assert!(left.iter().any(|(path, text)| path.ends_with(name) && text == "foreign"));
        }
    }
}

/// Without a lock nothing in a working folder is ours, and the journal stays as well.
#[test]
fn a_link_in_a_working_folder_without_a_lock_changes_nothing() {
    for phase in ["writing", "publishing", "refusing"] {
        for name in ["new", "old"] {
            let world = World::new();
            world.publish("f1", false, 1);
            fs::create_dir_all(world.path("victim")).expect("a folder");
            let (to, work) = (world.path("out/json"), world.path("out/.json.segprep"));
            fs::create_dir(&work).expect("a folder");
            symlink(world.path("victim"), work.join(name)).expect("a link");
            let journal = json!({
                "segprep_journal": 1, "fingerprint": "f2", "replaces": "f1", "phase": phase,
                "outputs": [{ "to": to, "work": work }], "made": [],
            });
            world.forge(".segprep/journal.json", &journal);
            let before = world.tree();
            assert_eq!(foreign_files(world.begin("f2", true)).names, [name]);
            assert_eq!(world.tree(), before, "{phase} {name}");
        }
    }
}

/// A link with the name of a retry leads to somebody else's files.
#[test]
fn a_link_in_place_of_a_retry_is_foreign() {
    for place in ["out/account", "out/json"] {
        let world = World::new();
        world.publish("f1", false, 3);
        world.put_victim();
        let victim = world.victim();
        symlink(world.path("victim"), world.path(place).join("retry-001")).expect("a link");
        foreign_files(world.begin("f2", true));
        assert_eq!(world.victim(), victim, "{place}");
        assert!(retry_places(&world.account, &world.outputs, 1).is_err(), "{place}");
    }
}

/// The manifest of a retry accounts only for parts in its own folder, with their sizes.
#[test]
fn a_forged_retry_removes_nothing_else() {
    let name = "job-000/part-00009.json";
    let cases = [
        ("out/json/retry-001", name, 7, "out/json/retry-001/job-000/part-00009.json", true),
        ("out/json/retry-001", name, 8, "out/json/retry-001/job-000/part-00009.json", false),
        ("out/json/retry-001", "notes.txt", 7, "out/json/retry-001/notes.txt", false),
        ("out/json", name, 7, "out/json/job-000/part-00009.json", false),
        ("out/json/retry-002", name, 7, "out/json/retry-002/job-000/part-00009.json", false),
        (
            "out/json/retry-001",
            "../job-000/part-00009.json",
            7,
            "out/json/job-000/part-00009.json",
            false,
        ),
    ];
    for (to, part, bytes, file, is_ours) in cases {
        let world = World::new();
        world.publish("f1", false, 3);
        world.put(file);
        let manifest = json!({
            "segprep_manifest": 1, "status": "published", "fingerprint": "r1",
            "outputs": [{ "to": world.path(to), "files": [{ "path": part, "bytes": bytes }] }],
        });
        world.forge("retry-001/manifest.json", &manifest);
        let before = world.tree();
        match world.begin("f2", true) {
            Ok(Begun::Ready(publication)) if is_ours => drop(publication),
            Err(PublishError::Foreign { .. }) if !is_ours => {}
            other => panic!("{file}: {other:?}"),
        }
        assert_eq!(world.tree(), before, "{file}");
    }
}

fn is_part_name(name: &str) -> bool {
    names::is_part(Path::new(name))
}

#[test]
fn a_folder_with_the_name_of_an_account_file_is_not_removed() {
    let world = World::new();
    world.put("out/account/rejects.ndjson/diary.txt");
    let mut journal = world.forged_journal("publishing", "victim/.home.segprep");
    journal["outputs"] = json!([]);
    world.forge(".segprep/journal.json", &journal);
    world.begin("f2", true).expect_err("a folder is in the way");
    assert!(world.tree().contains_key("out/account/rejects.ndjson/diary.txt"));
}

#[test]
fn a_journal_permits_to_replace_only_the_run_that_it_names() {
    let cases = [
        (json!({ "overwrite": true }), false),
        (json!({ "replaces": "f0" }), false),
        (json!({ "replaces": "f2" }), false),
        (json!({ "replaces": "f1", "fingerprint": "f3" }), false),
        (json!({ "replaces": "f1" }), true),
    ];
    for (fields, is_permitted) in cases {
        let world = World::new();
        world.publish("f1", false, 2);
        let before = world.tree();
        let mut journal = world.forged_journal("writing", "victim/.home.segprep");
        let journal_fields = journal.as_object_mut().expect("an object");
        journal_fields.remove("replaces");
        journal_fields.extend(fields.as_object().expect("an object").clone());
        world.forge(".segprep/journal.json", &journal);
        match world.begin("f2", false) {
            Ok(Begun::Ready(_)) => assert!(is_permitted, "{fields}"),
            Err(PublishError::Published { .. }) => assert!(!is_permitted, "{fields}"),
            other => panic!("{fields}: {other:?}"),
        }
        assert_eq!(world.tree(), before, "{fields}");
    }
}

/// A file that appears after the last check is neither moved away nor replaced.
#[test]
fn a_file_that_appears_at_the_last_moment_stays() {
    for (mode, steps) in [(WHOLE, 3), (PART_BY_PART, 4)] {
        let world = World::with(mode);
        world.publish("f1", false, 3);
        let mut publication = world.written("f2", true, 2);
        publication.stage_manifest(&world.manifest("published", "f2", 2)).expect("room for it");
        PUBLISH.iter().take(steps).for_each(|step| step(&mut publication).expect("a step"));
        world.put("out/json/job-000/part-00001.json");
        let error = PUBLISH[steps](&mut publication).expect_err("it is in the way");
        assert!(matches!(error, PublishError::Foreign { .. }), "{error}");
        drop(publication);
        assert_eq!(world.tree()["out/json/job-000/part-00001.json"], "foreign");
    }
}

const PLACES: [&str; 6] =
    ["out/json", "out/.json.segprep/new", "out/.json.segprep/old", "out/account", "victim", "out"];
const NAMES: [&str; 6] = [
    "job-000/part-00000.json",
    "part-00001.json",
    "diary.txt",
    "rejects.ndjson",
    "rejected-records/00000-a",
    "job-000/part-00000.json/x",
];

/// A file by its place, its name and its size.
type Put = (usize, usize, usize);

fn any_files() -> impl Strategy<Value = Vec<Put>> {
    prop::collection::vec((0..PLACES.len(), 0..NAMES.len(), 0_usize..3), 0..6)
}

fn any_phase() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("writing"), Some("publishing"), Some("refusing")])
}

/// What a manifest or a journal says about a place, if it is an output.
fn listed(world: &World, place: usize, files: &[Put]) -> Value {
    let of_place = files.iter().filter(|(other, ..)| *other == place);
    let files = of_place.map(|(_, name, bytes)| json!({ "path": NAMES[*name], "bytes": bytes }));
    let (to, files) = (world.path(PLACES[place]), files.collect::<Vec<_>>());
    let work = names::work_folder(&to, MoveMode::Whole);
    json!({ "to": to, "work": work, "files": files.clone(), "parts": files })
}

/// Whether a run may remove this file on the word of these lists.
fn may_go((place, name, bytes): Put, lists: &[Put], was_marked: bool) -> bool {
    let is_listed = lists.contains(&(0, name, bytes));
    let name = Path::new(NAMES[name]);
    match PLACES[place] {
        "out/json" => names::is_part(name) && is_listed,
        "out/.json.segprep/new" => names::is_part(name) && was_marked,
        "out/.json.segprep/old" => names::is_part(name) && is_listed && was_marked,
        "out/account" => names::is_account_file(name),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    /// Whatever the account says: a run removes nothing but listed parts and account files in the
    /// places of its definition.
    #[test]
    fn no_forged_account_removes_what_is_not_its_own(
        files in any_files(),
        lists in any_files(),
        phase in any_phase(),
        status in prop::sample::select(vec!["published", "over_budget", ""]),
        overwrite: bool,
        is_marked: bool,
    ) {
        let mut world = World::new();
        world.outputs.truncate(1);
        let mut put = Vec::new();
        for (place, name, bytes) in files {
            let path = world.path(PLACES[place]).join(NAMES[name]);
            let folder = path.parent().expect("below the root");
            if fs::create_dir_all(folder).is_ok() && !path.exists() {
                fs::write(&path, "x".repeat(bytes)).expect("a file");
                put.push((path, (place, name, bytes)));
            }
        }
        let outputs = [0, 4].map(|place| listed(&world, place, &lists));
        if !status.is_empty() {
            world.forge(MANIFEST, &json!({
                "segprep_manifest": 1, "status": status, "fingerprint": "f1", "outputs": outputs,
            }));
        }
        if let Some(phase) = phase {
            world.forge(".segprep/journal.json", &json!({
                "segprep_journal": 1, "fingerprint": "f2", "replaces": "f1", "phase": phase,
                "outputs": outputs, "made": [world.path("victim"), world.path("out")],
            }));
        }
        if is_marked {
            let work = world.path("out/.json.segprep");
            fs::create_dir_all(&work).expect("a folder");
            fs::write(work.join("lock"), world.account.as_os_str().as_encoded_bytes())
                .expect("a lock");
        }
        let before = world.tree();
        match world.begin("f2", overwrite) {
            Ok(Begun::Ready(publication)) => {
                world.write(&publication, "f2", 1);
                publication.publish(&world.manifest("published", "f2", 1)).ok();
            }
            Ok(Begun::AlreadyPublished { .. }) => prop_assert!(false),
            Err(PublishError::Foreign { .. }) if phase.is_none() => {
                let files = |mut tree: Tree| {
                    tree.retain(|name, _| !name.ends_with('/'));
                    tree
                };
                prop_assert_eq!(files(world.tree()), files(before));
            }
            Err(_) => {}
        }
        for (path, file) in put {
            let is_kept = fs::read_to_string(&path).is_ok_and(|text| text == "x".repeat(file.2));
            prop_assert!(is_kept || may_go(file, &lists, is_marked), "{}", path.display());
        }
    }
}
