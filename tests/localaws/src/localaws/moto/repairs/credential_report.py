"""The credential report of IAM: what moto does otherwise.

- The root user is not in it.
- It knows no region and no service of a key's last use, no rotation, no dates of certificates and passwords.
- Its date is one of long ago.

It is made anew whenever it is asked for; AWS makes one at most every four hours.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam.exceptions import ReportNotPresentException
from moto.iam.models import IAMBackend, User
from moto.iam.responses import IamResponse

_KEY = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_1_{column}" for column in _KEY),
    *(f"access_key_2_{column}" for column in _KEY),
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
    "additional_credentials_info",
)
_ROOT_CREATED = "2020-01-01T00:00:00+00:00"


def _text(value: bool | datetime | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "N/A" if value is None else value.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _password(backend: IAMBackend, user: User) -> dict[str, str]:
    if not user.password:
        return {"password_enabled": "false", "password_last_used": "N/A"}
    changed = getattr(user, "password_changed", user.create_date)
    policy = backend.account_password_policy
    days = policy.max_password_age if policy else None
    used = user.password_last_used
    return {
        "password_enabled": "true",
        "password_last_used": _text(used) if used else "no_information",
        "password_last_changed": _text(changed),
        "password_next_rotation": _text(changed + timedelta(days=days) if days else None),
    }


def _keys(user: User) -> dict[str, str]:
    told = {"access_key_1_active": "false", "access_key_2_active": "false"}
    for number, key in enumerate(user.access_keys[:2], 1):
        of_key = dict.fromkeys(_KEY, "N/A")
        of_key |= {"active": _text(key.status == "Active"), "last_rotated": _text(key.create_date)}
        if key.last_used is not None:
            of_key["last_used_date"] = _text(key.last_used.timestamp)
            of_key["last_used_region"] = key.last_used.region
            of_key["last_used_service"] = key.last_used.service
        told |= {f"access_key_{number}_{column}": value for column, value in of_key.items()}
    return told


def _certificates(user: User) -> dict[str, str]:
    told = {"cert_1_active": "false", "cert_2_active": "false"}
    for number, certificate in enumerate(list(user.signing_certificates.values())[:2], 1):
        told[f"cert_{number}_active"] = _text(certificate.status == "Active")
        told[f"cert_{number}_last_rotated"] = _text(certificate.upload_date)
    return told


def _of_user(backend: IAMBackend, user: User) -> dict[str, str]:
    return {
        "user": user.name,
        "arn": user.arn,
        "user_creation_time": _text(user.create_date),
        "mfa_active": _text(bool(user.mfa_devices)),
        **_password(backend, user),
        **_keys(user),
        **_certificates(user),
    }


def _of_root(backend: IAMBackend) -> dict[str, str]:
    summary = backend.account_summary
    keys = summary._account_access_keys_present
    told = {
        "user": "<root_account>",
        "arn": f"arn:{backend.partition}:iam::{backend.account_id}:root",
        "user_creation_time": _ROOT_CREATED,
        "password_enabled": "not_supported",
        "password_last_used": "no_information",
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "mfa_active": _text(summary._account_mfa_enabled > 0),
        "cert_1_active": _text(summary._account_signing_certificates_present > 0),
        "cert_2_active": "false",
    }
    for number in (1, 2):
        told[f"access_key_{number}_active"] = _text(keys >= number)
        if keys >= number:
            told[f"access_key_{number}_last_rotated"] = _ROOT_CREATED
    return told


def _report(self: IAMBackend) -> str:
    if not self.credential_report:
        raise ReportNotPresentException("Credential report not present")
    written = io.StringIO()
    rows = csv.DictWriter(written, _COLUMNS, restval="N/A", lineterminator="\n")
    rows.writeheader()
    rows.writerow(_of_root(self))
    rows.writerows(_of_user(self, user) for user in sorted(self.users.values(), key=lambda u: u.name))
    return written.getvalue().rstrip("\n")


def _date_it() -> None:
    tell = IamResponse.get_credential_report

    def get_credential_report(self: IamResponse) -> ActionResult:
        result: Any = tell(self).result
        return ActionResult({**result, "GeneratedTime": utcnow()})

    IamResponse.get_credential_report = get_credential_report


def apply() -> None:
    """Mend it."""
    IAMBackend.get_credential_report = _report
    _date_it()
