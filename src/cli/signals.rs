//! SIGINT and SIGTERM: the first asks the run to stop and clean up, the second ends the process.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use segprep::run::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, iterator::Signals};

/// Passes signals on to `cancel`; the flag tells whether one came.
pub(crate) fn pass_on_to(cancel: &Cancel) -> io::Result<Arc<AtomicBool>> {
    let came = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down, and raises it for the second.
        flag::register_conditional_default(signal, Arc::clone(&came))?;
        flag::register(signal, Arc::clone(&came))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            cancel.signal(signal);
        }
    })?;
    Ok(came)
}
