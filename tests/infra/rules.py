"""The house rules. Each is named after what holds, and yields a sentence for every place where it does not."""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import combinations

import patterns
from machines import leads_to, levels, machines, reached
from policies import as_list, documents, granted_to, statements
from stack import ACCOUNT, INFRA, PARAMETERS, PSEUDO_PARAMETERS, REGION, ROOT, Stack, Template, arn_of, read

Rule = Callable[[Stack], Iterator[str]]

TWO_WEEKS = 14 * 24 * 3600

# Where `Allow` may say `Resource: "*"`, and why.
EVERY_RESOURCE = {
    "RouterRole.Trace": "X-Ray has no resources to name",
    "RemediatorRole.Trace": "X-Ray has no resources to name",
    "SweeperRole.Trace": "X-Ray has no resources to name",
    "ScannerRole.Trace": "X-Ray has no resources to name",
    "OnboarderRole.Trace": "X-Ray has no resources to name",
    "BaselineRole.Trace": "X-Ray has no resources to name",
    "IncidentRole.Trace": "X-Ray has no resources to name",
    "ReporterRole.Trace": "X-Ray has no resources to name",
    "ScannerRole.ListAccountsAndRegions": "lists of everything have no resources to name",
    "OnboarderRole.ReadOrganization": "lists of everything have no resources to name",
    "BaselineRole.ReadOrganization": "lists of everything have no resources to name",
    "ReporterRole.ListAccounts": "lists of everything have no resources to name",
    "BaselineRole.AskForAssociations": "lists of everything have no resources to name",
    "OnboarderRole.MakeFindingAggregators": "an aggregator has no name before it is made, and lists have none",
    "SweepStatesRole.Trace": "X-Ray has no resources to name",
    "SweepStatesRole.DeliverLogs": "deliveries of logs have no resources to name before they are made",
    "OnboardStatesRole.Trace": "X-Ray has no resources to name",
    "OnboardStatesRole.DeliverLogs": "deliveries of logs have no resources to name before they are made",
    "BaselineStatesRole.Trace": "X-Ray has no resources to name",
    "BaselineStatesRole.DeliverLogs": "deliveries of logs have no resources to name before they are made",
    "Key.AccountDecidesByIam": "in a key policy it means this key",
    "Key.EventsSendToQueues": "in a key policy it means this key",
    "Key.AlarmsPublish": "in a key policy it means this key",
    "Key.LogGroupsOfThisStack": "in a key policy it means this key",
    "OwnersKey.AccountDecidesByIam": "in a key policy it means this key",
    "OwnersKey.EventsPublish": "in a key policy it means this key",
    "LaunchRole.ReadProducts": "Service Catalog keeps its copies where it says by a tag of theirs only",
    "LaunchRole.LookAtTemplates": "a template that is not deployed yet has no resource to name",
    "LaunchRole.Record": "recorders and delivery channels of AWS Config have no resources to name",
    "LaunchRole.EndSubscriptions": "IAM knows no resource of it",
    "LaunchRole.MakeKeys": "a key has no name before it is made; its tag is asked for",
}
# Where `Allow` may use a wildcard in an action, and why.
EVERY_ACTION = {
    "Key.AccountDecidesByIam": "AWS's way to leave a key to IAM policies, without which it can become unmanageable",
    "OwnersKey.AccountDecidesByIam": "as of the suite's key",
}
# Which policies of topics let in EventBridge without a condition, and why.
WITHOUT_CONDITIONS = {
    "OwnersPolicy.EventsPublish": "EventBridge takes no conditions there; the key is for topics of the account only",
}
# A member role could make itself, or somebody else, an administrator by these, or destroy what cannot be restored.
NEVER_IN_MEMBER_ACCOUNTS = {
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "ec2:TerminateInstances",
    "iam:AddUserToGroup",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:CreateUser",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "rds:DeleteDBCluster",
    "rds:DeleteDBInstance",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "sts:AssumeRole",
}
# What of that the settings need all the same, each on these resources or under this condition only, and why.
NEEDED_IN_MEMBER_ACCOUNTS = {
    "cloudtrail:DeleteTrail": ("trail/redress", "undo of CloudTrail.1 deletes the trail that it made, and no other"),
    "cloudtrail:StopLogging": (":trail/*", "undo of CloudTrail.1 leaves a trail as it was found"),
    "iam:AddUserToGroup": ("group/redress/*", "IAM.2 gives a user its policies by a group of its own"),
    "iam:AttachGroupPolicy": ("group/redress/*", "IAM.2 gives the group what the user has"),
    "iam:PutGroupPolicy": ("group/redress/*", "IAM.2 gives the group what the user has"),
    "iam:AttachUserPolicy": (":user/*", "undo of IAM.2 gives the user back what it had"),
    "iam:PutUserPolicy": (":user/*", "undo of IAM.2 gives the user back what it had"),
    "iam:PassRole": ("iam:PassedToService", "flow logs, Config and restored databases take roles"),
    "rds:DeleteDBInstance": ("-redress-", "RDS.3 deletes what it made itself, and after approval the original"),
}
ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
# What our functions measure, by namespace. The code has the same names (crates/lambda/src/metrics.rs).
METRICS = {
    "Redress": {
        "BrokenPolicy",
        "FalseSuccesses",
        "Outcomes",
        "RejectedEvents",
        "StoppedByKillSwitch",
        "SuspiciousFindings",
    },
    "SecurityGroup/Compliance": {
        "ComplianceViolations",
        "CriticalViolationsFound",
        "EmergencyRemediationsPerformed",
        "MassOperationsDetected",
        "RealTimeScanDuration",
        "RemediationActions",
        "ScanDuration",
        "UnreachableUnits",
    },
    "Redress/Organization": {"BaselineDrift", "BaselineFailures", "BaselineGood", "NotOnboarded", "Onboarded"},
    "Redress/Incidents": {
        "CloudTrailStopped",
        "ConsoleLoginsWithoutMfa",
        "EventsScored",
        "HighScores",
        "IamViolations",
        "IncidentsAwaitingApproval",
        "IncidentsContained",
        "IncidentsOpened",
        "ResponsesFailed",
        "RootUse",
        "ScoringDuration",
        "ScoringFailures",
    },
    "Redress/Report": {
        "FailedControls",
        "NotAssessed",
        "OldAccessKeys",
        "OpenIncidents",
        "PassedControls",
        "ReportFailures",
        "RolesAssumed",
        "RootUses",
        "UsersWithoutMfa",
    },
}
# What AWS measures of what is of a stack, and by which dimension it is asked for.
MEASURED_BY_AWS = {
    "AWS/Lambda": ("FunctionName", {"ConcurrentExecutions", "Duration", "Errors", "Throttles"}),
    "AWS/SQS": ("QueueName", {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
    "AWS/States": ("StateMachineArn", {"ExecutionsFailed", "ExecutionsSucceeded", "ExecutionsTimedOut"}),
}
# What becomes of a job (crates/model/src/outcome.rs): the values of the one dimension of ours.
OUTCOMES = {
    "absent",
    "compliant",
    "deferred",
    "exempt",
    "failed",
    "held",
    "in-progress",
    "needs-approval",
    "needs-person",
    "planned",
    "put-back",
    "remediated",
    "undone",
}
# Where every alarm has a section of its own.
RUNBOOKS = "docs/runbooks.md"
# How much of its time a function may need before somebody is told, in hundredths.
NEAR_THE_TIMEOUT = range(75, 95)
# How long the evidence of an incident is kept: two years.
EVIDENCE_DAYS = 730
# Whose targets may refuse for good, and why.
WITHOUT_DEAD_LETTERS = {
    "SendChangesRule": "a queue would be in every account and region, watched by nobody; the sweep finds what was lost",
    "SendIncidentEventsRule": "as of the changes; what is lost is in the trail",
    "OwnersRule": "as of the changes; what is not told is in Security Hub all the same",
}
# What a role of EventBridge is to be allowed on its target, by the target's service. Queues let it in by their policies.
ASKED_OF_TARGETS = {"events": "events:PutEvents", "states": "states:StartExecution"}
# By which roles our own enter other accounts.
ENTERED_BY = {
    "RemediatorRole": ["MemberRoleName"],
    "ScannerRole": ["ReaderRoleName"],
    "OnboarderRole": ["MemberRoleName", "ManagementRoleName"],
    "BaselineRole": ["MemberRoleName"],
}
# What the administrator of Security Hub does of it, by its onboarder and nobody else of the suite.
ADMINISTERS = {
    "CreateFindingAggregator",
    "CreateMembers",
    "DeleteFindingAggregator",
    "DescribeOrganizationConfiguration",
    "GetFindingAggregator",
    "ListConfigurationPolicyAssociations",
    "ListFindingAggregators",
    "ListMembers",
    "UpdateFindingAggregator",
    "UpdateOrganizationConfiguration",
}
# What others ask of it, and why.
ASKS_OF_HUB = {
    "BaselineRole.AskWhoGoverns": "what is governed centrally is not the baseline's to change",
    "BaselineRole.AskForAssociations": "what is governed centrally is not the baseline's to change",
}
# The service integrations that states use. Others want actions of their own in the role of the state machine.
INVOKE, READ_OBJECT = "arn:aws:states:::lambda:invoke", "arn:aws:states:::s3:getObject"
# Where the lists are that each state machine works off.
LISTS = {
    "SweepSecurityGroups": "arn:aws:s3:::Reports/security-groups/sweeps/*",
    "OnboardOrganization": "arn:aws:s3:::Reports/onboarding/sweeps/*",
    "BaselineOrganization": "arn:aws:s3:::Reports/baseline/sweeps/*",
}
# Under this prefix the account's policy of log deliveries has one entry for all.
DELIVERED_LOGS = "/aws/vendedlogs/states/"
# How wide a dashboard is.
COLUMNS = 24
# What has a name of its own, by its type; it is named after the stack, so that two stacks do not meet.
NAMED = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Events::EventBus": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
# How long such a name may be, and how long a name of a stack is to fit in all of them.
LONGEST_NAMES = {
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::Events::EventBus": 256,
    "AWS::Logs::LogGroup": 512,
    "AWS::SQS::Queue": 80,
    "AWS::Scheduler::ScheduleGroup": 64,
    "AWS::StepFunctions::StateMachine": 80,
}
LONGEST_STACK_NAME = 57
EVENTS = "events.amazonaws.com"
SCHEDULER = "scheduler.amazonaws.com"
STATES = "states.amazonaws.com"
# What there is once in an account and region, and why.
ONCE = {
    "PlanAction": "people choose it by its id",
    "RemediateAction": "people choose it by its id",
    "ApproveAction": "people choose it by its id",
    "ExemptAction": "people choose it by its id",
    "UndoAction": "people choose it by its id",
    "Deployment": "the operator's command starts there, knowing nothing yet",
    "Recorder": "a region has one",
    "DeliveryChannel": "a region has one",
}
# What the operator's command reads in the parameter `Deployment`; those marked may be empty.
DEPLOYMENT = {
    "stack": True,
    "ledger_table": True,
    "vault_bucket": True,
    "jobs_queue_url": True,
    "sweep_queue_url": True,
    "incidents_queue_url": True,
    "reports_queue_url": True,
    "policy_bucket": True,
    "policy_key": False,
    "kill_switch": True,
    "topic_arn": True,
    "bus": True,
    "member_role_name": True,
    "remediator_role_arn": True,
    "webhook_parameter": False,
    "modes": True,
    "sources": True,
    "reports_bucket": True,
    "sg_policy_key": False,
    "regions": False,
    "reader_role_name": True,
    "state_machine_arn": True,
}


# ------------------------------------------------------------------ delivery


def every_consumed_queue_has_dead_letters(stack: Stack) -> Iterator[str]:
    queues = dict(stack.of_type("AWS::SQS::Queue"))
    for mapping, properties in stack.of_type("AWS::Lambda::EventSourceMapping"):
        source = stack.named_by(properties["EventSourceArn"], "AWS::SQS::Queue")
        if source is None:
            yield f"{mapping} reads a queue that is not of this stack"
            continue
        target = queues[source].get("RedrivePolicy", {}).get("deadLetterTargetArn", "")
        dead_letters = queues.get(stack.named_by(target, "AWS::SQS::Queue"))
        if dead_letters is None:
            yield f"{source} has no dead-letter queue"
        elif queues[source].get("FifoQueue") != dead_letters.get("FifoQueue"):
            yield f"{source} and its dead-letter queue are not of one kind"


def every_rule_target_has_dead_letters_and_retries(stack: Stack) -> Iterator[str]:
    for rule, properties in stack.of_type("AWS::Events::Rule"):
        for target in properties["Targets"]:
            dead_letters = target.get("DeadLetterConfig", {}).get("Arn", "")
            if rule not in WITHOUT_DEAD_LETTERS and not stack.named_by(dead_letters, "AWS::SQS::Queue"):
                yield f"{rule} loses events that its target {target['Id']} refuses"
            if not target.get("RetryPolicy", {}).get("MaximumRetryAttempts"):
                yield f"{rule} does not retry its target {target['Id']}"


def dead_letters_are_kept_for_two_weeks(stack: Stack) -> Iterator[str]:
    queues = dict(stack.of_type("AWS::SQS::Queue"))
    for name in sorted(_dead_letter_queues(stack)):
        if queues[name].get("MessageRetentionPeriod") != TWO_WEEKS:
            yield f"{name} keeps its messages for less than two weeks"


def dead_letters_raise_an_alarm(stack: Stack) -> Iterator[str]:
    watched = _watched(stack, "ApproximateNumberOfMessagesVisible")
    for name in sorted(_dead_letter_queues(stack) - watched):
        yield f"{name} fills in silence"


def messages_that_wait_raise_an_alarm(stack: Stack) -> Iterator[str]:
    watched = _watched(stack, "ApproximateAgeOfOldestMessage")
    for source, _ in _consumers(stack):
        if source not in watched:
            yield f"{source} waits in silence"


def queues_that_fill_raise_an_alarm(stack: Stack) -> Iterator[str]:
    watched = _watched(stack, "ApproximateNumberOfMessagesVisible")
    for source, _ in _consumers(stack):
        if source not in watched:
            yield f"{source} fills in silence"


def visibility_is_at_least_six_times_the_timeout(stack: Stack) -> Iterator[str]:
    queues = dict(stack.of_type("AWS::SQS::Queue"))
    for source, function in _consumers(stack):
        needed = 6 * function["Timeout"]
        if (visible := queues[source].get("VisibilityTimeout", 30)) < needed:
            yield f"{source} shows its messages again after {visible} s, not {needed}"


def consumers_report_the_messages_that_failed(stack: Stack) -> Iterator[str]:
    for mapping, properties in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping} repeats a whole batch for one failure"


def consumers_stay_within_their_reserved_concurrency(stack: Stack) -> Iterator[str]:
    functions = dict(stack.of_type("AWS::Lambda::Function"))
    for mapping, properties in stack.of_type("AWS::Lambda::EventSourceMapping"):
        most = properties.get("ScalingConfig", {}).get("MaximumConcurrency", 1000)
        reserved = functions[properties["FunctionName"]].get("ReservedConcurrentExecutions", 0)
        if most > reserved:
            yield f"{mapping} runs up to {most} at once, where {reserved} are reserved"


def the_remediator_knows_how_often_a_job_is_received(stack: Stack) -> Iterator[str]:
    told = stack.resources["CisRemediator"]["Properties"]["Environment"]["Variables"].get("REDRESS_MAX_RECEIVES")
    received = stack.resources["JobsQueue"]["Properties"].get("RedrivePolicy", {}).get("maxReceiveCount")
    if told != str(received):
        yield f"REDRESS_MAX_RECEIVES is {told}, the jobs queue's maxReceiveCount {received}"


def every_event_reaches_its_rule_and_no_other(stack: Stack) -> Iterator[str]:
    for path in patterns.fixtures():
        expected = patterns.expected(path)
        reached = patterns.reached(stack, patterns.event(path))
        if reached != expected:
            yield f"{path.parent.name}/{path.name} reaches {reached or 'no rule'}, not {expected or 'none'}"


def a_finding_that_passed_reaches_its_rule_only_if_it_is_open(stack: Stack) -> Iterator[str]:
    for outcome in (*patterns.OPEN, *patterns.SETTLED, None):
        expected = {"ImportedFindingsRule"} if outcome in patterns.OPEN else set()
        if (reached := patterns.reached(stack, patterns.passed(outcome))) != expected:
            yield f"a finding that passed after {outcome} reaches {reached or 'no rule'}, not {expected or 'none'}"


def rules_wait_where_their_events_arrive(stack: Stack) -> Iterator[str]:
    properties = dict(stack.of_type("AWS::Events::Rule"))
    for folder, names in patterns.REACHES.items():
        for rule in sorted(names):
            expected = patterns.OWN.get(rule, patterns.BUSES.get(folder, "default"))
            if (bus := properties[rule].get("EventBusName", "default")) != expected:
                yield f"{rule} waits on the bus {bus}, and the events of {folder} arrive on {expected}"


def patterns_leave_room(stack: Stack) -> Iterator[str]:
    """2048 characters, which every console and quota takes."""
    for rule, pattern in patterns.patterns(stack):
        if (size := len(json.dumps(pattern))) > 2048:
            yield f"the pattern of {rule} has {size} characters"


# ------------------------------------------------------------------- storage


def everything_stored_is_encrypted_with_the_key(stack: Stack) -> Iterator[str]:
    keys = {name for key, _ in stack.of_type("AWS::KMS::Key") for name in (key, arn_of("AWS::KMS::Key", key))}
    for name, resource in stack.resources.items():
        used = _encryption_key(resource["Type"], resource.get("Properties", {}))
        if used != "nothing stored" and used not in keys:
            yield f"{name} is not encrypted with the key of the stack"


def keys_rotate(stack: Stack) -> Iterator[str]:
    for name, key in stack.of_type("AWS::KMS::Key"):
        if key.get("EnableKeyRotation") is not True:
            yield f"{name} does not rotate"


def what_undo_needs_survives_the_stack(stack: Stack) -> Iterator[str]:
    for name, resource in stack.resources.items():
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"):
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                if resource.get(policy) != "Retain":
                    yield f"{name} has no {policy}: Retain"


def tables_can_be_restored(stack: Stack) -> Iterator[str]:
    for name, table in stack.of_type("AWS::DynamoDB::Table"):
        if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name} has no point-in-time recovery"
        if not table.get("DeletionProtectionEnabled"):
            yield f"{name} may be deleted"


def buckets_are_private_and_versioned(stack: Stack) -> Iterator[str]:
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    for name, bucket in stack.of_type("AWS::S3::Bucket"):
        for block in blocks:
            if bucket.get("PublicAccessBlockConfiguration", {}).get(block) is not True:
                yield f"{name} does not say {block}"
        if bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{name} keeps no versions"
        ownership = bucket.get("OwnershipControls", {}).get("Rules", [])
        if [r["ObjectOwnership"] for r in ownership] != ["BucketOwnerEnforced"]:
            yield f"{name} still has access control lists"


def reports_are_kept_for_a_year_and_not_for_ever(stack: Stack) -> Iterator[str]:
    """Each kind by a rule of its own, since the shortest of several wins. The evidence of incidents is kept for two."""
    own = [r for r in stack.resources["Reports"]["Properties"]["LifecycleConfiguration"]["Rules"] if _expires(r)]
    written = {
        resource.removeprefix("arn:aws:s3:::Reports/").partition("/")[0] + "/"
        for statement in statements(stack, "identity")
        for resource in statement.resources
        if "s3:PutObject" in statement.actions and resource.startswith("arn:aws:s3:::Reports/")
    }
    for prefix in sorted(written):
        (rule, *more) = [rule for rule in own if prefix.startswith(rule.get("Prefix", ""))] or [{}]
        least = EVIDENCE_DAYS if prefix == "incidents/" else 366
        versions = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 0)
        if more or not rule:
            yield f"{prefix} is kept for ever, or by several rules"
        elif rule["ExpirationInDays"] < least:
            yield f"{prefix} is kept for {rule['ExpirationInDays']} days, not {least}"
        elif not versions or (prefix == "incidents/" and versions < least):
            yield f"versions of {prefix} that are gone stay for ever, or not long enough"


def evidence_is_written_by_the_responder_alone(stack: Stack) -> Iterator[str]:
    evidence = "arn:aws:s3:::Reports/incidents/"
    for statement in statements(stack, "identity"):
        for action in statement.actions if statement.allows else []:
            reaches = any(fnmatchcase(f"{evidence}x", resource) for resource in statement.resources)
            writes = action.startswith("s3:") and not re.fullmatch(r"s3:(Get|List)\w+", action)
            if reaches and writes and (statement.owner, action) != ("IncidentRole", "s3:PutObject"):
                yield f"{statement.name} allows {action} on {', '.join(statement.resources)}"


def log_groups_may_use_the_key(stack: Stack) -> Iterator[str]:
    """A log group that the key's policy does not name cannot be made."""
    key = "kms:EncryptionContext:aws:logs:arn"
    served = [value for s in statements(stack, "key") if s.allows for value in s.conditions(key)]
    for name, group in stack.of_type("AWS::Logs::LogGroup"):
        physical = group.get("LogGroupName", f"{PSEUDO_PARAMETERS['AWS::StackName']}-{name}-generated")
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{physical}"
        if not any(fnmatchcase(arn, pattern) for pattern in served):
            yield f"{name} may not use the key as {physical}"


def two_stacks_fit_into_one_account(stack: Stack) -> Iterator[str]:
    names = {"AlarmName", "BucketName", "FunctionName", "Name", "RoleName", "TableName", "TopicName", *NAMED.values()}
    for name, resource in stack.resources.items():
        if name in ONCE or resource["Type"] == "AWS::Lambda::EventSourceMapping":
            continue
        properties = resource.get("Properties", {})
        named = NAMED.get(resource["Type"])
        for key in names - {named} & set(properties):
            yield f"{name} has a {key} of its own"
        if named in properties and PSEUDO_PARAMETERS["AWS::StackName"] not in properties[named]:
            yield f"{name} is not named after its stack"


def names_leave_room_for_that_of_the_stack(stack: Stack) -> Iterator[str]:
    longest = "s" * LONGEST_STACK_NAME
    for type_, most in LONGEST_NAMES.items():
        for name, properties in stack.of_type(type_):
            own = properties.get(NAMED[type_], "").replace(PSEUDO_PARAMETERS["AWS::StackName"], longest)
            if len(own) > most:
                yield f"{name} has {len(own)} characters in its name, of at most {most}"


# --------------------------------------------------------------------- power


def allows_every_resource_only_with_a_reason(stack: Stack) -> Iterator[str]:
    for statement in statements(stack):
        if statement.allows and "*" in statement.resources and statement.name not in EVERY_RESOURCE:
            yield f"{statement.name} allows {', '.join(statement.actions)} on every resource"


def allows_no_wildcard_actions(stack: Stack) -> Iterator[str]:
    for statement in statements(stack):
        if statement.allows and statement.name not in EVERY_ACTION:
            for action in statement.actions:
                if "*" in action:
                    yield f"{statement.name} allows {action}"
            if "NotAction" in statement.body or "NotResource" in statement.body:
                yield f"{statement.name} allows by exception"


def nobody_is_an_administrator(stack: Stack) -> Iterator[str]:
    for name, role in stack.of_type("AWS::IAM::Role"):
        for arn in role.get("ManagedPolicyArns", []):
            if arn.endswith(ADMINISTRATORS):
                yield f"{name} has {arn}"


def functions_have_a_role_that_only_lambda_assumes(stack: Stack) -> Iterator[str]:
    roles = dict(stack.of_type("AWS::IAM::Role"))
    for function, properties in stack.of_type("AWS::Lambda::Function"):
        role = stack.named_by(properties["Role"], "AWS::IAM::Role")
        trust = roles[role]["AssumeRolePolicyDocument"]["Statement"] if role else []
        if [s["Principal"] for s in trust] != [{"Service": "lambda.amazonaws.com"}]:
            yield f"{function} has a role that somebody else may assume, or none"


def accounts_are_entered_only_within_the_organization(stack: Stack) -> Iterator[str]:
    for statement in statements(stack, "identity"):
        if "sts:AssumeRole" in statement.actions:
            if not statement.conditions("aws:ResourceOrgID"):
                yield f"{statement.name} enters accounts of any organization"
            for role in statement.resources:
                if not re.fullmatch(r"arn:aws:iam::\*:role/[\w+=,.@-]+", role):
                    yield f"{statement.name} enters by {role}, not by one role"


def each_role_enters_accounts_by_the_one_that_is_for_it(stack: Stack) -> Iterator[str]:
    """Who only looks may not become somebody who changes."""
    for statement in statements(stack, "identity"):
        if statement.allows and "sts:AssumeRole" in statement.actions:
            roles = [_parameter(stack, name) for name in ENTERED_BY.get(statement.owner, [])]
            if statement.resources != [f"arn:aws:iam::*:role/{role}" for role in roles]:
                yield f"{statement.name} enters by {', '.join(statement.resources)}"


def targets_are_reached_by_a_role_that_can_do_no_more(stack: Stack) -> Iterator[str]:
    for rule, properties in stack.of_type("AWS::Events::Rule"):
        for target in properties["Targets"]:
            service = target["Arn"].split(":")[2]
            if service in ("sqs", "sns"):
                continue
            role = stack.named_by(target.get("RoleArn", ""), "AWS::IAM::Role")
            granted = {(a, r) for s in granted_to(stack, role) if s.allows for a in s.actions for r in s.resources}
            if role is None or granted != {(ASKED_OF_TARGETS.get(service), target["Arn"])}:
                yield f"{rule} reaches {target['Arn']} by {role}, which may {sorted(granted, key=str)}"
            trusted = [s.body["Principal"] for s in statements(stack, "trust") if s.owner == role]
            if trusted != [{"Service": EVENTS}]:
                yield f"{rule} takes {role}, which trusts {trusted}"


def services_take_roles_only_for_this_account(stack: Stack) -> Iterator[str]:
    """Otherwise anybody's rule or state machine could be given the role. Scheduler has a rule of its own."""
    for statement in statements(stack, "trust"):
        if statement.body["Principal"].get("Service") not in (EVENTS, STATES):
            continue
        if statement.conditions("aws:SourceAccount") != [ACCOUNT]:
            yield f"{statement.name} is taken for any account"
        sources = statement.conditions("aws:SourceArn")
        if not sources or not all(f":{REGION}:{ACCOUNT}:" in source for source in sources):
            yield f"{statement.name} is taken for {sources or 'anything'}"


def only_the_organization_puts_events_on_a_bus(stack: Stack) -> Iterator[str]:
    """A bus without a policy takes events of its own account only."""
    for statement in statements(stack, "bus"):
        if statement.conditions("aws:PrincipalOrgID") != [_parameter(stack, "OrganizationId")]:
            yield f"{statement.name} lets in others than the organization"
        if statement.actions != ["events:PutEvents"]:
            yield f"{statement.name} allows {', '.join(statement.actions)}"
        for bus in statement.resources:
            if stack.named_by(bus, "AWS::Events::EventBus") != "Changes":
                yield f"{statement.name} opens {bus}"


def state_machines_may_do_what_their_states_ask_for_and_no_more(stack: Stack) -> Iterator[str]:
    key = arn_of("AWS::KMS::Key", "Key")
    for machine in machines(stack):
        arn = arn_of("AWS::StepFunctions::StateMachine", machine.properties["StateMachineName"])
        execution = arn.replace(":stateMachine:", ":execution:")
        needed: set[tuple[str, str]] = set()
        for name, state in machine.of_type("Task"):
            if state["Resource"] != INVOKE:
                yield f"{name} uses {state['Resource']}, of which nothing is known here"
            needed.add(("lambda:InvokeFunction", state["Parameters"]["FunctionName"]))
        for name, state in machine.of_type("Map"):
            if (reader := state.get("ItemReader", {}).get("Resource")) != READ_OBJECT:
                yield f"{name} reads by {reader}, of which nothing is known here"
            needed |= {("s3:GetObject", LISTS[machine.name]), ("kms:Decrypt", key), ("states:StartExecution", arn)}
            for action in ("states:DescribeExecution", "states:StopExecution"):
                needed |= {(action, f"{execution}:*"), (action, f"{execution}/{state.get('Label')}:*")}
        role = stack.named_by(machine.properties["RoleArn"], "AWS::IAM::Role")
        named = [s for s in granted_to(stack, role) if s.allows and s.name not in EVERY_RESOURCE]
        granted = {(a, r) for s in named for a in s.actions for r in s.resources}
        if missing := needed - granted:
            yield f"{role} lacks {sorted(missing)}"
        if more := granted - needed:
            yield f"{role} may also {sorted(more)}"
        for statement in named:
            through = statement.conditions("kms:ViaService")
            if key in statement.resources and through != [f"s3.{REGION}.amazonaws.com"]:
                yield f"{statement.name} uses the key through {through or 'any service'}"


def the_onboarder_alone_administers_security_hub(stack: Stack) -> Iterator[str]:
    """In its own account, and no more of it than it asks for."""
    actions = [a for s in granted_to(stack, "OnboarderRole") if s.allows for a in s.actions]
    granted = {a.removeprefix("securityhub:") for a in actions if a.startswith("securityhub:")}
    if granted != ADMINISTERS:
        yield f"OnboarderRole may {sorted(granted - ADMINISTERS)} as well, and not {sorted(ADMINISTERS - granted)}"
    for statement in statements(stack, "identity"):
        of_hub = [action for action in statement.actions if action.startswith("securityhub:") and statement.allows]
        if of_hub and statement.owner == "OnboarderRole":
            for resource in statement.resources:
                if statement.name not in EVERY_RESOURCE and f":{ACCOUNT}:" not in resource:
                    yield f"{statement.name} reaches {resource}"
            continue
        for action in of_hub:
            asks = statement.name in ASKS_OF_HUB and re.fullmatch(r"securityhub:(Describe|List)[A-Za-z]+", action)
            if action.removeprefix("securityhub:") in ADMINISTERS and not asks:
                yield f"{statement.name} allows {action}"


def roles_are_lent_only_to_the_service_that_they_trust(stack: Stack) -> Iterator[str]:
    """Whoever passes a role chooses what is done with it."""
    for statement in statements(stack, "identity"):
        if not statement.allows or "iam:PassRole" not in statement.actions:
            continue
        services = statement.conditions("iam:PassedToService")
        for arn in statement.resources:
            role = stack.named_by(arn, "AWS::IAM::Role")
            trusted = [s.body["Principal"] for s in statements(stack, "trust") if s.owner == role]
            if trusted != [{"Service": service} for service in services] or len(services) != 1:
                yield f"{statement.name} lends {arn} to {services or 'any service'}, which trusts {trusted}"


def scheduler_takes_a_role_only_for_a_group_of_the_stack(stack: Stack) -> Iterator[str]:
    """Of this account, too: the group of one schedule is all that Scheduler says of it."""
    for statement in statements(stack, "trust"):
        if statement.body["Principal"] != {"Service": SCHEDULER}:
            continue
        groups = statement.conditions("aws:SourceArn")
        if len(groups) != 1 or not stack.named_by(groups[0], "AWS::Scheduler::ScheduleGroup"):
            yield f"{statement.name} is taken for {groups or 'any schedule'}"
        if statement.conditions("aws:SourceAccount") != [ACCOUNT]:
            yield f"{statement.name} is taken for any account"


def wakes_reach_the_sweeper_and_nothing_else(stack: Stack) -> Iterator[str]:
    variables = stack.resources["CisRemediator"]["Properties"]["Environment"]["Variables"]
    queue = stack.named_by(variables.get("REDRESS_SWEEP_QUEUE_ARN", ""), "AWS::SQS::Queue")
    sources = {source: f["Role"] for source, f in _consumers(stack)}
    if sources.get(queue) != stack.resources["FindingSweeper"]["Properties"]["Role"]:
        yield f"wakes are sent to {queue}, which the sweeper does not read"
        return
    own = stack.resources[queue]["Properties"]
    dead_letters = variables.get("REDRESS_SWEEP_DEAD_LETTERS_ARN")
    if dead_letters != own.get("RedrivePolicy", {}).get("deadLetterTargetArn"):
        yield f"wakes that fail go to {dead_letters}, sweeps that fail do not"
    if own.get("FifoQueue"):
        yield f"{queue} is a FIFO queue, and Scheduler takes none for its dead letters"
    role = stack.named_by(variables.get("REDRESS_WAKE_ROLE_ARN", ""), "AWS::IAM::Role")
    granted = {(a, r) for s in granted_to(stack, role) if s.allows for a in s.actions for r in s.resources}
    key = arn_of("AWS::KMS::Key", "Key")
    needed = {("sqs:SendMessage", arn) for arn in (arn_of("AWS::SQS::Queue", queue), dead_letters)}
    needed |= {(action, key) for action in ("kms:Decrypt", "kms:GenerateDataKey")}
    if missing := needed - granted:
        yield f"{role} lacks {sorted(missing)}"
    if more := granted - needed:
        yield f"{role} may also {sorted(more)}"
    for statement in granted_to(stack, role):
        through = statement.conditions("kms:ViaService")
        if key in statement.resources and through != [f"sqs.{REGION}.amazonaws.com"]:
            yield f"{statement.name} uses the key through {through or 'any service'}"


def the_remediator_may_set_wakes_and_no_other_schedules(stack: Stack) -> Iterator[str]:
    properties = stack.resources["CisRemediator"]["Properties"]
    variables = properties["Environment"]["Variables"]
    group = variables.get("REDRESS_SCHEDULE_GROUP")
    if group not in dict(stack.of_type("AWS::Scheduler::ScheduleGroup")):
        yield f"wakes are set in the group {group}, which is not of this stack"
    wakes = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/wake-*"
    needed = {("scheduler:CreateSchedule", wakes), ("iam:PassRole", variables.get("REDRESS_WAKE_ROLE_ARN"))}
    own = stack.named_by(properties["Role"], "AWS::IAM::Role")
    for statement in statements(stack, "identity"):
        for action, resource in ((a, r) for a in statement.actions for r in statement.resources if statement.allows):
            if action.startswith("scheduler:") or action == "iam:PassRole":
                if statement.owner != own or (action, resource) not in needed:
                    yield f"{statement.name} allows {action} on {resource}"
                needed.discard((action, resource))
    for action, resource in sorted(needed, key=str):
        yield f"{own} may not {action} on {resource}"


def only_the_rules_of_the_stack_send_to_a_queue(stack: Stack) -> Iterator[str]:
    senders = _senders(stack)
    for statement in statements(stack, "queue"):
        if not statement.allows:
            continue
        if statement.body["Principal"] != {"Service": EVENTS}:
            yield f"{statement.name} lets in {statement.body['Principal']}"
        if statement.actions != ["sqs:SendMessage"]:
            yield f"{statement.name} allows {', '.join(statement.actions)}"
        for queue in statement.resources:
            sources = set(statement.conditions("aws:SourceArn"))
            if not sources or sources != senders.get(queue, set()):
                yield f"{statement.name} lets in {sorted(sources) or 'any rule of any account'}"
    admitted = {q for s in statements(stack, "queue") if s.allows for q in s.resources}
    for queue in sorted(senders.keys() - admitted):
        yield f"no policy lets the rules send to {queue}"


def services_in_key_and_topic_policies_act_for_this_account(stack: Stack) -> Iterator[str]:
    for statement in statements(stack, "key", "topic"):
        if statement.allows and "Service" in statement.body["Principal"] and statement.name not in WITHOUT_CONDITIONS:
            keys = [k for o in statement.body.get("Condition", {}).values() for k in o]
            if not any(ACCOUNT in value for key in keys for value in statement.conditions(key)):
                yield f"{statement.name} serves {statement.body['Principal']['Service']} for any account"


def nothing_is_read_or_sent_without_tls(stack: Stack) -> Iterator[str]:
    refused = {
        resource
        for s in statements(stack, "queue", "topic", "bucket")
        if not s.allows and s.body["Principal"] == "*" and s.conditions("aws:SecureTransport") == ["false"]
        for resource in s.resources
    }
    for type_ in ("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket"):
        for name, _ in stack.of_type(type_):
            if arn_of(type_, name) not in refused:
                yield f"{name} can be used without TLS"


# ------------------------------------------------------------------ decisions


def the_kill_switch_is_shipped_off(stack: Stack) -> Iterator[str]:
    """In YAML, a bare off is false, which would be the text "false": on."""
    if (value := stack.resources["KillSwitch"]["Properties"]["Value"]) != "off":
        yield f"the kill switch is shipped as {value!r}"


def functions_read_what_decides_over_them(stack: Stack) -> Iterator[str]:
    """The policy, the kill switch and the webhook: each that the environment names, and by its name."""
    for function, properties in stack.of_type("AWS::Lambda::Function"):
        variables = properties["Environment"]["Variables"]
        role = stack.named_by(properties["Role"], "AWS::IAM::Role")
        for variable, action, arn in (
            ("REDRESS_POLICY_BUCKET", "s3:GetObject", "arn:aws:s3:::{}/*"),
            ("REDRESS_KILL_SWITCH", "ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{{}}"),
            ("REDRESS_WEBHOOK_PARAMETER", "ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{{}}"),
        ):
            if variable in variables:
                wanted = arn.format(variables[variable])
                if not any(s.allows and action in s.actions and wanted in s.resources for s in granted_to(stack, role)):
                    yield f"{function} is told of {wanted} and may not read it"


def nobody_writes_what_decides_over_the_functions(stack: Stack) -> Iterator[str]:
    buckets = {arn_of("AWS::S3::Bucket", "PolicyBucket")}
    for statement in statements(stack, "identity"):
        if not statement.allows:
            continue
        for action in statement.actions:
            service = action.partition(":")[0]
            if service == "ssm" and action != "ssm:GetParameter":
                yield f"{statement.name} allows {action}"
            if service == "ssm" and any("*" in resource for resource in statement.resources):
                yield f"{statement.name} reads more than one parameter"
            if service == "s3" and action not in ("s3:GetObject", "s3:ListBucket"):
                for resource in statement.resources:
                    if resource.partition("/")[0] in buckets or "*" in resource.partition("/")[0]:
                        yield f"{statement.name} allows {action} on {resource}"


def the_command_learns_of_the_deployment_and_of_no_secret(stack: Stack) -> Iterator[str]:
    text = stack.resources["Deployment"]["Properties"]["Value"]
    for name, parameter in stack.parameters.items():
        if parameter.get("NoEcho") and _parameter(stack, name) in text:
            yield f"{name} is told to whoever reads the parameter"
    try:
        told = json.loads(text)
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    if told.keys() != DEPLOYMENT.keys():
        yield f"{sorted(told.keys() ^ DEPLOYMENT.keys())} is told or is not, against what the command reads"
    for key in (key for key, value in told.items() if DEPLOYMENT.get(key) and not value):
        yield f"{key} is empty"


# ------------------------------------------------------------------- sweeps


def every_state_is_reached_and_leads_somewhere(stack: Stack) -> Iterator[str]:
    for machine in machines(stack):
        for _, level in levels(machine.definition):
            names = reached(level)
            for name in sorted(names - level["States"].keys()):
                yield f"there is no state {name}"
            for name in sorted(level["States"].keys() - names):
                yield f"{name} is never reached"
            for name, state in level["States"].items():
                ends = state.get("End") is True or state["Type"] in ("Succeed", "Fail", "Choice")
                if ends == ("Next" in state):
                    yield f"{name} neither ends nor goes on, or both"
                if name in leads_to(state):
                    yield f"{name} leads to itself"


def every_task_is_tried_again_and_ends(stack: Stack) -> Iterator[str]:
    """Lambda's own faults and refusals are gone at the next try; a state must not give up before its function does."""
    needed = {"ServiceException", "AWSLambdaException", "SdkClientException", "TooManyRequestsException"}
    functions = dict(stack.of_type("AWS::Lambda::Function"))
    for machine in machines(stack):
        if not machine.definition.get("TimeoutSeconds"):
            yield f"{machine.name} may run for a year"
        for name, state in machine.of_type("Task"):
            retried = [retry for retry in state.get("Retry", []) if retry.get("MaxAttempts", 3) > 0]
            errors = {error for retry in retried for error in retry["ErrorEquals"]}
            if missing := {f"Lambda.{error}" for error in needed} - errors:
                yield f"{name} is not tried again after {sorted(missing)}"
            if any(retry.get("BackoffRate", 1) <= 1 or retry.get("JitterStrategy") != "FULL" for retry in retried):
                yield f"{name} is tried again at the same time as all the others"
            function = stack.named_by(state["Parameters"]["FunctionName"], "AWS::Lambda::Function")
            if state.get("TimeoutSeconds", 99999999) > 2 * functions[function]["Timeout"]:
                yield f"{name} waits for a function that is long gone"
            if state.get("TimeoutSeconds", 99999999) <= functions[function]["Timeout"]:
                yield f"{name} gives up while {function} still works"


def a_unit_that_fails_ends_nothing(stack: Stack) -> Iterator[str]:
    for machine in machines(stack):
        for name, state in machine.of_type("Map"):
            if state.get("ToleratedFailurePercentage") != 100:
                yield f"{name} ends when some of it fail"
        for of, level in levels(machine.definition):
            for name, state in level["States"].items():
                caught = {error for catch in state.get("Catch", []) for error in catch["ErrorEquals"]}
                if of and state["Type"] == "Task" and "States.ALL" not in caught:
                    yield f"a failure of {name} is one of {of}"


def units_pass_on_no_more_than_a_number(stack: Stack) -> Iterator[str]:
    """All that units pass on is put together before any of it is dropped, and may have 256 KiB."""
    for machine in machines(stack):
        for of, level in levels(machine.definition):
            for name, state in level["States"].items():
                small = state.get("OutputPath") == "$.StatusCode" or isinstance(state.get("Result"), int)
                if of and state.get("End") and not small:
                    yield f"{name} passes on more than a number to {of}"
        for name, state in machine.of_type("Map"):
            if state.get("ResultPath", "$") is not None:
                yield f"{name} hands on what its units passed on"


def sweeps_ask_for_no_more_functions_than_are_reserved(stack: Stack) -> Iterator[str]:
    """Beside those that a queue asks for, whose messages would count their refusals."""
    functions = dict(stack.of_type("AWS::Lambda::Function"))
    beside = {
        mapping["FunctionName"]: mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 1000)
        for _, mapping in stack.of_type("AWS::Lambda::EventSourceMapping")
    }
    for machine in machines(stack):
        for name, state in machine.of_type("Map"):
            most = state.get("MaxConcurrency") or 10000
            for inner, task in state["ItemProcessor"]["States"].items():
                if task["Type"] == "Task":
                    function = stack.named_by(task["Parameters"]["FunctionName"], "AWS::Lambda::Function")
                    reserved = functions[function].get("ReservedConcurrentExecutions", 0) - beside.get(function, 0)
                    if most > reserved:
                        yield f"{name} runs {inner} up to {most} times at once, where {reserved} are reserved"


def functions_of_one_binary_are_told_the_same(stack: Stack) -> Iterator[str]:
    told: dict[str, tuple[str, Template]] = {}
    for name, function in stack.of_type("AWS::Lambda::Function"):
        binary = stack.resources[name]["Metadata"]["BuildProperties"]["Binary"]
        variables = function["Environment"]["Variables"]
        first, expected = told.setdefault(binary, (name, variables))
        if variables != expected:
            differing = {k for k in variables.keys() | expected.keys() if variables.get(k) != expected.get(k)}
            yield f"{name} and {first} are told otherwise of {sorted(differing)}"


# ----------------------------------------------------------------- operation


def functions_are_traced_and_bounded(stack: Stack) -> Iterator[str]:
    for name, function in stack.of_type("AWS::Lambda::Function"):
        if function.get("TracingConfig", {}).get("Mode") != "Active":
            yield f"{name} is not traced"
        if "ReservedConcurrentExecutions" not in function:
            yield f"{name} may use the concurrency of the whole account"


def logs_are_kept_for_a_while_and_not_for_ever(stack: Stack) -> Iterator[str]:
    groups = dict(stack.of_type("AWS::Logs::LogGroup"))
    for name, function in stack.of_type("AWS::Lambda::Function"):
        logging = function.get("LoggingConfig", {})
        if logging.get("LogGroup") not in groups:
            yield f"{name} logs to a group that is not of this stack"
        if logging.get("LogFormat") != "JSON":
            yield f"{name} does not log JSON"
    for name, group in groups.items():
        if not group.get("RetentionInDays"):
            yield f"{name} is kept for ever"


def state_machines_are_traced_and_log_their_errors(stack: Stack) -> Iterator[str]:
    groups = {arn_of("AWS::Logs::LogGroup", name): g for name, g in stack.of_type("AWS::Logs::LogGroup")}
    for name, machine in stack.of_type("AWS::StepFunctions::StateMachine"):
        if machine.get("TracingConfiguration", {}).get("Enabled") is not True:
            yield f"{name} is not traced"
        logging = machine.get("LoggingConfiguration", {})
        if logging.get("Level") not in ("ERROR", "ALL"):
            yield f"{name} does not log its errors"
        for destination in logging.get("Destinations", [{}]):
            group = groups.get(destination.get("CloudWatchLogsLogGroup", {}).get("LogGroupArn"))
            if group is None:
                yield f"{name} logs to a group that is not of this stack"
            elif not group.get("LogGroupName", "").startswith(DELIVERED_LOGS):
                yield f"{name} logs to a group that takes room in the account's policy of log deliveries"


def every_state_machine_has_alarms_on_failures_and_timeouts(stack: Stack) -> Iterator[str]:
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
        watched = {stack.named_by(arn, "AWS::StepFunctions::StateMachine") for arn in _watched(stack, metric)}
        for name, _ in stack.of_type("AWS::StepFunctions::StateMachine"):
            if name not in watched:
                yield f"nobody hears of the {metric} of {name}"


def every_alarm_tells_somebody(stack: Stack) -> Iterator[str]:
    topics = {arn_of("AWS::SNS::Topic", name) for name, _ in stack.of_type("AWS::SNS::Topic")}
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm"):
        if not topics & set(alarm.get("AlarmActions", [])) or alarm.get("ActionsEnabled") is False:
            yield f"{name} tells nobody"


def every_alarm_has_a_runbook(stack: Stack) -> Iterator[str]:
    """The last line of what it says is where to read on: a section that is named after the alarm."""
    sections = set(re.findall(r"^### (\w+)$", (ROOT / RUNBOOKS).read_text(), re.MULTILINE))
    alarms = dict(stack.of_type("AWS::CloudWatch::Alarm"))
    for name, alarm in alarms.items():
        *said, last = alarm.get("AlarmDescription", "").splitlines() or [""]
        if not said or last != f"Runbook: {RUNBOOKS}#{name.lower()}":
            yield f"{name} ends with {last or 'nothing'}"
        if name not in sections:
            yield f"{name} has no section in {RUNBOOKS}"
    for name in sorted(sections - alarms.keys()):
        yield f"{RUNBOOKS} explains {name}, which is no alarm"


def functions_that_come_near_their_timeout_raise_an_alarm(stack: Stack) -> Iterator[str]:
    durations = {a["Dimensions"][0]["Value"]: a for _, a in _alarms_on(stack, "Duration")}
    for name, function in stack.of_type("AWS::Lambda::Function"):
        alarm = durations.get(name, {"Threshold": 0})
        share = alarm["Threshold"] / function["Timeout"] / 10
        if int(share) not in NEAR_THE_TIMEOUT or alarm["Statistic"] != "Maximum":
            yield f"nobody hears when {name} comes near its timeout: {share} %"


def every_function_has_alarms_on_errors_and_throttles(stack: Stack) -> Iterator[str]:
    for metric in ("Errors", "Throttles"):
        watched = _watched(stack, metric)
        for name, _ in stack.of_type("AWS::Lambda::Function"):
            if name not in watched:
                yield f"nobody hears of the {metric} of {name}"


def alarms_of_our_own_metrics_name_one_that_exists(stack: Stack) -> Iterator[str]:
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm"):
        dimensions = [value for d in alarm.get("Dimensions", []) for value in (d["Name"], d["Value"])]
        if not _exists(stack, [alarm["Namespace"], alarm["MetricName"], *dimensions]):
            yield f"{name} waits for {alarm['MetricName']}, which nobody writes"


def dashboards_show_what_exists(stack: Stack) -> Iterator[str]:
    for name, dashboard in stack.of_type("AWS::CloudWatch::Dashboard"):
        try:
            widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        except ValueError as error:
            yield f"{name} is not JSON: {error}"
            continue
        for widget in widgets:
            title = widget["properties"].get("title")
            if not title or widget["properties"].get("region") != REGION:
                yield f"{name} has a widget without a title, or of another region: {title}"
            if widget["x"] + widget["width"] > COLUMNS:
                yield f"{name} has no room for {title}"
            for metric in widget["properties"]["metrics"]:
                if not _exists(stack, metric):
                    yield f"{title} shows {metric}, which nobody writes"
            if len({json.dumps(metric) for metric in widget["properties"]["metrics"]}) != len(
                widget["properties"]["metrics"]
            ):
                yield f"{title} shows something twice"
        for one, other in combinations(widgets, 2):
            if all(
                one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
                for at, size in (("x", "width"), ("y", "height"))
            ):
                yield f"{one['properties'].get('title')} lies on {other['properties'].get('title')}"


def everything_that_is_measured_is_shown(stack: Stack) -> Iterator[str]:
    shown = {tuple(metric[:2]) for _, metric in _shown(stack)}
    for namespace, metrics in METRICS.items():
        for metric in sorted(metrics):
            if (namespace, metric) not in shown:
                yield f"{metric} is on no dashboard"


def every_function_queue_and_outcome_is_on_the_dashboard_of_operations(stack: Stack) -> Iterator[str]:
    shown = {
        (metric[1], metric[3])
        for dashboard, metric in _shown(stack)
        if dashboard == "OperationsDashboard" and len(metric) > 3
    }
    expected = {("Outcomes", outcome) for outcome in OUTCOMES}
    for name, _ in stack.of_type("AWS::Lambda::Function"):
        expected |= {(metric, name) for metric in MEASURED_BY_AWS["AWS/Lambda"][1]}
    for name, _ in _consumers(stack):
        expected |= {(metric, name) for metric in MEASURED_BY_AWS["AWS/SQS"][1]}
    expected |= {("ApproximateNumberOfMessagesVisible", name) for name in _dead_letter_queues(stack)}
    for machine in machines(stack):
        arn = arn_of("AWS::StepFunctions::StateMachine", machine.properties["StateMachineName"])
        expected |= {(metric, arn) for metric in ("ExecutionsFailed", "ExecutionsTimedOut")}
    for metric, name in sorted(expected - shown):
        yield f"the {metric} of {name} are not on the dashboard of operations"


# --------------------------------------------------------------- member role


def members_trust_one_role_by_external_id_and_organization(stack: Stack) -> Iterator[str]:
    """Trusting the account, or another session of it, would trust everybody there who may assume roles."""
    own = "RemediationRoleArns" if "RemediationRoleArns" in stack.parameters else "OnboarderRoleArn"
    readers = "ReadingRoleArns" if "ReadingRoleArns" in stack.parameters else "ScannerRoleArn"
    ours = {"Role": own, "ReaderRole": readers}
    services = [s for s in statements(stack, "trust") if set(s.body["Principal"]) == {"Service"}]
    for statement in services:
        # Lent to a service, in the name of this account only.
        if not statement.conditions("aws:SourceAccount"):
            yield f"{statement.name} does not compare aws:SourceAccount"
    trust = [s for s in statements(stack, "trust") if s not in services]
    if len({s.owner for s in trust}) != len(trust):
        yield "several statements of trust in a role, not one"
    for statement in trust:
        principal = statement.body["Principal"]
        parameter = ours.get(statement.owner, "")
        trusted = {"AWS": sorted(as_list(principal.get("AWS")))}
        if set(principal) != {"AWS"} or trusted != {"AWS": sorted((_parameter(stack, parameter) or "").split(","))}:
            yield f"{statement.name} trusts {principal}, not {parameter or 'nobody'} alone"
        for key, parameter in (("sts:ExternalId", "ExternalId"), ("aws:PrincipalOrgID", "OrganizationId")):
            if statement.conditions(key) != [_parameter(stack, parameter)]:
                yield f"{statement.name} does not compare {key} with {parameter}"


def members_can_be_made_an_administrator_by_nobody(stack: Stack) -> Iterator[str]:
    never = {action.lower() for action in NEVER_IN_MEMBER_ACCOUNTS}
    for statement in statements(stack, "identity"):
        if not statement.allows:
            continue
        for action in statement.actions:
            limit, _ = NEEDED_IN_MEMBER_ACCOUNTS.get(action, ("", ""))
            if limit and (statement.conditions(limit) or all(limit in str(r) for r in statement.resources)):
                continue
            if action.lower() in never:
                yield f"{statement.name} allows {action}"
            if re.fullmatch(r"iam:Attach\w+Policy", action) and not statement.conditions("iam:PolicyARN"):
                yield f"{statement.name} allows {action} of any policy: name it in a condition on iam:PolicyARN"


def the_reader_changes_nothing(stack: Stack) -> Iterator[str]:
    """But for what it imports into Security Hub, under the account's own product."""
    for statement in granted_to(stack, "ReaderRole"):
        for action in statement.actions:
            own = all(resource.endswith(f":product/{ACCOUNT}/default") for resource in statement.resources)
            if action == "securityhub:BatchImportFindings" and own:
                continue
            if not re.fullmatch(r"[a-z0-9-]+:(Describe|Get|List)[A-Za-z]*", action):
                yield f"{statement.name} allows {action} on {', '.join(statement.resources)}"


def the_management_role_acts_on_no_resource_of_the_account(stack: Stack) -> Iterator[str]:
    """It delegates, and switches trusted access: what it may write are Organizations' and Security Hub's settings."""
    for statement in granted_to(stack, "Role"):
        for action in statement.actions:
            if re.fullmatch(r"[a-z0-9-]+:(BatchGet|Describe|Get|List|Lookup)[A-Za-z]*", action):
                continue
            if action == "iam:CreateServiceLinkedRole" and statement.conditions("iam:AWSServiceName"):
                continue
            if action.partition(":")[0] not in ("organizations", "securityhub"):
                yield f"{statement.name} allows {action}"


def owners_hear_of_their_own_account_alone(stack: Stack) -> Iterator[str]:
    """The administrator of Security Hub is told of the findings of all."""
    found = patterns.event(patterns.EVENTS / "securityhub" / "S3.8.json")
    for steps, value, told in (
        (["Severity", "Label"], "CRITICAL", True),
        (["Severity", "Label"], "HIGH", True),
        (["Severity", "Label"], "MEDIUM", False),
        (["AwsAccountId"], "444455556666", False),
        (["Region"], "eu-west-1", False),
        (["Workflow", "Status"], "NOTIFIED", False),
        (["RecordState"], "ARCHIVED", False),
        (["Compliance", "Status"], "PASSED", False),
    ):
        near = json.loads(json.dumps(found))
        (finding,) = near["detail"]["findings"]
        finding |= {"AwsAccountId": ACCOUNT, "Region": REGION, "Severity": {"Label": "HIGH"}}
        *parents, last = steps
        inner = finding[parents[0]] if parents else finding
        inner[last] = value
        if ("OwnersRule" in patterns.reached(stack, near)) is not told:
            yield f"owners are {'not ' if told else ''}told of a finding with {'.'.join(steps)} {value}"


def what_is_queued_is_encrypted(stack: Stack) -> Iterator[str]:
    for name, queue in stack.of_type("AWS::SQS::Queue"):
        if not queue.get("KmsMasterKeyId") and queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"


def stack_sets_reach_every_account_whatever_one_of_them_does(stack: Stack) -> Iterator[str]:
    for name, properties in stack.of_type("AWS::CloudFormation::StackSet"):
        preferences = properties.get("OperationPreferences", {})
        if preferences.get("FailureTolerancePercentage") != 100:
            yield f"{name} ends when accounts refuse it"
        if preferences.get("RegionConcurrencyType") != "PARALLEL" or preferences.get("MaxConcurrentPercentage", 0) < 10:
            yield f"{name} goes from account to account"
        if properties.get("PermissionModel") != "SERVICE_MANAGED" or properties.get("CallAs") != "SELF":
            yield f"{name} is not the management account's own"
        if properties.get("AutoDeployment") != {"Enabled": True, "RetainStacksOnAccountRemoval": False}:
            yield f"{name} is not in new accounts, or stays in those that leave"
        for group in properties["StackInstancesGroup"]:
            if group["DeploymentTargets"].get("OrganizationalUnitIds") != _parameter(stack, "TargetIds").split(","):
                yield f"{name} is not where it was asked for"


def roles_are_deployed_in_one_region(stack: Stack) -> Iterator[str]:
    """They have names of their own, and are the account's."""
    for name, properties in stack.of_type("AWS::CloudFormation::StackSet"):
        regions = [region for group in properties["StackInstancesGroup"] for region in group["Regions"]]
        if "CAPABILITY_NAMED_IAM" in properties["Capabilities"] and regions != [REGION]:
            yield f"{name} makes its roles in {regions}"


def templates_are_given_what_they_ask_for(stack: Stack) -> Iterator[str]:
    """And by the same names, so that nobody has to translate."""
    for name, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        if "TemplateURL" not in properties:
            continue
        template = INFRA / properties["TemplateURL"].rpartition("/")[2]
        if properties["TemplateURL"] != f"{_parameter(stack, 'TemplatesUrl')}/{template.name}" or not template.exists():
            yield f"{name} is of {properties['TemplateURL']}"
            continue
        asked = read(template).get("Parameters", {})
        given = properties.get("Parameters", {})
        if isinstance(given, list):
            given = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in given}
        needed = {key for key, parameter in asked.items() if "Default" not in parameter}
        if missing := needed - given.keys():
            yield f"{name} does not tell {sorted(missing)}"
        if more := given.keys() - asked.keys():
            yield f"{name} tells {sorted(more)}, which nobody asks for"
        for key in given.keys() & asked.keys():
            if given[key] != _parameter(stack, key):
                yield f"{name} tells another {key}"


def what_launches_products_makes_nothing_else(stack: Stack) -> Iterator[str]:
    """It is Service Catalog's, changes only what is named as the products name it, and gives none but their policies."""
    trusted = [s.body["Principal"] for s in statements(stack, "trust")]
    if trusted != [{"Service": "servicecatalog.amazonaws.com"}]:
        yield f"LaunchRole trusts {trusted}"
    names = [_parameter(stack, "MemberRoleName"), _parameter(stack, "ReaderRoleName"), "redress/redress-vpc-flow-logs"]
    linked = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    products = {f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in (*names, "SC-*", linked)}
    products.add(f"arn:aws:iam::{ACCOUNT}:policy/SC-*")
    for statement in statements(stack, "identity"):
        for action in statement.actions:
            if action.startswith("iam:") and not set(statement.resources) <= products:
                yield f"{statement.name} allows {action} on {sorted(set(statement.resources) - products)}"
            if action == "iam:PassRole" and not statement.conditions("iam:PassedToService"):
                yield f"{statement.name} lends roles to any service"
            if action == "iam:AttachRolePolicy" and statement.conditions("iam:PolicyARN") != [
                f"arn:aws:iam::{ACCOUNT}:policy/SC-*"
            ]:
                yield f"{statement.name} gives any policy"
            if action.startswith("kms:") and not any(
                statement.conditions(f"aws:{of}Tag/redress") for of in ("Request", "Resource")
            ):
                yield f"{statement.name} allows {action} on keys of others"


def products_are_launched_by_the_role_that_is_deployed(stack: Stack) -> Iterator[str]:
    role = _parameter(stack, "LaunchRoleName")
    launched = {}
    for name, constraint in stack.of_type("AWS::ServiceCatalog::LaunchRoleConstraint"):
        launched[constraint["ProductId"]] = constraint
        if constraint.get("LocalRoleName") != role:
            yield f"{name} takes {constraint.get('LocalRoleName') or constraint.get('RoleArn')}, not {role}"
    for name, _ in stack.of_type("AWS::ServiceCatalog::CloudFormationProduct"):
        if name not in launched:
            yield f"{name} is launched with the powers of whoever asks for it"


def products_are_the_templates_of_a_version(stack: Stack) -> Iterator[str]:
    """And of the one before it, where there was one."""
    for name, product in stack.of_type("AWS::ServiceCatalog::CloudFormationProduct"):
        versions = product["ProvisioningArtifactParameters"]
        url = versions[0]["Info"]["LoadTemplateFromURL"]
        template = INFRA / url.rpartition("/")[2]
        if (
            versions[0]["Name"] != _parameter(stack, "Version")
            or url != f"{_parameter(stack, 'TemplatesUrl')}/{template.name}"
        ):
            yield f"{name} is {versions[0]['Name']} of {url}"
        if not template.exists():
            yield f"there is no {template.name}"
        if len(versions) != 2 or versions[1]["Name"] != _parameter(stack, "PreviousVersion"):
            yield f"{name} has no version to go back to"


def what_is_delegated_stays_when_the_stack_goes(stack: Stack) -> Iterator[str]:
    for name, resource in stack.resources.items():
        if resource["Type"] == "AWS::SecurityHub::DelegatedAdmin" and resource.get("DeletionPolicy") != "Retain":
            yield f"{name} goes with the stack"


def managed_policies_fit(stack: Stack) -> Iterator[str]:
    """At most 6144 characters, white space not counted, and ten to a role."""
    policies = [(n, d) for n, kind, d in documents(stack) if kind == "identity"]
    for name, document in policies:
        if (size := len(json.dumps(document, separators=(",", ":")))) > 6144:
            yield f"{name} has {size} characters, of at most 6144"
    for name, role in stack.of_type("AWS::IAM::Role"):
        attached = [p for _, p in stack.of_type("AWS::IAM::ManagedPolicy") if name in p.get("Roles", [])]
        if (count := len(attached) + len(role.get("ManagedPolicyArns", []))) > 10:
            yield f"{name} has {count} managed policies, of at most ten"


def members_have_the_roles_that_the_suite_asks_for(stack: Stack) -> Iterator[str]:
    expected = [_parameter(stack, "MemberRoleName"), "redress-vpc-flow-logs", _parameter(stack, "ReaderRoleName")]
    names = [role.get("RoleName") for _, role in stack.of_type("AWS::IAM::Role")]
    if names != expected:
        yield f"there are not just the roles {expected}: {names}"


SUITE_RULES: tuple[Rule, ...] = (
    every_consumed_queue_has_dead_letters,
    every_rule_target_has_dead_letters_and_retries,
    dead_letters_are_kept_for_two_weeks,
    dead_letters_raise_an_alarm,
    messages_that_wait_raise_an_alarm,
    queues_that_fill_raise_an_alarm,
    visibility_is_at_least_six_times_the_timeout,
    consumers_report_the_messages_that_failed,
    consumers_stay_within_their_reserved_concurrency,
    the_remediator_knows_how_often_a_job_is_received,
    every_event_reaches_its_rule_and_no_other,
    a_finding_that_passed_reaches_its_rule_only_if_it_is_open,
    rules_wait_where_their_events_arrive,
    patterns_leave_room,
    everything_stored_is_encrypted_with_the_key,
    keys_rotate,
    what_undo_needs_survives_the_stack,
    tables_can_be_restored,
    buckets_are_private_and_versioned,
    reports_are_kept_for_a_year_and_not_for_ever,
    evidence_is_written_by_the_responder_alone,
    log_groups_may_use_the_key,
    two_stacks_fit_into_one_account,
    names_leave_room_for_that_of_the_stack,
    allows_every_resource_only_with_a_reason,
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    functions_have_a_role_that_only_lambda_assumes,
    accounts_are_entered_only_within_the_organization,
    each_role_enters_accounts_by_the_one_that_is_for_it,
    targets_are_reached_by_a_role_that_can_do_no_more,
    services_take_roles_only_for_this_account,
    only_the_organization_puts_events_on_a_bus,
    state_machines_may_do_what_their_states_ask_for_and_no_more,
    the_onboarder_alone_administers_security_hub,
    roles_are_lent_only_to_the_service_that_they_trust,
    scheduler_takes_a_role_only_for_a_group_of_the_stack,
    wakes_reach_the_sweeper_and_nothing_else,
    the_remediator_may_set_wakes_and_no_other_schedules,
    only_the_rules_of_the_stack_send_to_a_queue,
    services_in_key_and_topic_policies_act_for_this_account,
    nothing_is_read_or_sent_without_tls,
    the_kill_switch_is_shipped_off,
    functions_read_what_decides_over_them,
    nobody_writes_what_decides_over_the_functions,
    the_command_learns_of_the_deployment_and_of_no_secret,
    every_state_is_reached_and_leads_somewhere,
    every_task_is_tried_again_and_ends,
    a_unit_that_fails_ends_nothing,
    units_pass_on_no_more_than_a_number,
    sweeps_ask_for_no_more_functions_than_are_reserved,
    functions_of_one_binary_are_told_the_same,
    functions_are_traced_and_bounded,
    logs_are_kept_for_a_while_and_not_for_ever,
    state_machines_are_traced_and_log_their_errors,
    every_alarm_tells_somebody,
    every_alarm_has_a_runbook,
    functions_that_come_near_their_timeout_raise_an_alarm,
    every_function_has_alarms_on_errors_and_throttles,
    every_state_machine_has_alarms_on_failures_and_timeouts,
    alarms_of_our_own_metrics_name_one_that_exists,
    dashboards_show_what_exists,
    everything_that_is_measured_is_shown,
    every_function_queue_and_outcome_is_on_the_dashboard_of_operations,
)
# Not `allows_every_resource_only_with_a_reason`: which bucket or group will have a finding is not known beforehand.
# What the role may do is bounded by the list of its actions, and each session of it by its own policy.
MEMBER_ROLE_RULES: tuple[Rule, ...] = (
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    members_trust_one_role_by_external_id_and_organization,
    members_can_be_made_an_administrator_by_nobody,
    the_reader_changes_nothing,
    managed_policies_fit,
    members_have_the_roles_that_the_suite_asks_for,
)
MEMBER_REGION_RULES: tuple[Rule, ...] = (
    every_rule_target_has_dead_letters_and_retries,
    patterns_leave_room,
    # Roles are the account's, and there is such a stack in each of its regions.
    two_stacks_fit_into_one_account,
    allows_every_resource_only_with_a_reason,
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    targets_are_reached_by_a_role_that_can_do_no_more,
    services_take_roles_only_for_this_account,
    services_in_key_and_topic_policies_act_for_this_account,
    everything_stored_is_encrypted_with_the_key,
    keys_rotate,
    nothing_is_read_or_sent_without_tls,
    owners_hear_of_their_own_account_alone,
)
MANAGEMENT_ROLE_RULES: tuple[Rule, ...] = (
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    members_trust_one_role_by_external_id_and_organization,
    members_can_be_made_an_administrator_by_nobody,
    the_management_role_acts_on_no_resource_of_the_account,
    managed_policies_fit,
)
LAUNCH_ROLE_RULES: tuple[Rule, ...] = (
    allows_every_resource_only_with_a_reason,
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    what_launches_products_makes_nothing_else,
)
SERVICE_CATALOG_RULES: tuple[Rule, ...] = (
    stack_sets_reach_every_account_whatever_one_of_them_does,
    roles_are_deployed_in_one_region,
    templates_are_given_what_they_ask_for,
    products_are_launched_by_the_role_that_is_deployed,
    products_are_the_templates_of_a_version,
)
ORGANIZATION_RULES: tuple[Rule, ...] = (
    every_rule_target_has_dead_letters_and_retries,
    dead_letters_are_kept_for_two_weeks,
    patterns_leave_room,
    what_is_queued_is_encrypted,
    nothing_is_read_or_sent_without_tls,
    only_the_rules_of_the_stack_send_to_a_queue,
    allows_every_resource_only_with_a_reason,
    allows_no_wildcard_actions,
    nobody_is_an_administrator,
    targets_are_reached_by_a_role_that_can_do_no_more,
    services_take_roles_only_for_this_account,
    stack_sets_reach_every_account_whatever_one_of_them_does,
    roles_are_deployed_in_one_region,
    templates_are_given_what_they_ask_for,
    what_is_delegated_stays_when_the_stack_goes,
)


def _parameter(stack: Stack, name: str) -> str | None:
    return PARAMETERS.get(name, stack.parameters.get(name, {}).get("Default"))


def _alarms_on(stack: Stack, metric: str) -> Iterator[tuple[str, Template]]:
    return ((name, a) for name, a in stack.of_type("AWS::CloudWatch::Alarm") if a["MetricName"] == metric)


def _watched(stack: Stack, metric: str) -> set[str]:
    """What has an alarm on the metric."""
    return {dimension["Value"] for _, alarm in _alarms_on(stack, metric) for dimension in alarm["Dimensions"]}


def _shown(stack: Stack) -> Iterator[tuple[str, list]]:
    """The metrics of the dashboards, as they write them."""
    for name, dashboard in stack.of_type("AWS::CloudWatch::Dashboard"):
        for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
            for metric in widget["properties"]["metrics"]:
                yield name, metric


def _expires(rule: Template) -> bool:
    return rule["Status"] == "Enabled" and "ExpirationInDays" in rule


def _exists(stack: Stack, metric: list) -> bool:
    """Whether a metric, as dashboards write it, is one of ours, or AWS's of something that is of this stack."""
    namespace, name, *dimensions = [part for part in metric if not isinstance(part, dict)]
    if namespace not in MEASURED_BY_AWS:
        of_outcomes = (namespace, name, *dimensions[:1]) == ("Redress", "Outcomes", "Outcome")
        known = set(dimensions[1:]) <= OUTCOMES and len(dimensions) == 2 if of_outcomes else not dimensions
        return known and name in METRICS.get(namespace, set())
    known = {
        "FunctionName": {name for name, _ in stack.of_type("AWS::Lambda::Function")},
        "QueueName": {name for name, _ in stack.of_type("AWS::SQS::Queue")},
        "StateMachineArn": {
            arn_of("AWS::StepFunctions::StateMachine", machine["StateMachineName"])
            for _, machine in stack.of_type("AWS::StepFunctions::StateMachine")
        },
    }
    dimension, names = MEASURED_BY_AWS[namespace]
    return name in names and dimensions[:1] == [dimension] and set(dimensions[1:]) <= known[dimension]


def _dead_letter_queues(stack: Stack) -> set[str]:
    redriven = [q.get("RedrivePolicy", {}).get("deadLetterTargetArn") for _, q in stack.of_type("AWS::SQS::Queue")]
    refused = [
        target.get("DeadLetterConfig", {}).get("Arn")
        for _, rule in stack.of_type("AWS::Events::Rule")
        for target in rule["Targets"]
    ]
    named = {stack.named_by(arn, "AWS::SQS::Queue") for arn in redriven + refused if arn}
    return named - {None}


def _consumers(stack: Stack) -> Iterator[tuple[str, dict]]:
    """The queues which functions read, with the properties of the function."""
    functions = dict(stack.of_type("AWS::Lambda::Function"))
    for _, mapping in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if source := stack.named_by(mapping["EventSourceArn"], "AWS::SQS::Queue"):
            yield source, functions[mapping["FunctionName"]]


def _senders(stack: Stack) -> dict[str, set[str]]:
    """Which rules send to which queue, as a target or for want of one."""
    senders: dict[str, set[str]] = {}
    for name, rule in stack.of_type("AWS::Events::Rule"):
        for target in rule["Targets"]:
            for queue in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn", "")):
                if ":sqs:" in queue:
                    senders.setdefault(queue, set()).add(arn_of("AWS::Events::Rule", name))
    return senders


def _encryption_key(type_: str, properties: dict) -> str | None:
    match type_:
        case "AWS::SQS::Queue" | "AWS::SNS::Topic":
            return properties.get("KmsMasterKeyId")
        case "AWS::Logs::LogGroup":
            return properties.get("KmsKeyId")
        case "AWS::Lambda::Function":
            return properties.get("KmsKeyArn")
        case "AWS::DynamoDB::Table":
            specification = properties.get("SSESpecification", {})
            return specification.get("KMSMasterKeyId") if specification.get("SSEEnabled") else None
        case "AWS::S3::Bucket":
            rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [{}])
            return as_list(rules)[0].get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
        case _:
            return "nothing stored"
