//! What cannot be divided, and shards that do not belong together: nothing is published.

use std::fs;

use serde_json::Value;

use crate::support::program::toml_text;
use crate::support::running::Running;
use crate::support::shards::{World, ends, lines};

/// A world with three shards, of which these were done.
fn done(shards: &[u32]) -> World {
    let world = World::on_disk();
    world.put("in/a.ndjson", lines("a", 90).as_bytes());
    for number in shards {
        ends(&mut world.shard(*number, 3), 0);
    }
    world
}

#[track_caller]
fn check_unpublished(world: &World, count: u32, code: i32, said: &str) {
    let text = ends(&mut world.gather(count), code);
    assert!(text.contains(said), "{text}");
    assert_eq!(world.manifest().map(|it| it["status"].clone()), None, "{text}");
    let left = world.files("out/").into_keys().filter(|name| name.contains(".segprep"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "working files");
}

fn edit(world: &World, file: &str, from: &str, to: &str) {
    let path = world.path(file);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(path, text.replacen(from, to, 1)).expect("a file");
}

#[test]
fn a_missing_shard_is_named() {
    check_unpublished(&done(&[]), 3, 4, "shard 0 has not run, and 2 more");
    check_unpublished(&done(&[0, 2]), 3, 4, "shard 1 has not run");
}

#[test]
fn a_shard_of_another_plan_version_or_definition_is_named() {
    check_unpublished(&done(&[0, 1, 2]), 2, 4, "shard 0 followed another plan");
    let world = done(&[0, 1, 2]);
    edit(&world, "out/account/shards/001/manifest.json", "\"version\": \"0", "\"version\": \"7");
    check_unpublished(&world, 3, 4, "shard 1 was done by segprep 7");
    let world = done(&[0, 1]);
    edit(&world, "shards.toml", "0.5", "0.6");
    ends(&mut world.shard(2, 3), 0);
    check_unpublished(&world, 3, 4, "shard 0 followed another plan");
    world.put("in/b.ndjson", lines("b", 9).as_bytes());
    check_unpublished(&world, 3, 4, "shard 0 followed another plan");
    let world = done(&[0, 1, 2]);
    fs::rename(world.path("out/account/shards/002"), world.path("out/account/shards/003"))
        .expect("a folder");
    check_unpublished(&world, 3, 4, "shard 2 has not run");
    let world = done(&[0, 1, 2]);
    let copy = world.path("out/account/shards/003");
    fs::create_dir(&copy).expect("a folder");
    fs::copy(world.path("out/account/shards/002/manifest.json"), copy.join("manifest.json"))
        .expect("a file");
    check_unpublished(&world, 3, 4, "shard 3 is not in the plan");
}

/// What somebody has changed in the account of a shard is found out.
#[test]
fn an_account_that_was_changed_is_not_believed() {
    let world = done(&[0, 1, 2]);
    for (file, from, to, said) in [
        ("inputs.ndjson", "\"records\":", "\"records\":1", "shard 1 has other inputs"),
        ("inputs.ndjson", "\"name\":\"", "\"name\":\"x", "shard 1 has other inputs"),
        ("rejects.ndjson", "\"record\":", "\"record\":9", "shard 1 has other rejects"),
        ("rejects.ndjson", "\"code\":\"enum\"", "\"code\":\"odd\"", "shard 1 has other rejects"),
        ("rejects.ndjson", "\n", "\n\n", "shard 1 has other rejects"),
        ("manifest.json", "\"read\": ", "\"read\": 1", "shard 1 has counts that do not add up"),
        ("manifest.json", "job-001-000", "job-002-000", "shard 1 names parts"),
        ("manifest.json", "job-001-000/", "job-001-000/../", "shard 1 names parts"),
        (
            "manifest.json",
            "\"status\": \"published\"",
            "\"status\": \"over_budget\"",
            "shard 1 has not run",
        ),
        ("manifest.json", "{", "[", "shard 1 has not run"),
        ("manifest.json", "\"number\": 1", "\"number\": 2", "shard 1 had another"),
    ] {
        let file = format!("out/account/shards/001/{file}");
        let before = fs::read(world.path(&file)).expect("a file");
        edit(&world, &file, from, to);
        check_unpublished(&world, 3, 4, said);
        world.put(&file, &before);
    }
    let part = world.path("out/import/job-001-000/part-00000.json");
    fs::write(&part, "{}\n").expect("a file");
    check_unpublished(&world, 3, 4, "part-00000.json` has 3 bytes instead of");
    fs::remove_file(part).expect("a file");
    check_unpublished(&world, 3, 4, "part-00000.json` is gone");
    // The shard is done again, and that is all it takes.
    ends(&mut world.shard(1, 3), 0);
    ends(&mut world.gather(3), 0);
    ends(&mut world.command("verify"), 0);
}

#[test]
fn a_foreign_file_stays_and_blocks() {
    let world = done(&[0, 1, 2]);
    world.put("out/import/job-001-000/mine.txt", b"x");
    check_unpublished(&world, 3, 73, "mine.txt");
    ends(&mut world.shard(1, 3), 0);
    let world = done(&[0, 1, 2]);
    world.put("out/import/mine.txt", b"x");
    ends(&mut world.shard(1, 3), 0);
    check_unpublished(&world, 3, 73, "mine.txt");
    assert!(world.path("out/import/mine.txt").exists());
}

#[test]
fn a_budget_is_one_of_the_whole_and_leaves_no_parts() {
    let world = done(&[]);
    let rejected = lines("b", 4).replace("EMAIL", "PIGEON").repeat(3);
    world.put("in/b.ndjson", rejected.as_bytes());
    edit(&world, "shards.toml", "0.5", "0.2");
    for number in 0..3 {
        ends(&mut world.shard(number, 3), 0);
    }
    let text = ends(&mut world.gather(3), 3);
    assert!(text.contains("max_reject_ratio"), "{text}");
    let manifest = world.manifest().expect("it says why");
    assert_eq!((&manifest["status"], world.files("out/import/").len()), (&"over_budget".into(), 0));
    let rejects = world.files("out/account/").remove("rejects.ndjson").expect("rejects");
    assert_eq!(String::from_utf8_lossy(&rejects).lines().count(), 12 + 13);
    // It blocks nobody: not the next shards, and not a run.
    edit(&world, "shards.toml", "0.2", "0.5");
    for number in 0..3 {
        ends(&mut world.shard(number, 3), 0);
    }
    ends(&mut world.gather(3), 0);
    ends(&mut world.command("verify"), 0);
}

#[test]
fn runs_and_shards_do_not_mix() {
    let world = done(&[0, 1]);
    let text = ends(&mut world.command("run"), 73);
    assert!(text.contains("results of shards that were not gathered (2 of them)"), "{text}");
    ends(world.command("run").arg("--overwrite"), 0);
    ends(&mut world.command("verify"), 0);
    assert!(
        world
            .files("out/")
            .keys()
            .all(|name| !name.contains("job-000-") && !name.contains("shards/"))
    );
    let text = ends(&mut world.shard(0, 3), 73);
    assert!(text.contains("a published run, which shards do not replace"), "{text}");
    assert!(ends(&mut world.gather(3), 73).contains("shards do not replace"));
    ends(&mut world.command("verify"), 0);
    // A gathered result is one like any other.
    let world = done(&[0, 1, 2]);
    ends(&mut world.gather(3), 0);
    assert!(ends(&mut world.command("run"), 73).contains("holds another published run"));
    ends(world.command("run").arg("--overwrite"), 0);
    ends(&mut world.command("verify"), 0);
    assert!(
        world
            .files("out/")
            .keys()
            .all(|name| !name.contains("job-000-") && !name.contains("shards/"))
    );
}

#[test]
fn a_shard_twice_at_once_is_done_once() {
    let world = done(&[]);
    world.put("in/a.ndjson", lines("a", 9_000).as_bytes());
    let mut command = world.shard(0, 1);
    command.args(["--chunk-bytes", "512", "--threads", "1"]);
    let mut first = Running::start(&mut command);
    let lock = world.path("out/account/shards/000/.segprep/journal.json");
    assert!(first.until(|| lock.exists()), "it has begun");
    first.while_paused(|| {
        assert!(ends(&mut world.shard(0, 1), 73).contains("another run is using"));
        assert!(ends(&mut world.gather(1), 73).contains("another run is using"));
        assert!(ends(world.command("run").arg("--overwrite"), 73).contains("another run is using"));
    });
    first.assert_exit(0);
    ends(&mut world.gather(1), 0);
    ends(&mut world.command("verify"), 0);
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let world = done(&[]);
    let definition = fs::read_to_string(world.path("shards.toml")).expect("a definition");
    let import = toml_text(&world.path("out/import/").to_string_lossy());
    let cases = [
        ("format = \"pinpoint-json\"", "format = \"pinpoint-csv\"", "`columns`"),
        (import.as_str(), "\"-\"", "standard output"),
        ("/in/\"", "/in/\", \"-\"", "standard input"),
        ("/out/account/", "/out/{run}/account/", "need a plan"),
        ("/out/import/", "/out/{date}/import/", "need a plan"),
    ];
    for (from, to, said) in cases {
        assert!(definition.contains(from), "{from}");
        world.define(&definition.replacen(from, to, 1));
        let text = ends(&mut world.shard(0, 2), 78);
        assert!(text.contains(said), "{text}");
        assert!(ends(&mut world.gather(2), 78).contains(said));
        assert!(!world.path("out").exists(), "{said}");
    }
}

#[test]
fn a_plan_is_one_of_this_definition() {
    let world = World::new(None, "{run}/{date}/");
    world.put("in/a.ndjson", lines("a", 90).as_bytes());
    let plan = |world: &World| {
        let mut command = world.command("shards");
        let command = command.args(["--count", "2", "--run", "r1", "--date", "2026-11-29"]);
        String::from_utf8(command.output().expect("it runs").stdout).expect("JSON")
    };
    let text = plan(&world);
    assert_eq!(text, plan(&world), "the same listing has the same plan");
    assert!(text.lines().count() == 3 && text.contains("\"run\":\"r1\""), "{text}");
    let schema = fs::read_to_string("schemas/shards.schema.json").expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    let ignored = "{\"ignored\":\"name\",\"name\":\"in/_x\"}";
    for line in text.lines().chain([ignored]) {
        let line = serde_json::from_str(line).expect("JSON");
        assert!(schema.is_valid(&line), "{line}");
    }
    world.put("plan", text.as_bytes());
    let path = world.path("plan");
    let follow = |number: &str, code: i32| {
        let mut command = world.command("run");
        ends(command.args(["--shard", number]).arg("--plan").arg(&path), code)
    };
    follow("0", 0);
    assert!(follow("2", 78).contains("there is no shard 2"));
    assert!(follow("0/3", 78).contains("the plan has 2 shards"));
    world.put("plan", text.replace("\"run\":\"r1\"", "\"run\":\"../r1\"").as_bytes());
    assert!(follow("1", 65).contains("not a plan"));
    world.put("plan", text.replace("\"definition\":\"", "\"definition\":\"0").as_bytes());
    assert!(follow("1", 78).contains("another definition"));
    world.put("plan", text.replace("/in/a.ndjson", "/shards.toml").as_bytes());
    assert!(follow("1", 78).contains("`from` does not reach"));
    world.put("plan", &text.as_bytes()[..text.len() - 1]);
    assert!(follow("1", 65).contains("does not end"));
    fs::remove_file(&path).expect("a file");
    follow("1", 66);
    world.put("plan", text.as_bytes());
    follow("1/2", 0);
    ends(world.command("gather").arg("--plan").arg(&path), 0);
    ends(world.command("verify").args(["--run", "r1", "--date", "2026-11-29"]), 0);
    world.put("in/a.ndjson", lines("a", 91).as_bytes());
    ends(world.command("gather").arg("--plan").arg(&path), 0); // it is published, whatever has changed
    fs::remove_dir_all(world.path("out")).expect("a folder");
    let changed = follow("0", 65);
    let is_told = changed.contains("a.ndjson` has changed since the plan was made");
    assert!(is_told && changed.contains("a new plan"), "{changed}");
}

/// The list of `[state]` grows when shards are gathered, and by the inputs of the plan.
#[test]
fn a_list_of_taken_inputs_grows_by_a_gathering() {
    let world = World::new(None, "{run}/");
    let definition = fs::read_to_string(world.path("shards.toml")).expect("a definition");
    let state = world.path("state");
    world.define(&format!("{definition}[state]\nto = {:?}\n", state.display()));
    world.put("in/a.ndjson", lines("a", 90).as_bytes());
    let night = |run: &str, takes: &str| {
        let path = world.path(run);
        let mut command = world.command("shards");
        let plan = command.args(["--count", "2", "--run", run]).output().expect("it runs");
        let text = String::from_utf8(plan.stdout).expect("JSON");
        assert!(text.contains(takes) && text.lines().count() == 3, "{text}");
        fs::write(&path, text).expect("a plan");
        for number in ["0", "1"] {
            let mut command = world.command("run");
            ends(command.args(["--shard", number]).arg("--plan").arg(&path), 0);
        }
        path
    };
    let gather = |plan: &std::path::Path, code: i32| {
        ends(world.command("gather").arg("--plan").arg(plan), code)
    };
    let first = night("n1", "a.ndjson");
    world.put("in/b.ndjson", lines("b", 90).as_bytes());
    gather(&first, 0);
    gather(&first, 0);
    let second = night("n2", "b.ndjson");
    let third = night("n3", "b.ndjson");
    gather(&second, 0);
    assert!(gather(&third, 73).contains("a run has taken 1 of the inputs"));
    let text = ends(world.command("shards").args(["--count", "2"]), 66);
    assert!(text.contains("nothing is new"), "{text}");
    ends(&mut world.command("run"), 66);
}

#[test]
fn shards_may_be_empty_and_a_whole_may_not() {
    let world = World::on_disk();
    world.put("in/a.ndjson", lines("a", 2).as_bytes());
    for number in 0..5 {
        ends(&mut world.shard(number, 5), 0);
    }
    ends(&mut world.gather(5), 0);
    assert_eq!(world.manifest().expect("a manifest")["records"]["written"], 2);
    let run = ends(&mut world.command("run"), 73);
    assert!(run.contains("shards: 5 then, none now"), "{run}");
    let world = World::on_disk();
    world.put("in/a.csv", b"Address,ChannelType\n");
    ends(&mut world.shard(0, 1), 0);
    check_unpublished(&world, 1, 66, "hold no record");
    fs::remove_file(world.path("in/a.csv")).expect("a file");
    ends(world.command("shards").args(["--bytes", "1GB"]), 66);
    ends(&mut world.gather(1), 66);
}
