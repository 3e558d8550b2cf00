//! `infra/member-role.yaml`: the role in every member account, which may do exactly what the settings declare.

use std::{collections::BTreeMap, fmt::Write as _, io};

use redress_aws::IMPORTS;
use redress_controls::in_members;
use redress_remediation::{Action, Condition};
use redress_settings::{ec2::survey, iam::DENIED, surroundings::READS};

use super::Generated;

/// IAM takes managed policies up to this many characters, white space not counted.
const POLICY_LIMIT: usize = 6144;

/// A role takes this many managed policies.
const POLICIES_LIMIT: usize = 10;

type Statement = ((&'static str, Option<Condition>), Vec<&'static str>);

pub(super) fn file() -> io::Result<Generated> {
    let reads = policies("Reads", "read", in_members().flat_map(|entry| entry.reads).chain(READS))?;
    let writes = policies("Writes", "written", in_members().flat_map(|entry| entry.writes))?;
    let all = [reads, writes].concat();
    if all.len() > POLICIES_LIMIT {
        return Err(io::Error::other(format!("the role would have {} policies, IAM takes {POLICIES_LIMIT}", all.len())));
    }
    let text = format!("{HEAD}{}{}{}{LOCKDOWN}{TAIL}", all.concat(), reader(), quarantine());
    Ok(Generated { path: "infra/member-role.yaml".into(), text })
}

/// The policies that hold these actions, service after service: as few as IAM's limit on their size lets.
pub(super) fn policies<'a>(name: &str, verb: &str, actions: impl Iterator<Item = &'a Action>) -> io::Result<Vec<String>> {
    let mut grouped: BTreeMap<(&str, &str, Option<Condition>), Vec<&str>> = BTreeMap::new();
    for action in actions {
        let service = action.name.split(':').next().unwrap_or_default();
        grouped.entry((service, action.on, action.when)).or_default().push(action.name);
    }
    let mut parts: Vec<(Vec<&str>, String, usize)> = Vec::new();
    for ((service, on, when), mut names) in grouped {
        names.sort_unstable();
        names.dedup();
        let text = statement(&((on, when), names));
        // Written in JSON it has quotes and commas more.
        let size = text.split_whitespace().map(str::len).sum::<usize>() + 4 * text.lines().count() + 40;
        if size > POLICY_LIMIT {
            return Err(io::Error::other(format!("a statement of {service} alone has about {size} characters, IAM takes {POLICY_LIMIT}")));
        }
        match parts.last_mut().filter(|(_, _, so_far)| so_far + size <= POLICY_LIMIT) {
            Some((services, all, so_far)) => {
                services.push(service);
                all.push_str(&text);
                *so_far += size;
            }
            None => parts.push((vec![service], text, size + 64)),
        }
    }
    let policy = |(index, (mut services, statements, _)): (usize, (Vec<&str>, String, usize))| {
        services.dedup();
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        format!(
            "\n  {name}{number}:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      Description: What Redress's settings declare to be {verb} in {}.\n      \
             Roles:\n        - !Ref Role\n      PolicyDocument:\n        Version: \"2012-10-17\"\n        Statement:\n{statements}",
            services.join(", ")
        )
    };
    Ok(parts.into_iter().enumerate().map(policy).collect())
}

/// The role that looks at security groups and writes findings about them: it changes nothing.
fn reader() -> String {
    const ON_FINDINGS: &str = "arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:product/${AWS::AccountId}/default";
    let mut grouped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for action in survey::READS.iter().chain(&[Action::on(IMPORTS, ON_FINDINGS)]) {
        grouped.entry(action.on).or_default().push(action.name);
    }
    let statements: String = grouped.into_iter().map(|(on, names)| statement(&((on, None), names))).collect();
    let mut text = READER.to_owned();
    for line in statements.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// The policy that keeps a principal from changing security groups.
fn quarantine() -> String {
    let mut text = QUARANTINE.to_owned();
    for action in DENIED {
        let _ = writeln!(text, "              - {action}");
    }
    text + "            Resource: \"*\"\n"
}

fn statement(((on, when), names): &Statement) -> String {
    let mut text = String::from("          - Effect: Allow\n            Action:\n");
    for name in names {
        let _ = writeln!(text, "              - {name}");
    }
    let value = |value: &str| if value.contains("${") { format!("!Sub {value}") } else { format!("\"{value}\"") };
    let _ = writeln!(text, "            Resource: {}", value(on));
    if let Some(Condition { operator, key, value: wanted }) = when {
        let _ = writeln!(text, "            Condition:\n              {operator}:\n                {key}: {}", value(wanted));
        // Of no values at all, all are as wanted.
        if operator.starts_with("ForAllValues:") {
            let _ = writeln!(text, "              \"Null\":\n                {key}: \"false\"");
        }
    }
    text
}

const HEAD: &str = r#"# Generated by `make generate` from the READS and WRITES of the settings; do not edit.
AWSTemplateFormatVersion: "2010-09-09"
Description: The role through which Redress reads and changes settings in this account. Deploy it to every member account with a StackSet.

Parameters:
  OrganizationId:
    Type: String
    AllowedPattern: ^o-[a-z0-9]{10,32}$
    Description: Only principals of this organization may assume the role.
  ExternalId:
    Type: String
    MinLength: 8
    NoEcho: true
    Description: The secret that is shown when the role is assumed.
  RemediationRoleArns:
    Type: CommaDelimitedList
    Description: The roles that may assume this role, as a comma list; an output of the suite's stack.
  ScannerRoleArn:
    Type: String
    AllowedPattern: ^arn:[a-z-]+:iam::\d{12}:role/.+$
    Description: The one role that may assume the reader's role; an output of the suite's stack.
  MemberRoleName:
    Type: String
    Default: RedressMemberRole
    AllowedPattern: ^[\w+=,.@-]{1,64}$
    Description: The role's name, the same in every account.
  ReaderRoleName:
    Type: String
    Default: RedressReaderRole
    AllowedPattern: ^[\w+=,.@-]{1,64}$
    Description: The reader's role's name, the same in every account.

Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref MemberRoleName
      Description: Assumed by Redress's remediator, onboarder and baseline, with a session policy that narrows it to one run.
      MaxSessionDuration: 3600
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              AWS: !Ref RemediationRoleArns
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                sts:ExternalId: !Ref ExternalId
                aws:PrincipalOrgID: !Ref OrganizationId

  # Lent to VPC flow logs. It is made here and not by the member role: who can make roles can make himself administrator.
  FlowLogsRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: redress-vpc-flow-logs
      Path: /redress/
      Description: Writes the flow logs that Redress makes.
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Service: vpc-flow-logs.amazonaws.com
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                aws:SourceAccount: !Ref AWS::AccountId
              ArnLike:
                aws:SourceArn: !Sub arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc-flow-log/*
      Policies:
        - PolicyName: write-flow-logs
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action:
                  - logs:CreateLogGroup
                  - logs:CreateLogStream
                  - logs:DescribeLogStreams
                  - logs:PutLogEvents
                Resource:
                  - !Sub arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/redress/vpc-flow-logs
                  - !Sub arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/redress/vpc-flow-logs:*
              - Effect: Allow
                Action: logs:DescribeLogGroups
                Resource: "*"
"#;

const READER: &str = r#"
  # Looks at security groups, and writes findings about them into this account's own Security Hub.
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref ReaderRoleName
      Description: Assumed by Redress's security-group scanner. It can change no resource.
      MaxSessionDuration: 3600
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              AWS: !Ref ScannerRoleArn
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                sts:ExternalId: !Ref ExternalId
                aws:PrincipalOrgID: !Ref OrganizationId
      Policies:
        - PolicyName: read-security-groups
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
"#;

const QUARANTINE: &str = r#"
  # Denies, and grants nothing. The member role may attach this policy to principals and no other.
  Quarantine:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: RedressQuarantine
      Path: /redress/
      Description: Keeps whoever has it from changing security groups.
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Deny
            Action:
"#;

const LOCKDOWN: &str = r#"
  # Denies, and grants nothing: for who is part of an incident.
  Lockdown:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: RedressLockdown
      Path: /redress/
      Description: Keeps whoever has it from doing anything.
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Deny
            Action: "*"
            Resource: "*"
"#;

const TAIL: &str = r"
Outputs:
  MemberRoleArn:
    Description: The role's ARN.
    Value: !GetAtt Role.Arn
  ReaderRoleArn:
    Description: The ARN of the reader's role.
    Value: !GetAtt ReaderRole.Arn
";
