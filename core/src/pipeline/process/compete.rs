//! Takes records through the stages as [`process`](super::process) does, and finds of each that would be
//! written what other records may be compared with: the values of `[unique]`, its user, its date. Nothing
//! is written. `src/group` compares them, and a second pass writes.
//!
//! Values become 16 bytes of a MAC, with a key that the run alone has: what is kept of a value says
//! nothing about it to anybody else. Two values have the same 16 bytes with a probability below 10⁻²⁰ in
//! a billion records.
//!
//! Where another program compares the records of many machines, each is read once: [`process_compared`] writes it and
//! says what it may be compared with.

use std::fmt;
use std::ops::Range;

use super::{ChunkPass, Worker};
use crate::crypto::{LANES, MacKey};
use crate::decode::Format;
use crate::definition::Compared;
use crate::pipeline::block::Block;
use crate::pipeline::stages::Stages;
use crate::plan::{Plan, UniquePlan};
use crate::record::{Slot, Text};
use crate::schema::{NodeIx, OPTED_OUT, Role, parse_date};
use crate::transform::{Normalize, Op};

/// Hashes values with a key of this run.
pub struct KeyedHash(MacKey);

impl KeyedHash {
    /// The key should be random.
    pub fn new(key: &[u8; 32]) -> KeyedHash {
        KeyedHash(MacKey::new(key))
    }

    /// Hashes with a derived key.
    pub fn of(key: MacKey) -> KeyedHash {
        KeyedHash(key)
    }

    /// Hashes each text, in order.
    fn hash_all(&self, texts: &Texts, hashes: &mut Vec<u128>) {
        hashes.clear();
        for ranges in texts.ranges.chunks(LANES) {
            let some: Vec<&[u8]> =
                ranges.iter().map(|range| texts.bytes.get(range.clone()).unwrap_or(&[])).collect();
            let macs = self.0.macs(&some);
            hashes.extend(macs.iter().take(some.len()).map(first_half));
        }
    }

    /// Hashes a text.
    pub fn hash(&self, text: &[u8]) -> u128 {
        first_half(&self.0.mac(text))
    }

    /// Hashes a name under the hash of a user.
    pub(super) fn hash_name(&self, user: u128, scope: &str, name: &str) -> u64 {
        let text = [&user.to_be_bytes()[..], scope.as_bytes(), b".", name.as_bytes()].concat();
        let hash = first_half(&self.0.mac(&text));
        u64::try_from(hash >> 64).expect("half of 128 bits")
    }

    /// Hashes the user of a record.
    pub(super) fn hash_user(&self, user: &[u8]) -> u128 {
        first_half(&self.0.mac(&[USER, user].concat()))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}

fn first_half(mac: &[u8; 32]) -> u128 {
    let (half, _) = mac.split_first_chunk::<16>().expect("a MAC has 32 bytes");
    u128::from_be_bytes(*half)
}

/// Begins what is hashed, so that a user is never taken for another value.
const USER: &[u8] = b"u";
const KEY: &[u8] = b"k";

/// Texts, one after the other.
#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Texts {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
    }

    /// Ends the text that was appended since `start`. Returns its number.
    fn end(&mut self, start: usize) -> usize {
        self.ranges.push(start..self.bytes.len());
        self.ranges.len() - 1
    }
}

/// Since when a record is as it is: seconds and nanoseconds. Records without a date are older than all
/// others.
pub type Since = (i64, u32);

/// [`Since`] of a record without a date.
pub const NO_DATE: Since = (i64::MIN, 0);

/// A record that would be written, as far as other records matter to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number among the records that were read, from 0.
    pub record: u64,
    /// The hash of its values for `[unique]`. `None`: it lacks one, so it is unique.
    pub key: Option<u128>,
    /// The hash of its user for `[users]`.
    pub user: Option<u128>,
    pub since: Since,
    /// Whether its person opted out, if that is written.
    pub is_opted_out: bool,
    /// Whether it could still be written if it got the opt-out of another record.
    pub takes_opt_out: bool,
    /// How many names of attributes and metrics it has.
    pub names: u16,
}

/// The candidates of some records.
#[derive(Debug, Default)]
pub struct Competition {
    pub candidates: Vec<Candidate>,
    /// How many records were read.
    pub read: u64,
    /// Where in the chunk each of the candidates begins, in bytes: only of [`process_compared`].
    pub starts: Vec<usize>,
    texts: Texts,
    hashes: Vec<u128>,
    slots: Vec<Slot>,
}

impl Competition {
    /// Empties it, and keeps its memory.
    pub fn clear(&mut self) {
        self.candidates.clear();
        self.starts.clear();
        self.read = 0;
    }
}

/// Takes the records of `chunk`, from byte `from` on, through all stages, until the chunk ends or there are
/// `max` candidates or a few more. Returns the offset of the first record that was not taken. `stages` are
/// those of [`Stages::for_competition`].
pub fn compete(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    chunk: &[u8],
    from: usize,
    format: &Format,
    (hash, max): (&KeyedHash, usize),
    found: &mut Competition,
) -> usize {
    let mut pass = ChunkPass::new(plan, stages, worker, chunk, from, format);
    let mut block = Block::for_rules(plan.rules.len());
    let mut at = from;
    while at < chunk.len() && found.candidates.len() < max {
        at = pass.take_compared(at, usize::MAX, hash, &mut block, found);
        block.clear();
    }
    pass.count_names(&mut block);
    at
}

/// Takes records into `block` as [`process`](super::process) does, and adds to `found` what those that are written
/// may be compared with.
pub fn process_compared(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    (chunk, from, format): (&[u8], usize, &Format),
    (hash, block_bytes): (&KeyedHash, usize),
    block: &mut Block,
    found: &mut Competition,
) -> usize {
    let mut pass = ChunkPass::new(plan, stages, worker, chunk, from, format);
    let mut at = from;
    while at < chunk.len() && block.cost() < block_bytes {
        let (first, read) = (found.candidates.len(), found.read);
        at = pass.take_compared(at, block_bytes, hash, block, found);
        let rows = &pass.worker.batch.rows;
        let start = |candidate: &Candidate| {
            let row = usize::try_from(candidate.record - read).ok()?;
            rows.get(row).map(|row| row.start)
        };
        let starts = found.candidates.iter().skip(first).filter_map(start);
        found.starts.extend(starts);
    }
    pass.end(at, block)
}

/// The fields whose values that came in decide about a record.
struct Compare<'a> {
    unique: Option<&'a UniquePlan>,
    /// The fields of `[unique]`, if the values that came in are compared.
    by: &'a [NodeIx],
    user: Option<NodeIx>,
    date: Option<NodeIx>,
    /// Set if the opt-out of a record may go to another one.
    opt_out: Option<NodeIx>,
}

impl Compare<'_> {
    fn of(plan: &Plan) -> Compare<'_> {
        let together = &plan.together;
        let unique = together.unique.as_ref();
        let by = unique.filter(|unique| unique.on == Compared::Input);
        let opt_out = plan.schema.role(Role::OptOut);
        let is_written = !matches!(plan.op_of(opt_out), Op::Drop);
        Compare {
            unique,
            by: by.map_or(&[], |unique| &unique.by),
            user: together.users.map(|users| users.user),
            date: together.needs_dates().then(|| plan.schema.role(Role::EffectiveDate)),
            opt_out: (is_written && together.merges_opt_outs()).then_some(opt_out),
        }
    }

    /// The nodes of which the slots are kept.
    fn nodes(&self) -> impl Iterator<Item = NodeIx> {
        self.by.iter().copied().chain(self.user).chain(self.date)
    }
}

impl ChunkPass<'_> {
    /// Keeps the slots that operations may replace. What they refer to stays as it is.
    fn keep_slots(&self, compare: &Compare<'_>, found: &mut Competition) {
        let batch = &self.worker.batch;
        found.slots.clear();
        for row in 0..batch.rows.len() {
            found.slots.extend(compare.nodes().map(|node| batch.slot(row, node)));
        }
    }

    /// Takes the batch at byte `at` into `block`, until it costs `block_bytes`, and adds the records that are written.
    /// Returns the offset of the first record that was not taken.
    fn take_compared(
        &mut self,
        at: usize,
        block_bytes: usize,
        hash: &KeyedHash,
        block: &mut Block,
        found: &mut Competition,
    ) -> usize {
        if self.worker.has_many_names() {
            self.count_names(block);
        }
        let before = (block.read, block.rejects.len());
        let decoded = self.decode(at);
        self.repair_and_drop();
        self.check_values();
        let nodes = Compare::of(self.plan);
        self.keep_slots(&nodes, found);
        self.transform();
        self.check_limits();
        let next = self.encode(decoded, block_bytes, block);
        self.collect(&nodes, block, before, hash, found);
        found.read += block.read - before.0;
        next
    }

    /// Adds the rows of the batch that `block` has written. `read`, `rejected`: how many it had read and rejected before.
    fn collect(
        &mut self,
        compare: &Compare<'_>,
        block: &Block,
        (read, rejected): (u64, usize),
        hash: &KeyedHash,
        found: &mut Competition,
    ) {
        found.texts.clear();
        let first = found.candidates.len();
        let width = compare.nodes().count();
        let mut slots = found.slots.chunks(width.max(1));
        let rejects = block.rejects.iter().skip(rejected);
        let mut rejects = rejects.map(|reject| reject.record - read).peekable();
        // A full block may not have taken all of them.
        for (row, number) in (0..self.worker.batch.rows.len()).zip(0..block.read - read) {
            let kept = slots.next().unwrap_or(&[]);
            let is_rejected = rejects.next_if_eq(&number).is_some();
            let is_dropped = self.worker.batch.rows.get(row).is_none_or(|row| row.dropped);
            if is_rejected || is_dropped {
                continue;
            }
            let record = found.read + number;
            let candidate = self.candidate(row, compare, kept, &mut found.texts);
            found.candidates.push(Candidate { record, ..candidate });
        }
        hash.hash_all(&found.texts, &mut found.hashes);
        // Until here, a candidate has the numbers of its texts.
        let hashes = &found.hashes;
        let of_text = |text: Option<u128>| hashes.get(usize::try_from(text?).ok()?).copied();
        for candidate in found.candidates.iter_mut().skip(first) {
            candidate.key = of_text(candidate.key);
            candidate.user = of_text(candidate.user);
        }
    }

    /// A row that is written, with the numbers of the texts that are to be hashed.
    fn candidate(
        &self,
        row: usize,
        compare: &Compare<'_>,
        kept: &[Slot],
        texts: &mut Texts,
    ) -> Candidate {
        let text = Text { chunk: self.source.chunk, arena: &self.worker.batch.arena };
        let (by, rest) = kept.split_at_checked(compare.by.len()).unwrap_or((&[], &[]));
        let mut rest = rest.iter().copied();
        let user = compare.user.and_then(|_| rest.next());
        let date = compare.date.and_then(|_| rest.next());
        let number = |number: usize| u128::try_from(number).expect("usize has 64 bits");
        let key = compare.unique.and_then(|unique| self.key(row, unique, by, texts)).map(number);
        let user = user.filter(|slot| has_text(*slot)).map(|slot| {
            let start = texts.bytes.len();
            texts.bytes.extend_from_slice(USER);
            texts.bytes.extend_from_slice(text.of(slot));
            number(texts.end(start))
        });
        let since = date.filter(|slot| has_text(*slot));
        let since = since.and_then(|slot| parse_date(text.of(slot)));
        let opt_out = compare.opt_out.map(|node| self.worker.batch.slot(row, node));
        let is_opted_out =
            opt_out.is_some_and(|slot| slot.is_text() && text.of(slot) == OPTED_OUT.as_bytes());
        let has_room = |slot: Slot| !slot.is_absent() || self.has_room_for_opt_out(row);
        Candidate {
            record: 0,
            key,
            user,
            since: since.map_or(NO_DATE, |date| date.unix_time()),
            is_opted_out,
            takes_opt_out: opt_out.is_none_or(has_room),
            names: if compare.user.is_some() { self.names_written(row) } else { 0 },
        }
    }

    /// Appends the values of `[unique]`; `None` if one is missing. `kept`: those that came in.
    fn key(
        &self,
        row: usize,
        unique: &UniquePlan,
        kept: &[Slot],
        texts: &mut Texts,
    ) -> Option<usize> {
        let batch = &self.worker.batch;
        let text = Text { chunk: self.source.chunk, arena: &batch.arena };
        let slot = |number: usize, node: NodeIx| match unique.on {
            Compared::Input => kept.get(number).copied().unwrap_or(Slot::ABSENT),
            Compared::Output => batch.slot(row, node),
        };
        let by = || unique.by.iter().copied().enumerate();
        if by().any(|(number, node)| !has_text(slot(number, node))) {
            return None;
        }
        let start = texts.bytes.len();
        texts.bytes.extend_from_slice(KEY);
        let mut normal = Vec::new();
        for (number, node) in by() {
            let value = text.of(slot(number, node));
            let has_form = node == unique.address
                && unique.normalize != Normalize::None
                && unique.normalize.normalize(value, &mut normal);
            let value = if has_form { normal.as_slice() } else { value };
            // With its length, so that the values of two fields are never taken for others.
            texts.bytes.extend_from_slice(&value.len().to_le_bytes());
            texts.bytes.extend_from_slice(value);
        }
        Some(texts.end(start))
    }

    /// Whether a row without an opt-out is small enough for one. Near the limits of the target and of parts,
    /// rather not.
    fn has_room_for_opt_out(&self, row: usize) -> bool {
        let Worker { batch, policies, .. } = &*self.worker;
        let text = Text { chunk: self.source.chunk, arena: &batch.arena };
        let encoders = &self.stages.encoders;
        let most = self.stages.limits.max_endpoint_size();
        let bound = encoders.json.size_bound(batch, row, policies);
        let line_max = encoders.lines.iter().map(|output| output.line_max).min();
        if bound + MEMBER.len() <= most && line_max.is_none_or(|max| bound + MEMBER.len() <= max) {
            return true;
        }
        let mut json = Vec::new();
        encoders.json.encode(batch, row, text, policies, most, &mut json);
        // What is quoted in a line of CSV, it may have in addition.
        let quotes = if line_max.is_some() { json.len() } else { 0 };
        let size = json.len() + quotes + MEMBER.len();
        size <= most && line_max.is_none_or(|max| size <= max)
    }

    /// The number of names in the maps of a row that are written.
    fn names_written(&self, row: usize) -> u16 {
        let Worker { batch, policies, .. } = &*self.worker;
        let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
        let names = policies.verdicts();
        let written = entries.filter(|entry| !names.of(entry.name).dropped && !entry.is_removed());
        u16::try_from(written.count()).unwrap_or(u16::MAX)
    }
}

/// What an opt-out adds to a record.
const MEMBER: &str = "\"OptOut\":\"ALL\",";

/// An empty text identifies nobody.
fn has_text(slot: Slot) -> bool {
    slot.is_text() && !slot.is_empty()
}
