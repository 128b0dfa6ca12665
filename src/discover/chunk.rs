//! Looks at one chunk: the values of its fields, its records, and which checks they fail.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::form::InputForm;
use super::meaning::{Knowledge, Meaning};
use super::samples::Samples;
use super::tally::Tally;
use super::value::{Kind, Value};
use super::walk::walk;
use crate::decode::frame::{Dialect, LineEnd, record_at};
use crate::decode::{Format, cell_texts};
use crate::pipeline::{Block, Reject, Stages, Worker, process};
use crate::plan::Plan;
use crate::record::{Code, DescribedProblem};
use crate::schema::Role;

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
    places: HashMap<String, usize>,
}

pub(super) struct FieldFindings {
    pub(super) key: String,
    pub(super) meaning: Arc<Meaning>,
    pub(super) tally: Tally,
    pub(super) fails: BTreeMap<&'static str, u64>,
    pub(super) repairs: BTreeMap<Cow<'static, str>, u64>,
}

/// The memory of one thread, reused from chunk to chunk. Nothing in it influences the result.
pub struct ScanWorker {
    worker: Worker,
    /// What names mean.
    meanings: HashMap<String, Arc<Meaning>>,
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

/// A value in a record.
struct Found<'a> {
    key: &'a str,
    name: &'a str,
    record: u64,
    value: Value<'a>,
    /// `None`: it is from JSON.
    row: Option<Row<'a>>,
}

#[derive(Clone, Copy)]
struct Row<'a> {
    /// The channel of the row, as JSON.
    channel: Option<&'a str>,
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
        ScanWorker { worker: Worker::new(lens.plan, lens.stages), meanings: HashMap::new() }
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
    let mut findings = ChunkFindings {
        line_ends: line_ends(chunk, format.line_end()),
        ..ChunkFindings::default()
    };
    let mut samples = Samples::default();
    match format {
        Format::Csv(_) => findings.add_rows(lens, worker, chunk, format, form, &mut samples),
        Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => {
            findings.add_objects(lens, worker, chunk, format, &mut samples);
        }
    }
    for reject in rejects_of(lens, worker, &samples.lines, &SAMPLES).1 {
        let line = usize::try_from(reject.record).ok();
        let field = line.and_then(|line| samples.fields.get(line));
        if let Some(field) = field.and_then(|field| findings.fields.get_mut(*field)) {
            let own = field.meaning.field.clone().unwrap_or_default();
            reject.problems.iter().filter(|p| p.field == own).for_each(|p| field.add_problem(p));
        }
    }
    findings
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

/// A text in JSON.
fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

fn is_blank(row: &[u8], delimiter: u8) -> bool {
    row.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        || row.iter().all(|byte| *byte == delimiter)
}

/// The texts of a row's cells, or why it has none.
fn cells_of(row: &[u8], dialect: Dialect, form: &InputForm) -> Result<Vec<String>, Code> {
    let count = form.columns.len();
    if str::from_utf8(row).is_err() {
        return Err(Code::Utf8);
    }
    let mut cells = cell_texts(row, dialect);
    if form.pads_rows && cells.iter().skip(count).all(Vec::is_empty) {
        cells.resize(count, Vec::new());
    }
    if cells.len() != count {
        return Err(Code::CsvSyntax);
    }
    let texts = cells.into_iter().map(|cell| String::from_utf8(cell).map_err(|_not| Code::Utf8));
    texts.collect()
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

    /// Looks at records in JSON.
    fn add_objects(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        chunk: &[u8],
        format: &Format,
        samples: &mut Samples,
    ) {
        let (records, rejects) = rejects_of(lens, worker, chunk, format);
        self.records = records;
        let mut broken: HashSet<usize> = HashSet::new();
        for reject in &rejects {
            if let Some(code) = reject.problems.iter().find_map(undecodable) {
                *self.bad.entry(code).or_default() += 1;
                broken.insert(reject.offset);
            }
        }
        let (mut at, mut number) = (0, 0);
        while at < chunk.len() {
            let record = record_at(chunk, at, format.framing(), lens.plan.input.max_record);
            at = record.next.max(at + 1);
            if broken.contains(&record.start) {
                continue;
            }
            let text = str::from_utf8(record.bytes(chunk)).unwrap_or_default();
            let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
            let mut rest = text.trim_start_matches(is_space);
            // A line may hold several objects.
            while rest.starts_with('{') {
                number += 1;
                let mut visit = |path: &str, value: Value<'_>| {
                    let found = Found { key: path, name: path, record: number, value, row: None };
                    self.add(lens, worker, &found, samples);
                };
                let Some(length) = walk(rest, &mut visit) else { break };
                rest = rest.get(length..).unwrap_or_default().trim_ascii_start();
            }
        }
        for reject in &rejects {
            for problem in reject.problems.iter().filter(|problem| undecodable(problem).is_none()) {
                self.add_problem(problem);
            }
        }
    }

    /// Looks at the rows of CSV.
    fn add_rows(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        chunk: &[u8],
        format: &Format,
        form: &InputForm,
        samples: &mut Samples,
    ) {
        let Format::Csv(columns) = format else { return };
        let names = form.columns.iter().map(|column| column.name.as_deref().unwrap_or_default());
        let channel_path = lens.knowledge.role_path(Role::Channel);
        let channel = names.map(|name| worker.meaning(lens.knowledge, name));
        let channel = channel.into_iter().position(|m| m.field.as_deref() == Some(channel_path));
        let mut at = 0;
        while at < chunk.len() {
            let record = record_at(chunk, at, format.framing(), lens.plan.input.max_record);
            at = record.next.max(at + 1);
            let bytes = record.bytes(chunk);
            if record.problem.is_none() && is_blank(bytes, columns.dialect.delimiter) {
                continue;
            }
            self.records += 1;
            let cells = match record.problem {
                Some((code, _)) => Err(code),
                None => cells_of(bytes, columns.dialect, form),
            };
            match cells {
                Ok(cells) => self.add_row(lens, worker, &cells, form, channel, samples),
                Err(code) => *self.bad.entry(code.as_str()).or_default() += 1,
            }
        }
    }

    fn add_row(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        cells: &[String],
        form: &InputForm,
        channel: Option<usize>,
        samples: &mut Samples,
    ) {
        let json: Vec<String> = cells.iter().map(|cell| json_text(cell)).collect();
        let channel = channel.and_then(|channel| json.get(channel));
        let channel = channel.map(String::as_str).filter(|text| *text != "\"\"");
        let record = self.records;
        for ((column, cell), raw) in form.columns.iter().zip(cells).zip(&json) {
            let kind = if cell.is_empty() { Kind::Null } else { Kind::Text };
            let value = Value { kind, raw, is_item: false };
            let name = column.name.as_deref().unwrap_or_default();
            let row = Some(Row { channel });
            let found = Found { key: &column.key, name, record, value, row };
            self.add(lens, worker, &found, samples);
        }
    }

    /// Counts a value, and takes it as a sample if its field has another name in the schema.
    fn add(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        found: &Found<'_>,
        samples: &mut Samples,
    ) {
        let Found { key, name, record, value, row } = *found;
        // An empty map or object of the schema is nothing to tell about.
        if value.kind == Kind::Object && lens.knowledge.schema.node(key).is_some() {
            return;
        }
        let index = match self.places.get(key) {
            Some(index) => *index,
            None => self.new_field(key, worker.meaning(lens.knowledge, name)),
        };
        let Some(field) = self.fields.get_mut(index) else { return };
        field.tally.add(record, value, &field.meaning, lens.knowledge);
        // JSON under the schema's own names went through the stages as it is.
        if row.is_some() || field.meaning.field.as_deref() != Some(key) {
            let channel = row.and_then(|row| row.channel);
            samples.add(index, value, &field.meaning, channel, &lens.knowledge.schema);
        }
    }

    fn new_field(&mut self, key: &str, meaning: Arc<Meaning>) -> usize {
        let index = self.fields.len();
        self.places.insert(key.to_owned(), index);
        self.fields.push(FieldFindings {
            key: key.to_owned(),
            meaning,
            tally: Tally::default(),
            fails: BTreeMap::new(),
            repairs: BTreeMap::new(),
        });
        index
    }

    /// Counts a problem of a record at the field that has it, if that is there.
    fn add_problem(&mut self, problem: &DescribedProblem) {
        let index = self.places.get(&problem.field);
        if let Some(field) = index.and_then(|index| self.fields.get_mut(*index)) {
            field.add_problem(problem);
        }
    }
}

impl FieldFindings {
    fn add_problem(&mut self, problem: &DescribedProblem) {
        *self.fails.entry(problem.code).or_default() += 1;
        if !problem.repair.is_empty() {
            *self.repairs.entry(problem.repair.clone()).or_default() += 1;
        }
    }
}
