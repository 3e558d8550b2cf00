"""Account management: what moto does otherwise.

- ListRegions and GetRegionOptStatus are not there. A region which the door `regions` closed is DISABLED, and
  one that an account must opt in to as well.
- GetContactInformation is not there. An account has a primary contact from its start; here all tell the same.
- A contact that is deleted twice is no error, and contacts of other accounts may be read by anybody; on AWS
  only the management account may (here the administrator as well), and nobody may give the own account's id.
- Contacts are not checked.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.account import urls
from moto.account.models import AccountBackend
from moto.account.responses import AccountResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends

from localaws.moto.repairs import ec2
from localaws.moto.wsgi import Answer, Environ, account_of, body_of, json_answer, scope_of
from localaws.world import ADMIN, MANAGEMENT

_PAGE = 50
_SHAPES = {
    "Name": (64, re.compile(r".+")),
    "Title": (50, re.compile(r".+")),
    "EmailAddress": (254, re.compile(r"\s*[\w+=.#|!&-]+@[\w.-]+\.\w+\s*")),
    "PhoneNumber": (25, re.compile(r"[\s0-9()+-]+")),
}
_STATES = frozenset({"DISABLED", "DISABLING", "ENABLED", "ENABLED_BY_DEFAULT", "ENABLING"})
_CONTACT = {
    "FullName": "Account holder",
    "AddressLine1": "1 Main Street",
    "City": "Seattle",
    "StateOrRegion": "WA",
    "PostalCode": "98101",
    "CountryCode": "US",
    "PhoneNumber": "+12065550100",
}
_KINDS = frozenset({"BILLING", "OPERATIONS", "SECURITY"})


class _Missing(JsonRESTError):
    code = 404

    def __init__(self) -> None:
        super().__init__(
            "ResourceNotFoundException", "No contact of the inputted alternate contact type found."
        )


def _regions(account: str) -> dict[str, str]:
    """The opt-in state by region, of all regions."""
    backend, closed = ec2_backends[account]["us-east-1"], ec2._closed[account]
    states = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED"}
    return {
        region.name: "DISABLED" if region.name in closed else states.get(region.opt_in_status, "DISABLED")
        for region in sorted(backend.regions, key=lambda region: region.name)
        if not region.name.startswith(("cn-", "us-gov-"))
    }


def list_regions(self: AccountResponse) -> ActionResult:
    wanted = self._get_param("RegionOptStatusContains") or _STATES
    size, start = int(self._get_param("MaxResults") or _PAGE), int(self._get_param("NextToken") or 0)
    found = [
        {"RegionName": name, "RegionOptStatus": state}
        for name, state in _regions(self._get_account_id()).items()
        if state in wanted
    ]
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return ActionResult({"Regions": found[start : start + size], **more})


def get_region_opt_status(self: AccountResponse) -> ActionResult:
    name, states = self._get_param("RegionName"), _regions(self._get_account_id())
    return ActionResult({"RegionName": name, "RegionOptStatus": states[name]})


def get_contact_information(_: AccountResponse) -> ActionResult:
    return ActionResult({"ContactInformation": _CONTACT})


def _wrong(asks: dict[str, Any], account: str) -> str | None:
    """What AWS's validation says about a request, or None."""
    if "AlternateContactType" in asks and asks["AlternateContactType"] not in _KINDS:
        return f"alternateContactType: must be one of {', '.join(sorted(_KINDS))}"
    for name, (longest, pattern) in _SHAPES.items():
        if name in asks and not (len(asks[name]) <= longest and pattern.fullmatch(asks[name])):
            return f"{name}: failed to satisfy constraint"
    if not 1 <= int(asks.get("MaxResults") or 1) <= _PAGE:
        return f"maxResults: must be between 1 and {_PAGE}"
    if unknown := set(asks.get("RegionOptStatusContains") or []) - _STATES:
        return f"regionOptStatusContains: {', '.join(sorted(unknown))}"
    if "RegionName" in asks and asks["RegionName"] not in _regions(account):
        return f"{asks['RegionName']} is no region"
    return None


def refuse(environ: Environ) -> Answer | None:
    """The refusal of a wrong request, or of one for another account."""
    scope = scope_of(environ)
    if scope is None or scope[2] != "account":
        return None
    account, asks = account_of(environ), json.loads(body_of(environ) or b"{}")
    target = asks.get("AccountId")
    if target is not None and (account not in (ADMIN, MANAGEMENT) or target == account):
        told = "You are not authorized to perform this operation on the given AccountId."
        return json_answer({"message": told}, 403, [("x-amzn-errortype", "AccessDeniedException")])
    if wrong := _wrong(asks, account):
        told = {"message": wrong, "reason": "fieldValidationFailed"}
        return json_answer(told, 400, [("x-amzn-errortype", "ValidationException")])
    return None


def _tell_missing_contacts() -> None:
    delete = AccountBackend.delete_alternate_contact
    get = AccountBackend.get_alternate_contact

    def get_alternate_contact(self: AccountBackend, alternate_contact_type: str) -> Any:
        if alternate_contact_type not in self._alternate_contacts:
            raise _Missing
        return get(self, alternate_contact_type)

    def delete_alternate_contact(self: AccountBackend, alternate_contact_type: str) -> None:
        if alternate_contact_type not in self._alternate_contacts:
            raise _Missing
        delete(self, alternate_contact_type)

    AccountBackend.get_alternate_contact = get_alternate_contact
    AccountBackend.delete_alternate_contact = delete_alternate_contact


def apply() -> None:
    """Mend it."""
    _tell_missing_contacts()
    AccountResponse.list_regions = list_regions
    AccountResponse.get_region_opt_status = get_region_opt_status
    AccountResponse.get_contact_information = get_contact_information
    for path in ("listRegions", "getRegionOptStatus", "getContactInformation"):
        urls.url_paths[f"{{0}}/{path}$"] = AccountResponse.dispatch
