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
