"""EC2's networks: what moto does otherwise.

- An entry of a network ACL that is not there fails without an error's code. Replacing one loses it when it
  fails.
- Rule numbers may be anything, and there may be any number of entries; AWS has 20 in each direction, with
  the denial at the end. A network ACL of one's own has no such denial.
- Network ACLs are not found by their ids, nor by entries' IPv6 ranges and ports; one with a value among
  others that have none is found or not, as chance has it.
- The log group of flow logs is not told by its ARN. They are made with any role. One that may not write is
  told to fail on AWS, as where there is no log group.
- A default security group does not let in its own members.
- Tags of what was deleted stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError, InvalidNetworkAclIdError, NetworkAclEntryAlreadyExistsError
from moto.ec2.models.flow_logs import FlowLogs, FlowLogsBackend
from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend, NetworkAclEntry
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses import EC2Response

from localaws.moto import grants

_ENTRIES = 20
_LAST = 32766
_FLOW_LOGS = "vpc-flow-logs.amazonaws.com"


def _entry(acl: NetworkAcl, number: int, egress: bool) -> NetworkAclEntry:
    for entry in acl.network_acl_entries:
        if (entry.rule_number, entry.egress) == (number, egress):
            return entry
    message = f"The network acl entry identified by {number} does not exist."
    raise EC2ClientError("InvalidNetworkAclEntry.NotFound", message)


def _acl_entries() -> None:
    create_entry, replace, create = (
        NetworkAclBackend.create_network_acl_entry,
        NetworkAclBackend.replace_network_acl_entry,
        NetworkAclBackend.create_network_acl,
    )

    def create_network_acl_entry(
        self: Any, network_acl_id: str, rule_number: int, *values: Any, **named: Any
    ) -> Any:
        acl, egress = self.get_network_acl(network_acl_id), named["egress"]
        numbers = [entry.rule_number for entry in acl.network_acl_entries if entry.egress == egress]
        if rule_number in numbers:
            raise NetworkAclEntryAlreadyExistsError(rule_number)
        if len(numbers) >= _ENTRIES:
            message = f"The network acl {network_acl_id} has reached its limit of {_ENTRIES} entries."
            raise EC2ClientError("NetworkAclEntryLimitExceeded", message)
        return create_entry(self, network_acl_id, rule_number, *values, **named)

    def delete_network_acl_entry(self: Any, network_acl_id: str, rule_number: int, egress: bool) -> Any:
        acl = self.get_network_acl(network_acl_id)
        entry = _entry(acl, rule_number, egress)
        acl.network_acl_entries.remove(entry)
        return entry

    def replace_network_acl_entry(
        self: Any, network_acl_id: str, rule_number: int, *values: Any, **named: Any
    ) -> Any:
        acl = self.get_network_acl(network_acl_id)
        before = list(acl.network_acl_entries)
        try:
            return replace(self, network_acl_id, rule_number, *values, **named)
        except EC2ClientError:
            acl.network_acl_entries[:] = before
            raise

    def create_network_acl(self: Any, vpc_id: str, tags: Any = None, default: bool = False) -> NetworkAcl:
        acl = create(self, vpc_id, tags, default)
        if not default:
            for egress in (True, False):
                last = NetworkAclEntry(
                    self, acl.id, _LAST + 1, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None
                )
                acl.network_acl_entries.append(last)
        return acl

    NetworkAclBackend.create_network_acl_entry = create_network_acl_entry
    NetworkAclBackend.delete_network_acl_entry = delete_network_acl_entry
    NetworkAclBackend.replace_network_acl_entry = replace_network_acl_entry
    NetworkAclBackend.create_network_acl = create_network_acl


def _check_number(operation: str) -> None:
    """The denial at the end is the network ACL's own."""
    change: Callable[[EC2Response], ActionResult] = getattr(EC2Response, operation)

    def checked(self: EC2Response) -> ActionResult:
        number = self._get_param("RuleNumber")
        if not 1 <= number <= _LAST:
            raise EC2ClientError(
                "InvalidParameterValue", f"The rule number {number} is not from 1 to {_LAST}."
            )
        return change(self)

    setattr(EC2Response, operation, checked)


def _find_acls() -> None:
    describe, value_of = NetworkAclBackend.describe_network_acls, NetworkAcl.get_filter_value

    def describe_network_acls(
        self: Any, network_acl_ids: list[str] | None = None, filters: Any = None
    ) -> Any:
        for name in network_acl_ids or []:
            if name not in self.network_acls:
                raise InvalidNetworkAclIdError(name)
        return describe(self, network_acl_ids, filters)

    def get_filter_value(self: NetworkAcl, filter_name: str, method_name: str | None = None) -> Any:
        match filter_name:
            case "network-acl-id":
                return self.id
            case "entry.ipv6-cidr":
                return [entry.ipv6_cidr_block for entry in self.network_acl_entries]
            case "entry.port-range.from":
                return [entry.port_range_from for entry in self.network_acl_entries]
            case "entry.port-range.to":
                return [entry.port_range_to for entry in self.network_acl_entries]
        return value_of(self, filter_name, method_name)

    NetworkAclBackend.describe_network_acls = describe_network_acls
    NetworkAcl.get_filter_value = get_filter_value


def _filters() -> None:
    """What a resource does not have is no value of it: moto takes the first None for no match."""
    matches = utils.is_filter_matching

    class Known:
        def __init__(self, resource: Any) -> None:
            self.resource = resource

        def get_filter_value(self, name: str) -> Any:
            value = self.resource.get_filter_value(name)
            return [str(one) for one in value if one is not None] if isinstance(value, list) else value

    def is_filter_matching(resource: Any, name: str, wanted: Any) -> bool:
        return bool(matches(Known(resource), name, wanted))

    utils.is_filter_matching = is_filter_matching


def _flow_logs() -> None:
    create = FlowLogsBackend.create_flow_logs

    def create_flow_logs(self: Any, *values: Any, **named: Any) -> tuple[list[FlowLogs], list[Any]]:
        arn, destination = named.get("deliver_logs_permission_arn"), named.get("log_destination") or ""
        if ":log-group:" in destination:
            named["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
        source = f"arn:aws:ec2:{self.region_name}:{self.account_id}:vpc-flow-log/fl-0"
        role = grants.role_named(arn) if arn else None
        if arn and (role is None or not grants.role_lets(role, _FLOW_LOGS, source, self.account_id)):
            raise EC2ClientError("InvalidParameter", "Unable to assume given IAM role")
        made, failed = create(self, *values, **named)
        group = f"arn:aws:logs:{self.region_name}:{self.account_id}:log-group:{named.get('log_group_name')}"
        for flow_log in made if role else []:
            writes = ("logs:CreateLogStream", "logs:PutLogEvents")
            if not all(
                grants.role_may(role, action, f"{group}:log-stream:{flow_log.id}") for action in writes
            ):
                flow_log.deliver_logs_status = "FAILED"
                flow_log.deliver_logs_error_message = "Access error"
        return made, failed

    FlowLogsBackend.create_flow_logs = create_flow_logs


def _default_groups() -> None:
    create = SecurityGroupBackend.create_security_group

    def create_security_group(self: Any, *values: Any, **named: Any) -> SecurityGroup:
        group = create(self, *values, **named)
        if group.is_default and not group.ingress_rules:
            # As moto writes a group that a rule names; else it does not know the rule that is to be revoked.
            own = {"GroupId": group.id, "UserId": self.account_id, "OwnerId": self.account_id}
            rule = SecurityGroupRule(
                self, "-1", group.id, None, None, None, source_group=own, is_egress=False
            )
            group.ingress_rules.append(rule)
        return group

    SecurityGroupBackend.create_security_group = create_security_group


def _forget_tags(backend: type, operation: str) -> None:
    delete: Callable[..., Any] = getattr(backend, operation)

    def forgetful(self: Any, *values: Any, **named: Any) -> Any:
        answer = delete(self, *values, **named)
        for given in [*values, *named.values()]:
            for name in given if isinstance(given, list) else [given]:
                if isinstance(name, str):
                    self.tags.pop(name, None)
        return answer

    setattr(backend, operation, forgetful)


def apply() -> None:
    """Mend it."""
    _acl_entries()
    for verb in ("create", "delete", "replace"):
        _check_number(f"{verb}_network_acl_entry")
    _find_acls()
    _filters()
    _flow_logs()
    _default_groups()
    _forget_tags(FlowLogsBackend, "delete_flow_logs")
    _forget_tags(NetworkAclBackend, "delete_network_acl")
    _forget_tags(SecurityGroupBackend, "delete_security_group")
