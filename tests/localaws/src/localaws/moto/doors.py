"""moto's side of the doors: what no AWS API can set, such as the age of a key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import AccessKey, AccessKeyLastUsed, User, iam_backends

from localaws.moto import (
    audit_manager,
    event_rules,
    hub,
    hub_organization,
    hub_v2,
    inspector,
    inventory,
    organization,
    principals,
    transitions,
)
from localaws.moto.repairs import (
    cloudformation,
    conformance_packs,
    ec2,
    ec2_security_group_rules,
    ec2_security_groups,
    efs,
    iam_certificates,
    iam_entities,
    organizations_accounts,
    tagging,
)

_SUMMARY = {
    "AccountAccessKeysPresent": "_account_access_keys_present",
    "AccountMFAEnabled": "_account_mfa_enabled",
    "AccountSigningCertificatesPresent": "_account_signing_certificates_present",
}
_AGES = frozenset(
    {
        "created_days",
        "keys",
        "login_profile_created_days",
        "password_changed_days",
        "password_last_used_days",
    }
)


def _ago(days: float) -> datetime:
    return (utcnow() - timedelta(days=days)).replace(microsecond=0)


def _age_user(user: User, ages: dict[str, Any]) -> None:
    if ages.get("created_days") is not None:
        user.create_date = _ago(ages["created_days"])
    if ages.get("login_profile_created_days") is not None:
        user.login_profile_created = user.password_changed = _ago(ages["login_profile_created_days"])
    if ages.get("password_changed_days") is not None:
        user.password_changed = _ago(ages["password_changed_days"])
    if "password_last_used_days" in ages:
        days = ages["password_last_used_days"]
        user.password_last_used = None if days is None else _ago(days)
    for key_id, of_key in (ages.get("keys") or {}).items():
        _age_key(next(key for key in user.access_keys if key.access_key_id == key_id), **of_key)


def _age_key(
    key: AccessKey,
    created_days: float | None = None,
    last_used_service: str = "s3",
    last_used_region: str = "us-east-1",
    **last_used: float | None,
) -> None:
    if created_days is not None:
        key.create_date = _ago(created_days)
    if "last_used_days" in last_used:
        days = last_used["last_used_days"]
        used = None if days is None else AccessKeyLastUsed(_ago(days), last_used_service, last_used_region)
        key.last_used = used


def iam_age(
    account: str,
    user: str | None = None,
    certificates: dict[str, dict[str, float]] | None = None,
    **ages: Any,
) -> None:
    """Set when a user, its password and its keys were made or used, and the dates of server certificates."""
    if unknown := set(ages) - _AGES:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if user is not None:
        _age_user(iam_backends[account]["aws"].users[user], ages)
    for name, dates in (certificates or {}).items():
        iam_certificates.age(account, name, **dates)


def account_summary(account: str, RootMFADevice: str | None = None, **values: int) -> None:
    """Set what iam:GetAccountSummary and the credential report say about the root user.

    A `RootMFADevice` that is `virtual` is listed among the devices, one that is `hardware` is not.
    """
    backend = iam_backends[account]["aws"]
    if RootMFADevice is not None:
        iam_entities.give_root_a_device(backend, RootMFADevice)
        values.setdefault("AccountMFAEnabled", int(RootMFADevice != "none"))
    for name, value in values.items():
        setattr(backend.account_summary, _SUMMARY[name], value)


def whose_key(access_key: str) -> dict[str, str]:
    """The account of an access key."""
    account = principals.account_of_key(access_key)
    if account is None:
        raise LookupError(f"no account has the access key {access_key}")
    return {"account": account}


def accounts(orders: list[dict[str, Any]], stacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make or change member accounts; those with a role get the stacks."""
    return [_account(stacks=stacks, **order) for order in orders]


def _account(role: bool, event: bool, stacks: list[dict[str, Any]], **order: Any) -> dict[str, Any]:
    made = organization.put_account(**order, role=role, stacks=stacks if role else ())
    creation = {"creation": organization.creation_of(order["account"])} if event else {}
    return {**made, **creation, "event": event}


OPEN: dict[str, Callable[..., Any]] = {
    "account-summary": account_summary,
    "audit-manager": audit_manager.put_open,
    "conformance-packs": conformance_packs.put_failure,
    "inspector": inspector.put_failure,
    "accounts": accounts,
    "action-target": hub.put_action_target,
    "created-account": organization.creation,
    "efs-size": efs.put_size,
    "empty-pages": organizations_accounts.give_empty_pages,
    "event-rules": event_rules.tell,
    "finding-v2": hub_v2.store,
    "governance": hub_organization.govern,
    "iam-age": iam_age,
    "inventory": inventory.tell,
    "organization": hub_organization.found,
    "regions": ec2.put_region,
    "rules-per-security-group": ec2_security_group_rules.put_quota,
    "security-groups": ec2_security_groups.stage,
    "tags": tagging.stage,
    "templates": cloudformation.put_templates,
    "transitions": transitions.slow,
    "unprocessed": hub_organization.leave_unprocessed,
    "whose-key": whose_key,
}
