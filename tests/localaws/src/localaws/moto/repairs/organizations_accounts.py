"""Organizations' accounts: what moto does otherwise.

- ListAccounts gives 100 accounts at once, and loses some that came at the same time; AWS gives 20, and now
  and then an empty page with a token (`give_empty_pages`).
- CreateAccount is done at once and tells it; on AWS it is under way.
- Accounts are moved from anywhere, and removed although they administer services.
- There are no invitations, and nobody leaves.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time, utcnow
from moto.organizations import utils
from moto.organizations.models import OrganizationsBackend
from moto.organizations.responses import OrganizationsResponse

from localaws.moto import organization
from localaws.world import MANAGEMENT, ORGANIZATION

_PAGE = 20
_EMPTY = "after-an-empty-page:"

_empty_pages: list[None] = []
_handshakes: dict[str, dict[str, Any]] = {}


def give_empty_pages(times: int = 1) -> None:
    """The door: so many of the next answers of ListAccounts are empty, with a token for the rest."""
    _empty_pages[:] = [None] * times


def _refused(code: str, message: str) -> JsonRESTError:
    return JsonRESTError(code, message)


def list_accounts(self: OrganizationsResponse) -> str:
    size, token = int(self._get_param("MaxResults") or _PAGE), self._get_param("NextToken") or "0"
    if not 1 <= size <= _PAGE:
        raise _refused("InvalidInputException", f"You specified an invalid value: MaxResults 1 to {_PAGE}.")
    if _empty_pages:
        _empty_pages.pop()
        return json.dumps({"Accounts": [], "NextToken": f"{_EMPTY}{token}"})
    start = token.replace(_EMPTY, "")
    if not start.isdigit():
        raise _refused("InvalidInputException", "You specified an invalid value: NextToken.")
    accounts = [account.describe() for account in self.organizations_backend.accounts]
    end = int(start) + size
    more = {"NextToken": str(end)} if end < len(accounts) else {}
    return json.dumps({"Accounts": accounts[int(start) : end], **more})


def create_account(self: OrganizationsResponse) -> str:
    status = self.organizations_backend.create_account(**self.request_params)["CreateAccountStatus"]
    organization.admit(status["AccountId"])
    begun = {name: status[name] for name in ("Id", "AccountName", "RequestedTimestamp")}
    return json.dumps({"CreateAccountStatus": {**begun, "State": "IN_PROGRESS"}})


def _watch_moves() -> None:
    move = OrganizationsBackend.move_account
    remove = OrganizationsBackend.remove_account_from_organization

    def move_account(self: OrganizationsBackend, **named: Any) -> None:
        account = self.get_account_by_id(named["AccountId"])
        units = {unit.id for unit in self.ou}
        for end in ("Source", "Destination"):
            if named[f"{end}ParentId"] not in units:
                raise _refused(
                    f"{end}ParentNotFoundException",
                    f"We can't find the {end.lower()} root or OU with the ParentId that you specified.",
                )
        if account.parent_id == named["DestinationParentId"]:
            raise _refused("DuplicateAccountException", "That account is already present there.")
        if account.parent_id != named["SourceParentId"]:
            raise _refused("SourceParentNotFoundException", "The account is not in the source root or OU.")
        move(self, **named)
        organization.tell(account.id, "moved")

    def remove_account_from_organization(self: OrganizationsBackend, **named: str) -> None:
        account = self.get_account_by_id(named["AccountId"])
        if account.id == MANAGEMENT:
            raise _refused(
                "MasterCannotLeaveOrganizationException",
                "You can't remove a management account from an organization.",
            )
        if account.id in {admin.account.id for admin in self.admins}:
            raise _refused(
                "ConstraintViolationException",
                "You cannot remove a delegated administrator from the organization.",
            )
        remove(self, **named)
        organization.tell(account.id, "left")

    OrganizationsBackend.move_account = move_account
    OrganizationsBackend.remove_account_from_organization = remove_account_from_organization


def _told(handshake: dict[str, Any]) -> str:
    return json.dumps({"Handshake": handshake})


def invite_account_to_organization(self: OrganizationsResponse) -> str:
    target = self._get_param("Target")
    if target["Type"] != "ACCOUNT":
        raise _refused("InvalidInputException", "Only accounts can be invited by their ID here.")
    if organization.state_of(target["Id"]) is not None:
        raise _refused(
            "HandshakeConstraintViolationException",
            "The account is already a member of an organization.",
        )
    now = utcnow()
    name = f"h-{len(_handshakes) + 1:08d}"
    _handshakes[name] = {
        "Id": name,
        "Arn": f"arn:aws:organizations::{MANAGEMENT}:handshake/{ORGANIZATION}/invite/{name}",
        "Parties": [{"Id": ORGANIZATION.partition("-")[2], "Type": "ORGANIZATION"}, target],
        "State": "OPEN",
        "RequestedTimestamp": unix_time(now),
        "ExpirationTimestamp": unix_time(now) + 15 * 24 * 3600,
        "Action": "INVITE",
        "Resources": [
            {"Type": "ORGANIZATION", "Value": ORGANIZATION},
            {"Type": "ACCOUNT", "Value": target["Id"]},
        ],
    }
    return _told(_handshakes[name])


def accept_handshake(self: OrganizationsResponse) -> str:
    handshake = _handshakes.get(self._get_param("HandshakeId"))
    if handshake is None or handshake["Parties"][1]["Id"] != self.current_account:
        raise _refused("HandshakeNotFoundException", "We can't find a handshake with the HandshakeId.")
    if handshake["State"] != "OPEN":
        raise _refused("HandshakeAlreadyInStateException", f"The handshake is {handshake['State']}.")
    handshake["State"] = "ACCEPTED"
    organization.invite(self.current_account)
    return _told(handshake)


def leave_organization(self: OrganizationsResponse) -> str:
    organization.leave(self.current_account)
    return "{}"


def apply() -> None:
    """Mend it."""
    utils.PAGINATION_MODEL["list_accounts"]["limit_default"] = _PAGE
    _watch_moves()
    OrganizationsResponse.list_accounts = list_accounts
    OrganizationsResponse.create_account = create_account
    OrganizationsResponse.invite_account_to_organization = invite_account_to_organization
    OrganizationsResponse.accept_handshake = accept_handshake
    OrganizationsResponse.leave_organization = leave_organization
