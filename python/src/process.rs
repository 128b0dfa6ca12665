//! What the library needs of a process that is not its own.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// Where the last panic was.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

/// Panics of this module say nothing by themselves: the message might quote a value. (Other extension modules have
/// hooks of their own.)
pub(crate) fn keep_values_out_of_panics() {
    panic::set_hook(Box::new(|panicked| {
        let location = panicked.location().map(ToString::to_string);
        *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = location;
    }));
}

/// A panic, by where it was.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

/// Calls a function that may have a defect.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_message| {
        let at = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).take();
        Panicked(at.unwrap_or_else(|| "an unknown location".to_owned()))
    })
}

/// How many runs are at work, and the umask before the first of them.
static UMASK: Mutex<(usize, Option<Mode>)> = Mutex::new((0, None));

/// While it is there, files and folders that the process creates are closed to others than owner and group, as
/// those of the program are.
#[derive(Debug)]
pub(crate) struct ClosedToOthers(());

impl ClosedToOthers {
    pub(crate) fn new() -> ClosedToOthers {
        let mut held = UMASK.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 == 0 {
            let closed = Mode::WGRP | Mode::RWXO;
            let before = umask(closed);
            umask(before | closed);
            held.1 = Some(before);
        }
        held.0 += 1;
        ClosedToOthers(())
    }
}

impl Drop for ClosedToOthers {
    fn drop(&mut self) {
        let mut held = UMASK.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 -= 1;
        if held.0 == 0
            && let Some(before) = held.1.take()
        {
            umask(before);
        }
    }
}

/// From now on, the process leaves no core dump: it would have keys and records in it.
pub(crate) fn leave_no_core_dump() {
    let limit = getrlimit(Resource::Core);
    // Best effort: the work is done where the system refuses, too.
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit }).ok();
}
