"""Holds the jobs of samples/spark to the models of AWS's services (botocore): names, types, lengths and enumerations."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import botocore.session
import botocore.validate

SAMPLES = Path(__file__).parents[3] / "samples" / "spark"
OPERATIONS = {
    "glue-job.json": ("glue", "CreateJob"),
    "emr-serverless-job.json": ("emr-serverless", "StartJobRun"),
}


def main() -> None:
    assert {path.name for path in SAMPLES.glob("*.json")} == set(OPERATIONS)
    session = botocore.session.get_session()
    for name, (service, operation) in OPERATIONS.items():
        request = json.loads((SAMPLES / name).read_text())
        shape = session.get_service_model(service).operation_model(operation).input_shape
        report = botocore.validate.ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        check_words(request, shape)
        check_arguments(name, request)
        print(f"{name}: a request of {service}", flush=True)


def check_words(value: object, shape: object, path: str = "") -> None:
    """What botocore's validator leaves to the service: the words of enumerations."""
    if shape.type_name == "structure":
        for name, member in value.items():
            check_words(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            check_words(member, shape.member, f"{path}[]")
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, f"{path}: {value} is none of {shape.enum}"


def check_arguments(name: str, request: dict) -> None:
    """The job has the arguments that it is given, and no secret is among them."""
    tree = ast.parse((SAMPLES / "job.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    known = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
    }
    assert "--definition" in known and "--shards" in known
    if name == "glue-job.json":
        given = {argument for argument in request["DefaultArguments"] if argument in known}
    else:
        given = set(request["jobDriver"]["sparkSubmit"]["entryPointArguments"][::2])
    assert {"--definition", "--shards"} <= given <= known, given
    assert "hex:" not in json.dumps(request) and "base64:" not in json.dumps(request)


if __name__ == "__main__":
    main()
