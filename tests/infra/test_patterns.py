"""The events of the shelf, and the matching that the checks of the event patterns rely on."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from patterns import (
    BARE,
    BUSES,
    EVENTS,
    OPEN,
    REACHES,
    SETTLED,
    event,
    expected,
    fixtures,
    matches,
    passed,
    patterns,
    reached,
)
from rules import OUTCOMES
from stack import MEMBER_REGION, ORGANIZATION, REGION, ROOT, SUITE, Stack, read

NEW_AND_FAILED = {"detail": {"findings": {"Workflow": {"Status": ["NEW"]}, "Compliance": {"Status": ["FAILED"]}}}}


def finding(workflow: str, compliance: str) -> dict[str, Any]:
    return {"Workflow": {"Status": workflow}, "Compliance": {"Status": compliance}}


def envelope(detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "Example",
        "source": "example",
        "account": "111122223333",
        "time": "2025-11-03T07:47:08Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def put(into: Any, steps: str, value: Any) -> None:
    *parents, last = [int(step) if step.isdigit() else step for step in steps.split(".")]
    for step in parents:
        into = into[step]
    into[last] = value


def test_every_folder_of_the_shelf_has_events_and_a_rule() -> None:
    folders = {path.name for path in EVENTS.iterdir()} - BARE
    assert folders <= set(REACHES), f"which rule do the events of {folders - set(REACHES)} reach?"
    assert {path.parent.name for path in fixtures()} == folders
    # Prowler's events look like any other imported finding, so their rule is tested without them.
    assert set(REACHES) - folders <= {"prowler"}


def test_only_findings_lie_in_the_folders_without_a_rule() -> None:
    for path in (path for folder in BARE for path in (EVENTS / folder).glob("*.json")):
        assert "detail-type" not in event(path), f"{path.name} is an event: which rule does it reach?"


def test_every_event_has_an_id_of_its_own() -> None:
    ids = [event(path)["id"] for path in fixtures()]
    assert len(ids) == len(set(ids))


def test_findings_have_the_shape_that_security_hub_gives_them() -> None:
    client = boto3.client("securityhub", region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none")
    shape = client.meta.service_model.shape_for("AwsSecurityFinding")
    for path in fixtures():
        if event(path)["detail-type"].startswith("Security Hub Findings"):
            for found in event(path)["detail"]["findings"]:
                report = ParamValidator().validate(found, shape)
                assert not report.has_errors(), f"{path.name}: {report.generate_report()}"


def test_controls_lie_under_their_own_id() -> None:
    for path in (EVENTS / "securityhub").glob("*.json"):
        (found,) = event(path)["detail"]["findings"]
        assert found["Compliance"]["SecurityControlId"] == path.stem
        assert found["GeneratorId"] == f"security-control/{path.stem}"


def test_custom_actions_carry_the_names_of_the_template() -> None:
    targets = dict(Stack.of(read(SUITE)).of_type("AWS::SecurityHub::ActionTarget"))
    expected = {t["Id"]: (t["Name"], t["Description"]) for t in targets.values()}
    for path in (EVENTS / "custom-action").glob("*.json"):
        detail = event(path)["detail"]
        action = event(path)["resources"][0].rpartition("/")[2]
        assert (detail["actionName"], detail["actionDescription"]) == expected[action], path.name
    assert all(len(name) <= 20 for name, _ in expected.values())


def test_every_custom_action_is_on_the_shelf() -> None:
    targets = Stack.of(read(SUITE)).of_type("AWS::SecurityHub::ActionTarget")
    chosen = {event(path)["resources"][0].rpartition("/")[2] for path in (EVENTS / "custom-action").glob("*.json")}
    assert chosen == {target["Id"] for _, target in targets}


# Who sends what to the suite, and the rules of both and the folder of the events.
SENDERS = pytest.mark.parametrize(
    ("sender", "sending", "waiting", "folder"),
    [
        (MEMBER_REGION, "SendChangesRule", "SecurityGroupChangesRule", "cloudtrail"),
        (MEMBER_REGION, "SendIncidentEventsRule", "IncidentEventsRule", "incidents"),
        (SUITE, "OwnIncidentEventsRule", "IncidentEventsRule", "incidents"),
        (ORGANIZATION, "SendOrganizationChangesRule", "OrganizationChangesRule", "organizations"),
    ],
    ids=["members", "incidents of members", "incidents of the suite's own account", "management account"],
)
# What is waited for on the shelf by its name: calls, and findings by the first two parts of their type.
CALLS = {"cloudtrail": "SecurityGroupChangesRule", "organizations": "OrganizationChangesRule"}


@SENDERS
def test_what_is_sent_is_what_the_suite_waits_for(sender: Path, sending: str, waiting: str, folder: str) -> None:
    sent = dict(patterns(Stack.of(read(sender))))[sending]
    assert sent == dict(patterns(Stack.of(read(SUITE))))[waiting]


@SENDERS
def test_nothing_else_is_sent(sender: Path, sending: str, waiting: str, folder: str) -> None:
    stack = Stack.of(read(sender))
    sent = {path for path in fixtures() if sending in reached(stack, event(path))}
    assert sent == {path for path in fixtures() if waiting in expected(path)}
    assert folder in {path.parent.name for path in sent}


@pytest.mark.parametrize(("folder", "waiting"), CALLS.items(), ids=list(CALLS))
def test_every_call_that_is_waited_for_is_on_the_shelf_under_its_name(folder: str, waiting: str) -> None:
    waited = dict(patterns(Stack.of(read(SUITE))))[waiting]["detail"]["eventName"]
    assert {path.stem for path in (EVENTS / folder).glob("*.json")} == set(waited)
    for path in (EVENTS / folder).glob("*.json"):
        detail = event(path)["detail"]
        assert detail["eventName"] == path.stem
        assert detail["readOnly"] is False, f"EventBridge does not tell {path.name}"


# What is of high risk, by the service that is called.
HIGH_RISK = {
    "cloudtrail": {"DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"},
    "config": {"DeleteConfigurationRecorder", "StopConfigurationRecorder"},
    "guardduty": {"DeleteDetector", "UpdateDetector"},
    "iam": {
        "AddUserToGroup",
        "AttachGroupPolicy",
        "AttachRolePolicy",
        "AttachUserPolicy",
        "CreateAccessKey",
        "CreateLoginProfile",
        "CreatePolicyVersion",
        "CreateRole",
        "CreateUser",
        "DeactivateMFADevice",
        "DeleteRolePermissionsBoundary",
        "DeleteUserPermissionsBoundary",
        "DeleteVirtualMFADevice",
        "PutGroupPolicy",
        "PutRolePolicy",
        "PutUserPolicy",
        "SetDefaultPolicyVersion",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
        "UpdateLoginProfile",
    },
    "kms": {"DisableKey", "ScheduleKeyDeletion"},
    "organizations": {"LeaveOrganization"},
    "s3": {
        "DeleteAccountPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "DeletePublicAccessBlock",
        "PutAccountPublicAccessBlock",
        "PutBucketAcl",
        "PutBucketPolicy",
        "PutBucketPublicAccessBlock",
    },
    "securityhub": {"BatchDisableStandards", "DisableSecurityHub"},
    "signin": {"ConsoleLogin"},
}


def incidents(type_: str) -> dict[str, dict[str, Any]]:
    told = {path.stem: event(path) for path in (EVENTS / "incidents").glob("*.json")}
    return {stem: one for stem, one in told.items() if one["detail-type"] == type_}


def test_every_call_of_high_risk_is_waited_for_and_on_the_shelf() -> None:
    named, by_root, _ = dict(patterns(Stack.of(read(SUITE))))["IncidentEventsRule"]["detail"]["$or"]
    assert set(named["eventSource"]) == {f"{service}.amazonaws.com" for service in HIGH_RISK}
    assert set(named["eventName"]) == {name for names in HIGH_RISK.values() for name in names}
    assert by_root == {"userIdentity": {"type": ["Root"]}, "readOnly": [False]}
    calls = incidents("AWS API Call via CloudTrail") | incidents("AWS Console Sign In via CloudTrail")
    for stem, one in calls.items():
        detail = one["detail"]
        service = detail["eventSource"].partition(".")[0]
        assert (detail["eventName"], one["source"]) == (stem.partition("-")[0], f"aws.{service}")
        assert detail["readOnly"] is False, f"EventBridge does not tell {stem}"
        assert detail["eventName"] in HIGH_RISK[service] or detail["userIdentity"]["type"] == "Root", stem
    assert {name for names in HIGH_RISK.values() for name in names} <= calls.keys()


def test_no_event_of_the_shelf_tells_a_secret() -> None:
    for path in fixtures():
        assert not re.search(r'"(secretAccessKey|password|sessionToken)"', path.read_text()), path.name


def test_sign_ins_are_on_the_shelf_with_and_without_a_second_factor() -> None:
    told = [one["detail"] for one in incidents("AWS Console Sign In via CloudTrail").values()]
    assert {detail["additionalEventData"]["MFAUsed"] for detail in told} == {"Yes", "No"}
    assert {detail["responseElements"]["ConsoleLogin"] for detail in told} == {"Success", "Failure"}
    assert {detail["userIdentity"]["type"] for detail in told} == {"IAMUser", "Root"}
    assert {detail["eventType"] for detail in told} == {"AwsConsoleSignIn"}


def test_findings_of_guardduty_are_of_three_kinds() -> None:
    told = incidents("GuardDuty Finding")
    assert {stem: one["detail"]["type"].partition("/")[0].replace(":", ".") for stem, one in told.items()} == {
        stem: stem for stem in ("UnauthorizedAccess.IAMUser", "CryptoCurrency.EC2", "Policy.S3")
    }
    client = boto3.client("guardduty", region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none")
    finding = client.meta.service_model.shape_for("Finding")
    for one in told.values():
        detail = one["detail"]
        assert (detail["accountId"], detail["region"]) == (one["account"], one["region"])
        assert {name[0].lower() + name[1:] for name in finding.required_members} <= detail.keys()


@pytest.mark.parametrize(
    ("severity", "told"), [(1, False), (3.9, False), (4, True), (6.5, True), (8.9, True), (9.5, True)]
)
def test_findings_of_guardduty_are_told_from_medium_on(severity: float, told: bool) -> None:
    found = copy.deepcopy(event(EVENTS / "incidents" / "CryptoCurrency.EC2.json"))
    found["detail"]["severity"] = severity
    assert bool(reached(Stack.of(read(SUITE)), found)) is told


@pytest.mark.parametrize("name", ["StopLogging", "CreateAccessKey", "ConsoleLogin"])
def test_a_call_that_failed_is_told_as_well(name: str) -> None:
    tried = copy.deepcopy(event(EVENTS / "incidents" / f"{name}.json"))
    tried["detail"] |= {"errorCode": "AccessDenied", "errorMessage": "not authorized", "responseElements": None}
    assert reached(Stack.of(read(SUITE)), tried) == expected(EVENTS / "incidents" / f"{name}.json")


def test_whatever_root_changes_is_told_to_both_where_it_is_of_a_security_group() -> None:
    changed = copy.deepcopy(event(EVENTS / CHANGE))
    changed["detail"]["userIdentity"] = event(EVENTS / "incidents" / "CreateBucket-root.json")["detail"]["userIdentity"]
    assert reached(Stack.of(read(SUITE)), changed) == {
        "SecurityGroupChangesRule",
        "IncidentEventsRule",
        "OwnIncidentEventsRule",
    }


def test_answers_to_incidents_are_told_by_their_event_and_what_comes_of_others_by_its_control() -> None:
    waited = dict(patterns(Stack.of(read(SUITE))))["IncidentOutcomesRule"]["detail"]["$or"]
    assert waited[0] == {"event": [{"prefix": "incident-"}]}
    told = {path.stem: event(path)["detail"] for path in (EVENTS / "incident-outcomes").glob("*.json")}
    others = {stem for stem, detail in told.items() if not detail["event"].startswith("incident-")}
    assert others == {"approved", "gone", "put-off", "too-late", "undone"}
    assert {stem for stem in others if told[stem]["event"].startswith("later-")} == {"put-off"}
    assert all("by" in told[stem] for stem in others - {"put-off"})
    for stem in others:
        lookalike = copy.deepcopy(event(EVENTS / "incident-outcomes" / f"{stem}.json"))
        lookalike["detail"]["controls"] = ["S3.5"]
        assert not reached(Stack.of(read(SUITE)), lookalike)


def test_the_controls_that_answer_incidents_are_those_that_are_waited_for() -> None:
    source = (ROOT / "crates" / "incidents" / "src" / "response.rs").read_text()
    asked = re.findall(r'^const \w+: &str = "([A-Za-z0-9]+\.[0-9]+)";$', source, re.MULTILINE)
    told = dict(patterns(Stack.of(read(SUITE))))["IncidentOutcomesRule"]["detail"]["$or"]
    waited = [control for one in told for control in one.get("controls", [])]
    assert asked
    assert {re.sub(r"^Incident\..*", "Incident.", control) for control in asked} == {
        control if isinstance(control, str) else control["prefix"] for control in waited
    }


def test_results_are_told_by_the_service_itself() -> None:
    for path in (EVENTS / "organizations").glob("*Result.json"):
        told = event(path)
        assert (told["detail-type"], told["detail"]["eventType"]) == (
            "AWS Service Event via CloudTrail",
            "AwsServiceEvent",
        )
        assert told["detail"]["serviceEventDetails"], path.name


@pytest.mark.parametrize("folder", ["cloudtrail", "incidents", "organizations", "ignored"])
def test_calls_are_told_by_cloudtrail_as_the_envelope_says(folder: str) -> None:
    told = [event(path) for path in (EVENTS / folder).glob("*.json")]
    told = [one for one in told if one["detail-type"].endswith(" via CloudTrail")]
    assert told
    for one in told:
        detail = one["detail"]
        assert (detail["recipientAccountId"], detail["awsRegion"]) == (one["account"], one["region"])
        assert detail["eventID"] != one["id"]


def test_every_bus_of_the_shelf_is_of_the_suite() -> None:
    assert set(BUSES.values()) == {name for name, _ in Stack.of(read(SUITE)).of_type("AWS::Events::EventBus")}


def test_the_outcomes_that_are_waited_for_are_words_of_the_model() -> None:
    source = (ROOT / "crates" / "model" / "src" / "outcome.rs").read_text()
    (tag,) = re.findall(r'#\[serde\(tag = "([a-z]+)", rename_all = "kebab-case"\)\]\npub enum Outcome', source)
    (words,) = re.findall(r"pub fn word\(.*?\{(.*?)\n    \}", source, re.DOTALL)
    waited = dict(patterns(Stack.of(read(SUITE))))["SecurityGroupOutcomesRule"]["detail"]["outcome"]
    assert set(waited) == {tag}
    assert set(waited[tag]) <= OUTCOMES
    assert set(re.findall(r'=> "([a-z-]+)"', words)) == OUTCOMES
    assert {path.stem for path in (EVENTS / "outcomes").glob("*.json")} == set(waited[tag])


V2 = "securityhub-v2/S3.5.json"
CONFIG = "config/s3-bucket-ssl-requests-only.json"
CHANGE = "cloudtrail/AuthorizeSecurityGroupIngress.json"
SCAN = "manual/ManualComplianceScan.json"
OUTCOME = "outcomes/remediated.json"
CAME = "organizations/CreateAccountResult.json"
MOVED = "organizations/MoveAccount.json"
ONBOARDING = "manual-onboarding/ManualOnboarding.json"
BASELINE = "manual-baseline/ManualBaseline.json"
REPORT = "manual-report/ManualReport.json"
KEY = "incidents/CreateAccessKey.json"
LOGIN = "incidents/ConsoleLogin.json"
BY_ROOT = "incidents/CreateBucket-root.json"
FINDING = "incidents/CryptoCurrency.EC2.json"
CONTAINED = "incident-outcomes/remediated.json"
APPROVED = "incident-outcomes/approved.json"


@pytest.mark.parametrize(
    ("path", "steps", "value"),
    [
        (V2, "detail-type", "Security Hub Findings - Imported"),
        (V2, "source", "example.securityhub"),
        (V2, "detail.findings.0.class_uid", 2004),
        (V2, "detail.findings.0.status_id", 2),
        (V2, "detail.findings.0.status_id", 3),
        (V2, "detail.findings.0.status_id", 4),
        (V2, "detail.findings.0.compliance.status", "Pass"),
        (V2, "detail.findings.0.compliance.status", "Warning"),
        (CONFIG, "detail-type", "Config Configuration Item Change"),
        (CONFIG, "source", "example.config"),
        (CONFIG, "detail.messageType", "ConfigurationItemChangeNotification"),
        (CONFIG, "detail.newEvaluationResult.complianceType", "COMPLIANT"),
        (CONFIG, "detail.newEvaluationResult.complianceType", "NOT_APPLICABLE"),
        (CHANGE, "source", "custom.ec2"),
        (CHANGE, "detail-type", "AWS Console Sign In via CloudTrail"),
        (CHANGE, "detail.eventSource", "rds.amazonaws.com"),
        (CHANGE, "detail.eventName", "AuthorizeSecurityGroup"),
        (CHANGE, "detail.errorCode", "Client.DryRunOperation"),
        (SCAN, "source", "aws.security.compliance"),
        (SCAN, "detail-type", "Compliance Scan"),
        (CAME, "source", "custom.organizations"),
        (CAME, "detail-type", "AWS Console Sign In via CloudTrail"),
        (CAME, "detail.eventName", "CreateAccount"),
        (MOVED, "detail.eventSource", "controltower.amazonaws.com"),
        (MOVED, "detail.eventName", "MoveAccounts"),
        (MOVED, "detail.errorCode", "AccountNotFoundException"),
        (ONBOARDING, "source", "custom.security"),
        (ONBOARDING, "detail-type", "Onboarding"),
        (BASELINE, "source", "aws.security.compliance"),
        (BASELINE, "detail-type", "Baseline"),
        (OUTCOME, "source", "redress.test"),
        (OUTCOME, "detail.controls", ["SecurityGroup.2", "S3.5"]),
        (OUTCOME, "detail.outcome.outcome", "planned"),
        (OUTCOME, "detail.outcome", "remediated"),
        (REPORT, "source", "custom.security"),
        (REPORT, "detail-type", "Compliance Report"),
        (KEY, "source", "custom.iam"),
        (KEY, "detail-type", "AWS Service Event via CloudTrail"),
        (KEY, "detail.eventSource", "codecommit.amazonaws.com"),
        (KEY, "detail.eventName", "CreateServiceSpecificCredential"),
        (LOGIN, "source", "custom.signin"),
        (LOGIN, "detail.eventName", "SwitchRole"),
        (LOGIN, "detail-type", "AWS Console Action via CloudTrail"),
        (BY_ROOT, "source", "custom.s3"),
        (BY_ROOT, "detail.readOnly", True),
        (BY_ROOT, "detail.userIdentity.type", "AssumedRole"),
        (FINDING, "source", "custom.guardduty"),
        (FINDING, "detail-type", "GuardDuty Malware Protection Object Scan Result"),
        (FINDING, "detail.severity", 2.5),
        (CONTAINED, "source", "redress.test"),
        (APPROVED, "detail.controls", ["S3.5"]),
    ],
)
def test_what_is_not_a_failure_or_a_change_reaches_no_rule(path: str, steps: str, value: Any) -> None:
    stack = Stack.of(read(SUITE))
    near = copy.deepcopy(event(EVENTS / path))
    assert reached(stack, near) == expected(EVENTS / path)
    put(near, steps, value)
    assert not reached(stack, near)


@pytest.mark.parametrize("status", ["Fail", "FAIL", "fail"])
@pytest.mark.parametrize("status_id", [0, 1])
def test_a_failure_is_known_however_it_is_spelt(status: str, status_id: int) -> None:
    failed = copy.deepcopy(event(EVENTS / V2))
    put(failed, "detail.findings.0.compliance.status", status)
    put(failed, "detail.findings.0.status_id", status_id)
    assert reached(Stack.of(read(SUITE)), failed) == {"ImportedFindingsV2Rule"}


@pytest.mark.parametrize("outcome", OPEN)
@pytest.mark.parametrize("workflow", ["NOTIFIED", "RESOLVED"])
def test_what_is_open_is_told_that_it_passed(outcome: str, workflow: str) -> None:
    assert reached(Stack.of(read(SUITE)), passed(outcome, workflow)) == {"ImportedFindingsRule"}


@pytest.mark.parametrize(
    "near",
    [
        *(passed(outcome) for outcome in (*SETTLED, None)),
        passed("held", workflow="SUPPRESSED"),
        passed("held", workflow="NEW"),
        passed("held", record="ARCHIVED"),
    ],
)
def test_what_passed_and_is_not_open_reaches_no_rule(near: dict[str, Any]) -> None:
    assert not reached(Stack.of(read(SUITE)), near)


def test_what_passed_and_what_is_open_are_one_and_the_same_finding() -> None:
    stack = Stack.of(read(SUITE))
    both = passed(None)
    (still_failed,) = copy.deepcopy(passed("held", workflow="NOTIFIED")["detail"]["findings"])
    still_failed["Compliance"]["Status"] = "FAILED"
    both["detail"]["findings"].append(still_failed)
    assert not reached(stack, both)
    both["detail"]["findings"].append(passed("held")["detail"]["findings"][0])
    assert reached(stack, both) == {"ImportedFindingsRule"}


def test_the_pattern_and_the_router_agree_on_what_is_open() -> None:
    source = (ROOT / "crates" / "model" / "src" / "outcome.rs").read_text()
    (words,) = re.findall(r"fn wants_a_person\(.*?\[(.*?)\]", source, re.DOTALL)
    assert tuple(re.findall(r'"([a-z-]+)"', words)) == OPEN


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([finding("NEW", "FAILED")], True),
        ([finding("NEW", "PASSED"), finding("NEW", "FAILED")], True),
        ([finding("NEW", "PASSED"), finding("RESOLVED", "FAILED")], False),
        ([{"Workflow": {"Status": "NEW"}}], False),
        ([], False),
    ],
)
def test_conditions_hold_in_one_and_the_same_finding(findings: list[dict[str, Any]], expected: bool) -> None:
    assert matches(NEW_AND_FAILED, envelope({"findings": findings})) is expected


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("S3.5", "S3.5", True),
        ("S3.5", "S3.50", False),
        ({"prefix": "S3."}, "S3.5", True),
        ({"suffix": ".5"}, "S3.8", False),
        ({"anything-but": ["S3.5"]}, "S3.8", True),
        ({"anything-but": ["S3.5"]}, "S3.5", False),
        ({"exists": False}, "S3.5", False),
        ({"numeric": [">", 1, "<=", 5]}, 5, True),
    ],
    ids=json.dumps,
)
def test_conditions_on_a_value(condition: Any, value: Any, expected: bool) -> None:
    assert matches({"detail": {"control": [condition]}}, envelope({"control": value})) is expected


def test_a_pattern_that_eventbridge_refuses_is_an_error() -> None:
    with pytest.raises(ValueError, match="EventPattern"):
        matches({"detail": {"control": "S3.5"}}, envelope({}))
