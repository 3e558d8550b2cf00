"""What Inspector scans in an account, which moto does not tell apart. It finds nothing.

An account that never switched anything on is told as DISABLED. Others than the caller's are refused one by
one, among `failedAccounts`: Inspector's own organization is not kept here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from localaws.moto.inventory import tell_too
from localaws.moto.rest import Call, Refusal, Service
from localaws.moto.transitions import Passing, passing

_TYPES = {
    "EC2": "ec2",
    "ECR": "ecr",
    "LAMBDA": "lambda",
    "LAMBDA_CODE": "lambdaCode",
    "CODE_REPOSITORY": "codeRepository",
}
_MOST_ACCOUNTS = 100
_OFF = Passing("DISABLING", "DISABLED")

_scans: dict[tuple[str, str], dict[str, Passing]] = defaultdict(dict)
_failing: dict[tuple[str, str], str] = {}
service = Service("inspector2")


def put_failure(account: str, region: str, error: str | None) -> dict[str, str | None]:
    """Let Enable and Disable fail for an account, with an error code of Inspector, or no longer."""
    if error is None:
        _failing.pop((account, region), None)
    else:
        _failing[account, region] = error
    return {"error": error}


def _invalid(message: str) -> Refusal:
    return Refusal(400, "ValidationException", message)


def _accounts(call: Call) -> list[str]:
    asked = call.body.get("accountIds") or [call.account]
    if len(asked) > _MOST_ACCOUNTS:
        raise _invalid("accountIds has more than 100 members.")
    return list(dict.fromkeys(asked))


def _types(call: Call) -> list[str]:
    asked = call.body.get("resourceTypes") or []
    if unknown := [name for name in asked if name not in _TYPES]:
        raise _invalid(f"resourceTypes failed to satisfy constraint: {', '.join(map(str, unknown))}")
    return asked


def _together(statuses: Iterable[str]) -> str:
    """The account's status: on when anything is."""
    found = set(statuses)
    return next(s for s in ("ENABLED", "ENABLING", "DISABLING", "DISABLED") if s in found or s == "DISABLED")


def _failed(account: str, code: str, message: str) -> dict[str, str]:
    return {"accountId": account, "errorCode": code, "errorMessage": message}


def _foreign(account: str) -> dict[str, str]:
    return _failed(account, "ACCESS_DENIED", "Invoking account does not have access to this account")


@service.route("POST", "/status/batch/get")
def batch_get_account_status(call: Call) -> dict[str, Any]:
    told, failed = [], []
    for account in _accounts(call):
        if account != call.account:
            failed.append(_foreign(account))
            continue
        scans = _scans[call.place]
        states = {member: scans.get(member, _OFF).look() for member in _TYPES.values()}
        of_types = {member: {"status": status} for member, status in states.items()}
        state = {"status": _together(states.values())}
        told.append({"accountId": account, "state": state, "resourceState": of_types})
    return {"accounts": told, "failedAccounts": failed}


def _switch(call: Call, members: list[str], under_way: str, done: str) -> dict[str, Any]:
    told, failed = [], []
    for account in _accounts(call):
        if account != call.account:
            failed.append(_foreign(account))
        elif code := _failing.get(call.place):
            failed.append(_failed(account, code, f"The request failed: {code}"))
        else:
            scans = _scans[call.place]
            changed = [m for m in members if scans.get(m, _OFF).done != done]
            scans |= {member: passing(account, "inspector", under_way, done) for member in changed}
            now = {m: under_way if m in changed else scans.get(m, _OFF).now for m in _TYPES.values()}
            told.append({"accountId": account, "status": _together(now.values()), "resourceStatus": now})
    return {"accounts": told, "failedAccounts": failed}


@service.route("POST", "/enable")
def enable(call: Call) -> dict[str, Any]:
    asked = _types(call)
    if not asked:
        raise _invalid("resourceTypes failed to satisfy constraint: Member must not be null or empty")
    on = _scans[call.place].get("lambda", _OFF).done == "ENABLED"
    if "LAMBDA_CODE" in asked and "LAMBDA" not in asked and not on:
        raise _invalid("LAMBDA_CODE can only be enabled together with LAMBDA.")
    return _switch(call, [_TYPES[name] for name in asked], "ENABLING", "ENABLED")


@service.route("POST", "/disable")
def disable(call: Call) -> dict[str, Any]:
    """Everything, when no types are given; code in functions is not scanned without the functions."""
    asked = _types(call) or list(_TYPES)
    if "LAMBDA" in asked:
        asked = [*asked, "LAMBDA_CODE"]
    return _switch(call, [_TYPES[name] for name in dict.fromkeys(asked)], "DISABLING", "DISABLED")


@tell_too
def _everything(account: str) -> Iterator[tuple[str, Any]]:
    for (owner, region), scans in list(_scans.items()):
        for member, state in list(scans.items()) if owner == account else ():
            if state.done != "DISABLED":
                yield f"inspector2/{region}/scans/{member}", state.done
