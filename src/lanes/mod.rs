//! Work on many bytes at once: finding, copying and hashing.
//!
//! Here, and nowhere else, is `unsafe` allowed: for a load that has no safe form, and for calls
//! of functions that were compiled for instructions which not every processor has. Each use
//! says why it is sound; a plain twin does the same without, and a test compares both.

pub mod copy;
pub mod scan;
pub mod sha256;

/// The vector instructions that a function was compiled for. Results never depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the kind has.
    Baseline,
    Avx2,
    Avx512,
}

impl Level {
    /// The highest level of this processor.
    pub fn detected() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Level::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return Level::Avx2;
            }
        }
        Level::Baseline
    }
}
