//! Shards and gatherings that are killed at any moment: the next one of the same kind succeeds, and each
//! record is published once. `SEGPREP_CASES_FACTOR` gives so many times more kills.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::property::times;
use crate::support::random::Random;
use crate::support::running::Running;
use crate::support::shards::{World, ends, lines};

const KILLS: u32 = 3;
const SHARDS: u32 = 2;

/// Returns whether it was still running.
fn kill_after(command: &mut Command, moment: Duration) -> bool {
    let running = Running::start(command);
    thread::sleep(moment);
    running.kill()
}

fn took(command: &mut Command) -> Duration {
    let begun = Instant::now();
    ends(command, 0);
    begun.elapsed()
}

fn check(world: &World) {
    world.put("in/a.ndjson", lines("a", 900).as_bytes());
    world.put("in/b.ndjson", lines("b", 300).as_bytes());
    let shard = took(&mut world.shard(0, SHARDS));
    (1..SHARDS).for_each(|number| drop(ends(&mut world.shard(number, SHARDS), 0)));
    let gathering = took(&mut world.gather(SHARDS));
    let expected = (world.published(), world.files("out/account/").remove("rejects.ndjson"));
    assert!(!expected.0.is_empty());
    for seed in 0..u64::from(times(KILLS)) {
        let mut random = Random(seed);
        world.clear();
        for number in 0..SHARDS {
            if random.one_in(3) {
                kill_after(&mut world.shard(number, SHARDS), moment(shard, &mut random));
                assert_eq!(world.published(), [0_u8; 0], "seed {seed}");
            }
            ends(&mut world.shard(number, SHARDS), 0);
        }
        kill_after(&mut world.gather(SHARDS), moment(gathering, &mut random));
        let killed = world.published();
        assert!(killed.is_empty() || killed == expected.0, "seed {seed}: a part of the result");
        if random.one_in(2) {
            // Whoever retries all of a job begins with the shards.
            ends(&mut world.shard(0, SHARDS), 0);
        }
        ends(&mut world.gather(SHARDS), 0);
        let found = (world.published(), world.files("out/account/").remove("rejects.ndjson"));
        assert!(found == expected, "seed {seed}: another result");
        let left = world.files("out/").into_keys().filter(|name| name.contains(".segprep"));
        assert_eq!(left.collect::<Vec<_>>(), [""; 0], "seed {seed}: working files");
    }
}

fn moment(took: Duration, random: &mut Random) -> Duration {
    took * u32::try_from(random.below(110)).expect("small") / 100
}

#[test]
fn nothing_is_lost_or_twice_after_kills() {
    check(&World::on_disk());
}

#[test]
fn nothing_is_lost_or_twice_after_kills_in_a_bucket() {
    if 1 < times(1) {
        check(&World::in_a_bucket());
    }
}
