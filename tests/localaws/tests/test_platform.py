"""What the admin account's own services must do for the ledger, the vault and the queues."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
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
