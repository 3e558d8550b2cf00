"""KMS keys and log groups of a member account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal

GROUP = "/flow-logs/vpc-1"


def _policy(account: str) -> dict[str, Any]:
    root = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_key_has_the_policy_and_the_tags_it_was_made_with(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    tags = [{"TagKey": "made-by", "TagValue": "test"}]
    key = kms.create_key(Policy=json.dumps(_policy(account)), Tags=tags)["KeyMetadata"]
    told = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    assert json.loads(told) == _policy(account)
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == tags
    other = _policy(account)
    other["Statement"][0]["Sid"] = "everything"
    kms.put_key_policy(KeyId=key["Arn"], PolicyName="default", Policy=json.dumps(other))
    assert json.loads(kms.get_key_policy(KeyId=key["Arn"], PolicyName="default")["Policy"]) == other
    with pytest.raises(ClientError) as caught:
        kms.put_key_policy(KeyId=key["Arn"], PolicyName="default", Policy="no policy")
    assert refusal(caught)[0] == "MalformedPolicyDocumentException"


def test_a_key_is_known_by_its_alias(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/redress", TargetKeyId=key["KeyId"])
    for name in ("alias/redress", f"arn:aws:kms:us-east-1:{account}:alias/redress"):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key["Arn"]
    assert [a["AliasName"] for a in kms.list_aliases(KeyId=key["Arn"])["Aliases"]] == ["alias/redress"]
    with pytest.raises(ClientError) as caught:
        kms.create_alias(AliasName="alias/redress", TargetKeyId=key["KeyId"])
    assert refusal(caught)[0] == "AlreadyExistsException"
    with pytest.raises(ClientError) as caught:
        kms.describe_key(KeyId="alias/none")
    assert refusal(caught)[0] == "NotFoundException"
    kms.delete_alias(AliasName="alias/redress")
    assert kms.list_aliases(KeyId=key["Arn"])["Aliases"] == []


def test_a_key_of_a_service_is_managed_by_aws_and_rotates(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    of_service = kms.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert of_service["KeyManager"] == "AWS"
    assert kms.get_key_rotation_status(KeyId=of_service["KeyId"])["KeyRotationEnabled"] is True
    of_customer = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/orders", TargetKeyId=of_customer["KeyId"])
    assert kms.describe_key(KeyId="alias/orders")["KeyMetadata"]["KeyManager"] == "CUSTOMER"
    assert kms.get_key_rotation_status(KeyId=of_customer["KeyId"])["KeyRotationEnabled"] is False


def test_aliases_and_keys_come_in_pages(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for number in range(5):
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
        kms.create_key()
    first = kms.list_aliases(KeyId=key, Limit=3)
    assert (len(first["Aliases"]), first["Truncated"]) == (3, True)
    rest = kms.list_aliases(KeyId=key, Limit=3, Marker=first["NextMarker"])
    assert (len(rest["Aliases"]), rest["Truncated"]) == (2, False)
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 4})
    assert [len(page["Keys"]) for page in pages] == [4, 2]


def test_a_key_is_disabled_and_scheduled_for_deletion_by_id_or_arn(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]

    def state() -> str:
        return kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]

    kms.disable_key(KeyId=key["Arn"])
    assert state() == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    assert state() == "Enabled"
    told = kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    assert "DeletionDate" in told
    assert state() == "PendingDeletion"
    for change in (kms.enable_key, kms.disable_key, kms.schedule_key_deletion):
        with pytest.raises(ClientError) as caught:
            change(KeyId=key["KeyId"])
        assert refusal(caught)[0] == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key["Arn"])
    assert state() == "Disabled"


def test_a_role_is_held_to_the_key_behind_an_alias(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    one, two = (kms.create_key()["KeyMetadata"] for _ in range(2))
    for name, key in (("alias/one", one), ("alias/two", two)):
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    alias = f"arn:aws:kms:us-east-1:{account}:alias/three"
    may = {"Action": ["kms:DescribeKey", "kms:CreateAlias"], "Resource": [one["Arn"], alias]}
    mine = local.client("kms", session(local, account, may))
    assert mine.describe_key(KeyId="alias/one")["KeyMetadata"]["Arn"] == one["Arn"]
    mine.create_alias(AliasName="alias/three", TargetKeyId=one["KeyId"])
    for refused in (
        lambda: mine.describe_key(KeyId="alias/two"),
        lambda: mine.create_alias(AliasName="alias/four", TargetKeyId=one["KeyId"]),
        lambda: mine.create_alias(AliasName="alias/three", TargetKeyId=two["KeyId"]),
        mine.create_key,
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert refusal(caught)[0] == "AccessDeniedException"


def test_a_tagged_key_needs_the_permission_to_tag(local: Local, account: str) -> None:
    mine = local.client("kms", session(local, account, {"Action": "kms:CreateKey", "Resource": "*"}))
    mine.create_key()
    with pytest.raises(ClientError) as caught:
        mine.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert "kms:TagResource" in refusal(caught)[1]


def test_a_log_group_keeps_its_retention_and_its_tags(local: Local, account: str) -> None:
    logs = local.client("logs", account)
    logs.create_log_group(logGroupName=GROUP, tags={"a": "b"})
    with pytest.raises(ClientError) as caught:
        logs.create_log_group(logGroupName=GROUP)
    assert refusal(caught)[0] == "ResourceAlreadyExistsException"
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=365)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/flow-logs/")["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 365)
    arn = f"arn:aws:logs:us-east-1:{account}:log-group:{GROUP}"
    logs.tag_resource(resourceArn=arn, tags={"c": "d"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b", "c": "d"}
    with pytest.raises(ClientError) as caught:
        logs.put_retention_policy(logGroupName=GROUP, retentionInDays=364)
    assert refusal(caught)[0] == "InvalidParameterException"
    logs.delete_log_group(logGroupName=GROUP)
    assert logs.describe_log_groups()["logGroups"] == []
    with pytest.raises(ClientError) as caught:
        logs.delete_log_group(logGroupName=GROUP)
    assert refusal(caught)[0] == "ResourceNotFoundException"
    logs.create_log_group(logGroupName=GROUP)
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def test_log_groups_come_in_pages_and_are_the_accounts_own(local: Local, account: str) -> None:
    logs = local.client("logs", account)
    for number in range(5):
        logs.create_log_group(logGroupName=f"/group/{number}")
    first = logs.describe_log_groups(logGroupNamePrefix="/group/", limit=3)
    assert len(first["logGroups"]) == 3
    rest = logs.describe_log_groups(logGroupNamePrefix="/group/", limit=3, nextToken=first["nextToken"])
    assert [g["logGroupName"] for g in rest["logGroups"]] == ["/group/3", "/group/4"]
    assert "nextToken" not in rest
    for other in (local.admin, local.account()):
        found = local.client("logs", other).describe_log_groups(logGroupNamePrefix="/group/")
        assert found["logGroups"] == []


def test_a_role_is_held_to_its_log_groups(local: Local, account: str) -> None:
    own = f"arn:aws:logs:*:{account}:log-group:/flow-logs/*"
    may = {
        "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"],
        "Resource": own,
    }
    mine = local.client("logs", session(local, account, may))
    mine.create_log_group(logGroupName=GROUP)
    mine.put_retention_policy(logGroupName=GROUP, retentionInDays=30)
    for refused in (
        lambda: mine.create_log_group(logGroupName="another"),
        lambda: mine.create_log_group(logGroupName="/flow-logs/tagged", tags={"a": "b"}),
        mine.describe_log_groups,
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert refusal(caught)[0] == "AccessDeniedException"
    mine.delete_log_group(logGroupName=GROUP)
