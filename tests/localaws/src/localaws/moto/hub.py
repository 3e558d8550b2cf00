"""Security Hub's findings and custom actions, which moto has only in part.

Findings of all accounts of a region are kept together, as the administrator sees them; a member sees its
own. What BatchImportFindings stores stands also for Security Hub's own engine, whose product ARN is
accepted here.

A stored finding is replaced and never changed, so what was taken from the store stays as it was. The findings
which an operation stored or updated are in its answer as `Told`: the front takes them out and emits them.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from localaws.moto import asff, hub_organization, hubs
from localaws.moto.filters import UnknownFilter, matches
from localaws.moto.hubs import HubError
from localaws.moto.wsgi import Answer, Environ, account_of, body_of, json_answer, scope_of
from localaws.world import ADMIN

CAP = 100
_BATCH = 6 * 1024 * 1024
_NOTE = 512
_KEPT = ("Workflow", "Note", "UserDefinedFields", "VerificationState")
_MERGED = (
    "Confidence",
    "Criticality",
    "RelatedFindings",
    "Severity",
    "Types",
    "UserDefinedFields",
    "VerificationState",
)

Finding = dict[str, Any]


class _Region:
    """What one region knows."""

    def __init__(self) -> None:
        self.findings: dict[tuple[str, str], Finding] = {}
        self.actions: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        self.lock = threading.RLock()


_regions: dict[str, _Region] = defaultdict(_Region)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _visible(region: _Region, account: str) -> list[Finding]:
    return [f for f in region.findings.values() if account in (ADMIN, f["AwsAccountId"])]


def _capped(items: list[Any], what: str) -> list[Any]:
    if not 1 <= len(items) <= CAP:
        raise HubError(400, "InvalidInputException", f"Invalid parameter: {what} must have 1 to {CAP} items")
    return items


def _becomes_new(old: Finding, new: Finding) -> bool:
    """Whether AWS sets a NOTIFIED or RESOLVED finding back to NEW."""
    if old["Workflow"]["Status"] not in ("NOTIFIED", "RESOLVED"):
        return False
    was, now = (f.get("Compliance", {}).get("Status") for f in (old, new))
    unarchived = (old.get("RecordState"), new.get("RecordState")) == ("ARCHIVED", "ACTIVE")
    return unarchived or (was == "PASSED" and now in ("FAILED", "WARNING", "NOT_AVAILABLE"))


def _is_late(old: Finding, new: Finding) -> bool:
    """Whether an import is no newer than what is there, and so ignored. Security Hub's own never is."""
    if asff.is_of_the_hub(new):
        return False
    return datetime.fromisoformat(new["UpdatedAt"]) <= datetime.fromisoformat(old["UpdatedAt"])


def _store(region: _Region, given: Finding) -> Finding | None:
    """The finding as it is then, or None when the import is ignored."""
    provider = given.get("FindingProviderFields") or {}
    finding = {"RecordState": "ACTIVE", **given}
    for name in ("Severity", "Types"):
        if name not in finding and name in provider:
            finding[name] = provider[name]
    key = (finding["ProductArn"], finding["Id"])
    old = region.findings.get(key)
    if old is None:
        finding.setdefault("Workflow", {"Status": "NEW"})
    elif _is_late(old, finding):
        return None
    else:
        for name in _KEPT:
            finding.pop(name, None)
            if name in old:
                finding[name] = old[name]
        if _becomes_new(old, finding):
            finding["Workflow"] = {"Status": "NEW"}
    region.findings[key] = finding
    return finding


def _problem(given: Finding, account: str, region: str) -> str | None:
    """Why a finding is not imported. The format is not asked of Security Hub's own engine."""
    if wrong := asff.misplaced(given, account, region):
        return wrong
    if not given.get("Resources"):
        return "Resources must have at least one item"
    if len(json.dumps(given)) > 240 * 1024:
        return "Finding must not exceed 240 KB"
    wrong = [] if asff.is_of_the_hub(given) else asff.problems(given)
    return f"Finding does not adhere to Amazon Finding Format. {', '.join(wrong)}." if wrong else None


def _import(region: _Region, account: str, body: dict[str, Any], name: str) -> dict[str, Any]:
    failed, imported, done = [], [], 0
    if len(json.dumps(body)) > _BATCH:
        raise HubError(400, "InvalidInputException", "Invalid parameter: the findings exceed 6 MB")
    for given in _capped(body["Findings"], "Findings"):
        if problem := _problem(given, account, name):
            failed.append({"Id": given.get("Id", ""), "ErrorCode": "InvalidInput", "ErrorMessage": problem})
            continue
        done += 1
        if (finding := _store(region, given)) is not None:
            imported.append(finding)
    return {
        "FailedCount": len(failed),
        "FailedFindings": failed,
        "SuccessCount": done,
        "Told": imported,
    }


def _update(region: _Region, account: str, body: dict[str, Any]) -> dict[str, Any]:
    identifiers = _capped(body["FindingIdentifiers"], "FindingIdentifiers")
    if len(body.get("Note", {}).get("Text", "")) > _NOTE:
        raise HubError(400, "InvalidInputException", f"Invalid parameter: Note.Text is longer than {_NOTE}")
    visible = {(f["ProductArn"], f["Id"]): f for f in _visible(region, account)}
    done, missing = [], []
    updated: dict[tuple[str, str], Finding] = {}
    for identifier in identifiers:
        key = (identifier["ProductArn"], identifier["Id"])
        if key not in visible:
            error = {"ErrorCode": "FindingNotFound", "ErrorMessage": "Finding Not Found"}
            missing.append({"FindingIdentifier": identifier, **error})
            continue
        finding = {**visible[key]}
        if "Workflow" in body:
            finding["Workflow"] = {"Status": body["Workflow"]["Status"]}
        if "Note" in body:
            finding["Note"] = {**body["Note"], "UpdatedAt": _now()}
        for name in _MERGED:
            if name in body:
                value, old = body[name], finding.get(name)
                finding[name] = {**old, **value} if isinstance(old, dict) else value
        region.findings[key] = updated[key] = finding
        done.append(identifier)
    return {"ProcessedFindings": done, "UnprocessedFindings": missing, "Told": list(updated.values())}


def _get(region: _Region, account: str, body: dict[str, Any]) -> dict[str, Any]:
    size, start = int(body.get("MaxResults") or CAP), int(body.get("NextToken") or 0)
    if not 1 <= size <= CAP:
        raise HubError(400, "InvalidInputException", f"Invalid parameter: MaxResults must be 1 to {CAP}")
    found = [f for f in _visible(region, account) if matches(f, body.get("Filters") or {})]
    for order in reversed(body.get("SortCriteria") or []):
        found.sort(key=lambda f: str(f.get(order["Field"], "")), reverse=order.get("SortOrder") == "desc")
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {"Findings": found[start : start + size], **more}


def put_action_target(account: str, region: str, arn: str, properties: dict[str, str] | None = None) -> None:
    """Create a custom action, or delete it when there are no properties."""
    actions = _regions[region].actions[account]
    if properties is None:
        actions.pop(arn, None)
    else:
        actions[arn] = {
            "ActionTargetArn": arn,
            "Name": properties["Name"],
            "Description": properties["Description"],
        }


def _create_action(region: _Region, account: str, body: dict[str, Any], name: str) -> dict[str, Any]:
    arn = f"arn:aws:securityhub:{name}:{account}:action/custom/{body['Id']}"
    if arn in region.actions[account]:
        raise HubError(409, "ResourceConflictException", f"Action target {arn} already exists")
    put_action_target(account, name, arn, body)
    return {"ActionTargetArn": arn}


def _delete_action(region: _Region, account: str, arn: str, name: str) -> dict[str, Any]:
    if arn not in region.actions[account]:
        raise HubError(404, "ResourceNotFoundException", f"Action target {arn} not found")
    put_action_target(account, name, arn)
    return {"ActionTargetArn": arn}


def _dispatch(method: str, path: str, account: str, name: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The operation's result; None leaves the request to moto."""
    result = hub_organization.dispatch(method, path, account, name, body)
    if result is not None:
        return result
    region = _regions[name]
    routes: dict[tuple[str, str], Callable[[], dict[str, Any] | None]] = {
        ("POST", "/findings/import"): lambda: _import(region, account, body, name),
        ("PATCH", "/findings/batchupdate"): lambda: _update(region, account, body),
        ("POST", "/findings"): lambda: _get(region, account, body),
        ("POST", "/actionTargets"): lambda: _create_action(region, account, body, name),
        ("POST", "/actionTargets/get"): lambda: {
            "ActionTargets": [
                a
                for a in region.actions[account].values()
                if a["ActionTargetArn"] in (body.get("ActionTargetArns") or [a["ActionTargetArn"]])
            ]
        },
    }
    if (method, path) in routes or path.startswith("/actionTargets"):
        hubs.need_for_findings(account, name)
    if method == "DELETE" and path.startswith("/actionTargets/"):
        return _delete_action(region, account, unquote(path.removeprefix("/actionTargets/")), name)
    route = routes.get((method, path))
    if route is None:
        return None
    with region.lock:
        return route()


def handle(
    environ: Environ,
    dispatch: Callable[[str, str, str, str, dict[str, Any]], dict[str, Any] | None],
    invalid: str,
) -> Answer | None:
    """The answer of some operations of Security Hub, or None; `invalid` is their code for wrong input."""
    scope = scope_of(environ)
    if scope is None or scope[2] != "securityhub":
        return None
    try:
        body = dict(parse_qsl(environ.get("QUERY_STRING", ""))) | json.loads(body_of(environ) or b"{}")
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        result = dispatch(method, path, account_of(environ), scope[1], body)
    except HubError as failure:
        headers = [("x-amzn-errortype", failure.code)]
        return json_answer({"Message": str(failure), "Code": failure.code}, failure.status, headers)
    except (KeyError, UnknownFilter) as mistake:
        headers = [("x-amzn-errortype", invalid)]
        return json_answer({"Message": f"Invalid parameter: {mistake}"}, 400, headers)
    return None if result is None else json_answer(result)


def answer(environ: Environ) -> Answer | None:
    """Security Hub's answer, or None for another service or an operation of moto's."""
    return handle(environ, _dispatch, "InvalidInputException")
