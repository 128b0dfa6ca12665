//! Short runs under random faults: they leave the complete output or none, and the next run without
//! faults succeeds. A seed that fails is printed and can be repeated:
//! `SEGPREP_S3_SEED=17 cargo test mixed_faults`. `SEGPREP_S3_SEEDS` is the number of seeds.

use std::{env, thread, time::Duration};

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, Server};

const SEEDS: u64 = 25;
const CONCURRENT: usize = 4;

/// A seeded generator (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}

fn fault(random: &mut Random) -> Fault {
    match random.below(9) {
        0 => Fault::Refused(500, "InternalError"),
        1 => Fault::Refused(503, "SlowDown"),
        2 => Fault::DoneAndRefused(500, "InternalError"),
        3 => Fault::DoneAndReset,
        4 => Fault::Reset,
        5 => Fault::Cut,
        6 => Fault::Twice,
        7 => Fault::Refused(403, "AccessDenied"),
        _ => Fault::Late(Duration::from_millis(5)),
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn mixed_faults_leave_the_complete_output_or_none() {
    let seeds = match number("SEGPREP_S3_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEGPREP_S3_SEEDS").unwrap_or(SEEDS),
    };
    // Most of these runs wait for a retry.
    thread::scope(|scope| {
        for first in 0..CONCURRENT {
            let seeds = seeds.clone().skip(first).step_by(CONCURRENT);
            scope.spawn(move || {
                let server = Server::start();
                seeds.for_each(|seed| one_run(&server, seed));
            });
        }
    });
}

fn one_run(server: &Server, seed: u64) {
    let mut random = Random(seed);
    for key in server.keys() {
        server.remove(&key);
    }
    let inputs = 1 + random.below(4);
    let text: String = (0..inputs)
        .map(|input| {
            let text = records(usize::try_from(input * 100).expect("small"), 100);
            server.put(&format!("in/{input}.ndjson"), text.clone());
            text
        })
        .collect();
    let often = 3 + random.below(30);
    let mut behaviour = Random(random.next());
    server.inject_with(Some(Box::new(move |_| {
        (behaviour.below(often) == 0).then(|| fault(&mut behaviour))
    })));
    let output = run(server).output().expect("it runs");
    server.inject_with(None);
    let messages = stderr(&output);
    let what = format!("SEGPREP_S3_SEED={seed}: exit {}: {messages}", code(&output));
    assert!(matches!(code(&output), 0 | 73 | 74 | 77), "{what}");
    assert!(!messages.contains("panicked"), "{what}");
    if code(&output) == 0 {
        assert!(server.manifest().is_some(), "{what}");
        assert!(server.parts() == text.as_bytes(), "{what}");
    } else if server.manifest().is_some() {
        assert!(server.parts() == text.as_bytes(), "a manifest has its parts: {what}");
    }
    let next = run(server).output().expect("it runs");
    assert_eq!(code(&next), 0, "{what}; and then: {}", stderr(&next));
    server.check_published(&text);
}
