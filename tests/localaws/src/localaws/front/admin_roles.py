"""What a role of the admin account may do when a service takes it on: EventBridge, Scheduler, Step Functions.

What is asked goes to the log of calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localaws.front.calls import Calls
from localaws.policy import decide, lets_service
from localaws.world import ORGANIZATION

Need = tuple[str, str | None]
"""An action and its resource, or None for some resource."""

_logs: list[Calls] = []


def log_to(calls: Calls) -> None:
    """Where decisions are noted."""
    _logs[:] = [calls]


def refusal(
    role_arn: str | None,
    account: str,
    needed: Iterable[Need],
    service: str | None = None,
    context: dict[str, Any] | None = None,
) -> str | None:
    """Why a role may not do what is needed, or None. With a `service` its trust is asked too."""
    from ministack.core import iam_evaluator as evaluator
    from ministack.services import iam

    role = iam._roles.get_scoped(account, None, (role_arn or "").rpartition("/")[2])
    if role is None or role["Arn"] != role_arn:
        return f"there is no role {role_arn}"
    known = {
        "aws:principalaccount": account,
        "aws:principalarn": role_arn,
        "aws:principalorgid": ORGANIZATION,
        "aws:resourceaccount": account,
        "aws:securetransport": "true",
        **(context or {}),
    }
    trust = role["AssumeRolePolicyDocument"]
    source = {**known, "aws:sourceaccount": account}
    if service and not lets_service(trust, service, "sts:AssumeRole", None, source):
        return f"{role_arn} does not let {service} in"
    attached = [evaluator._resolve_managed_policy_document(a, account) for a in role["AttachedPolicies"]]
    policies = [*role["InlinePolicies"].values(), *filter(None, attached)]
    for action, resource in needed:
        decision = decide(policies, [], action, resource, known)
        session = f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{service or 'service'}"
        for log in _logs:
            log.add(account, session, action, resource, decision.allowed, "admin", decision.assumed)
        if not decision.allowed:
            where = f" on resource: {resource}" if resource else ""
            return f"{role_arn} may not {action}{where}: {decision.reason}"
    return None
