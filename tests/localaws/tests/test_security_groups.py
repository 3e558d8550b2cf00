"""Security groups and their rules."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session
from test_identity import refusal
from test_inventory import differing, inventory

WORLD = {"CidrIp": "0.0.0.0/0"}


class Group:
    """A new security group of the account's default VPC, or of another."""

    def __init__(self, ec2: Any, name: str = "g", vpc: str | None = None) -> None:
        self.ec2 = ec2
        vpc = (
            vpc or ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        )
        self.id = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]

    def allow(self, *permissions: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        made = self.ec2.authorize_security_group_ingress(
            GroupId=self.id, IpPermissions=list(permissions), **options
        )
        return made["SecurityGroupRules"]

    def rules(self, egress: bool = False) -> dict[str, dict[str, Any]]:
        of_group = [{"Name": "group-id", "Values": [self.id]}]
        found = self.ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
        return {rule["SecurityGroupRuleId"]: rule for rule in found if rule["IsEgress"] is egress}

    def told(self) -> dict[str, Any]:
        return self.ec2.describe_security_groups(GroupIds=[self.id])["SecurityGroups"][0]


def tcp(port: int, *cidrs: str, **sources: Any) -> dict[str, Any]:
    ranges = [{"CidrIp": cidr} for cidr in cidrs]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges, **sources}


@pytest.fixture
def ec2(local: Local, account: str) -> Any:
    return local.client("ec2", account)


@pytest.fixture
def group(ec2: Any) -> Group:
    return Group(ec2)


@pytest.fixture
def elsewhere(ec2: Any) -> Group:
    """A group in a VPC that is not the default one."""
    return Group(ec2, "elsewhere", ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


def refused(change: Any, *values: Any, **named: Any) -> str:
    with pytest.raises(ClientError) as caught:
        change(*values, **named)
    return refusal(caught)[0]


def test_every_atom_of_a_call_is_a_rule_and_is_told(ec2: Any, group: Group) -> None:
    other = Group(ec2, "other").id
    entries = [{"Cidr": "10.0.0.0/8"}]
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="p", MaxEntries=3, AddressFamily="IPv4", Entries=entries
    )["PrefixList"]["PrefixListId"]
    wide = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 23,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "v4"}, {"CidrIp": "10.1.2.3/8"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0::/32", "Description": "v6"}],
        "PrefixListIds": [{"PrefixListId": prefix_list, "Description": "list"}],
        "UserIdGroupPairs": [{"GroupId": other, "Description": "group"}],
    }
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
    ping = {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [WORLD]}
    ping6 = {"IpProtocol": "58", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    esp = {"IpProtocol": "50", "IpRanges": [WORLD]}
    made = group.allow(wide, everything, ping, ping6, esp)
    assert len(made) == 9
    assert {rule["SecurityGroupRuleId"]: rule for rule in made} == group.rules()
    keys = ("IpProtocol", "FromPort", "ToPort", "Description")
    values = [tuple(rule.get(key) for key in keys) for rule in made]
    assert values == [
        ("tcp", 22, 23, "v4"),
        ("tcp", 22, 23, None),
        ("tcp", 22, 23, "v6"),
        ("tcp", 22, 23, "list"),
        ("tcp", 22, 23, "group"),
        ("-1", -1, -1, None),
        ("icmp", 8, -1, None),
        ("icmpv6", -1, -1, None),
        ("50", -1, -1, None),
    ]
    assert [rule.get("CidrIpv4") for rule in made[:2]] == ["0.0.0.0/0", "10.0.0.0/8"]
    assert made[2]["CidrIpv6"] == "2001:db8::/32"
    assert made[3]["PrefixListId"] == prefix_list
    assert made[4]["ReferencedGroupInfo"]["GroupId"] == other
    assert made[0]["SecurityGroupRuleArn"].endswith(made[0]["SecurityGroupRuleId"])
    assert {rule["GroupOwnerId"] for rule in made} == {group.told()["OwnerId"]}


def test_a_group_tells_its_rules_in_sets(ec2: Any, group: Group) -> None:
    group.allow(
        tcp(22, "0.0.0.0/0", "10.0.0.0/8"),
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "all"}]},
        tcp(22, Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
    )
    ssh, everything = group.told()["IpPermissions"]
    assert (ssh["FromPort"], ssh["ToPort"], ssh["IpProtocol"]) == (22, 22, "tcp")
    assert [r["CidrIp"] for r in ssh["IpRanges"]] == ["0.0.0.0/0", "10.0.0.0/8"]
    assert [r["CidrIpv6"] for r in ssh["Ipv6Ranges"]] == ["::/0"]
    assert everything["IpRanges"] == [{"CidrIp": "192.0.2.0/24", "Description": "all"}]
    assert "FromPort" not in everything
    assert [p["IpRanges"] for p in group.told()["IpPermissionsEgress"]] == [[WORLD]]


def test_what_a_group_tells_can_be_authorized_in_another(ec2: Any, group: Group) -> None:
    group.allow(
        tcp(22, "0.0.0.0/0", UserIdGroupPairs=[{"GroupId": group.id, "Description": "self"}]),
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [WORLD]},
    )
    copy = Group(ec2, "copy")
    copy.allow(*group.told()["IpPermissions"])
    assert copy.told()["IpPermissions"] == group.told()["IpPermissions"]


def test_a_call_makes_all_its_rules_or_none(group: Group) -> None:
    group.allow(tcp(22, "0.0.0.0/0"))
    before = group.rules()
    for wrong, code in (
        (tcp(22, "0.0.0.0/0"), "InvalidPermission.Duplicate"),
        (tcp(22, "198.51.100.7/0"), "InvalidPermission.Duplicate"),
        (tcp(80, "10.0.0.0"), "InvalidParameterValue"),
        (tcp(80, "::/0"), "InvalidParameterValue"),
        (tcp(80), "MissingParameter"),
        (tcp(80, PrefixListIds=[{"PrefixListId": "pl-00000000"}]), "InvalidPrefixListID.NotFound"),
        (tcp(80, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}]), "InvalidGroup.NotFound"),
        ({"IpProtocol": "tcp", "IpRanges": [WORLD]}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 9, "ToPort": 8, "IpRanges": [WORLD]}, "InvalidParameterValue"),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": 0, "IpRanges": [WORLD]}, "InvalidParameterValue"),
        ({"IpProtocol": "magic", "IpRanges": [WORLD]}, "InvalidParameterValue"),
    ):
        assert refused(group.allow, tcp(443, "0.0.0.0/0"), wrong) == code, wrong
        assert group.rules() == before
    assert refused(group.allow, tcp(80, "0.0.0.0/0", "0.0.0.0/0")) == "InvalidParameterValue"


@pytest.mark.parametrize("text", ["naïve", "what?", "a" * 256, "tab\tbed", "quote'"])
def test_descriptions_have_their_characters(group: Group, text: str) -> None:
    ranges = [{"CidrIp": "0.0.0.0/0", "Description": text}]
    assert refused(group.allow, tcp(22, IpRanges=ranges)) == "InvalidParameterValue"
    fine = "aZ09 ._-:/()#,@[]+=&;{}!$*"
    (rule,) = group.allow(tcp(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": fine}]))
    assert rule["Description"] == fine
    (group_id, rule_id) = group.id, rule["SecurityGroupRuleId"]
    change = [{"SecurityGroupRuleId": rule_id, "Description": text}]
    update = group.ec2.update_security_group_rule_descriptions_ingress
    code = refused(update, GroupId=group_id, SecurityGroupRuleDescriptions=change)
    assert code == "InvalidParameterValue"
    assert group.rules()[rule_id]["Description"] == fine


def test_rules_come_in_pages_and_keep_their_ids(local: Local, account: str, ec2: Any) -> None:
    rules = [{"protocol": "tcp", "from": port, "to": port, "cidr": "10.0.0.0/8"} for port in range(1, 1002)]
    order = {"account": account, "region": "us-east-1", "groups": [{"name": "wide", "ingress": rules}]}
    status, made = local.door("POST", "security-groups", order)
    assert status == 200, made
    (staged,) = made["groups"]
    of_group = [{"Name": "group-id", "Values": [staged["id"]]}]
    pages = list(
        ec2.get_paginator("describe_security_group_rules").paginate(
            Filters=of_group, PaginationConfig={"PageSize": 500}
        )
    )
    assert [len(page["SecurityGroupRules"]) for page in pages] == [500, 500, 2]
    told = [rule["SecurityGroupRuleId"] for page in pages for rule in page["SecurityGroupRules"]]
    assert sorted(told) == sorted(staged["ingress"] + staged["egress"])
    assert len(ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]) == 1002
    for describe in (ec2.describe_security_group_rules, ec2.describe_security_groups):
        assert refused(describe, MaxResults=1001) == "InvalidParameterValue"
    assert refused(ec2.describe_security_group_rules, NextToken="none") == "InvalidNextToken"


def test_groups_are_found_by_filters(ec2: Any, group: Group, elsewhere: Group) -> None:
    prefix_list = ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=1, AddressFamily="IPv4")[
        "PrefixList"
    ]["PrefixListId"]
    group.allow(
        tcp(22, "203.0.113.0/24", Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}]),
        tcp(8080, PrefixListIds=[{"PrefixListId": prefix_list}], UserIdGroupPairs=[{"GroupId": group.id}]),
    )
    ec2.create_tags(Resources=[group.id], Tags=[{"Key": "team", "Value": "blue"}])
    account = group.told()["OwnerId"]
    for name, value in (
        ("group-id", group.id),
        ("group-name", "g"),
        ("tag:team", "bl*"),
        ("tag-key", "team"),
        ("ip-permission.cidr", "203.0.113.0/24"),
        ("ip-permission.ipv6-cidr", "2001:db8::/32"),
        ("ip-permission.from-port", "8080"),
        ("ip-permission.to-port", "22"),
        ("ip-permission.prefix-list-id", prefix_list),
        ("ip-permission.group-id", group.id),
        ("ip-permission.group-name", "g"),
    ):
        found = ec2.describe_security_groups(Filters=[{"Name": name, "Values": [value]}])["SecurityGroups"]
        assert [one["GroupId"] for one in found] == [group.id], name
    of_vpc = [{"Name": "vpc-id", "Values": [elsewhere.told()["VpcId"]]}]
    in_vpc = {one["GroupId"] for one in ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]}
    assert (elsewhere.id in in_vpc, group.id in in_vpc) == (True, False)
    owned = ec2.describe_security_groups(Filters=[{"Name": "ip-permission.user-id", "Values": [account]}])
    assert group.id in {one["GroupId"] for one in owned["SecurityGroups"]}
    assert refused(ec2.describe_security_groups, Filters=[{"Name": "no", "Values": ["x"]}]) == (
        "InvalidParameterValue"
    )


def test_rules_are_found_by_filters(ec2: Any, group: Group) -> None:
    first, second = group.allow(tcp(22, "0.0.0.0/0", "10.0.0.0/8"))
    ec2.create_tags(Resources=[first["SecurityGroupRuleId"]], Tags=[{"Key": "keep", "Value": "yes"}])
    for name, value, wanted in (
        ("tag:keep", "yes", [first]),
        ("tag-key", "keep", [first]),
        ("security-group-rule-id", second["SecurityGroupRuleId"], [second]),
    ):
        found = ec2.describe_security_group_rules(Filters=[{"Name": name, "Values": [value]}])
        ids = [rule["SecurityGroupRuleId"] for rule in found["SecurityGroupRules"]]
        assert ids == [rule["SecurityGroupRuleId"] for rule in wanted]
    describe = ec2.describe_security_group_rules
    ids = [second["SecurityGroupRuleId"]]
    assert describe(SecurityGroupRuleIds=ids)["SecurityGroupRules"] == [second]
    assert refused(describe, Filters=[{"Name": "vpc-id", "Values": ["x"]}]) == "InvalidParameterValue"
    assert refused(describe, SecurityGroupRuleIds=["sgr-0123456789abcdef0"]) == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    assert refused(describe, SecurityGroupRuleIds=["sgr-1"]) == "InvalidSecurityGroupRuleId.Malformed"


def test_of_a_group_that_is_gone_there_are_no_rules(ec2: Any, group: Group) -> None:
    group.allow(tcp(22, "0.0.0.0/0"))
    ec2.delete_security_group(GroupId=group.id)
    assert group.rules() == {}
    assert refused(group.told) == "InvalidGroup.NotFound"
    assert refused(group.allow, tcp(22, "0.0.0.0/0")) == "InvalidGroup.NotFound"
    assert refused(ec2.describe_security_groups, GroupIds=["sg-1"]) == "InvalidGroupId.Malformed"
    of_group = [{"Name": "group-id", "Values": [group.id]}]
    assert ec2.describe_security_groups(Filters=of_group)["SecurityGroups"] == []


def test_a_rule_is_revoked_by_its_id(group: Group) -> None:
    first, second = group.allow(tcp(22, "0.0.0.0/0", "10.0.0.0/8"))
    answer = group.ec2.revoke_security_group_ingress(
        GroupId=group.id, SecurityGroupRuleIds=[first["SecurityGroupRuleId"]]
    )
    assert answer["Return"] is True
    (revoked,) = answer["RevokedSecurityGroupRules"]
    assert (revoked["SecurityGroupRuleId"], revoked["CidrIpv4"]) == (
        first["SecurityGroupRuleId"],
        "0.0.0.0/0",
    )
    assert list(group.rules().values()) == [second]
    (egress,) = group.rules(egress=True)
    for names in ([first["SecurityGroupRuleId"]], [second["SecurityGroupRuleId"], egress]):
        code = refused(group.ec2.revoke_security_group_ingress, GroupId=group.id, SecurityGroupRuleIds=names)
        assert code == "InvalidSecurityGroupRuleId.NotFound"
    assert list(group.rules().values()) == [second]


def test_in_a_default_vpc_values_that_match_nothing_are_told_and_the_others_revoked(group: Group) -> None:
    group.allow(tcp(22, "0.0.0.0/0"), tcp(80, "0.0.0.0/0"))
    asked = [tcp(22, "0.0.0.0/0"), tcp(80, "10.0.0.0/8"), tcp(81, "0.0.0.0/0")]
    answer = group.ec2.revoke_security_group_ingress(GroupId=group.id, IpPermissions=asked)
    assert answer["Return"] is True
    unknown = {(p["FromPort"], p["IpRanges"][0]["CidrIp"]) for p in answer["UnknownIpPermissions"]}
    assert unknown == {(80, "10.0.0.0/8"), (81, "0.0.0.0/0")}
    assert [rule["FromPort"] for rule in group.rules().values()] == [80]


def test_in_another_vpc_values_that_match_nothing_are_refused(elsewhere: Group) -> None:
    elsewhere.allow(tcp(22, "0.0.0.0/0"))
    asked = [tcp(22, "0.0.0.0/0"), tcp(80, "10.0.0.0/8")]
    revoke = elsewhere.ec2.revoke_security_group_ingress
    assert refused(revoke, GroupId=elsewhere.id, IpPermissions=asked) == "InvalidPermission.NotFound"
    assert len(elsewhere.rules()) == 1
    elsewhere.ec2.revoke_security_group_ingress(GroupId=elsewhere.id, IpPermissions=asked[:1])
    assert elsewhere.rules() == {}


def test_descriptions_do_not_matter_for_what_is_the_same(group: Group) -> None:
    described = {"CidrIp": "0.0.0.0/0", "Description": "open"}
    pair = {"GroupId": group.id, "Description": "self"}
    group.allow(tcp(22, IpRanges=[described], UserIdGroupPairs=[pair]))
    other = tcp(22, IpRanges=[{**described, "Description": "other"}])
    assert refused(group.allow, other) == "InvalidPermission.Duplicate"
    plain = tcp(22, "0.0.0.0/0", UserIdGroupPairs=[{"GroupId": group.id}])
    assert refused(group.allow, plain) == "InvalidPermission.Duplicate"
    group.ec2.revoke_security_group_ingress(GroupId=group.id, IpPermissions=[plain])
    assert group.rules() == {}


def test_egress_is_authorized_and_revoked(group: Group) -> None:
    (everything,) = group.rules(egress=True)
    made = group.ec2.authorize_security_group_egress(GroupId=group.id, IpPermissions=[tcp(443, "0.0.0.0/0")])
    group.ec2.revoke_security_group_egress(GroupId=group.id, SecurityGroupRuleIds=[everything])
    (rule,) = group.rules(egress=True).values()
    assert [rule] == made["SecurityGroupRules"]
    assert rule["IsEgress"] is True


def test_a_call_with_flat_values_is_one_rule(group: Group) -> None:
    flat = {"IpProtocol": "6", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    group.ec2.authorize_security_group_ingress(GroupId=group.id, **flat)
    (rule,) = group.rules().values()
    assert (rule["IpProtocol"], rule["CidrIpv4"]) == ("tcp", "0.0.0.0/0")
    group.ec2.revoke_security_group_ingress(GroupId=group.id, **flat)
    assert group.rules() == {}


def test_a_dry_run_changes_nothing_and_tells_whether_it_may(local: Local, account: str, group: Group) -> None:
    group.allow(tcp(22, "0.0.0.0/0"))
    (rule,) = group.rules()
    describing = {"Action": "ec2:Describe*", "Resource": "*"}
    mine = local.client("ec2", session(local, account, describing))
    for name, values in (
        ("authorize_security_group_ingress", {"IpPermissions": [tcp(80, "0.0.0.0/0")]}),
        ("authorize_security_group_egress", {"IpPermissions": [tcp(80, "0.0.0.0/0")]}),
        ("revoke_security_group_ingress", {"SecurityGroupRuleIds": [rule]}),
        ("revoke_security_group_egress", {"SecurityGroupRuleIds": [rule]}),
        (
            "modify_security_group_rules",
            {
                "SecurityGroupRules": [
                    {
                        "SecurityGroupRuleId": rule,
                        "SecurityGroupRule": {
                            "IpProtocol": "tcp",
                            "FromPort": 1,
                            "ToPort": 1,
                            "CidrIpv4": "0.0.0.0/0",
                        },
                    }
                ]
            },
        ),
        (
            "update_security_group_rule_descriptions_ingress",
            {"SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": rule, "Description": "new"}]},
        ),
        ("delete_security_group", {}),
    ):
        before = group.rules(), group.rules(egress=True)
        values |= {"GroupId": group.id, "DryRun": True}
        assert refused(getattr(group.ec2, name), **values) == "DryRunOperation"
        assert refused(getattr(mine, name), **values) == "UnauthorizedOperation"
        assert (group.rules(), group.rules(egress=True)) == before
    for name in ("describe_security_groups", "describe_security_group_rules"):
        with pytest.raises(ClientError) as caught:
            getattr(mine, name)(DryRun=True)
        assert refusal(caught)[0] == "DryRunOperation"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_every_kind_of_rule_is_modified(ec2: Any, group: Group) -> None:
    others = [Group(ec2, f"other-{n}").id for n in range(2)]
    lists = [
        ec2.create_managed_prefix_list(PrefixListName=f"p{n}", MaxEntries=1, AddressFamily="IPv4")[
            "PrefixList"
        ]["PrefixListId"]
        for n in range(2)
    ]
    made = group.allow(
        tcp(
            22,
            "0.0.0.0/0",
            Ipv6Ranges=[{"CidrIpv6": "::/0", "Description": "old"}],
            PrefixListIds=[{"PrefixListId": lists[0]}],
            UserIdGroupPairs=[{"GroupId": others[0]}],
        )
    )
    ids = [rule["SecurityGroupRuleId"] for rule in made]
    ports = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 54}
    wanted = [
        {"CidrIpv4": "10.2.3.4/8", "Description": "new"},
        {"CidrIpv6": "2001:db8::/32"},
        {"PrefixListId": lists[1]},
        {"ReferencedGroupId": others[1]},
    ]
    changes = [
        {"SecurityGroupRuleId": rule, "SecurityGroupRule": {**ports, **one}}
        for rule, one in zip(ids, wanted, strict=True)
    ]
    assert ec2.modify_security_group_rules(GroupId=group.id, SecurityGroupRules=changes)["Return"] is True
    rules = [group.rules()[rule] for rule in ids]
    assert {(r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in rules} == {("udp", 53, 54)}
    assert (rules[0]["CidrIpv4"], rules[0]["Description"]) == ("10.0.0.0/8", "new")
    assert (rules[1]["CidrIpv6"], rules[1]["Description"]) == ("2001:db8::/32", "old")
    assert rules[2]["PrefixListId"] == lists[1]
    assert rules[3]["ReferencedGroupInfo"]["GroupId"] == others[1]


def test_a_rule_is_modified_within_its_bounds(group: Group) -> None:
    first, second = (rule["SecurityGroupRuleId"] for rule in group.allow(tcp(22, "0.0.0.0/0", "10.0.0.0/8")))
    before = group.rules()

    def change(name: str, *changes: dict[str, Any]) -> str:
        listed = [
            {
                "SecurityGroupRuleId": name,
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **one},
            }
            for one in changes
        ]
        return refused(group.ec2.modify_security_group_rules, GroupId=group.id, SecurityGroupRules=listed)

    assert change(first, {"CidrIpv4": "10.0.0.0/8"}) == "InvalidPermission.Duplicate"
    assert change(first, {"CidrIpv6": "::/0"}) == "InvalidParameterValue"
    assert change(first, {"CidrIpv4": "10.0.0.0/8", "CidrIpv6": "::/0"}) == "InvalidParameterCombination"
    assert change(first, {}) == "MissingParameter"
    assert change(second, {"CidrIpv4": "10.0.0.0"}) == "InvalidParameterValue"
    assert (
        change("sgr-0123456789abcdef0", {"CidrIpv4": "10.0.0.0/8"}) == "InvalidSecurityGroupRuleId.NotFound"
    )
    assert group.rules() == before


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_descriptions_are_updated_by_ids_and_by_values(group: Group, direction: str) -> None:
    egress = direction == "egress"
    authorize = getattr(group.ec2, f"authorize_security_group_{direction}")
    update = getattr(group.ec2, f"update_security_group_rule_descriptions_{direction}")
    described = tcp(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "old"}])
    described["UserIdGroupPairs"] = [{"GroupId": group.id}]
    made = authorize(GroupId=group.id, IpPermissions=[described])["SecurityGroupRules"]
    by_range, by_group = (rule["SecurityGroupRuleId"] for rule in made)
    named = [{"SecurityGroupRuleId": by_group, "Description": "members"}]
    assert update(GroupId=group.id, SecurityGroupRuleDescriptions=named)["Return"] is True
    ranges = [{"CidrIp": "0.0.0.0/0", "Description": "new"}]
    update(GroupId=group.id, IpPermissions=[tcp(22, IpRanges=ranges)])
    texts = {name: rule.get("Description") for name, rule in group.rules(egress).items()}
    assert (texts[by_range], texts[by_group]) == ("new", "members")
    update(GroupId=group.id, IpPermissions=[tcp(22, "0.0.0.0/0")])
    assert "Description" not in group.rules(egress)[by_range]
    assert refused(update, GroupId=group.id, IpPermissions=[tcp(23, "0.0.0.0/0")]) == (
        "InvalidPermission.NotFound"
    )


def test_rules_have_tags_of_their_own(local: Local, account: str, ec2: Any, group: Group) -> None:
    before = inventory(local, account)
    tags = [{"Key": "why", "Value": "office"}]
    specification = [{"ResourceType": "security-group-rule", "Tags": tags}]
    first, second = group.allow(tcp(22, "0.0.0.0/0", "10.0.0.0/8"), TagSpecifications=specification)
    assert (first["Tags"], second["Tags"]) == (tags, tags)
    name = first["SecurityGroupRuleId"]
    ec2.delete_tags(Resources=[name], Tags=[{"Key": "why"}])
    ec2.create_tags(Resources=[name, group.id], Tags=[{"Key": "more", "Value": "1"}])
    rules = group.rules()
    assert rules[name]["Tags"] == [{"Key": "more", "Value": "1"}]
    assert rules[second["SecurityGroupRuleId"]]["Tags"] == tags
    assert group.told()["Tags"] == [{"Key": "more", "Value": "1"}]
    changed = differing(before, inventory(local, account))
    assert f"ec2/us-east-1/tags/{name}" in changed
    assert refused(ec2.create_tags, Resources=["sgr-0123456789abcdef0"], Tags=tags) == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    ec2.delete_tags(Resources=[group.id], Tags=[{"Key": "more"}])
    ec2.revoke_security_group_ingress(GroupId=group.id, SecurityGroupRuleIds=list(rules))
    assert differing(before, inventory(local, account)) == []


def test_a_group_has_sixty_rules_in_each_direction_unless_its_quota_is_raised(
    local: Local, account: str, ec2: Any, group: Group
) -> None:
    group.allow(*(tcp(port, "0.0.0.0/0") for port in range(1, 61)))
    assert refused(group.allow, tcp(61, "0.0.0.0/0")) == "RulesPerSecurityGroupLimitExceeded"
    assert refused(group.allow, tcp(61, UserIdGroupPairs=[{"GroupId": group.id}])) == (
        "RulesPerSecurityGroupLimitExceeded"
    )
    group.allow(tcp(61, Ipv6Ranges=[{"CidrIpv6": "::/0"}]))
    ec2.authorize_security_group_egress(GroupId=group.id, IpPermissions=[tcp(61, "0.0.0.0/0")])
    other = Group(ec2, "other")
    prefix_list = ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=61, AddressFamily="IPv4")
    wide = [{"PrefixListId": prefix_list["PrefixList"]["PrefixListId"]}]
    assert refused(other.allow, tcp(22, PrefixListIds=wide)) == "RulesPerSecurityGroupLimitExceeded"
    quota = {"account": account, "service": "ec2", "quota": "rules-per-security-group", "value": 1000}
    assert local.door("POST", "quotas", quota)[0] == 200
    group.allow(tcp(62, "0.0.0.0/0"))
    other.allow(tcp(22, PrefixListIds=wide))
    assert len(group.rules()) == 62
    assert local.door("POST", "quotas", {**quota, "value": 1001})[0] == 400
    assert local.door("POST", "quotas", {**quota, "quota": "others"})[0] == 400


def test_a_group_that_is_needed_is_not_deleted(ec2: Any, group: Group) -> None:
    named, in_use = Group(ec2, "named"), Group(ec2, "in-use")
    group.allow(tcp(22, UserIdGroupPairs=[{"GroupId": named.id}, {"GroupId": group.id}]))
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[in_use.id])
    for one in (named, in_use):
        assert refused(ec2.delete_security_group, GroupId=one.id) == "DependencyViolation"
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    assert refused(ec2.delete_security_group, GroupId=default) == "CannotDelete"
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterface"]["NetworkInterfaceId"])
    for one in (group, named, in_use):
        assert ec2.delete_security_group(GroupId=one.id)["GroupId"] == one.id


def test_a_group_is_made_with_a_proper_name_in_a_vpc(ec2: Any, group: Group) -> None:
    for values, code in (
        ({"GroupName": "G"}, "InvalidGroup.Duplicate"),
        ({"GroupName": "sg-one"}, "InvalidParameterValue"),
        ({"Description": "naïve"}, "InvalidParameterValue"),
        ({"VpcId": "vpc-0123456789abcdef0"}, "InvalidVpcID.NotFound"),
    ):
        order = {"GroupName": "new", "Description": "d", **values}
        assert refused(ec2.create_security_group, **order) == code
    tags = [{"Key": "a", "Value": "b"}]
    specification = [{"ResourceType": "security-group", "Tags": tags}]
    made = ec2.create_security_group(GroupName="new", Description="d", TagSpecifications=specification)
    assert made["Tags"] == tags
    assert made["SecurityGroupArn"].endswith(f":security-group/{made['GroupId']}")


def test_a_role_needs_each_permission_on_groups_and_rules(local: Local, account: str, group: Group) -> None:
    arn = f"arn:aws:ec2:us-east-1:{account}"
    changing = {
        "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:ModifySecurityGroupRules"],
        "Resource": f"{arn}:security-group/{group.id}",
    }
    mine = Group.__new__(Group)
    mine.ec2, mine.id = local.client("ec2", session(local, account, changing)), group.id
    tagged = {
        "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    }
    (rule,) = mine.allow(tcp(22, "0.0.0.0/0"))
    assert refused(mine.allow, tcp(23, "0.0.0.0/0"), **tagged) == "UnauthorizedOperation"
    one = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "10.0.0.0/8"}
    order = {
        "GroupId": group.id,
        "SecurityGroupRules": [
            {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": one}
        ],
    }
    assert refused(mine.ec2.modify_security_group_rules, **order) == "UnauthorizedOperation"
    of_rules = {
        "Action": ["ec2:ModifySecurityGroupRules", "ec2:CreateTags"],
        "Resource": f"{arn}:security-group-rule/*",
    }
    mine.ec2 = local.client("ec2", session(local, account, changing, of_rules, name="all"))
    mine.ec2.modify_security_group_rules(**order)
    mine.allow(tcp(23, "0.0.0.0/0"), **tagged)
    assert {r.get("CidrIpv4") for r in group.rules().values()} == {"10.0.0.0/8", "0.0.0.0/0"}


def test_many_groups_are_staged_and_read_in_seconds(local: Local, account: str, ec2: Any) -> None:
    rules = [
        {"protocol": "tcp", "from": port, "to": port, "cidr": "10.0.0.0/8", "description": f"port {port}"}
        for port in range(8000, 8007)
    ]
    rules += [
        {"protocol": "-1", "cidr_ipv6": "2001:db8::/32"},
        {"protocol": "tcp", "from": 22, "group": "staged-0"},
        {"protocol": "udp", "from": 0, "to": 65535, "prefix_list": "pl-63a5400a"},
    ]
    groups = [
        {"name": f"staged-{n}", "tags": {"number": str(n)}, "ingress": rules, "egress": []}
        for n in range(250)
    ]
    started = time.monotonic()
    order = {"account": account, "region": "us-east-1", "groups": groups}
    status, made = local.door("POST", "security-groups", order)
    assert status == 200, made
    read = ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 1000})
    told = {one["GroupId"]: one for page in read for one in page["SecurityGroups"]}
    pages = ec2.get_paginator("describe_security_group_rules").paginate(PaginationConfig={"PageSize": 1000})
    rule_ids = {rule["SecurityGroupRuleId"] for page in pages for rule in page["SecurityGroupRules"]}
    took = time.monotonic() - started
    ids = [one["id"] for one in made["groups"]]
    assert told[ids[7]]["Tags"] == [{"Key": "number", "Value": "7"}]
    assert told[ids[7]]["IpPermissionsEgress"] == []
    assert {rule for one in made["groups"] for rule in one["ingress"]} <= rule_ids
    assert len(told[ids[0]]["IpPermissions"]) == 10
    pairs = [pair for one in told[ids[9]]["IpPermissions"] for pair in one["UserIdGroupPairs"]]
    assert [pair["GroupId"] for pair in pairs] == [ids[0]]
    assert took < 10, f"it took {took:.1f} s"
    wrong = {**order, "groups": [{"name": "w", "ingress": [{"protocol": "tcp"}]}]}
    assert local.door("POST", "security-groups", wrong)[0] == 400
    assert json.dumps(made).count("sgr-") == 2500
