"""The rules see: each of these mistakes, planted in the real template, is caught by the rule that is there for it."""

from typing import Any

import pytest

import policies
import rules
from rules import Rule
from stack import SUITE, Stack, Template, read

DROP = object()
STATEMENT = "Policies.0.PolicyDocument.Statement"
OTHER_RULE = "arn:aws:events:us-east-1:444455556666:rule/other"
OTHER_GROUP = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/*"

# What is planted in the template, and where, for each rule to find.
MISTAKES: dict[Rule, list[tuple[str, Any]]] = {
    rules.every_consumed_queue_has_dead_letters: [
        ("JobsQueue.RedrivePolicy", DROP),
        ("JobsDeadLetters.FifoQueue", DROP),
    ],
    rules.every_rule_target_has_dead_letters_and_retries: [
        ("ImportedFindingsRule.Targets.0.DeadLetterConfig", DROP),
        ("RequestedActionsRule.Targets.0.RetryPolicy", DROP),
        ("SweepRule.Targets.0.DeadLetterConfig", DROP),
    ],
    rules.dead_letters_are_kept_for_two_weeks: [
        ("UndeliveredEvents.MessageRetentionPeriod", DROP),
    ],
    rules.dead_letters_raise_an_alarm: [
        ("JobsDeadLettersAlarm.Dimensions.0.Value", "Elsewhere"),
    ],
    rules.messages_that_wait_raise_an_alarm: [
        ("SweepAgeAlarm.Dimensions.0.Value", "Elsewhere"),
    ],
    rules.visibility_is_at_least_six_times_the_timeout: [
        ("CisRemediator.Timeout", 300),
        ("SweepQueue.VisibilityTimeout", DROP),
    ],
    rules.consumers_report_the_messages_that_failed: [
        ("CisRemediator.Events.Jobs.Properties.FunctionResponseTypes", DROP),
    ],
    rules.consumers_stay_within_their_reserved_concurrency: [
        ("FindingRouter.Events.Findings.Properties.ScalingConfig", DROP),
    ],
    rules.the_remediator_knows_how_often_a_job_is_received: [
        ("JobsQueue.RedrivePolicy.maxReceiveCount", 3),
    ],
    rules.every_event_reaches_its_rule_and_no_other: [
        ("ImportedFindingsRule.EventPattern.detail-type", ["Security Hub Findings Imported"]),
        ("ImportedFindingsRule.EventPattern.source", DROP),
        ("ImportedFindingsRule.EventPattern.detail.findings.$or.0.Workflow", DROP),
        ("ImportedFindingsRule.EventPattern.detail.findings.RecordState", DROP),
        ("RequestedActionsRule.EventPattern.resources", DROP),
        ("RequestedActionsRule.EventPattern.resources.3", DROP),
        ("ImportedFindingsV2Rule.EventPattern.detail.findings.class_uid", [2004]),
        ("ImportedFindingsV2Rule.EventPattern.detail.findings.compliance.status", ["FAILED"]),
        ("ConfigComplianceRule.EventPattern.detail-type", ["Config Rule Compliance Change"]),
    ],
    rules.a_finding_that_passed_reaches_its_rule_only_if_it_is_open: [
        ("ImportedFindingsRule.EventPattern.detail.findings.$or.1.Compliance.Status", ["FAILED"]),
        ("ImportedFindingsRule.EventPattern.detail.findings.$or.1.UserDefinedFields", DROP),
        ("ImportedFindingsRule.EventPattern.detail.findings.$or.1.UserDefinedFields.redress-outcome.4", DROP),
        ("ImportedFindingsRule.EventPattern.detail.findings.$or.1.Workflow.Status", ["NEW"]),
    ],
    rules.everything_stored_is_encrypted_with_the_key: [
        ("FindingsQueue.KmsMasterKeyId", "alias/aws/sqs"),
        ("Vault.BucketEncryption", DROP),
        ("PolicyBucket.BucketEncryption", DROP),
        ("CisRemediatorLogs.KmsKeyId", DROP),
    ],
    rules.keys_rotate: [
        ("Key.EnableKeyRotation", False),
    ],
    rules.tables_can_be_restored: [
        ("Ledger.PointInTimeRecoverySpecification", DROP),
    ],
    rules.buckets_are_private_and_versioned: [
        ("Vault.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
        ("PolicyBucket.VersioningConfiguration", DROP),
    ],
    rules.two_stacks_fit_into_one_account: [
        ("Ledger.TableName", "redress-ledger"),
        ("JobsQueue.QueueName", "redress-jobs.fifo"),
        ("KillSwitch.Name", "/redress/kill-switch"),
        ("Outcomes.Name", "redress-outcomes"),
        ("WakeSchedules.Name", "redress-wakes"),
    ],
    rules.names_leave_room_for_that_of_the_stack: [
        ("WakeSchedules.Name", {"Fn::Sub": "${AWS::StackName}-schedules"}),
        ("JobsDeadLetters.QueueName", {"Fn::Sub": "${AWS::StackName}-dead-letters-of-jobs.fifo"}),
    ],
    rules.allows_every_resource_only_with_a_reason: [
        (f"RemediatorRole.{STATEMENT}.5.Resource", "*"),
        (f"RemediatorRole.{STATEMENT}.6.Resource", "*"),
    ],
    rules.allows_no_wildcard_actions: [
        (f"RemediatorRole.{STATEMENT}.1.Action", ["dynamodb:*"]),
    ],
    rules.nobody_is_an_administrator: [
        ("RouterRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ],
    rules.functions_have_a_role_that_only_lambda_assumes: [
        ("RouterRole.AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}),
    ],
    rules.accounts_are_entered_only_within_the_organization: [
        (f"RemediatorRole.{STATEMENT}.5.Condition", DROP),
        (f"RemediatorRole.{STATEMENT}.5.Resource", "arn:aws:iam::*:role/*"),
    ],
    rules.roles_are_lent_only_to_the_service_that_they_trust: [
        (f"RemediatorRole.{STATEMENT}.11.Condition", DROP),
        (f"RemediatorRole.{STATEMENT}.11.Condition.StringEquals.iam:PassedToService", "lambda.amazonaws.com"),
        (f"RemediatorRole.{STATEMENT}.11.Resource", {"Fn::GetAtt": "SweeperRole.Arn"}),
    ],
    rules.scheduler_takes_a_role_only_for_a_group_of_the_stack: [
        ("WakeRole.AssumeRolePolicyDocument.Statement.0.Condition.ArnEquals", DROP),
        ("WakeRole.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", DROP),
        ("WakeRole.AssumeRolePolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn", OTHER_GROUP),
    ],
    rules.wakes_reach_the_sweeper_and_nothing_else: [
        ("CisRemediator.Environment.Variables.REDRESS_SWEEP_QUEUE_ARN", {"Fn::GetAtt": "FindingsQueue.Arn"}),
        ("CisRemediator.Environment.Variables.REDRESS_SWEEP_DEAD_LETTERS_ARN", {"Fn::GetAtt": "UndeliveredEvents.Arn"}),
        ("CisRemediator.Environment.Variables.REDRESS_WAKE_ROLE_ARN", {"Fn::GetAtt": "SweeperRole.Arn"}),
        ("SweepQueue.FifoQueue", True),
        (f"WakeRole.{STATEMENT}.0.Resource", {"Fn::GetAtt": "SweepQueue.Arn"}),
        (f"WakeRole.{STATEMENT}.0.Resource.1", {"Fn::GetAtt": "JobsQueue.Arn"}),
        (f"WakeRole.{STATEMENT}.1.Action", "kms:GenerateDataKey"),
        (f"WakeRole.{STATEMENT}.1.Condition", DROP),
    ],
    rules.the_remediator_may_set_wakes_and_no_other_schedules: [
        ("CisRemediator.Environment.Variables.REDRESS_SCHEDULE_GROUP", "default"),
        (f"RemediatorRole.{STATEMENT}.10", DROP),
        (f"RemediatorRole.{STATEMENT}.10.Action", ["scheduler:CreateSchedule", "scheduler:UpdateSchedule"]),
        (
            f"RemediatorRole.{STATEMENT}.10.Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:scheduler:*:*:schedule/*/wake-*"},
        ),
        (f"RemediatorRole.{STATEMENT}.11", DROP),
    ],
    rules.only_the_rules_of_the_stack_send_to_a_queue: [
        ("FindingsQueuePolicy.PolicyDocument.Statement.0.Condition", DROP),
        ("FindingsQueuePolicy.PolicyDocument.Statement.0.Condition.ArnEquals", {"aws:SourceArn": OTHER_RULE}),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0.Principal", "*"),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0", DROP),
        ("FindingsQueuePolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.1", DROP),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.4", DROP),
        ("SweepQueuePolicy.PolicyDocument.Statement.0.Condition", DROP),
    ],
    rules.services_in_key_and_topic_policies_act_for_this_account: [
        ("Key.KeyPolicy.Statement.2.Condition", DROP),
    ],
    rules.nothing_is_read_or_sent_without_tls: [
        ("VaultPolicy.PolicyDocument.Statement.0.Condition.Bool", {"aws:SecureTransport": "true"}),
        ("PolicyBucketPolicy.PolicyDocument.Statement.0.Resource", DROP),
    ],
    rules.the_kill_switch_is_shipped_off: [
        ("KillSwitch.Value", "on"),
        ("KillSwitch.Value", False),
    ],
    rules.functions_read_what_decides_over_them: [
        (f"RemediatorRole.{STATEMENT}.7.Resource", {"Fn::GetAtt": "PolicyBucket.Arn"}),
        (f"RemediatorRole.{STATEMENT}.8.Resource", "arn:aws:ssm:us-east-1:111122223333:parameter/other"),
        (f"SweeperRole.{STATEMENT}.5", DROP),
        ("WebhookPolicy.Roles", [{"Ref": "RemediatorRole"}]),
    ],
    rules.nobody_writes_what_decides_over_the_functions: [
        (f"RemediatorRole.{STATEMENT}.7.Action", ["s3:GetObject", "s3:PutObject"]),
        (f"RemediatorRole.{STATEMENT}.8.Action", ["ssm:GetParameter", "ssm:PutParameter"]),
        (f"RemediatorRole.{STATEMENT}.8.Resource", {"Fn::Sub": "arn:${AWS::Partition}:ssm:*:*:parameter/*"}),
        (f"RemediatorRole.{STATEMENT}.2.Resource", "arn:aws:s3:::*/before/*"),
        (f"SweeperRole.{STATEMENT}.5.Action", ["s3:GetObject", "s3:DeleteObject"]),
    ],
    rules.the_command_learns_of_the_deployment_and_of_no_secret: [
        ("Deployment.Value", {"Fn::Sub": '{"stack": "${AWS::StackName}"}'}),
        ("Deployment.Value", {"Fn::Sub": '{"stack": "${AWS::StackName}", "external_id": "${ExternalId}"}'}),
        ("Deployment.Value", "{'stack': 'redress'}"),
    ],
    rules.functions_are_traced_and_bounded: [
        ("FindingRouter.ReservedConcurrentExecutions", DROP),
    ],
    rules.logs_are_kept_for_a_while_and_not_for_ever: [
        ("FindingRouterLogs.RetentionInDays", DROP),
        ("FindingRouter.LoggingConfig", DROP),
    ],
    rules.every_alarm_tells_somebody: [
        ("SuspiciousFindingsAlarm.AlarmActions", DROP),
    ],
    rules.every_function_has_alarms_on_errors_and_throttles: [
        ("CisRemediatorErrorsAlarm.MetricName", "Throttles"),
        ("FindingSweeperThrottlesAlarm.Dimensions.0.Value", "Elsewhere"),
    ],
    rules.alarms_of_our_own_metrics_name_one_that_exists: [
        ("SuspiciousFindingsAlarm.MetricName", "SuspiciousFinding"),
        ("KillSwitchAlarm.MetricName", "KillSwitch"),
    ],
    rules.patterns_leave_room: [
        ("ImportedFindingsRule.EventPattern.source", ["aws.securityhub" * 200]),
    ],
    rules.what_undo_needs_survives_the_stack: [
        ("Key.DeletionPolicy", DROP),
        ("Ledger.UpdateReplacePolicy", DROP),
        ("Vault.DeletionPolicy", DROP),
        ("PolicyBucket.DeletionPolicy", DROP),
    ],
}


PLANTED = [(rule, path, value) for rule, mistakes in MISTAKES.items() for path, value in mistakes]


def plant(template: Template, path: str, value: Any) -> None:
    """Puts the value at a path that starts with a logical id; `Properties` goes without saying."""
    resource, *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    parent: Any = template["Resources"][resource]
    if [*steps, last][0] not in parent:
        parent = parent["Properties"]
    for step in steps:
        parent = parent[step]
    if value is DROP:
        del parent[last]
    else:
        parent[last] = value


@pytest.mark.parametrize(("rule", "path", "value"), PLANTED, ids=[path for _, path, _ in PLANTED])
def test_a_planted_mistake_is_caught(rule: Rule, path: str, value: Any) -> None:
    template = read(SUITE)
    plant(template, path, value)
    assert list(rule(Stack.of(template))), f"{rule.__name__} does not see it"


def test_every_rule_of_the_suite_is_seen_to_fail() -> None:
    assert set(MISTAKES) == set(rules.SUITE_RULES)


def test_an_action_that_does_not_exist_is_caught() -> None:
    template = read(SUITE)
    plant(template, f"RemediatorRole.{STATEMENT}.3.Action", "securityhub:BatchUpdateFinding")
    documents = [d for owner, _, d in policies.documents(Stack.of(template)) if owner == "RemediatorRole"]
    assert any("BatchUpdateFinding" in c for d in documents for c in policies.complaints(d))


TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Ref": "RemediatorRoleArn"}},
    "Action": "sts:AssumeRole",
    "Condition": {
        "StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}, "aws:PrincipalOrgID": {"Ref": "OrganizationId"}}
    },
}


def member_role(trust: Template, allowed: Template) -> Stack:
    return Stack.of(
        {
            "Parameters": {name: {} for name in ("RemediatorRoleArn", "ExternalId", "OrganizationId")},
            "Resources": {
                "MemberRole": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": {"Statement": [trust]},
                        "Policies": [{"PolicyDocument": {"Statement": [{"Effect": "Allow"} | allowed]}}],
                    },
                }
            },
        }
    )


@pytest.mark.parametrize(
    "trust",
    [
        TRUST | {"Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}},
        TRUST | {"Principal": {"AWS": "*"}},
        TRUST | {"Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}},
        TRUST | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}}},
        TRUST | {"Condition": {"StringNotEquals": TRUST["Condition"]["StringEquals"]}},
    ],
    ids=["the whole account", "anybody", "any organization", "no external id", "everybody else"],
)
def test_a_member_role_that_trusts_too_much_is_caught(trust: Template) -> None:
    allowed = {"Action": ["kms:EnableKeyRotation"], "Resource": "*"}
    rule = rules.members_trust_one_role_by_external_id_and_organization
    assert not list(rule(member_role(TRUST, allowed)))
    assert list(rule(member_role(trust, allowed)))


@pytest.mark.parametrize("action", ["iam:AttachUserPolicy", "iam:PassRole", "s3:DeleteBucket", "sts:AssumeRole"])
def test_a_member_role_that_can_do_too_much_is_caught(action: str) -> None:
    allowed = {"Action": [action], "Resource": "*"}
    assert list(rules.members_can_be_made_an_administrator_by_nobody(member_role(TRUST, allowed)))


def test_a_member_role_may_put_back_one_policy() -> None:
    policy = {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"}}
    allowed = {"Action": ["iam:AttachUserPolicy"], "Resource": "*", "Condition": policy}
    assert not list(rules.members_can_be_made_an_administrator_by_nobody(member_role(TRUST, allowed)))


def test_a_policy_that_is_too_long_is_caught() -> None:
    allowed = {"Action": [f"ec2:Describe{n:04}" for n in range(500)], "Resource": "*"}
    assert list(rules.managed_policies_fit(member_role(TRUST, allowed)))
