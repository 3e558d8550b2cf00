"""The organization as its delegated administrator reads it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from test_identity import refusal


def _path(organizations: Any, child: str) -> list[str]:
    """The names of the units above, from the root down."""
    (parent,) = organizations.list_parents(ChildId=child)["Parents"]
    if parent["Type"] == "ROOT":
        return []
    unit = organizations.describe_organizational_unit(OrganizationalUnitId=parent["Id"])["OrganizationalUnit"]
    return [*_path(organizations, parent["Id"]), unit["Name"]]


def test_an_account_is_put_into_a_unit(local: Local, function_role: Credentials) -> None:
    account = local.account(ou="/Workloads/Prod", name="shop")
    organizations = local.client("organizations", function_role)
    assert _path(organizations, account) == ["Workloads", "Prod"]
    told = organizations.describe_account(AccountId=account)["Account"]
    assert (told["Name"], told["State"]) == ("shop", "ACTIVE")
    local.door("POST", "accounts", {"account": account, "state": "SUSPENDED"})
    assert _path(organizations, account) == ["Workloads", "Prod"]
    local.door("POST", "accounts", {"account": account, "ou": "/Sandbox"})
    assert _path(organizations, account) == ["Sandbox"]
    assert organizations.describe_account(AccountId=account)["Account"]["Name"] == "shop"
    local.door("POST", "accounts", {"account": account, "ou": "/"})
    assert _path(organizations, account) == []


def test_units_are_listed_from_the_root_down(local: Local, function_role: Credentials) -> None:
    first, second = local.account(ou="/Listed/One"), local.account(ou="/Listed/Two")
    organizations = local.client("organizations", function_role)
    (root,) = organizations.list_roots()["Roots"]

    def units(parent: str) -> dict[str, str]:
        pages = organizations.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent)
        return {unit["Name"]: unit["Id"] for page in pages for unit in page["OrganizationalUnits"]}

    below = units(units(root["Id"])["Listed"])
    assert below.keys() == {"One", "Two"}
    found = {
        name: [a["Id"] for a in organizations.list_accounts_for_parent(ParentId=unit)["Accounts"]]
        for name, unit in below.items()
    }
    assert found == {"One": [first], "Two": [second]}


def test_accounts_of_a_unit_come_in_pages(local: Local) -> None:
    made = [local.account(ou="/Paged", role=False) for _ in range(22)]
    organizations = local.client("organizations", local.admin)
    (parent,) = organizations.list_parents(ChildId=made[0])["Parents"]
    pages = list(organizations.get_paginator("list_accounts_for_parent").paginate(ParentId=parent["Id"]))
    assert [len(page["Accounts"]) for page in pages] == [20, 2]
    assert {a["Id"] for page in pages for a in page["Accounts"]} == set(made)


def test_what_does_not_exist_is_told(local: Local) -> None:
    organizations = local.client("organizations", local.admin)
    for call, arguments, code in (
        ("describe_account", {"AccountId": "999999999999"}, "AccountNotFoundException"),
        ("list_parents", {"ChildId": "999999999999"}, "ChildNotFoundException"),
        (
            "describe_organizational_unit",
            {"OrganizationalUnitId": "ou-root-00000000"},
            "OrganizationalUnitNotFoundException",
        ),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(organizations, call)(**arguments)
        assert refusal(caught)[0] == code


def test_a_member_does_not_read_the_organization(local: Local, account: str) -> None:
    organizations = local.client("organizations", account)
    assert organizations.describe_organization()["Organization"]["Id"] == local.report["organization"]
    for call in ("list_accounts", "list_roots"):
        with pytest.raises(ClientError) as caught:
            getattr(organizations, call)()
        assert refusal(caught)[0] == "AccessDeniedException"


def test_accounts_come_by_twenty_and_a_page_may_be_empty(local: Local) -> None:
    made = {local.account(role=False) for _ in range(25)}
    organizations = local.client("organizations", local.admin)
    with pytest.raises(ClientError) as caught:
        organizations.list_accounts(MaxResults=21)
    assert refusal(caught)[0] == "InvalidInputException"
    assert local.door("POST", "empty-pages", {"times": 2})[0] == 200
    pages = list(organizations.get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in pages][:4] == [0, 0, 20, 20]
    listed = [account for page in pages for account in page["Accounts"]]
    assert {account["Id"] for account in listed} >= made
    assert len({account["Id"] for account in listed}) == len(listed)
    assert {account["State"] for account in listed if account["Id"] in made} == {"ACTIVE"}


def test_trusted_access_is_given_and_taken(local: Local) -> None:
    organizations = local.client("organizations", local.report["management"])

    def trusted() -> set[str]:
        told = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
        return {one["ServicePrincipal"] for one in told}

    for service in ("config.amazonaws.com", "inspector2.amazonaws.com", "iam.amazonaws.com"):
        organizations.enable_aws_service_access(ServicePrincipal=service)
        assert service in trusted()
        organizations.disable_aws_service_access(ServicePrincipal=service)
        assert service not in trusted()
    with pytest.raises(ClientError) as caught:
        organizations.enable_aws_service_access(ServicePrincipal="none.amazonaws.com")
    assert refusal(caught)[0] == "InvalidInputException"


@pytest.mark.parametrize(
    "service", ["guardduty", "macie", "inspector2", "auditmanager", "config", "securitylake"]
)
def test_a_member_may_administer_a_service(local: Local, account: str, service: str) -> None:
    organizations = local.client("organizations", local.report["management"])
    order = {"AccountId": account, "ServicePrincipal": f"{service}.amazonaws.com"}
    organizations.register_delegated_administrator(**order)
    found = organizations.list_delegated_administrators(ServicePrincipal=order["ServicePrincipal"])
    assert [one["Id"] for one in found["DelegatedAdministrators"]] == [account]
    with pytest.raises(ClientError) as caught:
        organizations.remove_account_from_organization(AccountId=account)
    assert refusal(caught)[0] == "ConstraintViolationException"
    organizations.deregister_delegated_administrator(**order)


def test_the_admin_reads_the_organization_and_does_not_change_it(local: Local) -> None:
    organizations = local.client("organizations", local.admin)
    with pytest.raises(ClientError) as caught:
        organizations.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    assert refusal(caught)[0] == "AccessDeniedException"
