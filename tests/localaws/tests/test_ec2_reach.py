"""What tells whether a security group can be reached: prefix lists, interfaces, routes and subnets."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Local
from test_inventory import differing, inventory
from test_security_groups import Group, refused, tcp


@pytest.fixture
def ec2(local: Local, account: str) -> Any:
    return local.client("ec2", account)


def _list(ec2: Any, *cidrs: str, family: str = "IPv4", room: int = 5, name: str = "p") -> str:
    made = ec2.create_managed_prefix_list(
        PrefixListName=name,
        MaxEntries=room,
        AddressFamily=family,
        Entries=[{"Cidr": cidr, "Description": f"entry {cidr}"} for cidr in cidrs],
    )
    return made["PrefixList"]["PrefixListId"]


def _entries(ec2: Any, name: str, **options: Any) -> list[str]:
    found = ec2.get_managed_prefix_list_entries(PrefixListId=name, **options)
    return [entry["Cidr"] for entry in found["Entries"]]


def test_entries_of_a_prefix_list_come_in_pages(ec2: Any) -> None:
    cidrs = [f"10.{n}.0.0/16" for n in range(105)]
    made = _list(ec2, *cidrs[:100], room=105)
    added = [{"Cidr": cidr} for cidr in cidrs[100:]]
    ec2.modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=added)
    first = ec2.get_managed_prefix_list_entries(PrefixListId=made)
    assert (len(first["Entries"]), "NextToken" in first) == (100, True)
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(
        PrefixListId=made, PaginationConfig={"PageSize": 50}
    )
    assert [len(page["Entries"]) for page in pages] == [50, 50, 5]
    assert first["Entries"][0] == {"Cidr": "10.0.0.0/16", "Description": "entry 10.0.0.0/16"}


def test_prefix_lists_are_changed_and_keep_their_versions(local: Local, account: str, ec2: Any) -> None:
    before = inventory(local, account)
    made = _list(ec2, "10.0.0.0/8", "192.0.2.7/24")
    assert differing(before, inventory(local, account)) == [f"ec2/us-east-1/managed_prefix_lists/{made}"]
    assert _entries(ec2, made) == ["10.0.0.0/8", "192.0.2.0/24"]
    change = {"PrefixListId": made, "AddEntries": [{"Cidr": "0.0.0.0/0"}]}
    assert refused(ec2.modify_managed_prefix_list, CurrentVersion=7, **change) == "PrefixListVersionMismatch"
    ec2.modify_managed_prefix_list(CurrentVersion=1, RemoveEntries=[{"Cidr": "10.0.0.0/8"}], **change)
    assert _entries(ec2, made) == ["192.0.2.0/24", "0.0.0.0/0"]
    assert _entries(ec2, made, TargetVersion=1) == ["10.0.0.0/8", "192.0.2.0/24"]
    (told,) = ec2.describe_managed_prefix_lists(PrefixListIds=[made])["PrefixLists"]
    assert (told["PrefixListName"], told["Version"], told["MaxEntries"]) == ("p", 2, 5)
    group = Group(ec2)
    group.allow(tcp(22, PrefixListIds=[{"PrefixListId": made}]))
    assert refused(ec2.delete_managed_prefix_list, PrefixListId=made) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group.id)
    ec2.delete_managed_prefix_list(PrefixListId=made)
    assert refused(ec2.get_managed_prefix_list_entries, PrefixListId=made) == "InvalidPrefixListID.NotFound"
    assert differing(before, inventory(local, account)) == []


def test_a_prefix_list_has_ranges_of_its_family_only(ec2: Any) -> None:
    for values in (
        {"cidrs": ["::/0"]},
        {"cidrs": ["10.0.0.0/8"], "family": "IPv6"},
        {"cidrs": ["10.0.0.0/8", "10.1.0.0/8"]},
        {"cidrs": ["anything"]},
        {"cidrs": [], "name": "com.amazonaws.own"},
    ):
        cidrs = values.pop("cidrs")
        assert refused(lambda values=values, cidrs=cidrs: _list(ec2, *cidrs, **values)) == (
            "InvalidParameterValue"
        )
    assert refused(lambda: _list(ec2, "10.0.0.0/8", "11.0.0.0/8", room=1)) == "PrefixListMaxEntriesExceeded"


def test_the_lists_of_aws_are_there_with_the_same_ids_in_each_account(local: Local, ec2: Any) -> None:
    of_s3 = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]
    (told,) = ec2.describe_managed_prefix_lists(Filters=of_s3)["PrefixLists"]
    assert (told["PrefixListId"], told["OwnerId"]) == ("pl-63a5400a", "AWS")
    assert told["PrefixListArn"] == "arn:aws:ec2:us-east-1:aws:prefix-list/pl-63a5400a"
    assert _entries(ec2, told["PrefixListId"])

    def own(client: Any) -> dict[str, str]:
        owned = [{"Name": "owner-id", "Values": ["AWS"]}]
        found = client.describe_managed_prefix_lists(Filters=owned)["PrefixLists"]
        return {one["PrefixListName"]: one["PrefixListId"] for one in found}

    assert own(ec2) == own(local.client("ec2", local.account()))
    assert "com.amazonaws.us-east-1.ec2-instance-connect" in own(ec2)
    assert "com.amazonaws.eu-west-1.s3" in own(local.client("ec2", local.account(), "eu-west-1"))


def _of(ec2: Any, name: str, value: str) -> list[dict[str, Any]]:
    filters = [{"Name": name, "Values": [value]}]
    return ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]


def test_interfaces_of_a_group_tell_their_address_subnet_and_instance(ec2: Any) -> None:
    public, private = Group(ec2, "public"), Group(ec2, "private")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    nic = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [public.id], "AssociatePublicIpAddress": True}
    run = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[nic])
    instance = run["Instances"][0]["InstanceId"]
    (told,) = _of(ec2, "group-id", public.id)
    assert (told["SubnetId"], told["InterfaceType"]) == (subnet, "interface")
    assert told["Attachment"]["InstanceId"] == instance
    assert told["Association"]["PublicIp"]
    assert [group["GroupId"] for group in told["Groups"]] == [public.id]
    by_ids = ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SecurityGroupIds=[private.id], SubnetId=subnet
    )["Instances"][0]["InstanceId"]
    (told,) = _of(ec2, "group-id", private.id)
    assert told["Attachment"]["InstanceId"] == by_ids
    assert [group["GroupId"] for group in told["Groups"]] == [private.id]
    bare = ec2.create_network_interface(SubnetId=subnet, Groups=[private.id])["NetworkInterface"]
    interfaces = _of(ec2, "group-id", private.id)
    assert len(interfaces) == 2
    (alone,) = (one for one in interfaces if one["NetworkInterfaceId"] == bare["NetworkInterfaceId"])
    assert ("Attachment" in alone, "Association" in alone) == (False, False)
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=bare["NetworkInterfaceId"])
    found = [one for one in _of(ec2, "group-id", private.id) if one.get("Association")]
    assert address["PublicIp"] in {one["Association"]["PublicIp"] for one in found}
    ec2.terminate_instances(InstanceIds=[instance])
    assert _of(ec2, "group-id", public.id) == []


def test_an_instance_changes_its_groups_and_its_interface_with_it(ec2: Any) -> None:
    old, new = Group(ec2, "old"), Group(ec2, "new")
    run = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SecurityGroupIds=[old.id])
    instance = run["Instances"][0]["InstanceId"]
    ec2.modify_instance_attribute(InstanceId=instance, Groups=[new.id])
    assert _of(ec2, "group-id", old.id) == []
    (told,) = _of(ec2, "group-id", new.id)
    assert [group["GroupId"] for group in told["Groups"]] == [new.id]


def _routes(ec2: Any, **filters: str) -> list[dict[str, Any]]:
    wanted = [{"Name": name.replace("__", "."), "Values": [value]} for name, value in filters.items()]
    wanted = [{**one, "Name": one["Name"].replace("_", "-")} for one in wanted]
    return ec2.describe_route_tables(Filters=wanted)["RouteTables"]


def test_routes_to_the_internet_are_found_by_subnet_and_vpc(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    (told,) = _routes(ec2, association__subnet_id=subnets[0])
    assert told["RouteTableId"] == table
    to_gateway = {
        route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]
        for route in told["Routes"]
        if route.get("GatewayId") == gateway
    }
    assert to_gateway == {"0.0.0.0/0", "::/0"}
    assert [association["SubnetId"] for association in told["Associations"]] == [subnets[0]]
    assert _routes(ec2, association__subnet_id=subnets[1]) == []
    tables = _routes(ec2, vpc_id=vpc)
    assert len(tables) == 2
    (main,) = (one for one in tables if any(a.get("Main") for a in one["Associations"]))
    assert main["RouteTableId"] != table
    (by_main,) = _routes(ec2, vpc_id=vpc, association__main="true")
    assert by_main["RouteTableId"] == main["RouteTableId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert {s["SubnetId"] for s in ec2.describe_subnets(Filters=of_vpc)["Subnets"]} == set(subnets)
    pages = ec2.get_paginator("describe_route_tables").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(page["RouteTables"]) for page in pages) == 3


def test_the_default_vpc_has_a_route_to_the_internet(ec2: Any) -> None:
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    (table,) = _routes(ec2, vpc_id=vpc, association__main="true")
    gateways = {route.get("DestinationCidrBlock"): route.get("GatewayId", "") for route in table["Routes"]}
    assert gateways["0.0.0.0/0"].startswith("igw-")
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    (gateway,) = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]
    assert gateway["InternetGatewayId"] == gateways["0.0.0.0/0"]
