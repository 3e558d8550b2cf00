"""Load balancers and distributions that use a certificate of IAM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from roles import certificate, session
from test_identity import refusal


@dataclass
class Stage:
    """An account with a certificate."""

    local: Local
    account: str
    metadata: dict[str, Any]

    def delete(self) -> str:
        """Delete the certificate; the code of the refusal, or nothing."""
        try:
            self.local.client("iam", self.account).delete_server_certificate(ServerCertificateName="c")
        except ClientError as failure:
            return failure.response["Error"]["Code"]
        return ""


@pytest.fixture
def stage(local: Local, account: str, tmp_path: Path) -> Stage:
    body, key = certificate(tmp_path, 30)
    made = local.client("iam", account).upload_server_certificate(
        ServerCertificateName="c", CertificateBody=body, PrivateKey=key
    )
    return Stage(local, account, made["ServerCertificateMetadata"])


def _subnets(local: Local, account: str) -> list[str]:
    ec2 = local.client("ec2", account)
    found = ec2.describe_subnets()["Subnets"]
    return [found[0]["SubnetId"], found[1]["SubnetId"]]


def _classic(stage: Stage) -> Callable[[], Any]:
    elb = stage.local.client("elb", stage.account)
    listener = {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstancePort": 80}
    elb.create_load_balancer(
        LoadBalancerName="classic",
        Listeners=[{**listener, "SSLCertificateId": stage.metadata["Arn"]}],
        AvailabilityZones=["us-east-1a"],
    )
    [told] = elb.describe_load_balancers()["LoadBalancerDescriptions"]
    assert told["ListenerDescriptions"][0]["Listener"]["SSLCertificateId"] == stage.metadata["Arn"]
    return lambda: elb.delete_load_balancer(LoadBalancerName="classic")


def _application(stage: Stage) -> Callable[[], Any]:
    elb = stage.local.client("elbv2", stage.account)
    subnets = _subnets(stage.local, stage.account)
    [balancer] = elb.create_load_balancer(Name="app", Subnets=subnets)["LoadBalancers"]
    page = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    [listener] = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": stage.metadata["Arn"]}],
        DefaultActions=[page],
    )["Listeners"]
    assert elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerName"] == "app"
    [told] = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert told["Certificates"] == [{"CertificateArn": stage.metadata["Arn"]}]
    listed = elb.describe_listener_certificates(ListenerArn=listener["ListenerArn"])["Certificates"]
    assert [(c["CertificateArn"], c["IsDefault"]) for c in listed] == [(stage.metadata["Arn"], True)]
    return lambda: elb.delete_listener(ListenerArn=listener["ListenerArn"])


def _distribution(stage: Stage) -> Callable[[], Any]:
    cloudfront = stage.local.client("cloudfront", stage.account)
    known_as = stage.metadata["ServerCertificateId"]
    origin = {"Id": "o", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "MinTTL": 0}
    made = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": "r",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                **behaviour,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
            "ViewerCertificate": {
                "IAMCertificateId": known_as,
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": "TLSv1.2_2021",
            },
        }
    )
    [listed] = cloudfront.list_distributions()["DistributionList"]["Items"]
    told = listed["ViewerCertificate"]
    assert (told["IAMCertificateId"], told["SSLSupportMethod"]) == (known_as, "sni-only")
    assert (told.get("ACMCertificateArn"), told.get("CloudFrontDefaultCertificate")) == (None, False)
    return lambda: _delete_distribution(cloudfront, made["Distribution"]["Id"])


def _delete_distribution(cloudfront: Any, name: str) -> None:
    got = cloudfront.get_distribution_config(Id=name)
    changed = cloudfront.update_distribution(
        Id=name, IfMatch=got["ETag"], DistributionConfig={**got["DistributionConfig"], "Enabled": False}
    )
    cloudfront.delete_distribution(Id=name, IfMatch=changed["ETag"])


@pytest.mark.parametrize("use", [_classic, _application, _distribution])
def test_a_certificate_in_use_is_not_deleted(stage: Stage, use: Callable[[Stage], Callable[[], Any]]) -> None:
    release = use(stage)
    assert stage.delete() == "DeleteConflict"
    release()
    assert stage.delete() == ""


def test_load_balancers_and_distributions_come_in_pages(local: Local, account: str) -> None:
    classic, application = local.client("elb", account), local.client("elbv2", account)
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    for number in range(3):
        classic.create_load_balancer(
            LoadBalancerName=f"c{number}", Listeners=[listener], AvailabilityZones=["us-east-1a"]
        )
        application.create_load_balancer(Name=f"a{number}", Subnets=_subnets(local, account))
    pages = classic.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["LoadBalancerDescriptions"]) for page in pages] == [2, 1]
    pages = application.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["LoadBalancers"]) for page in pages] == [2, 1]


def test_listeners_and_their_certificates_come_in_pages(stage: Stage) -> None:
    elb = stage.local.client("elbv2", stage.account)
    _application(stage)
    [balancer] = elb.describe_load_balancers()["LoadBalancers"]
    [listener] = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    more = [{"CertificateArn": f"{stage.metadata['Arn']}-{number}"} for number in range(2)]
    elb.add_listener_certificates(ListenerArn=listener["ListenerArn"], Certificates=more)
    asks = {"ListenerArn": listener["ListenerArn"]}
    first = elb.describe_listener_certificates(**asks, PageSize=2)
    rest = elb.describe_listener_certificates(**asks, PageSize=2, Marker=first["NextMarker"])
    assert [len(page["Certificates"]) for page in (first, rest)] == [2, 1]
    assert "NextMarker" not in rest
    for port in (80, 81):
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=port,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
        )
    pages = elb.get_paginator("describe_listeners").paginate(
        LoadBalancerArn=balancer["LoadBalancerArn"], PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Listeners"]) for page in pages] == [2, 1]


def test_describing_them_is_allowed_for_all_alike(local: Local, account: str) -> None:
    actions = ["elasticloadbalancing:DescribeLoadBalancers", "cloudfront:ListDistributions"]
    mine = session(local, account, {"Action": actions, "Resource": "*"})
    assert local.client("elb", mine).describe_load_balancers()["LoadBalancerDescriptions"] == []
    assert local.client("elbv2", mine).describe_load_balancers()["LoadBalancers"] == []
    assert local.client("cloudfront", mine).list_distributions()["DistributionList"]["Quantity"] == 0
    with pytest.raises(ClientError) as caught:
        local.client("elbv2", mine).describe_listeners()
    assert refusal(caught)[0] == "AccessDenied"
    local.door("DELETE", "calls")
    local.client("elbv2", mine).describe_load_balancers()
    [call] = [c for c in local.door("GET", "calls")[1] if c["account"] == account]
    assert (call["action"], call["resource"], call["assumed"]) == (actions[0], "*", False)
