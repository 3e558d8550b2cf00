"""How many resources an account has, as Config tells it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_cloudtrail import trail_bucket
from test_identity import refusal


def counts(
    local: Local, who: str | Credentials, *types: str, region: str = "us-east-1"
) -> tuple[int, dict[str, int]]:
    told = local.client("config", who, region).get_discovered_resource_counts(
        resourceTypes=[f"AWS::{t}" for t in types]
    )
    found = {c["resourceType"].removeprefix("AWS::"): c["count"] for c in told["resourceCounts"]}
    return told["totalDiscoveredResources"], found


def _database(rds: Any) -> None:
    rds.create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="root",
        MasterUserPassword="a-password",
    )


def test_resources_are_counted_by_type(local: Local, account: str, function_role: Credentials) -> None:
    s3, ec2 = local.client("s3", account), local.client("ec2", account)
    bucket = trail_bucket(local, account)
    for number in range(2):
        s3.create_bucket(Bucket=f"counted-{number}-{account}")
    groups = len(ec2.describe_security_groups()["SecurityGroups"])
    ec2.create_security_group(GroupName="g", Description="d")
    made = ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2)["Instances"]
    ec2.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    local.client("kms", account).create_key()
    _database(local.client("rds", account))
    local.client("cloudtrail", account).create_trail(Name="trail", S3BucketName=bucket)
    local.client("iam", account).create_user(UserName="u")
    member = local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])
    expected = {
        "S3::Bucket": 3,
        "EC2::SecurityGroup": groups + 1,
        "EC2::Instance": 1,
        "KMS::Key": 1,
        "RDS::DBInstance": 1,
        "CloudTrail::Trail": 1,
        "IAM::User": 1,
    }
    total, found = counts(local, member, *expected, "IAM::Group")
    assert (found, total) == (expected, sum(expected.values()))
    assert list(found.values()) == sorted(found.values(), reverse=True)
    roles = len(local.client("iam", account).list_roles()["Roles"])
    assert counts(local, member, "IAM::Role") == (roles, {"IAM::Role": roles})


def test_only_the_region_of_the_call_is_counted(local: Local, account: str) -> None:
    local.client("s3", account).create_bucket(Bucket=f"here-{account}")
    local.client("kms", account).create_key()
    local.client("iam", account).create_user(UserName="u")
    asked = ("S3::Bucket", "KMS::Key", "IAM::User")
    assert counts(local, account, *asked, region="eu-west-1") == (1, {"IAM::User": 1})


def test_counts_come_in_pages(local: Local, account: str) -> None:
    config = local.client("config", account)
    first = config.get_discovered_resource_counts(limit=2)
    rest = config.get_discovered_resource_counts(nextToken=first["nextToken"])
    assert (len(first["resourceCounts"]), "nextToken" in rest) == (2, False)
    told = [*first["resourceCounts"], *rest["resourceCounts"]]
    assert sum(c["count"] for c in told) == first["totalDiscoveredResources"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"resourceTypes": ["AWS::Nothing::Here"]}, "ValidationException"),
        ({"limit": 101}, "ValidationException"),
    ],
)
def test_wrong_input_is_refused(local: Local, account: str, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        local.client("config", account).get_discovered_resource_counts(**wrong)
    assert refusal(caught)[0] in (code, "InvalidLimitException")
