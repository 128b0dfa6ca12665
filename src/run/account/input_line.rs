//! A line of `inputs.ndjson`: what was read of an input, or why it was ignored.

use serde::Serialize;

use crate::input::{Broken, Compression, InputEnd};
use crate::report::Tally;
use crate::run::progress::InputRead;
use crate::run::text::escape;
use crate::store::{Ignored, Listed, Stamp};

/// The order of the fields is their order in the line. Those of an ignored file are left out.
#[derive(Default, Serialize)]
pub(in crate::run) struct InputLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blank_lines: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    /// `true`, or left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked: Option<bool>,
    /// If a shard read only a range of it: that range, and the line ends in what was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<&'a str>,
    /// Why it could not be read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'a str>,
    /// The offset in the text from which on no record was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_reached: Option<u64>,
}

impl<'a> InputLine<'a> {
    /// The line of an input that was read. `rows`: how many it has, if each may give several records. `lines`:
    /// the line ends in what was read.
    pub(in crate::run) fn read(
        listed: &'a Listed,
        end: &'a InputEnd,
        format: Option<&'a str>,
        compression: Option<Compression>,
        tally: &Tally,
        rows: Option<u64>,
        lines: u64,
    ) -> InputLine<'a> {
        let broken = end.broken.as_ref();
        InputLine {
            name: &listed.name,
            bytes: Some(end.bytes),
            modified: listed.stamp.modified(),
            etag: etag(&listed.stamp),
            format,
            compression: compression.map(Compression::name),
            rows,
            records: Some(tally.read),
            written: Some(tally.written),
            rejected: Some(tally.rejected),
            dropped: Some(tally.dropped()),
            blank_lines: Some(tally.blank_lines),
            sha256: end.digest.as_deref(),
            unchecked: end.is_unchecked.then_some(true),
            from: listed.range.map(|range| range.from),
            to: listed.range.map(|range| range.to),
            lines: listed.range.map(|_| lines),
            ignored: None,
            broken: broken.map(|broken| broken.bad.message.as_str()),
            offset_reached: broken.map(|broken| broken.offset),
        }
    }

    /// The line of a file that was ignored.
    pub(in crate::run) fn ignored(ignored: &'a Ignored) -> InputLine<'a> {
        let reason = Some(ignored.reason.name());
        InputLine { name: &ignored.name, ignored: reason, ..InputLine::default() }
    }
}

fn etag(stamp: &Stamp) -> Option<&str> {
    match stamp {
        Stamp::Modified { .. } | Stamp::Stream => None,
        Stamp::ETag(tag) => Some(tag),
    }
}

/// The same of an input that was read, for whoever follows the run.
pub(in crate::run) fn input_read(listed: &Listed, end: &InputEnd, tally: &Tally) -> InputRead {
    InputRead {
        name: listed.name.clone(),
        bytes: end.bytes,
        records: tally.read,
        written: tally.written,
        rejected: tally.rejected,
        dropped: tally.dropped(),
        is_broken: end.broken.is_some(),
    }
}

/// The warning about an input that ends early.
pub(in crate::run) fn skipped_warning(name: &str, Broken { bad, offset }: &Broken) -> String {
    let (name, message) = (escape(name), &bad.message);
    match offset {
        0 => format!("`{name}` was skipped: {message}"),
        offset => format!("`{name}` was skipped from byte {offset} of its text on: {message}"),
    }
}
