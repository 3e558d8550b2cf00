"""The rules of EC2's security groups: what moto does otherwise.

- Of several permissions in one call only the rules of the last are told, and what comes before a wrong one
  stays. On AWS all are made or none.
- Rules are the same or not by their descriptions too. Ranges stay as they were written, descriptions may be
  anything, ports may be missing (an internal error), and only ranges have a description.
- To revoke by values is an error as soon as one matches nothing. In a default VPC it is none on AWS: the
  others are revoked, and those which match nothing are told. Elsewhere it is an error, and nothing is
  revoked.
- What was revoked is not told; its tags stay.
- ModifySecurityGroupRules changes ranges of IPv4 only. Descriptions cannot be updated by the rules' ids,
  and one that is not given is kept instead of removed.
- Rules are counted without prefix lists, and IPv4 and IPv6 together; the quota cannot be raised
  (`put_quota`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    InvalidParameterCombination,
    InvalidPermissionNotFoundError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    RulesPerSecurityGroupLimitExceededError,
)
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.ec2.responses import EC2Response

from localaws.moto import permissions
from localaws.moto.permissions import Permission, wrong
from localaws.moto.repairs import ec2_prefix_lists

_QUOTA = 60
_quotas: dict[str, int] = defaultdict(lambda: _QUOTA)
_KINDS = {
    "CidrIpv4": "cidr",
    "CidrIpv6": "cidr_ipv6",
    "PrefixListId": "prefix_list",
    "ReferencedGroupId": "group",
}
_TOLD = {kind: name for name, kind in _KINDS.items()}


def put_quota(account: str, value: int) -> None:
    """How many rules a group of the account may have in each direction, for each kind of addresses."""
    if not 1 <= value <= 1000:
        raise ValueError(f"{value}: a security group has 1 to 1000 rules")
    _quotas[account] = value


def permission_of(rule: SecurityGroupRule) -> Permission:
    """The rule as a value."""
    ports = [-1 if port is None else int(port) for port in (rule.from_port, rule.to_port)]
    protocol = rule.ip_protocol or permissions.ALL
    if rule.source_group:
        group = rule.source_group
        owner, text = group.get("UserId"), group.get("Description")
        return Permission(protocol, *ports, "group", group["GroupId"], text, owner)
    if rule.prefix_list_id:
        text = getattr(rule, "prefix_list_description", None)
        return Permission(protocol, *ports, "prefix_list", rule.prefix_list_id, text)
    kind = "cidr" if "CidrIp" in rule.ip_range else "cidr_ipv6"
    value = rule.ip_range["CidrIp" if kind == "cidr" else "CidrIpv6"]
    return Permission(protocol, *ports, kind, value, rule.ip_range.get("Description"))


def write(rule: SecurityGroupRule, wanted: Permission) -> None:
    """Make moto's rule what a value says."""
    text = {"Description": wanted.description} if wanted.description else {}
    rule.ip_range, rule.source_group, rule.prefix_list_id = {}, {}, None
    match wanted.kind:
        case "group":
            account = wanted.owner or rule.ec2_backend.account_id
            rule.source_group = {"GroupId": wanted.value, "UserId": account, "OwnerId": account, **text}
        case "prefix_list":
            rule.prefix_list_id = wanted.value
            rule.prefix_list_description = wanted.description
        case kind:
            rule.ip_range = {"CidrIp" if kind == "cidr" else "CidrIpv6": wanted.value, **text}
    rule.ip_protocol = wanted.protocol
    all_ports = wanted.protocol == permissions.ALL
    rule.from_port, rule.to_port = (None, None) if all_ports else (wanted.start, wanted.end)


def add(group: SecurityGroup, wanted: Permission, egress: bool) -> SecurityGroupRule:
    """A new rule of the group; nothing is checked."""
    rule = SecurityGroupRule(group.ec2_backend, "-1", group.id, None, None, None, is_egress=egress)
    write(rule, wanted)
    (group.egress_rules if egress else group.ingress_rules).append(rule)
    return rule


def told(rule: SecurityGroupRule) -> dict[str, Any]:
    """The rule as EC2 describes it."""
    permission, backend = permission_of(rule), rule.ec2_backend
    account, region = backend.account_id, backend.region_name
    source: dict[str, Any] = {_TOLD[permission.kind]: permission.value}
    if permission.kind == "group":
        source = {"ReferencedGroupInfo": {"GroupId": permission.value, "UserId": permission.owner}}
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "GroupOwnerId": account,
        "IsEgress": rule.is_egress,
        "IpProtocol": permission.protocol,
        "FromPort": permission.start,
        "ToPort": permission.end,
        **source,
        **({"Description": permission.description} if permission.description else {}),
        "SecurityGroupRuleArn": f"arn:aws:ec2:{region}:{account}:security-group-rule/{rule.id}",
        "Tags": tags_of(backend, rule.id),
    }


def tags_of(backend: Any, name: str) -> list[dict[str, str]]:
    """The tags of something of EC2."""
    return [{"Key": key, "Value": value} for key, value in backend.tags.get(name, {}).items()]


def rules_of(group: SecurityGroup, egress: bool) -> list[SecurityGroupRule]:
    """The group's rules of one direction."""
    return group.egress_rules if egress else group.ingress_rules


def forget(group: SecurityGroup, gone: Iterable[SecurityGroupRule]) -> None:
    """Take rules from their group, and their tags with them."""
    names = {rule.id for rule in gone}
    for egress in (True, False):
        rules = rules_of(group, egress)
        rules[:] = [rule for rule in rules if rule.id not in names]
    for name in names:
        group.ec2_backend.tags.pop(name, None)


def group_of(response: Any) -> SecurityGroup:
    """The group which a request names."""
    backend, name = response.ec2_backend, response._get_param("GroupId")
    if name is None:
        named = response._get_param("GroupName")
        if named is None:
            raise wrong("The request must contain the parameter groupName or groupId", "MissingParameter")
        group = backend.get_security_group_from_name(named, backend.default_vpc.id)
    else:
        group = backend.get_security_group_from_id(name)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(name or named)
    return group


def _source(group: SecurityGroup, rule: Permission) -> Permission:
    """The rule with its source looked up."""
    backend = group.ec2_backend
    if rule.kind == "prefix_list" and rule.value not in backend.managed_prefix_lists:
        raise wrong(f"The prefix list ID '{rule.value}' does not exist", "InvalidPrefixListID.NotFound")
    if rule.kind != "group":
        return rule
    owner = rule.owner or backend.account_id
    there = ec2_backends[owner][backend.region_name] if owner != backend.account_id else backend
    found = there.get_security_group_from_id(rule.value)
    if found is None and not rule.value.startswith("sg-"):
        found = there.get_security_group_from_name(rule.value, group.vpc_id)
    if found is None:
        raise InvalidSecurityGroupNotFoundError(rule.value)
    if found.vpc_id != group.vpc_id and not backend.vpc_pcxs:
        raise wrong(
            "You have specified two resources that belong to different networks.", "InvalidGroup.NotFound"
        )
    return permissions.with_source(rule, found.id, owner)


def _flat(response: Any) -> list[dict[str, Any]]:
    """The one permission which a request may have at its top instead of sets of them."""
    get = response._get_param
    one: dict[str, Any] = {key: get(key) for key in ("IpProtocol", "FromPort", "ToPort")}
    if cidr := get("CidrIp"):
        one["IpRanges"] = [{"CidrIp": cidr}]
    elif name := get("SourceSecurityGroupName"):
        one |= {"IpProtocol": permissions.ALL, "UserIdGroupPairs": [{"GroupName": name}]}
    return [one] if cidr or name else []


def _asked(response: Any, group: SecurityGroup) -> list[Permission]:
    """The rules which a request tells by their values."""
    sets = response._get_param("IpPermissions") or _flat(response)
    return [_source(group, rule) for rule in permissions.taken_apart(sets)]


def _weight(group: SecurityGroup, rule: Permission, version: int) -> int:
    if rule.kind == "prefix_list":
        prefix_list = group.ec2_backend.managed_prefix_lists[rule.value]
        return ec2_prefix_lists.weight(prefix_list) if prefix_list.address_family == f"IPv{version}" else 0
    return int(rule.kind in ("group", "cidr" if version == 4 else "cidr_ipv6"))


def _keep_quota(group: SecurityGroup, rules: list[Permission]) -> None:
    for version in (4, 6):
        if sum(_weight(group, rule, version) for rule in rules) > _quotas[group.owner_id]:
            raise RulesPerSecurityGroupLimitExceededError


def _authorize(self: Any, egress: bool) -> ActionResult:
    self.error_on_dryrun()
    group = group_of(self)
    tags = self._parse_tag_specification("security-group-rule").get("security-group-rule", {})
    asked = _asked(self, group)
    if not asked:
        raise wrong(
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.", "MissingParameter"
        )
    existing = [permission_of(rule) for rule in rules_of(group, egress)]
    known, new = {rule.key for rule in existing}, set()
    for rule in asked:
        if rule.key in new:
            raise wrong("The same permission must not appear multiple times")
        if rule.key in known:
            message = f'the specified rule "{rule}" already exists'
            raise wrong(message, "InvalidPermission.Duplicate")
        new.add(rule.key)
    _keep_quota(group, existing + asked)
    made = [add(group, rule, egress) for rule in asked]
    for rule in made:
        rule.add_tags(tags)
    return ActionResult({"Return": True, "SecurityGroupRules": [told(rule) for rule in made]})


def _by_ids(group: SecurityGroup, names: list[str], egress: bool | None) -> list[SecurityGroupRule]:
    known = {
        rule.id: rule
        for direction in (True, False)
        if egress in (None, direction)
        for rule in rules_of(group, direction)
    }
    for name in names:
        if name not in known:
            raise InvalidSecurityGroupRuleIdNotFoundError(name)
    return [known[name] for name in names]


def _revoke(self: Any, egress: bool) -> ActionResult:
    self.error_on_dryrun()
    group, unknown = group_of(self), []
    if names := self._get_param("SecurityGroupRuleIds"):
        gone = _by_ids(group, names, egress)
    else:
        known, gone = {permission_of(rule).key: rule for rule in rules_of(group, egress)}, []
        for rule in _asked(self, group):
            if rule.key in known:
                gone.append(known[rule.key])
            else:
                unknown.append(rule)
        vpc = self.ec2_backend.vpcs.get(group.vpc_id)
        if unknown and not (vpc and vpc.is_default):
            raise InvalidPermissionNotFoundError
    revoked = [_told_revoked(rule) for rule in gone]
    forget(group, gone)
    answer: dict[str, Any] = {"Return": True, "RevokedSecurityGroupRules": revoked}
    if unknown:
        answer["UnknownIpPermissions"] = permissions.put_together(unknown)
    return ActionResult(answer)


def _told_revoked(rule: SecurityGroupRule) -> dict[str, Any]:
    described = told(rule)
    if referenced := described.pop("ReferencedGroupInfo", None):
        described["ReferencedGroupId"] = referenced["GroupId"]
    return described


def _modified(group: SecurityGroup, rule: SecurityGroupRule, wanted: dict[str, Any]) -> Permission:
    """What a rule becomes. Its kind of source it keeps."""
    given = [name for name in _KINDS if wanted.get(name)]
    if len(given) > 1:
        raise InvalidParameterCombination(
            "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified"
        )
    if not given:
        message = "exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
        raise wrong(f"The request must contain {message}", "MissingParameter")
    kind, old = _KINDS[given[0]], permission_of(rule)
    if kind != old.kind:
        raise wrong(
            f"Invalid rule type for security group rule '{rule.id}'. You may not specify {given[0]} for an "
            f"existing {'IPv4 CIDR' if old.kind == 'cidr' else old.kind} rule."
        )
    values = [wanted.get(name) for name in ("IpProtocol", "FromPort", "ToPort")]
    text = wanted.get("Description", old.description)
    return _source(group, permissions.permission(*values, kind, wanted[given[0]], text))


def modify_security_group_rules(self: Any) -> ActionResult:
    self.error_on_dryrun()
    group, changes = group_of(self), []
    for change in self._get_param("SecurityGroupRules") or []:
        (rule,) = _by_ids(group, [change["SecurityGroupRuleId"]], None)
        changes.append((rule, _modified(group, rule, change.get("SecurityGroupRule") or {})))
    changed = {rule.id for rule, _ in changes}
    known = {
        (egress, permission_of(rule).key)
        for egress in (True, False)
        for rule in rules_of(group, egress)
        if rule.id not in changed
    }
    for rule, wanted in changes:
        if (rule.is_egress, wanted.key) in known:
            message = f'the specified rule "{wanted}" already exists'
            raise wrong(message, "InvalidPermission.Duplicate")
        known.add((rule.is_egress, wanted.key))
    for rule, wanted in changes:
        write(rule, wanted)
    return ActionResult({"Return": True})


def _update_descriptions(self: Any, egress: bool) -> ActionResult:
    self.error_on_dryrun()
    group, changes = group_of(self), []
    for given in self._get_param("SecurityGroupRuleDescriptions") or []:
        (rule,) = _by_ids(group, [given["SecurityGroupRuleId"]], egress)
        changes.append((rule, permissions.described(given.get("Description"))))
    known = {permission_of(rule).key: rule for rule in rules_of(group, egress)}
    for asked in _asked(self, group):
        if asked.key not in known:
            raise InvalidPermissionNotFoundError
        changes.append((known[asked.key], asked.description))
    if not changes:
        raise wrong("Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.")
    for rule, text in changes:
        write(rule, permissions.replace(permission_of(rule), description=text))
    return ActionResult({"Return": True})


def apply() -> None:
    """Mend it."""
    for direction, egress in (("ingress", False), ("egress", True)):
        for name, change in (
            ("authorize_security_group", _authorize),
            ("revoke_security_group", _revoke),
            ("update_security_group_rule_descriptions", _update_descriptions),
        ):
            bound = lambda self, change=change, egress=egress: change(self, egress)  # noqa: E731
            setattr(EC2Response, f"{name}_{direction}", bound)
    EC2Response.modify_security_group_rules = modify_security_group_rules
    SecurityGroupRule.description = property(lambda rule: permission_of(rule).description)
