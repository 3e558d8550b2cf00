"""Users, groups, roles and policies of IAM: quotas, what keeps them from deletion, who may change them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import ANYTHING, SUPPORT, certificate, document, session, trust
from test_identity import refusal

_KINDS = ["group", "role", "user"]


def _make(iam: Any, kind: str, name: str, **options: str) -> dict[str, str]:
    """Make one, and say how it is named in requests."""
    named = {f"{kind.title()}Name": name}
    extra = {"AssumeRolePolicyDocument": trust()} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**named, **extra, **options)
    return named


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


@pytest.mark.parametrize("kind", _KINDS)
def test_ten_policies_can_be_attached(local: Local, account: str, kind: str) -> None:
    iam = local.client("iam", account)
    named, attach = _make(iam, kind, "x"), getattr(iam, f"attach_{kind}_policy")
    arns = [
        iam.create_policy(PolicyName=f"p{n}", PolicyDocument=ANYTHING)["Policy"]["Arn"] for n in range(11)
    ]
    for arn in arns[:10]:
        attach(**named, PolicyArn=arn)
    attach(**named, PolicyArn=arns[0])
    assert iam.get_policy(PolicyArn=arns[0])["Policy"]["AttachmentCount"] == 1
    assert _code(attach, **named, PolicyArn=arns[10]) == "LimitExceeded"
    assert _code(attach, **named, PolicyArn=f"{SUPPORT}Not") == "NoSuchEntity"


@pytest.mark.parametrize(("kind", "size"), [("group", 5120), ("role", 10240), ("user", 2048)])
def test_inline_policies_have_room_for_so_many_characters(
    local: Local, account: str, kind: str, size: int
) -> None:
    iam = local.client("iam", account)
    named, put = _make(iam, kind, "x"), getattr(iam, f"put_{kind}_policy")
    large = document({"Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::{'b' * (size - 500)}/*"]})
    put(**named, PolicyName="large", PolicyDocument=large)
    put(**named, PolicyName="large", PolicyDocument=large)
    more = document({"Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::{'b' * 500}/*"]})
    assert _code(put, **named, PolicyName="more", PolicyDocument=more) == "LimitExceeded"


@pytest.mark.parametrize("kind", ["group", "user"])
def test_inline_policies_are_put_told_and_deleted(local: Local, account: str, kind: str) -> None:
    iam = local.client("iam", account)
    named = _make(iam, kind, "x")
    for number in range(3):
        getattr(iam, f"put_{kind}_policy")(**named, PolicyName=f"p{number}", PolicyDocument=ANYTHING)
    pages = iam.get_paginator(f"list_{kind}_policies").paginate(**named, PaginationConfig={"PageSize": 2})
    assert [page["PolicyNames"] for page in pages] == [["p0", "p1"], ["p2"]]
    told = getattr(iam, f"get_{kind}_policy")(**named, PolicyName="p1")
    assert told["PolicyDocument"]["Statement"][0]["Action"] == "*"
    getattr(iam, f"delete_{kind}_policy")(**named, PolicyName="p1")
    assert _code(getattr(iam, f"get_{kind}_policy"), **named, PolicyName="p1") == "NoSuchEntity"
    assert _code(getattr(iam, f"delete_{kind}_policy"), **named, PolicyName="p1") == "NoSuchEntity"
    assert _code(getattr(iam, f"put_{kind}_policy"), **named, PolicyName="p", PolicyDocument="{") == (
        "MalformedPolicyDocument"
    )


def test_a_user_is_in_ten_groups_at_most(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "user", "u")
    for number in range(11):
        _make(iam, "group", f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="u")
    iam.add_user_to_group(GroupName="g0", UserName="u")
    assert len(iam.list_groups_for_user(UserName="u")["Groups"]) == 10
    assert _code(iam.add_user_to_group, GroupName="g10", UserName="u") == "LimitExceeded"


def test_the_members_of_a_group_come_in_pages(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "group", "g", Path="/teams/")
    for number in range(5):
        _make(iam, "user", f"u{number}")
        iam.add_user_to_group(GroupName="g", UserName=f"u{number}")
    pages = list(iam.get_paginator("get_group").paginate(GroupName="g", PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert {page["Group"]["Arn"] for page in pages} == {f"arn:aws:iam::{account}:group/teams/g"}


def test_groups_are_listed_below_a_path(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "group", "one", Path="/teams/")
    _make(iam, "group", "two")
    assert [g["GroupName"] for g in iam.list_groups(PathPrefix="/teams/")["Groups"]] == ["one"]
    assert len(iam.list_groups()["Groups"]) == 2


def test_a_group_is_deleted_only_when_nothing_hangs_on_it(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "group", "g")
    _make(iam, "user", "u")
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert _code(iam.delete_group, GroupName="g") == "DeleteConflict"
    iam.remove_user_from_group(GroupName="g", UserName="u")
    assert _code(iam.remove_user_from_group, GroupName="g", UserName="u") == "NoSuchEntity"
    iam.attach_group_policy(GroupName="g", PolicyArn=SUPPORT)
    assert _code(iam.delete_group, GroupName="g") == "DeleteConflict"
    iam.detach_group_policy(GroupName="g", PolicyArn=SUPPORT)
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=ANYTHING)
    assert _code(iam.delete_group, GroupName="g") == "DeleteConflict"
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    iam.delete_group(GroupName="g")
    assert _code(iam.get_group, GroupName="g") == "NoSuchEntity"


def test_a_user_is_deleted_only_when_nothing_hangs_on_it(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "user", "u")
    _make(iam, "group", "g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert _code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.remove_user_from_group(GroupName="g", UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assert _code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.delete_access_key(UserName="u", AccessKeyId=key)
    iam.create_login_profile(UserName="u", Password="Correct-Horse-7")
    assert _code(iam.delete_user, UserName="u") == "DeleteConflict"
    iam.delete_login_profile(UserName="u")
    iam.delete_user(UserName="u")


def test_an_attached_policy_cannot_be_deleted(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ANYTHING)["Policy"]["Arn"]
    _make(iam, "user", "u")
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    assert _code(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.detach_user_policy(UserName="u", PolicyArn=arn)
    assert _code(iam.detach_user_policy, UserName="u", PolicyArn=arn) == "NoSuchEntity"
    iam.delete_policy(PolicyArn=arn)


def test_the_entities_of_a_policy_come_in_pages(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    for kind in _KINDS:
        for number in range(2):
            named = _make(iam, kind, f"{kind}{number}", Path="/some/" if number else "/")
            getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=SUPPORT)
    asks = {"PolicyArn": SUPPORT, "PaginationConfig": {"PageSize": 2}}
    pages = list(iam.get_paginator("list_entities_for_policy").paginate(**asks))
    assert len(pages) == 3
    found = {
        kind: [e[f"{kind.title()}Name"] for page in pages for e in page[f"Policy{kind.title()}s"]]
        for kind in _KINDS
    }
    assert found == {kind: [f"{kind}0", f"{kind}1"] for kind in _KINDS}
    told = iam.list_entities_for_policy(PolicyArn=SUPPORT, EntityFilter="Role", PathPrefix="/some/")
    assert [r["RoleName"] for r in told["PolicyRoles"]] == ["role1"]
    assert told["PolicyUsers"] == told["PolicyGroups"] == []
    assert _code(iam.list_entities_for_policy, PolicyArn=f"{SUPPORT}Not") == "NoSuchEntity"


def test_a_boundary_is_another_use_of_a_policy(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "role", "r", PermissionsBoundary=SUPPORT)
    uses = {}
    for usage in ("PermissionsBoundary", "PermissionsPolicy"):
        told = iam.list_entities_for_policy(PolicyArn=SUPPORT, PolicyUsageFilter=usage)
        uses[usage] = len(told["PolicyRoles"])
    assert uses == {"PermissionsBoundary": 1, "PermissionsPolicy": 0}


def test_virtual_devices_come_in_pages(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "user", "u")
    serials = [
        iam.create_virtual_mfa_device(VirtualMFADeviceName=f"d{n}")["VirtualMFADevice"]["SerialNumber"]
        for n in range(4)
    ]
    iam.enable_mfa_device(
        UserName="u", SerialNumber=serials[0], AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    pages = iam.get_paginator("list_virtual_mfa_devices").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["VirtualMFADevices"]) for page in pages] == [2, 2]
    [assigned] = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert (assigned["SerialNumber"], assigned["User"]["UserName"]) == (serials[0], "u")
    assert [d["SerialNumber"] for d in iam.list_mfa_devices(UserName="u")["MFADevices"]] == [serials[0]]


@pytest.mark.parametrize(("kind", "listed"), [("virtual", True), ("hardware", False)])
def test_the_roots_second_factor_can_be_staged(local: Local, account: str, kind: str, listed: bool) -> None:
    iam = local.client("iam", account)
    order = {"account": account, "RootMFADevice": kind}
    assert local.door("POST", "account-summary", order)[0] == 200
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 1
    devices = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert [d["User"]["Arn"] for d in devices] == [f"arn:aws:iam::{account}:root"] * listed
    local.door("POST", "account-summary", {**order, "RootMFADevice": "none"})
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []


def test_changes_are_allowed_on_what_changes_with_its_path(local: Local, account: str) -> None:
    root, of_account = local.client("iam", account), f"arn:aws:iam::{account}:"
    _make(root, "user", "u", Path="/people/")
    _make(root, "group", "mine", Path="/redress/")
    _make(root, "group", "theirs")
    mine = session(
        local,
        account,
        {"Action": ["iam:AddUserToGroup", "iam:CreateGroup"], "Resource": f"{of_account}group/redress/*"},
        {
            "Action": ["iam:ListGroupsForUser", "iam:GetAccessKeyLastUsed"],
            "Resource": f"{of_account}user/people/*",
        },
    )
    iam = local.client("iam", mine)
    iam.add_user_to_group(GroupName="mine", UserName="u")
    assert _code(iam.add_user_to_group, GroupName="theirs", UserName="u") == "AccessDenied"
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="u")["Groups"]] == ["mine"]
    iam.create_group(GroupName="another", Path="/redress/")
    assert _code(iam.create_group, GroupName="another") == "AccessDenied"
    _make(root, "user", "other")
    allowed, refused = (
        root.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for name in ("u", "other")
    )
    assert iam.get_access_key_last_used(AccessKeyId=allowed)["UserName"] == "u"
    assert _code(iam.get_access_key_last_used, AccessKeyId=refused) == "AccessDenied"


def test_what_is_not_there_has_no_path(local: Local, account: str) -> None:
    resource = f"arn:aws:iam::{account}:role/redress/*"
    mine = session(local, account, {"Action": ["iam:GetRole", "iam:CreateRole"], "Resource": resource})
    iam = local.client("iam", mine)
    assert _code(iam.get_role, RoleName="support") == "AccessDenied"
    iam.create_role(RoleName="support", Path="/redress/", AssumeRolePolicyDocument=trust())
    assert iam.get_role(RoleName="support")["Role"]["Path"] == "/redress/"


def test_a_role_trusts_only_who_is_there(local: Local, account: str) -> None:
    iam = local.client("iam", account)
    _make(iam, "user", "u")

    def trusting(arn: str) -> dict[str, str]:
        document_of = document({"Principal": {"AWS": arn}, "Action": "sts:AssumeRole"})
        return {"RoleName": "r", "AssumeRolePolicyDocument": document_of}

    nobody = trusting(f"arn:aws:iam::{account}:user/nobody")
    assert _code(iam.create_role, **nobody) == "MalformedPolicyDocument"
    assert _code(iam.create_role, RoleName="r", AssumeRolePolicyDocument="{") == "MalformedPolicyDocument"
    iam.create_role(**trusting(f"arn:aws:iam::{account}:user/u"))


def test_stacks_attach_and_put_policies(local: Local, account: str) -> None:
    everything = json.loads(ANYTHING)
    role = {"RoleName": "r", "AssumeRolePolicyDocument": json.loads(trust())}
    named = {"Roles": [{"Ref": "Role"}], "PolicyDocument": everything}
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": named},
            "Inline": {"Type": "AWS::IAM::Policy", "Properties": {**named, "PolicyName": "inline"}},
        }
    }
    cloudformation, iam = local.client("cloudformation", account), local.client("iam", account)
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
    assert len(iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]) == 1
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["inline"]


def test_certificates_are_deleted_by_those_who_may(local: Local, account: str, tmp_path: Path) -> None:
    root, (body, key) = local.client("iam", account), certificate(tmp_path, 30)
    for name, path in (("one", "/web/"), ("two", "/")):
        root.upload_server_certificate(
            ServerCertificateName=name, Path=path, CertificateBody=body, PrivateKey=key
        )
    resource = f"arn:aws:iam::{account}:server-certificate/web/*"
    iam = local.client("iam", session(local, account, {"Action": "iam:*", "Resource": resource}))
    assert _code(iam.delete_server_certificate, ServerCertificateName="two") == "AccessDenied"
    iam.delete_server_certificate(ServerCertificateName="one")
    assert _code(root.get_server_certificate, ServerCertificateName="one") == "NoSuchEntity"


def test_a_service_linked_role_is_made_once_and_changed_by_nobody(local: Local, account: str) -> None:
    path = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    statement = {
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": f"arn:aws:iam::{account}:{path}",
        "Condition": {"StringEquals": {"iam:AWSServiceName": "config.amazonaws.com"}},
    }
    root, iam = local.client("iam", account), local.client("iam", session(local, account, statement))
    made = iam.create_service_linked_role(AWSServiceName="config.amazonaws.com")["Role"]
    assert made["Arn"] == f"arn:aws:iam::{account}:{path}"
    assert root.get_role(RoleName="AWSServiceRoleForConfig")["Role"]["Path"] == (
        "/aws-service-role/config.amazonaws.com/"
    )
    assert _code(iam.create_service_linked_role, AWSServiceName="config.amazonaws.com") == "InvalidInput"
    assert _code(iam.create_service_linked_role, AWSServiceName="rds.amazonaws.com") == "AccessDenied"
    changed = {"RoleName": "AWSServiceRoleForConfig", "PolicyArn": SUPPORT}
    assert _code(root.attach_role_policy, **changed) == "UnmodifiableEntity"
    assert _code(root.delete_role, RoleName="AWSServiceRoleForConfig") == "UnmodifiableEntity"
    root.delete_service_linked_role(RoleName="AWSServiceRoleForConfig")
    assert _code(root.get_role, RoleName="AWSServiceRoleForConfig") == "NoSuchEntity"
