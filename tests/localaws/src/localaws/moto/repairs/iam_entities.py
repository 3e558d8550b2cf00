"""Users, groups, roles and policies of IAM: what moto does otherwise.

- The quotas of attached policies, of a user's groups and of the size of inline policies are not kept.
- A policy that is attached twice counts twice.
- Groups, users and policies can be deleted while something hangs on them.
- A login profile has the date of its user, and never asks for another password.
- ListEntitiesForPolicy knows no pages, no unknown policy and no boundaries.
- ListGroups is not narrowed to a path, and a full last page of virtual devices is followed by another.
- The last use of another account's key is told.
- A role may be made that trusts a user or a role that is not there (the administrator's are not looked at).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam.exceptions import (
    DeleteConflictException,
    IAMException,
    LimitExceededException,
    MalformedPolicyDocument,
    NotFoundException,
)
from moto.iam.models import IAMBackend, User, iam_backends
from moto.iam.responses import IamResponse

from localaws.policy import as_list, statements
from localaws.world import ADMIN

_CAP = 100
_ATTACHED = 10
_GROUPS = 10
_INLINE = {"group": 5120, "role": 10240, "user": 2048}


class _AccessDenied(IAMException):
    code = "AccessDenied"


def _attach_within_quota(kind: str) -> None:
    def attach(self: IAMBackend, policy_arn: str, *name: str, **named: str) -> None:
        entity = getattr(self, f"get_{kind}")(*name, *named.values())
        policy = self.managed_policies.get(policy_arn)
        if policy is None:
            raise NotFoundException(f"Policy {policy_arn} does not exist or is not attachable.")
        if policy_arn in entity.managed_policies:
            return
        if len(entity.managed_policies) >= _ATTACHED:
            raise LimitExceededException(f"Cannot exceed quota for PoliciesPer{kind.title()}: {_ATTACHED}")
        policy.attach_to(entity)

    setattr(IAMBackend, f"attach_{kind}_policy", attach)


def _put_within_size(kind: str) -> None:
    put = getattr(IAMBackend, f"put_{kind}_policy")

    def put_policy(self: IAMBackend, *given: str, **named: str) -> None:
        name, policy_name, policy_json = (
            *given,
            *(named[k] for k in (f"{kind}_name", "policy_name", "policy_json") if k in named),
        )
        policies = {**getattr(self, f"get_{kind}")(name).policies, policy_name: policy_json}
        size = sum(len(re.sub(r"\s", "", text)) for text in policies.values())
        if size > _INLINE[kind]:
            raise LimitExceededException(
                f"Maximum policy size of {_INLINE[kind]} bytes exceeded for {kind} {name}"
            )
        put(self, name, policy_name, policy_json)

    setattr(IAMBackend, f"put_{kind}_policy", put_policy)


def _join_within_quota() -> None:
    join = IAMBackend.add_user_to_group

    def add_user_to_group(self: IAMBackend, group_name: str, user_name: str) -> None:
        groups = {group.name for group in self.get_groups_for_user(user_name)}
        if len(groups | {self.get_group(group_name).name}) > _GROUPS:
            raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {_GROUPS}")
        join(self, group_name, user_name)

    IAMBackend.add_user_to_group = add_user_to_group


def _hanging_on_user(backend: IAMBackend, name: str) -> Iterator[tuple[Any, str]]:
    user = backend.get_user(name)
    yield user.managed_policies, "must detach all policies first."
    yield user.policies, "must delete policies first."
    yield backend.get_groups_for_user(name), "must remove users from group first."
    yield user.access_keys, "must delete access keys first."
    yield user.mfa_devices, "must delete MFA device first."
    yield user.signing_certificates, "must delete signing certificates first."
    yield user.password, "must delete login profile first."


def _hanging_on_group(backend: IAMBackend, name: str) -> Iterator[tuple[Any, str]]:
    group = backend.get_group(name)
    yield group.users, "must remove users from group first."
    yield group.managed_policies, "must detach all policies first."
    yield group.policies, "must delete policies first."


def _keep_what_is_used(kind: str, hanging: Callable[[IAMBackend, str], Iterator[tuple[Any, str]]]) -> None:
    delete = getattr(IAMBackend, f"delete_{kind}")

    def delete_unused(self: IAMBackend, name: str) -> None:
        for things, remedy in hanging(self, name):
            if things:
                raise DeleteConflictException(f"Cannot delete entity, {remedy}")
        delete(self, name)

    setattr(IAMBackend, f"delete_{kind}", delete_unused)


def _keep_attached_policies() -> None:
    delete = IAMBackend.delete_policy

    def delete_policy(self: IAMBackend, policy_arn: str) -> None:
        policy = self.get_policy(policy_arn)
        if any(_entities(self, policy_arn, "PermissionsPolicy")):
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        delete(self, policy_arn)

    IAMBackend.delete_policy = delete_policy


def _profile(user: User) -> ActionResult:
    made = getattr(user, "login_profile_created", user.create_date)
    told = {"UserName": user.name, "CreateDate": made, "PasswordResetRequired": user.password_reset_required}
    return ActionResult({"LoginProfile": told})


def _date_login_profiles() -> None:
    create, update = IAMBackend.create_login_profile, IAMBackend.update_login_profile

    def create_dated(self: IAMBackend, user_name: str, password: str) -> User:
        user = create(self, user_name, password)
        user.login_profile_created = user.password_changed = utcnow()
        user.password_reset_required = False
        return user

    def update_dated(self: IAMBackend, user_name: str, password: str, reset: Any) -> User:
        user = self.get_login_profile(user_name)
        before = user.password, user.password_reset_required
        update(self, user_name, password or before[0], before[1] if reset is None else reset)
        if password:
            user.password_changed = utcnow()
        return user

    def create_login_profile(self: IamResponse) -> ActionResult:
        user = self.backend.create_login_profile(self._get_param("UserName"), self._get_param("Password"))
        user.password_reset_required = self._get_bool_param("PasswordResetRequired", False)
        return _profile(user)

    def get_login_profile(self: IamResponse) -> ActionResult:
        return _profile(self.backend.get_login_profile(self._get_param("UserName")))

    IAMBackend.create_login_profile = create_dated
    IAMBackend.update_login_profile = update_dated
    IamResponse.create_login_profile = create_login_profile
    IamResponse.get_login_profile = get_login_profile


def _has(entity: Any, arn: str, usage: str | None) -> bool:
    attached = usage != "PermissionsBoundary" and arn in entity.managed_policies
    bounded = usage != "PermissionsPolicy" and arn == getattr(entity, "permissions_boundary_arn", None)
    return attached or bounded


def _entities(backend: IAMBackend, arn: str, usage: str | None) -> Iterator[tuple[str, Any]]:
    """What has a policy, with its kind; groups before users before roles."""
    kinds = (("Group", backend.groups), ("User", backend.users), ("Role", backend.roles))
    for kind, entities in kinds:
        for entity in list(entities.values()):
            if _has(entity, arn, usage):
                yield kind, entity


def _page(self: IamResponse, items: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The items of the page which the request asks for, and what is said about the next."""
    size = min(self._get_int_param("MaxItems", _CAP), _CAP)
    marker = self._get_param("Marker")
    start = int(base64.urlsafe_b64decode(marker)) if marker else 0
    if start + size >= len(items):
        return items[start:], {"IsTruncated": False}
    following = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return items[start : start + size], {"IsTruncated": True, "Marker": following}


def list_entities_for_policy(self: IamResponse) -> ActionResult:
    policy = self.backend.get_policy(self._get_param("PolicyArn"))
    wanted, prefix = self._get_param("EntityFilter"), self._get_param("PathPrefix", "/")
    found = [
        (kind, entity)
        for kind, entity in _entities(self.backend, policy.arn, self._get_param("PolicyUsageFilter"))
        if wanted in (None, kind) and entity.path.startswith(prefix)
    ]
    page, paging = _page(self, found)
    told: dict[str, Any] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for kind, entity in page:
        told[f"Policy{kind}s"].append({f"{kind}Name": entity.name, f"{kind}Id": entity.id})
    return ActionResult({**told, **paging})


def list_virtual_mfa_devices(self: IamResponse) -> ActionResult:
    devices, _ = self.backend.list_virtual_mfa_devices(
        self._get_param("AssignmentStatus", "Any"), None, len(self.backend.virtual_mfa_devices) + 1
    )
    page, paging = _page(self, devices)
    return ActionResult({"VirtualMFADevices": page, **paging})


def give_root_a_device(backend: IAMBackend, kind: str) -> None:
    """Give the root user a second factor that is `virtual` or `hardware`, or `none`."""
    if kind not in ("hardware", "none", "virtual"):
        raise ValueError(f"no kind of device: {kind}")
    serial = f"arn:{backend.partition}:iam::{backend.account_id}:mfa/root-account-mfa-device"
    backend.virtual_mfa_devices.pop(serial, None)
    if kind == "virtual":
        device = backend.create_virtual_mfa_device("root-account-mfa-device", "/")
        device.enable_date = utcnow()
        root = f"arn:{backend.partition}:iam::{backend.account_id}:root"
        device.user = {"UserId": backend.account_id, "Arn": root, "CreateDate": device.enable_date}


def _is_there(arn: str) -> bool:
    """Whether there is the user or role of a principal; of others it is taken for granted."""
    account, kind = arn.split(":")[4], arn.split(":")[5].partition("/")[0]
    if account == ADMIN or account not in iam_backends or kind not in ("role", "user"):
        return True
    backend = iam_backends[account]["aws"]
    return arn in {entity.arn for entity in [*backend.roles.values(), *backend.users.values()]}


def _trust_only_who_is_there() -> None:
    create = IamResponse.create_role

    def create_role(self: IamResponse) -> ActionResult:
        try:
            trust = statements(self._get_param("AssumeRolePolicyDocument"))
        except ValueError:
            raise MalformedPolicyDocument("This policy contains invalid Json") from None
        for statement in trust:
            principal = statement.get("Principal", {})
            for arn in as_list(principal.get("AWS", [])) if isinstance(principal, dict) else []:
                if arn.startswith("arn:") and not _is_there(arn):
                    raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')
        return create(self)

    IamResponse.create_role = create_role


def _narrow_groups_to_a_path() -> None:
    listed = IamResponse.list_groups

    def list_groups(self: IamResponse) -> ActionResult:
        result: Any = listed(self).result
        prefix = self._get_param("PathPrefix", "/")
        return ActionResult({**result, "Groups": [g for g in result["Groups"] if g.path.startswith(prefix)]})

    IamResponse.list_groups = list_groups


def _tell_the_use_of_own_keys() -> None:
    def get_access_key_last_used(self: IAMBackend, access_key_id: str) -> dict[str, Any]:
        for user in list(self.users.values()):
            for key in user.access_keys:
                if key.access_key_id == access_key_id:
                    return {"user_name": user.name, "last_used": key.last_used}
        raise _AccessDenied(
            "User is not authorized to perform: iam:GetAccessKeyLastUsed on resource: "
            f"access key {access_key_id}"
        )

    IAMBackend.get_access_key_last_used = get_access_key_last_used


def apply() -> None:
    """Mend it."""
    for kind in ("group", "role", "user"):
        _attach_within_quota(kind)
        _put_within_size(kind)
    _join_within_quota()
    _keep_what_is_used("group", _hanging_on_group)
    _keep_what_is_used("user", _hanging_on_user)
    _keep_attached_policies()
    _date_login_profiles()
    _trust_only_who_is_there()
    _narrow_groups_to_a_path()
    _tell_the_use_of_own_keys()
    IamResponse.list_entities_for_policy = list_entities_for_policy
    IamResponse.list_virtual_mfa_devices = list_virtual_mfa_devices
