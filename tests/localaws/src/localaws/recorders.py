"""The ARNs of Config's recorders and conformance packs, which permissions and what is told of them need."""

from __future__ import annotations

import hashlib


def arn_of(account: str, region: str, name: str) -> str:
    """The ARN of a recorder; what follows its name is random on AWS, and here made from the name."""
    random = hashlib.sha256(f"{account}/{region}/{name}".encode()).hexdigest()[:16]
    return f"arn:aws:config:{region}:{account}:configuration-recorder/{name}/{random}"


def pack_id(account: str, region: str, name: str) -> str:
    """What is random on AWS, made from the name in the same way."""
    return f"conformance-pack-{hashlib.sha256(f'{account}/{region}/{name}'.encode()).hexdigest()[:9]}"


def pack_arn_of(account: str, region: str, name: str) -> str:
    """The ARN of a conformance pack."""
    return f"arn:aws:config:{region}:{account}:conformance-pack/{name}/{pack_id(account, region, name)}"
