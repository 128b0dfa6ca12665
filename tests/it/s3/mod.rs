//! Runs that read from buckets and write to them, against a server in this process.

mod conformance;
mod faults;
mod keys;
mod kills;
mod messages;
mod random;
mod scale;
mod takeover;
