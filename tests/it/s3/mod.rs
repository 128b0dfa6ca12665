//! Runs that read from buckets and write to them, against a server in this process.

mod checksums;
mod conformance;
mod faults;
mod hanging;
mod keys;
mod kills;
mod messages;
mod policies;
mod random;
mod restore;
mod scale;
mod takeover;
