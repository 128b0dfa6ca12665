//! Prints the results as a table: medians, and each program relative to the plain one.

use std::time::Duration;

use super::measure::Cost;

/// The runs of one program over one input.
pub(crate) struct Runs {
    pub(crate) program: String,
    pub(crate) costs: Vec<Cost>,
}

/// Prints the runs over one input; the first program is the baseline.
pub(crate) fn print(input: &str, input_bytes: u64, all: &[Runs]) {
    println!();
    println!(
        "{:<22} {:>9} {:>10} {:>11} {:>8} {:>8}",
        input, "MB/s wall", "MB/s CPU", "peak MiB", "× wall", "× CPU"
    );
    let rows: Vec<Row> = all.iter().map(|runs| Row::new(runs, input_bytes)).collect();
    let Some(base) = rows.first() else { return };
    for (runs, row) in all.iter().zip(&rows) {
        println!(
            "{:<22} {:>9.1} {:>10.1} {:>11.1} {:>8.2} {:>8.2}",
            runs.program,
            row.wall_rate,
            row.cpu_rate,
            row.peak_mib,
            row.wall_rate / base.wall_rate,
            row.cpu_rate / base.cpu_rate,
        );
    }
}

struct Row {
    /// Megabytes of input per second.
    wall_rate: f64,
    /// Megabytes of input per second of processor time.
    cpu_rate: f64,
    peak_mib: f64,
}

impl Row {
    fn new(runs: &Runs, input_bytes: u64) -> Row {
        let megabytes = approximate(input_bytes) / 1e6;
        let median_of = |figure: fn(&Cost) -> f64| median(runs.costs.iter().map(figure).collect());
        Row {
            wall_rate: megabytes / median_of(|cost| seconds(cost.wall)),
            cpu_rate: megabytes / median_of(|cost| seconds(cost.cpu)),
            peak_mib: median_of(|cost| approximate(cost.peak_bytes) / 1_048_576.0),
        }
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "53 bits are plenty here")]
fn approximate(count: u64) -> f64 {
    count as f64
}

/// The median; of an even number of values, the upper of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
