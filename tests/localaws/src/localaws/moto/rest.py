"""What services in REST and JSON that are written here have in common: routes, and errors as SDKs read them.

A service that does not know a request leaves it to moto.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from localaws.moto.wsgi import Answer, Environ, account_of, body_of, json_answer, scope_of


class Refusal(Exception):
    """An error of a service; `kind` is what the body calls it when that is not the code."""

    def __init__(self, status: int, code: str, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.kind = status, code, kind or code


@dataclass(frozen=True)
class Call:
    """One request, in the name of an account, in a region."""

    account: str
    region: str
    body: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    """What the path names."""

    @property
    def place(self) -> tuple[str, str]:
        return self.account, self.region


Handler = Callable[[Call], dict[str, Any]]


class Service:
    """The routes of a service; one request after the other is answered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._lock = threading.RLock()

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """What answers a path, in which `*` is a name."""
        pattern = re.compile(re.escape(path).replace(r"\*", "([^/]+)") + "/?")

        def add(handler: Handler) -> Handler:
            self._routes.append((method, pattern, handler))
            return handler

        return add

    def answer(self, environ: Environ) -> Answer | None:
        """The service's answer, or None for what it does not know and for another service."""
        scope = scope_of(environ)
        if scope is None or scope[2] != self.name:
            return None
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(environ["PATH_INFO"])
            if found is None or method != environ["REQUEST_METHOD"]:
                continue
            body = json.loads(body_of(environ) or b"{}")
            named = unquote(found[1]) if found.groups() else ""
            try:
                with self._lock:
                    return json_answer(handler(Call(account_of(environ), scope[1], body, named)))
            except Refusal as refused:
                told = {"message": str(refused), "__type": refused.kind}
                return json_answer(told, refused.status, [("x-amzn-errortype", refused.code)])
        return None
