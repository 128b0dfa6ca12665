//! A definition's text: its tables and values with their places, and what is reported of them.

pub(crate) mod diagnostic;
pub(crate) mod nearest;
pub(crate) mod places;
pub(crate) mod section;
pub(crate) mod set;
pub(crate) mod size;
pub(crate) mod source;
pub(crate) mod tree;
