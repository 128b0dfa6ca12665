//! The time of each stage, per format and shape, in the job of `benches/compare`:
//! `cargo bench --bench stages`. Rates are in records and in bytes of input.
//!
//! A stage needs the result of the stages before it, so each pass runs all of them, batch by batch as
//! in a run, but only the time of one stage is measured.

#[path = "task/mod.rs"]
mod task;

use std::{error::Error, time::Duration};

use criterion::{Criterion, Throughput};

use task::{Stage, Task, files::inputs};

/// The number of records, enough for several dozen chunks.
const RECORDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for input in inputs(RECORDS)? {
        let mut task = Task::new(&input.path)?;
        let mut group = criterion.benchmark_group(&input.name);
        let elements = u64::from(input.records);
        group.throughput(Throughput::ElementsAndBytes { elements, bytes: input.bytes });
        for stage in Stage::ALL {
            group.bench_function(stage.name(), |bencher| {
                bencher.iter_custom(|passes| (0..passes).map(|_| time(&mut task, stage)).sum());
            });
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

fn time(task: &mut Task, stage: Stage) -> Duration {
    task.pass(Stage::Encode, |_, _| ()).get(&stage).copied().unwrap_or_default()
}
