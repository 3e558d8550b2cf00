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
