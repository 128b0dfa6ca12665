//! Shows the progress of a run: a bar on a terminal, otherwise a line every ten seconds.
//!
//! A separate thread polls the counters. The run itself does not know about it.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use segprep::run::{Progress, ProgressView};

use super::quantities::{bytes, count, duration, per_second};
use super::render::{Event, Screen, Show};

/// Polling interval of the counters.
const TICK: Duration = Duration::from_millis(200);
/// Time before the first line, and between lines.
const LINE_PACE: Duration = Duration::from_secs(10);

const STOPPING: &str = "stopping and cleaning up; signal again to end at once";

/// Runs `work` and shows its progress.
pub(crate) fn show_during<T>(
    screen: Screen,
    progress: &Progress,
    stopping: &AtomicBool,
    work: impl FnOnce() -> T,
) -> T {
    thread::scope(|scope| {
        // Dropped when `work` returns or panics, which ends the thread.
        let (_working, ended) = mpsc::channel::<()>();
        scope.spawn(move || watch(screen, progress, stopping, &ended));
        work()
    })
}

fn watch(screen: Screen, progress: &Progress, stopping: &AtomicBool, ended: &mpsc::Receiver<()>) {
    let mut display = Display::new(screen);
    let mut announced = false;
    let begin = Instant::now();
    while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        if stopping.load(Ordering::Relaxed) && !announced {
            announced = true;
            display.stopping();
        }
        display.show(progress.view(), begin.elapsed());
    }
    display.end();
}

enum Display {
    Bar { bar: ProgressBar, stopping: bool },
    Lines { screen: Screen, next: Duration },
}

impl Display {
    fn new(screen: Screen) -> Self {
        match screen.progress() {
            Show::Bar => Display::Bar { bar: bar(), stopping: false },
            Show::Lines => Display::Lines { screen, next: LINE_PACE },
            Show::Nothing => Display::Lines { screen, next: Duration::MAX },
        }
    }

    fn show(&mut self, view: ProgressView, elapsed: Duration) {
        match self {
            Display::Bar { bar, stopping } => {
                bar.set_length(view.bytes_total);
                bar.set_position(view.bytes_read);
                bar.set_message(if *stopping { STOPPING.to_owned() } else { line(view, elapsed) });
            }
            Display::Lines { screen, next } if *next <= elapsed => {
                *next = elapsed + LINE_PACE;
                screen.note(&Event::progress(view, elapsed), || line(view, elapsed));
            }
            Display::Lines { .. } => {}
        }
    }

    fn stopping(&mut self) {
        match self {
            Display::Bar { stopping, .. } => *stopping = true,
            Display::Lines { screen, .. } => {
                screen.note(&Event::Note { message: STOPPING }, || STOPPING.to_owned());
            }
        }
    }

    fn end(&self) {
        if let Display::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {wide_msg}").expect("the template is valid");
    ProgressBar::new(0).with_style(style)
}

/// `412 MB of 1.0 GB, 614,000 records, 12 rejected, 215 MB/s, 3 s left`.
fn line(view: ProgressView, elapsed: Duration) -> String {
    if view.bytes_total == 0 && view.bytes_read == 0 {
        return "listing the inputs".to_owned();
    }
    let total = if view.bytes_read <= view.bytes_total {
        format!(" of {}", bytes(view.bytes_total))
    } else {
        String::new()
    };
    let (read, rejected) = (count(view.records_read), count(view.records_rejected));
    let pace = pace(view, elapsed);
    format!("{}{total}, {read} records, {rejected} rejected{pace}", bytes(view.bytes_read))
}

/// `, 215 MB/s, 3 s left`, as far as known.
fn pace(view: ProgressView, elapsed: Duration) -> String {
    let Some(rate) = per_second(view.bytes_read, elapsed).filter(|rate| 0 < *rate) else {
        return String::new();
    };
    let left = match view.bytes_total.saturating_sub(view.bytes_read) {
        0 => String::new(),
        left => format!(", {} left", duration(Duration::from_secs(left.div_ceil(rate)))),
    };
    format!(", {}/s{left}", bytes(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: (u64, u64, u64, u64), seconds: u64, expected: &str) {
        let (bytes_total, bytes_read, records_read, records_rejected) = view;
        let view = ProgressView { bytes_total, bytes_read, records_read, records_rejected };
        assert_eq!(line(view, Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        check((0, 0, 0, 0), 1, "listing the inputs");
        check(
            (1_000_000_000, 412_000_000, 614_000, 12),
            2,
            "412 MB of 1.0 GB, 614,000 records, 12 rejected, 206 MB/s, 3.0 s left",
        );
        check((5000, 5000, 7, 0), 1, "5.0 kB of 5.0 kB, 7 records, 0 rejected, 5.0 kB/s");
        // The length of standard input is unknown.
        check((0, 2_000_000, 9, 1), 0, "2.0 MB, 9 records, 1 rejected");
    }

    #[test]
    fn the_bar_has_a_valid_template() {
        bar();
    }
}
