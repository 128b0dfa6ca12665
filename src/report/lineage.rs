//! `lineage.ndjson`: a run as events of OpenLineage 2-0-2, which catalogues of data read.
//!
//! A run has two events: START, and COMPLETE if its result is published, FAIL if it exceeded a budget. The second
//! one says which field of the inputs each field of the outputs comes from, what was done to it, and whether that
//! hides the person (`masking`). `run/account/lineage.rs` finds out what is needed. The events have only what the manifest
//! shows and what the definition says: names of fields, counts and places, and no value.
//!
//! `tests/openlineage/` has the schemas that the events are held to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::json::json_line;
use super::manifest::{Manifest, Status};
use crate::definition::OpSpec;

/// Where the specification has its schemas.
const SPEC: &str = "https://openlineage.io/spec";
/// The namespace of jobs: their names are those of definitions.
const NAMESPACE: &str = "segprep";

/// A folder, file, prefix or stream, by the naming rules of OpenLineage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dataset {
    /// `file`, or `s3://BUCKET`.
    pub namespace: String,
    /// A path, or the key of an object or its prefix.
    pub name: String,
}

/// What is known of a run when it begins.
#[derive(Clone, Debug)]
pub struct LineageRun {
    /// A UUID.
    pub id: String,
    /// The name of the definition.
    pub job: String,
    /// What identifies the run to people: names and values.
    pub tags: Vec<(String, String)>,
    pub started: String,
    pub inputs: Vec<Dataset>,
    /// Suppression lists.
    pub lists: Vec<Dataset>,
    /// In the order of the definition, with their formats.
    pub outputs: Vec<(Dataset, &'static str)>,
}

/// A field that was written.
#[derive(Clone, Debug)]
pub struct LineageColumn {
    /// As it may be shown.
    pub name: String,
    pub type_name: &'static str,
    /// The names of the input that its values come from; empty for a constant of the definition.
    pub from: Vec<String>,
    pub op: &'static str,
    /// Whether the operation hides what the value says about a person.
    pub masks: bool,
    /// The names of the input that its operation depends on besides, as that of dates on a person.
    pub by: Vec<String>,
}

/// What is known of a run when it has ended.
#[derive(Clone, Debug, Default)]
pub struct LineageColumns {
    pub columns: Vec<LineageColumn>,
    /// The names of the input that were read and are not written.
    pub dropped: BTreeSet<String>,
    /// The names of the input by which records are left out.
    pub filters: BTreeSet<String>,
}

/// Whether an operation hides what a value says about a person. `map` may leave it as clear as it was.
pub fn masks(op: &OpSpec) -> bool {
    match op {
        OpSpec::Keep | OpSpec::Drop | OpSpec::Map(_) => false,
        OpSpec::Redact { .. }
        | OpSpec::Mask { .. }
        | OpSpec::Hmac(_)
        | OpSpec::DateTrunc(_)
        | OpSpec::DateShift(_)
        | OpSpec::Round(_)
        | OpSpec::Bucket { .. }
        | OpSpec::Geo { .. }
        | OpSpec::Scrub(_) => true,
    }
}

/// The lines of the file, for a run that ended by its own rules.
pub fn lineage_lines(run: &LineageRun, columns: &LineageColumns, manifest: &Manifest) -> String {
    let is_published = manifest.status == Status::Published;
    let mut facets = run.facets();
    if !is_published {
        let message = over_budget(manifest);
        let message = json!({ "message": message, "programmingLanguage": "RUST" });
        facets.insert("errorMessage".to_owned(), facet("1-0-1/ErrorMessageRunFacet", message));
    }
    let kind = if is_published { "COMPLETE" } else { "FAIL" };
    let (inputs, outputs) =
        (run.inputs_read(columns, manifest), run.outputs_written(columns, manifest));
    let end = run.event(kind, &manifest.finished, &facets, &inputs, &outputs);
    format!("{}\n{}\n", json_line(&run.start()), json_line(&end))
}

/// The lines of the file, for a run that failed, or was interrupted. What went wrong is no business of a catalogue: the
/// run's own messages say it.
pub fn failure_lines(run: &LineageRun, is_interrupted: bool, time: &str) -> String {
    let mut facets = run.facets();
    if !is_interrupted {
        let message = "the run failed, and nothing was published";
        let message = json!({ "message": message, "programmingLanguage": "RUST" });
        facets.insert("errorMessage".to_owned(), facet("1-0-1/ErrorMessageRunFacet", message));
    }
    let kind = if is_interrupted { "ABORT" } else { "FAIL" };
    let (inputs, outputs) = run.datasets();
    let end = run.event(kind, time, &facets, &inputs, &outputs);
    format!("{}\n{}\n", json_line(&run.start()), json_line(&end))
}

/// Which budgets a run exceeded.
fn over_budget(manifest: &Manifest) -> String {
    let named = manifest.exceeded.iter().map(|exceeded| match (&exceeded.budget, &exceeded.rule) {
        (Some(budget), Some(rule)) => format!("`{budget}` for the rule of `{}`", rule.path),
        (Some(budget), None) => format!("`{budget}`"),
        (None, _) => "no record would be written".to_owned(),
    });
    let what = if manifest.writes_to_standard_output() {
        "the records that went to standard output must not be used"
    } else {
        "nothing was published"
    };
    let named = named.collect::<Vec<_>>().join(", ");
    format!("{what}, because a budget was exceeded: {named}")
}

impl LineageRun {
    fn start(&self) -> Value {
        let (inputs, outputs) = self.datasets();
        self.event("START", &self.started, &self.facets(), &inputs, &outputs)
    }

    /// The names of inputs and outputs, without what is known of them at the end.
    fn datasets(&self) -> (Vec<Value>, Vec<Value>) {
        let inputs = self.inputs.iter().chain(&self.lists);
        let outputs = self.outputs.iter().map(|(dataset, _)| dataset.named(&Map::new()));
        (inputs.map(|dataset| dataset.named(&Map::new())).collect(), outputs.collect())
    }

    fn event(
        &self,
        kind: &str,
        time: &str,
        facets: &Map<String, Value>,
        inputs: &[Value],
        outputs: &[Value],
    ) -> Value {
        let job_type =
            json!({ "processingType": "BATCH", "integration": "SEGPREP", "jobType": "JOB" });
        let job_type = facet("2-0-4/JobTypeJobFacet", job_type);
        json!({
            "eventType": kind,
            "eventTime": time,
            "producer": producer(),
            "schemaURL": format!("{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
            "run": { "runId": self.id, "facets": facets },
            "job": { "namespace": NAMESPACE, "name": self.job, "facets": { "jobType": job_type } },
            "inputs": inputs,
            "outputs": outputs,
        })
    }

    /// The facets that both events of a run have.
    fn facets(&self) -> Map<String, Value> {
        let engine = json!({ "name": "segprep", "version": env!("CARGO_PKG_VERSION") });
        let tag = |(key, value): &(String, String)| json!({ "key": key, "value": value, "source": "SEGPREP" });
        let tags = json!({ "tags": self.tags.iter().map(tag).collect::<Vec<_>>() });
        Map::from_iter([
            ("processing_engine".to_owned(), facet("1-1-1/ProcessingEngineRunFacet", engine)),
            ("tags".to_owned(), facet("1-0-0/TagsRunFacet", tags)),
        ])
    }

    /// The inputs with their fields. Counts are known of all inputs together, so only a single one has them.
    fn inputs_read(&self, columns: &LineageColumns, manifest: &Manifest) -> Vec<Value> {
        let written =
            columns.columns.iter().flat_map(|column| column.from.iter().chain(&column.by));
        let names: BTreeSet<&String> =
            written.chain(&columns.dropped).chain(&columns.filters).collect();
        let fields: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        let schema = facet("1-2-0/SchemaDatasetFacet", json!({ "fields": fields }));
        let statistics = json!({
            "rowCount": manifest.inputs.rows.unwrap_or(manifest.records.read),
            "size": manifest.inputs.bytes,
            "fileCount": manifest.inputs.files,
        });
        let mut inputs: Vec<Value> = (self.inputs.iter())
            .map(|dataset| dataset.named(&Map::from_iter([("schema".to_owned(), schema.clone())])))
            .collect();
        if let [Value::Object(input)] = inputs.as_mut_slice() {
            let statistics = facet("1-0-0/InputStatisticsInputDatasetFacet", statistics);
            input.insert("inputFacets".to_owned(), json!({ "inputStatistics": statistics }));
        }
        inputs.extend(self.lists.iter().map(|dataset| dataset.named(&Map::new())));
        inputs
    }

    /// The outputs; if the result is published, with their fields and where those come from.
    fn outputs_written(&self, columns: &LineageColumns, manifest: &Manifest) -> Vec<Value> {
        if manifest.status != Status::Published {
            return self.outputs.iter().map(|(dataset, _)| dataset.named(&Map::new())).collect();
        }
        let lineage = facet("1-2-0/ColumnLineageDatasetFacet", self.column_lineage(columns));
        let field =
            |column: &LineageColumn| json!({ "name": column.name, "type": column.type_name });
        let fields: Vec<Value> = columns.columns.iter().map(field).collect();
        let schema = facet("1-2-0/SchemaDatasetFacet", json!({ "fields": fields }));
        let outputs = self.outputs.iter().zip(&manifest.outputs);
        let outputs = outputs.map(|((dataset, format), note)| {
            let layer = if dataset.namespace == "file" { "file" } else { "s3" };
            let storage = json!({ "storageLayer": layer, "fileFormat": format });
            let facets = Map::from_iter([
                ("schema".to_owned(), schema.clone()),
                ("storage".to_owned(), facet("1-0-1/StorageDatasetFacet", storage)),
                ("columnLineage".to_owned(), lineage.clone()),
            ]);
            let statistics = json!({
                "rowCount": manifest.records.written,
                "size": note.files.iter().map(|part| part.bytes).sum::<u64>(),
                "fileCount": note.files.len(),
            });
            let statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", statistics);
            let mut output = dataset.named(&facets);
            if let Value::Object(output) = &mut output {
                output.insert("outputFacets".to_owned(), json!({ "outputStatistics": statistics }));
            }
            output
        });
        outputs.collect()
    }

    fn column_lineage(&self, columns: &LineageColumns) -> Value {
        let fields = columns.columns.iter().map(|column| {
            let subtype = if column.op == "keep" { "IDENTITY" } else { "TRANSFORMATION" };
            let made =
                self.input_fields(&column.from, ["DIRECT", subtype], column.op, column.masks);
            let by =
                self.input_fields(&column.by, ["INDIRECT", "CONDITIONAL"], column.op, column.masks);
            (column.name.clone(), json!({ "inputFields": made.chain(by).collect::<Vec<_>>() }))
        });
        let filters = columns.filters.iter().cloned().collect::<Vec<_>>();
        let filters =
            self.input_fields(&filters, ["INDIRECT", "FILTER"], "records are left out", false);
        json!({
            "fields": fields.collect::<Map<_, _>>(),
            "dataset": filters.collect::<Vec<_>>(),
        })
    }

    /// These fields in each of the inputs, with what is made of them.
    fn input_fields(
        &self,
        fields: &[String],
        [kind, subtype]: [&str; 2],
        description: &str,
        masking: bool,
    ) -> impl Iterator<Item = Value> {
        let made = json!([
            { "type": kind, "subtype": subtype, "description": description, "masking": masking }
        ]);
        let of_input = |dataset: &Dataset, field: &String| {
            json!({
                "namespace": dataset.namespace,
                "name": dataset.name,
                "field": field,
                "transformations": made,
            })
        };
        let all = fields.iter().flat_map(|field| {
            self.inputs.iter().map(|dataset| of_input(dataset, field)).collect::<Vec<_>>()
        });
        all.collect::<Vec<_>>().into_iter()
    }
}

impl Dataset {
    fn named(&self, facets: &Map<String, Value>) -> Value {
        json!({ "namespace": self.namespace, "name": self.name, "facets": facets })
    }
}

/// Who says so: this version of segprep.
fn producer() -> String {
    format!("urn:segprep:{}", env!("CARGO_PKG_VERSION"))
}

/// A facet by its schema, such as `1-2-0/SchemaDatasetFacet`.
fn facet(schema: &str, mut content: Value) -> Value {
    let name = schema.rsplit('/').next().unwrap_or(schema);
    if let Value::Object(members) = &mut content {
        members.insert("_producer".to_owned(), producer().into());
        let url = format!("{SPEC}/facets/{schema}.json#/$defs/{name}");
        members.insert("_schemaURL".to_owned(), url.into());
    }
    content
}
