"""A recorder of Config, and the bucket that it needs."""

from __future__ import annotations

from typing import Any

from conftest import REGION, Local
from roles import document


def recorder_of(local: Local, account: str, **changes: Any) -> dict[str, Any]:
    """A recorder with the service-linked role, which is made."""
    role = f"arn:aws:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    iam = local.client("iam", account)
    if not iam.list_roles(PathPrefix="/aws-service-role/config.amazonaws.com/")["Roles"]:
        iam.create_service_linked_role(AWSServiceName="config.amazonaws.com")
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    return {"name": "default", "roleARN": role, "recordingGroup": group, **changes}


def bucket_of(local: Local, account: str) -> str:
    """A bucket that Config may write to."""
    name, s3 = f"config-{account}", local.client("s3", account)
    s3.create_bucket(Bucket=name)
    writes = {"Principal": {"Service": "config.amazonaws.com"}}
    owner = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account}}
    s3.put_bucket_policy(
        Bucket=name,
        Policy=document(
            {**writes, "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": f"arn:aws:s3:::{name}"},
            {
                **writes,
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{name}/AWSLogs/{account}/Config/*",
                "Condition": owner,
            },
        ),
    )
    return name


def record(local: Local, account: str, region: str = REGION) -> None:
    """Let Config record in a region."""
    config = local.client("config", account, region)
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account))
    config.put_delivery_channel(
        DeliveryChannel={"name": "default", "s3BucketName": bucket_of(local, account)}
    )
    config.start_configuration_recorder(ConfigurationRecorderName="default")
