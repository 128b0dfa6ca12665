//! Looks at one chunk: the values of its fields, its records, and which checks they fail.

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
use super::tree::{NodeAt, Tree};
use super::value::{KINDS, Kind, Value};
use super::walk::{Visit, walk};
use crate::decode::frame::{Dialect, LineEnd, record_at};
use crate::decode::{Format, each_cell_text};
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
    let mut reading = Reading::default();
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

/// Reads the texts of a row's cells, or says why it has none.
fn read_cells<'c>(
    row: &'c [u8],
    dialect: Dialect,
    form: &InputForm,
    cells: &mut Vec<Cow<'c, str>>,
) -> Result<(), Code> {
    let count = form.columns.len();
    let row = str::from_utf8(row).map_err(|_not| Code::Utf8)?;
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
        let mut values = ObjectValues {
            reading: self,
            lens,
            worker,
            tree: Tree::new(),
            way: Vec::new(),
            record: 0,
        };
        let mut at = 0;
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
                let Some(length) = values.walk(rest) else { break };
                rest = rest.get(length..).unwrap_or_default().trim_ascii_start();
            }
        }
        for reject in &rejects {
            for problem in reject.problems.iter().filter(|problem| undecodable(problem).is_none()) {
                let index = self.places.get(&problem.field);
                if let Some(field) = index.and_then(|index| self.findings.fields.get_mut(*index)) {
                    field.add_problem(problem, 1);
                }
            }
        }
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
        let columns_of = ColumnsOf::new(lens, worker, form);
        let (mut at, mut cells) = (0, Vec::new());
        while at < chunk.len() {
            let record = record_at(chunk, at, format.framing(), lens.plan.input.max_record);
            at = record.next.max(at + 1);
            let bytes = record.bytes(chunk);
            if record.problem.is_none() && is_blank(bytes, columns.dialect.delimiter) {
                continue;
            }
            self.findings.records += 1;
            let read = match record.problem {
                Some((code, _)) => Err(code),
                None => read_cells(bytes, columns.dialect, form, &mut cells),
            };
            match read {
                Ok(()) => self.add_row(lens, worker, &mut cells, form, &columns_of),
                Err(code) => *self.findings.bad.entry(code.as_str()).or_default() += 1,
            }
        }
    }

    fn add_row(
        &mut self,
        lens: &Lens<'_>,
        worker: &mut ScanWorker,
        cells: &mut [Cow<'c, str>],
        form: &InputForm,
        columns_of: &ColumnsOf,
    ) {
        let channel = columns_of.channel.and_then(|channel| cells.get(channel)).cloned();
        let channel = channel.filter(|channel| !channel.is_empty());
        let record = self.findings.records;
        self.next = 0;
        for (column, (form, cell)) in form.columns.iter().zip(cells).enumerate() {
            let name = form.name.as_deref().unwrap_or_default();
            let index = self.field(lens, worker, &form.key, name);
            let depends = columns_of.addresses.get(column).is_some_and(|is_address| *is_address);
            let channel = channel.as_ref().filter(|_| depends);
            self.add(index, record, &Value::cell(mem::take(cell)), channel);
        }
    }

    /// The index of a field.
    fn field(&mut self, lens: &Lens<'_>, worker: &mut ScanWorker, key: &str, name: &str) -> usize {
        let is_next = self.findings.fields.get(self.next).is_some_and(|field| field.key == key);
        let index = if is_next { Some(self.next) } else { self.places.get(key).copied() };
        let index = index.unwrap_or_else(|| {
            let index = self.findings.fields.len();
            self.places.insert(key.to_owned(), index);
            self.values.push(Values::default());
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
        let mut samples = Samples::default();
        let fields = findings.fields.iter_mut().zip(values).enumerate();
        for (index, (field, values)) in fields {
            if is_csv || field.meaning.field.as_deref() != Some(&*field.key) {
                for seen in &values.different {
                    samples.add(index, seen, &field.meaning, &lens.knowledge.schema);
                }
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
                let problems = reject.problems.iter().filter(|problem| problem.field == own);
                problems.for_each(|problem| field.add_problem(problem, *count));
            }
        }
        findings
    }
}

/// Takes the values of records in JSON.
struct ObjectValues<'r, 'l, 'c> {
    reading: &'r mut Reading<'c>,
    lens: &'r Lens<'l>,
    worker: &'r mut ScanWorker,
    tree: Tree<'c>,
    /// The nodes of the names on the way to the next value.
    way: Vec<NodeAt>,
    /// The number of the record, from 1.
    record: u64,
}

impl<'c> ObjectValues<'_, '_, 'c> {
    /// Takes those of the object with which a text begins, and returns its length. `None`: it is not valid.
    fn walk(&mut self, text: &'c str) -> Option<usize> {
        self.record += 1;
        self.way.clear();
        self.tree.begin(Tree::ROOT);
        walk(text, self)
    }

    fn at(&self) -> NodeAt {
        self.way.last().copied().unwrap_or(Tree::ROOT)
    }

    /// The index of the field of a value here. `None`: it has none.
    fn field(&mut self, value: &Value<'_>) -> Option<usize> {
        let (kind, is_scalar) = (value.kind, value.is_scalar());
        let at = self.at();
        let known = self.tree.field(at);
        if known.is_some() && kind != Kind::Object {
            return known;
        }
        let Some(path) = self.tree.path(at) else {
            self.reading.findings.left_out += u64::from(is_scalar);
            return None;
        };
        // An empty map or object of the schema is nothing to tell about.
        if kind == Kind::Object && self.lens.knowledge.schema.node(path).is_some() {
            return None;
        }
        let index = self.reading.field(self.lens, self.worker, path, path);
        self.tree.set_field(at, index);
        Some(index)
    }
}

impl<'c> Visit<'c> for ObjectValues<'_, '_, 'c> {
    fn enter(&mut self, name: &'c str) -> Option<()> {
        let member = self.tree.member(self.at(), name)?;
        self.way.push(member);
        Some(())
    }

    fn leave(&mut self) {
        self.way.pop();
    }

    fn value(&mut self, value: Value<'c>) {
        if let Some(index) = self.field(&value) {
            self.reading.add(index, self.record, &value, None);
        }
    }
}

/// Which columns of CSV are what decides how others are checked.
struct ColumnsOf {
    channel: Option<usize>,
    /// By column: whether it depends on the channel.
    addresses: Vec<bool>,
}

impl ColumnsOf {
    fn new(lens: &Lens<'_>, worker: &mut ScanWorker, form: &InputForm) -> ColumnsOf {
        let names = form.columns.iter().map(|column| column.name.as_deref().unwrap_or_default());
        let fields = names.map(|name| worker.meaning(lens.knowledge, name));
        let fields: Vec<Arc<Meaning>> = fields.collect();
        let is = |meaning: &Arc<Meaning>, role| {
            meaning.field.as_deref() == Some(lens.knowledge.role_path(role))
        };
        ColumnsOf {
            channel: fields.iter().position(|meaning| is(meaning, Role::Channel)),
            addresses: fields.iter().map(|meaning| is(meaning, Role::Address)).collect(),
        }
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
