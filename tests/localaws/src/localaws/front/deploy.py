"""Deploys the templates: the stack in the admin account, the member role in every member account."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from samtranslator.yaml_helper import yaml_parse

from localaws.front.moto_client import Moto
from localaws.front.template import ARTEFACTS, package
from localaws.world import MEMBER_ROLE, ROOT, World

logger = logging.getLogger("localaws")

STACK = "redress"
MEMBER_REGION = f"{STACK}-member-region"
ORGANIZATION_STACK = f"{STACK}-organization"
TEMPLATE = "template.json"
TEMPLATES_URL = "https://templates.s3.amazonaws.com/redress"
"""Where templates beside the organization's seem to be."""


class DeploymentFailed(Exception):
    """CloudFormation refused; the message names the resource and the reason."""


@dataclass(frozen=True)
class Order:
    """What is deployed."""

    template: Path
    member_role: Path | None
    binaries: Mapping[str, Path]
    given: Mapping[str, str] = field(default_factory=dict)
    visibility_seconds: int | None = None
    member_region: Path | None = None
    regions: tuple[str, ...] = ()
    organization: Path | None = None


def client(world: World, service: str, account: str, region: str | None = None) -> Any:
    """A client with an account's root credentials."""
    return boto3.client(
        service,
        endpoint_url=world.endpoint,
        region_name=region or world.region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )


def _parameters(template: Mapping[str, Any], values: Mapping[str, str]) -> list[dict[str, str]]:
    """Those of `values` which the template asks for."""
    wanted = template.get("Parameters", {})
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items() if k in wanted]


def _asked(path: Path | None) -> set[str]:
    """The parameters that a template of members asks for."""
    return set(yaml_parse(path.read_text()).get("Parameters") or {}) if path else set()


def _refuse_unknown_parameters(template: Mapping[str, Any], order: Order) -> None:
    unknown = set(order.given) - set(template.get("Parameters", {}))
    unknown -= _asked(order.member_role) | _asked(order.member_region) | _asked(order.organization)
    if unknown:
        raise ValueError(f"the templates have no parameter {', '.join(sorted(unknown))}")


def deploy(world: World, order: Order) -> dict[str, str]:
    """Create the admin's stack; returns its outputs."""
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    packed = package(order.template, order.binaries, _RESOURCE_HANDLERS.keys(), order.visibility_seconds)
    if packed.left_out:
        logger.warning("left out, since MiniStack does not know their types: %s", ", ".join(packed.left_out))
    _refuse_unknown_parameters(packed.template, order)
    s3 = client(world, "s3", world.admin)
    s3.create_bucket(Bucket=ARTEFACTS)
    # By its URL, as `sam deploy` does: a template in the request may have 51200 bytes at most.
    objects = {**packed.objects, TEMPLATE: json.dumps(packed.template).encode()}
    for key, body in objects.items():
        s3.put_object(Bucket=ARTEFACTS, Key=key, Body=body)
    values = {
        "OrganizationId": world.organization,
        "ExternalId": world.external_id,
        "MemberRoleName": MEMBER_ROLE,
        "Architecture": "x86_64",
        **order.given,
    }
    cloudformation = client(world, "cloudformation", world.admin)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{world.endpoint}/{ARTEFACTS}/{TEMPLATE}",
        Parameters=_parameters(packed.template, values),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    return _outputs(cloudformation, STACK)


def _outputs(cloudformation: Any, name: str) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            causes = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
                for event in reversed(events)
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise DeploymentFailed(f"{name} is {stack['StackStatus']}: " + "; ".join(causes))
        time.sleep(0.05)


def _member_stack(path: Path, name: str, region: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A template with those of the parameters which it asks for."""
    asked = _asked(path)
    parameters = {key: value for key, value in values.items() if key in asked}
    return {"name": name, "template": path.read_text(), "parameters": parameters, "region": region}


def _values(world: World, order: Order, outputs: Mapping[str, str]) -> dict[str, str]:
    """What is given to parameters outside of the admin's account."""
    return {
        "OrganizationId": world.organization,
        "TargetIds": ROOT,
        "Regions": ",".join(order.regions or (world.region,)),
        "TemplatesUrl": TEMPLATES_URL,
        "ExternalId": world.external_id,
        "MemberRoleName": MEMBER_ROLE,
        "AdminAccountId": world.admin,
        "RemediatorRoleArn": "",
        **outputs,
        **order.given,
    }


def deploy_organization(moto: Moto, world: World, order: Order, outputs: Mapping[str, str]) -> None:
    """The management account's stack; templates that it names lie beside it."""
    if order.organization is None:
        return
    beside = [
        path for path in order.organization.parent.iterdir() if path.suffix in (".yaml", ".yml", ".json")
    ]
    status, answer = moto.door("templates", {"templates": {path.name: path.read_text() for path in beside}})
    if status != 200:
        raise DeploymentFailed(f"templates beside {order.organization}: {answer}")
    text = order.organization.read_text()
    cloudformation = client(world, "cloudformation", world.management, "us-east-1")
    cloudformation.create_stack(
        StackName=ORGANIZATION_STACK,
        TemplateBody=text,
        Parameters=_parameters(yaml_parse(text), _values(world, order, outputs)),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _outputs(cloudformation, ORGANIZATION_STACK)


def member_stacks(world: World, order: Order, outputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """The stacks of every member: its role, and what it has in each region."""
    values = _values(world, order, outputs)
    stacks = []
    if order.member_role is not None:
        stacks.append(_member_stack(order.member_role, f"{STACK}-member", world.region, values))
    if order.member_region is not None:
        for region in order.regions or (world.region,):
            stacks.append(_member_stack(order.member_region, MEMBER_REGION, region, values))
    return stacks


def deploy_own_regions(world: World, stacks: Iterable[Mapping[str, Any]]) -> None:
    """What every member has in each region, in the admin's account."""
    for stack in stacks:
        if stack["name"] != MEMBER_REGION:
            continue
        cloudformation = client(world, "cloudformation", world.admin, stack["region"])
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in stack["parameters"].items()]
        # MiniStack makes names from the stack's; a role must have another in each region.
        name = f"{MEMBER_REGION}-{stack['region']}"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=stack["template"],
            Parameters=parameters,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        _outputs(cloudformation, name)


def register_action_targets(moto: Moto, world: World) -> None:
    """Let MiniStack's CloudFormation create Security Hub custom actions; they live in moto."""
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        arn = f"arn:aws:securityhub:{world.region}:{world.admin}:action/custom/{properties['Id']}"
        order = {"account": world.admin, "region": world.region, "arn": arn, "properties": properties}
        status, answer = moto.door("action-target", order)
        if status != 200:
            raise ValueError(f"AWS::SecurityHub::ActionTarget {logical_id}: {answer}")
        return arn, {"ActionTargetArn": arn}

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        moto.door("action-target", {"account": world.admin, "region": world.region, "arn": physical_id})

    _RESOURCE_HANDLERS["AWS::SecurityHub::ActionTarget"] = {"create": create, "delete": delete}
