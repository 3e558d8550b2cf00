"""Token buckets: calls that come too fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Local
from test_security_groups import refused


@pytest.fixture(autouse=True)
def none_left(local: Local) -> Iterator[None]:
    yield
    local.door("DELETE", "quotas")


def rate(local: Local, account: str | None, **changes: Any) -> None:
    given = {
        "service": "ec2",
        "operation": "DescribeSecurityGroups",
        "burst": 3,
        "per_second": 1000,
        **changes,
    }
    status, answer = local.door("POST", "quotas", given | ({"account": account} if account else {}))
    assert status == 200, answer


def test_a_bucket_lets_its_burst_through_and_fills_again(local: Local, account: str) -> None:
    ec2 = local.client("ec2", account)
    rate(local, account, per_second=2)
    for _ in range(3):
        ec2.describe_security_groups()
    assert refused(ec2.describe_security_groups) == "RequestLimitExceeded"
    time.sleep(0.6)
    ec2.describe_security_groups()
    assert refused(ec2.describe_security_groups) == "RequestLimitExceeded"


def test_every_account_and_region_has_a_bucket_of_its_own(local: Local, account: str) -> None:
    rate(local, None, burst=1, per_second=0)
    other = local.account()
    for who, region in ((account, "us-east-1"), (account, "eu-west-1"), (other, "us-east-1")):
        ec2 = local.client("ec2", who, region)
        ec2.describe_security_groups()
        assert refused(ec2.describe_security_groups) == "RequestLimitExceeded"
        ec2.describe_vpcs()
    told = {"service": "ec2", "operation": "DescribeSecurityGroups", "burst": 1, "per_second": 0}
    assert local.door("GET", "quotas") == (200, [{**told, "account": None}])
    local.door("DELETE", "quotas")
    local.client("ec2", account).describe_security_groups()


def test_other_services_are_throttled_in_their_words(local: Local, account: str) -> None:
    rate(local, account, service="logs", operation="*", burst=1, per_second=0)
    logs = local.client("logs", account)
    logs.describe_log_groups()
    assert refused(logs.describe_log_groups) == "ThrottlingException"
    assert (
        local.door("POST", "quotas", {"service": "logs", "operation": "*", "burst": 0, "per_second": 1})[0]
        == 400
    )
    assert local.door("POST", "quotas", {"service": "logs"})[0] == 400
