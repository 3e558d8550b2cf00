"""Pages where moto gives everything at once. A placeholder for the layer."""

from __future__ import annotations

from localaws.moto.wsgi import Answer, Application, Environ


def answer(moto: Application, environ: Environ) -> Answer | None:
    """A page, or None for an operation which moto pages itself."""
    return None
