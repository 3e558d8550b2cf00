"""Security Hub for an organization: its administrator, the members, what new accounts get, and aggregation.

All but the aggregator is kept by region. Which governance the organization has (local, central, or by
policies of Organizations) and which configuration policies are associated with whom is set by the door
`governance`; there are no configuration policies to be made.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends

from localaws.moto import hubs, organization
from localaws.moto.hubs import Body, HubError, invalid, lock, missing, no_access, now, page
from localaws.moto.inventory import tell_too
from localaws.world import ADMIN, MANAGEMENT, REGION

PRINCIPAL = "securityhub.amazonaws.com"
_SELF_MANAGED = "SELF_MANAGED_SECURITY_HUB"
_BATCH = 50
_REJECTED = "The request is rejected because the given account"
_ALREADY = f"{_REJECTED} ID is already a member or associated member of the current account."
_TYPES = frozenset({"CENTRAL", "DECLARATIVE", "LOCAL"})
_STATES = frozenset({"DISABLED", "ENABLED", "FAILED", "PENDING"})
_MODES = frozenset({"ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "NO_REGIONS", "SPECIFIED_REGIONS"})


@dataclass
class _Member:
    status: str
    email: str
    invited_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass
class _Region:
    """What one region knows."""

    admin: str | None = None
    auto_enable: bool = False
    standards: str = "DEFAULT"
    kind: str = "LOCAL"
    status: str = "ENABLED"
    message: str | None = None
    members: dict[str, _Member] = field(default_factory=dict)


@dataclass
class _Aggregator:
    arn: str
    home: str
    mode: str
    regions: list[str]

    def told(self) -> Body:
        listed = {"Regions": self.regions} if self.regions else {}
        return {
            "FindingAggregatorArn": self.arn,
            "FindingAggregationRegion": self.home,
            "RegionLinkingMode": self.mode,
            **listed,
        }


_regions: dict[str, _Region] = defaultdict(_Region)
_aggregators: dict[str, _Aggregator] = {}
_associations: list[dict[str, Any]] = []
_unprocessed: list[dict[str, Any]] = []


def _known_regions() -> list[str]:
    return sorted(region.name for region in ec2_backends[MANAGEMENT][REGION].regions)


def found() -> None:
    """Found the organization, with the administrator in the home region. Once."""
    with lock:
        if organization.found():
            _designate(ADMIN, REGION)
            hubs.turn_on(ADMIN, REGION, False)


def _designate(account: str, region: str) -> None:
    _regions[region].admin = account
    organization.trust(PRINCIPAL)
    if account != MANAGEMENT:
        organization.delegate(account, PRINCIPAL)


def _is_admin(account: str, region: str) -> bool:
    return _regions[region].admin == account


def _membership(account: str, region: str) -> _Member | None:
    """The membership of an account that belongs to the administrator."""
    member = _regions[region].members.get(account)
    return member if member is not None and member.status == "Enabled" else None


def _need_management(account: str) -> None:
    if account != MANAGEMENT:
        raise no_access(f"Account {account} is not the management account of an organization")


def _administered(account: str, region: str) -> _Region:
    """What the administrator looks after; nobody else gets to see it."""
    hubs.need(account, region)
    if not _is_admin(account, region):
        raise no_access(f"Account {account} is not an administrator for this organization")
    return _regions[region]


def _list_admins(account: str, region: str, body: Body) -> Body:
    _need_management(account)
    admin = _regions[region].admin
    told = [{"AccountId": admin, "Status": "ENABLED"}] if admin else []
    feature = body.get("Feature") or "SecurityHub"
    return {**page(told if feature == "SecurityHub" else [], body, "AdminAccounts", 10), "Feature": feature}


def _enable_admin(account: str, region: str, body: Body) -> Body:
    _need_management(account)
    chosen = body["AdminAccountId"]
    if organization.state_of(chosen) != "ACTIVE":
        raise invalid(f"Account {chosen} is not an active member of the organization")
    others = {known.admin for known in _regions.values()} - {None, chosen}
    if others or _is_admin(chosen, region):
        raise invalid("An administrator account is designated already: it must be disabled first")
    _designate(chosen, region)
    hubs.turn_on(chosen, region, True)
    return {"AdminAccountId": chosen, "Feature": "SecurityHub"}


def designate(account: str, region: str, admin: str) -> None:
    """Make an account the administrator, as CloudFormation asks for; it is none that is already."""
    with lock:
        if not _is_admin(admin, region):
            _enable_admin(account, region, {"AdminAccountId": admin})


def _dismiss(region: str) -> None:
    admin = _regions.pop(region).admin
    if admin in _aggregators and _aggregators[admin].home == region:
        del _aggregators[admin]


def _disable_admin(account: str, region: str, body: Body) -> Body:
    _need_management(account)
    chosen = body["AdminAccountId"]
    if not _is_admin(chosen, region):
        raise invalid(f"Account {chosen} is not the administrator account of the organization")
    if _regions[region].kind == "CENTRAL" and _regions[region].status == "ENABLED":
        raise invalid("The administrator account cannot be disabled while central configuration is used")
    _dismiss(region)
    if not any(known.admin for known in _regions.values()):
        organization.undelegate(chosen, PRINCIPAL)
    return {}


def _told_configuration(known: _Region) -> Body:
    message = {"StatusMessage": known.message} if known.message else {}
    return {
        "AutoEnable": known.auto_enable,
        "MemberAccountLimitReached": False,
        "AutoEnableStandards": known.standards,
        "OrganizationConfiguration": {
            "ConfigurationType": known.kind,
            "Status": known.status,
            **message,
        },
    }


def _configure(account: str, region: str, body: Body) -> Body:
    known = _administered(account, region)
    auto_enable = body["AutoEnable"]
    standards = body.get("AutoEnableStandards")
    kind = (body.get("OrganizationConfiguration") or {}).get("ConfigurationType") or known.kind
    if known.status == "DISABLED":
        raise HubError(
            403, "AccessDeniedException", "Security Hub is managed by policies of AWS Organizations"
        )
    if standards not in (None, "DEFAULT", "NONE"):
        raise invalid(f"Invalid parameter: AutoEnableStandards {standards}")
    if kind not in ("CENTRAL", "LOCAL"):
        raise invalid(f"Invalid parameter: ConfigurationType {kind}")
    if kind == "CENTRAL":
        if auto_enable or (standards or known.standards) != "NONE":
            raise invalid("Under CENTRAL configuration AutoEnable is false and AutoEnableStandards is NONE")
        aggregator = _aggregators.get(account)
        if known.kind != "CENTRAL" and (aggregator is None or aggregator.home != region):
            raise invalid("CENTRAL configuration needs a finding aggregator, and is set in its home Region")
        if account == MANAGEMENT:
            raise invalid("CENTRAL configuration needs an administrator other than the management account")
    if kind != known.kind:
        known.status, known.message = "ENABLED", None
    known.kind, known.auto_enable = kind, auto_enable
    known.standards = standards or known.standards
    return {}


def _outsider(account: str, email: str | None) -> tuple[_Member | None, str | None]:
    if email:
        return _Member("Created", email), None
    return None, f"{_REJECTED} ID is not a member of the organization."


def _join(known: _Region, region: str, account: str, email: str | None) -> str | None:
    """Make an account a member; or the reason why not."""
    state = organization.state_of(account)
    if account == known.admin:
        return "The request is rejected because an account cannot be a member of itself."
    if account in known.members and known.members[account].status in ("Created", "Enabled"):
        return _ALREADY
    if state is None:
        member, reason = _outsider(account, email)
        if member:
            known.members[account] = member
        return reason
    email = organization.email_of(account)
    if state != "ACTIVE":
        known.members[account] = _Member("AccountSuspended", email)
        return f"{_REJECTED} is suspended."
    if account == MANAGEMENT and hubs.find(account, region) is None:
        return "The request is rejected because the management account has not enabled Security Hub."
    known.members[account] = _Member("Enabled", email)
    hubs.turn_on(account, region, True)
    return None


def _fault(account: str) -> str | None:
    """The reason of a fault that was ordered for an account."""
    for order in _unprocessed:
        if order["account"] == account and order["times"] > 0:
            order["times"] -= 1
            return order["reason"]
    return None


def _accounts(ids: list[str]) -> list[str]:
    if not 1 <= len(ids) <= _BATCH:
        raise invalid(f"Invalid parameter: 1 to {_BATCH} accounts at a time")
    if wrong := [one for one in ids if len(one) != 12 or not one.isdigit()]:
        raise invalid(f"Invalid parameter: {wrong[0]} is no account ID")
    return ids


def _create_members(account: str, region: str, body: Body) -> Body:
    known = _administered(account, region)
    emails = {one["AccountId"]: one.get("Email") for one in body["AccountDetails"]}
    _accounts([one["AccountId"] for one in body["AccountDetails"]])
    left = []
    for member, email in emails.items():
        if reason := _fault(member) or _join(known, region, member, email):
            left.append({"AccountId": member, "ProcessingResult": reason})
    return {"UnprocessedAccounts": left}


def _disassociate(account: str, region: str, body: Body) -> Body:
    known = _administered(account, region)
    for one in _accounts(body["AccountIds"]):
        if one not in known.members:
            raise missing(f"Account {one} is not a member of {account}")
        known.members[one].status, known.members[one].updated_at = "Removed", now()
    return {}


def _delete_members(account: str, region: str, body: Body) -> Body:
    known, left = _administered(account, region), []
    for one in _accounts(body["AccountIds"]):
        member = known.members.get(one)
        if reason := _fault(one):
            pass
        elif member is None:
            reason = f"{_REJECTED} ID is not a member of the current account."
        elif organization.state_of(one) is not None:
            reason = f"{_REJECTED} ID belongs to the organization."
        elif member.status == "Enabled":
            reason = f"{_REJECTED} ID is associated."
        else:
            del known.members[one]
            continue
        left.append({"AccountId": one, "ProcessingResult": reason})
    return {"UnprocessedAccounts": left}


def _told_member(known: _Region, account: str, member: _Member) -> Body:
    return {
        "AccountId": account,
        "Email": member.email,
        "MasterId": known.admin,
        "AdministratorId": known.admin,
        "MemberStatus": member.status,
        "InvitedAt": member.invited_at,
        "UpdatedAt": member.updated_at,
    }


def _list_members(account: str, region: str, body: Body) -> Body:
    hubs.need(account, region)
    known = _regions[region] if _is_admin(account, region) else _Region()
    associated = str(body.get("OnlyAssociated", "true")).lower() != "false"
    told = [
        _told_member(known, one, member)
        for one, member in known.members.items()
        if member.status == "Enabled" or not associated
    ]
    return page(told, body, "Members", _BATCH)


def _get_members(account: str, region: str, body: Body) -> Body:
    known = _administered(account, region)
    asked = _accounts(body["AccountIds"])
    told = [_told_member(known, one, known.members[one]) for one in asked if one in known.members]
    left = [
        {"AccountId": one, "ProcessingResult": f"Account {one} is not a member"}
        for one in asked
        if one not in known.members
    ]
    return {"Members": told, "UnprocessedAccounts": left}


def _administrator(key: str) -> Callable[[str, str, Body], Body]:
    def get(account: str, region: str, _: Body) -> Body:
        hubs.need(account, region)
        member = _membership(account, region)
        if member is None:
            return {}
        admin = {"AccountId": _regions[region].admin, "InvitedAt": member.invited_at}
        return {key: {**admin, "MemberStatus": member.status}}

    return get


def _disable_hub(account: str, region: str, _: Body) -> Body:
    hubs.need(account, region)
    _refuse_central(account, region)
    if _is_admin(account, region):
        raise invalid("Cannot disable Security Hub on the Security Hub administrator")
    if _membership(account, region):
        raise invalid("Cannot disable Security Hub on a member account: it must be disassociated first")
    hubs.turn_off(account, region)
    return {}


def _linked(body: Body, home: str) -> tuple[str, list[str]]:
    mode, regions = body["RegionLinkingMode"], list(body.get("Regions") or [])
    if mode not in _MODES:
        raise invalid(f"Invalid parameter: RegionLinkingMode {mode}")
    if mode.endswith("SPECIFIED") or mode == "SPECIFIED_REGIONS":
        if not regions:
            raise invalid(f"Invalid parameter: RegionLinkingMode {mode} needs Regions")
    elif regions:
        raise invalid(f"Invalid parameter: Regions must not be given with RegionLinkingMode {mode}")
    if wrong := [one for one in regions if one == home or one not in _known_regions()]:
        raise invalid(f"Invalid parameter: Region {wrong[0]} cannot be linked")
    return mode, regions


def _create_aggregator(account: str, region: str, body: Body) -> Body:
    hubs.need(account, region)
    if _membership(account, region):
        raise HubError(
            401, "InvalidInputException", "A finding aggregator cannot be created by a member account."
        )
    mode, regions = _linked(body, region)
    if account in _aggregators:
        raise invalid("A finding aggregator exists already")
    arn = f"arn:aws:securityhub:{region}:{account}:finding-aggregator/{uuid.uuid4()}"
    _aggregators[account] = _Aggregator(arn, region, mode, regions)
    return _aggregators[account].told()


def _aggregator(account: str, region: str, body: Body) -> _Aggregator:
    hubs.need(account, region)
    found = _aggregators.get(account)
    if found is None or found.arn != body["FindingAggregatorArn"]:
        raise missing(f"Finding aggregator {body['FindingAggregatorArn']} not found")
    return found


def _own_aggregator(account: str, region: str, body: Body) -> _Aggregator:
    """The aggregator, for a change, which only the home region takes."""
    found = _aggregator(account, region, body)
    if found.home != region:
        raise invalid("The finding aggregator can be changed in its home Region only")
    return found


def _list_aggregators(account: str, region: str, body: Body) -> Body:
    hubs.need(account, region)
    found = _aggregators.get(account)
    return page([{"FindingAggregatorArn": found.arn}] if found else [], body, "FindingAggregators")


def _update_aggregator(account: str, region: str, body: Body) -> Body:
    found = _own_aggregator(account, region, body)
    found.mode, found.regions = _linked(body, found.home)
    return found.told()


def _delete_aggregator(account: str, region: str, body: Body) -> Body:
    _own_aggregator(account, region, body)
    if _regions[region].kind == "CENTRAL" and _is_admin(account, region):
        raise invalid("The finding aggregator cannot be deleted while central configuration is used")
    del _aggregators[account]
    return {}


def _list_associations(account: str, region: str, body: Body) -> Body:
    known, home = _administered(account, region), _aggregators.get(account)
    if known.kind != "CENTRAL" or known.status == "DISABLED" or (home and home.home != region):
        raise no_access("Central configuration is used in the home Region only")
    filters = body.get("Filters") or {}
    found = [one for one in _associations if filters.items() <= one.items()]
    return page(found, body, "ConfigurationPolicyAssociationSummaries")


def _refuse_central(account: str, region: str) -> None:
    """Where a configuration policy rules an account, the account does not."""
    known = _regions[region]
    if known.kind != "CENTRAL" or _is_admin(account, region):
        return
    by_target = {one["TargetId"]: one["ConfigurationPolicyId"] for one in _associations}
    ruling = next((by_target[t] for t in organization.above(account) if t in by_target), _SELF_MANAGED)
    if ruling != _SELF_MANAGED:
        raise HubError(
            403,
            "AccessDeniedException",
            "This account is currently associated with a central configuration policy, "
            "so only the administrator can access this operation.",
        )


def _local(call: Callable[[str, str, Body], Body]) -> Callable[[str, str, Body], Body]:
    """A call that central configuration takes away from its accounts."""

    def guarded(account: str, region: str, body: Body) -> Body:
        _refuse_central(account, region)
        return call(account, region, body)

    return guarded


_ROUTES: dict[tuple[str, str], Callable[[str, str, Body], Body]] = {
    ("POST", "/accounts"): _local(hubs.enable),
    ("DELETE", "/accounts"): _disable_hub,
    ("GET", "/accounts"): hubs.describe,
    ("PATCH", "/accounts"): _local(hubs.update),
    ("GET", "/standards"): hubs.describe_standards,
    ("POST", "/standards/get"): hubs.enabled_standards,
    ("POST", "/standards/register"): _local(hubs.enable_standards),
    ("POST", "/standards/deregister"): _local(hubs.disable_standards),
    ("GET", "/organization/admin"): _list_admins,
    ("POST", "/organization/admin/enable"): _enable_admin,
    ("POST", "/organization/admin/disable"): _disable_admin,
    ("GET", "/organization/configuration"): lambda *given: _told_configuration(_administered(*given[:2])),
    ("POST", "/organization/configuration"): _configure,
    ("POST", "/members"): _create_members,
    ("GET", "/members"): _list_members,
    ("POST", "/members/get"): _get_members,
    ("POST", "/members/disassociate"): _disassociate,
    ("POST", "/members/delete"): _delete_members,
    ("GET", "/administrator"): _administrator("Administrator"),
    ("GET", "/master"): _administrator("Master"),
    ("GET", "/findingAggregator/list"): _list_aggregators,
    ("POST", "/findingAggregator/create"): _create_aggregator,
    ("PATCH", "/findingAggregator/update"): _update_aggregator,
    ("POST", "/configurationPolicyAssociation/list"): _list_associations,
}
_BY_ARN: dict[tuple[str, str], Callable[[str, str, Body], Body]] = {
    ("GET", "/findingAggregator/get/"): lambda *given: _aggregator(*given).told(),
    ("DELETE", "/findingAggregator/delete/"): _delete_aggregator,
}


def dispatch(method: str, path: str, account: str, region: str, body: Body) -> Body | None:
    """The operation's result, or None when it is none of these."""
    call = _ROUTES.get((method, path))
    for (verb, start), by_arn in _BY_ARN.items():
        if method == verb and path.startswith(start):
            call, body = by_arn, {"FindingAggregatorArn": path.removeprefix(start)}
    if call is None:
        return None
    with lock:
        return call(account, region, body)


def _association(target: str, type: str, status: str, policy: str, message: str | None = None) -> Body:
    kind = {"o": "ORGANIZATIONAL_UNIT", "r": "ROOT"}.get(target[0], "ACCOUNT")
    if type not in ("APPLIED", "INHERITED") or status not in ("DISABLED", "FAILED", "PENDING", "SUCCESS"):
        raise ValueError(f"association {type} {status}")
    return {
        "ConfigurationPolicyId": policy,
        "TargetId": target,
        "TargetType": kind,
        "AssociationType": type,
        "UpdatedAt": now(),
        "AssociationStatus": status,
        **({"AssociationStatusMessage": message} if message else {}),
    }


def govern(
    type: str | None = None,
    region: str | None = None,
    status: str | None = None,
    message: str | None = None,
    associations: list[dict[str, str]] | None = None,
) -> None:
    """The door: how the organization is governed in a region or in all, and who is under which policy."""
    if type not in (None, *_TYPES) or status not in (None, *_STATES):
        raise ValueError(f"type {type}: one of {', '.join(sorted(_TYPES))}; status {status}")
    told = None if associations is None else [_association(**one) for one in associations]
    with lock:
        for name in ([region] if region else _known_regions()) if type else ():
            known = _regions[name]
            known.kind = "LOCAL" if type == "LOCAL" else "CENTRAL"
            known.status = "DISABLED" if type == "DECLARATIVE" else status or "ENABLED"
            known.message = message
            if type != "LOCAL":
                known.auto_enable, known.standards = False, "NONE"
        if told is not None:
            _associations[:] = told


def leave_unprocessed(service: str, account: str, times: int = 1, reason: str = "Internal error") -> None:
    """The door: the next calls that make or delete members leave an account out."""
    if service != "securityhub":
        raise ValueError(f"service {service}: securityhub")
    _unprocessed.append({"account": account, "times": times, "reason": reason})


@organization.watch
def _changed(account: str, what: str) -> None:
    """What happens in Security Hub when an account joins or leaves the organization."""
    with lock:
        for region, known in list(_regions.items()):
            if what == "left":
                known.members.pop(account, None)
            elif what == "joined" and known.kind == "LOCAL" and known.auto_enable and account != known.admin:
                known.members[account] = _Member("Enabled", organization.email_of(account))
                hubs.turn_on(account, region, known.standards == "DEFAULT")


@organization.watch_delegation
def _deregistered(account: str, service: str) -> None:
    """Organizations' own call takes the administrator away from all regions."""
    with lock:
        for region, known in list(_regions.items()):
            if service == PRINCIPAL and known.admin == account:
                _dismiss(region)


@tell_too
def _state(account: str) -> Iterator[tuple[str, Any]]:
    """For the inventory: hubs, standards, and what an administrator has. Former members are not told."""
    for region, hub in hubs.of_account(account):
        place = f"securityhub/{region}"
        yield f"{place}/hub", {"controls": hub.controls, "generator": hub.generator, "tags": hub.tags}
        for arn, one in hub.standards.items():
            yield f"{place}/standards/{arn}", {"input": one["StandardsInput"]}
    for region, known in sorted(_regions.items()):
        place = f"securityhub/{region}"
        if account == MANAGEMENT and known.admin:
            yield f"{place}/administrator", known.admin
        if account != known.admin:
            continue
        yield f"{place}/organization", _told_configuration(known)
        for one, member in known.members.items():
            if member.status != "Removed":
                yield f"{place}/members/{one}", member.status
    if account in _aggregators:
        yield f"securityhub/{_aggregators[account].home}/aggregator", _aggregators[account].told()
