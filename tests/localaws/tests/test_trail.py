"""The history of a member account's calls, as CloudTrail tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_identity import refusal
from test_permissions import BLOCK, policy


@pytest.fixture
def member(local: Local, account: str, function_role: Credentials) -> Credentials:
    """The member role's session of the test's account."""
    return local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])


@pytest.fixture
def person(local: Local, account: str) -> Credentials:
    """A user of the account, with a policy attached."""
    iam = local.client("iam", account)
    iam.create_user(UserName="alice")
    document = policy("s3:*", "ec2:*", "kms:*", "iam:*", "rds:*")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"], None


def lookup(
    local: Local, who: str | Credentials, key: str, value: str, region: str = "us-east-1", **options: Any
) -> list[dict[str, Any]]:
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    client = local.client("cloudtrail", who, region)
    return client.lookup_events(LookupAttributes=attributes, **options)["Events"]


def test_a_users_call_is_found_by_the_name_of_the_bucket(
    local: Local, account: str, member: Credentials, person: Credentials
) -> None:
    name = f"watched-{account}"
    s3 = local.client("s3", person)
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"data events are not told")
    s3.get_bucket_acl(Bucket=name)
    events = lookup(local, member, "ResourceName", name)
    assert [e["EventName"] for e in events] == [
        "GetBucketAcl",
        "DeleteBucketPublicAccessBlock",
        "CreateBucket",
    ]
    assert [e["ReadOnly"] for e in events] == ["true", "false", "false"]
    event = events[1]
    assert (event["Username"], event["EventSource"]) == ("alice", "s3.amazonaws.com")
    assert event["Resources"] == [{"ResourceType": "AWS::S3::Bucket", "ResourceName": name}]
    assert datetime.now(UTC) - event["EventTime"] < timedelta(minutes=1)
    told = json.loads(event["CloudTrailEvent"])
    identity = told["userIdentity"]
    assert (identity["type"], identity["userName"]) == ("IAMUser", "alice")
    assert identity["arn"] == f"arn:aws:iam::{account}:user/alice"
    assert (told["eventName"], told["awsRegion"]) == ("DeleteBucketPublicAccessBlock", "us-east-1")
    assert told["requestParameters"]["bucketName"] == name
    assert told["sourceIPAddress"]


def test_a_session_and_the_root_are_told_apart(local: Local, account: str, member: Credentials) -> None:
    name = f"session-{account}"
    local.client("s3", account).create_bucket(Bucket=name)
    local.client("s3", member).put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCK)
    by_session, by_root = lookup(local, member, "ResourceName", name)
    session = json.loads(by_session["CloudTrailEvent"])["userIdentity"]
    assert (by_session["Username"], session["type"]) == ("test", "AssumedRole")
    assert session["arn"] == f"arn:aws:sts::{account}:assumed-role/RedressMemberRole/test"
    assert session["sessionContext"]["sessionIssuer"]["arn"] == local.member_role(account)
    root = json.loads(by_root["CloudTrailEvent"])["userIdentity"]
    assert (by_root["Username"], root["type"]) == ("root", "Root")
    assert root["arn"] == f"arn:aws:iam::{account}:root"


def test_resources_have_the_names_which_aws_gives_them(
    local: Local, account: str, person: Credentials
) -> None:
    ec2, kms, iam = (local.client(s, person) for s in ("ec2", "kms", "iam"))
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    world = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[world])
    instance = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    key = kms.create_key()["KeyMetadata"]
    kms.enable_key_rotation(KeyId=key["KeyId"])
    iam.create_user(UserName="bob")
    local.client("rds", person).create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="root",
        MasterUserPassword="a-password",
    )
    for name, kind, events in (
        (group, "AWS::EC2::SecurityGroup", ["AuthorizeSecurityGroupIngress", "CreateSecurityGroup"]),
        (instance, "AWS::EC2::Instance", ["RunInstances"]),
        (key["KeyId"], "AWS::KMS::Key", ["EnableKeyRotation", "CreateKey"]),
        (key["Arn"], "AWS::KMS::Key", ["CreateKey"]),
        ("bob", "AWS::IAM::User", ["CreateUser"]),
        ("db", "AWS::RDS::DBInstance", ["CreateDBInstance"]),
    ):
        found = lookup(local, account, "ResourceName", name)
        assert [e["EventName"] for e in found] == events, name
        assert kind in {r["ResourceType"] for r in found[0]["Resources"] if r["ResourceName"] == name}
    assert "a-password" not in found[0]["CloudTrailEvent"]


def test_a_refused_call_carries_its_error(local: Local, account: str, member: Credentials) -> None:
    with pytest.raises(ClientError):
        local.client("ec2", member).delete_security_group(GroupId="sg-0123456789abcdef0")
    with pytest.raises(ClientError):
        local.client("iam", account).delete_user(UserName="nobody")
    (refused,) = lookup(local, account, "ResourceName", "sg-0123456789abcdef0")
    assert json.loads(refused["CloudTrailEvent"])["errorCode"] == "Client.UnauthorizedOperation"
    (failed,) = lookup(local, account, "EventName", "DeleteUser")
    assert json.loads(failed["CloudTrailEvent"])["errorCode"] == "NoSuchEntity"


def test_events_are_found_by_user_time_and_region(local: Local, account: str, person: Credentials) -> None:
    local.client("ec2", person, "eu-west-1").create_security_group(GroupName="g", Description="d")
    assert len(lookup(local, account, "Username", "alice", "eu-west-1")) == 1
    assert lookup(local, account, "Username", "alice") == []
    assert lookup(local, local.account(), "Username", "alice", "eu-west-1") == []
    now = datetime.now(UTC)
    for start, count in ((now - timedelta(minutes=5), 1), (now + timedelta(minutes=5), 0)):
        window = {"StartTime": start, "EndTime": now + timedelta(minutes=10)}
        assert len(lookup(local, account, "Username", "alice", "eu-west-1", **window)) == count
    with pytest.raises(ClientError) as caught:
        lookup(local, account, "Username", "alice", StartTime=now, EndTime=now - timedelta(hours=1))
    assert refusal(caught)[0] == "InvalidTimeRangeException"


def test_events_come_in_pages(local: Local, account: str, person: Credentials) -> None:
    for number in range(5):
        local.client("iam", person).create_user(UserName=f"u{number}")
    attributes = [{"AttributeKey": "Username", "AttributeValue": "alice"}]
    client = local.client("cloudtrail", account)
    first = client.lookup_events(LookupAttributes=attributes, MaxResults=3)
    rest = client.lookup_events(LookupAttributes=attributes, MaxResults=3, NextToken=first["NextToken"])
    names = [json.loads(e["CloudTrailEvent"])["requestParameters"]["userName"] for e in first["Events"]]
    assert (names, len(rest["Events"]), "NextToken" in rest) == (["u4", "u3", "u2"], 2, False)
    with pytest.raises(ClientError) as caught:
        client.lookup_events(LookupAttributes=attributes * 2)
    assert refusal(caught)[0] == "InvalidLookupAttributesException"


def test_the_history_is_for_those_who_may_read_it(local: Local, account: str, person: Credentials) -> None:
    with pytest.raises(ClientError) as caught:
        lookup(local, person, "Username", "alice")
    assert "cloudtrail:LookupEvents on resource: *" in refusal(caught)[1]


def test_the_log_of_calls_tells_the_time(local: Local, account: str) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    local.client("iam", account).list_users()
    (call,) = [c for c in local.door("GET", "calls")[1] if c["account"] == account]
    assert before <= datetime.fromisoformat(call["at"]) <= datetime.now(UTC)
