"""Which rules an event reaches, by EventBridge's matching."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ministack.services import eventbridge

from stack import ROOT, Stack, Template

EVENTS = ROOT / "events"

# The fixtures of each folder, and the rules which they reach.
REACHES = {
    "securityhub": {"ImportedFindingsRule"},
    "securityhub-standards": {"ImportedFindingsRule"},
    "securityhub-v2": {"ImportedFindingsV2Rule"},
    "prowler": {"ImportedFindingsRule"},
    "config": {"ConfigComplianceRule"},
    "custom-action": {"RequestedActionsRule"},
    "cloudtrail": {"SecurityGroupChangesRule"},
    "manual": {"ManualScanRule"},
    "manual-onboarding": {"ManualOnboardingRule"},
    "manual-baseline": {"ManualBaselineRule"},
    "organizations": {"OrganizationChangesRule"},
    "outcomes": {"SecurityGroupOutcomesRule"},
    "incidents": {"IncidentEventsRule", "OwnIncidentEventsRule"},
    "incident-outcomes": {"IncidentOutcomesRule"},
    "manual-report": {"ManualReportRule"},
    "ignored": set(),
}
# Fixtures that reach others, too.
ALSO = {"organizations/LeaveOrganization.json": REACHES["incidents"]}
# The buses where the events of a folder arrive; of the others it is the account's default one.
BUSES = {"cloudtrail": "Changes", "organizations": "Changes", "outcomes": "Outcomes", "incident-outcomes": "Outcomes"}
# What arrives on two buses: that of the account itself, and that of all others.
OWN = {"OwnIncidentEventsRule": "default", "IncidentEventsRule": "Changes"}
# The outcomes whose findings are still open: the router closes them when they have passed.
OPEN = ("held", "needs-approval", "needs-person", "put-back", "failed")
# Some of the others.
SETTLED = ("compliant", "remediated", "undone", "exempt", "in-progress", "reopened")
# Findings without an event around them, so that no rule ever sees them as they are.
BARE = {"legacy"}


def matches(pattern: Template, event: Template) -> bool:
    """What EventBridge's TestEventPattern answers."""
    request = {"EventPattern": json.dumps(pattern), "Event": json.dumps(event)}
    status, _, body = eventbridge._test_event_pattern(request)
    answer = json.loads(body)
    if status != 200:
        raise ValueError(f"{answer} for {request['EventPattern']}")
    return answer["Result"]


def patterns(stack: Stack) -> Iterator[tuple[str, Template]]:
    """The rules that wait for events; others wait for a time."""
    for name, rule in stack.of_type("AWS::Events::Rule"):
        if "EventPattern" in rule:
            yield name, rule["EventPattern"]


def reached(stack: Stack, event: Template) -> set[str]:
    return {name for name, pattern in patterns(stack) if matches(pattern, event)}


def expected(path: Path) -> set[str]:
    return REACHES[path.parent.name] | ALSO.get(f"{path.parent.name}/{path.name}", set())


@cache
def event(path: Path) -> Template:
    return json.loads(path.read_text())


def passed(outcome: str | None, workflow: str = "RESOLVED", record: str = "ACTIVE") -> Template:
    """A finding that has passed, and what we said on it before."""
    found = copy.deepcopy(event(EVENTS / "ignored" / "passed.json"))
    (finding,) = found["detail"]["findings"]
    finding |= {"Workflow": {"Status": workflow}, "RecordState": record}
    if outcome:
        finding["UserDefinedFields"] = {"redress-outcome": outcome}
    return found


def fixtures() -> list[Path]:
    return sorted(path for folder in REACHES for path in (EVENTS / folder).glob("*.json"))
