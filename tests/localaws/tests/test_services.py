"""RDS, KMS and CloudWatch in a member account."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from test_identity import refusal


def _instance(rds: Any, name: str = "db", **options: Any) -> dict[str, Any]:
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.medium",
        Engine=options.pop("Engine", "postgres"),
        **(
            {}
            if "DBClusterIdentifier" in options
            else {"MasterUsername": "root", "MasterUserPassword": "a-password", "AllocatedStorage": 20}
        ),
        **options,
    )
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def test_an_instance_takes_minor_upgrades_when_told(local: Local, account: str) -> None:
    rds = local.client("rds", account)
    made = _instance(rds, AutoMinorVersionUpgrade=False)
    assert (made["DBInstanceStatus"], made["AutoMinorVersionUpgrade"]) == ("available", False)
    rds.modify_db_instance(DBInstanceIdentifier="db", AutoMinorVersionUpgrade=True, ApplyImmediately=True)
    assert rds.describe_db_instances()["DBInstances"][0]["AutoMinorVersionUpgrade"] is True


def test_public_access_of_an_instance_is_changed(local: Local, account: str) -> None:
    rds = local.client("rds", account)
    assert _instance(rds, PubliclyAccessible=True)["PubliclyAccessible"] is True
    rds.modify_db_instance(DBInstanceIdentifier="db", PubliclyAccessible=False, ApplyImmediately=True)
    assert rds.describe_db_instances()["DBInstances"][0]["PubliclyAccessible"] is False


@pytest.mark.parametrize("engine", ["postgres", "mysql"])
def test_a_multi_az_cluster_takes_minor_upgrades_for_its_instances(
    local: Local, account: str, engine: str
) -> None:
    rds = local.client("rds", account)
    rds.create_db_cluster(
        DBClusterIdentifier="cluster",
        Engine=engine,
        DBClusterInstanceClass="db.m5d.large",
        AllocatedStorage=100,
        Iops=1000,
        StorageType="io1",
        MasterUsername="root",
        MasterUserPassword="a-password",
        AutoMinorVersionUpgrade=False,
    )
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="cluster")["DBClusters"]
    assert (cluster["AutoMinorVersionUpgrade"], cluster["MultiAZ"]) == (False, True)
    members = [member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"]]
    assert len(members) == 3
    with pytest.raises(ClientError) as caught:
        rds.modify_db_instance(DBInstanceIdentifier=members[0], AutoMinorVersionUpgrade=True)
    assert refusal(caught)[0] == "InvalidParameterCombination"
    rds.modify_db_cluster(DBClusterIdentifier="cluster", AutoMinorVersionUpgrade=True, ApplyImmediately=True)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="cluster")["DBClusters"]
    instances = rds.describe_db_instances()["DBInstances"]
    assert {i["DBClusterIdentifier"] for i in instances} == {"cluster"}
    assert [t["AutoMinorVersionUpgrade"] for t in (cluster, *instances)] == [True] * 4


def test_an_aurora_cluster_is_multi_az_by_its_instances_only(local: Local, account: str) -> None:
    rds = local.client("rds", account)
    options = {"Engine": "aurora-postgresql", "MasterUsername": "root", "MasterUserPassword": "a-password"}
    rds.create_db_cluster(DBClusterIdentifier="cluster", **options)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="cluster")["DBClusters"]
    assert cluster["MultiAZ"] is False


def test_a_key_made_without_options_is_described_like_on_aws(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (told["KeyUsage"], told["MultiRegion"]) == ("ENCRYPT_DECRYPT", False)
    other = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048", MultiRegion=True)["KeyMetadata"]
    assert (other["KeyUsage"], other["MultiRegion"]) == ("SIGN_VERIFY", True)


def test_the_rotation_of_a_key_keeps_its_period(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    told = kms.get_key_rotation_status(KeyId=key)
    assert (told["KeyRotationEnabled"], told["RotationPeriodInDays"]) == (True, 180)
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] in (180, 365)


@pytest.mark.parametrize(
    "options",
    [{"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}, {"Origin": "EXTERNAL"}],
    ids=["asymmetric", "external"],
)
def test_other_keys_cannot_rotate(local: Local, account: str, options: dict[str, str]) -> None:
    kms = local.client("kms", account)
    key = kms.create_key(**options)["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError) as caught:
        kms.enable_key_rotation(KeyId=key)
    assert refusal(caught)[0] == "UnsupportedOperationException"


def test_metrics_that_were_put_are_read_back(local: Local, account: str) -> None:
    cloudwatch = local.client("cloudwatch", account)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}]
    datum = {"MetricName": "MetadataNoToken", "Dimensions": dimensions, "Value": 3.0, "Unit": "Count"}
    cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[datum])
    now = datetime.now(UTC)
    window: dict[str, Any] = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}
    metric = {"Namespace": "AWS/EC2", "MetricName": "MetadataNoToken", "Dimensions": dimensions}
    points = cloudwatch.get_metric_statistics(**metric, **window, Period=3600, Statistics=["Sum"])[
        "Datapoints"
    ]
    assert [p["Sum"] for p in points] == [3.0]
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}
    results = cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
    assert results[0]["Values"] == [3.0]
    other = metric | {"Dimensions": [{"Name": "InstanceId", "Value": "i-2"}]}
    points = cloudwatch.get_metric_statistics(**other, **window, Period=3600, Statistics=["Sum"])[
        "Datapoints"
    ]
    assert points == []


def test_a_key_policy_is_read_back(local: Local, account: str) -> None:
    kms = local.client("kms", account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    document = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert document["Statement"]
