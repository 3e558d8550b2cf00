"""IAM in a member account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Local

_DOCUMENT = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
)
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def test_the_maximum_age_of_passwords_is_told_only_when_set(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    iam.update_account_password_policy(MinimumPasswordLength=14)
    told = iam.get_account_password_policy()["PasswordPolicy"]
    assert told["MinimumPasswordLength"] == 14
    assert told["ExpirePasswords"] is False
    assert "MaxPasswordAge" not in told
    assert "PasswordReusePrevention" not in told
    iam.update_account_password_policy(
        MinimumPasswordLength=14, MaxPasswordAge=90, PasswordReusePrevention=24
    )
    told = iam.get_account_password_policy()["PasswordPolicy"]
    assert (told["MaxPasswordAge"], told["ExpirePasswords"], told["PasswordReusePrevention"]) == (
        90,
        True,
        24,
    )


@pytest.mark.parametrize(
    "name", ["AdministratorAccess", "AWSCloudShellFullAccess", "AWSSupportAccess", "ReadOnlyAccess"]
)
def test_the_policies_of_aws_that_controls_speak_of_exist(local: Local, account: str, name: str) -> None:
    iam, arn = local.client("iam", account), f"arn:aws:iam::aws:policy/{name}"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == name
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=_TRUST)
    iam.attach_role_policy(RoleName="role", PolicyArn=arn)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [r["RoleName"] for r in entities["PolicyRoles"]] == ["role"]


def _attach_many(iam: Any, kind: str) -> list[str]:
    names = []
    for number in range(4):
        arn = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=_DOCUMENT)["Policy"]["Arn"]
        getattr(iam, f"attach_{kind}_policy")(**{f"{kind.title()}Name": "x"}, PolicyArn=arn)
        names.append(f"p{number}")
    return names


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_attached_policies_come_in_pages(local: Local, account: str, kind: str) -> None:
    iam = local.client("iam", account)
    extra = {"AssumeRolePolicyDocument": _TRUST} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**{f"{kind.title()}Name": "x"}, **extra)
    names = _attach_many(iam, kind)
    paginator = iam.get_paginator(f"list_attached_{kind}_policies")
    pages = list(paginator.paginate(**{f"{kind.title()}Name": "x"}, PaginationConfig={"PageSize": 3}))
    assert [len(page["AttachedPolicies"]) for page in pages] == [3, 1]
    assert [p["PolicyName"] for page in pages for p in page["AttachedPolicies"]] == names


def test_a_page_is_never_larger_than_a_hundred(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    for number in range(103):
        iam.create_user(UserName=f"u{number:03d}")
    first = iam.list_users()
    assert (len(first["Users"]), first["IsTruncated"]) == (100, True)
    assert len(iam.list_users(Marker=first["Marker"])["Users"]) == 3


def test_a_roles_managed_policies_are_attached_by_cloudformation(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    attached = iam.list_attached_role_policies(RoleName="RedressMemberRole")["AttachedPolicies"]
    assert len(attached) == 1
    assert attached[0]["PolicyArn"].startswith(f"arn:aws:iam::{account}:policy/")


def test_a_roles_own_policies_from_cloudformation_are_told_as_documents(local: Local, account: str) -> None:
    policy = {"PolicyName": "read", "PolicyDocument": json.loads(_DOCUMENT)}
    properties = {"AssumeRolePolicyDocument": json.loads(_TRUST), "RoleName": "reader", "Policies": [policy]}
    template = {"Resources": {"Reader": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    stacks = local.client("cloudformation", account)
    stacks.create_stack(
        StackName="reader", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    told = local.client("iam", account).get_role_policy(RoleName="reader", PolicyName="read")
    assert told["PolicyDocument"] == json.loads(_DOCUMENT)
