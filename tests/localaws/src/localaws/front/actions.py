"""From an API operation to its IAM action, the resource it touches and the condition keys it carries.

MiniStack does this for the services it serves; this table is for the requests that go to moto. A resource
that cannot be read off the request is None ("some resource"), which the evaluator treats leniently and
marks.
"""

from __future__ import annotations

import re
from typing import Any

from localaws.front.operations import Operation
from localaws.world import MANAGEMENT, ORGANIZATION

_PREFIXES = {"monitoring": "cloudwatch", "s3control": "s3", "tagging": "tag"}

_S3 = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
_S3CONTROL = {
    "DeletePublicAccessBlock": "PutAccountPublicAccessBlock",
    "GetPublicAccessBlock": "GetAccountPublicAccessBlock",
    "PutPublicAccessBlock": "PutAccountPublicAccessBlock",
}
_NAMES = {
    "lambda": {"Invoke": "InvokeFunction"},
    "s3": _S3,
    "s3control": _S3CONTROL,
    # The operations of V2 are allowed by the actions of the older ones.
    "securityhub": {"BatchUpdateFindingsV2": "BatchUpdateFindings", "GetFindingsV2": "GetFindings"},
}

_RESOURCELESS = re.compile(
    r"ec2:(Describe\w+|Get(EbsDefaultKmsKeyId|EbsEncryptionByDefault|SnapshotBlockPublicAccessState)"
    r"|(En|Dis)able(EbsEncryptionByDefault|SnapshotBlockPublicAccess|ImageBlockPublicAccess)"
    r"|(Get|Modify)InstanceMetadataDefaults)"
    r"|s3:(ListAllMyBuckets|(Get|Put)AccountPublicAccessBlock)"
    r"|iam:(\w+AccountPasswordPolicy|\w+CredentialReport|GetAccountSummary|\w+AccountAlias(es)?)"
    r"|(cloudtrail:(DescribeTrails|ListTrails)|kms:(ListKeys|ListAliases)|rds:DescribeDBEngineVersions)"
    r"|cloudwatch:(GetMetricData|GetMetricStatistics|ListMetrics|PutMetricData)"
    r"|tag:\w+"
    r"|organizations:(DescribeOrganization|List(Accounts|Roots|DelegatedAdministrators))"
    r"|(cloudtrail:LookupEvents|config:GetDiscoveredResourceCounts)"
)

_IAM_RESOURCES = (("UserName", "user"), ("GroupName", "group"), ("RoleName", "role"))
_EC2_RESOURCES = (
    ("GroupId", "security-group"),
    ("InstanceId", "instance"),
    ("VolumeId", "volume"),
    ("SubnetId", "subnet"),
    ("VpcId", "vpc"),
    ("NetworkAclId", "network-acl"),
    ("PrefixListId", "prefix-list"),
)


def action_of(operation: Operation) -> str:
    """The IAM action, as `service:Name`."""
    prefix = _PREFIXES.get(operation.service, operation.service)
    return f"{prefix}:{_NAMES.get(operation.service, {}).get(operation.name, operation.name)}"


def _s3(operation: Operation) -> str | None:
    bucket, key = operation.text("Bucket"), operation.text("Key")
    if not bucket:
        return None
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _iam(operation: Operation, account: str) -> str | None:
    for key, kind in _IAM_RESOURCES:
        if name := operation.text(key):
            return f"arn:aws:iam::{account}:{kind}/{name}"
    return operation.text("PolicyArn")


def _ec2(operation: Operation, account: str, region: str) -> str | None:
    for key, kind in _EC2_RESOURCES:
        if value := operation.text(key):
            return f"arn:aws:ec2:{region}:{account}:{kind}/{value}"
    if snapshot := operation.text("SnapshotId"):
        return f"arn:aws:ec2:{region}::snapshot/{snapshot}"
    return None


def _rds(operation: Operation, account: str, region: str) -> str | None:
    for key, kind in (("DBInstanceIdentifier", "db"), ("DBClusterIdentifier", "cluster")):
        if value := operation.text(key):
            return value if value.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{value}"
    return operation.text("ResourceName")


def _kms(operation: Operation, account: str, region: str) -> str | None:
    key = operation.text("KeyId") or ""
    if key.startswith("arn:"):
        return key if ":key/" in key else None
    return f"arn:aws:kms:{region}:{account}:key/{key}" if key and not key.startswith("alias/") else None


def _cloudtrail(operation: Operation, account: str, region: str) -> str | None:
    name = operation.text("Name") or operation.text("TrailName") or ""
    return (
        name if name.startswith("arn:") or not name else f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"
    )


def _organizations(operation: Operation) -> str | None:
    for key in ("AccountId", "OrganizationalUnitId", "ParentId", "ChildId"):
        if name := operation.text(key):
            kind = {"o": "ou", "r": "root"}.get(name[0], "account")
            return f"arn:aws:organizations::{MANAGEMENT}:{kind}/{ORGANIZATION}/{name}"
    return None


def _securityhub(operation: Operation, account: str, region: str) -> str | None:
    if operation.name == "BatchImportFindings":
        findings = operation.params.get("Findings") or [{}]
        return findings[0].get("ProductArn") if isinstance(findings[0], dict) else None
    hub = "hubv2/local" if operation.name.endswith("V2") else "hub/default"
    return f"arn:aws:securityhub:{region}:{account}:{hub}"


def resource_of(operation: Operation, account: str, region: str) -> str | None:
    """The ARN of what is touched, "*" for an action without resources, None when it cannot be told."""
    if _RESOURCELESS.fullmatch(action_of(operation)):
        return "*"
    match operation.service:
        case "s3":
            return _s3(operation)
        case "iam":
            return _iam(operation, account)
        case "ec2":
            return _ec2(operation, account, region)
        case "rds":
            return _rds(operation, account, region)
        case "kms":
            return _kms(operation, account, region)
        case "cloudtrail":
            return _cloudtrail(operation, account, region)
        case "securityhub":
            return _securityhub(operation, account, region)
        case "organizations":
            return _organizations(operation)
        case "sts":
            return operation.text("RoleArn") or "*"
    return operation.text("ResourceArn")


def context_of(operation: Operation, region: str) -> dict[str, Any]:
    """The condition keys which the request itself carries, in lower case."""
    context: dict[str, Any] = {"aws:requestedregion": region, "aws:securetransport": "true"}
    carried = {
        "iam:policyarn": "PolicyArn",
        "iam:permissionsboundary": "PermissionsBoundary",
        "sts:externalid": "ExternalId",
        "sts:rolesessionname": "RoleSessionName",
    }
    for key, name in carried.items():
        if value := operation.text(name):
            context[key] = value
    return context
