"""What the admin account's own services must do for the ledger, the vault and the queues."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local, eventually
from roles import session
from test_identity import refusal


def _item(name: str, **values: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "record"}, **{k: {"S": v} for k, v in values.items()}}


def test_an_object_is_written_only_when_it_is_not_there(local: Local, function_role: Credentials) -> None:
    s3, bucket = local.client("s3", function_role), local.stack["VaultBucket"]
    s3.put_object(Bucket=bucket, Key="before/once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="before/once", Body=b"second", IfNoneMatch="*")
    assert refusal(caught)[0] == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="before/once")["Body"].read() == b"first"


def test_a_conditional_write_is_refused_when_its_condition_fails(
    local: Local, function_role: Credentials
) -> None:
    dynamodb, table = local.client("dynamodb", function_role), local.stack["LedgerTable"]
    new = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
    dynamodb.put_item(Item=_item("conditional", outcome="planned"), **new)
    with pytest.raises(ClientError) as caught:
        dynamodb.put_item(Item=_item("conditional", outcome="other"), **new)
    assert refusal(caught)[0] == "ConditionalCheckFailedException"


def test_a_transaction_is_written_whole_or_not_at_all(local: Local, function_role: Credentials) -> None:
    dynamodb, table = local.client("dynamodb", function_role), local.stack["LedgerTable"]

    def puts(*names: str) -> list[dict[str, Any]]:
        condition = "attribute_not_exists(pk)"
        return [
            {"Put": {"TableName": table, "Item": _item(name), "ConditionExpression": condition}}
            for name in names
        ]

    dynamodb.transact_write_items(TransactItems=puts("t1", "t2"))
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=puts("t3", "t2"))
    assert refusal(caught)[0] == "TransactionCanceledException"
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    found = dynamodb.get_item(TableName=table, Key={"pk": {"S": "t3"}, "sk": {"S": "record"}})
    assert "Item" not in found


def test_an_update_returns_what_was_there(local: Local, function_role: Credentials) -> None:
    dynamodb, table = local.client("dynamodb", function_role), local.stack["LedgerTable"]
    dynamodb.put_item(TableName=table, Item=_item("updated", outcome="planned"))
    answer = dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": "updated"}, "sk": {"S": "record"}},
        UpdateExpression="SET outcome = :new ADD tries :one",
        ExpressionAttributeValues={":new": {"S": "done"}, ":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert (answer["Attributes"]["outcome"], answer["Attributes"]["tries"]) == ({"S": "done"}, {"N": "1"})


def test_a_table_nobody_granted_is_refused(local: Local, function_role: Credentials) -> None:
    with pytest.raises(ClientError) as caught:
        local.client("dynamodb", function_role).get_item(
            TableName="another", Key={"pk": {"S": "a"}, "sk": {"S": "b"}}
        )
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert f"dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:{local.admin}:table/another" in message


def _query(local: Local, who: Credentials, **what: Any) -> list[str]:
    told = local.client("dynamodb", who).query(TableName=local.stack["LedgerTable"], **what)
    return [item["pk"]["S"] for item in told["Items"]]


def test_the_ledger_is_queried_by_its_key_and_by_an_index(local: Local, function_role: Credentials) -> None:
    dynamodb, table = local.client("dynamodb", function_role), local.stack["LedgerTable"]
    for name, due in (("q1", "2026-01-03"), ("q2", "2026-01-01"), ("q3", "2026-01-02")):
        item = _item(name, account="500000000001", due=due, outcome="held", note="not projected")
        dynamodb.put_item(TableName=table, Item=item)
    dynamodb.put_item(TableName=table, Item=_item("q4", account="500000000001"))
    of_key = {
        "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
        "ExpressionAttributeValues": {":p": {"S": "q1"}, ":s": {"S": "rec"}},
    }
    assert _query(local, function_role, **of_key) == ["q1"]
    of_index: dict[str, Any] = {
        "IndexName": "by-account",
        "KeyConditionExpression": "#a = :a AND due <= :d",
        "FilterExpression": "outcome = :o",
        "ExpressionAttributeNames": {"#a": "account"},
        "ExpressionAttributeValues": {
            ":a": {"S": "500000000001"},
            ":d": {"S": "2026-01-02"},
            ":o": {"S": "held"},
        },
    }
    assert _query(local, function_role, **of_index) == ["q2", "q3"]
    assert _query(local, function_role, **of_index, ScanIndexForward=False) == ["q3", "q2"]
    first = dynamodb.query(TableName=table, **of_index, Limit=1)
    assert "note" not in first["Items"][0]
    rest = _query(local, function_role, **of_index, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert rest == ["q3"]


def test_an_index_nobody_granted_is_refused(local: Local, function_role: Credentials) -> None:
    with pytest.raises(ClientError) as caught:
        _query(
            local,
            function_role,
            IndexName="by-outcome",
            KeyConditionExpression="account = :a",
            ExpressionAttributeValues={":a": {"S": "500000000001"}},
        )
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert f"table/{local.stack['LedgerTable']}/index/by-outcome" in message


def test_a_transaction_mixes_puts_updates_and_deletes(local: Local, function_role: Credentials) -> None:
    dynamodb, table = local.client("dynamodb", function_role), local.stack["LedgerTable"]
    for name in ("m1", "m2", "m3"):
        dynamodb.put_item(TableName=table, Item=_item(name, outcome="planned"))

    def key(name: str) -> dict[str, Any]:
        return {"TableName": table, "Key": {"pk": {"S": name}, "sk": {"S": "record"}}}

    def update(name: str, was: str) -> dict[str, Any]:
        return {
            "Update": key(name)
            | {
                "UpdateExpression": "SET outcome = :new",
                "ConditionExpression": "outcome = :was",
                "ExpressionAttributeValues": {":new": {"S": "done"}, ":was": {"S": was}},
            }
        }

    whole = [update("m1", "planned"), update("m2", "planned"), {"Delete": key("m3")}]
    whole.append({"Put": {"TableName": table, "Item": _item("m4", outcome="new")}})
    dynamodb.transact_write_items(TransactItems=whole)
    found = {n: dynamodb.get_item(**key(n)).get("Item", {}).get("outcome") for n in ("m1", "m2", "m3", "m4")}
    assert found == {"m1": {"S": "done"}, "m2": {"S": "done"}, "m3": None, "m4": {"S": "new"}}
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=[update("m1", "done"), update("m2", "planned")])
    assert refusal(caught)[0] == "TransactionCanceledException"
    dynamodb.delete_item(**key("m4"), ConditionExpression="attribute_exists(pk)")
    with pytest.raises(ClientError) as caught:
        dynamodb.delete_item(**key("m4"), ConditionExpression="attribute_exists(pk)")
    assert refusal(caught)[0] == "ConditionalCheckFailedException"


def test_settings_are_read_from_the_parameter_of_the_template(
    local: Local, function_role: Credentials
) -> None:
    ssm = local.client("ssm", function_role)
    told = ssm.get_parameter(Name=local.stack["SettingsParameter"])["Parameter"]
    assert told["Type"] == "String"
    expected = {"modes": "plan", "regions": ["eu-west-1"], "vault": local.stack["VaultBucket"]}
    assert json.loads(told["Value"]) == expected


def test_a_secret_parameter_is_decrypted(local: Local, function_role: Credentials) -> None:
    local.client("ssm", local.admin).put_parameter(
        Name="/redress/secret", Value="https://example.com/hook", Type="SecureString"
    )
    ssm = local.client("ssm", function_role)
    told = ssm.get_parameter(Name="/redress/secret", WithDecryption=True)["Parameter"]
    assert (told["Type"], told["Value"]) == ("SecureString", "https://example.com/hook")
    sealed = ssm.get_parameter(Name="/redress/secret", WithDecryption=False)["Parameter"]
    assert sealed["Value"] != "https://example.com/hook"


def test_parameters_are_held_to_their_names(local: Local, function_role: Credentials) -> None:
    ssm = local.client("ssm", function_role)
    with pytest.raises(ClientError) as caught:
        ssm.get_parameter(Name="/redress/other")
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert (
        f"ssm:GetParameter on resource: arn:aws:ssm:us-east-1:{local.admin}:parameter/redress/other"
        in message
    )
    with pytest.raises(ClientError) as caught:
        local.client("ssm", local.admin).get_parameter(Name="/redress/other")
    assert refusal(caught)[0] == "ParameterNotFound"


def _entry(bus: str, outcome: str) -> dict[str, Any]:
    detail = json.dumps({"outcome": outcome})
    return {"Source": "redress", "DetailType": "Outcome", "Detail": detail, "EventBusName": bus}


@pytest.mark.parametrize("named_by", ["name", "arn"])
def test_an_event_on_the_bus_of_the_template_reaches_its_queue(
    local: Local, function_role: Credentials, named_by: str
) -> None:
    name = local.stack["OutcomesBus"]
    arn = f"arn:aws:events:us-east-1:{local.admin}:event-bus/{name}"
    bus = name if named_by == "name" else arn
    events, sqs = local.client("events", function_role), local.client("sqs", local.admin)
    answer = events.put_events(Entries=[_entry(bus, "failed"), _entry(bus, "fixed")])
    assert answer["FailedEntryCount"] == 0
    queue = local.stack["OutcomesQueueUrl"]

    def receive() -> list[dict[str, Any]]:
        return sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])

    messages = eventually(receive)
    assert [json.loads(m["Body"])["detail"] for m in messages] == [{"outcome": "fixed"}]
    event = json.loads(messages[0]["Body"])
    assert (event["source"], event["detail-type"], event["account"]) == ("redress", "Outcome", local.admin)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])


def test_another_bus_is_refused(local: Local, function_role: Credentials) -> None:
    with pytest.raises(ClientError) as caught:
        local.client("events", function_role).put_events(Entries=[_entry("default", "fixed")])
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert "events:PutEvents on resource:" in message
    assert "event-bus/default" in message


def test_the_organization_is_read_by_whom_its_policy_lets(local: Local, function_role: Credentials) -> None:
    organizations = local.client("organizations", function_role)
    assert organizations.describe_organization()["Organization"]["Id"] == local.report["organization"]
    with pytest.raises(ClientError) as caught:
        organizations.create_organizational_unit(ParentId="r-1", Name="x")
    assert "organizations:CreateOrganizationalUnit" in refusal(caught)[1]


def test_who_may_not_list_a_bucket_is_denied_what_is_not_there(local: Local) -> None:
    bucket = f"hidden-{local.admin}"
    local.client("s3", local.admin).create_bucket(Bucket=bucket)
    read = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    list_ = {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    readers = {"blind": ([read], "AccessDenied"), "seeing": ([read, list_], "NoSuchKey")}
    for name, (statements, expected) in readers.items():
        reader = local.client("s3", session(local, local.admin, *statements, name=name))
        with pytest.raises(ClientError) as caught:
            reader.get_object(Bucket=bucket, Key="report.json")
        assert refusal(caught)[0] == expected
