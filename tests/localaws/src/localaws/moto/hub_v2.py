"""Security Hub V2's findings, in OCSF: stored by a door, as only AWS can import them; read and updated.

A finding is known by product, account and id, and by a unique id of its own, `metadata.uid`. What people
wrote on one stays when it comes again, and one that failed again after it passed is new, as in the older
service.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import defaultdict
from typing import Any

from localaws.moto.filters import UnknownFilter, dates_match, numbers_match, texts_match, things, values
from localaws.moto.hub import CAP, Finding, HubError, handle
from localaws.moto.wsgi import Answer, Environ
from localaws.world import ADMIN

_COMMENT = 512
_STATUS = {
    0: "Unknown",
    1: "New",
    2: "In Progress",
    3: "Suppressed",
    4: "Resolved",
    5: "Archived",
    99: "Other",
}
_SEVERITY = {
    0: "Unknown",
    1: "Informational",
    2: "Low",
    3: "Medium",
    4: "High",
    5: "Critical",
    6: "Fatal",
    99: "Other",
}
_KEPT = ("comment", "status", "status_id", "severity", "severity_id")

Key = tuple[str, str, str]

_regions: dict[str, dict[Key, Finding]] = defaultdict(dict)
_lock = threading.RLock()


def _invalid(problem: str) -> HubError:
    return HubError(400, "ValidationException", problem)


def _key(finding: Finding) -> Key:
    product, account = finding["metadata"]["product"]["uid"], finding["cloud"]["account"]["uid"]
    return account, finding["finding_info"]["uid"], product


def _status(finding: Finding) -> str:
    return str(finding.get("compliance", {}).get("status", "")).lower()


def store(region: str, finding: Finding) -> Finding:
    """Keep a finding as Security Hub would have it, and return it as it is then."""
    new = copy.deepcopy(finding)
    key = _key(new)
    new["metadata"].setdefault("uid", hashlib.sha256("\n".join(key).encode()).hexdigest())
    with _lock:
        old = _regions[region].get(key)
        if old is not None:
            new |= {name: old[name] for name in _KEPT if name in old}
            if old.get("status_id") == 4 and _status(old) == "pass" and _status(new) != "pass":
                new |= {"status_id": 1, "status": _STATUS[1]}
        elif "status_id" not in new:
            new |= {"status_id": 1, "status": _STATUS[1]}
        _regions[region][key] = new
        return copy.deepcopy(new)


def _asked_for(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """How each finding is named: the field of the answer and its value."""
    uids, identifiers = body.get("MetadataUids") or [], body.get("FindingIdentifiers") or []
    if bool(uids) == bool(identifiers):
        raise _invalid("Give either MetadataUids or FindingIdentifiers")
    named = [("MetadataUid", uid) for uid in uids] + [("FindingIdentifier", i) for i in identifiers]
    if len(named) > CAP:
        raise _invalid(f"At most {CAP} findings at a time")
    return named


def _changes(body: dict[str, Any]) -> Finding:
    changes: Finding = {}
    if "Comment" in body:
        if not 1 <= len(body["Comment"]) <= _COMMENT:
            raise _invalid(f"Comment must have 1 to {_COMMENT} characters")
        changes["comment"] = body["Comment"]
    for field, name, known in (("StatusId", "status", _STATUS), ("SeverityId", "severity", _SEVERITY)):
        if field in body:
            if body[field] not in known:
                raise _invalid(f"{field} must be one of {', '.join(map(str, known))}")
            changes |= {f"{name}_id": body[field], name: known[body[field]]}
    if not changes:
        raise _invalid("Give at least one of Comment, StatusId and SeverityId")
    return changes


def _visible(region: str, account: str) -> dict[Key, Finding]:
    return {k: f for k, f in _regions[region].items() if account in (ADMIN, k[0])}


def _update(region: str, account: str, body: dict[str, Any]) -> dict[str, Any]:
    named, changes = _asked_for(body), _changes(body)
    visible = _visible(region, account)
    by_uid = {finding["metadata"]["uid"]: key for key, finding in visible.items()}
    done, missing = [], []
    updated: dict[Key, Finding] = {}
    for field, name in named:
        if field == "MetadataUid":
            key = by_uid.get(name)
        else:
            key = name["CloudAccountUid"], name["FindingInfoUid"], name["MetadataProductUid"]
        if key not in visible:
            error = {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": "Finding not found"}
            missing.append({field: name, **error})
        else:
            _regions[region][key] = updated[key] = visible[key] | changes
            done.append({field: name})
    return {"ProcessedFindings": done, "UnprocessedFindings": missing, "Told": list(updated.values())}


def _composite_matches(finding: Finding, composite: dict[str, Any]) -> bool:
    answers = []
    for kind, filters in composite.items():
        if kind == "Operator":
            continue
        for one in filters:
            if kind == "NestedCompositeFilters":
                answers.append(_composite_matches(finding, one))
                continue
            found, condition = values(finding, one["FieldName"]), one["Filter"]
            if kind == "StringFilters":
                answers.append(texts_match(found, [condition]))
            elif kind == "NumberFilters":
                answers.append(numbers_match(found, condition))
            elif kind == "DateFilters":
                answers.append(dates_match(found, [condition]))
            elif kind == "BooleanFilters":
                answers.append(str(condition["Value"]) in found)
            elif kind == "MapFilters":
                tags = [tag for tag in things(finding, one["FieldName"]) if tag["name"] == condition["Key"]]
                answers.append(texts_match([tag["value"] for tag in tags], [condition]))
            else:
                raise UnknownFilter(f"filters of the kind {kind}")
    return _joined(answers, composite.get("Operator"))


def _joined(answers: list[bool], operator: str | None) -> bool:
    return any(answers) if operator == "OR" and answers else all(answers)


def _get(region: str, account: str, body: dict[str, Any]) -> dict[str, Any]:
    filters = body.get("Filters") or {}
    size, start = int(body.get("MaxResults") or CAP), int(body.get("NextToken") or 0)
    if not 1 <= size <= CAP:
        raise _invalid(f"MaxResults must be 1 to {CAP}")
    composites = filters.get("CompositeFilters") or []
    found = [
        finding
        for finding in _visible(region, account).values()
        if _joined([_composite_matches(finding, c) for c in composites], filters.get("CompositeOperator"))
    ]
    for order in reversed(body.get("SortCriteria") or []):
        found.sort(key=lambda f: values(f, order["Field"]), reverse=order.get("SortOrder") == "desc")
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {"Findings": copy.deepcopy(found[start : start + size]), **more}


def _dispatch(
    method: str, path: str, account: str, region: str, body: dict[str, Any]
) -> dict[str, Any] | None:
    with _lock:
        match method, path:
            case "PATCH", "/findingsv2/batchupdatev2":
                return _update(region, account, body)
            case "POST", "/findingsv2":
                return _get(region, account, body)
    return None


def answer(environ: Environ) -> Answer | None:
    """Security Hub's answer to an operation of V2, or None."""
    return handle(environ, _dispatch, "ValidationException")
