"""Who one is in every region, which regions there are, and those that are closed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_identity import refusal
from test_permissions import policy

CLOSED = "af-south-1"
ACCESS = "OrganizationAccountAccessRole"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", CLOSED])
def test_everybody_knows_who_they_are_in_every_region(local: Local, account: str, region: str) -> None:
    for who in (account, local.admin, local.report["management"]):
        told = local.client("sts", who, region).get_caller_identity()
        assert (told["Account"], told["Arn"]) == (who, f"arn:aws:iam::{who}:root")
    session = local.assume(local.admin, f"arn:aws:iam::{account}:role/{ACCESS}")
    told = local.client("sts", session, region).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{account}:assumed-role/{ACCESS}/test"


def test_a_user_knows_who_it_is(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    user = iam.create_user(UserName="alice")["User"]
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    told = local.client("sts", (key["AccessKeyId"], key["SecretAccessKey"], None)).get_caller_identity()
    assert (told["Arn"], told["UserId"], told["Account"]) == (user["Arn"], user["UserId"], account)


def test_a_function_knows_who_it_is(local: Local, function_role: Credentials) -> None:
    for region in ("us-east-1", "eu-west-1"):
        told = local.client("sts", function_role, region).get_caller_identity()
        assert told["Account"] == local.admin
        assert ":assumed-role/redress-FunctionRole" in told["Arn"]


def test_an_operator_is_held_to_the_session_policy(local: Local, account: str) -> None:
    role = f"arn:aws:iam::{account}:role/{ACCESS}"
    session = local.assume(local.admin, role, Policy=policy("iam:Get*", "iam:List*", "ec2:Describe*"))
    iam, ec2 = local.client("iam", session), local.client("ec2", session)
    assert {"us-east-1", "eu-west-1"} <= {r["RegionName"] for r in ec2.describe_regions()["Regions"]}
    assert iam.get_role(RoleName=ACCESS)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    with pytest.raises(ClientError) as caught:
        iam.create_user(UserName="x")
    assert "no session policy" in refusal(caught)[1]


def test_a_roles_policies_can_be_read(local: Local, account: str) -> None:
    root = local.client("iam", account)
    document = json.loads(policy("s3:GetObject"))
    root.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(document))
    root.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=json.dumps(document))
    arn = root.create_policy(PolicyName="p", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    root.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam = local.client("iam", local.assume(local.admin, f"arn:aws:iam::{account}:role/{ACCESS}"))
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["inline"]
    assert iam.get_role_policy(RoleName="r", PolicyName="inline")["PolicyDocument"] == document
    (attached,) = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
    told = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert told["Document"] == document


@pytest.fixture
def closed(local: Local, account: str) -> str:
    """An account in which a region is closed."""
    assert local.door("POST", "regions", {"account": account, "region": CLOSED, "state": "closed"})[0] == 200
    return account


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("rds", "describe_db_instances", "InvalidClientTokenId"),
        ("cloudwatch", "list_metrics", "UnrecognizedClientException"),
        ("kms", "list_keys", "UnrecognizedClientException"),
        ("config", "describe_config_rules", "UnrecognizedClientException"),
        ("securityhub", "describe_hub", "UnrecognizedClientException"),
        ("guardduty", "list_detectors", "UnrecognizedClientException"),
        ("macie2", "get_macie_session", "UnrecognizedClientException"),
        ("inspector2", "batch_get_account_status", "UnrecognizedClientException"),
        ("auditmanager", "get_account_status", "UnrecognizedClientException"),
        ("accessanalyzer", "list_analyzers", "UnrecognizedClientException"),
        ("cloudtrail", "describe_trails", "UnrecognizedClientException"),
        ("cloudformation", "list_stacks", "InvalidClientTokenId"),
        ("events", "list_rules", "UnrecognizedClientException"),
        ("organizations", "list_accounts", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidToken"),
    ],
)
def test_a_closed_region_knows_nobody(local: Local, closed: str, service: str, call: str, code: str) -> None:
    session = local.assume(local.admin, f"arn:aws:iam::{closed}:role/{ACCESS}")
    with pytest.raises(ClientError) as caught:
        getattr(local.client(service, session, CLOSED), call)()
    assert refusal(caught)[0] == code


def test_other_regions_and_accounts_stay_open(local: Local, closed: str) -> None:
    assert local.client("ec2", closed, "eu-west-1").describe_vpcs()["Vpcs"]
    assert local.client("ec2", local.account(), CLOSED).describe_vpcs()["Vpcs"]
    local.door("POST", "regions", {"account": closed, "region": CLOSED, "state": "open"})
    assert local.client("ec2", closed, CLOSED).describe_vpcs()["Vpcs"]
    assert local.door("POST", "regions", {"account": closed, "region": CLOSED, "state": "x"})[0] == 400


def test_a_closed_region_is_told_when_all_are_asked_for(local: Local, closed: str) -> None:
    ec2 = local.client("ec2", closed)

    def told(**options: Any) -> dict[str, str]:
        return {r["RegionName"]: r["OptInStatus"] for r in ec2.describe_regions(**options)["Regions"]}

    assert CLOSED not in told()
    assert told(AllRegions=True)[CLOSED] == "not-opted-in"
    assert told(RegionNames=[CLOSED]) == {CLOSED: "not-opted-in"}
    assert told()["us-east-1"] == "opt-in-not-required"
