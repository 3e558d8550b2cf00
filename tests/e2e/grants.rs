//! A look back at every call of every test: nothing was denied that should not be, and whatever the roles grant was used.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use redress_controls::in_members;
use redress_settings::surroundings::READS as AROUND;
use redress_testkit::local::Call;

use crate::{trial, worlds};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("grants::nothing_that_our_roles_asked_for_was_denied", nothing_denied),
        trial("grants::every_action_of_the_member_role_was_used", member_role_used),
        trial("grants::every_action_of_the_reader_s_role_was_used", reader_role_used),
        trial("grants::every_action_of_the_functions_roles_was_used", functions_roles_used),
    ]
}

/// The roles of the suite, and those in members.
const OURS: &[&str] = &[
    "RedressManagementRole",
    "RedressMemberRole",
    "RedressReaderRole",
    "BaselineRole",
    "BaselineStatesRole",
    "IncidentRole",
    "OnboarderRole",
    "OnboardStatesRole",
    "RemediatorRole",
    "ReporterRole",
    "RouterRole",
    "ScannerRole",
    "StartBaselineRole",
    "StartOnboardingRole",
    "StartSweepsRole",
    "SweepStatesRole",
    "SweeperRole",
];

fn ours() -> Vec<Call> {
    let calls = worlds().flat_map(|world| world.local().calls());
    calls.filter(|call| OURS.iter().any(|role| call.principal.contains(role))).collect()
}

async fn functions_roles_used() {
    let template = std::fs::read_to_string(redress_testkit::top().join("infra/template.yaml")).unwrap();
    let (_, roles) = template.split_once("  RouterRole:\n").unwrap();
    // In one line, or in a line each.
    let listed = |line: &'_ str| {
        line.split_once("Action:").map(|(_, list)| list.to_owned()).or_else(|| Some(line.trim().strip_prefix("- ")?.to_owned()))
    };
    let lists: Vec<String> = roles.lines().filter_map(listed).collect();
    let words = lists.iter().flat_map(|list| list.split([',', '[', ']', ' ']));
    let is_action = |word: &&str| {
        let parts = word.split_once(':');
        parts.is_some_and(|(service, name)| [service, name].iter().all(|part| !part.is_empty() && part.chars().all(char::is_alphanumeric)))
    };
    let granted: BTreeSet<_> = words.filter(is_action).map(str::to_owned).collect();
    assert!(granted.len() > 8, "{granted:?}");
    let theirs =
        ours().into_iter().filter(|call| !["RedressMemberRole", "RedressReaderRole"].iter().any(|role| call.principal.contains(role)));
    let used: BTreeSet<_> = theirs.map(|call| call.action).collect();
    let unused: Vec<_> = granted.iter().filter(|action| !used.contains(*action)).map(String::as_str).collect();
    let excused: Vec<_> = ON_THEIR_BEHALF.iter().map(|(action, _)| *action).collect();
    assert_eq!(unused, excused, "granted and never used, beside what is excused with a reason");
}

const DELIVERY: &str = "Step Functions has its log delivered with it";

/// Granted to the functions' roles, and used on their behalf without a request that the local AWS decides on.
const ON_THEIR_BEHALF: &[(&str, &str)] = &[
    ("kms:Decrypt", "SQS, SNS, S3 and DynamoDB call KMS; the local AWS does not verify KMS permissions"),
    ("kms:DescribeKey", "DynamoDB calls KMS for its table"),
    ("kms:Encrypt", "DynamoDB calls KMS for its table"),
    ("kms:GenerateDataKey", "SQS, SNS, S3 and DynamoDB call KMS; the local AWS does not verify KMS permissions"),
    ("kms:ReEncryptFrom", "DynamoDB calls KMS for its table"),
    ("kms:ReEncryptTo", "DynamoDB calls KMS for its table"),
    ("logs:CreateLogDelivery", DELIVERY),
    ("logs:CreateLogStream", "Lambda writes the function's log"),
    ("logs:DeleteLogDelivery", DELIVERY),
    ("logs:DescribeLogGroups", DELIVERY),
    ("logs:DescribeResourcePolicies", DELIVERY),
    ("logs:GetLogDelivery", DELIVERY),
    ("logs:ListLogDeliveries", DELIVERY),
    ("logs:PutLogEvents", "Lambda writes the function's log"),
    ("logs:PutResourcePolicy", DELIVERY),
    ("logs:UpdateLogDelivery", DELIVERY),
    ("securityhub:DeleteFindingAggregator", "puts back an aggregator whose making could not be verified"),
    ("sqs:DeleteMessage", "the event source mapping deletes what was worked on"),
    ("sqs:GetQueueAttributes", "the event source mapping reads the queue's attributes"),
    ("sqs:ReceiveMessage", "the event source mapping polls"),
    ("states:DescribeExecution", "Step Functions follows the units of a sweep"),
    ("states:StopExecution", "Step Functions stops the units of a sweep that is stopped"),
    ("xray:GetSamplingRules", "Step Functions asks which traces to send"),
    ("xray:GetSamplingTargets", "Step Functions asks which traces to send"),
    ("xray:PutTelemetryRecords", "Lambda sends the traces"),
    ("xray:PutTraceSegments", "Lambda sends the traces"),
];

/// Tests that deny on purpose do so by an account without a role, or a suspended one: there only the entrance is closed.
async fn nothing_denied() {
    let denied: Vec<_> = ours().into_iter().filter(|call| !call.allowed && call.action != "sts:AssumeRole").collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

/// Granted, and not to be seen in use here.
const UNSEEN: &[(&str, &str)] = &[
    ("auditmanager:DeregisterAccount", "for an account that was registered, which AWS allows no more to new ones"),
    ("auditmanager:RegisterAccount", "AWS has closed it to new customers; who asks for it all the same may try"),
    ("ec2:CreateNetworkInterface", "EFS makes mount targets with it, in our name"),
    ("ec2:DeleteNetworkInterface", "EFS deletes mount targets with it, in our name"),
    ("ec2:DescribeNetworkInterfaceAttribute", "EFS reads the security groups of mount targets with it, in our name"),
    ("ec2:DescribeSubnets", "EFS makes mount targets with it, in our name"),
    ("elasticfilesystem:TagResource", "checked by EFS as part of CreateFileSystem with tags"),
    ("iam:PassRole", "checked by EC2 and RDS as part of the call that takes a role, which the local AWS takes as one action"),
    ("kms:CreateGrant", "RDS uses keys of one's own with it, in our name"),
    ("kms:TagResource", "checked by KMS as part of CreateKey with tags"),
    ("logs:DescribeLogGroups", "for a log group that is there already"),
    ("logs:TagResource", "checked by CloudWatch Logs as part of CreateLogGroup with tags"),
    ("rds:AddRoleToDBInstance", "for databases that have roles of their own, which the local AWS does not know"),
];

fn used_by(role: &str) -> BTreeSet<String> {
    ours().into_iter().filter(|call| call.principal.contains(role)).map(|call| call.action).collect()
}

async fn reader_role_used() {
    let granted = redress_settings::ec2::survey::READS.iter().map(|action| action.name).chain([redress_aws::IMPORTS]);
    let used = used_by("RedressReaderRole");
    let unused: Vec<_> = granted.filter(|action| !used.contains(*action)).collect();
    assert_eq!(unused, [""; 0]);
}

async fn member_role_used() {
    let granted: BTreeSet<_> =
        in_members().flat_map(|entry| entry.reads.iter().chain(entry.writes)).chain(AROUND).map(|action| action.name).collect();
    let used = used_by("RedressMemberRole");
    let unused: Vec<_> = granted.iter().filter(|action| !used.contains(**action)).copied().collect();
    let excused: Vec<_> = UNSEEN.iter().map(|(action, _)| *action).collect();
    assert_eq!(unused, excused, "granted and never used, beside what is excused with a reason");
}
