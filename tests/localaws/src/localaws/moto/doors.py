"""moto's side of the doors: what no AWS API can set, such as the age of a key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import AccessKeyLastUsed, iam_backends

from localaws.moto import hub, hub_v2, organization, principals
from localaws.moto.repairs import ec2, tagging

_SUMMARY = {
    "AccountAccessKeysPresent": "_account_access_keys_present",
    "AccountMFAEnabled": "_account_mfa_enabled",
    "AccountSigningCertificatesPresent": "_account_signing_certificates_present",
}


def _ago(days: float) -> datetime:
    return (utcnow() - timedelta(days=days)).replace(microsecond=0)


def iam_age(
    account: str,
    user: str,
    created_days: float | None = None,
    keys: dict[str, dict[str, Any]] | None = None,
    **password: float | None,
) -> None:
    """Set when a user, its password (`password_last_used_days`) and its keys were made or used."""
    aged = iam_backends[account]["aws"].users[user]
    if created_days is not None:
        aged.create_date = _ago(created_days)
    if "password_last_used_days" in password:
        days = password["password_last_used_days"]
        aged.password_last_used = None if days is None else _ago(days)
    for key_id, ages in (keys or {}).items():
        key = next(k for k in aged.access_keys if k.access_key_id == key_id)
        if ages.get("created_days") is not None:
            key.create_date = _ago(ages["created_days"])
        if "last_used_days" in ages:
            days = ages["last_used_days"]
            key.last_used = None if days is None else AccessKeyLastUsed(_ago(days), "s3", "us-east-1")


def account_summary(account: str, **values: int) -> None:
    """Set what iam:GetAccountSummary and the credential report say about the root user."""
    summary = iam_backends[account]["aws"].account_summary
    for name, value in values.items():
        setattr(summary, _SUMMARY[name], value)


def whose_key(access_key: str) -> dict[str, str]:
    """The account of an access key."""
    account = principals.account_of_key(access_key)
    if account is None:
        raise LookupError(f"no account has the access key {access_key}")
    return {"account": account}


def accounts(
    account: str, state: str, stack: dict[str, Any] | None, ou: str | None = None, name: str | None = None
) -> dict[str, str]:
    """Make or change a member account."""
    return organization.put_account(account, state, stack, ou, name)


OPEN: dict[str, Callable[..., Any]] = {
    "account-summary": account_summary,
    "accounts": accounts,
    "action-target": hub.put_action_target,
    "finding-v2": hub_v2.store,
    "iam-age": iam_age,
    "organization": organization.found,
    "regions": ec2.put_region,
    "tags": tagging.stage,
    "whose-key": whose_key,
}
