"""EventBridge Scheduler of MiniStack: what it does otherwise than AWS.

- Every schedule is authorized as one of the group `default`.
- Who makes or changes a schedule need not be allowed to pass its role, nor need the role trust Scheduler.
- Expressions, names and policies are not checked, a repeated request is a conflict, and lists have no pages.
- Schedules of templates lose their time zone, their state after completion and their dates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

SERVICE = "scheduler.amazonaws.com"
_NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\(\d+ (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
_PAGE = 100
_SCHEDULE = re.compile(r"/schedules/([^/]+)/?")

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    """Mend it; once, before MiniStack serves."""
    _name_groups_in_resources()
    _handle_like_aws()
    _keep_all_of_templates()


def time_of(schedule: Mapping[str, Any]) -> datetime | None:
    """When a schedule of one time is due; None for one that comes again."""
    found = _AT.fullmatch(schedule["ScheduleExpression"])
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    return datetime.fromisoformat(found[1]).replace(tzinfo=zone) if found else None


def _name_groups_in_resources() -> None:
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, *rest: Any) -> str:
        found = _SCHEDULE.fullmatch(unquote(path)) if service == "scheduler" else None
        if found is None:
            return extract(service, method, path, *rest)
        _, body, query, region, account = rest
        group = query.get("groupName", ["default"])
        group = group[0] if isinstance(group, list) else group
        if method in ("POST", "PUT"):
            group = _parsed(body).get("GroupName") or "default"
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{found[1]}"

    iam_actions.extract_resource_arn = extract_resource_arn


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _error(status: int, code: str, message: str) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, headers, json.dumps({"Message": message}).encode()


def _handle_like_aws() -> None:
    from ministack.services import scheduler

    handle = scheduler.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        named = _SCHEDULE.fullmatch(path)
        if named and method in ("POST", "PUT"):
            asked = _parsed(body)
            if refusal := _not_passed(headers, query, asked) or _wrong(named[1], asked):
                return refusal
            if method == "POST" and (repeated := _repeated(named[1], asked)):
                return repeated
        if path.rstrip("/") == "/schedules" and method == "GET":
            return _list(query)
        answer = await handle(method, path, headers, body, query)
        if named and method == "POST" and answer[0] == 200:
            _stored(named[1], _parsed(body))["ClientToken"] = _parsed(body).get("ClientToken")
        if named and method == "GET" and answer[0] == 200:
            told = {k: v for k, v in _parsed(answer[2]).items() if k not in _OWN and v != ""}
            return answer[0], answer[1], json.dumps(told).encode()
        return answer

    scheduler.handle_request = handle_request


_OWN = frozenset({"ClientToken", "Fired"})
"""What is noted on a schedule and told to nobody."""


def _stored(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    from ministack.services import scheduler

    return scheduler._schedules.get(f"{asked.get('GroupName') or 'default'}/{name}") or {}


def _repeated(name: str, asked: Mapping[str, Any]) -> Answer | None:
    """The answer of before to a request that is sent again."""
    stored, token = _stored(name, asked), asked.get("ClientToken")
    if not stored or token is None or stored.get("ClientToken") != token:
        return None
    return 200, {"Content-Type": "application/json"}, json.dumps({"ScheduleArn": stored["Arn"]}).encode()


def _not_passed(headers: dict[str, str], query: dict[str, Any], asked: Mapping[str, Any]) -> Answer | None:
    """The refusal of a caller who may not pass the schedule's role to Scheduler."""
    from ministack.core import iam_actions
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.responses import get_region
    from ministack.core.router import extract_access_key_id

    role = (asked.get("Target") or {}).get("RoleArn")
    if not role:
        return None
    verdict = evaluator.enforce(
        extract_access_key_id(headers, query),
        "iam:PassRole",
        "iam",
        get_region(),
        resource_arn=role,
        service_context={"iam:PassedToService": SERVICE},
    )
    if verdict is None:
        return None
    explicit = getattr(verdict, "decision", "") == "Deny"
    who = getattr(verdict, "principal_arn", "")
    message = iam_actions.identity_denial_message("iam:PassRole", who, role, explicit)
    return _error(403, "AccessDeniedException", message)


def _wrong(name: str, asked: Mapping[str, Any]) -> Answer | None:
    """What AWS's validation refuses."""
    if wrong := _wrong_text(name, asked):
        return _error(400, "ValidationException", wrong)
    return None


def _wrong_text(name: str, asked: Mapping[str, Any]) -> str | None:
    expression, target = asked.get("ScheduleExpression") or "", asked.get("Target") or {}
    if not _NAME.fullmatch(name):
        return f"Value '{name}' at 'name' failed to satisfy constraint"
    if not _is_expression(expression):
        return f"Invalid Schedule Expression {expression}."
    try:
        ZoneInfo(asked.get("ScheduleExpressionTimezone") or "UTC")
    except (KeyError, OSError, ValueError):
        return f"Invalid ScheduleExpressionTimezone {asked['ScheduleExpressionTimezone']}."
    if (asked.get("FlexibleTimeWindow") or {}).get("Mode") not in ("FLEXIBLE", "OFF"):
        return "Value at 'flexibleTimeWindow.mode' failed to satisfy constraint"
    if asked.get("ActionAfterCompletion") not in (None, "DELETE", "NONE"):
        return "Value at 'actionAfterCompletion' failed to satisfy constraint"
    retry = target.get("RetryPolicy") or {}
    if not 60 <= retry.get("MaximumEventAgeInSeconds", 60) <= 86400:
        return "Value at 'target.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint"
    if not 0 <= retry.get("MaximumRetryAttempts", 0) <= 185:
        return "Value at 'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint"
    arn = target.get("Arn") or ""
    if arn.split(":")[2:3] == ["sqs"] and arn.endswith(".fifo") != bool(target.get("SqsParameters")):
        return "SqsParameters must be given for a FIFO queue, and for no other."
    if target.get("RoleArn") and not _is_trusted(target["RoleArn"], asked.get("GroupName") or "default"):
        return "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    return None


def _is_expression(text: str) -> bool:
    if found := _AT.fullmatch(text):
        try:
            datetime.fromisoformat(found[1])
        except ValueError:
            return False
        return True
    return bool(_RATE.fullmatch(text) or _CRON.fullmatch(text))


def _is_trusted(role_arn: str, group: str) -> bool:
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    from localaws.policy import lets_service

    account = get_account_id()
    role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2]) or {}
    document = role.get("AssumeRolePolicyDocument")
    source = f"arn:aws:scheduler:{get_region()}:{account}:schedule-group/{group}"
    context = {"aws:sourceaccount": account, "aws:sourcearn": source}
    return bool(document) and lets_service(document, SERVICE, "sts:AssumeRole", None, context)


def _list(query: Mapping[str, Any]) -> Answer:
    from ministack.services import scheduler

    asked = {key: value[0] if isinstance(value, list) else value for key, value in query.items()}
    group, size = asked.get("ScheduleGroup"), int(asked.get("MaxResults") or _PAGE)
    if group not in (None, "default") and group not in scheduler._schedule_groups:
        return _error(404, "ResourceNotFoundException", f"Schedule group {group} does not exist.")
    if not 1 <= size <= _PAGE:
        return _error(400, "ValidationException", "Value at 'maxResults' failed to satisfy constraint")
    found = [
        {key: schedule[key] for key in _LISTED} | {"Target": {"Arn": schedule["Target"]["Arn"]}}
        for _, schedule in sorted(scheduler._schedules.items())
        if group in (None, schedule["GroupName"])
        and schedule["Name"].startswith(asked.get("NamePrefix", ""))
        and asked.get("State") in (None, schedule["State"])
    ]
    start = int(asked.get("NextToken") or 0)
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    page = json.dumps({"Schedules": found[start : start + size], **more}).encode()
    return 200, {"Content-Type": "application/json"}, page


_LISTED = ("Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State")


def _keep_all_of_templates() -> None:
    from ministack.services import scheduler
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    handlers = _RESOURCE_HANDLERS["AWS::Scheduler::Schedule"]
    create: Callable[..., tuple[str, dict[str, str]]] = handlers["create"]

    def create_whole(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        name, attributes = create(logical_id, properties, stack)
        stored = scheduler._schedules[f"{properties.get('GroupName', 'default')}/{name}"]
        for key in ("ActionAfterCompletion", "EndDate", "ScheduleExpressionTimezone", "StartDate"):
            if key in properties:
                stored[key] = properties[key]
        return name, attributes

    handlers["create"] = create_whole
