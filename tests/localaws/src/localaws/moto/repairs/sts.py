"""STS: what moto does otherwise.

- GetCallerIdentity tells an account's root, whose key moto does not know, as a user of moto's own making.
"""

from __future__ import annotations

from moto.sts.models import STSBackend


def apply() -> None:
    """Mend it."""
    tell = STSBackend.get_caller_identity

    def get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
        user_id, arn, account = tell(self, access_key_id, region)
        if arn.endswith(":user/moto"):
            return account, f"arn:aws:iam::{account}:root", account
        return user_id, arn, account

    STSBackend.get_caller_identity = get_caller_identity
