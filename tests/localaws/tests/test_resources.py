"""Which action and which resources a call is held to, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.front.actions import action_of, context_of, resource_of
from localaws.front.further import further
from localaws.front.operations import Operation

ACCOUNT, REGION = "111122223333", "eu-west-1"


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


TRAIL = arn("cloudtrail", "trail/main")
KEY = arn("kms", "key/1234")
SYSTEM = arn("elasticfilesystem", "file-system/fs-1")
GROUP = arn("logs", "log-group:flow:log-stream:")
DB, SNAPSHOT = arn("rds", "db:orders"), arn("rds", "snapshot:before")
SCALING = arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/web")
INTERFACE = arn("ec2", "network-interface/eni-1")
ACL, VPC = arn("ec2", "network-acl/acl-1"), arn("ec2", "vpc/vpc-1")
_INSTANCE, _SNAPSHOT = {"DBInstanceIdentifier": "orders"}, {"DBSnapshotIdentifier": "before"}

ROWS: list[tuple[str, str, dict[str, Any], str]] = [
    ("cloudtrail", "CreateTrail", {"Name": "main"}, TRAIL),
    ("cloudtrail", "UpdateTrail", {"Name": TRAIL}, TRAIL),
    ("cloudtrail", "DeleteTrail", {"Name": "main"}, TRAIL),
    ("cloudtrail", "GetTrail", {"Name": "main"}, TRAIL),
    ("cloudtrail", "GetTrailStatus", {"Name": TRAIL}, TRAIL),
    ("cloudtrail", "StartLogging", {"Name": "main"}, TRAIL),
    ("cloudtrail", "StopLogging", {"Name": "main"}, TRAIL),
    ("cloudtrail", "GetEventSelectors", {"TrailName": "main"}, TRAIL),
    ("cloudtrail", "PutEventSelectors", {"TrailName": TRAIL}, TRAIL),
    ("cloudtrail", "AddTags", {"ResourceId": TRAIL}, TRAIL),
    ("cloudtrail", "ListTags", {"ResourceIdList": [TRAIL]}, TRAIL),
    ("cloudtrail", "DescribeTrails", {}, "*"),
    ("cloudtrail", "ListTrails", {}, "*"),
    ("ec2", "DescribeNetworkAcls", {"NetworkAclId.1": "acl-1"}, "*"),
    ("ec2", "CreateNetworkAclEntry", {"NetworkAclId": "acl-1"}, ACL),
    ("ec2", "ReplaceNetworkAclEntry", {"NetworkAclId": "acl-1"}, ACL),
    ("ec2", "DeleteNetworkAclEntry", {"NetworkAclId": "acl-1"}, ACL),
    ("ec2", "CreateFlowLogs", {"ResourceId.1": "vpc-1", "ResourceType": "VPC"}, VPC),
    ("ec2", "DeleteFlowLogs", {"FlowLogId.1": "fl-1"}, arn("ec2", "vpc-flow-log/fl-1")),
    ("ec2", "CreateTags", {"ResourceId.1": "fl-1"}, arn("ec2", "vpc-flow-log/fl-1")),
    ("autoscaling", "DescribeAutoScalingInstances", {}, "*"),
    ("autoscaling", "DetachInstances", {"AutoScalingGroupName": "web"}, SCALING),
    ("ec2", "CreateSnapshots", {"InstanceSpecification.InstanceId": "i-1"}, arn("ec2", "instance/i-1")),
    ("ec2", "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-1"}, INTERFACE),
    ("ec2", "DescribeFlowLogs", {}, "*"),
    ("ec2", "DescribeNetworkInterfaces", {}, "*"),
    ("ec2", "DescribeSecurityGroupRules", {}, "*"),
    ("ec2", "RevokeSecurityGroupEgress", {"GroupId": "sg-1"}, arn("ec2", "security-group/sg-1")),
    ("ec2", "AuthorizeSecurityGroupEgress", {"GroupId": "sg-1"}, arn("ec2", "security-group/sg-1")),
    ("elasticfilesystem", "CreateFileSystem", {"CreationToken": "a"}, SYSTEM.replace("fs-1", "*")),
    ("elasticfilesystem", "DescribeFileSystems", {"FileSystemId": "fs-1"}, SYSTEM),
    ("elasticfilesystem", "DescribeFileSystems", {}, SYSTEM.replace("fs-1", "*")),
    ("elasticfilesystem", "PutFileSystemPolicy", {"FileSystemId": "fs-1"}, SYSTEM),
    ("elasticfilesystem", "PutBackupPolicy", {"FileSystemId": SYSTEM}, SYSTEM),
    ("elasticfilesystem", "CreateMountTarget", {"FileSystemId": "fs-1"}, SYSTEM),
    ("elasticfilesystem", "TagResource", {"ResourceId": "fs-1"}, SYSTEM),
    ("kms", "CreateKey", {}, "*"),
    ("kms", "ListAliases", {"KeyId": "1234"}, "*"),
    ("kms", "DescribeKey", {"KeyId": "alias/a"}, arn("kms", "alias/a")),
    ("kms", "CreateAlias", {"AliasName": "alias/a", "TargetKeyId": "1234"}, KEY),
    ("kms", "GetKeyPolicy", {"KeyId": "1234"}, KEY),
    ("kms", "PutKeyPolicy", {"KeyId": KEY}, KEY),
    ("kms", "ScheduleKeyDeletion", {"KeyId": KEY}, KEY),
    ("kms", "DisableKey", {"KeyId": "1234"}, KEY),
    ("logs", "CreateLogGroup", {"logGroupName": "flow"}, GROUP),
    ("logs", "PutRetentionPolicy", {"logGroupName": "flow"}, GROUP),
    ("logs", "DeleteLogGroup", {"logGroupName": "flow"}, GROUP),
    ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "f"}, GROUP.replace("flow", "")),
    ("logs", "TagResource", {"resourceArn": arn("logs", "log-group:flow")}, arn("logs", "log-group:flow")),
    ("rds", "DescribeDBInstances", _INSTANCE, DB),
    ("rds", "DescribeDBInstances", {}, arn("rds", "db:*")),
    ("rds", "ModifyDBInstance", {**_INSTANCE, "NewDBInstanceIdentifier": "old"}, DB),
    ("rds", "DeleteDBInstance", _INSTANCE, DB),
    ("rds", "CreateDBSnapshot", {**_INSTANCE, **_SNAPSHOT}, DB),
    ("rds", "DescribeDBSnapshots", _SNAPSHOT, SNAPSHOT),
    ("rds", "DescribeDBSnapshots", _INSTANCE, DB),
    ("rds", "DescribeDBSnapshots", {}, arn("rds", "snapshot:*")),
    ("rds", "DeleteDBSnapshot", _SNAPSHOT, SNAPSHOT),
    ("rds", "RestoreDBInstanceFromDBSnapshot", {**_INSTANCE, **_SNAPSHOT}, DB),
    ("rds", "AddTagsToResource", {"ResourceName": DB}, DB),
    ("rds", "ListTagsForResource", {"ResourceName": SNAPSHOT}, SNAPSHOT),
    ("s3", "PutBucketLogging", {"Bucket": "b"}, "arn:aws:s3:::b"),
    ("s3", "GetBucketLogging", {"Bucket": "b"}, "arn:aws:s3:::b"),
    ("s3", "PutBucketOwnershipControls", {"Bucket": "b"}, "arn:aws:s3:::b"),
    ("s3", "PutBucketVersioning", {"Bucket": "b"}, "arn:aws:s3:::b"),
    ("s3", "CreateBucket", {"Bucket": "b"}, "arn:aws:s3:::b"),
    ("s3", "DeleteBucket", {"Bucket": "b"}, "arn:aws:s3:::b"),
]


@pytest.mark.parametrize(("service", "name", "params", "resource"), ROWS)
def test_a_call_is_held_to_its_resource(
    service: str, name: str, params: dict[str, Any], resource: str
) -> None:
    operation = Operation(service, name, params)
    assert action_of(operation) == f"{service}:{name}"
    assert resource_of(operation, ACCOUNT, REGION) == resource


_TAGGED = {"TagSpecification.1.ResourceType": "vpc-flow-log", "TagSpecification.1.Tag.1.Key": "a"}
_COPY = {"SourceDBSnapshotIdentifier": "before", "TargetDBSnapshotIdentifier": "after"}


@pytest.mark.parametrize(
    ("service", "name", "params", "more"),
    [
        (
            "ec2",
            "CreateFlowLogs",
            {"ResourceId.1": "vpc-1", **_TAGGED},
            [
                ("ec2:CreateFlowLogs", arn("ec2", "vpc-flow-log/*")),
                ("ec2:CreateTags", arn("ec2", "vpc-flow-log/*")),
            ],
        ),
        (
            "ec2",
            "ModifyNetworkInterfaceAttribute",
            {"NetworkInterfaceId": "eni-1", "SecurityGroupId.1": "sg-1"},
            [("ec2:ModifyNetworkInterfaceAttribute", arn("ec2", "security-group/sg-1"))],
        ),
        (
            "ec2",
            "CreateSecurityGroup",
            {"GroupName": "a", "VpcId": "vpc-1"},
            [("ec2:CreateSecurityGroup", arn("ec2", "security-group/*"))],
        ),
        (
            "ec2",
            "CreateSnapshots",
            {"InstanceSpecification.InstanceId": "i-1", "TagSpecification.1.ResourceType": "snapshot"},
            [
                ("ec2:CreateSnapshots", arn("ec2", "volume/*")),
                ("ec2:CreateSnapshots", f"arn:aws:ec2:{REGION}::snapshot/*"),
                ("ec2:CreateTags", f"arn:aws:ec2:{REGION}::snapshot/*"),
            ],
        ),
        (
            "rds",
            "CreateDBSnapshot",
            {**_INSTANCE, **_SNAPSHOT, "Tags.Tag.1.Key": "a"},
            [("rds:CreateDBSnapshot", SNAPSHOT), ("rds:AddTagsToResource", SNAPSHOT)],
        ),
        ("rds", "CopyDBSnapshot", _COPY, [("rds:CopyDBSnapshot", SNAPSHOT)]),
        (
            "rds",
            "DeleteDBInstance",
            {**_INSTANCE, "FinalDBSnapshotIdentifier": "before"},
            [("rds:CreateDBSnapshot", DB), ("rds:CreateDBSnapshot", SNAPSHOT)],
        ),
        ("rds", "DescribeDBSnapshots", {**_INSTANCE, **_SNAPSHOT}, []),
        (
            "kms",
            "CreateAlias",
            {"AliasName": "alias/a", "TargetKeyId": "1234"},
            [("kms:CreateAlias", arn("kms", "alias/a"))],
        ),
        ("kms", "CreateKey", {"Tags": [{"TagKey": "a"}]}, [("kms:TagResource", arn("kms", "key/*"))]),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "flow", "tags": {"a": "b"}},
            [("logs:TagResource", arn("logs", "log-group:flow"))],
        ),
        (
            "cloudtrail",
            "CreateTrail",
            {"Name": "main", "TagsList": [{"Key": "a"}]},
            [("cloudtrail:AddTags", TRAIL)],
        ),
    ],
)
def test_what_else_a_call_touches_must_be_allowed_too(
    service: str, name: str, params: dict[str, Any], more: list[tuple[str, str]]
) -> None:
    needed = further(Operation(service, name, params), ACCOUNT, REGION)
    assert [(one["action"], one["resource"]) for one in needed] == more


@pytest.mark.parametrize(
    ("service", "params"),
    [
        ("rds", {"Tags.Tag.1.Key": "team", "Tags.Tag.1.Value": "a"}),
        ("rds", {"Tags.member.1.Key": "team", "Tags.member.1.Value": "a"}),
        ("ec2", {"TagSpecification.1.Tag.1.Key": "team", "TagSpecification.1.Tag.1.Value": "a"}),
        ("ec2", {"Tag.1.Key": "team", "Tag.1.Value": "a"}),
        ("kms", {"Tags": [{"TagKey": "team", "TagValue": "a"}]}),
        ("cloudtrail", {"TagsList": [{"Key": "team", "Value": "a"}]}),
        ("logs", {"tags": {"team": "a"}}),
    ],
)
def test_the_tags_of_a_request_are_condition_keys(service: str, params: dict[str, Any]) -> None:
    keys = context_of(Operation(service, "Create", params), REGION)
    assert (keys["aws:requesttag/team"], keys["aws:tagkeys"]) == ("a", ["team"])
