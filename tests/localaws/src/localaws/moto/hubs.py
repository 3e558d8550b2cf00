"""Security Hub's hub of an account in a region, and the standards that it is subscribed to.

An account has no hub until it, or its administrator, turns it on. What needs a hub is refused without one.
Findings and custom actions are not so strict: they need a hub only where one was turned off again, since
members bring findings of their own from the start.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localaws.moto import transitions

Body = dict[str, Any]

_PAGE = 100
_FOUNDATIONAL = "standards/aws-foundational-security-best-practices/v/1.0.0"
_OLD_CIS = "ruleset/cis-aws-foundations-benchmark/v/1.2.0"
_DEFAULT = (_FOUNDATIONAL, _OLD_CIS)
_STANDARDS = {
    _OLD_CIS: "CIS AWS Foundations Benchmark v1.2.0",
    _FOUNDATIONAL: "AWS Foundational Security Best Practices v1.0.0",
    "standards/aws-resource-tagging-standard/v/1.0.0": "AWS Resource Tagging Standard v1.0.0",
    "standards/cis-aws-foundations-benchmark/v/1.4.0": "CIS AWS Foundations Benchmark v1.4.0",
    "standards/cis-aws-foundations-benchmark/v/3.0.0": "CIS AWS Foundations Benchmark v3.0.0",
    "standards/cis-aws-foundations-benchmark/v/5.0.0": "CIS AWS Foundations Benchmark v5.0.0",
    "standards/nist-800-171/v/2.0.0": "NIST Special Publication 800-171 Revision 2",
    "standards/nist-800-53/v/5.0.0": "NIST Special Publication 800-53 Revision 5",
    "standards/pci-dss/v/3.2.1": "PCI DSS v3.2.1",
    "standards/pci-dss/v/4.0.1": "PCI DSS v4.0.1",
}
_GENERATORS = ("SECURITY_CONTROL", "STANDARD_CONTROL")


class HubError(Exception):
    """An error of the service."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def invalid(problem: str) -> HubError:
    """The refusal of a wrong value."""
    return HubError(400, "InvalidInputException", problem)


def no_access(problem: str) -> HubError:
    """The refusal of an account that may not do this, whatever its policies say."""
    return HubError(401, "InvalidAccessException", problem)


def missing(problem: str) -> HubError:
    """The refusal of what is not there."""
    return HubError(404, "ResourceNotFoundException", problem)


def now() -> str:
    """This moment as Security Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def page(items: list[Any], body: Body, key: str, most: int = _PAGE) -> Body:
    """A page of `items`, by the request's MaxResults and NextToken."""
    size, start = int(body.get("MaxResults") or most), int(body.get("NextToken") or 0)
    if not 1 <= size <= most:
        raise invalid(f"Invalid parameter: MaxResults must be 1 to {most}")
    more = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return {key: items[start : start + size], **more}


@dataclass
class Hub:
    """A hub that is on."""

    arn: str
    subscribed_at: str = field(default_factory=now)
    controls: bool = True
    generator: str = _GENERATORS[0]
    tags: dict[str, str] = field(default_factory=dict)
    standards: dict[str, Body] = field(default_factory=dict)
    """Subscriptions by the ARN of the standard."""


lock = threading.RLock()
_hubs: dict[tuple[str, str], Hub] = {}
_turned_off: set[tuple[str, str]] = set()


def find(account: str, region: str) -> Hub | None:
    """The hub, if it is on."""
    return _hubs.get((account, region))


def need(account: str, region: str) -> Hub:
    """The hub; without one the call is refused."""
    hub = find(account, region)
    if hub is None:
        raise no_access(f"Account {account} is not subscribed to AWS Security Hub")
    return hub


def need_for_findings(account: str, region: str) -> None:
    """Refuse a call about findings where the hub was turned off."""
    if (account, region) in _turned_off:
        need(account, region)


def _arn_of(standard: str, region: str) -> str:
    return f"arn:aws:securityhub:{'' if standard.startswith('ruleset/') else region}::{standard}"


def _subscription(account: str, region: str, standard: str, given: Body) -> Body:
    path = standard.partition("/")[2]
    return {
        "StandardsSubscriptionArn": f"arn:aws:securityhub:{region}:{account}:subscription/{path}",
        "StandardsArn": _arn_of(standard, region),
        "StandardsInput": given,
        "StandardsStatus": "PENDING",
        "StandardsControlsUpdatable": "NOT_READY_FOR_UPDATES",
    }


def _subscribe(hub: Hub, account: str, region: str, standard: str, given: Body) -> Body:
    """The subscription as it is answered; by the first look at it, it is ready, unless `transitions` says."""
    new = _subscription(account, region, standard, given)
    hub.standards[new["StandardsArn"]] = new
    answered = dict(new)
    arn = new["StandardsSubscriptionArn"]

    def finish() -> None:
        new.update(StandardsStatus="READY", StandardsControlsUpdatable="READY_FOR_UPDATES")

    transitions.begin_after((account, region, "standards"), [arn], finish)
    return answered


def turn_on(account: str, region: str, defaults: bool) -> Hub:
    """The hub, turned on if it was not; the default standards only with a new one."""
    hub = find(account, region)
    if hub is None:
        hub = _hubs[account, region] = Hub(f"arn:aws:securityhub:{region}:{account}:hub/default")
        _turned_off.discard((account, region))
        for standard in _DEFAULT if defaults else ():
            _subscribe(hub, account, region, standard, {})
    return hub


def turn_off(account: str, region: str) -> None:
    """Turn the hub off; its standards go with it."""
    need(account, region)
    del _hubs[account, region]
    _turned_off.add((account, region))


def _generator(body: Body) -> str:
    given = body.get("ControlFindingGenerator") or _GENERATORS[0]
    if given not in _GENERATORS:
        raise invalid(f"Invalid parameter: ControlFindingGenerator {given}")
    return given


def enable(account: str, region: str, body: Body) -> Body:
    """EnableSecurityHub."""
    if find(account, region) is not None:
        raise HubError(409, "ResourceConflictException", "Account is already subscribed to Security Hub")
    generator = _generator(body)
    hub = turn_on(account, region, body.get("EnableDefaultStandards") is not False)
    hub.generator, hub.tags = generator, dict(body.get("Tags") or {})
    return {}


def describe(account: str, region: str, body: Body) -> Body:
    """DescribeHub."""
    hub = need(account, region)
    if body.get("HubArn") not in (None, hub.arn):
        raise missing(f"Hub {body['HubArn']} not found")
    return {
        "HubArn": hub.arn,
        "SubscribedAt": hub.subscribed_at,
        "AutoEnableControls": hub.controls,
        "ControlFindingGenerator": hub.generator,
    }


def update(account: str, region: str, body: Body) -> Body:
    """UpdateSecurityHubConfiguration."""
    hub = need(account, region)
    hub.controls = body.get("AutoEnableControls", hub.controls)
    if "ControlFindingGenerator" in body:
        hub.generator = _generator(body)
    return {}


def describe_standards(account: str, region: str, body: Body) -> Body:
    """DescribeStandards."""
    need(account, region)
    told = [
        {
            "StandardsArn": _arn_of(standard, region),
            "Name": name,
            "Description": f"The {name} standard.",
            "EnabledByDefault": standard in _DEFAULT,
            "StandardsManagedBy": {"Company": "AWS", "Product": "Security Hub"},
        }
        for standard, name in _STANDARDS.items()
    ]
    return page(told, body, "Standards")


def enabled_standards(account: str, region: str, body: Body) -> Body:
    """GetEnabledStandards."""
    hub, asked = need(account, region), body.get("StandardsSubscriptionArns")
    if asked is not None and not 1 <= len(asked) <= 25:
        raise invalid("Invalid parameter: StandardsSubscriptionArns must have 1 to 25 items")
    transitions.look((account, region, "standards"), None)
    found = [dict(s) for s in hub.standards.values() if not asked or s["StandardsSubscriptionArn"] in asked]
    return page(found, body, "StandardsSubscriptions")


def enable_standards(account: str, region: str, body: Body) -> Body:
    """BatchEnableStandards; what is subscribed to already stays as it is."""
    hub, requests = need(account, region), body["StandardsSubscriptionRequests"]
    if not 1 <= len(requests) <= 25:
        raise invalid("Invalid parameter: StandardsSubscriptionRequests must have 1 to 25 items")
    known = {_arn_of(standard, region): standard for standard in _STANDARDS}
    if unknown := [r["StandardsArn"] for r in requests if r["StandardsArn"] not in known]:
        raise invalid(f"Invalid parameter: Standards ARN {unknown[0]} is not valid")
    told = []
    for request in requests:
        arn, given = request["StandardsArn"], request.get("StandardsInput") or {}
        told.append(
            dict(hub.standards[arn])
            if arn in hub.standards
            else _subscribe(hub, account, region, known[arn], given)
        )
    return {"StandardsSubscriptions": told}


def disable_standards(account: str, region: str, body: Body) -> Body:
    """BatchDisableStandards."""
    hub, arns = need(account, region), body["StandardsSubscriptionArns"]
    if not 1 <= len(arns) <= 25:
        raise invalid("Invalid parameter: StandardsSubscriptionArns must have 1 to 25 items")
    by_arn = {s["StandardsSubscriptionArn"]: s["StandardsArn"] for s in hub.standards.values()}
    if unknown := [arn for arn in arns if arn not in by_arn]:
        raise invalid(f"Invalid parameter: the account has no standards subscription {unknown[0]}")
    gone = [hub.standards.pop(by_arn[arn]) for arn in dict.fromkeys(arns)]
    return {"StandardsSubscriptions": [{**s, "StandardsStatus": "DELETING"} for s in gone]}


def of_account(account: str) -> list[tuple[str, Hub]]:
    """The account's hubs, by region."""
    return sorted((region, hub) for (owner, region), hub in _hubs.items() if owner == account)
