//! Process settings made before anything else: no keys or records in core dumps and panic messages,
//! files that others cannot read (the umask), and enough file descriptors.

use std::{panic, sync::Arc};

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::{consts::SIGXFSZ, flag};

use super::render::{Format, Screen};

/// Disables core dumps, makes the memory of the process unreadable to others, and reduces panic
/// messages to their location, since the message itself might quote a value. Ignores SIGXFSZ, so
/// that exceeding the file size limit is an error like a full disk. What the process creates, others
/// than its owner and group can't read.
pub(crate) fn harden(format: Format) {
    // Best effort: the program also works where the system refuses.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
    flag::register(SIGXFSZ, Arc::default()).ok();
    raise_file_limit();
    close_files_to_others();
    panic::set_hook(Box::new(move |panicked| {
        let location = panicked
            .location()
            .map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
        Screen::plain(format).defect(&location);
    }));
}

/// Files are created with 0640 and folders with 0750, less the umask, whichever code creates them.
/// What is for the owner alone is created with 0600 or 0700.
fn close_files_to_others() {
    let closed = Mode::WGRP | Mode::RWXO;
    let before = rustix::process::umask(closed);
    rustix::process::umask(before | closed);
}

/// Raises the limit of open files. Small objects are read over hundreds of connections, and some
/// systems allow only 256 descriptors by default.
fn raise_file_limit() {
    const FILES: u64 = 4096;
    let limit = getrlimit(Resource::Nofile);
    let target = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|files| files < target) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(target), ..limit }).ok();
    }
}
