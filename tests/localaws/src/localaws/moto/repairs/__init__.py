"""Repairs of moto, one module per service; each says what moto does otherwise than AWS."""

from __future__ import annotations

from localaws.moto.repairs import iam
from localaws.moto.wsgi import Answer, Environ


def apply() -> None:
    """Mend moto; once, before it serves."""
    for module in (iam,):
        module.apply()


def refuse(environ: Environ) -> Answer | None:
    """A refusal that AWS gives and moto does not, or None."""
    return None
