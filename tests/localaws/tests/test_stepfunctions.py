"""A state machine with a Distributed Map, deployed and run as the project's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import REGION, STACK, Credentials, Local, binary, eventually, running
from roles import document


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    directory = tmp_path_factory.mktemp("scans")
    function = binary(directory, "scan_function.py")
    options = ["--template", str(STACK / "scan.yaml"), "--accounts", "0"]
    for name in ("plan", "work", "tell"):
        options += ["--function", f"{name}={function}"]
    with running(directory, *options) as local:
        yield local


def started(scans: Local, value: dict[str, Any]) -> str:
    states = scans.client("stepfunctions", scans.admin)
    return states.start_execution(stateMachineArn=scans.stack["Scan"], input=json.dumps(value))[
        "executionArn"
    ]


def ended(scans: Local, execution: str) -> dict[str, Any]:
    states = scans.client("stepfunctions", scans.admin)

    def look() -> dict[str, Any] | None:
        told = states.describe_execution(executionArn=execution)
        return None if told["status"] == "RUNNING" else told

    return eventually(look, 30)


def run(scans: Local, *items: str) -> dict[str, Any]:
    return ended(scans, started(scans, {"why": "test", "items": list(items)}))


def read(scans: Local, key: str) -> Any:
    body = scans.client("s3", scans.admin).get_object(Bucket=scans.stack["Items"], Key=key)["Body"]
    return json.loads(body.read())


def results(scans: Local, told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The manifest, and what is in the files that it names."""
    details = json.loads(told["output"])["results"]["ResultWriterDetails"]
    assert details["Bucket"] == scans.stack["Items"]
    manifest = read(scans, details["Key"])
    files = {
        status: [one for file in listed for one in read(scans, file["Key"])]
        for status, listed in manifest["ResultFiles"].items()
    }
    return manifest, files


def test_one_item_that_fails_does_not_end_the_run(scans: Local) -> None:
    told = run(scans, "a", "bad-b", "flaky-c", "caught-d")
    assert told["status"] == "SUCCEEDED", told
    output = json.loads(told["output"])
    assert (output["told"], output["why"], output["plan"]["count"]) == (True, "test", 4)
    manifest, files = results(scans, told)
    assert manifest["DestinationBucket"] == scans.stack["Items"]
    assert manifest["MapRunArn"] == output["results"]["MapRunArn"]
    succeeded = {json.loads(one["Input"])["item"]: json.loads(one["Output"]) for one in files["SUCCEEDED"]}
    assert succeeded["a"] == {"item": "a", "why": "test", "done": True}
    assert succeeded["flaky-c"]["done"] is True
    assert succeeded["caught-d"] == {"item": "caught-d", "caught": "Caught"}
    assert {one["Status"] for one in files["SUCCEEDED"]} == {"SUCCEEDED"}
    (failed,) = files["FAILED"]
    assert (failed["Status"], failed["Error"]) == ("FAILED", "ValueError")
    assert json.loads(failed["Cause"])["errorMessage"] == "bad-b fails"
    assert json.loads(failed["Input"])["item"] == "bad-b"
    assert files["PENDING"] == []
    states = scans.client("stepfunctions", scans.admin)
    (map_run,) = states.list_map_runs(executionArn=told["executionArn"])["mapRuns"]
    counts = states.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (4, 3, 1)


def test_all_items_may_fail_and_there_may_be_none(scans: Local) -> None:
    told = run(scans, "bad-1", "bad-2")
    assert told["status"] == "SUCCEEDED", told
    manifest, files = results(scans, told)
    assert (manifest["ResultFiles"]["SUCCEEDED"], len(files["FAILED"])) == ([], 2)
    told = run(scans)
    assert told["status"] == "SUCCEEDED", told
    assert results(scans, told)[0]["ResultFiles"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}


def test_items_run_beside_each_other(scans: Local) -> None:
    before = time.monotonic()
    told = run(scans, *(f"item-{number}" for number in range(60)))
    assert told["status"] == "SUCCEEDED", told
    assert len(results(scans, told)[1]["SUCCEEDED"]) == 60
    assert time.monotonic() - before < 15


def _executions(scans: Local) -> list[dict[str, Any]]:
    states = scans.client("stepfunctions", scans.admin)
    listed = states.list_executions(stateMachineArn=scans.stack["Scan"])["executions"]
    return [states.describe_execution(executionArn=one["executionArn"]) for one in listed]


def _begun_with(scans: Local, why: str) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        return [one for one in _executions(scans) if json.loads(one["input"]).get("why") == why]

    (found,) = eventually(look)
    return ended(scans, found["executionArn"])


@pytest.mark.parametrize(("part", "why"), [("Nightly", "schedule"), ("Weekly", "rule")])
def test_a_schedule_starts_it_with_its_input(scans: Local, part: str, why: str) -> None:
    status, answer = scans.door("POST", "schedules", {"name": part})
    assert (status, len(answer["fired"])) == (200, 1), answer
    told = _begun_with(scans, why)
    assert told["status"] == "SUCCEEDED", told
    assert len(results(scans, told)[1]["SUCCEEDED"]) == len(json.loads(told["input"])["items"])


def _person(scans: Local, name: str, *statements: dict[str, Any]) -> Credentials:
    """A user of the admin account."""
    iam = scans.client("iam", scans.admin)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"], None


def _ask(scans: Local, who: str | Credentials, why: str, **changes: str) -> dict[str, Any]:
    entry = {
        "Source": "custom.security.compliance",
        "DetailType": "Manual Compliance Scan",
        "Detail": json.dumps({"why": why, "items": ["m"]}),
        **changes,
    }
    return scans.client("events", who).put_events(Entries=[entry])


def test_an_ordinary_principal_starts_it_with_an_event(scans: Local) -> None:
    bus = f"arn:aws:events:{REGION}:{scans.admin}:event-bus/default"
    person = _person(scans, "auditor", {"Action": "events:PutEvents", "Resource": bus})
    assert _ask(scans, person, "event")["FailedEntryCount"] == 0
    told = _begun_with(scans, "event")
    assert (told["status"], json.loads(told["input"])) == ("SUCCEEDED", {"why": "event", "items": ["m"]})
    with pytest.raises(Exception, match="AccessDenied"):
        _ask(scans, _person(scans, "nobody", {"Action": "sqs:*", "Resource": "*"}), "denied")
    _ask(scans, person, "other", DetailType="Another Scan")
    time.sleep(0.5)
    assert not {json.loads(one["input"]).get("why") for one in _executions(scans)} & {"denied", "other"}


def test_the_role_of_the_rule_must_let_it_be_started(scans: Local) -> None:
    iam, events = scans.client("iam", scans.admin), scans.client("events", scans.admin)
    (name,) = [one["Name"] for one in events.list_rules()["Rules"] if "Manual" in one["Name"]]
    (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
    role = target["RoleArn"].rpartition("/")[2]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    old = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    other = document({"Action": "states:DescribeExecution", "Resource": "*"})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=other)
    try:
        _ask(scans, scans.admin, "without the role")
        time.sleep(0.5)
        assert "without the role" not in {json.loads(one["input"]).get("why") for one in _executions(scans)}
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(old))
    _ask(scans, scans.admin, "with the role")
    assert _begun_with(scans, "with the role")["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("action", "error", "told_of"),
    [
        ("lambda:InvokeFunction", "Lambda.AWSLambdaException", "lambda:InvokeFunction"),
        ("s3:GetObject", "States.ItemReaderFailed", "s3:GetObject"),
        ("s3:PutObject", "States.ResultWriterFailed", "s3:PutObject"),
        ("states:StartExecution", "States.Runtime", "not authorized to Start the Map Run"),
    ],
)
def test_the_role_of_the_state_machine_is_asked(scans: Local, action: str, error: str, told_of: str) -> None:
    iam, role = scans.client("iam", scans.admin), scans.stack["ScanRole"]
    denial = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    )
    iam.put_role_policy(RoleName=role, PolicyName="less", PolicyDocument=denial)
    try:
        told = run(scans, "a")
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="less")
    assert (told["status"], told["error"]) == ("FAILED", error)
    assert told_of in told["cause"]
    asked = [call for call in scans.door("GET", "calls")[1] if call["action"] == action]
    assert any(not call["allowed"] for call in asked)


def test_a_role_that_does_not_trust_step_functions_runs_nothing(scans: Local) -> None:
    iam, role = scans.client("iam", scans.admin), scans.stack["ScanRole"]
    old = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    other = document({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=other)
    try:
        told = run(scans, "a")
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(old))
    assert told["status"] == "FAILED"
    assert "does not let states.amazonaws.com in" in told["cause"]


OWN_INPUT = {"items": [1, 2]}


def _own(
    scans: Local, name: str, definition: dict[str, Any], value: dict[str, Any] = OWN_INPUT
) -> dict[str, Any]:
    """What becomes of another state machine with the same role."""
    states = scans.client("stepfunctions", scans.admin)
    role = f"arn:aws:iam::{scans.admin}:role/{scans.stack['ScanRole']}"
    made = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    iam = scans.client("iam", scans.admin)
    allowed = document({"Action": "states:StartExecution", "Resource": made["stateMachineArn"]})
    iam.put_role_policy(RoleName=scans.stack["ScanRole"], PolicyName=name, PolicyDocument=allowed)
    begun = states.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(value))
    return ended(scans, begun["executionArn"])


def _map(**options: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Same",
        "States": {"Same": {"Type": "Pass", "End": True}},
    }
    state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True, **options}
    return {"StartAt": "Each", "States": {"Each": state}}


def test_results_are_written_in_other_forms(scans: Local) -> None:
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": scans.stack["Items"], "Prefix": "results/compact"},
        "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
    }
    told = _own(scans, "compact", _map(ResultWriter=writer))
    assert told["status"] == "SUCCEEDED", told
    manifest = read(scans, json.loads(told["output"])["ResultWriterDetails"]["Key"])
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    assert read(scans, file["Key"]) == [1, 2]
    plain = _own(scans, "plain", _map())
    assert (plain["status"], json.loads(plain["output"])) == ("SUCCEEDED", [1, 2])


def test_one_distributed_map_follows_another_over_another_object(scans: Local) -> None:
    states = scans.client("stepfunctions", scans.admin)
    definition = json.loads(states.describe_state_machine(stateMachineArn=scans.stack["Scan"])["definition"])
    first = definition["States"]["Each"]
    second = json.loads(json.dumps(first))
    first["Next"] = "EachRegion"
    second["Label"] = "EachRegion"
    second["ItemReader"]["Parameters"]["Key.$"] = "$.plan.regions_key"
    second["ResultWriter"]["Parameters"]["Prefix.$"] = (
        "States.Format('results/{}/regions', $$.Execution.Name)"
    )
    second["ResultPath"] = "$.regions_results"
    definition["States"]["EachRegion"] = second
    value = {"why": "two", "items": ["a", "bad-b", "c"], "regions": ["us-east-1", "eu-west-1"]}
    told = _own(scans, "two", definition, value)
    assert told["status"] == "SUCCEEDED", told
    output = json.loads(told["output"])
    done = {}
    for result in ("results", "regions_results"):
        manifest = read(scans, output[result]["ResultWriterDetails"]["Key"])
        files = manifest["ResultFiles"]
        done[result] = {
            json.loads(one["Output"])["item"]
            for file in files["SUCCEEDED"]
            for one in read(scans, file["Key"])
        }
        assert len(files["FAILED"]) == (1 if result == "results" else 0)
    assert done == {"results": {"a", "c"}, "regions_results": {"us-east-1", "eu-west-1"}}
    assert (output["told"], output["plan"]["count"]) == (True, 3)
    runs = states.list_map_runs(executionArn=told["executionArn"])["mapRuns"]
    assert len(runs) == 2


def test_what_a_distributed_map_has_not_here_is_refused(scans: Local) -> None:
    told = _own(scans, "batches", _map(ItemBatcher={"MaxItemsPerBatch": 2}))
    assert (told["status"], told["error"]) == ("FAILED", "States.Runtime")
    assert "ItemBatcher" in told["cause"]


def test_a_bus_may_have_its_policy_beside_it(scans: Local) -> None:
    events = scans.client("events", scans.admin)
    told = events.describe_event_bus(Name="scan-changes")
    (statement,) = json.loads(told["Policy"])["Statement"]
    assert statement == {
        "Sid": "organization",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": scans.stack["ChangesBusArn"],
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-localredress"}},
    }
    events.put_permission(
        EventBusName="scan-changes",
        StatementId="one",
        Principal="300000000001",
        Action="events:PutEvents",
        Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-localredress"},
    )
    policy = json.loads(events.describe_event_bus(Name="scan-changes")["Policy"])
    (added,) = [one for one in policy["Statement"] if one["Sid"] == "one"]
    assert added["Principal"] == {"AWS": "arn:aws:iam::300000000001:root"}
    assert added["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-localredress"}}
    events.remove_permission(EventBusName="scan-changes", StatementId="one")
    assert len(json.loads(events.describe_event_bus(Name="scan-changes")["Policy"])["Statement"]) == 1
