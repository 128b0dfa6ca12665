//! Blocks become the parts of an output, in input order.

pub(crate) mod lines;
pub(crate) mod parquet;
pub(crate) mod part;
