"""The evaluation of policies, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.policy import as_list, decide, lets_service, principal_forms, trusts

BUCKET = "arn:aws:s3:::data"


def allow(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": "Deny", "Action": action, "Resource": resource, **more}}


def allowed(
    *policies: dict[str, Any], action: str = "s3:GetObject", resource: str | None = BUCKET, **keys: Any
) -> bool:
    context = {key.replace("__", ":").lower(): value for key, value in keys.items()}
    return decide(policies, [], action, resource, context).allowed


def test_nothing_is_allowed_without_a_policy() -> None:
    assert not allowed()


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("s3:GetObject", True),
        ("S3:getobject", True),
        ("s3:Get*", True),
        ("*", True),
        ("s3:Get?bject", True),
        ("s3:Get", False),
        (["ec2:*", "s3:*"], True),
        (["ec2:*"], False),
    ],
)
def test_actions_are_patterns_without_case(pattern: Any, hit: bool) -> None:
    assert allowed(allow(pattern)) is hit


def test_not_action_allows_all_else() -> None:
    statement = {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}
    assert allowed({"Statement": statement})
    assert not allowed({"Statement": statement}, action="iam:ListUsers")


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("*", True),
        (BUCKET, True),
        ("arn:aws:s3:::da*", True),
        ("arn:aws:s3:::DATA", False),
        ([BUCKET, "x"], True),
    ],
)
def test_resources_are_patterns_with_case(pattern: Any, hit: bool) -> None:
    assert allowed(allow(resource=pattern)) is hit


def test_not_resource_leaves_its_resource_out() -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "*", "NotResource": BUCKET}]}
    assert not allowed(policy)
    assert allowed(policy, resource="arn:aws:s3:::other")


def test_a_deny_wins_over_every_allow() -> None:
    assert not allowed(allow(), deny())
    assert not allowed(deny(), allow())
    assert allowed(allow(), deny("iam:*"))
    assert allowed(allow(), deny(resource="arn:aws:s3:::other"))


def test_a_resource_that_is_not_known_is_lenient_for_allow_only() -> None:
    decision = decide([allow(resource=BUCKET)], [], "s3:GetObject", None, {})
    assert (decision.allowed, decision.assumed) == (True, True)
    assert allowed(allow(), deny(resource=BUCKET), resource=None)
    assert not allowed(allow(), deny(), resource=None)
    assert decide([allow()], [], "s3:GetObject", None, {}).assumed is False


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("StringLike", "a*", "ab", True),
        ("StringNotLike", "a*", "ab", False),
        ("ArnLike", "arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x", True),
        ("ArnEquals", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x", True),
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x", False),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "true", "false", False),
        ("BoolIfExists", "true", None, True),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", "false", "a", True),
        ("NumericLessThan", "5", "4", True),
        ("ForAnyValue:StringEquals", ["a"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a"], ["a", "b"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
    ],
)
def test_conditions_hold_as_on_aws(operator: str, wanted: Any, value: Any, holds: bool) -> None:
    policy = allow(Condition={operator: {"aws:Key": wanted}})
    keys = {} if value is None else {"aws__key": value}
    assert allowed(policy, **keys) is holds


def test_an_operator_that_is_not_known_never_allows_and_always_denies() -> None:
    condition = {"DateOfSomeDay": {"aws:Key": "x"}}
    assert not allowed(allow(Condition=condition), aws__key="x")
    assert not allowed(allow(), deny(Condition=condition), aws__key="x")


def test_all_conditions_of_a_statement_must_hold() -> None:
    policy = allow(Condition={"StringEquals": {"aws:A": "1", "aws:B": "2"}})
    assert allowed(policy, aws__a="1", aws__b="2")
    assert not allowed(policy, aws__a="1", aws__b="3")


def test_a_deny_whose_condition_is_not_met_does_not_deny() -> None:
    policy = deny(Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})
    assert allowed(allow(), policy, aws__requestedregion="us-east-1")
    assert not allowed(allow(), policy, aws__requestedregion="eu-west-1")


def test_policy_variables_are_filled_in() -> None:
    policy = allow("iam:*", "arn:aws:iam::1:user/${aws:username}")
    mine = "arn:aws:iam::1:user/ann"
    assert allowed(policy, action="iam:CreateAccessKey", resource=mine, aws__username="ann")
    assert not allowed(policy, action="iam:CreateAccessKey", resource=mine, aws__username="bob")


def test_every_limit_must_allow_too() -> None:
    both, one = [allow("s3:*")], [allow("s3:Get*")]
    assert decide([allow("*")], [both, one], "s3:GetObject", BUCKET, {}).allowed
    refused = decide([allow("*")], [both, one], "s3:PutObject", BUCKET, {})
    assert not refused.allowed
    assert refused.reason == "because no session policy or boundary allows the s3:PutObject action"
    assert not decide([allow("*")], [[]], "s3:GetObject", BUCKET, {}).allowed
    assert not decide([], [[allow("*")]], "s3:GetObject", BUCKET, {}).allowed


ROLE = "arn:aws:iam::111122223333:role/redress/caller"
SESSION = "arn:aws:sts::111122223333:assumed-role/caller/run"


@pytest.mark.parametrize(
    ("principal", "hit"),
    [
        ({"AWS": ROLE}, True),
        ({"AWS": SESSION}, True),
        ({"AWS": "111122223333"}, True),
        ({"AWS": ["arn:aws:iam::111122223333:root"]}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": "arn:aws:iam::111122223333:role/other"}, False),
        ({"AWS": "arn:aws:iam::444455556666:root"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_a_trust_policy_names_its_callers(principal: Any, hit: bool) -> None:
    document = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    assert trusts(document, principal_forms(SESSION, ROLE), {}) is hit


def test_a_trust_policys_deny_and_conditions_count() -> None:
    entry = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
    entry["Condition"] = {"StringEquals": {"sts:ExternalId": "secret"}}
    forms = principal_forms(SESSION, ROLE)
    assert trusts({"Statement": entry}, forms, {"sts:externalid": "secret"})
    assert not trusts({"Statement": entry}, forms, {"sts:externalid": "guess"})
    assert not trusts({"Statement": entry}, forms, {})
    no = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}
    assert not trusts({"Statement": [entry, no]}, forms, {"sts:externalid": "secret"})


LOGGING = {"Service": "logging.s3.amazonaws.com"}


@pytest.mark.parametrize(
    ("statements", "lets"),
    [
        ([allow("s3:PutObject", f"{BUCKET}/*", Principal=LOGGING)], True),
        ([allow("s3:Put*", "*", Principal={"Service": ["other", "logging.s3.amazonaws.com"]})], True),
        ([allow("s3:PutObject", f"{BUCKET}/*", Principal="*")], True),
        ([allow("s3:PutObject", f"{BUCKET}/*", Principal={"Service": "cloudtrail.amazonaws.com"})], False),
        ([allow("s3:PutObject", BUCKET, Principal=LOGGING)], False),
        ([allow("s3:GetObject", f"{BUCKET}/*", Principal=LOGGING)], False),
        ([allow("s3:PutObject", "*", Principal=LOGGING), deny(Principal="*")], False),
        (
            [
                allow("s3:PutObject", "*", Principal=LOGGING),
                deny(Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            ],
            True,
        ),
        ([], False),
    ],
)
def test_a_resources_policy_lets_a_service_in(statements: list[dict[str, Any]], lets: bool) -> None:
    listed = [one for document in statements for one in as_list(document["Statement"])]
    context = {"aws:securetransport": "true"}
    key = f"{BUCKET}/log"
    assert lets_service({"Statement": listed}, LOGGING["Service"], "s3:PutObject", key, context) is lets
