"""What a trail needs to work, which CloudTrail looks at when a trail is made or changed and moto does not.

- The bucket exists, in whatever account, and lets CloudTrail read its ACL and write below the trail's
  prefix.
- The key exists, in the bucket's region, and lets CloudTrail describe it and make data keys. It is told by
  its ARN.
- The log group and the role exist, CloudTrail may take the role on, and the role may write to the group.
"""

from __future__ import annotations

from collections.abc import Set

from moto.cloudtrail.models import Trail
from moto.core.exceptions import JsonRESTError
from moto.logs.models import logs_backends

from localaws.moto import grants
from localaws.moto.keys import key_named
from localaws.world import ORGANIZATION

_SERVICE = "cloudtrail.amazonaws.com"
_BUCKET = frozenset({"s3_bucket_name", "s3_key_prefix", "is_organization_trail"})
_LOGS = frozenset({"cw_log_group_arn", "cw_role_arn"})
EVERYTHING = _BUCKET | _LOGS | {"kms_key_id"}


def check(trail: Trail, changed: Set[str]) -> None:
    """Refuse a trail that could not work, as far as something of it changed."""
    if changed & _BUCKET:
        _check_bucket(trail)
    if "kms_key_id" in changed:
        trail.kms_key_id = _key_arn(trail) if trail.kms_key_id else None
    if changed & _LOGS:
        _check_logs(trail)


def _check_bucket(trail: Trail) -> None:
    bucket = grants.bucket_named(trail.bucket_name)
    if bucket is None:
        message = f"S3 bucket {trail.bucket_name} does not exist!"
        raise JsonRESTError("S3BucketDoesNotExistException", message)
    prefix = f"{trail.s3_key_prefix}/AWSLogs" if trail.s3_key_prefix else "AWSLogs"
    keys = [f"{prefix}/{trail.account_id}/CloudTrail/{trail.region_name}/log"]
    if trail.is_org_trail:
        keys.append(f"{prefix}/{ORGANIZATION}/{trail.account_id}/CloudTrail/{trail.region_name}/log")
    source = (_SERVICE, trail.arn, trail.account_id)

    def lets(action: str, key: str | None = None) -> bool:
        service, arn, account = source
        return grants.bucket_lets(bucket, service, action, arn, account, key)

    if not lets("s3:GetBucketAcl") or not all(lets("s3:PutObject", key) for key in keys):
        message = f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket_name}"
        raise JsonRESTError("InsufficientS3BucketPolicyException", message)


def _key_arn(trail: Trail) -> str:
    bucket = grants.bucket_named(trail.bucket_name)
    region = bucket.region_name if bucket else trail.region_name
    key = key_named(trail.kms_key_id, trail.account_id, region)
    if key is None:
        message = f"KMS key {trail.kms_key_id} does not exist or is not in the region of the trail's bucket."
        raise JsonRESTError("KmsKeyDoesNotExistException", message)
    if key.key_state != "Enabled":
        raise JsonRESTError("KmsException", f"{key.arn} is {key.key_state}.")
    wanted = (
        ("kms:GenerateDataKey", {"kms:encryptioncontext:aws:cloudtrail:arn": trail.arn}),
        ("kms:DescribeKey", {}),
    )
    for action, more in wanted:
        if not grants.key_lets(key, _SERVICE, action, trail.arn, trail.account_id, **more):
            message = f"Insufficient permissions to access KMS key {trail.kms_key_id} for {trail.arn}."
            raise JsonRESTError("InsufficientEncryptionPolicyException", message)
    return key.arn


def _check_logs(trail: Trail) -> None:
    group, role_arn = trail.cw_log_group_arn, trail.cw_role_arn
    if not group and not role_arn:
        return
    name = (group or "").removesuffix(":*").rpartition(":log-group:")[2]
    if not group or name not in logs_backends[trail.account_id][trail.region_name].groups:
        message = "Access denied. Check the permissions for your role, and that the log group exists."
        raise JsonRESTError("InvalidCloudWatchLogsLogGroupArnException", message)
    role = grants.role_named(role_arn or "")
    stream = f"{group.removesuffix(':*')}:log-stream:{trail.account_id}_CloudTrail_{trail.region_name}"
    if (
        role is None
        or not grants.role_lets(role, _SERVICE, trail.arn, trail.account_id)
        or not all(
            grants.role_may(role, f"logs:{name}", stream) for name in ("CreateLogStream", "PutLogEvents")
        )
    ):
        message = "Access denied. Verify in IAM that the role has adequate permissions."
        raise JsonRESTError("InvalidCloudWatchLogsRoleArnException", message)
