"""The resource of a call to RDS, KMS, EFS, Logs, CloudTrail, Auto Scaling or EC2, and what else it touches.

By the Service Authorization Reference: a call that names several resources must be allowed on each, and one
that tags what it makes must be allowed to tag. What only moto's side knows (the key behind an alias, the
file system of a mount target) it puts in (`principals.real_arn`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localaws.front.operations import Operation
from localaws.world import MANAGEMENT, ORGANIZATION

_EC2 = (
    ("NetworkInterfaceId", "network-interface"),
    ("GroupId", "security-group"),
    ("InstanceId", "instance"),
    ("InstanceSpecification.InstanceId", "instance"),
    ("VolumeId", "volume"),
    ("SubnetId", "subnet"),
    ("VpcId", "vpc"),
    ("NetworkAclId", "network-acl"),
    ("PrefixListId", "prefix-list"),
    ("FlowLogId.1", "vpc-flow-log"),
)
_EC2_IDS = {
    "acl": "network-acl",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "pl": "prefix-list",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
_GROUPS = (("DBSubnetGroupName", "subgrp"), ("DBParameterGroupName", "pg"), ("OptionGroupName", "og"))
_INSTANCE, _SNAPSHOT = ("DBInstanceIdentifier", "db"), ("DBSnapshotIdentifier", "snapshot")
_RDS: dict[str, tuple[tuple[str, str], ...]] = {
    "CopyDBSnapshot": (
        ("TargetDBSnapshotIdentifier", "snapshot"),
        ("SourceDBSnapshotIdentifier", "snapshot"),
    ),
    "CreateDBInstance": (_INSTANCE, *_GROUPS),
    "CreateDBSnapshot": (_INSTANCE, _SNAPSHOT),
    "DeleteDBSnapshot": (_SNAPSHOT,),
    "DescribeDBParameterGroups": (("DBParameterGroupName", "pg"),),
    "DescribeDBSnapshots": (_SNAPSHOT, _INSTANCE),
    "DescribeDBSubnetGroups": (("DBSubnetGroupName", "subgrp"),),
    "DescribeOptionGroups": (("OptionGroupName", "og"),),
    "ModifyDBInstance": (_INSTANCE, *_GROUPS),
    "RestoreDBInstanceFromDBSnapshot": (_INSTANCE, _SNAPSHOT, *_GROUPS),
}
_RDS_OTHERS = (_INSTANCE, ("DBClusterIdentifier", "cluster"))
_TAGS = {
    "cloudtrail": ("TagsList", "cloudtrail:AddTags"),
    "elasticfilesystem": ("Tags", "elasticfilesystem:TagResource"),
    "kms": ("Tags", "kms:TagResource"),
    "logs": ("tags", "logs:TagResource"),
}

_HUB = "securityhub.amazonaws.com"
_DESCRIBES = {"DescribeOrganization": ""}
_OF_ORGANIZATIONS = {
    "DisableOrganizationAdminAccount": _DESCRIBES,
    "EnableOrganizationAdminAccount": {
        **_DESCRIBES,
        "EnableAWSServiceAccess": _HUB,
        "RegisterDelegatedAdministrator": _HUB,
    },
    "ListOrganizationAdminAccounts": _DESCRIBES,
}
"""What calls to Security Hub need of Organizations, and for which service."""


def ec2_resource(operation: Operation, account: str, region: str) -> str | None:
    """What an EC2 call names first."""
    arn = f"arn:aws:ec2:{region}:{account}"
    if (given := operation.text("ResourceId.1")) and (kind := _EC2_IDS.get(given.partition("-")[0])):
        return f"{arn}:{kind}/{given}"
    for key, kind in _EC2:
        if value := operation.text(key):
            return f"{arn}:{kind}/{value}"
    if snapshot := operation.text("SnapshotId"):
        return f"arn:aws:ec2:{region}::snapshot/{snapshot}"
    return None


def _rds_all(operation: Operation, account: str, region: str) -> list[str]:
    found = []
    for key, kind in _RDS.get(operation.name, _RDS_OTHERS):
        if value := operation.text(key):
            found.append(
                value if value.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{value}"
            )
    return found


def rds_resource(operation: Operation, account: str, region: str) -> str | None:
    """What an RDS call names first; to describe without a name is to describe all."""
    if found := _rds_all(operation, account, region):
        return found[0]
    kinds = {"DescribeDBInstances": "db", "DescribeDBClusters": "cluster"}
    if operation.name in _RDS and operation.name.startswith("Describe"):
        kinds[operation.name] = _RDS[operation.name][0][1]
    if kind := kinds.get(operation.name):
        return f"arn:aws:rds:{region}:{account}:{kind}:*"
    return operation.text("ResourceName")


def kms_resource(operation: Operation, account: str, region: str) -> str | None:
    """The key, by whatever name it is called."""
    if operation.name == "CreateKey":
        return "*"
    name = next(filter(None, map(operation.text, ("KeyId", "TargetKeyId", "AliasName"))), None)
    if name is None or name.startswith("arn:"):
        return name
    kind = "" if name.startswith("alias/") else "key/"
    return f"arn:aws:kms:{region}:{account}:{kind}{name}"


def efs_resource(operation: Operation, account: str, region: str) -> str | None:
    """The file system; of a mount target, the mount target's."""
    arn = f"arn:aws:elasticfilesystem:{region}:{account}"
    if mount_target := operation.text("MountTargetId"):
        return f"{arn}:mount-target/{mount_target}"
    name = operation.text("FileSystemId") or operation.text("ResourceId") or "*"
    return name if name.startswith("arn:") else f"{arn}:file-system/{name}"


def logs_resource(operation: Operation, account: str, region: str) -> str | None:
    """The log group in the form in which IAM knows it, unless tags are at stake."""
    if arn := operation.text("resourceArn"):
        return arn
    group, stream = operation.text("logGroupName") or "", operation.text("logStreamName") or ""
    return f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"


def cloudtrail_resource(operation: Operation, account: str, region: str) -> str | None:
    """The trail."""
    names = operation.params.get("ResourceIdList") or [None]
    keys = ("Name", "TrailName", "ResourceId")
    name = next(filter(None, map(operation.text, keys)), names[0])
    if not name or name.startswith("arn:"):
        return name
    return f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"


def autoscaling_resource(operation: Operation, account: str, region: str) -> str | None:
    """The Auto Scaling group, whose ARN has an id that no call names."""
    name = operation.text("AutoScalingGroupName")
    return (
        f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}"
        if name
        else None
    )


def _need(action: str, resource: str, **context: str) -> dict[str, Any]:
    return {"action": action, "resource": resource, "context": context}


def _also_ec2(operation: Operation, account: str, region: str) -> Iterator[dict[str, Any]]:
    arn = f"arn:aws:ec2:{region}:{account}"
    snapshots = f"arn:aws:ec2:{region}::snapshot/*"
    further = {
        "CreateFlowLogs": [f"{arn}:vpc-flow-log/*"],
        "CreateSecurityGroup": [f"{arn}:security-group/*"],
        "CreateSnapshots": [f"{arn}:volume/*", snapshots],
    }
    for resource in further.get(operation.name, []):
        yield _need(f"ec2:{operation.name}", resource)
    for key, kind in operation.params.items():
        if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", key):
            on = snapshots if kind == "snapshot" else f"{arn}:{kind}/*"
            yield _need("ec2:CreateTags", on, **{"ec2:createaction": operation.name})
        if operation.name == "ModifyNetworkInterfaceAttribute" and key.startswith("SecurityGroupId."):
            yield _need("ec2:ModifyNetworkInterfaceAttribute", f"{arn}:security-group/{kind}")
        if operation.name == "ModifySecurityGroupRules":
            if key.endswith(".SecurityGroupRuleId"):
                yield _need("ec2:ModifySecurityGroupRules", f"{arn}:security-group-rule/{kind}")
            elif key.endswith(".PrefixListId"):
                yield _need("ec2:ModifySecurityGroupRules", f"{arn}:prefix-list/{kind}")


def _also_rds(operation: Operation, account: str, region: str) -> Iterator[dict[str, Any]]:
    named = _rds_all(operation, account, region)
    if not operation.name.startswith("Describe"):
        for resource in named[1:]:
            yield _need(f"rds:{operation.name}", resource)
    final = operation.text("FinalDBSnapshotIdentifier")
    if named and final:
        yield _need("rds:CreateDBSnapshot", named[0])
        yield _need("rds:CreateDBSnapshot", f"arn:aws:rds:{region}:{account}:snapshot:{final}")
    if operation.name != "AddTagsToResource" and any(key.startswith("Tags.") for key in operation.params):
        made = named[-1] if operation.name == "CreateDBSnapshot" else named[0]
        yield _need("rds:AddTagsToResource", made)


def also(operation: Operation, account: str, region: str) -> list[dict[str, Any]]:
    """The further actions and resources that a call must be allowed, with their own condition keys."""
    found: list[dict[str, Any]] = []
    match operation.service:
        case "ec2":
            found += _also_ec2(operation, account, region)
        case "rds":
            found += _also_rds(operation, account, region)
        case "securityhub" if operation.name == "BatchImportFindings":
            findings = operation.params.get("Findings") or []
            arns = dict.fromkeys(one.get("ProductArn") for one in findings if isinstance(one, dict))
            found += [_need("securityhub:BatchImportFindings", arn) for arn in list(arns)[1:] if arn]
        case "securityhub" if operation.name in _OF_ORGANIZATIONS:
            accounts = f"arn:aws:organizations::{MANAGEMENT}:account/{ORGANIZATION}"
            admin = f"{accounts}/{operation.text('AdminAccountId')}"
            for name, principal in _OF_ORGANIZATIONS[operation.name].items():
                on = admin if name == "RegisterDelegatedAdministrator" else "*"
                context = {"organizations:serviceprincipal": principal} if principal else {}
                found.append(_need(f"organizations:{name}", on, **context))
        case "sts" if operation.text("SourceIdentity"):
            found.append(_need("sts:SetSourceIdentity", operation.text("RoleArn") or "*"))
        case "kms" if alias := operation.text("AliasName"):
            found.append(_need(f"kms:{operation.name}", f"arn:aws:kms:{region}:{account}:{alias}"))
    key, action = _TAGS.get(operation.service, ("", ""))
    if operation.name.startswith("Create") and operation.params.get(key):
        makes = {"cloudtrail": cloudtrail_resource, "elasticfilesystem": efs_resource}.get(operation.service)
        if makes is not None:
            made = makes(operation, account, region)
        elif operation.service == "logs":
            made = f"arn:aws:logs:{region}:{account}:log-group:{operation.text('logGroupName')}"
        else:
            made = f"arn:aws:kms:{region}:{account}:key/*"
        found.append(_need(action, made or "*"))
    return found
