"""The rules see: each of these mistakes, planted in the real template, is caught by the rule that is there for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import policies
import rules
from rules import Rule
from stack import (
    LAUNCH_ROLE,
    MANAGEMENT_ROLE,
    MEMBER_REGION,
    ORGANIZATION,
    SERVICE_CATALOG,
    SUITE,
    Stack,
    Template,
    read,
)


@dataclass(frozen=True)
class Replaced:
    """The text that stands there, but for this."""

    old: str
    new: str


DROP = object()
STATEMENT = "Policies.0.PolicyDocument.Statement"
OTHER_RULE = "arn:aws:events:us-east-1:444455556666:rule/other"
OTHER_GROUP = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/*"
DEFINITION = "SweepSecurityGroups.DefinitionString.Fn::Sub"
ONBOARDING = "OnboardOrganization.DefinitionString.Fn::Sub"
BASELINE = "BaselineOrganization.DefinitionString.Fn::Sub"
ORGANIZATION_CHANGES = "OrganizationChangesRule.EventPattern"
DASHBOARD = "SecurityGroupDashboard.DashboardBody.Fn::Sub"
OPERATIONS = "OperationsDashboard.DashboardBody.Fn::Sub"
INCIDENTS = "IncidentEventsRule.EventPattern"
CHANGES = "SecurityGroupChangesRule.EventPattern"

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
        ("SecurityGroupChangesRule.Targets.0.DeadLetterConfig", DROP),
        ("ManualScanRule.Targets.0.RetryPolicy", DROP),
        ("OrganizationChangesRule.Targets.0.DeadLetterConfig", DROP),
        ("BaselineOrganizationRule.Targets.0.DeadLetterConfig", DROP),
        ("IncidentEventsRule.Targets.0.DeadLetterConfig", DROP),
        ("ComplianceReportRule.Targets.0.RetryPolicy", DROP),
    ],
    rules.dead_letters_are_kept_for_two_weeks: [
        ("UndeliveredEvents.MessageRetentionPeriod", DROP),
    ],
    rules.dead_letters_raise_an_alarm: [
        ("JobsDeadLettersAlarm.Dimensions.0.Value", "Elsewhere"),
        ("ChangesDeadLettersAlarm.MetricName", "ApproximateAgeOfOldestMessage"),
        ("OrganizationDeadLettersAlarm.Dimensions.0.Value", "Elsewhere"),
        ("IncidentsDeadLettersAlarm.MetricName", "ApproximateAgeOfOldestMessage"),
        ("ReportsDeadLettersAlarm.Dimensions.0.Value", "Elsewhere"),
    ],
    rules.messages_that_wait_raise_an_alarm: [
        ("SweepAgeAlarm.Dimensions.0.Value", "Elsewhere"),
        ("ChangesAgeAlarm.Dimensions.0.Value", "Elsewhere"),
        ("OrganizationAgeAlarm.MetricName", "ApproximateNumberOfMessagesVisible"),
        ("IncidentsAgeAlarm.Dimensions.0.Value", "Elsewhere"),
    ],
    rules.queues_that_fill_raise_an_alarm: [
        ("JobsDepthAlarm.Dimensions.0.Value", {"Fn::GetAtt": "JobsDeadLetters.QueueName"}),
        ("IncidentsDepthAlarm.MetricName", "ApproximateAgeOfOldestMessage"),
    ],
    rules.visibility_is_at_least_six_times_the_timeout: [
        ("CisRemediator.Timeout", 300),
        ("SweepQueue.VisibilityTimeout", DROP),
        ("SgComplianceScanner.Timeout", 121),
        ("OrganizationQueue.VisibilityTimeout", 900),
        ("IncidentsQueue.VisibilityTimeout", DROP),
        ("ReportsQueue.VisibilityTimeout", 900),
    ],
    rules.consumers_report_the_messages_that_failed: [
        ("CisRemediator.Events.Jobs.Properties.FunctionResponseTypes", DROP),
    ],
    rules.consumers_stay_within_their_reserved_concurrency: [
        ("FindingRouter.Events.Findings.Properties.ScalingConfig", DROP),
        ("SgComplianceScanner.ReservedConcurrentExecutions", 4),
        ("MemberOnboarder.Events.Organization.Properties.ScalingConfig", DROP),
        ("ComplianceReporter.ReservedConcurrentExecutions", 1),
        ("IncidentResponder.Events.Incidents.Properties.ScalingConfig.MaximumConcurrency", 6),
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
        (f"{CHANGES}.source", DROP),
        (f"{CHANGES}.detail.eventName", DROP),
        (f"{CHANGES}.detail.eventName.9", DROP),
        (f"{CHANGES}.detail.errorCode", DROP),
        (f"{CHANGES}.detail.eventSource", ["ec2"]),
        ("SecurityGroupOutcomesRule.EventPattern.detail.controls", DROP),
        ("SecurityGroupOutcomesRule.EventPattern.detail.outcome", DROP),
        ("SecurityGroupOutcomesRule.EventPattern.detail.outcome", ["remediated"]),
        ("ManualScanRule.EventPattern.source", DROP),
        ("ManualScanRule.EventPattern.detail-type", DROP),
        ("ManualBaselineRule.EventPattern.source", DROP),
        ("ManualOnboardingRule.EventPattern.detail-type", ["Manual Baseline"]),
        (f"{ORGANIZATION_CHANGES}.source", DROP),
        (f"{ORGANIZATION_CHANGES}.detail-type", ["AWS API Call via CloudTrail"]),
        (f"{ORGANIZATION_CHANGES}.detail.eventName", DROP),
        (f"{ORGANIZATION_CHANGES}.detail.eventName.6", DROP),
        (f"{ORGANIZATION_CHANGES}.detail.errorCode", DROP),
        (f"{INCIDENTS}.source", DROP),
        (f"{INCIDENTS}.source.0", "aws.iam"),
        (f"{INCIDENTS}.detail-type.2", DROP),
        (f"{INCIDENTS}.detail.$or.0.eventSource", DROP),
        (f"{INCIDENTS}.detail.$or.0.eventName", DROP),
        (f"{INCIDENTS}.detail.$or.0.eventName.6", DROP),
        (f"{INCIDENTS}.detail.$or.1.readOnly", DROP),
        (f"{INCIDENTS}.detail.$or.1.userIdentity", DROP),
        (f"{INCIDENTS}.detail.$or.2.severity", [{"numeric": [">=", 2]}]),
        (f"{INCIDENTS}.detail.$or.2", DROP),
        (f"{INCIDENTS}.detail.errorCode", [{"exists": False}]),
        ("OwnIncidentEventsRule.EventPattern.detail.$or.1", DROP),
        ("IncidentOutcomesRule.EventPattern.source", DROP),
        ("IncidentOutcomesRule.EventPattern.detail.$or.0.event", [{"prefix": "incidents-"}]),
        ("IncidentOutcomesRule.EventPattern.detail.$or.1", DROP),
        ("IncidentOutcomesRule.EventPattern.detail.$or.1.controls", [{"prefix": "Incident.1"}]),
        ("IncidentOutcomesRule.EventPattern.detail.$or.2.controls", DROP),
        ("IncidentOutcomesRule.EventPattern.detail.$or.2.outcome", DROP),
        ("ManualReportRule.EventPattern.source", DROP),
        ("ManualReportRule.EventPattern.detail-type", ["Manual Baseline"]),
    ],
    rules.rules_wait_where_their_events_arrive: [
        ("SecurityGroupChangesRule.EventBusName", DROP),
        ("SecurityGroupOutcomesRule.EventBusName", {"Ref": "Changes"}),
        ("ManualScanRule.EventBusName", {"Ref": "Changes"}),
        ("OrganizationChangesRule.EventBusName", DROP),
        ("IncidentEventsRule.EventBusName", DROP),
        ("OwnIncidentEventsRule.EventBusName", {"Ref": "Changes"}),
        ("IncidentOutcomesRule.EventBusName", DROP),
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
        ("Reports.BucketEncryption", DROP),
        ("ChangesQueue.KmsMasterKeyId", DROP),
        ("SweepSecurityGroupsLogs.KmsKeyId", DROP),
        ("OrganizationQueue.KmsMasterKeyId", DROP),
        ("BaselineOrganizationLogs.KmsKeyId", DROP),
        ("CisRemediatorLogs.KmsKeyId", DROP),
        ("IncidentsDeadLetters.KmsMasterKeyId", DROP),
        ("ReportsQueue.KmsMasterKeyId", "alias/aws/sqs"),
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
        ("Reports.PublicAccessBlockConfiguration", DROP),
    ],
    rules.reports_are_kept_for_a_year_and_not_for_ever: [
        ("Reports.LifecycleConfiguration.Rules.1", DROP),
        ("Reports.LifecycleConfiguration.Rules.1.Status", "Disabled"),
        ("Reports.LifecycleConfiguration.Rules.1.ExpirationInDays", 90),
        ("Reports.LifecycleConfiguration.Rules.1.NoncurrentVersionExpiration", DROP),
        ("Reports.LifecycleConfiguration.Rules.1.Prefix", DROP),
        ("Reports.LifecycleConfiguration.Rules.4.Prefix", "report/"),
        ("Reports.LifecycleConfiguration.Rules.5.ExpirationInDays", 400),
        ("Reports.LifecycleConfiguration.Rules.5.NoncurrentVersionExpiration.NoncurrentDays", 30),
    ],
    rules.evidence_is_written_by_the_responder_alone: [
        (f"ReporterRole.{STATEMENT}.6.Resource", {"Fn::Sub": "${Reports.Arn}/*"}),
        (f"IncidentRole.{STATEMENT}.3.Action", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]),
        (f"ScannerRole.{STATEMENT}.5.Resource", {"Fn::Sub": "${Reports.Arn}/incidents/*"}),
    ],
    rules.log_groups_may_use_the_key: [
        ("Key.KeyPolicy.Statement.3.Condition.ArnLike.kms:EncryptionContext:aws:logs:arn.0", DROP),
        ("Key.KeyPolicy.Statement.3.Condition.ArnLike.kms:EncryptionContext:aws:logs:arn.1", DROP),
        ("SweepSecurityGroupsLogs.LogGroupName", {"Fn::Sub": "/aws/states/${AWS::StackName}-sweeps"}),
    ],
    rules.two_stacks_fit_into_one_account: [
        ("Ledger.TableName", "redress-ledger"),
        ("JobsQueue.QueueName", "redress-jobs.fifo"),
        ("KillSwitch.Name", "/redress/kill-switch"),
        ("Outcomes.Name", "redress-outcomes"),
        ("WakeSchedules.Name", "redress-wakes"),
        ("Changes.Name", "redress-changes"),
        ("SweepSecurityGroups.StateMachineName", "sweep-security-groups"),
        ("SweepSecurityGroupsLogs.LogGroupName", "/aws/vendedlogs/states/sweep-security-groups"),
        ("SecurityGroupDashboard.DashboardName", "security-groups"),
        ("Reports.BucketName", {"Fn::Sub": "${AWS::StackName}-reports"}),
    ],
    rules.names_leave_room_for_that_of_the_stack: [
        ("WakeSchedules.Name", {"Fn::Sub": "${AWS::StackName}-schedules"}),
        ("JobsDeadLetters.QueueName", {"Fn::Sub": "${AWS::StackName}-dead-letters-of-jobs.fifo"}),
        ("SweepSecurityGroups.StateMachineName", {"Fn::Sub": "${AWS::StackName}-sweeps-of-security-groups"}),
    ],
    rules.allows_every_resource_only_with_a_reason: [
        (f"RemediatorRole.{STATEMENT}.5.Resource", "*"),
        (f"RemediatorRole.{STATEMENT}.6.Resource", "*"),
        (f"ScannerRole.{STATEMENT}.5.Resource", "*"),
        (f"SweepStatesRole.{STATEMENT}.0.Resource", "*"),
        (f"OnboarderRole.{STATEMENT}.6.Resource", "*"),
        (f"BaselineRole.{STATEMENT}.3.Resource", "*"),
        (f"IncidentRole.{STATEMENT}.3.Resource", "*"),
        (f"ReporterRole.{STATEMENT}.2.Resource", "*"),
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
        (f"ScannerRole.{STATEMENT}.3.Condition", DROP),
        (f"OnboarderRole.{STATEMENT}.5.Condition", DROP),
    ],
    rules.each_role_enters_accounts_by_the_one_that_is_for_it: [
        (f"ScannerRole.{STATEMENT}.3.Resource", {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${MemberRoleName}"}),
        (f"RemediatorRole.{STATEMENT}.5.Resource", {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${ReaderRoleName}"}),
        (f"SweeperRole.{STATEMENT}.1.Action", ["sqs:SendMessage", "sts:AssumeRole"]),
        (f"OnboarderRole.{STATEMENT}.5.Resource.1", DROP),
        (f"ReporterRole.{STATEMENT}.0.Action", ["sqs:ReceiveMessage", "sts:AssumeRole"]),
        (f"IncidentRole.{STATEMENT}.1.Action", ["sqs:SendMessage", "sts:AssumeRole"]),
        (
            f"BaselineRole.{STATEMENT}.3.Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${ManagementRoleName}"},
        ),
    ],
    rules.targets_are_reached_by_a_role_that_can_do_no_more: [
        ("ManualScanRule.Targets.0.RoleArn", DROP),
        ("ManualScanRule.Targets.0.RoleArn", {"Fn::GetAtt": "SweepStatesRole.Arn"}),
        ("SweepSecurityGroupsRule.Targets.0.Arn", {"Fn::GetAtt": "SgSweepScanner.Arn"}),
        (f"StartSweepsRole.{STATEMENT}.0.Resource", {"Fn::Sub": "arn:${AWS::Partition}:states:*:*:stateMachine:*"}),
        (f"StartSweepsRole.{STATEMENT}.0.Action", ["states:StartExecution", "states:StopExecution"]),
        ("StartSweepsRole.AssumeRolePolicyDocument.Statement.0.Principal.Service", "states.amazonaws.com"),
        ("ManualBaselineRule.Targets.0.RoleArn", {"Fn::GetAtt": "StartSweepsRole.Arn"}),
        ("OnboardOrganizationRule.Targets.0.Arn", {"Ref": "BaselineOrganization"}),
    ],
    rules.services_take_roles_only_for_this_account: [
        ("StartSweepsRole.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", DROP),
        ("StartSweepsRole.AssumeRolePolicyDocument.Statement.0.Condition.ArnLike", DROP),
        ("SweepStatesRole.AssumeRolePolicyDocument.Statement.0.Condition", DROP),
        (
            "SweepStatesRole.AssumeRolePolicyDocument.Statement.0.Condition.ArnLike.aws:SourceArn",
            "arn:aws:states:*:*:stateMachine:*",
        ),
    ],
    rules.only_the_organization_puts_events_on_a_bus: [
        ("ChangesPolicy.Statement.Condition", DROP),
        ("ChangesPolicy.Statement.Condition.StringEquals", {"aws:PrincipalOrgID": "o-other12345"}),
        ("ChangesPolicy.Statement.Action", ["events:PutEvents", "events:PutRule"]),
        ("ChangesPolicy.Statement.Resource", {"Fn::GetAtt": "Outcomes.Arn"}),
    ],
    rules.state_machines_may_do_what_their_states_ask_for_and_no_more: [
        (f"SweepStatesRole.{STATEMENT}.0.Resource", {"Fn::GetAtt": "CisRemediator.Arn"}),
        (f"SweepStatesRole.{STATEMENT}.1.Resource", {"Fn::Sub": "${Reports.Arn}/*"}),
        (f"SweepStatesRole.{STATEMENT}.1.Action", ["s3:GetObject", "s3:PutObject"]),
        (f"SweepStatesRole.{STATEMENT}.2.Condition", DROP),
        (f"SweepStatesRole.{STATEMENT}.3", DROP),
        (f"SweepStatesRole.{STATEMENT}.4.Resource.1", DROP),
        (DEFINITION, Replaced('"Label": "units"', '"Label": "accounts"')),
        (DEFINITION, Replaced("states:::s3:getObject", "states:::s3:listObjectsV2")),
        (DEFINITION, Replaced("states:::lambda:invoke", "states:::sns:publish")),
        (f"OnboardStatesRole.{STATEMENT}.4.Resource.2", DROP),
        (f"BaselineStatesRole.{STATEMENT}.1.Resource", {"Fn::Sub": "${Reports.Arn}/onboarding/sweeps/*"}),
        (BASELINE, Replaced("${AccountBaseline.Arn}", "${MemberOnboarder.Arn}")),
        (ONBOARDING, Replaced('"Label": "regions"', '"Label": "accounts"')),
    ],
    rules.the_onboarder_alone_administers_security_hub: [
        (f"OnboarderRole.{STATEMENT}.6.Action.0", DROP),
        (f"OnboarderRole.{STATEMENT}.6.Action.0", "securityhub:DisableSecurityHub"),
        (f"OnboarderRole.{STATEMENT}.6.Resource", {"Fn::Sub": "arn:${AWS::Partition}:securityhub:*:*:hub/default"}),
        (f"OnboarderRole.{STATEMENT}.8", DROP),
        (f"BaselineRole.{STATEMENT}.4.Action", "securityhub:UpdateOrganizationConfiguration"),
        (f"BaselineRole.{STATEMENT}.6.Action.0", "securityhub:ListMembers"),
        (f"SweeperRole.{STATEMENT}.3.Action.0", "securityhub:CreateMembers"),
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
        ("ChangesQueuePolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.1", DROP),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.8", DROP),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.13", DROP),
        ("OrganizationQueuePolicy.PolicyDocument.Statement.0.Condition", DROP),
        ("IncidentsQueuePolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.2", DROP),
        ("ReportsQueuePolicy.PolicyDocument.Statement.0.Principal", "*"),
        ("UndeliveredEventsPolicy.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.18", DROP),
    ],
    rules.services_in_key_and_topic_policies_act_for_this_account: [
        ("Key.KeyPolicy.Statement.2.Condition", DROP),
    ],
    rules.nothing_is_read_or_sent_without_tls: [
        ("VaultPolicy.PolicyDocument.Statement.0.Condition.Bool", {"aws:SecureTransport": "true"}),
        ("PolicyBucketPolicy.PolicyDocument.Statement.0.Resource", DROP),
        ("ReportsPolicy.PolicyDocument.Statement.0.Effect", "Allow"),
        ("ChangesDeadLettersPolicy.PolicyDocument.Statement.0", DROP),
        ("IncidentsDeadLettersPolicy.PolicyDocument.Statement.0", DROP),
        ("ReportsQueuePolicy.PolicyDocument.Statement.1", DROP),
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
        ("WebhookPolicy.Roles.2", DROP),
        ("WebhookPolicy.Roles.4", DROP),
        ("WebhookPolicy.Roles.5", DROP),
        (f"IncidentRole.{STATEMENT}.4", DROP),
        (f"ReporterRole.{STATEMENT}.7.Resource", {"Fn::Sub": "${Reports.Arn}/*"}),
        (f"OnboarderRole.{STATEMENT}.12", DROP),
        (f"ScannerRole.{STATEMENT}.6", DROP),
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
        ("Deployment.Value.Fn::Sub", Replaced('"reports_bucket"', '"report_bucket"')),
        ("Deployment.Value.Fn::Sub", Replaced("${SweepSecurityGroups}", "")),
    ],
    rules.every_state_is_reached_and_leads_somewhere: [
        (DEFINITION, Replaced('"Next": "ScanUnits"', '"Next": "Summarise"')),
        (DEFINITION, Replaced('"Next": "ScanUnits"', '"Next": "ScanUnit"')),
        (DEFINITION, Replaced('"Next": "UnitFailed"', '"Next": "Summarise"')),
        (DEFINITION, Replaced('"Next": "Summarise"', '"End": true')),
        (DEFINITION, Replaced('"Next": "Summarise"', '"Next": "ScanUnits"')),
        (DEFINITION, Replaced('"Result": 500,', '"Result": 500, "Next": "ScanUnit",')),
        (ONBOARDING, Replaced('"Next": "Regions"', '"Next": "Summarise"')),
        (BASELINE, Replaced('"Next": "AccountFailed"', '"Next": "Failed"')),
    ],
    rules.every_task_is_tried_again_and_ends: [
        (DEFINITION, Replaced('"TimeoutSeconds": 43200,', "")),
        (DEFINITION, Replaced('"TimeoutSeconds": 960,', "")),
        (DEFINITION, Replaced('"TimeoutSeconds": 960,', '"TimeoutSeconds": 300,')),
        (DEFINITION, Replaced('"Lambda.TooManyRequestsException"', '"Lambda.TooManyRequests"')),
        (DEFINITION, Replaced('"Lambda.SdkClientException"', '"States.Timeout"')),
        (DEFINITION, Replaced('"MaxAttempts": 4', '"MaxAttempts": 0')),
        (DEFINITION, Replaced('"BackoffRate": 2, "MaxDelaySeconds": 60, "MaxAttempts": 4', '"MaxAttempts": 4')),
        (DEFINITION, Replaced(', "JitterStrategy": "FULL"', "")),
        (ONBOARDING, Replaced('"TimeoutSeconds": 960,', "")),
        ("AccountBaseline.Timeout", 300),
    ],
    rules.a_unit_that_fails_ends_nothing: [
        (DEFINITION, Replaced('"ToleratedFailurePercentage": 100', '"ToleratedFailurePercentage": 10')),
        (DEFINITION, Replaced('"ErrorEquals": ["States.ALL"]', '"ErrorEquals": ["States.Timeout"]')),
        (ONBOARDING, Replaced('"ToleratedFailurePercentage": 100,', "")),
    ],
    rules.units_pass_on_no_more_than_a_number: [
        (DEFINITION, Replaced('"OutputPath": "$.StatusCode",', "")),
        (DEFINITION, Replaced('"Result": 500,', "")),
        (DEFINITION, Replaced('"ResultPath": null,', "")),
        (BASELINE, Replaced('"ResultPath": null,', "")),
    ],
    rules.sweeps_ask_for_no_more_functions_than_are_reserved: [
        (DEFINITION, Replaced('"MaxConcurrency": ${SweepConcurrency},', "")),
        ("SgSweepScanner.ReservedConcurrentExecutions", 5),
        (BASELINE, Replaced("${BaselineConcurrency}", "40")),
        ("MemberOnboarder.ReservedConcurrentExecutions", 10),
    ],
    rules.functions_of_one_binary_are_told_the_same: [
        ("SgSweepScanner.Environment.Variables.REDRESS_REGIONS", "us-east-1"),
        ("SgComplianceScanner.Environment.Variables.REDRESS_SG_POLICY_KEY", DROP),
    ],
    rules.functions_are_traced_and_bounded: [
        ("FindingRouter.ReservedConcurrentExecutions", DROP),
        ("SgSweepScanner.ReservedConcurrentExecutions", DROP),
    ],
    rules.logs_are_kept_for_a_while_and_not_for_ever: [
        ("FindingRouterLogs.RetentionInDays", DROP),
        ("FindingRouter.LoggingConfig", DROP),
        ("SweepSecurityGroupsLogs.RetentionInDays", DROP),
    ],
    rules.state_machines_are_traced_and_log_their_errors: [
        ("SweepSecurityGroups.TracingConfiguration", DROP),
        ("SweepSecurityGroups.LoggingConfiguration", DROP),
        ("SweepSecurityGroups.LoggingConfiguration.Level", "FATAL"),
        ("SweepSecurityGroups.LoggingConfiguration.Destinations", DROP),
        ("SweepSecurityGroupsLogs.LogGroupName", DROP),
    ],
    rules.every_alarm_tells_somebody: [
        ("SuspiciousFindingsAlarm.AlarmActions", DROP),
        ("RootUseAlarm.AlarmActions", DROP),
    ],
    rules.every_alarm_has_a_runbook: [
        ("RootUseAlarm.AlarmDescription", "Root changed something, or signed in."),
        ("RootUseAlarm.AlarmDescription", DROP),
        ("RootUseAlarm.AlarmDescription", "Runbook: docs/runbooks.md#rootusealarm"),
        ("JobsAgeAlarm.AlarmDescription", Replaced("#jobsagealarm", "#jobsalarm")),
        ("JobsAgeAlarm.AlarmDescription", Replaced("docs/runbooks.md", "docs/alarms.md")),
    ],
    rules.functions_that_come_near_their_timeout_raise_an_alarm: [
        ("IncidentResponderDurationAlarm.Threshold", 120000),
        ("ComplianceReporterDurationAlarm.Threshold", 100),
        ("CisRemediatorDurationAlarm.Statistic", "Average"),
        ("FindingRouterDurationAlarm.Dimensions.0.Value", {"Ref": "CisRemediator"}),
        ("AccountBaseline.Timeout", 600),
    ],
    rules.every_function_has_alarms_on_errors_and_throttles: [
        ("CisRemediatorErrorsAlarm.MetricName", "Throttles"),
        ("FindingSweeperThrottlesAlarm.Dimensions.0.Value", "Elsewhere"),
        ("SgSweepScannerErrorsAlarm.Dimensions.0.Value", {"Ref": "SgComplianceScanner"}),
        ("SgComplianceScannerThrottlesAlarm.MetricName", "Errors"),
        ("MemberOnboarderErrorsAlarm.Dimensions.0.Value", {"Ref": "AccountBaseline"}),
    ],
    rules.every_state_machine_has_alarms_on_failures_and_timeouts: [
        ("SweepFailuresAlarm.MetricName", "ExecutionsAborted"),
        ("SweepTimeoutsAlarm.Dimensions.0.Value", "Elsewhere"),
        ("OnboardingFailuresAlarm.Dimensions.0.Value", {"Ref": "BaselineOrganization"}),
    ],
    rules.alarms_of_our_own_metrics_name_one_that_exists: [
        ("SuspiciousFindingsAlarm.MetricName", "SuspiciousFinding"),
        ("KillSwitchAlarm.MetricName", "KillSwitch"),
        ("ComplianceViolationsAlarm.MetricName", "Violations"),
        ("MassOperationsAlarm.Namespace", "Redress"),
        ("ScanDurationAlarm.Namespace", "SecurityGroup"),
        ("CriticalViolationsAlarm.Dimensions", [{"Name": "Severity", "Value": "CRITICAL"}]),
        ("SweepFailuresAlarm.Dimensions.0.Value", {"Ref": "SgSweepScanner"}),
        ("ChangesAgeAlarm.Dimensions.0.Value", {"Ref": "ChangesQueue"}),
        ("RootUseAlarm.MetricName", "RootUses"),
        ("ReportFailuresAlarm.Namespace", "Redress/Incidents"),
        ("ScoringDurationAlarm.Dimensions", [{"Name": "Function", "Value": {"Ref": "IncidentResponder"}}]),
        ("IncidentResponderErrorsAlarm.MetricName", "Error"),
    ],
    rules.dashboards_show_what_exists: [
        (DASHBOARD, Replaced('"RemediationActions"', '"Remediations"')),
        (DASHBOARD, Replaced('["SecurityGroup/Compliance", "ScanDuration"]', '["Redress", "ScanDuration"]')),
        (DASHBOARD, Replaced('"UnreachableUnits"]', '"UnreachableUnits", "Region", "us-east-1"]')),
        (DASHBOARD, Replaced("${SgSweepScanner}", "SgSweep")),
        (DASHBOARD, Replaced("${ChangesQueue.QueueName}", "${ChangesQueue}")),
        (DASHBOARD, Replaced('"${SweepSecurityGroups}"', '"SweepSecurityGroups"')),
        (DASHBOARD, Replaced('"x": 16, "y": 12', '"x": 17, "y": 12')),
        (DASHBOARD, Replaced('"x": 16, "y": 12', '"x": 12, "y": 12')),
        (DASHBOARD, Replaced('"title": "Sweeps", ', "")),
        (DASHBOARD, Replaced('"region": "${AWS::Region}", ', "")),
        (DASHBOARD, Replaced('"widgets": [', '"widgets": [,')),
        (OPERATIONS, Replaced('"Outcome", "held"', '"Outcome", "stopped"')),
        (OPERATIONS, Replaced('"Outcome", "held"', '"Control", "held"')),
        (OPERATIONS, Replaced('"ConcurrentExecutions"', '"ConcurrentRuns"')),
        (OPERATIONS, Replaced('"Outcome", "held"', '"Outcome", "failed"')),
        ("IamPostureDashboard.DashboardBody.Fn::Sub", Replaced('"UsersWithoutMfa"', '"UsersWithoutMFA"')),
        ("SecurityPostureDashboard.DashboardBody.Fn::Sub", Replaced('"Redress/Report"', '"Redress/Reports"')),
    ],
    rules.everything_that_is_measured_is_shown: [
        ("OrganizationDashboard.DashboardBody.Fn::Sub", Replaced('"BaselineFailures"', '"BaselineGood"')),
        (DASHBOARD, Replaced('["SecurityGroup/Compliance", "MassOperationsDetected"]', '["AWS/Lambda", "Errors"]')),
        ("IamPostureDashboard.DashboardBody.Fn::Sub", Replaced('"OldAccessKeys"', '"UsersWithoutMfa"')),
        (OPERATIONS, Replaced('["Redress", "RejectedEvents"],', "")),
    ],
    rules.every_function_queue_and_outcome_is_on_the_dashboard_of_operations: [
        (OPERATIONS, Replaced('["Redress", "Outcomes", "Outcome", "put-back"],', "")),
        (OPERATIONS, Replaced("${IncidentResponder}", "${FindingRouter}")),
        (OPERATIONS, Replaced("${ReportsDeadLetters.QueueName}", "${UndeliveredEvents.QueueName}")),
        (OPERATIONS, Replaced("${IncidentsQueue.QueueName}", "${ReportsQueue.QueueName}")),
        (OPERATIONS, Replaced("${BaselineOrganization}", "${OnboardOrganization}")),
    ],
    rules.patterns_leave_room: [
        ("ImportedFindingsRule.EventPattern.source", ["aws.securityhub" * 200]),
    ],
    rules.what_undo_needs_survives_the_stack: [
        ("Key.DeletionPolicy", DROP),
        ("Ledger.UpdateReplacePolicy", DROP),
        ("Vault.DeletionPolicy", DROP),
        ("PolicyBucket.DeletionPolicy", DROP),
        ("Reports.UpdateReplacePolicy", DROP),
    ],
}
# And in that of a member's regions.
MISTAKES_IN_REGIONS: dict[Rule, list[tuple[str, Any]]] = {
    rules.every_rule_target_has_dead_letters_and_retries: [
        ("SendChangesRule.Targets.0.RetryPolicy", DROP),
        ("SendIncidentEventsRule.Targets.0.RetryPolicy", DROP),
    ],
    rules.patterns_leave_room: [
        ("SendChangesRule.EventPattern.source", ["aws.ec2" * 400]),
    ],
    rules.two_stacks_fit_into_one_account: [
        ("SendChangesRole.RoleName", "redress-send-changes"),
        ("SendChangesRule.Name", "redress-send-changes"),
    ],
    rules.allows_every_resource_only_with_a_reason: [
        (f"SendChangesRole.{STATEMENT}.0.Resource", "*"),
    ],
    rules.allows_no_wildcard_actions: [
        (f"SendChangesRole.{STATEMENT}.0.Action", "events:*"),
    ],
    rules.nobody_is_an_administrator: [
        ("SendChangesRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/PowerUserAccess"]),
    ],
    rules.targets_are_reached_by_a_role_that_can_do_no_more: [
        ("SendChangesRule.Targets.0.RoleArn", DROP),
        ("SendIncidentEventsRule.Targets.0.RoleArn", DROP),
        ("SendChangesRule.Targets.0.Arn", {"Fn::Sub": "arn:${AWS::Partition}:events:*:*:event-bus/*"}),
        (f"SendChangesRole.{STATEMENT}.0.Action", ["events:PutEvents", "events:PutRule"]),
        (f"SendChangesRole.{STATEMENT}.0.Resource", {"Fn::Sub": "arn:${AWS::Partition}:events:*:*:event-bus/*"}),
    ],
    rules.services_take_roles_only_for_this_account: [
        ("SendChangesRole.AssumeRolePolicyDocument.Statement.0.Condition", DROP),
        ("SendChangesRole.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", DROP),
    ],
    rules.services_in_key_and_topic_policies_act_for_this_account: [
        ("OwnersKey.KeyPolicy.Statement.1.Condition", DROP),
    ],
    rules.everything_stored_is_encrypted_with_the_key: [
        ("Owners.KmsMasterKeyId", "alias/aws/sns"),
    ],
    rules.keys_rotate: [
        ("OwnersKey.EnableKeyRotation", DROP),
    ],
    rules.nothing_is_read_or_sent_without_tls: [
        ("OwnersPolicy.PolicyDocument.Statement.1", DROP),
    ],
    rules.owners_hear_of_their_own_account_alone: [
        ("OwnersRule.EventPattern.detail.findings.AwsAccountId", DROP),
        ("OwnersRule.EventPattern.detail.findings.Region", DROP),
        ("OwnersRule.EventPattern.detail.findings.RecordState", DROP),
        ("OwnersRule.EventPattern.detail.findings.Severity.Label", ["CRITICAL"]),
        ("OwnersRule.EventPattern.detail.findings.Workflow", DROP),
    ],
}
SET = "MemberRole.OperationPreferences"
# In that of the management account,
MISTAKES_IN_THE_ORGANIZATION: dict[Rule, list[tuple[str, Any]]] = {
    rules.every_rule_target_has_dead_letters_and_retries: [
        ("SendOrganizationChangesRule.Targets.0.DeadLetterConfig", DROP),
        ("SendOrganizationChangesRule.Targets.0.RetryPolicy", DROP),
    ],
    rules.dead_letters_are_kept_for_two_weeks: [
        ("UndeliveredChanges.MessageRetentionPeriod", DROP),
    ],
    rules.patterns_leave_room: [
        ("SendOrganizationChangesRule.EventPattern.source", ["aws.organizations" * 200]),
    ],
    rules.what_is_queued_is_encrypted: [
        ("UndeliveredChanges.SqsManagedSseEnabled", False),
    ],
    rules.nothing_is_read_or_sent_without_tls: [
        ("UndeliveredChangesPolicy.PolicyDocument.Statement.1", DROP),
    ],
    rules.only_the_rules_of_the_stack_send_to_a_queue: [
        ("UndeliveredChangesPolicy.PolicyDocument.Statement.0.Condition", DROP),
        ("UndeliveredChangesPolicy.PolicyDocument.Statement.0", DROP),
    ],
    rules.allows_every_resource_only_with_a_reason: [
        (f"SendOrganizationChangesRole.{STATEMENT}.0.Resource", "*"),
    ],
    rules.allows_no_wildcard_actions: [
        (f"SendOrganizationChangesRole.{STATEMENT}.0.Action", "events:*"),
    ],
    rules.nobody_is_an_administrator: [
        ("SendOrganizationChangesRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ],
    rules.targets_are_reached_by_a_role_that_can_do_no_more: [
        ("SendOrganizationChangesRule.Targets.0.RoleArn", DROP),
        (f"SendOrganizationChangesRole.{STATEMENT}.0.Action", ["events:PutEvents", "events:PutRule"]),
    ],
    rules.services_take_roles_only_for_this_account: [
        ("SendOrganizationChangesRole.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", DROP),
    ],
    rules.stack_sets_reach_every_account_whatever_one_of_them_does: [
        (SET, DROP),
        (f"{SET}.FailureTolerancePercentage", 0),
        (f"{SET}.RegionConcurrencyType", "SEQUENTIAL"),
        ("MemberRole.PermissionModel", "SELF_MANAGED"),
        ("MemberRegion.CallAs", "DELEGATED_ADMIN"),
        ("MemberRegion.AutoDeployment.Enabled", False),
        ("MemberRegion.StackInstancesGroup.0.DeploymentTargets.OrganizationalUnitIds", ["ou-a1b2-c3d4e5f6"]),
    ],
    rules.roles_are_deployed_in_one_region: [
        ("MemberRole.StackInstancesGroup.0.Regions", {"Ref": "Regions"}),
    ],
    rules.templates_are_given_what_they_ask_for: [
        ("MemberRole.Parameters.2", DROP),
        ("MemberRole.Parameters.4.ParameterKey", "RoleName"),
        ("MemberRole.Parameters.3.ParameterValue", {"Ref": "OnboarderRoleArn"}),
        ("MemberRegion.TemplateURL", {"Fn::Sub": "${TemplatesUrl}/member-regions.yaml"}),
        ("ManagementRole.Parameters.OnboarderRoleArn", DROP),
        ("OwnMemberRole.Parameters.ExternalId", {"Ref": "OrganizationId"}),
    ],
    rules.what_is_delegated_stays_when_the_stack_goes: [
        ("SecurityHubAdministrator.DeletionPolicy", DROP),
    ],
}
# of the products,
MISTAKES_IN_PRODUCTS: dict[Rule, list[tuple[str, Any]]] = {
    rules.stack_sets_reach_every_account_whatever_one_of_them_does: [
        ("LaunchRole.OperationPreferences.FailureTolerancePercentage", 10),
    ],
    rules.roles_are_deployed_in_one_region: [
        ("LaunchRole.StackInstancesGroup.0.Regions", ["us-east-1", "eu-west-1"]),
    ],
    rules.templates_are_given_what_they_ask_for: [
        ("OwnLaunchRole.Parameters.MemberRoleName", {"Ref": "ReaderRoleName"}),
    ],
    rules.products_are_launched_by_the_role_that_is_deployed: [
        ("MemberRoleLaunch.LocalRoleName", "Administrator"),
        ("MemberRegionLaunch.ProductId", {"Ref": "MemberRoleProduct"}),
    ],
    rules.products_are_the_templates_of_a_version: [
        ("MemberRoleProduct.ProvisioningArtifactParameters.0.Name", "v2"),
        ("MemberRoleProduct.ProvisioningArtifactParameters.1", DROP),
        (
            "MemberRegionProduct.ProvisioningArtifactParameters.0.Info.LoadTemplateFromURL",
            {"Fn::Sub": "${PreviousTemplatesUrl}/member-region.yaml"},
        ),
    ],
}
# and of what launches them.
MISTAKES_IN_LAUNCHES: dict[Rule, list[tuple[str, Any]]] = {
    rules.allows_every_resource_only_with_a_reason: [
        (f"LaunchRole.{STATEMENT}.3.Resource", "*"),
    ],
    rules.allows_no_wildcard_actions: [
        (f"LaunchRole.{STATEMENT}.8.Action", ["events:*"]),
    ],
    rules.nobody_is_an_administrator: [
        ("LaunchRole.ManagedPolicyArns", ["arn:aws:iam::aws:policy/IAMFullAccess"]),
    ],
    rules.what_launches_products_makes_nothing_else: [
        ("LaunchRole.AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}),
        (f"LaunchRole.{STATEMENT}.3.Resource.3", {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"}),
        (f"LaunchRole.{STATEMENT}.5.Condition", DROP),
        (f"LaunchRole.{STATEMENT}.6.Condition", DROP),
        (f"LaunchRole.{STATEMENT}.13.Condition", DROP),
    ],
}
# The management role is generated; what a person may plant there is a statement more.
MISTAKES_IN_MANAGEMENT: dict[Rule, list[tuple[str, Any]]] = {
    rules.allows_no_wildcard_actions: [
        ("Writes.PolicyDocument.Statement.1.Action", ["organizations:*"]),
    ],
    rules.nobody_is_an_administrator: [
        ("Role.ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ],
    rules.members_trust_one_role_by_external_id_and_organization: [
        ("Role.AssumeRolePolicyDocument.Statement.0.Condition", DROP),
        ("Role.AssumeRolePolicyDocument.Statement.0.Principal.AWS", "*"),
    ],
    rules.members_can_be_made_an_administrator_by_nobody: [
        ("Writes.PolicyDocument.Statement.1.Action", ["iam:PutRolePolicy"]),
    ],
    rules.the_management_role_acts_on_no_resource_of_the_account: [
        ("Writes.PolicyDocument.Statement.1.Action", ["s3:PutBucketPolicy"]),
        ("Writes.PolicyDocument.Statement.0.Condition", DROP),
    ],
    rules.managed_policies_fit: [
        ("Writes.PolicyDocument.Statement.1.Action", [f"organizations:Describe{n:04}" for n in range(500)]),
    ],
}

# What is planted where, and the rules of which each is to be seen to fail.
SHELF = {
    SUITE: (MISTAKES, rules.SUITE_RULES),
    MEMBER_REGION: (MISTAKES_IN_REGIONS, rules.MEMBER_REGION_RULES),
    ORGANIZATION: (MISTAKES_IN_THE_ORGANIZATION, rules.ORGANIZATION_RULES),
    SERVICE_CATALOG: (MISTAKES_IN_PRODUCTS, rules.SERVICE_CATALOG_RULES),
    LAUNCH_ROLE: (MISTAKES_IN_LAUNCHES, rules.LAUNCH_ROLE_RULES),
    MANAGEMENT_ROLE: (MISTAKES_IN_MANAGEMENT, rules.MANAGEMENT_ROLE_RULES),
}
PLANTED = [
    (file, rule, path, value)
    for file, (mistakes, _) in SHELF.items()
    for rule, planted in mistakes.items()
    for path, value in planted
]


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
    elif isinstance(value, Replaced):
        assert value.old in parent[last]
        parent[last] = parent[last].replace(value.old, value.new)
    else:
        parent[last] = value


@pytest.mark.parametrize(("file", "rule", "path", "value"), PLANTED, ids=[f"{f.stem}-{p}" for f, _, p, _ in PLANTED])
def test_a_planted_mistake_is_caught(file: Path, rule: Rule, path: str, value: Any) -> None:
    template = read(file)
    plant(template, path, value)
    assert list(rule(Stack.of(template))), f"{rule.__name__} does not see it"


@pytest.mark.parametrize("file", SHELF, ids=lambda file: file.stem)
def test_every_rule_is_seen_to_fail(file: Path) -> None:
    mistakes, house_rules = SHELF[file]
    assert set(mistakes) == set(house_rules)


def test_without_dead_letters_is_only_what_says_why() -> None:
    assert rules.WITHOUT_DEAD_LETTERS.keys() <= dict(Stack.of(read(MEMBER_REGION)).of_type("AWS::Events::Rule")).keys()


def test_an_action_that_does_not_exist_is_caught() -> None:
    template = read(SUITE)
    plant(template, f"RemediatorRole.{STATEMENT}.3.Action", "securityhub:BatchUpdateFinding")
    documents = [d for owner, _, d in policies.documents(Stack.of(template)) if owner == "RemediatorRole"]
    assert any("BatchUpdateFinding" in c for d in documents for c in policies.complaints(d))


TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Ref": "RemediationRoleArns"}},
    "Action": "sts:AssumeRole",
    "Condition": {
        "StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}, "aws:PrincipalOrgID": {"Ref": "OrganizationId"}}
    },
}


def member_role(trust: Template, allowed: Template, name: str = "Role") -> Stack:
    return Stack.of(
        {
            "Parameters": {key: {} for key in ("ScannerRoleArn", "ExternalId", "OrganizationId")}
            | {"RemediationRoleArns": {"Type": "CommaDelimitedList"}},
            "Resources": {
                name: {
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


def test_the_roles_of_a_member_trust_one_each_and_not_that_of_the_other() -> None:
    rule = rules.members_trust_one_role_by_external_id_and_organization
    for role, parameter, caught in (
        ("Role", "ScannerRoleArn", True),
        ("ReaderRole", "RemediationRoleArns", True),
        ("ReaderRole", "ScannerRoleArn", False),
        ("OtherRole", "ScannerRoleArn", True),
    ):
        trust = TRUST | {"Principal": {"AWS": {"Ref": parameter}}}
        stack = member_role(trust, {"Action": ["ec2:DescribeVpcs"], "Resource": "*"}, role)
        assert bool(list(rule(stack))) is caught, f"{role} trusts {parameter}"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:RevokeSecurityGroupIngress", "*"),
        ("ec2:CreateTags", "*"),
        ("securityhub:BatchUpdateFindings", "*"),
        ("securityhub:BatchImportFindings", "*"),
        ("sts:AssumeRole", "*"),
        ("ec2:*", "*"),
    ],
)
def test_a_reader_that_changes_something_is_caught(action: str, resource: str) -> None:
    reads = {"Action": ["ec2:DescribeSecurityGroups", "tag:GetResources"], "Resource": "*"}
    assert not list(rules.the_reader_changes_nothing(member_role(TRUST, reads, "ReaderRole")))
    allowed = {"Action": [action], "Resource": resource}
    assert list(rules.the_reader_changes_nothing(member_role(TRUST, allowed, "ReaderRole")))


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
