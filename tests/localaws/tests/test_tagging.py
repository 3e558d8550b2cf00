"""The tags of resources, as the Resource Groups Tagging API tells them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_cloudtrail import trail_bucket
from test_identity import refusal

TAGS = [{"Key": "environment", "Value": "prod"}]


@pytest.fixture
def member(local: Local, account: str, function_role: Credentials) -> Credentials:
    """The member role's session of the test's account."""
    return local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])


def told(local: Local, who: str | Credentials, *arns: str, region: str = "us-east-1") -> dict[str, Any]:
    client = local.client("resourcegroupstaggingapi", who, region)
    found = client.get_resources(ResourceARNList=list(arns))["ResourceTagMappingList"]
    return {f["ResourceARN"]: {t["Key"]: t["Value"] for t in f["Tags"]} for f in found}


def _bucket(local: Local, account: str) -> str:
    s3, name = local.client("s3", account), f"tagged-{account}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": TAGS})
    return f"arn:aws:s3:::{name}"


def _instance(local: Local, account: str) -> str:
    ec2 = local.client("ec2", account)
    made = ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}],
    )
    return f"arn:aws:ec2:us-east-1:{account}:instance/{made['Instances'][0]['InstanceId']}"


def _tagged_in_ec2(local: Local, account: str, kind: str, name: str) -> str:
    local.client("ec2", account).create_tags(Resources=[name], Tags=TAGS)
    return f"arn:aws:ec2:us-east-1:{account}:{kind}/{name}"


def _security_group(local: Local, account: str) -> str:
    made = local.client("ec2", account).create_security_group(GroupName="g", Description="d")
    return _tagged_in_ec2(local, account, "security-group", made["GroupId"])


def _vpc(local: Local, account: str) -> str:
    made = local.client("ec2", account).create_vpc(CidrBlock="10.9.0.0/16")
    return _tagged_in_ec2(local, account, "vpc", made["Vpc"]["VpcId"])


def _network_acl(local: Local, account: str) -> str:
    found = local.client("ec2", account).describe_network_acls()["NetworkAcls"]
    return _tagged_in_ec2(local, account, "network-acl", found[0]["NetworkAclId"])


def _key(local: Local, account: str) -> str:
    tags = [{"TagKey": "environment", "TagValue": "prod"}]
    return local.client("kms", account).create_key(Tags=tags)["KeyMetadata"]["Arn"]


def _database(local: Local, account: str) -> str:
    made = local.client("rds", account).create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="root",
        MasterUserPassword="a-password",
        Tags=TAGS,
    )
    return made["DBInstance"]["DBInstanceArn"]


def _trail(local: Local, account: str) -> str:
    made = local.client("cloudtrail", account).create_trail(
        Name="trail", S3BucketName=trail_bucket(local, account), TagsList=TAGS
    )
    return made["TrailARN"]


@pytest.mark.parametrize(
    "make", [_bucket, _instance, _security_group, _vpc, _network_acl, _key, _database, _trail]
)
def test_tags_are_told_by_the_arn_of_the_resource(
    local: Local, account: str, member: Credentials, make: Any
) -> None:
    arn = make(local, account)
    assert told(local, member, arn) == {arn: {"environment": "prod"}}
    assert told(local, member, arn, region="eu-west-1") == {}
    assert told(local, local.account(), arn) == {}


def test_resources_without_tags_are_left_out(local: Local, account: str, member: Credentials) -> None:
    first, second = _bucket(local, account), f"arn:aws:s3:::plain-{account}"
    local.client("s3", account).create_bucket(Bucket=f"plain-{account}")
    assert told(local, member, first, second, "arn:aws:s3:::none").keys() == {first}


def test_all_that_are_asked_for_come_at_once(local: Local, account: str) -> None:
    arns = [f"arn:aws:s3:::many-{account}-{number}" for number in range(60)]
    for arn in arns:
        order = {"account": account, "region": "us-east-1", "arn": arn, "tags": {"a": "b"}}
        assert local.door("POST", "tags", order)[0] == 200
    assert told(local, account, *arns).keys() == set(arns)
    client = local.client("resourcegroupstaggingapi", account)
    assert client.get_resources(ResourceARNList=arns)["PaginationToken"] == ""
    pages = list(client.get_paginator("get_resources").paginate(ResourcesPerPage=40))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [40, 20]


def test_conditions_beside_arns_are_refused(local: Local, account: str) -> None:
    client = local.client("resourcegroupstaggingapi", account)
    for beside in ({"TagFilters": [{"Key": "a"}]}, {"ResourcesPerPage": 10}):
        with pytest.raises(ClientError) as caught:
            client.get_resources(ResourceARNList=["arn:aws:s3:::x"], **beside)
        assert refusal(caught)[0] == "InvalidParameterException"


def test_system_tags_can_be_staged(local: Local, account: str, member: Credentials) -> None:
    arn = _bucket(local, account)
    order = {"account": account, "region": "us-east-1", "arn": arn}
    tags = {"aws:cloudformation:stack-name": "web"}
    assert local.door("POST", "tags", order | {"tags": tags})[0] == 200
    assert told(local, member, arn) == {arn: {"environment": "prod", **tags}}
    assert local.door("POST", "tags", order | {"tags": {}})[0] == 200
    assert told(local, member, arn) == {arn: {"environment": "prod"}}


def test_tags_of_users_and_roles(local: Local, account: str, member: Credentials) -> None:
    iam, mine = local.client("iam", account), local.client("iam", member)
    iam.create_user(UserName="u", Path="/people/", Tags=TAGS)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust, Tags=TAGS)
    staged = {"Key": "aws:cloudformation:stack-name", "Value": "web"}
    for arn in (f"arn:aws:iam::{account}:user/people/u", f"arn:aws:iam::{account}:role/r"):
        order = {"account": account, "region": "us-east-1", "arn": arn}
        tags = {staged["Key"]: staged["Value"]}
        assert local.door("POST", "tags", order | {"tags": tags})[0] == 200
    by_key = {"key": lambda tag: tag["Key"], "reverse": True}
    assert sorted(mine.list_user_tags(UserName="u")["Tags"], **by_key) == [*TAGS, staged]
    assert sorted(mine.list_role_tags(RoleName="r")["Tags"], **by_key) == [*TAGS, staged]


def test_the_action_is_asked_for_by_its_name(local: Local, account: str, function_role: Credentials) -> None:
    session = local.assume(
        function_role,
        local.member_role(account),
        ExternalId=local.report["external_id"],
        Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        ),
    )
    with pytest.raises(ClientError) as caught:
        told(local, session, "arn:aws:s3:::x")
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert "is not authorized to perform: tag:GetResources on resource: *" in message
