//! `[run]`: the threads and chunks of a run, which bound its memory (`run/memory.rs`).

use super::document::{Diagnostics, Section};
use super::vocabulary::RunPlan;

const THREADS_MAX: u64 = 1024;
/// The largest `chunk_bytes`: spans in a chunk have 32 bits.
const CHUNK_BYTES_MAX: u64 = 1 << 30;

pub(super) fn read(root: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> RunPlan {
    let Some(mut section) = root.section("run", diagnostics) else { return RunPlan::default() };
    section.refuse_later(&["spill"], diagnostics);
    let threads = section.whole("threads", 1..=THREADS_MAX, diagnostics);
    let chunk_bytes = section.size("chunk_bytes", 1..=CHUNK_BYTES_MAX, diagnostics);
    section.finish(diagnostics);
    let narrow = |number: u64| usize::try_from(number).expect("the ranges above fit in 32 bits");
    RunPlan {
        threads: threads.map(narrow),
        chunk_bytes: chunk_bytes.map(|size| narrow(size.value)),
    }
}
