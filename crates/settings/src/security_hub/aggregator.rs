//! The finding aggregator: findings of all regions in one.

use std::collections::BTreeSet;

use redress_aws::Called;
use redress_model::Arn;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::gated;

const LIST: &str = "securityhub:ListFindingAggregators";
const GET: &str = "securityhub:GetFindingAggregator";
const CREATE: &str = "securityhub:CreateFindingAggregator";
const UPDATE: &str = "securityhub:UpdateFindingAggregator";
const DELETE: &str = "securityhub:DeleteFindingAggregator";

/// The aggregator, of which there is one in all regions.
///
/// See <https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation.html>.
#[derive(Debug, Clone, Copy)]
pub struct FindingAggregator;

/// Which regions are linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The region into which findings come.
    pub home: String,
    /// `ALL_REGIONS`, `ALL_REGIONS_EXCEPT_SPECIFIED`, `SPECIFIED_REGIONS` or `NO_REGIONS`.
    pub mode: String,
    /// The regions that are specified.
    pub regions: BTreeSet<String>,
}

impl FindingAggregator {
    async fn arn(client: &aws_sdk_securityhub::Client) -> Result<Option<String>> {
        let answer = client.list_finding_aggregators().send().await.called(LIST)?;
        Ok(answer.finding_aggregators().first().and_then(|one| one.finding_aggregator_arn()).map(str::to_owned))
    }

    async fn known(client: &aws_sdk_securityhub::Client) -> Result<String> {
        Self::arn(client).await?.ok_or_else(|| Error::new(Kind::Conflict, UPDATE, "the finding aggregator is gone"))
    }
}

impl Setting for FindingAggregator {
    type Value = Option<Linked>;
    /// The region from which it is looked at.
    type Facts = String;

    const NAME: &'static str = "security_hub.finding_aggregator";
    const READS: &'static [Action] = &[Action::anywhere(LIST), Action::anywhere(GET)];
    const WRITES: &'static [Action] = &[Action::anywhere(CREATE), Action::anywhere(UPDATE), Action::anywhere(DELETE)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, String)>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let here = account.region().to_string();
        let Some(arn) = Self::arn(&client).await? else { return Ok(Some((None, here))) };
        let answer = client.get_finding_aggregator().finding_aggregator_arn(&arn).send().await.called(GET)?;
        let named = Arn::parse(&arn).ok().map(|arn| arn.region.to_owned());
        let home = answer.finding_aggregation_region().map(str::to_owned).or(named).unwrap_or_default();
        let linked = Linked {
            home,
            mode: answer.region_linking_mode().unwrap_or_default().to_owned(),
            regions: answer.regions().iter().cloned().collect(),
        };
        Ok(Some((Some(linked), here)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let regions = |to: &Linked| (!to.regions.is_empty()).then(|| to.regions.iter().cloned().collect::<Vec<_>>());
        match (from, to) {
            (None, Some(to)) => client
                .create_finding_aggregator()
                .region_linking_mode(&to.mode)
                .set_regions(regions(to))
                .send()
                .await
                .called(CREATE)
                .map(|_| ()),
            (Some(_), Some(to)) => {
                let call = client.update_finding_aggregator().finding_aggregator_arn(Self::known(&client).await?);
                call.region_linking_mode(&to.mode).set_regions(regions(to)).send().await.called(UPDATE).map(|_| ())
            }
            (Some(_), None) => {
                let arn = Self::known(&client).await?;
                client.delete_finding_aggregator().finding_aggregator_arn(arn).send().await.called(DELETE).map(|_| ())
            }
            (None, None) => Ok(()),
        }
    }
}
