"""What members' rules send on: CloudTrail's events of calls that change something, to buses of the admin.

On AWS a rule of a member's default bus with a bus of another account as its target puts the event there as
it is: with the account and region where it happened, and with its source. The target's role must be allowed
to, and the bus's policy must let the account in. That is what happens here, after the answer to the call,
in the order of the calls. As on AWS, calls that only read are not told. The organization is taken to have a
trail.

Other targets of members' rules get nothing. What changes in the admin account itself is put on its default
bus in the region where it happened, and its rules do the rest.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from localaws.front.moto_client import Moto
from localaws.front.platform import Platform

logger = logging.getLogger("localaws")

_KINDS = {"AwsServiceEvent": "Service Event"}


def envelope_of(record: dict[str, Any]) -> dict[str, Any]:
    """The event about a record of CloudTrail's."""
    return {
        "version": "0",
        "id": record["eventID"],
        "detail-type": f"AWS {_KINDS.get(record['eventType'], 'API Call')} via CloudTrail",
        "source": f"aws.{record['eventSource'].partition('.')[0]}",
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    }


class Forwarding:
    """Matches members' events with their rules, and sends them on."""

    def __init__(self, platform: Platform, moto: Moto) -> None:
        self._platform = platform
        self._moto = moto
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._done: list[dict[str, Any]] = []

    def note(self, record: dict[str, Any]) -> None:
        """Tell a call of an account and region in which there are rules."""
        if record["readOnly"]:
            return
        self._waiting.put_nowait(envelope_of(record))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    def list(self) -> list[dict[str, Any]]:
        """What rules asked for, and what became of it."""
        return list(self._done)

    def clear(self) -> None:
        self._done.clear()

    async def _work(self) -> None:
        while True:
            event = await self._waiting.get()
            try:
                await asyncio.to_thread(self._send, event)
            except Exception:
                logger.exception("an event of %s was lost", event["account"])

    def _send(self, event: dict[str, Any]) -> None:
        if event["account"] == self._platform.account:
            self._platform.emit(event)
            return
        where = {"account": event["account"], "region": event["region"]}
        status, rules = self._moto.door("event-rules", where)
        if status != 200:
            raise LookupError(rules)
        for rule in rules:
            if not self._platform.matches(rule["pattern"], event):
                continue
            for target in rule["targets"]:
                refusal = target["Refusal"] or self._platform.forward(event, target)
                if refusal:
                    logger.warning("%s sent nothing to %s: %s", rule["rule"], target["Arn"], refusal)
                self._done.append(
                    {
                        **where,
                        "event": event["detail"]["eventName"],
                        "id": event["id"],
                        "rule": rule["rule"],
                        "target": target["Arn"],
                        "refusal": refusal,
                    }
                )
