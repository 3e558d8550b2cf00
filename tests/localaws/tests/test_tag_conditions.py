"""Conditions on tags: those of the resource, and those that a request gives."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal
from test_rds import Place

OWN = {"StringEquals": {"aws:ResourceTag/made-by": "test"}}
TAGS = [{"Key": "made-by", "Value": "test"}]


def _refused(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return refusal(caught)[1]


def test_a_role_deletes_only_the_snapshots_and_instances_it_made(local: Local, account: str) -> None:
    place = Place(local, account)
    place.make("theirs")
    place.make("mine", Tags=TAGS)
    place.snap("of-theirs", "theirs")
    place.snap("of-mine", "theirs", Tags=TAGS)
    may = {"Action": ["rds:DeleteDBSnapshot", "rds:DeleteDBInstance"], "Resource": "*", "Condition": OWN}
    rds = local.client("rds", session(local, account, may))
    rds.delete_db_snapshot(DBSnapshotIdentifier="of-mine")
    rds.delete_db_instance(DBInstanceIdentifier="mine", SkipFinalSnapshot=True)
    assert "rds:DeleteDBSnapshot" in _refused(
        lambda: rds.delete_db_snapshot(DBSnapshotIdentifier="of-theirs")
    )
    theirs = {"DBInstanceIdentifier": "theirs", "SkipFinalSnapshot": True}
    assert "rds:DeleteDBInstance" in _refused(lambda: rds.delete_db_instance(**theirs))


def test_tags_of_buckets_keys_groups_and_trails_count(local: Local, account: str) -> None:
    s3, kms, ec2, logs, efs = (
        local.client(service, account) for service in ("s3", "kms", "ec2", "logs", "efs")
    )
    for name in ("mine", "theirs"):
        s3.create_bucket(Bucket=f"{name}-{account}")
        logs.create_log_group(logGroupName=name, tags={"made-by": "test"} if name == "mine" else {})
    s3.put_bucket_tagging(Bucket=f"mine-{account}", Tagging={"TagSet": TAGS})
    keys = [
        kms.create_key(Tags=[{"TagKey": "made-by", "TagValue": value}])["KeyMetadata"]["KeyId"]
        for value in ("test", "them")
    ]
    systems = [
        efs.create_file_system(CreationToken=value, Tags=[{"Key": "made-by", "Value": value}])["FileSystemId"]
        for value in ("test", "them")
    ]
    groups = [ec2.create_security_group(GroupName=f"g{n}", Description="d")["GroupId"] for n in range(2)]
    ec2.create_tags(Resources=groups[:1], Tags=TAGS)
    member = session(local, account, {"Action": "*", "Resource": "*", "Condition": OWN})
    s3, kms, ec2, logs, efs = (
        local.client(service, member) for service in ("s3", "kms", "ec2", "logs", "efs")
    )
    logs.delete_log_group(logGroupName="mine")
    s3.delete_bucket(Bucket=f"mine-{account}")
    kms.schedule_key_deletion(KeyId=keys[0])
    ec2.delete_security_group(GroupId=groups[0])
    efs.delete_file_system(FileSystemId=systems[0])
    for action, refused in (
        ("logs:DeleteLogGroup", lambda: logs.delete_log_group(logGroupName="theirs")),
        ("s3:DeleteBucket", lambda: s3.delete_bucket(Bucket=f"theirs-{account}")),
        ("kms:ScheduleKeyDeletion", lambda: kms.schedule_key_deletion(KeyId=keys[1])),
        ("ec2:DeleteSecurityGroup", lambda: ec2.delete_security_group(GroupId=groups[1])),
        ("elasticfilesystem:DeleteFileSystem", lambda: efs.delete_file_system(FileSystemId=systems[1])),
    ):
        assert action in _refused(refused)


def test_the_tags_of_a_request_count(local: Local, account: str) -> None:
    place = Place(local, account)
    place.make()
    tagging = {
        "StringEquals": {"aws:RequestTag/made-by": "test"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["made-by"]},
    }
    names = ["rds:CreateDBSnapshot", "rds:AddTagsToResource", "kms:CreateKey", "kms:TagResource"]
    names += ["ec2:CreateSecurityGroup", "ec2:CreateTags", "logs:CreateLogGroup", "logs:TagResource"]
    member = session(local, account, {"Action": names, "Resource": "*", "Condition": tagging})
    rds, kms, ec2, logs = (local.client(service, member) for service in ("rds", "kms", "ec2", "logs"))
    snapshot = {"DBSnapshotIdentifier": "one", "DBInstanceIdentifier": "orders"}
    more = [*TAGS, {"Key": "other", "Value": "tag"}]
    group = {"GroupName": "g", "Description": "d"}
    kms_tags = [{"TagKey": "made-by", "TagValue": "test"}]
    for refused in (
        lambda: rds.create_db_snapshot(**snapshot),
        lambda: rds.create_db_snapshot(**snapshot, Tags=more),
        kms.create_key,
        lambda: logs.create_log_group(logGroupName="one", tags={"made-by": "them"}),
        lambda: ec2.create_security_group(**group),
    ):
        assert "not authorized" in _refused(refused)
    rds.create_db_snapshot(**snapshot, Tags=TAGS)
    kms.create_key(Tags=kms_tags)
    logs.create_log_group(logGroupName="one", tags={"made-by": "test"})
    specification = [{"ResourceType": "security-group", "Tags": TAGS}]
    ec2.create_security_group(**group, TagSpecifications=specification)


def test_a_role_needs_all_that_an_rds_call_names(local: Local, account: str) -> None:
    place = Place(local, account)
    place.groups()
    place.make()
    place.snap()
    place.copy(KmsKeyId=place.key)
    arn = f"arn:aws:rds:us-east-1:{account}"
    needed = {
        "db": f"{arn}:db:orders-new",
        "snapshot": f"{arn}:snapshot:encrypted",
        "subgrp": f"{arn}:subgrp:subnets",
        "pg": f"{arn}:pg:parameters",
    }
    order = {
        "DBInstanceIdentifier": "orders-new",
        "DBSnapshotIdentifier": "encrypted",
        "DBSubnetGroupName": "subnets",
        "DBParameterGroupName": "parameters",
    }
    restore = {"Action": "rds:RestoreDBInstanceFromDBSnapshot"}
    for lacking, arn_of_lacking in needed.items():
        resources = [resource for kind, resource in needed.items() if kind != lacking]
        rds = local.client("rds", session(local, account, {**restore, "Resource": resources}, name=lacking))
        assert arn_of_lacking in _refused(lambda rds=rds: rds.restore_db_instance_from_db_snapshot(**order))
    everything = {**restore, "Resource": list(needed.values())}
    rds = local.client("rds", session(local, account, everything, name="all"))
    with_tags = {**order, "Tags": TAGS}
    told = _refused(lambda: rds.restore_db_instance_from_db_snapshot(**with_tags))
    assert "rds:AddTagsToResource" in told
    rds.restore_db_instance_from_db_snapshot(**order)
    assert f"{arn}:db:*" in _refused(rds.describe_db_instances)
