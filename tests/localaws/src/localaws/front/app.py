"""The application behind the endpoint: who calls what, must it fail, is it allowed, and who answers.

The admin account's platform services are answered by MiniStack, all else by moto. Requests without a
signature (presigned links of the admin's buckets, health) are MiniStack's.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from localaws.front import actions, errors, organization_events, rpc_cbor
from localaws.front.calls import Calls
from localaws.front.cloudtrail_shapes import SHAPED
from localaws.front.doors import Doors
from localaws.front.faults import Faults
from localaws.front.forwarding import Forwarding
from localaws.front.further import further, role_refused
from localaws.front.identity import Identity, is_root
from localaws.front.imported import OPERATIONS, Imported
from localaws.front.moto_client import ASSUMED, DENIED, IDENTITY, MISSING, PRINCIPAL, RULES, Moto
from localaws.front.operations import Operation, identify
from localaws.front.platform import SERVICES, Platform
from localaws.front.rates import Rates
from localaws.front.regions import Regions
from localaws.front.request import Receive, Request, Response, Scope, Send, read, replay
from localaws.front.templates import with_template
from localaws.front.trail import Refused, Trail
from localaws.world import World

logger = logging.getLogger("localaws")


class Front:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls = Calls()
        self.trail = Trail()
        self.faults = Faults()
        self.rates = Rates()
        self.regions = Regions()
        self.platform = Platform(world, self.calls)
        self.moto = Moto(world.moto_port)
        self.identity = Identity(self.platform, self.moto)
        self.imported = Imported(self.platform)
        self.forwarding = Forwarding(self.platform, self.moto)
        self.doors = Doors(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.platform.application(scope, receive, send)
            return
        request = await read(scope, receive)
        if request.path.startswith("/_local/"):
            response = await self.doors.answer(request)
        elif not request.access_key:
            response = None
        elif rpc_cbor.speaks(request):
            request = rpc_cbor.to_json(request)
            answer = await self._answer(request)
            response = rpc_cbor.to_cbor(request, answer) if answer else None
        else:
            response = await self._answer(request)
        if response is None:
            await self.platform.application(scope, replay(request), send)
        else:
            await response.send(send, head=request.method == "HEAD")

    async def _answer(self, request: Request) -> Response | None:
        """The response, or None when MiniStack gives it."""
        account = await self.identity.account_of(request.access_key)
        if account is None:
            message = "The security token included in the request is invalid."
            code = (
                "UnrecognizedClientException"
                if errors.protocol_of(request) == "json"
                else "InvalidClientTokenId"
            )
            return errors.error(request, 403, code, message)
        if refusal := self.regions.refuse(request, account):
            return refusal
        operation = identify(request) or Operation(request.service, "Unknown")
        action = actions.action_of(operation)
        if failure := await self.faults.apply(request, account, operation, action):
            return failure
        if refusal := self.rates.refuse(request, account, operation):
            return refusal
        if action == "sts:AssumeRole":
            role_account = (operation.text("RoleArn") or "").split(":")[4:5]
            if role_account and role_account[0] != self.world.admin:
                return await self._assume_role(request, account, operation, role_account[0])
            # Sessions of the admin's roles are MiniStack's, also those of another account's root.
            if is_root(request.access_key):
                return None
        if account == self.world.admin and request.service in SERVICES and operation.service != "s3control":
            return None
        return await self._by_moto(request, account, operation, action)

    def _admin_refused(self, request: Request, operation: Operation, action: str) -> Response | None:
        region, account = request.region, self.world.admin
        resource = actions.resource_of(operation, account, region)
        context = actions.context_of(operation, region)
        owner = (resource or "").split(":")[4:5]
        if owner and owner[0] in [self.world.admin, self.world.management, *self.world.members]:
            context["aws:resourceorgid"] = self.world.organization
        own = {"action": action, "resource": resource, "context": {}}
        # The service-linked roles of the admin account are taken to be there.
        for one in [own, *(f for f in further(operation, account, request.region) if "unless_role" not in f)]:
            keys = {**context, **one["context"]}
            if refused := self.platform.refuses(
                request.access_key, one["action"], one["resource"], region, keys
            ):
                return errors.denied(request, refused[0], one["action"], one["resource"], refused[1])
        return None

    async def _by_moto(self, request: Request, account: str, operation: Operation, action: str) -> Response:
        request = with_template(request, operation, account, self.world)
        if account == self.world.admin:
            if refusal := self._admin_refused(request, operation, action):
                return refusal
            if operation.service == "organizations" and not operation.name.startswith(("Describe", "List")):
                told = "You don't have permissions to access this resource."
                return errors.error(request, 400, "AccessDeniedException", told)
            response = await self.moto.forward(request, self._organizations_account(operation, account))
            self._tell_own(request, operation, response)
        else:
            resource = actions.resource_of(operation, account, request.region)
            check = {
                "access_key": request.access_key,
                "root": is_root(request.access_key),
                "action": action,
                "resource": resource,
                "context": actions.context_of(operation, request.region),
                "further": further(operation, account, request.region),
            }
            response = await self.moto.forward(request, account, check)
            response = self._noted(request, response, account, operation, resource)
        if action == "cloudtrail:LookupEvents" and response.status == 200:
            return self._looked_up(request, account, operation)
        if operation.service == "securityhub" and operation.name in OPERATIONS and response.status == 200:
            response = await self.imported.tell(operation.name, request.region, response)
        return response

    def _tell_own(self, request: Request, operation: Operation, response: Response) -> None:
        """A change of the admin's own security groups is an event on its own bus."""
        if operation.service != "ec2" or operation.name not in SHAPED:
            return
        arn, _ = self.platform.caller(request.access_key)
        record = self.trail.note(request, operation, self.world.admin, arn, {}, response)
        if record is not None:
            self.forwarding.note(record)

    def _organizations_account(self, operation: Operation, account: str) -> str:
        """The admin, a delegated administrator, reads the organization as the management account does."""
        return self.world.management if operation.service == "organizations" else account

    def _noted(
        self,
        request: Request,
        response: Response,
        account: str,
        operation: Operation,
        resource: str | None,
    ) -> Response:
        """Log what moto's side decided, and put a refusal into the protocol's format."""
        action = actions.action_of(operation)
        told = {name.lower(): value for name, value in response.headers}
        principal, reason = told.get(PRINCIPAL, ""), told.get(DENIED)
        assumed = ASSUMED in told
        if MISSING in told:
            action, resource = told[MISSING].split(" ", 1)
        self.calls.add(account, principal, action, resource, reason is None, "member", assumed)
        if assumed:
            logger.info("allowed %s for %s without knowing the resource", action, principal)
        if reason is not None:
            own = role_refused(request, operation, action)
            answer = own or errors.denied(request, principal, action, resource, reason)
        else:
            public = [(n, v) for n, v in response.headers if not n.lower().startswith("x-localaws-")]
            answer = Response(response.status, public, response.body)
        known = json.loads(told.get(IDENTITY, "{}"))
        record = self.trail.note(request, operation, account, principal, known, answer)
        if record is not None and operation.service == "organizations":
            self._tell_management(record, operation, answer)
        elif record is not None and RULES in told:
            self.forwarding.note(record)
        return answer

    def _tell_management(self, record: dict[str, Any], operation: Operation, answer: Response) -> None:
        """What happens to the organization is an event of the management account."""
        self.forwarding.note(organization_events.of_call(record, operation, answer))
        if answer.status >= 300:
            return
        if operation.name == "CreateAccount":
            request = json.loads(answer.body)["CreateAccountStatus"]["Id"]
            _, status = self.moto.door("created-account", {"request": request})
            self.world.members.append(status["AccountId"])
            self.forwarding.note(organization_events.created(status))
        elif operation.name == "CloseAccount":
            self.forwarding.note(organization_events.closed(operation.params["AccountId"]))
        elif operation.name == "AcceptHandshake":
            self.world.members.append(record["recipientAccountId"])

    def _looked_up(self, request: Request, account: str, operation: Operation) -> Response:
        """The answer to LookupEvents, which moto's side has let through."""
        try:
            found = self.trail.lookup(account, request.region, operation.params)
        except Refused as refused:
            return errors.error(request, 400, *refused.args)
        return Response(200, [("content-type", "application/x-amz-json-1.1")], json.dumps(found).encode())

    async def _assume_role(
        self, request: Request, account: str, operation: Operation, target: str
    ) -> Response:
        """AssumeRole into an account of moto: the caller's side first, then the role's."""
        role_arn = operation.text("RoleArn")
        check: dict[str, Any] = {
            "access_key": request.access_key,
            "root": is_root(request.access_key),
            "action": "sts:AssumeRole",
            "resource": role_arn,
            "context": actions.context_of(operation, request.region),
            "further": further(operation, account, request.region),
            "assume": role_arn,
        }
        if account == self.world.admin:
            if refusal := self._admin_refused(request, operation, "sts:AssumeRole"):
                return refusal
            arn, behind = self.platform.caller(request.access_key)
            check |= {"caller": {"arn": arn, "role_arn": behind, "account": account}}
        response = await self.moto.forward(request, target, check)
        return self._noted(request, response, target, operation, role_arn)
