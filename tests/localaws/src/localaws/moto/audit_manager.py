"""Audit Manager's registration of an account in a region, which moto has not at all.

It is closed to new customers since 2026-04-30: an account that is not registered in a region is refused. A
door opens it, for accounts that were there before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localaws.moto.inventory import tell_too
from localaws.moto.rest import Call, Refusal, Service

_CLOSED = (
    "AWS Audit Manager is now in maintenance mode. As of April 30, 2026, you cannot enable Audit Manager for "
    "new accounts or in additional AWS Regions. We will continue to support existing Audit Manager accounts "
    "in current Regions. Learn more: "
    "https://docs.aws.amazon.com/audit-manager/latest/userguide/audit-manager-availability-change.html"
)
_NOT_SET_UP = "Please complete AWS Audit Manager setup from home page to enable this action in this account."
_KEY = re.compile(r"arn:.*:kms:.*|DEFAULT")

_registered: dict[tuple[str, str], dict[str, Any]] = {}
_open = {"open": False}
service = Service("auditmanager")


def put_open(**state: bool) -> dict[str, bool]:
    """Open it to new customers, or close it."""
    if not isinstance(state.get("open"), bool) or len(state) != 1:
        raise ValueError("open: true or false")
    _open.update(state)
    return _open


@service.route("GET", "/account/status")
def get_account_status(call: Call) -> dict[str, Any]:
    return {"status": "ACTIVE" if call.place in _registered else "INACTIVE"}


@service.route("POST", "/account/registerAccount")
def register_account(call: Call) -> dict[str, Any]:
    if call.place not in _registered and not _open["open"]:
        raise Refusal(400, "ValidationException", _CLOSED)
    key = call.body.get("kmsKey")
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal(400, "ValidationException", "kmsKey failed to satisfy constraint")
    asked = {name: call.body[name] for name in ("kmsKey", "delegatedAdminAccount") if call.body.get(name)}
    _registered[call.place] = _registered.get(call.place, {}) | asked
    return {"status": "ACTIVE"}


@service.route("POST", "/account/deregisterAccount")
def deregister_account(call: Call) -> dict[str, Any]:
    if call.place not in _registered:
        raise Refusal(403, "AccessDeniedException", _NOT_SET_UP)
    del _registered[call.place]
    return {"status": "INACTIVE"}


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Any]]:
    for (owner, region), settings in list(_registered.items()):
        if owner == account:
            yield f"auditmanager/{region}/account", {"status": "ACTIVE", **settings}
