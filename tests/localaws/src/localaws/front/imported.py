"""The events of Security Hub on the admin's default bus: one for each finding that is stored or updated.

What an update emits comes after its answer, from a queue that keeps the order of the updates.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from localaws.front.platform import Platform
from localaws.front.request import Response

logger = logging.getLogger("localaws")

OPERATIONS = frozenset({"BatchImportFindings", "BatchUpdateFindings", "BatchUpdateFindingsV2"})
TOLD = "Told"
"""Where moto's side hands the findings over in its answer, as they are after the operation."""


def _envelope(region: str, finding: dict[str, Any]) -> dict[str, Any]:
    ocsf = "metadata" in finding
    return {
        "source": "aws.securityhub",
        "detail-type": "Findings Imported V2" if ocsf else "Security Hub Findings - Imported",
        "region": region,
        "resources": [finding["metadata"]["uid"] if ocsf else finding["Id"]],
        "detail": {"findings": [finding]},
    }


class Imported:
    """Emits the events."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None

    async def emit(self, region: str, finding: dict[str, Any]) -> str:
        """Emit one event now, and return its id."""
        return await asyncio.to_thread(self._platform.emit, _envelope(region, finding))

    async def tell(self, operation: str, region: str, response: Response) -> Response:
        """Emit what an operation's answer tells: an import's before it is given, an update's after it."""
        answer = json.loads(response.body)
        for finding in answer.pop(TOLD):
            if operation == "BatchImportFindings":
                await self.emit(region, finding)
            else:
                self._waiting.put_nowait((region, finding))
        if self._worker is None and not self._waiting.empty():
            self._worker = asyncio.create_task(self._work())
        return Response(response.status, response.headers, json.dumps(answer).encode())

    async def _work(self) -> None:
        while True:
            region, finding = await self._waiting.get()
            try:
                await self.emit(region, finding)
            except Exception:
                logger.exception("an event of Security Hub was lost")
