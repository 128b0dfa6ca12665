"""Reads `lineage.ndjson` into the classes of OpenLineage's own client, and compares what that writes again.

Usage: client.py FILE, with the package `openlineage-python`.
"""

import json
import sys

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    processing_engine_run,
    schema_dataset,
    storage_dataset,
    tags_run,
)
from openlineage.client.serde import Serde


def columns(facet):
    def field(given):
        made = [column_lineage_dataset.Transformation(**each) for each in given["transformations"]]
        return column_lineage_dataset.InputField(**{**given, "transformations": made})

    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            name: column_lineage_dataset.Fields(inputFields=[field(each) for each in of["inputFields"]])
            for name, of in facet["fields"].items()
        },
        dataset=[field(each) for each in facet["dataset"]],
    )


def schema(facet):
    fields = [schema_dataset.SchemaDatasetFacetFields(**field) for field in facet["fields"]]
    return schema_dataset.SchemaDatasetFacet(fields=fields)


def tags(facet):
    return tags_run.TagsRunFacet(tags=[tags_run.TagsRunFacetFields(**tag) for tag in facet["tags"]])


READERS = {
    "columnLineage": columns,
    "schema": schema,
    "tags": tags,
    "errorMessage": lambda facet: error_message_run.ErrorMessageRunFacet(**facet),
    "inputStatistics": lambda facet: input_statistics_input_dataset.InputStatisticsInputDatasetFacet(**facet),
    "jobType": lambda facet: job_type_job.JobTypeJobFacet(**facet),
    "outputStatistics": lambda facet: output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(**facet),
    "processing_engine": lambda facet: processing_engine_run.ProcessingEngineRunFacet(**facet),
    "storage": lambda facet: storage_dataset.StorageDatasetFacet(**facet),
}


def facets(given):
    """The facets as objects of the client, which also says which schema each has."""
    made = {}
    for name, facet in given.items():
        content = {key: value for key, value in facet.items() if not key.startswith("_")}
        made[name] = READERS[name](content)
        made[name]._producer = facet["_producer"]
        assert made[name]._schemaURL == facet["_schemaURL"], (name, made[name]._schemaURL, facet["_schemaURL"])
    return made


def dataset(kind, given):
    return kind(**{key: facets(value) if key.lower().endswith("facets") else value for key, value in given.items()})


def event(line):
    return RunEvent(
        eventType=RunState[line["eventType"]],
        eventTime=line["eventTime"],
        producer=line["producer"],
        run=Run(runId=line["run"]["runId"], facets=facets(line["run"]["facets"])),
        job=Job(line["job"]["namespace"], line["job"]["name"], facets(line["job"]["facets"])),
        inputs=[dataset(InputDataset, each) for each in line["inputs"]],
        outputs=[dataset(OutputDataset, each) for each in line["outputs"]],
    )


def without_empty(value):
    """The client leaves out what is empty or null."""
    if isinstance(value, dict):
        pairs = ((key, without_empty(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each not in (None, {}, [])}
    if isinstance(value, list):
        return [without_empty(each) for each in value]
    return value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    kinds = [line["eventType"] for line in lines]
    assert kinds in (["START", "COMPLETE"], ["START", "FAIL"], ["START", "ABORT"]), kinds
    for line in lines:
        again = json.loads(Serde.to_json(event(line)))
        assert without_empty(again) == without_empty(line), "the client reads something else"
    print(f"{len(lines)} events: the client of OpenLineage reads what segprep wrote")


main()
