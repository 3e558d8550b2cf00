"""EFS file systems, their policies and their mount targets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal
from test_inventory import differing, inventory

TAGS = [{"Key": "Name", "Value": "shared"}]
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*", "Condition": {"Bool": {"a": "b"}}}
        ],
    }
)


def code(caught: Any) -> str:
    return refusal(caught)[0]


def told(efs: Any, name: str) -> dict[str, Any]:
    return efs.describe_file_systems(FileSystemId=name)["FileSystems"][0]


@pytest.fixture
def efs(local: Local, account: str) -> Any:
    return local.client("efs", account)


def make(efs: Any, token: str = "one", **options: Any) -> str:
    return efs.create_file_system(CreationToken=token, **options)["FileSystemId"]


def test_a_file_system_tells_its_settings(local: Local, account: str, efs: Any) -> None:
    key = local.client("kms", account).create_key()["KeyMetadata"]
    options = {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 64.0}
    options |= {"PerformanceMode": "maxIO", "Tags": TAGS}
    name = make(efs, Encrypted=True, KmsKeyId=key["KeyId"], **options)
    one = told(efs, name)
    assert {key: one[key] for key in options} == options
    assert (one["Encrypted"], one["KmsKeyId"], one["Name"]) == (True, key["Arn"], "shared")
    assert (one["LifeCycleState"], one["SizeInBytes"]["Value"]) == ("available", 6144)
    assert told(efs, one["FileSystemArn"])["FileSystemId"] == name
    by_default = told(efs, make(efs, "two", Encrypted=True, AvailabilityZoneName="us-east-1a"))
    assert by_default["KmsKeyId"].startswith(f"arn:aws:kms:us-east-1:{account}:key/")
    assert by_default["AvailabilityZoneName"] == "us-east-1a"
    assert told(efs, make(efs, "three"))["Encrypted"] is False
    with pytest.raises(ClientError) as caught:
        make(efs, "four", ThroughputMode="provisioned")
    assert code(caught) == "BadRequest"


def test_a_creation_token_makes_one_file_system(efs: Any) -> None:
    name = make(efs)
    with pytest.raises(ClientError) as caught:
        make(efs)
    assert code(caught) == "FileSystemAlreadyExists"
    assert caught.value.response["FileSystemId"] == name
    (found,) = efs.describe_file_systems(CreationToken="one")["FileSystems"]
    assert found["FileSystemId"] == name
    assert efs.describe_file_systems(CreationToken="two")["FileSystems"] == []


def test_file_systems_come_in_pages(efs: Any) -> None:
    for number in range(3):
        make(efs, str(number))
    first = efs.describe_file_systems(MaxItems=2)
    assert len(first["FileSystems"]) == 2
    rest = efs.describe_file_systems(MaxItems=2, Marker=first["NextMarker"])
    assert (len(rest["FileSystems"]), "NextMarker" in rest) == (1, False)


def test_the_lifecycle_and_the_backups_of_a_file_system_are_kept(efs: Any) -> None:
    name = make(efs)
    assert efs.describe_lifecycle_configuration(FileSystemId=name)["LifecyclePolicies"] == []
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    efs.put_lifecycle_configuration(FileSystemId=name, LifecyclePolicies=policies)
    assert efs.describe_lifecycle_configuration(FileSystemId=name)["LifecyclePolicies"] == policies
    with pytest.raises(ClientError) as caught:
        efs.describe_backup_policy(FileSystemId=name)
    assert code(caught) == "PolicyNotFound"
    efs.put_backup_policy(FileSystemId=name, BackupPolicy={"Status": "ENABLED"})
    assert efs.describe_backup_policy(FileSystemId=name)["BackupPolicy"] == {"Status": "ENABLED"}


def test_the_policy_of_a_file_system_is_put_and_deleted(efs: Any) -> None:
    name = make(efs)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            efs.describe_file_system_policy(FileSystemId=name)
        assert code(caught) == "PolicyNotFound"
        efs.put_file_system_policy(FileSystemId=name, Policy=POLICY)
        assert efs.describe_file_system_policy(FileSystemId=name)["Policy"] == POLICY
        efs.delete_file_system_policy(FileSystemId=name)
    with pytest.raises(ClientError) as caught:
        efs.put_file_system_policy(FileSystemId=name, Policy="{}")
    assert code(caught) == "InvalidPolicyException"


def test_a_file_system_that_is_not_there_is_not_found(efs: Any) -> None:
    name = "fs-01234567"
    for look in (
        efs.describe_file_systems,
        efs.describe_lifecycle_configuration,
        efs.describe_file_system_policy,
        efs.describe_backup_policy,
        efs.describe_mount_targets,
        efs.delete_file_system,
    ):
        with pytest.raises(ClientError) as caught:
            look(FileSystemId=name)
        assert code(caught) == "FileSystemNotFound"


def test_a_file_system_with_mount_targets_is_in_use(local: Local, account: str, efs: Any) -> None:
    ec2 = local.client("ec2", account)
    one, two = ec2.describe_subnets()["Subnets"][:2]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=one["VpcId"])["GroupId"]
    before = inventory(local, account)
    name = make(efs, Tags=TAGS)
    mine = efs.create_mount_target(FileSystemId=name, SubnetId=one["SubnetId"], SecurityGroups=[group])
    other = efs.create_mount_target(FileSystemId=name, SubnetId=two["SubnetId"])
    targets = efs.describe_mount_targets(FileSystemId=name)["MountTargets"]
    assert {t["SubnetId"] for t in targets} == {one["SubnetId"], two["SubnetId"]}
    groups = [
        efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"]
        for target in (mine, other)
    ]
    assert groups[0] == [group]
    (default,) = ec2.describe_security_groups(GroupIds=groups[1])["SecurityGroups"]
    assert default["GroupName"] == "default"
    with pytest.raises(ClientError) as caught:
        efs.delete_file_system(FileSystemId=name)
    assert code(caught) == "FileSystemInUse"
    for target in (mine, other):
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    efs.delete_file_system(FileSystemId=name)
    assert differing(before, inventory(local, account)) == []


def test_tags_and_throughput_are_changed(efs: Any) -> None:
    name = make(efs)
    efs.tag_resource(ResourceId=name, Tags=TAGS)
    assert told(efs, name)["Tags"] == TAGS
    efs.update_file_system(FileSystemId=name, ThroughputMode="elastic")
    assert told(efs, name)["ThroughputMode"] == "elastic"


def test_the_event_history_names_the_file_system(local: Local, account: str, efs: Any) -> None:
    name = make(efs)
    efs.put_file_system_policy(FileSystemId=name, Policy=POLICY)
    wanted = [{"AttributeKey": "ResourceName", "AttributeValue": name}]
    (event,) = local.client("cloudtrail", account).lookup_events(LookupAttributes=wanted)["Events"]
    assert event["EventName"] == "PutFileSystemPolicy"


def test_a_size_can_be_staged(local: Local, account: str, efs: Any) -> None:
    name = make(efs)
    order = {"account": account, "region": "us-east-1", "file_system": name, "size": 10**9}
    assert local.door("POST", "efs-size", order)[0] == 200
    assert told(efs, name)["SizeInBytes"]["Value"] == 10**9


def test_a_role_is_held_to_its_file_systems(local: Local, account: str, efs: Any) -> None:
    subnet = local.client("ec2", account).describe_subnets()["Subnets"][0]["SubnetId"]
    one, two = make(efs, "one"), make(efs, "two")
    targets = {
        name: efs.create_mount_target(FileSystemId=name, SubnetId=subnet)["MountTargetId"]
        for name in (one, two)
    }
    arn = f"arn:aws:elasticfilesystem:us-east-1:{account}:file-system"
    own = {"Action": "elasticfilesystem:*", "Resource": f"{arn}/{one}"}
    encrypted = {"Action": "elasticfilesystem:CreateFileSystem", "Resource": f"{arn}/*"}
    encrypted["Condition"] = {"Bool": {"elasticfilesystem:Encrypted": "true"}}
    mine = local.client("efs", session(local, account, own, encrypted))
    mine.put_file_system_policy(FileSystemId=one, Policy=POLICY)
    mine.delete_mount_target(MountTargetId=targets[one])
    make(mine, "three", Encrypted=True)
    for refused in (
        lambda: mine.put_file_system_policy(FileSystemId=two, Policy=POLICY),
        lambda: mine.delete_mount_target(MountTargetId=targets[two]),
        mine.describe_file_systems,
        lambda: make(mine, "four"),
        lambda: make(mine, "five", Encrypted=True, Tags=TAGS),
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert code(caught) == "AccessDeniedException"
