"""STS: what moto does otherwise.

- GetCallerIdentity tells an account's root, whose key moto does not know, as a user of moto's own making.
- A session's source identity, and when it began, are forgotten.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import iso_8601_datetime_without_milliseconds, utcnow
from moto.sts.models import STSBackend
from moto.sts.responses import TokenResponse


def apply() -> None:
    """Mend it."""
    tell = STSBackend.get_caller_identity

    def get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
        user_id, arn, account = tell(self, access_key_id, region)
        if arn.endswith(":user/moto"):
            return account, f"arn:aws:iam::{account}:root", account
        return user_id, arn, account

    assume = TokenResponse.assume_role

    def assume_role(self: Any) -> ActionResult:
        result: Any = assume(self).result
        session = result["Credentials"]
        session.created = iso_8601_datetime_without_milliseconds(utcnow())
        session.source_identity = self._get_param("SourceIdentity")
        told = {"SourceIdentity": session.source_identity} if session.source_identity else {}
        return ActionResult({**result, **told})

    STSBackend.get_caller_identity = get_caller_identity
    TokenResponse.assume_role = assume_role
