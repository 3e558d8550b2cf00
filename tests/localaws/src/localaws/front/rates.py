"""Token buckets: calls of an operation fail while its bucket is empty, in each account and region for itself.

There are none from the start; the door `quotas` sets them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from localaws.front.errors import error
from localaws.front.operations import Operation
from localaws.front.request import Request, Response


@dataclass(frozen=True)
class Rate:
    """`burst` calls at once, and `per_second` more each second; of one account, or of every."""

    service: str
    operation: str
    burst: float
    per_second: float
    account: str | None = None

    def matches(self, account: str, operation: Operation) -> bool:
        return (
            self.account in (None, account)
            and self.service == operation.service
            and self.operation in (operation.name, "*")
        )


class Rates:
    """The rates in force, and what is left in their buckets."""

    def __init__(self) -> None:
        self._rates: list[Rate] = []
        self._left: dict[tuple[Rate, str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def add(self, rate: dict[str, Any]) -> None:
        """Another call for the same operation and account replaces it, with full buckets."""
        new = Rate(**rate)
        if new.burst < 1 or new.per_second < 0:
            raise ValueError("burst is at least 1, per_second at least 0")
        of = (new.service, new.operation, new.account)
        with self._lock:
            self._rates = [one for one in self._rates if (one.service, one.operation, one.account) != of]
            self._rates.append(new)
            self._left.clear()

    def list(self) -> list[dict[str, Any]]:
        return [asdict(rate) for rate in self._rates]

    def clear(self) -> None:
        self._rates.clear()
        self._left.clear()

    def refuse(self, request: Request, account: str, operation: Operation) -> Response | None:
        """The refusal of a call that comes too soon, or None."""
        with self._lock:
            for rate in self._rates:
                if rate.matches(account, operation) and not self._take(rate, account, request.region):
                    if operation.service == "ec2":
                        return error(request, 503, "RequestLimitExceeded", "Request limit exceeded.")
                    return error(request, 400, "ThrottlingException", "Rate exceeded")
        return None

    def _take(self, rate: Rate, account: str, region: str) -> bool:
        now = time.monotonic()
        left, at = self._left.get((rate, account, region), (rate.burst, now))
        left = min(rate.burst, left + (now - at) * rate.per_second)
        self._left[rate, account, region] = (max(left - 1, left % 1), now)
        return left >= 1
