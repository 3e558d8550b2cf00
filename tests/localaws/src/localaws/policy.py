"""Evaluation of IAM policies as a pure function.

It answers for the member accounts, whose emulator does not look at resources or conditions. It covers what
policies of this project use and refuses to guess: an operator it does not know never satisfies an Allow and
always satisfies a Deny. It does not gather policies, resolve principals, or know resource-based policies
other than trust policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Context = Mapping[str, Any]
Document = str | Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """The verdict, its reason in AWS's words, and whether it rests on a resource that could not be told."""

    allowed: bool
    reason: str = ""
    assumed: bool = False


@lru_cache(maxsize=4096)
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    translated = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(translated, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def glob(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """Whether `value` matches an IAM pattern with `*` and `?`."""
    return _pattern(pattern, ignore_case).fullmatch(value) is not None


def as_list(value: Any) -> list[Any]:
    """IAM writes one element and a list of one interchangeably."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def statements(document: Document) -> list[Mapping[str, Any]]:
    """The statements of a policy document, given as text or parsed."""
    parsed = json.loads(document) if isinstance(document, str) else document
    return as_list(parsed.get("Statement", []))


def _number(compare: str, actual: str, wanted: str) -> bool:
    left, right = float(actual), float(wanted)
    return {
        "Equals": left == right,
        "NotEquals": left != right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[compare]


def _compare(operator: str, actual: str, wanted: str) -> bool | None:
    """One positive comparison; None for an operator that is not known."""
    if operator in ("StringEquals", "BinaryEquals"):
        return actual == wanted
    if operator == "StringEqualsIgnoreCase":
        return actual.lower() == wanted.lower()
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return glob(wanted, actual)
    if operator == "Bool":
        return actual.lower() == wanted.lower()
    if operator.startswith("Numeric"):
        return _number(operator.removeprefix("Numeric"), actual, wanted)
    return None


_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotLike": "ArnLike",
    "ArnNotEquals": "ArnEquals",
}


def _fill_in(text: str, context: Context) -> str:
    """Policy variables such as `${aws:username}`; one without a value stays and so matches nothing."""

    def value(found: re.Match[str]) -> str:
        return str(context.get(found.group(1).lower(), found.group(0)))

    return re.sub(r"\$\{([^}]+)\}", value, text)


def _holds(operator: str, wanted: Sequence[Any], actual: Any, context: Context) -> bool | None:
    every = operator.startswith("ForAllValues:")
    operator = operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:")
    optional = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if operator == "Null":
        return (actual is None) == (str(wanted[0]).lower() == "true")
    if actual is None:
        return optional or every or operator in _NEGATED
    positive = _NEGATED.get(operator, operator)
    texts = ["true" if w is True else "false" if w is False else _fill_in(str(w), context) for w in wanted]
    hits = []
    for value in as_list(actual):
        answers = [_compare(positive, str(value), text) for text in texts]
        if None in answers:
            return None
        hits.append(any(answers))
    matched = all(hits) if every else any(hits)
    return matched != (operator in _NEGATED)


def conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool | None:
    """True, False, or None when an operator is not known. Context keys are in lower case."""
    unknown = False
    for operator, entries in conditions.items():
        for key, wanted in entries.items():
            answer = _holds(operator, as_list(wanted), context.get(key.lower()), context)
            if answer is False:
                return False
            unknown = unknown or answer is None
    return None if unknown else True


def _names_action(statement: Mapping[str, Any], action: str) -> bool:
    if "Action" in statement:
        return any(glob(a, action, ignore_case=True) for a in as_list(statement["Action"]))
    return not any(glob(a, action, ignore_case=True) for a in as_list(statement.get("NotAction", ["*"])))


def _names_resource(statement: Mapping[str, Any], resource: str | None, context: Context) -> bool | None:
    """Whether the statement covers the resource; None when the resource cannot be told."""
    if "NotResource" in statement:
        if resource is None:
            return None
        return not any(glob(_fill_in(r, context), resource) for r in as_list(statement["NotResource"]))
    patterns = [_fill_in(r, context) for r in as_list(statement.get("Resource", "*"))]
    if "*" in patterns:
        return True
    return None if resource is None else any(glob(p, resource) for p in patterns)


def _grants(
    documents: Iterable[Document], action: str, resource: str | None, context: Context
) -> tuple[bool, bool, bool]:
    """(denied, allowed, allowed if the unknown resource is the right one) by one set of policies."""
    allowed = perhaps = False
    for document in documents:
        for statement in statements(document):
            if not _names_action(statement, action):
                continue
            covers = _names_resource(statement, resource, context)
            holds = conditions_hold(statement.get("Condition", {}), context)
            if statement["Effect"] == "Deny":
                if covers is True and holds is not False:
                    return True, False, False
            elif holds is True and covers is not False:
                allowed, perhaps = allowed or covers is True, perhaps or covers is None
    return False, allowed, perhaps


def decide(
    policies: Iterable[Document],
    limits: Iterable[Iterable[Document]],
    action: str,
    resource: str | None,
    context: Context,
) -> Decision:
    """Decide on identity policies, intersected with each of `limits` (boundary, session policy).

    `resource` is None when the request does not tell it: an Allow on some resource then counts (marked
    `assumed`), a Deny counts only when it names every resource.
    """
    assumed = False
    sets = [("an identity-based policy", "no identity-based policy allows", policies)]
    sets += [
        ("a session policy or permissions boundary", "no session policy or boundary allows", s)
        for s in limits
    ]
    verdicts = [
        (kind, absence, _grants(list(docs), action, resource, context)) for kind, absence, docs in sets
    ]
    for kind, _, (denied, _, _) in verdicts:
        if denied:
            return Decision(False, f"with an explicit deny in {kind}")
    for _, absence, (_, allowed, perhaps) in verdicts:
        if not allowed and not perhaps:
            return Decision(False, f"because {absence} the {action} action")
        assumed = assumed or not allowed
    return Decision(True, assumed=assumed)


def principal_forms(arn: str, role_arn: str | None = None) -> set[str]:
    """The ways in which a trust policy may name a caller; `role_arn` is the role behind a session."""
    partition, account = arn.split(":")[1], arn.split(":")[4]
    forms = {"*", arn, account, f"arn:{partition}:iam::{account}:root"}
    session = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+", arn)
    if session:
        forms.add(role_arn or f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}")
    return forms


def trusts(
    document: Document,
    forms: set[str],
    context: Context,
    action: str = "sts:AssumeRole",
    resource: str | None = None,
) -> bool:
    """Whether a role's trust policy, or the policy of `resource`, lets in who goes by these `forms`."""
    trusted = False
    for statement in statements(document):
        principal = statement.get("Principal", {})
        named = as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else as_list(principal)
        if not forms & set(named) or not _names_action(statement, action):
            continue
        if resource is not None and not _names_resource(statement, resource, context):
            continue
        holds = conditions_hold(statement.get("Condition", {}), context)
        if statement["Effect"] == "Deny" and holds is not False:
            return False
        trusted = trusted or (statement["Effect"] == "Allow" and holds is True)
    return trusted


def _names_service(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    if not isinstance(principal, Mapping):
        return principal == "*"
    return service in as_list(principal.get("Service", [])) or "*" in as_list(principal.get("AWS", []))


def lets_service(
    document: Document | bytes, service: str, action: str, resource: str | None, context: Context
) -> bool:
    """Whether a resource's policy lets in an AWS service such as `cloudtrail.amazonaws.com`."""
    allowed = False
    for statement in statements(document.decode() if isinstance(document, bytes) else document):
        if not _names_service(statement, service) or not _names_action(statement, action):
            continue
        if resource is not None and not _names_resource(statement, resource, context):
            continue
        holds = conditions_hold(statement.get("Condition", {}), context)
        if statement["Effect"] == "Deny" and holds is not False:
            return False
        allowed = allowed or (statement["Effect"] == "Allow" and holds is True)
    return allowed
