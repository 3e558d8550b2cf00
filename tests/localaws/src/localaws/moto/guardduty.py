"""GuardDuty's detectors: one in each region of an account, which may be suspended. They find nothing.

moto makes as many as are asked for and forgets most of what they are told. Whoever makes the first needs the
service-linked role to be there, or to be allowed to make it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from localaws import service_roles
from localaws.moto.inventory import tell_too
from localaws.moto.rest import Call, Refusal, Service

_PRINCIPAL = "guardduty.amazonaws.com"
_FREQUENCIES = ("FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS")
_FOUNDATION = ("CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS")
_ON_AT_FIRST = ("S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS")
_ON_AT_FIRST += ("LAMBDA_NETWORK_LOGS",)
_OFF_AT_FIRST = ("EKS_RUNTIME_MONITORING", "RUNTIME_MONITORING")
_FEATURES = frozenset((*_ON_AT_FIRST, *_OFF_AT_FIRST))

Detector = dict[str, Any]
_detectors: dict[tuple[str, str], Detector] = {}
service = Service("guardduty")


def _refused(why: str) -> Refusal:
    message = f"The request is rejected because {why}."
    return Refusal(400, "BadRequestException", message, "InvalidInputException")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _own(call: Call) -> Detector:
    detector = _detectors.get(call.place)
    if detector is None or detector["id"] != call.name:
        raise _refused("the input detectorId is not owned by the current account")
    return detector


def _change(detector: Detector, body: dict[str, Any]) -> None:
    """Checked before anything is changed."""
    features = body.get("features") or []
    wrong = body.get("findingPublishingFrequency") not in (None, *_FREQUENCIES)
    wrong |= any(f.get("name") not in _FEATURES for f in features)
    wrong |= any(f.get("status") not in ("ENABLED", "DISABLED") for f in features)
    if wrong or not isinstance(body.get("enable", True), bool):
        raise _refused("an invalid or out-of-range value is specified as an input parameter")
    sources = body.get("dataSources") or {}
    asked = {f["name"]: f["status"] == "ENABLED" for f in features}
    if "s3Logs" in sources:
        asked["S3_DATA_EVENTS"] = bool(sources["s3Logs"].get("enable"))
    if "kubernetes" in sources:
        asked["EKS_AUDIT_LOGS"] = bool(sources["kubernetes"].get("auditLogs", {}).get("enable"))
    if "malwareProtection" in sources:
        scan = sources["malwareProtection"].get("scanEc2InstanceWithFindings", {})
        asked["EBS_MALWARE_PROTECTION"] = bool(scan.get("ebsVolumes"))
    detector["features"] |= asked
    detector["enabled"] = body.get("enable", detector["enabled"])
    detector["frequency"] = body.get("findingPublishingFrequency") or detector["frequency"]
    detector["updated"] = _now()


@service.route("GET", "/detector")
def list_detectors(call: Call) -> dict[str, Any]:
    detector = _detectors.get(call.place)
    return {"detectorIds": [detector["id"]] if detector else []}


@service.route("POST", "/detector")
def create_detector(call: Call) -> dict[str, Any]:
    if call.place in _detectors:
        raise _refused("a detector already exists for the current account")
    if "enable" not in call.body:
        raise _refused("the required parameter enable is missing")
    features = dict.fromkeys(_ON_AT_FIRST, True) | dict.fromkeys(_OFF_AT_FIRST, False)
    detector = {"id": uuid.uuid4().hex, "enabled": True, "frequency": "SIX_HOURS", "features": features}
    detector |= {"created": _now(), "tags": call.body.get("tags") or {}}
    _change(detector, call.body)
    _detectors[call.place] = detector
    return {"detectorId": detector["id"]}


def _status(on: bool) -> dict[str, str]:
    return {"status": "ENABLED" if on else "DISABLED"}


@service.route("GET", "/detector/*")
def get_detector(call: Call) -> dict[str, Any]:
    detector = _own(call)
    enabled, features = detector["enabled"], detector["features"]
    foundation = _status(enabled)
    listed = dict.fromkeys(_FOUNDATION, enabled) | features
    return {
        "createdAt": detector["created"],
        "updatedAt": detector["updated"],
        "findingPublishingFrequency": detector["frequency"],
        "serviceRole": f"arn:aws:iam::{call.account}:role{service_roles.path_of(_PRINCIPAL)}",
        **_status(enabled),
        "dataSources": {
            "cloudTrail": foundation,
            "dnsLogs": foundation,
            "flowLogs": foundation,
            "s3Logs": _status(features["S3_DATA_EVENTS"]),
            "kubernetes": {"auditLogs": _status(features["EKS_AUDIT_LOGS"])},
            "malwareProtection": {
                "scanEc2InstanceWithFindings": {"ebsVolumes": _status(features["EBS_MALWARE_PROTECTION"])}
            },
        },
        "features": [{"name": name, **_status(on)} for name, on in listed.items()],
        "tags": detector["tags"],
    }


@service.route("POST", "/detector/*")
def update_detector(call: Call) -> dict[str, Any]:
    _change(_own(call), call.body)
    return {}


@service.route("DELETE", "/detector/*")
def delete_detector(call: Call) -> dict[str, Any]:
    _own(call)
    del _detectors[call.place]
    return {}


@service.route("GET", "/detector/*/administrator")
def get_administrator_account(call: Call) -> dict[str, Any]:
    """Nobody's: GuardDuty's own organization is not kept here."""
    _own(call)
    return {}


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Any]]:
    for (owner, region), detector in list(_detectors.items()):
        if owner == account:
            told = {name: detector[name] for name in ("frequency", "features", "tags")}
            yield f"guardduty/{region}/detector", {**_status(detector["enabled"]), **told}
