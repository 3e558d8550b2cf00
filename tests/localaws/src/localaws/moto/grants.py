"""What AWS looks at before a service writes into a bucket, uses a key or takes on a role in its own name."""

from __future__ import annotations

from typing import Any

from moto.iam.models import Role, iam_backends
from moto.kms.models import Key
from moto.s3.models import FakeBucket, s3_backends

from localaws.moto.principals import policies_of
from localaws.policy import decide, lets_service


def _context(service: str, source: str, account: str, **more: Any) -> dict[str, Any]:
    return {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:securetransport": "true",
        "aws:sourceaccount": account,
        "aws:sourcearn": source,
        **more,
    }


def bucket_named(name: str) -> FakeBucket | None:
    """A bucket of any account."""
    owner = s3_backends.bucket_accounts.get(name)
    return s3_backends[owner[1]][owner[0]].buckets.get(name) if owner else None


def bucket_lets(
    bucket: FakeBucket, service: str, action: str, source: str, account: str, key: str | None = None
) -> bool:
    """Whether a bucket's policy lets a service act for the resource `source` of an account."""
    resource = bucket.arn if key is None else f"{bucket.arn}/{key}"
    context = _context(service, source, account, **{"s3:x-amz-acl": "bucket-owner-full-control"})
    return bucket.policy is not None and lets_service(bucket.policy, service, action, resource, context)


def key_lets(key: Key, service: str, action: str, source: str, account: str, **more: str) -> bool:
    """Whether a key's policy lets a service use it for the resource `source` of an account."""
    return lets_service(key.policy, service, action, key.arn, _context(service, source, account, **more))


def role_named(arn: str) -> Role | None:
    """A role by its ARN."""
    account = [*arn.split(":"), *[""] * 5][4]
    if account not in iam_backends:
        return None
    return next((role for role in iam_backends[account]["aws"].roles.values() if role.arn == arn), None)


def role_lets(role: Role, service: str, source: str, account: str) -> bool:
    """Whether a service may take on a role."""
    context = _context(service, source, account)
    return lets_service(role.assume_role_policy_document, service, "sts:AssumeRole", None, context)


def role_may(role: Role, action: str, resource: str) -> bool:
    """Whether a role's own policies allow something."""
    return decide(policies_of(role), [], action, resource, {"aws:securetransport": "true"}).allowed
