"""EventBridge's rules in members: which events they ask for, and whether they may send them on.

The front matches and sends, with what the roles of the targets may do told from here.
"""

from __future__ import annotations

from typing import Any

from moto.events.models import Rule, events_backends

from localaws.moto import grants

_SERVICE = "events.amazonaws.com"


def _rules(account: str, region: str) -> list[Rule]:
    """The enabled rules with a pattern; nothing is made by looking."""
    if account not in dict.keys(events_backends):
        return []
    backend = dict.get(events_backends[account], region)
    bus = backend.event_buses.get("default") if backend else None
    rules = list(bus.rules.values()) if bus else []
    return [r for r in rules if r.state != "DISABLED" and r.event_pattern.get_pattern()]


def present(account: str, region: str) -> bool:
    """Whether events are asked for."""
    return bool(_rules(account, region))


def _refusal(rule: Rule, target: dict[str, Any]) -> str | None:
    """Why the role of a target may not put events on the bus, or None."""
    arn, role_arn = target["Arn"], target.get("RoleArn")
    if not role_arn:
        return "the target has no role, which a bus of another account needs"
    role = grants.role_named(role_arn)
    if role is None:
        return f"there is no role {role_arn}"
    if not grants.role_lets(role, _SERVICE, rule.arn, rule.account_id):
        return f"{role_arn} does not let {_SERVICE} in"
    if not grants.role_may(role, "events:PutEvents", arn):
        return f"{role_arn} may not events:PutEvents on {arn}"
    return None


def tell(account: str, region: str) -> list[dict[str, Any]]:
    """The rules with their targets, and of each target what refuses it."""
    return [
        {
            "rule": rule.arn,
            "pattern": rule.event_pattern.get_pattern(),
            "targets": [{**target, "Refusal": _refusal(rule, target)} for target in rule.targets],
        }
        for rule in _rules(account, region)
    ]
