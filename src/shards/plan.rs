//! A plan as JSON lines: the first says what is divided, each other one is a piece or an input that is
//! ignored. `schemas/shards.schema.json` describes a line.
//!
//! Whoever follows a plan may have got it from anywhere, so reading checks that nothing is in it twice and
//! nothing is left out. Two plans are the same if their digests are; the digest leaves out the run and its
//! date, which the digest of the definition includes where paths contain them.

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Write};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{Piece, SHARDS_MAX};
use crate::crypto::Sha256;
use crate::store::{ByteRange, Ignored, Listed, Reason, Stamp};

const VERSION: u32 = 1;
/// The longest line, in bytes. A name has at most a few kilobytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The first line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHead {
    pub segprep_shards: u32,
    /// The name of the definition.
    pub name: String,
    /// The version of segprep.
    pub version: String,
    pub run: String,
    pub date: String,
    /// SHA-256 of the definition, in lower hex.
    pub definition: String,
    pub shards: u32,
    /// How many inputs there are, and their bytes.
    pub objects: u64,
    pub bytes: u64,
    /// The patterns that matched no file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<String>,
}

/// A piece.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceLine<'a> {
    shard: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// The size of the whole input.
    bytes: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    etag: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
}

/// An input that is not read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IgnoredLine<'a> {
    #[serde(borrow)]
    ignored: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Which shard reads what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlan {
    pub head: PlanHead,
    pub pieces: Vec<Piece>,
    pub ignored: Vec<Ignored>,
    /// Identifies the plan.
    pub digest: String,
}

/// Why a text is not a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanFault {
    #[error("line {line} {what}")]
    Line { line: u64, what: &'static str },
    #[error("it could not be read: {0}")]
    Read(#[from] io::Error),
}

impl PlanHead {
    /// The head of a plan for these inputs.
    pub fn new(name: &str, [run, date, definition]: [&str; 3], shards: u32) -> PlanHead {
        PlanHead {
            segprep_shards: VERSION,
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: run.to_owned(),
            date: date.to_owned(),
            definition: definition.to_owned(),
            shards,
            objects: 0,
            bytes: 0,
            unmatched: Vec::new(),
        }
    }
}

impl ShardPlan {
    /// `pieces` are in the order of the inputs.
    pub fn new(mut head: PlanHead, pieces: Vec<Piece>, ignored: Vec<Ignored>) -> ShardPlan {
        let inputs = pieces.iter().filter(|piece| begins(&piece.listed));
        (head.objects, head.bytes) =
            inputs.fold((0, 0), |(count, sum), piece| (count + 1, sum + piece.listed.bytes));
        let mut digest = PlanDigest::new(&head);
        for piece in &pieces {
            digest.add(&piece_line(piece));
        }
        for ignored in &ignored {
            digest.add(&ignored_line(ignored));
        }
        let digest = digest.finish();
        ShardPlan { head, pieces, ignored, digest }
    }

    /// Writes the plan as lines.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{}", json(&self.head))?;
        for piece in &self.pieces {
            writeln!(out, "{}", piece_line(piece))?;
        }
        self.ignored.iter().try_for_each(|ignored| writeln!(out, "{}", ignored_line(ignored)))
    }

    /// Reads a plan. Of its pieces, only those of shards that `keeps` accepts stay in memory.
    ///
    /// # Errors
    ///
    /// If it could not be read, or has anything twice, nothing of something, or an unknown line.
    pub fn read(
        mut text: impl BufRead,
        keeps: impl Fn(u32) -> bool,
    ) -> Result<ShardPlan, PlanFault> {
        let mut buffer = Vec::new();
        let mut line = 1;
        let fault = |line, what| PlanFault::Line { line, what };
        next_line(&mut text, &mut buffer, line)?;
        let head: PlanHead = serde_json::from_slice(&buffer)
            .map_err(|_other| fault(1, "is not the first line of a plan"))?;
        if head.segprep_shards != VERSION || !(1..=SHARDS_MAX).contains(&head.shards) {
            return Err(fault(1, "is not the first line of a plan of this version"));
        }
        let mut digest = PlanDigest::new(&head);
        let (mut pieces, mut ignored) = (Vec::new(), Vec::new());
        let mut order = Order::default();
        loop {
            line += 1;
            if !next_line(&mut text, &mut buffer, line)? {
                break;
            }
            if let Ok(read) = serde_json::from_slice::<IgnoredLine<'_>>(&buffer) {
                let reason = Reason::of_name(&read.ignored);
                let reason = reason.ok_or_else(|| fault(line, "has an unknown reason"))?;
                let found = Ignored { name: read.name.into_owned(), reason };
                digest.add(&ignored_line(&found));
                ignored.push(found);
                continue;
            }
            let read = serde_json::from_slice::<PieceLine<'_>>(&buffer).ok().and_then(piece);
            let piece = read.ok_or_else(|| fault(line, "is no piece of an input"))?;
            if !ignored.is_empty() || !order.accepts(&piece, head.shards) {
                return Err(fault(line, "is not what follows the line before it"));
            }
            digest.add(&piece_line(&piece));
            if keeps(piece.shard) {
                pieces.push(piece);
            }
        }
        if order.rest != 0 || (order.objects, order.bytes) != (head.objects, head.bytes) {
            return Err(fault(
                line,
                "is missing: the plan has fewer pieces than its first line says",
            ));
        }
        Ok(ShardPlan { head, pieces, ignored, digest: digest.finish() })
    }
}

/// Whether a piece is the first of its input.
fn begins(listed: &Listed) -> bool {
    listed.range.is_none_or(|range| range.from == 0)
}

/// Checks that pieces follow each other.
#[derive(Default)]
struct Order {
    last: Option<Piece>,
    objects: u64,
    bytes: u64,
    /// How many bytes of the last input are still to come.
    rest: u64,
}

impl Order {
    fn accepts(&mut self, piece: &Piece, shards: u32) -> bool {
        let listed = &piece.listed;
        let range = listed.range.unwrap_or(ByteRange { from: 0, to: listed.bytes });
        let is_range = range.from < range.to && range.to <= listed.bytes;
        let follows = match &self.last {
            None => range.from == 0,
            Some(last) if 0 < self.rest => {
                let end = last.listed.range.map_or(0, |range| range.to);
                let is_same = Listed { range: None, ..last.listed.clone() }
                    == Listed { range: None, ..listed.clone() };
                last.shard < piece.shard && is_same && range.from == end
            }
            Some(last) => {
                last.shard <= piece.shard
                    && range.from == 0
                    && last.listed.name.as_bytes() < listed.name.as_bytes()
            }
        };
        if !(is_range && follows && piece.shard < shards) {
            return false;
        }
        if range.from == 0 {
            self.objects += 1;
            self.bytes = self.bytes.saturating_add(listed.bytes);
        }
        self.rest = listed.bytes - range.to;
        self.last = Some(piece.clone());
        true
    }
}

/// Reads the next line, without its end. Returns false at the end of the text.
fn next_line(text: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, PlanFault> {
    line.clear();
    text.take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    let is_whole = line.pop_if(|last| *last == b'\n').is_some();
    match (is_whole, line.is_empty()) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => Err(PlanFault::Line {
            line: number,
            what: "does not end: the plan is cut off, or none",
        }),
    }
}

fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("it is plain data")
}

fn piece_line(Piece { shard, listed }: &Piece) -> String {
    let etag = match &listed.stamp {
        Stamp::ETag(etag) => Some(Cow::Borrowed(etag.as_str())),
        Stamp::Modified { .. } | Stamp::Stream => None,
    };
    json(&PieceLine {
        shard: *shard,
        name: Cow::Borrowed(&listed.name),
        bytes: listed.bytes,
        modified: listed.stamp.modified().map(Cow::Owned),
        etag,
        from: listed.range.map(|range| range.from),
        to: listed.range.map(|range| range.to),
    })
}

fn ignored_line(ignored: &Ignored) -> String {
    let reason = Cow::Borrowed(ignored.reason.name());
    json(&IgnoredLine { ignored: reason, name: Cow::Borrowed(&ignored.name) })
}

/// What a line says. The time of change of a file is not in a plan: it differs between copies.
fn piece(line: PieceLine<'_>) -> Option<Piece> {
    let stamp = match (line.modified, line.etag) {
        (Some(modified), None) => Stamp::of_modified(&modified)?,
        (None, Some(etag)) => Stamp::ETag(etag.into_owned()),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    let range = match (line.from, line.to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some(ByteRange { from, to }),
        (None, Some(_)) | (Some(_), None) => return None,
    };
    let listed = Listed { name: line.name.into_owned(), bytes: line.bytes, stamp, range };
    Some(Piece { shard: line.shard, listed })
}

/// The digest of a plan.
struct PlanDigest(Sha256);

impl PlanDigest {
    fn new(head: &PlanHead) -> PlanDigest {
        let (run, date) = (String::new(), String::new());
        let mut digest = PlanDigest(Sha256::new());
        digest.add(&json(&PlanHead { run, date, ..head.clone() }));
        digest
    }

    fn add(&mut self, line: &str) {
        self.0.update(line);
        self.0.update("\n");
    }

    fn finish(self) -> String {
        HEXLOWER.encode(&self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> ShardPlan {
        let file = |name: &str, bytes, range| {
            let stamp = Stamp::of_modified("2026-11-29T02:00:00.000000007Z").expect("a time");
            Listed { name: name.to_owned(), bytes, stamp, range }
        };
        let piece = |shard, listed| Piece { shard, listed };
        let range = |from, to| Some(ByteRange { from, to });
        let pieces = vec![
            piece(0, file("in/a.json", 9, None)),
            piece(0, file("in/b \"x\".json", 20, range(0, 6))),
            piece(1, file("in/b \"x\".json", 20, range(6, 17))),
            piece(3, file("in/b \"x\".json", 20, range(17, 20))),
            piece(3, file("in/c.csv", 4, None)),
        ];
        let ignored = vec![Ignored { name: "in/_d".to_owned(), reason: Reason::Name }];
        let head = PlanHead::new("mine", ["20261129T020000Z", "2026-11-29", "ab"], 4);
        ShardPlan::new(head, pieces, ignored)
    }

    fn text(plan: &ShardPlan) -> String {
        let mut text = Vec::new();
        plan.write(&mut text).expect("memory takes all");
        String::from_utf8(text).expect("JSON")
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let plan = plan();
        assert_eq!((plan.head.objects, plan.head.bytes), (3, 33));
        let read = ShardPlan::read(text(&plan).as_bytes(), |_| true).expect("a plan");
        assert_eq!(read, plan);
        let own = ShardPlan::read(text(&plan).as_bytes(), |shard| shard == 3).expect("a plan");
        assert_eq!((own.pieces.as_slice(), &own.digest), (&plan.pieces[3..], &plan.digest));
    }

    #[test]
    fn the_digest_is_that_of_the_division_and_not_of_the_time() {
        let plan = plan();
        let head = PlanHead { run: "x".to_owned(), ..plan.head.clone() };
        let later = ShardPlan::new(head, plan.pieces.clone(), plan.ignored.clone());
        assert_eq!(later.digest, plan.digest);
        let other = ShardPlan::new(plan.head.clone(), plan.pieces.clone(), Vec::new());
        assert_ne!(other.digest, plan.digest);
    }

    /// Whatever line is missing, there twice, or elsewhere: it is no plan.
    #[test]
    fn a_plan_with_gaps_or_anything_twice_is_refused() {
        let text = text(&plan());
        let lines: Vec<&str> = text.lines().collect();
        let refused = |lines: &[&str], what: &str| {
            let text = lines.join("\n") + "\n";
            assert!(ShardPlan::read(text.as_bytes(), |_| true).is_err(), "{what}: {text}");
        };
        for at in 0..lines.len() {
            let ignored = at + 1 == lines.len();
            let mut fewer = lines.clone();
            fewer.remove(at);
            if !ignored {
                refused(&fewer, "one is missing");
                let mut twice = lines.clone();
                twice.insert(at, lines[at]);
                refused(&twice, "one is there twice");
            }
            if 0 < at {
                let mut swapped = lines.clone();
                swapped.swap(at - 1, at);
                refused(&swapped, "two are swapped");
            }
        }
        let cases = [
            ("\"shard\":3", "\"shard\":4"),
            ("\"from\":6,", "\"from\":5,"),
            ("\"to\":17", "\"to\":16"),
            ("\"to\":20", "\"to\":21"),
            ("\"bytes\":9", "\"bytes\":8"),
            ("\"modified\":\"2026-11-29T02:00:00.000000007Z\"}", "\"modified\":\"soon\"}"),
            ("\"ignored\":\"name\"", "\"ignored\":\"odd\""),
            ("\"segprep_shards\":1", "\"segprep_shards\":2"),
            ("\"shards\":4", "\"shards\":0"),
            ("{\"shard\":0", "{\"odd\":1,\"shard\":0"),
        ];
        for (found, instead) in cases {
            assert!(text.contains(found), "{found}");
            let lines = text.replacen(found, instead, 1);
            refused(&lines.lines().collect::<Vec<_>>(), instead);
        }
        assert!(ShardPlan::read(text.trim_end().as_bytes(), |_| true).is_err(), "it is cut off");
    }
}
