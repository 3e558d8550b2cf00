"""The filters of GetFindings and GetFindingsV2 that this project and its tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

_PATHS = {
    "AwsAccountId": "AwsAccountId",
    "ComplianceAssociatedStandardsId": "Compliance.AssociatedStandards.StandardsId",
    "ComplianceSecurityControlId": "Compliance.SecurityControlId",
    "ComplianceStatus": "Compliance.Status",
    "GeneratorId": "GeneratorId",
    "Id": "Id",
    "NoteText": "Note.Text",
    "NoteUpdatedBy": "Note.UpdatedBy",
    "ProductArn": "ProductArn",
    "ProductName": "ProductName",
    "RecordState": "RecordState",
    "Region": "Region",
    "ResourceId": "Resources.Id",
    "ResourceRegion": "Resources.Region",
    "ResourceType": "Resources.Type",
    "SeverityLabel": "Severity.Label",
    "Title": "Title",
    "Type": "Types",
    "VerificationState": "VerificationState",
    "WorkflowStatus": "Workflow.Status",
}
_DATES = {
    "CreatedAt": "CreatedAt",
    "FirstObservedAt": "FirstObservedAt",
    "LastObservedAt": "LastObservedAt",
    "NoteUpdatedAt": "Note.UpdatedAt",
    "UpdatedAt": "UpdatedAt",
}
_MAPS = frozenset({"ProductFields", "UserDefinedFields"})
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS_WORD": lambda value, wanted: wanted.lower() in value.lower().split(),
    "EQUALS": lambda value, wanted: value == wanted,
    "NOT_EQUALS": lambda value, wanted: value == wanted,
    "PREFIX": lambda value, wanted: value.startswith(wanted),
    "PREFIX_NOT_EQUALS": lambda value, wanted: value.startswith(wanted),
}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "Eq": lambda value, wanted: value == wanted,
    "Gt": lambda value, wanted: value > wanted,
    "Gte": lambda value, wanted: value >= wanted,
    "Lt": lambda value, wanted: value < wanted,
    "Lte": lambda value, wanted: value <= wanted,
}


class UnknownFilter(Exception):
    """A filter that is not written here yet; silence would match too much."""


def things(root: Any, path: str) -> list[Any]:
    """What is at a dotted path, through lists."""
    found = [root]
    for part in path.split("."):
        inner = [thing[part] for thing in found if isinstance(thing, dict) and part in thing]
        found = [one for item in inner for one in (item if isinstance(item, list) else [item])]
    return [thing for thing in found if thing is not None]


def values(root: Any, path: str) -> list[str]:
    """What is at a dotted path, as texts."""
    return [str(thing) for thing in things(root, path)]


def texts_match(found: list[str], conditions: list[dict[str, str]]) -> bool:
    """Positive comparisons are alternatives, negative ones must all hold."""

    def hit(condition: dict[str, str]) -> bool:
        compare = _COMPARISONS.get(condition["Comparison"])
        if compare is None:
            raise UnknownFilter(f"comparison {condition['Comparison']}")
        return any(compare(value, condition["Value"]) for value in found)

    return _combined(conditions, hit)


def _combined(conditions: list[dict[str, str]], hit: Callable[[dict[str, str]], bool]) -> bool:
    positive = [c for c in conditions if "NOT_" not in c["Comparison"]]
    negative = [c for c in conditions if "NOT_" in c["Comparison"]]
    return (not positive or any(map(hit, positive))) and not any(map(hit, negative))


def _map_matches(fields: dict[str, str], conditions: list[dict[str, str]]) -> bool:
    def hit(condition: dict[str, str]) -> bool:
        if condition["Comparison"] not in ("EQUALS", "NOT_EQUALS"):
            raise UnknownFilter(f"comparison {condition['Comparison']}")
        return fields.get(condition["Key"]) == condition["Value"]

    return _combined(conditions, hit)


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _in_window(moment: datetime, window: dict[str, Any]) -> bool:
    if within := window.get("DateRange"):
        edge = datetime.now(UTC) - timedelta(days=within["Value"])
        return moment < edge if within.get("Comparison") == "OLDER_THAN" else moment >= edge
    after = "Start" not in window or moment >= _moment(window["Start"])
    return after and ("End" not in window or moment <= _moment(window["End"]))


def dates_match(found: Iterable[str], windows: list[dict[str, Any]]) -> bool:
    """Whether a date lies in one of the windows."""
    return any(_in_window(_moment(text), window) for text in found for window in windows)


def numbers_match(found: Iterable[str], condition: dict[str, float]) -> bool:
    """Whether a number satisfies every comparison."""
    return any(all(_NUMBERS[k](float(text), wanted) for k, wanted in condition.items()) for text in found)


def matches(finding: dict[str, Any], filters: dict[str, list[dict[str, Any]]]) -> bool:
    """Whether a finding in ASFF satisfies every filter."""
    for name, conditions in filters.items():
        if name in _MAPS:
            matched = _map_matches(finding.get(name, {}), conditions)
        elif name in _DATES:
            matched = dates_match(values(finding, _DATES[name]), conditions)
        elif name in _PATHS:
            matched = texts_match(values(finding, _PATHS[name]), conditions)
        else:
            raise UnknownFilter(f"filter {name}")
        if not matched:
            return False
    return True
