"""What else a caller must be allowed for a call: to pass a role to the service, and to make its own role.

What else the call touches is told by `resources`.

The passing of roles in the bodies of S3 and of instance profiles is not looked at.
"""

from __future__ import annotations

from typing import Any

from localaws import service_roles
from localaws.front.operations import Operation
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
_OWN_ROLE = {("access-analyzer", "CreateAnalyzer"): "access-analyzer.amazonaws.com"}


def _text(params: Any, path: tuple[str, ...]) -> str | None:
    for part in path:
        params = params.get(part) if isinstance(params, dict) else None
    return params if isinstance(params, str) and params else None


def further(operation: Operation, account: str, region: str) -> list[dict[str, Any]]:
    """Actions with resource and condition keys; `unless_role` says by whose existence one is not needed."""
    return [*_roles(operation, account), *also(operation, account, region)]


def _roles(operation: Operation, account: str) -> list[dict[str, Any]]:
    asked = (operation.service, operation.name)
    if asked in _PASSED:
        path, service = _PASSED[asked]
        if arn := _text(operation.params, path):
            return [{"action": "iam:PassRole", "resource": arn, "context": {"iam:passedtoservice": service}}]
    if asked in _OWN_ROLE:
        arn = f"arn:aws:iam::{account}:role{service_roles.path_of(_OWN_ROLE[asked])}"
        context = {"iam:awsservicename": _OWN_ROLE[asked]}
        own = {"action": "iam:CreateServiceLinkedRole", "resource": arn, "context": context}
        return [{**own, "unless_role": arn}]
    return []
