//! Reads small files whole: definitions, keys, manifests, journals and locks.
//!
//! Each has a maximum size, and no more than that is ever read: a path may lead to an endless device
//! or to a file that somebody else wrote. Opening never blocks, and reading a pipe can be cancelled.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// Polling interval for cancellation.
const CANCEL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
///
/// If it cannot be read, is larger, or is anything but a regular file.
pub fn read_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Err(not_a_file(kind));
    }
    read_bounded(file, bytes_max)
}

/// Reads a regular file or a pipe, of at most `bytes_max` bytes. A pipe is read to its end, until
/// `should_stop` returns true.
///
/// # Errors
///
/// If it cannot be read, is larger, is neither a file nor a pipe, or if reading was stopped
/// ([`io::ErrorKind::TimedOut`]).
pub fn read_file_or_pipe(
    path: &Path,
    bytes_max: u64,
    should_stop: &dyn Fn() -> bool,
) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        read_bounded(file, bytes_max)
    } else if kind.is_fifo() || kind.is_socket() {
        read_bounded(Pipe { file, should_stop }, bytes_max)
    } else {
        Err(not_a_file(kind))
    }
}

/// Opens without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("flags of open(2) are an int");
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn read_bounded(reader: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
        Ok(bytes)
    } else {
        let what = format!("it has more than {} KiB", bytes_max >> 10);
        Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
    }
}

fn not_a_file(kind: std::fs::FileType) -> io::Error {
    if kind.is_dir() {
        return io::Error::new(io::ErrorKind::IsADirectory, "it is a folder");
    }
    let what = if kind.is_fifo() { "a pipe" } else { "a device" };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a file"))
}

/// A pipe whose reads wait until there is something to read. (Before a writer opens it, a read
/// would return the end at once.)
struct Pipe<'a> {
    file: File,
    should_stop: &'a dyn Fn() -> bool,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if (self.should_stop)() {
                // `read_to_end` retries on `Interrupted`, so the kind is another one.
                return Err(io::Error::new(io::ErrorKind::TimedOut, "reading it was stopped"));
            }
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut fds, Some(&CANCEL_INTERVAL)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs, thread};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    }

    #[test]
    fn a_file_is_read_up_to_its_maximum() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "1234").expect("a file");
        assert_eq!(read_file(&path, 4).expect("it fits"), b"1234");
        assert_eq!(read_file_or_pipe(&path, 4, &|| false).expect("it fits"), b"1234");
        let error = read_file(&path, 3).expect_err("it is larger");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn devices_folders_and_pipes_are_not_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        for path in [Path::new("/dev/zero"), folder.path(), &pipe] {
            assert!(read_file(path, 1 << 20).is_err(), "{}", path.display());
        }
        for path in [Path::new("/dev/zero"), folder.path()] {
            assert!(read_file_or_pipe(path, 1 << 20, &|| false).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, "through a pipe").expect("it is read"));
            let text = read_file_or_pipe(&pipe, 100, &|| false).expect("it ends");
            assert_eq!(text, b"through a pipe");
        });
    }

    #[test]
    fn waiting_for_a_pipe_can_be_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        let polls = Cell::new(0);
        let should_stop = || {
            polls.set(polls.get() + 1);
            polls.get() == 3
        };
        assert!(read_file_or_pipe(&pipe, 100, &should_stop).is_err());
    }
}
