//! Shards beside each other in one output, and gathering them: what a kill at any step leaves, and that none
//! touches what belongs to another.

use super::*;
use crate::publish::names::{shard_folder, shard_part_path};

/// Two shards of `world`, with one part each in both outputs.
struct Shards {
    world: World,
}

impl Shards {
    fn new() -> Shards {
        Shards { world: World::new() }
    }

    fn account(&self, number: u32) -> PathBuf {
        self.world.account.join(shard_folder(number))
    }

    fn begin(&self, number: u32, fingerprint: &str) -> Result<Begun, PublishError> {
        let (account, whole) = (&self.account(number), self.world.account.as_path());
        let share = Share::Shard { number, whole };
        Publication::begin(&PlaceRequest { account, fingerprint, share, ..self.request() })
    }

    fn request(&self) -> PlaceRequest<'_> {
        let (account, outputs) = (self.world.account.as_path(), self.world.outputs.as_slice());
        PlaceRequest {
            account,
            outputs,
            modes: &[],
            buckets: None,
            fingerprint: "all",
            overwrite: false,
            share: Share::Gathered,
        }
    }

    /// A shard that has written its parts.
    fn written(&self, number: u32, fingerprint: &str) -> Publication {
        let Ok(Begun::Ready(publication)) = self.begin(number, fingerprint) else {
            panic!("shard {number} is not ready");
        };
        for output in 0..2 {
            let file = publication.part(output, &part(number)).expect("a part");
            fill(file, &text(number, fingerprint));
        }
        fill(publication.account_file("rejects.ndjson", false).expect("a file"), fingerprint);
        publication
    }

    fn publish(&self, number: u32, fingerprint: &str) {
        let manifest = self.manifest(&[number], fingerprint);
        let left = self.written(number, fingerprint).publish(&manifest);
        assert!(left.expect("published").is_none(), "nothing is left");
    }

    /// The manifest of these shards.
    fn manifest(&self, numbers: &[u32], fingerprint: &str) -> Vec<u8> {
        let output = |to: &PathBuf| {
            let files = numbers.iter().map(|number| {
                let bytes = text(*number, "f").len();
                serde_json::json!({ "path": part(*number), "bytes": bytes })
            });
            serde_json::json!({ "to": to, "files": files.collect::<Vec<_>>() })
        };
        let outputs: Vec<_> = self.world.outputs.iter().map(output).collect();
        let manifest = serde_json::json!({
            "segprep_manifest": 1, "status": "published", "fingerprint": fingerprint, "outputs": outputs,
        });
        manifest.to_string().into_bytes()
    }

    fn gathering(&self) -> Result<Publication, PublishError> {
        let request = self.request();
        let Begun::Ready(mut publication) = Publication::begin(&request)? else {
            panic!("it is published already");
        };
        publication.gather(&request, &self.manifest(&[0, 1], "all"))?;
        fill(publication.account_file("rejects.ndjson", false).expect("a file"), "all");
        Ok(publication)
    }

    fn gather(&self) -> Result<(), PublishError> {
        let left = self.gathering()?.publish(&self.manifest(&[0, 1], "all"))?;
        assert!(left.is_none(), "nothing is left");
        Ok(())
    }

    /// The names of the files, without those of accounts.
    fn parts(&self) -> Vec<String> {
        let names = self.world.tree().into_keys();
        names.filter(|name| name.contains("part-")).collect()
    }
}

fn part(number: u32) -> String {
    shard_part_path(number, 0, 0, "json")
}

fn text(number: u32, fingerprint: &str) -> String {
    format!("{fingerprint} {number}")
}

#[test]
fn shards_write_side_by_side_and_gathering_leaves_their_parts() {
    let shards = Shards::new();
    let (first, second) = (shards.written(0, "f"), shards.written(1, "f"));
    assert!(matches!(shards.begin(1, "f"), Err(PublishError::Taken { .. })), "twice at once");
    assert!(matches!(shards.gathering(), Err(PublishError::Taken { .. })), "it is not over");
    second.publish(&shards.manifest(&[1], "f")).expect("published");
    first.publish(&shards.manifest(&[0], "f")).expect("published");
    let parts = shards.parts();
    assert_eq!(parts.len(), 4);
    let gathering = shards.gathering().expect("all is there");
    assert!(matches!(shards.begin(0, "other"), Err(PublishError::Taken { .. })));
    gathering.publish(&shards.manifest(&[0, 1], "all")).expect("published");
    assert_eq!(shards.parts(), parts);
    assert!(!has_work(&shards.world.tree()));
    assert!(matches!(shards.begin(0, "f"), Ok(Begun::AlreadyPublished { .. })));
    assert!(matches!(shards.begin(0, "other"), Err(PublishError::Whole { .. })));
}

#[test]
fn another_run_replaces_shards_only_if_it_may() {
    for is_gathered in [false, true] {
        let shards = Shards::new();
        (0..2).for_each(|number| shards.publish(number, "f"));
        if is_gathered {
            shards.gather().expect("all is there");
        }
        let refused = shards.world.begin("f1", false).expect_err("something is there");
        let is_expected = if is_gathered {
            matches!(refused, PublishError::Published { .. })
        } else {
            matches!(refused, PublishError::Ungathered { shards: 2, .. })
        };
        assert!(is_expected, "{refused}");
        shards.world.publish("f1", true, 1);
        assert!(
            shards.parts().iter().all(|part| part.contains("/job-000/")),
            "{:?}",
            shards.parts()
        );
        assert!(!shards.world.tree().keys().any(|name| name.contains("shards")));
    }
}

/// Over its budget, it removes nothing that others account for.
#[test]
fn a_refused_run_leaves_shards_as_they_are() {
    let shards = Shards::new();
    (0..2).for_each(|number| shards.publish(number, "f"));
    let parts = shards.parts();
    shards.world.refuse("f1", true);
    assert_eq!(shards.parts(), parts);
    shards.gather().expect("all is there");
}

#[test]
fn a_shard_touches_only_what_has_its_number() {
    let shards = Shards::new();
    shards.publish(0, "f");
    shards.world.put("out/json/job-000-000/foreign.txt");
    shards.world.put("out/json/job-002-000/part-00000.json");
    shards.publish(1, "f");
    assert!(matches!(shards.begin(0, "g"), Err(PublishError::Foreign { .. })));
    assert!(matches!(shards.gathering(), Err(PublishError::Foreign { .. })));
    // A manifest that names parts of another shard makes them nobody's else.
    let forged = shards.manifest(&[0, 1], "f");
    fs::write(shards.account(1).join(MANIFEST), forged).expect("a file");
    let left = shards.written(1, "g").publish(&shards.manifest(&[1], "g"));
    assert!(left.expect("published").is_none());
    assert!(shards.world.root.path().join("out/json").join(part(0)).exists());
}

#[test]
fn a_part_that_is_gone_or_changed_is_not_gathered() {
    for text in [None, Some("longer than it was")] {
        let shards = Shards::new();
        (0..2).for_each(|number| shards.publish(number, "f"));
        let path = shards.world.root.path().join("out/json").join(part(1));
        text.map_or_else(|| fs::remove_file(&path), |text| fs::write(&path, text)).expect("a part");
        assert!(matches!(shards.gather(), Err(PublishError::Lost { .. })));
        if text.is_none() {
            shards.publish(1, "f");
            shards.gather().expect("all is there");
        }
    }
}

/// After a kill in any step of a shard or a gathering, both can be done again, and the result is that of
/// undisturbed ones.
#[test]
fn a_kill_at_any_step_is_recovered_from() {
    let undisturbed = Shards::new();
    (0..2).for_each(|number| undisturbed.publish(number, "f"));
    undisturbed.gather().expect("all is there");
    let expected = undisturbed.world.tree();
    for steps in 0..=PUBLISH.len() {
        let shards = Shards::new();
        shards.publish(0, "f");
        let mut publication = shards.written(1, "f");
        publication.stage_manifest(&shards.manifest(&[1], "f")).expect("staged");
        for step in PUBLISH.iter().take(steps) {
            step(&mut publication).expect("a step");
        }
        kill(publication);
        if steps % 2 == 0 {
            // Gathering cleans up, and says what is missing.
            let gathered = shards.gather();
            assert_eq!(gathered.is_ok(), steps == PUBLISH.len(), "{steps}: {gathered:?}");
        }
        if steps < PUBLISH.len() {
            shards.publish(1, "f");
            shards.gather().expect("all is there");
        } else if steps % 2 != 0 {
            shards.gather().expect("all is there");
        }
        assert_eq!(shards.world.tree(), expected, "a shard was killed after {steps} steps");
    }
    for steps in 0..=GATHER.len() {
        let shards = Shards::new();
        (0..2).for_each(|number| shards.publish(number, "f"));
        let mut publication = shards.gathering().expect("all is there");
        publication.stage_manifest(&shards.manifest(&[0, 1], "all")).expect("staged");
        for step in GATHER.iter().take(steps) {
            step(&mut publication).expect("a step");
        }
        kill(publication);
        if steps < GATHER.len() {
            if steps % 2 == 0 {
                assert!(matches!(shards.begin(1, "f"), Ok(Begun::AlreadyPublished { .. })));
            }
            shards.gather().expect("all is there");
        } else {
            let again = Publication::begin(&shards.request());
            assert!(matches!(again, Ok(Begun::AlreadyPublished { .. })), "{again:?}");
        }
        assert_eq!(shards.world.tree(), expected, "gathering was killed after {steps} steps");
    }
}
