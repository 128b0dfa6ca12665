//! Checks, repairs, pseudonymises and packs segment import files: JSON or CSV files that define
//! endpoints and users.
//!
//! The modules, in the order in which to read them. Those up to [`pipeline`], and all others that compute, are
//! those of the crate `segprep-core` (`core/`):
//!
//! 1. [`record`]: a record as a row of slots over a chunk of bytes. [`simd`] has the kernels that find,
//!    copy and hash many bytes at once, and [`crypto`] digests and keys.
//! 2. [`schema`]: the schema files and the limits of a target.
//! 3. [`decode`], [`repair`], [`validate`], [`transform`], [`encode`]: the stages.
//! 4. [`definition`]: what the user wrote. [`plan`]: what it means, checked and compiled.
//! 5. [`pipeline`]: takes a chunk through all stages. [`report`]: what happened to every record.
//! 6. [`store`]: where bytes come from and go to. [`engine`]: the ordered parallel map.
//! 7. [`input`]: inputs become chunks. [`output`]: blocks become parts, in [`columnar`] formats too.
//!    [`publish`]: parts become the result.
//! 8. [`ledger`]: which inputs nightly runs have taken. [`shards`]: which machine reads what.
//! 9. [`run`]: a run, where all of it meets.
//!
//! [`detect`] says what values look like, and [`discover`] what unknown files hold. [`preview`] shows a record before and after. [`generate`] makes synthetic files, to try all of it out.
//!
//! `tests/it/tidy/` checks two rules:
//!
//! - Imports follow the table in `ARCHITECTURE.md`: lower modules do not import higher ones.
//! - Only `store`, `input`, `publish`, `ledger`, `group`, `profiles` and `run` use files, the clock, signals or
//!   the environment. All other modules compute.

pub use segprep_core::{
    decode, definition, detect, discover, encode, engine, generate, pipeline, plan, preview,
    record, repair, schema, simd, transform, validate,
};

use segprep_core::glob;

pub mod columnar;
pub mod crypto;
pub mod group;
pub mod input;
pub mod ledger;
pub mod output;
pub mod profiles;
pub mod publish;
pub mod report;
pub mod run;
pub mod shards;
pub mod store;
