//! Processes chunks through all stages without files: what a record becomes, or why it is rejected.

use std::{cell::RefCell, collections::BTreeMap, path::Path, sync::Arc};

use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::definition::Environment;
use segprep::encode::CsvColumn;
use segprep::pipeline::{self, Block, Stages, Worker};
use segprep::plan::{self, Entries, ListSpec, Plan};
use segprep::record::DescribedProblem;
use segprep::schema::Schema;
use segprep::transform::MasterKey;

/// Accepts every kind of record and keeps every field. Append outputs to it, and before them further
/// settings of the account.
pub(crate) const KEEPS_EVERYTHING: &str = r#"
segprep = 1
name = "keeps-everything"
purpose = "messaging"

[input]
from = ["input/"]
unknown = "drop"
inactive = "keep"
kinds = ["endpoint", "update", "user"]

[fields]
"*" = "keep"

[account]
to = "account/"
"#;

const INTO_JSON: &str = r#"
[[output]]
to = "import/"
format = "pinpoint-json"
"#;

/// All stages of a plan, with one worker for all chunks.
pub(crate) struct InProcess {
    pub(crate) plan: Plan,
    pub(crate) stages: Stages,
    worker: RefCell<Worker>,
}

impl InProcess {
    /// A plan that keeps every field; `sets` are arguments of `--set`.
    pub(crate) fn keeping_everything(schema: Schema, sets: &[&str]) -> InProcess {
        let text = format!("{KEEPS_EVERYTHING}{INTO_JSON}");
        InProcess::of("keeps-everything.toml", &text, schema, sets)
    }

    /// The plan of a definition; `sets` are arguments of `--set`. Keys are the demo key, lists are empty.
    pub(crate) fn of(file: &str, text: &str, schema: Schema, sets: &[&str]) -> InProcess {
        InProcess::with_lists(file, text, schema, sets, |_| Entries::default())
    }

    /// Like [`InProcess::of`], with the entries of each list.
    pub(crate) fn with_lists(
        file: &str,
        text: &str,
        schema: Schema,
        sets: &[&str],
        entries: impl Fn(&ListSpec) -> Entries,
    ) -> InProcess {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let around = Environment {
            env: &|_| None,
            date: "2026-11-23",
            run: "20261123T020000Z",
            real_path: &Path::to_path_buf,
        };
        let (definition, rules) = plan::check(file, text, &sets, &around, &schema)
            .unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
        let keys = BTreeMap::from([("demo".to_owned(), MasterKey::demo())]);
        let specs = ListSpec::all(&definition, &rules, &schema, &keys).expect("all keys");
        let read = |spec: ListSpec| {
            let entries = entries(&spec);
            spec.with_entries(entries)
        };
        let lists = specs.into_iter().map(read).collect();
        let plan = Plan::new(&definition, rules, Arc::new(schema), keys, lists).expect("a plan");
        InProcess::compiled(plan, &[])
    }

    /// The same plan with columns for the CSV outputs that name none.
    pub(crate) fn with_columns(self, columns: &[CsvColumn]) -> InProcess {
        InProcess::compiled(self.plan, columns)
    }

    fn compiled(plan: Plan, columns: &[CsvColumn]) -> InProcess {
        let stages = Stages::new(&plan, columns);
        let worker = RefCell::new(Worker::new(&plan, &stages));
        InProcess { plan, stages, worker }
    }

    /// Discards what the worker has learned from earlier records.
    pub(crate) fn forget(&self) {
        self.worker.replace(Worker::new(&self.plan, &self.stages));
    }

    /// Processes all records of `chunk` from the byte `from` on.
    pub(crate) fn block(&self, chunk: &[u8], from: usize, format: &Format) -> Block {
        let (block, next) = self.next_block(chunk, from, format, usize::MAX);
        assert_eq!(next, chunk.len(), "the whole chunk is processed");
        block
    }

    /// Processes records until the block has about `block_bytes`. Returns the offset of the next record
    /// too.
    pub(crate) fn next_block(
        &self,
        chunk: &[u8],
        from: usize,
        format: &Format,
        block_bytes: usize,
    ) -> (Block, usize) {
        let mut block = Block::for_rules(self.plan.rules.len());
        let (plan, stages) = (&self.plan, &self.stages);
        let mut worker = self.worker.borrow_mut();
        let next = pipeline::process(
            plan,
            stages,
            &mut worker,
            chunk,
            from,
            format,
            block_bytes,
            &mut block,
        );
        (block, next)
    }

    /// The problems of a line of JSON; none if it is written.
    pub(crate) fn problems(&self, line: &[u8]) -> Vec<DescribedProblem> {
        let mut block = self.block(line, 0, &Format::JsonLines(LineEnd::Newline));
        assert_eq!(block.read, 1, "a line is one record");
        assert_eq!(block.written() + block.rejected(), 1, "a record has one outcome");
        let problems = block.rejects.pop().map(|reject| reject.problems).unwrap_or_default();
        assert_eq!(block.written() == 1, problems.is_empty(), "only rejects have problems");
        problems
    }
}
