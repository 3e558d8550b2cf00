"""The doors which stage what no API can stage."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_identity import refusal


def _age(moment: datetime) -> int:
    return (datetime.now(UTC) - moment).days


def _report(local: Local, account: str) -> dict[str, dict[str, str]]:
    iam = local.client("iam", account)
    iam.generate_credential_report()
    text = iam.get_credential_report()["Content"].decode()
    return {row["user"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_new_account_is_there_at_once(local: Local) -> None:
    started = time.monotonic()
    account = local.account()
    assert time.monotonic() - started < 1
    roles = {role["RoleName"] for role in local.client("iam", account).list_roles()["Roles"]}
    assert {"OrganizationAccountAccessRole", "RedressMemberRole"} <= roles


def test_an_account_without_the_member_role(local: Local) -> None:
    account = local.account(role=False)
    roles = {role["RoleName"] for role in local.client("iam", account).list_roles()["Roles"]}
    assert "RedressMemberRole" not in roles


def test_users_and_keys_can_be_aged(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="old")
    iam.create_login_profile(UserName="old", Password="Correct-Horse-7")
    key = iam.create_access_key(UserName="old")["AccessKey"]["AccessKeyId"]
    order = {
        "account": account,
        "user": "old",
        "created_days": 400,
        "password_last_used_days": 50,
        "keys": {key: {"created_days": 100, "last_used_days": 60}},
    }
    assert local.door("POST", "iam-age", order)[0] == 200
    user = iam.get_user(UserName="old")["User"]
    assert (_age(user["CreateDate"]), _age(user["PasswordLastUsed"])) == (400, 50)
    listed = iam.list_access_keys(UserName="old")["AccessKeyMetadata"][0]
    assert _age(listed["CreateDate"]) == 100
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert _age(used["LastUsedDate"]) == 60
    row = _report(local, account)["old"]
    assert _age(datetime.fromisoformat(row["access_key_1_last_used_date"])) == 60


def test_the_roots_access_key_can_be_staged(local: Local, account: str) -> None:
    order = {"account": account, "AccountAccessKeysPresent": 1}
    assert local.door("POST", "account-summary", order)[0] == 200
    summary = local.client("iam", account).get_account_summary()["SummaryMap"]
    assert summary["AccountAccessKeysPresent"] == 1
    assert _report(local, account)["<root_account>"]["access_key_1_active"] == "true"
    assert _report(local, local.account())["<root_account>"]["access_key_1_active"] == "false"


def test_a_fault_hits_the_next_calls_and_then_is_over(local: Local, account: str) -> None:
    fault = {"account": account, "service": "s3", "operation": "GetBucketPolicy", "times": 2, "status": 503}
    assert local.door("POST", "faults", fault | {"code": "SlowDown"})[0] == 200
    s3 = local.client("s3", account)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            s3.get_bucket_policy(Bucket="none")
        assert refusal(caught)[0] == "SlowDown"
    with pytest.raises(ClientError) as caught:
        s3.get_bucket_policy(Bucket="none")
    assert refusal(caught)[0] == "NoSuchBucket"
    assert [f for f in local.door("GET", "faults")[1] if f["account"] == account] == []


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("ec2", "DescribeVpcs", "describe_vpcs"),
        ("iam", "ListUsers", "list_users"),
        ("kms", "ListKeys", "list_keys"),
        ("securityhub", "GetFindings", "get_findings"),
        ("cloudtrail", "DescribeTrails", "describe_trails"),
        ("cloudwatch", "ListMetrics", "list_metrics"),
    ],
)
def test_a_fault_speaks_the_protocol_of_the_service(
    local: Local, account: str, service: str, operation: str, call: str
) -> None:
    prefix = {"cloudwatch": "monitoring"}.get(service, service)
    local.door("POST", "faults", {"account": account, "service": prefix, "operation": operation})
    client = local.client(service, account)
    with pytest.raises(ClientError) as caught:
        getattr(client, call)()
    assert refusal(caught) == ("Throttling", "Rate exceeded")
    getattr(client, call)()


def test_a_fault_can_be_named_by_the_iam_action_and_hit_the_admin(
    local: Local, function_role: Credentials
) -> None:
    order = {
        "account": local.admin,
        "service": "dynamodb",
        "operation": "GetItem",
        "code": "ThrottlingException",
    }
    local.door("POST", "faults", order)
    table: dict[str, Any] = {
        "TableName": local.stack["LedgerTable"],
        "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
    }
    with pytest.raises(ClientError) as caught:
        local.client("dynamodb", function_role).get_item(**table)
    assert refusal(caught)[0] == "ThrottlingException"
    assert "Item" not in local.client("dynamodb", function_role).get_item(**table)


def test_a_fault_may_only_delay(local: Local, account: str) -> None:
    order = {
        "account": account,
        "service": "iam",
        "operation": "ListUsers",
        "status": 0,
        "delay_seconds": 0.3,
    }
    local.door("POST", "faults", order)
    started = time.monotonic()
    assert local.client("iam", account).list_users()["Users"] == []
    assert time.monotonic() - started >= 0.3


def test_faults_can_be_taken_back(local: Local, account: str) -> None:
    local.door("POST", "faults", {"account": account, "service": "iam", "operation": "ListUsers"})
    local.door("DELETE", "faults")
    assert local.client("iam", account).list_users()["Users"] == []


def test_a_mistaken_request_is_told(local: Local) -> None:
    assert local.door("POST", "faults", {"nonsense": 1})[0] == 400
    assert local.door("POST", "iam-age", {"account": local.admin, "user": "nobody"})[0] == 400
    assert local.door("GET", "no-such-door")[0] == 404
