//! Flow logs of a VPC, to CloudWatch Logs.

use aws_sdk_ec2::types::{Filter, FlowLogsResourceType, ResourceType, Tag, TagSpecification, TrafficType};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{found, gated};

const VPCS: &str = "ec2:DescribeVpcs";
const FLOW_LOGS: &str = "ec2:DescribeFlowLogs";
const CREATE: &str = "ec2:CreateFlowLogs";
const DELETE: &str = "ec2:DeleteFlowLogs";
const TAG: &str = "ec2:CreateTags";
const CREATE_GROUP: &str = "logs:CreateLogGroup";
const GROUPS: &str = "logs:DescribeLogGroups";
const RETENTION: &str = "logs:PutRetentionPolicy";
const PASS: &str = "iam:PassRole";
const ON_VPCS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc/*";
const ON_FLOW_LOGS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:vpc-flow-log/*";
const ON_GROUP: &str = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/redress/vpc-flow-logs*";
const ON_ROLE: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/redress/redress-vpc-flow-logs";

const GROUP: &str = "/redress/vpc-flow-logs";
/// The stack of the member role makes it: who could make roles could make himself administrator.
const ROLE: &str = "/redress/redress-vpc-flow-logs";
const MADE_BY: &str = "redress";

/// The flow log that Redress makes of one VPC; `None` where it made none. Others are facts.
///
/// Its role can write to one log group and nothing else, and is made with the member role; the group keeps its records for a bounded time, is
/// made once and stays.
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
            Err(error) if error.code == "ResourceAlreadyExistsException" => {
                let groups = logs.describe_log_groups().log_group_name_prefix(GROUP).send().await.called(GROUPS)?;
                let ours = groups.log_groups().iter().find(|group| group.log_group_name() == Some(GROUP));
                if ours.is_some_and(|group| group.retention_in_days.is_some()) {
                    return Ok(());
                }
            }
            made => _ = made?,
        }
        logs.put_retention_policy().log_group_name(GROUP).retention_in_days(retention_days).send().await.called(RETENTION).map(|_| ())
    }
}

impl Setting for FlowLogs {
    type Value = Option<FlowLog>;
    type Facts = FlowLogFacts;

    const NAME: &'static str = "ec2.flow_logs";
    const READS: &'static [Action] = &[Action::anywhere(VPCS), Action::anywhere(FLOW_LOGS)];
    const WRITES: &'static [Action] = &[
        Action::on(CREATE, ON_VPCS),
        Action::on(CREATE, ON_FLOW_LOGS),
        Action::on(TAG, ON_FLOW_LOGS).when("StringEquals", "ec2:CreateAction", "CreateFlowLogs"),
        Action::on(DELETE, ON_FLOW_LOGS),
        Action::on(CREATE_GROUP, ON_GROUP),
        Action::on("logs:TagResource", ON_GROUP),
        Action::on(RETENTION, ON_GROUP),
        Action::anywhere(GROUPS),
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
                let role = format!("arn:{}:iam::{}:role{ROLE}", account.partition(), account.id());
                let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
                let tags = TagSpecification::builder()
                    .resource_type(ResourceType::VpcFlowLog)
                    .tags(tag("made-by", MADE_BY.into()))
                    .tags(tag("retention-days", to.retention_days.to_string()));
                let call = client.create_flow_logs().resource_type(FlowLogsResourceType::Vpc).resource_ids(&self.vpc);
                let call =
                    call.traffic_type(TrafficType::from(to.traffic.as_str())).log_group_name(GROUP).deliver_logs_permission_arn(role);
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
        if from == to { Undo::Exact } else { Undo::Partly("the log group stays, with its records") }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let show = |log: &FlowLog| {
            format!("flow log of {} traffic to {GROUP}, kept for {} days, by the role {ROLE}", log.traffic, log.retention_days)
        };
        let line = |sign: &str, log: &Self::Value| log.as_ref().map(|log| format!("{sign} {}", show(log)));
        if from == to { Vec::new() } else { line("-", from).into_iter().chain(line("+", to)).collect() }
    }
}

/// EC2 answers with 200 where it refuses.
fn unless_refused(action: &str, items: &[aws_sdk_ec2::types::UnsuccessfulItem]) -> Result<()> {
    let Some(error) = items.first().and_then(|item| item.error()) else { return Ok(()) };
    let kind = if error.code().is_some_and(|code| code.contains("Denied") || code.contains("Unauthorized")) {
        Kind::Denied
    } else {
        Kind::Rejected
    };
    Err(Error::new(kind, action, format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())))
}
