//! `segprep generate`: writes a synthetic file and the list of its faults.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use super::error::{ErrorKind, RunError};
use super::text::escape_path;
use crate::generate::{Generator, Planted, Recipe};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    pub records: u64,
    pub bytes: u64,
    pub faults: u64,
}

/// The number of bytes that are written at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Writes the file of a recipe to `out`, and a line for each of its faults to the file `truth`.
///
/// If the reader of `out` goes away, the files end there.
///
/// # Errors
///
/// If either cannot be written.
pub fn generate(
    recipe: Recipe,
    out: &mut impl Write,
    truth: Option<&Path>,
) -> Result<Generated, RunError> {
    let mut truth = truth.map(Truth::create).transpose()?;
    let mut generator = Generator::new(recipe);
    let mut generated = Generated::default();
    let mut block = String::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
    let mut is_read = true;
    while let Some(written) = generator.push_next(&mut block) {
        generated.records += 1;
        if let Some(planted) = written.planted {
            generated.faults += 1;
            truth.iter_mut().try_for_each(|truth| truth.add(planted))?;
        }
        if BLOCK_BYTES <= block.len() {
            is_read = write(&mut block, out, &mut generated)?;
        }
        if !is_read {
            break;
        }
    }
    if is_read && write(&mut block, out, &mut generated)? {
        out.flush().or_else(unless_closed).map_err(|error| unwritten("standard output", &error))?;
    }
    truth.map_or(Ok(()), Truth::finish)?;
    Ok(generated)
}

/// Writes and empties a block. Returns whether somebody still reads.
fn write(
    block: &mut String,
    out: &mut impl Write,
    generated: &mut Generated,
) -> Result<bool, RunError> {
    match out.write_all(block.as_bytes()) {
        Ok(()) => {
            generated.bytes += u64::try_from(block.len()).expect("a length has at most 64 bits");
            block.clear();
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(unwritten("standard output", &error)),
    }
}

fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// The file of the faults.
struct Truth {
    file: BufWriter<File>,
    name: String,
}

impl Truth {
    fn create(path: &Path) -> Result<Truth, RunError> {
        let name = format!("`{}`", escape_path(path));
        match File::create(path) {
            Ok(file) => Ok(Truth { file: BufWriter::new(file), name }),
            Err(error) => {
                let hint = "name a file in a folder that exists and that you may write to";
                Err(unwritten(&name, &error).hint(hint))
            }
        }
    }

    fn add(&mut self, planted: Planted) -> Result<(), RunError> {
        let line = serde_json::to_string(&planted).expect("a fault is text and numbers");
        writeln!(self.file, "{line}").map_err(|error| unwritten(&self.name, &error))
    }

    fn finish(mut self) -> Result<(), RunError> {
        self.file.flush().map_err(|error| unwritten(&self.name, &error))
    }
}

fn unwritten(place: &str, error: &io::Error) -> RunError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "std may add kinds")]
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Access,
        _ => ErrorKind::Io,
    };
    RunError::new(kind, format!("could not write to {place}: {error}"))
}
