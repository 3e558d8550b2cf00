"""KMS keys by whatever name they are called."""

from __future__ import annotations

from moto.kms.models import Key, kms_backends


def key_named(name: str, account: str, region: str) -> Key | None:
    """A key by id, ARN or alias; by an ARN also one of another account, but never of another region."""
    if name.startswith("arn:"):
        _, _, _, there, account, name = name.split(":", 5)
        name = name.removeprefix("key/")
        if there != region:
            return None
    backend = kms_backends[account][region]
    if name.startswith("alias/"):
        name = backend.get_key_id_from_alias(name) or name
    return backend.keys.get(name)
