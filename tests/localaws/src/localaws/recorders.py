"""The ARNs of Config's recorders, which the permission to use one and what is told of it need."""

from __future__ import annotations

import hashlib


def arn_of(account: str, region: str, name: str) -> str:
    """The ARN of a recorder; what follows its name is random on AWS, and here made from the name."""
    random = hashlib.sha256(f"{account}/{region}/{name}".encode()).hexdigest()[:16]
    return f"arn:aws:config:{region}:{account}:configuration-recorder/{name}/{random}"
