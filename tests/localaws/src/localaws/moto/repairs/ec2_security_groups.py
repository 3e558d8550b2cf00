"""EC2's security groups: what moto does otherwise.

- A VPC need not exist, names and descriptions may be anything, and names differ by the case of their letters.
- What a group's tags are when it is made is not told.
- A group goes although something is in it, a rule of another group names it, or it is its VPC's default; the
  tags of its rules stay.
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidSecurityGroupDuplicateError, InvalidVPCIdError
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend
from moto.ec2.responses import EC2Response

from localaws.moto import permissions
from localaws.moto.permissions import Permission, wrong
from localaws.moto.repairs import ec2_security_group_rules as of_rules
from localaws.moto.repairs.ec2_security_group_search import all_groups

_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def _create(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    name, text = self._get_param("GroupName"), self._get_param("Description")
    vpc = self._get_param("VpcId") or self.ec2_backend.default_vpc.id
    if vpc not in self.ec2_backend.vpcs:
        raise InvalidVPCIdError(vpc)
    for given, what in ((name, "groupName"), (text, "groupDescription")):
        if not given:
            raise wrong(f"The request must contain the parameter {what}", "MissingParameter")
        if not _TEXT.fullmatch(given) or (what == "groupName" and given.startswith("sg-")):
            raise wrong(f"Value ({given}) for parameter {what} is invalid.")
    if any(group.name.lower() == name.lower() for group in self.ec2_backend.groups[vpc].values()):
        raise InvalidSecurityGroupDuplicateError(name)
    tags = self._parse_tag_specification("security-group").get("security-group", {})
    group = self.ec2_backend.create_security_group(name, text, vpc_id=vpc, tags=tags)
    described = of_rules.tags_of(self.ec2_backend, group.id)
    return ActionResult({"GroupId": group.id, "SecurityGroupArn": group.arn, "Tags": described})


def _is_needed(backend: Any, group: SecurityGroup) -> bool:
    """Whether a network interface has it or a rule of another group names it."""
    for instance in backend.all_instances():
        if instance.state != "terminated" and group in instance.security_groups:
            return True
    for interface in list(backend.enis.values()):
        of_gone = interface.instance is not None and interface.instance.state == "terminated"
        if not of_gone and any(one.id == group.id for one in interface.group_set):
            return True
    return any(
        rule.source_group.get("GroupId") == group.id
        for other in all_groups(backend)
        if other is not group
        for rule in [*other.ingress_rules, *other.egress_rules]
    )


def _delete(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    group = of_rules.group_of(self)
    if group.is_default or group.name == "default":
        message = f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user'
        raise wrong(message, "CannotDelete")
    if _is_needed(self.ec2_backend, group):
        raise wrong(f"resource {group.id} has a dependent object", "DependencyViolation")
    self.ec2_backend.delete_security_group(group_id=group.id)
    return ActionResult({"Return": True, "GroupId": group.id})


def _forget_rules() -> None:
    delete = SecurityGroupBackend.delete_security_group

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
        group = self.get_security_group_from_id(group_id) if group_id else None
        if group is not None:
            of_rules.forget(group, [*group.ingress_rules, *group.egress_rules])
        delete(self, name, group_id)

    SecurityGroupBackend.delete_security_group = delete_security_group


def _staged(given: dict[str, Any], by_name: dict[str, str]) -> Permission:
    """A rule as the door has it. A group may be told by its name."""
    sources = [kind for kind in ("cidr", "cidr_ipv6", "group", "prefix_list") if kind in given]
    if len(sources) != 1:
        raise ValueError(f"a rule has one of cidr, cidr_ipv6, group and prefix_list: {given}")
    value = by_name.get(given[sources[0]], given[sources[0]])
    ports = given.get("from"), given.get("to", given.get("from"))
    protocol, text = str(given.get("protocol", "-1")), given.get("description")
    return permissions.permission(protocol, *ports, sources[0], value, text)


def stage(account: str, region: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Many groups with their rules at once, whatever the quota; their ids, and those of their rules."""
    backend = ec2_backends[account][region]
    made = []
    for given in groups:
        vpc = given.get("vpc") or backend.default_vpc.id
        group = backend.create_security_group(
            given["name"],
            given.get("description", "staged"),
            vpc_id=vpc,
            tags=given.get("tags"),
            force=True,
        )
        made.append(group)
    by_name = {group.name: group.id for group in made}
    for group, given in zip(made, groups, strict=True):
        if "egress" in given:
            group.egress_rules.clear()
        for direction in ("ingress", "egress"):
            for rule in given.get(direction, []):
                of_rules.add(group, _staged(rule, by_name), direction == "egress")
    return {
        "groups": [
            {
                "id": group.id,
                "name": group.name,
                "ingress": [rule.id for rule in group.ingress_rules],
                "egress": [rule.id for rule in group.egress_rules],
            }
            for group in made
        ]
    }


def apply() -> None:
    """Mend it."""
    EC2Response.create_security_group = _create
    EC2Response.delete_security_group = _delete
    _forget_rules()
