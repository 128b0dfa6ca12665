//! What a run says about itself, in its account: which run it is (`fingerprint`), what it read (`input_line`,
//! `originals`), what it wrote (`manifest`, `lineage`), and what another published run differs in (`differences`).
//! `list_warnings` has what it says about lists, and `report` reads an account again.
//!
//! Rejects and digests are written on the way, by `assemble`.

pub(super) mod differences;
pub(super) mod fingerprint;
pub(super) mod input_line;
pub(super) mod lineage;
mod list_warnings;
pub(super) mod manifest;
pub(super) mod originals;
pub(super) mod report;
