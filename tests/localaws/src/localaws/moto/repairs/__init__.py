"""Repairs of moto, one module per service; each says what moto does otherwise than AWS."""

from __future__ import annotations

from localaws.moto.repairs import cloudtrail, ec2, iam, kms, paging, rds, s3
from localaws.moto.wsgi import Answer, Environ


def apply() -> None:
    """Mend moto; once, before it serves. Paging comes last: it wraps what the others put in place."""
    for module in (cloudtrail, ec2, iam, kms, rds, s3, paging):
        module.apply()


def refuse(environ: Environ) -> Answer | None:
    """A refusal that AWS gives and moto does not, or None."""
    return s3.refuse(environ)
