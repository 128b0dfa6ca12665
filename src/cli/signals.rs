//! SIGINT and SIGTERM: the first asks the run to stop and clean up, a later one ends the process.
//!
//! One that follows at once is the same wish told twice: `timeout` signals its command and then
//! the whole group.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use segprep::engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, iterator::Signals, low_level::emulate_default_handler};

/// How long after the first a signal is no second wish.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Passes signals on to `cancel`; the flag tells whether one came.
pub(crate) fn pass_on_to(cancel: &Cancel) -> io::Result<Arc<AtomicBool>> {
    let came = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&came))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut asked: Option<Instant> = None;
        for signal in signals.forever() {
            match asked {
                None => {
                    asked = Some(Instant::now());
                    cancel.signal(signal);
                }
                Some(at) if at.elapsed() < SAME_WISH => {}
                // It ends the process; where that can't be, the run goes on to its own end.
                Some(_) => _ = emulate_default_handler(signal),
            }
        }
    })?;
    Ok(came)
}
