"""EventBridge of MiniStack: what it does otherwise than AWS.

- Templates' buses lose their policy, key, dead letters and logging; `AWS::Events::EventBusPolicy` is not
  known.
- PutPermission keeps accounts and conditions in the request's form, which is none of a policy, and does not
  know whole policies.
- State machines are started without a role. A bus of another region is not sent to, and what is sent to a bus
  takes on its region.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from localaws.front import admin_roles

logger = logging.getLogger("localaws")

SERVICE = "events.amazonaws.com"
_KEPT = ("DeadLetterConfig", "KmsKeyIdentifier", "LogConfig")
_DEFAULT = "default"

Properties = dict[str, Any]


def apply() -> None:
    """Mend it; once, before MiniStack serves."""
    _keep_all_of_buses()
    _know_bus_policies()
    _permit_like_aws()
    _send_by_roles()


def _policies() -> Any:
    from ministack.services import eventbridge

    return eventbridge._event_bus_policies


def _statements(bus: str) -> list[dict[str, Any]]:
    policy = _policies().get(bus) or {}
    return [statement for statement in policy.get("Statement", []) if isinstance(statement, dict)]


def _put_statements(bus: str, statements: list[dict[str, Any]]) -> None:
    if statements:
        _policies()[bus] = {"Version": "2012-10-17", "Statement": statements}
    else:
        _policies().pop(bus, None)


def _replace(bus: str, sid: str, statement: dict[str, Any] | None) -> None:
    others = [one for one in _statements(bus) if one.get("Sid") != sid]
    _put_statements(bus, [*others, *([{**statement, "Sid": sid}] if statement else [])])


def _whole(policy: str | Mapping[str, Any]) -> list[dict[str, Any]]:
    parsed = json.loads(policy) if isinstance(policy, str) else policy
    statements = parsed.get("Statement", [])
    return list(statements) if isinstance(statements, list) else [statements]


def _of_request(bus: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The statement that a request or a template tells in parts."""
    from ministack.core.responses import get_account_id, get_region

    principal, condition = str(asked.get("Principal", "*")), asked.get("Condition") or {}
    of_account = {"AWS": f"arn:aws:iam::{principal}:root"}
    statement = {
        "Effect": "Allow",
        "Principal": principal if principal == "*" else of_account,
        "Action": asked.get("Action", "events:PutEvents"),
        "Resource": f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{bus}",
    }
    if condition:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _keep_all_of_buses() -> None:
    from ministack.services import eventbridge
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    handlers = _RESOURCE_HANDLERS["AWS::Events::EventBus"]
    create, update, delete = handlers["create"], handlers["update"], eventbridge._delete_event_bus

    def settle(made: tuple[str, dict[str, str]], properties: Properties) -> tuple[str, dict[str, str]]:
        bus = eventbridge._event_buses[made[0]]
        bus |= {name: properties[name] for name in _KEPT if name in properties}
        if "Policy" in properties:
            _put_statements(made[0], _whole(properties["Policy"]))
        return made

    def create_bus(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
        return settle(create(logical_id, properties, stack), properties)

    def update_bus(name: str, old: Properties, new: Properties, stack: str) -> tuple[str, dict[str, str]]:
        return settle(update(name, old, new, stack), new)

    def delete_bus(data: Properties) -> Any:
        if data.get("Name") != _DEFAULT:
            _policies().pop(data.get("Name"), None)
        return delete(data)

    handlers |= {"create": create_bus, "update": update_bus}
    eventbridge._delete_event_bus = delete_bus


def _know_bus_policies() -> None:
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    def put(properties: Properties) -> tuple[str, dict[str, str]]:
        bus, sid = properties.get("EventBusName", _DEFAULT), properties["StatementId"]
        statement = properties.get("Statement") or _of_request(bus, properties)
        _replace(bus, sid, json.loads(statement) if isinstance(statement, str) else statement)
        return f"{bus}|{sid}", {}

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
        return put(properties)

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, dict[str, str]]:
        delete(physical_id, old)
        return put(new)

    def delete(physical_id: str, properties: Properties) -> None:
        bus, _, sid = physical_id.partition("|")
        _replace(bus, sid, None)

    handlers = {"create": create, "update": update, "delete": delete}
    _RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = handlers


def _permit_like_aws() -> None:
    from ministack.services import eventbridge

    put: Callable[[Properties], Any] = eventbridge._put_permission

    def put_permission(data: Properties) -> Any:
        bus = data.get("EventBusName", _DEFAULT)
        eventbridge._ensure_default_bus()
        if bus not in eventbridge._event_buses:
            from ministack.core.responses import error_response_json

            return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
        if "Policy" in data:
            _put_statements(bus, _whole(data["Policy"]))
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}"
        answer = put(data)
        sid = data.get("StatementId")
        if sid:
            _replace(bus, sid, _of_request(bus, data))
        return answer

    eventbridge._put_permission = put_permission


def _needed(arn: str) -> str | None:
    """The action that the role of a target needs, where it has one."""
    service, kind = [*arn.split(":", 5), *[""] * 6][2:6:3]
    if service == "states":
        return "states:StartExecution"
    return "events:PutEvents" if service == "events" and kind.startswith("event-bus/") else None


def _put_on_bus(arn: str, event: Properties, rule: Properties) -> None:
    """As it is, on a bus of the same account in whatever region."""
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge

    _, _, _, region, account, name = arn.split(":", 5)
    bus, path, key = name.partition("/")[2], event.get("_DispatchPath") or [], rule["Arn"]
    with request_scope(account, region):
        if key in path or (bus != _DEFAULT and bus not in eventbridge._event_buses):
            logger.warning("%s puts nothing on %s: there is no such bus, or it comes from there", key, arn)
            return
        eventbridge._dispatch_event({**event, "EventBusName": bus, "_DispatchPath": [*path, key]})


def _send_by_roles() -> None:
    from ministack.core.responses import get_account_id
    from ministack.services import eventbridge

    invoke = eventbridge._invoke_target

    def invoke_target(target: Properties, event: Any, rule: Properties, view: Any = None) -> None:
        arn, account = target.get("Arn", ""), get_account_id()
        action = None if ":schedule/" in rule.get("Arn", "") else _needed(arn)
        # A bus of the same account needs no role.
        if action and (target.get("RoleArn") or action.startswith("states:")):
            source = {"aws:sourcearn": rule.get("Arn", "")}
            needed = [(action, arn)]
            if reason := admin_roles.refusal(target.get("RoleArn"), account, needed, SERVICE, source):
                logger.warning("%s sends nothing to %s: %s", rule.get("Arn"), arn, reason)
                return
        if action == "events:PutEvents" and arn.split(":")[4] == account:
            _put_on_bus(arn, event, rule)
        else:
            invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_target
