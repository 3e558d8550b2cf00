"""RDS instances and snapshots: encrypting one by a copied snapshot, a restored instance and two renames."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from test_identity import refusal

TAGS = [{"Key": "team", "Value": "orders"}]


class Place:
    """An account with a client, and groups of its own."""

    def __init__(self, local: Local, account: str) -> None:
        self.local, self.account = local, account
        self.rds = local.client("rds", account)
        self.key = local.client("kms", account).create_key()["KeyMetadata"]["Arn"]

    def groups(self) -> dict[str, Any]:
        """A subnet group in a VPC of its own, and other groups."""
        ec2 = self.local.client("ec2", self.account)
        self.vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zones = enumerate(("us-east-1a", "us-east-1b"))
        subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in zones
        ]
        group = ec2.create_security_group(GroupName="db", Description="d", VpcId=self.vpc)["GroupId"]
        described = "of the test"
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="subnets", DBSubnetGroupDescription=described, SubnetIds=subnets
        )
        self.rds.create_db_parameter_group(
            DBParameterGroupName="parameters", DBParameterGroupFamily="postgres16", Description=described
        )
        self.rds.create_option_group(
            OptionGroupName="options",
            EngineName="mysql",
            MajorEngineVersion="8.0",
            OptionGroupDescription=described,
        )
        return {
            "DBSubnetGroupName": "subnets",
            "DBParameterGroupName": "parameters",
            "VpcSecurityGroupIds": [group],
        }

    def make(self, name: str = "orders", **options: Any) -> dict[str, Any]:
        made = {"DBInstanceClass": "db.m6g.large", "Engine": "postgres", "EngineVersion": "16.3"}
        made |= {"MasterUsername": "root", "MasterUserPassword": "a-password", "AllocatedStorage": 20}
        self.rds.create_db_instance(DBInstanceIdentifier=name, **{**made, **options})
        return self.told(name)

    def told(self, name: str = "orders") -> dict[str, Any]:
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def snapshot(self, name: str) -> dict[str, Any]:
        return self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

    def snap(self, name: str = "before", instance: str = "orders", **options: Any) -> dict[str, Any]:
        self.rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=instance, **options)
        return self.snapshot(name)

    def copy(self, source: str = "before", target: str = "encrypted", **options: Any) -> dict[str, Any]:
        names = {"SourceDBSnapshotIdentifier": source, "TargetDBSnapshotIdentifier": target}
        self.rds.copy_db_snapshot(**names, **options)
        return self.snapshot(target)

    def restore(self, name: str = "restored", snapshot: str = "encrypted", **options: Any) -> dict[str, Any]:
        names = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": snapshot}
        self.rds.restore_db_instance_from_db_snapshot(**names, **options)
        return self.told(name)

    def rename(self, old: str, new: str, **options: Any) -> None:
        names = {"DBInstanceIdentifier": old, "NewDBInstanceIdentifier": new, "ApplyImmediately": True}
        self.rds.modify_db_instance(**{**names, **options})

    def slow(self, steps: int) -> None:
        order = {"account": self.account, "kind": "rds", "steps": steps}
        assert self.local.door("POST", "transitions", order) == (200, {"steps": steps})


@pytest.fixture
def place(local: Local, account: str) -> Place:
    return Place(local, account)


def code(caught: Any) -> str:
    return refusal(caught)[0]


_SETTINGS: dict[str, Any] = {
    "BackupRetentionPeriod": 9,
    "CACertificateIdentifier": "rds-ca-rsa4096-g1",
    "CopyTagsToSnapshot": True,
    "DBInstanceClass": "db.r6g.large",
    "DeletionProtection": True,
    "Iops": 3000,
    "LicenseModel": "postgresql-license",
    "MultiAZ": True,
    "PreferredBackupWindow": "03:00-03:30",
    "PubliclyAccessible": True,
    "StorageType": "io1",
}
_MORE: dict[str, Any] = {
    "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
    "EnableIAMDatabaseAuthentication": True,
    "Port": 6543,
}
_ONLY_MODIFIED: dict[str, Any] = {
    "EnablePerformanceInsights": True,
    "MaxAllocatedStorage": 200,
    "MonitoringInterval": 60,
    "PerformanceInsightsRetentionPeriod": 31,
    "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
}


def _check_settings(told: dict[str, Any], settings: dict[str, Any]) -> None:
    assert {name: told.get(name) for name in settings} == settings
    assert told["EnabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert told["IAMDatabaseAuthenticationEnabled"] is True
    assert told["Endpoint"]["Port"] == 6543


def _check_groups(told: dict[str, Any], groups: dict[str, Any]) -> None:
    assert told["DBSubnetGroup"]["DBSubnetGroupName"] == "subnets"
    assert [g["DBParameterGroupName"] for g in told["DBParameterGroups"]] == ["parameters"]
    assert [g["VpcSecurityGroupId"] for g in told["VpcSecurityGroups"]] == groups["VpcSecurityGroupIds"]


def test_an_instance_tells_its_settings(place: Place) -> None:
    groups = place.groups()
    role = f"arn:aws:iam::{place.account}:role/monitoring"
    options = {**groups, **_SETTINGS, **_MORE, **_ONLY_MODIFIED}
    told = place.make(**options, MonitoringRoleArn=role, Tags=TAGS, DBName="orders")
    _check_settings(told, _SETTINGS)
    _check_groups(told, groups)
    assert (told["PerformanceInsightsEnabled"], told["PerformanceInsightsRetentionPeriod"]) == (True, 31)
    assert told["PerformanceInsightsKMSKeyId"].startswith("arn:aws:kms:")
    assert (told["MonitoringInterval"], told["MaxAllocatedStorage"]) == (60, 200)
    assert told["PreferredMaintenanceWindow"] == "sun:05:00-sun:05:30"
    assert (told["TagList"], told["StorageEncrypted"], told["DBName"]) == (TAGS, False, "orders")
    assert told["PendingModifiedValues"] == {}
    assert told["ReadReplicaDBInstanceIdentifiers"] == []
    assert told["DbiResourceId"] != place.make("another")["DbiResourceId"]


@pytest.mark.parametrize("given", ["arn", "id", "alias", None])
def test_an_encrypted_instance_tells_the_arn_of_its_key(place: Place, given: str | None) -> None:
    place.local.client("kms", place.account).create_alias(AliasName="alias/db", TargetKeyId=place.key)
    names = {"arn": place.key, "id": place.key.rpartition("/")[2], "alias": "alias/db"}
    key = {"KmsKeyId": names[given]} if given else {}
    told = place.make(StorageEncrypted=True, **key)
    assert told["StorageEncrypted"] is True
    assert told["KmsKeyId"] == place.key if given else told["KmsKeyId"].startswith("arn:aws:kms:")


def test_a_key_that_is_disabled_is_not_accessible(place: Place) -> None:
    place.local.client("kms", place.account).disable_key(KeyId=place.key)
    with pytest.raises(ClientError) as caught:
        place.make(StorageEncrypted=True, KmsKeyId=place.key)
    assert code(caught) == "KMSKeyNotAccessibleFault"


def test_a_snapshot_tells_its_instance_and_has_tags_of_its_own(place: Place) -> None:
    instance = place.make(Tags=[{"Key": "a", "Value": "b"}], **_SETTINGS)
    told = place.snap(Tags=TAGS)
    assert (told["DBInstanceIdentifier"], told["DbiResourceId"]) == ("orders", instance["DbiResourceId"])
    assert (told["Status"], told["PercentProgress"], told["Encrypted"]) == ("available", 100, False)
    assert (told["TagList"], told["StorageType"], told["Iops"]) == (TAGS, "io1", 3000)
    listed = place.rds.describe_db_snapshots(DBInstanceIdentifier="orders", SnapshotType="manual")
    assert [s["DBSnapshotIdentifier"] for s in listed["DBSnapshots"]] == ["before"]
    with pytest.raises(ClientError) as caught:
        place.snap()
    assert code(caught) == "DBSnapshotAlreadyExists"
    with pytest.raises(ClientError) as caught:
        place.snap("another", "nothing")
    assert code(caught) == "DBInstanceNotFound"
    with pytest.raises(ClientError) as caught:
        place.snapshot("nothing")
    assert code(caught) == "DBSnapshotNotFound"


def test_tags_of_an_instance_go_to_its_snapshots_only_when_told(place: Place) -> None:
    place.make(Tags=TAGS)
    assert place.snap("one")["TagList"] == []
    change = {"CopyTagsToSnapshot": True, "ApplyImmediately": True}
    place.rds.modify_db_instance(DBInstanceIdentifier="orders", **change)
    assert place.snap("two")["TagList"] == TAGS


def test_a_copy_of_a_snapshot_is_encrypted_with_the_key_given(place: Place) -> None:
    place.make()
    source = place.snap(Tags=[{"Key": "a", "Value": "b"}])
    told = place.copy(KmsKeyId=place.key, Tags=TAGS)
    assert (told["Encrypted"], told["KmsKeyId"], told["TagList"]) == (True, place.key, TAGS)
    assert told["SourceDBSnapshotIdentifier"] == source["DBSnapshotArn"]
    assert place.copy("encrypted", "again")["KmsKeyId"] == place.key
    assert place.snapshot("again")["TagList"] == []
    assert place.copy("before", "plain", CopyTags=True)["Encrypted"] is False
    assert place.snapshot("plain")["TagList"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(ClientError) as caught:
        place.copy()
    assert code(caught) == "DBSnapshotAlreadyExists"
    with pytest.raises(ClientError) as caught:
        place.copy("nothing", "target")
    assert code(caught) == "DBSnapshotNotFound"


def test_an_instance_is_restored_with_everything_that_is_said(place: Place) -> None:
    groups = place.groups()
    place.make()
    place.snap()
    place.copy(KmsKeyId=place.key)
    told = place.restore(**groups, **_SETTINGS, **_MORE, Tags=TAGS)
    _check_settings(told, _SETTINGS)
    _check_groups(told, groups)
    assert (told["StorageEncrypted"], told["KmsKeyId"], told["TagList"]) == (True, place.key, TAGS)
    assert (told["Engine"], told["EngineVersion"], told["MasterUsername"]) == ("postgres", "16.3", "root")
    with pytest.raises(ClientError) as caught:
        place.restore()
    assert code(caught) == "DBInstanceAlreadyExists"


def test_what_is_not_said_when_restoring_has_its_default(place: Place) -> None:
    groups = place.groups()
    role = f"arn:aws:iam::{place.account}:role/monitoring"
    options = {**groups, **_SETTINGS, **_MORE, **_ONLY_MODIFIED}
    before = place.make(**options, MonitoringRoleArn=role, Tags=TAGS)
    place.snap()
    place.copy(KmsKeyId=place.key)
    told = place.restore()
    assert told["DbiResourceId"] != before["DbiResourceId"]
    assert "DBSubnetGroup" not in told
    assert [g["DBParameterGroupName"] for g in told["DBParameterGroups"]] == ["default.postgres16"]
    assert [g["VpcSecurityGroupId"] for g in told["VpcSecurityGroups"]] != groups["VpcSecurityGroupIds"]
    flags = ("MultiAZ", "DeletionProtection", "CopyTagsToSnapshot", "IAMDatabaseAuthenticationEnabled")
    assert [told[flag] for flag in flags] == [False] * 4
    assert told["PerformanceInsightsEnabled"] is False
    assert (told["MonitoringInterval"], told.get("MaxAllocatedStorage")) == (0, None)
    assert (told["TagList"], told["StorageType"], told.get("Iops")) == ([], "gp3", None)
    assert told.get("EnabledCloudwatchLogsExports", []) == []
    assert told["PreferredMaintenanceWindow"] != "sun:05:00-sun:05:30"
    kept = ("DBInstanceClass", "BackupRetentionPeriod", "LicenseModel", "AllocatedStorage", "Endpoint")
    assert [told[name] for name in kept[:4]] == [before[name] for name in kept[:4]]
    assert told["Endpoint"]["Port"] == 6543


def test_the_default_security_group_is_that_of_the_subnets_vpc(place: Place) -> None:
    place.groups()
    place.make()
    place.snap()
    told = place.restore(snapshot="before", DBSubnetGroupName="subnets")
    (group,) = told["VpcSecurityGroups"]
    ec2 = place.local.client("ec2", place.account)
    (described,) = ec2.describe_security_groups(GroupIds=[group["VpcSecurityGroupId"]])["SecurityGroups"]
    assert (described["VpcId"], described["GroupName"]) == (place.vpc, "default")


def test_an_option_group_is_restored_when_told(place: Place) -> None:
    place.groups()
    place.make(Engine="mysql", EngineVersion="8.0.39", OptionGroupName="options")
    place.snap()
    assert place.snapshot("before")["OptionGroupName"] == "options"
    for name, options in (("one", {"OptionGroupName": "options"}), ("two", {})):
        told = place.restore(name, "before", **options)["OptionGroupMemberships"]
        assert (told[0]["OptionGroupName"] == "options") is bool(options)


def test_a_renamed_instance_goes_by_its_new_name_only(place: Place) -> None:
    before = place.make(Tags=TAGS)
    place.rename("orders", "orders-old")
    after = place.told("orders-old")
    assert after["DBInstanceArn"] == before["DBInstanceArn"] + "-old"
    assert after["Endpoint"]["Address"] != before["Endpoint"]["Address"]
    assert (after["DbiResourceId"], after["TagList"]) == (before["DbiResourceId"], TAGS)
    with pytest.raises(ClientError) as caught:
        place.told()
    assert code(caught) == "DBInstanceNotFound"
    tags = place.rds.list_tags_for_resource(ResourceName=after["DBInstanceArn"])["TagList"]
    assert tags == TAGS
    place.make("orders")
    with pytest.raises(ClientError) as caught:
        place.rename("orders-old", "orders")
    assert code(caught) == "DBInstanceAlreadyExists"


def test_the_restored_instance_takes_the_name_of_the_old_one(place: Place) -> None:
    before = place.make()
    place.snap()
    place.copy(KmsKeyId=place.key)
    place.restore("orders-new")
    place.rename("orders", "orders-old")
    place.rename("orders-new", "orders")
    after = place.told()
    assert (after["DBInstanceArn"], after["Endpoint"]) == (before["DBInstanceArn"], before["Endpoint"])
    assert (after["StorageEncrypted"], before["StorageEncrypted"]) == (True, False)
    place.rds.delete_db_instance(DBInstanceIdentifier="orders-old", SkipFinalSnapshot=True)
    assert [i["DBInstanceIdentifier"] for i in place.rds.describe_db_instances()["DBInstances"]] == ["orders"]


def test_settings_are_changed_at_once_or_wait(place: Place) -> None:
    place.make()
    change = {"DBInstanceIdentifier": "orders", "MultiAZ": True, "BackupRetentionPeriod": 14}
    place.rds.modify_db_instance(**change, DeletionProtection=True)
    told = place.told()
    assert (told["MultiAZ"], told["BackupRetentionPeriod"], told["DeletionProtection"]) == (False, 1, True)
    assert told["PendingModifiedValues"] == {"MultiAZ": True, "BackupRetentionPeriod": 14}
    place.rds.modify_db_instance(**change, ApplyImmediately=True)
    told = place.told()
    assert (told["MultiAZ"], told["BackupRetentionPeriod"]) == (True, 14)
    assert told["PendingModifiedValues"] == {}


def test_what_cannot_be_restored_is_modified_afterwards(place: Place) -> None:
    place.make()
    exports = {"EnableLogTypes": ["postgresql"]}
    role = f"arn:aws:iam::{place.account}:role/monitoring"
    place.rds.modify_db_instance(
        DBInstanceIdentifier="orders",
        ApplyImmediately=True,
        CloudwatchLogsExportConfiguration=exports,
        MonitoringRoleArn=role,
        **_ONLY_MODIFIED,
    )
    told = place.told()
    assert (told["PerformanceInsightsEnabled"], told["PerformanceInsightsRetentionPeriod"]) == (True, 31)
    assert (told["MonitoringInterval"], told["MonitoringRoleArn"]) == (60, role)
    assert (told["MaxAllocatedStorage"], told["EnabledCloudwatchLogsExports"]) == (200, ["postgresql"])
    assert told["PreferredMaintenanceWindow"] == "sun:05:00-sun:05:30"


def test_a_protected_instance_is_not_deleted(place: Place) -> None:
    place.make(DeletionProtection=True)
    with pytest.raises(ClientError) as caught:
        place.rds.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
    assert code(caught) == "InvalidParameterCombination"
    assert place.told()["DBInstanceStatus"] == "available"


def test_deleting_asks_for_a_final_snapshot_or_that_there_be_none(place: Place) -> None:
    place.make()
    with pytest.raises(ClientError) as caught:
        place.rds.delete_db_instance(DBInstanceIdentifier="orders")
    assert code(caught) == "InvalidParameterCombination"
    place.snap("taken")
    with pytest.raises(ClientError) as caught:
        place.rds.delete_db_instance(DBInstanceIdentifier="orders", FinalDBSnapshotIdentifier="taken")
    assert code(caught) == "DBSnapshotAlreadyExists"
    place.rds.delete_db_instance(DBInstanceIdentifier="orders", FinalDBSnapshotIdentifier="final")
    assert place.snapshot("final")["DBInstanceIdentifier"] == "orders"
    with pytest.raises(ClientError) as caught:
        place.told()
    assert code(caught) == "DBInstanceNotFound"


def test_replicas_and_their_source_name_each_other_also_when_renamed(place: Place) -> None:
    before = place.make()
    names = {"DBInstanceIdentifier": "replica", "SourceDBInstanceIdentifier": "orders"}
    place.rds.create_db_instance_read_replica(**names)
    assert place.told("replica")["DbiResourceId"] != before["DbiResourceId"]
    for source, replica in (("orders", "replica"), ("orders", "copy"), ("orders-old", "copy")):
        if replica == "copy" and source == "orders":
            place.rename("replica", "copy")
        if source == "orders-old":
            place.rename("orders", "orders-old")
        assert place.told(source)["ReadReplicaDBInstanceIdentifiers"] == [replica]
        assert place.told(replica)["ReadReplicaSourceDBInstanceIdentifier"] == source


def test_a_snapshot_of_an_instance_of_a_cluster_is_refused(place: Place) -> None:
    engine = {"Engine": "aurora-postgresql"}
    secrets = {"MasterUsername": "root", "MasterUserPassword": "a-password"}
    place.rds.create_db_cluster(DBClusterIdentifier="cluster", **engine, **secrets)
    member = {"DBInstanceIdentifier": "member", "DBClusterIdentifier": "cluster"}
    place.rds.create_db_instance(**member, DBInstanceClass="db.r6g.large", **engine)
    with pytest.raises(ClientError) as caught:
        place.snap("of-member", "member")
    assert code(caught) == "InvalidParameterValue"
    assert place.told("member")["DBClusterIdentifier"] == "cluster"


def test_instances_and_snapshots_come_in_pages(place: Place) -> None:
    for number in range(3):
        place.make(f"orders-{number}", BackupRetentionPeriod=0)
    assert place.rds.describe_db_snapshots()["DBSnapshots"] == []
    for number in range(21):
        place.rds.create_db_snapshot(
            DBSnapshotIdentifier=f"s-{number}", DBInstanceIdentifier="orders-0", Tags=TAGS
        )
    pages = place.rds.get_paginator("describe_db_snapshots").paginate(
        SnapshotType="manual", PaginationConfig={"PageSize": 20}
    )
    assert [len(page["DBSnapshots"]) for page in pages] == [20, 1]
    of_id = [{"Name": "dbi-resource-id", "Values": [place.told("orders-1")["DbiResourceId"]]}]
    (found,) = place.rds.describe_db_instances(Filters=of_id)["DBInstances"]
    assert found["DBInstanceIdentifier"] == "orders-1"


def test_a_snapshot_is_deleted(place: Place) -> None:
    place.make()
    place.snap()
    place.rds.delete_db_snapshot(DBSnapshotIdentifier="before")
    with pytest.raises(ClientError) as caught:
        place.rds.delete_db_snapshot(DBSnapshotIdentifier="before")
    assert code(caught) == "DBSnapshotNotFound"


def test_tags_are_added_to_instances_and_snapshots(place: Place) -> None:
    arns = [place.make()["DBInstanceArn"], place.snap()["DBSnapshotArn"]]
    for arn in arns:
        place.rds.add_tags_to_resource(ResourceName=arn, Tags=TAGS)
        assert place.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == TAGS


def _states(look: Any, times: int) -> list[str]:
    return [look() for _ in range(times)]


def test_slow_changes_become_ready_after_so_many_looks(place: Place) -> None:
    place.make()
    place.slow(2)
    place.rds.create_db_snapshot(DBSnapshotIdentifier="before", DBInstanceIdentifier="orders")
    with pytest.raises(ClientError) as caught:
        place.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier="before", TargetDBSnapshotIdentifier="encrypted"
        )
    assert code(caught) == "InvalidDBSnapshotState"
    assert _states(lambda: place.snapshot("before")["Status"], 3) == ["creating", "creating", "available"]
    place.copy(KmsKeyId=place.key)
    assert _states(lambda: place.snapshot("encrypted")["Status"], 2) == ["creating", "available"]
    assert "Endpoint" not in place.restore("orders-new")
    for refused in (
        lambda: place.snap("of-new", "orders-new"),
        lambda: place.rename("orders-new", "another"),
        lambda: place.rds.delete_db_instance(DBInstanceIdentifier="orders-new", SkipFinalSnapshot=True),
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert code(caught) == "InvalidDBInstanceState"
    assert _states(lambda: place.told("orders-new")["DBInstanceStatus"], 2) == ["creating", "available"]


def test_a_slow_rename_keeps_the_old_name_until_it_is_done(place: Place) -> None:
    place.make()
    place.slow(2)
    place.rename("orders", "orders-old")
    told = place.told()
    assert told["DBInstanceStatus"] == "renaming"
    assert told["PendingModifiedValues"] == {"DBInstanceIdentifier": "orders-old"}
    with pytest.raises(ClientError) as caught:
        place.told("orders-old")
    assert code(caught) == "DBInstanceNotFound"
    assert place.told("orders-old")["DBInstanceStatus"] == "available"
    place.rds.delete_db_instance(DBInstanceIdentifier="orders-old", SkipFinalSnapshot=True)
    assert _states(lambda: place.told("orders-old")["DBInstanceStatus"], 2) == ["deleting"] * 2
    with pytest.raises(ClientError) as caught:
        place.told("orders-old")
    assert code(caught) == "DBInstanceNotFound"


def test_only_known_kinds_of_changes_can_be_slow(local: Local, account: str) -> None:
    assert local.door("POST", "transitions", {"account": account, "kind": "none", "steps": 1})[0] == 400
