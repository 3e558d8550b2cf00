"""Findings that an account imports for itself, under the default product ARN."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import REGION, Credentials, Local, eventually, finding
from roles import session


def own(account: str, name: str, **changes: Any) -> dict[str, Any]:
    """A finding of a scanner of the account's own."""
    default = {
        "Id": f"redress/{account}/{name}",
        "ProductArn": f"arn:aws:securityhub:{REGION}:{account}:product/{account}/default",
        "GeneratorId": "redress/security-group-policy/open-ssh",
        "UpdatedAt": "2026-01-01T00:00:00Z",
        "Compliance": {"Status": "FAILED"},
        "Resources": [
            {"Type": "AwsEc2SecurityGroup", "Id": f"arn:aws:ec2:{REGION}:{account}:security-group/x"}
        ],
    }
    return finding(account, name, **{**default, **changes})


@pytest.fixture
def scanner(local: Local, account: str) -> Any:
    """Security Hub as a role of the account that may import."""
    arn = f"arn:aws:securityhub:{REGION}:{account}:product/{account}/default"
    may = {"Action": "securityhub:BatchImportFindings", "Resource": arn}
    may["Condition"] = {"StringEquals": {"securityhub:TargetAccount": account}}  # type: ignore[assignment]
    return local.client("securityhub", session(local, account, may))


def failures(hub: Any, *findings: dict[str, Any]) -> list[str]:
    answer = hub.batch_import_findings(Findings=list(findings))
    assert answer["FailedCount"] == len(answer["FailedFindings"])
    assert answer["SuccessCount"] == len(findings) - answer["FailedCount"]
    assert {one["ErrorCode"] for one in answer["FailedFindings"]} <= {"InvalidInput"}
    return [one["ErrorMessage"] for one in answer["FailedFindings"]]


def stored(local: Local, account: str) -> dict[str, dict[str, Any]]:
    filters = {"AwsAccountId": [{"Comparison": "EQUALS", "Value": account}]}
    found = local.client("securityhub", local.admin).get_findings(Filters=filters)["Findings"]
    return {one["Id"]: one for one in found}


def test_a_members_role_imports_for_its_account_and_the_admin_is_told(
    local: Local, account: str, scanner: Any
) -> None:
    given = own(account, "open")
    assert failures(scanner, given) == []
    assert stored(local, account) == {given["Id"]: {**given, "Workflow": {"Status": "NEW"}}}
    seen = eventually(lambda: local.seen("Router", given["Id"]))
    event = json.loads(seen[0]["body"])
    assert event["detail-type"] == "Security Hub Findings - Imported"
    assert event["detail"]["findings"] == [{**given, "Workflow": {"Status": "NEW"}}]


def test_only_what_is_the_accounts_own_is_imported(local: Local, account: str, scanner: Any) -> None:
    other = local.account()
    of_other, elsewhere = own(other, "theirs"), own(account, "elsewhere")
    elsewhere["ProductArn"] = elsewhere["ProductArn"].replace(REGION, "eu-west-1")
    root = local.client("securityhub", account)
    told = failures(root, of_other, own(account, "mine"), elsewhere)
    assert [text.partition(" ")[0] for text in told] == ["AwsAccountId", "ProductArn"]
    theirs = own(account, "their-product", ProductArn=of_other["ProductArn"])
    assert len(failures(root, theirs)) == 1
    assert list(stored(local, account)) == [own(account, "mine")["Id"]]
    assert stored(local, other) == {}
    for wrong in ([theirs], [own(account, "one"), theirs], [own(account, "one"), of_other]):
        with pytest.raises(Exception, match="AccessDenied"):
            scanner.batch_import_findings(Findings=wrong)
    assert list(stored(local, account)) == [own(account, "mine")["Id"]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Types": None, "Severity": None}, "required property 'Severity'"),
        ({"Types": None}, "required property 'Types'"),
        ({"Title": "t" * 257}, "data.Title should NOT be longer than 256 characters"),
        ({"Title": ""}, "data.Title should NOT be shorter than 1 characters"),
        ({"Description": "d" * 1025}, "data.Description should NOT be longer than 1024 characters"),
        ({"Id": "i" * 513}, "data.Id should NOT be longer than 512 characters"),
        ({"SchemaVersion": "2020-01-01"}, "data.SchemaVersion should be equal to one of the allowed values"),
        ({"UpdatedAt": "yesterday"}, 'data.UpdatedAt should match format "date-time"'),
        ({"CreatedAt": "2026-01-01"}, 'data.CreatedAt should match format "date-time"'),
        ({"Severity": {"Label": "BAD"}}, "data.Severity.Label should be equal to one of the allowed values"),
        ({"Severity": {}}, "data.Severity should NOT have fewer than 1 properties"),
        ({"Compliance": {"Status": "OK"}}, "data.Compliance.Status should be equal to one of"),
        ({"RecordState": "GONE"}, "data.RecordState should be equal to one of the allowed values"),
        ({"Resources": []}, "Resources"),
        ({"Resources": [{"Type": "", "Id": "x"}]}, "data.Resources[0].Type should NOT be shorter"),
        ({"Resources": [{"Type": "Other", "Id": "x"}] * 33}, "data.Resources should NOT have more than 32"),
        ({"Types": ["Software"] * 51}, "data.Types should NOT have more than 50 items"),
        (
            {"Remediation": {"Recommendation": {"Text": "t" * 513}}},
            "data.Remediation.Recommendation.Text should NOT be longer than 512 characters",
        ),
        ({"ProductFields": {"text": "x" * 240 * 1024}}, "240 KB"),
    ],
)
def test_what_is_no_finding_is_told_and_the_others_are_imported(
    local: Local, account: str, scanner: Any, changes: dict[str, Any], told: str
) -> None:
    wrong = {name: value for name, value in own(account, "wrong", **changes).items() if value is not None}
    (text,) = failures(scanner, wrong, own(account, "right"))
    assert told in text
    assert list(stored(local, account)) == [own(account, "right")["Id"]]


def test_a_provider_may_tell_severity_and_types(local: Local, account: str, scanner: Any) -> None:
    provider = {"Severity": {"Label": "HIGH"}, "Types": ["Software and Configuration Checks"]}
    given = own(account, "provider", FindingProviderFields=provider)
    del given["Severity"], given["Types"]
    assert failures(scanner, given) == []
    assert stored(local, account)[given["Id"]].items() >= provider.items()


def test_an_import_that_is_no_newer_is_ignored(local: Local, account: str, scanner: Any) -> None:
    assert failures(scanner, own(account, "f")) == []
    for moment in ("2026-01-01T00:00:00.000Z", "2025-12-31T23:59:59Z", "2026-01-01T01:00:00+02:00"):
        late = own(account, "f", UpdatedAt=moment, Compliance={"Status": "PASSED"})
        assert failures(scanner, late) == []
        assert stored(local, account)[late["Id"]]["Compliance"] == {"Status": "FAILED"}
    newer = own(account, "f", UpdatedAt="2026-01-01T00:00:01Z", Compliance={"Status": "PASSED"})
    assert failures(scanner, newer) == []
    assert stored(local, account)[newer["Id"]]["Compliance"] == {"Status": "PASSED"}
    eventually(lambda: len(local.seen("Router", newer["Id"])) == 1)


def test_what_people_wrote_is_kept_until_the_finding_comes_back(
    local: Local, account: str, scanner: Any
) -> None:
    given = own(account, "kept")
    scanner.batch_import_findings(Findings=[given])
    admin = local.client("securityhub", local.admin)
    written = {"Workflow": {"Status": "NOTIFIED"}, "UserDefinedFields": {"run": "1"}}
    identifier = {"Id": given["Id"], "ProductArn": given["ProductArn"]}
    note = {"Text": "held", "UpdatedBy": "redress"}
    admin.batch_update_findings(FindingIdentifiers=[identifier], Note=note, **written)
    steps = [
        ({"Compliance": {"Status": "FAILED"}}, "NOTIFIED"),
        ({"Compliance": {"Status": "PASSED"}}, "NOTIFIED"),
        ({"Compliance": {"Status": "FAILED"}}, "NEW"),
    ]
    for minute, (changes, status) in enumerate(steps, 1):
        again = own(account, "kept", UpdatedAt=f"2026-01-01T00:0{minute}:00Z", **changes)
        again |= {"Workflow": {"Status": "SUPPRESSED"}, "UserDefinedFields": {"run": "2"}}
        assert failures(scanner, again) == []
        told = stored(local, account)[given["Id"]]
        assert told["Workflow"] == {"Status": status}
        assert told["UserDefinedFields"] == {"run": "1"}
        assert told["Note"]["Text"] == "held"
        assert told["Compliance"] == changes["Compliance"]
    admin.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": "RESOLVED"})
    for minute, (state, status) in enumerate((("ARCHIVED", "RESOLVED"), ("ACTIVE", "NEW")), 5):
        again = own(account, "kept", UpdatedAt=f"2026-01-01T00:0{minute}:00Z", RecordState=state)
        assert failures(scanner, again) == []
        told = stored(local, account)[given["Id"]]
        assert (told["RecordState"], told["Workflow"]["Status"]) == (state, status)


def test_there_are_at_most_a_hundred_at_once(local: Local, account: str, function_role: Credentials) -> None:
    hub = local.client("securityhub", account)
    many = [own(account, f"many-{number}") for number in range(101)]
    with pytest.raises(Exception, match="1 to 100 items"):
        hub.batch_import_findings(Findings=many)
    assert failures(hub, *many[:100]) == []
    assert len(stored(local, account)) == 100
    member = local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])
    with pytest.raises(Exception, match="AccessDenied"):
        local.client("securityhub", member).batch_import_findings(Findings=many[:1])
