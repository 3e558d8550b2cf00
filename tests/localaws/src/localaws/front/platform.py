"""MiniStack, the admin account's platform, as the rest of the front sees it.

This, `schedules` and the repairs are the only modules that know MiniStack's insides. `configure` must run
before anything imports it, as it reads its settings while it is imported.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from localaws.front.calls import Calls
from localaws.policy import principal_forms, trusts
from localaws.world import World

Application = Callable[..., Any]

SERVICES = frozenset(
    {
        "cloudformation",
        "dynamodb",
        "events",
        "iam",
        "kms",
        "lambda",
        "logs",
        "monitoring",
        "pipes",
        "s3",
        "scheduler",
        "secretsmanager",
        "sns",
        "sqs",
        "ssm",
        "states",
        "sts",
    }
)
"""What MiniStack serves for the admin account; its other services live in moto beside the members'."""


def configure(world: World, scratch: str) -> None:
    """Set MiniStack's environment."""
    os.environ.update(
        {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": world.admin,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": world.endpoint,
            "AWS_REGION": world.region,
            "AWS_DEFAULT_REGION": world.region,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(world.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
            "MINISTACK_ACCOUNT_ID": world.admin,
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": world.region,
            "NO_PROXY": "127.0.0.1,localhost",
            "SFN_WAIT_SCALE": os.environ.get("SFN_WAIT_SCALE", "0.05"),
            "S3_DATA_DIR": os.path.join(scratch, "s3"),
            "STATE_DIR": os.path.join(scratch, "state"),
            "TMPDIR": scratch,
        }
    )
    tempfile.tempdir = scratch
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.pop("AWS_PROFILE", None)


class Platform:
    """MiniStack in this process."""

    def __init__(self, world: World, calls: Calls) -> None:
        from ministack import app

        from localaws.front import (
            admin_roles,
            repairs_eventbridge,
            repairs_ministack,
            repairs_scheduler,
            repairs_stepfunctions,
        )

        self._world = world
        self.account = world.admin
        self.application: Application = app.app
        repairs_ministack.apply(calls)
        repairs_scheduler.apply()
        repairs_eventbridge.apply()
        repairs_stepfunctions.apply()
        admin_roles.log_to(calls)

    def account_of(self, access_key: str) -> str | None:
        """The account behind credentials which MiniStack issued."""
        from ministack.core.iam_evaluator import find_iam_access_key_account
        from ministack.services import sts

        session = sts._sessions.get(access_key)
        if session is not None:
            return session.get("AccountId") or session["Arn"].split(":")[4]
        return find_iam_access_key_account(access_key)

    def caller(self, access_key: str) -> tuple[str, str | None]:
        """The ARN of a caller of the admin account and, for a session, of the role behind it."""
        from ministack.core.iam_evaluator import resolve_caller_identity
        from ministack.core.responses import request_scope
        from ministack.services import iam

        with request_scope(self._world.admin, self._world.region):
            arn = (resolve_caller_identity(access_key) or {}).get("userArn", "")
        if ":assumed-role/" not in arn:
            return arn, None
        role = iam._roles.get_scoped(self._world.admin, None, arn.split("/")[1]) or {}
        return arn, role.get("Arn")

    def refuses(
        self, access_key: str, action: str, resource: str | None, region: str, context: dict[str, Any]
    ) -> tuple[str, str] | None:
        """Whether IAM denies a call which MiniStack does not serve itself: (principal, reason), or None."""
        from ministack.core import iam_evaluator as evaluator
        from ministack.core.responses import request_scope

        evaluator._anonymous.set(False)
        evaluator._signed_request.set(None)
        with request_scope(self._world.admin, region):
            verdict = evaluator.enforce(
                access_key, action, action.partition(":")[0], region, resource or "*", context
            )
        if verdict is None:
            return None
        if isinstance(verdict, evaluator.AuthError):
            return access_key, verdict.message
        if verdict.decision == "Deny":
            return verdict.principal_arn, "with an explicit deny in an identity-based policy"
        return verdict.principal_arn, f"because no identity-based policy allows the {action} action"

    def emit(self, envelope: dict[str, Any]) -> str:
        """Put a whole event on the admin's default bus, `aws.*` sources included; returns the event's id."""
        region = envelope.get("region") or self._world.region
        return self._put(envelope, "default", region)

    def _put(self, envelope: dict[str, Any], bus: str, region: str) -> str:
        """Put an event on a bus of the admin in `region`; it keeps the account and region that it names."""
        from ministack.core.responses import request_scope
        from ministack.services import eventbridge

        with request_scope(self._world.admin, region):
            event = self._record(envelope, bus)
            eventbridge._dispatch_event(event)
        return event["EventId"]

    def _record(self, envelope: dict[str, Any], bus: str) -> dict[str, Any]:
        """An event as MiniStack keeps it."""
        return {
            "EventId": envelope.get("id") or str(uuid.uuid4()),
            "Source": envelope["source"],
            "DetailType": envelope["detail-type"],
            "Detail": json.dumps(envelope["detail"]),
            "EventBusName": bus,
            "Time": _epoch(envelope.get("time")),
            "Resources": envelope.get("resources") or [],
            "Account": envelope.get("account") or self._world.admin,
            "Region": envelope.get("region") or self._world.region,
        }

    def matches(self, pattern: dict[str, Any], envelope: dict[str, Any]) -> bool:
        """Whether an event matches a rule's pattern."""
        from ministack.core.responses import request_scope
        from ministack.services import eventbridge

        with request_scope(envelope["account"], envelope["region"]):
            view = eventbridge._pattern_event_view(self._record(envelope, "default"))
            return bool(eventbridge._matches_pattern_view(json.dumps(pattern), view))

    def forward(self, envelope: dict[str, Any], target: dict[str, Any]) -> str | None:
        """Put an event of a member on a bus of the admin; the reason when that cannot be."""
        from ministack.services import eventbridge

        _, _, service, region, account, name = [*target["Arn"].split(":", 5), *[""] * 6][:6]
        kind, _, bus = name.partition("/")
        if (service, kind, account) != ("events", "event-bus", self._world.admin):
            return "only buses of the admin account are sent to"
        if bus != "default" and eventbridge._event_buses.get_scoped(account, region, bus) is None:
            return "there is no such bus"
        policy = eventbridge._event_bus_policies.get_scoped(account, region, bus)
        session = f"{target['RoleArn'].replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/events"
        context = {
            "aws:principalaccount": envelope["account"],
            "aws:principalarn": target["RoleArn"],
            "aws:principalorgid": self._world.organization,
            "aws:securetransport": "true",
        }
        forms = principal_forms(session, target["RoleArn"])
        if not policy or not trusts(policy, forms, context, "events:PutEvents", target["Arn"]):
            return f"the policy of the bus does not let {target['RoleArn']} put events"
        self._put(envelope, bus, region)
        return None

    def logs(self, function: str) -> list[str]:
        """What a function wrote, oldest first. `function` is its name, its logical id or a part of them."""
        from ministack.core.responses import request_scope
        from ministack.services import cloudwatch_logs, lambda_svc

        events: list[dict[str, Any]] = []
        with request_scope(self._world.admin, self._world.region):
            for name in [n for n in lambda_svc._functions if function in n]:
                group = lambda_svc._functions[name]["config"]["LoggingConfig"]["LogGroup"]
                streams = (cloudwatch_logs._log_groups.get(group) or {}).get("streams", {})
                for stream in list(streams.values()):
                    events += stream["events"]
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]


def _epoch(text: str | None) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else int(time.time())
