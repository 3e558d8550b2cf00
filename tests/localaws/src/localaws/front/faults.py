"""Failures on order: the next calls that match a rule fail before they reach an emulator."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import asdict, dataclass
from typing import Any

from localaws.front.errors import error
from localaws.front.operations import Operation
from localaws.front.request import Request, Response


@dataclass
class Fault:
    """One rule; `times` counts down. A status of 0 only delays the call and lets it through."""

    service: str
    operation: str
    account: str | None = None
    times: int = 1
    status: int = 400
    code: str = "Throttling"
    message: str = "Rate exceeded"
    delay_seconds: float = 0.0

    def matches(self, account: str, operation: Operation, action: str) -> bool:
        prefix, _, name = action.partition(":")
        return (
            self.times > 0
            and self.account in (None, account)
            and self.service in (operation.service, prefix)
            and self.operation in (operation.name, name, "*")
        )


class Faults:
    """The rules in force, in the order in which they were given."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, rule: dict[str, Any]) -> None:
        self._rules.append(Fault(**rule))

    def list(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._rules if rule.times > 0]

    def clear(self) -> None:
        self._rules.clear()

    async def apply(
        self, request: Request, account: str, operation: Operation, action: str
    ) -> Response | None:
        """The failure which this call meets, or None."""
        with self._lock:
            rule = next((r for r in self._rules if r.matches(account, operation, action)), None)
            if rule is None:
                return None
            rule.times -= 1
        await asyncio.sleep(rule.delay_seconds)
        return error(request, rule.status, rule.code, rule.message) if rule.status else None
