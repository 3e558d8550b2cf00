"""From an imported finding to the function, and what becomes of messages that fail."""

from __future__ import annotations

import json
import time
from typing import Any

from conftest import REGION, Local, eventually, finding


def _attributes(local: Local, url: str) -> dict[str, str]:
    sqs = local.client("sqs", local.admin)
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def _receive(local: Local, url: str) -> list[dict[str, Any]]:
    sqs = local.client("sqs", local.admin)
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])


def test_an_imported_finding_reaches_the_function_as_an_event(local: Local, account: str) -> None:
    hub = local.client("securityhub", account)
    answer = hub.batch_import_findings(Findings=[finding(account, "delivered")])
    assert (answer["SuccessCount"], answer["FailedCount"]) == (1, 0)
    seen = eventually(lambda: local.seen("Router", f"{account}:security-control"))
    event = json.loads(seen[0]["body"])
    assert event["source"] == "aws.securityhub"
    assert event["detail-type"] == "Security Hub Findings - Imported"
    assert (event["account"], event["region"]) == (local.admin, REGION)
    assert len(event["detail"]["findings"]) == 1
    assert event["detail"]["findings"][0]["Workflow"] == {"Status": "NEW"}
    assert seen[0]["endpoint"] == local.endpoint


def test_a_finding_that_the_pattern_leaves_out_is_not_delivered(local: Local, account: str) -> None:
    hub = local.client("securityhub", account)
    passed = finding(account, "passed", Compliance={"Status": "PASSED"})
    hub.batch_import_findings(Findings=[passed, finding(account, "matching")])
    eventually(lambda: local.seen("Router", f"{account}:security-control/S3.5/finding/matching"))
    assert not local.seen("Router", f"{account}:security-control/S3.5/finding/passed")


def test_the_events_door_delivers_a_custom_action_as_it_is(local: Local, account: str) -> None:
    envelope = {
        "id": "11111111-2222-3333-4444-555555555555",
        "detail-type": "Security Hub Findings - Custom Action",
        "source": "aws.securityhub",
        "account": local.admin,
        "region": REGION,
        "time": "2026-02-03T04:05:06Z",
        "resources": [local.stack["ActionArn"]],
        "detail": {
            "actionName": "Local fix",
            "findings": [finding(account, "action-1"), finding(account, "action-2")],
        },
    }
    assert local.door("POST", "events", envelope) == (200, {"id": envelope["id"]})
    seen = eventually(lambda: local.seen("Router", f"{account}:security-control/S3.5/finding/action-1"))
    event = json.loads(seen[0]["body"])
    assert event == envelope | {"version": "0"}


def test_the_custom_action_of_the_template_exists_in_security_hub(local: Local) -> None:
    hub = local.client("securityhub", local.admin)
    actions = hub.describe_action_targets()["ActionTargets"]
    assert {"LocalFix"} <= {action["ActionTargetArn"].rpartition("/")[2] for action in actions}


def test_a_failed_message_returns_and_ends_in_the_dead_letter_queue(local: Local) -> None:
    sqs = local.client("sqs", local.admin)
    for text in ("standard one", "standard two: please fail", "standard three"):
        sqs.send_message(QueueUrl=local.stack["FindingsQueueUrl"], MessageBody=text)
    dead = eventually(lambda: _receive(local, local.stack["FindingsDeadLettersUrl"]))
    assert [message["Body"] for message in dead] == ["standard two: please fail"]
    assert [seen["receives"] for seen in local.seen("Router", "standard two")] == [1, 2]
    assert [seen["receives"] for seen in local.seen("Router", "standard one")] == [1]
    assert _attributes(local, local.stack["FindingsQueueUrl"])["ApproximateNumberOfMessages"] == "0"


def test_a_failed_fifo_message_holds_its_group_and_ends_in_the_dead_letter_queue(local: Local) -> None:
    sqs = local.client("sqs", local.admin)
    for group, text in (("a", "a1: please fail"), ("b", "b1"), ("a", "a2"), ("b", "b2")):
        sqs.send_message(
            QueueUrl=local.stack["JobsQueueUrl"],
            MessageBody=f"fifo {text}",
            MessageGroupId=group,
            MessageDeduplicationId=text.replace(": please ", "-"),
        )
        if text == "a1: please fail":
            eventually(lambda: local.seen("Worker", "fifo a1"))
    dead = eventually(lambda: _receive(local, local.stack["JobsDeadLettersUrl"]))
    assert [message["Body"] for message in dead] == ["fifo a1: please fail"]
    eventually(lambda: local.seen("Worker", "fifo a2"))
    order = [(seen["body"], seen["receives"]) for seen in local.seen("Worker", "fifo a")]
    assert order == [("fifo a1: please fail", 1), ("fifo a1: please fail", 2), ("fifo a2", 1)]
    assert [seen["body"] for seen in local.seen("Worker", "fifo b")] == ["fifo b1", "fifo b2"]


def test_a_repeated_deduplication_id_is_delivered_once(local: Local) -> None:
    sqs = local.client("sqs", local.admin)
    for text in ("once first", "once again"):
        sqs.send_message(
            QueueUrl=local.stack["JobsQueueUrl"],
            MessageBody=text,
            MessageGroupId="once",
            MessageDeduplicationId="once",
        )
    eventually(lambda: local.seen("Worker", "once first"))
    time.sleep(0.5)
    assert not local.seen("Worker", "once again")


def test_a_schedule_fires_when_it_is_told_to(local: Local) -> None:
    status, answer = local.door("POST", "schedules", {"name": local.stack["SweepRule"]})
    assert (status, answer) == (200, {"fired": [local.stack["SweepRule"]]})
    eventually(lambda: local.seen("FindingSweeper", '{"sweep":"all"}'))
    fired = local.door("POST", "schedules", {"name": "SweepSchedule"})[1]["fired"]
    assert len(fired) == 1
    seen = eventually(lambda: local.seen("FindingSweeper", '{"sweep":"scheduler"}'))
    assert len(seen) == 1
    assert local.door("POST", "schedules", {"name": "no such schedule"})[0] == 400


def _events(local: Local, account: str, name: str) -> list[dict[str, Any]]:
    """The events about a finding which the router has seen, in order."""
    text = f"{account}:security-control/S3.5/finding/{name}"
    return [json.loads(seen["body"]) for seen in local.seen("Router", text)]


def _names(account: str, names: list[str]) -> list[dict[str, str]]:
    return [{name: finding(account, f)[name] for name in ("Id", "ProductArn")} for f in names]


def test_an_updated_finding_reaches_the_function_as_it_is_then(local: Local, account: str) -> None:
    given = finding(account, "updated")
    local.client("securityhub", account).batch_import_findings(Findings=[given])
    eventually(lambda: _events(local, account, "updated"))
    hub = local.client("securityhub", local.admin)
    (identifier,) = _names(account, ["updated"])
    answer = hub.batch_update_findings(
        FindingIdentifiers=[identifier, identifier, identifier | {"Id": "none"}],
        Workflow={"Status": "NOTIFIED"},
        Note={"Text": "held", "UpdatedBy": "redress"},
        Severity={"Label": "LOW"},
    )
    assert set(answer) == {"ProcessedFindings", "UnprocessedFindings", "ResponseMetadata"}
    eventually(lambda: len(_events(local, account, "updated")) == 2)
    event = _events(local, account, "updated")[1]
    assert (event["source"], event["detail-type"]) == (
        "aws.securityhub",
        "Security Hub Findings - Imported",
    )
    assert (event["account"], event["region"], event["resources"]) == (local.admin, REGION, [given["Id"]])
    (told,) = event["detail"]["findings"]
    assert told.pop("Note").items() >= {"Text": "held", "UpdatedBy": "redress"}.items()
    assert told == given | {"Workflow": {"Status": "NOTIFIED"}, "Severity": {"Label": "LOW"}}


def test_updates_are_events_of_their_region_only_and_come_in_order(local: Local, account: str) -> None:
    region, everything = "eu-west-1", json.dumps({"source": ["aws.securityhub"]})
    sqs, events = (local.client(service, local.admin, region) for service in ("sqs", "events"))
    url = sqs.create_queue(QueueName=f"updates-{account}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=f"updates-{account}", EventPattern=everything)
    events.put_targets(Rule=f"updates-{account}", Targets=[{"Id": "queue", "Arn": arn}])
    local.client("securityhub", account, region).batch_import_findings(Findings=[finding(account, "abroad")])
    hub = local.client("securityhub", account, region)
    statuses = ["NEW", "NOTIFIED", "SUPPRESSED", "RESOLVED"]
    for status in statuses[1:]:
        hub.batch_update_findings(FindingIdentifiers=_names(account, ["abroad"]), Workflow={"Status": status})
    got: list[dict[str, Any]] = []

    def all_of_them() -> bool:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        got.extend(json.loads(message["Body"]) for message in messages)
        return len(got) == len(statuses)

    eventually(all_of_them)
    assert {(event["account"], event["region"]) for event in got} == {(local.admin, region)}
    assert [event["detail"]["findings"][0]["Workflow"]["Status"] for event in got] == statuses
    assert not _events(local, account, "abroad")


def test_what_is_not_updated_is_not_told(local: Local, account: str) -> None:
    local.client("securityhub", account).batch_import_findings(
        Findings=[finding(account, "others"), finding(account, "own")]
    )
    stranger = local.client("securityhub", local.account())
    admin = local.client("securityhub", local.admin)
    change = {"Workflow": {"Status": "RESOLVED"}}
    assert not stranger.batch_update_findings(FindingIdentifiers=_names(account, ["others"]), **change)[
        "ProcessedFindings"
    ]
    admin.batch_update_findings(FindingIdentifiers=_names(account, ["own"]), **change)
    eventually(lambda: len(_events(local, account, "own")) == 2)
    assert len(_events(local, account, "others")) == 1


def test_many_updates_are_told_once_each(local: Local, account: str) -> None:
    names = [f"many-{number}-" for number in range(100)]
    hub = local.client("securityhub", account)
    hub.batch_import_findings(Findings=[finding(account, name) for name in names])
    statuses = ["NOTIFIED", "SUPPRESSED", "RESOLVED"]
    for status in statuses:
        hub.batch_update_findings(
            FindingIdentifiers=_names(account, names), UserDefinedFields={"step": status}
        )

    def seen() -> list[dict[str, Any]]:
        return _events(local, account, "many-")

    eventually(lambda: len(seen()) >= 400, 30)
    time.sleep(1)
    steps: dict[str, list[str | None]] = {}
    for event in seen():
        (told,) = event["detail"]["findings"]
        steps.setdefault(told["Id"], []).append(told.get("UserDefinedFields", {}).get("step"))
    assert len(steps) == 100
    assert all(sorted(told, key=str) == sorted([None, *statuses], key=str) for told in steps.values())
