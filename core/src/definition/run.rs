//! `[run]`: the threads and chunks of a run, which bound its memory (`run/memory.rs`).

use super::document::location::{self, Use};
use super::document::{Diagnostics, Location, Section};
use super::environment::Environment;
use super::vocabulary::RunPlan;

const THREADS_MAX: u64 = 1024;
/// The largest `chunk_bytes`: spans in a chunk have 32 bits.
const CHUNK_BYTES_MAX: u64 = 1 << 30;

/// Returns the resources, and the folder for what is too much for memory, if it is set.
pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> (RunPlan, Option<Location>) {
    let Some(mut section) = root.section("run", diagnostics) else { return Default::default() };
    let threads = section.whole("threads", 1..=THREADS_MAX, diagnostics);
    let chunk_bytes = section.size("chunk_bytes", 1..=CHUNK_BYTES_MAX, diagnostics);
    let spill = section.text("spill", diagnostics);
    let spill = spill
        .and_then(|spill| location::read("spill", spill, Use::Spill, environment, diagnostics));
    section.finish(diagnostics);
    let narrow = |number: u64| usize::try_from(number).expect("the ranges above fit in 32 bits");
    let resources = RunPlan {
        threads: threads.map(narrow),
        chunk_bytes: chunk_bytes.map(|size| narrow(size.value)),
    };
    (resources, spill)
}
