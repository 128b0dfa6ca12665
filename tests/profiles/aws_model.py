#!/usr/bin/env python3
"""Checks that what is written beside profiles is what AWS's API takes, by the service models in botocore.

    python3 tests/profiles/aws_model.py FOLDER...      each FOLDER is the `to` of an output of profiles

`object-type.json` is sent to a client whose answers are made up (botocore's Stubber): as the request of
`PutProfileObjectType`, and its fields as those of `CreateUploadJob`. The client validates names, types and what is required; the
limits of the model (lengths, patterns, enums) are checked here, since botocore leaves them to the service. The same for one entry of
each list of opt-outs, by the calls that docs/migrate.md names.
"""

import csv
import json
import re
import sys
from pathlib import Path

import botocore.session
from botocore.stub import Stubber


def client_of(service):
    session = botocore.session.get_session()
    return session.create_client(
        service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


def violations(shape, value, path):
    """What the model's limits forbid. They may be on a text, a list, a map or a number."""
    limits = shape.metadata
    if shape.type_name == "structure":
        # botocore finds unknown members, and values of another type.
        for name in value.keys() & shape.members.keys():
            yield from violations(shape.members[name], value[name], f"{path}.{name}")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from violations(shape.key, name, f"{path}(key)")
            yield from violations(shape.value, member, f"{path}.{name}")
    elif shape.type_name == "list":
        for number, member in enumerate(value):
            yield from violations(shape.member, member, f"{path}[{number}]")
    size = value if isinstance(value, (int, float)) else len(value)
    if not limits.get("min", 0) <= size <= limits.get("max", size):
        yield f"{path}: a size of {size}"
    if "pattern" in limits and not re.search(limits["pattern"], value):
        yield f"{path}: not of the form {limits['pattern']}"
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{path}: not one of {limits['enum']}"


def send(service, operation, request, answer):
    """Sends a request as an SDK does; nothing leaves this machine."""
    client = client_of(service)
    model = client.meta.service_model.operation_model(operation)
    found = list(violations(model.input_shape, request, operation))
    assert not found, found
    method = {name: method for method, name in client.meta.method_to_api_mapping.items()}[operation]
    with Stubber(client) as stub:
        stub.add_response(method, answer, request)
        getattr(client, method)(**request)
        stub.assert_no_pending_responses()


def check(folder):
    object_type = json.loads((folder / "object-type.json").read_text())
    answer = {"ObjectTypeName": object_type["ObjectTypeName"], "Description": object_type["Description"]}
    send("customer-profiles", "PutProfileObjectType", {"DomainName": "domain", **object_type}, answer)
    key = next(iter(object_type["Keys"].values()))[0]["FieldNames"][0]
    send("customer-profiles", "CreateUploadJob", {
        "DomainName": "domain", "DisplayName": "part-00000.csv", "Fields": object_type["Fields"], "UniqueKey": key,
        "DataExpiry": 1098}, {"JobId": "0" * 32})
    profile = client_of("customer-profiles").meta.service_model.operation_model("CreateProfile").input_shape
    for name, field in object_type["Fields"].items():
        check_target(field["Target"], name, profile)
    for part in sorted((folder / "profiles").iterdir()):
        with part.open(newline="") as lines:
            header = next(csv.reader(lines))
        assert header == list(object_type["Fields"]), f"{part.name} has other columns"
    lists = folder / "lists"
    for number in (lists / "optout-sms.csv").read_text().splitlines()[1:][:1]:
        send("pinpoint-sms-voice-v2", "PutOptedOutNumber",
             {"OptOutListName": "migrated", "OptedOutNumber": number}, {})
    for line in (lists / "suppress-email.csv").read_text().splitlines()[:1]:
        address, reason = line.rsplit(",", 1)
        send("sesv2", "PutSuppressedDestination", {"EmailAddress": address, "Reason": reason}, {})
    send("sesv2", "CreateImportJob", {
        "ImportDestination": {"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}},
        "ImportDataSource": {"S3Url": "s3://bucket/suppress-email.csv", "DataFormat": "CSV"}}, {"JobId": "job"})
    return len(object_type["Fields"])


def check_target(target, name, profile):
    """The place in a profile is a field of one, a member of its address, or an attribute."""
    first, *rest = target.removeprefix("_profile.").split(".", 1)
    assert target.startswith("_profile.") and first in profile.members, target
    if first == "Attributes":
        assert rest == [name], target
    elif rest:
        assert rest[0] in profile.members[first].members, target


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        print(f"{folder}: {check(folder)} fields, as AWS's models have them")
