"""The format of findings (ASFF) as BatchImportFindings checks it, in the words in which it tells what is
wrong.

What is checked is what every finding has. Details of resources, remediations' links and the like are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

_VERSION = "2018-10-08"
_TEXTS = {
    "AwsAccountId": 12,
    "CreatedAt": 64,
    "Description": 1024,
    "GeneratorId": 512,
    "Id": 512,
    "ProductArn": 2048,
    "SchemaVersion": 10,
    "Title": 256,
    "UpdatedAt": 64,
}
_MOMENTS = ("CreatedAt", "FirstObservedAt", "LastObservedAt", "ProcessedAt", "UpdatedAt")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_VALUES = {
    ("Compliance", "Status"): ("PASSED", "WARNING", "FAILED", "NOT_AVAILABLE"),
    ("Severity", "Label"): ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"),
    ("Workflow", "Status"): ("NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"),
}
_STATES = ("ACTIVE", "ARCHIVED")
_DEFAULT = re.compile(r"arn:[\w-]+:securityhub:([\w-]+):(\d{12}):product/(\d{12})/default")

Finding = dict[str, Any]


def is_of_the_hub(finding: Finding) -> bool:
    """Whether it is one of Security Hub's own, whose engine does not import."""
    return str(finding.get("ProductArn", "")).endswith("::product/aws/securityhub")


def _is_moment(text: Any) -> bool:
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _lengths(path: str, value: Any, most: int) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} should be string"
    elif not value:
        yield f"{path} should NOT be shorter than 1 characters"
    elif len(value) > most:
        yield f"{path} should NOT be longer than {most} characters"


def _counts(path: str, value: Any, least: int, most: int) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} should be array"
    elif len(value) < least:
        yield f"{path} should NOT have fewer than {least} items"
    elif len(value) > most:
        yield f"{path} should NOT have more than {most} items"


def _of_resources(resources: Any) -> Iterator[str]:
    yield from _counts("data.Resources", resources, 1, 32)
    for number, resource in enumerate(resources if isinstance(resources, list) else []):
        for name, most in (("Id", 512), ("Type", 256)):
            if name not in resource:
                yield f"data.Resources[{number}] should have required property '{name}'"
            else:
                yield from _lengths(f"data.Resources[{number}].{name}", resource[name], most)


def _of_provider(finding: Finding) -> Iterator[str]:
    """Severity and types are the finding's own or its provider's."""
    provider = finding.get("FindingProviderFields") or {}
    for name in ("Severity", "Types"):
        if name not in finding and name not in provider:
            yield f"data should have required property '{name}'"
            yield "data should have required property 'FindingProviderFields'"
            yield "data should match some schema in anyOf"
            return
    for path, types in (("data", finding), ("data.FindingProviderFields", provider)):
        if "Types" in types:
            yield from _counts(f"{path}.Types", types["Types"], 0, 50)


def _of_choices(finding: Finding) -> Iterator[str]:
    for (name, inner), allowed in _VALUES.items():
        value = finding.get(name)
        if value is not None and not isinstance(value, dict):
            yield f"data.{name} should be object"
        elif value and inner in value and value[inner] not in allowed:
            yield f"data.{name}.{inner} should be equal to one of the allowed values"
    if finding.get("RecordState", "ACTIVE") not in _STATES:
        yield "data.RecordState should be equal to one of the allowed values"
    if "Severity" in finding and not {"Label", "Normalized", "Product", "Original"} & set(
        finding["Severity"]
    ):
        yield "data.Severity should NOT have fewer than 1 properties"


def problems(finding: Finding) -> list[str]:
    """What does not adhere to the format."""
    found: list[str] = []
    for name, most in _TEXTS.items():
        if name not in finding:
            found.append(f"data should have required property '{name}'")
        else:
            found += _lengths(f"data.{name}", finding[name], most)
    for name in _MOMENTS:
        if name in finding and not _is_moment(finding[name]):
            found.append(f'data.{name} should match format "date-time"')
    if finding.get("SchemaVersion", _VERSION) != _VERSION:
        found.append("data.SchemaVersion should be equal to one of the allowed values")
    if "Resources" not in finding:
        found.append("data should have required property 'Resources'")
    else:
        found += _of_resources(finding["Resources"])
    found += _of_provider(finding)
    found += _of_choices(finding)
    text = ((finding.get("Remediation") or {}).get("Recommendation") or {}).get("Text")
    if text is not None:
        found += _lengths("data.Remediation.Recommendation.Text", text, 512)
    if len(finding.get("ProductFields") or {}) > 50:
        found.append("data.ProductFields should NOT have more than 50 properties")
    return found


def misplaced(finding: Finding, account: str, region: str) -> str | None:
    """Why a finding is not the caller's to import."""
    if finding.get("AwsAccountId") != account:
        return f"AwsAccountId must be the caller's account {account}"
    default = _DEFAULT.fullmatch(str(finding.get("ProductArn", "")))
    if default and (default[2], default[3]) != (account, account):
        return f"ProductArn must be of the caller's account {account}"
    if default and default[1] != region:
        return f"ProductArn must be of the region {region}"
    return None
