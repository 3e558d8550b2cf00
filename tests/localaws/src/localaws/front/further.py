"""What else a caller must be allowed for a call: to pass a role to the service, to make its own role, and to
read the template of a conformance pack.

What else the call touches is told by `resources`.

The passing of roles in the bodies of S3 and of instance profiles is not looked at.
"""

from __future__ import annotations

from typing import Any

from localaws import service_roles
from localaws.front.errors import error
from localaws.front.operations import Operation
from localaws.front.request import Request, Response
from localaws.front.resources import also

_PASSED: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("cloudtrail", "CreateTrail"): (("CloudWatchLogsRoleArn",), "cloudtrail.amazonaws.com"),
    ("cloudtrail", "UpdateTrail"): (("CloudWatchLogsRoleArn",), "cloudtrail.amazonaws.com"),
    ("config", "PutConfigurationRecorder"): (("ConfigurationRecorder", "roleARN"), "config.amazonaws.com"),
    ("ec2", "CreateFlowLogs"): (("DeliverLogsPermissionArn",), "vpc-flow-logs.amazonaws.com"),
    ("rds", "CreateDBCluster"): (("MonitoringRoleArn",), "monitoring.rds.amazonaws.com"),
    ("rds", "CreateDBInstance"): (("MonitoringRoleArn",), "monitoring.rds.amazonaws.com"),
    ("rds", "ModifyDBCluster"): (("MonitoringRoleArn",), "monitoring.rds.amazonaws.com"),
    ("rds", "ModifyDBInstance"): (("MonitoringRoleArn",), "monitoring.rds.amazonaws.com"),
}
_ROLE_REFUSED = {
    ("config", "PutConformancePack"): (
        400,
        "InsufficientPermissionsException",
        "You do not have permission to call IAM GetRole action or create a service-linked role.",
    ),
    ("inspector2", "Enable"): (
        403,
        "AccessDeniedException",
        "Invoking account is not authorized to perform iam:CreateServiceLinkedRole",
    ),
}
"""How services tell that the caller may not make their role; others tell IAM's refusal."""


def _text(params: Any, path: tuple[str, ...]) -> str | None:
    for part in path:
        params = params.get(part) if isinstance(params, dict) else None
    return params if isinstance(params, str) and params else None


def further(operation: Operation, account: str, region: str) -> list[dict[str, Any]]:
    """Actions with resource and condition keys; `unless_role` says by whose existence one is not needed."""
    return [*_roles(operation, account), *_template(operation), *also(operation, account, region)]


def _roles(operation: Operation, account: str) -> list[dict[str, Any]]:
    asked = (operation.service, operation.name)
    if asked in _PASSED:
        path, service = _PASSED[asked]
        if arn := _text(operation.params, path):
            return [{"action": "iam:PassRole", "resource": arn, "context": {"iam:passedtoservice": service}}]
    return [_own_role(account, principal) for principal in service_roles.MADE_BY.get(asked, ())]


def _own_role(account: str, principal: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account}:role{service_roles.path_of(principal)}"
    context = {"iam:awsservicename": principal}
    own = {"action": "iam:CreateServiceLinkedRole", "resource": arn, "context": context}
    return {**own, "unless_role": arn}


def _template(operation: Operation) -> list[dict[str, Any]]:
    address = operation.text("TemplateS3Uri") or ""
    if operation.name != "PutConformancePack" or not address.startswith("s3://"):
        return []
    resource = f"arn:aws:s3:::{address.removeprefix('s3://')}"
    return [{"action": "s3:GetObject", "resource": resource, "context": {}}]


def role_refused(request: Request, operation: Operation, action: str) -> Response | None:
    """The service's own words for a caller that may not make its role, where it has some."""
    told = _ROLE_REFUSED.get((operation.service, operation.name))
    return error(request, *told) if told and action == "iam:CreateServiceLinkedRole" else None
