"""An AWS request as it arrived, read whole, and who signed it.

Bodies are read before anything is decided, since the operation, the faults and the permissions depend on
them. Signatures are not checked here: MiniStack checks its own, moto's are taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SCOPE = re.compile(r"([^/=\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_HOP_BY_HOP = frozenset({"connection", "content-length", "expect", "host", "transfer-encoding"})


@dataclass(frozen=True)
class Request:
    """Method, path, query, headers (lower case) and body, with the parts of the credential scope."""

    method: str
    raw_path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes
    access_key: str = ""
    region: str = ""
    service: str = ""

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.raw_query, keep_blank_values=True)

    @property
    def target(self) -> str:
        """Path and query as on the request line."""
        return f"{self.raw_path}?{self.raw_query}" if self.raw_query else self.raw_path

    def forwarded_headers(self) -> dict[str, str]:
        """The headers which another server may see."""
        return {name: value for name, value in self.headers.items() if name not in _HOP_BY_HOP}


async def read(scope: Scope, receive: Receive) -> Request:
    """Read a request to its end."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    raw_query = scope.get("query_string", b"").decode("latin-1")
    signed = _SCOPE.search(headers.get("authorization", "")) or _SCOPE.search(unquote(raw_query))
    key, region, service = signed.groups() if signed else ("", "", "")
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0]
    return Request(scope["method"], raw_path, raw_query, headers, b"".join(chunks), key, region, service)


def replay(request: Request) -> Receive:
    """A `receive` which gives the body again to an application further in."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    return receive


@dataclass(frozen=True)
class Response:
    """What is sent back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    async def send(self, send: Send, head: bool = False) -> None:
        headers = [(n.lower(), v) for n, v in self.headers if n.lower() not in _HOP_BY_HOP]
        own_length = next((v for n, v in self.headers if n.lower() == "content-length"), None)
        length = own_length if head and own_length else str(len(self.body))
        encoded = [
            (n.encode("latin-1"), v.encode("latin-1")) for n, v in [*headers, ("content-length", length)]
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if head else self.body})
