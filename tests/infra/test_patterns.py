"""The events of the shelf, and the matching that the checks of the event patterns rely on."""

import json
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from patterns import EVENTS, REACHES, event, fixtures, matches
from stack import REGION, SUITE, Stack, read

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


def test_every_folder_of_the_shelf_has_events() -> None:
    assert {path.parent.name for path in fixtures()} == set(REACHES)


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
