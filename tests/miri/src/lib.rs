//! `src/simd`, with its tests, and nothing else.

#[path = "../../../src/simd/mod.rs"]
pub mod simd;
