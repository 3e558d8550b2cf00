"""The log of calls: who asked for which action on what, and whether IAM let them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class Calls:
    """Calls of both emulators in the order in which they were decided."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []

    def add(
        self,
        account: str,
        principal: str,
        action: str,
        resource: str | None,
        allowed: bool,
        source: str,
        assumed: bool = False,
    ) -> None:
        """Note a call. `assumed`: it was allowed although its resource could not be told."""
        self._entries.append(
            {
                "account": account,
                "principal": principal,
                "service": action.partition(":")[0],
                "action": action,
                "resource": resource,
                "allowed": allowed,
                "source": source,
                "assumed": assumed,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )

    def list(self) -> list[dict[str, Any]]:
        return list(self._entries)

    def clear(self) -> None:
        self._entries.clear()
