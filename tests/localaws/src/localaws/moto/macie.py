"""Macie's session: never there, on, or paused. It discovers nothing.

In moto every account has one from its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from localaws import service_roles
from localaws.moto.inventory import tell_too
from localaws.moto.rest import Call, Refusal, Service

_PRINCIPAL = "macie.amazonaws.com"
_VALUES = {
    "findingPublishingFrequency": ("FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"),
    "status": ("ENABLED", "PAUSED"),
}

_sessions: dict[tuple[str, str], dict[str, Any]] = {}
service = Service("macie2")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _asked(body: dict[str, Any]) -> dict[str, str]:
    asked = {name: body[name] for name in _VALUES if body.get(name) is not None}
    for name, value in asked.items():
        if value not in _VALUES[name]:
            raise Refusal(400, "ValidationException", f"The request failed because {name} isn't valid.")
    return asked


def _own(call: Call) -> dict[str, Any]:
    if call.place not in _sessions:
        raise Refusal(403, "AccessDeniedException", "Macie is not enabled.")
    return _sessions[call.place]


@service.route("GET", "/macie")
def get_macie_session(call: Call) -> dict[str, Any]:
    role = f"arn:aws:iam::{call.account}:role{service_roles.path_of(_PRINCIPAL)}"
    return {**_own(call), "serviceRole": role}


@service.route("POST", "/macie")
def enable_macie(call: Call) -> dict[str, Any]:
    if call.place in _sessions:
        raise Refusal(409, "ConflictException", "Macie has already been enabled")
    first = {"findingPublishingFrequency": "FIFTEEN_MINUTES", "status": "ENABLED", **_asked(call.body)}
    _sessions[call.place] = {**first, "createdAt": _now(), "updatedAt": _now()}
    return {}


@service.route("PATCH", "/macie")
def update_macie_session(call: Call) -> dict[str, Any]:
    session, asked = _own(call), _asked(call.body)
    session |= {**asked, "updatedAt": _now()}
    return {}


@service.route("DELETE", "/macie")
def disable_macie(call: Call) -> dict[str, Any]:
    _own(call)
    del _sessions[call.place]
    return {}


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Any]]:
    for (owner, region), session in list(_sessions.items()):
        if owner == account:
            yield f"macie2/{region}/session", {name: session[name] for name in _VALUES}
