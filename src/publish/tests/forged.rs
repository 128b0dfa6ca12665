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
            "segprep_journal": 1, "fingerprint": "f2", "overwrite": true, "phase": phase,
            "outputs": [{ "to": to, "work": work }],
            "made": [self.path("victim/empty"), self.path("victim")],
        })
    }

    /// A folder that is not ours, with names that a run gives to parts among others, and with a
    /// lock that bears the mark of this account.
    fn put_victim(&self) {
        let names = ["diary.txt", "job-000/part-00000.json", "deep/notes"];
        names.iter().for_each(|name| self.put(&format!("{VICTIM}/{name}")));
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
            assert_eq!(publication.left_alone(), [world.path(VICTIM)], "{forgery}");
            let manifest = world.manifest("published", "f2", 1);
            publication.publish(&manifest).expect("published");
            assert_eq!(world.victim(), before, "{forgery}");
        }
    }
}
