"""The filters of GetFindings that this project and its tests use."""

from __future__ import annotations

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


class UnknownFilter(Exception):
    """A filter that is not written here yet; silence would match too much."""


def _values(thing: Any, path: list[str]) -> list[str]:
    if isinstance(thing, list):
        return [value for item in thing for value in _values(item, path)]
    if not path:
        return [] if thing is None else [str(thing)]
    return _values(thing.get(path[0]), path[1:]) if isinstance(thing, dict) else []


def _compare(comparison: str, value: str, wanted: str) -> bool:
    match comparison:
        case "EQUALS" | "NOT_EQUALS":
            return value == wanted
        case "PREFIX" | "PREFIX_NOT_EQUALS":
            return value.startswith(wanted)
        case "CONTAINS" | "NOT_CONTAINS":
            return wanted in value
    raise UnknownFilter(f"comparison {comparison}")


def _entry_matches(values: list[str], conditions: list[dict[str, str]]) -> bool:
    """Positive comparisons are alternatives, negative ones must all hold."""
    positive = [c for c in conditions if "NOT_" not in c["Comparison"]]
    negative = [c for c in conditions if "NOT_" in c["Comparison"]]

    def hit(condition: dict[str, str]) -> bool:
        return any(_compare(condition["Comparison"], value, condition["Value"]) for value in values)

    return (not positive or any(map(hit, positive))) and not any(map(hit, negative))


def matches(finding: dict[str, Any], filters: dict[str, list[dict[str, str]]]) -> bool:
    """Whether a finding satisfies every filter."""
    for name, conditions in filters.items():
        if name == "UserDefinedFields":
            fields = finding.get("UserDefinedFields", {})
            if not all(
                _entry_matches([fields[c["Key"]]] if c["Key"] in fields else [], [c]) for c in conditions
            ):
                return False
            continue
        if name not in _PATHS:
            raise UnknownFilter(f"filter {name}")
        if not _entry_matches(_values(finding, _PATHS[name].split(".")), conditions):
            return False
    return True
