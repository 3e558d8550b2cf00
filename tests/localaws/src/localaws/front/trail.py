"""CloudTrail's event history of the member accounts: management calls, and LookupEvents.

AWS shows an event after minutes; here it is there at once. Who called is told by the principal's ARN, on
what by the names in the request and, for what was made, in the response.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import unescape

from localaws.front import cloudtrail_shapes as shapes
from localaws.front.operations import Operation
from localaws.front.request import Request, Response

_READS = ("AssumeRole", "BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search", "Simulate")
_DATA = frozenset({"HeadBucket", "ListObjects", "ListObjectsV2", "ListObjectVersions", "PutMetricData"})
_EC2_ID = re.compile(r"\b(acl|eni|fl|i|igw|pl|rtb|sg|snap|subnet|vol|vpc)-[0-9a-f]{8,17}\b")
_EC2_TYPES = {
    "acl": "NetworkAcl",
    "eni": "NetworkInterface",
    "fl": "FlowLog",
    "i": "Instance",
    "igw": "InternetGateway",
    "pl": "PrefixList",
    "rtb": "RouteTable",
    "sg": "SecurityGroup",
    "snap": "Snapshot",
    "subnet": "Subnet",
    "vol": "Volume",
    "vpc": "VPC",
}
_NAMED = {
    "cloudtrail": {"Name": "CloudTrail::Trail", "TrailName": "CloudTrail::Trail"},
    "elasticfilesystem": {"FileSystemId": "EFS::FileSystem"},
    "iam": {
        "AccessKeyId": "IAM::AccessKey",
        "GroupName": "IAM::Group",
        "PolicyArn": "IAM::Policy",
        "RoleName": "IAM::Role",
        "UserName": "IAM::User",
    },
    "kms": {"KeyId": "KMS::Key"},
    "rds": {
        "DBClusterIdentifier": "RDS::DBCluster",
        "DBInstanceIdentifier": "RDS::DBInstance",
        "DBSnapshotIdentifier": "RDS::DBSnapshot",
    },
    "s3": {"Bucket": "S3::Bucket"},
    "sts": {"RoleArn": "IAM::Role"},
}
_MADE = {
    "cloudtrail": (re.compile(r"arn:[\w-]+:cloudtrail:[\w-]+:\d{12}:trail/[\w.-]+"), "CloudTrail::Trail"),
    "iam": (re.compile(r"\bAKIA\w{12,}"), "IAM::AccessKey"),
    "kms": (re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+"), "KMS::Key"),
}
_ATTRIBUTES = frozenset(
    {
        "AccessKeyId",
        "EventId",
        "EventName",
        "EventSource",
        "ReadOnly",
        "ResourceName",
        "ResourceType",
        "Username",
    }
)
_PAGE = 50
_ERROR_MESSAGE = re.compile(rb"<Message>([^<]+)</Message>|\"[Mm]essage\": ?\"([^\"]*)\"")
_ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\": ?\"(?:[^\"#]*#)?([^\"]+)\"")


class Refused(Exception):
    """A request that LookupEvents refuses: code and message."""


@dataclass(frozen=True)
class _Entry:
    account: str
    region: str
    told: dict[str, Any]


def _is_data(operation: Operation) -> bool:
    on_object = operation.service == "s3" and "Key" in operation.params
    return on_object or operation.name in _DATA or (operation.service, operation.name) == ("lambda", "Invoke")


def _event_name(operation: Operation) -> str:
    """The operation as CloudTrail calls it, which in S3 is not always the API's name."""
    if operation.service not in ("s3", "s3control"):
        return operation.name
    kind = "Account" if operation.service == "s3control" else "Bucket"
    name = operation.name.replace("PublicAccessBlock", f"{kind}PublicAccessBlock")
    return re.sub("(Lifecycle|Notification)Configuration$", r"\1", name)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _resources(operation: Operation, response: Response) -> list[dict[str, str]]:
    """The resources of a call by the names which CloudTrail gives them; keys and trails also by their ids."""
    found: dict[str, str] = {}
    service, makes = operation.service.replace("s3control", "s3"), operation.name.startswith("Create")
    for key, kind in _NAMED.get(service, {}).items():
        if name := operation.text(key):
            found[name] = kind
    made = response.body.decode("utf-8", "replace") if response.status < 300 else ""
    if service == "ec2":
        inside = " ".join(_texts(operation.params))
        if makes or operation.name == "RunInstances":
            inside += made
        found |= {match[0]: f"EC2::{_EC2_TYPES[match[1]]}" for match in _EC2_ID.finditer(inside)}
    elif service in _MADE and makes:
        pattern, kind = _MADE[service]
        found |= dict.fromkeys(pattern.findall(made), kind)
    for name, kind in list(found.items()):
        if name.startswith("arn:") and kind in ("KMS::Key", "CloudTrail::Trail"):
            found[name.rpartition("/")[2]] = kind
    return [{"ResourceType": f"AWS::{kind}", "ResourceName": name} for name, kind in found.items()]


def _identity(
    principal: str, account: str, access_key: str, known: dict[str, Any], at: str
) -> tuple[dict[str, Any], str]:
    """CloudTrail's userIdentity, and the user name by which events are looked up."""
    owner, name = [*principal.split(":", 5), *[account] * 5][4], principal.rpartition("/")[2]
    if owner != account:
        return {"type": "AWSAccount", "principalId": access_key, "accountId": owner}, name
    own = {
        "principalId": known.get("principalId", account),
        "arn": principal,
        "accountId": account,
        "accessKeyId": access_key,
    }
    if principal.endswith(":root"):
        return {"type": "Root", **own}, "root"
    if ":assumed-role/" not in principal:
        return {"type": "IAMUser", **own, "userName": name}, name
    context = {
        "sessionIssuer": {"type": "Role", "accountId": account, **known.get("issuer", {})},
        "webIdFederationData": {},
        "attributes": {"creationDate": known.get("creationDate") or at, "mfaAuthenticated": "false"},
    }
    if source := known.get("sourceIdentity"):
        context["sourceIdentity"] = source
    return {"type": "AssumedRole", **own, "sessionContext": context}, name


def _parameters(operation: Operation) -> dict[str, Any]:
    """The request's own values, without secrets, in CloudTrail's spelling."""
    if operation.service == "ec2" and operation.name in shapes.SHAPED:
        return shapes.request(operation.name, operation.params)
    names = {"Bucket": "bucketName"}
    return {
        names.get(key, key[:1].lower() + key[1:]): value
        for key, value in operation.params.items()
        if key not in ("Action", "Version") and not re.search("password|secret", key, re.IGNORECASE)
    }


def _elements(operation: Operation, response: Response) -> dict[str, Any] | None:
    if response.status < 300 and operation.service == "ec2" and operation.name in shapes.SHAPED:
        return shapes.answer(operation.name, response.body)
    return None


def _error(request: Request, response: Response) -> dict[str, str]:
    if response.status < 400:
        return {}
    found, told = _ERROR_CODE.search(response.body), _ERROR_MESSAGE.search(response.body)
    headers = {name.lower(): value for name, value in response.headers}
    code = headers.get("x-amzn-errortype") or (found and (found[1] or found[2]).decode()) or "Failure"
    message = {"errorMessage": unescape((told[1] or told[2]).decode())} if told else {}
    return {"errorCode": f"Client.{code}" if request.service == "ec2" else code.partition(":")[0], **message}


class Trail:
    """The history, which nothing empties."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def note(
        self,
        request: Request,
        operation: Operation,
        account: str,
        principal: str,
        known: dict[str, Any],
        response: Response,
    ) -> dict[str, Any] | None:
        """Add a call to an account's history; the record, unless it is no management call.

        `known` is what IAM tells of the principal beside its ARN.
        """
        if _is_data(operation):
            return None
        moment, event_id = datetime.now(UTC).replace(microsecond=0), str(uuid.uuid4())
        at = moment.isoformat().replace("+00:00", "Z")
        identity, user = _identity(principal, account, request.access_key, known, at)
        service = "s3" if operation.service == "s3control" else operation.service
        region = "us-east-1" if service == "organizations" else request.region
        name = _event_name(operation)
        read_only = operation.name.startswith(_READS)
        resources = _resources(operation, response)
        event = {
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": at,
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": "127.0.0.1",
            "userAgent": request.headers.get("user-agent", ""),
            **_error(request, response),
            "requestParameters": _parameters(operation) or None,
            "responseElements": _elements(operation, response),
            "requestID": str(uuid.uuid4()),
            "eventID": event_id,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
        }
        told = {
            "EventId": event_id,
            "EventName": name,
            "ReadOnly": str(read_only).lower(),
            "AccessKeyId": request.access_key,
            "EventTime": int(moment.timestamp()),
            "EventSource": event["eventSource"],
            "Username": user,
            "Resources": resources,
            "CloudTrailEvent": json.dumps(event),
        }
        self._entries.append(_Entry(account, region, told))
        return event

    def lookup(self, account: str, region: str, asked: dict[str, Any]) -> dict[str, Any]:
        """LookupEvents: the newest first."""
        attributes = asked.get("LookupAttributes") or []
        start, end = int(asked.get("StartTime") or 0), asked.get("EndTime") or float("inf")
        size, offset = int(asked.get("MaxResults") or _PAGE), int(asked.get("NextToken") or 0)
        if len(attributes) > 1 or any(a["AttributeKey"] not in _ATTRIBUTES for a in attributes):
            raise Refused(
                "InvalidLookupAttributesException", "You can only use one of the lookup attributes."
            )
        if start > end:
            raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
        if not 1 <= size <= _PAGE:
            raise Refused("InvalidMaxResultsException", f"Specify a value from 1 to {_PAGE}.")
        found = [
            entry.told
            for entry in reversed(self._entries)
            if (entry.account, entry.region) == (account, region)
            and start <= entry.told["EventTime"] <= end
            and all(_has(entry.told, a["AttributeKey"], a["AttributeValue"]) for a in attributes)
        ]
        more = {"NextToken": str(offset + size)} if offset + size < len(found) else {}
        return {"Events": found[offset : offset + size], **more}


def _has(told: dict[str, Any], key: str, value: str) -> bool:
    if key in ("ResourceName", "ResourceType"):
        return any(resource[key] == value for resource in told["Resources"])
    return told[key] == value
