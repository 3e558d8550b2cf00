"""The doors: paths below /_local/ for what no AWS API can do or tell."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from localaws.front import organization_events, schedules
from localaws.front.request import Request, Response

if TYPE_CHECKING:
    from localaws.front.app import Front

_AT_MOTO = frozenset(
    {
        "account-summary",
        "audit-manager",
        "conformance-packs",
        "inspector",
        "efs-size",
        "empty-pages",
        "governance",
        "iam-age",
        "inventory",
        "security-groups",
        "tags",
        "transitions",
        "unprocessed",
    }
)


def _reply(value: Any, status: int = 200) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(value).encode())


class Doors:
    """Answers the requests to the doors."""

    def __init__(self, front: Front) -> None:
        self._world = front.world
        self._platform = front.platform
        self._moto = front.moto
        self._calls = front.calls
        self._faults = front.faults
        self._rates = front.rates
        self._regions = front.regions
        self._imported = front.imported
        self._forwarding = front.forwarding
        self.member_stacks: list[dict[str, Any]] = []

    async def answer(self, request: Request) -> Response:
        """Any mistake in a request is told in the response."""
        name = request.path.removeprefix("/_local/")
        try:
            body = json.loads(request.body or b"{}")
            return await self._open(request.method, name, request, body)
        except (LookupError, TypeError, ValueError) as mistake:
            return _reply({"error": f"{name}: {mistake!r}"}, 400)

    async def _open(self, method: str, name: str, request: Request, body: dict[str, Any]) -> Response:
        match method, name:
            case "GET", "world":
                return _reply({"admin": self._world.admin, "members": self._world.members})
            case "GET", "calls":
                return _reply(self._calls.list())
            case "DELETE", "calls":
                return _reply(self._calls.clear())
            case "GET", "faults":
                return _reply(self._faults.list())
            case "DELETE", "faults":
                return _reply(self._faults.clear())
            case "GET", "forwarded":
                return _reply(self._forwarding.list())
            case "DELETE", "forwarded":
                return _reply(self._forwarding.clear())
            case "GET", "quotas":
                return _reply(self._rates.list())
            case "DELETE", "quotas":
                return _reply(self._rates.clear())
            case "GET", "logs":
                function = request.query["function"][0]
                return _reply({"lines": await asyncio.to_thread(self._platform.logs, function)})
            case "GET", "schedules":
                group = request.query.get("group", [None])[0]
                return _reply(await asyncio.to_thread(schedules.listed, group))
            case "POST", _:
                return await self._stage(name, request, body)
        return _reply({"error": f"no door {method} {name}"}, 404)

    async def _stage(self, name: str, request: Request, body: dict[str, Any]) -> Response:
        match name:
            case "accounts" if isinstance(body, list):
                return await self.add_accounts(body)
            case "accounts":
                return await self.add_account(**body)
            case "events":
                return _reply({"id": await asyncio.to_thread(self._platform.emit, body)})
            case "faults":
                return _reply(self._faults.add(body))
            case "findings-v2":
                return await self._import_v2(body, request.query.get("region", [None])[0])
            case "quotas" if "quota" in body:
                return await self._put_quota(**body)
            case "quotas":
                return _reply(self._rates.add(body))
            case "regions":
                self._regions.put(**body)
                return await self._at_moto(name, body)
            case "schedules":
                return _reply(await asyncio.to_thread(lambda: schedules.fire(**body)))
            case door if door in _AT_MOTO:
                return await self._at_moto(name, body)
        return _reply({"error": f"no door POST {name}"}, 404)

    async def _at_moto(self, name: str, body: dict[str, Any]) -> Response:
        status, value = await asyncio.to_thread(self._moto.door, name, body)
        return _reply(value, status)

    async def _put_quota(self, account: str, service: str, quota: str, value: int) -> Response:
        if (service, quota) != ("ec2", "rules-per-security-group"):
            raise ValueError(f"no quota {service} {quota}")
        return await self._at_moto(quota, {"account": account, "value": value})

    async def _import_v2(self, finding: dict[str, Any], region: str | None) -> Response:
        """Store a finding in OCSF, and tell the admin's bus."""
        region = region or finding["cloud"].get("region") or self._world.region
        order = {"region": region, "finding": finding}
        status, stored = await asyncio.to_thread(self._moto.door, "finding-v2", order)
        if status != 200:
            return _reply(stored, status)
        event = await self._imported.emit(region, stored)
        return _reply({"id": event, "metadata_uid": stored["metadata"]["uid"]})

    async def add_account(self, account: str, **order: Any) -> Response:
        """Make a member of the organization, or change the state, the place or the name of one."""
        answer = await self.add_accounts([{"account": account, **order}])
        return _reply(json.loads(answer.body)[0]) if answer.status == 200 else answer

    async def add_accounts(self, orders: list[dict[str, Any]]) -> Response:
        """Make or change several at once."""
        told = [self._order(**order) for order in orders]
        order = {"orders": told, "stacks": self.member_stacks}
        status, value = await asyncio.to_thread(self._moto.door, "accounts", order)
        if status != 200:
            return _reply(value, status)
        for one in value:
            if one["account"] not in self._world.members:
                self._world.members.append(one["account"])
                if one.pop("event"):
                    self._forwarding.note(organization_events.created(one.pop("creation")))
            one.pop("event", None)
            one.pop("creation", None)
        return _reply(value)

    @staticmethod
    def _order(
        account: str,
        role: bool = True,
        state: str = "ACTIVE",
        ou: str | None = None,
        name: str | None = None,
        event: bool = False,
    ) -> dict[str, Any]:
        """One account, all said."""
        said = {"account": account, "role": role, "state": state, "ou": ou, "name": name}
        return {**said, "event": event}
