"""From an API operation to its IAM action, the resource it touches and the condition keys it carries.

MiniStack does this for the services it serves; this table is for the requests that go to moto. A resource
that cannot be read off the request is None ("some resource"), which the evaluator treats leniently and
marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from localaws import recorders
from localaws.front import resources
from localaws.front.iam_resources import iam_resource
from localaws.front.operations import Operation
from localaws.front.request_tags import request_tags
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
    r"|tag:\w+|autoscaling:Describe\w+"
    r"|organizations:(DescribeOrganization|(En|Dis)ableAWSServiceAccess"
    r"|List(Accounts|AWSServiceAccessForOrganization|Roots|DelegatedAdministrators))"
    r"|(cloudtrail:LookupEvents|config:GetDiscoveredResourceCounts)"
    r"|access-analyzer:ListAnalyzers"
    r"|guardduty:(Create|List)Detectors?|(auditmanager|inspector2|macie2):\w+"
    r"|config:DescribeConformancePack(s|Status)"
    r"|(config:(PutConfigurationRecorder|(Put|Delete)DeliveryChannel|DescribeDeliveryChannel\w+)"
    r"|securityhub:(CreateFindingAggregator|ListFindingAggregators|ListConfigurationPolicyAssociations)"
    r"|elasticloadbalancing:Describe(?!Tags)\w+|cloudfront:List(?!TagsForResource)\w+)"
)


def action_of(operation: Operation) -> str:
    """The IAM action, as `service:Name`."""
    prefix = _PREFIXES.get(operation.service, operation.service)
    return f"{prefix}:{_NAMES.get(operation.service, {}).get(operation.name, operation.name)}"


def _s3(operation: Operation, *_: str) -> str | None:
    bucket, key = operation.text("Bucket"), operation.text("Key")
    if not bucket:
        return None
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _account(operation: Operation, account: str, _: str) -> str:
    """The account itself, or one of the organization in whose stead the management account asks."""
    if target := operation.text("AccountId"):
        return f"arn:aws:account::{MANAGEMENT}:account/{ORGANIZATION}/{target}"
    return f"arn:aws:account::{account}:account"


def _config(operation: Operation, account: str, region: str) -> str | None:
    """Of recorders, where to ask for all is to ask for any, and of conformance packs."""
    if pack := operation.text("ConformancePackName"):
        return recorders.pack_arn_of(account, region, pack)
    if "ConfigurationRecorder" not in operation.name:
        return operation.text("ResourceArn")
    names = operation.params.get("ConfigurationRecorderNames") or ["*"]
    name = operation.text("ConfigurationRecorderName") or names[0]
    if name == "*":
        return f"arn:aws:config:{region}:{account}:configuration-recorder/*/*"
    return recorders.arn_of(account, region, name)


def _cloudfront(operation: Operation, account: str, _: str) -> str | None:
    name = operation.text("Id")
    return f"arn:aws:cloudfront::{account}:distribution/{name}" if name else None


def _access_analyzer(operation: Operation, account: str, region: str) -> str | None:
    name = operation.text("analyzerName")
    return (
        f"arn:aws:access-analyzer:{region}:{account}:analyzer/{name}"
        if name
        else operation.text("resourceArn") or operation.text("analyzerArn")
    )


def _guardduty(operation: Operation, account: str, region: str) -> str | None:
    name = operation.text("DetectorId")
    return f"arn:aws:guardduty:{region}:{account}:detector/{name}" if name else None


def _organizations(operation: Operation, *_: str) -> str | None:
    for key in ("AccountId", "OrganizationalUnitId", "ParentId", "ChildId"):
        if name := operation.text(key):
            kind = {"o": "ou", "r": "root"}.get(name[0], "account")
            return f"arn:aws:organizations::{MANAGEMENT}:{kind}/{ORGANIZATION}/{name}"
    return None


def _securityhub(operation: Operation, account: str, region: str) -> str | None:
    if operation.name == "BatchImportFindings":
        findings = operation.params.get("Findings") or [{}]
        return findings[0].get("ProductArn") if isinstance(findings[0], dict) else None
    if operation.name.endswith("FindingAggregator"):
        return operation.text("FindingAggregatorArn")
    hub = "hubv2/local" if operation.name.endswith("V2") else "hub/default"
    return f"arn:aws:securityhub:{region}:{account}:{hub}"


_RESOURCES: dict[str, Callable[[Operation, str, str], str | None]] = {
    "access-analyzer": _access_analyzer,
    "account": _account,
    "autoscaling": resources.autoscaling_resource,
    "cloudfront": _cloudfront,
    "cloudtrail": resources.cloudtrail_resource,
    "config": _config,
    "ec2": resources.ec2_resource,
    "elasticfilesystem": resources.efs_resource,
    "guardduty": _guardduty,
    "iam": lambda operation, account, _: iam_resource(operation, account),
    "kms": resources.kms_resource,
    "logs": resources.logs_resource,
    "organizations": _organizations,
    "rds": resources.rds_resource,
    "s3": _s3,
    "securityhub": _securityhub,
    "sts": lambda operation, *_: operation.text("RoleArn") or "*",
}


def resource_of(operation: Operation, account: str, region: str) -> str | None:
    """The ARN of what is touched, "*" for an action without resources, None when it cannot be told."""
    if _RESOURCELESS.fullmatch(action_of(operation)):
        return "*"
    told = _RESOURCES.get(operation.service)
    return told(operation, account, region) if told else operation.text("ResourceArn")


def context_of(operation: Operation, region: str) -> dict[str, Any]:
    """The condition keys which the request itself carries, in lower case."""
    context: dict[str, Any] = {"aws:requestedregion": region, "aws:securetransport": "true"}
    carried = {
        "account:targetregion": "RegionName",
        "iam:awsservicename": "AWSServiceName",
        "iam:policyarn": "PolicyArn",
        "iam:permissionsboundary": "PermissionsBoundary",
        "organizations:serviceprincipal": "ServicePrincipal",
        "sts:externalid": "ExternalId",
        "sts:rolesessionname": "RoleSessionName",
        "sts:sourceidentity": "SourceIdentity",
    }
    for key, name in carried.items():
        if value := operation.text(name):
            context[key] = value
    if tags := request_tags(operation.params):
        context["aws:tagkeys"] = list(tags)
        context |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    if operation.name == "BatchImportFindings":
        findings = operation.params.get("Findings") or []
        accounts = {one.get("AwsAccountId") for one in findings if isinstance(one, dict)}
        context["securityhub:targetaccount"] = sorted(filter(None, accounts))
    if operation.name == "CreateFileSystem":
        context["elasticfilesystem:encrypted"] = str(bool(operation.params.get("Encrypted"))).lower()
    if operation.service == "account" and (kind := operation.text("AlternateContactType")):
        context["account:alternatecontacttypes"] = [kind]
    return context
