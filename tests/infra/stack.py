"""A template as CloudFormation sees it: transformed, with every intrinsic function answered.

Physical names are the logical ids, so that a check reads `...:FindingsQueue` where an account would have
a generated name. SSM parameters go by their own names, since that is how they are read, and state machines, since their
roles are built from them. Conditional resources are kept, and conditions taken to hold.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
SUITE = INFRA / "template.yaml"
MEMBER_ROLE = INFRA / "member-role.yaml"
MEMBER_REGION = INFRA / "member-region.yaml"
MANAGEMENT_ROLE = INFRA / "management-role.yaml"
ORGANIZATION = INFRA / "organization.yaml"
SERVICE_CATALOG = INFRA / "service-catalog.yaml"
LAUNCH_ROLE = INFRA / "launch-role.yaml"
CONFORMANCE_PACK = INFRA / "conformance-pack.yaml"

REGION = "us-east-1"
ACCOUNT = "111122223333"

Template = dict[str, Any]

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    # Not the name of the suite: what is written out instead of `${AWS::StackName}` shall show.
    "AWS::StackName": "example-stack",
    "AWS::URLSuffix": "amazonaws.com",
}
# For the parameters without a default, and those whose default leaves something out.
PARAMETERS = {
    "AdminAccountId": "444455556666",
    "ChangesBusArn": f"arn:aws:events:{REGION}:444455556666:event-bus/example-changes",
    "ExternalId": "example-external-id",
    "OnboarderRoleArn": f"arn:aws:iam::{ACCOUNT}:role/OnboarderRole",
    "OrganizationId": "o-a1b2c3d4e5",
    "PreviousTemplatesUrl": "https://example-templates.s3.us-east-1.amazonaws.com/redress/0",
    "PreviousVersion": "v0",
    "RemediationRoleArns": ",".join(
        f"arn:aws:iam::{ACCOUNT}:role/{n}Role" for n in ("Remediator", "Onboarder", "Baseline")
    ),
    "ReadingRoleArns": ",".join(f"arn:aws:iam::{ACCOUNT}:role/{n}Role" for n in ("Scanner", "Reporter")),
    "Regions": f"{REGION},eu-west-1",
    "ScannerRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ScannerRole",
    "TargetIds": "r-a1b2",
    "TemplatesUrl": "https://example-templates.s3.us-east-1.amazonaws.com/redress/1",
    "Users": "role/Owner",
    "Version": "v1",
    "WebhookParameter": "/example/webhook",
}
ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{region}:{account}:schedule-group/{name}",
    "AWS::SecurityHub::ActionTarget": "securityhub:{region}:{account}:action/custom/{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
# Those whose ARN has another name than the logical id, and where it stands.
OWN_NAMES = {
    "AWS::SecurityHub::ActionTarget": "Id",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
# What a property is that is left out.
NO_VALUE = object()
# The types whose `Ref` is their ARN.
REFERRED_BY_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SecurityHub::ActionTarget",
    "AWS::StepFunctions::StateMachine",
}


def read(path: Path) -> Template:
    """A copy, to be changed at will: to parse it takes longer than all that is done with it."""
    return copy.deepcopy(_parsed(path))


@cache
def _parsed(path: Path) -> Template:
    return yaml_parse(path.read_text())


def transformed(template: Template) -> Template:
    """What the SAM transform makes of the template; itself if it is plain CloudFormation."""
    if "Transform" not in template:
        return copy.deepcopy(template)
    packaged = copy.deepcopy(template)
    # `sam package` replaces the path by the uploaded archive.
    packaged["Globals"]["Function"]["CodeUri"] = "s3://artifacts/function.zip"
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(packaged, {})


@dataclass(frozen=True)
class Stack:
    """The resources of a template, resolved."""

    resources: dict[str, Template]
    parameters: dict[str, Template]

    @classmethod
    def of(cls, template: Template) -> "Stack":
        resolved = _Resolver(transformed(template))
        return cls(resolved.resources(), resolved.template.get("Parameters", {}))

    def of_type(self, type_: str) -> Iterator[tuple[str, Template]]:
        """The logical ids and properties of the resources of one type."""
        for name, resource in self.resources.items():
            if resource["Type"] == type_:
                yield name, resource.get("Properties", {})

    def named_by(self, arn: str, type_: str) -> str | None:
        """The logical id of the resource of this type that has the ARN."""
        return next((n for n, p in self.of_type(type_) if arn == arn_of(type_, p.get(OWN_NAMES.get(type_), n))), None)


def arn_of(type_: str, name: str) -> str:
    return "arn:aws:" + ARNS[type_].format(region=REGION, account=ACCOUNT, name=name)


class _Resolver:
    def __init__(self, template: Template) -> None:
        self.template = template

    def resources(self) -> dict[str, Template]:
        return {k: self.resolve(v) for k, v in self.template["Resources"].items()}

    def resolve(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)} if len(value) == 1:
                return self.ref(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self.attribute(name, attribute)
            case {"Fn::GetAtt": str(path)}:
                return self.attribute(*path.split(".", 1))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}!]+)\}", lambda m: str(self.named(m[1])), text)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(self.resolve(p)) for p in parts)
            case {"Fn::If": [str(), then, _]}:
                return self.resolve(then)
            case dict() if any(k.startswith("Fn::") for k in value):
                raise NotImplementedError(f"no answer for {value}")
            case dict():
                resolved = {k: self.resolve(v) for k, v in value.items()}
                return {k: v for k, v in resolved.items() if v is not NO_VALUE}
            case list():
                return [self.resolve(v) for v in value]
            case _:
                return value

    def named(self, name: str) -> Any:
        return self.attribute(*name.split(".", 1)) if "." in name else self.ref(name)

    def ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if (parameter := self.template.get("Parameters", {}).get(name)) is not None:
            given = PARAMETERS[name] if name in PARAMETERS else parameter["Default"]
            return given.split(",") if parameter.get("Type") == "CommaDelimitedList" else given
        type_ = self.template["Resources"][name]["Type"]
        if type_ == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        if type_ == "AWS::SSM::Parameter":
            return self.resolve(self.template["Resources"][name]["Properties"]["Name"])
        return self.attribute(name, "Arn") if type_ in REFERRED_BY_ARN else name

    def attribute(self, name: str, attribute: str) -> str:
        resource = self.template["Resources"][name]
        type_ = resource["Type"]
        if type_ in OWN_NAMES:
            return arn_of(type_, self.resolve(resource["Properties"].get(OWN_NAMES[type_], name)))
        if attribute == "Arn":
            return arn_of(type_, name)
        if attribute.endswith("Name"):
            return name
        raise NotImplementedError(f"no answer for {name}.{attribute}")
