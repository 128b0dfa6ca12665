//! Checks that both programs did the same work: the same output, and the same records rejected for the
//! same reasons. Without this, times mean nothing.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufReader, Read},
    path::Path,
};

use serde::Deserialize;
use walkdir::WalkDir;

/// The paths of segprep's parts and account, and of the plain program's two files.
pub(crate) struct Results<'a> {
    pub(crate) parts: &'a Path,
    pub(crate) rejects: &'a Path,
    pub(crate) plain_output: &'a Path,
    pub(crate) plain_rejects: &'a Path,
}

impl Results<'_> {
    /// # Errors
    ///
    /// Fails if they differ; the message names the place and no value.
    pub(crate) fn check_equal(&self) -> Result<(), Box<dyn Error>> {
        let mut plain = BufReader::new(File::open(self.plain_output)?);
        for part in WalkDir::new(self.parts).sort_by_file_name() {
            let part = part?;
            if part.file_type().is_file() {
                check_continues(&mut plain, part.path())?;
            }
        }
        if plain.read(&mut [0])? != 0 {
            return Err("the plain program wrote more than segprep".into());
        }
        if rejects(self.rejects)? == rejects(self.plain_rejects)? {
            Ok(())
        } else {
            Err("segprep and the plain program reject different records".into())
        }
    }
}

const BLOCK_BYTES: usize = 1 << 16;

/// Checks that the next bytes of `plain` are this part.
fn check_continues(plain: &mut impl Read, part: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = File::open(part)?;
    let (mut ours, mut theirs) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let mut offset = 0;
    loop {
        let count = file.read(&mut ours)?;
        if count == 0 {
            return Ok(());
        }
        let (ours, theirs) = (ours.split_at(count).0, theirs.split_at_mut(count).0);
        if plain.read_exact(theirs).is_err() || ours != theirs {
            let part = part.display();
            return Err(format!("`{part}` differs within {count} bytes of byte {offset}").into());
        }
        offset += count;
    }
}

#[derive(Deserialize, PartialEq)]
struct Reject {
    line: u64,
    problems: Vec<Problem>,
}

#[derive(Deserialize, PartialEq)]
struct Problem {
    field: String,
    code: String,
}

fn rejects(path: &Path) -> Result<Vec<Reject>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
