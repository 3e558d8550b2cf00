"""Network ACLs, flow logs, and the groups that everything is in which is in no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import document, session, trust
from test_identity import refusal
from test_inventory import differing, inventory

SSH = {"From": 22, "To": 22}


class Acl:
    """A new network ACL of the account's default VPC."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.id = ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]

    def put(self, number: int, verb: str = "create", **options: Any) -> None:
        entry = {
            "RuleNumber": number,
            "Protocol": "6",
            "RuleAction": "deny",
            "Egress": False,
            "PortRange": SSH,
        }
        cidr = {} if "Ipv6CidrBlock" in options else {"CidrBlock": "0.0.0.0/0"}
        change = getattr(self.ec2, f"{verb}_network_acl_entry")
        change(NetworkAclId=self.id, **{**entry, **cidr, **options})

    def entries(self, egress: bool = False) -> dict[int, dict[str, Any]]:
        (acl,) = self.ec2.describe_network_acls(NetworkAclIds=[self.id])["NetworkAcls"]
        return {e["RuleNumber"]: e for e in acl["Entries"] if e["Egress"] is egress}


@pytest.fixture
def acl(local: Local, account: str) -> Acl:
    return Acl(local.client("ec2", account))


def code(caught: Any) -> str:
    return refusal(caught)[0]


def test_entries_of_a_network_acl_are_made_replaced_and_deleted(acl: Acl) -> None:
    assert list(acl.entries()) == [32767]
    acl.put(90)
    acl.put(91, Ipv6CidrBlock="::/0", PortRange={"From": 3389, "To": 3389})
    acl.put(90, Egress=True, RuleAction="allow")
    told = acl.entries()
    assert (told[90]["CidrBlock"], told[90]["PortRange"], told[90]["RuleAction"]) == (
        "0.0.0.0/0",
        SSH,
        "deny",
    )
    assert told[91]["Ipv6CidrBlock"] == "::/0"
    assert acl.entries(egress=True)[90]["RuleAction"] == "allow"
    acl.put(90, "replace", CidrBlock="10.0.0.0/8", RuleAction="allow")
    assert acl.entries()[90]["CidrBlock"] == "10.0.0.0/8"
    acl.ec2.delete_network_acl_entry(NetworkAclId=acl.id, RuleNumber=90, Egress=False)
    assert sorted(acl.entries()) == [91, 32767]
    assert sorted(acl.entries(egress=True)) == [90, 32767]


def test_a_rule_number_is_taken_once_in_each_direction(acl: Acl) -> None:
    acl.put(90)
    with pytest.raises(ClientError) as caught:
        acl.put(90, CidrBlock="10.0.0.0/8")
    assert code(caught) == "NetworkAclEntryAlreadyExists"
    acl.put(90, Egress=True)


@pytest.mark.parametrize("number", [0, 32767, 40000])
def test_a_rule_number_has_its_bounds(acl: Acl, number: int) -> None:
    with pytest.raises(ClientError) as caught:
        acl.put(number)
    assert code(caught) == "InvalidParameterValue"


def test_an_entry_that_is_not_there_is_neither_replaced_nor_deleted(acl: Acl) -> None:
    for change in (
        lambda: acl.put(90, "replace"),
        lambda: acl.ec2.delete_network_acl_entry(NetworkAclId=acl.id, RuleNumber=90, Egress=False),
    ):
        with pytest.raises(ClientError) as caught:
            change()
        assert code(caught) == "InvalidNetworkAclEntry.NotFound"


def test_there_are_twenty_entries_in_each_direction_at_most(acl: Acl) -> None:
    for number in range(1, 20):
        acl.put(number)
    with pytest.raises(ClientError) as caught:
        acl.put(20)
    assert code(caught) == "NetworkAclEntryLimitExceeded"
    acl.put(19, "replace", RuleAction="allow")
    assert acl.entries()[19]["RuleAction"] == "allow"
    acl.put(20, Egress=True)


def test_network_acls_are_found_by_what_they_have(acl: Acl) -> None:
    acl.put(90, Ipv6CidrBlock="::/0", PortRange={"From": 3389, "To": 3389})
    for port in range(100, 110):
        acl.put(port, CidrBlock=f"10.{port}.0.0/16", PortRange={"From": port, "To": port})
    filters = {"network-acl-id": acl.id, "entry.ipv6-cidr": "::/0", "entry.port-range.from": "3389"}
    # Enough values beside those that an entry does not have that a None comes first now and then.
    filters |= {f"entry.port-range.{end}": str(port) for port in range(100, 110) for end in ("from", "to")}
    filters["entry.cidr"] = "10.105.0.0/16"
    for name, value in filters.items():
        found = acl.ec2.describe_network_acls(Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]
        assert [one["NetworkAclId"] for one in found] == [acl.id]
    (default,) = acl.ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}])[
        "NetworkAcls"
    ]
    subnets = acl.ec2.describe_subnets()["Subnets"]
    assert {a["SubnetId"] for a in default["Associations"]} == {s["SubnetId"] for s in subnets}
    with pytest.raises(ClientError) as caught:
        acl.ec2.describe_network_acls(NetworkAclIds=["acl-0123456789abcdef0"])
    assert code(caught) == "InvalidNetworkAclID.NotFound"


def test_network_acls_flow_logs_and_interfaces_come_in_pages(local: Local, account: str, acl: Acl) -> None:
    for _ in range(5):
        acl.ec2.create_network_acl(VpcId=acl.vpc)
    pages = acl.ec2.get_paginator("describe_network_acls").paginate(PaginationConfig={"PageSize": 5})
    assert [len(page["NetworkAcls"]) for page in pages] == [5, 2]
    subnet = acl.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = acl.ec2.create_security_group(GroupName="g", Description="d", VpcId=acl.vpc)["GroupId"]
    for _ in range(6):
        acl.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    acl.ec2.create_network_interface(SubnetId=subnet)
    of_group = [{"Name": "group-id", "Values": [group]}]
    pages = acl.ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=of_group, PaginationConfig={"PageSize": 5}
    )
    assert [len(page["NetworkInterfaces"]) for page in pages] == [5, 1]
    arrangement = FlowLogs(local, account)
    for number in range(6):
        local.client("logs", account).create_log_group(logGroupName=f"more-{number}")
        arrangement.make(LogGroupName=f"more-{number}")
    pages = acl.ec2.get_paginator("describe_flow_logs").paginate(PaginationConfig={"PageSize": 5})
    assert [len(page["FlowLogs"]) for page in pages] == [5, 1]


class FlowLogs:
    """A log group, and a role by which flow logs are delivered to it."""

    def __init__(self, local: Local, account: str, may: str = "logs:*") -> None:
        self.ec2 = local.client("ec2", account)
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        iam = local.client("iam", account)
        by = {"StringEquals": {"aws:SourceAccount": account}}
        by["ArnLike"] = {"aws:SourceArn": f"arn:aws:ec2:*:{account}:vpc-flow-log/*"}
        service = {"Service": "vpc-flow-logs.amazonaws.com"}
        trusting = document({"Principal": service, "Action": "sts:AssumeRole", "Condition": by})
        self.role = iam.create_role(RoleName="flow", AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
        allowed = document({"Action": may, "Resource": f"arn:aws:logs:*:{account}:*"})
        iam.put_role_policy(RoleName="flow", PolicyName="logs", PolicyDocument=allowed)
        local.client("logs", account).create_log_group(logGroupName="flow")

    def make(self, client: Any = None, **options: Any) -> str:
        order = {
            "ResourceType": "VPC",
            "ResourceIds": [self.vpc],
            "TrafficType": "REJECT",
            "LogGroupName": "flow",
            "DeliverLogsPermissionArn": self.role,
            "MaxAggregationInterval": 600,
            "TagSpecifications": [
                {"ResourceType": "vpc-flow-log", "Tags": [{"Key": "made-by", "Value": "test"}]}
            ],
        }
        return (client or self.ec2).create_flow_logs(**{**order, **options})["FlowLogIds"][0]

    def told(self) -> list[dict[str, Any]]:
        of_vpc = [{"Name": "resource-id", "Values": [self.vpc]}]
        return self.ec2.describe_flow_logs(Filters=of_vpc)["FlowLogs"]


def test_flow_logs_of_a_vpc_are_made_told_and_deleted(local: Local, account: str) -> None:
    logs = FlowLogs(local, account)
    before = inventory(local, account)
    made = logs.make()
    (told,) = logs.told()
    assert (told["FlowLogId"], told["TrafficType"], told["LogGroupName"]) == (made, "REJECT", "flow")
    assert (told["DeliverLogsPermissionArn"], told["MaxAggregationInterval"]) == (logs.role, 600)
    assert (told["DeliverLogsStatus"], told["FlowLogStatus"]) == ("SUCCESS", "ACTIVE")
    assert told["Tags"] == [{"Key": "made-by", "Value": "test"}]
    assert differing(before, inventory(local, account)) == [
        f"ec2/us-east-1/flow_logs/{made}",
        f"ec2/us-east-1/tags/{made}",
    ]
    with pytest.raises(ClientError) as caught:
        logs.make()
    assert code(caught) == "FlowLogAlreadyExists"
    logs.ec2.delete_flow_logs(FlowLogIds=[made])
    assert logs.told() == []
    assert differing(before, inventory(local, account)) == []


def test_the_log_group_of_flow_logs_may_be_told_by_its_arn(local: Local, account: str) -> None:
    logs = FlowLogs(local, account)
    destination = f"arn:aws:logs:us-east-1:{account}:log-group:flow"
    order = {"ResourceType": "VPC", "ResourceIds": [logs.vpc], "TrafficType": "REJECT"}
    order |= {"DeliverLogsPermissionArn": logs.role, "LogDestination": destination}
    logs.ec2.create_flow_logs(**order, LogDestinationType="cloud-watch-logs")
    (told,) = logs.told()
    assert (told["LogGroupName"], told["DeliverLogsStatus"]) == ("flow", "SUCCESS")


def test_flow_logs_need_a_role_that_lets_them_in(local: Local, account: str) -> None:
    logs = FlowLogs(local, account)
    other = local.client("iam", account).create_role(RoleName="other", AssumeRolePolicyDocument=trust())
    for role in (other["Role"]["Arn"], f"arn:aws:iam::{account}:role/none"):
        with pytest.raises(ClientError) as caught:
            logs.make(DeliverLogsPermissionArn=role)
        assert code(caught) == "InvalidParameter"
    assert logs.told() == []


def test_flow_logs_that_may_not_write_are_told_to_fail(local: Local, account: str) -> None:
    logs = FlowLogs(local, account, may="logs:DescribeLogGroups")
    logs.make()
    logs.make(LogGroupName="missing")
    assert [told["DeliverLogsStatus"] for told in logs.told()] == ["FAILED", "FAILED"]


def test_a_role_needs_all_permissions_for_flow_logs(local: Local, account: str) -> None:
    logs = FlowLogs(local, account)
    arn = f"arn:aws:ec2:us-east-1:{account}"
    vpcs = {"Action": "ec2:CreateFlowLogs", "Resource": [f"{arn}:vpc/*", f"{arn}:vpc-flow-log/*"]}
    tags = {"Action": "ec2:CreateTags", "Resource": f"{arn}:vpc-flow-log/*"}
    tags["Condition"] = {"StringEquals": {"ec2:CreateAction": "CreateFlowLogs"}}
    service = {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}
    passing = {"Action": "iam:PassRole", "Resource": logs.role, "Condition": {"StringEquals": service}}
    deleting = {"Action": "ec2:DeleteFlowLogs", "Resource": f"{arn}:vpc-flow-log/*"}
    needed = [vpcs, tags, passing]
    for lacking in range(3):
        statements = [statement for number, statement in enumerate(needed) if number != lacking]
        mine = local.client("ec2", session(local, account, *statements, name=f"lacking-{lacking}"))
        with pytest.raises(ClientError) as caught:
            logs.make(mine)
        assert code(caught) == "UnauthorizedOperation"
    mine = local.client("ec2", session(local, account, *needed, deleting, name="all"))
    made = logs.make(mine)
    mine.delete_flow_logs(FlowLogIds=[made])
    assert logs.told() == []


def _default_group(ec2: Any) -> dict[str, Any]:
    of_name = [{"Name": "group-name", "Values": ["default"]}]
    return ec2.describe_security_groups(Filters=of_name)["SecurityGroups"][0]


def _rules(ec2: Any, group: str) -> dict[bool, list[dict[str, Any]]]:
    of_group = [{"Name": "group-id", "Values": [group]}]
    rules = ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
    return {egress: [rule for rule in rules if rule["IsEgress"] is egress] for egress in (True, False)}


def test_a_default_group_lets_in_its_own_members_and_lets_everything_out(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    own = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [own]}]
    (in_vpc,) = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    for group in (_default_group(ec2), in_vpc):
        rules = _rules(ec2, group["GroupId"])
        ((ingress,), (egress,)) = rules[False], rules[True]
        assert (ingress["IpProtocol"], ingress["ReferencedGroupInfo"]["GroupId"]) == ("-1", group["GroupId"])
        assert (egress["IpProtocol"], egress["CidrIpv4"]) == ("-1", "0.0.0.0/0")
        (pair,) = group["IpPermissions"][0]["UserIdGroupPairs"]
        assert (pair["GroupId"], pair["UserId"]) == (group["GroupId"], account)


def test_rules_of_a_default_group_are_revoked_and_authorized_again(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    before = _default_group(ec2)
    group = before["GroupId"]
    rules = _rules(ec2, group)
    ec2.revoke_security_group_ingress(
        GroupId=group, SecurityGroupRuleIds=[rules[False][0]["SecurityGroupRuleId"]]
    )
    ec2.revoke_security_group_egress(
        GroupId=group, SecurityGroupRuleIds=[rules[True][0]["SecurityGroupRuleId"]]
    )
    assert _rules(ec2, group) == {True: [], False: []}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=before["IpPermissions"])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=before["IpPermissionsEgress"])
    after = _default_group(ec2)
    assert after["IpPermissions"] == before["IpPermissions"]
    assert after["IpPermissionsEgress"] == before["IpPermissionsEgress"]
    assert _rules(ec2, group)[False][0]["ReferencedGroupInfo"]["GroupId"] == group


def test_rules_of_a_default_group_are_revoked_as_they_are_described(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    own = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [own]}]
    (in_vpc,) = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    for group in (_default_group(ec2), in_vpc):
        name = group["GroupId"]
        ec2.revoke_security_group_ingress(GroupId=name, IpPermissions=group["IpPermissions"])
        ec2.revoke_security_group_egress(GroupId=name, IpPermissions=group["IpPermissionsEgress"])
        assert _rules(ec2, name) == {True: [], False: []}


def test_groups_are_found_by_the_groups_which_their_rules_name(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    named, *others = (
        ec2.create_security_group(GroupName=f"g{n}", Description="d")["GroupId"] for n in range(3)
    )
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": named}]}
    ec2.authorize_security_group_ingress(GroupId=others[0], IpPermissions=[permission])
    ec2.authorize_security_group_egress(GroupId=others[1], IpPermissions=[permission])
    for name, expected in (
        ("ip-permission.group-id", others[0]),
        ("egress.ip-permission.group-id", others[1]),
    ):
        found = ec2.describe_security_groups(Filters=[{"Name": name, "Values": [named]}])["SecurityGroups"]
        assert [group["GroupId"] for group in found] == [expected]


def test_a_role_is_held_to_its_network_acls(local: Local, account: str, acl: Acl) -> None:
    arn = f"arn:aws:ec2:us-east-1:{account}:network-acl/{acl.id}"
    mine = local.client("ec2", session(local, account, {"Action": "ec2:*NetworkAclEntry", "Resource": arn}))
    other = Acl(acl.ec2)
    own = Acl.__new__(Acl)
    own.ec2, own.id = mine, acl.id
    own.put(90)
    own.put(90, "replace", RuleAction="allow")
    own.id = other.id
    with pytest.raises(ClientError) as caught:
        own.put(90)
    assert code(caught) == "UnauthorizedOperation"


def test_regions_and_vpcs_are_told(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    regions = {r["RegionName"] for r in ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "eu-west-1", "eu-central-1"} <= regions
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    told = {v["VpcId"]: v["IsDefault"] for v in ec2.describe_vpcs()["Vpcs"]}
    assert told[vpc] is False
    assert sum(told.values()) == 1
    assert json.dumps(sorted(told.values())) == "[false, true]"
