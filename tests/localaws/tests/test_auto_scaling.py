"""Auto Scaling groups: who is in one, leaves it and comes back, and what that takes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import session

GROUP = "arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/web"


@pytest.fixture
def scaling(local: Local, account: str) -> Any:
    ec2, scaling = local.client("ec2", account), local.client("autoscaling", account)
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-12345678"})
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    template = {"LaunchTemplateName": "web", "Version": "1"}
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate=template, MinSize=1, MaxSize=1, VPCZoneIdentifier=subnet
    )
    return scaling


def _members(scaling: Any) -> list[str]:
    members = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
    return [member["InstanceId"] for member in members]


def test_another_comes_in_its_place_and_a_full_group_takes_none_back(scaling: Any) -> None:
    (first,) = _members(scaling)
    of_group = {"AutoScalingGroupName": "web", "InstanceIds": [first]}
    scaling.detach_instances(**of_group, ShouldDecrementDesiredCapacity=False)
    (second,) = _members(scaling)
    assert second != first
    with pytest.raises(ClientError) as refused:
        scaling.attach_instances(**of_group)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=2)
    scaling.attach_instances(**of_group)
    assert set(_members(scaling)) == {first, second}


def test_who_takes_one_out_must_be_allowed_to_for_that_group(
    local: Local, account: str, scaling: Any
) -> None:
    (first,) = _members(scaling)
    may = {"Action": "autoscaling:DetachInstances", "Resource": GROUP}
    other = {"Action": "autoscaling:DetachInstances", "Resource": GROUP.replace("web", "batch")}
    of_group = {
        "AutoScalingGroupName": "web",
        "InstanceIds": [first],
        "ShouldDecrementDesiredCapacity": False,
    }
    with pytest.raises(ClientError, match="not authorized"):
        local.client("autoscaling", session(local, account, other, name="other")).detach_instances(**of_group)
    local.client("autoscaling", session(local, account, may)).detach_instances(**of_group)
    assert first not in _members(scaling)
