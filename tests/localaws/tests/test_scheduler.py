"""EventBridge Scheduler in the admin account: who may make schedules, and that they come due when told to."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local
from roles import document, trust
from test_identity import refusal

_counter = itertools.count()


@dataclass
class Stage:
    """A group with a queue that its schedules send to, and the role by which they do."""

    local: Local
    group: str
    queue: str
    arn: str
    role: str

    def order(self, name: str, when: str = "2031-01-01T00:00:00", **changes: Any) -> dict[str, Any]:
        target = {
            "Arn": self.arn,
            "RoleArn": self.role,
            "Input": f'{{"run": "{name}",  "spaces":true}}',
            "DeadLetterConfig": {"Arn": self.arn},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5},
        }
        order = {
            "Name": name,
            "GroupName": self.group,
            "ScheduleExpression": f"at({when})",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": target,
        }
        return {**order, **changes}

    def received(self) -> list[str]:
        sqs = self.local.client("sqs", self.local.admin)
        got = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [message["Body"] for message in got.get("Messages", [])]

    def fire(self, **order: str) -> dict[str, Any]:
        status, answer = self.local.door("POST", "schedules", {"group": self.group, **order})
        assert status == 200, answer
        return answer

    def waiting(self) -> list[dict[str, Any]]:
        return self.local.door("GET", f"schedules?group={self.group}")[1]

    def session(self, *statements: dict[str, Any]) -> Credentials:
        iam, name = self.local.client("iam", self.local.admin), f"{self.group}-caller"
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return self.local.assume(self.local.admin, role)


@pytest.fixture
def stage(local: Local) -> Stage:
    number = next(_counter)
    queue = local.client("sqs", local.admin).create_queue(QueueName=f"due-{number}")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{local.admin}:due-{number}"
    cloudformation = local.client("cloudformation", local.admin)
    template = {"Resources": {"Group": {"Type": "AWS::Scheduler::ScheduleGroup"}}}
    template["Outputs"] = {"Group": {"Value": {"Ref": "Group"}}}
    cloudformation.create_stack(StackName=f"group-{number}", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=f"group-{number}", WaiterConfig={"Delay": 1}
    )
    outputs = cloudformation.describe_stacks(StackName=f"group-{number}")["Stacks"][0]["Outputs"]
    iam = local.client("iam", local.admin)
    role = iam.create_role(
        RoleName=f"sends-{number}", AssumeRolePolicyDocument=trust("scheduler.amazonaws.com")
    )["Role"]["Arn"]
    sends = document({"Action": "sqs:SendMessage", "Resource": arn})
    iam.put_role_policy(RoleName=f"sends-{number}", PolicyName="own", PolicyDocument=sends)
    return Stage(local, outputs[0]["OutputValue"], queue, arn, role)


def _code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)[0]


def test_a_schedule_is_made_told_changed_and_deleted(local: Local, stage: Stage) -> None:
    client, order = local.client("scheduler", local.admin), stage.order("one")
    arn = client.create_schedule(**order)["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:{local.admin}:schedule/{stage.group}/one"
    named = {"Name": "one", "GroupName": stage.group}
    told = client.get_schedule(**named)
    assert {key: told[key] for key in order} == order
    assert (told["State"], told["ScheduleExpressionTimezone"]) == ("ENABLED", "UTC")
    assert not {"ClientToken", "Fired", "Description"} & told.keys()
    client.update_schedule(**stage.order("one", "2032-02-02T02:02:02"))
    assert client.get_schedule(**named)["ScheduleExpression"] == "at(2032-02-02T02:02:02)"
    client.delete_schedule(**named)
    for call in (client.get_schedule, client.delete_schedule):
        assert _code(call, **named) == "ResourceNotFoundException"
    assert _code(client.update_schedule, **stage.order("one")) == "ResourceNotFoundException"


def test_a_name_is_taken_once_in_a_group_but_a_request_may_be_repeated(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    first = client.create_schedule(**stage.order("one"), ClientToken="a-token")
    again = client.create_schedule(**stage.order("one"), ClientToken="a-token")
    assert first["ScheduleArn"] == again["ScheduleArn"]
    assert _code(client.create_schedule, **stage.order("one")) == "ConflictException"
    assert _code(client.create_schedule, **stage.order("one", GroupName="no-such")) == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"ScheduleExpression": "at(2031-01-01T00:00:00Z)"},
        {"ScheduleExpression": "at(2031-13-01T00:00:00)"},
        {"ScheduleExpression": "sometimes"},
        {"Name": "a name"},
        {"ScheduleExpressionTimezone": "Nowhere/None"},
    ],
)
def test_wrong_schedules_are_refused(local: Local, stage: Stage, wrong: dict[str, str]) -> None:
    client = local.client("scheduler", local.admin)
    assert _code(client.create_schedule, **{**stage.order("one"), **wrong}) == "ValidationException"


def test_scheduler_must_be_trusted_by_the_role(local: Local, stage: Stage) -> None:
    iam = local.client("iam", local.admin)
    iam.update_assume_role_policy(RoleName=stage.role.rpartition("/")[2], PolicyDocument=trust())
    client = local.client("scheduler", local.admin)
    assert _code(client.create_schedule, **stage.order("one")) == "ValidationException"


def test_schedules_are_listed_in_pages(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    for number in range(3):
        client.create_schedule(**stage.order(f"run-{number}"))
    client.create_schedule(**stage.order("other"))
    pages = client.get_paginator("list_schedules").paginate(
        GroupName=stage.group, NamePrefix="run-", PaginationConfig={"PageSize": 2}
    )
    assert [[s["Name"] for s in page["Schedules"]] for page in pages] == [["run-0", "run-1"], ["run-2"]]
    assert _code(client.list_schedules, GroupName="no-such") == "ResourceNotFoundException"


def test_a_schedule_comes_due_when_told_to_and_is_gone_then(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    client.create_schedule(**stage.order("past", "2020-01-01T00:00:00"))
    client.create_schedule(**stage.order("other"))
    assert stage.received() == []
    assert stage.fire(name="past") == {"fired": ["past"]}
    assert stage.received() == ['{"run": "past",  "spaces":true}']
    assert _code(client.get_schedule, Name="past", GroupName=stage.group) == "ResourceNotFoundException"
    assert [schedule["name"] for schedule in stage.waiting()] == ["other"]


def test_the_waiting_schedules_are_told(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    client.create_schedule(**stage.order("later"))
    client.create_schedule(**stage.order("sooner", "2030-01-01T00:00:00"))
    later, told = stage.waiting()[1], [schedule["name"] for schedule in stage.waiting()]
    assert told == ["sooner", "later"]
    assert later == {
        "name": "later",
        "group": stage.group,
        "expression": "at(2031-01-01T00:00:00)",
        "timezone": "UTC",
        "state": "ENABLED",
        "input": '{"run": "later",  "spaces":true}',
        "target": stage.arn,
        "role": stage.role,
        "dead_letters": stage.arn,
        "after_completion": "DELETE",
    }


def test_what_is_due_by_a_moment_comes_due_in_order(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    client.create_schedule(**stage.order("third", "2030-01-03T00:00:00"))
    client.create_schedule(**stage.order("second", "2030-01-02T00:00:00"))
    zone = {"ScheduleExpressionTimezone": "America/New_York"}
    client.create_schedule(**stage.order("first", "2030-01-01T00:00:00", **zone))
    assert stage.fire(until="2030-01-01T04:59:59Z") == {"fired": []}
    assert stage.fire(until="2030-01-02T12:00:00Z") == {"fired": ["first", "second"]}
    assert [schedule["name"] for schedule in stage.waiting()] == ["third"]


def test_one_that_is_kept_comes_due_once(local: Local, stage: Stage) -> None:
    client = local.client("scheduler", local.admin)
    client.create_schedule(**stage.order("kept", ActionAfterCompletion="NONE"))
    assert stage.fire() == {"fired": ["kept"]}
    assert client.get_schedule(Name="kept", GroupName=stage.group)["ActionAfterCompletion"] == "NONE"
    assert local.door("POST", "schedules", {"group": stage.group})[0] == 400
    assert stage.waiting() == []


def test_disabled_schedules_do_not_come_due(local: Local, stage: Stage) -> None:
    local.client("scheduler", local.admin).create_schedule(**stage.order("off", State="DISABLED"))
    assert local.door("POST", "schedules", {"group": stage.group})[0] == 400
    assert [schedule["state"] for schedule in stage.waiting()] == ["DISABLED"]


def test_a_role_that_may_not_send_sends_nothing(local: Local, stage: Stage) -> None:
    local.client("scheduler", local.admin).create_schedule(**stage.order("one"))
    role = stage.role.rpartition("/")[2]
    local.client("iam", local.admin).delete_role_policy(RoleName=role, PolicyName="own")
    answer = stage.fire()
    assert answer["fired"] == []
    assert "may not sqs:SendMessage" in answer["refused"]["one"]
    assert (stage.received(), stage.waiting()) == ([], [])


def test_what_has_nowhere_to_go_is_a_dead_letter(local: Local, stage: Stage) -> None:
    order = stage.order("one")
    order["Target"]["Arn"] = f"{stage.arn}-missing"
    local.client("scheduler", local.admin).create_schedule(**order)
    role = stage.role.rpartition("/")[2]
    sends = document({"Action": "sqs:SendMessage", "Resource": f"{stage.arn}*"})
    local.client("iam", local.admin).put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=sends)
    assert "there is no queue" in stage.fire()["refused"]["one"]
    [dead] = local.client("sqs", local.admin).receive_message(
        QueueUrl=stage.queue, MessageAttributeNames=["All"]
    )["Messages"]
    assert dead["Body"] == order["Target"]["Input"]
    told = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert (told["TARGET_ARN"], told["ERROR_CODE"]) == (
        order["Target"]["Arn"],
        "AWS.SimpleQueueService.NonExistentQueue",
    )
    assert stage.waiting() == []


def test_schedules_are_allowed_by_group_and_name(local: Local, stage: Stage) -> None:
    arn = f"arn:aws:scheduler:us-east-1:{local.admin}:schedule/{stage.group}/mine-*"
    passes = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    caller = stage.session(
        {"Action": ["scheduler:CreateSchedule", "scheduler:GetSchedule"], "Resource": arn},
        {"Action": "iam:PassRole", "Resource": stage.role, "Condition": passes},
    )
    client = local.client("scheduler", caller)
    client.create_schedule(**stage.order("mine-1"))
    assert client.get_schedule(Name="mine-1", GroupName=stage.group)["Name"] == "mine-1"
    for refused in (stage.order("other"), stage.order("mine-2", GroupName="default")):
        assert _code(client.create_schedule, **refused) == "AccessDeniedException"
    assert _code(client.delete_schedule, Name="mine-1", GroupName=stage.group) == "AccessDeniedException"


@pytest.mark.parametrize("update", [False, True])
def test_the_role_of_a_schedule_must_be_passed(local: Local, stage: Stage, update: bool) -> None:
    client = local.client("scheduler", stage.session({"Action": "scheduler:*", "Resource": "*"}))
    if update:
        local.client("scheduler", local.admin).create_schedule(**stage.order("one"))
    with pytest.raises(ClientError) as caught:
        (client.update_schedule if update else client.create_schedule)(**stage.order("one"))
    code, message = refusal(caught)
    assert code == "AccessDeniedException"
    assert f"iam:PassRole on resource: {stage.role}" in message
