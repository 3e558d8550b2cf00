"""Account management: alternate contacts and regions."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal

_CONTACT = {
    "AlternateContactType": "SECURITY",
    "EmailAddress": "security@example.com",
    "Name": "Security",
    "PhoneNumber": "+1 555 0100",
    "Title": "Team",
}


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def test_a_contact_is_put_told_and_deleted(local: Local, account: str) -> None:
    client = local.client("account", account)
    for call in (client.get_alternate_contact, client.delete_alternate_contact):
        assert _code(call, AlternateContactType="SECURITY") == "ResourceNotFoundException"
    client.put_alternate_contact(**_CONTACT)
    assert client.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"] == _CONTACT
    assert _code(client.get_alternate_contact, AlternateContactType="BILLING") == "ResourceNotFoundException"
    client.delete_alternate_contact(AlternateContactType="SECURITY")
    assert _code(client.get_alternate_contact, AlternateContactType="SECURITY") == "ResourceNotFoundException"


def test_an_account_has_a_primary_contact_from_its_start(local: Local, account: str) -> None:
    told = local.client("account", account).get_contact_information()["ContactInformation"]
    assert {"FullName", "AddressLine1", "City", "PostalCode", "CountryCode", "PhoneNumber"} <= set(told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"EmailAddress": "nobody"},
        {"PhoneNumber": "call me"},
        {"Title": "t" * 51},
        {"AlternateContactType": "X"},
    ],
)
def test_a_wrong_contact_is_refused(local: Local, account: str, wrong: dict[str, str]) -> None:
    client = local.client("account", account)
    assert _code(client.put_alternate_contact, **{**_CONTACT, **wrong}) == "ValidationException"


def test_a_member_asks_for_itself_without_its_id(local: Local, account: str) -> None:
    client = local.client("account", account)
    for target in (account, local.account()):
        asks = {"AlternateContactType": "SECURITY", "AccountId": target}
        assert _code(client.get_alternate_contact, **asks) == "AccessDeniedException"


def test_the_administrator_asks_for_members(local: Local, account: str) -> None:
    local.client("account", account).put_alternate_contact(**_CONTACT)
    admin = local.client("account", local.admin)
    told = admin.get_alternate_contact(AlternateContactType="SECURITY", AccountId=account)
    assert told["AlternateContact"] == _CONTACT


def test_contacts_are_allowed_on_the_account_and_by_kind(local: Local, account: str) -> None:
    statement = {
        "Action": ["account:GetAlternateContact", "account:PutAlternateContact"],
        "Resource": f"arn:aws:account::{account}:account",
        "Condition": {"ForAnyValue:StringEquals": {"account:AlternateContactTypes": ["SECURITY"]}},
    }
    client = local.client("account", session(local, account, statement))
    client.put_alternate_contact(**_CONTACT)
    asks = {**_CONTACT, "AlternateContactType": "BILLING"}
    assert _code(client.put_alternate_contact, **asks) == "AccessDeniedException"
    assert _code(client.delete_alternate_contact, AlternateContactType="SECURITY") == "AccessDeniedException"


def test_regions_come_in_pages_with_their_state(local: Local, account: str) -> None:
    client = local.client("account", account)
    local.door("POST", "regions", {"account": account, "region": "eu-west-3", "state": "closed"})
    pages = list(client.get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 7}))
    assert len(pages) > 2
    states = {r["RegionName"]: r["RegionOptStatus"] for page in pages for r in page["Regions"]}
    assert (states["us-east-1"], states["eu-west-3"], states["me-central-1"]) == (
        "ENABLED_BY_DEFAULT",
        "DISABLED",
        "DISABLED",
    )
    assert not any(name.startswith(("cn-", "us-gov-")) for name in states)
    told = client.list_regions(RegionOptStatusContains=["DISABLED"])["Regions"]
    assert {r["RegionOptStatus"] for r in told} == {"DISABLED"}
    assert client.get_region_opt_status(RegionName="eu-west-3")["RegionOptStatus"] == "DISABLED"
    assert _code(client.get_region_opt_status, RegionName="nowhere-1") == "ValidationException"
