"""The IAM policies of a stack, of whatever resource."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import parliament

from stack import Stack, Template

Kind = Literal["identity", "trust", "queue", "topic", "bucket", "key", "bus"]

RESOURCE_POLICIES: dict[str, tuple[Kind, str]] = {
    "AWS::SQS::QueuePolicy": ("queue", "PolicyDocument"),
    "AWS::SNS::TopicPolicy": ("topic", "PolicyDocument"),
    "AWS::S3::BucketPolicy": ("bucket", "PolicyDocument"),
    "AWS::KMS::Key": ("key", "KeyPolicy"),
    "AWS::IAM::ManagedPolicy": ("identity", "PolicyDocument"),
    "AWS::IAM::Policy": ("identity", "PolicyDocument"),
}


@dataclass(frozen=True)
class Statement:
    owner: str
    kind: Kind
    body: Template

    @property
    def name(self) -> str:
        return f"{self.owner}.{self.body.get('Sid', 'unnamed')}"

    @property
    def allows(self) -> bool:
        return self.body["Effect"] == "Allow"

    @property
    def actions(self) -> list[str]:
        return as_list(self.body.get("Action", []))

    @property
    def resources(self) -> list[str]:
        return as_list(self.body.get("Resource", []))

    def conditions(self, key: str) -> list[str]:
        """The values that a condition key is compared with for equality, or by pattern."""
        return [
            value
            for operator, keys in self.body.get("Condition", {}).items()
            if operator in ("StringEquals", "ArnEquals", "ArnLike", "StringLike", "Bool")
            for value in as_list(keys.get(key, []))
        ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def documents(stack: Stack) -> Iterator[tuple[str, Kind, Template]]:
    for name, role in stack.of_type("AWS::IAM::Role"):
        yield name, "trust", role["AssumeRolePolicyDocument"]
        for policy in role.get("Policies", []):
            yield name, "identity", policy["PolicyDocument"]
    for type_, (kind, key) in RESOURCE_POLICIES.items():
        for name, properties in stack.of_type(type_):
            yield name, kind, properties[key]
    for name, properties in stack.of_type("AWS::Events::EventBusPolicy"):
        yield name, "bus", {"Statement": [{"Sid": properties["StatementId"], **properties["Statement"]}]}


def statements(stack: Stack, *kinds: Kind) -> Iterator[Statement]:
    """The statements of the given kinds of policies, or of all."""
    for owner, kind, document in documents(stack):
        if not kinds or kind in kinds:
            for body in as_list(document["Statement"]):
                yield Statement(owner, kind, body)


def granted_to(stack: Stack, role: str | None) -> Iterator[Statement]:
    """What the role is allowed or denied, by its own policies and by those that are put on it."""
    attached = {
        name
        for type_ in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
        for name, policy in stack.of_type(type_)
        if role in policy.get("Roles", [])
    }
    for statement in statements(stack, "identity"):
        if statement.owner == role or statement.owner in attached:
            yield statement


def complaints(document: Template) -> list[str]:
    """What parliament says of an identity policy: unknown actions, resources and conditions that do not fit, ..."""
    findings = parliament.analyze_policy_string(json.dumps(document)).findings
    return [f"{f.issue}: {f.detail} {f.location}" for f in findings]
