//! Work on many bytes at once: finding, copying and hashing.
//!
//! Here, and nowhere else, is `unsafe` allowed: for loads and copies that have no safe form, and for calls
//! of functions that were compiled for instructions which not every processor has. Each use
//! says why it is sound; a plain twin does the same without, and a test compares both.

pub mod cells;
pub mod copy;
pub mod divide;
pub mod scan;
pub mod sha256;
mod span;

pub use span::Span;

use std::sync::OnceLock;

/// The vector instructions that a function was compiled for. Results never depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the kind has.
    Baseline,
    /// With what came along with it: BMI1, BMI2 and POPCNT.
    Avx2,
    Avx512,
}

/// The level that this process uses, from the first question on.
static USED: OnceLock<Level> = OnceLock::new();

impl Level {
    pub const ALL: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];

    pub fn name(self) -> &'static str {
        match self {
            Level::Baseline => "baseline",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The highest level of this processor.
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

    /// The level to use: the processor's, or the one that was set where that is lower.
    pub fn used() -> Level {
        *USED.get_or_init(Level::detected)
    }

    /// Lets the whole process use no more than this level. What counts is the first call, and
    /// none after work has begun.
    pub fn limit_to(self) {
        USED.get_or_init(|| self.min(Level::detected()));
    }
}
