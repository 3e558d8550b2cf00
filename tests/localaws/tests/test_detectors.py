"""GuardDuty, Macie, Inspector and Audit Manager in a member account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal

KINDS = ("ec2", "ecr", "lambda", "lambdaCode", "codeRepository")


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def _answer(call: Any, **given: Any) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return (status, *refusal(caught))


def _inventory(local: Local, account: str) -> dict[str, Any]:
    """What is in the account beside roles."""
    status, found = local.door("POST", "inventory", {"account": account})
    assert status == 200, found
    return {key: state for key, state in found.items() if not key.startswith("iam/")}


def test_a_region_has_one_detector_that_can_be_suspended_and_deleted(local: Local, account: str) -> None:
    client = local.client("guardduty", account)
    assert client.list_detectors()["DetectorIds"] == []
    detector = client.create_detector(Enable=True, FindingPublishingFrequency="ONE_HOUR", Tags={"a": "b"})
    named = {"DetectorId": detector["DetectorId"]}
    assert client.list_detectors()["DetectorIds"] == [named["DetectorId"]]
    assert _answer(client.create_detector, Enable=True) == (
        400,
        "BadRequestException",
        "The request is rejected because a detector already exists for the current account.",
    )
    told = client.get_detector(**named)
    assert (told["Status"], told["FindingPublishingFrequency"], told["Tags"]) == (
        "ENABLED",
        "ONE_HOUR",
        {"a": "b"},
    )
    client.update_detector(**named, Enable=False)
    told = client.get_detector(**named)
    assert (told["Status"], told["FindingPublishingFrequency"]) == ("DISABLED", "ONE_HOUR")
    assert told["DataSources"]["CloudTrail"] == {"Status": "DISABLED"}
    assert client.get_administrator_account(**named).keys() == {"ResponseMetadata"}
    client.delete_detector(**named)
    assert client.list_detectors()["DetectorIds"] == []
    for call in (client.get_detector, client.delete_detector, client.update_detector):
        status, code, message = _answer(call, **named)
        assert (status, code) == (400, "BadRequestException")
        assert "is not owned by the current account" in message
    assert client.create_detector(Enable=True)["DetectorId"] != named["DetectorId"]


def test_features_of_a_detector_are_kept(local: Local, account: str) -> None:
    client = local.client("guardduty", account)
    off = {"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}
    named = {"DetectorId": client.create_detector(Enable=True, Features=[off])["DetectorId"]}
    on = {"Name": "RUNTIME_MONITORING", "Status": "ENABLED"}
    client.update_detector(**named, Features=[on])
    told = client.get_detector(**named)
    assert off in told["Features"]
    assert on in told["Features"]
    assert told["DataSources"]["S3Logs"] == {"Status": "DISABLED"}
    wrong = {"FindingPublishingFrequency": "NEVER"}
    assert _code(client.update_detector, **named, **wrong) == "BadRequestException"


def test_detectors_are_apart_by_region_and_account(local: Local, account: str) -> None:
    named = {"DetectorId": local.client("guardduty", account).create_detector(Enable=True)["DetectorId"]}
    for who, region in ((account, "eu-west-1"), (local.account(), "us-east-1")):
        client = local.client("guardduty", who, region)
        assert client.list_detectors()["DetectorIds"] == []
        assert _code(client.get_detector, **named) == "BadRequestException"


def test_a_detector_is_allowed_by_its_arn(local: Local, account: str) -> None:
    root = local.client("guardduty", account)
    named = {"DetectorId": root.create_detector(Enable=False)["DetectorId"]}
    mine = f"arn:aws:guardduty:us-east-1:{account}:detector/{named['DetectorId']}"
    reads = {"Action": ["guardduty:GetDetector", "guardduty:UpdateDetector"], "Resource": mine}
    lists = {"Action": "guardduty:ListDetectors", "Resource": "*"}
    client = local.client("guardduty", session(local, account, reads, lists))
    assert client.list_detectors()["DetectorIds"] == [named["DetectorId"]]
    client.update_detector(**named, Enable=True)
    assert client.get_detector(**named)["Status"] == "ENABLED"
    assert _code(client.delete_detector, **named) == "AccessDeniedException"


def test_macie_is_denied_until_it_is_on_and_can_be_paused(local: Local, account: str) -> None:
    client = local.client("macie2", account)
    off = (403, "AccessDeniedException", "Macie is not enabled.")
    for call in (client.get_macie_session, client.disable_macie):
        assert _answer(call) == off
    assert _answer(client.update_macie_session, status="PAUSED") == off
    client.enable_macie(findingPublishingFrequency="ONE_HOUR")
    told = client.get_macie_session()
    assert (told["status"], told["findingPublishingFrequency"]) == ("ENABLED", "ONE_HOUR")
    assert told["serviceRole"].endswith("/macie.amazonaws.com/AWSServiceRoleForAmazonMacie")
    assert _answer(client.enable_macie)[:2] == (409, "ConflictException")
    client.update_macie_session(status="PAUSED")
    told = client.get_macie_session()
    assert (told["status"], told["findingPublishingFrequency"]) == ("PAUSED", "ONE_HOUR")
    client.update_macie_session(status="ENABLED")
    assert client.get_macie_session()["status"] == "ENABLED"
    assert _answer(client.update_macie_session, status="OFF")[:2] == (400, "ValidationException")
    assert _answer(local.client("macie2", account, "eu-west-1").get_macie_session) == off
    client.disable_macie()
    assert _answer(client.get_macie_session) == off


def _scans(client: Any) -> tuple[str, dict[str, str]]:
    (told,) = client.batch_get_account_status()["accounts"]
    return told["state"]["status"], {kind: told["resourceState"][kind]["status"] for kind in KINDS}


def test_what_inspector_scans_is_switched_one_by_one(local: Local, account: str) -> None:
    client = local.client("inspector2", account)
    off = dict.fromkeys(KINDS, "DISABLED")
    assert _scans(client) == ("DISABLED", off)
    answer = client.enable(resourceTypes=["EC2", "ECR"])
    assert answer["failedAccounts"] == []
    (told,) = answer["accounts"]
    assert (told["accountId"], told["status"]) == (account, "ENABLING")
    assert told["resourceStatus"] == {**off, "ec2": "ENABLING", "ecr": "ENABLING"}
    assert _scans(client) == ("ENABLED", {**off, "ec2": "ENABLED", "ecr": "ENABLED"})
    (told,) = client.enable(resourceTypes=["EC2"], accountIds=[account])["accounts"]
    assert told["resourceStatus"]["ec2"] == "ENABLED"
    client.disable(resourceTypes=["ECR"])
    assert _scans(client) == ("ENABLED", {**off, "ec2": "ENABLED"})
    client.enable(resourceTypes=["LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY"])
    client.disable(resourceTypes=["LAMBDA"])
    assert _scans(client)[1] == {**off, "ec2": "ENABLED", "codeRepository": "ENABLED"}
    assert _scans(local.client("inspector2", account, "eu-west-1")) == ("DISABLED", off)
    client.disable()
    assert _scans(client) == ("DISABLED", off)


def test_inspector_refuses_unknown_types_and_code_without_functions(local: Local, account: str) -> None:
    client = local.client("inspector2", account)
    for types in (["EBS"], ["LAMBDA_CODE"]):
        assert _answer(client.enable, resourceTypes=types)[:2] == (400, "ValidationException")


def test_inspector_takes_its_time_when_told(local: Local, account: str) -> None:
    client = local.client("inspector2", account)
    order = {"account": account, "kind": "inspector", "steps": 2}
    assert local.door("POST", "transitions", order) == (200, {"steps": 2})
    client.enable(resourceTypes=["EC2"])
    assert [_scans(client)[1]["ec2"] for _ in range(3)] == ["ENABLING", "ENABLING", "ENABLED"]
    client.disable(resourceTypes=["EC2"])
    assert [_scans(client)[0] for _ in range(3)] == ["DISABLING", "DISABLING", "DISABLED"]


def test_accounts_that_inspector_fails_for_are_told_apart(local: Local, account: str) -> None:
    client, other = local.client("inspector2", account), local.account()
    answer = client.enable(resourceTypes=["EC2"], accountIds=[account, other])
    assert [one["accountId"] for one in answer["accounts"]] == [account]
    (failed,) = answer["failedAccounts"]
    assert (failed["accountId"], failed["errorCode"]) == (other, "ACCESS_DENIED")
    assert client.batch_get_account_status(accountIds=[other])["failedAccounts"] == [failed]
    order = {"account": account, "region": "us-east-1", "error": "SSM_THROTTLED"}
    assert local.door("POST", "inspector", order)[0] == 200
    answer = client.enable(resourceTypes=["ECR"])
    assert answer["accounts"] == []
    assert [one["errorCode"] for one in answer["failedAccounts"]] == ["SSM_THROTTLED"]
    assert _scans(client)[1]["ecr"] == "DISABLED"
    assert local.door("POST", "inspector", {**order, "error": None})[0] == 200
    assert client.enable(resourceTypes=["ECR"])["failedAccounts"] == []


def test_audit_manager_is_closed_to_new_customers(local: Local, account: str) -> None:
    client = local.client("auditmanager", account)
    assert client.get_account_status()["status"] == "INACTIVE"
    status, code, message = _answer(client.register_account)
    assert (status, code) == (400, "ValidationException")
    assert "maintenance mode" in message
    assert _answer(client.deregister_account)[:2] == (403, "AccessDeniedException")
    assert local.door("POST", "audit-manager", {"open": True}) == (200, {"open": True})
    try:
        assert client.register_account(kmsKey="DEFAULT")["status"] == "ACTIVE"
    finally:
        assert local.door("POST", "audit-manager", {"open": False}) == (200, {"open": False})
    assert client.register_account()["status"] == "ACTIVE"
    assert client.get_account_status()["status"] == "ACTIVE"
    elsewhere = local.client("auditmanager", account, "eu-west-1")
    assert elsewhere.get_account_status()["status"] == "INACTIVE"
    assert _code(elsewhere.register_account) == "ValidationException"
    assert client.deregister_account()["status"] == "INACTIVE"
    assert _code(client.register_account) == "ValidationException"
    assert local.door("POST", "audit-manager", {"shut": True})[0] == 400


@pytest.mark.parametrize(
    ("service", "call", "given", "roles"),
    [
        ("guardduty", "create_detector", {"Enable": True}, {"guardduty": "AmazonGuardDuty"}),
        ("macie2", "enable_macie", {}, {"macie": "AmazonMacie"}),
        (
            "inspector2",
            "enable",
            {"resourceTypes": ["ECR"]},
            {"inspector2": "AmazonInspector2", "agentless.inspector2": "AmazonInspector2Agentless"},
        ),
        (
            "securityhub",
            "enable_security_hub",
            {"EnableDefaultStandards": False},
            {"securityhub": "SecurityHub"},
        ),
    ],
)
def test_the_first_switches_on_who_may_make_the_role(
    local: Local, account: str, service: str, call: str, given: dict[str, Any], roles: dict[str, str]
) -> None:
    iam = local.client("iam", account)

    def made() -> set[str]:
        return {role["RoleName"] for role in iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]}

    named = {f"AWSServiceRoleFor{name}" for name in roles.values()}
    all_of_it = {"Action": f"{service}:*", "Resource": "*"}
    without = local.client(service, session(local, account, all_of_it, name="without"))
    status, code, message = _answer(getattr(without, call), **given)
    assert (status, code) == (403, "AccessDeniedException")
    assert "iam:CreateServiceLinkedRole" in message
    assert made() == set()
    linked = [f"arn:aws:iam::{account}:role/aws-service-role/{one}.amazonaws.com/*" for one in roles]
    own = {"StringEquals": {"iam:AWSServiceName": [f"{one}.amazonaws.com" for one in roles]}}
    makes = {"Action": "iam:CreateServiceLinkedRole", "Resource": linked, "Condition": own}
    with_it = session(local, account, all_of_it, makes, name="with")
    getattr(local.client(service, with_it), call)(**given)
    assert made() == named
    getattr(local.client(service, session(local, account, all_of_it, name="b"), "eu-west-1"), call)(**given)


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        ("guardduty", "AmazonGuardDuty"),
        ("macie", "AmazonMacie"),
        ("inspector2", "AmazonInspector2"),
        ("agentless.inspector2", "AmazonInspector2Agentless"),
        ("securityhub", "SecurityHub"),
        ("auditmanager", "AuditManager"),
        ("config-conforms", "ConfigConforms"),
    ],
)
def test_a_role_of_a_service_is_made_once(local: Local, account: str, principal: str, name: str) -> None:
    iam, service = local.client("iam", account), f"{principal}.amazonaws.com"
    role = iam.create_service_linked_role(AWSServiceName=service)["Role"]
    assert role["Arn"] == (f"arn:aws:iam::{account}:role/aws-service-role/{service}/AWSServiceRoleFor{name}")
    assert iam.get_role(RoleName=f"AWSServiceRoleFor{name}")["Role"]["Arn"] == role["Arn"]
    assert _answer(iam.create_service_linked_role, AWSServiceName=service) == (
        400,
        "InvalidInput",
        f"Service role name AWSServiceRoleFor{name} has been taken in this account, "
        "please try a different suffix.",
    )


def test_the_inventory_tells_equal_states_as_equal(local: Local, account: str) -> None:
    guardduty, macie = local.client("guardduty", account), local.client("macie2", account)
    inspector = local.client("inspector2", account)

    def on() -> dict[str, Any]:
        detector = guardduty.create_detector(Enable=True)["DetectorId"]
        macie.enable_macie()
        inspector.enable(resourceTypes=["EC2"])
        found = _inventory(local, account)
        guardduty.update_detector(DetectorId=detector, Enable=False)
        macie.update_macie_session(status="PAUSED")
        changed = _inventory(local, account)
        assert {key for key in found if found[key] != changed[key]} == {
            "guardduty/us-east-1/detector",
            "macie2/us-east-1/session",
        }
        guardduty.delete_detector(DetectorId=detector)
        macie.disable_macie()
        inspector.disable()
        return found

    before = _inventory(local, account)
    first = on()
    assert _inventory(local, account) == before
    assert first["inspector2/us-east-1/scans/ec2"] == "ENABLED"
    assert json.dumps(on(), sort_keys=True) == json.dumps(first, sort_keys=True)


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("guardduty", "create_detector", {"Enable": True}),
        ("macie2", "get_macie_session", {}),
        ("inspector2", "batch_get_account_status", {}),
        ("auditmanager", "get_account_status", {}),
        ("config", "describe_conformance_packs", {}),
    ],
)
def test_a_closed_region_knows_no_credentials(
    local: Local, account: str, service: str, call: str, given: dict[str, Any]
) -> None:
    order = {"account": account, "region": "af-south-1", "state": "closed"}
    assert local.door("POST", "regions", order)[0] == 200
    client = local.client(service, account, "af-south-1")
    status, code, message = _answer(getattr(client, call), **given)
    assert status == (400 if service == "config" else 403)
    assert code == "UnrecognizedClientException"
    assert "security token included in the request is invalid" in message


def test_calls_are_in_the_log_and_in_the_history(local: Local, account: str) -> None:
    client = local.client("guardduty", account)
    detector = client.create_detector(Enable=True)["DetectorId"]
    client.update_detector(DetectorId=detector, Enable=False)
    mine = [call for call in local.door("GET", "calls")[1] if call["account"] == account]
    assert [(call["action"], call["resource"]) for call in mine] == [
        ("guardduty:CreateDetector", "*"),
        ("guardduty:UpdateDetector", f"arn:aws:guardduty:us-east-1:{account}:detector/{detector}"),
    ]
    events = local.client("cloudtrail", account).lookup_events()["Events"]
    assert {"CreateDetector", "UpdateDetector"} <= {event["EventName"] for event in events}
