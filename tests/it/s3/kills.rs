//! A run that is killed at any moment leaves no manifest without its parts, and the next run cleans up
//! and succeeds. `SEGPREP_KILLS` kills are spread over a whole run.

use std::{env, thread, time::Duration};

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::Server;

const KILLS: u32 = 10;

#[test]
fn the_next_run_recovers_from_a_kill_at_any_moment() {
    let server = Server::start();
    let text = records(0, 110_000);
    server.put("in/a.ndjson", text.clone());
    server.set_delay(Duration::from_millis(10));
    let begun = std::time::Instant::now();
    let output = run(&server).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let took = begun.elapsed();
    let kills = env::var("SEGPREP_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    for kill in 0..kills {
        for key in server.keys().into_iter().filter(|key| !key.starts_with("in/")) {
            server.remove(&key);
        }
        let mut victim = run(&server).spawn().expect("it runs");
        thread::sleep(took * (kill + 1) / kills);
        victim.kill().expect("a process");
        victim.wait().expect("it ends");
        if server.manifest().is_some() {
            let is_there = server.parts() == text.as_bytes();
            assert!(is_there, "the parts of a manifest exist");
        }
        let output = run(&server).output().expect("it runs");
        assert_eq!(code(&output), 0, "kill {kill}: {}", stderr(&output));
        server.check_published(&text);
    }
}
