//! How an instance answers questions about itself.

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_ec2::types::{HttpTokensState, InstanceMetadataEndpointState, InstanceStateName};
use aws_smithy_types::DateTime;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

pub(super) const DESCRIBE: &str = "ec2:DescribeInstances";
const MODIFY: &str = "ec2:ModifyInstanceMetadataOptions";
const METRICS: &str = "cloudwatch:GetMetricStatistics";
pub(super) const INSTANCES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:instance/*";

/// The days over which calls without a token are counted.
const DAYS: i64 = 14;
const DAY: i32 = 86_400;

/// The metadata options of one instance.
///
/// `ModifyInstanceMetadataOptions` keeps what it is not given, so only what differs is sent: a disabled endpoint stays disabled.
/// See <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>.
#[derive(Debug, Clone)]
pub struct MetadataOptions {
    /// The instance's id.
    pub instance: String,
}

/// The options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `required` (version 2 only) or `optional`.
    pub http_tokens: String,
    /// How many network hops an answer may take.
    pub hop_limit: i32,
    /// `enabled` or `disabled`.
    pub endpoint: String,
}

/// Who still asks the old way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// Calls without a token in the last fourteen days (the metric `MetadataNoToken`); `None` where there is no data, as for an instance
    /// that was stopped, and where tokens are required already.
    pub calls_without_token: Option<f64>,
}

async fn calls_without_token(account: &Account, instance: &str) -> Result<Option<f64>> {
    let client = account.client(gated!(aws_sdk_cloudwatch));
    let now = account.now().as_second();
    let answer = client
        .get_metric_statistics()
        .namespace("AWS/EC2")
        .metric_name("MetadataNoToken")
        .dimensions(Dimension::builder().name("InstanceId").value(instance).build())
        .start_time(DateTime::from_secs(now - DAYS * i64::from(DAY)))
        // Its own second is not part of a period that ends now.
        .end_time(DateTime::from_secs(now + 60))
        .period(DAY)
        .statistics(Statistic::Sum)
        .send()
        .await
        .called(METRICS)?;
    let sums: Vec<f64> = answer.datapoints().iter().filter_map(|point| point.sum).collect();
    Ok((!sums.is_empty()).then(|| sums.iter().sum()))
}

impl Setting for MetadataOptions {
    type Value = Metadata;
    type Facts = InstanceFacts;

    const NAME: &'static str = "ec2.metadata_options";
    const READS: &'static [Action] = &[Action::anywhere(DESCRIBE), Action::anywhere(METRICS)];
    const WRITES: &'static [Action] = &[Action::on(MODIFY, INSTANCES)];

    async fn get(&self, account: &Account) -> Result<Option<(Metadata, InstanceFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let call = client.describe_instances().instance_ids(&self.instance);
        let Some(answer) = found(call.send().await.called(DESCRIBE))? else { return Ok(None) };
        let Some(instance) = answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances).next() else {
            return Ok(None);
        };
        let state = instance.state().and_then(|state| state.name());
        if matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown)) {
            return Ok(None);
        }
        let options = instance.metadata_options().ok_or_else(|| incomplete(DESCRIBE, "metadata options"))?;
        let value = Metadata {
            http_tokens: options.http_tokens().map_or("optional", HttpTokensState::as_str).to_owned(),
            hop_limit: options.http_put_response_hop_limit().unwrap_or(1),
            endpoint: options.http_endpoint().map_or("enabled", InstanceMetadataEndpointState::as_str).to_owned(),
        };
        let is_required = value.http_tokens == HttpTokensState::Required.as_str();
        let calls_without_token = if is_required { None } else { calls_without_token(account, &self.instance).await? };
        Ok(Some((value, InstanceFacts { calls_without_token })))
    }

    async fn put(&self, account: &Account, from: &Metadata, to: &Metadata) -> Result<()> {
        let mut call = account.client(gated!(aws_sdk_ec2)).modify_instance_metadata_options().instance_id(&self.instance);
        if from.http_tokens != to.http_tokens {
            call = call.http_tokens(HttpTokensState::from(to.http_tokens.as_str()));
        }
        if from.hop_limit != to.hop_limit {
            call = call.http_put_response_hop_limit(to.hop_limit);
        }
        if from.endpoint != to.endpoint {
            call = call.http_endpoint(InstanceMetadataEndpointState::from(to.endpoint.as_str()));
        }
        call.send().await.called(MODIFY).map(|_| ())
    }
}
