"""EC2: what moto does otherwise.

- ModifyInstanceMetadataOptions forgets the options that are not given.
- DescribeRegions tells all regions as open; closed ones (`put_region`) are told when they are asked for.
"""

from __future__ import annotations

from collections import defaultdict

from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend, MetadataOptions
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
