"""The decision on a request the front marked: by identity policies, for AssumeRole by the trust too.

moto's own enforcement is not used; it looks neither at resources nor at conditions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from moto.iam.models import Role, iam_backends

from localaws.moto import organization, principals, tag_keys
from localaws.moto.principals import Principal
from localaws.moto.wsgi import Environ, account_of
from localaws.policy import Decision, decide, principal_forms, trusts

_MAKES = frozenset(
    f"iam:{name}"
    for name in (
        "CreateGroup",
        "CreateInstanceProfile",
        "CreatePolicy",
        "CreateRole",
        "CreateUser",
        "UploadServerCertificate",
    )
)
"""What they make lies where the request says, whether or not there is one of that name elsewhere."""
_ALWAYS = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
_FROM_OUTSIDE = "because no resource-based policy allows the sts:AssumeRole action"


@dataclass(frozen=True)
class Verdict:
    """What the front is told, in the headers of the answer."""

    principal: str
    decision: Decision
    missing: tuple[str, str] | None = None
    """The action and resource that are not allowed, when they are not the call's own."""
    identity: dict[str, Any] | None = None
    """Who the caller is, as CloudTrail tells it."""

    def headers(self) -> list[tuple[str, str]]:
        told = [("x-localaws-principal", self.principal)]
        if self.identity:
            told.append(("x-localaws-identity", json.dumps(self.identity)))
        if not self.decision.allowed:
            told.append(("x-localaws-denied", self.decision.reason or "for a reason of the role's account"))
        if self.missing is not None:
            told.append(("x-localaws-missing", " ".join(self.missing)))
        if self.decision.assumed:
            told.append(("x-localaws-assumed", "true"))
        return told


def _context(check: dict[str, Any], caller: Principal) -> dict[str, Any]:
    known = check["context"] | caller.keys
    known["aws:principalaccount"] = caller.account
    known["aws:principalarn"] = caller.role_arn or caller.arn
    if organization_id := organization.organization_of(caller.account):
        known["aws:principalorgid"] = organization_id
    return known


def _role(arn: str) -> Role | None:
    account = arn.split(":")[4]
    return next((r for r in iam_backends[account]["aws"].roles.values() if r.arn == arn), None)


def _admit(check: dict[str, Any], caller: Principal) -> Decision:
    """Whether the role to be assumed lets the caller in. Roots are let in, to stage and to look."""
    role = _role(check["assume"])
    if role is None or organization.is_suspended(check["assume"].split(":")[4]):
        return Decision(False, _FROM_OUTSIDE)
    if check["root"]:
        return Decision(True)
    forms, context = principal_forms(caller.arn, caller.role_arn), _context(check, caller)
    actions = ["sts:AssumeRole", *(["sts:SetSourceIdentity"] if "sts:sourceidentity" in context else [])]
    trusted = all(trusts(role.assume_role_policy_document, forms, context, action) for action in actions)
    return Decision(trusted, "" if trusted else _FROM_OUTSIDE)


def _caller(check: dict[str, Any], account: str) -> Principal | None:
    if "caller" in check:
        return Principal(**check["caller"])
    if check["root"]:
        return principals.root(check["access_key"])
    key_account = principals.account_of_key(check["access_key"]) or account
    return principals.resolve(key_account, check["access_key"])


def _further(check: dict[str, Any], caller: Principal, account: str) -> Verdict | None:
    """The refusal of something that the call asks for beside its own action."""
    for one in check.get("further", []):
        if "unless_role" in one and _role(one["unless_role"]) is not None:
            continue
        context = _context({"context": {**check["context"], **one["context"]}}, caller)
        context |= tag_keys.of_resource(caller, account, one["resource"])
        decision = decide(caller.policies, caller.limits, one["action"], one["resource"], context)
        if not decision.allowed:
            missing = (one["action"], one["resource"])
            return Verdict(caller.arn, decision, missing, caller.identity)
    return None


def judge(environ: Environ) -> Verdict | None:
    """The verdict on a request, or None when the front asked for none."""
    if "HTTP_X_LOCALAWS_CHECK" not in environ:
        return None
    check = json.loads(environ["HTTP_X_LOCALAWS_CHECK"])
    account = account_of(environ)
    caller = _caller(check, account)
    if caller is None:
        return Verdict(check["access_key"], Decision(False, "because its credentials are no longer valid"))
    decision = Decision(True)
    decided_outside = check["root"] or "caller" in check
    if not decided_outside and check["action"] not in _ALWAYS:
        resource = check["resource"]
        if check["action"] not in _MAKES:
            resource = principals.real_arn(account, resource)
        context = _context(check, caller) | tag_keys.of_resource(caller, account, resource)
        decision = decide(caller.policies, caller.limits, check["action"], resource, context)
        if decision.allowed and (refused := _further(check, caller, account)):
            return refused
    if decision.allowed and "assume" in check:
        decision = _admit(check, caller)
    return Verdict(caller.arn, decision, identity=caller.identity)
