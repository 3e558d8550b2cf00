"""Security Hub keeps findings as AWS does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local, finding
from test_identity import refusal


def put(local: Local, account: str, name: str = "f", **changes: Any) -> dict[str, str]:
    given = finding(account, name, **changes)
    answer = local.client("securityhub", account).batch_import_findings(Findings=[given])
    assert answer["SuccessCount"] == 1, answer
    return {"Id": given["Id"], "ProductArn": given["ProductArn"]}


def get(local: Local, who: str | Credentials, **filters: str) -> list[dict[str, Any]]:
    wanted = {name: [{"Value": value, "Comparison": "EQUALS"}] for name, value in filters.items()}
    return local.client("securityhub", who).get_findings(Filters=wanted)["Findings"]


def set_status(local: Local, identifier: dict[str, str], status: str) -> None:
    hub = local.client("securityhub", local.admin)
    hub.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": status})


def test_the_admin_sees_all_and_a_member_only_its_own(local: Local) -> None:
    first, second = local.account(), local.account()
    identifier = put(local, first)
    assert len(get(local, local.admin, Id=identifier["Id"])) == 1
    assert len(get(local, first, Id=identifier["Id"])) == 1
    assert get(local, second, Id=identifier["Id"]) == []


def test_a_finding_must_be_imported_by_its_own_account(local: Local, account: str) -> None:
    other = finding(local.account())
    answer = local.client("securityhub", account).batch_import_findings(Findings=[other])
    assert answer["FailedCount"] == 1
    assert answer["FailedFindings"][0]["Id"] == other["Id"]


def test_a_new_import_keeps_what_people_wrote(local: Local, account: str, function_role: Credentials) -> None:
    identifier = put(local, account)
    hub = local.client("securityhub", function_role)
    answer = hub.batch_update_findings(
        FindingIdentifiers=[identifier],
        Workflow={"Status": "NOTIFIED"},
        Note={"Text": "held", "UpdatedBy": "redress"},
        UserDefinedFields={"run": "1"},
    )
    assert (answer["ProcessedFindings"], answer["UnprocessedFindings"]) == ([identifier], [])
    put(local, account, Title="changed", Workflow={"Status": "NEW"}, UserDefinedFields={"run": "2"})
    kept = get(local, account, Id=identifier["Id"])[0]
    assert kept["Title"] == "changed"
    assert kept["Workflow"] == {"Status": "NOTIFIED"}
    assert kept["Note"]["Text"] == "held"
    assert kept["UserDefinedFields"] == {"run": "1"}


@pytest.mark.parametrize("status", ["NOTIFIED", "RESOLVED", "SUPPRESSED"])
@pytest.mark.parametrize(
    ("before", "after", "resets"),
    [
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "FAILED"}}, True),
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "WARNING"}}, True),
        ({"RecordState": "ARCHIVED"}, {"RecordState": "ACTIVE"}, True),
        ({"Compliance": {"Status": "FAILED"}}, {"Compliance": {"Status": "FAILED"}}, False),
        ({"Compliance": {"Status": "FAILED"}}, {"Compliance": {"Status": "PASSED"}}, False),
    ],
)
def test_a_finding_becomes_new_again_only_when_it_comes_back(
    local: Local, account: str, status: str, before: Any, after: Any, resets: bool
) -> None:
    identifier = put(local, account, **before)
    set_status(local, identifier, status)
    put(local, account, **after)
    expected = "NEW" if resets and status != "SUPPRESSED" else status
    assert get(local, account, Id=identifier["Id"])[0]["Workflow"]["Status"] == expected


def test_findings_that_are_not_there_are_told(local: Local, account: str) -> None:
    missing = {"Id": "none", "ProductArn": finding(account)["ProductArn"]}
    hub = local.client("securityhub", local.admin)
    answer = hub.batch_update_findings(FindingIdentifiers=[missing], Workflow={"Status": "RESOLVED"})
    assert answer["ProcessedFindings"] == []
    assert answer["UnprocessedFindings"][0]["FindingIdentifier"] == missing
    assert answer["UnprocessedFindings"][0]["ErrorCode"] == "FindingNotFound"


def test_a_member_cannot_update_anothers_finding(local: Local, account: str) -> None:
    identifier = put(local, local.account())
    hub = local.client("securityhub", account)
    answer = hub.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": "RESOLVED"})
    assert len(answer["UnprocessedFindings"]) == 1


def test_caps_are_kept(local: Local, account: str) -> None:
    hub = local.client("securityhub", local.admin)
    identifier = put(local, account)
    many = [{"Id": str(n), "ProductArn": identifier["ProductArn"]} for n in range(101)]
    for wrong in (
        {"FindingIdentifiers": many, "Workflow": {"Status": "RESOLVED"}},
        {"FindingIdentifiers": [identifier], "Note": {"Text": "x" * 513, "UpdatedBy": "redress"}},
    ):
        with pytest.raises(ClientError) as caught:
            hub.batch_update_findings(**wrong)
        assert refusal(caught)[0] == "InvalidInputException"
    with pytest.raises(ClientError):
        local.client("securityhub", account).batch_import_findings(
            Findings=[finding(account, str(n)) for n in range(101)]
        )


def test_findings_come_in_pages_and_by_filters(local: Local, account: str) -> None:
    for number in range(5):
        put(local, account, str(number), Severity={"Label": "HIGH" if number < 3 else "LOW"})
    hub = local.client("securityhub", account)
    filters = {"SeverityLabel": [{"Value": "HIGH", "Comparison": "EQUALS"}]}
    first = hub.get_findings(Filters=filters, MaxResults=2)
    rest = hub.get_findings(Filters=filters, MaxResults=2, NextToken=first["NextToken"])
    assert (len(first["Findings"]), len(rest["Findings"])) == (2, 1)
    assert "NextToken" not in rest
    assert len(get(local, account, AwsAccountId=account, RecordState="ACTIVE")) == 5


def test_hubs_and_standards_are_turned_on_per_account(local: Local, account: str) -> None:
    hub = local.client("securityhub", account)
    with pytest.raises(ClientError) as caught:
        hub.describe_hub()
    assert refusal(caught)[0] == "InvalidAccessException"
    hub.enable_security_hub(EnableDefaultStandards=False)
    assert hub.describe_hub()["HubArn"].endswith(f":{account}:hub/default")
    arn = "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/3.0.0"
    hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": arn}])
    enabled = hub.get_enabled_standards()["StandardsSubscriptions"]
    assert [(s["StandardsArn"], s["StandardsStatus"]) for s in enabled] == [(arn, "READY")]
    hub.batch_disable_standards(StandardsSubscriptionArns=[enabled[0]["StandardsSubscriptionArn"]])
    assert hub.get_enabled_standards()["StandardsSubscriptions"] == []


def test_an_update_does_not_touch_the_time_of_the_finding(local: Local, account: str) -> None:
    identifier = put(local, account)
    set_status(local, identifier, "RESOLVED")
    assert get(local, account, Id=identifier["Id"])[0]["UpdatedAt"] == "2026-01-01T00:00:00.000Z"


def equals(value: str) -> list[dict[str, str]]:
    return [{"Value": value, "Comparison": "EQUALS"}]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"GeneratorId": equals("security-control/S3.5")}, 2),
        ({"ComplianceSecurityControlId": equals("S3.5"), "ComplianceStatus": equals("FAILED")}, 1),
        ({"ComplianceStatus": [*equals("FAILED"), *equals("PASSED")]}, 2),
        ({"WorkflowStatus": equals("RESOLVED"), "RecordState": equals("ACTIVE")}, 1),
        ({"ProductName": equals("Security Hub")}, 1),
        ({"ProductName": [{"Value": "Security", "Comparison": "PREFIX_NOT_EQUALS"}]}, 1),
        ({"UserDefinedFields": [{"Key": "run", "Value": "7", "Comparison": "EQUALS"}]}, 1),
        ({"UserDefinedFields": [{"Key": "run", "Value": "7", "Comparison": "NOT_EQUALS"}]}, 1),
        ({"UpdatedAt": [{"Start": "2026-03-01T00:00:00Z", "End": "2026-03-02T00:00:00Z"}]}, 1),
        ({"UpdatedAt": [{"Start": "2026-03-02T00:00:00Z", "End": "2026-03-03T00:00:00Z"}]}, 0),
        ({"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "DAYS"}}]}, 0),
        ({"LastObservedAt": [{"Start": "2026-02-01T00:00:00Z", "End": "2026-02-03T00:00:00Z"}]}, 1),
    ],
)
def test_findings_are_found_by_what_a_sweep_asks_for(
    local: Local, account: str, filters: dict[str, Any], count: int
) -> None:
    identifier = put(local, account, "one", ProductName="Security Hub", UpdatedAt="2026-03-01T12:00:00.000Z")
    put(local, account, "two", Compliance={"Status": "PASSED"}, LastObservedAt="2026-02-02T00:00:00Z")
    local.client("securityhub", local.admin).batch_update_findings(
        FindingIdentifiers=[identifier], Workflow={"Status": "RESOLVED"}, UserDefinedFields={"run": "7"}
    )
    hub = local.client("securityhub", local.admin)
    found = hub.get_findings(Filters={"AwsAccountId": equals(account), **filters})["Findings"]
    assert len(found) == count


def test_what_the_api_does_not_compare_is_refused(local: Local, account: str) -> None:
    put(local, account)
    hub = local.client("securityhub", account)
    for filters in (
        {"Title": [{"Value": "TLS", "Comparison": "CONTAINS"}]},
        {"Keyword": [{"Value": "x"}]},
    ):
        with pytest.raises(ClientError) as caught:
            hub.get_findings(Filters=filters)
        assert refusal(caught)[0] == "InvalidInputException"
