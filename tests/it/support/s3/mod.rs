//! An S3 server in this process, with KMS and Secrets Manager beside it, and runs against it.

pub(crate) mod account;
pub(crate) mod bodies;
pub(crate) mod iam;
pub(crate) mod objects;
pub(crate) mod proxy;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod services;
