"""CloudTrail's trails: where they are seen, who may change them, and what they need to work."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from test_identity import refusal

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
Policy = list[dict[str, Any]]


def _document(statements: Policy) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _statements(bucket: str, account: str, condition: Any = None, prefix: str = "") -> Policy:
    """The policy which CloudTrail's guide gives for a trail's bucket."""
    arn = f"arn:aws:s3:::{bucket}"
    condition = condition or {}
    full = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    return [
        {
            "Effect": "Allow",
            "Principal": SERVICE,
            "Action": "s3:GetBucketAcl",
            "Resource": arn,
            "Condition": condition,
        },
        {
            "Effect": "Allow",
            "Principal": SERVICE,
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{prefix}AWSLogs/{account}/*",
            "Condition": {**full, **condition},
        },
    ]


def trail_bucket(local: Local, account: str, label: str = "trail", **options: Any) -> str:
    """A bucket that takes the trails of an account."""
    name = f"{label}-bucket-{account}"
    s3 = local.client("s3", account)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=_document(_statements(name, account, **options)))
    return name


def _trail(local: Local, account: str, name: str = "trail", **options: Any) -> tuple[Any, str]:
    cloudtrail = local.client("cloudtrail", account)
    bucket = trail_bucket(local, account, name)
    return cloudtrail, cloudtrail.create_trail(Name=name, S3BucketName=bucket, **options)["TrailARN"]


def test_a_trail_is_readable_from_other_regions_by_its_arn(local: Local, account: str) -> None:
    _, arn = _trail(local, account, IsMultiRegionTrail=True)
    there = local.client("cloudtrail", account, "eu-west-1")
    assert there.get_trail(Name=arn)["Trail"]["HomeRegion"] == "us-east-1"
    assert there.get_trail_status(Name=arn)["IsLogging"] is False
    assert [t["TrailARN"] for t in there.describe_trails(trailNameList=[arn])["trailList"]] == [arn]
    assert "EventSelectors" in there.get_event_selectors(TrailName=arn)


def test_trails_are_described_by_name(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account, "one")
    _trail(local, account, "two")
    assert [t["Name"] for t in cloudtrail.describe_trails(trailNameList=["one"])["trailList"]] == ["one"]
    assert [t["Name"] for t in cloudtrail.describe_trails(trailNameList=[arn])["trailList"]] == ["one"]
    assert len(cloudtrail.describe_trails()["trailList"]) == 2


def test_shadows_of_trails_of_all_regions_are_seen_in_the_others(local: Local, account: str) -> None:
    _, everywhere = _trail(local, account, "everywhere", IsMultiRegionTrail=True)
    _, here = _trail(local, account, "here")
    there = local.client("cloudtrail", account, "eu-west-1")
    (shadow,) = there.describe_trails()["trailList"]
    assert (shadow["TrailARN"], shadow["HomeRegion"]) == (everywhere, "us-east-1")
    assert there.describe_trails(includeShadowTrails=False)["trailList"] == []
    listed = {t["TrailARN"]: t["HomeRegion"] for t in there.list_trails()["Trails"]}
    assert listed == {everywhere: "us-east-1", here: "us-east-1"}


def test_a_trail_is_changed_in_its_home_region_only(local: Local, account: str) -> None:
    _, arn = _trail(local, account, IsMultiRegionTrail=True)
    there = local.client("cloudtrail", account, "eu-west-1")
    changes = [
        lambda: there.update_trail(Name=arn, EnableLogFileValidation=True),
        lambda: there.start_logging(Name=arn),
        lambda: there.stop_logging(Name=arn),
        lambda: there.delete_trail(Name=arn),
        lambda: there.put_event_selectors(TrailName=arn, EventSelectors=[{"ReadWriteType": "All"}]),
    ]
    for change in changes:
        with pytest.raises(ClientError) as caught:
            change()
        assert refusal(caught)[0] == "InvalidHomeRegionException"


def test_validation_of_log_files_is_told_everywhere(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account, EnableLogFileValidation=False)
    cloudtrail.update_trail(Name=arn, EnableLogFileValidation=True)
    assert cloudtrail.get_trail(Name=arn)["Trail"]["LogFileValidationEnabled"] is True
    assert cloudtrail.describe_trails()["trailList"][0]["LogFileValidationEnabled"] is True
    cloudtrail.update_trail(Name="trail", EnableLogFileValidation=False)
    assert cloudtrail.describe_trails()["trailList"][0]["LogFileValidationEnabled"] is False


def test_logging_starts_and_stops(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    assert cloudtrail.get_trail_status(Name="trail")["IsLogging"] is False
    cloudtrail.start_logging(Name=arn)
    assert cloudtrail.get_trail_status(Name=arn)["IsLogging"] is True
    cloudtrail.stop_logging(Name="trail")
    assert cloudtrail.get_trail_status(Name="trail")["IsLogging"] is False


def test_a_deleted_trail_is_gone_by_name_and_by_arn(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    cloudtrail.delete_trail(Name=arn)
    assert cloudtrail.describe_trails()["trailList"] == []
    for name in (arn, "trail"):
        with pytest.raises(ClientError) as caught:
            cloudtrail.get_trail_status(Name=name)
        assert refusal(caught)[0] == "TrailNotFoundException"


def test_a_trail_without_selectors_has_the_default_one(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    told = cloudtrail.get_event_selectors(TrailName=arn)["EventSelectors"]
    assert [(s["ReadWriteType"], s["IncludeManagementEvents"]) for s in told] == [("All", True)]
    assert cloudtrail.get_trail(Name=arn)["Trail"]["HasCustomEventSelectors"] is False


def test_basic_and_advanced_selectors_replace_each_other(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    advanced = [
        {
            "Name": "management",
            "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
        }
    ]
    cloudtrail.put_event_selectors(TrailName="trail", AdvancedEventSelectors=advanced)
    told = cloudtrail.get_event_selectors(TrailName=arn)
    assert ("EventSelectors" in told, told["AdvancedEventSelectors"]) == (False, advanced)
    assert cloudtrail.get_trail(Name=arn)["Trail"]["HasCustomEventSelectors"] is True
    cloudtrail.put_event_selectors(TrailName=arn, EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    told = cloudtrail.get_event_selectors(TrailName=arn)
    assert "AdvancedEventSelectors" not in told
    (basic,) = told["EventSelectors"]
    assert (basic["ReadWriteType"], basic["IncludeManagementEvents"]) == ("WriteOnly", True)


def test_a_trail_needs_a_bucket_that_exists(local: Local, account: str) -> None:
    with pytest.raises(ClientError) as caught:
        local.client("cloudtrail", account).create_trail(Name="trail", S3BucketName=f"none-{account}")
    assert refusal(caught)[0] == "S3BucketDoesNotExistException"


_ARN = "arn:aws:cloudtrail:us-east-1:{account}:trail/{name}"


@pytest.mark.parametrize(
    ("condition", "works"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceArn": _ARN}}, True),
        ({"StringLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:{account}:trail/*"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "{account}"}}, True),
        ({"StringEquals": {"aws:SourceArn": _ARN.replace("{name}", "another")}}, False),
        ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
    ],
)
def test_the_buckets_policy_must_let_the_trail_in(
    local: Local, account: str, condition: Any, works: bool
) -> None:
    text = json.dumps(condition).replace("{account}", account).replace("{name}", "trail")
    bucket = trail_bucket(local, account, condition=json.loads(text))
    cloudtrail = local.client("cloudtrail", account)
    if works:
        cloudtrail.create_trail(Name="trail", S3BucketName=bucket)
        return
    with pytest.raises(ClientError) as caught:
        cloudtrail.create_trail(Name="trail", S3BucketName=bucket)
    assert refusal(caught)[0] == "InsufficientS3BucketPolicyException"
    assert cloudtrail.describe_trails()["trailList"] == []


@pytest.mark.parametrize("lacking", [0, 1])
def test_the_trail_needs_both_statements(local: Local, account: str, lacking: int) -> None:
    bucket = trail_bucket(local, account)
    statements = _statements(bucket, account)
    del statements[lacking]
    local.client("s3", account).put_bucket_policy(Bucket=bucket, Policy=_document(statements))
    with pytest.raises(ClientError) as caught:
        local.client("cloudtrail", account).create_trail(Name="trail", S3BucketName=bucket)
    assert refusal(caught)[0] == "InsufficientS3BucketPolicyException"


def test_a_bucket_without_a_policy_takes_no_trail(local: Local, account: str) -> None:
    local.client("s3", account).create_bucket(Bucket=f"bare-{account}")
    with pytest.raises(ClientError) as caught:
        local.client("cloudtrail", account).create_trail(Name="trail", S3BucketName=f"bare-{account}")
    assert refusal(caught)[0] == "InsufficientS3BucketPolicyException"


def test_the_prefix_of_a_trail_counts(local: Local, account: str) -> None:
    bucket = trail_bucket(local, account, prefix="logs/")
    cloudtrail = local.client("cloudtrail", account)
    with pytest.raises(ClientError):
        cloudtrail.create_trail(Name="trail", S3BucketName=bucket)
    cloudtrail.create_trail(Name="trail", S3BucketName=bucket, S3KeyPrefix="logs")
    with pytest.raises(ClientError):
        cloudtrail.update_trail(Name="trail", S3KeyPrefix="elsewhere")
    assert cloudtrail.get_trail(Name="trail")["Trail"]["S3KeyPrefix"] == "logs"


def test_a_bucket_of_another_account_takes_trails_that_it_lets_in(local: Local, account: str) -> None:
    other = local.account()
    s3, bucket = local.client("s3", other), f"central-{other}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=_document(_statements(bucket, account)))
    local.client("cloudtrail", account).create_trail(Name="trail", S3BucketName=bucket)


def test_five_trails_are_at_work_in_a_region_at_most(local: Local, account: str) -> None:
    bucket = trail_bucket(local, account)
    cloudtrail = local.client("cloudtrail", account)
    there = local.client("cloudtrail", account, "eu-west-1")
    there.create_trail(Name="everywhere", S3BucketName=bucket, IsMultiRegionTrail=True)
    for number in range(4):
        cloudtrail.create_trail(Name=f"trail-{number}", S3BucketName=bucket)
    with pytest.raises(ClientError) as caught:
        cloudtrail.create_trail(Name="one-more", S3BucketName=bucket)
    assert refusal(caught)[0] == "MaximumNumberOfTrailsExceededException"
    there.create_trail(Name="one-more", S3BucketName=bucket)


def test_a_trail_is_not_made_twice(local: Local, account: str) -> None:
    cloudtrail, _ = _trail(local, account)
    with pytest.raises(ClientError) as caught:
        cloudtrail.create_trail(Name="trail", S3BucketName=f"trail-bucket-{account}")
    assert refusal(caught)[0] == "TrailAlreadyExistsException"


def _key(local: Local, account: str, *actions: str, **condition: Any) -> dict[str, Any]:
    """A key which lets CloudTrail do `actions`."""
    root: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
    }
    statements = [root]
    for action in actions:
        # Only what uses the key has an encryption context.
        held = {
            op: keys for op, keys in condition.items() if op != "StringLike" or action != "kms:DescribeKey"
        }
        statements.append({"Effect": "Allow", "Principal": SERVICE, "Action": action, "Condition": held})
    policy = _document([statement | {"Resource": "*"} for statement in statements])
    return local.client("kms", account).create_key(Policy=policy)["KeyMetadata"]


_LET = ("kms:GenerateDataKey*", "kms:DescribeKey")


@pytest.mark.parametrize("by", ["KeyId", "Arn", "alias", "alias ARN"])
def test_a_trail_is_encrypted_with_a_key_and_tells_its_arn(local: Local, account: str, by: str) -> None:
    cloudtrail, arn = _trail(local, account)
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{account}:trail/*"}
    key = _key(local, account, *_LET, StringEquals={"aws:SourceArn": arn}, StringLike=context)
    local.client("kms", account).create_alias(AliasName="alias/trail", TargetKeyId=key["KeyId"])
    names = {"alias": "alias/trail", "alias ARN": f"arn:aws:kms:us-east-1:{account}:alias/trail"}
    cloudtrail.update_trail(Name=arn, KmsKeyId=names.get(by) or key[by])
    assert cloudtrail.get_trail(Name=arn)["Trail"]["KmsKeyId"] == key["Arn"]
    cloudtrail.update_trail(Name=arn, KmsKeyId="")
    assert "KmsKeyId" not in cloudtrail.get_trail(Name=arn)["Trail"]


@pytest.mark.parametrize("actions", [(), _LET[:1], _LET[1:]])
def test_a_key_that_does_not_let_cloudtrail_use_it_is_refused(
    local: Local, account: str, actions: tuple[str, ...]
) -> None:
    cloudtrail, arn = _trail(local, account)
    with pytest.raises(ClientError) as caught:
        cloudtrail.update_trail(
            Name=arn, KmsKeyId=_key(local, account, *actions)["Arn"], IsMultiRegionTrail=True
        )
    assert refusal(caught)[0] == "InsufficientEncryptionPolicyException"
    told = cloudtrail.get_trail(Name=arn)["Trail"]
    assert ("KmsKeyId" in told, told["IsMultiRegionTrail"]) == (False, False)


def test_a_key_for_other_trails_is_refused(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    key = _key(local, account, *_LET, StringEquals={"aws:SourceArn": f"{arn}-two"})
    with pytest.raises(ClientError) as caught:
        cloudtrail.update_trail(Name=arn, KmsKeyId=key["Arn"])
    assert refusal(caught)[0] == "InsufficientEncryptionPolicyException"


def test_a_key_that_does_not_exist_is_refused(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    here = f"arn:aws:kms:us-east-1:{account}:key/00000000-0000-0000-0000-000000000000"
    there = local.client("kms", account, "eu-west-1").create_key()["KeyMetadata"]["Arn"]
    for key in (here, there, "alias/none"):
        with pytest.raises(ClientError) as caught:
            cloudtrail.update_trail(Name=arn, KmsKeyId=key)
        assert refusal(caught)[0] == "KmsKeyDoesNotExistException"


def test_a_trail_writes_to_a_log_group_that_is_there_with_a_role_that_may(local: Local, account: str) -> None:
    cloudtrail, arn = _trail(local, account)
    iam = local.client("iam", account)
    trust = [{"Effect": "Allow", "Principal": SERVICE, "Action": "sts:AssumeRole"}]
    role = iam.create_role(RoleName="logs", AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    group = f"arn:aws:logs:us-east-1:{account}:log-group:trail:*"
    wanted = {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}
    with pytest.raises(ClientError) as caught:
        cloudtrail.update_trail(Name=arn, **wanted)
    assert refusal(caught)[0] == "InvalidCloudWatchLogsLogGroupArnException"
    local.client("logs", account).create_log_group(logGroupName="trail")
    with pytest.raises(ClientError) as caught:
        cloudtrail.update_trail(Name=arn, **wanted)
    assert refusal(caught)[0] == "InvalidCloudWatchLogsRoleArnException"
    may = [{"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group}]
    iam.put_role_policy(RoleName="logs", PolicyName="logs", PolicyDocument=_document(may))
    cloudtrail.update_trail(Name=arn, **wanted)
    assert cloudtrail.get_trail(Name=arn)["Trail"]["CloudWatchLogsLogGroupArn"] == group


def test_an_organizations_trail_is_seen_by_its_members_and_changed_by_none(
    local: Local, account: str
) -> None:
    management = local.report["management"]
    s3, bucket = local.client("s3", management), f"organization-{account}"
    s3.create_bucket(Bucket=bucket)
    statements = _statements(bucket, management)
    statements[1]["Resource"] = [
        f"arn:aws:s3:::{bucket}/AWSLogs/{owner}/*" for owner in (management, local.report["organization"])
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=_document(statements))
    owner = local.client("cloudtrail", management)
    options = {"IsOrganizationTrail": True, "IsMultiRegionTrail": True}
    arn = owner.create_trail(Name="organization", S3BucketName=bucket, **options)["TrailARN"]
    try:
        member = local.client("cloudtrail", account, "eu-west-1")
        (seen,) = member.describe_trails()["trailList"]
        assert (seen["TrailARN"], seen["IsOrganizationTrail"], seen["HomeRegion"]) == (arn, True, "us-east-1")
        assert member.get_trail_status(Name=arn)["IsLogging"] is False
        mine = local.client("cloudtrail", account)
        for change in (
            lambda: mine.update_trail(Name=arn, EnableLogFileValidation=True),
            lambda: mine.delete_trail(Name=arn),
            lambda: mine.create_trail(Name="own", S3BucketName=bucket, IsOrganizationTrail=True),
        ):
            with pytest.raises(ClientError) as caught:
                change()
            assert refusal(caught)[0] == "NotOrganizationMasterAccountException"
        assert owner.get_trail(Name=arn)["Trail"]["LogFileValidationEnabled"] is False
    finally:
        owner.delete_trail(Name=arn)
