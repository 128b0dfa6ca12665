//! Each stage by itself, per format and shape, on the job of `benches/compare`:
//! `cargo bench --bench stages`. Rates are in records and in bytes of input.
//!
//! A stage needs what the stages before it leave, so each pass goes through all of them, batch
//! after batch as a run does, and the clock runs during one alone.

#[path = "task/mod.rs"]
mod task;

use std::{error::Error, time::Duration};

use criterion::{Criterion, Throughput};

use task::{Stage, Task, files::inputs};

/// Enough for some tens of chunks.
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
