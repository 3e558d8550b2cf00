"""The templates keep the house rules, and the tools that know CloudFormation and IAM have nothing to say."""

import json
import re
from pathlib import Path

import pytest
from cfnlint.api import lint

import policies
from rules import MEMBER_ROLE_RULES, SUITE_RULES, Rule
from stack import MEMBER_ROLE, ROOT, SUITE, Stack, read, transformed

# What parliament says of the member role, and why it stays.
ACCEPTED = {
    "RESOURCE_MISMATCH": "an action on several kinds of resources has a statement for each, by the settings' own declarations",
    "INVALID_ARN": "policies of AWS have no account",
    "RESOURCE_STAR": "which bucket or group will have a finding is not known beforehand; each session has a policy of its own",
    "RESOURCE_POLICY_PRIVILEGE_ESCALATION": "S3.5 is set right by a bucket policy, and only settings may write one",
}

TEMPLATES = pytest.mark.parametrize("path", [SUITE, MEMBER_ROLE], ids=lambda p: p.stem)


def existing(path: Path) -> Path:
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing: `make generate` writes it")
    return path


def lines(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def lint_problems(text: str) -> list[str]:
    return [f"{m.rule.id} {m.message} (line {m.linenumber})" for m in lint(text)]


@TEMPLATES
def test_the_linter_has_nothing_to_say(path: Path) -> None:
    problems = lint_problems(existing(path).read_text())
    assert not problems, lines(problems)


def test_the_linter_has_nothing_to_say_of_what_sam_makes_of_it() -> None:
    problems = lint_problems(json.dumps(transformed(read(SUITE)), indent=1))
    assert not problems, lines(problems)


@TEMPLATES
def test_policies_name_actions_resources_and_conditions_that_exist(path: Path) -> None:
    stack = Stack.of(read(existing(path)))
    problems = [
        f"{owner}: {complaint}"
        for owner, kind, document in policies.documents(stack)
        if kind == "identity"
        for complaint in policies.complaints(document)
        if path == SUITE or complaint.partition(":")[0] not in ACCEPTED
    ]
    assert not problems, lines(problems)


@pytest.mark.parametrize("rule", SUITE_RULES, ids=lambda rule: rule.__name__)
def test_the_suite(rule: Rule) -> None:
    problems = list(rule(Stack.of(read(SUITE))))
    assert not problems, lines(problems)


@pytest.mark.parametrize("rule", MEMBER_ROLE_RULES, ids=lambda rule: rule.__name__)
def test_the_member_role(rule: Rule) -> None:
    problems = list(rule(Stack.of(read(existing(MEMBER_ROLE)))))
    assert not problems, lines(problems)


def test_both_templates_agree_on_the_name_of_the_member_role() -> None:
    names = [read(existing(p))["Parameters"]["MemberRoleName"]["Default"] for p in (SUITE, MEMBER_ROLE)]
    assert names[0] == names[1]


@TEMPLATES
def test_no_arn_names_a_partition(path: Path) -> None:
    found = re.findall(r".*arn:aws[\w-]*:.*", existing(path).read_text())
    assert not found, lines(found)


# What each parameter takes, and what it refuses.
VALUES = {
    "Modes": (
        ["plan", "auto", "approve", "A=auto,G=approve,S3.5=off", "tell,EC2.53=auto", "CloudTrail.4=plan"],
        ["", "Plan", "A=", "A=always", "A=approved", "B=auto", "S3=off", "plan,", "plan;A=auto", "A =auto"],
    ),
    "PolicyKey": (
        ["", "policy.yaml", "redress/2025-11/policy_v2.json"],
        ["/policy.yaml", "redress/", "a//b", "policy document.yaml", 'policy".yaml', "policy\\.yaml", "${Key}"],
    ),
    "Sources": (
        ["security-hub", "prowler", "security-hub,prowler,config"],
        ["", "all", "security-hub,", "security-hub, config", "Config", "prowler;config"],
    ),
    "SweepSchedule": (
        ["rate(15 minutes)", "rate(1 hour)", "rate(2 days)", "cron(0/10 * * * ? *)"],
        [
            "",
            "15 minutes",
            "rate(0 minutes)",
            "rate(15 seconds)",
            "rate(15minutes)",
            "cron()",
            "at(2025-11-03T07:47:08)",
        ],
    ),
    "WebhookParameter": (
        ["", "/webhook", "/redress/chat/web-hook_1.url"],
        [
            "webhook",
            "redress/webhook",
            "/",
            "/redress/",
            "/redress/*",
            "arn:aws:ssm:us-east-1:111122223333:parameter/w",
        ],
    ),
}


@pytest.mark.parametrize(("parameter", "value"), [(p, v) for p, (taken, _) in VALUES.items() for v in taken])
def test_values_are_taken(parameter: str, value: str) -> None:
    assert re.search(read(SUITE)["Parameters"][parameter]["AllowedPattern"], value)


@pytest.mark.parametrize(("parameter", "value"), [(p, v) for p, (_, refused) in VALUES.items() for v in refused])
def test_values_are_refused(parameter: str, value: str) -> None:
    assert not re.search(read(SUITE)["Parameters"][parameter]["AllowedPattern"], value)


def test_every_parameter_is_asked_for_in_a_group() -> None:
    template = read(SUITE)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
