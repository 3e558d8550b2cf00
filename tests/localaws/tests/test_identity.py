"""Whose credentials are they, where do requests go, and who may assume which role."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_every_account_has_its_own_resources(local: Local) -> None:
    first, second = local.account(), local.account()
    local.client("iam", first).create_user(UserName="only-here")
    assert local.client("iam", second).list_users()["Users"] == []
    assert local.client("iam", local.admin).list_users()["Users"] == []
    assert local.client("iam", first).list_users()["Users"][0]["Arn"].split(":")[4] == first


def test_every_region_has_its_own_resources(local: Local, account: str) -> None:
    local.client("ec2", account, "eu-west-1").create_security_group(GroupName="here", Description="d")
    here = local.client("ec2", account, "eu-west-1").describe_security_groups()["SecurityGroups"]
    there = local.client("ec2", account, "us-east-1").describe_security_groups()["SecurityGroups"]
    assert "here" in {g["GroupName"] for g in here}
    assert "here" not in {g["GroupName"] for g in there}


def test_a_session_knows_who_it_is(local: Local, account: str) -> None:
    session = local.assume(local.admin, f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")
    identity = local.client("sts", session).get_caller_identity()
    assert identity["Account"] == account
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/OrganizationAccountAccessRole/test"


def test_unknown_credentials_are_refused(local: Local) -> None:
    with pytest.raises(ClientError) as caught:
        local.client("iam", ("ASIANOBODYISSUEDTHIS", "x", "y")).list_users()
    assert refusal(caught)[0] == "InvalidClientTokenId"


def test_the_function_enters_a_member_with_the_external_id(
    local: Local, account: str, function_role: Credentials
) -> None:
    role = local.member_role(account)
    session = local.assume(function_role, role, ExternalId=local.report["external_id"])
    assert local.client("sts", session).get_caller_identity()["Account"] == account
    assert local.client("s3", session).list_buckets()["Buckets"] == []


@pytest.mark.parametrize("options", [{}, {"ExternalId": "a wrong one"}])
def test_the_trust_policy_asks_for_the_external_id(
    local: Local, account: str, function_role: Credentials, options: dict[str, str]
) -> None:
    role = local.member_role(account)
    with pytest.raises(ClientError) as caught:
        local.assume(function_role, role, **options)
    code, message = refusal(caught)
    assert code == "AccessDenied"
    assert message.startswith(f"User: arn:aws:sts::{local.admin}:assumed-role/")
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in message


def test_a_role_that_does_not_exist_cannot_be_assumed(local: Local, function_role: Credentials) -> None:
    role = local.member_role(local.account(role=False))
    with pytest.raises(ClientError) as caught:
        local.assume(function_role, role, ExternalId=local.report["external_id"])
    code, message = refusal(caught)
    assert code == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in message


def test_the_callers_own_policy_must_allow_the_role(
    local: Local, account: str, function_role: Credentials
) -> None:
    with pytest.raises(ClientError) as caught:
        local.assume(function_role, f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")
    assert refusal(caught)[0] == "AccessDenied"


def test_the_callers_own_policy_may_ask_for_the_organization(
    local: Local, function_role: Credentials
) -> None:
    stranger = "999988887777"
    with pytest.raises(ClientError) as caught:
        local.assume(function_role, local.member_role(stranger), ExternalId=local.report["external_id"])
    assert refusal(caught)[0] == "AccessDenied"


def test_a_suspended_account_lets_nobody_in(local: Local, function_role: Credentials) -> None:
    account = local.account(state="SUSPENDED")
    with pytest.raises(ClientError) as caught:
        local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])
    assert refusal(caught)[0] == "AccessDenied"


def test_another_member_is_not_trusted(local: Local, account: str) -> None:
    other = local.account()
    iam = local.client("iam", other)
    iam.create_user(UserName="curious")
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    everything = {"Version": "2012-10-17", "Statement": statement}
    iam.put_user_policy(UserName="curious", PolicyName="all", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="curious")["AccessKey"]
    curious = (key["AccessKeyId"], key["SecretAccessKey"], None)
    assert local.client("s3", curious).list_buckets()["Buckets"] == []
    with pytest.raises(ClientError) as caught:
        local.assume(curious, local.member_role(account), ExternalId=local.report["external_id"])
    assert refusal(caught)[0] == "AccessDenied"


def test_the_admin_lists_the_accounts_of_the_organization(local: Local) -> None:
    suspended = local.account(state="SUSPENDED")
    pages = local.client("organizations", local.admin).get_paginator("list_accounts").paginate()
    accounts = {a["Id"]: a for page in pages for a in page["Accounts"]}
    assert {local.admin, local.report["management"], *local.report["members"]} <= accounts.keys()
    assert accounts[suspended]["State"] == "SUSPENDED"
