//! # Risk
//! What was refused, and from where, cannot be told.
//!
//! # Remedy
//! Any active flow log of the VPC that records refused or all traffic satisfies it. Otherwise one is made, to the log group
//! `/redress/vpc-flow-logs`, whose records are kept for a bounded time, by a role that can write to that group and nothing else and works
//! for flow logs of this account only.
//!
//! # Impact
//! CloudWatch Logs charges for what is recorded; refused traffic only is the cheaper half, and what the control asks for (parameter
//! `traffic`). No traffic is touched.
//!
//! # Undo
//! In part: the flow log is deleted. The log group stays, with its records.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{FlowLog, FlowLogFacts, FlowLogs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlowLogParams {
    /// Which traffic a flow log records that is made: refused traffic only, or all.
    pub traffic: Traffic,
    /// Days for which the records are kept, where the log group is made: one of the numbers that CloudWatch Logs knows.
    pub retention_days: Days,
}

/// Which traffic is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Traffic {
    /// What was refused.
    #[default]
    Reject,
    /// Everything.
    All,
}

/// A number of days that CloudWatch Logs knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "i32")]
pub struct Days(i32);

impl Default for Days {
    fn default() -> Self {
        Self(90)
    }
}

impl TryFrom<i32> for Days {
    type Error = String;

    // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    fn try_from(days: i32) -> Result<Self, String> {
        const KNOWN: [i32; 22] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
        if KNOWN.contains(&days) { Ok(Self(days)) } else { Err(format!("{days} is not a retention of CloudWatch Logs: one of {KNOWN:?}")) }
    }
}

/// EC2.6
pub struct FlowLogsOn;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<FlowLogsOn>();

impl Control for FlowLogsOn {
    const SPEC: Spec = Spec {
        id: "EC2.6",
        title: "VPCs have flow logs",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2Vpc"],
        prowler: &["vpc_flow_logs_enabled"],
        config_rules: &["vpc-flow-logs-enabled"],
        in_code: InCode { cloudformation: "an AWS::EC2::FlowLog for the VPC", terraform: "aws_flow_log { traffic_type = \"REJECT\" }" },
    };
    type Setting = FlowLogs;
    type Params = FlowLogParams;

    fn locate(resource: &Resource, _params: &FlowLogParams) -> Located<FlowLogs> {
        let vpc = resource.arn().filter(|arn| arn.service == "ec2").and_then(|arn| arn.named("vpc").map(str::to_owned));
        vpc.map(|vpc| FlowLogs { vpc }).ok_or_else(|| not_a("a VPC", &resource.id))
    }

    fn want(value: &Option<FlowLog>, facts: &FlowLogFacts, params: &FlowLogParams) -> Want<Option<FlowLog>> {
        let counts = |traffic: &str| traffic == "ALL" || traffic == "REJECT";
        if facts.others.iter().any(|traffic| counts(traffic)) {
            return Want::Keep;
        }
        if let Some(why) = &facts.broken {
            return Want::Tell(format!(
                "the flow log of the VPC is not delivered: {why}. Look at the log group /redress/vpc-flow-logs and the role redress-vpc-flow-logs."
            ));
        }
        if value.as_ref().is_some_and(|log| counts(&log.traffic)) {
            return Want::Keep;
        }
        let traffic = match params.traffic {
            Traffic::Reject => "REJECT",
            Traffic::All => "ALL",
        };
        Want::Set(Some(FlowLog { traffic: traffic.into(), retention_days: params.retention_days.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<&str>, others: &[&str]) -> Want<Option<FlowLog>> {
        let value = value.map(|traffic| FlowLog { traffic: traffic.into(), retention_days: 90 });
        let facts = FlowLogFacts { others: others.iter().map(|one| (*one).to_owned()).collect(), broken: None };
        FlowLogsOn::want(&value, &facts, &FlowLogParams::default())
    }

    #[test]
    fn a_flow_log_of_refused_or_all_traffic_is_enough() {
        for other in ["ALL", "REJECT"] {
            assert_eq!(want(None, &[other]), Want::Keep);
        }
        assert!(matches!(want(None, &["ACCEPT"]), Want::Set(Some(to)) if to.traffic == "REJECT"));
        assert_eq!(want(Some("REJECT"), &[]), Want::Keep);
    }

    #[test]
    fn records_are_never_kept_for_ever() {
        assert!(matches!(want(None, &[]), Want::Set(Some(to)) if to.retention_days == 90));
        assert!(Days::try_from(0).is_err() && Days::try_from(365).is_ok());
    }
}
