"""The management account's stack: stack sets in all accounts, nested stacks, events of the organization."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import STACK, Local, eventually, running
from roles import document
from test_identity import refusal

CALL, SERVICE = "AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A local AWS whose organization has a stack."""
    directory = tmp_path_factory.mktemp("organization")
    options = ["--template", str(STACK / "template.yaml"), "--organization", str(STACK / "organization.yaml")]
    options += ["--parameter", "Regions=us-east-1,eu-west-1", "--accounts", "2"]
    with running(directory, *options) as local:
        yield local


@pytest.fixture
def organizations(deployed: Local) -> Any:
    return deployed.client("organizations", deployed.report["management"])


def roles(local: Local, account: str) -> dict[str, str]:
    """The roles of the stack set, and their descriptions."""
    listed = local.client("iam", account).list_roles()["Roles"]
    return {r["RoleName"]: r["Description"] for r in listed if r["RoleName"].startswith("everywhere")}


EVERYWHERE = {"everywhere-us-east-1": "everywhere", "everywhere-eu-west-1": "everywhere"}


class Events:
    """The organization's events on the admin's bus, kept by a rule there."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self.sqs = local.client("sqs", local.admin)
        self.url = self.sqs.create_queue(QueueName="organization")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{local.admin}:organization"
        events = local.client("events", local.admin)
        bus = local.stack["ChangesBusArn"].rpartition("/")[2]
        pattern = '{"source": ["aws.organizations"]}'
        events.put_rule(Name="organization", EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule="organization", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        service = {"Principal": {"Service": "events.amazonaws.com"}}
        policy = document({**service, "Action": "sqs:SendMessage", "Resource": arn})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})
        self.seen: list[dict[str, Any]] = []

    def about(self, name: str, account: str) -> dict[str, Any]:
        """The event of a name that mentions an account."""
        return eventually(lambda: self._find(name, account))

    def _find(self, name: str, account: str) -> dict[str, Any] | None:
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        self.seen += [json.loads(message["Body"]) for message in got]
        return next(
            (e for e in self.seen if e["detail"]["eventName"] == name and account in json.dumps(e)), None
        )


@pytest.fixture(scope="module")
def events(deployed: Local) -> Events:
    return Events(deployed)


def create(organizations: Any) -> str:
    """An account that the organization created."""
    begun = organizations.create_account(AccountName="made", Email="made@example.com")["CreateAccountStatus"]
    assert (begun["State"], "AccountId" in begun) == ("IN_PROGRESS", False)
    done = organizations.describe_create_account_status(CreateAccountRequestId=begun["Id"])
    return done["CreateAccountStatus"]["AccountId"]


def test_a_stack_set_reaches_all_accounts_and_those_that_come_later(
    deployed: Local, organizations: Any
) -> None:
    early, closed = deployed.report["members"]
    late = deployed.account()
    created = create(organizations)
    for account in (early, closed, late, created):
        assert roles(deployed, account) == EVERYWHERE
    assert roles(deployed, deployed.report["management"]) == {"everywhere-us-east-1": "nested"}
    cloudformation = deployed.client("cloudformation", deployed.report["management"])
    told = cloudformation.list_stack_instances(StackSetName="Everywhere")["Summaries"]
    assert {(one["Account"], one["Region"]) for one in told} >= {(late, "us-east-1"), (created, "eu-west-1")}
    organizations.remove_account_from_organization(AccountId=late)
    assert roles(deployed, late) == {}


def test_the_management_accounts_nested_stacks_put_out_what_they_make(deployed: Local) -> None:
    cloudformation = deployed.client("cloudformation", deployed.report["management"])
    (stack,) = cloudformation.describe_stacks(StackName="redress-organization")["Stacks"]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    arn = f"arn:aws:iam::{deployed.report['management']}:role/everywhere-us-east-1"
    assert outputs["NestedRole"] == arn


def test_a_stack_set_of_a_unit_follows_accounts_that_are_moved(deployed: Local, organizations: Any) -> None:
    inside, outside = deployed.account(ou="/Followed/Deep"), deployed.account()
    (root,) = organizations.list_roots()["Roots"]
    units = organizations.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"]
    unit = next(u["Id"] for u in units if u["Name"] == "Followed")
    cloudformation = deployed.client("cloudformation", deployed.report["management"], "eu-central-1")
    cloudformation.create_stack_set(
        StackSetName="Unit",
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
        TemplateBody=(STACK / "everywhere.yaml").read_text(),
        Parameters=[{"ParameterKey": "Described", "ParameterValue": "unit"}],
    )
    targets = {"OrganizationalUnitIds": [unit]}
    cloudformation.create_stack_instances(
        StackSetName="Unit", DeploymentTargets=targets, Regions=["eu-central-1"]
    )
    mine = {"everywhere-eu-central-1": "unit"}
    assert (roles(deployed, inside), roles(deployed, outside)) == (EVERYWHERE | mine, EVERYWHERE)
    organizations.move_account(AccountId=outside, SourceParentId=root["Id"], DestinationParentId=unit)
    assert roles(deployed, outside) == EVERYWHERE | mine
    organizations.move_account(AccountId=outside, SourceParentId=unit, DestinationParentId=root["Id"])
    assert roles(deployed, outside) == EVERYWHERE


def test_an_account_that_refuses_a_stack_does_not_keep_the_others_from_it(deployed: Local) -> None:
    account = deployed.account()
    cloudformation = deployed.client("cloudformation", deployed.report["management"])
    cloudformation.create_stack_set(
        StackSetName="Again",
        PermissionModel="SERVICE_MANAGED",
        TemplateBody=(STACK / "everywhere.yaml").read_text(),
        Parameters=[{"ParameterKey": "Described", "ParameterValue": "again"}],
    )
    cloudformation.create_stack_instances(
        StackSetName="Again", DeploymentTargets={"OrganizationalUnitIds": ["r-root"]}, Regions=["us-east-1"]
    )
    told = cloudformation.list_stack_instances(StackSetName="Again", StackInstanceAccount=account)
    assert {one["Status"] for one in told["Summaries"]} == {"OUTDATED"}


def test_a_created_account_is_told_to_the_admin(deployed: Local, organizations: Any, events: Events) -> None:
    account = create(organizations)
    event = events.about("CreateAccountResult", account)
    assert (event["source"], event["detail-type"]) == ("aws.organizations", SERVICE)
    assert (event["account"], event["region"]) == (deployed.report["management"], "us-east-1")
    detail = event["detail"]
    status = detail["serviceEventDetails"]["createAccountStatus"]
    assert (status["accountId"], status["state"], status["accountName"]) == (account, "SUCCEEDED", "****")
    assert (detail["eventType"], detail["eventSource"]) == ("AwsServiceEvent", "organizations.amazonaws.com")
    call = events.about("CreateAccount", status["id"])
    assert call["detail-type"] == CALL
    assert call["detail"]["requestParameters"] == {"accountName": "****", "email": "****"}
    assert call["detail"]["responseElements"]["createAccountStatus"]["state"] == "IN_PROGRESS"


def test_moving_closing_and_removing_accounts_is_told_to_the_admin(
    deployed: Local, organizations: Any, events: Events
) -> None:
    account = deployed.account(ou="/Told", role=False)
    (parent,) = organizations.list_parents(ChildId=account)["Parents"]
    organizations.move_account(AccountId=account, SourceParentId=parent["Id"], DestinationParentId="r-root")
    moved = events.about("MoveAccount", account)["detail"]
    assert moved["requestParameters"] == {
        "accountId": account,
        "sourceParentId": parent["Id"],
        "destinationParentId": "r-root",
    }
    organizations.close_account(AccountId=account)
    assert events.about("CloseAccount", account)["detail-type"] == CALL
    closed = events.about("CloseAccountResult", account)
    assert closed["detail-type"] == SERVICE
    assert closed["detail"]["serviceEventDetails"]["closeAccountStatus"]["state"] == "SUCCEEDED"
    assert organizations.describe_account(AccountId=account)["Account"]["State"] == "SUSPENDED"
    organizations.remove_account_from_organization(AccountId=account)
    assert events.about("RemoveAccountFromOrganization", account)["detail"]["responseElements"] is None


def test_an_invited_account_joins_and_leaves(deployed: Local, organizations: Any, events: Events) -> None:
    account = "777777777777"
    invited = organizations.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})
    own = deployed.client("organizations", account)
    own.accept_handshake(HandshakeId=invited["Handshake"]["Id"])
    told = events.about("AcceptHandshake", account)
    assert told["account"] == deployed.report["management"]
    assert told["detail"]["responseElements"]["handshake"]["state"] == "ACCEPTED"
    assert organizations.describe_account(AccountId=account)["Account"]["JoinedMethod"] == "INVITED"
    assert roles(deployed, account) == EVERYWHERE
    own.leave_organization()
    assert events.about("LeaveOrganization", account)["detail-type"] == CALL
    assert roles(deployed, account) == {}


def test_the_door_tells_a_new_account_when_asked_to(deployed: Local, events: Events) -> None:
    account = deployed.account(role=False, event=True)
    assert events.about("CreateAccountResult", account)["detail-type"] == SERVICE


def test_what_a_move_must_name_is_checked(deployed: Local, organizations: Any) -> None:
    account = deployed.account(ou="/Checked", role=False)
    (parent,) = organizations.list_parents(ChildId=account)["Parents"]
    for source, destination, code in (
        ("r-root", "ou-root-00000000", "DestinationParentNotFoundException"),
        ("ou-root-00000000", "r-root", "SourceParentNotFoundException"),
        ("r-root", parent["Id"], "DuplicateAccountException"),
    ):
        with pytest.raises(ClientError) as caught:
            organizations.move_account(
                AccountId=account, SourceParentId=source, DestinationParentId=destination
            )
        assert refusal(caught)[0] == code


def test_many_accounts_are_added_in_little_time(deployed: Local) -> None:
    made = [{"account": str(600000000001 + n)} for n in range(100)]
    begun = time.monotonic()
    status, told = deployed.door("POST", "accounts", made)
    assert (status, [one["account"] for one in told]) == (200, [one["account"] for one in made])
    assert time.monotonic() - begun < 5
    assert roles(deployed, "600000000100") == EVERYWHERE
