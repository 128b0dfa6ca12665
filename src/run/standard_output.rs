//! Whether records that go to standard output reach anything.
//!
//! A program may be started without standard output (`>&-`). Rust's runtime then opens `/dev/null` in its
//! place, for reading and writing, so each write succeeds and the records are gone. `> /dev/null` opens it for
//! writing only: whoever writes that wants them gone.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major, minor};

use super::error::{ErrorKind, RunError};
use super::options::RunOptions;
use super::prepare::Prepared;

/// The numbers of `/dev/null`, as Linux and macOS have them.
const NULL_DEVICES: [(u32, u32); 2] = [(1, 3), (3, 2)];

/// Fails if a run is to write its records to standard output, and there is none.
pub(super) fn check(prepared: &Prepared, options: &RunOptions) -> Result<(), RunError> {
    if options.dry_run || !prepared.writes_to_standard_output() || !is_stand_in(io::stdout()) {
        return Ok(());
    }
    let message = "standard output is closed, and the records are to go there";
    Err(RunError::new(ErrorKind::Io, message)
        .hint("connect it to a file or a program; `> /dev/null` throws the records away"))
}

/// Whether a descriptor is `/dev/null` for reading and writing.
fn is_stand_in(file: impl AsFd) -> bool {
    let is_for_both = fcntl_getfl(&file).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    is_for_both
        && fstat(&file).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
                && NULL_DEVICES.contains(&(major(found.st_rdev), minor(found.st_rdev)))
        })
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    #[test]
    fn only_what_the_runtime_opens_stands_in_for_standard_output() {
        let open = |path: &str, reads: bool| -> File {
            OpenOptions::new().read(reads).write(true).open(path).expect("it can be opened")
        };
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(is_stand_in(open("/dev/null", true)));
        assert!(!is_stand_in(open("/dev/null", false)), "what a shell opens");
        assert!(!is_stand_in(open("/dev/zero", true)));
        assert!(!is_stand_in(file.as_file()));
    }
}
