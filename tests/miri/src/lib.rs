//! `core/src/simd`, with its tests, and nothing else.

#[path = "../../../core/src/simd/mod.rs"]
pub mod simd;
