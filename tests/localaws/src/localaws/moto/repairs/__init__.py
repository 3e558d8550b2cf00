"""Repairs of moto, one module per service; each says what moto does otherwise than AWS."""

from __future__ import annotations

from localaws.moto.repairs import (
    cloudtrail,
    config,
    ec2,
    iam,
    kms,
    organizations,
    paging,
    rds,
    s3,
    sts,
    tagging,
)
from localaws.moto.wsgi import Answer, Environ


def apply() -> None:
    """Mend moto; once, before it serves. Paging comes last: it wraps what the others put in place."""
    for module in (cloudtrail, config, ec2, iam, kms, organizations, rds, s3, sts, tagging, paging):
        module.apply()


def refuse(environ: Environ) -> Answer | None:
    """A refusal that AWS gives and moto does not, or None."""
    return s3.refuse(environ) or organizations.refuse(environ)
