"""The admin's schedules come due when they are told to: EventBridge's rules and Scheduler's schedules.

A schedule of Scheduler sends by its role alone. What the role may not send, or has nowhere to, goes to the
dead letters, where the role may send it to those. AWS tries for up to a day; here there is one attempt.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from localaws.front import admin_roles
from localaws.front.repairs_scheduler import SERVICE, time_of

_Key = tuple[str, str, str]


def listed(group: str | None = None) -> list[dict[str, Any]]:
    """The schedules of one time which have not come due, the earliest first."""
    waiting = [schedule for _, schedule in _schedules() if time_of(schedule) and not schedule.get("Fired")]
    found = [schedule for schedule in waiting if group in (None, schedule["GroupName"])]
    return [
        {
            "name": schedule["Name"],
            "group": schedule["GroupName"],
            "expression": schedule["ScheduleExpression"],
            "timezone": schedule["ScheduleExpressionTimezone"],
            "state": schedule["State"],
            "input": schedule["Target"].get("Input"),
            "target": schedule["Target"]["Arn"],
            "role": schedule["Target"]["RoleArn"],
            "dead_letters": (schedule["Target"].get("DeadLetterConfig") or {}).get("Arn"),
            "after_completion": schedule["ActionAfterCompletion"],
        }
        for schedule in sorted(found, key=_due)
    ]


def fire(name: str = "", group: str | None = None, until: str | None = None) -> dict[str, Any]:
    """Let what is enabled come due, once; says what did, and why what else did not send anything.

    With a `group` these are schedules of that group, with `until` those of one time that are due by then.
    """
    if not name and group is None and until is None:
        raise ValueError("say which: name, group or until")
    limit = datetime.fromisoformat(until) if until else None
    if limit is not None and limit.tzinfo is None:
        limit = limit.replace(tzinfo=UTC)
    fired, refused = [] if group or limit else _fire_rules(name), {}
    for key, schedule in _wanted(name, group, limit):
        reason = _send(key, schedule)
        if reason is None:
            fired.append(schedule["Name"])
        else:
            refused[schedule["Name"]] = reason
    if not fired and not refused and limit is None:
        raise LookupError(f"no enabled schedule is called {name}" + (f" in {group}" if group else ""))
    return {"fired": fired, **({"refused": refused} if refused else {})}


def _schedules() -> Iterator[tuple[_Key, dict[str, Any]]]:
    from ministack.services import scheduler

    yield from list(scheduler._schedules._data.items())


def _due(schedule: dict[str, Any]) -> tuple[datetime, str]:
    return time_of(schedule) or datetime.min.replace(tzinfo=UTC), schedule["Name"]


def _wanted(name: str, group: str | None, limit: datetime | None) -> list[tuple[_Key, dict[str, Any]]]:
    found = []
    for key, schedule in _schedules():
        due = time_of(schedule)
        if schedule["State"] != "ENABLED" or schedule.get("Fired") or name not in schedule["Name"]:
            continue
        if group not in (None, schedule["GroupName"]) or (limit and not (due and due <= limit)):
            continue
        found.append((key, schedule))
    return sorted(found, key=lambda one: _due(one[1]))


def _fire_rules(name: str) -> list[str]:
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge

    fired = []
    for (account, region, key), rule in list(eventbridge._rules._data.items()):
        if name in rule["Name"] and rule.get("ScheduleExpression") and rule["State"] == "ENABLED":
            event = _event("aws.events", rule["Arn"], account, region)
            with request_scope(account, region):
                for target in eventbridge._targets._data.get((account, region, key), []):
                    eventbridge._invoke_target(target, event, rule, eventbridge._pattern_event_view(event))
            fired.append(rule["Name"])
    return fired


def _send(key: _Key, schedule: dict[str, Any]) -> str | None:
    """Send what a schedule sends; the reason when it cannot. Either way its one time is over."""
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge, scheduler

    account, region, _ = key
    target = schedule["Target"]
    with request_scope(account, region):
        reason = _refusal(target["Arn"], target["RoleArn"], account)
        if "Input" in target:
            target = {**target, "Input": _filled_in(target["Input"], schedule)}
        if reason is None:
            event = _event("aws.scheduler", schedule["Arn"], account, region)
            eventbridge._invoke_target(target, event, schedule)
        else:
            _bury(schedule, target, account, reason)
    if time_of(schedule) is None:
        return reason
    if schedule["ActionAfterCompletion"] == "DELETE":
        scheduler._schedules._data.pop(key, None)
    else:
        schedule["Fired"] = True
    return reason


def _bury(schedule: dict[str, Any], target: dict[str, Any], account: str, reason: str) -> None:
    """Put what could not be sent into the queue of dead letters, if the role may send to one."""
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge, sqs

    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn or _refusal(arn, target["RoleArn"], account):
        return
    eventbridge._dispatch_to_sqs(parse_arn(arn), target.get("Input", "{}"))
    told = {
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue" if "no queue" in reason else "AccessDenied",
        "ERROR_MESSAGE": reason,
        "SCHEDULE_ARN": schedule["Arn"],
        "TARGET_ARN": target["Arn"],
    }
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in told.items()}
    sqs._queue_by_arn(arn)["messages"][-1]["message_attributes"] = attributes


def _refusal(arn: str, role_arn: str, account: str) -> str | None:
    """Why a role may not send to a queue or start a state machine; other targets are not looked at."""
    from ministack.core.responses import get_region
    from ministack.services import sqs

    service, region = arn.split(":")[2], get_region()
    if service == "states":
        source = {"aws:sourcearn": f"arn:aws:scheduler:{region}:{account}:schedule-group/default"}
        return admin_roles.refusal(role_arn, account, [("states:StartExecution", arn)], SERVICE, source)
    if service != "sqs":
        return None
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        return f"there is no queue {arn}"
    needed: list[admin_roles.Need] = [("sqs:SendMessage", arn)]
    if queue["attributes"].get("KmsMasterKeyId"):
        # Which key an alias or an id means is not looked up: on some key it must be allowed.
        needed += [("kms:GenerateDataKey", None), ("kms:Decrypt", None)]
    through = {"kms:viaservice": f"sqs.{region}.amazonaws.com"}
    return admin_roles.refusal(role_arn, account, needed, context=through)


def _filled_in(text: str, schedule: dict[str, Any]) -> str:
    """The input with what Scheduler puts in for its keywords."""
    due = time_of(schedule) or datetime.now(UTC)
    keywords = {
        "attempt-number": "1",
        "execution-id": str(uuid.uuid4()),
        "schedule-arn": schedule["Arn"],
        "scheduled-time": due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for keyword, value in keywords.items():
        text = text.replace(f"<aws.scheduler.{keyword}>", value)
    return text


def _event(source: str, arn: str, account: str, region: str) -> dict[str, Any]:
    """The event of a schedule that comes due."""
    return {
        "EventId": str(uuid.uuid4()),
        "Source": source,
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "EventBusName": "default",
        "Time": int(time.time()),
        "Resources": [arn],
        "Account": account,
        "Region": region,
    }
