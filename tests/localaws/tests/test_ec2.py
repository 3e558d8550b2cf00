"""EC2 in a member account."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from test_identity import refusal


def _group(ec2: Any, *ranges: tuple[int, str, str]) -> str:
    """A security group with TCP rules of (port, cidr, description)."""
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    permissions = [
        {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": cidr, "Description": text}],
        }
        for port, cidr, text in ranges
    ]
    if permissions:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    return group


def _rules(ec2: Any, group: str) -> dict[str, dict[str, Any]]:
    filters = [{"Name": "group-id", "Values": [group]}]
    found = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return {rule["SecurityGroupRuleId"]: rule for rule in found if not rule["IsEgress"]}


def _instance(ec2: Any, **options: Any) -> str:
    run = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, **options)
    return run["Instances"][0]["InstanceId"]


def _metadata(ec2: Any, instance: str) -> dict[str, Any]:
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["MetadataOptions"]


def test_metadata_options_that_are_not_given_are_kept(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    options = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 3, "HttpEndpoint": "disabled"}
    instance = _instance(ec2)
    ec2.modify_instance_metadata_options(InstanceId=instance, **options)
    assert {k: _metadata(ec2, instance)[k] for k in options} == options
    ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="required")
    told = _metadata(ec2, instance)
    assert (told["HttpTokens"], told["HttpPutResponseHopLimit"], told["HttpEndpoint"]) == (
        "required",
        3,
        "disabled",
    )
    ec2.modify_instance_metadata_options(
        InstanceId=instance, HttpEndpoint="enabled", InstanceMetadataTags="enabled"
    )
    told = _metadata(ec2, instance)
    assert (told["HttpTokens"], told["HttpEndpoint"], told["InstanceMetadataTags"]) == (
        "required",
        "enabled",
        "enabled",
    )


def test_security_groups_and_their_rules_come_in_pages(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = {
        ec2.create_security_group(GroupName=f"g{n}", Description="d", VpcId=vpc)["GroupId"] for n in range(7)
    }
    first = ec2.describe_security_groups(MaxResults=5)
    assert len(first["SecurityGroups"]) == 5
    pages = list(ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5}))
    assert made <= {g["GroupId"] for page in pages for g in page["SecurityGroups"]}
    assert len(pages) > 1
    rules = ec2.describe_security_group_rules(MaxResults=5)
    assert (len(rules["SecurityGroupRules"]), "NextToken" in rules) == (5, True)
    assert "NextToken" not in ec2.describe_security_groups()


def test_one_rule_is_revoked_by_its_id_and_the_others_stay(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    group = _group(ec2, (22, "0.0.0.0/0", "open"), (22, "10.0.0.0/8", "office"), (443, "0.0.0.0/0", "web"))
    rules = _rules(ec2, group)
    assert len(rules) == 3
    bad = next(i for i, r in rules.items() if r["FromPort"] == 22 and r["CidrIpv4"] == "0.0.0.0/0")
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[bad])
    left = _rules(ec2, group)
    assert left == {i: r for i, r in rules.items() if i != bad}
    assert {r["Description"] for r in left.values()} == {"office", "web"}


def test_an_ipv6_rule_is_revoked_by_its_id(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    group = _group(ec2, (22, "10.0.0.0/8", "office"))
    wide = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "v6"}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wide])
    rules = _rules(ec2, group)
    bad = next(i for i, r in rules.items() if r.get("CidrIpv6") == "::/0")
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[bad])
    assert _rules(ec2, group) == {i: r for i, r in rules.items() if i != bad}


def test_rules_are_authorized_again_with_their_descriptions(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    group = _group(ec2, (22, "0.0.0.0/0", "open"))
    (bad,) = _rules(ec2, group)
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[bad])
    again = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "open"}],
    }
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[again])["SecurityGroupRules"]
    assert made[0]["Description"] == "open"
    rule = _rules(ec2, group)[made[0]["SecurityGroupRuleId"]]
    assert (rule["CidrIpv4"], rule["Description"]) == ("0.0.0.0/0", "open")


def test_a_rule_is_modified_in_place(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    group = _group(ec2, (22, "0.0.0.0/0", "open"), (80, "0.0.0.0/0", "web"))
    rule = next(i for i, r in _rules(ec2, group).items() if r["FromPort"] == 22)
    narrow = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "CidrIpv4": "10.0.0.0/8",
        "Description": "office",
    }
    change = {"SecurityGroupRuleId": rule, "SecurityGroupRule": narrow}
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[change])
    changed = _rules(ec2, group)
    assert len(changed) == 2
    assert (changed[rule]["CidrIpv4"], changed[rule]["Description"]) == ("10.0.0.0/8", "office")
    permissions = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert {r["CidrIp"] for p in permissions for r in p["IpRanges"] if p["FromPort"] == 22} == {"10.0.0.0/8"}


def test_a_rule_id_that_does_not_exist_is_an_error(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    with pytest.raises(ClientError) as caught:
        ec2.revoke_security_group_ingress(GroupId=_group(ec2), SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    assert refusal(caught)[0] == "InvalidSecurityGroupRuleId.NotFound"


def test_prefix_lists_tell_their_entries(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    made = ec2.create_managed_prefix_list(
        PrefixListName="wide",
        MaxEntries=2,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "0.0.0.0/0", "Description": "all"}],
    )["PrefixList"]["PrefixListId"]
    assert ec2.get_managed_prefix_list_entries(PrefixListId=made)["Entries"][0]["Cidr"] == "0.0.0.0/0"
    group = _group(ec2)
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "PrefixListIds": [{"PrefixListId": made}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    (rule,) = _rules(ec2, group).values()
    assert rule["PrefixListId"] == made


def test_default_encryption_of_volumes_is_kept_per_region(local: Local, account: str) -> None:
    here, there = local.client("ec2", account), local.client("ec2", account, "eu-west-1")
    assert here.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    here.enable_ebs_encryption_by_default()
    assert here.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    assert there.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    here.disable_ebs_encryption_by_default()
    assert here.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
