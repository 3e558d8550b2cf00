"""Paging where moto gives everything at once.

EC2 gives all unless MaxResults asks for pages, of prefix lists and their entries 100; the size of a page has
bounds. IAM gives at most 100 unless MaxItems asks for fewer. Tokens
are offsets, which is enough for a list that does not change while it is read.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.iam.responses import IamResponse

_EC2 = {
    "describe_internet_gateways": "InternetGateways",
    "describe_route_tables": "RouteTables",
    "describe_flow_logs": "FlowLogs",
    "describe_managed_prefix_lists": "PrefixLists",
    "describe_network_acls": "NetworkAcls",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_security_group_rules": "SecurityGroupRules",
    "describe_security_groups": "SecurityGroups",
    "describe_snapshots": "Snapshots",
    "describe_subnets": "Subnets",
    "describe_volumes": "Volumes",
    "describe_vpcs": "Vpcs",
    "get_managed_prefix_list_entries": "Entries",
}
_IAM = {
    "get_group": "Users",
    "list_access_keys": "AccessKeyMetadata",
    "list_attached_group_policies": "AttachedPolicies",
    "list_attached_role_policies": "AttachedPolicies",
    "list_attached_user_policies": "AttachedPolicies",
    "list_group_policies": "PolicyNames",
    "list_groups": "Groups",
    "list_groups_for_user": "Groups",
    "list_mfa_devices": "MFADevices",
    "list_policies": "Policies",
    "list_role_policies": "PolicyNames",
    "list_roles": "Roles",
    "list_server_certificates": "ServerCertificateMetadataList",
    "list_user_policies": "PolicyNames",
    "list_users": "Users",
}
_ALWAYS_PAGED = frozenset({"PrefixLists", "Entries"})
_IAM_CAP = 100
_EVERYTHING = 1_000_000


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"page:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("page:")) if token else 0
    except ValueError:
        raise EC2ClientError("InvalidNextToken", "The specified NextToken is not valid") from None


def _bounds(name: str) -> tuple[int, int]:
    """How many items a page may have, by EC2's own model."""
    operation = get_service_model("ec2").operation_model("".join(map(str.title, name.split("_"))))
    size = operation.input_shape.members["MaxResults"].metadata
    return size.get("min", 1), size.get("max", _EVERYTHING)


def _page_ec2(name: str, key: str) -> None:
    whole: Callable[[Any], ActionResult] = getattr(EC2Response, name)
    least, most = _bounds(name)
    default = most if key in _ALWAYS_PAGED else None

    def paged(self: Any) -> ActionResult:
        size, start = self._get_int_param("MaxResults", default), _offset(self._get_param("NextToken"))
        if size is not None and not least <= size <= most:
            message = f"Value ( {size} ) for parameter maxResults is invalid. Expecting {least} to {most}."
            raise EC2ClientError("InvalidParameterValue", message)
        answer = whole(self)
        if size is None and not start:
            return answer
        result: Any = answer.result
        items = result[key] if isinstance(result[key], list) else list(result[key])
        size = size or len(items)
        more = {"NextToken": _token(start + size)} if start + size < len(items) else {}
        return ActionResult({**result, key: items[start : start + size], **more})

    setattr(EC2Response, name, paged)


def _page_iam(name: str, key: str) -> None:
    whole: Callable[[Any], ActionResult] = getattr(IamResponse, name)

    def paged(self: Any) -> ActionResult:
        size = min(self._get_int_param("MaxItems", _IAM_CAP), _IAM_CAP)
        start = _offset(self._get_param("Marker"))
        # moto pages a few of these itself, and says that a full last page is followed by another.
        self.params = {k: v for k, v in self.params.items() if k != "Marker"} | {"MaxItems": _EVERYTHING}
        result: Any = whole(self).result
        items = list(result[key])
        truncated = start + size < len(items)
        paging = {"IsTruncated": truncated, "Marker": _token(start + size) if truncated else None}
        return ActionResult({**result, key: items[start : start + size], **paging})

    setattr(IamResponse, name, paged)


def apply() -> None:
    """Mend it."""
    for name, key in _EC2.items():
        _page_ec2(name, key)
    for name, key in _IAM.items():
        _page_iam(name, key)
