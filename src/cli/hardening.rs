//! What keeps keys and records out of core dumps and crash messages, and the process alive to tell
//! of an error and with the files that it needs; done before anything else.

use std::{panic, sync::Arc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::{consts::SIGXFSZ, flag};

use super::render::{Format, Screen};

/// Turns core dumps off, shuts other processes out of this one's memory, and lets a panic say
/// only where it happened: its own message might quote a value. A file that grows over the limit
/// that is set for files is an error like a full disk, and not the end of the process.
pub(crate) fn harden(format: Format) {
    // Where the system refuses, the program is as safe as any other, and can still work.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
    flag::register(SIGXFSZ, Arc::default()).ok();
    allow_files();
    panic::set_hook(Box::new(move |panicked| {
        let place =
            panicked.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        Screen::plain(format).defect(&place);
    }));
}

/// Many small objects are read over hundreds of connections, and each is an open file: some systems
/// let a process have 256 unless it asks for more.
fn allow_files() {
    const FILES: u64 = 4096;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|files| files < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).ok();
    }
}
