"""EC2's network interfaces and the default VPC: what moto does otherwise.

- An interface that was made with its instance stays when the instance is terminated.
- The groups of an instance and of its primary interface are two things; they are found by the one and told
  with both. Groups that are not there can be given.
- The default VPC has no gateway to the internet and no route there.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.vpcs import VPC, VPCBackend


def _groups(backend: Any, names: list[str]) -> list[SecurityGroup]:
    groups = [backend.get_security_group_from_id(name) for name in names]
    for name, group in zip(names, groups, strict=True):
        if group is None:
            raise InvalidSecurityGroupNotFoundError(name)
    return groups


def _end_with_their_instance() -> None:
    prepare = Instance.prep_nics

    def prep_nics(self: Instance, nic_spec: list[dict[str, Any]], *values: Any, **named: Any) -> None:
        kept = {
            int(nic["DeviceIndex"])
            for nic in nic_spec
            if nic.get("NetworkInterfaceId") or nic.get("DeleteOnTermination") is False
        }
        prepare(self, nic_spec, *values, **named)
        for index, nic in self.nics.items():
            nic.delete_on_termination = nic.delete_on_termination or index not in kept

    Instance.prep_nics = prep_nics


def _have_the_groups_of_their_instance() -> None:
    of_instance = InstanceBackend.modify_instance_security_groups
    of_interface = NetworkInterfaceBackend.modify_network_interface_attribute

    def modify_instance_security_groups(
        self: Any, instance_id: str, new_group_id_list: list[str]
    ) -> Instance:
        groups = _groups(self, new_group_id_list)
        instance = of_instance(self, instance_id, new_group_id_list)
        if 0 in instance.nics:
            instance.nics[0]._group_set = groups
        return instance

    def modify_network_interface_attribute(
        self: Any, eni_id: str, group_ids: list[str], *values: Any, **named: Any
    ) -> None:
        groups = _groups(self, group_ids)
        of_interface(self, eni_id, group_ids, *values, **named)
        interface = self.get_network_interface(eni_id)
        if groups and interface.instance and interface.device_index == 0:
            interface.instance.security_groups = groups

    InstanceBackend.modify_instance_security_groups = modify_instance_security_groups
    NetworkInterfaceBackend.modify_network_interface_attribute = modify_network_interface_attribute
    NetworkInterface.group_set = property(lambda self: self._group_set)


def _open_the_default_vpc() -> None:
    create = VPCBackend.create_default_vpc

    def create_default_vpc(self: Any) -> VPC:
        vpc = create(self)
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc.id)
        main = {"vpc-id": [vpc.id], "association.main": ["true"]}
        (table,) = self.describe_route_tables(filters=main)
        self.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
        return vpc

    EC2Backend.create_default_vpc = create_default_vpc


def apply() -> None:
    """Mend it."""
    _end_with_their_instance()
    _have_the_groups_of_their_instance()
    _open_the_default_vpc()
