"""The doors: paths below /_local/ for what no AWS API can do or tell."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from localaws.front.calls import Calls
from localaws.front.faults import Faults
from localaws.front.moto_client import Moto
from localaws.front.platform import Platform
from localaws.front.request import Request, Response
from localaws.world import World

_AT_MOTO = frozenset({"iam-age", "account-summary"})


def _reply(value: Any, status: int = 200) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(value).encode())


class Doors:
    """Answers the requests to the doors."""

    def __init__(self, world: World, platform: Platform, moto: Moto, calls: Calls, faults: Faults) -> None:
        self._world = world
        self._platform = platform
        self._moto = moto
        self._calls = calls
        self._faults = faults
        self.member_stack: dict[str, Any] | None = None

    async def answer(self, request: Request) -> Response:
        """Any mistake in a request is told in the response."""
        name = request.path.removeprefix("/_local/")
        try:
            body = json.loads(request.body or b"{}")
            return await self._open(request.method, name, request, body)
        except (KeyError, TypeError, ValueError) as mistake:
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
            case "POST", "faults":
                return _reply(self._faults.add(body))
            case "DELETE", "faults":
                return _reply(self._faults.clear())
            case "POST", "events":
                return _reply({"id": await asyncio.to_thread(self._platform.emit, body)})
            case "POST", "accounts":
                return await self.add_account(**body)
            case "GET", "logs":
                function = request.query["function"][0]
                return _reply({"lines": await asyncio.to_thread(self._platform.logs, function)})
            case "POST", door if door in _AT_MOTO:
                status, value = await asyncio.to_thread(self._moto.door, door, body)
                return _reply(value, status)
        return _reply({"error": f"no door {method} {name}"}, 404)

    async def add_account(self, account: str, role: bool = True, state: str = "ACTIVE") -> Response:
        """Make a member of the organization, or change the state of one."""
        order = {"account": account, "state": state, "stack": self.member_stack if role else None}
        status, value = await asyncio.to_thread(self._moto.door, "accounts", order)
        if status == 200 and account not in self._world.members:
            self._world.members.append(account)
        return _reply(value, status)
