"""Small helpers for WSGI layers: read a body without eating it, answer JSON, catch an inner answer."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_SCOPE = re.compile(r"([^/=\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass
class Answer:
    """A whole response."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def start(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = [(n, v) for n, v in self.headers if n.lower() != "content-length"]
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Other"
        start_response(f"{self.status} {phrase}", [*headers, ("Content-Length", str(len(self.body)))])
        return [self.body]


def json_answer(value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """A JSON response."""
    return Answer(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])


def body_of(environ: Environ) -> bytes:
    """The request's body, put back for the next reader."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def replace_body(environ: Environ, body: bytes) -> None:
    """Give the next reader another body."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def scope_of(environ: Environ) -> tuple[str, str, str] | None:
    """(access key, region, service) of the credential scope."""
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return found.groups() if found else None  # type: ignore[return-value]


def account_of(environ: Environ) -> str:
    """The account in whose name the front forwards."""
    return environ["HTTP_X_MOTO_ACCOUNT_ID"]


def call(application: Application, environ: Environ) -> Answer:
    """Run an inner application to its end."""
    caught = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        caught.status, caught.headers = int(status.split(maxsplit=1)[0]), headers
        return lambda chunk: None

    parts = application(environ, start_response)
    try:
        caught.body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return caught
