"""Who is behind an access key of a member account, and which policies bind them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from moto.efs.models import efs_backends
from moto.iam.models import IAMBackend, Role, iam_backends
from moto.sts.models import sts_backends

from localaws.moto.keys import key_named


@dataclass(frozen=True)
class Principal:
    """A caller: identity policies, and the sets of policies that limit them."""

    arn: str
    account: str
    policies: list[str] = field(default_factory=list)
    limits: list[list[str]] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    role_arn: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    """What CloudTrail tells beside the ARN."""


def root(account: str) -> Principal:
    """The account itself."""
    return Principal(f"arn:aws:iam::{account}:root", account)


def account_of_key(access_key: str) -> str | None:
    """The account whose backend issued a key."""
    for account, backend in list(iam_backends.items()):
        if access_key in backend["aws"].access_keys:
            return account
    return None


def _document(policy: Any) -> str:
    """The text of what moto keeps as an inline or a managed policy."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, dict):
        # CloudFormation gives the document itself.
        document = policy.get("policy_document", policy)
        return document if isinstance(document, str) else json.dumps(document)
    return next(version.document for version in policy.versions if version.is_default)


def _boundary(backend: IAMBackend, arn: str | None) -> list[list[str]]:
    if not arn:
        return []
    policy = backend.managed_policies.get(arn)
    return [[_document(policy)] if policy else []]


def policies_of(role: Role) -> list[str]:
    """The texts of a role's policies."""
    return [_document(policy) for policy in [*role.policies.values(), *role.managed_policies.values()]]


def _user(backend: IAMBackend, account: str, access_key: str) -> Principal | None:
    for user in list(backend.users.values()):
        key = next((k for k in user.access_keys if k.access_key_id == access_key), None)
        if key is None or key.status != "Active":
            continue
        found = [*user.policies.values(), *user.managed_policies.values()]
        for group in backend.get_groups_for_user(user.name):
            found += [*group.policies.values(), *group.managed_policies.values()]
        keys = {"aws:username": user.name, "aws:userid": user.id, "aws:principaltype": "User"}
        boundary = _boundary(backend, getattr(user, "permissions_boundary_arn", None))
        documents = [_document(p) for p in found]
        return Principal(user.arn, account, documents, boundary, keys, identity={"principalId": user.id})
    return None


def _session(backend: IAMBackend, account: str, access_key: str) -> Principal | None:
    session = sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)
    if session is None:
        return None
    role = next((r for r in backend.roles.values() if r.arn == session.role_arn), None)
    if role is None:
        return None
    limits = _boundary(backend, role.permissions_boundary_arn)
    if session.policy:
        limits.append([session.policy])
    keys = {"aws:userid": session.user_id, "aws:principaltype": "AssumedRole"}
    identity = {
        "principalId": session.user_id,
        "issuer": {"principalId": role.id, "arn": role.arn, "userName": role.name},
        "creationDate": getattr(session, "created", None),
        "sourceIdentity": getattr(session, "source_identity", None),
    }
    return Principal(session.arn, account, policies_of(role), limits, keys, role.arn, identity)


def resolve(account: str, access_key: str) -> Principal | None:
    """The principal, or None when the key or what it stood for is gone or inactive."""
    backend = iam_backends[account]["aws"]
    return _session(backend, account, access_key) or _user(backend, account, access_key)


def _behind(account: str, resource: str | None) -> str | None:
    """The key that an alias stands for, and the file system of a mount target."""
    _, _, service, region, _, name = [*(resource or "").split(":", 5), *[""] * 6][:6]
    if service == "kms" and name.startswith("alias/"):
        key = key_named(name, account, region)
        return key.arn if key else resource
    if service == "elasticfilesystem" and name.startswith("mount-target/"):
        target = efs_backends[account][region].mount_targets_by_id.get(name.partition("/")[2])
        return (
            f"{resource.partition('mount-target/')[0]}file-system/{target.file_system_id}" if target else None
        )
    return resource


def real_arn(account: str, resource: str | None) -> str | None:
    """The ARN of an IAM resource with its path, which a request does not carry."""
    if resource is None or not resource.startswith(f"arn:aws:iam::{account}:"):
        return _behind(account, resource)
    kind, _, name = resource.split(":")[5].partition("/")
    backend = iam_backends[account]["aws"]
    by_name: dict[str, Any] = {"user": backend.users, "group": backend.groups}.get(kind, {})
    if kind == "role":
        by_name = {role.name: role for role in backend.roles.values()}
    elif kind == "server-certificate":
        by_name = {certificate.cert_name: certificate for certificate in backend.certificates.values()}
    elif kind == "instance-profile":
        by_name = backend.instance_profiles
    elif kind == "access-key":
        # A key stands for its user, on whom what is done with it must be allowed.
        by_name = {key.access_key_id: user for user in backend.users.values() for key in user.access_keys}
    thing = by_name.get(name)
    return thing.arn if thing is not None else resource
