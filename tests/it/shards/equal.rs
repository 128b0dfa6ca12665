//! One input as one machine, and as several shards and a gathering: the same records in the same order, and
//! the same rejects, byte for byte.

use std::collections::BTreeMap;
use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*};
use segprep::engine::Cancel;
use segprep::run::{GatherOptions, Outcome, Progress, RunOptions, ShardOptions, gather, run};
use serde_json::Value;

use crate::support::odd_files;
use crate::support::program::gzip;
use crate::support::property::{check_property_times, times};
use crate::support::shards::{World, ends, lines};

/// The library's options for this world.
fn options(world: &World) -> RunOptions {
    RunOptions { definition: world.path("shards.toml"), ..RunOptions::default() }
}

/// What is compared: the records, the rejects, the inputs, the originals, and the counts.
fn result(world: &World) -> (Vec<u8>, BTreeMap<String, String>, Value) {
    let manifest = world.manifest().expect("it is published");
    let mut files = world.files("out/account/");
    files.retain(|name, _| !name.starts_with("shards/") && !name.ends_with("report.html"));
    files.remove("manifest.json");
    let text =
        |(name, text): (String, Vec<u8>)| (name, String::from_utf8_lossy(&text).into_owned());
    (world.published(), files.into_iter().map(text).collect(), manifest["records"].clone())
}

/// Runs a world on one machine, and as shards in threads of this process.
fn compare(world: &World, count: u32, chunk_bytes: usize) -> Result<(), TestCaseError> {
    let one = RunOptions { threads: Some(2), ..options(world) };
    let (progress, cancel) = (Progress::default(), Cancel::new());
    run(&one, &progress, &cancel).expect("it runs");
    let expected = result(world);
    fs::remove_dir_all(world.path("out")).expect("it is there");
    std::thread::scope(|scope| {
        for number in 0..count {
            let shard = Some(ShardOptions { number, count: Some(count), plan: None });
            let chunk_bytes = Some(chunk_bytes + usize::try_from(number).expect("small"));
            let options = RunOptions { shard, chunk_bytes, threads: Some(1), ..options(world) };
            scope.spawn(move || {
                run(&options, &Progress::default(), &Cancel::new()).expect("a shard runs");
            });
        }
    });
    let all = GatherOptions { run: options(world), count: Some(count), plan: None };
    let gathered = gather(&all, &progress, &cancel).expect("they are gathered");
    let is_published = matches!(gathered, Outcome::Finished { .. });
    prop_assert!(is_published);
    let found = result(world);
    let is_same = found.0 == expected.0;
    prop_assert!(is_same, "the records differ");
    prop_assert_eq!(found.1, expected.1);
    prop_assert_eq!(found.2, expected.2);
    Ok(())
}

const KEEPING: &str = "keep_rejected = true\nmax_reject_ratio = 1.0";

fn world(keeps: &str) -> World {
    let world = World::on_disk();
    let definition = fs::read_to_string(world.path("shards.toml")).expect("a definition");
    world.define(&definition.replace("max_reject_ratio = 0.5", keeps));
    world
}

#[test]
fn seven_shards_are_as_one_machine() {
    let world = world(KEEPING);
    world.put("in/a.ndjson", lines("a", 400).as_bytes());
    world.put("in/b.ndjson", format!("\u{feff}{}", lines("b", 150).trim_end()).as_bytes());
    let quoted = "Address,ChannelType,Attributes.Note\n".to_owned()
        + &"c@example.com,EMAIL,\"two\nlines\"\nd@example.com,PIGEON,\"\n\n\"\n".repeat(90);
    world.put("in/c.csv", quoted.as_bytes());
    world.put("in/d.gz", &gzip(lines("d", 300).as_bytes()));
    let array =
        lines("e", 80).trim_end().replace("\r\n", "\n").replace("\n\n", "\n").replace('\n', ",");
    world.put("in/e.json", format!("[{array}]").as_bytes());
    world.put("in/f.ndjson", lines("f", 1).as_bytes());
    world.put("in/_ignored", b"x");
    world.put("in/empty.json", b"");
    compare(&world, 7, 1 << 20).expect("they are the same");
    let inputs = world.files("out/account/").remove("inputs.ndjson").expect("inputs");
    assert_eq!(String::from_utf8_lossy(&inputs).lines().count(), 8, "one line for each");
    ends(&mut world.command("verify"), 0);
    assert!(ends(&mut world.command("status"), 0).contains("next"));
    let again = ends(world.gather(7).arg("--json"), 0);
    assert!(again.contains("already_published"), "{again}");
    let shard = ends(world.shard(3, 7).arg("--json"), 0);
    assert!(shard.contains("already_published"), "a shard of a published result: {shard}");
}

/// Odd lines, cut anywhere.
#[test]
fn any_cut_of_odd_lines_gives_the_same() {
    let cases = (vec(odd_files::ndjson(), 1..3), 1_u32..24, 1_usize..400);
    check_property_times(times(3), &cases, |(files, count, chunk_bytes)| {
        let world = world(KEEPING);
        for (number, file) in files.iter().enumerate() {
            world.put(&format!("in/{number}.json"), &[&b"{}\n"[..], &file.text].concat());
        }
        compare(&world, count, chunk_bytes)
    });
}

/// The last original that a shard keeps may be followed by another record in its line.
#[test]
fn originals_of_two_shards_are_two_lines() {
    let world = world(KEEPING);
    let good = "{\"ChannelType\":\"EMAIL\",\"Address\":\"ana@example.com\"}";
    world.put("in/0.json", format!("{{\"Id\":2}} {good}\n{{}}\n").as_bytes());
    compare(&world, 2, 100).expect("the same");
}

/// The same with a plan, in a bucket; and a shard done again writes the same bytes.
#[test]
fn shards_of_a_plan_are_as_one_machine_in_a_bucket() {
    let world = World::in_a_bucket();
    world.put("in/a.ndjson", lines("a", 300).as_bytes());
    world.put("in/b.ndjson", lines("b", 200).as_bytes());
    ends(&mut world.command("run"), 0);
    let expected = result(&world);
    let server = world.server.as_ref().expect("a server");
    server.keys().iter().filter(|key| key.starts_with("out/")).for_each(|key| server.remove(key));
    let plan = world.command("shards").args(["--count", "3"]).output().expect("it runs").stdout;
    server.put("plans/plan.ndjson", plan);
    let follow = |command: &mut std::process::Command| {
        command.args(["--plan", "s3://bucket/plans/plan.ndjson"]);
        ends(command, 0)
    };
    for number in ["2", "0", "1/3", "0"] {
        follow(world.command("run").args(["--shard", number]));
    }
    let before = world.files("out/import/");
    ends(&mut world.shard(1, 3), 0);
    assert_eq!(world.files("out/import/"), before, "the plan is that of the listing");
    follow(&mut world.command("gather"));
    let found = result(&world);
    assert!(found.0 == expected.0, "the records differ");
    let without_unchecked = |files: &BTreeMap<String, String>| {
        let inputs = files["inputs.ndjson"].replace(",\"unchecked\":true", "");
        (files["rejects.ndjson"].clone(), inputs)
    };
    assert_eq!(without_unchecked(&found.1), without_unchecked(&expected.1));
    assert_eq!(found.2, expected.2);
    ends(&mut world.command("verify"), 0);
    let left = world.files("out/").into_keys().filter(|name| name.contains(".segprep"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "working files");
}

/// Parquet, and CSV with columns; and the names of parts.
#[test]
fn every_format_can_be_gathered() {
    let world = world("max_reject_ratio = 1.0");
    let more = |name: &str, format: &str| {
        let to = world.path(&format!("out/{name}"));
        format!("[[output]]\nto = {:?}\nformat = \"{format}\"\n", to.display())
    };
    let definition = fs::read_to_string(world.path("shards.toml")).expect("a definition");
    let csv = more("csv", "pinpoint-csv")
        + "columns = [\"Address\", \"ChannelType\", \"Attributes.Plan\"]\n";
    world.define(&(definition + &csv + &more("parquet", "parquet")));
    world.put("in/a.ndjson", lines("a", 60).as_bytes());
    for number in 0..3 {
        ends(&mut world.shard(number, 3), 0);
    }
    ends(&mut world.gather(3), 0);
    ends(&mut world.command("verify"), 0);
    for (output, name) in [("import", "json"), ("csv", "csv"), ("parquet", "parquet")] {
        let files = world.files(&format!("out/{output}/"));
        let expected: Vec<String> =
            (0..3).map(|shard| format!("job-00{shard}-000/part-00000.{name}")).collect();
        assert_eq!(files.into_keys().collect::<Vec<_>>(), expected);
    }
    let account = world.files("out/account/");
    assert!(account.contains_key("rejects.parquet"), "rejects are there in both forms");
    assert!(Path::new(&world.path("out/account/shards/002/report.html")).exists());
}
