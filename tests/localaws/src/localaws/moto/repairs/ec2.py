"""EC2: what moto does otherwise.

- ModifyInstanceMetadataOptions forgets the options that are not given.
- A rule id that does not exist is refused with the code for rules given by value.
- In a default VPC, revoking by values that match no rule is no error on AWS and changes nothing.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidPermissionNotFoundError, InvalidSecurityGroupRuleIdNotFoundError
from moto.ec2.models.instances import InstanceBackend, MetadataOptions
from moto.ec2.models.security_groups import SecurityGroupBackend


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


def apply() -> None:
    """Mend it."""
    _keep_metadata_options()
    _revoke_like_aws("ingress")
    _revoke_like_aws("egress")
