//! Flow logs of a VPC, to CloudWatch Logs.

use aws_sdk_ec2::types::{Filter, FlowLogsResourceType, ResourceType, Tag, TagSpecification, TrafficType};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{found, gated};

const VPCS: &str = "ec2:DescribeVpcs";
const FLOW_LOGS: &str = "ec2:DescribeFlowLogs";
const CREATE: &str = "ec2:CreateFlowLogs";
const DELETE: &str = "ec2:DeleteFlowLogs";
const TAG: &str = "ec2:CreateTags";
const CREATE_GROUP: &str = "logs:CreateLogGroup";
const RETENTION: &str = "logs:PutRetentionPolicy";
const GET_ROLE: &str = "iam:GetRole";
const CREATE_ROLE: &str = "iam:CreateRole";
const PUT_POLICY: &str = "iam:PutRolePolicy";
const PASS: &str = "iam:PassRole";
const ON_VPCS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc/*";
const ON_FLOW_LOGS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc-flow-log/*";
const ON_GROUP: &str = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/redress/vpc-flow-logs*";
/// A role that does not exist has no path: its name alone is what IAM decides on.
const ROLES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*";
const ON_ROLE: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/redress/vpc-flow-logs";

const GROUP: &str = "/redress/vpc-flow-logs";
const ROLE: &str = "vpc-flow-logs";
const PATH: &str = "/redress/";
const MADE_BY: &str = "redress";

/// The flow log that Redress makes of one VPC; `None` where it made none. Others are facts.
///
/// Its role can write to one log group and nothing else; the group keeps its records for a bounded time. Both are made once and stay.
/// See <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html>.
#[derive(Debug, Clone)]
pub struct FlowLogs {
    /// The VPC's id.
    pub vpc: String,
}

/// The flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLog {
    /// `ALL`, `REJECT` or `ACCEPT`.
    pub traffic: String,
    /// Days for which the records are kept, where this flow log made the log group.
    pub retention_days: i32,
}

/// Which others there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowLogFacts {
    /// The traffic that other active flow logs of the VPC record.
    pub others: Vec<String>,
    /// Why ours does not deliver, if it does not.
    pub broken: Option<String>,
}

impl FlowLogs {
    /// Ours, as id and value, and what else there is.
    async fn read(&self, client: &aws_sdk_ec2::Client) -> Result<(Option<(String, FlowLog)>, FlowLogFacts)> {
        let of_vpc = Filter::builder().name("resource-id").values(&self.vpc).build();
        let mut pages = client.describe_flow_logs().filter(of_vpc).into_paginator().send();
        let (mut ours, mut facts) = (None, FlowLogFacts::default());
        while let Some(page) = pages.next().await {
            for log in page.called(FLOW_LOGS)?.flow_logs() {
                let traffic = log.traffic_type().map_or("ALL", TrafficType::as_str).to_owned();
                let tag = |key: &str| log.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value());
                if tag("made-by") == Some(MADE_BY) {
                    let retention_days = tag("retention-days").and_then(|days| days.parse().ok()).unwrap_or_default();
                    ours = Some((log.flow_log_id().unwrap_or_default().to_owned(), FlowLog { traffic, retention_days }));
                    let failed = log.deliver_logs_status() == Some("FAILED");
                    facts.broken = failed.then(|| log.deliver_logs_error_message().unwrap_or("not said").to_owned());
                } else if log.flow_log_status() == Some("ACTIVE") {
                    facts.others.push(traffic);
                }
            }
        }
        Ok((ours, facts))
    }

    async fn ensure_group(account: &Account, retention_days: i32) -> Result<()> {
        let logs = account.client(gated!(aws_sdk_cloudwatchlogs));
        match logs.create_log_group().log_group_name(GROUP).tags("made-by", MADE_BY).send().await.called(CREATE_GROUP) {
            // A group that is there keeps its retention: somebody may have chosen it.
            Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                let call = logs.put_retention_policy().log_group_name(GROUP).retention_in_days(retention_days);
                call.send().await.called(RETENTION).map(|_| ())
            }
        }
    }

    /// The role's ARN.
    async fn ensure_role(account: &Account) -> Result<String> {
        let iam = account.client(gated!(aws_sdk_iam));
        let (partition, id) = (account.partition(), account.id());
        let arn = format!("arn:{partition}:iam::{id}:role{PATH}{ROLE}");
        if found(iam.get_role().role_name(ROLE).send().await.called(GET_ROLE))?.is_none() {
            // In the name of flow logs of this account only.
            let condition = json!({
                "StringEquals": {"aws:SourceAccount": id.as_str()},
                "ArnLike": {"aws:SourceArn": format!("arn:{partition}:ec2:*:{id}:vpc-flow-log/*")}
            });
            let trust = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": condition
            }]});
            let call = iam.create_role().role_name(ROLE).path(PATH).assume_role_policy_document(trust.to_string());
            call.description("Writes VPC flow logs. Made by Redress for EC2.6.").send().await.called(CREATE_ROLE)?;
        }
        let actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"];
        let group = format!("arn:{partition}:logs:*:{id}:log-group:{GROUP}:*");
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": group}]});
        let call = iam.put_role_policy().role_name(ROLE).policy_name("write-flow-logs").policy_document(policy.to_string());
        call.send().await.called(PUT_POLICY)?;
        Ok(arn)
    }
}

impl Setting for FlowLogs {
    type Value = Option<FlowLog>;
    type Facts = FlowLogFacts;

    const NAME: &'static str = "ec2.flow_logs";
    const READS: &'static [Action] = &[Action::anywhere(VPCS), Action::anywhere(FLOW_LOGS), Action::on(GET_ROLE, ROLES)];
    const WRITES: &'static [Action] = &[
        Action::on(CREATE, ON_VPCS),
        Action::on(CREATE, ON_FLOW_LOGS),
        Action::on(TAG, ON_FLOW_LOGS).when("StringEquals", "ec2:CreateAction", "CreateFlowLogs"),
        Action::on(DELETE, ON_FLOW_LOGS),
        Action::on(CREATE_GROUP, ON_GROUP),
        Action::on("logs:TagResource", ON_GROUP),
        Action::on(RETENTION, ON_GROUP),
        Action::on(CREATE_ROLE, ON_ROLE),
        Action::on(PUT_POLICY, ON_ROLE),
        Action::on(PASS, ON_ROLE).when("StringEquals", "iam:PassedToService", "vpc-flow-logs.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, FlowLogFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let vpcs = found(client.describe_vpcs().vpc_ids(&self.vpc).send().await.called(VPCS))?;
        if vpcs.is_none_or(|answer| answer.vpcs().is_empty()) {
            return Ok(None);
        }
        let (ours, facts) = self.read(&client).await?;
        Ok(Some((ours.map(|(_, log)| log), facts)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        match (from, to) {
            (None, Some(to)) => {
                Self::ensure_group(account, to.retention_days).await?;
                let role = Self::ensure_role(account).await?;
                let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
                let tags = TagSpecification::builder()
                    .resource_type(ResourceType::VpcFlowLog)
                    .tags(tag("made-by", MADE_BY.into()))
                    .tags(tag("retention-days", to.retention_days.to_string()));
                let call = client.create_flow_logs().resource_type(FlowLogsResourceType::Vpc).resource_ids(&self.vpc);
                let call = call.traffic_type(TrafficType::from(to.traffic.as_str())).log_group_name(GROUP).deliver_logs_permission_arn(role);
                let answer = call.tag_specifications(tags.build()).send().await.called(CREATE)?;
                unless_refused(CREATE, answer.unsuccessful())
            }
            (Some(_), None) => {
                let Some((id, _)) = self.read(&client).await?.0 else { return Ok(()) };
                let answer = client.delete_flow_logs().flow_log_ids(id).send().await.called(DELETE)?;
                unless_refused(DELETE, answer.unsuccessful())
            }
            (from, to) if from == to => Ok(()),
            _ => Err(Error::new(Kind::Rejected, Self::NAME, "a flow log cannot be changed; it is deleted and made anew")),
        }
    }

    fn undo(from: &Self::Value, to: &Self::Value) -> Undo {
        if from == to { Undo::Exact } else { Undo::Partly("the log group with its records and the role stay") }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let show = |log: &FlowLog| format!("flow log of {} traffic to {GROUP}, kept for {} days, by the role {PATH}{ROLE}", log.traffic, log.retention_days);
        let line = |sign: &str, log: &Self::Value| log.as_ref().map(|log| format!("{sign} {}", show(log)));
        if from == to { Vec::new() } else { line("-", from).into_iter().chain(line("+", to)).collect() }
    }
}

/// EC2 answers with 200 where it refuses.
fn unless_refused(action: &str, items: &[aws_sdk_ec2::types::UnsuccessfulItem]) -> Result<()> {
    let Some(error) = items.first().and_then(|item| item.error()) else { return Ok(()) };
    let kind = if error.code().is_some_and(|code| code.contains("Denied") || code.contains("Unauthorized")) { Kind::Denied } else { Kind::Rejected };
    Err(Error::new(kind, action, format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())))
}
