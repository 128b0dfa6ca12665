//! SIGINT and SIGTERM: the first signal stops the run and cleans up, a later one ends the process.
//!
//! A signal that follows within a second counts as the same one, since `timeout` signals its
//! command and then the whole process group.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use segprep::engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, iterator::Signals, low_level::emulate_default_handler};

/// Signals within this time of the first are ignored.
const REPEAT_WINDOW: Duration = Duration::from_secs(1);

/// Forwards signals to `cancel`. The returned flag is set once a signal has arrived.
pub(crate) fn forward_to(cancel: &Cancel) -> io::Result<Arc<AtomicBool>> {
    let received = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&received))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match first {
                None => {
                    first = Some(Instant::now());
                    cancel.signal(signal);
                }
                Some(at) if at.elapsed() < REPEAT_WINDOW => {}
                // Ends the process. If that fails, the run still ends by itself.
                Some(_) => _ = emulate_default_handler(signal),
            }
        }
    })?;
    Ok(received)
}
