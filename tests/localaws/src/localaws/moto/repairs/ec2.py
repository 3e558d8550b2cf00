"""EC2: what moto does otherwise.

- ModifyInstanceMetadataOptions forgets the options that are not given.
- A rule id that does not exist is refused with the code for rules given by value.
- DescribeRegions tells all regions as open; closed ones (`put_region`) are told when they are asked for.
- In a default VPC, revoking by values that match no rule is no error on AWS and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidPermissionNotFoundError, InvalidSecurityGroupRuleIdNotFoundError
from moto.ec2.models.instances import InstanceBackend, MetadataOptions
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.responses import EC2Response

_closed: dict[str, set[str]] = defaultdict(set)


def _keep_metadata_options() -> None:
    modify_all = InstanceBackend.modify_instance_metadata_options

    def modify(
        self: InstanceBackend,
        instance_id: str,
        http_tokens: str | None = None,
        hop_limit: int | None = None,
        http_endpoint: str | None = None,
        dry_run: bool | None = False,
        http_protocol: str | None = None,
        metadata_tags: str | None = None,
    ) -> MetadataOptions:
        old = self.get_instance(instance_id).metadata_options
        return modify_all(
            self,
            instance_id,
            http_tokens or old.http_tokens,
            hop_limit or old.http_put_response_hop_limit,
            http_endpoint or old.http_endpoint,
            dry_run,
            http_protocol or old.http_protocol_ipv6,
            metadata_tags or old.instance_metadata_tags,
        )

    InstanceBackend.modify_instance_metadata_options = modify


def _revoke_like_aws(direction: str) -> None:
    name = f"revoke_security_group_{direction}"
    revoke_strictly = getattr(SecurityGroupBackend, name)

    def revoke(self: Any, group_name_or_id: str, *values: Any, **named: Any) -> Any:
        try:
            return revoke_strictly(self, group_name_or_id, *values, **named)
        except InvalidPermissionNotFoundError:
            group = self.get_security_group_by_name_or_id(group_name_or_id, named.get("vpc_id"))
            if rule_ids := named.get("security_rule_ids"):
                known = {rule.id for rule in [*group.ingress_rules, *group.egress_rules]}
                missing = next((i for i in rule_ids if i not in known), rule_ids[0])
                raise InvalidSecurityGroupRuleIdNotFoundError(missing) from None
            vpc = self.vpcs.get(group.vpc_id)
            if vpc is None or not vpc.is_default:
                raise

    setattr(SecurityGroupBackend, name, revoke)


def put_region(account: str, region: str, state: str) -> None:
    """Close a region of an account, or open it."""
    if state == "closed":
        _closed[account].add(region)
    else:
        _closed[account].discard(region)


def describe_regions(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    names = self._get_param("RegionNames", [])
    closed, told = _closed[self.current_account], []
    for region in self.ec2_backend.describe_regions(names):
        one = {"RegionName": region.name, "Endpoint": region.endpoint, "OptInStatus": region.opt_in_status}
        if region.name not in closed:
            told.append(one)
        elif names or self._get_bool_param("AllRegions", False):
            told.append(one | {"OptInStatus": "not-opted-in"})
    return ActionResult({"Regions": told})


def apply() -> None:
    """Mend it."""
    EC2Response.describe_regions = describe_regions
    _keep_metadata_options()
    _revoke_like_aws("ingress")
    _revoke_like_aws("egress")
