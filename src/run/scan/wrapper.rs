//! Whether inputs are replies of an API, with the records inside of larger values.

use crate::discover::{Knowledge, wrapped_in};
use crate::engine::Cancel;
use crate::input::{self, BufferPool, InputReader};
use crate::run::error::RunError;
use crate::run::memory::Limits;
use crate::store::s3::Reach;
use crate::store::{Listed, Stamp, Store};

/// Where the values of inputs have their records, if they are replies of an API: at the same path in the first inputs of
/// JSON. Standard input can be read only once, and is not looked at.
pub(super) fn wrapper(
    files: &[Listed],
    settings: input::Settings<'_>,
    store: &Store,
    limits: &Limits,
    knowledge: &Knowledge,
    cancel: &Cancel,
) -> Result<Option<Vec<String>>, RunError> {
    const INPUTS_MAX: usize = 16;
    let files = files.iter().filter(|file| file.stamp != Stamp::Stream).take(INPUTS_MAX);
    let files: Vec<Listed> = files.cloned().collect();
    let heads = store.inputs(&files, Reach::Heads)?;
    let spare = BufferPool::default();
    let mut reader = InputReader::new(settings, limits.input(), cancel, &heads, &spare);
    let mut paths = Vec::new();
    reader.each_beginning(|text: &[u8]| {
        let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        paths.push(wrapped_in(valid, knowledge));
    })?;
    paths.dedup();
    Ok(if let [path] = paths.as_mut_slice() { path.take() } else { None })
}
