//! Vector kernels: finding, copying and hashing many bytes at once.
//!
//! | module | what it does |
//! |---|---|
//! | `marks` | says which bytes of a block are in a set; everything that looks for bytes builds on it |
//! | [`scan`] | finds the end of a JSON string, and delimiters and quotes in CSV text |
//! | [`divide`] | splits a CSV record into cells |
//! | [`literal`] | compares text with a literal that is expected there |
//! | [`copy`] | appends short spans to a buffer |
//! | [`cells`] | appends CSV cells that need no quotes |
//! | [`sha256`] | hashes sixteen messages side by side |
//!
//! This is the only module in which `unsafe` is allowed. Two things need it: loads and copies of
//! whole blocks, which have no safe form, and calls of functions that were compiled for
//! instructions that not every processor has. Each use has
//!
//! - a `SAFETY` comment that proves it sound,
//! - a safe twin, which is also the code for other processors, and
//! - a property test that compares the two. `tests/miri` runs these tests under Miri.

pub mod cells;
pub mod copy;
pub mod divide;
pub mod literal;
mod marks;
pub mod scan;
pub mod sha256;
mod span;

use std::sync::OnceLock;

pub use span::Span;

/// The vector instructions that a kernel may use. Results never depend on the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has; on x86-64 that includes SSE2.
    Baseline,
    /// AVX2, BMI1, BMI2 and POPCNT, which processors have together.
    Avx2,
    /// AVX-512F as well.
    Avx512,
}

/// The level in use, set by the first call of [`Level::used`] or [`Level::limit_to`].
static USED: OnceLock<Level> = OnceLock::new();

impl Level {
    pub const ALL: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];

    /// The name by which users set the level.
    pub fn name(self) -> &'static str {
        match self {
            Level::Baseline => "baseline",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The highest level that this processor supports.
    pub fn detected() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt") {
                return if has!("avx512f") { Level::Avx512 } else { Level::Avx2 };
            }
        }
        Level::Baseline
    }

    /// The level that kernels use: the detected one, or a lower one set by [`Level::limit_to`].
    pub fn used() -> Level {
        *USED.get_or_init(Level::detected)
    }

    /// Limits the whole process to this level. Has no effect once a level is in use.
    pub fn limit_to(self) {
        USED.get_or_init(|| self.min(Level::detected()));
    }
}
