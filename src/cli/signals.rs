//! SIGINT and SIGTERM: the first signal stops the run, which cleans up; a later one ends the process.
//!
//! The first signal sets [`Cancel`]. The run checks it between chunks and while it waits, and fails with
//! `ErrorKind::Interrupted` or `Terminated`, which `exit.rs` maps to 130 and 143. What the run wrote is
//! removed, and what it was replacing put back, when its `Publication` is dropped (`roll_back` in
//! `publish/undo.rs`).
//!
//! A signal that follows within a second counts as the same one, since `timeout` signals its
//! command and then the whole process group.
//!
//! A run that has not ended shortly before ten seconds are over (a disk or a pipe may hang, where
//! nothing can be interrupted) is ended like a killed one, and the next run cleans up.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool, mpsc},
    thread,
    time::{Duration, Instant},
};

use segprep::engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, iterator::Signals, low_level};

use super::exit::Exit;

/// Signals within this time of the first are ignored.
const REPEAT_WINDOW: Duration = Duration::from_secs(1);
/// How long a run may go on after the first signal.
const DEADLINE: Duration = Duration::from_millis(9300);
/// How long it may take to print that it did not end in time.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Forwards signals to `cancel`. The returned flag is set once a signal has arrived. `late` prints
/// that the run did not end in time after the signal, and returns how the process ends.
pub(crate) fn forward_to(
    cancel: &Cancel,
    late: impl FnOnce(&Cancel) -> Exit + Send + 'static,
) -> io::Result<Arc<AtomicBool>> {
    let received = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&received))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    // Started now, since a thread may not be available later.
    let (first, arrived) = mpsc::channel();
    let watched = cancel.clone();
    thread::Builder::new().name("deadline".to_owned()).spawn(move || {
        if let Ok(signal) = arrived.recv() {
            thread::sleep(DEADLINE);
            end(signal, &watched, late);
        }
    })?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut began: Option<Instant> = None;
        for signal in signals.forever() {
            match began {
                None => {
                    began = Some(Instant::now());
                    cancel.signal(signal);
                    first.send(signal).ok(); // the receiver lives as long as the process
                }
                Some(at) if at.elapsed() < REPEAT_WINDOW => {}
                // Ends the process. If that fails, the run still ends by itself.
                Some(_) => _ = low_level::emulate_default_handler(signal),
            }
        }
    })?;
    Ok(received)
}

/// Ends the process. Nothing is waited for: what hangs may be standard error.
fn end(signal: i32, cancel: &Cancel, late: impl FnOnce(&Cancel) -> Exit + Send + 'static) -> ! {
    let (said, words) = mpsc::channel();
    let cancel = cancel.clone();
    let print = move || said.send(late(&cancel)).ok();
    let printing = thread::Builder::new().name("last words".to_owned()).spawn(print);
    let exit = printing.ok().and_then(|_| words.recv_timeout(LAST_WORDS).ok());
    // By convention, the code of a process that a signal ended.
    low_level::exit(exit.map_or(128 + signal, |exit| i32::from(exit.code)))
}
