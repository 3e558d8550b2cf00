"""The WSGI application: doors, authorization, Security Hub, and the repaired moto behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localaws.moto import (
    analyzers,
    audit_manager,
    authorize,
    doors,
    event_rules,
    guardduty,
    hub,
    hub_v2,
    inspector,
    inventory,
    macie,
    own_roles,
    repairs,
)
from localaws.moto.wsgi import (
    Answer,
    Application,
    Environ,
    account_of,
    body_of,
    call,
    json_answer,
    scope_of,
)

_IN_REST = (audit_manager.service, guardduty.service, inspector.service, macie.service)


def _door(name: str, body: bytes) -> Answer:
    if name not in doors.OPEN:
        return json_answer({"error": f"no door {name}"}, 404)
    try:
        return json_answer(doors.OPEN[name](**json.loads(body or b"{}")))
    except Exception as mistake:
        return json_answer({"error": f"{name}: {mistake!r}"}, 400)


def _told(environ: Environ, verdict: authorize.Verdict) -> list[tuple[str, str]]:
    """The verdict, and whether a rule of the account asks for events."""
    scope = scope_of(environ)
    asked = scope is not None and event_rules.present(account_of(environ), scope[1])
    return [*verdict.headers(), *([("x-localaws-rules", "true")] if asked else [])]


def _in_rest(environ: Environ) -> Answer | None:
    answers = (service.answer(environ) for service in _IN_REST)
    return next((answer for answer in answers if answer), None)


def _serve(moto: Application, environ: Environ) -> Answer:
    if environ["PATH_INFO"].startswith("/_local/"):
        return _door(environ["PATH_INFO"].removeprefix("/_local/"), body_of(environ))
    verdict = authorize.judge(environ)
    if verdict is not None and not verdict.decision.allowed:
        return Answer(403, b"", _told(environ, verdict))
    refusal = repairs.refuse(environ)
    own = refusal or hub.answer(environ) or hub_v2.answer(environ) or analyzers.answer(environ)
    answer = own or _in_rest(environ) or call(moto, environ)
    if answer.status < 300:
        own_roles.make_needed(environ)
    if verdict is not None:
        answer.headers = [*answer.headers, *_told(environ, verdict)]
    return answer


def application() -> Application:
    """The repaired moto, ready to be served."""
    repairs.apply()
    inventory.apply()
    moto = DomainDispatcherApplication(create_backend_app)

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return _serve(moto, environ).start(start_response)

    return serve
