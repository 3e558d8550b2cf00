"""S3 in a member account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from test_identity import refusal


def _bucket(local: Local, account: str, label: str = "data") -> tuple[Any, str]:
    s3, name = local.client("s3", account), f"{label}-{account}"
    s3.create_bucket(Bucket=name)
    return s3, name


def _policy(name: str, effect: str, principal: Any, **condition: Any) -> str:
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_log_bucket_may_deny_plain_http_to_everybody(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    _, logs = _bucket(local, account, "logs")
    documents = json.loads(_policy(logs, "Deny", "*", Bool={"aws:SecureTransport": "false"}))
    documents["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{logs}/*",
        }
    )
    s3.put_bucket_policy(Bucket=logs, Policy=json.dumps(documents))
    target = {"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": "data/"}}
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus=target)
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetBucket"] == logs


@pytest.mark.parametrize(
    ("effect", "principal", "condition", "public"),
    [
        ("Allow", "*", {}, True),
        ("Allow", {"AWS": "*"}, {}, True),
        ("Allow", {"AWS": ["*"]}, {"Bool": {"aws:SecureTransport": "true"}}, True),
        ("Allow", "*", {"StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
        ("Allow", "*", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ("Allow", "*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ("Allow", "*", {"StringLike": {"aws:SourceArn": "*"}}, True),
        ("Allow", {"AWS": "arn:aws:iam::111122223333:root"}, {}, False),
        ("Deny", "*", {}, False),
    ],
)
def test_a_policy_is_public_when_it_lets_everybody_in(
    local: Local, account: str, effect: str, principal: Any, condition: Any, public: bool
) -> None:
    s3, name = _bucket(local, account)
    s3.put_bucket_policy(Bucket=name, Policy=_policy(name, effect, principal, **condition))
    assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is public


def test_a_bucket_without_a_policy_says_so(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    for call in (s3.get_bucket_policy, s3.get_bucket_policy_status):
        with pytest.raises(ClientError) as caught:
            call(Bucket=name)
        assert refusal(caught)[0] == "NoSuchBucketPolicy"


@pytest.mark.parametrize("text", ["not a document", "[]", '{"Statement": 1}'])
def test_a_policy_must_be_a_document(local: Local, account: str, text: str) -> None:
    s3, name = _bucket(local, account)
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_policy(Bucket=name, Policy=text)
    assert refusal(caught)[0] == "MalformedPolicy"


def test_the_expected_owner_is_checked(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    s3.get_bucket_location(Bucket=name, ExpectedBucketOwner=account)
    for call in (s3.get_bucket_location, s3.get_public_access_block, s3.delete_bucket):
        with pytest.raises(ClientError) as caught:
            call(Bucket=name, ExpectedBucketOwner="111122223333")
        assert refusal(caught)[0] == "AccessDenied"
    s3.head_bucket(Bucket=name)


def test_buckets_come_in_pages(local: Local, account: str) -> None:
    s3 = local.client("s3", account)
    for number in range(3):
        s3.create_bucket(Bucket=f"page-{number}-{account}")
    first = s3.list_buckets(MaxBuckets=2)
    assert len(first["Buckets"]) == 2
    rest = s3.list_buckets(MaxBuckets=2, ContinuationToken=first["ContinuationToken"])
    assert [b["Name"] for b in rest["Buckets"]] == [f"page-2-{account}"]
    assert "ContinuationToken" not in rest


def test_objects_are_stored_as_they_are(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    s3.put_object(Bucket=name, Key="a/b c", Body=b'{"x": 1}')
    assert s3.get_object(Bucket=name, Key="a/b c")["Body"].read() == b'{"x": 1}'


def test_mfa_delete_is_kept_until_it_is_disabled(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    device = f"arn:aws:iam::{account}:mfa/root-account-mfa-device 123456"

    def versioning(**given: str) -> Any:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=given, MFA=device)
        return s3.get_bucket_versioning(Bucket=name).get("MFADelete")

    assert versioning(Status="Enabled") is None
    assert versioning(Status="Enabled", MFADelete="Enabled") == "Enabled"
    assert versioning(Status="Suspended") == "Enabled"
    assert versioning(Status="Suspended", MFADelete="Disabled") == "Disabled"


def test_settings_of_a_bucket_are_read_back(local: Local, account: str) -> None:
    s3, name = _bucket(local, account)
    with pytest.raises(ClientError) as caught:
        s3.get_public_access_block(Bucket=name)
    assert refusal(caught)[0] == "NoSuchPublicAccessBlockConfiguration"
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_acl(Bucket=name)["Grants"]
    with pytest.raises(ClientError) as caught:
        s3.get_bucket_website(Bucket=name)
    assert refusal(caught)[0] == "NoSuchWebsiteConfiguration"
