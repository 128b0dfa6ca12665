//! Looks at one chunk: the values of its fields, its records, and which checks they fail.

mod columns;
mod objects;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::form::InputForm;
use super::meaning::{Knowledge, Meaning};
use super::samples::Samples;
use super::tally::{Tally, Values};
use super::value::{KINDS, Value};
use crate::decode::frame::{Dialect, LineEnd, Record, record_at};
use crate::decode::{Format, each_cell_text};
use crate::pipeline::{Block, Reject, Stages, Worker, process};
use crate::plan::Plan;
use crate::record::{Code, DescribedProblem, describe_name, join};

use columns::ColumnsOf;
use objects::ObjectValues;

/// What a scan has found in one chunk.
#[derive(Default)]
pub struct ChunkFindings {
    pub(super) records: u64,
    /// Records that cannot be read, by code.
    pub(super) bad: BTreeMap<&'static str, u64>,
    /// Line ends that are CR LF, that end with LF, and that are CR alone.
    pub(super) line_ends: [u64; 3],
    /// The fields in the order of their first appearance.
    pub(super) fields: Vec<FieldFindings>,
    /// Records that lack a field which no record of the chunk has.
    pub(super) missing: BTreeMap<String, u64>,
    /// Values under names that are too long to be told apart.
    pub(super) left_out: u64,
}

pub(super) struct FieldFindings {
    pub(super) key: String,
    pub(super) meaning: Arc<Meaning>,
    /// Records that have the field.
    pub(super) present: u64,
    pub(super) types: [u64; KINDS],
    pub(super) tally: Tally,
    pub(super) fails: BTreeMap<&'static str, u64>,
    pub(super) repairs: BTreeMap<Cow<'static, str>, u64>,
}

/// The memory of one thread, reused from chunk to chunk. Nothing in it influences the result.
pub struct ScanWorker {
    worker: Worker,
    /// What names mean.
    meanings: HashMap<String, Arc<Meaning>>,
    /// The number of different values that each field of the last chunk had: the next one is probably like it.
    room: Vec<usize>,
}

impl fmt::Debug for ChunkFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkFindings({} records)", self.records)
    }
}

impl fmt::Debug for ScanWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScanWorker")
    }
}

/// Once a worker has met more names, it forgets all of them.
const MEANINGS_MAX: usize = 10_000;
/// The format of samples.
const SAMPLES: Format = Format::JsonLines(LineEnd::Newline);
/// When a block of the stages is full. What they write is not used.
const BLOCK_BYTES: usize = 1 << 20;

/// The values of a chunk while it is read.
#[derive(Default)]
struct Reading<'c> {
    findings: ChunkFindings,
    /// Of each field in `findings`.
    values: Vec<Values<'c>>,
    places: HashMap<String, usize, RandomState>,
    /// The field that is expected next: records of one producer have their fields in one order.
    next: usize,
    /// The number of different values for which each field has room from the start.
    room: Vec<usize>,
}

/// What is the same for all chunks.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    pub knowledge: &'a Knowledge,
    /// Keeps every field.
    pub plan: &'a Plan,
    pub stages: &'a Stages,
}

impl ScanWorker {
    pub fn new(lens: &Lens<'_>) -> ScanWorker {
        ScanWorker {
            worker: Worker::new(lens.plan, lens.stages),
            meanings: HashMap::new(),
            room: Vec::new(),
        }
    }

    fn meaning(&mut self, knowledge: &Knowledge, name: &str) -> Arc<Meaning> {
        if let Some(meaning) = self.meanings.get(name) {
            return Arc::clone(meaning);
        }
        if MEANINGS_MAX <= self.meanings.len() {
            self.meanings.clear();
        }
        let meaning = Arc::new(knowledge.meaning(name));
        self.meanings.insert(name.to_owned(), Arc::clone(&meaning));
        meaning
    }
}

/// Looks at all records of a chunk.
pub fn look_at(
    lens: &Lens<'_>,
    worker: &mut ScanWorker,
    chunk: &[u8],
    format: &Format,
    form: &InputForm,
) -> ChunkFindings {
    let mut reading = Reading { room: mem::take(&mut worker.room), ..Reading::default() };
    reading.findings.line_ends = line_ends(chunk, format.line_end());
    match format {
        Format::Csv(_) => reading.add_rows(lens, worker, chunk, format, form),
        Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => {
            reading.add_objects(lens, worker, chunk, format);
        }
    }
    reading.finish(lens, worker, matches!(format, Format::Csv(_)))
}

/// Takes records through the stages. Returns how many there are, and those that are rejected.
fn rejects_of(
    lens: &Lens<'_>,
    worker: &mut ScanWorker,
    chunk: &[u8],
    format: &Format,
) -> (u64, Vec<Reject>) {
    let Lens { plan, stages, .. } = *lens;
    let (mut at, mut read, mut rejects) = (0, 0, Vec::new());
    while at < chunk.len() {
        let mut block = Block::for_rules(plan.rules.len());
        at = process(plan, stages, &mut worker.worker, chunk, at, format, BLOCK_BYTES, &mut block);
        let shifted = |reject: Reject| Reject { record: reject.record + read, ..reject };
        rejects.extend(std::mem::take(&mut block.rejects).into_iter().map(shifted));
        read += block.read;
    }
    (read, rejects)
}

/// The code of a problem that makes a record unreadable.
fn undecodable(problem: &DescribedProblem) -> Option<&'static str> {
    const CODES: [Code; 6] = [
        Code::JsonSyntax,
        Code::CsvSyntax,
        Code::Utf8,
        Code::DuplicateKey,
        Code::TooDeep,
        Code::TooLongRecord,
    ];
    let is_code = CODES.iter().any(|code| code.as_str() == problem.code);
    (is_code || problem.field.is_empty()).then_some(problem.code)
}

fn is_blank(row: &[u8], delimiter: u8) -> bool {
    row.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        || row.iter().all(|byte| *byte == delimiter)
}

/// The text of a record. `whole`: that of its chunk, if all of it is UTF-8.
fn text_of<'c>(chunk: &'c [u8], whole: Option<&'c str>, record: &Record) -> Option<&'c str> {
    match whole {
        Some(text) => text.get(record.start..record.end),
        None => str::from_utf8(record.bytes(chunk)).ok(),
    }
}

/// Reads the texts of a row's cells, or says why it has none.
fn read_cells<'c>(
    row: &'c str,
    dialect: Dialect,
    form: &InputForm,
    cells: &mut Vec<Cow<'c, str>>,
) -> Result<(), Code> {
    let count = form.columns.len();
    cells.clear();
    each_cell_text(row, dialect, |cell| cells.push(cell));
    if form.pads_rows && cells.iter().skip(count).all(|cell| cell.is_empty()) {
        cells.resize(count, Cow::Borrowed(""));
    }
    if cells.len() == count { Ok(()) } else { Err(Code::CsvSyntax) }
}

/// The number of line ends that are CR LF, that end with LF, and that are CR alone.
fn line_ends(chunk: &[u8], line_end: LineEnd) -> [u64; 3] {
    let count = |number: usize| u64::try_from(number).expect("fewer than 2^64 line ends");
    let all = memchr::memchr_iter(b'\n', chunk);
    let with_cr = all.clone().filter(|at| *at > 0 && chunk.get(at - 1) == Some(&b'\r')).count();
    let alone = match line_end {
        LineEnd::Newline => 0,
        LineEnd::Return => memchr::memchr_iter(b'\r', chunk).count() - with_cr,
    };
    [count(with_cr), count(all.count()), count(alone)]
}

impl ChunkFindings {
    /// The number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// A record that is too long to be held.
    pub fn of_bad_record(code: Code) -> ChunkFindings {
        let bad = BTreeMap::from([(code.as_str(), 1)]);
        ChunkFindings { records: 1, bad, ..ChunkFindings::default() }
    }
}

impl<'c> Reading<'c> {
    /// Looks at records in JSON.
    fn add_objects(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        chunk: &'c [u8],
        format: &Format,
    ) {
        let (records, rejects) = rejects_of(lens, worker, chunk, format);
        self.findings.records = records;
        let mut broken: HashSet<usize> = HashSet::new();
        for reject in &rejects {
            if let Some(code) = reject.problems.iter().find_map(undecodable) {
                *self.findings.bad.entry(code).or_default() += 1;
                broken.insert(reject.offset);
            }
        }
        let mut values = ObjectValues::new(self, lens, worker);
        let (mut at, whole) = (0, simdutf8::basic::from_utf8(chunk).ok());
        while at < chunk.len() {
            let record = record_at(chunk, at, format.framing(), lens.plan.input.max_record);
            at = record.next.max(at + 1);
            if broken.contains(&record.start) {
                continue;
            }
            let text = text_of(chunk, whole, &record).unwrap_or_default();
            let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
            let mut rest = text.trim_start_matches(is_space);
            // A line may hold several objects.
            while rest.starts_with('{') {
                let Some(length) = values.walk(rest) else { break };
                rest = rest.get(length..).unwrap_or_default().trim_ascii_start();
            }
        }
        let mut described = HashMap::new();
        for reject in &rejects {
            for problem in reject.problems.iter().filter(|problem| undecodable(problem).is_none()) {
                let index = self.place_of(problem, &mut described);
                let field = index.and_then(|index| self.findings.fields.get_mut(index));
                if let Some(field) = field {
                    field.add_problem(problem, 1);
                } else if problem.code == Code::Missing.as_str() {
                    *self.findings.missing.entry(problem.field.clone()).or_default() += 1;
                }
            }
        }
    }

    /// The index of the field that has a problem. `described`: what was found for names that are not shown.
    fn place_of(
        &self,
        problem: &DescribedProblem,
        described: &mut HashMap<String, Option<usize>>,
    ) -> Option<usize> {
        let whole = problem.whole.as_ref().map(|(whole, _)| whole.as_str());
        let place = self.places.get(whole.unwrap_or(&problem.field)).copied();
        let (within, _) = match place {
            None => problem.field.rsplit_once(".(name of ")?,
            Some(place) => return Some(place),
        };
        if let Some(known) = described.get(&problem.field) {
            return *known;
        }
        let is_so = |key: &str| {
            let name = key.strip_prefix(within).and_then(|name| name.strip_prefix('.'));
            name.is_some_and(|name| problem.field == join(within, &describe_name(name)))
        };
        // If several names have this length, nobody can tell which one has the problem.
        let mut alike = self.places.iter().filter(|(key, _)| is_so(key)).map(|(_, place)| *place);
        let found = alike.next().filter(|_| alike.next().is_none());
        described.insert(problem.field.clone(), found);
        found
    }

    /// Looks at the rows of CSV.
    fn add_rows(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        chunk: &'c [u8],
        format: &Format,
        form: &InputForm,
    ) {
        let Format::Csv(columns) = format else { return };
        let mut columns_of = ColumnsOf::new(lens, worker, form);
        let (mut at, mut cells) = (0, Vec::new());
        let whole = simdutf8::basic::from_utf8(chunk).ok();
        while at < chunk.len() {
            let record = record_at(chunk, at, format.framing(), lens.plan.input.max_record);
            at = record.next.max(at + 1);
            let bytes = record.bytes(chunk);
            if record.problem.is_none() && is_blank(bytes, columns.dialect.delimiter) {
                continue;
            }
            self.findings.records += 1;
            let read = if let Some((code, _)) = record.problem {
                Err(code)
            } else {
                let row = text_of(chunk, whole, &record).ok_or(Code::Utf8);
                row.and_then(|row| read_cells(row, columns.dialect, form, &mut cells))
            };
            match read {
                Ok(()) => {
                    if columns_of.fields.is_empty() {
                        columns_of.fields = self.fields_of(lens, worker, form);
                    }
                    self.add_row(&mut cells, &columns_of);
                }
                Err(code) => *self.findings.bad.entry(code.as_str()).or_default() += 1,
            }
        }
    }

    /// The indices of the fields of columns.
    fn fields_of(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        form: &InputForm,
    ) -> Vec<usize> {
        let fields = form.columns.iter().map(|column| {
            let name = column.name.as_deref().unwrap_or_default();
            self.field(lens, worker, &column.key, name)
        });
        fields.collect()
    }

    fn add_row(&mut self, cells: &mut [Cow<'c, str>], columns_of: &ColumnsOf) {
        let channel = columns_of.channel.and_then(|channel| cells.get(channel)).cloned();
        let channel = channel.filter(|channel| !channel.is_empty());
        let record = self.findings.records;
        if columns_of.lacks_identity(cells, channel.is_some()) {
            let address = columns_of.address.and_then(|column| columns_of.fields.get(column));
            let field = address.and_then(|field| self.findings.fields.get_mut(*field));
            if let Some(field) = field {
                *field.fails.entry(Code::Missing.as_str()).or_default() += 1;
            }
        }
        let columns = columns_of.fields.iter().zip(&columns_of.addresses).zip(cells);
        for ((field, depends), cell) in columns {
            let channel = channel.as_ref().filter(|_| *depends);
            self.add(*field, record, &Value::cell(mem::take(cell)), channel);
        }
    }

    /// The index of a field.
    fn field(&mut self, lens: &Lens<'_>, worker: &mut ScanWorker, key: &str, name: &str) -> usize {
        let is_next = self.findings.fields.get(self.next).is_some_and(|field| field.key == key);
        let index = if is_next { Some(self.next) } else { self.places.get(key).copied() };
        let index = index.unwrap_or_else(|| {
            let index = self.findings.fields.len();
            self.places.insert(key.to_owned(), index);
            self.values.push(Values::with_room(self.room.get(index).copied().unwrap_or(0)));
            let meaning = worker.meaning(lens.knowledge, name);
            self.findings.fields.push(FieldFindings::new(key, meaning));
            index
        });
        self.next = index + 1;
        index
    }

    fn add(
        &mut self,
        index: usize,
        record: u64,
        value: &Value<'c>,
        channel: Option<&Cow<'c, str>>,
    ) {
        if let Some(values) = self.values.get_mut(index) {
            values.add(record, value, channel);
        }
    }

    /// Looks at the values. `is_csv`: no value went through the stages yet; of JSON, those under the
    /// schema's own names did.
    fn finish(self, lens: &Lens<'_>, worker: &mut ScanWorker, is_csv: bool) -> ChunkFindings {
        let Reading { mut findings, values, .. } = self;
        worker.room = values.iter().map(|values| values.different.len()).collect();
        let mut samples = Samples::default();
        let fields = findings.fields.iter_mut().zip(values).enumerate();
        for (index, (field, values)) in fields {
            if is_csv || field.meaning.field.as_deref() != Some(&*field.key) {
                let schema = &lens.knowledge.schema;
                samples.add_all(index, &values, &field.meaning, schema, lens.stages);
            }
            field.present = values.present;
            field.types = values.types;
            field.tally = Tally::of(&values, &field.meaning, lens.knowledge);
        }
        for reject in rejects_of(lens, worker, &samples.lines, &SAMPLES).1 {
            let line = usize::try_from(reject.record).ok();
            let Some((field, count)) = line.and_then(|line| samples.fields.get(line)) else {
                continue;
            };
            if let Some(field) = findings.fields.get_mut(*field) {
                let own = field.meaning.field.clone().unwrap_or_default();
                let map = lens.knowledge.map_of(&own);
                // A name in a map may be described. The record has no other field in one.
                let is_own = |problem: &&DescribedProblem| match map {
                    Some(map) => {
                        problem.field.strip_prefix(map).is_some_and(|name| name.starts_with('.'))
                    }
                    None => problem.field == own,
                };
                let problems = reject.problems.iter().filter(is_own);
                problems.for_each(|problem| field.add_problem(problem, *count));
            }
        }
        findings
    }
}

impl FieldFindings {
    fn new(key: &str, meaning: Arc<Meaning>) -> FieldFindings {
        FieldFindings {
            key: key.to_owned(),
            meaning,
            present: 0,
            types: [0; KINDS],
            tally: Tally::default(),
            fails: BTreeMap::new(),
            repairs: BTreeMap::new(),
        }
    }

    fn add_problem(&mut self, problem: &DescribedProblem, count: u64) {
        *self.fails.entry(problem.code).or_default() += count;
        if !problem.repair.is_empty() {
            *self.repairs.entry(problem.repair.clone()).or_default() += count;
        }
    }
}
