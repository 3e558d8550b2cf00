"""How EC2's security groups and rules are described: what moto does otherwise.

- A malformed id is not found. Filters by ranges of IPv6 and prefix lists are not there, by ports fail, and
  one that AWS does not know is an internal error. `ip-permission.user-id` is the group's own account.
- Descriptions of prefix lists and of groups in rules are not told.
- Groups, tags and rules are looked for from end to end each time, which takes minutes for thousands of rules.
- Tags of a rule that is not there can be set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    InvalidGroupIdMalformedError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
)
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from localaws.moto import permissions
from localaws.moto.permissions import Permission, wrong
from localaws.moto.repairs import ec2_security_group_rules as of_rules
from localaws.policy import glob

_GROUP_ID = re.compile(r"sg-([0-9a-f]{8}|[0-9a-f]{17})")
_RULE_ID = re.compile(r"sgr-[0-9a-f]{17}")

Filters = dict[str, list[str]]


def _of_kind(kind: str) -> Callable[[Any, Permission], list[str]]:
    return lambda _, rule: [rule.value] if rule.kind == kind else []


def _group_name(backend: Any, rule: Permission) -> list[str]:
    found = backend.get_security_group_from_id(rule.value) if rule.kind == "group" else None
    return [found.name] if found else []


_OF_RULES: dict[str, Callable[[Any, Permission], list[str]]] = {
    "cidr": _of_kind("cidr"),
    "from-port": lambda _, rule: [str(rule.start)] if rule.ports() else [],
    "group-id": _of_kind("group"),
    "group-name": _group_name,
    "ipv6-cidr": _of_kind("cidr_ipv6"),
    "prefix-list-id": _of_kind("prefix_list"),
    "protocol": lambda _, rule: [rule.protocol],
    "to-port": lambda _, rule: [str(rule.end)] if rule.ports() else [],
    "user-id": lambda _, rule: [rule.owner] if rule.owner else [],
}
_OF_GROUPS: dict[str, Callable[[SecurityGroup], str | None]] = {
    "description": lambda group: group.description,
    "group-id": lambda group: group.id,
    "group-name": lambda group: group.name,
    "owner-id": lambda group: group.owner_id,
    "vpc-id": lambda group: group.vpc_id,
}


def _tag_values(backend: Any, name: str, wanted: str) -> Iterable[str] | None:
    """What a filter for tags looks at, or None when it is another filter."""
    tags: dict[str, str] = backend.tags.get(name, {})
    if wanted.startswith("tag:"):
        key = wanted.removeprefix("tag:")
        return [tags[key]] if key in tags else []
    return tags if wanted == "tag-key" else None


def _values(group: SecurityGroup, wanted: str) -> Iterable[str]:
    """What a filter looks at in a group."""
    tags = _tag_values(group.ec2_backend, group.id, wanted)
    if tags is not None:
        return tags
    if wanted in _OF_GROUPS:
        return [_OF_GROUPS[wanted](group) or ""]
    side, _, name = wanted.removeprefix("egress.").partition(".")
    if side != "ip-permission" or name not in _OF_RULES:
        raise wrong(f"The filter '{wanted}' is invalid")
    rules = of_rules.rules_of(group, wanted.startswith("egress."))
    return [v for rule in rules for v in _OF_RULES[name](group.ec2_backend, of_rules.permission_of(rule))]


def _matches(values: Iterable[str], wanted: list[str]) -> bool:
    return any(glob(pattern, value) for value in values for pattern in wanted)


def _check_ids(names: Iterable[str], pattern: re.Pattern[str], kind: str) -> None:
    for name in names:
        if not pattern.fullmatch(name):
            if kind == "InvalidGroupId":
                raise InvalidGroupIdMalformedError(name)
            raise wrong(f"The security group rule ID '{name}' is malformed", f"{kind}.Malformed")


def all_groups(backend: Any) -> list[SecurityGroup]:
    """The groups of all VPCs."""
    return [group for groups in list(backend.groups.values()) for group in list(groups.values())]


def _found(backend: Any, names: list[str] | None) -> list[SecurityGroup]:
    """The groups of these ids, or all."""
    if not names:
        return all_groups(backend)
    _check_ids(names, _GROUP_ID, "InvalidGroupId")
    groups = [backend.get_security_group_from_id(name) for name in dict.fromkeys(names)]
    for name, group in zip(dict.fromkeys(names), groups, strict=True):
        if group is None:
            raise InvalidSecurityGroupNotFoundError(name)
    return groups


def told(group: SecurityGroup) -> dict[str, Any]:
    """The group as EC2 describes it."""
    sets = {
        name: permissions.put_together(map(of_rules.permission_of, rules))
        for name, rules in (
            ("IpPermissions", group.ingress_rules),
            ("IpPermissionsEgress", group.egress_rules),
        )
    }
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "OwnerId": group.owner_id,
        "VpcId": group.vpc_id,
        "SecurityGroupArn": group.arn,
        **sets,
        "Tags": of_rules.tags_of(group.ec2_backend, group.id),
    }


def describe_security_groups(
    self: Any,
    group_ids: list[str] | None = None,
    groupnames: list[str] | None = None,
    filters: Filters | None = None,
) -> list[SecurityGroup]:
    found = _found(self, group_ids)
    for name in groupnames or []:
        if not any(group.name == name for group in found):
            raise InvalidSecurityGroupNotFoundError(name)
    if groupnames:
        found = [group for group in found if group.name in groupnames]
    for name, wanted in (filters or {}).items():
        found = [group for group in found if _matches(_values(group, name), wanted)]
    return found


def _described_groups(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    found = self.ec2_backend.describe_security_groups(
        self._get_param("GroupIds"), self._get_param("GroupNames"), self._filters_from_querystring()
    )
    return ActionResult({"SecurityGroups": Lazy(found, told)})


class Lazy(list[Any]):
    """Things which are described only where a page is cut out."""

    def __init__(self, things: Iterable[Any], describe: Callable[[Any], dict[str, Any]]) -> None:
        super().__init__(things)
        self._describe = describe

    def __getitem__(self, at: Any) -> Any:
        cut = super().__getitem__(at)
        return Lazy(cut, self._describe) if isinstance(at, slice) else self._describe(cut)

    def __iter__(self) -> Iterator[Any]:
        return map(self._describe, super().__iter__())


def _rule_values(rule: SecurityGroupRule, wanted: str) -> Iterable[str]:
    tags = _tag_values(rule.ec2_backend, rule.id, wanted)
    if tags is not None:
        return tags
    known = {"group-id": rule.group_id, "security-group-rule-id": rule.id}
    if wanted not in known:
        raise wrong(f"The filter '{wanted}' is invalid")
    return [known[wanted]]


def describe_security_group_rules(
    self: Any, sg_rule_ids: list[str] | None = None, filters: Filters | None = None
) -> list[SecurityGroupRule]:
    filters = filters or {}
    groups, of_groups = all_groups(self), filters.get("group-id")
    if of_groups and not any(set("*?") & set(name) for name in of_groups):
        _check_ids(of_groups, _GROUP_ID, "InvalidGroupId")
        groups = [group for name in of_groups if (group := self.get_security_group_from_id(name))]
    rules = [rule for group in groups for rule in [*group.egress_rules, *group.ingress_rules]]
    if sg_rule_ids:
        _check_ids(sg_rule_ids, _RULE_ID, "InvalidSecurityGroupRuleId")
        known = {rule.id: rule for rule in rules}
        for name in sg_rule_ids:
            if name not in known:
                raise InvalidSecurityGroupRuleIdNotFoundError(name)
        rules = [known[name] for name in dict.fromkeys(sg_rule_ids)]
    for name, wanted in filters.items():
        rules = [rule for rule in rules if _matches(_rule_values(rule, name), wanted)]
    return rules


def _described_rules(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    found = self.ec2_backend.describe_security_group_rules(
        self._get_param("SecurityGroupRuleIds"), self._filters_from_querystring()
    )
    return ActionResult({"SecurityGroupRules": Lazy(found, of_rules.told)})


def _find_fast() -> None:
    exist = EC2Backend.do_resources_exist

    def get_security_group_from_id(self: Any, group_id: str) -> SecurityGroup | None:
        return next((g[group_id] for g in list(self.groups.values()) if group_id in g), None)

    def get_tags(self: Any) -> list[dict[str, str]]:
        if not self.id:
            return []
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in self.ec2_backend.tags.get(self.id, {}).items()
        ]

    def do_resources_exist(self: Any, resource_ids: list[str]) -> bool:
        of_rules_only = [name for name in resource_ids if name.startswith("sgr-")]
        if of_rules_only:
            self.describe_security_group_rules(of_rules_only, {})
        return exist(self, [name for name in resource_ids if name not in of_rules_only])

    SecurityGroupBackend.get_security_group_from_id = get_security_group_from_id
    TaggedEC2Resource.get_tags = get_tags
    EC2Backend.do_resources_exist = do_resources_exist


def apply() -> None:
    """Mend it."""
    EC2Response.describe_security_groups = _described_groups
    EC2Response.describe_security_group_rules = _described_rules
    SecurityGroupBackend.describe_security_groups = describe_security_groups
    SecurityGroupBackend.describe_security_group_rules = describe_security_group_rules
    SecurityGroup.ip_permissions = property(
        lambda self: permissions.put_together(map(of_rules.permission_of, self.ingress_rules))
    )
    SecurityGroup.ip_permissions_egress = property(
        lambda self: permissions.put_together(map(of_rules.permission_of, self.egress_rules))
    )
    _find_fast()
