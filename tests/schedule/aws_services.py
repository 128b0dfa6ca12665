"""Holds the files of samples/schedule/aws to the models of AWS's services (botocore), to the language of state machines
(asl-validator) and to moto; then runs the job's commands as Batch would, with moto's S3 and KMS.
"""

import json
import logging
import os
import re
import shutil
import subprocess
from pathlib import Path

import boto3
import botocore.session
import botocore.validate
from moto import mock_aws
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
ANY_RESOURCE = {"ecr:GetAuthorizationToken", "batch:DescribeJobs"}  # AWS knows no resources for these
OPERATIONS = {
    "job-definition.json": ("batch", "RegisterJobDefinition"),
    "schedule.json": ("scheduler", "CreateSchedule"),
}


# What the state machine makes of a job that ended with each code, by its own expressions; `null`: it did not start.
NEXT = """
const jsonata = require("jsonata");
const [machine, state, codes] = process.argv.slice(1).map((text) => JSON.parse(text));
const value = async (text, states) => {
  const expression = jsonata(/^{%(.*)%}$/.exec(text)[1]);
  expression.registerFunction("parse", (json) => JSON.parse(json)); // which Step Functions has, and JSONata has not
  return expression.evaluate({}, { states });
};
(async () => {
  const next = {};
  for (const code of codes) {
    const Attempts = code === null ? [] : [{ Container: { ExitCode: 74 } }, { Container: { ExitCode: code } }];
    const caught = machine.States[state].Catch[0];
    const input = { code: await value(caught.Output.code, { errorOutput: { Cause: JSON.stringify({ Attempts }) } }) };
    if (input.code === undefined) throw new Error(`no output for ${code}`);
    const choice = machine.States[caught.Next];
    next[code] = choice.Default;
    for (const { Condition, Next } of choice.Choices)
      if (next[code] === choice.Default && (await value(Condition, { input }))) next[code] = Next;
  }
  console.log(JSON.stringify(next));
})();
"""
NEXT_STATES = {
    "Run": {
        3: "OverBudget", 65: "Input", 66: "Input", 73: "PlaceTaken", 74: "StillNotReadOrWritten", 77: "Setup",
        78: "Setup", 143: "StillNotReadOrWritten", 1: "Other", 137: "Other", None: "Other",
    },
    "Verify": {66: "NothingYet", 4: "NotAsTheManifestSays", 74: "NotAsTheManifestSays", None: "NotAsTheManifestSays"},
}  # fmt: skip


def check_next(machine: dict, state: str, next_states: dict) -> None:
    modules = Path(shutil.which("asl-validator")).parent.parent  # it depends on JSONata
    command = ["node", "-e", NEXT, *map(json.dumps, (machine, state, list(next_states)))]
    env = {**os.environ, "NODE_PATH": str(modules)}
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env).stdout)
    assert found == {json.dumps(code): next_state for code, next_state in next_states.items()}, found
    assert all(machine["States"][name]["Type"] in ("Fail", "Succeed") for name in found.values())


def check_model(service: str, operation: str, request: dict) -> None:
    """Names, types, lengths and enumerations, as AWS's own model of the service has them."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    report = botocore.validate.ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    check_words(request, model.input_shape)


def check_words(value, shape, path="") -> None:
    """What botocore's validator leaves to the service: the words of enumerations."""
    if shape.type_name == "structure":
        for name, member in value.items():
            check_words(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            check_words(member, shape.member, f"{path}[]")
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, f"{path}: {value} is none of {shape.enum}"


def check_roles(folder: Path) -> None:
    """Each role has what it may do and who may take it; nothing is allowed everywhere but what has no resource."""
    iam = boto3.client("iam", region_name=REGION)
    policies = [path for path in sorted(folder.glob("*.json")) if not path.name.endswith(".trust.json")]
    assert len(policies) == 4
    for path in policies:
        trust = path.with_name(path.stem + ".trust.json").read_text()
        iam.create_role(RoleName=path.stem, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=path.stem, PolicyName="segprep", PolicyDocument=path.read_text())
        for statement in json.loads(trust)["Statement"]:
            assert "aws:SourceAccount" in statement["Condition"]["StringEquals"], f"{path.stem}: anybody's service may take it"
        for statement in json.loads(path.read_text())["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions), statement
            assert statement["Resource"] != "*" or set(actions) <= ANY_RESOURCE, statement


def check_retries(job: dict) -> None:
    """Of the exit codes, only 74 and 143 are tried again; at most five rules, of which the last takes all the rest."""
    rules = job["retryStrategy"]["evaluateOnExit"]
    again = {rule.get("onExitCode") for rule in rules if rule["action"] == "RETRY"} - {None}
    assert again == {"74", "143"} and len(rules) <= 5 and rules[-1] == {"onExitCode": "*", "action": "EXIT"}, rules


def check_secrets(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        text = path.read_text()
        assert not re.search(r"AKIA|ASIA|aws_secret|hex:[0-9a-f]{64}|password", text, re.I) and "@" not in text, path


def settings(command: list[str]) -> list[str]:
    return [value for name, value in zip(command, command[1:]) if name == "--set"]


def stocked(url: str, place) -> None:
    """The buckets, an input and the key that the job definition speaks of."""
    at = {"region_name": REGION, "endpoint_url": url, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    s3, kms = boto3.client("s3", **at), boto3.client("kms", **at)
    for bucket in ("exports", "segments"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.upload_file(str(place.data / "inbox/partner-1.ndjson"), "exports", "imports/partner-1.ndjson")
    key = kms.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/segprep", TargetKeyId=key)


def check_commands(place, job: dict, verify: list[str]) -> None:
    """The commands of the job, with moto in the place of AWS: twice with one id, as Batch tries again."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    try:
        url = "http://127.0.0.1:%d" % server.get_host_and_port()[1]
        stocked(url, place)
        env = {"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        run = ["night-1" if word == "Ref::run" else word for word in job["containerProperties"]["command"]]
        for command in (run, run, verify):
            command = [place.segprep, *map(place.moved, command), "--set", f'aws={{ region="{REGION}", endpoint_url="{url}" }}']
            ended = subprocess.run(command, env=env, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert ended.returncode == 0, ended.stdout
        at = {"region_name": REGION, "endpoint_url": url, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
        objects = boto3.client("s3", **at).list_objects_v2(Bucket="segments")["Contents"]
        names = [found["Key"] for found in objects]
        assert "account/night-1/manifest.json" in names and "clean/night-1/job-000/part-00000.json" in names, names
        assert any(name.startswith("state/nightly/") for name in names), names
    finally:
        server.stop()


def check(place, folder: Path, memory_bound) -> None:
    files = {name: json.loads((folder / name).read_text()) for name in (*OPERATIONS, "state-machine.asl.json")}
    for name, (service, operation) in OPERATIONS.items():
        check_model(service, operation, files[name] | ({"ClientToken": "t"} if service == "scheduler" else {}))
    subprocess.run(["asl-validator", "--json-path", folder / "state-machine.asl.json"], check=True, stdout=subprocess.DEVNULL)
    check_secrets(folder)
    job, machine = files["job-definition.json"], files["state-machine.asl.json"]
    check_retries(job)
    for state, next_states in NEXT_STATES.items():
        check_next(machine, state, next_states)

    run = job["containerProperties"]["command"]
    verify = machine["States"]["Verify"]["Arguments"]["ContainerOverrides"]["Command"]
    assert settings(run) == settings(verify), "both have to speak of the same places"
    needs = {kind["type"]: int(kind["value"]) for kind in job["containerProperties"]["resourceRequirements"]}
    region = [f"--set=aws.region={REGION}"]
    assert needs["MEMORY"] << 20 >= memory_bound(place, *(f"--set={each}" for each in settings(run)), *region)

    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    with mock_aws():
        check_roles(folder / "roles")
        boto3.client("batch", region_name=REGION).register_job_definition(**job)
        definition = json.dumps(machine)
        role = "arn:aws:iam::111122223333:role/segprep-night"
        boto3.client("stepfunctions", region_name=REGION).create_state_machine(name="segprep-nightly", definition=definition, roleArn=role)
        boto3.client("scheduler", region_name=REGION).create_schedule(**files["schedule.json"])
    check_commands(place, job, verify)
