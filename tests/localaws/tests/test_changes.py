"""Calls that change security groups, as events on the admin's bus."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from conftest import Credentials, Local, eventually
from roles import document, session
from test_inventory import differing, inventory
from test_security_groups import Group, tcp


class Changes:
    """The events of an account which came to the queue of the admin's rule."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, local: Local, account: str) -> None:
        self._local = local
        self._account = account

    def all(self) -> list[dict[str, Any]]:
        sqs, url = self._local.client("sqs", self._local.admin), self._local.stack["ChangesQueueUrl"]
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            Changes.seen += [json.loads(message["Body"]) for message in got]
            for message in got:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in Changes.seen if event["account"] == self._account]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.all() if event["detail"]["eventName"] == name]

    def one(self, name: str) -> dict[str, Any]:
        (event,) = eventually(lambda: self.of(name))
        return event

    def forwarded(self) -> list[dict[str, Any]]:
        status, told = self._local.door("GET", "forwarded")
        assert status == 200
        return [one for one in told if one["account"] == self._account]


@pytest.fixture
def changes(local: Local, account: str) -> Changes:
    return Changes(local, account)


@pytest.fixture
def ec2(local: Local, account: str) -> Any:
    return local.client("ec2", account)


def test_a_change_is_an_event_of_the_member_on_the_bus_of_the_admin(
    local: Local, account: str, changes: Changes
) -> None:
    may = {"Action": "ec2:*", "Resource": "*"}
    arn = f"arn:aws:iam::{account}:role/tester"
    session(local, account, may)
    mine = local.assume(account, arn, SourceIdentity="alice")
    group = Group(local.client("ec2", mine))
    wide = tcp(22, "0.0.0.0/0", Ipv6Ranges=[{"CidrIpv6": "::/0", "Description": "v6"}])
    wide["PrefixListIds"] = [{"PrefixListId": "pl-63a5400a"}]
    wide["UserIdGroupPairs"] = [{"GroupId": group.id}]
    made = group.allow(wide)
    event = changes.one("AuthorizeSecurityGroupIngress")
    detail = event.pop("detail")
    assert event == {
        "version": "0",
        "id": detail["eventID"],
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": account,
        "time": detail["eventTime"],
        "region": "us-east-1",
        "resources": [],
    }
    assert detail["requestParameters"] == {
        "groupId": group.id,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "groups": {"items": [{"groupId": group.id}]},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                    "ipv6Ranges": {"items": [{"cidrIpv6": "::/0", "description": "v6"}]},
                    "prefixListIds": {"items": [{"prefixListId": "pl-63a5400a"}]},
                }
            ]
        },
    }
    told = detail["responseElements"]["securityGroupRuleSet"]["items"]
    assert [rule["securityGroupRuleId"] for rule in told] == [rule["SecurityGroupRuleId"] for rule in made]
    assert (told[0]["fromPort"], told[0]["isEgress"], told[0]["cidrIpv4"]) == (22, False, "0.0.0.0/0")
    assert detail["responseElements"]["_return"] is True
    identity = detail["userIdentity"]
    assert (identity["type"], identity["accountId"]) == ("AssumedRole", account)
    assert identity["arn"] == f"arn:aws:sts::{account}:assumed-role/tester/test"
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer.items() >= {"type": "Role", "arn": arn, "accountId": account, "userName": "tester"}.items()
    assert identity["principalId"] == f"{issuer['principalId']}:test"
    assert identity["sessionContext"]["sourceIdentity"] == "alice"
    assert (detail["awsRegion"], detail["recipientAccountId"]) == ("us-east-1", account)
    assert (detail["eventSource"], detail["eventType"]) == ("ec2.amazonaws.com", "AwsApiCall")
    assert (detail["readOnly"], detail["eventCategory"]) == (False, "Management")
    assert "errorCode" not in detail


def test_every_call_of_a_group_has_the_shape_of_cloudtrail(
    local: Local, account: str, ec2: Any, changes: Changes
) -> None:
    group = Group(ec2, "shapes")
    made = changes.one("CreateSecurityGroup")["detail"]
    assert made["requestParameters"].items() >= {"groupName": "shapes", "groupDescription": "d"}.items()
    assert made["responseElements"]["groupId"] == group.id
    assert made["userIdentity"]["type"] == "Root"
    first, second = (r["SecurityGroupRuleId"] for r in group.allow(tcp(22, "0.0.0.0/0", "10.0.0.0/8")))
    wanted = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0"}
    change = {"SecurityGroupRuleId": first, "SecurityGroupRule": wanted}
    ec2.modify_security_group_rules(GroupId=group.id, SecurityGroupRules=[change])
    modified = changes.one("ModifySecurityGroupRules")["detail"]
    assert modified["requestParameters"] == {
        "ModifySecurityGroupRulesRequest": {
            "GroupId": group.id,
            "SecurityGroupRule": {"SecurityGroupRuleId": first, "SecurityGroupRule": wanted, "tag": 1},
        }
    }
    assert modified["responseElements"]["ModifySecurityGroupRulesResponse"]["return"] is True
    other = {"SecurityGroupRuleId": second, "SecurityGroupRule": {**wanted, "CidrIpv4": "10.0.0.0/8"}}
    ec2.modify_security_group_rules(GroupId=group.id, SecurityGroupRules=[change, other])
    eventually(lambda: len(changes.of("ModifySecurityGroupRules")) == 2)
    asked = changes.of("ModifySecurityGroupRules")[1]["detail"]["requestParameters"]
    rules = asked["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"]
    assert [(rule["SecurityGroupRuleId"], rule["tag"]) for rule in rules] == [(first, 1), (second, 2)]
    texts = [{"SecurityGroupRuleId": first, "Description": "web"}]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group.id, SecurityGroupRuleDescriptions=texts)
    described = changes.one("UpdateSecurityGroupRuleDescriptionsIngress")["detail"]["requestParameters"]
    inside = described["UpdateSecurityGroupRuleDescriptionsIngressRequest"]
    assert inside == {"GroupId": group.id, "SecurityGroupRuleDescription": {**texts[0], "tag": 1}}
    ec2.revoke_security_group_ingress(GroupId=group.id, SecurityGroupRuleIds=[first, second])
    revoked = changes.one("RevokeSecurityGroupIngress")["detail"]
    ids = {"items": [{"securityGroupRuleId": first}, {"securityGroupRuleId": second}]}
    assert revoked["requestParameters"] == {
        "groupId": group.id,
        "securityGroupRuleIds": ids,
        "ipPermissions": {},
    }
    out = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group.id, IpPermissions=out)
    (item,) = changes.one("RevokeSecurityGroupEgress")["detail"]["requestParameters"]["ipPermissions"][
        "items"
    ]
    assert item == {
        "ipProtocol": "-1",
        "groups": {},
        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    ec2.authorize_security_group_egress(GroupId=group.id, IpPermissions=out)
    assert changes.one("AuthorizeSecurityGroupEgress")
    ec2.delete_security_group(GroupId=group.id)
    assert changes.one("DeleteSecurityGroup")["detail"]["requestParameters"] == {"groupId": group.id}


def test_an_instance_tells_the_groups_it_is_made_with(ec2: Any, changes: Changes) -> None:
    group = Group(ec2)
    run = ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        SecurityGroupIds=[group.id],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    detail = changes.one("RunInstances")["detail"]
    asked = detail["requestParameters"]
    assert asked["instancesSet"] == {"items": [{"imageId": "ami-12345678", "minCount": 1, "maxCount": 1}]}
    assert asked["groupSet"] == {"items": [{"groupId": group.id}]}
    (tags,) = asked["tagSpecificationSet"]["items"]
    assert tags == {"resourceType": "instance", "tags": [{"key": "a", "value": "b"}]}
    made = detail["responseElements"]["instancesSet"]["items"]
    assert [one["instanceId"] for one in made] == [run["Instances"][0]["InstanceId"]]


def test_failed_calls_are_told_with_their_errors_and_dry_runs_as_the_pattern_says(
    local: Local, account: str, ec2: Any, changes: Changes
) -> None:
    group = Group(ec2)
    group.allow(tcp(22, "0.0.0.0/0"))
    nobody = session(local, account, {"Action": "ec2:Describe*", "Resource": "*"})
    mine = Group.__new__(Group)
    mine.ec2, mine.id = local.client("ec2", nobody), group.id
    for one, code in ((mine, "UnauthorizedOperation"), (group, "InvalidPermission.Duplicate")):
        with pytest.raises(ClientError):
            one.allow(tcp(22, "0.0.0.0/0"))
        name = "AuthorizeSecurityGroupIngress"
        (event,) = eventually(
            lambda name=name, code=code: [
                one for one in changes.of(name) if one["detail"].get("errorCode") == f"Client.{code}"
            ]
        )
        assert event["detail"]["errorMessage"]
        assert event["detail"]["responseElements"] is None
        assert event["detail"]["requestParameters"]["groupId"] == group.id
    with pytest.raises(ClientError):
        group.allow(tcp(23, "0.0.0.0/0"), DryRun=True)
    group.allow(tcp(24, "0.0.0.0/0"))
    eventually(lambda: len(changes.of("AuthorizeSecurityGroupIngress")) == 4)
    ports = [
        event["detail"]["requestParameters"]["ipPermissions"]["items"][0]["fromPort"]
        for event in changes.of("AuthorizeSecurityGroupIngress")
    ]
    assert sorted(ports) == [22, 22, 22, 24]
    history = local.client("cloudtrail", account).lookup_events()["Events"]
    errors = [json.loads(event["CloudTrailEvent"]).get("errorCode") for event in history]
    assert "Client.DryRunOperation" in errors


def test_a_change_in_another_region_keeps_its_region(local: Local, account: str, changes: Changes) -> None:
    Group(local.client("ec2", account, "eu-west-1"))
    event = changes.one("CreateSecurityGroup")
    assert (event["region"], event["detail"]["awsRegion"]) == ("eu-west-1", "eu-west-1")


def test_what_nobody_asks_for_is_not_sent(local: Local, account: str, ec2: Any, changes: Changes) -> None:
    ec2.describe_security_groups()
    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    Group(local.client("ec2", account, "eu-central-1"))
    stranger = local.account(role=False)
    Group(local.client("ec2", stranger))
    Group(ec2)
    assert changes.one("CreateSecurityGroup")["region"] == "us-east-1"
    assert len(changes.all()) == 1
    assert Changes(local, stranger).all() == []
    assert [one["event"] for one in changes.forwarded()] == ["CreateSecurityGroup"]


def _sent(changes: Changes, ec2: Any, name: str) -> str | None:
    """Make a group, and tell what kept the event away."""
    before = len(changes.forwarded())
    Group(ec2, name)
    return eventually(lambda: changes.forwarded()[before:])[0]["refusal"]


def test_the_role_the_rule_and_the_bus_must_let_the_event_pass(
    local: Local, account: str, ec2: Any, changes: Changes
) -> None:
    iam, events = local.client("iam", account), local.client("events", account)
    role, rule = "redress-changes-us-east-1", "redress-changes"
    assert _sent(changes, ec2, "fine") is None
    policy = iam.get_role_policy(RoleName=role, PolicyName="put")["PolicyDocument"]
    elsewhere = {"Action": "events:PutEvents", "Resource": "arn:aws:events:*:*:event-bus/other"}
    iam.put_role_policy(RoleName=role, PolicyName="put", PolicyDocument=document(elsewhere))
    assert "may not events:PutEvents" in (_sent(changes, ec2, "no-policy") or "")
    iam.put_role_policy(RoleName=role, PolicyName="put", PolicyDocument=json.dumps(policy))
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    other = document({"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=other)
    assert "does not let events.amazonaws.com in" in (_sent(changes, ec2, "no-trust") or "")
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    bus = local.stack["ChangesBusArn"].rpartition("/")[2]
    admin = local.client("events", local.admin)
    whole = admin.describe_event_bus(Name=bus)["Policy"]
    other_organization = whole.replace(local.report["organization"], "o-other")
    assert other_organization != whole
    try:
        admin.put_permission(EventBusName=bus, Policy=other_organization)
        assert "the policy of the bus" in (_sent(changes, ec2, "no-bus") or "")
    finally:
        admin.put_permission(EventBusName=bus, Policy=whole)
    assert _sent(changes, ec2, "fine-again") is None
    events.disable_rule(Name=rule)
    Group(ec2, "disabled")
    events.enable_rule(Name=rule)
    assert _sent(changes, ec2, "enabled") is None
    names = [event["detail"]["requestParameters"]["groupName"] for event in changes.all()]
    assert names == ["fine", "fine-again", "enabled"]


def test_rules_are_in_the_inventory(local: Local, account: str) -> None:
    before = inventory(local, account)
    events = local.client("events", account)
    pattern = json.dumps({"source": ["aws.ec2"]})
    events.put_rule(Name="more", EventPattern=pattern, Tags=[{"Key": "a", "Value": "b"}])
    events.put_targets(Rule="more", Targets=[{"Id": "one", "Arn": local.stack["ChangesBusArn"]}])
    after = inventory(local, account)
    key, arn = "events/us-east-1/rules/default/more", f"arn:aws:events:us-east-1:{account}:rule/more"
    assert differing(before, after) == [key, f"events/us-east-1/tags/{arn}"]
    assert after[key]["targets"] == [{"Id": "one", "Arn": local.stack["ChangesBusArn"]}]
    assert "events/us-east-1/rules/default/redress-changes" in before
    events.disable_rule(Name="more")
    assert differing(after, inventory(local, account)) == [key]
    events.remove_targets(Rule="more", Ids=["one"])
    events.delete_rule(Name="more")
    assert differing(before, inventory(local, account)) == []


def test_a_source_identity_needs_its_own_permission(local: Local, account: str) -> None:
    iam, arn = local.client("iam", account), f"arn:aws:iam::{account}:role"
    trusting = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trusting))
    mine = session(local, account, {"Action": "sts:*", "Resource": "*"})
    with pytest.raises(ClientError):
        local.assume(mine, f"{arn}/target", SourceIdentity="bob")
    trusting["Action"] = ["sts:AssumeRole", "sts:SetSourceIdentity"]  # type: ignore[assignment]
    iam.update_assume_role_policy(RoleName="target", PolicyDocument=document(trusting))
    local.assume(mine, f"{arn}/target", SourceIdentity="bob")
    lacking = session(local, account, {"Action": "sts:AssumeRole", "Resource": "*"}, name="lacking")
    local.assume(lacking, f"{arn}/target")
    with pytest.raises(ClientError):
        local.assume(lacking, f"{arn}/target", SourceIdentity="bob")


def test_many_changes_come_in_the_order_of_the_calls(ec2: Any, changes: Changes) -> None:
    group = Group(ec2)
    for port in range(1, 41):
        group.allow(tcp(port, "0.0.0.0/0"))
    eventually(lambda: len(changes.of("AuthorizeSecurityGroupIngress")) == 40, 20)
    ports = [
        event["detail"]["requestParameters"]["ipPermissions"]["items"][0]["fromPort"]
        for event in changes.of("AuthorizeSecurityGroupIngress")
    ]
    assert ports == list(range(1, 41))
    time.sleep(0.1)
    assert len(changes.of("AuthorizeSecurityGroupIngress")) == 40


def test_a_session_of_the_admin_is_told_as_the_members_role(
    local: Local, account: str, function_role: Credentials, changes: Changes
) -> None:
    member = local.assume(function_role, local.member_role(account), ExternalId=local.report["external_id"])
    with pytest.raises(ClientError):
        Group(local.client("ec2", member))
    with pytest.raises(ClientError):
        local.client("ec2", member).delete_security_group(GroupId="sg-0123456789abcdef0")
    detail = changes.one("DeleteSecurityGroup")["detail"]
    identity = detail["userIdentity"]
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == local.member_role(account)
    assert detail["errorCode"] == "Client.UnauthorizedOperation"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_admins_own_changes_come_to_its_bus_too(local: Local, region: str) -> None:
    changes = Changes(local, local.admin)
    group = Group(local.client("ec2", local.admin, region), f"own-{region}")
    (event,) = eventually(
        lambda: [
            one
            for one in changes.of("CreateSecurityGroup")
            if (one["detail"]["responseElements"] or {}).get("groupId") == group.id
        ]
    )
    assert (event["account"], event["region"]) == (local.admin, region)
    assert event["detail"]["userIdentity"]["arn"] == f"arn:aws:iam::{local.admin}:root"
