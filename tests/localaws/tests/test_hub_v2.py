"""Findings of Security Hub V2."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, Credentials, Local, eventually
from test_identity import refusal

PRODUCT = f"arn:aws:securityhub:{REGION}::product/aws/securityhub"


def ocsf(account: str, name: str = "one", status: str = "Fail", **changes: Any) -> dict[str, Any]:
    """A compliance finding."""
    return {
        "class_uid": 2003,
        "metadata": {"product": {"uid": PRODUCT, "name": "Security Hub"}, "version": "1.6.0"},
        "cloud": {"account": {"uid": account}, "region": REGION, "provider": "AWS"},
        "finding_info": {
            "uid": f"{account}/{name}",
            "title": "t",
            "modified_time_dt": "2026-01-02T03:04:05Z",
        },
        "compliance": {"control": "S3.5", "status": status, "standards": ["standards/x"]},
        "resources": [{"uid": "arn:aws:s3:::b", "tags": [{"name": "environment", "value": "prod"}]}],
        "severity_id": 3,
        "severity": "Medium",
        **changes,
    }


def put(local: Local, finding: dict[str, Any]) -> str:
    status, answer = local.door("POST", "findings-v2", finding)
    assert status == 200, answer
    return answer["metadata_uid"]


def identifier(finding: dict[str, Any]) -> dict[str, str]:
    return {
        "CloudAccountUid": finding["cloud"]["account"]["uid"],
        "FindingInfoUid": finding["finding_info"]["uid"],
        "MetadataProductUid": PRODUCT,
    }


def get(local: Local, who: str | Credentials, uid: str, **options: Any) -> list[dict[str, Any]]:
    wanted = {"FieldName": "finding_info.uid", "Filter": {"Value": uid, "Comparison": "EQUALS"}}
    filters = {"CompositeFilters": [{"StringFilters": [wanted]}]}
    return local.client("securityhub", who).get_findings_v2(Filters=filters, **options)["Findings"]


def test_a_finding_reaches_the_function_as_an_event(local: Local, account: str) -> None:
    finding = ocsf(account, "delivered")
    uid = put(local, finding)
    seen = eventually(lambda: local.seen("Router", f"{account}/delivered"))
    event = json.loads(seen[0]["body"])
    assert (event["detail-type"], event["source"]) == ("Findings Imported V2", "aws.securityhub")
    assert (event["account"], event["region"], event["resources"]) == (local.admin, REGION, [uid])
    (told,) = event["detail"]["findings"]
    assert (told["metadata"]["uid"], told["status_id"]) == (uid, 1)
    assert told["compliance"] == finding["compliance"]


def test_an_updated_finding_reaches_the_function_as_it_is_then(local: Local, account: str) -> None:
    uid, untouched = put(local, ocsf(account, "told-1")), put(local, ocsf(account, "told-2"))
    hub = local.client("securityhub", local.admin)
    answer = hub.batch_update_findings_v2(MetadataUids=[uid, uid, "none"], StatusId=2, Comment="looked at")
    assert set(answer) == {"ProcessedFindings", "UnprocessedFindings", "ResponseMetadata"}
    eventually(lambda: len(local.seen("Router", f"{account}/told-1")) == 2)
    imported, updated = (json.loads(seen["body"]) for seen in local.seen("Router", f"{account}/told-1"))
    assert (updated["detail-type"], updated["source"]) == ("Findings Imported V2", "aws.securityhub")
    assert (updated["account"], updated["region"], updated["resources"]) == (local.admin, REGION, [uid])
    (before,), (after,) = (event["detail"]["findings"] for event in (imported, updated))
    assert after == before | {"status_id": 2, "status": "In Progress", "comment": "looked at"}
    (kept,) = eventually(lambda: local.seen("Router", f"{account}/told-2"))
    assert json.loads(kept["body"])["resources"] == [untouched]


def test_a_finding_is_updated_by_its_identifier(
    local: Local, account: str, function_role: Credentials
) -> None:
    finding = ocsf(account)
    put(local, finding)
    hub = local.client("securityhub", function_role)
    missing = identifier(finding) | {"FindingInfoUid": "none"}
    answer = hub.batch_update_findings_v2(
        FindingIdentifiers=[identifier(finding), missing], StatusId=4, Comment="set right"
    )
    assert answer["ProcessedFindings"] == [{"FindingIdentifier": identifier(finding)}]
    (unprocessed,) = answer["UnprocessedFindings"]
    assert (unprocessed["FindingIdentifier"], unprocessed["ErrorCode"]) == (
        missing,
        "ResourceNotFoundException",
    )
    (told,) = get(local, function_role, f"{account}/one")
    assert (told["status_id"], told["status"], told["comment"]) == (4, "Resolved", "set right")
    assert told["finding_info"]["modified_time_dt"] == "2026-01-02T03:04:05Z"


def test_a_finding_is_updated_by_its_own_uid(local: Local, account: str) -> None:
    uid = put(local, ocsf(account))
    hub = local.client("securityhub", local.admin)
    answer = hub.batch_update_findings_v2(MetadataUids=[uid, "none"], SeverityId=5)
    assert answer["ProcessedFindings"] == [{"MetadataUid": uid}]
    assert answer["UnprocessedFindings"][0]["MetadataUid"] == "none"
    assert get(local, local.admin, f"{account}/one")[0]["severity"] == "Critical"


def test_what_people_wrote_stays_until_it_fails_again(local: Local, account: str) -> None:
    finding = ocsf(account)
    put(local, finding)
    hub = local.client("securityhub", local.admin)
    hub.batch_update_findings_v2(FindingIdentifiers=[identifier(finding)], StatusId=4, Comment="done")
    statuses = []
    for status in ("Fail", "Pass", "Fail"):
        put(local, ocsf(account, status=status))
        (told,) = get(local, local.admin, f"{account}/one")
        statuses.append((told["status_id"], told["comment"]))
    assert statuses == [(4, "done"), (4, "done"), (1, "done")]


def test_a_member_sees_and_updates_its_own_only(local: Local, account: str) -> None:
    finding = ocsf(local.account(), "others")
    put(local, finding)
    put(local, ocsf(account))
    hub = local.client("securityhub", account)
    assert [f["finding_info"]["uid"] for f in hub.get_findings_v2()["Findings"]] == [f"{account}/one"]
    answer = hub.batch_update_findings_v2(FindingIdentifiers=[identifier(finding)], StatusId=3)
    assert answer["ProcessedFindings"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"StatusId": 4},
        {"FindingIdentifiers": ["x"], "MetadataUids": ["x"], "StatusId": 4},
        {"FindingIdentifiers": ["x"]},
        {"FindingIdentifiers": ["x"], "StatusId": 7},
        {"FindingIdentifiers": ["x"], "Comment": "x" * 513},
        {"FindingIdentifiers": ["x"] * 101, "StatusId": 4},
    ],
)
def test_wrong_input_is_refused(local: Local, account: str, wrong: dict[str, Any]) -> None:
    if "FindingIdentifiers" in wrong:
        wrong = wrong | {"FindingIdentifiers": [identifier(ocsf(account))] * len(wrong["FindingIdentifiers"])}
    with pytest.raises(ClientError) as caught:
        local.client("securityhub", local.admin).batch_update_findings_v2(**wrong)
    assert refusal(caught)[0] == "ValidationException"


def test_findings_are_filtered_and_come_in_pages(local: Local, account: str) -> None:
    for number in range(5):
        put(local, ocsf(account, f"p{number}", severity_id=number))
    mine = {"FieldName": "cloud.account.uid", "Filter": {"Value": account, "Comparison": "EQUALS"}}
    severe = {"FieldName": "severity_id", "Filter": {"Gte": 3.0}}
    tagged = {
        "FieldName": "resources.tags",
        "Filter": {"Key": "environment", "Value": "prod", "Comparison": "EQUALS"},
    }
    modified = {
        "FieldName": "finding_info.modified_time_dt",
        "Filter": {"Start": "2026-01-01T00:00:00Z", "End": "2026-02-01T00:00:00Z"},
    }
    hub = local.client("securityhub", local.admin)

    def uids(**composite: Any) -> list[str]:
        found = hub.get_findings_v2(Filters={"CompositeFilters": [composite]})["Findings"]
        return [f["finding_info"]["uid"].rpartition("/")[2] for f in found]

    assert uids(StringFilters=[mine], NumberFilters=[severe], Operator="AND") == ["p3", "p4"]
    assert len(uids(StringFilters=[mine], MapFilters=[tagged], DateFilters=[modified])) == 5
    filters = {"CompositeFilters": [{"StringFilters": [mine]}]}
    first = hub.get_findings_v2(Filters=filters, MaxResults=3)
    rest = hub.get_findings_v2(Filters=filters, MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["Findings"]), len(rest["Findings"]), "NextToken" in rest) == (3, 2, False)


def test_the_older_actions_allow_it(local: Local, account: str) -> None:
    local.door("DELETE", "calls")
    local.client("securityhub", account).get_findings_v2()
    (call,) = [c for c in local.door("GET", "calls")[1] if c["account"] == account]
    assert call["action"] == "securityhub:GetFindings"
    assert call["resource"].startswith(f"arn:aws:securityhub:{REGION}:{account}:hubv2/")
