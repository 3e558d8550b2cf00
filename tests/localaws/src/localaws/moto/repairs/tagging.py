"""Resource Groups Tagging API: what moto does otherwise.

- Trails, network ACLs and flow logs are left out, or told by another type's ARN.
- Buckets are told in every region; on AWS in their own.
- Resources asked for by their ARNs come in pages, and other conditions may stand beside the ARNs.
- The last page has no token; on AWS it has an empty one.
- System tags (`aws:*`), which no API sets, can be staged (`stage`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from moto.cloudtrail.models import cloudtrail_backends
from moto.core.resource_tagging import (
    TaggedResource,
    iter_taggable_backends,
    make_tag_matcher,
    match_resource_type,
)
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.resourcegroupstaggingapi.exceptions import ResourceGroupsTaggingAPIError
from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse
from moto.s3.models import s3_backends

_MOST_ARNS = 100
_NOT_BESIDE_ARNS = (
    "PaginationToken",
    "ResourceTypeFilters",
    "ResourcesPerPage",
    "TagFilters",
    "TagsPerPage",
)

_staged: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(dict)
_lock = threading.Lock()


def stage(account: str, region: str, arn: str, tags: dict[str, str]) -> None:
    """Set tags beside those which the resource has; those of an earlier call are forgotten."""
    kind, _, path = arn.split(":", 5)[5].partition("/")
    name = path.rpartition("/")[2]
    iam = iam_backends[account]["aws"]
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    if ":iam:" in arn and kind == "user":
        iam.tagger.tag_resource(iam.get_user(name).arn, given)
    elif ":iam:" in arn and kind == "role":
        role = iam.get_role(name)
        role.tags = [tag for tag in role.tags if tag["Key"] not in tags] + given
    else:
        with _lock:
            _staged[account, region][arn] = dict(tags)


def _is_there(resource: TaggedResource, account: str, region: str) -> bool:
    if resource.resource_type != "s3:bucket":
        return True
    bucket = s3_backends[account]["aws"].buckets.get(resource.arn.rpartition(":")[2])
    return bucket is not None and bucket.region_name == region


def tags_of_trail(account: str, region: str, arn: str) -> dict[str, str]:
    """The tags of a trail."""
    return cloudtrail_backends[account][region].tagging_service.get_tag_dict_for_resource(arn)


def _left_out(account: str, region: str) -> Iterator[TaggedResource]:
    """What moto has and does not tell, or not rightly."""
    cloudtrail, ec2 = cloudtrail_backends[account][region], ec2_backends[account][region]
    for trail in list(cloudtrail.trails.values()):
        tags = cloudtrail.tagging_service.get_tag_dict_for_resource(trail.arn)
        yield TaggedResource(trail.arn, tags, "cloudtrail:trail")
    for kind, ids in (("network-acl", ec2.network_acls), ("vpc-flow-log", ec2.flow_logs)):
        for name in list(ids):
            arn = f"arn:aws:ec2:{region}:{account}:{kind}/{name}"
            yield TaggedResource(arn, dict(ec2.tags.get(name, {})), f"ec2:{kind}")


def _tagged(account: str, region: str) -> list[TaggedResource]:
    """All resources of a region that have tags, each once."""
    found = {resource.arn: resource for resource in _left_out(account, region)}
    for backend in iter_taggable_backends(account, region):
        for resource in backend.iter_tagged_resources():
            if _is_there(resource, account, region) and resource.resource_type != "ec2:flow-logs":
                found[resource.arn] = resource
    for arn, tags in _staged[account, region].items():
        known = found.get(arn)
        kind = ":".join([arn.split(":")[2], arn.split(":", 5)[5].split("/")[0]])
        found[arn] = TaggedResource(
            arn, {**(known.tags if known else {}), **tags}, known.resource_type if known else kind
        )
    return [resource for resource in found.values() if resource.tags]


def get_resources(self: ResourceGroupsTaggingAPIResponse) -> ActionResult:
    resources = _tagged(self.current_account, self.region)
    arns = self._get_param("ResourceARNList") or []
    if arns:
        _check_arns(arns, {name for name in _NOT_BESIDE_ARNS if self._get_param(name)})
        return _page([resource for resource in resources if resource.arn in arns], 0, len(arns))
    matches, types = make_tag_matcher(self._get_param("TagFilters")), self._get_param("ResourceTypeFilters")
    size = int(self._get_param("ResourcesPerPage") or 50)
    if not 1 <= size <= 100:
        raise ResourceGroupsTaggingAPIError(
            "InvalidParameterException", "ResourcesPerPage must be between 1 and 100"
        )
    wanted = [r for r in resources if matches(r.tags) and match_resource_type(r.resource_type, types)]
    return _page(wanted, int(self._get_param("PaginationToken") or 0), size)


def _check_arns(arns: list[str], beside: set[str]) -> None:
    problem = None
    if beside:
        problem = f"ResourceARNList cannot be given together with {', '.join(sorted(beside))}"
    elif len(arns) > _MOST_ARNS:
        problem = f"ResourceARNList must have at most {_MOST_ARNS} items"
    elif any(not arn.startswith("arn:") for arn in arns):
        problem = "ResourceARNList has an item that is no ARN"
    if problem:
        raise ResourceGroupsTaggingAPIError("InvalidParameterException", problem)


def _page(resources: list[TaggedResource], start: int, size: int) -> ActionResult:
    told: list[dict[str, Any]] = [
        {"ResourceARN": r.arn, "Tags": [{"Key": key, "Value": value} for key, value in r.tags.items()]}
        for r in resources[start : start + size]
    ]
    more = str(start + size) if start + size < len(resources) else ""
    return ActionResult({"ResourceTagMappingList": told, "PaginationToken": more})


def apply() -> None:
    """Mend it."""
    ResourceGroupsTaggingAPIResponse.get_resources = get_resources
