"""Buckets: where their logs may go, whose a name is, and what is set on them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal
from test_inventory import differing, inventory


def code(caught: Any) -> str:
    return refusal(caught)[0]


class Logged:
    """A bucket, and one for its logs."""

    def __init__(self, local: Local, account: str) -> None:
        self.s3 = local.client("s3", account)
        self.source, self.target = f"source-{account}", f"target-{account}"
        for name in (self.source, self.target):
            self.s3.create_bucket(Bucket=name)

    def let(self, condition: Any = None, prefix: str = "*", bucket: str | None = None) -> None:
        bucket = bucket or self.target
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": ["s3:PutObject"],
            "Resource": f"arn:aws:s3:::{bucket}/{prefix}",
            "Condition": condition or {},
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))

    def log(self, target: str | None = None, prefix: str = "logs/") -> None:
        enabled = {"LoggingEnabled": {"TargetBucket": target or self.target, "TargetPrefix": prefix}}
        self.s3.put_bucket_logging(Bucket=self.source, BucketLoggingStatus=enabled)

    def told(self) -> Any:
        return self.s3.get_bucket_logging(Bucket=self.source).get("LoggingEnabled")


@pytest.fixture
def logged(local: Local, account: str) -> Logged:
    return Logged(local, account)


@pytest.mark.parametrize(
    ("condition", "prefix", "works"),
    [
        ({}, "*", True),
        ({}, "logs/*", True),
        ({}, "other/*", False),
        ({"StringEquals": {"aws:SourceAccount": "{account}"}}, "*", True),
        ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, "*", False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source-{account}"}}, "*", True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, "*", True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}}, "*", False),
    ],
)
def test_the_policy_of_the_target_lets_the_logs_in(
    logged: Logged, account: str, condition: Any, prefix: str, works: bool
) -> None:
    logged.let(json.loads(json.dumps(condition).replace("{account}", account)), prefix)
    if works:
        logged.log()
        assert (logged.told()["TargetBucket"], logged.told()["TargetPrefix"]) == (logged.target, "logs/")
        logged.s3.put_bucket_logging(Bucket=logged.source, BucketLoggingStatus={})
    else:
        with pytest.raises(ClientError) as caught:
            logged.log()
        assert code(caught) == "InvalidTargetBucketForLogging"
    assert logged.told() is None


def test_a_target_that_lets_nobody_in_is_refused(logged: Logged) -> None:
    with pytest.raises(ClientError) as caught:
        logged.log()
    assert code(caught) == "InvalidTargetBucketForLogging"


def test_an_acl_lets_logs_in_where_acls_are_in_use(logged: Logged) -> None:
    logged.s3.put_bucket_acl(Bucket=logged.target, ACL="log-delivery-write")
    with pytest.raises(ClientError) as caught:
        logged.log()
    assert code(caught) == "InvalidTargetBucketForLogging"
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    logged.s3.put_bucket_ownership_controls(Bucket=logged.target, OwnershipControls=rules)
    logged.log()
    assert logged.told()["TargetBucket"] == logged.target


def test_the_target_is_in_the_same_account_and_region(local: Local, logged: Logged) -> None:
    other = Logged(local, local.account())
    other.let()
    for target in (other.target, f"none-{logged.target}"):
        with pytest.raises(ClientError) as caught:
            logged.log(target)
        assert code(caught) == "InvalidTargetBucketForLogging"
    there = f"there-{logged.target}"
    logged.s3.create_bucket(Bucket=there, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    logged.let(bucket=there)
    with pytest.raises(ClientError) as caught:
        logged.log(there)
    assert code(caught) == "CrossLocationLoggingProhibited"


def test_a_name_belongs_to_one_account(local: Local, account: str) -> None:
    here, there = local.client("s3", account), local.client("s3", account, "eu-west-1")
    stranger = local.client("s3", local.account())
    first, second = f"first-{account}", f"second-{account}"
    place = {"LocationConstraint": "eu-west-1"}
    here.create_bucket(Bucket=first)
    here.create_bucket(Bucket=first)
    there.create_bucket(Bucket=second, CreateBucketConfiguration=place)
    with pytest.raises(ClientError) as caught:
        there.create_bucket(Bucket=second, CreateBucketConfiguration=place)
    assert code(caught) == "BucketAlreadyOwnedByYou"
    for name in (first, second):
        with pytest.raises(ClientError) as caught:
            stranger.create_bucket(Bucket=name)
        assert code(caught) == "BucketAlreadyExists"


def test_a_bucket_is_its_accounts_unless_its_policy_lets_others_in(local: Local, account: str) -> None:
    s3, other = local.client("s3", account), local.account()
    stranger, bucket = local.client("s3", other), f"shared-{account}"
    s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as caught:
        stranger.head_bucket(Bucket=bucket)
    assert code(caught) == "403"
    for refused in (stranger.get_bucket_policy, stranger.list_objects_v2, stranger.delete_bucket):
        with pytest.raises(ClientError) as caught:
            refused(Bucket=bucket)
        assert code(caught) == "AccessDenied"
    arn = f"arn:aws:s3:::{bucket}"
    statement = {"Effect": "Allow", "Principal": {"AWS": other}, "Action": "s3:ListBucket", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert stranger.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with pytest.raises(ClientError) as caught:
        stranger.delete_bucket(Bucket=bucket)
    assert code(caught) == "AccessDenied"


def test_an_empty_bucket_is_deleted_with_all_its_settings(local: Local, account: str) -> None:
    s3, name = local.client("s3", account), f"settings-{account}"
    s3.list_buckets()
    before = inventory(local, account)
    s3.create_bucket(Bucket=name)
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=owner)
    block = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "made-by", "Value": "test"}]})
    told = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert told["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"] == owner
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == block
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    (told,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (told["ID"], told["Expiration"]["Days"]) == ("expire", 90)
    s3.put_object(Bucket=name, Key="a", Body=b"")
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket=name)
    assert code(caught) == "BucketNotEmpty"
    versions = s3.list_object_versions(Bucket=name)["Versions"]
    s3.delete_object(Bucket=name, Key="a", VersionId=versions[0]["VersionId"])
    s3.delete_bucket(Bucket=name)
    assert differing(before, inventory(local, account)) == []


def test_a_role_is_held_to_its_buckets(local: Local, account: str, logged: Logged) -> None:
    logged.let()
    actions = [
        "CreateBucket",
        "DeleteBucket",
        "PutBucketLogging",
        "GetBucketLogging",
        "PutEncryptionConfiguration",
    ]
    actions += ["PutBucketOwnershipControls", "PutBucketVersioning", "PutLifecycleConfiguration"]
    may = {"Action": [f"s3:{action}" for action in actions], "Resource": f"arn:aws:s3:::source-{account}*"}
    mine = local.client("s3", session(local, account, may))
    enabled = {"LoggingEnabled": {"TargetBucket": logged.target, "TargetPrefix": "logs/"}}
    mine.put_bucket_logging(Bucket=logged.source, BucketLoggingStatus=enabled)
    assert mine.get_bucket_logging(Bucket=logged.source)["LoggingEnabled"]["TargetPrefix"] == "logs/"
    mine.put_bucket_versioning(Bucket=logged.source, VersioningConfiguration={"Status": "Enabled"})
    mine.create_bucket(Bucket=f"source-{account}-two")
    mine.delete_bucket(Bucket=f"source-{account}-two")
    for refused in (
        lambda: mine.put_bucket_logging(Bucket=logged.target, BucketLoggingStatus={}),
        lambda: mine.create_bucket(Bucket=f"another-{account}"),
        lambda: mine.delete_bucket(Bucket=logged.target),
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert code(caught) == "AccessDenied"
