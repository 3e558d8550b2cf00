"""The templates keep the house rules, and the tools that know CloudFormation and IAM have nothing to say."""

import csv
import json
import re
from pathlib import Path

import pytest
from cfnlint.api import lint

import policies
import rules
from machines import machines
from rules import (
    LAUNCH_ROLE_RULES,
    MANAGEMENT_ROLE_RULES,
    MEMBER_REGION_RULES,
    MEMBER_ROLE_RULES,
    ORGANIZATION_RULES,
    SERVICE_CATALOG_RULES,
    SUITE_RULES,
    Rule,
)
from stack import (
    CONFORMANCE_PACK,
    INFRA,
    LAUNCH_ROLE,
    MANAGEMENT_ROLE,
    MEMBER_REGION,
    MEMBER_ROLE,
    ORGANIZATION,
    ROOT,
    SERVICE_CATALOG,
    SUITE,
    Stack,
    read,
    transformed,
)

# What parliament says of the member role and the management role, and why it stays.
ACCEPTED = {
    "RESOURCE_MISMATCH": "an action on several kinds of resources has a statement for each, by the settings' own declarations",
    "INVALID_ARN": "policies of AWS have no account",
    "RESOURCE_STAR": "which bucket or group will have a finding is not known beforehand; each session has a policy of its own",
    "RESOURCE_POLICY_PRIVILEGE_ESCALATION": "S3.5 is set right by a bucket policy, and only settings may write one",
}
# And of the others, where it begins so.
ACCEPTED_ELSEWHERE = {
    f"{role}: RESOURCE_MISMATCH: [{{'action': 'states:DescribeExecution', "
    "'required_format': 'arn:*:states:*:*:express:": "of its two kinds of executions it asks for both"
    for role in ("SweepStatesRole", "OnboardStatesRole", "BaselineStatesRole")
} | {
    f"LaunchRole: RESOURCE_STAR: ['{action}'": rules.EVERY_RESOURCE[f"LaunchRole.{statement}"]
    for action, statement in (
        ("s3:GetObject", "ReadProducts"),
        ("config:DeleteConfigurationRecorder", "Record"),
        ("kms:TagResource", "MakeKeys"),
    )
}

# Every template, with the rules that hold for it.
RULES: dict[Path, tuple[Rule, ...]] = {
    SUITE: SUITE_RULES,
    MEMBER_ROLE: MEMBER_ROLE_RULES,
    MEMBER_REGION: MEMBER_REGION_RULES,
    MANAGEMENT_ROLE: MANAGEMENT_ROLE_RULES,
    ORGANIZATION: ORGANIZATION_RULES,
    SERVICE_CATALOG: SERVICE_CATALOG_RULES,
    LAUNCH_ROLE: LAUNCH_ROLE_RULES,
    # It makes rules of AWS Config, and has tests of its own below.
    CONFORMANCE_PACK: (),
}
GENERATED = (MEMBER_ROLE, MANAGEMENT_ROLE)
TEMPLATES = pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)


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
        if path not in GENERATED or complaint.partition(":")[0] not in ACCEPTED
    ]
    problems = [problem for problem in problems if not problem.startswith(tuple(ACCEPTED_ELSEWHERE))]
    assert not problems, lines(problems)


HOUSE_RULES = [(path, rule) for path, own in RULES.items() for rule in own]


@pytest.mark.parametrize(("path", "rule"), HOUSE_RULES, ids=[f"{p.stem}-{r.__name__}" for p, r in HOUSE_RULES])
def test_the_house_rules_hold(path: Path, rule: Rule) -> None:
    problems = list(rule(Stack.of(read(existing(path)))))
    assert not problems, lines(problems)


def test_every_template_is_known_here() -> None:
    templates = {path for path in INFRA.glob("*.yaml") if "Resources" in read(path)}
    assert templates == set(RULES)


@pytest.mark.parametrize("name", ["MemberRoleName", "ReaderRoleName", "ManagementRoleName", "LaunchRoleName"])
def test_templates_agree_on_the_names_of_the_roles(name: str) -> None:
    asked = [read(existing(path)).get("Parameters", {}).get(name) for path in RULES]
    names = [parameter["Default"] for parameter in asked if parameter]
    assert len(names) > 1
    assert len(set(names)) == 1


@pytest.mark.parametrize("path", [MEMBER_ROLE, MEMBER_REGION, MANAGEMENT_ROLE], ids=lambda p: p.stem)
def test_what_accounts_must_be_told_the_suite_tells(path: Path) -> None:
    known = read(SUITE)["Outputs"].keys() | read(SUITE)["Parameters"].keys()
    asked = read(existing(path))["Parameters"]
    assert {name for name, parameter in asked.items() if "Default" not in parameter} <= known


def test_the_roles_that_remediate_are_told_as_one_list() -> None:
    stack = Stack.of(read(SUITE))
    told = read(SUITE)["Outputs"]["RemediationRoleArns"]["Value"]["Fn::Join"]
    assert told[0] == ","
    roles = {arn["Fn::GetAtt"][0] for arn in told[1]}
    entering = {
        statement.owner
        for statement in policies.statements(stack, "identity")
        for resource in statement.resources
        if "sts:AssumeRole" in statement.actions and resource.endswith("/RedressMemberRole")
    }
    assert roles == entering


@TEMPLATES
def test_no_arn_names_a_partition(path: Path) -> None:
    found = re.findall(r".*arn:aws[\w-]*:.*", existing(path).read_text())
    assert not found, lines(found)


# What each parameter takes, and what it refuses.
VALUES = {
    "Standards": (
        [
            "fsbp-1.0.0",
            "fsbp-1.0.0,cis-3.0.0",
            "cis-1.2.0,cis-1.4.0,cis-5.0.0,pci-dss-3.2.1,pci-dss-4.0.1",
            "nist-800-171-2",
        ],
        ["", "fsbp", "cis-2.0.0", "fsbp-1.0.0,", "fsbp-1.0.0, cis-3.0.0", "CIS-3.0.0", "fsbp-1x0.0", "nist-800-53"],
    ),
    "OnboardingSchedule": (
        ["rate(1 day)", "cron(0 3 * * ? *)"],
        ["", "daily", "rate(0 days)", "cron()"],
    ),
    "ConfigBucket": (
        ["", "example-config", "config.example.com"],
        ["Example", "-config", "config/", "s3://config", "ab"],
    ),
    "ConformancePackKey": (
        ["", "cis.yaml", "packs/cis-3.0.0.yaml"],
        ["/cis.yaml", "packs/", "s3://packs/cis.yaml", "a b.yaml"],
    ),
    "ManagementRoleName": (["RedressManagementRole"], ["", "path/Role", "*", "r" * 65]),
    "Modes": (
        [
            "plan",
            "auto",
            "approve",
            "A=auto,G=approve,S3.5=off",
            "tell,EC2.53=auto",
            "CloudTrail.4=plan",
            "Baseline.7=off",
        ],
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
    "IncidentPolicyKey": (
        ["", "incidents.yaml", "redress/incidents_v2.json"],
        ["/incidents.yaml", "redress/", "a//b", "a b", "a,b"],
    ),
    "ThreatListKeys": (
        ["", "threats.txt", "lists/threats.txt,lists/tor-exits.csv"],
        ["threats.txt,", ",threats.txt", "/threats.txt", "a.txt, b.txt", "a.txt;b.txt", "s3://lists/a.txt", "lists/"],
    ),
    "ReportSchedule": (
        ["rate(1 day)", "rate(12 hours)", "cron(0 6 ? * MON *)"],
        ["", "weekly", "rate(0 days)", "cron()"],
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


GROUPED = [path for path in RULES if "Metadata" in read(path)]


@pytest.mark.parametrize("path", GROUPED, ids=lambda p: p.stem)
def test_every_parameter_is_asked_for_in_a_group(path: Path) -> None:
    template = read(path)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])


BASELINE = {
    "security-hub": "on",
    "standards": "on",
    "cloudtrail": "on",
    "config": "on",
    "conformance-pack": "on",
    "guardduty": "on",
    "macie": "off",
    "inspector": "off",
    "audit-manager": "off",
    "s3-public-access": "on",
    "ebs-encryption": "on",
}


@pytest.mark.parametrize("function", ["MemberOnboarder", "AccountBaseline"])
def test_each_service_of_the_baseline_is_switched_by_a_parameter_of_its_own(function: str) -> None:
    told = Stack.of(read(SUITE)).resources[function]["Properties"]["Environment"]["Variables"]["REDRESS_BASELINE"]
    assert dict(service.split("=") for service in told.split(",")) == BASELINE
    parameters = {name: p for name, p in read(SUITE)["Parameters"].items() if p.get("AllowedValues") == ["on", "off"]}
    named = {name.removeprefix("Baseline").lower(): parameter for name, parameter in parameters.items()}
    assert {service.replace("-", ""): on for service, on in BASELINE.items()} == {
        n: p["Default"] for n, p in named.items()
    }
    assert all(re.search(r"\bUSD\b|\bfree\b|\bcosts\b", parameter["Description"]) for parameter in named.values())


def test_nothing_is_switched_on_by_a_first_deployment() -> None:
    assert read(SUITE)["Parameters"]["Modes"]["Default"] == "plan"
    assert {read(path)["Parameters"]["RecordConfig"]["Default"] for path in (MEMBER_REGION, ORGANIZATION)} == {"false"}
    organization = read(ORGANIZATION)["Parameters"]
    assert {organization[name]["Default"] for name in ("DelegateSecurityHub", "IncludeManagementAccount")} == {"false"}


def test_what_is_said_to_be_reserved_is_reserved() -> None:
    functions = [f for _, f in Stack.of(read(SUITE)).of_type("AWS::Lambda::Function")]
    (said,) = re.findall(r"functions reserve a\s+concurrency of (\d+)", (ROOT / "README.md").read_text())
    assert int(said) == sum(function["ReservedConcurrentExecutions"] for function in functions)


def test_global_types_are_recorded_in_one_region() -> None:
    template = read(MEMBER_REGION)
    group = template["Resources"]["Recorder"]["Properties"]["RecordingGroup"]
    assert group["IncludeGlobalResourceTypes"] == {"Fn::If": ["RecordsGlobalTypes", True, False]}
    conditions = template["Conditions"]
    assert {"Condition": "IsGlobalTypesRegion"} in conditions["RecordsGlobalTypes"]["Fn::And"]
    assert conditions["IsGlobalTypesRegion"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, {"Ref": "GlobalTypesRegion"}]}


def test_what_is_optional_in_a_region_is_left_out_unless_asked_for() -> None:
    sent = {"SendIncidentEventsRule": "IsNotOfTheSuite"}
    conditions = {name: resource.get("Condition") for name, resource in read(MEMBER_REGION)["Resources"].items()}
    always = {name for name, condition in conditions.items() if condition == sent.get(name)}
    assert always == {"SendChangesRule", "SendChangesRole", "SendIncidentEventsRule"}


def test_what_may_be_an_incident_is_told_once() -> None:
    """In the account and region of the suite by its own rule, and elsewhere by that which sends it there."""
    bus = {"Ref": "ChangesBusArn"}
    region, account = ({"Fn::Select": [at, {"Fn::Split": [":", bus]}]} for at in (3, 4))
    own = [{"Fn::Sub": "${AWS::Region}:${AWS::AccountId}"}, {"Fn::Join": [":", [region, account]]}]
    assert read(MEMBER_REGION)["Conditions"]["IsNotOfTheSuite"] == {"Fn::Not": [{"Fn::Equals": own}]}


def test_every_runbook_says_what_an_alarm_means_and_what_to_do() -> None:
    sections = re.split(r"^##+ ", (ROOT / rules.RUNBOOKS).read_text(), flags=re.MULTILINE)
    told = {section.splitlines()[0]: section for section in sections if re.match(r"\w+Alarm\n", section)}
    assert len(told) > 70
    for name, section in told.items():
        assert re.findall(r"^- \*\*(\w+)\*\*: \S", section, re.MULTILINE) == ["Means", "Look", "Do"], name


def test_runbooks_speak_of_what_there_is() -> None:
    known = read(SUITE)["Resources"].keys() | read(SUITE)["Parameters"].keys()
    source = (ROOT / rules.RUNBOOKS).read_text()
    named = set(re.findall(r"\b[A-Z]\w+(?:Alarm|Logs|Queue|DeadLetters|Schedule|Concurrency|Minutes|Keys)\b", source))
    assert named - {"NumberOfMessagesSent"} <= known


# The controls of CIS AWS Foundations v3.0.0 without a rule in the conformance pack, which says why.
WITHOUT_RULE = {"CloudTrail.7", "Config.1", "IAM.26"}
# Its managed rule has another identifier than its name.
OTHER_IDENTIFIERS = {"multi-region-cloudtrail-enabled": "MULTI_REGION_CLOUD_TRAIL_ENABLED"}


def pack() -> dict[str, str]:
    """The names of the rules, and the controls in the comments above them."""
    found = re.findall(
        r"^  # ([A-Z].*)\n  \w+:\n    Type: .*\n    Properties:\n      ConfigRuleName: (.+)$",
        CONFORMANCE_PACK.read_text(),
        re.MULTILINE,
    )
    return {name: controls for controls, name in found}


def test_the_conformance_pack_has_rules_for_the_benchmark() -> None:
    rows = csv.DictReader((ROOT / "crates" / "model" / "clauses.csv").open())
    asked = {row["control"] for row in rows if row["CIS 3.0.0"]}
    covered = {control for controls in pack().values() for control in controls.split(", ")}
    assert covered == asked - WITHOUT_RULE
    assert all(control in CONFORMANCE_PACK.read_text().partition("Resources:")[0] for control in WITHOUT_RULE)


def test_rules_of_the_conformance_pack_are_managed_and_go_by_their_names() -> None:
    managed = [rule for _, rule in Stack.of(read(CONFORMANCE_PACK)).of_type("AWS::Config::ConfigRule")]
    assert len(managed) == len(read(CONFORMANCE_PACK)["Resources"]) == len(pack())
    for rule in managed:
        name = rule["ConfigRuleName"]
        identifier = OTHER_IDENTIFIERS.get(name, name.upper().replace("-", "_"))
        assert rule["Source"] == {"Owner": "AWS", "SourceIdentifier": identifier}
        assert name in pack()


def test_what_the_conformance_pack_finds_leads_to_its_controls() -> None:
    source = (ROOT / "crates" / "model" / "src" / "known.rs").read_text()
    known = re.findall(r'id: "([^"]+)",(?:(?!id: ")[\s\S])*?config_rules: &\[([^\]]*)\]', source)
    assert known
    for control, named in known:
        for name in re.findall(r'"([^"]+)"', named):
            assert control in pack().get(name, control).split(", ")


def test_the_conformance_pack_may_be_sent_as_a_text() -> None:
    assert len(CONFORMANCE_PACK.read_bytes()) <= 51_200
