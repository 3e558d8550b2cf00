"""IAM is enforced for everybody but roots, and refusals read as AWS's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_identity import refusal


@pytest.fixture
def member(local: Local, account: str, function_role: Credentials) -> Credentials:
    """The member role's session of the test's account."""
    return local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])


def policy(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def test_a_role_may_do_what_it_is_allowed(local: Local, account: str, member: Credentials) -> None:
    name = f"open-{account}"
    local.client("s3", account).create_bucket(Bucket=name)
    s3 = local.client("s3", member)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCK)
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == BLOCK


def test_an_explicit_deny_wins(local: Local, account: str, member: Credentials) -> None:
    name = f"protected-{account}"
    local.client("s3", account).create_bucket(Bucket=name)
    with pytest.raises(ClientError) as caught:
        local.client("s3", member).put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCK)
    code, message = refusal(caught)
    assert code == "AccessDenied"
    assert f"s3:PutBucketPublicAccessBlock on resource: arn:aws:s3:::{name} with an explicit deny" in message


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code", "action"),
    [
        ("s3", "delete_bucket", {"Bucket": "b"}, "AccessDenied", "s3:DeleteBucket"),
        ("iam", "list_users", {}, "AccessDenied", "iam:ListUsers"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", "ec2:DescribeVpcs"),
        ("kms", "create_key", {}, "AccessDeniedException", "kms:CreateKey"),
        ("rds", "describe_db_clusters", {}, "AccessDenied", "rds:DescribeDBClusters"),
        ("cloudtrail", "list_trails", {}, "AccessDeniedException", "cloudtrail:ListTrails"),
        ("securityhub", "describe_hub", {}, "AccessDeniedException", "securityhub:DescribeHub"),
        ("guardduty", "list_detectors", {}, "AccessDeniedException", "guardduty:ListDetectors"),
        ("lambda", "list_functions", {}, "AccessDeniedException", "lambda:ListFunctions"),
        ("cloudwatch", "list_metrics", {}, "AccessDeniedException", "cloudwatch:ListMetrics"),
        (
            "efs",
            "describe_file_systems",
            {},
            "AccessDeniedException",
            "elasticfilesystem:DescribeFileSystems",
        ),
        ("config", "describe_config_rules", {}, "AccessDeniedException", "config:DescribeConfigRules"),
        (
            "s3control",
            "get_public_access_block",
            {"AccountId": "ACCOUNT"},
            "AccessDenied",
            "s3:GetAccountPublicAccessBlock",
        ),
    ],
)
def test_a_refusal_has_the_code_of_its_protocol_and_names_the_action(
    local: Local,
    account: str,
    member: Credentials,
    service: str,
    operation: str,
    arguments: dict[str, Any],
    code: str,
    action: str,
) -> None:
    arguments = {key: account if value == "ACCOUNT" else value for key, value in arguments.items()}
    client = local.client(service, member)
    if service == "s3control":
        client.meta.events.register("before-sign.s3-control", _without_account_in_url)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    told = refusal(caught)
    assert told[0] == code
    assert f"assumed-role/RedressMemberRole/test is not authorized to perform: {action}" in told[1]


def _without_account_in_url(request: Any, **_: Any) -> None:
    """Connect to the endpoint, whose address has no subdomains, and name the account in the Host header."""
    scheme, _, rest = request.url.partition("://")
    account, _, address = rest.partition(".")
    assert len(account) == 12
    request.url = f"{scheme}://{address}"
    request.headers["Host"] = rest.partition("/")[0]


def _without_account_in_host(request: Any, **_: Any) -> None:
    request.headers["Host"] = request.url.split("/")[2]


def test_conditions_of_a_statement_count(local: Local, account: str, member: Credentials) -> None:
    local.client("iam", account).create_user(UserName="somebody", Path="/people/")
    iam = local.client("iam", member)
    iam.attach_user_policy(UserName="somebody", PolicyArn="arn:aws:iam::aws:policy/AWSSupportAccess")
    with pytest.raises(ClientError) as caught:
        iam.attach_user_policy(UserName="somebody", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    code, message = refusal(caught)
    assert code == "AccessDenied"
    assert "iam:AttachUserPolicy on resource:" in message


def test_a_session_policy_is_an_intersection(local: Local, account: str, function_role: Credentials) -> None:
    session = local.assume(
        function_role,
        local.member_role(account),
        ExternalId=local.report["external_id"],
        Policy=policy("s3:ListAllMyBuckets", "iam:ListUsers"),
    )
    assert local.client("s3", session).list_buckets()["Buckets"] == []
    with pytest.raises(ClientError) as caught:
        local.client("ec2", session).describe_security_groups()
    assert "no session policy" in refusal(caught)[1]
    with pytest.raises(ClientError):
        local.client("iam", session).list_users()


def test_the_functions_role_is_held_to_its_resources(local: Local, function_role: Credentials) -> None:
    s3, bucket = local.client("s3", function_role), local.stack["VaultBucket"]
    s3.put_object(Bucket=bucket, Key="before/one", Body=b"{}")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="elsewhere/one", Body=b"{}")
    assert refusal(caught)[0] == "AccessDenied"
    with pytest.raises(ClientError) as caught:
        local.client("iam", function_role).list_users()
    assert "iam:ListUsers on resource:" in refusal(caught)[1]


def test_the_functions_role_is_held_to_its_actions_in_security_hub(
    local: Local, function_role: Credentials
) -> None:
    hub = local.client("securityhub", function_role)
    assert "Findings" in hub.get_findings()
    with pytest.raises(ClientError) as caught:
        hub.describe_action_targets()
    assert refusal(caught)[0] == "AccessDeniedException"


def test_a_users_deactivated_key_no_longer_works(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="p", PolicyDocument=policy("iam:ListUsers"))
    key = iam.create_access_key(UserName="user")["AccessKey"]
    mine = local.client("iam", (key["AccessKeyId"], key["SecretAccessKey"], None))
    assert len(mine.list_users()["Users"]) == 1
    iam.update_access_key(UserName="user", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError):
        mine.list_users()


def test_the_log_tells_who_asked_for_what(local: Local, account: str, member: Credentials) -> None:
    local.door("DELETE", "calls")
    local.client("s3", member).list_buckets()
    with pytest.raises(ClientError):
        local.client("iam", member).delete_user(UserName="nobody")
    local.client("sqs", local.admin).list_queues()
    _, calls = local.door("GET", "calls")
    mine = [c for c in calls if c["account"] == account]
    assert [(c["action"], c["resource"], c["allowed"]) for c in mine] == [
        ("s3:ListAllMyBuckets", "*", True),
        ("iam:DeleteUser", f"arn:aws:iam::{account}:user/nobody", False),
    ]
    assert mine[0]["principal"] == f"arn:aws:sts::{account}:assumed-role/RedressMemberRole/test"
    assert {c["source"] for c in mine} == {"member"}
    admins = [c for c in calls if c["action"] == "sqs:ListQueues"]
    assert [(c["account"], c["source"]) for c in admins] == [(local.admin, "admin")]


@pytest.mark.parametrize("prefixed", [True, False])
def test_s3control_works_with_and_without_the_account_in_the_host(
    local: Local, account: str, prefixed: bool
) -> None:
    client = local.client("s3control", account)
    client.meta.events.register("before-sign.s3-control", _without_account_in_url)
    if not prefixed:
        client.meta.events.register_last("before-sign.s3-control", _without_account_in_host)
    client.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration=BLOCK)
    told = client.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]
    assert told == BLOCK
