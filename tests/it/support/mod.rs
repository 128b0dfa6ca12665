//! What the tests share: the program and its runs, readers to compare with, generators of inputs, and
//! an S3 server.

pub(crate) mod canary;
pub(crate) mod corpus;
pub(crate) mod faults;
pub(crate) mod in_memory;
pub(crate) mod in_process;
pub(crate) mod mount;
pub(crate) mod nights;
pub(crate) mod odd_files;
pub(crate) mod odd_json;
pub(crate) mod parquet_values;
pub(crate) mod plain;
pub(crate) mod program;
pub(crate) mod property;
pub(crate) mod python;
pub(crate) mod random;
pub(crate) mod records;
pub(crate) mod reference;
pub(crate) mod running;
pub(crate) mod s3;
pub(crate) mod shards;
pub(crate) mod strict_csv;
pub(crate) mod strict_json;
pub(crate) mod whole_runs;
