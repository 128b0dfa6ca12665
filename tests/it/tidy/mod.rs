//! The source is laid out as ARCHITECTURE.md says: what each module may import, that imports make no
//! circles, how long files and functions are, and what every file begins with.
//!
//! These tests read text, not syntax, and rely on the form that rustfmt gives it. Each lists all of
//! its findings at once.

#![expect(clippy::string_slice, reason = "texts are cut at offsets found by search")]

mod circles;
mod layers;
mod lengths;
mod paths;
mod rules;
mod source;
