"""Events of Organizations on the management account's default bus: what CloudTrail tells in us-east-1.

Calls that change the organization are told with their elements as CloudTrail writes them. What the service
ends by itself, the creation and the closing of an account, is an event of the service. The rules of the
management account forward them (`forwarding`).
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from localaws.front.operations import Operation
from localaws.front.request import Response
from localaws.world import MANAGEMENT

REGION = "us-east-1"
_HIDDEN = "****"
_NAMES = {"AccountName": "accountName", "Id": "id", "State": "state", "AccountId": "accountId"}


def _moment(epoch: float) -> str:
    """A moment as these events write it: `Sep 16, 2020 9:20:50 PM`."""
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"


def _status(told: dict[str, Any]) -> dict[str, Any]:
    status = {new: told[old] for old, new in _NAMES.items() if old in told} | {"accountName": _HIDDEN}
    for name in ("RequestedTimestamp", "CompletedTimestamp"):
        if name in told:
            status[name[:1].lower() + name[1:]] = _moment(float(told[name]))
    return status


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _lower(inner) for name, inner in value.items()}
    return [_lower(inner) for inner in value] if isinstance(value, list) else value


def of_call(record: dict[str, Any], operation: Operation, response: Response) -> dict[str, Any]:
    """The record of a call as the management account gets it."""
    parameters = dict(record["requestParameters"] or {})
    for secret in ("accountName", "email"):
        if secret in parameters:
            parameters[secret] = _HIDDEN
    elements = None
    if response.status < 300 and operation.name == "CreateAccount":
        elements = {"createAccountStatus": _status(json.loads(response.body)["CreateAccountStatus"])}
    elif response.status < 300 and response.body not in (b"", b"{}"):
        elements = _lower(json.loads(response.body))
    return {
        **record,
        "awsRegion": REGION,
        "recipientAccountId": MANAGEMENT,
        "requestParameters": parameters or None,
        "responseElements": elements,
    }


def _of_service(name: str, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": MANAGEMENT, "invokedBy": "AWS Internal"},
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "organizations.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": MANAGEMENT,
        "serviceEventDetails": details,
        "eventCategory": "Management",
    }


def created(status: dict[str, Any]) -> dict[str, Any]:
    """CreateAccountResult, from what DescribeCreateAccountStatus tells."""
    return _of_service("CreateAccountResult", {"createAccountStatus": _status(status)})


def closed(account: str) -> dict[str, Any]:
    """CloseAccountResult."""
    now = _moment(datetime.now(UTC).timestamp())
    told = {"accountId": account, "state": "SUCCEEDED", "requestedTimestamp": now, "completedTimestamp": now}
    return _of_service("CloseAccountResult", {"closeAccountStatus": told})
