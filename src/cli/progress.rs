//! Shows the progress of a run: a bar on a terminal, otherwise a line every ten seconds (in JSON every five), or as
//! `--log-every` says. A log in JSON also has a line for each input.
//!
//! A separate thread polls the counters. The run itself does not know about it.

use std::{
    io,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use segprep::report::quantities::{bytes, count, duration, per_second};
use segprep::run::{Progress, ProgressView, Stage};

use super::events::Event;
use super::render::{Screen, Show};
use super::run_name::WAIT_MAX;

/// Polling interval of the counters.
const TICK: Duration = Duration::from_millis(200);
/// The same, for the id of the run.
const NAME_TICK: Duration = Duration::from_millis(10);

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
    wait_for_name(screen, progress, ended);
    while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        if stopping.load(Ordering::Relaxed) && !announced {
            announced = true;
            display.stopping();
        }
        if let Some(id) = progress.run_id() {
            screen.is_called(id);
        }
        progress.take_inputs().iter().for_each(|input| screen.input_read(input));
        display.show(progress.view(), begin.elapsed());
    }
    display.end();
    if let Some(id) = progress.run_id() {
        screen.is_called(id);
    }
    progress.take_inputs().iter().for_each(|input| screen.input_read(input));
}

/// Waits until the run says what it is called, and begins its log.
fn wait_for_name(screen: Screen, progress: &Progress, ended: &mpsc::Receiver<()>) {
    let begin = Instant::now();
    while screen.is_of_run()
        && progress.run_id().is_none()
        && begin.elapsed() < WAIT_MAX
        && ended.recv_timeout(NAME_TICK) == Err(mpsc::RecvTimeoutError::Timeout)
    {}
    if let Some(id) = progress.run_id() {
        screen.is_called(id);
    }
    screen.announce();
}

enum Display {
    Bar { bar: ProgressBar, stopping: bool },
    Lines { screen: Screen, next: Duration },
}

impl Display {
    fn new(screen: Screen) -> Self {
        match screen.progress() {
            Show::Bar => Display::Bar { bar: bar(), stopping: false },
            Show::Lines => Display::Lines { screen, next: screen.pace },
            Show::Nothing => Display::Lines { screen, next: Duration::MAX },
        }
    }

    fn show(&mut self, view: ProgressView, elapsed: Duration) {
        match self {
            Display::Bar { bar, stopping } => {
                bar.set_length(view.bytes_total);
                bar.set_position(view.bytes_read);
                let line = || bar_line(view, elapsed, columns());
                bar.set_message(if *stopping { STOPPING.to_owned() } else { line() });
            }
            Display::Lines { screen, next } if *next <= elapsed => {
                *next = elapsed + screen.pace;
                screen.note(&Event::progress(view, elapsed), || line(view, elapsed));
            }
            Display::Lines { .. } => {}
        }
    }

    fn stopping(&mut self) {
        match self {
            Display::Bar { stopping, .. } => *stopping = true,
            Display::Lines { screen, .. } => {
                screen.note(&Event::Warning { message: STOPPING }, || STOPPING.to_owned());
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
    let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
    ProgressBar::new(0).with_style(style)
}

/// The columns of the terminal that shows the bar.
fn columns() -> usize {
    const DEFAULT: usize = 80;
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| 0 < *columns).unwrap_or(DEFAULT)
}

/// The line of a terminal with `width` columns: a bar, the percentage, and the parts of [`line`].
///
/// If there is less room, the bar shrinks first, then the rate goes, then other parts. The percentage and
/// the time that is left stay. Nothing is cut within a part.
fn bar_line(view: ProgressView, elapsed: Duration, width: usize) -> String {
    const BAR: std::ops::RangeInclusive<usize> = 5..=20;
    let [read, records, rejected, rate, left] = parts(view, elapsed);
    let percentage = percentage(view);
    let share = percentage.map(|percentage| format!("{percentage}%"));
    let of = |parts: &[&Option<String>]| {
        let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
        parts.join(", ")
    };
    let all = of(&[&share, &read, &records, &rejected, &rate, &left]);
    let fewer = [
        of(&[&share, &read, &records, &rejected, &left]),
        of(&[&share, &read, &rejected, &left]),
        of(&[&share, &read, &left]),
    ];
    let room = |text: &str| width.saturating_sub(text.chars().count() + 1);
    let drawn = |cells: usize, text: &str| match percentage {
        Some(percentage) => format!("{} {text}", draw(cells, percentage)),
        None => text.to_owned(),
    };
    if *BAR.start() <= room(&all) {
        return drawn(room(&all).min(*BAR.end()), &all);
    }
    if let Some(text) = fewer.iter().find(|text| *BAR.start() <= room(text)) {
        return drawn(*BAR.start(), text);
    }
    let [.., least] = &fewer;
    if least.chars().count() <= width { least.clone() } else { of(&[&share, &left]) }
}

/// A bar of that many characters.
fn draw(cells: usize, percentage: u64) -> String {
    let filled = usize::try_from(percentage).unwrap_or(0) * cells / 100;
    (0..cells).map(|cell| if cell < filled { '█' } else { '░' }).collect()
}

/// What a run does that reads no input.
fn phase(view: ProgressView) -> Option<&'static str> {
    match view.stage? {
        Stage::Decide => Some("comparing records"),
        Stage::Fold => Some("making profiles"),
        Stage::Publish => Some("publishing"),
        Stage::Prepare | Stage::Lists | Stage::Compare | Stage::Process => None,
    }
}

/// How much of the inputs was read, in whole percent, or how far a phase without inputs is. `None`: that is not known.
fn percentage(view: ProgressView) -> Option<u64> {
    if phase(view).is_some() {
        return view.folded.filter(|_| view.stage == Some(Stage::Fold));
    }
    let read = view.bytes_read.min(view.bytes_total);
    let percent = u128::from(read) * 100 / u128::from(view.bytes_total.max(1));
    (0 < view.bytes_total).then(|| u64::try_from(percent).unwrap_or(100))
}

/// `412 MB of 1.0 GB, 614,000 records, 12 rejected, 215 MB/s, 3 s left`, or without inputs
/// `making profiles, 37%, 614,000 records, 12 rejected`.
fn line(view: ProgressView, elapsed: Duration) -> String {
    let [what, others @ ..] = parts(view, elapsed);
    let percentage = percentage(view).filter(|_| phase(view).is_some());
    let parts = [what, percentage.map(|percentage| format!("{percentage}%"))];
    parts.into_iter().chain(others).flatten().collect::<Vec<_>>().join(", ")
}

/// What was read, records, rejects, the rate, and the time that is left; each as far as it is known.
fn parts(view: ProgressView, elapsed: Duration) -> [Option<String>; 5] {
    let records = Some(format!("{} records", count(view.records_read)));
    let rejected = Some(format!("{} rejected", count(view.records_rejected)));
    if let Some(phase) = phase(view) {
        return [Some(phase.to_owned()), records, rejected, None, None];
    }
    if view.bytes_total == 0 && view.bytes_read == 0 {
        return [Some("listing the inputs".to_owned()), None, None, None, None];
    }
    let is_known = view.bytes_read <= view.bytes_total;
    let total = if is_known { format!(" of {}", bytes(view.bytes_total)) } else { String::new() };
    let rate = per_second(view.bytes_read, elapsed).filter(|rate| 0 < *rate);
    let left = view.bytes_total.saturating_sub(view.bytes_read);
    let left = rate.filter(|_| 0 < left).map(|rate| Duration::from_secs(left.div_ceil(rate)));
    [
        Some(format!("{}{total}", bytes(view.bytes_read))),
        records,
        rejected,
        rate.map(|rate| format!("{}/s", bytes(rate))),
        left.map(|left| format!("{} left", duration(left))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: (u64, u64, u64, u64), seconds: u64, expected: &str) {
        let (bytes_total, bytes_read, records_read, records_rejected) = view;
        let view = ProgressView {
            bytes_total,
            bytes_read,
            records_read,
            records_rejected,
            ..ProgressView::default()
        };
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
    fn what_reads_no_input_is_named() {
        let at = |stage, folded| ProgressView {
            bytes_total: 5000,
            bytes_read: 5000,
            records_read: 614_000,
            records_rejected: 12,
            stage: Some(stage),
            folded,
        };
        let elapsed = Duration::from_secs(2);
        let profiles = at(Stage::Fold, Some(37));
        let words = "614,000 records, 12 rejected";
        assert_eq!(line(profiles, elapsed), format!("making profiles, 37%, {words}"));
        assert_eq!(
            bar_line(profiles, elapsed, 60),
            format!("███░░░░░░ 37%, making profiles, {words}")
        );
        let deciding = at(Stage::Decide, None);
        assert_eq!(line(deciding, elapsed), format!("comparing records, {words}"));
        assert_eq!(bar_line(deciding, elapsed, 60), format!("comparing records, {words}"));
        assert_eq!(line(at(Stage::Publish, Some(100)), elapsed), format!("publishing, {words}"));
        let reading = line(at(Stage::Process, None), elapsed);
        assert!(reading.starts_with("5.0 kB of 5.0 kB"), "{reading}");
    }

    #[test]
    fn the_bar_has_a_valid_template() {
        bar();
    }

    #[test]
    fn the_bar_shrinks_first_and_nothing_is_cut() {
        let view = ProgressView {
            bytes_total: 1_000_000_000,
            bytes_read: 412_000_000,
            records_read: 614_000,
            records_rejected: 12,
            ..ProgressView::default()
        };
        let line = |width| bar_line(view, Duration::from_secs(2), width);
        let all = "41%, 412 MB of 1.0 GB, 614,000 records, 12 rejected, 206 MB/s, 3.0 s left";
        assert_eq!(line(200), format!("████████░░░░░░░░░░░░ {all}"));
        assert_eq!(line(84), format!("████░░░░░░ {all}"));
        assert_eq!(line(79), format!("██░░░ {all}"));
        let no_rate = "41%, 412 MB of 1.0 GB, 614,000 records, 12 rejected, 3.0 s left";
        assert_eq!(line(78), format!("██░░░ {no_rate}"));
        assert_eq!(line(60), "██░░░ 41%, 412 MB of 1.0 GB, 12 rejected, 3.0 s left");
        assert_eq!(line(40), "██░░░ 41%, 412 MB of 1.0 GB, 3.0 s left");
        assert_eq!(line(20), "41%, 3.0 s left");
        let parts: Vec<&str> = all.split(", ").collect();
        for width in 40..=200 {
            let line = line(width);
            assert!(line.chars().count() <= width, "{line}");
            let text = line.trim_start_matches(['█', '░', ' ']);
            assert!(text.split(", ").all(|part| parts.contains(&part)), "{line}");
            assert!(line.contains("41%") && line.contains("3.0 s left"), "{line}");
        }
    }
}
