"""The way to the moto process: plain HTTP on the loopback.

http.client and not urllib, which adds a form content type that makes moto swallow the bodies of S3 uploads.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass
from typing import Any

from localaws.front.request import Request, Response

CHECK = "x-localaws-check"
PRINCIPAL = "x-localaws-principal"
DENIED = "x-localaws-denied"
ASSUMED = "x-localaws-assumed"
MISSING = "x-localaws-missing"
IDENTITY = "x-localaws-identity"
RULES = "x-localaws-rules"


@dataclass(frozen=True)
class Moto:
    """Requests to the moto process."""

    port: int

    def exchange(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """One request and its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    async def forward(self, request: Request, account: str, check: dict[str, Any] | None = None) -> Response:
        """Pass a request on in the name of an account; `check` asks moto's side to authorize it first."""
        headers = request.forwarded_headers() | {"x-moto-account-id": account}
        if check is not None:
            headers[CHECK] = json.dumps(check)
        return await asyncio.to_thread(self.exchange, request.method, request.target, headers, request.body)

    def door(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Call one of the doors of moto's side."""
        answer = self.exchange(
            "POST", f"/_local/{name}", {"content-type": "application/json"}, json.dumps(body).encode()
        )
        return answer.status, json.loads(answer.body)
