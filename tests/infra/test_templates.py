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


@pytest.mark.parametrize("modes", ["plan", "auto", "A=auto,G=plan,S3.5=off", "tell,EC2.53=auto", "CloudTrail.4=plan"])
def test_modes_are_taken(modes: str) -> None:
    assert re.search(read(SUITE)["Parameters"]["Modes"]["AllowedPattern"], modes)


@pytest.mark.parametrize("modes", ["", "Plan", "A=", "A=always", "B=auto", "S3=off", "plan,", "plan;A=auto", "A =auto"])
def test_modes_are_refused(modes: str) -> None:
    assert not re.search(read(SUITE)["Parameters"]["Modes"]["AllowedPattern"], modes)
