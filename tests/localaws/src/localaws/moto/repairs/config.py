"""Config: what moto does otherwise.

- GetDiscoveredResourceCounts is not there. It counts what the account has in the region of the call, with
  IAM's in every region, as if a recorder recorded all; types that are not counted here are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from moto.cloudtrail.models import cloudtrail_backends
from moto.config.responses import ConfigResponse
from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

_LIMIT = 100


def _buckets(account: str, region: str) -> int:
    return sum(bucket.region_name == region for bucket in s3_backends[account]["aws"].buckets.values())


def _instances(account: str, region: str) -> int:
    reservations = ec2_backends[account][region].reservations.values()
    return sum(i.state != "terminated" for reservation in reservations for i in reservation.instances)


def _keys(account: str, region: str) -> int:
    return sum(key.key_manager == "CUSTOMER" for key in kms_backends[account][region].keys.values())


_COUNTERS: dict[str, Callable[[str, str], int]] = {
    "AWS::CloudTrail::Trail": lambda account, region: len(cloudtrail_backends[account][region].trails),
    "AWS::EC2::Instance": _instances,
    "AWS::EC2::NetworkAcl": lambda account, region: len(ec2_backends[account][region].network_acls),
    "AWS::EC2::SecurityGroup": lambda account, region: sum(
        len(of_vpc) for of_vpc in ec2_backends[account][region].groups.values()
    ),
    "AWS::EC2::Subnet": lambda account, region: sum(
        len(of_zone) for of_zone in ec2_backends[account][region].subnets.values()
    ),
    "AWS::EC2::VPC": lambda account, region: len(ec2_backends[account][region].vpcs),
    "AWS::EC2::Volume": lambda account, region: len(ec2_backends[account][region].volumes),
    "AWS::IAM::Group": lambda account, _: len(iam_backends[account]["aws"].groups),
    "AWS::IAM::Role": lambda account, _: len(iam_backends[account]["aws"].roles),
    "AWS::IAM::User": lambda account, _: len(iam_backends[account]["aws"].users),
    "AWS::KMS::Key": _keys,
    "AWS::RDS::DBCluster": lambda account, region: len(rds_backends[account][region].clusters),
    "AWS::RDS::DBInstance": lambda account, region: len(rds_backends[account][region].databases),
    "AWS::S3::Bucket": _buckets,
}


def get_discovered_resource_counts(self: ConfigResponse) -> str:
    types = self._get_param("resourceTypes") or sorted(_COUNTERS)
    limit, start = int(self._get_param("limit") or _LIMIT), int(self._get_param("nextToken") or 0)
    if unknown := [name for name in types if name not in _COUNTERS]:
        raise JsonRESTError("ValidationException", f"resourceTypes has {', '.join(unknown)}")
    if not 1 <= limit <= _LIMIT:
        raise JsonRESTError("InvalidLimitException", f"The limit {limit} is not between 1 and {_LIMIT}.")
    found = [(_COUNTERS[name](self.current_account, self.region), name) for name in types]
    counts = [
        {"resourceType": name, "count": count}
        for count, name in sorted(found, key=lambda pair: -pair[0])
        if count
    ]
    more = {"nextToken": str(start + limit)} if start + limit < len(counts) else {}
    total = sum(count for count, _ in found)
    page = {"totalDiscoveredResources": total, "resourceCounts": counts[start : start + limit]}
    return json.dumps({**page, **more})


def apply() -> None:
    """Mend it."""
    ConfigResponse.get_discovered_resource_counts = get_discovered_resource_counts
