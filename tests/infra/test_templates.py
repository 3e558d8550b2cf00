"""The templates keep the house rules, and the tools that know CloudFormation and IAM have nothing to say."""

import json
import re
from pathlib import Path

import pytest
from cfnlint.api import lint

import policies
from machines import machines
from rules import MEMBER_REGION_RULES, MEMBER_ROLE_RULES, SUITE_RULES, Rule
from stack import MEMBER_REGION, MEMBER_ROLE, ROOT, SUITE, Stack, read, transformed

# What parliament says of the member role, and why it stays.
ACCEPTED = {
    "RESOURCE_MISMATCH": "an action on several kinds of resources has a statement for each, by the settings' own declarations",
    "INVALID_ARN": "policies of AWS have no account",
    "RESOURCE_STAR": "which bucket or group will have a finding is not known beforehand; each session has a policy of its own",
    "RESOURCE_POLICY_PRIVILEGE_ESCALATION": "S3.5 is set right by a bucket policy, and only settings may write one",
}
# And of the others, where it begins so.
ACCEPTED_ELSEWHERE = {
    "SweepStatesRole: RESOURCE_MISMATCH: [{'action': 'states:DescribeExecution', "
    "'required_format': 'arn:*:states:*:*:express:": "of its two kinds of executions it asks for both",
}

TEMPLATES = pytest.mark.parametrize("path", [SUITE, MEMBER_ROLE, MEMBER_REGION], ids=lambda p: p.stem)


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


def state_machine_problems(stack: Stack) -> list[str]:
    """The linter does not look into definitions that are a text; those that are an object it compares with the language."""
    resources = {
        machine.name: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": machine.properties["RoleArn"], "Definition": machine.definition},
        }
        for machine in machines(stack)
    }
    assert resources
    # Here every ARN is written out.
    return [problem for problem in lint_problems(json.dumps({"Resources": resources})) if problem[:5] != "I3042"]


def test_the_linter_has_nothing_to_say_of_the_state_machines() -> None:
    problems = state_machine_problems(Stack.of(read(SUITE)))
    assert not problems, lines(problems)


def test_the_linter_knows_the_language_of_state_machines() -> None:
    template = read(SUITE)
    definition = template["Resources"]["SweepSecurityGroups"]["Properties"]["DefinitionString"]
    definition["Fn::Sub"] = definition["Fn::Sub"].replace('"MaxConcurrency": $', '"MaximumConcurrency": $')
    assert any("MaximumConcurrency" in problem for problem in state_machine_problems(Stack.of(template)))


def test_the_suite_stays_within_the_quotas_of_a_stack() -> None:
    template = transformed(read(SUITE))
    assert len(json.dumps(template)) < 1_000_000
    assert len(template["Resources"]) <= 500
    assert len(template["Outputs"]) <= 200
    assert len(template["Parameters"]) <= 200


@TEMPLATES
def test_policies_name_actions_resources_and_conditions_that_exist(path: Path) -> None:
    stack = Stack.of(read(existing(path)))
    problems = [
        f"{owner}: {complaint}"
        for owner, kind, document in policies.documents(stack)
        if kind == "identity"
        for complaint in policies.complaints(document)
        if path != MEMBER_ROLE or complaint.partition(":")[0] not in ACCEPTED
    ]
    problems = [problem for problem in problems if not problem.startswith(tuple(ACCEPTED_ELSEWHERE))]
    assert not problems, lines(problems)


@pytest.mark.parametrize("rule", SUITE_RULES, ids=lambda rule: rule.__name__)
def test_the_suite(rule: Rule) -> None:
    problems = list(rule(Stack.of(read(SUITE))))
    assert not problems, lines(problems)


@pytest.mark.parametrize("rule", MEMBER_ROLE_RULES, ids=lambda rule: rule.__name__)
def test_the_member_role(rule: Rule) -> None:
    problems = list(rule(Stack.of(read(existing(MEMBER_ROLE)))))
    assert not problems, lines(problems)


@pytest.mark.parametrize("rule", MEMBER_REGION_RULES, ids=lambda rule: rule.__name__)
def test_what_a_member_has_in_each_region(rule: Rule) -> None:
    problems = list(rule(Stack.of(read(MEMBER_REGION))))
    assert not problems, lines(problems)


@pytest.mark.parametrize("name", ["MemberRoleName", "ReaderRoleName"])
def test_both_templates_agree_on_the_names_of_the_roles(name: str) -> None:
    names = [read(existing(p))["Parameters"][name]["Default"] for p in (SUITE, MEMBER_ROLE)]
    assert names[0] == names[1]


@pytest.mark.parametrize("path", [MEMBER_ROLE, MEMBER_REGION], ids=lambda p: p.stem)
def test_what_members_must_be_told_the_suite_tells(path: Path) -> None:
    known = read(SUITE)["Outputs"].keys() | read(SUITE)["Parameters"].keys()
    assert read(existing(path))["Parameters"].keys() <= known


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
    "SecurityGroupPolicyKey": (
        ["", "security-groups.json", "redress/2025-11/groups_v2.json"],
        ["/groups.json", "redress/", "a//b", "my groups.json", 'groups".json', "${Key}"],
    ),
    "SecurityGroupSchedule": (
        ["rate(1 day)", "rate(12 hours)", "cron(0 3 * * ? *)"],
        ["", "daily", "rate(0 days)", "rate(1day)", "cron()", "at(2025-11-03T07:47:08)"],
    ),
    "Regions": (
        ["", "us-east-1", "us-east-1,eu-west-1", "us-gov-west-1,us-iso-east-1,eusc-de-east-1"],
        [
            "all",
            "us-east-1,",
            ",us-east-1",
            "us-east-1, eu-west-1",
            "US-EAST-1",
            "us-east-1;eu-west-1",
            "*",
            "-",
            "us-",
        ],
    ),
    "ReaderRoleName": (["RedressReaderRole", "look_only@redress"], ["", "path/RedressReaderRole", "*", "r" * 65]),
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
