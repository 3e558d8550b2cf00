"""Config's conformance packs in a member account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Local
from recording import bucket_of, record, recorder_of
from roles import document, session
from test_identity import refusal

RULE = """
  Root:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: root
      Source: { Owner: AWS, SourceIdentifier: ROOT_ACCOUNT_MFA_ENABLED }
"""
TEMPLATE = f"""
Parameters:
  Age: {{ Type: String, Default: "90" }}
Resources:{RULE}
  Keys:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: keys
      InputParameters: {{ maxAccessKeyAge: !Ref Age }}
      Source: {{ Owner: AWS, SourceIdentifier: ACCESS_KEYS_ROTATED }}
"""
NAMED = {"ConformancePackName": "redress"}
PACK = {**NAMED, "TemplateBody": TEMPLATE}


def _refused(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return refusal(caught)


@pytest.fixture
def recorded(local: Local, account: str) -> str:
    """An account that records."""
    record(local, account)
    return account


def _status(config: Any) -> dict[str, Any]:
    (told,) = config.describe_conformance_pack_status(ConformancePackNames=["redress"])[
        "ConformancePackStatusDetails"
    ]
    return told


def test_a_pack_is_put_told_changed_and_deleted(local: Local, recorded: str) -> None:
    config = local.client("config", recorded)
    assert config.describe_conformance_packs()["ConformancePackDetails"] == []
    assert config.describe_conformance_pack_status()["ConformancePackStatusDetails"] == []
    arn = config.put_conformance_pack(**PACK)["ConformancePackArn"]
    assert arn.startswith(f"arn:aws:config:us-east-1:{recorded}:conformance-pack/redress/conformance-pack-")
    (told,) = config.describe_conformance_packs()["ConformancePackDetails"]
    assert (told["ConformancePackName"], told["ConformancePackArn"]) == ("redress", arn)
    assert told["ConformancePackInputParameters"] == []
    assert _status(config)["ConformancePackState"] == "CREATE_COMPLETE"
    given = [{"ParameterName": "Age", "ParameterValue": "45"}]
    assert (
        config.put_conformance_pack(**PACK, ConformancePackInputParameters=given)["ConformancePackArn"] == arn
    )
    (told,) = config.describe_conformance_packs(ConformancePackNames=["redress"])["ConformancePackDetails"]
    assert told["ConformancePackInputParameters"] == given
    assert (
        local.client("config", recorded, "eu-west-1").describe_conformance_packs()["ConformancePackDetails"]
        == []
    )
    config.delete_conformance_pack(**NAMED)
    assert _refused(config.delete_conformance_pack, **NAMED)[0] == "NoSuchConformancePackException"
    for call in (config.describe_conformance_packs, config.describe_conformance_pack_status):
        assert _refused(call, ConformancePackNames=["redress"])[0] == "NoSuchConformancePackException"


def test_packs_come_in_pages(local: Local, recorded: str) -> None:
    config = local.client("config", recorded)
    names = [f"pack-{letter}" for letter in "abc"]
    for name in names:
        config.put_conformance_pack(ConformancePackName=name, TemplateBody=TEMPLATE)
    pages = config.get_paginator("describe_conformance_packs").paginate(PaginationConfig={"PageSize": 2})
    found = [[p["ConformancePackName"] for p in page["ConformancePackDetails"]] for page in pages]
    assert found == [names[:2], names[2:]]


def test_a_pack_needs_a_recorder_that_records(local: Local, account: str) -> None:
    config = local.client("config", account)
    refused = "NoAvailableConfigurationRecorderException"
    assert _refused(config.put_conformance_pack, **PACK)[0] == refused
    config.put_configuration_recorder(ConfigurationRecorder=recorder_of(local, account))
    assert _refused(config.put_conformance_pack, **PACK)[0] == refused
    channel = {"name": "default", "s3BucketName": bucket_of(local, account)}
    config.put_delivery_channel(DeliveryChannel=channel)
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    config.put_conformance_pack(**PACK)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Resources: [", "not valid YAML"),
        ("Rules: {}", "Resources"),
        ("Resources: {}", "0 rules"),
        ("Resources: { B: { Type: AWS::S3::Bucket } }", "AWS::S3::Bucket is not supported"),
        ("Resources: { R: { Type: AWS::Config::ConfigRule } }", "Owner"),
        (f"Parameters: {{ Age: {{ Type: String }} }}\nResources:{RULE}", "[Age] must have values"),
    ],
)
def test_a_template_that_is_no_pack_is_refused(local: Local, recorded: str, template: str, told: str) -> None:
    config = local.client("config", recorded)
    code, message = _refused(config.put_conformance_pack, **NAMED, TemplateBody=template)
    assert code == "ConformancePackTemplateValidationException"
    assert told in message
    assert config.describe_conformance_packs()["ConformancePackDetails"] == []


def test_other_mistakes_are_refused_too(local: Local, recorded: str) -> None:
    config = local.client("config", recorded)
    put = config.put_conformance_pack
    unknown = [{"ParameterName": "Unknown", "ParameterValue": "1"}]
    for given, code in (
        ({**PACK, "ConformancePackName": "1"}, "ValidationException"),
        ({**PACK, "TemplateBody": TEMPLATE + "#" * 51_200}, "ValidationException"),
        (NAMED, "InvalidParameterValueException"),
        ({**PACK, "TemplateS3Uri": "s3://a/b"}, "InvalidParameterValueException"),
        ({**PACK, "ConformancePackInputParameters": unknown}, "ConformancePackTemplateValidationException"),
    ):
        assert _refused(put, **given)[0] == code
    assert _refused(config.describe_conformance_packs, NextToken="x")[0] == "InvalidNextTokenException"


@pytest.mark.parametrize(
    ("identifier", "why"), [("NO_SUCH_RULE", "sourceIdentifier NO_SUCH_RULE"), ("REQUIRED_TAGS", "required")]
)
def test_a_rule_that_cannot_be_made_fails_the_pack(
    local: Local, recorded: str, identifier: str, why: str
) -> None:
    config = local.client("config", recorded)
    broken = TEMPLATE.replace("ROOT_ACCOUNT_MFA_ENABLED", identifier)
    config.put_conformance_pack(**NAMED, TemplateBody=broken)
    told = _status(config)
    assert told["ConformancePackState"] == "CREATE_FAILED"
    assert why in told["ConformancePackStatusReason"]
    config.put_conformance_pack(**PACK)
    assert _status(config)["ConformancePackState"] == "CREATE_COMPLETE"


def test_a_pack_takes_its_time_and_fails_when_told(local: Local, recorded: str) -> None:
    config = local.client("config", recorded)
    order = {"account": recorded, "kind": "conformance-pack", "steps": 1}
    assert local.door("POST", "transitions", order)[0] == 200
    failing = {"account": recorded, "region": "us-east-1", "reason": "out of order"}
    assert local.door("POST", "conformance-packs", failing)[0] == 200
    config.put_conformance_pack(**PACK)
    for call in (config.put_conformance_pack, config.delete_conformance_pack):
        assert _refused(call, **(PACK if call == config.put_conformance_pack else NAMED))[0] == (
            "ResourceInUseException"
        )
    assert _status(config)["ConformancePackState"] == "CREATE_IN_PROGRESS"
    told = _status(config)
    assert (told["ConformancePackState"], told["ConformancePackStatusReason"]) == (
        "CREATE_FAILED",
        "out of order",
    )
    assert local.door("POST", "conformance-packs", {**failing, "reason": None})[0] == 200
    config.delete_conformance_pack(**NAMED)
    assert _status(config)["ConformancePackState"] == "DELETE_IN_PROGRESS"
    assert config.describe_conformance_packs()["ConformancePackDetails"] == []


def test_a_template_may_lie_in_a_bucket_of_the_region(local: Local, recorded: str) -> None:
    own = bucket_of(local, recorded)
    local.client("s3", recorded).put_object(Bucket=own, Key="pack.yaml", Body=TEMPLATE.encode())
    config = local.client("config", recorded)
    uri = f"s3://{own}/pack.yaml"
    config.put_conformance_pack(**NAMED, TemplateS3Uri=uri)
    code, _ = _refused(config.put_conformance_pack, **NAMED, TemplateS3Uri=f"s3://{own}/missing")
    assert code == "InsufficientPermissionsException"
    record(local, recorded, "eu-west-1")
    elsewhere = local.client("config", recorded, "eu-west-1")
    assert _refused(elsewhere.put_conformance_pack, **NAMED, TemplateS3Uri=uri)[0] == (
        "InvalidParameterValueException"
    )


def test_a_template_may_lie_in_the_administrators_bucket(local: Local, recorded: str) -> None:
    s3, name = local.client("s3", local.admin), f"packs-{recorded}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="pack.yaml", Body=TEMPLATE.encode())
    config, asked = local.client("config", recorded), {**NAMED, "TemplateS3Uri": f"s3://{name}/pack.yaml"}
    assert _refused(config.put_conformance_pack, **asked)[0] == "InsufficientPermissionsException"
    lets_in = {
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": local.report["organization"]}},
    }
    s3.put_bucket_policy(Bucket=name, Policy=document(lets_in))
    config.put_conformance_pack(**asked)
    assert _status(config)["ConformancePackState"] == "CREATE_COMPLETE"


def test_who_puts_the_first_pack_may_make_the_role_and_read_the_template(local: Local, recorded: str) -> None:
    own = bucket_of(local, recorded)
    local.client("s3", recorded).put_object(Bucket=own, Key="pack.yaml", Body=TEMPLATE.encode())
    packs = f"arn:aws:config:*:{recorded}:conformance-pack/redress/*"
    puts: list[dict[str, Any]] = [
        {"Action": ["config:PutConformancePack", "config:DeleteConformancePack"], "Resource": packs},
        {"Action": "config:DescribeConformancePack*", "Resource": "*"},
    ]
    without = local.client("config", session(local, recorded, *puts, name="without"))
    assert _refused(without.put_conformance_pack, **PACK)[0] == "InsufficientPermissionsException"
    principal = "config-conforms.amazonaws.com"
    puts.append(
        {
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": f"arn:aws:iam::{recorded}:role/aws-service-role/{principal}/*",
            "Condition": {"StringEquals": {"iam:AWSServiceName": principal}},
        }
    )
    config = local.client("config", session(local, recorded, *puts, name="with"))
    config.put_conformance_pack(**PACK)
    role = local.client("iam", recorded).get_role(RoleName="AWSServiceRoleForConfigConforms")["Role"]
    assert role["Path"] == f"/aws-service-role/{principal}/"
    code, message = _refused(config.put_conformance_pack, **NAMED, TemplateS3Uri=f"s3://{own}/pack.yaml")
    assert code == "AccessDeniedException"
    assert f"s3:GetObject on resource: arn:aws:s3:::{own}/pack.yaml" in message
    another = {**PACK, "ConformancePackName": "another"}
    assert _refused(config.put_conformance_pack, **another)[0] == "AccessDeniedException"
    config.delete_conformance_pack(**NAMED)


def test_packs_are_in_the_inventory(local: Local, recorded: str) -> None:
    def told() -> dict[str, Any]:
        return local.door("POST", "inventory", {"account": recorded})[1]

    def put(body: str) -> dict[str, Any]:
        config.put_conformance_pack(**NAMED, TemplateBody=body)
        return told()["config/us-east-1/conformance_packs/redress"]

    config = local.client("config", recorded)
    first = put(TEMPLATE)
    assert (first["state"], first["reason"]) == ("CREATE_COMPLETE", None)
    assert put(TEMPLATE.replace("90", "30")) != first
    config.delete_conformance_pack(**NAMED)
    assert "conformance_packs" not in json.dumps(told())
    assert put(TEMPLATE) == first
